"""Numbers: what Python's `math` has not, or has otherwise (PostgreSQL's manual, section 9.3)."""

from __future__ import annotations

import bisect
import math
import random
import threading
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, localcontext
from typing import Any, Final

from exdbsql.engine.query.runtime.arithmetic import (
    NUMERIC_CONTEXT,
    check_float,
    division_by_zero,
    scale_of,
)
from exdbsql.schema import sqlstate
from exdbsql.schema.array import Array
from exdbsql.schema.errors import DataError
from exdbsql.schema.special_numbers import DECIMAL_NAN

_OUT_OF_RANGE: Final = sqlstate.NUMERIC_VALUE_OUT_OF_RANGE
_generators: Final = threading.local()


def _generator() -> random.Random:
    """The generator of this thread, which is that of a session as far as its statements can tell."""
    made = getattr(_generators, "made", None)
    if made is None:
        made = _generators.made = random.Random()
    return made


def random_number() -> float:
    """``random()``: at least 0, below 1."""
    return _generator().random()


def set_seed(seed: float) -> str:
    """``setseed``; gives the empty text that void is."""
    if not -1 <= seed <= 1:
        raise DataError(
            f"setseed parameter {seed:g} is out of allowed range [-1,1]", sqlstate=sqlstate.INVALID_PARAMETER_VALUE
        )
    _generator().seed(seed)
    return ""


_GROWING: Final = (math.sinh, math.cosh)
"""Functions that go to infinity without complaint."""


def in_domain(function: Callable[[float], float]) -> Callable[[float], float]:
    """A function of `math` with PostgreSQL's errors for arguments that it does not take."""

    def checked(x: float) -> float:
        try:
            return check_float(function(x), x)
        except ValueError:
            if math.isnan(x):
                return x
            raise DataError("input is out of range", sqlstate=_OUT_OF_RANGE) from None
        except OverflowError:
            if function in _GROWING:
                return math.copysign(math.inf, x) if function is math.sinh else math.inf
            raise DataError("value out of range: overflow", sqlstate=_OUT_OF_RANGE) from None

    checked.__name__ = f"checked_{function.__name__}"
    return checked


def cotangent(x: float) -> float:
    """``cot``."""
    if math.isinf(x):
        raise DataError("input is out of range", sqlstate=_OUT_OF_RANGE)
    tangent = math.tan(x)
    return math.inf if tangent == 0 else check_float(1 / tangent, x)


def area_tangent(x: float) -> float:
    """``atanh``, which is infinite at its ends."""
    return math.copysign(math.inf, x) if abs(x) == 1 else _atanh(x)


_atanh: Final = in_domain(math.atanh)


def factorial(n: int) -> Decimal:
    """``factorial``."""
    if n < 0:
        raise DataError("factorial of a negative number is undefined", sqlstate=_OUT_OF_RANGE)
    if n > 32177:
        raise DataError("value overflows numeric format", sqlstate=_OUT_OF_RANGE)
    return Decimal(math.factorial(n))


def numeric_div(x: Decimal, y: Decimal) -> Decimal:
    """``div``: the quotient cut towards zero."""
    if x.is_nan() or y.is_nan():
        return DECIMAL_NAN
    if y == 0:
        division_by_zero()
    if not (x.is_finite() and y.is_finite()):
        return x / y
    with localcontext(NUMERIC_CONTEXT):
        return Decimal(x) // Decimal(y)


def least_common_multiple(a: int, b: int) -> int:
    """``lcm``."""
    return math.lcm(a, b)


def trim_scale(x: Decimal) -> Decimal:
    """``trim_scale``: without zeros at the end."""
    if not x.is_finite() or x == x.to_integral_value():
        return x if not x.is_finite() else x.quantize(Decimal(1))
    with localcontext(NUMERIC_CONTEXT):
        return x.normalize()


def width_bucket(x: Any, low: Any, high: Any, count: int) -> int:
    """``width_bucket(x, low, high, count)``."""
    if count <= 0:
        raise DataError("count must be greater than zero", sqlstate="2201G")
    if low == high:
        raise DataError("lower bound cannot equal upper bound", sqlstate="2201G")
    if low < high:
        if x < low:
            return 0
        return count + 1 if x >= high else int((x - low) * count / (high - low)) + 1
    if x > low:
        return 0
    return count + 1 if x <= high else int((low - x) * count / (low - high)) + 1


def width_bucket_of(x: Any, thresholds: Array) -> int:
    """``width_bucket(x, thresholds)``."""
    if None in thresholds.elements:
        raise DataError("thresholds array must not contain NULLs", sqlstate="22004")
    return bisect.bisect_right(thresholds.elements, x)


def shift_left(x: int, n: int, bits: int) -> int:
    """``x << n`` in two's complement."""
    return _signed(x << (n & (max(bits, 32) - 1)), bits)


def shift_right(x: int, n: int, bits: int) -> int:
    """``x >> n``."""
    return x >> (n & (max(bits, 32) - 1))


def _signed(x: int, bits: int) -> int:
    x &= (1 << bits) - 1
    return x - (1 << bits) if x >> (bits - 1) else x


def arctan2(y: float, x: float) -> float:
    """``atan2``."""
    return check_float(math.atan2(y, x), x)


def numeric_scale(x: Decimal) -> int | None:
    """``scale``: digits after the point."""
    return scale_of(x) if x.is_finite() else None


def numeric_min_scale(x: Decimal) -> int | None:
    """``min_scale``: digits after the point that are needed."""
    return scale_of(trim_scale(x)) if x.is_finite() else None


# aggregates of two numbers (PostgreSQL's float8_regr_accum: sums over the pairs without NULLs)


class RegressionSums:
    """Count, sums, and sums of squares and products of the deviations, by Youngs and Cramer's method as PostgreSQL has it."""

    __slots__ = ("n", "sum_x", "sum_y", "sxx", "sxy", "syy")

    def __init__(self) -> None:
        self.n = self.sum_x = self.sum_y = self.sxx = self.syy = self.sxy = 0.0

    def add(self, pairs: Iterable[tuple[float, float]]) -> None:
        """Take some more pairs (Y, X)."""
        n, sum_x, sum_y, sxx, syy, sxy = self.n, self.sum_x, self.sum_y, self.sxx, self.syy, self.sxy
        for y, x in pairs:
            n += 1
            sum_x += x
            sum_y += y
            if n > 1:
                dx, dy = x * n - sum_x, y * n - sum_y
                scale = 1 / (n * (n - 1))
                sxx += dx * dx * scale
                syy += dy * dy * scale
                sxy += dx * dy * scale
        self.n, self.sum_x, self.sum_y, self.sxx, self.syy, self.sxy = n, sum_x, sum_y, sxx, syy, sxy

    def result(self, kind: str) -> float | None:
        """The aggregate `kind` of one pair or more."""
        n, sum_x, sum_y, sxx, syy, sxy = self.n, self.sum_x, self.sum_y, self.sxx, self.syy, self.sxy
        match kind:
            case "corr":
                return None if sxx == 0 or syy == 0 else sxy / math.sqrt(sxx * syy)
            case "covar_pop":
                return sxy / n
            case "covar_samp":
                return sxy / (n - 1) if n > 1 else None
            case "regr_avgx":
                return sum_x / n
            case "regr_avgy":
                return sum_y / n
            case "regr_sxx":
                return sxx
            case "regr_syy":
                return syy
            case "regr_sxy":
                return sxy
            case "regr_slope":
                return None if sxx == 0 else sxy / sxx
            case "regr_intercept":
                return None if sxx == 0 else (sum_y - sum_x * sxy / sxx) / n
        assert kind == "regr_r2", kind
        return None if sxx == 0 else 1.0 if syy == 0 else sxy * sxy / (sxx * syy)


def regression(kind: str, pairs: Sequence[tuple[float, float]]) -> float | None:
    """One of the ``regr_...`` aggregates, corr, covar_pop and covar_samp, of pairs (Y, X)."""
    if not pairs:
        return None
    sums = RegressionSums()
    sums.add(pairs)
    return sums.result(kind)


def percentile_cont(values: Sequence[Any], fraction: float | None) -> Any:
    """``percentile_cont`` of sorted values: interpolated."""
    if fraction is None or not values:
        return None
    _check_fraction(fraction)
    place = fraction * (len(values) - 1)
    low = math.floor(place)
    high = math.ceil(place)
    a, b = values[low], values[high]
    return a if low == high else a + (b - a) * (place - low)


def percentile_disc(values: Sequence[Any], fraction: float | None) -> Any:
    """``percentile_disc`` of sorted values."""
    if fraction is None or not values:
        return None
    _check_fraction(fraction)
    return values[max(0, math.ceil(fraction * len(values)) - 1)]


def _check_fraction(fraction: float) -> None:
    if not 0 <= fraction <= 1:
        raise DataError(f"percentile value {fraction:g} is not between 0 and 1", sqlstate=_OUT_OF_RANGE)


def percentiles(function: Any, values: Sequence[Any], fractions: Array | None) -> Array | None:
    """Several percentiles at once."""
    if fractions is None or not values:
        return None
    return Array.of_elements(tuple(function(values, f) for f in fractions))


def mode_value(values: Sequence[Any]) -> Any:
    """``mode`` of sorted values: the first of the most frequent ones."""
    counts: dict[Any, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return max(counts, key=counts.__getitem__) if counts else None


def hypothetical_rank(
    kind: str, rows: Sequence[Any], values: tuple[Any, ...], order: tuple[tuple[bool, bool], ...]
) -> int | float:
    """``rank(values) WITHIN GROUP (ORDER BY ...)`` and its kin: the place that the row of `values` would have.

    `order` says for each key whether it is descending, and whether NULLs come first.
    """
    members = [row if len(values) > 1 else (row,) for row in rows]
    before = [row for row in members if _precedes(row, values, order)]
    if kind == "rank":
        return len(before) + 1
    if kind == "dense_rank":
        return len(set(before)) + 1
    if kind == "percent_rank":
        return len(before) / len(members) if members else 0.0
    behind = sum(1 for row in members if _precedes(values, row, order))
    return (len(members) - behind + 1) / (len(members) + 1)


def _precedes(left: Sequence[Any], right: Sequence[Any], order: tuple[tuple[bool, bool], ...]) -> bool:
    for a, b, (descending, nulls_first) in zip(left, right, order, strict=True):
        if a is None or b is None:
            if a is b:
                continue
            return (a is None) == nulls_first
        if a != b:
            return bool(b < a if descending else a < b)
    return False
