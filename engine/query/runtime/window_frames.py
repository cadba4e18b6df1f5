"""The frames of window functions: half-open ranges of places in a partition, with a hole where EXCLUDE says so.

Both ends only ever move forward, or are found by bisection.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from exdbsql.schema.errors import DataError
from exdbsql.schema.interval import Interval
from exdbsql.schema.interval_arithmetic import add_interval

Frames = Sequence[Any]
"""For each row of a partition start and end, or start, end, and start and end of the hole between them."""


class WindowFrame(NamedTuple):
    """What a frame clause says.

    Attributes:
        mode: rows, range or groups.
        start: distance of the start from the current row, None for UNBOUNDED. With distances in values: as `range_frames` takes it.
        end: the same for the end.
        exclude: what EXCLUDE says.
    """

    mode: str
    start: Any
    end: Any
    exclude: str = "no others"

    @property
    def is_whole(self) -> bool:
        """Whether every row has the whole partition for a frame."""
        return self.start is None and self.end is None and self.exclude == "no others"

    @property
    def is_running(self) -> bool:
        """Whether every frame begins with the partition, and ends with the row or with the last row equal to it."""
        return self.start is None and self.end == 0 and self.exclude == "no others"

    @property
    def has_values(self) -> bool:
        """Whether its distances are between values."""
        return isinstance(self.start, tuple)


WHOLE: Final = WindowFrame("range", None, None)
"""The frame where nothing is said and there is no order."""

RUNNING: Final = WindowFrame("range", None, 0)
"""The frame where nothing is said and there is an order."""


def frames_of(frame: WindowFrame, groups: Sequence[int], values: Sequence[Any], key: tuple[bool, bool]) -> Frames:
    """The frames of a partition.

    Args:
        frame: the frame clause.
        groups: where groups of equal rows begin, and the length of the partition at the end.
        values: those of the only sort key, in order, where the distances are between values.
        key: whether that key is descending, and whether its NULLs come first.
    """
    if frame.has_values:
        frames = range_frames(values, groups, frame.start, frame.end, *key)
    elif frame.mode == "rows":
        frames = rows_frames(groups[-1], frame.start, frame.end)
    else:
        frames = groups_frames(groups, frame.start, frame.end)
    return frames if frame.exclude == "no others" else with_holes(frames, groups, frame.exclude)


def offset_of(value: Any, which: str) -> Any:
    """A checked offset of a frame; `which` is starting or ending."""
    if value is None:
        raise DataError(f"frame {which} offset must not be null", sqlstate="22004")
    negative = value.span < 0 if isinstance(value, Interval) else value < 0
    if negative:
        raise DataError(f"frame {which} offset must not be negative", sqlstate="22013")
    return value


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
    values: Sequence[Any],
    groups: Sequence[int],
    start: tuple[str, Any],
    end: tuple[str, Any],
    descending: bool,
    nulls_first: bool,
) -> list[tuple[int, int]]:
    """RANGE with distances in the value of the only sort key; a NULL is near NULLs only.

    `start` and `end` are ("unbounded" | "current" | "offset", signed distance or None).
    """
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


def places_of(frame: Sequence[int], place: int, keeps_self: bool) -> list[range]:
    """The places of a frame in order; with `keeps_self` the hole has the current row in it."""
    if len(frame) == 2:
        return [range(frame[0], frame[1])]
    low, high, start, stop = frame
    if keeps_self and start <= place < stop:
        return [range(low, start), range(place, place + 1), range(stop, high)]
    return [range(low, start), range(stop, high)]
