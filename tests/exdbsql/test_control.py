"""The session's own statements: every form that the module's head lists, and what is wrong with the others."""

import pytest

import exdbsql
from exdbsql.control import (
    Begin,
    Commit,
    Control,
    Exchange,
    Modes,
    Release,
    Rollback,
    RollbackTo,
    SetModes,
    SetSavepoint,
    SetVariable,
    Show,
    parse_control,
)
from exdbsql.schema.errors import NotSupportedError, ProgrammingError


@pytest.mark.parametrize(
    ("text", "control"),
    [
        ("begin", Begin(Modes())),
        ("BEGIN WORK;", Begin(Modes())),
        (
            "START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
            Begin(Modes("repeatable read", True), "START TRANSACTION"),
        ),
        ("begin isolation level serializable read write", Begin(Modes("serializable", False))),
        ("begin isolation level read uncommitted", Begin(Modes("read committed"))),
        ("BEGIN READ ONLY, DEFERRABLE", Begin(Modes(None, True))),
        ("set transaction not deferrable", SetModes(Modes(), for_session=False)),
        ("-- now\nCOMMIT /* really */ TRANSACTION ;;", Commit()),
        ("end", Commit()),
        ("commit and no chain", Commit()),
        ("abort", Rollback()),
        ("ROLLBACK WORK", Rollback()),
        ("savepoint A", SetSavepoint("a")),
        ('savepoint "A b"', SetSavepoint("A b")),
        ("rollback to a", RollbackTo("a")),
        ("ROLLBACK WORK TO SAVEPOINT a", RollbackTo("a")),
        ("release savepoint a", Release("a")),
        ("set transaction read only", SetModes(Modes(None, True), False)),
        (
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
            SetModes(Modes("read committed"), True),
        ),
        ("set statement_timeout = 30", SetVariable("statement_timeout", "30")),
        ("SET SESSION a.b TO 'it''s'", SetVariable("a.b", "it's")),
        ("set x to default", SetVariable("x", None)),
        ("SHOW CREATE TABLE Orders", Show(("create", "table", "orders"), 5, "SHOW CREATE TABLE Orders")),
        ("SCATTER TABLE x, y TO NODE 1, 2;", Exchange(True, ("x", "y"), (1, 2))),
        ("scatter x to all", Exchange(True, ("x",), None)),
        ('GATHER "X" FROM 0', Exchange(False, ("X",), (0,))),
        ("gather all from all", Exchange(False, None, None)),
    ],
)
def test_a_statement_is_read(text: str, control: Control) -> None:
    assert parse_control(text) == control


@pytest.mark.parametrize("text", ["select 1", "", "  -- nothing", "(begin)", "'begin'", "explain select 1"])
def test_all_else_is_for_the_parser(text: str) -> None:
    assert parse_control(text) is None


@pytest.mark.parametrize(
    ("text", "position", "hint"),
    [
        ("begin now", 6, "ISOLATION LEVEL"),
        ("scatter x", 9, "TO"),
        ("scatter x from 1", 10, "TO"),
        ("gather 'x' from 1", 7, "name of"),
        ("gather x from -1", 14, "id of a node"),
        ("gather x from 99999999999999999999", 14, "id of a node"),
        ("set a to 'b", 9, ""),
        ("set a 1", 6, "TO"),
        ("commit; select 1", 6, ""),
        ("show", 4, "CLUSTER"),
    ],
)
def test_a_mistake_is_shown_where_it_is(text: str, position: int, hint: str) -> None:
    with pytest.raises(ProgrammingError) as caught:
        parse_control(text)
    assert caught.value.sqlstate == "42601"
    assert caught.value.position == position
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize("text", ["lock table t", "rollback prepared 'x'"])
def test_what_is_left_out_says_so(text: str) -> None:
    with pytest.raises(NotSupportedError):
        parse_control(text)


@pytest.mark.parametrize(
    ("statement", "hint"),
    [
        ("SHOW TABLE", "did you mean SHOW TABLES?"),
        ("SHOW timezon", 'did you mean "timezone"?'),
        ("SHOW COLUMNS", "COLUMNS FROM t"),
        ("DESCRIBE t", "SHOW COLUMNS FROM t describes a table"),
        ("SHOW VIEWS", "settings are application_name"),
    ],
)
def test_what_cannot_be_shown_says_what_can(statement: str, hint: str) -> None:
    with exdbsql.connect() as con, pytest.raises(exdbsql.ProgrammingError) as caught:
        con.execute(statement)
    assert hint in str(caught.value.hint)
