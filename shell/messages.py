"""Errors and notices as a user reads them, after psql's form with two things added: the SQLSTATE, and whether to retry.

::

    ERROR 42P01: relation "sensr" does not exist
    LINE 2: FROM sensr
                 ^
    HINT: did you mean "sensor"?

A long line is cut to the part around the caret. Text from the database is shown with control characters escaped.
"""

import traceback

from prompt_toolkit.utils import get_cwidth

from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import (
    CommitOutcomeUnknownError,
    ConflictError,
    Error,
    InternalError,
    NoQuorumError,
    OperationalError,
)
from exdbsql.shell.link import CannotConnectError, ConnectionLostError
from exdbsql.shell.tables import visible

_LINE_WIDTH = 72
_OWN_DOING = frozenset({states.QUERY_CANCELED, states.IN_FAILED_SQL_TRANSACTION, states.READ_ONLY_SQL_TRANSACTION})
"""States that the user brought about and knows: no advice on retrying."""


def error_text(error: Exception, statement: str, *, verbosity: str = "default", where: str = "") -> str:
    """All lines of an error.

    Args:
        statement: what was run; the caret points into it unless the error brings its own text.
        verbosity: ``terse`` (first line), ``default``, or ``verbose`` (adds class, code, and the answer on retrying always).
        where: ``file:line: `` for a script, else empty.
    """
    if isinstance(error, CannotConnectError):
        return f"{where}ERROR: {visible(str(error))}"
    if isinstance(error, ConnectionLostError):
        return f"{where}ERROR: {visible(str(error))}\n{error.fate}"
    if not isinstance(error, Error):
        return f"{where}ERROR: {visible(str(error)) or type(error).__name__}"
    lines = [f"{where}ERROR {error.sqlstate}: {_lines(error.message)}"]
    if verbosity == "terse":
        return lines[0]
    lines += _caret(error, statement)
    if error.detail:
        lines.append(f"DETAIL: {_lines(error.detail)}")
    if error.hint:
        lines.append(f"HINT: {_lines(error.hint)}")
    if error.context:
        lines.append(f"CONTEXT: {_lines(error.context)}")
    retry = retry_advice(error)
    if retry or verbosity == "verbose":
        lines.append(f"RETRY: {retry or 'does not help'}")
    if verbosity == "verbose":
        lines.append(f"CLASS: {type(error).__name__}" + (f", code {error.code}" if error.code else ""))
        if isinstance(error, InternalError) and error.__cause__ is not None:
            lines += traceback.format_exception(error.__cause__)
    return "\n".join(lines)


def retry_advice(error: Error) -> str:
    """Whether running the same again may help; empty where the statement itself is wrong, so nobody would ask."""
    if isinstance(error, CommitOutcomeUnknownError):
        return f"not before the outcome of transaction {error.transaction_id} is known"
    if isinstance(error, ConflictError) and error.retryable:
        return "helps: run the transaction again from its beginning"
    if isinstance(error, NoQuorumError):
        return "helps once enough nodes are back (\\quorum shows who is missing)"
    if error.retryable:
        return "may help"
    if isinstance(error, InternalError):
        return "does not help: this is a fault of exdbsql"
    own_doing = error.sqlstate in _OWN_DOING or not isinstance(error, OperationalError)
    return "" if own_doing else "does not help"


def _lines(text: str) -> str:
    return "\n".join(visible(line) for line in text.split("\n"))


def _caret(error: Error, statement: str) -> list[str]:
    """``LINE n: text`` and the caret below; nothing where the place is not known."""
    text = error.statement if error.statement is not None else statement
    position = error.position
    if position is None or not 0 <= position <= len(text):
        return []
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start:] if end < 0 else text[start:end]
    line, column = _window(line.replace("\t", " ").replace("\r", " "), position - start)
    label = f"LINE {text.count(chr(10), 0, position) + 1}: "
    shown, before = visible(line), visible(line[:column])
    return [label + shown, " " * (len(label) + get_cwidth(before)) + "^"]


def _window(line: str, column: int) -> tuple[str, int]:
    """The part of a long line around `column`, and where the column lies in it."""
    if len(line) <= _LINE_WIDTH:
        return line, column
    start = max(0, min(column - _LINE_WIDTH // 2, len(line) - _LINE_WIDTH))
    part = line[start : start + _LINE_WIDTH]
    head = "..." if start else ""
    tail = "..." if start + _LINE_WIDTH < len(line) else ""
    return head + part + tail, column - start + len(head)
