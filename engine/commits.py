"""Commits: the last checks against the newest rows, and the publication of a new version.

All functions here run under the database's commit lock. First committer wins: a key that another commit changed after the
transaction's snapshot is a conflict. Unique values are checked once more, since rows that the snapshot does not see may
have claimed them.

A commit that also needs the cluster's log is prepared first: its checks are made, and its keys in LOCAL and DISTRIBUTED
tables are set aside, because only this node knows of them and the verdict, which comes from the log, must not find them changed (R1).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from exdbsql.engine import constraints
from exdbsql.engine.read_set import ReadSet
from exdbsql.engine.rebuilds import RowChange, changed_rows
from exdbsql.engine.reference_checks import reference_violation, relied_on
from exdbsql.engine.references import Links
from exdbsql.engine.table import TableStore
from exdbsql.engine.transaction import Transaction
from exdbsql.engine.versions import Key, Row
from exdbsql.engine.write_set import WriteSet
from exdbsql.schema.table import TableKind

Changes = list[tuple[TableStore, Mapping[Key, Row | None]]]
"""Per table, the new row of each key, or None where it goes."""


@dataclass(frozen=True, slots=True)
class DefinitionChange:
    """The DDL of a transaction, for the log.

    Attributes:
        base: of the dictionary that it was run over (:func:`exdbsql.engine.ddl_commits.fingerprint`), or "" where any
            dictionary that the statements fit will do.
        texts: the statements, in order.
        sequences: by id, where sequences that the transaction made or restarted go on.
    """

    base: str
    texts: tuple[str, ...]
    sequences: Mapping[int, int]


@dataclass(slots=True, eq=False)
class PreparedCommit:
    """A commit between its preparation and its verdict.

    Attributes:
        write_set: its part in replicated tables, to propose.
        local_changes: its part in LOCAL and DISTRIBUTED tables, set aside until the verdict.
        local_reads: what a SERIALIZABLE one has read of those tables; nobody may change it until the verdict.
        is_open: whether the verdict is still to come.
        reserved_in: the tables where it has set something aside.
        definitions: its DDL, or None.
        packed: what `to_bytes` gave, for `is_in`.
    """

    write_set: WriteSet
    local_changes: Changes = field(default_factory=list)
    local_reads: ReadSet | None = None
    is_open: bool = True
    reserved_in: list[TableStore] = field(default_factory=list)
    definitions: "DefinitionChange | None" = None
    packed: bytes = b""

    def move(self, old: TableStore, anew: TableStore, change: RowChange | None) -> None:
        """A table of its local changes was altered, and `anew` takes its place; `change` makes its rows of the former ones."""
        self.local_changes = [
            (anew, changed_rows(writes, change)) if store is old else (store, writes)
            for store, writes in self.local_changes
        ]

    def to_bytes(self) -> bytes:
        """What to propose to the log."""
        self.packed = self.write_set.to_bytes()
        return self.packed

    def is_in(self, command: bytes, behind: int) -> bool:
        """Whether an entry of the log holds just the bytes of this, from a place on: then they need not be read again."""
        packed = self.packed
        return len(packed) == len(command) - behind and command.endswith(packed)


def check_commit(changes: Changes, snapshot: int, holder: object, links: Links) -> None:
    """The checks of a transaction that read `snapshot`, against the newest rows.

    Raises:
        ConflictError: a key was changed since, is set aside by another holder, or its table is gone.
        IntegrityError: another row has one of the unique values; a foreign key would be broken.
    """
    if links:
        check_references(links, changes, snapshot, holder)
    for store, writes in changes:
        if store.dropped:
            raise constraints.missing_table_conflict(store.name)
        if store.changed_at > snapshot:
            check_first_committer(store, writes, snapshot)
        if store.changed_at > snapshot or store.deferrable_keys:
            violation = constraints.newest_violation(store, writes)
            if violation is not None:
                raise violation
        if store.reserved.keys:
            constraints.check_reservations(store, writes, holder)


def check_references(links: Links, changes: Changes, snapshot: int | None, holder: object) -> None:
    """The foreign keys, against the newest rows and what other holders have set aside.

    Raises:
        ConflictError, IntegrityError: as `check_commit`.
    """
    for store, key in relied_on(links, changes):
        if store.reserved.keys and store.reserved.key_taken(key, holder):
            raise constraints.pending_conflict(store, constraints.key_text(store, key))
    for store, writes in changes:
        for key in store.reserved.relied:
            if key in writes and store.reserved.is_relied_on(key, holder):
                raise constraints.pending_conflict(store, constraints.key_text(store, key))
    violation = reference_violation(links, changes, snapshot)
    if violation is not None:
        raise violation


def check_first_committer(store: TableStore, writes: Mapping[Key, Row | None], snapshot: int) -> None:
    """Raise ConflictError where another commit after `snapshot` changed one of the keys."""
    if not store.chains:
        return
    for key in writes:
        if store.changed_since(key, snapshot):
            raise constraints.write_conflict(store, key, store.winner_of(key))


def changes_of(transaction: Transaction) -> Changes:
    """What a transaction has written, by table; after DDL of its own, in the tables that it leaves behind."""
    written: Changes = [(store, overlay.writes) for store, overlay in transaction.by_table.items() if overlay.writes]
    catalog, temporary = transaction.catalog, transaction.temporary
    if catalog is None and temporary is None:
        return written
    own = set() if temporary is None else set(temporary.tables.values())
    kept = None if catalog is None else set(catalog.tables.values())
    return [
        change
        for change in written
        if (change[0] in own if change[0].definition.is_temporary else kept is None or change[0] in kept)
    ]


def split_by_kind(changes: Changes) -> tuple[Changes, Changes]:
    """(changes of replicated tables, changes of LOCAL and DISTRIBUTED ones)."""
    replicated = [change for change in changes if change[0].kind is TableKind.REPLICATED]
    return replicated, [change for change in changes if change[0].kind is not TableKind.REPLICATED]


def set_aside(changes: Changes, holder: object, links: Links) -> list[TableStore]:
    """Reserve the keys and the unique values of `changes`, which passed `check_commit`, and the rows that they refer to.

    Returns:
        The tables where something is reserved, for `release`.
    """
    relied = relied_on(links, changes) if links else []
    stores = [store for store, _ in (*changes, *relied)]
    try:
        for store, key in relied:
            store.reserved.rely(holder, key)
        for store, writes in changes:
            rows = [row for row in writes.values() if row is not None]
            store.reserved.take(holder, writes, constraints.claimed_values(store, rows))
    except BaseException:  # an interrupt: the caller does not know yet what to give back
        release(stores, holder)
        raise
    return stores


def release(stores: Iterable[TableStore], holder: object) -> None:
    """Give back what `set_aside` reserved."""
    for store in stores:
        store.reserved.release(holder)
