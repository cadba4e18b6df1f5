"""Intervals with fields: ``interval '90' minute``, ``interval '1 2:03:04' day to hour``, a column of type ``interval day to second(3)``.

The last field is the unit of a number that has none, and cuts what is smaller off; larger fields than the first one stay, as PostgreSQL
keeps them (DecodeInterval and AdjustIntervalForTypmod in its source).
"""

from typing import Final

from exdbsql.schema import interval_units as units
from exdbsql.schema.interval import MONTHS_PER_YEAR, Interval
from exdbsql.schema.interval_text import parse_interval
from exdbsql.schema.interval_units import Unit

_UNITS: Final = {
    "year": units.YEAR,
    "month": units.MONTH,
    "day": units.DAY,
    "hour": units.HOUR,
    "minute": units.MINUTE,
    "second": units.SECOND,
}
FIELDS: Final = frozenset(
    [*_UNITS, "year to month", "day to hour", "day to minute", "day to second"]
    + ["hour to minute", "hour to second", "minute to second"]
)
"""What may restrict an interval, in lower case."""


def parse_restricted(text: str, fields: str) -> Interval:
    """The interval that a text means for `fields`, one of `FIELDS`; raises what `parse_interval` raises."""
    interval = parse_interval(text, unit=_last(fields), in_minutes=fields == "minute to second")
    return cut_to_fields(interval, fields)


def _last(fields: str) -> Unit:
    return _UNITS[fields.rpartition(" ")[2]]


def cut_to_fields(value: Interval, fields: str) -> Interval:
    """The interval without what is smaller than the last one of `fields`."""
    last = _last(fields)
    if last is units.YEAR:
        return Interval(_toward_zero(value.months, MONTHS_PER_YEAR))
    if last is units.MONTH:
        return Interval(value.months)
    if last is units.DAY:
        return Interval(value.months, value.days)
    size = 1 if last is units.SECOND else last.microseconds  # fractions of a second stay
    return Interval(value.months, value.days, _toward_zero(value.microseconds, size))


def _toward_zero(number: int, size: int) -> int:
    whole = abs(number) // size * size
    return -whole if number < 0 else whole
