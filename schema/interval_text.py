"""Text of intervals: everything that PostgreSQL reads, written in its style ``postgres``.

Read are the verbose style (``@ 1 year 2 mons ago``), abbreviated units (``1h30m``), SQL's (``1-2 3 4:05:06``), and ISO 8601
with designators (``P1Y2M3DT4H5M6S``) and without (``P0001-02-03T04:05:06``). The two readers follow PostgreSQL's
ParseDateTime with DecodeInterval, and DecodeISO8601Interval (datetime.c): fields are read from the right, so that a unit is
known before its number. A number without a unit counts seconds; the fraction of a unit passes down to the smaller ones.
A few spellings that PostgreSQL stumbles over are read too: ``1day2hours``, ``-.5 day``.
"""

import re
from typing import Final

from exdbsql.schema import interval_units as units
from exdbsql.schema import sqlstate
from exdbsql.schema.conversion import shortened
from exdbsql.schema.errors import DataError
from exdbsql.schema.interval import (
    MICROSECONDS_PER_SECOND,
    MONTHS_PER_YEAR,
    Interval,
)
from exdbsql.schema.interval_units import Accumulator, FieldOverflow

HINT: Final = "Write intervals as in '1 year 2 months 3 days 04:05:06', or ISO 8601: 'P1Y2M3DT4H5M6S'."

# A field of ParseDateTime; other punctuation only separates.
_FIELD = re.compile(
    r"""
      (?P<time> \d+:[\d:.]* )
    | (?P<number> \d+(?:\.\d*)?(?![\d./-]) | \.\d* )
    | (?P<year_month> \d+-\d+(?![\w-]) )
    | (?P<signed> [+-]\s*[\d.][\d:.-]* )
    | (?P<word> [a-z]+(?![-/.+]) )
    | (?P<blank> [\s@,;!"#$%&'()*<=>?\[\\\]^_`{|}~:/]+ )
    """,
    re.VERBOSE | re.ASCII,
)
_TIME = re.compile(r"(\d+):(\d+)(?::(\d+))?(\.\d*)?")
_NUMBER = re.compile(r"([+-]?\d*)(\.\d*)?")
_YEAR_MONTH = re.compile(r"([+-]?)(\d+)-(\d+)")
_ISO_NUMBER = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")


class _Unreadable(Exception):
    """The text is no interval in the style that is tried."""


def parse_interval(text: str, *, unit: units.Unit = units.SECOND, in_minutes: bool = False) -> Interval:
    """The interval that `text` means.

    Args:
        text: what was written.
        unit: of a number at the end that has none.
        in_minutes: whether ``1:02`` are minutes and seconds.

    Raises:
        DataError: 22007 for what is none, 22015 and 22008 for one out of range.
    """
    try:
        try:
            return _parse_fields(text.lower(), unit, in_minutes)
        except _Unreadable:
            return _parse_iso(text)
    except _Unreadable:
        message = f'invalid input syntax for type interval: "{shortened(text)}"'
        raise DataError(message, sqlstate=sqlstate.INVALID_DATETIME_FORMAT, hint=HINT) from None
    except FieldOverflow:
        message = f'interval field value out of range: "{shortened(text)}"'
        raise DataError(message, sqlstate=sqlstate.INTERVAL_FIELD_OVERFLOW) from None


def _split(text: str) -> list[tuple[str, str]]:
    fields, position = [], 0
    while position < len(text):
        found = _FIELD.match(text, position)
        if found is None or found.lastgroup is None:
            raise _Unreadable
        position = found.end()
        if found.lastgroup != "blank":
            fields.append((found.lastgroup, "".join(found[0].split())))
    return fields


def _parse_fields(text: str, unit: units.Unit, in_minutes: bool) -> Interval:
    total = Accumulator()
    backwards = False
    seen: set[str] = set()
    for kind, field in reversed(_split(text)):
        if kind == "word":
            if field == "ago":
                backwards = True
            else:
                unit = units.unit_named(field) or _unreadable()
            continue
        if kind == "time" or (kind == "signed" and ":" in field):
            given = _add_time(total, field, in_minutes)
            unit = units.DAY
        elif "-" in field[1:]:
            given = _add_years_and_months(total, field)
            unit = units.MONTH
        else:
            given = _add_number(total, field, unit)
            unit = units.DAY if unit is units.HOUR else unit
        if seen & given:
            raise _Unreadable
        seen |= given
    if not seen:
        raise _Unreadable
    made = total.interval()
    return -made if backwards else made


def _unreadable() -> units.Unit:
    raise _Unreadable


def _add_time(total: Accumulator, field: str, in_minutes: bool) -> set[str]:
    found = _TIME.fullmatch(field.lstrip("+-"))
    if found is None:
        raise _Unreadable
    hours, minutes, seconds = int(found[1]), int(found[2]), int(found[3] or 0)
    if found[3] is None and (in_minutes or found[4] is not None):  # mm:ss.fff
        hours, minutes, seconds = 0, hours, minutes
    if minutes > 59 or seconds > 60:
        raise FieldOverflow
    time = ((hours * 60 + minutes) * 60 + seconds) * MICROSECONDS_PER_SECOND + _fraction_of_second(found[4])
    total.add_microseconds(-time if field[0] == "-" else time)
    return {"hour", "minute", "second", "millisecond", "microsecond"}


def _fraction_of_second(text: str | None) -> int:
    return round(_fraction(text) * MICROSECONDS_PER_SECOND)


def _fraction(text: str | None) -> float:
    return float(text) if text and len(text) > 1 else 0.0


def _add_years_and_months(total: Accumulator, field: str) -> set[str]:
    found = _YEAR_MONTH.fullmatch(field)
    if found is None:
        raise _Unreadable
    years, months = int(found[2]), int(found[3])
    if months >= MONTHS_PER_YEAR:
        raise FieldOverflow
    total.add_months((years * MONTHS_PER_YEAR + months) * (-1 if found[1] == "-" else 1))
    return {"month"}


def _add_number(total: Accumulator, field: str, unit: units.Unit) -> set[str]:
    found = _NUMBER.fullmatch(field)
    if found is None:
        raise _Unreadable
    sign = -1 if field[0] == "-" else 1
    digits = found[1].lstrip("+-")
    if len(digits) > 19:
        raise FieldOverflow
    fraction = _fraction(found[2])
    total.add(unit, sign * int(digits or 0), sign * fraction)
    if unit is units.SECOND and fraction:
        return {"second", "millisecond", "microsecond"}
    return {unit.name}


class _IsoReader:
    """What is left of an ISO 8601 text, read number by number."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._next = 0

    def number(self) -> tuple[int, float, int]:
        """Whole part, fraction, and how many digits the whole part has."""
        found = _ISO_NUMBER.match(self._text, self._next)
        if found is None:
            raise _Unreadable
        self._next = found.end()
        value = float(found[0])
        if abs(value) >= 1 << 63:
            raise FieldOverflow
        return int(value), value - int(value), len(re.match(r"-?(\d*)", found[0])[1])  # type: ignore[index]  # it always matches

    def designator(self) -> str:
        """The next character, consumed; "" at the end."""
        character = self._text[self._next : self._next + 1]
        self._next += 1
        return character

    def skip(self, character: str) -> bool:
        """Consumes `character` if it comes next, and says whether it did."""
        found = self._text.startswith(character, self._next)
        self._next += found
        return found

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._next >= len(self._text)


_ISO_DATE_UNITS: Final = {"Y": units.YEAR, "M": units.MONTH, "W": units.WEEK, "D": units.DAY}
_ISO_TIME_UNITS: Final = {"H": units.HOUR, "M": units.MINUTE, "S": units.SECOND}


def _parse_iso(text: str) -> Interval:
    if len(text) < 2 or text[0] != "P":
        raise _Unreadable
    reader, total = _IsoReader(text[1:]), Accumulator()
    if _read_iso_date(reader, total):
        _read_iso_time(reader, total)
    return total.interval()


def _read_iso_date(reader: _IsoReader, total: Accumulator) -> bool:
    """Reads what comes before T; whether a time follows."""
    first = True
    while not reader.at_end:
        if reader.skip("T"):
            return True
        whole, fraction, width = reader.number()
        mark = reader.designator()
        if mark in _ISO_DATE_UNITS and mark:
            total.add(_ISO_DATE_UNITS[mark], whole, fraction)
        elif mark in ("", "T") and width == 8 and first:  # YYYYMMDD
            total.add(units.YEAR, whole // 10_000, 0)
            total.add(units.MONTH, whole // 100 % 100, 0)
            total.add(units.DAY, whole % 100, fraction)
            return mark == "T"
        elif mark in ("", "T", "-") and first:
            total.add(units.YEAR, whole, fraction)
            return mark == "T" or (mark == "-" and _read_iso_rest(reader, total, (units.MONTH, units.DAY), "-", "T"))
        else:
            raise _Unreadable
        first = False
    return False


def _read_iso_time(reader: _IsoReader, total: Accumulator) -> None:
    first = True
    while not reader.at_end:
        whole, fraction, width = reader.number()
        mark = reader.designator()
        if mark in _ISO_TIME_UNITS and mark:
            total.add(_ISO_TIME_UNITS[mark], whole, fraction)
        elif not mark and width == 6 and first:  # HHMMSS
            total.add(units.HOUR, whole // 10_000, 0)
            total.add(units.MINUTE, whole // 100 % 100, 0)
            total.add(units.SECOND, whole % 100, fraction)
        elif mark in ("", ":") and first:
            total.add(units.HOUR, whole, fraction)
            if mark and _read_iso_rest(reader, total, (units.MINUTE, units.SECOND), ":", ""):
                raise _Unreadable
            return
        else:
            raise _Unreadable
        first = False


def _read_iso_rest(
    reader: _IsoReader, total: Accumulator, fields: tuple[units.Unit, ...], between: str, after: str
) -> bool:
    """Reads further fields of the alternative format; whether `after` ended them."""
    for position, unit in enumerate(fields):
        whole, fraction, _ = reader.number()
        total.add(unit, whole, fraction)
        mark = reader.designator()
        if not mark:
            return False
        if after and mark == after:
            return True
        if mark != between or position == len(fields) - 1:
            raise _Unreadable
    return False


def format_interval(interval: Interval) -> str:
    """PostgreSQL's output in the style ``postgres``: ``1 year 2 mons -3 days +04:05:06.789``."""
    years = abs(interval.months) // MONTHS_PER_YEAR * (-1 if interval.months < 0 else 1)
    parts: list[str] = []
    after_negative = False
    for number, name in ((years, "year"), (interval.months - years * MONTHS_PER_YEAR, "mon"), (interval.days, "day")):
        if number:
            sign = "+" if after_negative and number > 0 else ""
            parts.append(f"{sign}{number} {name}{'' if number == 1 else 's'}")
            after_negative = number < 0
    if interval.microseconds or not parts:
        sign = "-" if interval.microseconds < 0 else "+" if after_negative else ""
        parts.append(sign + _format_time(abs(interval.microseconds)))
    return " ".join(parts)


def _format_time(microseconds: int) -> str:
    seconds, fraction = divmod(microseconds, MICROSECONDS_PER_SECOND)
    minutes, second = divmod(seconds, 60)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}"
    return text + f".{fraction:06d}".rstrip("0") if fraction else text
