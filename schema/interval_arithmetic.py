"""Dates, times and intervals together: what ``+`` and ``-`` between them give, ``age`` and the ``justify_`` functions.

PostgreSQL's rules (manual, section 9.9; timestamp.c): adding an interval adds its months first, keeping the day of the
month or taking the last one there is (January 31 + 1 month is February 28), then the days, then the time. All moments are
in UTC, where a day has 24 hours. Python's calendar bounds the results: years 1 to 9999, else DataError 22008.
"""

from calendar import monthrange
from datetime import date, datetime, time, timedelta
from typing import Final

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError
from exdbsql.schema.interval import (
    DAYS_PER_MONTH,
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_SECOND,
    MONTHS_PER_YEAR,
    Interval,
)

_MICROSECOND: Final = timedelta(microseconds=1)


def add_interval(moment: date | datetime, interval: Interval) -> datetime:
    """``moment + interval``: a timestamp, aware where `moment` is; a date counts as its midnight."""
    start = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)
    try:
        shifted = _add_months(start, interval.months)
        return shifted + timedelta(days=interval.days, microseconds=interval.microseconds)
    except (ValueError, OverflowError):
        raise DataError("timestamp out of range", sqlstate=sqlstate.DATETIME_FIELD_OVERFLOW) from None


def subtract_interval(moment: date | datetime, interval: Interval) -> datetime:
    """``moment - interval``."""
    return add_interval(moment, -interval)


def _add_months(moment: datetime, months: int) -> datetime:
    if not months:
        return moment
    years, month = divmod(moment.year * MONTHS_PER_YEAR + moment.month - 1 + months, MONTHS_PER_YEAR)
    return moment.replace(year=years, month=month + 1, day=min(moment.day, monthrange(years, month + 1)[1]))


def add_interval_to_time(clock: time, interval: Interval) -> time:
    """``time + interval``: around the clock; months and days do not matter."""
    return _clock(_since_midnight(clock) + interval.microseconds)


def subtract_interval_from_time(clock: time, interval: Interval) -> time:
    """``time - interval``."""
    return _clock(_since_midnight(clock) - interval.microseconds)


def time_difference(left: time, right: time) -> Interval:
    """``time - time``."""
    return Interval(microseconds=_since_midnight(left) - _since_midnight(right))


def time_to_interval(clock: time) -> Interval:
    """``CAST(time AS interval)``: the time since midnight."""
    return Interval(microseconds=_since_midnight(clock))


def interval_to_time(interval: Interval) -> time:
    """``CAST(interval AS time)``: its time, around the clock."""
    return _clock(interval.microseconds)


def _since_midnight(clock: time) -> int:
    seconds = (clock.hour * 60 + clock.minute) * 60 + clock.second
    return seconds * MICROSECONDS_PER_SECOND + clock.microsecond


def _clock(microseconds: int) -> time:
    seconds, microsecond = divmod(microseconds % MICROSECONDS_PER_DAY, MICROSECONDS_PER_SECOND)
    minutes, second = divmod(seconds, 60)
    return time(minutes // 60, minutes % 60, second, microsecond)


def moment_difference(left: datetime, right: datetime) -> Interval:
    """``timestamp - timestamp``: days and a time, no months. Both naive, or both aware."""
    return justify_hours(Interval(microseconds=(left - right) // _MICROSECOND))


def justify_hours(interval: Interval) -> Interval:
    """``justify_hours``: each 24 hours become a day; day and time get the same sign."""
    days, microseconds = _truncated(interval.microseconds, MICROSECONDS_PER_DAY)
    return Interval(interval.months, *_same_sign(interval.days + days, microseconds, MICROSECONDS_PER_DAY))


def justify_days(interval: Interval) -> Interval:
    """``justify_days``: each 30 days become a month; month and day get the same sign."""
    months, days = _truncated(interval.days, DAYS_PER_MONTH)
    return Interval(*_same_sign(interval.months + months, days, DAYS_PER_MONTH), interval.microseconds)


def justify_interval(interval: Interval) -> Interval:
    """``justify_interval``: both of the above, all three with one sign."""
    extra, microseconds = _truncated(interval.microseconds, MICROSECONDS_PER_DAY)
    extra_months, days = _truncated(interval.days + extra, DAYS_PER_MONTH)
    months = interval.months + extra_months
    if (months > 0 and (days < 0 or (days == 0 and microseconds < 0))) or (
        months < 0 and (days > 0 or (days == 0 and microseconds > 0))
    ):
        sign = 1 if months > 0 else -1
        months, days = months - sign, days + sign * DAYS_PER_MONTH
    return Interval(months, *_same_sign(days, microseconds, MICROSECONDS_PER_DAY))


def _truncated(number: int, unit: int) -> tuple[int, int]:
    """Quotient rounded towards zero, and the remainder with the sign of `number`."""
    quotient = abs(number) // unit * (-1 if number < 0 else 1)
    return quotient, number - quotient * unit


def _same_sign(larger: int, smaller: int, unit: int) -> tuple[int, int]:
    """One `unit` moved from the larger field to the smaller where their signs differ."""
    if larger > 0 > smaller:
        return larger - 1, smaller + unit
    if larger < 0 < smaller:
        return larger + 1, smaller - unit
    return larger, smaller


def age(left: datetime, right: datetime) -> Interval:
    """``age(left, right)``: the difference in years, months and days of the calendar, as people count."""
    return -_elapsed(right, left) if left < right else _elapsed(left, right)


def _elapsed(later: datetime, earlier: datetime) -> Interval:
    """From `earlier` to `later`; days that are missing are borrowed from the earlier month (timestamp_age)."""
    months = (later.year - earlier.year) * MONTHS_PER_YEAR + later.month - earlier.month
    days = later.day - earlier.day
    microseconds = _since_midnight(later.time()) - _since_midnight(earlier.time())
    if microseconds < 0:
        microseconds += MICROSECONDS_PER_DAY
        days -= 1
    while days < 0:
        days += monthrange(earlier.year, earlier.month)[1]
        months -= 1
    return Interval(months, days, microseconds)
