"""Whatever an expression of a definition raises over a row comes out as an error of SQL.

Indexes, CHECK, generated columns and ALTER TABLE compute over rows while an entry of the log is applied. An SQL error is a
verdict there, the same on every node; any other exception would stop all of them.
"""

from collections.abc import Callable
from typing import TypeVar

from exdbsql.schema.errors import DataError, Error
from exdbsql.schema.sqlstate import DATA_EXCEPTION

Argument = TypeVar("Argument")
Value = TypeVar("Value")


def with_known_errors(what: str, function: Callable[[Argument], Value]) -> Callable[[Argument], Value]:
    """`function`, with DataError 22000 in place of an exception of Python's.

    Args:
        what: what the expression belongs to, for the message.
        function: of one row.
    """

    def value_or_error(row: Argument) -> Value:
        try:
            return function(row)
        except (Error, MemoryError):  # that memory is short says nothing about the row
            raise
        except Exception as problem:
            message = f"{what} fails for a row: {problem}"
            raise DataError(message, sqlstate=DATA_EXCEPTION) from problem

    return value_or_error
