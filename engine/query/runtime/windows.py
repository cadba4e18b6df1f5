"""Window functions over the rows of one partition at a time, in linear time or n log n, whatever the frames.

A partition is a list of row numbers in window order. Frames are half-open ranges of places in it, with a hole where EXCLUDE
says so; both ends only ever move forward or are found by bisection. Sums and counts of exact numbers come from prefix sums,
running aggregates are accumulated, what has no inverse (min, max, sums of floats) comes from a tree of partial results.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import accumulate, pairwise, repeat
from operator import add
from typing import Any, Final

from exdbsql.engine.query.runtime.arithmetic import (
    INT_LIMITS,
    NUMERIC_CONTEXT,
    numeric_divide,
    numeric_square_root,
    out_of_range,
)
from exdbsql.schema.errors import DataError
from exdbsql.schema.interval import Interval
from exdbsql.schema.interval_arithmetic import add_interval

Frames = Sequence[tuple[int, int, int, int]]
"""For each row of a partition: start, end, and start and end of the hole in it."""


class Skipped:
    """Stands where FILTER has left a row out."""


SKIPPED: Final = Skipped()


def partitions(count: int, keys: Sequence[Any] | None) -> list[list[int]]:
    """The row numbers, parted by their keys."""
    if keys is None:
        return [list(range(count))] if count else []
    parts: dict[Any, list[int]] = defaultdict(list)
    for i, key in enumerate(keys):
        parts[key].append(i)
    return list(parts.values())


def sort_by(parts: Iterable[list[int]], keys: Sequence[Any], descending: bool, nulls_first: bool) -> None:
    """Sort every partition by one key; what is equal stays in order."""
    if None not in keys:
        for part in parts:
            part.sort(key=keys.__getitem__, reverse=descending)
        return
    first = nulls_first != descending
    marked = [(key is not None if first else key is None, key) for key in keys]
    for part in parts:
        part.sort(key=marked.__getitem__, reverse=descending)


def peer_groups(part: Sequence[int], sort_keys: Sequence[Any] | None) -> list[int]:
    """Where each group of equal rows of a partition starts; and its length at the end."""
    if sort_keys is None:
        return [0, len(part)]
    keys = [sort_keys[i] for i in part]
    borders = [place for place, (key, other) in enumerate(pairwise(keys), 1) if key != other]
    return [0, *borders, len(part)]


def row_number(part: Sequence[int], groups: Sequence[int] | None, out: list[Any]) -> None:
    """``row_number()``."""
    for n, i in enumerate(part, 1):
        out[i] = n


def rank(part: Sequence[int], groups: Sequence[int], out: list[Any]) -> None:
    """``rank()``."""
    if len(groups) > len(part):  # no two rows are equal
        row_number(part, groups, out)
        return
    for start, end in pairwise(groups):
        for i in part[start:end]:
            out[i] = start + 1


def dense_rank(part: Sequence[int], groups: Sequence[int], out: list[Any]) -> None:
    """``dense_rank()``."""
    if len(groups) > len(part):
        row_number(part, groups, out)
        return
    for n, (start, end) in enumerate(pairwise(groups), 1):
        for i in part[start:end]:
            out[i] = n


def percent_rank(part: Sequence[int], groups: Sequence[int], out: list[Any]) -> None:
    """``percent_rank()``."""
    count = len(part) - 1
    for start, end in pairwise(groups):
        for i in part[start:end]:
            out[i] = start / count if count else 0.0


def cume_dist(part: Sequence[int], groups: Sequence[int], out: list[Any]) -> None:
    """``cume_dist()``."""
    for start, end in pairwise(groups):
        for i in part[start:end]:
            out[i] = end / len(part)


def ntile(part: Sequence[int], groups: Sequence[int] | None, out: list[Any], buckets: Sequence[int | None]) -> None:
    """``ntile(buckets)``."""
    count = buckets[part[0]]
    if count is None:
        return
    if count <= 0:
        raise DataError("argument of ntile must be greater than zero", sqlstate="22014")
    size, larger = divmod(len(part), count)
    border = larger * (size + 1)
    for place, i in enumerate(part):
        out[i] = place // (size + 1) + 1 if place < border else larger + (place - border) // size + 1


def lag(
    part: Sequence[int],
    groups: Sequence[int] | None,
    out: list[Any],
    values: Sequence[Any],
    offsets: Sequence[int | None] | None = None,
    defaults: Sequence[Any] | None = None,
    sign: int = -1,
) -> None:
    """``lag(value, offset, default)``."""
    for place, i in enumerate(part):
        offset = 1 if offsets is None else offsets[i]
        if offset is None:
            continue
        other = place + sign * offset
        if 0 <= other < len(part):
            out[i] = values[part[other]]
        elif defaults is not None:
            out[i] = defaults[i]


def lead(
    part: Sequence[int],
    groups: Sequence[int] | None,
    out: list[Any],
    values: Sequence[Any],
    offsets: Sequence[int | None] | None = None,
    defaults: Sequence[Any] | None = None,
) -> None:
    """``lead(value, offset, default)``."""
    lag(part, groups, out, values, offsets, defaults, 1)


# frames


def offset_of(value: Any, which: str) -> Any:
    """A checked offset of a frame; `which` is starting or ending."""
    if value is None:
        raise DataError(f"frame {which} offset must not be null", sqlstate="22004")
    negative = value.span < 0 if isinstance(value, Interval) else value < 0
    if negative:
        raise DataError(f"frame {which} offset must not be negative", sqlstate="22013")
    return value


def whole_frames(part: Sequence[int], groups: Sequence[int] | None, is_ordered: bool) -> list[tuple[int, int]]:
    """The default frame: from the start to the last row equal to the current one; all where there is no order."""
    if not is_ordered or groups is None:
        return [(0, len(part))] * len(part)
    if len(groups) > len(part):  # no two rows are equal
        return list(zip(repeat(0), groups[1:]))
    return [(0, end) for start, end in pairwise(groups) for _ in range(end - start)]


def rows_frames(count: int, start: int | None, end: int | None) -> list[tuple[int, int]]:
    """ROWS: distances of the ends from the current row; None is unbounded."""
    lows = [0] * count if start is None else _places_at(count, start)
    highs = [count] * count if end is None else _places_at(count, end + 1)
    if start is not None and end is not None and start > end:
        highs = list(map(max, lows, highs))
    return list(zip(lows, highs, strict=True))


def _places_at(count: int, distance: int) -> list[int]:
    """The place so far from each row, or the nearest end."""
    if distance <= 0:
        before = min(count, -distance)
        return [0] * before + list(range(count - before))
    beyond = min(count, distance)
    return [*range(beyond, count), *[count] * beyond]


def groups_frames(groups: Sequence[int], start: int | None, end: int | None) -> list[tuple[int, int]]:
    """GROUPS: the same, counting groups of equal rows."""
    last = len(groups) - 1
    frames: list[tuple[int, int]] = []
    for n in range(last):
        low = 0 if start is None else groups[min(max(0, n + start), last)]
        high = groups[last] if end is None else groups[max(0, min(last, n + end + 1))]
        frames += [(low, max(low, high))] * (groups[n + 1] - groups[n])
    return frames


def range_frames(
    part: Sequence[int],
    groups: Sequence[int],
    keys: Sequence[Any],
    start: tuple[str, Any],
    end: tuple[str, Any],
    descending: bool,
    nulls_first: bool,
) -> list[tuple[int, int]]:
    """RANGE with distances in the value of the only sort key; a NULL is near NULLs only.

    `start` and `end` are ("unbounded" | "current" | "offset", signed distance or None).
    """
    values = [keys[i] for i in part]
    count = len(values)
    nulls = sum(1 for v in values if v is None)
    first, last = (nulls, count) if nulls_first else (0, count - nulls)
    ordered = values[first:last]
    ascending = [_negated(v) for v in ordered] if descending else ordered
    frames: list[tuple[int, int]] = []
    for n in range(len(groups) - 1):
        low_peer, high_peer = groups[n], groups[n + 1]
        value = values[low_peer]
        if value is None:
            low = 0 if start[0] == "unbounded" else low_peer
            high = count if end[0] == "unbounded" else high_peer
        else:
            key = _negated(value) if descending else value
            low = _bound(start, key, ascending, first, bisect_left, 0, low_peer)
            high = _bound(end, key, ascending, first, bisect_right, count, high_peer)
        frames += [(low, max(low, high))] * (high_peer - low_peer)
    return frames


def _bound(
    side: tuple[str, Any], key: Any, ordered: Sequence[Any], first: int, search: Any, unbounded: int, current: int
) -> int:
    if side[0] == "unbounded":
        return unbounded
    if side[0] == "current":
        return current
    return first + int(search(ordered, _moved(key, side[1])))


class _Descending:
    """A moment whose order is turned around, for bisection."""

    __slots__ = ("moment",)

    def __init__(self, moment: Any) -> None:
        self.moment = moment

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.moment < self.moment)


def _negated(value: Any) -> Any:
    return _Descending(value) if isinstance(value, (date, Interval)) else -value


def _moved(key: Any, distance: Any) -> Any:
    if isinstance(key, _Descending):
        return _Descending(_moved(key.moment, -distance))
    return add_interval(key, distance) if isinstance(key, date) else key + distance


def with_holes(frames: Sequence[tuple[int, int]], groups: Sequence[int], exclude: str) -> Frames:
    """The frames without what EXCLUDE takes out of them; one row is left of a group by EXCLUDE TIES (see `ties`)."""
    out = []
    for n in range(len(groups) - 1):
        for place in range(groups[n], groups[n + 1]):
            low, high = frames[place]
            hole = (place, place + 1) if exclude == "current row" else (groups[n], groups[n + 1])
            start, stop = max(low, hole[0]), min(high, hole[1])
            out.append((low, high, start, stop) if start < stop else (low, high, high, high))
    return out


# functions of frames


def _places(frame: Sequence[int], place: int, keeps_self: bool) -> list[range]:
    """The places of a frame in order; with `keeps_self` the hole has the current row in it."""
    if len(frame) == 2:
        return [range(frame[0], frame[1])]
    low, high, start, stop = frame
    if keeps_self and start <= place < stop:
        return [range(low, start), range(place, place + 1), range(stop, high)]
    return [range(low, start), range(stop, high)]


def frame_value(
    part: Sequence[int],
    frames: Sequence[Sequence[int]],
    out: list[Any],
    values: Sequence[Any],
    counts: Sequence[int | None] | None,
    from_end: bool,
    ties: bool,
) -> None:
    """``first_value``, ``last_value`` (`from_end`), ``nth_value`` (`counts`)."""
    for place, i in enumerate(part):
        n = 1 if counts is None else counts[i]
        if n is None:
            continue
        if n < 1:
            raise DataError("argument of nth_value must be greater than zero", sqlstate="22016")
        ranges = _places(frames[place], place, ties)
        for piece in reversed(ranges) if from_end else ranges:
            if len(piece) >= n:
                out[i] = values[part[piece[-n] if from_end else piece[n - 1]]]
                break
            n -= len(piece)


def frame_aggregate(
    part: Sequence[int],
    frames: Sequence[Sequence[int]],
    out: list[Any],
    values: Sequence[Any],
    kind: str,
    function: Callable[[Sequence[Any]], Any],
    keeps_nulls: bool,
    ties: bool,
) -> None:
    """An aggregate over each frame. `values` has None or `SKIPPED` for rows that do not count.

    `kind` names aggregates with a quick way: ``count``, ``sum_bigint``, ``min_value`` ...; others call `function` on lists.
    """
    mine = [values[i] for i in part]
    first = frames[0]
    if len(first) == 2 and first == (0, len(part)) and frames[-1] == first and all(f == first for f in frames):
        result = _of_list(mine, function, keeps_nulls)
        for i in part:
            out[i] = result
        return
    make = _RUNNING.get(kind)
    running = len(first) == 2 and make is not None and all(f[0] == 0 for f in frames)
    if running and make is not None:
        results = make(mine)
        for i, frame in zip(part, frames, strict=True):
            out[i] = results[frame[1]]
        return
    if len(first) == 2:
        quick = _without_holes(mine, frames, kind, function, keeps_nulls)
        if quick is not None:
            for i, result in zip(part, quick, strict=True):
                out[i] = result
            return
    over = _OVER_RANGES.get(kind)
    reader = over(mine) if over is not None else _slices(mine, function, keeps_nulls)
    last_frame, last = None, None
    for place, i in enumerate(part):
        frame = frames[place]
        if frame != last_frame or ties:
            last = reader([(r.start, r.stop) for r in _places(frame, place, ties)])
            last_frame = frame
        out[i] = last


_NARROW: Final = 24
"""Up to how many rows on average a frame is read directly, which is quicker than any other way, and sums floats in order."""


def _without_holes(
    mine: Sequence[Any], frames: Any, kind: str, function: Callable[[Sequence[Any]], Any], keeps_nulls: bool
) -> list[Any] | None:
    """The results of plain frames by a quick way; None where there is none."""
    if kind in ("count", "sum_bigint"):
        counts = _counts(mine)
        if kind == "count":
            return [counts[b] - counts[a] for a, b in frames]
        sums = _prefix(mine, 0)
        results = [sums[b] - sums[a] if counts[b] > counts[a] else None for a, b in frames]
        found = [r for r in results if r is not None]
        if found and not (-INT_LIMITS["bigint"] - 1 <= min(found) and max(found) <= INT_LIMITS["bigint"]):
            out_of_range("bigint")
        return results
    if sum([b - a for a, b in frames]) <= _NARROW * len(mine):
        if SKIPPED not in mine and (keeps_nulls or None not in mine):
            return [function(mine[a:b]) for a, b in frames]
        return [_of_list(mine[a:b], function, keeps_nulls) for a, b in frames]
    if kind in ("min_value", "max_value"):
        return _sliding_extremes(mine, frames, kind == "max_value")
    return None


def _sliding_extremes(mine: Sequence[Any], frames: Any, largest: bool) -> list[Any] | None:
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


def _of_list(mine: Sequence[Any], function: Callable[[Sequence[Any]], Any], keeps_nulls: bool) -> Any:
    return function([v for v in mine if v is not SKIPPED and (keeps_nulls or v is not None)])


Reader = Callable[[list[tuple[int, int]]], Any]


def _slices(mine: Sequence[Any], function: Callable[[Sequence[Any]], Any], keeps_nulls: bool) -> Reader:
    return lambda ranges: _of_list([v for a, b in ranges for v in mine[a:b]], function, keeps_nulls)


def _counts(mine: Sequence[Any]) -> list[int]:
    return list(accumulate([v is not None and v is not SKIPPED for v in mine], initial=0))


def _difference(prefix: Sequence[Any], ranges: list[tuple[int, int]]) -> Any:
    total = prefix[0]
    for a, b in ranges:
        if a < b:
            total += prefix[b] - prefix[a]
    return total


def _prefix(mine: Sequence[Any], zero: Any, change: Callable[[Any], Any] = lambda v: v) -> list[Any]:
    return list(accumulate([zero if v is None or v is SKIPPED else change(v) for v in mine], initial=zero))


def _count_reader(mine: Sequence[Any]) -> Reader:
    counts = _counts(mine)
    return lambda ranges: int(_difference(counts, ranges))


def _sum_reader(kind: str) -> Callable[[Sequence[Any]], Reader]:
    def make(mine: Sequence[Any]) -> Reader:
        counts = _counts(mine)
        with localcontext(NUMERIC_CONTEXT):
            sums = _prefix(mine, 0 if kind == "sum_bigint" else Decimal(0))

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
        counts = _counts(mine)
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
        counts = _counts(mine)
        kind: Any = Decimal if exact else Fraction
        with localcontext(NUMERIC_CONTEXT):
            sums = _prefix(mine, kind(0), kind)
            squares = _prefix(mine, kind(0), lambda v: kind(v) ** 2)

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


def _running_sum_float(mine: Sequence[Any]) -> list[Any]:
    return _running(mine, add)


def _running(mine: Sequence[Any], combine: Callable[[Any, Any], Any]) -> list[Any]:
    """The aggregate of the first 0, 1, 2, ... values."""
    results: list[Any] = [None]
    current = None
    for value in mine:
        if value is not None and value is not SKIPPED:
            current = value if current is None else combine(current, value)
        results.append(current)
    return results


def _running_avg_float(mine: Sequence[Any]) -> list[Any]:
    return [None if s is None else s / n for s, n in zip(_running(mine, add), _counts(mine), strict=True)]


def _smaller(a: Any, b: Any) -> Any:
    return min(a, b)  # the first of equal ones, as min() gives it


def _larger(a: Any, b: Any) -> Any:
    return max(a, b)


_RUNNING: Final[dict[str, Callable[[Sequence[Any]], list[Any]]]] = {
    "sum_float": _running_sum_float,
    "avg_float": _running_avg_float,
    "min_value": lambda mine: _running(mine, _smaller),
    "max_value": lambda mine: _running(mine, _larger),
    "count": _counts,
}
_OVER_RANGES: Final[dict[str, Callable[[Sequence[Any]], Reader]]] = {
    "count": _count_reader,
    "sum_bigint": _sum_reader("sum_bigint"),
    "sum_numeric": _sum_reader("sum_numeric"),
    "avg_numeric": _sum_reader("avg_numeric"),
    "sum_float": _tree_reader(add, lambda total, n: total),
    "avg_float": _tree_reader(add, lambda total, n: total / n),
    "min_value": _tree_reader(_smaller, lambda found, n: found),
    "max_value": _tree_reader(_larger, lambda found, n: found),
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

NAMES: Final[dict[str, object]] = {
    f"window_{f.__name__}": f
    for f in (
        *(
            partitions,
            sort_by,
            peer_groups,
            row_number,
            rank,
            dense_rank,
            percent_rank,
            cume_dist,
            ntile,
            lag,
            lead,
            offset_of,
        ),
        *(whole_frames, rows_frames, groups_frames, range_frames, with_holes, frame_value, frame_aggregate),
    )
}
NAMES["SKIPPED"] = SKIPPED
