"""The command line on the real database: golden output, a pseudo-terminal, a node that dies."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from shell_terminal import Terminal

GOLDEN = Path(__file__).parent / "golden"
EXDBSQL = [sys.executable, "-m", "exdbsql.shell.cli"]


def run(*arguments: str, **places: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*EXDBSQL, *arguments], check=False, capture_output=True, text=True, timeout=60, **places)


@pytest.mark.parametrize("script", sorted(path.stem for path in GOLDEN.glob("*.sql")))
def test_golden(script: str) -> None:
    """`script`.out is standard output, `script`.err standard error; REGOLD=1 writes them anew, to be read in the diff."""
    done = run("shell", "--format", "table", "--on-error", "continue", "-f", f"{script}.sql", cwd=GOLDEN)
    for suffix, text in ((".out", done.stdout), (".err", done.stderr)):
        path = GOLDEN / (script + suffix)
        if "REGOLD" in os.environ:
            path.write_text(text)
        assert text == path.read_text()
    assert done.returncode == 1


def test_a_notice_is_marked_once() -> None:
    done = run("shell", "-c", "CREATE TABLE t AS SELECT 1 AS a; CREATE TABLE IF NOT EXISTS t AS SELECT 2 AS a; COMMIT")
    assert done.stderr == (
        'NOTICE: relation "t" already exists, skipping\nWARNING: there is no transaction in progress\n'
    )


def test_readonly() -> None:
    assert run("shell", "--readonly", "-c", "SELECT 1 AS one").stdout == "one\n1\n"
    refused = run("shell", "--readonly", "-c", "CREATE TABLE t (a integer)")
    assert refused.returncode == 1
    assert "ERROR 25006" in refused.stderr


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal([*EXDBSQL, "shell"], tmp_path)
    yield terminal
    terminal.close()


def test_an_in_memory_database_at_a_terminal(terminal: Terminal) -> None:
    terminal.expect("exdbsql: an in-memory database in this process.")
    terminal.expect("memory>")
    terminal.type("CREATE TABLE t (a integer PRIMARY KEY);\r")
    terminal.expect("CREATE TABLE\n")
    terminal.expect("Time: ")
    terminal.expect("memory>")
    terminal.type("BEGIN;\r")
    terminal.expect("memory*>")
    terminal.type("INSERT INTO t VALUES (1), (2);\r")
    terminal.expect("INSERT 0 2")
    terminal.expect("memory*>")
    terminal.type("\x04")
    terminal.expect("Leave? [y/N]")
    terminal.type("\r")
    terminal.expect("memory*>")
    terminal.type("COMMIT;\r")
    terminal.expect("memory>")
    terminal.type("SELECT count(*) FROM t;\r")
    terminal.expect("     2\n(1 row)")
    terminal.expect("memory>")
    terminal.type("\\q\r")
    assert terminal.exit_code() == 0


@pytest.fixture
def node(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A node that serves SQL and is in no cluster, and its address."""
    (tmp_path / "schema.sql").write_text("CREATE TABLE sites (id integer PRIMARY KEY, name text);")
    (tmp_path / "node.toml").write_text(
        '[database]\nname = "alone"\nschema = "schema.sql"\n[sql]\nlisten = "127.0.0.1:0"\n'
    )
    process = subprocess.Popen(
        [*EXDBSQL, "serve", "-c", str(tmp_path / "node.toml")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "serves SQL at " in line, line
    yield process, line.split("serves SQL at ")[1].strip()
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stdout.close()


def test_a_node_over_the_network_and_its_death(node: tuple[subprocess.Popen[str], str], tmp_path: Path) -> None:
    process, address = node
    written = run("shell", address, "-c", "INSERT INTO sites VALUES (1, 'Ostwald')", "-c", "SELECT * FROM sites")
    assert (written.returncode, written.stdout, written.stderr) == (0, "id\tname\n1\tOstwald\n", "")
    shell = Terminal([*EXDBSQL, "shell", f"exdb://{address}/"], tmp_path)
    try:
        shell.expect("alone>")
        shell.type("BEGIN;\r")
        shell.expect("alone*>")
        process.kill()
        process.wait()
        shell.type("SELECT 1;\r")
        shell.expect("was lost")
        shell.expect("The open transaction was rolled back: nothing of it was kept.\n")
        shell.expect("alone?>")
        shell.type("\x04")
        assert shell.exit_code() == 0
    finally:
        shell.close()
    dead = run("shell", address, "-c", "SELECT 1")
    assert (dead.returncode, dead.stdout) == (2, "")
    assert dead.stderr.startswith(f"exdbsql: cannot connect to {address}: ")
    assert "Traceback" not in dead.stderr


def test_nobody_answers_discover() -> None:
    done = run("discover", "127.0.0.1:1", "--timeout", "200")
    assert done.returncode == 2
    assert done.stderr.startswith("exdbsql: ")
    assert "Traceback" not in done.stderr
