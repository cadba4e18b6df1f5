"""Exponentials, logarithms, powers and divisors of numerics, with the scales that PostgreSQL gives their results.

The values come from `decimal` with digits to spare; what has to be like PostgreSQL's is how many of them are shown
(utils/adt/numeric.c: at least 16 significant digits, by an estimate of the result's weight, and no fewer decimals than the arguments have).
"""

import math
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Final

from exdbsql.engine.query.runtime.arithmetic import MAX_SCALE, NUMERIC_CONTEXT, division_by_zero, scale_of
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError
from exdbsql.schema.special_numbers import DECIMAL_INFINITY, DECIMAL_NAN

_SIGNIFICANT_DIGITS: Final = 16
_LOG10_E: Final = 0.434294481903252
_MOST_DIGITS: Final = 2 * MAX_SCALE
_INTEGER_POWER: Final = 2**31


def _overflow() -> DataError:
    return DataError("value overflows numeric format", sqlstate=sqlstate.NUMERIC_VALUE_OUT_OF_RANGE)


def _scaled(x: Decimal, scale: int) -> Decimal:
    with localcontext(Context(prec=max(60, x.adjusted() + scale + 10), Emax=400_000, Emin=-400_000)):
        return x.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)


def _bounded(scale: int, *args: Decimal) -> int:
    return min(max(scale, 0, *map(scale_of, args)), MAX_SCALE)


def _digits(scale: int, weight: int) -> Context:
    return Context(prec=max(40, scale + max(weight, 0) + 20), Emax=400_000, Emin=-400_000)


def numeric_exponential(x: Decimal) -> Decimal:
    """``exp``."""
    if not x.is_finite():
        return x if x.is_nan() or x > 0 else Decimal(0)
    weight = max(-_MOST_DIGITS, min(_MOST_DIGITS, int(max(-1e6, min(1e6, float(x))) * _LOG10_E)))
    scale = _bounded(_SIGNIFICANT_DIGITS - weight, x)
    if abs(x) > 3 * _MOST_DIGITS - 1:
        if x > 0:
            raise _overflow()
        return _scaled(Decimal(0), scale)
    with localcontext(_digits(scale, weight)):
        found = Decimal(x).exp()
    return _scaled(found, scale)


def _positive(x: Decimal) -> None:
    if x <= 0:
        what = "zero" if x == 0 else "a negative number"
        raise DataError(f"cannot take logarithm of {what}", sqlstate="2201E")


def _logarithm_weight(x: Decimal) -> int:
    """About the decimal weight of the natural logarithm."""
    if Decimal("0.9") <= x <= Decimal("1.1"):
        return (x - 1).adjusted() if x != 1 else 0
    with localcontext(prec=20):
        estimate = float(Decimal(x).ln())
    return int(math.log10(abs(estimate)))


def numeric_ln(x: Decimal) -> Decimal:
    """``ln``."""
    if x.is_nan():
        return x
    _positive(x)
    if not x.is_finite():
        return x
    weight = _logarithm_weight(x)
    scale = _bounded(_SIGNIFICANT_DIGITS - weight, x)
    with localcontext(_digits(scale, weight)):
        found = Decimal(x).ln()
    return _scaled(found, scale)


def numeric_log(base: Decimal, x: Decimal) -> Decimal:
    """``log(base, x)``."""
    if base.is_nan() or x.is_nan():
        return DECIMAL_NAN
    _positive(base)
    _positive(x)
    if not base.is_finite() or not x.is_finite():
        if base.is_finite():
            return DECIMAL_INFINITY
        return Decimal(0) if x.is_finite() else DECIMAL_NAN
    if base == 1:
        division_by_zero()
    weight = _logarithm_weight(x) - _logarithm_weight(base)
    scale = _bounded(_SIGNIFICANT_DIGITS - weight, base, x)
    with localcontext(_digits(scale, weight)):
        found = Decimal(x).ln() / Decimal(base).ln()
    return _scaled(found, scale)


def numeric_log10(x: Decimal) -> Decimal:
    """``log`` and ``log10``."""
    return numeric_log(Decimal(10), x)


def numeric_power(x: Decimal, y: Decimal) -> Decimal:
    """``power``."""
    if not (x.is_finite() and y.is_finite()):
        return _special_power(x, y)
    if x == 0 and y < 0:
        raise DataError("zero raised to a negative power is undefined", sqlstate="2201F")
    whole = y == y.to_integral_value()
    if x < 0 and not whole:
        raise DataError("a negative number raised to a non-integer power yields a complex result", sqlstate="2201F")
    if whole and -_INTEGER_POWER <= y < _INTEGER_POWER:
        return _raised_to_integer(x, int(y))
    if x == 0:
        return _scaled(Decimal(0), _SIGNIFICANT_DIGITS)
    sign = -1 if x < 0 and y % 2 else 1
    with localcontext(prec=60):
        exponent = abs(x).ln() * y
    if abs(exponent) > _MOST_DIGITS * 3.01:
        if exponent > 0:
            raise _overflow()
        return _scaled(Decimal(0), MAX_SCALE)
    weight = int(float(exponent) * _LOG10_E)
    scale = _bounded(_SIGNIFICANT_DIGITS - weight, x, y)
    with localcontext(_digits(scale, weight)):
        found = abs(x).ln() * y
        found = found.exp() * sign
    return _scaled(found, scale)


def _raised_to_integer(x: Decimal, y: int) -> Decimal:
    scale = _bounded(_SIGNIFICANT_DIGITS, x)
    if not x:
        return _scaled(Decimal(0 if y else 1), scale)
    with localcontext(prec=30):
        weight = float(abs(x).log10() * y)
    if weight > 131_072:
        raise _overflow()
    if weight < -scale - 10:
        return _scaled(Decimal(0), scale)
    with localcontext(_digits(scale, int(weight))):
        found = Decimal(x) ** y
    return _scaled(found, scale)


def _special_power(x: Decimal, y: Decimal) -> Decimal:
    if x == 1 or y == 0:
        return Decimal(1)
    if x.is_nan() or y.is_nan():
        return DECIMAL_NAN
    if x == 0 and y < 0:
        raise DataError("zero raised to a negative power is undefined", sqlstate="2201F")
    if not y.is_finite():
        if abs(x) == 1:
            return Decimal(1)
        return DECIMAL_INFINITY if (abs(x) > 1) == (y > 0) else Decimal(0)
    if y < 0:
        return Decimal(0)
    if x < 0 and y != y.to_integral_value():
        raise DataError("a negative number raised to a non-integer power yields a complex result", sqlstate="2201F")
    return -DECIMAL_INFINITY if x < 0 and y % 2 else DECIMAL_INFINITY


def numeric_gcd(a: Decimal, b: Decimal) -> Decimal:
    """``gcd`` of numerics."""
    if not (a.is_finite() and b.is_finite()):
        return DECIMAL_NAN
    scale = max(scale_of(a), scale_of(b))
    with localcontext(NUMERIC_CONTEXT):
        whole = math.gcd(int(a.scaleb(scale)), int(b.scaleb(scale)))
        return Decimal(whole).scaleb(-scale)


def numeric_lcm(a: Decimal, b: Decimal) -> Decimal:
    """``lcm`` of numerics."""
    if not (a.is_finite() and b.is_finite()):
        return DECIMAL_NAN
    scale = max(scale_of(a), scale_of(b))
    with localcontext(NUMERIC_CONTEXT):
        whole = math.lcm(int(a.scaleb(scale)), int(b.scaleb(scale)))
        return Decimal(whole).scaleb(-scale)
