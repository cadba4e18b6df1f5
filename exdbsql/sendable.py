"""What a client makes of a program's statements and parameters before they are sent."""

import re
from collections.abc import Sequence
from typing import Any, Final

from exdbsql.engine.query.parameters import no_sequence
from exdbsql.schema import codec
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import InterfaceError, InternalError, ProgrammingError

_COMMIT: Final = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:commit|end)\b", re.IGNORECASE | re.DOTALL)
_MAY_COMMIT: Final = frozenset({"execute", "executemany", "executenamed", "copydone"})


def may_commit(operation: str, arguments: Sequence[Any], *, alone: bool) -> bool:
    """Whether a request may commit something, so that its outcome is not known where its answer is lost; `alone`: each
    statement is a transaction of its own."""
    if operation == "commit":
        return True
    if operation not in _MAY_COMMIT:
        return False
    return alone or (operation == "execute" and _COMMIT.match(arguments[0]) is not None)


def check_text(sql: object) -> None:
    """Refuse what is no text of a statement; InterfaceError."""
    if not isinstance(sql, str):
        raise InterfaceError(f"a statement is a str, not {type(sql).__name__}")


def sendable(parameters: Any) -> Any:
    """Parameters as the codec takes them: a list, a dict or None."""
    if parameters is None or isinstance(parameters, (list, tuple, dict)):
        return parameters
    if isinstance(parameters, (str, bytes, set, frozenset)) or not hasattr(parameters, "__len__"):
        raise no_sequence(parameters)
    return dict(parameters) if hasattr(parameters, "keys") else list(parameters)


def packed(rows: Sequence[Any]) -> bytes:
    """Rows of parameters as one piece.

    Raises:
        ProgrammingError: a value that is none of SQL's.
    """
    try:
        return codec.pack_rows(rows)
    except InternalError as error:
        raise no_sql_value(error) from error


def no_sql_value(error: InternalError) -> ProgrammingError:
    """The error of a parameter that the codec does not take."""
    return ProgrammingError(
        f"a parameter is no SQL value: {error.message.rpartition(': ')[2]}", sqlstate=states.DATATYPE_MISMATCH
    )
