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
    blocks, fences = ordered.top
    first = bisect_left(fences, low) if low_inclusive else bisect_right(fences, low)
    last = bisect_right(fences, high) if high_inclusive else bisect_left(fences, high)
    if last - first >= MOST_BLOCKS:
        return None
    if first >= last:
        if first > last or first >= len(blocks):
            return []
        block = blocks[first]
        entries = block[_start(block, low, low_inclusive) : _stop(block, high, high_inclusive)]
    else:
        block = blocks[first]
        entries = block[_start(block, low, low_inclusive) :]
        for middle in blocks[first + 1 : last]:
            entries += middle
        if last < len(blocks):
            block = blocks[last]
            entries += block[: _stop(block, high, high_inclusive)]
    keys = entries if index.is_primary else index.keys_in_order(entries)
    return list(map(index.store.rows.get, keys))  # type: ignore[arg-type]  # None only where the table is changing


def _start(block: list[Any], low: Any, inclusive: bool) -> int:
    return bisect_left(block, low) if inclusive else bisect_right(block, low)


def _stop(block: list[Any], high: Any, inclusive: bool) -> int:
    return bisect_right(block, high) if inclusive else bisect_left(block, high)
