"""SERIALIZABLE transactions: reads are remembered, and at commit they must still be what they were.

The method is optimistic validation at commit (Kung and Robinson, "On Optimistic Methods for Concurrency Control", 1981,
backward validation): a transaction that changes something commits only if nothing that it read was changed by a commit
after its snapshot. So it could as well have run, as a whole, at the moment of its commit, and the order of commits is a serial order.
A transaction that changes nothing read one state of that order, its snapshot, and needs no check: with `read_only` it is an
ordinary transaction.

The class is one of its own, so that the reads of the other levels do not pay for what they do not need. What commits change is
listed (:class:`RecentChanges`) only while a transaction of this kind is open.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from exdbsql.engine import constraints
from exdbsql.engine.index import Index
from exdbsql.engine.read_set import Range, ReadSet, TableReads
from exdbsql.engine.reads import primary_of
from exdbsql.engine.table import TableStore
from exdbsql.engine.transaction import Transaction
from exdbsql.engine.versions import Key, Row
from exdbsql.schema.errors import IntegrityError
from exdbsql.schema.table import TableKind

if TYPE_CHECKING:
    from exdbsql.engine.database import Database

SERIALIZABLE: Final = "serializable"

Changed = Sequence[tuple[TableStore, Mapping[Key, Row | None]]]


class RecentChanges:
    """The keys that commits changed since the oldest open SERIALIZABLE transaction began.

    Attributes:
        entries: (version, changes by table), ascending; None while no such transaction is open, so that others pay one
            comparison.
    """

    __slots__ = ("_lock", "_open", "entries")

    def __init__(self) -> None:
        self.entries: deque[tuple[int, Changed]] | None = None
        self._open: dict[SerializableTransaction, None] = {}
        self._lock = Lock()

    def watch(self, transaction: "SerializableTransaction") -> None:
        """List what is committed from now on; call it under the commit lock, before the snapshot is taken."""
        with self._lock:
            self._open[transaction] = None
            if self.entries is None:
                self.entries = deque()

    def leave(self, transaction: "SerializableTransaction") -> None:
        """The transaction has ended: forget what nobody else needs."""
        with self._lock:
            self._open.pop(transaction, None)
            if not self._open:
                self.entries = None
            elif self.entries:
                oldest = next(iter(self._open)).snapshot  # snapshots are taken under the commit lock, so in order
                while self.entries and self.entries[0][0] <= oldest:
                    self.entries.popleft()

    def note(self, version: int, changes: Changed) -> None:
        """A commit publishes `version`; call it under the commit lock."""
        entries = self.entries
        if entries is not None:
            entries.append((version, changes))

    def since(self, snapshot: int) -> Iterable[tuple[TableStore, Mapping[Key, Row | None]]]:
        """What commits after `snapshot` changed, newest first; call it under the commit lock."""
        for version, changes in reversed(self.entries or ()):
            if version <= snapshot:
                return
            yield from changes


class SerializableTransaction(Transaction):
    """A transaction that remembers what it reads; made by ``Database.begin``.

    Attributes:
        reads: what it has read, by table.
    """

    __slots__ = ("reads",)

    def __init__(self, database: "Database", read_only: bool, isolation: str) -> None:
        self.reads: ReadSet = {}
        self.snapshot = -1  # others may look before it is taken
        super().__init__(database, read_only, isolation)

    def open_snapshot(self) -> None:
        """Take the snapshot, and have later commits listed, as one step."""
        with self._database.commit_lock:
            self._database.recent.watch(self)
            super().open_snapshot()

    def end(self) -> None:
        """Give the snapshot back."""
        super().end()
        self._database.recent.leave(self)

    def _reads_of(self, store: TableStore) -> TableReads:
        reads = self.reads.get(store)
        if reads is None:
            reads = self.reads[store] = TableReads()
        return reads

    # Reads: each says what it depends on before it looks

    def get(self, store: TableStore, key: Key) -> Row | None:
        """The row with this key, or None."""
        reads = self._reads_of(store)
        if not reads.whole:
            reads.keys.add(key)
        return super().get(store, key)

    def get_many(self, store: TableStore, keys: Collection[Key]) -> list[Row]:
        """The rows with these keys."""
        reads = self._reads_of(store)
        if not reads.whole:
            reads.keys.update(keys)
        return super().get_many(store, keys)

    def rows(self, store: TableStore) -> Sequence[Row]:
        """All rows, in no particular order."""
        self._reads_of(store).read_all()
        return super().rows(store)

    def scan(self, store: TableStore) -> Sequence[Row]:
        """All rows, in a list that may be shared."""
        self._reads_of(store).read_all()
        return super().scan(store)

    def rows_and_column(self, store: TableStore, position: int) -> tuple[Sequence[Row], list[Any]]:
        """All rows and one column of theirs."""
        self._reads_of(store).read_all()
        return super().rows_and_column(store, position)

    def columns(self, store: TableStore, *positions: int) -> list[list[Any]]:
        """Some columns of all rows."""
        self._reads_of(store).read_all()
        return super().columns(store, *positions)

    def fixed_columns(self, store: TableStore, *lists: tuple[int, list[Any], int]) -> list[list[int]] | None:
        """Columns that `columns` gave, as integers."""
        self._reads_of(store).read_all()
        return super().fixed_columns(store, *lists)

    def items(self, store: TableStore) -> Sequence[tuple[Key, Row]]:
        """All (key, row), in no particular order."""
        self._reads_of(store).read_all()
        return super().items(store)

    def count(self, store: TableStore) -> int:
        """How many rows there are."""
        self._reads_of(store).read_all()
        return super().count(store)

    def seek(self, index: Index, value: Any) -> list[Row]:
        """Rows whose key in `index` equals `value`."""
        return [row for _, row in self.seek_items(index, value)]

    def seek_many(self, index: Index, values: Collection[Any]) -> list[Row]:
        """As `seek`, for several values."""
        return [row for value in values for row in self.seek(index, value)]

    def seek_many_items(self, index: Index, values: Collection[Any]) -> list[tuple[Key, Row]]:
        """As `seek_items`, for several values."""
        return [item for value in values for item in self.seek_items(index, value)]

    def seek_items(self, index: Index, value: Any) -> list[tuple[Key, Row]]:
        """As `seek`, with the keys."""
        reads = self._reads_of(index.store)
        if reads.whole:
            return super().seek_items(index, value)
        reads.values.setdefault(index, set()).add(value)
        items = super().seek_items(index, value)
        reads.keys.update([key for key, _ in items])
        return items

    def range(
        self,
        index: Index | TableStore,
        low: Any = None,
        high: Any = None,
        low_inclusive: bool = True,
        high_inclusive: bool = True,
        reverse: bool = False,
        nulls: bool = True,
    ) -> Iterable[Row]:
        """Rows whose key in `index` lies between `low` and `high`; all of the range counts as read."""
        return (row for _, row in self.range_items(index, low, high, low_inclusive, high_inclusive, reverse, nulls))

    def range_items(
        self,
        index: Index | TableStore,
        low: Any = None,
        high: Any = None,
        low_inclusive: bool = True,
        high_inclusive: bool = True,
        reverse: bool = False,
        nulls: bool = True,
    ) -> Iterable[tuple[Key, Row]]:
        """As `range`, with the keys."""
        if isinstance(index, TableStore):
            index = primary_of(index)
        reads = self._reads_of(index.store)
        if low is None and high is None:
            reads.read_all()
        elif not reads.whole:
            bounds: Range = (low, high, low_inclusive, high_inclusive)
            reads.ranges.setdefault(index, {})[bounds] = None
        items = super().range_items(index, low, high, low_inclusive, high_inclusive, reverse, nulls)
        return self._noted(reads, items)

    @staticmethod
    def _noted(reads: TableReads, items: Iterable[tuple[Key, Row]]) -> Iterable[tuple[Key, Row]]:
        if reads.whole:
            yield from items
            return
        add = reads.keys.add
        for item in items:
            add(item[0])
            yield item

    def end_statement(self) -> None:
        """As for any transaction; a unique value that was found taken is something read, too."""
        written = [overlay.store for overlay in self._statement_keys()]
        try:
            super().end_statement()
        except IntegrityError:
            for store in written:
                self._reads_of(store).read_all()
            raise


def check_reads(database: "Database", transaction: SerializableTransaction) -> None:
    """What a transaction has read must not have changed since its snapshot; call it under the commit lock.

    Raises:
        ConflictError: it has changed, or a table is gone.
    """
    reads = transaction.reads
    for store in reads:
        if store.dropped:
            raise constraints.missing_table_conflict(store.name)
    if all(store.changed_at <= transaction.snapshot for store in reads):
        return
    for store, writes in database.recent.since(transaction.snapshot):
        found = reads.get(store)
        if found is not None:
            key = found.first_changed(writes, store.rows)
            if key is not None:
                raise constraints.read_conflict(store, key, store.winner_of(key))


def check_pending(pending: Iterable[ReadSet], own: Changed, reads: ReadSet | None, holder: object) -> None:
    """Rows of LOCAL and DISTRIBUTED tables against the pending commits of this node, which the log does not know of.

    A pending commit may still commit, at a place in the log that comes after the transaction which is being checked. So nobody may
    change what a pending SERIALIZABLE commit has read, and a commit that becomes pending (`reads` given) may not have read
    what a pending one changes.

    Raises:
        ConflictError: naming the row.
    """
    for others in pending:
        for store, writes in own:
            read = others.get(store)
            if read is None:
                continue
            key = read.first_changed(writes, writes)
            if key is not None:
                raise constraints.pending_conflict(store, constraints.key_text(store, key))
    for store, read in (reads or {}).items():
        for key in list(store.reserved.keys):
            depends = read.whole or key in read.keys or read.values or read.ranges
            if depends and store.reserved.key_taken(key, holder):
                raise constraints.pending_conflict(store, constraints.key_text(store, key))


def local_part(reads: ReadSet) -> ReadSet:
    """What was read of tables that the log does not know."""
    return {store: read for store, read in reads.items() if store.kind is not TableKind.REPLICATED}
