"""Window functions: rows parted and put in order once, then one column of values for each call.

A partition is a list of row numbers in window order. A function works on the values of one partition in that order and gives as many
results, which go back to the places of their rows; where there is one partition and the rows are in order already, nothing
moves. All loops over rows run in C, except where results go to their places.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, compress, count, islice, pairwise, repeat
from operator import itemgetter, le, ne, or_
from typing import Any, Final, NamedTuple

from exdbsql.engine.query.runtime.aggregation import has_nan
from exdbsql.engine.query.runtime.window_aggregates import Aggregation, ends_repeated, over_frames, running, sliding
from exdbsql.engine.query.runtime.window_frames import RUNNING, WHOLE, WindowFrame, frames_of, offset_of, places_of
from exdbsql.engine.query.runtime.window_ranges import SKIPPED
from exdbsql.schema.errors import DataError

Part = Sequence[int]
"""Row numbers; all of them, in their order, as a range."""


class SortColumn(NamedTuple):
    """One key of the ORDER BY of a window, with the values of all rows."""

    values: Sequence[Any]
    descending: bool
    nulls_first: bool
    nullable: bool


class Windowed:
    """The rows of one PARTITION BY and ORDER BY.

    Args:
        size: how many rows there are.
        partition: the values that they are parted by; None where they are not.
        keys: what each partition is ordered by.
        distinct: whether no two rows of a partition are equal in these, as far as is known beforehand.
    """

    def __init__(
        self, size: int, partition: Sequence[Any] | None, keys: Sequence[SortColumn] = (), distinct: bool = False
    ) -> None:
        self.size = size
        self.partition = partition
        self.keys = keys
        self.distinct = distinct

    # the order

    @cached_property
    def comparable(self) -> list[Sequence[Any]]:
        """The values of the sort keys, such that Python orders them as SQL does."""
        return [_comparable(key) for key in self.keys]

    @cached_property
    def parts(self) -> Sequence[Part]:
        """The partitions."""
        if not self.size:
            return []
        if self.partition is None:
            return [self._one_part()]
        found: dict[Any, list[int]] = defaultdict(list)
        deque(map(list.append, map(found.__getitem__, self.partition), count()), 0)
        parts = list(found.values())
        for values, key in self._passes():
            for part in parts:
                part.sort(key=values.__getitem__, reverse=key.descending)
        return parts

    def _one_part(self) -> Part:
        part: Sequence[int] = range(self.size)
        for values, key in self._passes():
            part = sorted(part, key=values.__getitem__, reverse=key.descending)
        return part

    def _passes(self) -> Iterator[tuple[Sequence[Any], SortColumn]]:
        """The sorts to do one after the other, which are stable; a first one that would change nothing is left out."""
        passes = list(zip(self.comparable, self.keys, strict=True))[::-1]
        if passes and not passes[0][1].descending and _is_sorted(passes[0][0]):
            del passes[0]
        return iter(passes)

    @cached_property
    def groups(self) -> list[Sequence[int]]:
        """For each partition where its groups of equal rows begin, and its length at the end."""
        return [self._groups_of(part) for part in self.parts]

    def _groups_of(self, part: Part) -> Sequence[int]:
        size = len(part)
        if not self.keys:
            return (0, size)
        if self.distinct:
            return range(size + 1)
        changes: Iterable[bool] = ()
        for n, values in enumerate(self.comparable):
            mine = _gathered(values, part)
            unequal = map(ne, mine, islice(mine, 1, None))
            changes = map(or_, changes, unequal) if n else unequal
        return [0, *compress(range(1, size), changes), size]

    # back to the rows

    def _spread(self, results: Iterable[Iterable[Any]]) -> list[Any]:
        """The results of all partitions, row by row."""
        if self.size and type(self.parts[0]) is range:
            return list(*results)
        out = [None] * self.size
        for i, result in zip(chain.from_iterable(self.parts), chain.from_iterable(results), strict=True):
            out[i] = result
        return out

    def _each(self, function: Callable[[Part], Iterable[Any]]) -> list[Any]:
        return self._spread(map(function, self.parts))

    def _by_groups(self, function: Callable[[Sequence[int]], Iterable[Any]]) -> list[Any]:
        return self._spread(map(function, self.groups))

    # ranks

    def row_number(self) -> list[Any]:
        """``row_number()``."""
        return self._each(lambda part: range(1, len(part) + 1))

    def rank(self) -> list[Any]:
        """``rank()``."""
        return self._by_groups(lambda groups: _repeated(groups, (start + 1 for start in groups)))

    def dense_rank(self) -> list[Any]:
        """``dense_rank()``."""
        return self._by_groups(lambda groups: _repeated(groups, count(1)))

    def percent_rank(self) -> list[Any]:
        """``percent_rank()``."""

        def of(groups: Sequence[int]) -> Iterable[float]:
            others = groups[-1] - 1
            return _repeated(groups, (start / others if others else 0.0 for start in groups))

        return self._by_groups(of)

    def cume_dist(self) -> list[Any]:
        """``cume_dist()``."""
        return self._by_groups(lambda groups: _repeated(groups, (end / groups[-1] for end in islice(groups, 1, None))))

    def ntile(self, buckets: Sequence[int | None]) -> list[Any]:
        """``ntile(buckets)``."""

        def of(part: Part) -> Iterable[int | None]:
            number = buckets[part[0]]
            if number is None:
                return repeat(None, len(part))
            if number <= 0:
                raise DataError("argument of ntile must be greater than zero", sqlstate="22014")
            size, larger = divmod(len(part), number)
            filled = min(number, len(part))
            return chain.from_iterable(repeat(n + 1, size + (n < larger)) for n in range(filled))

        return self._each(of)

    # other rows

    def shifted(self, values: Sequence[Any], distance: int | None, default: Any = None) -> list[Any]:
        """``lag`` and, with a negative distance, ``lead``, where distance and default are the same for all rows."""
        if distance is None:
            return [None] * self.size

        def of(part: Part) -> Iterable[Any]:
            mine = _gathered(values, part)
            by = max(-len(mine), min(len(mine), distance))
            if by >= 0:
                return chain(repeat(default, by), islice(mine, len(mine) - by))
            return chain(islice(mine, -by, None), repeat(default, -by))

        return self._each(of)

    def lag(
        self,
        values: Sequence[Any],
        offsets: Sequence[int | None],
        defaults: Sequence[Any] | None = None,
        sign: int = -1,
    ) -> list[Any]:
        """``lag(value, offset, default)``."""

        def of(part: Part) -> Iterator[Any]:
            for place, i in enumerate(part):
                offset = offsets[i]
                other = -1 if offset is None else place + sign * offset
                if 0 <= other < len(part):
                    yield values[part[other]]
                else:
                    yield None if offset is None or defaults is None else defaults[i]

        return self._each(of)

    def lead(
        self, values: Sequence[Any], offsets: Sequence[int | None], defaults: Sequence[Any] | None = None
    ) -> list[Any]:
        """``lead(value, offset, default)``."""
        return self.lag(values, offsets, defaults, 1)

    # frames

    def first_value(self, values: Sequence[Any], frame: WindowFrame) -> list[Any]:
        """``first_value(value)``."""
        if frame.start is None and frame.exclude == "no others":
            return self._each(lambda part: repeat(values[part[0]], len(part)))
        return self._value_of_frame(values, frame, None, from_end=False)

    def last_value(self, values: Sequence[Any], frame: WindowFrame) -> list[Any]:
        """``last_value(value)``."""
        if frame.is_whole:
            return self._each(lambda part: repeat(values[part[-1]], len(part)))
        if frame.is_running and frame.mode != "rows":
            return self._spread(
                ends_repeated(_gathered(values, part), groups)
                for part, groups in zip(self.parts, self.groups, strict=True)
            )
        if frame.exclude == "no others" and frame.mode == "rows" and frame.end == 0:
            return list(values)  # the row itself is always in its frame
        return self._value_of_frame(values, frame, None, from_end=True)

    def nth_value(self, values: Sequence[Any], counts: Sequence[int | None], frame: WindowFrame) -> list[Any]:
        """``nth_value(value, n)``."""
        return self._value_of_frame(values, frame, counts, from_end=False)

    def _value_of_frame(
        self, values: Sequence[Any], frame: WindowFrame, counts: Sequence[int | None] | None, *, from_end: bool
    ) -> list[Any]:
        ties = frame.exclude == "ties"

        def of(part: Part, groups: Sequence[int]) -> Iterator[Any]:
            for place, found in enumerate(self._frames(frame, part, groups)):
                n = 1 if counts is None else counts[part[place]]
                if n is not None and n < 1:
                    raise DataError("argument of nth_value must be greater than zero", sqlstate="22016")
                ranges = places_of(found, place, ties)
                at = None if n is None else _place_of_nth(reversed(ranges) if from_end else ranges, n, from_end)
                yield None if at is None else values[part[at]]

        return self._spread(map(of, self.parts, self.groups))

    def _frames(self, frame: WindowFrame, part: Part, groups: Sequence[int]) -> Any:
        values: Sequence[Any] = ()
        key = (False, False)
        if frame.has_values:
            column = self.keys[0]
            values, key = _gathered(column.values, part), (column.descending, column.nulls_first)
        return frames_of(frame, groups, values, key)

    # aggregates

    def aggregate(self, values: Sequence[Any], frame: WindowFrame, *of: Any) -> list[Any]:
        """An aggregate over each frame; `of` is what an `Aggregation` is made of."""
        aggregation = Aggregation(*of)
        if aggregation.kind in ("min_value", "max_value") and has_nan([v for v in values if v is not SKIPPED]):
            marked = [v if v is None or v is SKIPPED else (1, 0) if v != v else (0, v) for v in values]  # noqa: PLR0124  NaN alone
            found = self._aggregated(marked, frame, aggregation)
            nan = next((v for v in values if v != v), None)  # noqa: PLR0124  NaN alone
            return [v if v is None else nan if v[0] else v[1] for v in found]
        return self._aggregated(values, frame, aggregation)

    def _aggregated(self, values: Sequence[Any], frame: WindowFrame, aggregation: Aggregation) -> list[Any]:
        if frame.is_whole or (frame.is_running and frame.mode != "rows" and not self.keys):
            return self._of_partitions(values, aggregation)
        if frame.is_running:
            quick = self._running(values, aggregation, peers=frame.mode != "rows")
            if quick is not None:
                return quick
        return self._spread(self._of_frames(values, frame, aggregation))

    def _of_partitions(self, values: Sequence[Any], aggregation: Aggregation) -> list[Any]:
        if self.keys or self.partition is None:
            return self._each(lambda part: repeat(aggregation.of(_gathered(values, part)), len(part)))
        found: dict[Any, list[Any]] = defaultdict(list)
        deque(map(list.append, map(found.__getitem__, self.partition), values), 0)
        results = {key: aggregation.of(mine) for key, mine in found.items()}
        return list(map(results.__getitem__, self.partition))

    def _running(self, values: Sequence[Any], aggregation: Aggregation, *, peers: bool) -> list[Any] | None:
        results = []
        for part in self.parts:
            found = running(_gathered(values, part), aggregation)
            if found is None:
                return None
            results.append(found)
        if peers and not self.distinct:
            return self._spread(map(ends_repeated, results, self.groups))
        return self._spread(results)

    def _of_frames(
        self, values: Sequence[Any], frame: WindowFrame, aggregation: Aggregation
    ) -> Iterator[Sequence[Any]]:
        slides = frame.mode == "rows" and None not in (frame.start, frame.end) and frame.exclude == "no others"
        for number, part in enumerate(self.parts):
            mine = _gathered(values, part)
            found = sliding(mine, frame.start, frame.end, aggregation) if slides else None
            if found is None:
                groups = (0, len(part)) if slides else self.groups[number]
                frames = self._frames(frame, part, groups)
                found = over_frames(mine, frames, aggregation, frame.exclude == "ties")
            yield found


def _gathered(values: Sequence[Any], part: Part) -> Sequence[Any]:
    """The values of a partition in window order."""
    if type(part) is range:
        return values
    return itemgetter(*part)(values) if len(part) > 1 else (values[part[0]],)


def _repeated(groups: Sequence[int], values: Iterable[Any]) -> Iterable[Any]:
    """The value of each group for all its rows."""
    if len(groups) > groups[-1]:  # no two rows are equal
        return islice(values, groups[-1])
    sizes = (end - start for start, end in pairwise(groups))
    return chain.from_iterable(map(repeat, values, sizes))


def _place_of_nth(ranges: Iterable[range], n: int, from_end: bool) -> int | None:
    for piece in ranges:
        if len(piece) >= n:
            return piece[-n] if from_end else piece[n - 1]
        n -= len(piece)
    return None


def _is_sorted(values: Sequence[Any]) -> bool:
    return all(map(le, values, islice(values, 1, None)))


def _comparable(key: SortColumn) -> Sequence[Any]:
    values = key.values
    if not values or _is_plain(values, key.nullable):
        return values
    null = (-1, 0) if key.nulls_first is not key.descending else (2, 0)
    return [null if v is None else (1, 0) if v != v else (0, v) for v in values]  # noqa: PLR0124  NaN alone


def _is_plain(values: Sequence[Any], nullable: bool) -> bool:
    """Whether there is neither NULL nor NaN among the values, which Python does not compare as SQL does."""
    return not (nullable and None in values) and not has_nan(values)


NAMES: Final[dict[str, object]] = {
    "Windowed": Windowed,
    "SortColumn": SortColumn,
    "WindowFrame": WindowFrame,
    "WHOLE_PARTITION": WHOLE,
    "RUNNING_FRAME": RUNNING,
    "window_offset_of": offset_of,
    "SKIPPED": SKIPPED,
}
