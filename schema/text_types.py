"""Text, bytes and the rest that is neither number nor time: text, varchar, char, bytea, boolean, uuid.

``character(n)`` is stored padded with blanks to n, as PostgreSQL stores it; comparing it with other text without regard
to the blanks is the query layer's duty, and is had by coercing the other side to the same type. Text may hold the
character U+0000, which PostgreSQL cannot store.

Every type converts to text on assignment except bytea: PostgreSQL would store ``\\x6162`` for ``b'ab'``, which is
hardly ever what a Python program meant, so we refuse it.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from exdbsql.schema import sqlstate
from exdbsql.schema.array import Array
from exdbsql.schema.array_text import format_array
from exdbsql.schema.conversion import Conversions, mismatch, shortened, unreadable
from exdbsql.schema.datetime_types import format_time, format_timestamp, format_timestamptz
from exdbsql.schema.enum_value import EnumValue
from exdbsql.schema.errors import DataError
from exdbsql.schema.interval import Interval
from exdbsql.schema.jsonb import Jsonb
from exdbsql.schema.number_types import format_double, format_numeric

MAX_LENGTH = 10_485_760  # PostgreSQL's bound for varchar(n) and char(n)

_TRUE_WORDS = ("true", "yes", "on", "1")
_FALSE_WORDS = ("false", "no", "off", "0")
_UUID_TEXT = re.compile(r"\s*(\{)?((?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4})(?(1)\})\s*")
_BYTEA_ESCAPE = re.compile(r"\\(?:([0-3][0-7]{2})|(\\))")


def value_to_text(value: Any) -> str:
    """A stored value of any type as ``CAST(value AS text)`` gives it; ProgrammingError 42804 for bytes and strangers."""
    if isinstance(value, str):
        return str.__str__(value)
    for classes, formatter in _TEXT_BY_CLASS:
        if isinstance(value, classes):
            return formatter(value)
    raise mismatch("text", value)


def _datetime_to_text(value: datetime) -> str:
    return format_timestamp(value) if value.tzinfo is None else format_timestamptz(value)


# bool before int and datetime before date: the former are subclasses of the latter.
_TEXT_BY_CLASS: tuple[tuple[type | tuple[type, ...], Callable[[Any], str]], ...] = (
    (bool, lambda value: "true" if value else "false"),
    (int, lambda value: format_numeric(Decimal(value))),  # repr() refuses integers of thousands of digits
    (float, format_double),
    (Decimal, format_numeric),
    (datetime, _datetime_to_text),
    (date, date.isoformat),
    (time, format_time),
    ((UUID, Interval, Jsonb, EnumValue), str),
    (timedelta, lambda value: str(Interval.from_timedelta(value))),
    (Array, lambda value: format_array(value, _element_to_text)),
)


def _element_to_text(value: Any) -> str:
    """A stored element of an array as the array's text has it: booleans as ``t`` and ``f``, bytes in hex."""
    if isinstance(value, bool):
        return "t" if value else "f"
    return f"\\x{value.hex()}" if isinstance(value, bytes) else value_to_text(value)


def text_conversions() -> Conversions:
    """Behaviour of text, and of character varying without a length."""

    def coerce(value: Any) -> str | None:
        if type(value) is str or value is None:
            return value
        return value_to_text(value)

    return Conversions(str, "type({v}) is str", coerce, str, str)


def varchar_conversions(length: int) -> Conversions:
    """Behaviour of character varying(length), in characters; blanks beyond the length are cut as SQL demands."""

    def fit(text: str) -> str:
        return text if len(text) <= length else _cut(text, length, f"character varying({length})")

    def coerce(value: Any) -> str | None:
        return None if value is None else fit(value_to_text(value))

    return Conversions(str, f"type({{v}}) is str and len({{v}}) <= {length}", coerce, fit, str)


def char_conversions(length: int) -> Conversions:
    """Behaviour of character(length): padded with blanks to `length` characters."""

    def fit(text: str) -> str:
        return text.ljust(length) if len(text) <= length else _cut(text, length, f"character({length})")

    def coerce(value: Any) -> str | None:
        return None if value is None else fit(value_to_text(value))

    return Conversions(str, f"type({{v}}) is str and len({{v}}) == {length}", coerce, fit, str)


def _cut(text: str, length: int, name: str) -> str:
    if text[length:].strip(" "):
        message = f"value too long for type {name}"
        detail = f'The value has {len(text)} characters: "{shortened(text)}".'
        raise DataError(message, sqlstate=sqlstate.STRING_DATA_RIGHT_TRUNCATION, detail=detail)
    return text[:length]


def bytea_conversions() -> Conversions:
    """Behaviour of bytea; text is read in PostgreSQL's hex and escape formats, and written in hex."""

    def coerce(value: Any) -> bytes | None:
        if type(value) is bytes or value is None:
            return value
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        if isinstance(value, str):
            return parse(value)
        raise mismatch("bytea", value)

    def parse(text: str) -> bytes:
        if not text.startswith("\\x"):
            return _parse_escaped_bytes(text)
        try:
            return bytes.fromhex(text[2:])
        except ValueError:
            message = f'invalid hexadecimal data for type bytea: "{shortened(text)}"'
            hint = "Write pairs of hexadecimal digits after \\x."
            raise DataError(message, sqlstate=sqlstate.INVALID_PARAMETER_VALUE, hint=hint) from None

    return Conversions(bytes, "type({v}) is bytes", coerce, parse, lambda value: "\\x" + value.hex())


def utf8(text: str) -> bytes:
    """The bytes of a text; DataError 22021 for half of a surrogate pair, which a Python string may hold and has none."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        message = f'half of a surrogate pair cannot be encoded: "{shortened(text)}"'
        raise DataError(message, sqlstate=sqlstate.CHARACTER_NOT_IN_REPERTOIRE) from None


def _parse_escaped_bytes(text: str) -> bytes:
    """PostgreSQL's escape format: a backslash before three octal digits or before another backslash."""
    if "\\" in _BYTEA_ESCAPE.sub("", text):
        raise unreadable("bytea", text)
    parts: list[bytes] = []
    end = 0
    for found in _BYTEA_ESCAPE.finditer(text):
        parts.append(utf8(text[end : found.start()]))
        parts.append(bytes([int(found[1], 8)]) if found[1] else b"\\")
        end = found.end()
    return b"".join([*parts, utf8(text[end:])])


def boolean_conversions() -> Conversions:
    """Behaviour of boolean; text may be any unique beginning of true, yes, on, 1 and their opposites."""

    def coerce(value: Any) -> bool | None:
        if value is True or value is False or value is None:
            return value
        if isinstance(value, str):
            return parse(value)
        if type(value).__name__ in ("bool", "bool_") and type(value).__module__ == "numpy":
            return bool(value)
        raise mismatch("boolean", value)

    def parse(text: str) -> bool:
        word = text.strip().lower()
        if word and word != "o":
            if any(full.startswith(word) for full in _TRUE_WORDS):
                return True
            if any(full.startswith(word) for full in _FALSE_WORDS):
                return False
        raise unreadable("boolean", text)

    return Conversions(bool, "type({v}) is bool", coerce, parse, lambda value: "t" if value else "f")


def uuid_conversions() -> Conversions:
    """Behaviour of uuid."""

    def parse(text: str) -> UUID:
        found = _UUID_TEXT.fullmatch(text)
        if found is None:
            raise unreadable("uuid", text)
        return UUID(found[2].replace("-", ""))

    def coerce(value: Any) -> UUID | None:
        if type(value) is UUID or value is None:
            return value
        if isinstance(value, str):
            return parse(value)
        if isinstance(value, UUID):
            return UUID(int=value.int)
        raise mismatch("uuid", value)

    return Conversions(UUID, "type({v}) is UUID", coerce, parse, str)
