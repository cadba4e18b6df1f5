"""COPY as a statement, read from its tokens::

    COPY t [(column, …)] {FROM | TO} {'file' | STDIN | STDOUT} [[WITH] (option, …)] [WHERE condition]
    COPY (query) TO {'file' | STDOUT} [[WITH] (option, …)]

and in the place of ``(option, …)`` the spelling from before PostgreSQL 9.0: ``CSV HEADER DELIMITER AS ';' NULL AS ''
QUOTE AS '"' ESCAPE AS '"' FORCE QUOTE a, b FORCE NOT NULL c``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from exdbsql.copy.options import CSV, EVERY, TEXT, CopyOptions, options_of, repeated
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.tokens import TokenKind


@dataclass(frozen=True, slots=True)
class Copy:
    """One COPY.

    Attributes:
        table: its name, or "" for a query.
        columns: that were named; () for all.
        query: text of the query, or "".
        is_from: COPY FROM, else TO.
        file: its name, or None for the client (STDIN, STDOUT).
        options: how the text looks.
        where: text of the condition of COPY FROM, or "".
        position: of the table's name in `text`.
        text: the whole statement.
    """

    table: str
    columns: tuple[str, ...]
    query: str
    is_from: bool
    file: str | None
    options: CopyOptions
    where: str
    position: int
    text: str


def read_copy(reader: TokenReader) -> Copy:
    """What follows COPY."""
    if reader.next_is("binary"):
        raise reader.not_supported("COPY BINARY")
    position = reader.offset
    table, query = "", ""
    columns: tuple[str, ...] = ()
    if reader.next_is_symbol("("):
        query = reader.slice(*reader.inside_parentheses()).strip()
    else:
        table = _table(reader)
        columns = _column_list(reader) if reader.next_is_symbol("(") else ()
    is_from = _direction(reader, may_be_from=not query)
    file = _file(reader, is_from=is_from)
    with reader.at(reader.offset):
        options = options_of(_options(reader), is_from=is_from)
    where = _where(reader, is_from=is_from)
    return Copy(table, columns, query, is_from, file, options, where, position, reader.text)


def _table(reader: TokenReader) -> str:
    name = reader.name("the name of a table")
    while reader.accept_symbol("."):
        name += "." + reader.name("the rest of the name")
    return name


def _column_list(reader: TokenReader) -> tuple[str, ...]:
    reader.expect_symbol("(")
    names = [reader.name("the name of a column")]
    while reader.accept_symbol(","):
        names.append(reader.name("the name of a column"))
    reader.expect_symbol(")")
    return tuple(names)


def _direction(reader: TokenReader, *, may_be_from: bool) -> bool:
    if may_be_from and reader.accept("from"):
        return True
    if not reader.accept("to"):
        raise reader.syntax_error(expected="FROM or TO" if may_be_from else "TO")
    return False


def _file(reader: TokenReader, *, is_from: bool) -> str | None:
    token = reader.peek()
    if token is not None and token.kind is TokenKind.STRING:
        return reader.take().value
    if reader.next_is("program"):
        raise reader.not_supported("COPY ... PROGRAM")
    if reader.accept_one_of("stdin", "stdout"):  # PostgreSQL takes either for both
        return None
    raise reader.syntax_error(expected=f"the name of a file in quotes, or {'STDIN' if is_from else 'STDOUT'}")


def _where(reader: TokenReader, *, is_from: bool) -> str:
    if not reader.next_is("where"):
        return ""
    if not is_from:
        raise reader.syntax_error(hint="WHERE clause not allowed with COPY TO; COPY (SELECT ...) TO has one.")
    reader.take()
    start = reader.offset
    if reader.peek() is None:
        raise reader.syntax_error(expected="a condition")
    while reader.peek() is not None:
        reader.take()
    return reader.slice(start, reader.previous_end())


# --- options -----------------------------------------------------------------------------------------------------------


def _options(reader: TokenReader) -> dict[str, Any]:
    if reader.accept_one_of("delimiters") or reader.accept("using", "delimiters"):
        return _older_options(reader, {"delimiter": _string(reader)})
    reader.accept("with")
    if reader.next_is_symbol("("):
        return _option_list(reader)
    return _older_options(reader, {})


def _option_list(reader: TokenReader) -> dict[str, Any]:
    reader.expect_symbol("(")
    given: dict[str, Any] = {}
    while True:
        at = reader.offset
        if reader.next_is("freeze"):
            raise reader.not_supported("COPY ... FREEZE")
        name = _word_or_string(reader)
        read = _NEWER.get(name)
        with reader.at(at):
            if read is None:
                raise ProgrammingError(f'option "{name}" not recognized', sqlstate=states.SYNTAX_ERROR)
            if name in given:
                raise repeated()
        given[name] = read(reader)
        if not reader.accept_symbol(","):
            break
    reader.expect_symbol(")")
    return given


def _older_options(reader: TokenReader, given: dict[str, Any]) -> dict[str, Any]:
    while reader.peek() is not None and not reader.next_is("where"):
        at = reader.offset
        name, value = _older_option(reader)
        if name in given:
            with reader.at(at):
                raise repeated()
        given[name] = value
    return given


def _older_option(reader: TokenReader) -> tuple[str, Any]:
    if reader.accept("csv"):
        return "format", CSV
    if reader.accept("header"):
        return "header", "true"
    for name in ("delimiter", "null", "quote", "escape", "encoding"):
        if reader.accept(name):
            reader.accept("as")
            return name, _string(reader)
    if reader.accept("force", "quote"):
        return "force_quote", EVERY if reader.accept_symbol("*") else _names(reader)
    if reader.accept("force", "not", "null"):
        return "force_not_null", _names(reader)
    if reader.accept("force", "null"):
        return "force_null", _names(reader)
    for refused in ("binary", "freeze"):
        if reader.next_is(refused):
            raise reader.not_supported(f"COPY ... {refused.upper()}")
    raise reader.syntax_error(expected="an option of COPY")


def _names(reader: TokenReader) -> tuple[str, ...]:
    names = [reader.name("the name of a column")]
    while reader.accept_symbol(","):
        names.append(reader.name("the name of a column"))
    return tuple(names)


def _string(reader: TokenReader) -> str:
    token = reader.peek()
    if token is None or token.kind is not TokenKind.STRING:
        raise reader.syntax_error(expected="a string in quotes")
    return reader.take().value


def _word_or_string(reader: TokenReader) -> str:
    token = reader.peek()
    if token is None or token.kind not in (TokenKind.STRING, TokenKind.WORD, TokenKind.QUOTED_NAME, TokenKind.NUMBER):
        raise reader.syntax_error(expected="a value")
    return reader.take().value


def _format(reader: TokenReader) -> str:
    at = reader.offset
    name = _word_or_string(reader)
    with reader.at(at):
        if name == "binary":
            raise reader.not_supported("COPY ... (FORMAT binary)")
        if name not in (TEXT, CSV):
            message = f'COPY format "{name}" not recognized'
            raise ProgrammingError(message, sqlstate=states.INVALID_PARAMETER_VALUE)
    return name


def _header(reader: TokenReader) -> str:
    if reader.next_is_symbol(",") or reader.next_is_symbol(")"):
        return "true"
    at = reader.offset
    word = _word_or_string(reader).lower()
    if word in ("true", "on", "1"):
        return "true"
    if word in ("false", "off", "0"):
        return "false"
    if word == "match":
        return word
    with reader.at(at):
        raise ProgrammingError('header requires a Boolean value or "match"', sqlstate=states.SYNTAX_ERROR)


def _list_or_star(reader: TokenReader) -> tuple[str, ...]:
    return EVERY if reader.accept_symbol("*") else _column_list(reader)


_NEWER: Final[dict[str, Callable[[TokenReader], Any]]] = {
    "format": _format,
    "header": _header,
    "delimiter": _string,
    "null": _string,
    "quote": _string,
    "escape": _string,
    "encoding": _string,
    "force_quote": _list_or_star,
    "force_null": _column_list,
    "force_not_null": _column_list,
}
