"""Aggregates over lists of values that are not NULL; an empty list gives NULL, except for counts."""

import math
from collections.abc import Sequence
from decimal import Decimal, getcontext, localcontext
from operator import ne
from statistics import fmean
from typing import Any, Final

from exdbsql.engine.query.runtime.arithmetic import (
    INT_LIMITS,
    NUMERIC_CONTEXT,
    check_float,
    numeric_divide,
    numeric_square_root,
    out_of_range,
)
from exdbsql.schema.interval import Interval

_ZERO: Final = Decimal(0)


def sum_bigint(values: Sequence[int]) -> int | None:
    """Sum of smallint or integer values: a bigint."""
    if not values:
        return None
    total = sum(values)
    if not -INT_LIMITS["bigint"] - 1 <= total <= INT_LIMITS["bigint"]:
        out_of_range("bigint")
    return total


def sum_numeric(values: Sequence[int | Decimal]) -> Decimal | None:
    """Exact sum of bigint or numeric values."""
    return _exact_sum(values) if values else None


def sum_of_group(values: Sequence[int | Decimal]) -> Decimal:
    """Exact sum of some bigint or numeric values, in the context of a statement's function."""
    return exact_sum(sum(values, _ZERO))


def exact_sum(total: int | Decimal) -> Decimal:
    """A sum that was made by adding, as a plain value of its class."""
    return total if type(total) is Decimal else Decimal(total)


def _exact_sum(values: Sequence[int | Decimal]) -> Decimal:
    if getcontext().prec == NUMERIC_CONTEXT.prec:  # that of the statement's function, most often
        return Decimal(sum(values, _ZERO))
    with localcontext(NUMERIC_CONTEXT):
        return Decimal(sum(values, _ZERO))


def sum_float(values: Sequence[float]) -> float | None:
    """Sum of floats."""
    if not values:
        return None
    total = sum(values)
    return total if math.isfinite(total) else check_float(total, *values)


def avg_numeric(values: Sequence[int | Decimal]) -> Decimal | None:
    """Mean of exact numbers."""
    return numeric_divide(_exact_sum(values), len(values)) if values else None


def avg_float(values: Sequence[float]) -> float | None:
    """Mean of floats."""
    return sum(values) / len(values) if values else None


def sum_interval(values: Sequence[Interval]) -> Interval | None:
    """Sum of intervals."""
    return sum(values, Interval()) if values else None


def avg_interval(values: Sequence[Interval]) -> Interval | None:
    """Mean of intervals."""
    return sum(values, Interval()) / len(values) if values else None


def has_nan(values: Sequence[Any]) -> bool:
    """Whether a NaN is among the values: Python does not compare it as SQL does, which has it above all numbers."""
    first = next((v for v in values if v is not None), None)
    if isinstance(first, float):
        try:
            if not math.isnan(sum(values)):
                return False
        except TypeError:  # a NULL
            pass
    return isinstance(first, (float, Decimal)) and any(map(ne, values, values))


def min_value(values: Sequence[Any]) -> Any:
    """The smallest."""
    if has_nan(values):
        values = [v for v in values if v == v] or values[:1]  # noqa: PLR0124  numbers, if there are any
    return min(values) if values else None


def max_value(values: Sequence[Any]) -> Any:
    """The largest."""
    if has_nan(values):
        return next(v for v in values if v != v)  # noqa: PLR0124  NaN alone
    return max(values) if values else None


def bool_and(values: Sequence[bool]) -> bool | None:
    """Whether all are true."""
    return all(values) if values else None


def bool_or(values: Sequence[bool]) -> bool | None:
    """Whether any is true."""
    return any(values) if values else None


def string_agg(pairs: Sequence[tuple[str, str | None]]) -> str | None:
    """Texts joined, each but the first with its own separator before it."""
    if not pairs:
        return None
    return pairs[0][0] + "".join([(separator or "") + text for text, separator in pairs[1:]])


def sorted_distinct(values: Sequence[Any], reverse: bool = False) -> list[Any]:
    """Each value once, in order; NULL is the greatest."""
    found = set(values)
    nulls = [None] if None in found else []
    found.discard(None)
    ordered = sorted(found, reverse=reverse)
    return [*nulls, *ordered] if reverse else [*ordered, *nulls]


def _squares(values: Sequence[Any]) -> tuple[Decimal, int]:
    with localcontext(NUMERIC_CONTEXT):
        n = len(values)
        exact = [Decimal(v) for v in values]
        return n * sum((v * v for v in exact), Decimal(0)) - sum(exact, Decimal(0)) ** 2, n


def variance_numeric(values: Sequence[Any], population: bool = False) -> Decimal | None:
    """Variance of exact numbers."""
    if len(values) < (1 if population else 2):
        return None
    spread, n = _squares(values)
    return numeric_divide(spread, n * n if population else n * (n - 1)) if spread else Decimal(0)


def stddev_numeric(values: Sequence[Any], population: bool = False) -> Decimal | None:
    """Standard deviation of exact numbers."""
    variance = variance_numeric(values, population)
    if variance is None or not variance:
        return variance
    with localcontext(NUMERIC_CONTEXT):
        return numeric_square_root(variance)


def variance_float(values: Sequence[float], population: bool = False) -> float | None:
    """Variance of floats."""
    if len(values) < (1 if population else 2):
        return None
    mean = fmean(values)
    return math.fsum((v - mean) ** 2 for v in values) / (len(values) - (0 if population else 1))


def stddev_float(values: Sequence[float], population: bool = False) -> float | None:
    """Standard deviation of floats."""
    variance = variance_float(values, population)
    return None if variance is None else math.sqrt(variance)


NAMES: Final[dict[str, object]] = {
    f.__name__: f
    for f in (
        *(
            sum_interval,
            avg_interval,
            sum_bigint,
            sum_numeric,
            sum_of_group,
            exact_sum,
            sum_float,
            avg_numeric,
            avg_float,
            min_value,
            max_value,
            bool_and,
            bool_or,
        ),
        *(sorted_distinct, string_agg, variance_numeric, stddev_numeric, variance_float, stddev_float),
    )
}
NAMES["NO_SUM"] = _ZERO
