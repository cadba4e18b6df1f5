"""COPY in the shell: data in scripts, standard input and output, \\copy with files; against a node, too."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from shell_terminal import Terminal

from exdbsql.address import Address
from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.schema.dictionary import Dictionary
from exdbsql.service import SqlService

EXDBSQL = [sys.executable, "-m", "exdbsql.shell.cli", "shell"]
TABLE = "CREATE TABLE t (id integer PRIMARY KEY, name text);\n"


def run(*arguments: str, data: str | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*EXDBSQL, *arguments], check=False, capture_output=True, text=True, timeout=60, input=data, cwd=cwd
    )


@pytest.fixture
def target() -> Iterator[str]:
    """A node's address, where t is."""
    with Database("test", Engine(Dictionary())) as database:
        con = database.connect()
        con.autocommit = True
        con.execute(TABLE)
        service = SqlService(database, Address("127.0.0.1", 0), workers=2)
        service.start()
        yield f"exdb://{service.address}/"
        service.stop()


SCRIPT = """COPY t FROM STDIN;
1\tone
2\tSELECT 'no statement';
\\.
COPY t (id, name) FROM STDIN (FORMAT csv);
3,"more
lines"
\\.
COPY (SELECT * FROM t WHERE id < 4 ORDER BY id) TO STDOUT (FORMAT csv, HEADER);
SELECT count(*) FROM t;
"""
WRITTEN = "id,name\n1,one\n2,SELECT 'no statement';\n3,\"more\nlines\"\ncount\n3\n"


def test_data_in_a_script(target: str, tmp_path: Path) -> None:
    done = run(target, "--format", "tsv", data=SCRIPT)
    assert (done.stdout, done.stderr, done.returncode) == (WRITTEN, "", 0)
    (tmp_path / "script.sql").write_text(TABLE + SCRIPT)
    done = run("--format", "tsv", "-f", "script.sql", cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == (WRITTEN, "", 0)


def test_wrong_data_are_no_statements(target: str) -> None:
    script = "COPY t FROM STDIN;\n1\tone\ntwo\tx\nDROP TABLE t;\n\\.\nSELECT 'here' AS h;\n"
    done = run(target, "--format", "tsv", "--on-error", "continue", data=script)
    assert done.stdout == "h\nhere\n"
    assert 'ERROR 22P02: invalid input syntax for type integer: "two"' in done.stderr
    assert 'CONTEXT: COPY t, line 2, column id: "two"' in done.stderr
    done = run(target, "--format", "tsv", "--on-error", "continue", data=script.replace("COPY t", "COPY none"))
    assert (done.stdout, "42P01" in done.stderr) == ("h\nhere\n", True)


def test_standard_input_for_a_command(target: str) -> None:
    done = run(target, "-c", "COPY t FROM STDIN csv", data="1,one\n2,two\n")
    assert (done.stderr, done.returncode) == ("", 0)
    assert run(target, "-c", "COPY t TO STDOUT").stdout == "1\tone\n2\ttwo\n"


def test_with_the_user_s_files(target: str, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id;name\n1;one\n2;\n")
    script = """\\copy t from 'in.csv' with (format csv, header, delimiter ';')
\\copy (SELECT id, name FROM t ORDER BY id) to out.txt null 'nothing'
\\copy t (id) to stdout
\\copy t from none.csv
"""
    done = run(target, "--on-error", "continue", data=script, cwd=tmp_path)
    assert done.stdout == "COPY 2\nCOPY 2\n1\n2\n"
    assert "none.csv: No such file or directory" in done.stderr
    assert (tmp_path / "out.txt").read_text() == "1\tone\n2\tnothing\n"
    for wrong in ("\\copy t", "\\copy t from program 'ls'"):
        assert run(target, "-c", wrong).returncode == 1


def test_a_file_keeps_what_it_had_where_a_copy_fails(target: str, tmp_path: Path) -> None:
    late = "SELECT CASE WHEN n < 2000 THEN 'x' ELSE '€' END FROM generate_series(1, 2000) n"
    path = tmp_path / "out.txt"
    path.write_text("as it was")
    done = run(target, "-c", f"\\copy ({late}) to out.txt encoding 'latin1'", cwd=tmp_path)
    assert "no equivalent" in done.stderr
    assert path.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [path]
    assert run(target, "-c", "\\copy (SELECT 7) to /dev/stdout", cwd=tmp_path).stdout == "7\nCOPY 1\n"


def test_a_large_file_shows_its_progress_to_people_only(target: str, tmp_path: Path) -> None:
    (tmp_path / "large").write_text("".join(f"{i}\t{'x' * 2000}\n" for i in range(600)))
    command = f"\\copy t from '{tmp_path}/large'"
    done = run(target, "-c", command)
    assert (done.stdout, done.stderr) == ("COPY 600\n", "")
    shell = Terminal([*EXDBSQL, target], tmp_path)
    try:
        shell.expect("test>")
        shell.type("DELETE FROM t WHERE true;\r")
        shell.expect("DELETE 600")
        shell.expect("test>")
        shell.type(command + "\r")
        shell.expect("100%")
        shell.expect("COPY 600")
    finally:
        shell.close()


def test_files_of_the_node(target: str, tmp_path: Path) -> None:
    done = run(target, "-c", f"COPY t TO '{tmp_path}/t'")
    assert "ERROR 42501" in done.stderr
    assert "\\copy" in done.stderr
    assert run("-c", TABLE + f"COPY t TO '{tmp_path}/t'").returncode == 0
    assert (tmp_path / "t").read_text() == ""


def test_readonly(target: str) -> None:
    assert run(target, "--readonly", "-c", "COPY t TO STDOUT").returncode == 0
    for sql in ("COPY t FROM STDIN", "COPY (DELETE FROM t RETURNING *) TO STDOUT", "\\copy t from stdin"):
        assert run(target, "--readonly", "-c", sql, data="1\tone\n").returncode == 1
    assert run(target, "-c", "SELECT count(*) AS n FROM t").stdout == "n\n0\n"
