"""The life of one input."""

import decimal

from shell_fake import FakeResult, rows_of

from exdbsql.schema.errors import ProgrammingError
from exdbsql.shell.context import Outcome


def test_rows_and_tags(bench):
    assert bench.run("SELECT 1;") is Outcome.DONE
    assert bench.written() == " one\n-----\n   1\n(1 row)\n"
    bench.server.answers["INSERT INTO t VALUES (1)"] = FakeResult(tag="INSERT 0 1")
    bench.run("INSERT INTO t VALUES (1);")
    assert bench.written() == "INSERT 0 1\n"


def test_formats_for_programs_carry_no_tags(bench):
    bench.context.settings.format = "csv"
    bench.run("BEGIN; SELECT 1; COMMIT;")
    assert bench.written() == "one\n1\n"


def test_several_statements_stop_at_the_first_error(bench):
    bench.server.answers["BAD"] = ProgrammingError("no", sqlstate="42601")
    assert bench.run("SELECT 1; BAD; SELECT 1;") is Outcome.FAILED
    assert [sql for sql, _ in bench.server.ran] == ["SELECT 1", "BAD"]
    assert bench.complaints() == "ERROR 42601: no\n"


def test_an_unfinished_string_is_an_error_with_a_place(bench):
    assert bench.run("SELECT 'a") is Outcome.FAILED
    complaints = bench.complaints()
    assert complaints.startswith("ERROR 42601: ")
    assert "LINE 1: SELECT 'a" in complaints


def test_notices_go_to_standard_error(bench):
    bench.server.answers["X"] = FakeResult(tag="X", notices=("NOTICE: look out",))
    bench.run("X")
    assert bench.complaints() == "NOTICE: look out\n"


def test_variables_become_parameters(bench):
    bench.run("\\set n 5")
    bench.run("\\set who 'O''Neill'")
    bench.run("SELECT :n, :who, ':n', 1::text")
    assert bench.server.ran == [("SELECT :n, :who, ':n', 1::text", {"n": 5, "who": "O'Neill"})]
    assert bench.run("SELECT :missing") is Outcome.FAILED
    assert "\\set missing VALUE" in bench.complaints()


def test_timing(bench):
    bench.run("\\timing")
    assert bench.written() == "Timing is on.\n"
    bench.run("SELECT 1")
    assert "\nTime: " in bench.written()
    bench.run("\\timing off")
    bench.written()
    bench.run("SELECT 1")
    assert "Time" not in bench.written()


def test_readonly_refuses_before_the_database_hears_of_it(bench):
    bench.context.read_only = True
    assert bench.run("DELETE FROM t") is Outcome.FAILED
    assert bench.server.ran == []
    assert "25006" in bench.complaints()


def test_dangerous_statements_are_asked_about_where_somebody_can_answer(bench):
    asked = []
    bench.context.confirm = lambda question: bool(asked.append(question))
    assert bench.run("DROP TABLE t") is Outcome.FAILED
    assert asked == ["DROP TABLE t: this cannot be undone. Go on?"]
    assert bench.server.ran == []
    bench.context.confirm = None
    assert bench.run("DROP TABLE t") is Outcome.DONE


def test_the_question_before_a_drop_says_whether_it_can_be_undone(bench):
    asked = []
    bench.context.confirm = lambda question: bool(asked.append(question))
    bench.run("BEGIN; DROP TABLE t")
    assert asked == ["DROP TABLE t: ROLLBACK undoes this, COMMIT makes it final. Go on?"]


def test_a_lost_connection(bench):
    bench.run("BEGIN")
    bench.server.breaks_at = "SELECT 1"
    assert bench.run("SELECT 1; SELECT 2") is Outcome.DISCONNECTED
    assert bench.complaints() == (
        "ERROR: the connection to fake:1 was lost: the server closed the connection\n"
        "The open transaction was rolled back: nothing of it was kept.\n"
    )
    assert [sql for sql, _ in bench.server.ran] == ["BEGIN", "SELECT 1"]


def test_markdown_of_a_decimal(bench):
    bench.context.settings.format = "markdown"
    bench.server.answers["S"] = rows_of(("n", "numeric"), rows=[(decimal.Decimal("1.50"),)])
    bench.run("S")
    assert bench.written() == "| n |\n|---:|\n| 1.50 |\n"
