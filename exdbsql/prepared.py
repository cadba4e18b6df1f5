"""PREPARE, EXECUTE and DEALLOCATE: statements that a session keeps by name.

What is kept is the text: planning is cached by text anyway, so EXECUTE finds its plan there, and a plan that DDL has made stale is made anew.
The values of EXECUTE are expressions; they are evaluated by a SELECT of their own, which casts them where PREPARE
declared types. A name lives as long as its session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exdbsql.result import Answer, Shape
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.identifiers import did_you_mean
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.type_names import read_type

if TYPE_CHECKING:
    from exdbsql.session import Session


@dataclass(frozen=True, slots=True)
class Prepare:
    """PREPARE name (types) AS text."""

    name: str
    types: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Execute:
    """EXECUTE name (expressions)."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deallocate:
    """DEALLOCATE name; None is ALL."""

    name: str | None


def read_prepare(reader: TokenReader) -> Prepare:
    """What follows PREPARE."""
    if reader.next_is("transaction"):
        raise reader.not_supported("PREPARE TRANSACTION (two-phase commit)")
    name = reader.name("a name")
    types: list[str] = []
    if reader.accept_symbol("("):
        while True:
            types.append(str(read_type(reader)))
            if not reader.accept_symbol(","):
                break
        reader.expect_symbol(")")
    reader.expect("as")
    if reader.peek() is None:
        raise reader.syntax_error(expected="a statement")
    start = reader.offset
    while reader.peek() is not None:
        reader.take()
    return Prepare(name, tuple(types), reader.slice(start, reader.previous_end()))


def read_execute(reader: TokenReader) -> Execute:
    """What follows EXECUTE."""
    name = reader.name("a name")
    if not reader.next_is_symbol("("):
        return Execute(name, ())
    reader.take()
    arguments: list[str] = []
    depth, start = 0, reader.offset
    while True:
        if reader.peek() is None:
            raise reader.syntax_error(expected="a closing parenthesis")
        token = reader.peek()
        assert token is not None
        if depth == 0 and token.is_symbol(",", ")"):
            arguments.append(reader.slice(start, token.start).strip())
            reader.take()
            if token.is_symbol(")"):
                break
            start = reader.offset
            continue
        depth += token.is_symbol("(", "[") - token.is_symbol(")", "]")
        reader.take()
    if any(not argument for argument in arguments):
        raise reader.syntax_error(expected="a value")
    return Execute(name, tuple(arguments))


def read_deallocate(reader: TokenReader) -> Deallocate:
    """What follows DEALLOCATE."""
    reader.accept("prepare")
    return Deallocate(None) if reader.accept("all") else Deallocate(reader.name("a name or ALL"))


def run_prepared(session: Session, statement: Prepare | Execute | Deallocate) -> Answer:
    """Carry out one of them.

    Raises:
        ProgrammingError: a name that is taken (42P05) or not there (26000), a wrong number of values (42601).
    """
    known = session.prepared
    match statement:
        case Prepare(name):
            if name in known:
                raise ProgrammingError(
                    f'prepared statement "{name}" already exists', sqlstate=states.DUPLICATE_PREPARED_STATEMENT
                )
            session.check_preparable(statement.text)
            known[name] = statement
            return Shape("PREPARE"), None, 0, None
        case Execute(name, arguments):
            found = _known(session, name)
            return session.run(found.text, _values(session, found, arguments) or None)
        case Deallocate(name):
            if name is None:
                known.clear()
                return Shape("DEALLOCATE ALL"), None, 0, None
            _known(session, name)
            del known[name]
    return Shape("DEALLOCATE"), None, 0, None


def _known(session: Session, name: str) -> Prepare:
    found = session.prepared.get(name)
    if found is None:
        raise ProgrammingError(
            f'prepared statement "{name}" does not exist',
            sqlstate=states.UNDEFINED_PREPARED_STATEMENT,
            hint=did_you_mean(name, session.prepared),
        )
    return found


def _values(session: Session, found: Prepare, arguments: tuple[str, ...]) -> tuple[object, ...]:
    if found.types and len(found.types) != len(arguments):
        raise ProgrammingError(
            f'wrong number of parameters for prepared statement "{found.name}"',
            sqlstate=states.SYNTAX_ERROR,
            detail=f"Expected {len(found.types)} parameters but got {len(arguments)}.",
        )
    if not arguments:
        return ()
    casts = [f"CAST(({a}) AS {t})" for a, t in zip(arguments, found.types, strict=True)] if found.types else arguments
    _, rows, _, _ = session.run("SELECT " + ", ".join(casts))
    assert rows is not None
    return rows[0]
