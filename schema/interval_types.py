"""The type interval: conversions; its values are in :mod:`exdbsql.schema.interval`.

Left out: types with SQL's field restrictions (``interval day to second``; literals take them,
:mod:`exdbsql.schema.interval_fields`), and the styles of output besides PostgreSQL's own.
"""

from collections.abc import Callable
from datetime import time, timedelta
from typing import Any

from exdbsql.schema.conversion import Conversions, mismatch
from exdbsql.schema.datetime_types import MAX_SECOND_DIGITS
from exdbsql.schema.interval import Interval
from exdbsql.schema.interval_arithmetic import time_to_interval
from exdbsql.schema.interval_text import format_interval, parse_interval


def interval_conversions(precision: int | None) -> Conversions:
    """Behaviour of interval and of interval(precision), which counts digits of a second."""
    rounded = _rounder(precision)

    def parse(text: str) -> Interval:
        return rounded(parse_interval(text))

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

    guard = "type({v}) is Interval" if precision is None or precision >= MAX_SECOND_DIGITS else None
    return Conversions(Interval if guard else None, guard, coerce, parse, format_interval)


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
