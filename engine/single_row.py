"""A commit of one row, the short form of :meth:`exdbsql.engine.database.Database.publish`.

A statement that changes one row by its key, and is a transaction of its own, needs no snapshot, no buffer and no check of who
came first: it reads the newest row and replaces it under the commit lock, so nobody can have come between. What is left is the protocol
of :mod:`exdbsql.engine.table`, step by step in the same order, because readers depend on it, and on nothing else.

Whatever is more than that gives None before anything has changed, and goes the general way: tables whose commits pass through
the log, keys that are set aside, a value that a unique index has already.
"""

from typing import TYPE_CHECKING

from exdbsql.engine.collector import untrack
from exdbsql.engine.interruption import finish_publication
from exdbsql.engine.versions import Key, Row, longer, wants_thinning

if TYPE_CHECKING:
    from exdbsql.engine.database import Database
    from exdbsql.engine.index import Index
    from exdbsql.engine.table import TableStore


def commit_row(
    database: "Database",
    store: "TableStore",
    indexes: "tuple[Index, ...]",
    key: Key,
    before: Row | None,
    after: Row | None,
) -> int | None:
    """Commit the change of one row; call it under the commit lock.

    Args:
        database: whose lock the caller holds; without a limit of memory.
        store: a table with a primary key, in the dictionary that is in force, not a DISTRIBUTED one.
        indexes: those of its indexes whose values the change may concern.
        key: of the row.
        before: the newest row of the key, read under the lock; None where there is none.
        after: what it becomes; None deletes. Its key is `key`, and it has passed all checks but those of uniqueness.

    Returns:
        1, or None where nothing was done and the general way has to be taken.
    """
    if database.in_cluster or store.reserved.keys or database.pending_reads:
        return None
    if after is not None and store.unique_indexes and not _stays_unique(indexes, key, after):
        return None
    head = database.head
    version = head[0] + 1
    if database.recent.entries is not None:
        database.recent.note(version, [(store, {key: after})])
    chains = store.chains
    chain = chains.get(key)
    try:
        store.changed_at = version
        chains[key] = (version, before, None, 1) if chain is None else longer(chain, version, before)
        for index in indexes:
            index.replace(key, before, after, version)
        if store.retired:
            for index in store.retired_indexes():
                index.replace(key, before, after, version)
        primary = store.primary
        if primary is not None and primary.sorted_part is not None:
            primary.replace(key, before, after, version)
        if after is None:
            del store.rows[key]
        else:
            untrack(after)
            store.rows[key] = after
        database.head = (version, head[1])
    except BaseException:
        finish_publication(database, version, head[1], [(store, {key: after})], ())
        raise
    if database.snapshots.holders:
        _keep_for_snapshots(database, store, key)
    else:  # whoever opens a snapshot from now on sees this version
        if store.scans:
            store.scans = {}
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


def _keep_for_snapshots(database: "Database", store: "TableStore", key: Key) -> None:
    store.credit += 1
    database.unpruned[store] = None
    if wants_thinning(store.chains[key]):
        store.deep.append(key)
        store.thin(database.snapshots.all_open)
    database.prune_locked()


def _stays_unique(indexes: "tuple[Index, ...]", key: Key, after: Row) -> bool:
    """Whether no other row has one of the unique values; `key` itself may have them."""
    for index in indexes:
        if index.unique:
            value = index.value_of(after)
            bucket = index.buckets.get(value)
            if bucket is not None and bucket != key and not index.is_null(value):
                return False
    return True
