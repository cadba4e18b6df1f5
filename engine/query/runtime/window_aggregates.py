"""Aggregates over the frames of one partition: the usual frames by loops that run in C, the others by what any range can be read from.

A list holds the partition's values in window order, with None or `SKIPPED` for rows that do not count. It is *full* where there
are none of those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, localcontext
from itertools import accumulate, count, islice, repeat
from math import isfinite, isinf, sqrt
from operator import sub, truediv
from typing import Any, Final, NamedTuple, Protocol

from exdbsql.engine.query.runtime.arithmetic import (
    INT_LIMITS,
    NUMERIC_CONTEXT,
    check_float,
    numeric_divide,
    numeric_square_root,
    out_of_range,
)
from exdbsql.engine.query.runtime.window_frames import Frames, places_of
from exdbsql.engine.query.runtime.window_ranges import (
    OVER_RANGES,
    SKIPPED,
    counts_of,
    of_list,
    prefix_sums,
    slices,
    sliding_extremes,
)

_NARROW: Final = 24
"""Up to how many rows on average a frame is read directly, which is quicker than any other way, and sums floats in order."""


class FromFrameToFrame(Protocol):
    """An aggregate that can go on from one frame to the next one."""

    def over(
        self, mine: Sequence[Any], frames: Any, function: Callable[[Sequence[Any]], Any], keeps_nulls: bool
    ) -> list[Any] | None:
        """The aggregate over each of some frames without holes; None where they do not allow it."""


class Aggregation(NamedTuple):
    """An aggregate of a window.

    Attributes:
        kind: names aggregates with a quick way: ``count``, ``sum_bigint``, ``min_value`` ...
        function: gives the aggregate of a list.
        keeps_nulls: whether NULLs count.
        has_holes: whether rows may be NULL or left out by FILTER.
        moving: how to go on from one frame to the next; None where that is not known.
    """

    kind: str
    function: Callable[[Sequence[Any]], Any]
    keeps_nulls: bool = False
    has_holes: bool = True
    moving: FromFrameToFrame | None = None

    def is_full(self, mine: Sequence[Any]) -> bool:
        """Whether every value counts."""
        return not self.has_holes or (SKIPPED not in mine and (self.keeps_nulls or None not in mine))

    def of(self, mine: Sequence[Any]) -> Any:
        """The aggregate of a list."""
        return of_list(mine, self.function, self.keeps_nulls) if self.has_holes else self.function(list(mine))


# from the start to the current row


def running(mine: Sequence[Any], aggregation: Aggregation) -> list[Any] | None:
    """The aggregate of the first 1, 2, 3, ... values; None where there is no quick way."""
    make = _RUNNING.get(aggregation.kind)
    if make is None:
        return None
    if aggregation.is_full(mine):
        return make(mine)
    counts = counts_of(mine)
    found = make([v for v in mine if v is not None and v is not SKIPPED])
    none = 0 if aggregation.kind == "count" else None
    return [found[n - 1] if n else none for n in islice(counts, 1, None)]


def _running_counts(mine: Sequence[Any]) -> list[Any]:
    return list(range(1, len(mine) + 1))


def _running_bigints(mine: Sequence[int]) -> list[Any]:
    return _in_range(list(accumulate(mine)))


def _in_range(sums: list[Any]) -> list[Any]:
    limit = INT_LIMITS["bigint"]
    found = [s for s in sums if s is not None] if None in sums else sums
    if found and not (-limit - 1 <= min(found) and max(found) <= limit):
        out_of_range("bigint")
    return sums


def _running_floats(mine: Sequence[float]) -> list[Any]:
    return checked_floats(list(accumulate(mine)), mine)


def checked_floats(sums: list[Any], mine: Sequence[float]) -> list[Any]:
    """Sums of floats, unless one is infinite though no value is."""
    if isfinite(sum(sums)):
        return sums
    infinite = next((v for v in mine if isinf(v)), 0.0)
    return [check_float(s, infinite) for s in sums]


def _running_numerics(mine: Sequence[Any]) -> list[Any]:
    with localcontext(NUMERIC_CONTEXT):
        return prefix_sums(mine, _ZERO)[1:]


def _running_means(mine: Sequence[float]) -> list[Any]:
    return list(map(truediv, accumulate(mine), count(1)))


def _running_numeric_means(mine: Sequence[Any]) -> list[Any]:
    with localcontext(NUMERIC_CONTEXT):
        return list(map(numeric_divide, accumulate(mine), count(1)))


def _running_variances(*, root: bool, population: bool) -> Callable[[Sequence[Any]], list[Any]]:
    """Variances of exact numbers, or their roots, from sums that grow."""

    def made(mine: Sequence[Any]) -> list[Any]:
        found: list[Any] = []
        total = squares = _ZERO
        with localcontext(NUMERIC_CONTEXT):
            for n, value in enumerate(mine, 1):
                total += value
                squares += value * value
                if n == 1 and not population:
                    found.append(None)
                    continue
                spread = n * squares - total * total
                variance = numeric_divide(spread, n * n if population else n * (n - 1)) if spread else _ZERO
                found.append(numeric_square_root(variance) if root and variance else variance)
        return found

    return made


def _running_float_variances(*, root: bool, population: bool) -> Callable[[Sequence[Any]], list[Any]]:
    """The same of floats, by Youngs and Cramer's method, as PostgreSQL has it."""

    def made(mine: Sequence[float]) -> list[Any]:
        found: list[Any] = []
        total = spread = 0.0
        for n, value in enumerate(mine, 1):
            total += value
            if n > 1:
                deviation = value * n - total
                spread += deviation * deviation / (n * (n - 1))
            elif not population:
                found.append(None)
                continue
            variance = spread / (n if population else n - 1)
            found.append(sqrt(variance) if root else variance)
        return found

    return made


# a fixed number of rows around the current one


def sliding(mine: Sequence[Any], start: int, end: int, aggregation: Aggregation) -> list[Any] | None:
    """The aggregate of the rows from `start` to `end`, counted from each row; None where there is no quick way."""
    width, size = end - start + 1, len(mine)
    make = _SLIDING.get(aggregation.kind)
    if make is None or not (1 <= width <= _NARROW and width < size) or not aggregation.is_full(mine):
        return None
    first = max(0, -start)
    inner = size - first - max(0, end)
    if inner <= 0:
        return None
    begin = first + start
    shifted: list[Iterator[Any]] = [islice(mine, begin + k, begin + k + inner) for k in range(width)]

    def at(place: int) -> Any:
        return aggregation.function(mine[max(0, place + start) : max(0, place + end + 1)])

    found = make(shifted, width)
    if aggregation.kind == "sum_float":
        found = checked_floats(found, mine)
    return [*map(at, range(first)), *found, *map(at, range(first + inner, size))]


def _sliding_sums(shifted: list[Iterator[Any]], width: int) -> list[Any]:
    return list(map(sum, zip(*shifted, strict=True)))


def _sliding_means(shifted: list[Iterator[Any]], width: int) -> list[Any]:
    return list(map(truediv, map(sum, zip(*shifted, strict=True)), repeat(width)))


def _sliding_by(function: Callable[..., Any]) -> Callable[[list[Iterator[Any]], int], list[Any]]:
    return lambda shifted, width: list(map(function, zip(*shifted, strict=True)))


# any frames


def over_frames(mine: Sequence[Any], frames: Frames, aggregation: Aggregation, ties: bool) -> list[Any]:
    """The aggregate over each of some frames; `ties`: they exclude the rows equal to the current one but not itself."""
    kind, function, keeps_nulls = aggregation[:3]
    mine = list(mine)
    if len(frames[0]) == 2:
        quick = _without_holes(mine, frames, aggregation)
        if quick is not None:
            return quick
    over = OVER_RANGES.get(kind)
    reader = over(mine) if over is not None else slices(mine, function, keeps_nulls)
    results: list[Any] = []
    last_frame, last = None, None
    for place, frame in enumerate(frames):
        if frame != last_frame or ties:
            last = reader([(r.start, r.stop) for r in places_of(frame, place, ties)])
            last_frame = frame
        results.append(last)
    return results


def _without_holes(mine: Sequence[Any], frames: Frames, aggregation: Aggregation) -> list[Any] | None:
    """The results of plain frames by a quick way; None where there is none."""
    kind, function, keeps_nulls = aggregation[:3]
    if aggregation.moving is not None:
        quick = aggregation.moving.over(mine, frames, function, keeps_nulls)
        if quick is not None:
            return quick
    lows, highs = [f[0] for f in frames], [f[1] for f in frames]
    if kind in ("count", "sum_bigint"):
        counts = counts_of(mine) if aggregation.has_holes else range(len(mine) + 1)
        numbers = [counts[b] - counts[a] for a, b in frames] if aggregation.has_holes else list(map(sub, highs, lows))
        if kind == "count":
            return numbers
        sums = prefix_sums(mine, 0)
        return _in_range([sums[b] - sums[a] if n else None for a, b, n in zip(lows, highs, numbers, strict=True)])
    if sum(highs) - sum(lows) <= _NARROW * len(mine):
        if aggregation.is_full(mine):
            return [function(mine[a:b]) for a, b in frames]
        return [of_list(mine[a:b], function, keeps_nulls) for a, b in frames]
    if kind in ("min_value", "max_value"):
        return sliding_extremes(mine, frames, kind == "max_value")
    return None


def ends_repeated(results: Sequence[Any], groups: Sequence[int]) -> list[Any]:
    """Each row's result is that of the last row equal to it."""
    if len(groups) > len(results):  # no two rows are equal
        return list(results)
    out: list[Any] = []
    for start, end in zip(groups, islice(groups, 1, None), strict=False):
        out += repeat(results[end - 1], end - start)
    return out


_ZERO: Final = Decimal(0)
_RUNNING: Final[dict[str, Callable[[Sequence[Any]], list[Any]]]] = {
    "count": _running_counts,
    "sum_bigint": _running_bigints,
    "sum_float": _running_floats,
    "sum_numeric": _running_numerics,
    "avg_float": _running_means,
    "avg_numeric": _running_numeric_means,
    "min_value": lambda mine: list(accumulate(mine, min)),
    "max_value": lambda mine: list(accumulate(mine, max)),
    "bool_and": lambda mine: list(accumulate(mine, min)),
    "bool_or": lambda mine: list(accumulate(mine, max)),
    **{
        f"{name}_{kind}{suffix}": make(root=name == "stddev", population=bool(suffix))
        for name in ("variance", "stddev")
        for kind, make in (("numeric", _running_variances), ("float", _running_float_variances))
        for suffix in ("", "_population")
    },
}
_SLIDING: Final[dict[str, Callable[[list[Iterator[Any]], int], list[Any]]]] = {
    "count": lambda shifted, width: [width for _ in shifted[0]],
    "sum_bigint": lambda shifted, width: _in_range(_sliding_sums(shifted, width)),
    "sum_float": _sliding_sums,
    "avg_float": _sliding_means,
    "min_value": _sliding_by(min),
    "max_value": _sliding_by(max),
}
