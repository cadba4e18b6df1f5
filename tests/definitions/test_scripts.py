"""Every script about definitions gives what it says: on one database, and with its sessions on different nodes of a cluster."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary, TableKind

HERE = Path(__file__).parent


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"definitions_{path.parent.name}_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


scripts = _load(HERE / "scripts.py")
model = _load(HERE.parent / "isolation" / "test_scripts.py")
FILES = sorted((HERE / "scripts").glob("*.txt"))
every_script = pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
ALONE = "# embedded only"
"""What a script says that a cluster answers otherwise."""


@every_script
def test_embedded(file: Path) -> None:
    with Database("test", Engine(Dictionary(), debug=True)) as database:
        text = file.read_text()
        assert scripts.run_script(text, lambda _: database.connect()) == text
        assert_can_be_made_again(database.dictionary)


@every_script
def test_across_nodes(file: Path) -> None:
    log = model.ModelLog(lags=False)
    text = file.read_text()
    if ALONE in text:
        pytest.skip("the script is about a database alone")
    given = scripts.run_script(text, model.spread([node.database for node in log.nodes]))
    assert without_winners(given) == without_winners(text)
    nodes = [node.database for node in log.nodes]
    assert replicated_rows(nodes[0]) == replicated_rows(nodes[1]) == replicated_rows(nodes[2])
    assert nodes[0].dictionary == nodes[1].dictionary == nodes[2].dictionary
    assert_a_joining_node_becomes_equal(nodes[0])


@every_script
def test_across_nodes_that_lag(file: Path) -> None:
    """Answers may be older here, but every node reaches the same verdicts (the model's log compares them) and ends alike."""
    log = model.ModelLog(lags=True)
    scripts.run_script(file.read_text(), model.spread([node.database for node in log.nodes]))
    log.catch_up()
    nodes = [node.database for node in log.nodes]
    assert replicated_rows(nodes[0]) == replicated_rows(nodes[1]) == replicated_rows(nodes[2])


def assert_can_be_made_again(dictionary: Dictionary) -> None:
    made = Dictionary().with_all(parse_ddl(dictionary.to_sql()))
    assert dictionary.difference(made) == []
    assert made.to_sql() == dictionary.to_sql()


def assert_a_joining_node_becomes_equal(source: Database) -> None:
    joined = Engine(Dictionary(), debug=True)
    joined.import_replicated(list(source.engine.export_replicated()))
    database = Database("joined", joined)
    assert database.dictionary == source.dictionary
    assert replicated_rows(database) == replicated_rows(source)
    again = Engine(Dictionary(), debug=True)
    again.import_replicated(list(joined.export_replicated()))
    assert again.dictionary == source.dictionary


def without_winners(text: str) -> str:
    """The script without what names a node."""
    return re.sub(r"another transaction of node \d+", "another transaction", text)


def replicated_rows(database: Database) -> dict[str, list[Any]]:
    transaction = database.engine.begin()
    try:
        return {
            name: sorted(transaction.items(store), key=repr)
            for name, store in database.engine.tables.items()
            if store.kind is TableKind.REPLICATED
        }
    finally:
        transaction.end()
