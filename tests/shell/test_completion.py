"""What is offered at the cursor."""

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from shell_fake import rows_of

import exdbsql
from exdbsql.shell.app import dispatcher_for
from exdbsql.shell.catalog import Catalog, CatalogKeeper, fetch
from exdbsql.shell.completion import ShellCompleter, matching
from exdbsql.shell.settings import Settings


@pytest.fixture
def offered():
    keeper = CatalogKeeper()
    keeper.current = Catalog(
        {"sites": ("id", "name"), "readings": ("site", "celsius"), "Odd": ("a b",)}, ("sites_by_name",), (0, 1, 2)
    )
    completer = ShellCompleter(dispatcher_for().commands, keeper, Settings(variables={"limit_c": 5}))

    def at_end_of(text, after=""):
        document = Document(text + after, len(text))
        return [c.text for c in completer.get_completions(document, CompleteEvent(completion_requested=True))]

    return at_end_of


def test_tables_after_from(offered):
    assert offered("SELECT * FROM ") == ["sites", "readings", '"Odd"']
    assert offered("select * from rea")[0] == "readings"
    assert offered("INSERT INTO si") == ["sites"]
    assert offered("DROP TABLE si") == ["sites"]


def test_columns_of_the_tables_named(offered):
    assert "celsius" in offered("SELECT * FROM readings WHERE c")
    assert "name" not in offered("SELECT * FROM readings WHERE n")
    assert offered("UPDATE sites SET na")[0] == "name"
    assert "celsius" in offered("SELECT cel")


def test_columns_by_alias(offered):
    assert offered("SELECT * FROM sites s JOIN readings AS r ON s.") == ["id", "name"]
    assert offered("SELECT * FROM sites s JOIN readings AS r ON r.ce") == ["celsius"]
    assert offered('SELECT * FROM "Odd" WHERE "Odd".') == ['"a b"']


def test_columns_of_the_tables_that_follow(offered):
    assert offered("SELECT s.", " FROM sites s") == ["id", "name"]
    assert offered("SELECT na", " FROM sites WHERE id = 1")[0] == "name"
    assert "celsius" not in offered("SELECT c", " FROM sites")
    assert "celsius" in offered("SELECT c", "; SELECT 1 FROM sites")


def test_keywords_in_the_case_that_is_typed(offered):
    assert offered("SEL")[0] == "SELECT"
    assert offered("sel")[0] == "select"


def test_quiet_inside_strings_comments_and_after_the_end(offered):
    assert offered("SELECT 'si") == []
    assert offered("-- si") == []
    assert offered("SELECT 1; ") == []
    assert offered("SELECT 1; SEL")[0] == "SELECT"


def test_the_exchange_of_distributed_tables(offered):
    assert offered("SCATTER rea") == ["readings"]
    assert offered("SCATTER readings TO NODE ")[:3] == ["0", "1", "2"]


def test_commands_and_their_arguments(offered):
    assert offered("\\tim") == ["timing"]
    assert offered(".tab")[0] == "tables"
    assert offered("\\d si") == ["sites", "sites_by_name"]
    assert offered("\\pset ex") == ["expanded"]
    assert offered("\\pset format js") == ["json", "jsonl"]
    assert offered("\\x a") == ["auto"]
    assert offered("\\h scat") == ["SCATTER"]
    assert offered("\\h create ty") == ["CREATE TYPE"]
    assert offered("\\unset li") == ["limit_c"]
    assert offered("\\nonsense a") == []


def test_fuzzy_matching_prefers_beginnings():
    assert matching("na", ["banana", "name", "nostalgia", "other"]) == ["name", "banana", "nostalgia"]
    assert matching("x", ["axe"]) == []


def test_the_names_come_by_sql():
    with exdbsql.connect() as con:
        con.autocommit = True
        for statement in (
            "CREATE TYPE mood AS ENUM ('calm', 'rough')",
            "CREATE TABLE sites (id integer PRIMARY KEY, name text)",
            "CREATE TABLE visits (site integer REFERENCES sites (id), sea mood)",
            "CREATE VIEW rough AS SELECT site FROM visits WHERE sea = 'rough'",
            "CREATE INDEX visits_by_site ON visits (site)",
            "CREATE TEMPORARY TABLE scratch (a integer)",
        ):
            con.execute(statement)
        catalog = fetch(con)
    assert catalog.tables == {
        "rough": ("site",),
        "scratch": ("a",),
        "sites": ("id", "name"),
        "visits": ("site", "sea"),
    }
    assert catalog.indexes == ("sites_pkey", "visits_by_site")
    assert catalog.nodes == ()


def test_the_nodes_come_by_sql(server):
    server.answers["SHOW INDEXES"] = rows_of(("table", "text"), ("index", "text"), rows=[])
    assert fetch(server.connect()).nodes == (0, 1)
