"""DECLARE, FETCH, MOVE and CLOSE: cursors of SQL's own, by name.

The query is run when the cursor is declared, and its rows are kept: they are those of the transaction's snapshot whenever they are fetched, so
every cursor is insensitive, and can go backward unless it was told not to. A cursor ends with its transaction; one WITH HOLD lives
on after COMMIT, until it is closed or the session ends. Left out: WHERE CURRENT OF, binary cursors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from exdbsql.result import Answer, Row, Shape
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import OperationalError, ProgrammingError
from exdbsql.schema.identifiers import did_you_mean
from exdbsql.schema.token_reader import TokenReader

if TYPE_CHECKING:
    from exdbsql.session import Session

ALL: Final = 2**62


@dataclass(frozen=True, slots=True)
class Declare:
    """DECLARE name CURSOR FOR query."""

    name: str
    query: str
    backward: bool
    hold: bool


@dataclass(frozen=True, slots=True)
class Fetch:
    """FETCH, or MOVE where `rows` is False.

    Attributes:
        how: "forward" and "backward" by a count, "absolute" and "relative" to a position.
    """

    name: str
    how: str
    count: int
    rows: bool = True


@dataclass(frozen=True, slots=True)
class Close:
    """CLOSE name; None is ALL."""

    name: str | None


@dataclass(slots=True)
class DeclaredCursor:
    """A cursor that is open.

    Attributes:
        position: 0 before the first row, one more than there are rows behind the last.
        hold: whether it outlives its transaction.
        held: whether it has.
    """

    shape: Shape
    rows: list[Row]
    backward: bool
    hold: bool
    held: bool = False
    position: int = 0


def read_declare(reader: TokenReader) -> Declare:
    """What follows DECLARE."""
    name = reader.name("the name of a cursor")
    backward = True
    while not reader.accept("cursor"):
        if reader.next_is("binary"):
            raise reader.not_supported("BINARY")
        if reader.accept("no", "scroll"):
            backward = False
        elif not reader.accept_one_of("scroll", "insensitive", "asensitive"):
            raise reader.syntax_error(expected="CURSOR")
    hold = reader.accept("with", "hold")
    if not hold:
        reader.accept("without", "hold")
    reader.expect("for")
    start = reader.offset
    if reader.peek() is None:
        raise reader.syntax_error(expected="a query")
    while reader.peek() is not None:
        reader.take()
    return Declare(name, reader.slice(start, reader.previous_end()), backward, hold)


def read_fetch(reader: TokenReader) -> Fetch:
    """What follows FETCH."""
    how, count = _direction(reader)
    reader.accept_one_of("from", "in")
    return Fetch(reader.name("the name of a cursor"), how, count)


def read_move(reader: TokenReader) -> Fetch:
    """What follows MOVE."""
    found = read_fetch(reader)
    return Fetch(found.name, found.how, found.count, rows=False)


def read_close(reader: TokenReader) -> Close:
    """What follows CLOSE."""
    return Close(None) if reader.accept("all") else Close(reader.name("the name of a cursor or ALL"))


_PLACES: Final = {
    "next": ("forward", 1),
    "prior": ("backward", 1),
    "first": ("absolute", 1),
    "last": ("absolute", -1),
    "all": ("forward", ALL),
}


def _direction(reader: TokenReader) -> tuple[str, int]:
    following = reader.peek(1)
    alone = following is None or following.is_symbol(";")
    if alone:  # FETCH name
        return "forward", 1
    if place := reader.accept_one_of(*_PLACES):
        return _PLACES[place.value]
    if kind := reader.accept_one_of("absolute", "relative"):
        return kind.value, reader.integer("a number")
    if kind := reader.accept_one_of("forward", "backward"):
        if reader.accept("all"):
            return kind.value, ALL
        return _turned(kind.value, reader.integer("a number")) if reader.next_is_number() else (kind.value, 1)
    if reader.next_is_number():
        return _turned("forward", reader.integer("a number"))
    return "forward", 1


def _turned(how: str, count: int) -> tuple[str, int]:
    if count >= 0:
        return how, count
    return ("backward" if how == "forward" else "forward"), -count


def run_cursor(session: Session, statement: Declare | Fetch | Close) -> Answer:
    """Carry out one of them.

    Raises:
        ProgrammingError: a name that is taken (42P03) or not there (34000); what planning the query finds.
        OperationalError: no transaction for a cursor that is not WITH HOLD (25P01), backward with one that cannot (55000).
    """
    cursors = session.block.cursors
    match statement:
        case Declare():
            return _declare(session, statement)
        case Fetch(name):
            return _fetch(_known(cursors, name), statement)
        case Close(None):
            cursors.clear()
            return Shape("CLOSE CURSOR ALL"), None, 0, None
        case Close(str(name)):
            _known(cursors, name)
            del cursors[name]
    return Shape("CLOSE CURSOR"), None, 0, None


def _declare(session: Session, statement: Declare) -> Answer:
    block = session.block
    if block.alone and not statement.hold:
        raise OperationalError(
            "DECLARE CURSOR can only be used in transaction blocks",
            sqlstate=states.NO_ACTIVE_SQL_TRANSACTION,
            hint="BEGIN first, or declare it WITH HOLD",
        )
    if statement.name in block.cursors:
        raise ProgrammingError(f'cursor "{statement.name}" already exists', sqlstate=states.DUPLICATE_CURSOR)
    session.plan_query(statement.query)
    shape, rows, _, _ = session.run(statement.query)
    cursor = DeclaredCursor(shape, rows or [], statement.backward, statement.hold, held=block.alone)
    block.cursors[statement.name] = cursor
    return Shape("DECLARE CURSOR"), None, 0, None


def _known(cursors: dict[str, DeclaredCursor], name: str) -> DeclaredCursor:
    found = cursors.get(name)
    if found is None:
        raise ProgrammingError(
            f'cursor "{name}" does not exist', sqlstate=states.INVALID_CURSOR_NAME, hint=did_you_mean(name, cursors)
        )
    return found


def _fetch(cursor: DeclaredCursor, statement: Fetch) -> Answer:
    before = cursor.position
    rows = _move(cursor, statement)
    is_backward = statement.how == "backward" or cursor.position < before or statement.count < 0
    if is_backward and not cursor.backward:
        cursor.position = before
        raise OperationalError(
            "cursor can only scan forward",
            sqlstate=states.OBJECT_NOT_IN_PREREQUISITE_STATE,
            hint="Declare it with SCROLL option to enable backward scan.",
        )
    if not statement.rows:
        return Shape("MOVE"), None, len(rows), None
    return Shape("FETCH", cursor.shape.columns), rows, len(rows), None


def _move(cursor: DeclaredCursor, statement: Fetch) -> list[Row]:
    """The rows on the way, and where the cursor is then."""
    total, count, at = len(cursor.rows), statement.count, cursor.position
    match statement.how:
        case "absolute":
            return _go_to(cursor, count if count >= 0 else total + 1 + count)
        case "relative":
            return _go_to(cursor, at + count)
    if count == 0:
        return _go_to(cursor, at)
    if statement.how == "forward":
        cursor.position = min(at + count, total + 1)
        return cursor.rows[at : at + count]
    cursor.position = max(at - count, 0)
    return cursor.rows[max(at - 1 - count, 0) : max(at - 1, 0)][::-1]


def _go_to(cursor: DeclaredCursor, position: int) -> list[Row]:
    cursor.position = min(max(position, 0), len(cursor.rows) + 1)
    at = cursor.position
    return cursor.rows[at - 1 : at] if 0 < at <= len(cursor.rows) else []
