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


def rows_between(index: Index, low: Any, high: Any, low_inclusive: bool, high_inclusive: bool) -> list[Row] | None:
    """The newest rows from `low` to `high`, ascending, for an ascending index of one column without wrapped entries.

    None where the range is not narrow, or the order was not made yet.
    """
    ordered = index.sorted_part
    if ordered is None:
        return None
    try:
        entries = _entries_between(*ordered.top, low, high, low_inclusive, high_inclusive)
    except IndexError:  # a block became shorter between two looks at it
        return None
    if entries is None:
        return None
    keys = entries if index.is_primary else index.keys_in_order(entries)
    return list(map(index.store.rows.get, keys))  # type: ignore[arg-type]  # None only where the table is changing


def _entries_between(
    blocks: list[list[Any]], fences: list[Any], low: Any, high: Any, low_inclusive: bool, high_inclusive: bool
) -> list[Any] | None:
    first = bisect_left(fences, low) if low_inclusive else bisect_right(fences, low)
    if first == len(blocks) or not fences:
        return []
    block = blocks[first]
    start = bisect_left(block, low) if low_inclusive else bisect_right(block, low)
    if high < fences[first]:
        entries = block[start : _stop(block, start, high, high_inclusive)]
    else:
        last = bisect_right(fences, high, first) if high_inclusive else bisect_left(fences, high, first)
        if last - first >= MOST_BLOCKS:
            return None
        entries = block[start:]
        for middle in blocks[first + 1 : last]:
            entries += middle
        if first < last < len(blocks):
            block = blocks[last]
            entries += block[: _stop(block, 0, high, high_inclusive)]
        elif first == last:
            entries = block[start : _stop(block, start, high, high_inclusive)]
    return entries


def _stop(block: list[Any], start: int, high: Any, inclusive: bool) -> int:
    """Where the range ends in a block; most ranges are narrow, so a few entries are tried before all."""
    near = start + 32
    stop = near if near < len(block) and block[near] > high else len(block)
    return bisect_right(block, high, start, stop) if inclusive else bisect_left(block, high, start, stop)
