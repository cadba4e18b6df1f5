"""Aggregates over any ranges of a list, each found without going over the range.

Sums and counts of exact numbers come from prefix sums; what has no inverse (extremes, sums of floats) from a tree of partial
results, or, where the ends of the ranges only move forward, from a queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import accumulate
from operator import add
from typing import Any, Final

from exdbsql.engine.query.runtime.arithmetic import (
    INT_LIMITS,
    NUMERIC_CONTEXT,
    numeric_divide,
    numeric_square_root,
    out_of_range,
)


class Skipped:
    """Stands where FILTER has left a row out."""


SKIPPED: Final = Skipped()

Reader = Callable[[list[tuple[int, int]]], Any]
"""Gives the aggregate of the values in some ranges."""


def of_list(mine: Sequence[Any], function: Callable[[Sequence[Any]], Any], keeps_nulls: bool) -> Any:
    """The aggregate of a list, without what does not count."""
    return function([v for v in mine if v is not SKIPPED and (keeps_nulls or v is not None)])


def sliding_extremes(mine: Sequence[Any], frames: Any, largest: bool) -> list[Any] | None:
    """The smallest or largest value of frames whose ends only move forward; None where they do not."""
    results = []
    candidates: deque[int] = deque()
    taken = last_low = 0
    for low, high in frames:
        if low < last_low or high < taken:
            return None
        last_low = low
        while taken < high:
            value = mine[taken]
            if value is not None and value is not SKIPPED:
                while candidates and (mine[candidates[-1]] < value if largest else value < mine[candidates[-1]]):
                    candidates.pop()
                candidates.append(taken)
            taken += 1
        while candidates and candidates[0] < low:
            candidates.popleft()
        results.append(mine[candidates[0]] if candidates and candidates[0] < high else None)
    return results


def slices(mine: Sequence[Any], function: Callable[[Sequence[Any]], Any], keeps_nulls: bool) -> Reader:
    """Reads ranges one by one."""
    return lambda ranges: of_list([v for a, b in ranges for v in mine[a:b]], function, keeps_nulls)


def counts_of(mine: Sequence[Any]) -> list[int]:
    """How many of the first 0, 1, 2, ... values count."""
    return list(accumulate([v is not None and v is not SKIPPED for v in mine], initial=0))


def _difference(prefix: Sequence[Any], ranges: list[tuple[int, int]]) -> Any:
    total = prefix[0]
    for a, b in ranges:
        if a < b:
            total += prefix[b] - prefix[a]
    return total


def prefix_sums(mine: Sequence[Any], zero: Any, change: Callable[[Any], Any] = lambda v: v) -> list[Any]:
    """The sums of the first 0, 1, 2, ... values."""
    return list(accumulate([zero if v is None or v is SKIPPED else change(v) for v in mine], initial=zero))


def _count_reader(mine: Sequence[Any]) -> Reader:
    counts = counts_of(mine)
    return lambda ranges: int(_difference(counts, ranges))


def _sum_reader(kind: str) -> Callable[[Sequence[Any]], Reader]:
    def make(mine: Sequence[Any]) -> Reader:
        counts = counts_of(mine)
        with localcontext(NUMERIC_CONTEXT):
            sums = prefix_sums(mine, 0 if kind == "sum_bigint" else Decimal(0))

        def read(ranges: list[tuple[int, int]]) -> Any:
            count = _difference(counts, ranges)
            if not count:
                return None
            with localcontext(NUMERIC_CONTEXT):
                total = _difference(sums, ranges)
                return _finished(kind, total, count)

        return read

    return make


def _finished(kind: str, total: Any, count: int) -> Any:
    if kind == "avg_numeric":
        return numeric_divide(total, count)
    if kind == "sum_bigint" and not -INT_LIMITS["bigint"] - 1 <= total <= INT_LIMITS["bigint"]:
        out_of_range("bigint")
    return total


def _tree_reader(
    combine: Callable[[Any, Any], Any], finish: Callable[[Any, int], Any]
) -> Callable[[Sequence[Any]], Reader]:
    """Any range by partial results of the ranges of a binary tree."""

    def make(mine: Sequence[Any]) -> Reader:
        counts = counts_of(mine)
        size = len(mine)
        tree: list[Any] = [None] * size + [None if v is SKIPPED else v for v in mine]

        def joined(a: Any, b: Any) -> Any:
            return b if a is None else a if b is None else combine(a, b)

        for node in range(size - 1, 0, -1):
            tree[node] = joined(tree[2 * node], tree[2 * node + 1])

        def read(ranges: list[tuple[int, int]]) -> Any:
            found = None
            for a, b in ranges:
                left, right = None, None
                a, b = a + size, b + size
                while a < b:
                    if a & 1:
                        left = joined(left, tree[a])
                        a += 1
                    if b & 1:
                        b -= 1
                        right = joined(tree[b], right)
                    a, b = a >> 1, b >> 1
                found = joined(found, joined(left, right))
            return None if found is None else finish(found, _difference(counts, ranges))

        return read

    return make


def _spread_reader(root: bool, population: bool, exact: bool) -> Callable[[Sequence[Any]], Reader]:
    """Variance and standard deviation, from exact sums of the values and of their squares."""

    def make(mine: Sequence[Any]) -> Reader:
        counts = counts_of(mine)
        kind: Any = Decimal if exact else Fraction
        with localcontext(NUMERIC_CONTEXT):
            sums = prefix_sums(mine, kind(0), kind)
            squares = prefix_sums(mine, kind(0), lambda v: kind(v) ** 2)

        def read(ranges: list[tuple[int, int]]) -> Any:
            n = _difference(counts, ranges)
            if n < (1 if population else 2):
                return None
            with localcontext(NUMERIC_CONTEXT):
                spread = n * _difference(squares, ranges) - _difference(sums, ranges) ** 2
                below = n * n if population else n * (n - 1)
                if exact:
                    variance = numeric_divide(spread, below) if spread else Decimal(0)
                    return numeric_square_root(variance) if root and variance else variance
                return float(spread / below) ** (0.5 if root else 1)

        return read

    return make


def smaller(a: Any, b: Any) -> Any:
    """The smaller value."""
    return min(a, b)  # the first of equal ones, as min() gives it


def larger(a: Any, b: Any) -> Any:
    """The larger value; the first of equal ones."""
    return max(a, b)


OVER_RANGES: Final[dict[str, Callable[[Sequence[Any]], Reader]]] = {
    "count": _count_reader,
    "sum_bigint": _sum_reader("sum_bigint"),
    "sum_numeric": _sum_reader("sum_numeric"),
    "avg_numeric": _sum_reader("avg_numeric"),
    "sum_float": _tree_reader(add, lambda total, n: total),
    "avg_float": _tree_reader(add, lambda total, n: total / n),
    "min_value": _tree_reader(smaller, lambda found, n: found),
    "max_value": _tree_reader(larger, lambda found, n: found),
    "bool_and": _tree_reader(lambda a, b: a and b, lambda found, n: found),
    "bool_or": _tree_reader(lambda a, b: a or b, lambda found, n: found),
    **{
        f"{name}_{kind}{'_population' if population else ''}": _spread_reader(
            name == "stddev", population, kind == "numeric"
        )
        for name in ("stddev", "variance")
        for kind in ("numeric", "float")
        for population in (False, True)
    },
}
