"""A commit of one row, the short form of :meth:`exdbsql.engine.database.Database.publish`.

A statement that changes one row by its key, and is a transaction of its own, needs no snapshot, no buffer and no check of who
came first: it reads the newest row and replaces it under the commit lock, so nobody can have come between. What is left is the protocol
of :mod:`exdbsql.engine.table`, step by step in the same order, because readers depend on it, and on nothing else.

Whatever is more than that gives None before anything has changed, and goes the general way: tables whose commits pass through
the log, keys that are set aside, a value that a unique index has already.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from exdbsql.engine.collector import untrack
from exdbsql.engine.interruption import finish_publication
from exdbsql.engine.scan_cache import note_change
from exdbsql.engine.versions import Key, Row, longer, wants_thinning
from exdbsql.schema.errors import Error
from exdbsql.schema.table import TableKind

if TYPE_CHECKING:
    from exdbsql.engine.database import Database
    from exdbsql.engine.index import Index
    from exdbsql.engine.table import TableStore
    from exdbsql.engine.transaction import Transaction
    from exdbsql.engine.write_set import TableWrites


Committer = Callable[..., int | None]
"""``commit(key, before, after, holder=None, entry=None)``, to be called under the commit lock.

- `key` of the row; `before`, its newest row, read under the lock; `after`, what it becomes, None to delete. `after` has the
  same key, and has passed all checks but those of uniqueness.
- `holder`: the transaction that made the change, whose snapshot ends with this.
- `entry`: position of the entry of the log that made the change; what is set aside, for the log to decide about, is not in its way.

Gives 1, or None where nothing was done and the general way has to be taken.
"""


def row_committer(database: "Database", store: "TableStore", indexes: "tuple[Index, ...]") -> Committer:
    """The function that commits a row of one table; what never changes is looked up once.

    Args:
        database: without a limit of memory.
        store: a table of it with a primary key or hidden row ids, not a DISTRIBUTED one.
        indexes: those of its indexes whose values the change may concern.
    """
    rows, primary, reserved = store.rows, store.primary, store.reserved
    holders, recent = database.snapshots.holders, database.recent
    checked = checked_of(indexes)

    def commit(
        key: Key, before: Row | None, after: Row | None, holder: "Transaction | None" = None, entry: int | None = None
    ) -> int | None:
        if entry is None and (database.in_cluster or reserved.keys or database.pending_reads):
            return None
        if checked and after is not None and not stays_unique(checked, key, after):
            return None
        if holder is not None:
            holders.pop(holder, None)
        number, position = database.head
        if entry is not None:
            position = entry
        version = number + 1
        if recent.entries is not None:
            recent.note(version, [(store, {key: after})])
        chains = store.chains
        chain = chains.get(key)
        try:
            store.changed_at = version
            if store.scans is None:
                store.changes_from = version
            else:
                note_change(store, version, key, before is None, after)
            chains[key] = (version, before, None, 1) if chain is None else longer(chain, version, before)
            for index in indexes:
                index.replace(key, before, after, version)
            if store.retired:
                for index in store.retired_indexes():
                    index.replace(key, before, after, version)
            if primary is not None and primary.sorted_part is not None:
                primary.replace(key, before, after, version)
            if after is None:
                del rows[key]
            else:
                untrack(after)
                rows[key] = after
            database.head = (version, position)
        except BaseException:
            finish_publication(database, version, position, [(store, {key: after})], ())
            raise
        if holders:
            _keep_for_snapshots(database, store, key)
        else:  # whoever opens a snapshot from now on sees this version
            if chain is None:
                del chains[key]
            else:
                store.chains = {}
            for index in indexes:
                if index.gone:
                    index.gone = {}
        if database.is_debug:
            store.check()
        return 1

    return commit


def apply_from_log(
    database: "Database", position: int, origin_node: int, snapshot_position: int, writes: "TableWrites"
) -> bool:
    """Certify and apply an entry of the log that changed one row, under the commit lock, where it is to be committed and has no
    other checks than those made here; whether it was done. The rules are those of :mod:`exdbsql.engine.certification`.
    """
    table_id, shape, rows = writes
    store = database.tables_by_id.get(table_id)
    if store is None or store.shape != shape or store.kind is not TableKind.REPLICATED:
        return False
    if len(rows) != 1 or database.links or database.memory_limit is not None:
        return False
    ((key, after),) = rows.items()
    mark = store.touched.get(key)
    if mark is not None and mark[0] > snapshot_position:
        return False
    before = store.rows.get(key)
    if before is None and after is None:
        return False
    commit = store.commit_row
    if commit is None:
        commit = store.commit_row = row_committer(database, store, tuple(store.indexes.values()))
    try:
        return commit(key, before, after, None, position) is not None
    finally:  # an interrupted publication is finished
        if database.head[1] == position:
            store.touched[key] = (position, origin_node)
            database.certification.note(position, origin_node, store, (key,))


def commit_transaction(
    database: "Database", transaction: "Transaction", store: "TableStore", writes: Mapping[Key, Row | None]
) -> bool:
    """Commit a transaction that has changed one row, where nobody has changed the table since its snapshot; whether it was done."""
    if len(writes) != 1 or database.memory_limit is not None or database.links or store.distributed is not None:
        return False
    ((key, after),) = writes.items()
    with database.commit_lock:
        if store.dropped or store.changed_at > transaction.snapshot:
            return False
        before = store.rows.get(key)
        if before is None and after is None:
            return False
        commit = store.commit_row
        if commit is None:
            commit = store.commit_row = row_committer(database, store, tuple(store.indexes.values()))
        return commit(key, before, after, transaction) is not None


def _keep_for_snapshots(database: "Database", store: "TableStore", key: Key) -> None:
    store.credit += 1
    database.unpruned[store] = None
    if wants_thinning(store.chains[key]):
        store.deep.append(key)
        store.thin(database.snapshots.all_open)
    database.prune_locked()


def checked_of(indexes: "Iterable[Index]") -> "tuple[Index, ...]":
    """The indexes that a row may be refused by: the unique ones, and those with expressions, which may fail."""
    return tuple(index for index in indexes if index.unique or index.is_computed)


def stays_unique(checked: "tuple[Index, ...]", key: Key, after: Row) -> bool:
    """Whether no other row has one of the unique values, though `key` itself may have them, and no expression fails."""
    for index in checked:
        if index.is_computed:
            try:
                index.verify(after)
            except Error:  # the general way raises it again
                return False
            if not index.unique:
                continue
        value = index.value_of(after)
        bucket = index.buckets.get(value)
        if bucket is not None and bucket != key and not index.is_null(value):
            return False
    return True
