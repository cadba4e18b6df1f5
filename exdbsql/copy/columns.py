"""Fields to values and back, a column at a time: that is what Python's `map` is quick at.

A type reads a text by :attr:`SqlType.parse`, with PostgreSQL's rules. For the types that large files are made of there is a way
around it, which gives the same for what programs write, and raises for the rest: then the fields go through `parse` one by one,
and that also finds which one is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from math import isfinite
from typing import Any, Final

from exdbsql.schema.types import DOUBLE, TEXT, VARCHAR, SqlType

Fields = Sequence[str | None]
ReadColumn = Callable[[Sequence[str]], Sequence[Any]]
_TRUTH: Final = {"t": True, "f": False, "true": True, "false": False, "1": True, "0": False}


class _AsEver(Exception):
    """These fields may not be what `int` or `float` takes them for."""


def column_reader(kind: SqlType) -> ReadColumn:
    """The quick way from the fields of a column to its values; raises anything where it is not sure."""
    if kind in (TEXT, VARCHAR):
        return lambda fields: fields
    if kind.is_integer:
        return _integers(kind)
    if kind == DOUBLE:
        return _floats
    if kind.name == "boolean":
        return lambda fields: list(map(_TRUTH.__getitem__, fields))
    if kind.name == "character varying" and kind.length is not None:
        return _short_texts(kind.length)
    return lambda fields: list(map(kind.parse, fields))


def _check_digits(fields: Sequence[str]) -> None:
    """Python reads more than PostgreSQL: other scripts' digits, and underscores."""
    joined = "".join(fields)
    if "_" in joined or not joined.isascii():
        raise _AsEver


def _integers(kind: SqlType) -> ReadColumn:
    low, high = kind.integer_range or (0, 0)

    def read(fields: Sequence[str]) -> Sequence[Any]:
        _check_digits(fields)
        values = list(map(int, fields))
        if values and not low <= min(values) <= max(values) <= high:
            raise _AsEver
        return values

    return read


def _floats(fields: Sequence[str]) -> Sequence[Any]:
    _check_digits(fields)
    values = list(map(float, fields))
    if not isfinite(sum(values)):  # infinite or no number, by its text or by its size
        raise _AsEver
    if 0.0 in values and any(not value and field.strip(" +-0.") for value, field in zip(values, fields, strict=True)):
        raise _AsEver  # too small, perhaps
    return values


def _short_texts(length: int) -> ReadColumn:
    def read(fields: Sequence[str]) -> Sequence[Any]:
        if fields and max(map(len, fields)) > length:
            raise _AsEver
        return fields

    return read


def columns_of_text(block: str, delimiter: str, number: int) -> list[Sequence[str]] | None:
    """The columns of a block of plain lines, found without a list for each line; None where a line has another number of fields.

    A newline stays at the end of its field. Where each field of the last column has one, and the block has no others, all lines
    have their number.
    """
    lines = block.count("\n")
    fields = block.replace("\n", "\n" + delimiter).split(delimiter)
    fields.pop()  # behind the last newline
    if len(fields) != lines * number:
        return None
    last = "".join(fields[number - 1 :: number]).split("\n")
    last.pop()
    if len(last) != lines:
        return None
    return [*[fields[at::number] for at in range(number - 1)], last]


def columns_of_rows(rows: Sequence[Sequence[str]]) -> list[Sequence[str]] | None:
    """The columns of rows; None where a row has another number of fields."""
    numbers = set(map(len, rows))
    if len(numbers) != 1:
        return None
    fields = list(chain.from_iterable(rows))
    (number,) = numbers
    return [fields[at::number] for at in range(number)]


def read_column(read: ReadColumn, fields: Fields) -> Sequence[Any]:
    """The values of a column whose fields may be NULL; raises as `read`."""
    if None not in fields:
        return read(fields)  # type: ignore[arg-type]  # there is no None
    values = iter(read([field for field in fields if field is not None]))
    return [None if field is None else next(values) for field in fields]


def format_column(kind: SqlType, values: Sequence[Any]) -> Fields:
    """The texts of a column's values."""
    write = str if kind.is_integer else None if kind in (TEXT, VARCHAR) else kind.format
    if write is None:
        return values
    if None not in values:
        return list(map(write, values))
    return [None if value is None else write(value) for value in values]
