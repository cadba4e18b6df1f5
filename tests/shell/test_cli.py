"""The command line as a program: what it writes where, and its exit codes."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

from exdbsql.config import load_config
from exdbsql.shell.cli import main

FAKE = [sys.executable, str(Path(__file__).parent / "fake_shell.py"), "shell", "fake:1"]


def shell(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([*FAKE, *arguments], check=False, input=stdin, capture_output=True, text=True, timeout=60)


def test_version():
    result = CliRunner().invoke(main, ["--version"])
    assert result.output == f"exdbsql {version('exdbsql')}\n"


def test_c_runs_and_ends_undecorated():
    done = shell("-c", "SELECT 1", "-c", "BEGIN; SELECT 1; COMMIT")
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\n1\none\n1\n", "")
    assert shell("--format", "json", "-c", "SELECT 1;").stdout == '[\n  {"one": 1}\n]\n'
    assert shell("--format", "table", "-c", "SELECT 1;").stdout == " one\n-----\n   1\n(1 row)\n"
    assert shell("-c", "\\dt", "--format", "csv").stdout.startswith("table,kind,columns,rows\n")


def test_exit_codes(tmp_path):
    bad = "SELECT *\nFROM sensr;"
    script = tmp_path / "s.sql"
    script.write_text(f"SELECT 1;\n{bad}\nSELECT 1;\n")
    assert shell("-c", bad).returncode == 1
    stopped = shell("-f", str(script))
    assert (stopped.returncode, stopped.stdout) == (3, "one\n1\n")
    assert stopped.stderr.startswith(f'{script}:2: ERROR 42P01: relation "sensr" does not exist\nLINE 2: FROM sensr\n')
    went_on = shell("-f", str(script), "--on-error", "continue")
    assert (went_on.returncode, went_on.stdout) == (1, "one\n1\none\n1\n")
    missing = shell("-f", str(tmp_path / "none.sql"))
    assert (missing.returncode, missing.stdout) == (3, "")
    assert missing.stderr == f"ERROR: cannot read {tmp_path}/none.sql: No such file or directory\n"
    assert shell("-c", "LOSE", "-c", "SELECT 1").returncode == 2


def test_nobody_there():
    done = shell("--dead", "-c", "SELECT 1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "exdbsql: cannot connect to fake:1: connection refused\n"


def test_standard_input_is_a_script():
    done = shell(stdin="\\echo begin\nSELECT\n1\n;\n\\q\nSELECT 1;\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "begin\none\n1\n", "")
    assert shell("-f", "-", stdin="SELECT 1").stdout == "one\n1\n"
    assert shell(stdin="SELECT *\nFROM sensr;\nSELECT 1;").returncode == 3


def test_a_reader_that_leaves_is_no_error():
    process = subprocess.Popen(FAKE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout and process.stderr
    process.stdout.close()
    process.stdin.write("SELECT 1;\n" * 10)
    process.stdin.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


def test_init_writes_and_never_overwrites(tmp_path):
    folder = tmp_path / "c"
    result = CliRunner().invoke(
        main, ["init", "--nodes", "2", "--sql-port", "7500", "--cluster-port", "7600", str(folder)]
    )
    assert result.exit_code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["node0.toml", "node1.toml", "schema.sql"]
    assert f"exdbsql serve -c {folder}/node0.toml" in result.output
    assert "exdbsql shell 127.0.0.1:7500" in result.output
    again = CliRunner().invoke(main, ["init", "--nodes", "2", str(folder)])
    assert again.exit_code == 1
    assert "is already there" in again.output
    assert CliRunner().invoke(main, ["init", "--nodes", "0", str(tmp_path / "d")]).exit_code == 1


def test_any_name_is_written_so_that_it_can_be_read(tmp_path):
    name = 'the "north" \\ côte'
    assert CliRunner().invoke(main, ["init", "--name", name, str(tmp_path / "c")]).exit_code == 0
    assert load_config(tmp_path / "c" / "node0.toml").database.name == name


@pytest.mark.parametrize("text", ["nonsense", "[database]\nname = 5\n", "[databas]\n"])
def test_serve_refuses_a_wrong_configuration_with_one_message(tmp_path, text):
    file = tmp_path / "node.toml"
    file.write_text(text)
    result = CliRunner().invoke(main, ["serve", "-c", str(file)])
    assert result.exit_code == 1
    assert result.output.startswith(f"exdbsql: {file}: ")
    assert "Traceback" not in result.output
