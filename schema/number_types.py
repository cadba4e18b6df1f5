"""Numbers: smallint, integer, bigint, numeric, real, double precision.

Rounding is PostgreSQL's: numeric to integer rounds halves away from zero, double precision to integer rounds halves to
even (it uses the C library's rint), and double precision to numeric keeps 15 significant digits. Text output of floats
is the shortest that reads back the same (manual, section 8.1.3), with PostgreSQL's choice of when to use an exponent.

A numeric keeps its scale, as PostgreSQL's does: ``Decimal('1.50')`` prints as 1.50.
"""

import math
import operator
import re
import struct
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

from exdbsql.schema import sqlstate
from exdbsql.schema.conversion import Conversions, mismatch, out_of_range, unreadable
from exdbsql.schema.errors import DataError
from exdbsql.schema.special_numbers import DECIMAL_NAN, NAN, special

INTEGER_BITS = {"smallint": 16, "integer": 32, "bigint": 64}
NUMERIC_MAX_PRECISION = 1000
NUMERIC_MAX_SCALE = 1000
# PostgreSQL: up to 131072 digits before the decimal point, up to 16383 after it.
NUMERIC_MAX_EXPONENT = 131_071
NUMERIC_MIN_EXPONENT = -16_383

_INTEGER_TEXT = re.compile(
    r"\s*([+-]?)(?:(\d+(?:_\d+)*)|(0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+))\s*"
)
_DECIMAL_TEXT = re.compile(r"\s*[+-]?(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+)?\s*")
# "<f" raises for what overflows, where "f" gives infinity.
_single = struct.Struct("<f")
_SPECIAL_TEXT = re.compile(r"\s*(?:(nan)|([+-]?)inf(?:inity)?)\s*", re.IGNORECASE)


def integer_range(name: str) -> tuple[int, int]:
    """Lowest and highest value of smallint, integer or bigint."""
    bits = INTEGER_BITS[name]
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def integer_conversions(name: str) -> Conversions:
    """Behaviour of smallint, integer and bigint."""
    low, high = integer_range(name)

    def coerce(value: Any) -> int | None:
        if type(value) is int:
            if low <= value <= high:
                return value
            raise out_of_range(name)
        if value is None:
            return None
        return parse(value) if isinstance(value, str) else coerce(_to_integer(name, value))

    def parse(text: str) -> int:
        value = _parse_integer(name, text)
        if low <= value <= high:
            return value
        raise out_of_range(name, text)

    return Conversions(int, f"type({{v}}) is int and {low} <= {{v}} <= {high}", coerce, parse, str)


def _to_integer(name: str, value: Any) -> int:
    """`value`, not an exact int and not text, as an int; ProgrammingError 42804 for classes that are no numbers."""
    if isinstance(value, bool):
        raise mismatch(name, value)
    if isinstance(value, Decimal):
        if not value.is_finite() or value.adjusted() > 30:
            raise out_of_range(name)
        return int(value.to_integral_value(ROUND_HALF_UP))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise out_of_range(name)
        return round(value)
    try:
        return int(operator.index(value))
    except TypeError:
        raise mismatch(name, value) from None


def _parse_integer(name: str, text: str) -> int:
    found = _INTEGER_TEXT.fullmatch(text)
    if found is None:
        raise unreadable(name, text)
    if len(text) > 400:  # far beyond any type; also keeps Python's limit on digits out of the way
        raise out_of_range(name, text)
    sign, plain, prefixed = found.groups()
    magnitude = int(plain) if plain else int(prefixed, 0)
    return -magnitude if sign == "-" else magnitude


def numeric_conversions(precision: int | None, scale: int | None) -> Conversions:
    """Behaviour of numeric, and of numeric(precision, scale)."""
    if precision is None:
        guard = f"type({{v}}) is Decimal and {{v}}.is_finite() and {NUMERIC_MIN_EXPONENT} <= {{v}}.adjusted() <= {NUMERIC_MAX_EXPONENT}"
        return Conversions(Decimal, guard, _coerce_numeric, _parse_numeric, format_numeric)
    places = scale or 0
    step = Decimal(1).scaleb(-places)
    name = f"numeric({precision},{places})"
    context = Context(prec=precision, rounding=ROUND_HALF_UP, traps=[InvalidOperation])

    def fit(value: Decimal) -> Decimal:
        try:
            rounded = value.quantize(step, context=context)
        except InvalidOperation:
            detail = (
                f"A field with precision {precision}, scale {places} must round to an absolute value "
                f"less than 10^{precision - places}."
            )
            message = f"numeric field overflow: {value:.40g} does not fit {name}"
            raise DataError(message, sqlstate=sqlstate.NUMERIC_VALUE_OUT_OF_RANGE, detail=detail) from None
        if not rounded:
            rounded = rounded.copy_abs()
        return rounded if places >= 0 else Decimal(int(rounded))  # 12300, not 1.23E+4, which counts digits otherwise

    def coerce(value: Any) -> Decimal | None:
        number = _coerce_numeric(value)
        if number is None or number is DECIMAL_NAN:
            return number
        return fit(number)

    def parse(text: str) -> Decimal:
        number = _parse_numeric(text)
        return number if number is DECIMAL_NAN else fit(number)

    return Conversions(None, None, coerce, parse, format_numeric)


def _coerce_numeric(value: Any) -> Decimal | None:
    if type(value) is int:
        return _bounded_numeric(Decimal(value))
    if isinstance(value, Decimal):
        return _bounded_numeric(value)
    if value is None:
        return None
    if isinstance(value, str):
        return _parse_numeric(value)
    if isinstance(value, float):
        # PostgreSQL's float8_numeric prints DBL_DIG digits: 0.1 + 0.2 becomes 0.3.
        return _bounded_numeric(Decimal(f"{value:.15g}"))
    if isinstance(value, bool):
        raise mismatch("numeric", value)
    try:
        return _bounded_numeric(Decimal(operator.index(value)))
    except TypeError:
        raise mismatch("numeric", value) from None


def _bounded_numeric(value: Decimal) -> Decimal:
    if not value.is_finite():
        return special(value)
    if not value:
        return value.copy_abs() if value.adjusted() <= 0 else Decimal(0)
    if NUMERIC_MIN_EXPONENT <= value.adjusted() <= NUMERIC_MAX_EXPONENT:
        return value
    raise DataError("value overflows numeric format", sqlstate=sqlstate.NUMERIC_VALUE_OUT_OF_RANGE)


def _parse_numeric(text: str) -> Decimal:
    if _DECIMAL_TEXT.fullmatch(text):
        try:
            return _bounded_numeric(Decimal(text.strip().replace("_", "")))
        except InvalidOperation:
            raise out_of_range("numeric", text) from None
    found_special = _SPECIAL_TEXT.fullmatch(text)
    if found_special:
        return DECIMAL_NAN if found_special[1] else special(Decimal(f"{found_special[2]}Infinity"))
    found = _INTEGER_TEXT.fullmatch(text)
    if found is None:
        raise unreadable("numeric", text)
    return _bounded_numeric(Decimal(_parse_integer("numeric", text)))


def format_numeric(value: Decimal) -> str:
    """Digits without an exponent; NaN, Infinity, -Infinity as PostgreSQL writes them."""
    if value.is_finite():
        return format(value if value else value.copy_abs(), "f")
    return "NaN" if value.is_nan() else str(value)


def float_conversions(name: str) -> Conversions:
    """Behaviour of real and double precision."""
    single = name == "real"

    def fit(value: float) -> float:
        if math.isnan(value):
            return NAN
        if not single:
            return value
        try:
            rounded: float = _single.unpack(_single.pack(value))[0]
        except OverflowError:
            raise out_of_range(name, value) from None
        if rounded == 0 and value != 0:
            raise out_of_range(name, value)
        return rounded

    def coerce(value: Any) -> float | None:
        if type(value) is float:
            return fit(value)
        if value is None:
            return None
        if isinstance(value, str):
            return parse(value)
        if isinstance(value, bool):
            raise mismatch(name, value)
        try:
            number = float(value) if isinstance(value, (float, int, Decimal)) else float(operator.index(value))
        except TypeError:
            raise mismatch(name, value) from None
        except (OverflowError, ValueError):
            raise out_of_range(name, value) from None
        if math.isinf(number) and isinstance(value, Decimal) and value.is_finite():
            raise out_of_range(name, value)
        return fit(number)

    def parse(text: str) -> float:
        if _DECIMAL_TEXT.fullmatch(text) is None:
            found = _SPECIAL_TEXT.fullmatch(text)
            if found is None:
                raise unreadable(name, text)
            return NAN if found[1] else float(f"{found[2]}inf")
        number = float(text.strip().replace("_", ""))
        mantissa = re.split("[eE]", text)[0]
        if math.isinf(number) or (number == 0 and re.search("[1-9]", mantissa)):
            raise out_of_range(name, text.strip())
        return fit(number)

    guard = None if single else "type({v}) is float and {v} == {v}"
    return Conversions(None if single else float, guard, coerce, parse, format_real if single else format_double)


def format_double(value: float) -> str:
    """Shortest text that reads back as the same double."""
    return _format_float(value, repr(value), 15)


def format_real(value: float) -> str:
    """Shortest text that reads back as the same 4-byte float."""
    if not math.isfinite(value):
        return _format_float(value, "", 6)
    packed = struct.pack("f", value)
    shortest = next(text for n in range(1, 10) if struct.pack("f", float(text := f"{value:.{n}g}")) == packed)
    return _format_float(value, shortest, 6)


def _format_float(value: float, shortest: str, plain_digits: int) -> str:
    """`shortest` in PostgreSQL's notation: an exponent from 10^`plain_digits` on and below 10^-4."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    number = Decimal(shortest).normalize(Context(prec=20, rounding=ROUND_HALF_EVEN))
    exponent = number.adjusted()
    if -4 <= exponent < plain_digits:
        return format(number, "f")
    sign, digits, _ = number.as_tuple()
    text = "".join(map(str, digits))
    fraction = f".{text[1:]}" if len(text) > 1 else ""
    return f"{'-' if sign else ''}{text[0]}{fraction}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def parse_json_number(text: str) -> Decimal:
    """A number as JSON writes it, within the bounds of numeric; DataError 22003 beyond them."""
    return _bounded_numeric(Decimal(text))
