"""What a SQL type must be able to do, and the errors it raises; the families of types fill it in.

A type is data (a name and its parameters, see :mod:`exdbsql.schema.types`) plus one `Conversions` value. The families
live in the modules called ``..._types`` beside this one (``number_types``, ``text_types``, ``datetime_types`` ...).

Conversion to the stored form follows PostgreSQL's *assignment* casts (manual, "CREATE CAST" and chapter 10.4): what an
INSERT into a column of the type accepts. A `str` is read as PostgreSQL reads an untyped literal, so ``'42'`` fits an
integer column. Left out on purpose: Python's `bool` is not an integer here, as PostgreSQL's boolean is not.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError, ProgrammingError


class Conversions(NamedTuple):
    """The behaviour of one SQL type; all functions take and give values other than None unless said otherwise.

    Attributes:
        exact: the Python class whose values may be stored as they are once `guard` holds; None where there is none.
        guard: Python source of a test, with ``{v}`` for the variable, that is true only for values that need no
            conversion; its free names are in :data:`exdbsql.schema.types.GUARD_NAMES`. None where every value converts.
        coerce: any Python value, None included, to the stored form.
        parse: text as in a literal to the stored form.
        format: stored form to PostgreSQL's text output.
    """

    exact: type | None
    guard: str | None
    coerce: Callable[[Any], Any]
    parse: Callable[[str], Any]
    format: Callable[[Any], str]


SQL_NAME_OF_CLASS: dict[str, str] = {
    "bool": "boolean",
    "int": "integer",
    "float": "double precision",
    "Decimal": "numeric",
    "str": "text",
    "bytes": "bytea",
    "bytearray": "bytea",
    "memoryview": "bytea",
    "date": "date",
    "time": "time without time zone",
    "datetime": "timestamp",
    "UUID": "uuid",
    "timedelta": "interval",
    "Interval": "interval",
    "Jsonb": "jsonb",
    "Array": "array",
    "EnumValue": "enum",
}


def mismatch(type_name: str, value: object) -> ProgrammingError:
    """The error for a value whose Python class does not convert to the type (42804)."""
    class_name = type(value).__name__
    known_as = SQL_NAME_OF_CLASS.get(class_name)
    given = f"a Python {class_name}" + (f" ({known_as})" if known_as else "")
    hint = "Decode the bytes first." if known_as == "bytea" else None
    return ProgrammingError(
        f"{given} does not fit the type {type_name}", sqlstate=sqlstate.DATATYPE_MISMATCH, hint=hint
    )


def unreadable(type_name: str, text: str, *, hint: str | None = None) -> DataError:
    """The error for text that does not read as the type (22P02)."""
    message = f'invalid input syntax for type {type_name}: "{shortened(text)}"'
    return DataError(message, sqlstate=sqlstate.INVALID_TEXT_REPRESENTATION, hint=hint)


def out_of_range(type_name: str, value: object = None) -> DataError:
    """The error for a value beyond the type's range (22003)."""
    if value is None or isinstance(value, int):  # Python refuses to print integers of thousands of digits
        return DataError(f"{type_name} out of range", sqlstate=sqlstate.NUMERIC_VALUE_OUT_OF_RANGE)
    message = f'value "{shortened(str(value))}" is out of range for type {type_name}'
    return DataError(message, sqlstate=sqlstate.NUMERIC_VALUE_OUT_OF_RANGE)


def shortened(text: str, limit: int = 60) -> str:
    """`text`, cut to `limit` characters for a message."""
    return text if len(text) <= limit else text[:limit] + "..."
