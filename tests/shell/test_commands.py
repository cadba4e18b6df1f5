"""The backslash commands."""

import re

import pytest

import exdbsql
from exdbsql.control import _READERS
from exdbsql.engine.query.parse import _VERBS
from exdbsql.schema.errors import ProgrammingError
from exdbsql.shell.app import dispatcher_for
from exdbsql.shell.commands.cluster import exchange_statement
from exdbsql.shell.commands.registry import Invocation, parse
from exdbsql.shell.context import CommandError, Outcome, QuitRequest
from exdbsql.shell.sql_help import STATEMENTS


@pytest.mark.parametrize(
    ("text", "invocation"),
    [
        ("\\d sites;", Invocation("d", "sites")),
        (" \\q ", Invocation("q", "")),
        ("\\q;", Invocation("q", "")),
        (".tables", Invocation("tables", "")),
        ("\\?", Invocation("?", "")),
        ("quit", Invocation("q", "")),
        ("HELP;", Invocation("?", "")),
        ("SELECT 1", None),
        (".5", None),
        ("select '\\d'", None),
        ("", None),
    ],
)
def test_what_is_a_command(text, invocation):
    assert parse(text) == invocation


def test_names_are_unique_and_the_help_shows_each():
    commands = dispatcher_for().commands
    names = [name for command in commands for name in (command.name, *command.aliases)]
    assert len(names) == len(set(names))


def test_help_is_made_from_the_table(bench):
    bench.run("\\?")
    text = bench.written()
    for command in bench.dispatcher.commands:
        assert command.usage in text
        assert command.summary in text
    bench.run("\\? timing")
    assert bench.written().startswith("\\timing [on|off]\n")


def test_the_help_fits_a_terminal(bench):
    bench.run("\\?")
    bench.run("\\h")
    for name in STATEMENTS:
        bench.run(f"\\h {name}")
    assert max(map(len, bench.written().splitlines())) <= 120


def test_an_unknown_command_names_the_nearest(bench):
    assert bench.run("\\timng") is Outcome.FAILED
    assert bench.complaints() == "ERROR: there is no command \\timng; did you mean \\timing? \\? lists them\n"


def test_help_on_sql(bench):
    bench.run("\\h create t")
    assert "DISTRIBUTED | LOCAL" in bench.written()
    bench.run("\\h")
    assert "SCATTER" in bench.written()
    assert bench.run("\\h nonsense") is Outcome.FAILED


def test_the_help_on_sql_knows_every_statement():
    """Whatever may begin a statement begins a line of the help, apart from what is refused by name."""
    refused = {"lock", "grant", "revoke", "analyze", "vacuum", "call", "listen", "notify", "do", "refresh", "reindex"}
    begins = {
        word.removeprefix("or  ").partition(" ")[0].lower()
        for _, syntax in STATEMENTS.values()
        for line in syntax.split("\n")
        for word in re.split(r"^\[WITH .*?\] ", line)
    }
    assert ({*_READERS, *_VERBS} - refused - {"with", "checkpoint", "cluster"}) <= begins
    for verb in ("CREATE", "ALTER", "DROP"):
        assert {f"{verb} {thing}" for thing in ("TABLE", "INDEX", "VIEW", "SEQUENCE", "TYPE")} <= STATEMENTS.keys()


@pytest.mark.parametrize("name", STATEMENTS)
def test_what_the_help_shows_is_known(name):
    with exdbsql.connect() as con, pytest.raises(exdbsql.ProgrammingError) as caught:
        con.execute(f"{name} 'no' 'such' 'form'")
    assert caught.value.sqlstate == "42601"


def test_quit(bench):
    with pytest.raises(QuitRequest):
        bench.run("\\q")
    with pytest.raises(QuitRequest):
        bench.run(".exit")


def test_the_cluster(bench):
    bench.run("\\nodes")
    assert "127.0.0.1:5601" in bench.written()
    bench.run("\\quorum")
    assert bench.written() == (
        " node |    address     | rank | counts |  state\n"
        "------+----------------+------+--------+---------\n"
        " 0    | 127.0.0.1:5600 |    1 |      1 | active\n"
        " 1    | 127.0.0.1:5601 |    1 |      0 | offline\n"
        "No quorum: ranks present 1 of 2, more than half is needed.\n"
        "Missing: node 1 (rank 1).\n"
    )
    bench.run("\\pset format tsv")
    bench.written()
    bench.run("\\quorum")
    assert "sum\t\t2\t1\t" in bench.written()
    bench.run("\\pset format table")
    bench.run("\\status")
    assert 'Connected to database "fakedb" on node 0 at fake:1.' in bench.written()


@pytest.mark.parametrize(
    ("argument", "statement"),
    [
        ("", "SCATTER ALL TO ALL"),
        ("x, y to 1 2", "SCATTER x, y TO NODE 1, 2"),
        ("x", "SCATTER x TO ALL"),
        ("x y TO all", "SCATTER x, y TO ALL"),
        ("to 1", "SCATTER ALL TO NODE 1"),
    ],
)
def test_scatter(argument, statement):
    assert exchange_statement("SCATTER", "TO", argument) == statement


def test_scatter_wants_numbers():
    with pytest.raises(CommandError):
        exchange_statement("SCATTER", "TO", "x to home")


@pytest.mark.parametrize(
    ("command", "statement"),
    [
        ("\\detach", "ALTER CLUSTER DETACH"),
        ("\\attach", "ALTER CLUSTER ATTACH"),
        ("\\attach discard", "ALTER CLUSTER ATTACH DISCARD LOCAL CHANGES"),
    ],
)
def test_leaving_and_joining(bench, command, statement):
    assert bench.run(command) is Outcome.DONE
    assert bench.server.ran[-1][0] == statement
    assert bench.run(command + " nonsense") is Outcome.FAILED


def test_settings(bench):
    bench.run("\\pset footer off")
    assert bench.written() == "footer is off.\n"
    bench.run("\\pset format csv")
    assert bench.written() == ""  # among data for programs it would be data
    assert bench.run("\\pset format xml") is Outcome.FAILED
    assert "it takes table, vertical" in bench.complaints()
    assert bench.run("\\pset colour on") is Outcome.FAILED
    bench.complaints()
    bench.run("\\pset null ''")
    assert bench.context.settings.null == ""
    bench.run("\\x")
    assert bench.context.settings.expanded == "on"
    bench.run("\\x auto")
    bench.run("\\x")
    assert bench.context.settings.expanded == "off"
    bench.run("\\pset")
    assert "complete_while_typing" in bench.written()


def test_variables_can_be_listed_and_forgotten(bench):
    bench.run("\\set n 5")
    bench.run("\\set")
    assert "5" in bench.written()
    bench.run("\\unset n")
    assert bench.run("\\unset n") is Outcome.FAILED
    assert bench.run("\\set a-b 1") is Outcome.FAILED


def test_the_last_error_and_the_last_statement(bench):
    bench.run("\\errverbose")
    assert bench.written() == "There was no error.\n"
    assert bench.run("\\g") is Outcome.FAILED
    bench.server.answers["BAD"] = ProgrammingError("no", sqlstate="42601")
    bench.run("BAD")
    bench.run("\\errverbose")
    assert "CLASS: ProgrammingError" in bench.written()
    bench.run("SELECT 1")
    bench.written()
    bench.run("\\g")
    assert "(1 row)" in bench.written()
    bench.run("\\watch 0 3")
    assert bench.written().count("(1 row)") == 3


def test_commands_behind_a_statement(bench):
    bench.run("SELECT 1 \\g")
    assert "(1 row)" in bench.written()
    bench.run("SELECT 1\n\\gx")
    assert "RECORD 1" in bench.written()
    assert bench.context.settings.expanded == "off"
    bench.run("SELECT 1; SELECT 1 \\watch 0 2")
    assert bench.written().count("(1 row)") == 3
    ran = len(bench.server.ran)
    bench.run("SELECT 1 \\r")
    with pytest.raises(QuitRequest):
        bench.run("SELECT 1\n\\q")
    assert bench.run("SELECT 1 \\dt") is Outcome.FAILED
    assert "end that with a semicolon" in bench.complaints()
    assert bench.run("SELECT 1 \\nonsense") is Outcome.FAILED
    assert len(bench.server.ran) == ran
    bench.run("-- tables\n\\dt")
    assert "notes" in bench.written()


def test_backslashes_of_sql_are_no_commands(bench):
    for sql in ("SELECT '\\g'", "SELECT E'it\\'s \\g'", 'SELECT "\\g"', "SELECT $$\\g$$", "SELECT 1 -- \\g"):
        bench.run(sql)
        assert bench.server.ran[-1][0] == sql.removesuffix(" -- \\g")


def test_connect_keeps_the_old_connection_until_the_new_one_stands(bench):
    bench.run("\\conninfo")
    assert bench.written().startswith("Not connected")
    bench.run("SELECT 1")
    bench.server.refuses = ConnectionRefusedError("connection refused")
    assert bench.run("\\c other:2") is Outcome.FAILED
    assert "cannot connect to other:2: connection refused; still connected to fake:1" in bench.complaints()
    bench.server.refuses = None
    bench.written()
    bench.run("\\c other:2")
    assert bench.written().startswith('Connected to database "fakedb" on node 0 at other:2.')
    bench.run("BEGIN")
    assert bench.run("\\c other:3") is Outcome.FAILED


def test_output_to_a_file(bench, tmp_path):
    file = tmp_path / "out.txt"
    bench.run(f"\\o {file}")
    bench.run("SELECT 1")
    bench.run("\\o")
    assert bench.written() == ""
    assert "(1 row)" in file.read_text()
    assert bench.run(f"\\o {tmp_path}/no/such") is Outcome.FAILED


def test_include_runs_a_script_and_its_failure_counts(bench, tmp_path):
    script = tmp_path / "a.sql"
    script.write_text("SELECT 1;\nBAD;\nSELECT 1;")
    bench.server.answers["BAD"] = ProgrammingError("no", sqlstate="42601")
    assert bench.run(f"\\i {script}") is Outcome.FAILED
    assert bench.complaints() == f"{script}:2: ERROR 42601: no\n"
    assert bench.run(f"\\i {tmp_path}/none.sql") is Outcome.FAILED
    assert "No such file" in bench.complaints()
    script.write_text(f"\\i {script}")
    assert bench.run(f"\\i {script}") is Outcome.FAILED
    assert "deep inside each other" in bench.complaints()


def test_history(bench, tmp_path):
    bench.context.history = lambda: ["SELECT 1;", "SELECT\n2;"]
    bench.run("\\s")
    assert bench.written() == "SELECT 1;\nSELECT\n2;\n"
    bench.run(f"\\s {tmp_path}/h")
    assert (tmp_path / "h").read_text() == "SELECT 1;\nSELECT\n2;\n"
