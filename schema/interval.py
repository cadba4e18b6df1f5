"""The value of the type interval: months, days and microseconds, kept apart as PostgreSQL keeps them.

A month has no fixed number of days and (where clocks change) a day no fixed number of hours, so the three do not run into
each other: ``'1 mon -1 day'`` stays what it is. For comparing, a month counts as 30 days and a day as 24 hours; so
``Interval(months=1) == Interval(days=30)``, as in PostgreSQL, though they print differently. :func:`repr` tells them apart.

Python's `datetime.timedelta` has no months; it converts to an interval wherever one is wanted, and `Interval.as_timedelta`
goes back where that loses nothing. How intervals meet dates is in :mod:`exdbsql.schema.interval_arithmetic`, their text in
:mod:`exdbsql.schema.interval_text`.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import total_ordering
from typing import Final

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError

MONTHS_PER_YEAR: Final = 12
DAYS_PER_MONTH: Final = 30
MICROSECONDS_PER_SECOND: Final = 1_000_000
MICROSECONDS_PER_DAY: Final = 86_400 * MICROSECONDS_PER_SECOND
_SECONDS_PER_DAY: Final = 86_400
_INT32: Final = range(-(1 << 31), 1 << 31)
_INT64: Final = range(-(1 << 63), 1 << 63)


def interval_out_of_range() -> DataError:
    """The error for an interval beyond PostgreSQL's bounds (22008)."""
    return DataError("interval out of range", sqlstate=sqlstate.DATETIME_FIELD_OVERFLOW)


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """A span of time; immutable, hashable, ordered.

    Attributes:
        months: 32 bits; years are twelve of them.
        days: 32 bits.
        microseconds: 64 bits.

    Raises DataError 22008 where a number does not fit.
    """

    months: int = 0
    days: int = 0
    microseconds: int = 0

    def __post_init__(self) -> None:
        if not (self.months in _INT32 and self.days in _INT32 and self.microseconds in _INT64):
            raise interval_out_of_range()

    @classmethod
    def from_timedelta(cls, span: timedelta) -> "Interval":
        """The interval of as many days and microseconds."""
        return cls(0, span.days, span.seconds * MICROSECONDS_PER_SECOND + span.microseconds)

    def as_timedelta(self) -> timedelta:
        """The same span as a timedelta. Raises DataError where it has months, whose length is not fixed, or is too long."""
        if self.months:
            message = f"the interval {self} has months, which a timedelta cannot hold"
            raise DataError(message, sqlstate=sqlstate.DATETIME_FIELD_OVERFLOW)
        try:
            return timedelta(days=self.days, microseconds=self.microseconds)
        except OverflowError:
            raise interval_out_of_range() from None

    @property
    def span(self) -> int:
        """Microseconds, with 30 days to a month and 24 hours to a day: what equality, order and hash go by."""
        return (self.months * DAYS_PER_MONTH + self.days) * MICROSECONDS_PER_DAY + self.microseconds

    def __eq__(self, other: object) -> bool:
        return self.span == other.span if isinstance(other, Interval) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self.span < other.span if isinstance(other, Interval) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.span)

    def __bool__(self) -> bool:
        return bool(self.months or self.days or self.microseconds)

    def __neg__(self) -> "Interval":
        return Interval(-self.months, -self.days, -self.microseconds)

    def __add__(self, other: object) -> "Interval":
        added = _as_interval(other)
        if added is None:
            return NotImplemented
        return Interval(self.months + added.months, self.days + added.days, self.microseconds + added.microseconds)

    __radd__ = __add__

    def __sub__(self, other: object) -> "Interval":
        subtracted = _as_interval(other)
        return NotImplemented if subtracted is None else self + -subtracted

    def __mul__(self, factor: object) -> "Interval":
        number = _as_number(factor)
        if number is None:
            return NotImplemented
        months, days, microseconds = self.months * number, self.days * number, self.microseconds * number
        return _cascaded(months, days, microseconds)

    __rmul__ = __mul__

    def __truediv__(self, divisor: object) -> "Interval":
        number = _as_number(divisor)
        if number is None:
            return NotImplemented
        if number == 0:
            raise DataError("division by zero", sqlstate=sqlstate.DIVISION_BY_ZERO)
        return _cascaded(self.months / number, self.days / number, self.microseconds / number)

    def __str__(self) -> str:
        """PostgreSQL's text, e.g. ``1 year 2 mons -3 days +04:05:06.789``."""
        from exdbsql.schema.interval_text import format_interval  # the text of intervals needs this class

        return format_interval(self)


def _as_interval(value: object) -> Interval | None:
    if isinstance(value, Interval):
        return value
    return Interval.from_timedelta(value) if isinstance(value, timedelta) else None


def _as_number(value: object) -> float | None:
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return float(value)
    return None


def _cascaded(months: float, days: float, microseconds: float) -> Interval:
    """Fractions of months and days pass down to days and microseconds (PostgreSQL's interval_mul and interval_div)."""
    whole_months, whole_days = _whole(months, _INT32), _whole(days, _INT32)
    days_of_month = _to_microsecond((months - whole_months) * DAYS_PER_MONTH)
    seconds = (days - whole_days + days_of_month - int(days_of_month)) * _SECONDS_PER_DAY
    seconds = _to_microsecond(seconds)
    if abs(seconds) >= _SECONDS_PER_DAY:
        extra = int(seconds / _SECONDS_PER_DAY)
        whole_days += extra
        seconds -= extra * _SECONDS_PER_DAY
    total = microseconds + seconds * MICROSECONDS_PER_SECOND
    if not math.isfinite(total):
        raise interval_out_of_range()
    return Interval(whole_months, whole_days + int(days_of_month), round(total))


def _whole(number: float, allowed: range) -> int:
    if not math.isfinite(number) or int(number) not in allowed:
        raise interval_out_of_range()
    return int(number)


def _to_microsecond(seconds: float) -> float:
    return round(seconds * MICROSECONDS_PER_SECOND) / MICROSECONDS_PER_SECOND
