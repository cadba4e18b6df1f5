"""Trigonometry in degrees, exact where the result is: PostgreSQL's method (utils/adt/float.c), digit for digit.

Each function goes back to the first quadrant, and there scales so that 30, 45 and 60 degrees come out exactly.
"""

import math
from typing import Final

from exdbsql.engine.query.runtime.arithmetic import check_float
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError

_RADIANS: Final = 0.0174532925199432957692
_SIN_30: Final = math.sin(30 * _RADIANS)
_ONE_MINUS_COS_60: Final = 1.0 - math.cos(60 * _RADIANS)
_ASIN_HALF: Final = math.asin(0.5)
_ACOS_HALF: Final = math.acos(0.5)
_ATAN_1: Final = math.atan(1.0)


def _sine_to_30(x: float) -> float:
    return math.sin(x * _RADIANS) / _SIN_30 / 2.0


def _cosine_to_60(x: float) -> float:
    return 1.0 - (1.0 - math.cos(x * _RADIANS)) / _ONE_MINUS_COS_60 / 2.0


def _sine(x: float) -> float:
    """Of the first quadrant."""
    return _sine_to_30(x) if x <= 30 else _cosine_to_60(90 - x)


def _cosine(x: float) -> float:
    return _cosine_to_60(x) if x <= 60 else _sine_to_30(90 - x)


_TAN_45: Final = _sine(45) / _cosine(45)
_COT_45: Final = _cosine(45) / _sine(45)


def _in_range(x: float) -> float:
    if math.isinf(x):
        raise DataError("input is out of range", sqlstate=sqlstate.NUMERIC_VALUE_OUT_OF_RANGE)
    return math.fmod(x, 360)


def sin_degrees(x: float) -> float:
    """``sind``."""
    if math.isnan(x):
        return x
    turned, sign = _in_range(x), 1
    if turned < 0:
        turned, sign = -turned, -sign
    if turned > 180:
        turned, sign = 360 - turned, -sign
    return sign * _sine(180 - turned if turned > 90 else turned)


def _first_quadrant(x: float) -> tuple[float, int, int]:
    """The angle there, the sign of the cosine, and that of the tangent."""
    turned, tangent, cosine = _in_range(x), 1, 1
    if turned < 0:
        turned, tangent = -turned, -tangent
    if turned > 180:
        turned, tangent = 360 - turned, -tangent
    if turned > 90:
        turned, tangent, cosine = 180 - turned, -tangent, -cosine
    return turned, cosine, tangent


def cos_degrees(x: float) -> float:
    """``cosd``."""
    if math.isnan(x):
        return x
    angle, sign, _ = _first_quadrant(x)
    return sign * _cosine(angle)


def tan_degrees(x: float) -> float:
    """``tand``."""
    if math.isnan(x):
        return x
    angle, _, sign = _first_quadrant(x)
    below = _cosine(angle)
    return sign * math.inf if below == 0 else sign * (_sine(angle) / below / _TAN_45) + 0.0


def cot_degrees(x: float) -> float:
    """``cotd``."""
    if math.isnan(x):
        return x
    angle, _, sign = _first_quadrant(x)
    below = _sine(angle)
    return sign * math.inf if below == 0 else sign * (_cosine(angle) / below / _COT_45) + 0.0


def _checked(x: float) -> None:
    if not -1 <= x <= 1:
        raise DataError("input is out of range", sqlstate=sqlstate.NUMERIC_VALUE_OUT_OF_RANGE)


def _arcsine(x: float) -> float:
    return math.asin(x) / _ASIN_HALF * 30 if x <= 0.5 else 90 - math.acos(x) / _ACOS_HALF * 60


def arcsin_degrees(x: float) -> float:
    """``asind``."""
    if math.isnan(x):
        return x
    _checked(x)
    return _arcsine(x) if x >= 0 else -_arcsine(-x)


def arccos_degrees(x: float) -> float:
    """``acosd``."""
    if math.isnan(x):
        return x
    _checked(x)
    if x < 0:
        return 90 + _arcsine(-x)
    return 90 - math.asin(x) / _ASIN_HALF * 30 if x <= 0.5 else math.acos(x) / _ACOS_HALF * 60


def arctan_degrees(x: float) -> float:
    """``atand``."""
    return check_float(math.atan(x) / _ATAN_1 * 45, x)


def arctan2_degrees(y: float, x: float) -> float:
    """``atan2d``."""
    return check_float(math.atan2(y, x) / _ATAN_1 * 45, x)
