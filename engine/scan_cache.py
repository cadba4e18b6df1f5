"""Rows and columns of a table as lists, kept from one scan to the next.

A scan goes faster over a list of one column than over the rows: nothing is touched but the values that are asked for. Making
such a list costs what one scan of the rows costs, so it is made for the scan that asks, and the next one finds it.

The lists are shared: whoever gets one must not change it. Commits note what they change in a table that has lists; the next
scan copies the list that it wants and changes the copy in the places of these rows (:mod:`exdbsql.engine.scan_replay`). After many changes the
lists are dropped, so that they do not keep long what the rows do not hold any more.

A list is made by one call that runs in C from end to end, atomic for other threads (:mod:`exdbsql.engine.table`). It is right for every
snapshot from `changed_at` on if that was published before the list was begun, and is the same after: no commit was under way,
and none has begun. What commits have noted up to then is complete for that version, since they note it before they
publish.

Numbers are copied, so that they lie side by side in memory: a loop over those of the rows waits for the memory twice as long
as it computes (measured: 28 and 14 ns a row). So a column of numbers costs 32 bytes per row while it is kept, any other
list 8. Under a memory limit they count like rows, are not kept where there is no room, and go where rows want the room. A
NaN stays what it is, since it is found by identity (:mod:`exdbsql.engine.keys`).
"""

from array import array
from collections.abc import Mapping, Sequence
from math import isnan
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from exdbsql.engine.collector import untrack
from exdbsql.engine.fixed_point import BYTES
from exdbsql.engine.scan_replay import Step, applied, replayed
from exdbsql.engine.versions import Key, Row

if TYPE_CHECKING:
    from exdbsql.engine.table import TableStore

ROWS: Final = -1
"""In the place of a column's position: the rows themselves."""

MOST_CHANGES: Final = 256
"""So many changed rows are noted; with more the lists are made anew."""

_LONG: Final = 2000
"""Shorter lists are made anew sooner than the places of changed rows are found."""

_POINTER: Final = 8
_NUMBER: Final = 32


class Scans:
    """The lists of a table at one version.

    Attributes:
        version: `changed_at` of the table then.
        keys: of the rows, in the order of all lists; None where nobody can know later what changed.
        steps: what has happened to the rows since the oldest of the lists was made.
        lists: by position of the column: how many of the steps it has gone along with, and the list.
        fixed: by position: a list of numerics, the same as integers, and whether that was tried (:mod:`exdbsql.engine.fixed_point`).
    """

    __slots__ = ("fixed", "keys", "lists", "steps", "version")

    def __init__(self, version: int, keys: list[Key] | None, steps: tuple[Step, ...] = ()) -> None:
        self.version = version
        self.keys = keys
        self.steps = steps
        self.lists: dict[int, tuple[int, list[Any]]] = {}
        self.fixed: dict[int, tuple[list[Any], list[int] | None, bool]] = {}

    def size(self) -> int:
        """Rough bytes that the lists take."""
        lists = list(self.lists.values())
        numbers = sum(len(values) for _, values in lists if values and type(values[0]) in (int, float))
        kept = sum(len(values) for _, values in lists) + len(self.keys or ())
        fixed = sum(len(made) for _, made, _ in list(self.fixed.values()) if made is not None)
        return kept * _POINTER + numbers * (_NUMBER - _POINTER) + fixed * BYTES


# what commits call, under the commit lock and before they publish


def note_change(store: "TableStore", version: int, key: Key, is_new: bool, row: Row | None) -> None:
    """One row of a table that has lists was changed."""
    changes = store.scan_changes
    if len(changes) >= MOST_CHANGES:
        scans = store.scans
        kept = [] if scans is None else [change for change in changes if change[0] > scans.version]
        if scans is None or len(kept) >= MOST_CHANGES:
            forget(store, version)
            return
        store.changes_from = scans.version  # first this: who reads the shorter list must not take it for the whole
        store.scan_changes = changes = kept
    changes.append((version, key, is_new, row))


def note_changes(store: "TableStore", version: int, writes: Mapping[Key, Row | None]) -> None:
    """Rows of a table that has lists will be changed."""
    if len(writes) > MOST_CHANGES:
        forget(store, version)
        return
    for key, row in writes.items():
        note_change(store, version, key, key not in store.rows, row)


def forget(store: "TableStore", version: int) -> None:
    """Drop the lists: what commits up to `version` have changed is not known."""
    store.changes_from = version
    store.scans = None
    store.scan_changes = []


# what scans call


def shared_rows(store: "TableStore", snapshot: int, room: int | None = None) -> list[Row] | None:
    """All rows as `snapshot` sees them; None where the table has changed since it was taken.

    `room`: bytes that may be kept; None for any number.
    """
    found = _shared(store, snapshot, (ROWS,), room)
    return None if found is None else found[1][0]


def shared_columns(
    store: "TableStore", snapshot: int, positions: Sequence[int], room: int | None = None
) -> list[list[Any]] | None:
    """The columns at `positions`, all in the same order of rows, as `snapshot` sees them; None and `room` as for `shared_rows`."""
    found = _shared(store, snapshot, positions, room)
    return None if found is None else found[1]


def columns_with(
    store: "TableStore", snapshot: int, positions: Sequence[int], writes: Mapping[Key, Row | None], room: int | None
) -> list[list[Any]] | None:
    """As `shared_columns`, with the few writes of a transaction over them; None also where that would take long."""
    if len(writes) > MOST_CHANGES:
        return None
    found = _shared(store, snapshot, positions, room)
    if found is None or found[0].keys is None:
        return None
    scans, lists = found
    rows = store.rows
    changes = [(0, key, key not in rows, row) for key, row in writes.items() if row is not None or key in rows]
    if store.changed_at != scans.version:
        return None
    made = replayed(scans.keys or [], changes)
    return None if made is None else [applied(values, made[1], at) for at, values in zip(positions, lists, strict=True)]


def _shared(
    store: "TableStore", snapshot: int, positions: Sequence[int], room: int | None
) -> tuple[Scans, list[list[Any]]] | None:
    changed_at = store.changed_at
    if changed_at > snapshot:
        return None
    scans = store.scans
    if scans is None or scans.version != changed_at:
        scans = _caught_up(store, scans, changed_at, room)
        if scans is None:
            return None
    found = []
    for position in positions:
        kept = scans.lists.get(position)
        if kept is not None and kept[0] == len(scans.steps):
            found.append(kept[1])
            continue
        if kept is not None:
            made = applied(kept[1], scans.steps[kept[0] :], position)
        else:
            try:
                made = list(store.rows.values()) if position == ROWS else _column(store, position)
            except RuntimeError:  # a commit came between the making of the iterator and the first row
                return None
            if store.changed_at != changed_at:
                return None
            if room is not None:
                room -= len(made) * (_POINTER if position == ROWS else _NUMBER)
        untrack(made)  # it may be long, and stay
        if room is None or room >= 0:
            scans.lists[position] = len(scans.steps), made
        found.append(made)
    return scans, found


def kept_rows(store: "TableStore") -> list[Row] | None:
    """The list of all rows, as they are or were a while ago, where there is one."""
    scans = store.scans
    kept = None if scans is None else scans.lists.get(ROWS)
    return None if kept is None else kept[1]


def _caught_up(store: "TableStore", scans: Scans | None, changed_at: int, room: int | None) -> Scans | None:
    """Lists for the version `changed_at`: those that there are with what came since, or none yet."""
    made = _replayed(store, scans, changed_at)
    if made is None:
        made = Scans(changed_at, None)
        if len(store.rows) >= _LONG and (room is None or room >= len(store.rows) * _POINTER):
            made.keys = list(store.rows)
            if store.changed_at != changed_at:
                return None
            untrack(made.keys)
    store.scans = made
    return made


def _replayed(store: "TableStore", scans: Scans | None, changed_at: int) -> Scans | None:
    changes = list(store.scan_changes)  # before `changes_from`, which says whether they are all
    if scans is None or scans.keys is None or scans.version < store.changes_from:
        return None
    found = replayed(scans.keys, [change for change in changes if scans.version < change[0] <= changed_at])
    if found is None:
        return None
    keys, steps = found
    if len(scans.steps) + len(steps) > MOST_CHANGES:  # what nobody has asked for since long goes
        made = Scans(changed_at, keys, steps)
        made.lists = {at: (0, values) for at, (done, values) in list(scans.lists.items()) if done == len(scans.steps)}
    else:
        made = Scans(changed_at, keys, scans.steps + steps)
        made.lists = scans.lists.copy()
    return made


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
