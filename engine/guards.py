"""Guards: what a SERIALIZABLE transaction read of replicated tables, as part of its write set.

A guard travels with the write set and is compared at the write set's place in the log, by every node, with the keys that the log changed
since the transaction's snapshot (the memory of certification) and with what those rows are at this place. Nothing else is looked at, so the
verdict is the same everywhere (R2), and it needs no memory beyond that of certification (R3). Rules:

1. A row that was looked up or found was changed since: void.
2. A row that was changed since lies now in a range, or has a value, that was asked for: void (a phantom).
3. The whole table was read, and any row of it was changed since: void.

Indexes are named by their columns, not by name, because another entry of the log may have dropped or replaced them. What becomes too
long to send is sent as "the whole table": more conflicts, never a wrong verdict.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from exdbsql.engine import constraints
from exdbsql.engine.index import Index
from exdbsql.engine.keys import canonical
from exdbsql.engine.read_set import Range, ReadSet, TableReads, lies_in
from exdbsql.engine.table import TableStore
from exdbsql.engine.versions import Key, Row
from exdbsql.schema.errors import ConflictError
from exdbsql.schema.table import IndexColumn, TableKind

MAX_GUARDED: Final = 10_000
"""Keys, values and ranges of one table; above that the guard is for the whole table."""

Columns = tuple[tuple[int, bool], ...]
"""(position in the row, whether descending) of each column of an index."""


@dataclass(frozen=True, slots=True)
class TableGuard:
    """What was read of one table.

    Attributes:
        table_id, shape: which table, and which form of it.
        whole: everything; the rest is empty then.
        keys: of rows that were looked up or found.
        values: (columns of an index, values that were asked for).
        ranges: (columns of an index, ranges that were asked for).
    """

    table_id: int
    shape: str
    whole: bool
    keys: tuple[Key, ...] = ()
    values: tuple[tuple[Columns, tuple[Any, ...]], ...] = ()
    ranges: tuple[tuple[Columns, tuple[Range, ...]], ...] = ()

    def to_wire(self) -> list[Any]:
        """The guard as the codec packs it."""
        return [self.table_id, self.shape, self.whole, list(self.keys), list(self.values), list(self.ranges)]


def guards_of(reads: ReadSet) -> tuple[TableGuard, ...]:
    """The guards for what was read of replicated tables."""
    return tuple(_guard(store, read) for store, read in reads.items() if store.kind is TableKind.REPLICATED)


def _guard(store: TableStore, read: TableReads) -> TableGuard:
    columns = {index: _columns(index) for index in (*read.values, *read.ranges)}
    if read.whole or read.number > MAX_GUARDED or None in columns.values():
        return TableGuard(store.definition.id, store.shape, True)
    values = tuple((columns[index] or (), tuple(values)) for index, values in read.values.items())
    ranges = tuple((columns[index] or (), tuple(ranges)) for index, ranges in read.ranges.items())
    return TableGuard(store.definition.id, store.shape, False, tuple(read.keys), values, ranges)


def _columns(index: Index) -> Columns | None:
    """The columns of an index; None where its values are something else, which other nodes could not name."""
    named = {column.name for column in index.store.definition.columns}
    if index.is_computed or not named.issuperset(index.columns):
        return None
    return tuple(
        (position, column.descending) for position, column in zip(index.positions, index.definition, strict=True)
    )


def guard_from_wire(packed: Any) -> TableGuard:
    """The guard that `to_wire` gave; TypeError or ValueError where it is none."""
    table_id, shape, whole, keys, values, ranges = packed
    return TableGuard(
        int(table_id),
        str(shape),
        bool(whole),
        tuple(map(_tuple, keys)),
        tuple((_columns_from_wire(columns), tuple(map(_tuple, found))) for columns, found in values),
        tuple((_columns_from_wire(columns), tuple(map(_range, found))) for columns, found in ranges),
    )


def _tuple(value: Any) -> Any:
    return tuple(map(canonical, value)) if type(value) in (list, tuple) else canonical(value)


def _columns_from_wire(packed: Any) -> Columns:
    return tuple((int(position), bool(descending)) for position, descending in packed)


def _range(packed: Any) -> Range:
    low, high, low_inclusive, high_inclusive = packed
    return _tuple(low), _tuple(high), bool(low_inclusive), bool(high_inclusive)


class ChangedKeys(Protocol):
    """The memory of certification, as this module reads it."""

    def changed_since(self, table_id: int, position: int) -> Iterable[tuple[int, Iterable[Key]]]:
        """(origin node, keys of the table) of entries above `position`, newest first."""


def check_guard(
    guard: TableGuard, tables: Mapping[int, TableStore], memory: ChangedKeys, snapshot_position: int
) -> ConflictError | None:
    """Whether what was read is still so at the place in the log that was reached; None, or why not."""
    store = tables.get(guard.table_id)
    if store is None:
        return constraints.missing_table_conflict(f"number {guard.table_id}")
    if store.shape != guard.shape or store.kind is not TableKind.REPLICATED:
        return constraints.missing_table_conflict(store.name)
    touched = store.touched
    for key in guard.keys:
        mark = touched.get(key)
        if mark is not None and mark[0] > snapshot_position:
            return constraints.read_conflict(store, key, mark[1])
    if not (guard.whole or guard.values or guard.ranges):
        return None
    values = [(_index(store, columns), frozenset(wanted)) for columns, wanted in guard.values]
    ranges = [(_index(store, columns), wanted) for columns, wanted in guard.ranges]
    for origin, keys in memory.changed_since(guard.table_id, snapshot_position):
        for key in keys:
            row = store.rows.get(key)
            if guard.whole or (row is not None and _has_entered(row, values, ranges)):
                return constraints.read_conflict(store, key, origin)
    return None


def _index(store: TableStore, columns: Columns) -> Index:
    """An index of these columns that holds nothing: it knows how to read and to compare its values."""
    names = store.definition.columns
    parts = [IndexColumn(names[position].name, descending) for position, descending in columns]
    return Index(store, "", parts, False)


def _has_entered(
    row: Row, values: list[tuple[Index, frozenset[Any]]], ranges: list[tuple[Index, tuple[Range, ...]]]
) -> bool:
    return any(index.value_of(row) in wanted for index, wanted in values) or any(
        lies_in(index, row, wanted) for index, wanted in ranges
    )
