"""What an error looks like."""

from exdbsql.schema.errors import (
    CommitOutcomeUnknownError,
    ConflictError,
    DataError,
    NoQuorumError,
    OperationalError,
    ProgrammingError,
)
from exdbsql.shell.link import CannotConnectError, ConnectionLostError
from exdbsql.shell.messages import error_text


def unknown_table(sql, name):
    return ProgrammingError(
        f'relation "{name}" does not exist',
        sqlstate="42P01",
        hint='did you mean "sensor"?',
        position=sql.index(name),
        statement=sql,
    )


def test_message_state_line_caret_and_hint():
    sql = "SELECT *\nFROM sensr\nWHERE a"
    assert error_text(unknown_table(sql, "sensr"), sql) == (
        'ERROR 42P01: relation "sensr" does not exist\nLINE 2: FROM sensr\n             ^\nHINT: did you mean "sensor"?'
    )


def test_the_place_of_a_script_comes_first():
    text = error_text(DataError("division by zero", sqlstate="22012"), "SELECT 1/0", where="load.sql:7: ")
    assert text == "load.sql:7: ERROR 22012: division by zero"


def test_a_long_line_is_cut_around_the_caret():
    sql = "SELECT " + ", ".join(f"column_{i}" for i in range(60)) + " FROM nowhere"
    lines = error_text(unknown_table(sql, "nowhere"), sql).split("\n")
    assert len(lines[1]) < 90
    assert lines[1][lines[2].index("^") :].startswith("nowhere")


def test_the_caret_stands_under_wide_letters_and_tabs():
    sql = "SELECT\t'東京', x FROM y"
    lines = error_text(ProgrammingError("no x", position=sql.index("x"), statement=sql), sql).split("\n")
    assert lines[1] == "LINE 1: SELECT '東京', x FROM y"
    assert lines[2] == " " * (8 + 15) + "^"


def test_the_end_of_the_statement_can_be_pointed_at():
    sql = "SELECT 1 +"
    lines = error_text(ProgrammingError("syntax error", position=len(sql)), sql).split("\n")
    assert lines[1:] == ["LINE 1: SELECT 1 +", " " * (8 + len(sql)) + "^"]


def test_whether_a_retry_helps():
    assert "RETRY: helps: run the transaction again" in error_text(ConflictError("conflict", table="t", key="1"), "")
    settled_by_hand = ConflictError("changed on both sides", table="t", key="1", retryable=False)
    assert error_text(settled_by_hand, "").endswith("RETRY: does not help")
    assert "RETRY: helps once" in error_text(NoQuorumError("no quorum", detail="ranks present 1 of 3"), "")
    assert "DETAIL: ranks present 1 of 3" in error_text(NoQuorumError("no quorum", detail="ranks present 1 of 3"), "")
    assert "outcome of transaction 1-2-3" in error_text(
        CommitOutcomeUnknownError("unknown", transaction_id="1-2-3"), ""
    )
    assert "RETRY" not in error_text(DataError("bad"), "")
    assert "RETRY: does not help" in error_text(OperationalError("the disk is full", sqlstate="58030"), "")
    assert "RETRY" not in error_text(OperationalError("cancelled", sqlstate="57014"), "")


def test_terse_and_verbose():
    sql = "SELECT sensr"
    error = unknown_table(sql, "sensr")
    assert error_text(error, sql, verbosity="terse") == 'ERROR 42P01: relation "sensr" does not exist'
    assert error_text(error, sql, verbosity="verbose").endswith("RETRY: does not help\nCLASS: ProgrammingError")
    assert error_text(ConflictError("c"), "", verbosity="verbose").endswith("CLASS: ConflictError, code 87")


def test_connections():
    refused = ConnectionRefusedError("connection refused")
    assert error_text(CannotConnectError("h:1", refused), "") == "ERROR: cannot connect to h:1: connection refused"
    lost = ConnectionLostError("h:1", EOFError("closed"), "The open transaction was rolled back.")
    assert error_text(lost, "") == (
        "ERROR: the connection to h:1 was lost: closed\nThe open transaction was rolled back."
    )


def test_control_characters_are_shown_not_sent():
    assert "\x1b" not in error_text(DataError("bad \x1b[2J"), "")
