"""Every command and snippet of README.md and docs/ runs, and prints what the document says."""

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

import exdbsql
from documents import Block, Session, blocks_of, check_output, commands_of, session
from local_cluster import ports_free

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DEFAULT_PORTS = [5500, 5501, 5502, 5600, 5601, 5602]
SET_UP = {"make demo", "make test"}  # the demo has a test of its own; the tests cannot run themselves


@pytest.mark.timeout(400)
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_the_document_shows_is_what_happens(document: Path, tmp_path: Path) -> None:
    blocks = blocks_of(document)
    with default_ports() if any("exdbsql serve" in block.text for block in blocks) else nullcontext():
        follow(blocks, document.name, tmp_path)


@contextmanager
def default_ports() -> Iterator[None]:
    """One test at a time has the ports that the documents name, also among test runs on one machine."""
    with (Path(tempfile.gettempdir()) / "exdbsql-default-ports.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert ports_free(DEFAULT_PORTS), f"something else uses one of the ports {DEFAULT_PORTS} of the documents"
        yield


def follow(blocks: list[Block], name: str, folder: Path) -> None:
    """Do what the reader of a document does."""
    with session(folder) as reader:
        database = exdbsql.connect()
        database.autocommit = True
        printed = ""
        for block in blocks:
            where = f"{name}:{block.line}"
            if block.language == "console":
                run_console(reader, block, where)
            elif block.language == "python":
                printed = reader.python(block.text)
            elif block.language == "output":
                check_output(block.text, printed, where)
            elif block.language == "sql":
                database.cursor().execute(block.text)
        database.close()


def run_console(reader: Session, block: Block, where: str) -> None:
    for command, expected in commands_of(block):
        if command not in SET_UP:
            check_output(expected, reader.command(command), f"{where}: $ {command}")


def test_the_readme_names_both_set_up_commands() -> None:
    commands = {c for b in blocks_of(ROOT / "README.md") if b.language == "console" for c, _ in commands_of(b)}
    assert commands >= SET_UP


def test_a_wrong_output_is_noticed() -> None:
    with pytest.raises(AssertionError, match="but it printed"):
        check_output("1 row", "2 rows", "here")
    check_output("id ... name", "id | name", "here")
