"""Dates and times: date, time, timestamp, timestamptz.

The session's time zone is always UTC, so that what a literal means does not depend on the node that reads it. Text is
ISO 8601 as PostgreSQL prints it (``DateStyle = ISO``); the other spellings that PostgreSQL can read ("January 8, 1999",
"tomorrow", zone names) are refused with a hint: what they mean depends on settings or on the clock.
Python's range holds: years 1 to 9999, and no ``24:00``, no infinity.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from exdbsql.schema import sqlstate
from exdbsql.schema.conversion import Conversions, mismatch, shortened
from exdbsql.schema.errors import DataError

MAX_SECOND_DIGITS = 6
DATE_HINT = "Write dates as YYYY-MM-DD, e.g. '1999-01-08'."
TIME_HINT = "Write times as HH:MM:SS, e.g. '04:05:06.789'."
TIMESTAMP_HINT = "Write timestamps as YYYY-MM-DD HH:MM:SS with an optional offset, e.g. '1999-01-08 04:05:06+02'."

_DATE = r"(?:(\d{4})-(\d{1,2})-(\d{1,2})|(\d{4})(\d{2})(\d{2}))"
_TIME = r"(\d{1,2}):(\d{1,2})(?::(\d{1,2})(\.\d*)?)?"
_ZONE = r"(?:(Z|UTC|GMT)|([+-])(\d{1,2})(?::?(\d{2}))?(?::(\d{2}))?)"
_TIMESTAMP_TEXT = re.compile(rf"\s*{_DATE}(?:(?:\s+|\s*[Tt]\s*){_TIME}\s*{_ZONE}?)?\s*", re.IGNORECASE | re.ASCII)
_TIME_TEXT = re.compile(rf"\s*{_TIME}\s*{_ZONE}?\s*", re.IGNORECASE | re.ASCII)


def _bad_format(name: str, text: str, hint: str) -> DataError:
    message = f'invalid input syntax for type {name}: "{shortened(text)}"'
    return DataError(message, sqlstate=sqlstate.INVALID_DATETIME_FORMAT, hint=hint)


def _field_overflow(text: object) -> DataError:
    message = f'date/time field value out of range: "{shortened(str(text))}"'
    return DataError(message, sqlstate=sqlstate.DATETIME_FIELD_OVERFLOW)


def _fraction(text: str | None) -> int:
    """Microseconds in ``.123``; more than six digits round, halves to even."""
    return round(float(text) * 1_000_000) if text and len(text) > 1 else 0


def _zone(fields: tuple[str | None, ...]) -> timezone | None:
    name, sign, hours, minutes, seconds = fields
    if name:
        return UTC
    if sign is None:
        return None
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0), seconds=int(seconds or 0))
    return timezone(-offset if sign == "-" else offset)


def _clock(hour: str, minute: str, second: str | None, fraction: str | None) -> timedelta:
    """Time since midnight; ValueError where a field is out of range."""
    plain = time(int(hour), int(minute), int(second or 0))
    elapsed = timedelta(hours=plain.hour, minutes=plain.minute, seconds=plain.second)
    return elapsed + timedelta(microseconds=_fraction(fraction))


def _parse_moment(name: str, text: str, hint: str) -> datetime:
    """Date, time and zone as written; naive where no zone is written."""
    found = _TIMESTAMP_TEXT.fullmatch(text)
    if found is None:
        raise _bad_format(name, text, hint)
    fields = found.groups()
    try:
        day = datetime(*(int(part) for part in (fields[:3] if fields[0] else fields[3:6])))  # type: ignore[arg-type]  # three numbers
        if fields[6] is None:
            return day
        return (day + _clock(*fields[6:10])).replace(tzinfo=_zone(fields[10:15]))
    except (ValueError, OverflowError):
        raise _field_overflow(text) from None


def _parse_date(text: str) -> date:
    return _parse_moment("date", text, DATE_HINT).date()


def _to_utc(moment: datetime) -> datetime:
    """`moment` in UTC; a naive one is taken to be in UTC already."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise _field_overflow(moment) from None
    except Exception as error:  # tzinfo is the program's own class
        message = f"the time zone of a value cannot be used: {type(error).__name__}: {error}"
        raise DataError(message, sqlstate=sqlstate.INVALID_PARAMETER_VALUE) from error


def _to_naive(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else _to_utc(moment).replace(tzinfo=None)


def _plain_datetime(moment: datetime) -> datetime:
    """`moment` as an exact datetime without a fold, whatever subclass it was (pandas has one)."""
    if type(moment) is datetime and not moment.fold:
        return moment
    m = moment
    return datetime(m.year, m.month, m.day, m.hour, m.minute, m.second, m.microsecond, tzinfo=m.tzinfo)


def _rounder(precision: int | None) -> Callable[[datetime], datetime] | None:
    """Rounds to `precision` digits of a second, halves up; None where nothing is to be done."""
    if precision is None or precision >= MAX_SECOND_DIGITS:
        return None
    unit = 10 ** (MAX_SECOND_DIGITS - precision)

    def rounded(moment: datetime) -> datetime:
        excess = moment.microsecond % unit
        if not excess:
            return moment
        try:
            return moment + timedelta(microseconds=unit - excess if excess * 2 >= unit else -excess)
        except OverflowError:
            raise _field_overflow(moment) from None

    return rounded


def date_conversions() -> Conversions:
    """Behaviour of date."""

    def coerce(value: Any) -> date | None:
        if type(value) is date or value is None:
            return value
        if isinstance(value, str):
            return _parse_date(value)
        if isinstance(value, datetime):
            return _to_naive(value).date()
        if isinstance(value, date):
            return date(value.year, value.month, value.day)
        raise mismatch("date", value)

    return Conversions(date, "type({v}) is date", coerce, _parse_date, date.isoformat)


def time_conversions(name: str, precision: int | None) -> Conversions:
    """Behaviour of time (without time zone); `precision` counts digits of a second."""
    rounded = _rounder(precision)
    anchor = datetime(2000, 1, 1)

    def fit(value: time) -> time:
        if rounded is None:
            return value
        moment = rounded(datetime.combine(anchor, value))
        if moment.date() != anchor.date():
            raise _field_overflow(value)
        return moment.time()

    def parse(text: str) -> time:
        found = _TIME_TEXT.fullmatch(text)
        if found is None:
            if ":" in text and _TIMESTAMP_TEXT.fullmatch(text):
                return fit(_parse_moment(name, text, TIME_HINT).time())
            raise _bad_format(name, text, TIME_HINT)
        try:
            moment = anchor + _clock(*found.groups()[:4])
        except ValueError:
            raise _field_overflow(text) from None
        if moment.date() != anchor.date():
            raise _field_overflow(text)
        return fit(moment.time())

    def coerce(value: Any) -> time | None:
        if value is None:
            return None
        if isinstance(value, str):
            return parse(value)
        if isinstance(value, datetime):
            return fit(_to_naive(value).time().replace(fold=0))
        if isinstance(value, time):
            return fit(time(value.hour, value.minute, value.second, value.microsecond))
        raise mismatch(name, value)

    guard = "type({v}) is time and {v}.tzinfo is None" if rounded is None else None
    return Conversions(time if guard else None, guard, coerce, parse, format_time)


def timestamp_conversions(name: str, precision: int | None, *, zoned: bool) -> Conversions:
    """Behaviour of timestamp (naive values) and, with `zoned`, of timestamptz (values in UTC)."""
    normal = _to_utc if zoned else _to_naive
    rounded = _rounder(precision)

    def fit(moment: datetime) -> datetime:
        normalised = normal(moment)
        return normalised if rounded is None else rounded(normalised)

    def parse(text: str) -> datetime:
        moment = _parse_moment(name, text, TIMESTAMP_HINT)
        # PostgreSQL ignores a zone in the text of a timestamp without time zone.
        return fit(moment if zoned else moment.replace(tzinfo=None))

    def coerce(value: Any) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            return fit(_plain_datetime(value))
        if isinstance(value, str):
            return parse(value)
        if isinstance(value, date):
            return fit(datetime(value.year, value.month, value.day))
        raise mismatch(name, value)

    tzinfo = "UTC" if zoned else "None"
    guard = f"type({{v}}) is datetime and {{v}}.tzinfo is {tzinfo}" if rounded is None else None
    formatter = format_timestamptz if zoned else format_timestamp
    return Conversions(datetime if guard else None, guard, coerce, parse, formatter)


def format_time(value: time) -> str:
    """``04:05:06.789``: a fraction only where there is one, without trailing zeros."""
    text = value.isoformat()
    return text.rstrip("0") if value.microsecond else text


def format_timestamp(value: datetime) -> str:
    """``1999-01-08 04:05:06.789``."""
    return f"{value.date().isoformat()} {format_time(value.time())}"


def format_timestamptz(value: datetime) -> str:
    """``1999-01-08 04:05:06.789+00``, always in UTC."""
    return format_timestamp(_to_utc(value)) + "+00"
