"""The type interval: conversions; its values are in :mod:`exdbsql.schema.interval`.

Left out: the styles of output besides PostgreSQL's own.
"""

from collections.abc import Callable
from datetime import time, timedelta
from typing import Any

from exdbsql.schema.conversion import Conversions, mismatch
from exdbsql.schema.datetime_types import MAX_SECOND_DIGITS
from exdbsql.schema.interval import Interval
from exdbsql.schema.interval_arithmetic import time_to_interval
from exdbsql.schema.interval_fields import cut_to_fields, parse_restricted
from exdbsql.schema.interval_text import format_interval, parse_interval


def interval_conversions(precision: int | None, fields: str | None) -> Conversions:
    """Behaviour of interval, of interval(precision), which counts digits of a second, and of interval with `fields`."""
    rounded = _rounder(precision) if fields is None else _cutter(fields, _rounder(precision))

    def parse(text: str) -> Interval:
        return rounded(parse_interval(text) if fields is None else parse_restricted(text, fields))

    def coerce(value: Any) -> Interval | None:
        if value is None:
            return None
        if isinstance(value, Interval):
            return rounded(value)
        if isinstance(value, timedelta):
            return rounded(Interval.from_timedelta(value))
        if isinstance(value, str):
            return parse(value)
        if isinstance(value, time):
            return rounded(time_to_interval(value))
        raise mismatch("interval", value)

    is_plain = fields is None and (precision is None or precision >= MAX_SECOND_DIGITS)
    guard = "type({v}) is Interval" if is_plain else None
    return Conversions(Interval if guard else None, guard, coerce, parse, format_interval)


def _cutter(fields: str, rounded: Callable[[Interval], Interval]) -> Callable[[Interval], Interval]:
    return lambda interval: rounded(cut_to_fields(interval, fields))


def _rounder(precision: int | None) -> Callable[[Interval], Interval]:
    """Rounds to `precision` digits of a second, halves away from zero."""
    if precision is None or precision >= MAX_SECOND_DIGITS:
        return lambda interval: interval
    unit = 10 ** (MAX_SECOND_DIGITS - precision)

    def rounded(interval: Interval) -> Interval:
        magnitude = (abs(interval.microseconds) + unit // 2) // unit * unit
        signed = -magnitude if interval.microseconds < 0 else magnitude
        return Interval(interval.months, interval.days, signed)

    return rounded
