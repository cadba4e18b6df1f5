"""The values of a run: checking the user's parameters against the placeholders, and converting them to the types of their context."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from exdbsql.engine.query.context import ASSIGN, COMPARE, Slot
from exdbsql.engine.query.parse import Placeholders
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError, Error, ProgrammingError
from exdbsql.schema.types import SqlType

Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]
Converter: TypeAlias = Callable[[Any], Any]


def converter(slot: Slot) -> Converter | None:
    """The function that a value of this slot goes through; None where every value may stay."""
    t = slot.type
    if t is None:
        return None
    if slot.mode == ASSIGN:
        return t.coerce
    if t.is_numeric:
        return _comparable_number(t) if slot.mode == COMPARE else _exact_number(t)
    return t.coerce


def _comparable_number(t: SqlType) -> Converter:
    def convert(value: Any) -> Any:
        kind = type(value)
        return value if kind is int or kind is float or kind is Decimal else t.coerce(value)

    return convert


def _exact_number(t: SqlType) -> Converter:
    def convert(value: Any) -> Any:
        if t.is_integer and isinstance(value, (float, Decimal)) and not _is_whole(value):
            raise DataError(
                f"{value!r} is not of type {t}, which its place in the statement asks for",
                sqlstate=sqlstate.INVALID_TEXT_REPRESENTATION,
                hint="cast the placeholder, e.g. CAST(? AS numeric)",
            )
        return t.coerce(value)

    return convert


def _is_whole(value: float | Decimal) -> bool:
    finite = value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
    return finite and value == int(value)


def bind_values(
    placeholders: Placeholders, converters: Sequence[Converter | None], given: Parameters | None
) -> tuple[Any, ...]:
    """The user's values in order, converted.

    Raises ProgrammingError where their number or names are wrong, DataError where one does not fit its type.
    """
    values = _in_order(placeholders, given)
    out = []
    for number, (value, convert) in enumerate(zip(values, converters, strict=True)):
        if value is not None and convert is not None:
            try:
                value = convert(value)
            except Error as error:
                if error.detail is None:
                    error.detail = f"It is parameter {_label(placeholders, number)}."
                raise
        out.append(value)
    return tuple(out)


def _label(placeholders: Placeholders, number: int) -> str:
    return f":{placeholders.names[number]}" if placeholders.style == "named" else str(number + 1)


def _in_order(placeholders: Placeholders, given: Parameters | None) -> Sequence[Any]:
    if isinstance(given, Mapping):
        if placeholders.style != "named":
            if not given and not placeholders.count:
                return ()
            raise _wrong("parameters were given by name, but the statement has no named placeholders")
        missing = [name for name in placeholders.names if name not in given]
        if missing:
            raise _wrong(f"no value for the parameter :{missing[0]}")
        return [given[name] for name in placeholders.names]
    values = () if given is None else given
    if isinstance(values, (str, bytes, set, frozenset)) or not hasattr(values, "__len__"):
        raise no_sequence(values)
    if placeholders.style == "named" and values:
        raise _wrong("the statement has named placeholders: give a mapping", "e.g. {'name': value}")
    if len(values) != placeholders.count:
        raise _wrong(
            f"the statement has {_counted(placeholders.count, 'placeholder')}, "
            f"but {_counted(len(values), 'value')} {'was' if len(values) == 1 else 'were'} given"
        )
    return values


def no_sequence(values: object) -> ProgrammingError:
    """The error for parameters that have no order or no number: one value, one text, a set, a generator."""
    return _wrong(f"parameters must be a sequence such as (value,), not one {type(values).__name__}")


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def _wrong(message: str, hint: str | None = None) -> ProgrammingError:
    return ProgrammingError(message, sqlstate="07001", hint=hint)
