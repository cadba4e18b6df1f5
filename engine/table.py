"""A table in memory: the newest committed rows in a dictionary, and beside it what older snapshots need.

The protocol between one committing thread (it holds the commit lock) and any number of readers (they hold nothing):

1. The commit sets `changed_at` of every table that it touches to its version.
2. It stores the preimage of each key in `chains` (and values that indexes lose in their `gone`).
3. It changes `rows` and the indexes.
4. It publishes the version; snapshots opened from here on see it.

A reader does the steps the other way round: it reads `rows` (or an index) first, with one call that is atomic in the interpreter
(``dict.get``, ``list(d.values())``), and `changed_at` afterwards. Where that is not above its snapshot, nothing that it read
can have been newer. Otherwise it looks its keys up in `chains`, where it finds every preimage that it needs. So the check for
visibility costs one comparison per call, and no reader waits.

Chains are always stored, since a snapshot may open at any moment, and dropped right after the commit where none did.
"""

import hashlib
import weakref
from collections.abc import Callable, Mapping
from itertools import pairwise, repeat
from typing import Any, Final

from exdbsql.engine.collector import BULK, untrack, untrack_each
from exdbsql.engine.computed_index import make_index, make_unique_index
from exdbsql.engine.dots import Dots
from exdbsql.engine.index import Index, PrimaryIndex
from exdbsql.engine.memory import row_size_function
from exdbsql.engine.reservations import Reservations
from exdbsql.engine.scan_cache import Scans, forget, note_changes
from exdbsql.engine.scan_replay import ChangedRow
from exdbsql.engine.versions import THIN_AT_DEPTH, Chain, Key, Row, longer, row_at, thinned, trimmed, wants_thinning
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import InternalError
from exdbsql.schema.table import IndexDef, Table, TableKind
from exdbsql.schema.types import SqlType

_LINK_DEPTH: Final = 1


class TableStore:
    """The rows of one table.

    Attributes:
        definition: the table of the dictionary.
        kind: how its rows reach other nodes.
        rows: newest committed rows by key. Read it with atomic calls only.
        commit_row: commits the change of one row (:mod:`exdbsql.engine.single_row`), made when first wanted for these indexes.
        scans: lists that scans have made (:mod:`exdbsql.engine.scan_cache`), or None.
        scan_changes: what commits have changed since, all of it after the version `changes_from`.
        chains: what older snapshots need, by key (:mod:`exdbsql.engine.versions`).
        changed_at: version of the newest commit that touches it.
        key_of: reads the key from a row; None where the key is a hidden row id.
        primary: the primary key as an index; None where there is none.
        indexes: the other indexes by name, those of unique constraints among them.
        unique_indexes: those that claim uniqueness, the primary key not among them.
        deferrable_keys: those of its unique keys whose check may wait until the commit.
        checked_indexes: those that a row may be refused by: the unique ones, and those with expressions, which may fail.
        retired: dropped indexes that somebody may still hold.
        dropped: whether the table is gone.
        rebuilt_at: version at which it took the place of a table of other definitions; 0 for never. It has nothing for older snapshots.
        row_functions: what the definition says of rows, compiled when first wanted (:mod:`exdbsql.engine.row_rules`).
        size_of: rough bytes of a row; None where nobody counts them.
        reserved: what prepared commits have set aside.
        touched: replicated tables: (log position, origin node) of each key's last change, within certification memory.
        deep: keys whose chains want thinning.
        distributed: DISTRIBUTED tables: dots and vector (:mod:`exdbsql.engine.distributed`); else None.
    """

    __slots__ = (
        "chains",
        "changed_at",
        "changes_from",
        "checked_indexes",
        "commit_row",
        "credit",
        "deep",
        "deferrable_keys",
        "definition",
        "distributed",
        "dropped",
        "indexes",
        "key_of",
        "kind",
        "name",
        "positions_of_key",
        "primary",
        "rebuilt_at",
        "reserved",
        "retired",
        "row_functions",
        "rows",
        "scan_changes",
        "scans",
        "shape",
        "size_of",
        "swept_floor",
        "touched",
        "unique_indexes",
    )

    def __init__(self, definition: Table, version: int, *, sized: bool = False) -> None:
        self.definition = definition
        self.name = definition.name
        self.kind = definition.kind
        self.rows: dict[Key, Row] = {}
        self.scans: Scans | None = None
        self.scan_changes: list[ChangedRow] = []
        self.changes_from = version
        self.chains: dict[Key, Chain] = {}
        self.changed_at = version
        self.commit_row: Any = None
        self.credit = 0
        self.swept_floor = -1
        self.dropped = False
        self.rebuilt_at = 0
        self.deep: list[Key] = []
        self.row_functions: Any = None
        self.retired: list[weakref.ref[Index]] = []
        self.touched: dict[Key, tuple[int, int]] = {}
        self.reserved = Reservations()
        self.deferrable_keys = tuple(key for key in definition.uniques if key.deferrable)
        self.distributed = Dots() if definition.kind is TableKind.DISTRIBUTED else None
        self.size_of = row_size_function(definition) if sized else None
        self.shape = shape_of(definition)
        self.key_of: Callable[[Row], Key] | None = None
        self.primary: PrimaryIndex | None = None
        if definition.primary_key is not None:
            self.primary = PrimaryIndex(self, definition.primary_key)
            self.key_of = self.primary.value_of
        self.indexes: dict[str, Index] = {key.name: make_unique_index(self, key) for key in definition.uniques}
        self.unique_indexes: tuple[Index, ...] = tuple(self.indexes.values())
        self.checked_indexes = self.unique_indexes

    def __repr__(self) -> str:
        return f"<table {self.name} ({self.kind.value}), {len(self.rows)} rows, changed at {self.changed_at}>"

    # Readers

    def row_at(self, key: Key, newest: Row | None, snapshot: int) -> Row | None:
        """The row of `key` as `snapshot` sees it, where `newest` was read from `rows` before this call."""
        return row_at(self.chains.get(key), newest, snapshot)

    def rows_at(self, snapshot: int) -> dict[Key, Row]:
        """All rows as `snapshot` sees them, in a dictionary of the caller's own."""
        rows = self.rows.copy()
        if self.changed_at <= snapshot:
            return rows
        for key, chain in list(self.chains.items()):
            if chain[0] > snapshot:
                row = row_at(chain, None, snapshot)
                if row is None:
                    rows.pop(key, None)
                else:
                    rows[key] = row
        return rows

    def changed_since(self, key: Key, snapshot: int) -> bool:
        """Whether a commit after the open `snapshot` changed `key`."""
        chain = self.chains.get(key)
        return chain is not None and chain[0] > snapshot

    # Commits, under the commit lock

    def apply(self, version: int, writes: Mapping[Key, Row | None]) -> int:
        """Make `writes` (None deletes) the newest rows; `changed_at` is already `version`. Returns growth in rough bytes."""
        if self.scans is None:
            self.changes_from = version
        else:
            note_changes(self, version, writes)
        if len(writes) > 8 and self._all_new(writes):
            return self._apply_new_rows(version, writes)  # type: ignore[arg-type]  # no None among them
        rows, chains, size_of = self.rows, self.chains, self.size_of
        indexes = self._indexes_to_keep_up(len(writes))
        if len(writes) > 8 and not chains and size_of is None and all(writes.values()):
            former = list(map(rows.get, writes))
            if all(former):
                return self._apply_changed_rows(version, writes, former, indexes)  # type: ignore[arg-type]  # no None
        growth = 0
        for key, row in writes.items():
            before = rows.get(key)
            if before is None and row is None:
                continue
            chain = chains[key] = longer(chains.get(key), version, before)
            if chain[3] >= THIN_AT_DEPTH and wants_thinning(chain):
                self.deep.append(key)
            for index in indexes:
                index.replace(key, before, row, version)
            if row is None:
                del rows[key]
            else:
                untrack(row)
                rows[key] = row
            if size_of is not None:
                growth += (size_of(row) if row is not None else 0) - (size_of(before) if before is not None else 0)
        self.credit += len(writes)
        return growth

    def secondary_indexes(self) -> tuple[Index, ...]:
        """The indexes besides the primary key that commits have to keep up."""
        indexes: tuple[Index, ...] = tuple(self.indexes.values()) if self.indexes else ()
        return indexes + self.retired_indexes() if self.retired else indexes

    def retired_indexes(self) -> tuple[Index, ...]:
        """Dropped indexes that a statement still holds."""
        return tuple(index for ref in self.retired if (index := ref()) is not None)

    def _indexes_to_keep_up(self, changes: int) -> tuple[Index, ...]:
        indexes = self.secondary_indexes()
        if self.primary is not None and self.primary.sorted_part is not None:
            indexes = (*indexes, self.primary)
        for index in indexes:
            index.expect_changes(changes)
        return indexes

    def apply_again(self, version: int, writes: Mapping[Key, Row | None]) -> None:
        """Finish an `apply` that was interrupted at an unknown point: what it did is recognised by its links."""
        forget(self, version)
        for key, row in writes.items():
            chain = self.chains.get(key)
            if chain is None or chain[0] != version:
                chain = self.chains[key] = longer(chain, version, self.rows.get(key))
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row
        if self.primary is not None:
            self.primary.sorted_part = None
        for index in self.secondary_indexes():
            for key in writes:
                before = self.chains[key][1]
                if before is not None:
                    index.note_gone(index.value_of(before), key, version)
            index.rebuild()

    def _all_new(self, writes: Mapping[Key, Row | None]) -> bool:
        if self.chains or (self.rows and not self.rows.keys().isdisjoint(writes)):
            return False
        return all(writes.values())  # rows are true, without a look at their values

    def _apply_new_rows(self, version: int, writes: Mapping[Key, Row]) -> int:
        """The bulk path: new keys in a table without chains share one link."""
        link: Chain = (version, None, None, _LINK_DEPTH)
        self.chains = dict.fromkeys(writes, link)
        if self.primary is not None:
            self.primary.add_many(writes)
        if len(writes) < BULK:
            untrack_each(writes.values())
        for index in self.secondary_indexes():
            index.add_many(writes)
        self.rows.update(writes)
        self.credit += len(writes)
        return 0 if self.size_of is None else sum(map(self.size_of, writes.values()))

    def _apply_changed_rows(
        self, version: int, writes: Mapping[Key, Row], former: list[Row], indexes: tuple[Index, ...]
    ) -> int:
        """Other rows for many keys of a table without chains, none of which goes or comes."""
        self.chains = dict(zip(writes, zip(repeat(version), former, repeat(None), repeat(_LINK_DEPTH)), strict=False))
        for index in indexes:
            for (key, row), before in zip(writes.items(), former, strict=True):
                index.replace(key, before, row, version)
        if len(writes) < BULK:
            untrack_each(writes.values())
        self.rows.update(writes)
        self.credit += len(writes)
        return 0

    # Pruning, under the commit lock

    def prune(self, floor: int | None) -> bool:
        """Drop what no snapshot from `floor` on needs (None: none is open); whether nothing is left to prune.

        A full sweep costs as much as there is; it is paid for by changes and by ends of snapshots, in `credit`.
        """
        if floor is None or floor >= self.changed_at:
            self.chains = {}
            self.forget_gone()
            self.credit = 0
            return True
        self.credit += 8
        if floor > self.swept_floor and self.credit >= len(self.chains):
            self._sweep(floor)
        return False

    def forget_gone(self) -> None:
        """Forget what values indexes have lost; no snapshot needs it."""
        if self.indexes or self.retired:
            for index in self.secondary_indexes():
                if index.gone:
                    index.gone = {}

    def _sweep(self, floor: int) -> None:
        for key, chain in list(self.chains.items()):
            if chain[0] <= floor:
                del self.chains[key]
                continue
            shorter = trimmed(chain, floor)
            if shorter is not None and shorter[3] < chain[3]:
                self.chains[key] = shorter
        for index in self.secondary_indexes():
            index.forget_gone(floor)
        self.swept_floor = floor
        self.credit = 0

    def thin(self, open_snapshots: Callable[[], list[int] | None]) -> None:
        """Shorten the chains that grew deep under a long reader; call it after the version was published."""
        keys, self.deep = self.deep, []
        snapshots = open_snapshots()
        if snapshots is None:
            return
        for key in keys:
            chain = self.chains.get(key)
            shorter = None if chain is None else thinned(chain, snapshots)
            if shorter is not None:
                self.chains[key] = shorter

    def winner_of(self, key: Key) -> int | None:
        """The node that changed `key` last, where that came through the log within certification memory."""
        touched = self.touched.get(key)
        return None if touched is None else touched[1]

    # Indexes

    def build_index(self, definition: IndexDef, dictionary: Dictionary) -> Index:
        """A new index over the newest rows and the values that older snapshots see; not yet part of the table.

        Whether it may be (:meth:`first_duplicate`, ``Index.verify``) the caller asks.
        """
        index = make_index(self, definition, dictionary)
        for key, chain in self.chains.items():
            link: Chain | None = chain
            while link is not None:
                if link[1] is not None:
                    value = index.value_of(link[1])
                    index.note_gone(value, key, max(link[0], index.gone.get(value, {}).get(key, 0)))
                link = link[2]
        if not definition.unique:
            index.add_many(self.rows)
            return index
        for key, row in self.rows.items():
            index.replace(key, None, row, 0)
        return index

    def first_duplicate(self, index: Index) -> Any:
        """A value that several newest rows share in a unique index, or None."""
        for value, bucket in index.buckets.items():
            if type(bucket) is dict and not index.is_null(value):
                return value
        return None

    def adopt_indexes(self, indexes: Mapping[str, Index]) -> None:
        """Replace the set of indexes.

        A statement that was planned before may run later and still hold a dropped index, so that is kept up, without being
        unique any more, for as long as somebody holds it.
        """
        kept = set(indexes.values())
        dropped = [index for index in self.indexes.values() if index not in kept]
        for index in dropped:
            index.one_key_each = False
        self.retired = [ref for ref in self.retired if ref() is not None] + list(map(weakref.ref, dropped))
        self.indexes = dict(indexes)
        self.commit_row = None
        self.unique_indexes = tuple(index for index in indexes.values() if index.unique)
        self.checked_indexes = tuple(index for index in indexes.values() if index.unique or index.is_computed)

    # Invariants, for databases opened with is_debug

    def check(self) -> None:
        """Raise InternalError where an index does not say what the rows say."""
        for index in self.indexes.values():
            expected: dict[Any, set[Key]] = {}
            for key, row in self.rows.items():
                value = index.value_of(row)
                if index.holds(value):
                    expected.setdefault(value, set()).add(key)
            if {value: set(index.keys(value)) for value in index.buckets} != expected:
                raise InternalError(f"index {index.name} of table {self.name} differs from the rows")
            self._check_order(index, sum(map(index.is_ordered, expected)))
        if self.primary is not None:
            self._check_order(self.primary, len(self.rows))

    def _check_order(self, index: Index, entries: int) -> None:
        if index.sorted_part is None:
            return
        found = [entry for block in index.sorted_part.between(None, None) for entry in block]
        if len(found) != entries or not all(a < b for a, b in pairwise(found)):
            raise InternalError(f"the order of index {index.name} of table {self.name} is broken")


def shape_of(definition: Table) -> str:
    """A short text that two definitions share only if their rows mean the same: part of a write set."""
    facts = (
        definition.kind.value,
        [(column.name, _values_of(column.type), column.not_null, column.generated) for column in definition.columns],
        definition.primary_key.columns if definition.primary_key else (),
        [(key.columns, key.nulls_not_distinct) for key in definition.uniques],
        [check.expression for check in definition.checks],
    )
    return hashlib.blake2b(repr(facts).encode(), digest_size=8).hexdigest()


def _values_of(sql_type: SqlType) -> object:
    """A type, and its labels in their order if it is an enum type: a value knows its place among them."""
    return str(sql_type), sql_type.labels if sql_type.element is None else sql_type.element.labels
