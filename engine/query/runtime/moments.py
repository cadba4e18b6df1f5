"""Dates and times: parts, truncation, the clock of a statement. The session's time zone is UTC."""

import datetime
from decimal import Decimal
from typing import Any, Final

from exdbsql.schema.errors import DataError, NotSupportedError

UTC: Final = datetime.UTC
_EPOCH: Final = datetime.datetime(1970, 1, 1)
_TRUNCATED: Final = {
    "second": {"microsecond": 0},
    "minute": {"second": 0, "microsecond": 0},
    "hour": {"minute": 0, "second": 0, "microsecond": 0},
    "day": {"hour": 0, "minute": 0, "second": 0, "microsecond": 0},
    "month": {"day": 1, "hour": 0, "minute": 0, "second": 0, "microsecond": 0},
    "year": {"month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0, "microsecond": 0},
}


def now() -> datetime.datetime:
    """The time of the statement's start."""
    return datetime.datetime.now(UTC)


def date_to_timestamp(value: datetime.date) -> datetime.datetime:
    """Midnight of a date."""
    return datetime.datetime(value.year, value.month, value.day)


def date_to_timestamptz(value: datetime.date) -> datetime.datetime:
    """Midnight of a date, UTC."""
    return datetime.datetime(value.year, value.month, value.day, tzinfo=UTC)


def with_zone(value: datetime.datetime) -> datetime.datetime:
    """A timestamp without time zone, taken as UTC."""
    return value.replace(tzinfo=UTC)


def without_zone(value: datetime.datetime) -> datetime.datetime:
    """A timestamp with time zone as UTC's wall clock."""
    return value.astimezone(UTC).replace(tzinfo=None)


def date_plus_days(value: datetime.date, days: int) -> datetime.date:
    """A date some days later."""
    try:
        return value + datetime.timedelta(days=days)
    except OverflowError:
        raise DataError("date out of range", sqlstate="22008") from None


def date_part(field: str, value: Any) -> Decimal:
    """One field of a date, time or timestamp, as EXTRACT gives it."""
    field = field.lower()
    if isinstance(value, datetime.time):
        moment, allowed = datetime.datetime.combine(_EPOCH, value), _TIME_FIELDS
    elif isinstance(value, datetime.datetime):
        moment, allowed = value, _DATE_FIELDS | _TIME_FIELDS
    else:
        moment, allowed = date_to_timestamp(value), _DATE_FIELDS | {"epoch"}
    if field not in _DATE_FIELDS | _TIME_FIELDS:
        raise DataError(f'unit "{field}" not recognized for this type', sqlstate="22023")
    if field not in allowed:
        raise NotSupportedError(f'unit "{field}" is not supported for this type')
    return _field(field, moment, isinstance(value, datetime.datetime | datetime.time))


_TIME_FIELDS: Final = {"hour", "minute", "second", "milliseconds", "microseconds", "epoch"}
_DATE_FIELDS: Final = {"year", "month", "day", "dow", "isodow", "doy", "week", "quarter", "isoyear"} | {
    *("century", "decade", "millennium", "julian", "timezone", "timezone_hour", "timezone_minute"),
    "epoch",
}


def _field(field: str, moment: datetime.datetime, has_time: bool) -> Decimal:
    match field:
        case "second":
            return Decimal(moment.second * 1_000_000 + moment.microsecond).scaleb(-6)
        case "milliseconds":
            return Decimal(moment.second * 1_000_000 + moment.microsecond).scaleb(-3)
        case "microseconds":
            return Decimal(moment.second * 1_000_000 + moment.microsecond)
        case "dow":
            return Decimal(moment.isoweekday() % 7)
        case "isodow":
            return Decimal(moment.isoweekday())
        case "doy":
            return Decimal(moment.timetuple().tm_yday)
        case "week":
            return Decimal(moment.isocalendar().week)
        case "isoyear":
            return Decimal(moment.isocalendar().year)
        case "quarter":
            return Decimal((moment.month + 2) // 3)
        case "millennium":
            return Decimal((moment.year + 999) // 1000)
        case "julian":
            day = Decimal(moment.toordinal() + 1721425)
            seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second + Decimal(moment.microsecond).scaleb(-6)
            return (day + seconds / 86400).quantize(Decimal(1).scaleb(-20)) if seconds else day
        case "timezone" | "timezone_hour" | "timezone_minute":
            if moment.tzinfo is None:
                raise NotSupportedError(f'unit "{field}" is not supported for this type')
            return Decimal(0)
        case "century":
            return Decimal((moment.year + 99) // 100)
        case "decade":
            return Decimal(moment.year // 10)
        case "epoch":
            span = (moment if moment.tzinfo is None else without_zone(moment)) - _EPOCH
            microseconds = (span.days * 86400 + span.seconds) * 1_000_000 + span.microseconds
            return Decimal(microseconds).scaleb(-6) if has_time else Decimal(microseconds // 1_000_000)
    return Decimal(int(getattr(moment, field)))


def date_trunc(unit: str, value: datetime.datetime) -> datetime.datetime:
    """A timestamp cut to a unit."""
    unit = unit.lower().rstrip("s") if unit.lower() not in _TRUNCATED else unit.lower()
    if unit == "week":
        monday = value - datetime.timedelta(days=value.weekday())
        return monday.replace(hour=0, minute=0, second=0, microsecond=0)
    spans = {"decade": (10, 0), "century": (100, 1), "millennium": (1000, 1)}
    if unit in spans:
        size, first = spans[unit]
        return date_trunc("year", value).replace(year=max(1, (value.year - first) // size * size + first))
    if unit == "quarter":
        return date_trunc("month", value).replace(month=(value.month - 1) // 3 * 3 + 1)
    if unit == "millisecond":
        return value.replace(microsecond=value.microsecond // 1000 * 1000)
    if unit == "microsecond":
        return value
    if unit not in _TRUNCATED:
        raise DataError(f'unit "{unit}" not recognized for this type', sqlstate="22023")
    changed: Any = _TRUNCATED[unit]
    return value.replace(**changed)


def make_date(year: int, month: int, day: int) -> datetime.date:
    """A date from its parts."""
    try:
        return datetime.date(year, month, day)
    except ValueError:
        raise DataError(f"date field value out of range: {year}-{month}-{day}", sqlstate="22008") from None


NAMES: Final[dict[str, object]] = {
    f.__name__: f
    for f in (
        *(now, date_to_timestamp, date_to_timestamptz, with_zone, without_zone, date_plus_days, date_part),
        *(date_trunc, make_date),
    )
}
