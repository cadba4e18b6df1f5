"""Dates, times and intervals: parts, spans, bins, series (PostgreSQL's manual, section 9.9). The session's time zone is UTC."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from exdbsql.schema import interval_arithmetic as arithmetic
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError, NotSupportedError
from exdbsql.schema.interval import MICROSECONDS_PER_DAY, Interval

UTC: Final = datetime.UTC
_OVERFLOW: Final = sqlstate.DATETIME_FIELD_OVERFLOW
_INVALID: Final = sqlstate.INVALID_PARAMETER_VALUE
_PIECE: Final = 250
"""Rows of a series that are made by one call; in between, the statement can be cancelled. Fewer than the garbage collector waits
for, whose callbacks, where a program has any, swallow what arrives while they run."""


def interval_part(field: str, value: Interval) -> Decimal:
    """EXTRACT from an interval."""
    field = _unit(field)
    years, months = _truncated(value.months, 12)
    microseconds = value.microseconds
    seconds = microseconds - _truncated(microseconds, 60_000_000)[0] * 60_000_000
    match field:
        case "microseconds" | "microsecond":
            return Decimal(seconds)
        case "milliseconds" | "millisecond":
            return Decimal(seconds).scaleb(-3)
        case "second":
            return Decimal(seconds).scaleb(-6)
        case "minute":
            return Decimal(_truncated(microseconds, 60_000_000)[0] - _truncated(microseconds, 3_600_000_000)[0] * 60)
        case "hour":
            return Decimal(_truncated(microseconds, 3_600_000_000)[0])
        case "day":
            return Decimal(value.days)
        case "month":
            return Decimal(months)
        case "quarter":
            return Decimal(months // 3 + 1)
        case "year":
            return Decimal(years)
        case "decade":
            return Decimal(_truncated(years, 10)[0])
        case "century":
            return Decimal(_truncated(years, 100)[0])
        case "millennium":
            return Decimal(_truncated(years, 1000)[0])
        case "epoch":
            # a year counts 365.25 days here, a month beyond years 30
            days = Decimal(years) * Decimal("365.25") + months * 30 + value.days
            return (days * 86400 + Decimal(microseconds).scaleb(-6)).quantize(Decimal("0.000001"))
    if field in _FIELDS_OF_MOMENTS:
        raise NotSupportedError(f'unit "{field}" is not supported for type interval')
    raise DataError(f'unit "{field}" not recognized for type interval', sqlstate=_INVALID)


_FIELDS_OF_MOMENTS: Final = frozenset(
    {"dow", "doy", "isodow", "isoyear", "julian", "week", "timezone", "timezone_hour", "timezone_minute"}
)


def _truncated(number: int, unit: int) -> tuple[int, int]:
    quotient = abs(number) // unit * (-1 if number < 0 else 1)
    return quotient, number - quotient * unit


def _unit(field: str) -> str:
    field = field.lower()
    return field if field in ("milliseconds", "microseconds") else _UNITS.get(field, field)


_UNITS: Final = {
    **{f"{u}s": u for u in ("second", "minute", "hour", "day", "week", "month", "year", "quarter", "decade")},
    "centuries": "century",
    "millennia": "millennium",
    "sec": "second",
    "min": "minute",
    "hr": "hour",
    "mon": "month",
}


def trunc_interval(unit: str, value: Interval) -> Interval:
    """``date_trunc`` of an interval."""
    unit = _unit(unit)
    sizes = {
        "microseconds": 1,
        "microsecond": 1,
        "milliseconds": 1000,
        "millisecond": 1000,
        "second": 1_000_000,
        "minute": 60_000_000,
        "hour": 3_600_000_000,
    }
    months = {"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200, "millennium": 12000}
    if unit in sizes:
        size = sizes[unit]
        return Interval(value.months, value.days, _truncated(value.microseconds, size)[0] * size)
    if unit == "day":
        return Interval(value.months, value.days)
    if unit in months:
        return Interval(_truncated(value.months, months[unit])[0] * months[unit])
    if unit == "week":
        raise NotSupportedError('unit "week" is not supported for type interval')
    raise DataError(f'unit "{unit}" not recognized for type interval', sqlstate=_INVALID)


def make_interval(
    years: int = 0, months: int = 0, weeks: int = 0, days: int = 0, hours: int = 0, mins: int = 0, secs: float = 0.0
) -> Interval:
    """``make_interval``."""
    microseconds = (hours * 60 + mins) * 60_000_000 + round(secs * 1_000_000)
    return Interval(years * 12 + months, weeks * 7 + days, microseconds)


def age(left: datetime.datetime, right: datetime.datetime) -> Interval:
    """``age(left, right)``."""
    return arithmetic.age(left, right)


def age_today(today: datetime.datetime, value: datetime.datetime) -> Interval:
    """``age(value)``: from today's midnight."""
    midnight = datetime.datetime(today.year, today.month, today.day)
    return arithmetic.age(midnight, value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value)


def make_time(hour: int, minute: int, second: float) -> datetime.time:
    """``make_time``."""
    try:
        whole = int(second)
        return datetime.time(hour, minute, whole, round((second - whole) * 1_000_000))
    except ValueError:
        raise DataError(f"time field value out of range: {hour}:{minute:02}:{second}", sqlstate=_OVERFLOW) from None


def make_timestamp(year: int, month: int, day: int, hour: int, minute: int, second: float) -> datetime.datetime:
    """``make_timestamp``."""
    try:
        return datetime.datetime.combine(datetime.date(year, month, day), make_time(hour, minute, second))
    except ValueError:
        raise DataError(f"date field value out of range: {year}-{month}-{day}", sqlstate=_OVERFLOW) from None


def make_timestamptz(*parts: Any) -> datetime.datetime:
    """``make_timestamptz``, with an optional time zone."""
    made = make_timestamp(*parts[:6])
    return at_zone(parts[6], made) if len(parts) > 6 else made.replace(tzinfo=UTC)


def to_timestamp(seconds: float) -> datetime.datetime:
    """``to_timestamp(seconds since 1970)``."""
    try:
        microseconds = int(Decimal(repr(float(seconds))).scaleb(6).to_integral_value(ROUND_HALF_EVEN))
        return datetime.datetime(1970, 1, 1, tzinfo=UTC) + datetime.timedelta(microseconds=microseconds)
    except (OverflowError, ArithmeticError):
        raise DataError("timestamp out of range", sqlstate=_OVERFLOW) from None


def date_bin(stride: Interval, value: datetime.datetime, origin: datetime.datetime) -> datetime.datetime:
    """``date_bin``."""
    if stride.months:
        raise DataError(
            "timestamps cannot be binned into intervals containing months or years",
            sqlstate=sqlstate.FEATURE_NOT_SUPPORTED,
        )
    size = stride.days * MICROSECONDS_PER_DAY + stride.microseconds
    if size <= 0:
        raise DataError("stride must be greater than zero", sqlstate=_OVERFLOW)
    distance = (value - origin) // datetime.timedelta(microseconds=1)
    return origin + datetime.timedelta(microseconds=distance // size * size)


def _zone(name: str) -> datetime.tzinfo:
    if name.upper() in _ABBREVIATIONS:
        return datetime.timezone(datetime.timedelta(minutes=_ABBREVIATIONS[name.upper()]))
    posix = _POSIX_ZONE.fullmatch(name)
    if posix is not None:
        name = posix.group(1)
    sign, rest = name[:1], name[1:]
    if sign in "+-" and rest[:1].isdigit():
        # as POSIX has it: west of Greenwich is positive
        hours, _, minutes = rest.partition(":")
        offset = datetime.timedelta(hours=int(hours), minutes=int(minutes or 0))
        return datetime.timezone(offset if sign == "-" else -offset)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DataError(
            f'time zone "{name}" not recognized', sqlstate=_INVALID, hint="e.g. Europe/Berlin, UTC"
        ) from None


_POSIX_ZONE: Final = re.compile(r"[A-Za-z]{3,}([+-]\d{1,2}(?::\d\d)?)")
"""``UTC+3``: as without the name."""
_ABBREVIATIONS: Final = {
    name: int(hours * 60)
    for hours, names in (
        *((0, "UTC GMT Z WET UCT ZULU"), (1, "CET WEST MET BST"), (2, "CEST EET MEST"), (3, "EEST MSK"), (4, "MSD")),
        *((5, "PKT"), (8, "HKT AWST"), (9, "JST KST"), (9.5, "ACST"), (10, "AEST"), (11, "AEDT"), (12, "NZST")),
        *((-2.5, "NDT"), (-3, "ADT"), (-3.5, "NST"), (-4, "EDT AST"), (-5, "EST CDT"), (-6, "CST MDT")),
        *((-7, "MST PDT"), (-8, "PST AKDT"), (-9, "AKST"), (-10, "HST"), (13, "NZDT")),
    )
    for name in names.split()
}
"""Minutes east of Greenwich; an abbreviation means one offset, whatever the season."""


def at_zone(zone: str, value: datetime.datetime) -> datetime.datetime:
    """``timestamp AT TIME ZONE zone``: when the clocks there showed it; of two such moments the second, in standard time."""
    early = value.replace(tzinfo=_zone(zone))
    late = early.replace(fold=1)
    before, after = early.utcoffset(), late.utcoffset()
    twice = before is not None and after is not None and before > after
    return (late if twice else early).astimezone(UTC)


def in_zone(zone: str, value: datetime.datetime) -> datetime.datetime:
    """``timestamptz AT TIME ZONE zone``: what the clocks there showed."""
    return value.astimezone(_zone(zone)).replace(tzinfo=None)


def at_offset(offset: Interval, value: datetime.datetime) -> datetime.datetime:
    """``AT TIME ZONE interval``, east positive."""
    span = datetime.timedelta(microseconds=offset.microseconds)
    return (value - span).replace(tzinfo=UTC) if value.tzinfo is None else (value + span).replace(tzinfo=None)


def date_plus_time(day: datetime.date, clock: datetime.time) -> datetime.datetime:
    """``date + time``."""
    return datetime.datetime.combine(day, clock)


def clock_now() -> datetime.datetime:
    """``clock_timestamp()``."""
    return datetime.datetime.now(UTC)


def time_of_day() -> str:
    """``timeofday()``."""
    return clock_now().strftime("%a %b %d %H:%M:%S.%f %Y UTC")


def overlaps(a: Any, b: Any, c: Any, d: Any) -> bool | None:
    """``(a, b) OVERLAPS (c, d)``: ends may come in any order; one of a pair may be NULL."""
    first, second = _period(a, b), _period(c, d)
    if first is None or second is None:
        return None
    (a, b), (c, d) = first, second
    if a > c:
        return None if d is None else True if a < d else None if b is None else False
    if a < c:
        return None if b is None else True if c < b else None if d is None else False
    return None if b is None or d is None else True


def _period(start: Any, end: Any) -> tuple[Any, Any] | None:
    if start is None:
        return None if end is None else (end, None)
    return (end, start) if end is not None and end < start else (start, end)


def series_of_numbers(start: Any, stop: Any, step: Any = 1) -> list[tuple[Any]]:
    """``generate_series`` of integers."""
    if step == 0:
        raise DataError("step size cannot equal zero", sqlstate=_INVALID)
    rows: list[tuple[Any]] = []
    end = stop + (1 if step > 0 else -1)
    for first in range(start, end, step * _PIECE):
        last = first + step * _PIECE
        rows += zip(range(first, min(last, end) if step > 0 else max(last, end), step), strict=True)
    return rows


def series_of_numerics(start: Decimal, stop: Decimal, step: Decimal = Decimal(1)) -> list[tuple[Decimal]]:
    """``generate_series`` of numerics."""
    if step == 0:
        raise DataError("step size cannot equal zero", sqlstate=_INVALID)
    return list(_numerics(Decimal(start), Decimal(stop), Decimal(step)))


def _numerics(value: Decimal, stop: Decimal, step: Decimal) -> Iterator[tuple[Decimal]]:
    value += step * 0  # with the scale of the step
    while value <= stop if step > 0 else value >= stop:
        yield (value,)
        value += step


def series_of_moments(
    start: datetime.datetime, stop: datetime.datetime, step: Interval
) -> list[tuple[datetime.datetime]]:
    """``generate_series`` of timestamps."""
    if step.span == 0:
        raise DataError("step size cannot equal zero", sqlstate=_INVALID)
    return list(_moments(start, stop, step))


def _moments(value: datetime.datetime, stop: datetime.datetime, step: Interval) -> Iterator[tuple[datetime.datetime]]:
    forward = step.span > 0
    while value <= stop if forward else value >= stop:
        yield (value,)
        value = arithmetic.add_interval(value, step)
