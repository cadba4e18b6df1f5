"""Arithmetic as PostgreSQL does it: range-checked integers, exact numerics, IEEE floats without silent infinities.

Numerics are `decimal.Decimal`. Python's operators on them round to the thread's context, so generated functions that
use them run under `NUMERIC_CONTEXT`; division has a scale of its own, by the rule of PostgreSQL's ``select_div_scale``.
"""

import math
import struct
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Any, Final, NoReturn

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError, NotSupportedError
from exdbsql.schema.special_numbers import DECIMAL_NAN, NAN, special

NUMERIC_CONTEXT: Final = Context(prec=2000, Emax=200_000, Emin=-200_000)
"""Digits enough that sums and products of sensible numerics are exact."""

INT_LIMITS: Final = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
MAX_SCALE: Final = 1000


def out_of_range(type_name: str) -> NoReturn:
    """Raise 22003 for an integer type."""
    raise DataError(f"{type_name} out of range", sqlstate=sqlstate.NUMERIC_VALUE_OUT_OF_RANGE)


def check_float(value: float, *operands: float) -> float:
    """`value`, unless it is infinite though no operand is; NaN as the one that has an order."""
    if value != value:  # noqa: PLR0124  NaN alone
        return NAN
    if math.isinf(value) and not any(math.isinf(x) for x in operands):
        raise DataError("value out of range: overflow", sqlstate=sqlstate.NUMERIC_VALUE_OUT_OF_RANGE)
    return value


def division_by_zero() -> NoReturn:
    """Raise 22012."""
    raise DataError("division by zero", sqlstate=sqlstate.DIVISION_BY_ZERO)


def int_divide(a: int, b: int) -> int:
    """Quotient cut towards zero."""
    if b == 0:
        division_by_zero()
    return a // b if (a >= 0) == (b > 0) else -(-a // b)


def int_modulo(a: int, b: int) -> int:
    """Remainder with the sign of the dividend."""
    if b == 0:
        division_by_zero()
    rest = abs(a) % abs(b)
    return rest if a >= 0 else -rest


def float_divide(a: float, b: float) -> float:
    """Quotient of floats."""
    if b == 0:
        division_by_zero()
    return check_float(a / b, a, b)


def numeric(value: int | Decimal) -> Decimal:
    """`value` as Decimal."""
    return value if type(value) is Decimal else Decimal(value)


def _weight(x: Decimal) -> tuple[int, int]:
    """Weight and first digit of `x` in base 10000, as PostgreSQL stores it."""
    if not x:
        return 0, 0
    exponent = x.adjusted()
    weight = exponent // 4
    first = int(abs(x).scaleb(-weight * 4).to_integral_value(ROUND_DOWN))
    return weight, first


def scale_of(x: Decimal) -> int:
    """Digits after the decimal point."""
    exponent = x.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def numeric_divide(left: int | Decimal, right: int | Decimal) -> Decimal:
    """Quotient with at least 16 significant digits, and no fewer decimals than the operands have."""
    a, b = numeric(left), numeric(right)
    if not b and not a.is_nan():
        division_by_zero()
    if not a.is_finite() or not b.is_finite():
        return a / b
    (weight_a, first_a), (weight_b, first_b) = _weight(a), _weight(b)
    quotient_weight = weight_a - weight_b - (1 if first_a <= first_b else 0)
    scale = min(max(16 - quotient_weight * 4, scale_of(a), scale_of(b), 0), MAX_SCALE)
    with localcontext(NUMERIC_CONTEXT):
        return (a / b).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)


def numeric_modulo(left: int | Decimal, right: int | Decimal) -> Decimal:
    """Remainder with the sign of the dividend."""
    a, b = numeric(left), numeric(right)
    if a.is_nan() or b.is_nan():
        return DECIMAL_NAN
    if not b:
        division_by_zero()
    if not a.is_finite():
        return DECIMAL_NAN
    if not b.is_finite():
        return a
    with localcontext(NUMERIC_CONTEXT):
        return a % b


def numeric_round(x: int | Decimal, digits: int = 0) -> Decimal:
    """`x` rounded half away from zero to `digits` decimals."""
    return _quantized(x, digits, ROUND_HALF_UP)


def numeric_truncate(x: int | Decimal, digits: int = 0) -> Decimal:
    """`x` cut to `digits` decimals."""
    return _quantized(x, digits, ROUND_DOWN)


def numeric_floor(x: int | Decimal) -> Decimal:
    """The largest integer not above `x`."""
    return _quantized(x, 0, ROUND_FLOOR)


def numeric_ceil(x: int | Decimal) -> Decimal:
    """The smallest integer not below `x`."""
    return _quantized(x, 0, ROUND_CEILING)


def _quantized(x: int | Decimal, digits: int, rounding: str) -> Decimal:
    value = numeric(x)
    if not value.is_finite():
        return value
    digits = max(-MAX_SCALE, min(digits, MAX_SCALE))
    with localcontext(NUMERIC_CONTEXT):
        cut = value.quantize(Decimal(1).scaleb(-digits), rounding)
        return (cut if digits >= 0 else cut.quantize(Decimal(1))) + 0


def float_floor(x: float) -> float:
    """The largest whole number not above `x`."""
    return float(math.floor(x)) if math.isfinite(x) else x


def float_ceil(x: float) -> float:
    """The smallest whole number not below `x`."""
    return float(math.ceil(x)) if math.isfinite(x) else x


def float_truncate(x: float) -> float:
    """`x` without its fraction."""
    return float(math.trunc(x)) if math.isfinite(x) else x


def float_round(x: float) -> float:
    """`x` rounded half to even."""
    return float(round(x)) if math.isfinite(x) else x


def float_to_int(x: float) -> int:
    """`x` rounded half to even, as an integer; its range is checked by the cast."""
    if not math.isfinite(x):
        out_of_range("integer")
    return round(x)


def numeric_to_int(x: Decimal) -> int:
    """`x` rounded half away from zero, as an integer; its range is checked by the cast."""
    if not x.is_finite():
        what = "NaN" if x.is_nan() else "infinity"
        raise NotSupportedError(f"cannot convert {what} to integer")
    return int(x.to_integral_value(ROUND_HALF_UP))


def float_to_numeric(x: float) -> Decimal:
    """`x` with 15 significant digits."""
    return Decimal(f"{x:.15g}") if math.isfinite(x) else special(Decimal(str(x)))


def numeric_to_float(x: Decimal) -> float:
    """`x` as the nearest float."""
    value = float(x)
    if value == value and abs(value) != math.inf:  # noqa: PLR0124  NaN alone differs from itself
        return value
    if x.is_finite():
        raise DataError(
            f'"{x:.20g}" is out of range for type double precision', sqlstate=sqlstate.NUMERIC_VALUE_OUT_OF_RANGE
        )
    return check_float(value, value)


def real_to_numeric(x: float) -> Decimal:
    """`x`, a float of 4 bytes, with 6 significant digits."""
    return Decimal(f"{x:.6g}") if math.isfinite(x) else special(Decimal(str(x)))


def float_to_real(x: float | Decimal) -> float:
    """`x` as the nearest float of 4 bytes."""
    try:
        value: float = struct.unpack("f", struct.pack("f", float(x)))[0]
    except OverflowError:
        raise DataError("value out of range: overflow", sqlstate=sqlstate.NUMERIC_VALUE_OUT_OF_RANGE) from None
    if value == 0 and x:
        raise DataError("value out of range: underflow", sqlstate=sqlstate.NUMERIC_VALUE_OUT_OF_RANGE)
    return check_float(value, value)


def sign(x: Any) -> int:
    """-1, 0 or 1."""
    return int(x > 0) - int(x < 0)


def float_sign(x: float) -> float:
    """``sign`` of a float; of NaN it is 0."""
    return 0.0 if math.isnan(x) else float(sign(x))


def numeric_sign(x: Decimal) -> Decimal:
    """``sign`` of a numeric."""
    return x if x.is_nan() else Decimal(sign(x))


def square_root(x: float) -> float:
    """Square root of a float."""
    if x < 0:
        raise DataError("cannot take square root of a negative number", sqlstate="2201F")
    return check_float(math.sqrt(x), x)


def numeric_square_root(x: Decimal) -> Decimal:
    """Square root with at least 16 significant digits."""
    if x.is_nan():
        return x
    if x < 0:
        raise DataError("cannot take square root of a negative number", sqlstate="2201F")
    if not x.is_finite():
        return x
    weight, _ = _weight(x)
    scale = min(max(16 - ((weight + 1) * 4 // 2 - 1), scale_of(x), 0), MAX_SCALE)
    digits = max(x.adjusted() // 2 + 1, 0) + scale + 10  # not more: the root of 2000 digits takes a millisecond
    with localcontext(Context(prec=digits, Emax=400_000, Emin=-400_000)):
        return x.sqrt().quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)


def power(x: float, y: float) -> float:
    """x to the power of y."""
    if x == 0 and y < 0:
        raise DataError("zero raised to a negative power is undefined", sqlstate="2201F")
    if x < 0 and not y.is_integer():
        raise DataError("a negative number raised to a non-integer power yields a complex result", sqlstate="2201F")
    try:
        found = math.pow(x, y)
        if found == 0 and x and math.isfinite(x) and math.isfinite(y):
            raise DataError("value out of range: underflow", sqlstate=sqlstate.NUMERIC_VALUE_OUT_OF_RANGE)
        return check_float(found, x, y)
    except OverflowError:
        raise DataError("value out of range: overflow", sqlstate=sqlstate.NUMERIC_VALUE_OUT_OF_RANGE) from None


def exponential(x: float) -> float:
    """e to the power of x."""
    try:
        found = math.exp(x)
        if found == 0 and math.isfinite(x):
            raise DataError("value out of range: underflow", sqlstate=sqlstate.NUMERIC_VALUE_OUT_OF_RANGE)
        return check_float(found, x)
    except OverflowError:
        raise DataError("value out of range: overflow", sqlstate=sqlstate.NUMERIC_VALUE_OUT_OF_RANGE) from None


def logarithm(x: float) -> float:
    """Natural logarithm."""
    return check_float(math.log(_positive(x)), x)


def logarithm10(x: float) -> float:
    """Logarithm to base 10."""
    return check_float(math.log10(_positive(x)), x)


def _positive(x: float) -> float:
    if x <= 0:
        what = "zero" if x == 0 else "a negative number"
        raise DataError(f"cannot take logarithm of {what}", sqlstate="2201E")
    return x


def shift_count(n: int) -> int:
    """The distance of a shift of a 32-bit integer: PostgreSQL takes it modulo 32."""
    return n & 31


NAMES: Final[dict[str, object]] = {
    f.__name__: f
    for f in (
        *(out_of_range, check_float, int_divide, int_modulo, float_divide, numeric, numeric_divide, numeric_modulo),
        *(numeric_round, numeric_truncate, numeric_floor, numeric_ceil, float_floor, float_ceil, float_truncate),
        *(
            float_round,
            float_to_int,
            numeric_to_int,
            float_to_numeric,
            real_to_numeric,
            numeric_to_float,
            numeric_sign,
            float_sign,
            float_to_real,
            sign,
            square_root,
            numeric_square_root,
            power,
        ),
        *(exponential, logarithm, logarithm10, shift_count),
    )
}
NAMES.update({"Decimal": Decimal, "math": math, "NUMERIC_CONTEXT": NUMERIC_CONTEXT, "localcontext": localcontext})
