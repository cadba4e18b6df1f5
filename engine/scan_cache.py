"""Rows and columns of a table as lists, kept from one scan to the next while the table does not change.

A scan goes faster over a list of one column than over the rows: nothing is touched but the values that are asked for. Making
such a list costs what one scan of the rows costs, so it is made for the scan that asks, and the next one finds it.

The lists are shared: whoever gets one must not change it. They are dropped by the commit that changes the table, at the latest
when it prunes, so that they keep no value alive that the rows do not hold. A list costs 8 bytes per row.

A list is made by one call that runs in C from end to end, atomic for other threads (:mod:`exdbsql.engine.table`). It is right for every
snapshot from `changed_at` on if that was published before the list was begun, and is the same after: no commit was under way,
and none has begun.

Numbers are copied, so that they lie side by side in memory: a loop over those of the rows waits for the memory twice as long
as it computes (measured: 28 and 14 ns a row). So a column of numbers costs 32 bytes more per row while it is kept. A NaN
stays what it is, since it is found by identity (:mod:`exdbsql.engine.keys`).
"""

from array import array
from collections.abc import Sequence
from math import isnan
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from exdbsql.engine.collector import untrack
from exdbsql.engine.versions import Row

if TYPE_CHECKING:
    from exdbsql.engine.table import TableStore

ROWS: Final = -1
"""In the place of a column's position: the rows themselves."""

Lists = dict[int, tuple[int, list[Any]]]
"""By position of a column: `changed_at` when the list was made, and the list."""


def shared_rows(store: "TableStore", snapshot: int) -> list[Row] | None:
    """All rows as `snapshot` sees them; None where the table has changed since it was taken."""
    found = _shared(store, snapshot, (ROWS,))
    return None if found is None else found[0]


def shared_columns(store: "TableStore", snapshot: int, positions: Sequence[int]) -> list[list[Any]] | None:
    """The columns at `positions`, all in the same order of rows, as `snapshot` sees them; None as for `shared_rows`."""
    return _shared(store, snapshot, positions)


def _shared(store: "TableStore", snapshot: int, positions: Sequence[int]) -> list[list[Any]] | None:
    changed_at = store.changed_at
    if changed_at > snapshot:
        return None
    lists: Lists = store.scans
    found = []
    for position in positions:
        kept = lists.get(position)
        if kept is not None and kept[0] == changed_at:
            found.append(kept[1])
            continue
        made = list(store.rows.values()) if position == ROWS else _column(store, position)
        if store.changed_at != changed_at:
            return None
        untrack(made)  # it may be long, and stay
        lists[position] = changed_at, made
        found.append(made)
    return found if store.changed_at == changed_at else None


def _column(store: "TableStore", position: int) -> list[Any]:
    values = list(map(itemgetter(position), store.rows.values()))
    kind = store.definition.columns[position].type
    try:
        if kind.is_integer:
            return array("q", values).tolist()
        if kind.is_float and has_no_nan(values):
            return array("d", values).tolist()
    except TypeError:  # a NULL
        pass
    return values


def has_no_nan(values: Sequence[float]) -> bool:
    """Whether there is surely no NaN among floats, the quick way: their sum is a number."""
    return not isnan(sum(values))
