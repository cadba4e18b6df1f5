"""``to_char``, ``to_date``, ``to_timestamp`` and ``to_number``: templates for dates and numbers (PostgreSQL's manual, section 9.8).

A template is cut into fields once, and kept. Known are the fields of everyday templates; one that is not known is refused by name
rather than copied, as PostgreSQL would read it. Left out: locale-dependent ``TM``, Roman numerals read back, ``EEEE``, ``V``.
"""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError, NotSupportedError
from exdbsql.schema.interval import Interval

UTC: Final = datetime.UTC
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
    *("November", "December"),
)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ROMAN: Final = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
_FIELDS: Final = (
    *("HH24", "HH12", "HH", "MI", "SSSSS", "SSSS", "SS", "MS", "US", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6"),
    *(
        "A.M.",
        "P.M.",
        "a.m.",
        "p.m.",
        "AM",
        "PM",
        "am",
        "pm",
        "Y,YYY",
        "YYYY",
        "YYY",
        "YY",
        "Y",
        "IYYY",
        "IYY",
        "IY",
        "I",
    ),
    *("MONTH", "Month", "month", "MON", "Mon", "mon", "MM", "DAY", "Day", "day", "DY", "Dy", "dy", "DDD", "DD", "D"),
    *("IDDD", "ID", "IW", "WW", "W", "CC", "J", "Q", "RM", "rm", "TZH", "TZM", "TZ", "tz", "OF"),
    *("B.C.", "A.D.", "BC", "AD", "bc", "ad"),
)
_PIECE: Final = re.compile(
    r'"((?:[^"\\]|\\.)*)"|(FM|fm|TM|FX|fx)|('
    + "|".join(re.escape(f) for f in sorted(_FIELDS, key=len, reverse=True))
    + r")(TH|th|SP)?|([A-Za-z]+)|(.)",
    re.DOTALL,
)
_ANY_CASE: Final = {
    f.lower(): f for f in _FIELDS if f.upper() == f and f not in ("AM", "PM", "A.M.", "P.M.", "RM", "TZ")
}
_KEEPS_CASE: Final = frozenset({"month", "mon", "day", "dy", "rm", "tz"})


@lru_cache(maxsize=256)
def _template(text: str) -> tuple[tuple[str, str, bool, str], ...]:
    """Pieces: (kind, text, fill mode, suffix); kind is ``field`` or ``text``."""
    pieces: list[tuple[str, str, bool, str]] = []
    fill, at = False, 0
    while at < len(text):
        found = _PIECE.match(_in_known_case(text, at), 0)
        assert found is not None
        literal, modifier, field, suffix, word, other = found.groups()
        if literal is not None:
            pieces.append(("text", literal.replace('\\"', '"'), False, ""))
        elif modifier is not None:
            if modifier.upper() != "FM":
                raise NotSupportedError(f"the modifier {modifier} in a template is not supported")
            fill = True
        elif field is not None:
            if suffix == "SP":
                raise NotSupportedError("the suffix SP in a template is not supported")
            pieces.append(("field", field, fill, suffix or ""))
            fill = False
        elif word is not None and word[0] == "T":
            pieces.append(("text", "T", False, ""))
            at += 1
            continue
        elif word is not None:
            raise NotSupportedError(f'the field "{word}" in a template is not supported')
        else:
            pieces.append(("text", other, False, ""))
        at += found.end()
    return tuple(pieces)


def _in_known_case(text: str, at: int) -> str:
    """The rest of the template, with a field of other case at its beginning spelled as the table has it."""
    rest = text[at:]
    for length in range(min(5, len(rest)), 0, -1):
        word = rest[:length]
        if word in _FIELDS:
            return rest
        if word.lower() in _ANY_CASE and word.lower() not in _KEEPS_CASE:
            return _ANY_CASE[word.lower()] + rest[length:]
    return rest


def moment_to_char(value: Any, template: str) -> str:
    """``to_char(timestamp, template)``."""
    moment = value if isinstance(value, datetime.datetime) else datetime.datetime(value.year, value.month, value.day)
    out = []
    for kind, text, fill, suffix in _template(template):
        if kind == "text":
            out.append(text)
        else:
            shown = _date_field(text, moment, fill)
            out.append(shown + _ordinal(shown, suffix) if suffix else shown)
    return "".join(out)


def _ordinal(shown: str, suffix: str) -> str:
    number = int(re.sub(r"\D", "", shown) or 0)
    ending = "th" if 10 < number % 100 < 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return ending.upper() if suffix == "TH" else ending


def _date_field(field: str, m: datetime.datetime, fill: bool) -> str:
    numbers: dict[str, tuple[int, int]] = {
        "HH24": (m.hour, 2),
        "HH12": ((m.hour - 1) % 12 + 1, 2),
        "HH": ((m.hour - 1) % 12 + 1, 2),
        "MI": (m.minute, 2),
        "SS": (m.second, 2),
        "SSSS": ((m.hour * 60 + m.minute) * 60 + m.second, 0),
        "SSSSS": ((m.hour * 60 + m.minute) * 60 + m.second, 0),
        "MS": (m.microsecond // 1000, 3),
        "US": (m.microsecond, 6),
        "YYYY": (m.year, 4),
        "YYY": (m.year % 1000, 3),
        "YY": (m.year % 100, 2),
        "Y": (m.year % 10, 1),
        "IYYY": (m.isocalendar().year, 4),
        "IYY": (m.isocalendar().year % 1000, 3),
        "IY": (m.isocalendar().year % 100, 2),
        "I": (m.isocalendar().year % 10, 1),
        "MM": (m.month, 2),
        "DDD": (m.timetuple().tm_yday, 3),
        "DD": (m.day, 2),
        "D": (m.isoweekday() % 7 + 1, 1),
        "IDDD": ((m.isocalendar().week - 1) * 7 + m.isoweekday(), 3),
        "ID": (m.isoweekday(), 1),
        "IW": (m.isocalendar().week, 2),
        "WW": ((m.timetuple().tm_yday - 1) // 7 + 1, 2),
        "W": ((m.day - 1) // 7 + 1, 1),
        "CC": ((m.year + 99) // 100, 2),
        "J": (m.toordinal() + 1721425, 0),
        "Q": ((m.month + 2) // 3, 1),
    }
    if field in numbers:
        number, width = numbers[field]
        return str(number) if fill else str(number).zfill(width)
    if field.startswith("FF"):
        return f"{m.microsecond:06}"[: int(field[2])]
    return _word_field(field, m, fill)


def _word_field(field: str, m: datetime.datetime, fill: bool) -> str:
    lower = field.lower()
    if lower in ("month", "day"):
        name = _MONTHS[m.month - 1] if lower == "month" else _DAYS[m.weekday()]
        return _cased(name, field) if fill else _cased(name, field).ljust(9)
    if lower in ("mon", "dy"):
        return _cased((_MONTHS[m.month - 1] if lower == "mon" else _DAYS[m.weekday()])[:3], field)
    if lower in ("am", "pm", "a.m.", "p.m."):
        half = "am" if m.hour < 12 else "pm"
        half = f"{half[0]}.{half[1]}." if "." in field else half
        return half.upper() if field.isupper() else half
    if lower in ("ad", "bc", "a.d.", "b.c."):
        era = "a.d." if "." in field else "ad"
        return era.upper() if field.isupper() else era
    if lower == "rm":
        roman = _ROMAN[m.month - 1]
        roman = roman if field == "RM" else roman.lower()
        return roman if fill else roman.ljust(4)
    if field == "Y,YYY":
        return f"{m.year // 1000},{m.year % 1000:03}"
    zoned = m.tzinfo is not None
    return {"TZ": "UTC" if zoned else "", "tz": "utc" if zoned else "", "OF": "+00", "TZH": "+00", "TZM": "00"}[field]


def _cased(name: str, field: str) -> str:
    return name.upper() if field.isupper() else name.lower() if field.islower() else name


def interval_to_char(value: Interval, template: str) -> str:
    """``to_char(interval, template)``."""
    total = value.microseconds
    sign = -1 if total < 0 else 1
    seconds, microsecond = divmod(abs(total), 1_000_000)
    years, months = divmod(abs(value.months), 12)
    month_sign = -1 if value.months < 0 else 1
    parts = {
        "HH24": (sign * (seconds // 3600), 2),
        "HH12": (sign * ((seconds // 3600 - 1) % 12 + 1), 2),
        "HH": (sign * ((seconds // 3600 - 1) % 12 + 1), 2),
        "MI": (sign * (seconds // 60 % 60), 2),
        "SS": (sign * (seconds % 60), 2),
        "SSSS": (sign * seconds, 0),
        "MS": (sign * (microsecond // 1000), 3),
        "US": (sign * microsecond, 6),
        "YYYY": (month_sign * years, 4),
        "MM": (month_sign * months, 2),
        "DD": (value.days, 2),
        "DDD": (value.days, 3),
    }
    out = []
    for kind, text, fill, _ in _template(template):
        if kind == "text":
            out.append(text)
        elif text in parts:
            number, width = parts[text]
            sign_place = number < 0 and text not in ("DD", "DDD")
            out.append(str(number) if fill else str(number).zfill(width + sign_place))
        else:
            raise NotSupportedError(f'the field "{text}" in a template for an interval is not supported')
    return "".join(out)


# reading dates

_LENGTHS: Final = {
    "YYYY": 4,
    "YYY": 3,
    "YY": 2,
    "Y": 1,
    "MM": 2,
    "DD": 2,
    "DDD": 3,
    "HH24": 2,
    "HH12": 2,
    "HH": 2,
    "MI": 2,
    "SS": 2,
    "MS": 3,
    "US": 6,
    "SSSS": 5,
    "SSSSS": 5,
    "D": 1,
    "Q": 1,
    "J": 7,
    "FF1": 1,
    "FF2": 2,
    "FF3": 3,
    "FF4": 4,
    "FF5": 5,
    "FF6": 6,
    "IYYY": 4,
    "IW": 2,
    "ID": 1,
    "WW": 2,
    "W": 1,
    "CC": 2,
}


def _read(text: str, template: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    pieces = _template(template)
    at = 0
    for i, (kind, piece, fill, _) in enumerate(pieces):
        if kind == "text":
            if at < len(text) and (piece[0].isspace() or not piece.isalnum()):
                if not text[at].isalnum() and text[at] not in "+-" or text[at] == piece:
                    at += 1
            else:
                at += len(piece)
            continue
        while at < len(text) and text[at].isspace():
            at += 1
        lower = piece.lower()
        if lower in ("month", "mon", "day", "dy"):
            at = _read_name(text, at, lower, fields)
            continue
        if lower in ("am", "pm", "a.m.", "p.m."):
            found = re.compile(r"([ap])\.?m\.?", re.IGNORECASE).match(text, at)
            if found is None:
                raise _bad(text[at:], piece)
            fields["pm"] = found[1].lower() == "p"
            at = found.end()
            continue
        if piece not in _LENGTHS:
            raise NotSupportedError(f'reading the field "{piece}" is not supported')
        follows_digit = i + 1 < len(pieces) and pieces[i + 1][0] == "field"
        width = _LENGTHS[piece] if follows_digit and not fill else 18
        found = re.compile(rf"[+-]?\d{{1,{width}}}").match(text, at)
        if found is None:
            if at >= len(text):
                break
            raise _bad(text[at:], piece)
        fields[piece] = (int(found.group()), len(found.group()))
        at = found.end()
    return fields


def _read_name(text: str, at: int, kind: str, fields: dict[str, Any]) -> int:
    names = _MONTHS if kind in ("month", "mon") else _DAYS
    for i, name in enumerate(names):
        shown = name if kind in ("month", "day") else name[:3]
        if text[at : at + len(shown)].lower() == shown.lower():
            if kind in ("month", "mon"):
                fields["MM"] = (i + 1, 2)
            return at + len(shown)
    raise _bad(text[at:], kind)


def _bad(rest: str, field: str) -> DataError:
    return DataError(
        f'invalid value "{rest[:20]}" for "{field}"',
        sqlstate=sqlstate.INVALID_DATETIME_FORMAT,
        hint="the text must follow the template",
    )


def _date_of(f: dict[str, Any], text: str) -> datetime.date:
    year = 0
    for name, _base in (("YYYY", 0), ("YYY", 1000), ("YY", 100), ("Y", 10)):
        if name in f:
            number, digits = f[name]
            year = number if name == "YYYY" or digits > len(name) else _full_year(number, digits)
    if "J" in f:
        try:
            return datetime.date.fromordinal(f["J"][0] - 1721425)
        except (ValueError, OverflowError):
            raise DataError(f'date out of range: "{text}"', sqlstate=sqlstate.DATETIME_FIELD_OVERFLOW) from None
    if "IYYY" in f:
        week, day = f.get("IW", (1, 0))[0], f.get("ID", (1, 0))[0]
        return datetime.date.fromisocalendar(f["IYYY"][0], week, day)
    if not year:
        raise DataError(
            f'date out of range: "{text}"',
            sqlstate=sqlstate.DATETIME_FIELD_OVERFLOW,
            hint="the template has no year; PostgreSQL takes 1 BC, which is no date here",
        )
    if "DDD" in f:
        return datetime.date(year, 1, 1) + datetime.timedelta(days=f["DDD"][0] - 1)
    try:
        return datetime.date(year, f.get("MM", (1, 0))[0], f.get("DD", (1, 0))[0])
    except ValueError:
        raise DataError(
            f'date/time field value out of range: "{text}"', sqlstate=sqlstate.DATETIME_FIELD_OVERFLOW
        ) from None


def _full_year(number: int, digits: int) -> int:
    """Two digits are the year nearest to 2020, three those of 1000 to 2999."""
    if digits == 3:
        return number + (1000 if number >= 520 else 2000)
    return number + (1900 if number >= 70 else 2000)


def to_date(text: str, template: str) -> datetime.date:
    """``to_date``."""
    return _date_of(_read(text, template), text)


def to_timestamp(text: str, template: str) -> datetime.datetime:
    """``to_timestamp(text, template)``."""
    f = _read(text, template)
    day = _date_of(f, text)
    hour = f.get("HH24", f.get("HH12", f.get("HH", (0, 0))))[0]
    if "pm" in f:
        if not 1 <= hour <= 12:
            raise DataError(
                f'hour "{hour}" is invalid for the 12-hour clock', sqlstate=sqlstate.INVALID_DATETIME_FORMAT
            )
        hour = hour % 12 + (12 if f["pm"] else 0)
    microsecond = 0
    for name, digits in (("MS", 3), ("US", 6), *((f"FF{n}", n) for n in range(1, 7))):
        if name in f:
            value, length = f[name]
            microsecond += value * 10 ** (6 - min(length, digits) if name != "US" else 6 - length)
    try:
        if "SSSS" in f or "SSSSS" in f:
            seconds = f["SSSS" if "SSSS" in f else "SSSSS"][0]
            return datetime.datetime(day.year, day.month, day.day, tzinfo=UTC) + datetime.timedelta(seconds=seconds)
        return datetime.datetime(
            day.year, day.month, day.day, hour, f.get("MI", (0, 0))[0], f.get("SS", (0, 0))[0], microsecond, tzinfo=UTC
        )
    except ValueError:
        raise DataError(
            f'date/time field value out of range: "{text}"', sqlstate=sqlstate.DATETIME_FIELD_OVERFLOW
        ) from None


# numbers


def to_number(text: str, template: str) -> Decimal:
    """``to_number``: the digits, sign and point of the text; the template says where groups are."""
    groups = bool(re.search("[,G]", template, re.IGNORECASE))
    shown = text.strip()
    negative = shown.startswith(("-", "<")) or (
        shown.endswith("-") and bool(re.search("MI|S", template, re.IGNORECASE))
    )
    places = len(re.findall("[09]", re.split("[.D]", template, flags=re.IGNORECASE)[0]))
    wanted = re.sub(r"[^\d.]", "", shown.replace(",", "") if groups else shown.split(",")[0])
    whole, point, fraction = wanted.partition(".")
    decimals = len(re.findall("[09]", "".join(re.split("[.D]", template, flags=re.IGNORECASE)[1:])))
    whole = whole[:places]
    if not whole and not fraction:
        raise DataError(
            f'invalid input syntax for type numeric: "{text}"', sqlstate=sqlstate.INVALID_TEXT_REPRESENTATION
        )
    number = Decimal(f"{whole or '0'}{point and decimals and '.' or ''}{fraction[:decimals]}")
    return -number if negative else number
