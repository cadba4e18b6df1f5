"""A transaction: a snapshot, a buffer of own writes, and the reads (:mod:`exdbsql.engine.reads`) that see both.

Writes go into overlays. An undo log remembers what the buffer held before; a savepoint is a length of that log. A statement ends with
`end_statement`, which checks uniqueness (so that ``UPDATE t SET k = k + 1`` may pass through duplicates) and, where that fails,
undoes the statement alone.

One thread at a time may use a transaction; any number of transactions may run on any number of threads.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from exdbsql.engine import constraints
from exdbsql.engine.collector import BULK, untrack_rows
from exdbsql.engine.deferral import AS_DEFINED, named_constraints
from exdbsql.engine.keys import same
from exdbsql.engine.overlay import ABSENT, Overlay
from exdbsql.engine.private_catalog import PrivateCatalog, Step, execute_privately
from exdbsql.engine.reads import Reads
from exdbsql.engine.reference_actions import check_all, settle_statement
from exdbsql.engine.references import Links
from exdbsql.engine.row_rules import row_rules
from exdbsql.engine.session_sequences import NOTHING_GIVEN, GivenValues, Sequences
from exdbsql.engine.table import TableStore
from exdbsql.engine.temporary import CatalogWithLinks, SessionCatalog, execute_temporary, for_temporary, without_objects
from exdbsql.engine.versions import Key, Row
from exdbsql.schema.ddl_statements import DdlStatement, DropTable
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import InterfaceError, OperationalError
from exdbsql.schema.sqlstate import NO_ACTIVE_SQL_TRANSACTION, READ_ONLY_SQL_TRANSACTION
from exdbsql.schema.table import TableKind

if TYPE_CHECKING:
    from exdbsql.engine.database import Database
    from exdbsql.engine.query.row_functions import RowFunctions

READ_COMMITTED: Final = "read committed"
REPEATABLE_READ: Final = "repeatable read"


class Mark(NamedTuple):
    """A savepoint: how long the undo log was, and what DDL had come before."""

    length: int
    catalog: PrivateCatalog | None = None
    temporary: PrivateCatalog | None = None


class Transaction(Reads):
    """One transaction on a database; made by ``Database.begin``.

    Attributes:
        is_read_only: whether writes are refused.
        isolation: "read committed", "repeatable read" or "serializable".
        bytes_bound: rough bytes of its writes, at most; counted where the database has a memory limit.
        is_open: whether it was neither committed nor rolled back.
        catalog: what it sees after DDL of its own, or None.
        temporary: the temporary tables of its session, as it has left them, or None.
        deferral: which constraints wait for its commit.
        given_values: what nextval gave in its session.
        single: its change, while it is but one (:mod:`exdbsql.engine.single_change`).
    """

    single: Any

    __slots__ = (
        "_checks_wanted",
        "_moved",
        "_moves",
        "_statement_start",
        "_undo",
        "bytes_bound",
        "catalog",
        "deferral",
        "given_values",
        "is_open",
        "is_read_only",
        "isolation",
        "single",
        "temporary",
        "temporary_before",
    )

    def __init__(self, database: "Database", read_only: bool, isolation: str) -> None:
        self._database = database
        self.is_read_only = read_only
        self.isolation = isolation
        self.is_open = True
        self.catalog: PrivateCatalog | None = None
        self.temporary: PrivateCatalog | None = None
        self.temporary_before: PrivateCatalog | None = None
        self.given_values: GivenValues = NOTHING_GIVEN
        self.by_table: dict[TableStore, Overlay] = {}
        self._undo: list[tuple[Overlay, Any, Any]] = []
        self._moves: list[tuple[TableStore, Key, Row]] = []
        self._moved: dict[tuple[TableStore, Key], Key] = {}
        self.deferral = AS_DEFINED
        self._statement_start = 0
        self._checks_wanted = False
        self.bytes_bound = 0

    def __repr__(self) -> str:
        state = "open" if self.is_open else "ended"
        return f"<transaction {state} at version {self.snapshot}, {sum(len(o.writes) for o in self.overlays)} writes>"

    # Writes

    def insert(self, store: TableStore, row: Row) -> Key:
        """Add a row; returns its key.

        Raises:
            IntegrityError: 23505, the primary key is taken in the transaction's view.
            OperationalError: 25006, the transaction is read-only.
        """
        overlay = self._writable(store)
        if store.key_of is None:
            key: Key = self._database.row_ids.take(1)
        else:
            key = store.key_of(row)
            if self.get(store, key) is not None:
                assert store.primary is not None
                raise constraints.unique_violation(store, store.primary, key)
        self._put(overlay, key, row)
        return key

    def insert_many(self, store: TableStore, rows: Sequence[Row]) -> None:
        """Add many rows; as `insert`, but at bulk speed."""
        overlay = self._writable(store)
        if len(rows) >= BULK:
            untrack_rows(rows)
        if store.key_of is None:
            first = self._database.row_ids.take(len(rows))
            fresh = dict(zip(range(first, first + len(rows)), rows, strict=True))
        else:
            fresh = dict(zip(map(store.key_of, rows), rows, strict=True))
            if len(fresh) < len(rows) or not self._all_free(store, overlay, fresh):
                for row in rows:
                    self.insert(store, row)
                return
        self._undo.append((overlay, fresh, ABSENT))
        overlay.put_many(fresh)
        self._checks_wanted |= bool(store.checked_indexes)

    def _all_free(self, store: TableStore, overlay: Overlay, fresh: dict[Key, Row]) -> bool:
        free = not store.rows or store.rows.keys().isdisjoint(fresh)
        free = free and (not overlay.writes or overlay.writes.keys().isdisjoint(fresh))
        return free and (store.changed_at <= self.snapshot or store.chains.copy().keys().isdisjoint(fresh))

    def update(self, store: TableStore, key: Key, new_row: Row) -> None:
        """Replace the visible row of `key`, which may change its key: that takes effect at the end of the statement."""
        overlay = self._writable(store)
        new_key = key if store.key_of is None else store.key_of(new_row)
        if new_key is key or same(new_key, key):
            self._put(overlay, key, new_row)
        else:
            self._put(overlay, key, None)
            self._moves.append((store, new_key, new_row))
            self._moved[store, key] = new_key

    def delete(self, store: TableStore, key: Key) -> None:
        """Delete the visible row of `key`."""
        self._put(self._writable(store), key, None)

    def _put(self, overlay: Overlay, key: Key, row: Row | None) -> None:
        # One entry per write: the key, alone in a tuple so that no kind of key is mistaken for a batch.
        self._undo.append((overlay, (key,), overlay.writes.get(key, ABSENT)))
        overlay.put(key, row)
        if overlay.store.checked_indexes:
            self._checks_wanted = True

    def claim(self, store: TableStore, key: Key) -> bool:
        """Claim a row that is going to be changed; False where another transaction has it (:mod:`exdbsql.engine.row_claims`)."""
        return self._database.claims.take(self, store, key)

    def keep_change(self, store: TableStore, key: Key, row: Row | None) -> None:
        """Take over a statement that has changed one row, and passed all checks."""
        self._put(self._writable(store), key, row)
        self._checks_wanted = False
        self._statement_start = len(self._undo)

    def _writable(self, store: TableStore) -> Overlay:
        if not self.is_open:
            raise self._ended()
        if self.is_read_only and not store.definition.is_temporary:
            raise OperationalError(
                f"cannot change table {store.name} in a read-only transaction", sqlstate=READ_ONLY_SQL_TRANSACTION
            )
        overlay = self.by_table.get(store)
        if overlay is None:
            overlay = self.by_table[store] = Overlay(store)
        return overlay

    # Statements and savepoints

    def check_tables(self, names: Iterable[str]) -> None:
        """Ask this before a statement on these tables: refuse one that was made anew since the snapshot.

        Raises:
            ConflictError: another transaction has altered a table, and what the snapshot saw of it is gone.
        """
        if self.snapshot < self._database.rebuilt_at:
            tables = self.definitions.tables
            for name in names:
                store = tables.get(name)
                if store is not None and store.rebuilt_at > self.snapshot:
                    raise constraints.altered_table_conflict(name)

    def end_statement(self) -> None:
        """Check what the statement wrote; where a check fails, undo the statement and raise.

        Raises:
            IntegrityError: 23505, a unique constraint or the primary key would be broken.
            DataError: the expression of an index fails for a row.
            OperationalError: 53200, the transaction would pass the database's memory limit.
        """
        if len(self._undo) == self._statement_start:
            return
        try:
            if self._moves:
                self.place_moved_rows()
            links = self._database.links if self.catalog is None and self.temporary is None else self.links
            if links:
                settle_statement(self, links, self._undo, self._statement_start)
                self._moved.clear()
            if self._checks_wanted:
                for overlay, keys in self._statement_keys().items():
                    if overlay.store.checked_indexes:
                        deferred = self.deferral.deferred_of(overlay.store) if overlay.store.deferrable_keys else ()
                        constraints.check_statement(overlay, list(keys), self.snapshot, deferred)
            if self._database.memory_limit is not None:
                self._check_memory()
        except BaseException:
            self.abort_statement()
            raise
        self._checks_wanted = False
        self._statement_start = len(self._undo)

    def _check_memory(self) -> None:
        for overlay, keys in self._statement_keys().items():
            size_of = overlay.store.size_of
            if size_of is not None:
                self.bytes_bound += sum(size_of(row) for key in keys if (row := overlay.writes.get(key)) is not None)
        self._database.check_memory(self.overlays, self.bytes_bound)

    def abort_statement(self) -> None:
        """Undo what was written since the last `end_statement`."""
        self._undo_to(self._statement_start)

    def place_moved_rows(self) -> None:
        """Give the rows whose key changed their new keys.

        Raises:
            IntegrityError: 23505, the key is taken.
        """
        moves, self._moves = self._moves, []
        for store, key, row in moves:
            if self.get(store, key) is not None:
                assert store.primary is not None
                raise constraints.unique_violation(store, store.primary, key)
            self._put(self.by_table[store], key, row)

    def _statement_keys(self) -> dict[Overlay, dict[Key, None]]:
        written: dict[Overlay, dict[Key, None]] = {}
        for overlay, keys, _ in self._undo[self._statement_start :]:
            written.setdefault(overlay, {}).update(dict.fromkeys(keys))
        return written

    def savepoint(self) -> Mark:
        """A mark that `rollback_to` can go back to; take it between statements."""
        return Mark(len(self._undo), self.catalog, self.temporary)

    def rollback_to(self, mark: Mark) -> None:
        """Undo everything written since `mark`; the mark stays valid."""
        self._undo_to(mark.length)
        if self.catalog is not mark.catalog:
            self._forget_tables_beside(mark.catalog)
        self.catalog = mark.catalog
        self.temporary = mark.temporary

    def _forget_tables_beside(self, catalog: PrivateCatalog | None) -> None:
        """Drop what was written to tables that nobody else has ever seen and that are not in `catalog`: their DDL is undone."""
        kept = set() if catalog is None else set(catalog.tables.values())
        self.by_table = {
            store: overlay
            for store, overlay in self.by_table.items()
            if store.changed_at > 0 or store.definition.is_temporary or store in kept
        }

    def _undo_to(self, length: int) -> None:
        self._moves.clear()
        self._moved.clear()
        self._checks_wanted = False
        undo = self._undo
        while len(undo) > length:
            overlay, keys, previous = undo.pop()
            for key in list(keys):
                overlay.take_back(key, previous)
        self._statement_start = min(self._statement_start, length)

    @property
    def counts_memory(self) -> bool:
        """Whether the database has a memory limit."""
        return self._database.memory_limit is not None

    @property
    def database_name(self) -> str:
        """current_database()."""
        return self._database.name

    # Sequences

    @property
    def sequences(self) -> Sequences:
        """The functions on sequences."""
        if self.given_values is NOTHING_GIVEN:
            self.given_values = GivenValues()
        return Sequences(self._database, self)

    @property
    def dictionary(self) -> Dictionary:
        """The definitions that it sees."""
        return self.definitions.dictionary

    @property
    def below(self) -> Dictionary:
        """The definitions of permanent tables that it sees."""
        return self._database.dictionary if self.catalog is None else self.catalog.dictionary

    @property
    def definitions(self) -> CatalogWithLinks:
        """Definitions and tables that it sees."""
        below = self._database if self.catalog is None else self.catalog
        return below if self.temporary is None else SessionCatalog(below, self.temporary)

    # Foreign keys

    @property
    def links(self) -> Links:
        """The foreign keys that it sees."""
        return self.definitions.links

    def moved_to(self, store: TableStore, key: Key) -> Key | None:
        """The key that the statement gave to the row of `key`, or None where it gave none."""
        return self._moved.get((store, key))

    def row_rules(self, store: TableStore) -> "RowFunctions":
        """What the definition of a table says of its rows."""
        return row_rules(store, self.definitions)

    def set_constraints(self, names: Sequence[str] | None, *, deferred: bool) -> None:
        """SET CONSTRAINTS: put off the checks of deferrable constraints until the commit, or no longer.

        Args:
            names: of constraints; None for all that are deferrable.
            deferred: whether to put them off; otherwise what has been put off is checked now.

        Raises:
            ProgrammingError: 42704, there is no such constraint; 42809, it is not deferrable.
            IntegrityError: 23503, 23505.
        """
        tables = self.definitions.tables
        references, keys = named_constraints(self.links, tables.values(), names)
        if not deferred:
            check_all(self, [one for one in references if self.deferral.is_deferred(one.key)])
            for store, key in keys:
                overlay = self.by_table.get(store)
                if overlay is not None and self.deferral.is_deferred(key):
                    constraints.check_index(overlay, store.indexes[key.name], list(overlay.writes), self.snapshot)
        self.deferral = self.deferral.after(names, deferred=deferred)

    # Definitions

    def execute_ddl(self, statement: DdlStatement, text: str) -> None:
        """Run a DDL statement: seen by this transaction from now on, by others after its commit.

        Args:
            statement: what to do.
            text: the statement's text, for the log of a cluster.

        Raises:
            ProgrammingError: the statement does not fit the dictionary.
            IntegrityError: rows that the transaction sees do not fit.
            OperationalError: 25006, the transaction is read-only.
        """
        if not self.is_open:
            raise self._ended()
        if self.is_read_only:
            raise OperationalError(
                "cannot change definitions in a read-only transaction", sqlstate=READ_ONLY_SQL_TRANSACTION
            )
        database = self._database
        catalog = self.catalog
        temporary = for_temporary(statement, self.temporary, self.below)
        if temporary is not None:
            self.temporary = execute_temporary(self, self.temporary, temporary, self.below)
            return
        if catalog is None:
            with database.commit_lock:  # dictionary and tables that belong together
                catalog = PrivateCatalog(
                    database.dictionary, database.dictionary, database.tables, links=database.links
                )
        try:
            made = execute_privately(self, catalog, Step(statement, text))
        except BaseException:
            self._forget_tables_beside(self.catalog)
            raise
        if made.steps:
            self.catalog = made

    def drop_temporary(self) -> None:
        """Drop all temporary tables."""
        if self.temporary is None:
            return
        if self.temporary.tables:
            statement = DropTable(tuple(self.temporary.tables), cascade=True)
            self.temporary = execute_temporary(self, self.temporary, statement, self.below)
        self.temporary = without_objects(self.temporary)

    # The end, and what it needs

    @property
    def overlays(self) -> list[Overlay]:
        """The buffers of the tables written to, those without a remaining write left out."""
        return [overlay for overlay in self.by_table.values() if overlay.writes]

    @property
    def has_writes(self) -> bool:
        """Whether a commit would change anything."""
        return (
            self.catalog is not None
            or self.temporary is not self.temporary_before
            or any(overlay.writes for overlay in self.by_table.values())
        )

    @property
    def written_kinds(self) -> set[TableKind]:
        """The kinds of the tables written to."""
        return {overlay.store.kind for overlay in self.by_table.values() if overlay.writes}

    def table(self, name: str) -> TableStore:
        """The table of that name; ProgrammingError 42P01 where there is none."""
        return self.definitions.table(name)

    def use_temporary(self, temporary: PrivateCatalog | None) -> None:
        """Before its first statement: it sees these temporary tables."""
        self.temporary = self.temporary_before = temporary

    def refresh(self) -> None:
        """Take a new snapshot, for the next statement under READ COMMITTED; own writes stay.

        Raises:
            ConflictError: a row that this transaction has written was changed by another commit meanwhile, or its table altered.
        """
        database = self._database
        if database.head[0] == self.snapshot:
            return
        if not self.has_writes:
            self._move_snapshot()
            return
        with database.commit_lock:  # no commit may slip in between the check and the new snapshot
            for overlay in self.overlays:
                store = overlay.store
                if store.dropped and overlay.writes:
                    raise constraints.missing_table_conflict(store.name)
                if store.changed_at > self.snapshot:
                    for key in overlay.writes:
                        if store.changed_since(key, self.snapshot):
                            raise constraints.write_conflict(store, key, None)
            self._move_snapshot()

    def _move_snapshot(self) -> None:
        holders = self._database.snapshots.holders
        del holders[self]
        self.open_snapshot()

    def open_snapshot(self) -> None:
        """Register, then read the version: :mod:`exdbsql.engine.snapshots` says why in this order.

        Not part of `__init__`: the interpreter may deliver an interrupt right after a constructor, and what it had registered
        would stay for ever. After a plain method call it does not, before the caller has stored what was returned.
        """
        database = self._database
        self.snapshot = -1
        database.snapshots.holders[self] = database.head[0]
        self.snapshot, self.position = database.head

    def commit(self) -> None:
        """Make the writes visible to later snapshots, all at once; the transaction ends either way.

        Raises:
            ConflictError: another transaction changed one of the rows first, or has it in a commit that is pending.
            IntegrityError: a row committed meanwhile has one of the unique values.
        """
        if not self.is_open:
            raise self._ended()
        try:
            if self.by_table or self.catalog is not None:
                self._database.commit_locally(self)
        finally:
            self.end()

    def rollback(self) -> None:
        """Drop the writes and end; nothing happens where the transaction has ended."""
        self.end()

    def end(self) -> None:
        """Give the snapshot back."""
        if self.is_open:
            self.is_open = False
            database = self._database
            database.snapshots.holders.pop(self, None)
            if database.unpruned:
                database.prune()

    def _ended(self) -> InterfaceError:
        return InterfaceError("this transaction has ended", sqlstate=NO_ACTIVE_SQL_TRANSACTION)
