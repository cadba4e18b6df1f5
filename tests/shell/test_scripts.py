"""Cutting scripts into inputs."""

from exdbsql.schema.errors import ProgrammingError
from exdbsql.shell.context import Outcome
from exdbsql.shell.scripts import ScriptInput, inputs, run_lines


def cut(text):
    return [(item.line, item.text) for item in inputs(text.splitlines(keepends=True))]


def test_statements_commands_and_what_is_left():
    assert cut("SELECT 1;\n\n\\d t\nSELECT\n 2 -- no;\n ;\n.tables\nSELECT 3") == [
        (1, "SELECT 1;\n"),
        (3, "\\d t\n"),
        (4, "SELECT\n 2 -- no;\n ;\n"),
        (7, ".tables\n"),
        (8, "SELECT 3"),
    ]


def test_a_semicolon_or_backslash_inside_a_string_does_not_cut():
    assert cut("INSERT INTO t VALUES ('a;\n\\q\n;');\nSELECT 1;") == [
        (1, "INSERT INTO t VALUES ('a;\n\\q\n;');\n"),
        (4, "SELECT 1;"),
    ]
    assert cut("SELECT $$;\n\\q;$$;") == [(1, "SELECT $$;\n\\q;$$;")]


def test_a_command_behind_a_statement_ends_it():
    assert cut("SELECT 1 \\g\nSELECT\n2 \\watch 0 2\n\\d\n") == [
        (1, "SELECT 1 \\g\n"),
        (2, "SELECT\n2 \\watch 0 2\n"),
        (4, "\\d\n"),
    ]


def test_nothing_but_comments_is_no_input():
    assert cut("-- only\n/* words */\n") == []
    assert cut("") == []


def test_a_pipe_is_served_while_it_is_open():
    seen = []

    def lines():
        yield "SELECT 1;\n"
        seen.append("asked for more")

    first = next(inputs(lines()))
    assert first == ScriptInput("SELECT 1;\n", 1)
    assert seen == []


def test_on_error(bench):
    bench.server.answers["BAD"] = ProgrammingError("no", sqlstate="42601")
    script = ["BAD;\n", "SELECT 1;\n"]
    assert run_lines(bench.context, script, "s.sql", bench.dispatcher.run) is Outcome.FAILED
    assert bench.written() == ""
    bench.context.stop_on_error = False
    assert run_lines(bench.context, script, "s.sql", bench.dispatcher.run) is Outcome.FAILED
    assert "(1 row)" in bench.written()


def test_a_lost_connection_ends_a_script_always(bench):
    bench.context.stop_on_error = False
    bench.server.breaks_at = "SELECT 1"
    assert run_lines(bench.context, ["SELECT 1;", "SELECT 2;"], "", bench.dispatcher.run) is Outcome.DISCONNECTED
    assert len(bench.server.ran) == 1
