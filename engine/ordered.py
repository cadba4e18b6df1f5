"""A sorted set that one thread changes while others read it, without locks.

The shape is that of ``sortedcontainers.SortedList`` (a list of sorted blocks), with three rules that make a reader safe:

1. Blocks and fences are reached through one attribute, `top`; a split replaces it, and never changes the old blocks.
2. A fence is at no moment below an entry of its block, nor above one of the next block. So it is raised before an
   insert, and not lowered by a removal.
3. Within a block, insert and removal are single list operations, and a copy of a block is atomic.

So a reader that captured `top` finds every entry that was there when it did and was not removed since. Entries that were
removed meanwhile are the caller's matter (:mod:`exdbsql.engine.index` keeps them where an older snapshot needs them).
"""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

BLOCK_ENTRIES: Final = 512
"""Size of a new block; a block splits at twice this."""

Bound: TypeAlias = tuple[Any, bool] | None
"""A place in the order: (probe, after equals), or None for the end of the order on that side."""


def place(entries: Sequence[Any], bound: tuple[Any, bool]) -> int:
    """Where `bound` falls in sorted `entries`."""
    return bisect_right(entries, bound[0]) if bound[1] else bisect_left(entries, bound[0])


def cut(entries: list[Any], start: Bound, stop: Bound) -> list[Any]:
    """The sorted entries between two bounds."""
    low = 0 if start is None else place(entries, start)
    high = len(entries) if stop is None else place(entries, stop)
    return entries[low:high]


def _side_by_side(fences: list[Any]) -> list[Any]:
    """Equal fences; integers as copies that lie together in memory, where a search finds them sooner."""
    try:
        return array("q", fences).tolist()
    except (TypeError, OverflowError):
        return fences


class SortedBlocks:
    """Sorted, distinct entries. `add` and `remove` from one thread at a time; `between` from any."""

    __slots__ = ("top",)

    def __init__(self, entries: Iterable[Any]) -> None:
        """Sort `entries`, which must be distinct."""
        ordered = sorted(entries)
        blocks = [ordered[at : at + BLOCK_ENTRIES] for at in range(0, len(ordered), BLOCK_ENTRIES)] or [[]]
        self.top: tuple[list[list[Any]], list[Any]] = (blocks, _side_by_side([block[-1] for block in blocks if block]))

    def __len__(self) -> int:
        return sum(map(len, self.top[0]))

    def add(self, entry: Any) -> None:
        """Insert an entry that is not there."""
        blocks, fences = self.top
        if not fences:
            self.top = ([[entry]], [entry])
            return
        at = bisect_left(fences, entry)
        if at == len(fences):
            at -= 1
            fences[at] = entry
        block = blocks[at]
        insort(block, entry)
        if len(block) >= 2 * BLOCK_ENTRIES:
            self._split(at)

    def remove(self, entry: Any) -> None:
        """Take out an entry; nothing happens where it is not there."""
        blocks, fences = self.top
        at = bisect_left(fences, entry)
        if at == len(fences):
            return
        block = blocks[at]
        position = bisect_left(block, entry)
        if position == len(block) or block[position] != entry:
            return
        del block[position]
        if not block:
            self.top = ([*blocks[:at], *blocks[at + 1 :]] or [[]], [*fences[:at], *fences[at + 1 :]])

    def _split(self, at: int) -> None:
        blocks, fences = self.top
        block = blocks[at]
        left, right = block[:BLOCK_ENTRIES], block[BLOCK_ENTRIES:]
        self.top = (
            [*blocks[:at], left, right, *blocks[at + 1 :]],
            [*fences[:at], left[-1], fences[at], *fences[at + 1 :]],
        )

    def between(self, start: Bound, stop: Bound) -> list[list[Any]]:
        """The blocks that may hold entries between two bounds, in order; `cut` each of them."""
        blocks, fences = self.top
        if not fences:
            return []
        first = 0 if start is None else place(fences, start)
        last = len(blocks) if stop is None else place(fences, stop) + 1
        return blocks[first:last]
