"""A narrow range of an index, read in one go: the short form of :meth:`exdbsql.engine.reads.Reads.range`.

No generator, no overlay, no older version: the newest rows between two bounds, if the range lies in a few blocks of the ordered part.
The caller looks at `changed_at` afterwards and throws the rows away where somebody has changed the table meanwhile; so it
does not matter here that a block may be changed between the search and the cut.
"""

from bisect import bisect_left, bisect_right
from typing import Any, Final

from exdbsql.engine.index import Index
from exdbsql.engine.versions import Row

MOST_BLOCKS: Final = 8
"""Wider ranges are read lazily, block by block."""

FEW: Final = 32
"""So many rows may be read though only the first of them are wanted."""


def rows_between(index: Index, low: Any, high: Any, low_inclusive: bool, high_inclusive: bool) -> list[Row] | None:
    """The newest rows from `low` to `high`, ascending, for an ascending index of one column without wrapped entries.

    None where the range is not narrow, or the order was not made yet.
    """
    ordered = index.sorted_part
    if ordered is None:
        return None
    blocks, fences = ordered.top
    try:
        first = bisect_left(fences, low) if low_inclusive else bisect_right(fences, low)
        if first == len(blocks) or not fences:
            return []
        block = blocks[first]
        if type(low) is type(high) is int and low_inclusive and high_inclusive:
            # Keys that follow one another without gaps are where they say they are.
            start, stop = low - block[0], high - block[0]
            if 0 <= start <= stop < len(block) and block[start] == low and block[stop] == high:
                return _rows(index, block[start : stop + 1])
        start = bisect_left(block, low) if low_inclusive else bisect_right(block, low)
        if high < fences[first]:
            near = start + 32  # most ranges are narrow, so a few entries are tried before all
            stop = near if near < len(block) and block[near] > high else len(block)
            entries: list[Any] | None = block[
                start : bisect_right(block, high, start, stop)
                if high_inclusive
                else bisect_left(block, high, start, stop)
            ]
        else:
            entries = _over_blocks(blocks, fences, first, start, high, high_inclusive)
    except IndexError:  # a block became shorter between two looks at it
        return None
    return None if entries is None else _rows(index, entries)


def few_between(index: Index, low: Any, high: Any, low_inclusive: bool, high_inclusive: bool) -> list[Row] | None:
    """As `rows_between`, for a reader who may want but the first rows: None also for more than a few, or over the end of a block."""
    ordered = index.sorted_part
    if ordered is None:
        return None
    blocks, fences = ordered.top
    try:
        first = bisect_left(fences, low) if low_inclusive else bisect_right(fences, low)
        if first == len(blocks) or not fences:
            return []
        if not high < fences[first]:
            return None
        block = blocks[first]
        start = bisect_left(block, low) if low_inclusive else bisect_right(block, low)
        stop = start + FEW
        if stop >= len(block):
            stop = len(block)
        elif not block[stop] > high:
            return None
        cut = bisect_right if high_inclusive else bisect_left
        return _rows(index, block[start : cut(block, high, start, stop)])
    except IndexError:  # as above
        return None


def _rows(index: Index, entries: list[Any]) -> list[Row]:
    keys = entries if index.is_primary else index.keys_in_order(entries)
    return list(map(index.store.rows.get, keys))  # type: ignore[arg-type]  # None only where the table is changing


def _over_blocks(
    blocks: list[list[Any]], fences: list[Any], first: int, start: int, high: Any, inclusive: bool
) -> list[Any] | None:
    """Entries from `start` in block `first` up to `high`, which is not below that block's fence; None for too many blocks."""
    last = bisect_right(fences, high, first) if inclusive else bisect_left(fences, high, first)
    if last - first >= MOST_BLOCKS:
        return None
    if last == first:
        block = blocks[first]
        return block[start : bisect_right(block, high) if inclusive else bisect_left(block, high)]
    entries = blocks[first][start:]
    for middle in blocks[first + 1 : last]:
        entries += middle
    if last < len(blocks):
        block = blocks[last]
        entries += block[: bisect_right(block, high) if inclusive else bisect_left(block, high)]
    return entries
