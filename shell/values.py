"""SQL values as text: as PostgreSQL prints them for people, and as JSON for programs.

The Python class of a value decides its form; the name of its column's type only decides on which side it stands. JSON
keeps numbers exact: a NUMERIC is written digit for digit, not through a float.
"""

import datetime
import decimal
import json
import math
from typing import Any

_RIGHT_ALIGNED = ("smallint", "integer", "bigint", "numeric", "real", "double precision")


def plain_text(value: Any) -> str:
    """The text form of a value that is not None."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, datetime.datetime | datetime.time):
        return _time_text(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=plain_text)
    return str(value)


def _float_text(value: float) -> str:
    if math.isfinite(value):
        return repr(value).removesuffix(".0")
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _time_text(value: datetime.datetime | datetime.time) -> str:
    """Without the zeros that carry nothing: ``2024-05-01 12:00:00.5+00``."""
    text = value.replace(tzinfo=None).isoformat() if value.tzinfo else value.isoformat()
    if value.microsecond:
        text = text.rstrip("0")
    offset = value.utcoffset()
    if offset is not None:
        minutes = int(offset.total_seconds()) // 60
        sign = "-" if minutes < 0 else "+"
        text += f"{sign}{abs(minutes) // 60:02d}" + (f":{abs(minutes) % 60:02d}" if minutes % 60 else "")
    return text.replace("T", " ")


def is_right_aligned(type_name: str) -> bool:
    """Whether values of the type are numbers, which stand on the right."""
    return type_name.partition("(")[0] in _RIGHT_ALIGNED


def json_text(value: Any) -> str:
    """`value` as a JSON value; what JSON has no form for becomes a string."""
    if value is None or isinstance(value, bool | int | str | dict | list):
        return json.dumps(value, ensure_ascii=False, default=plain_text)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, decimal.Decimal) and value.is_finite():
        return format(value, "f")
    return json.dumps(plain_text(value), ensure_ascii=False)
