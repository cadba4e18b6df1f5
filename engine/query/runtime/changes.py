"""Helpers of statements that change tables: ON CONFLICT, and rows that a join gives more than once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from exdbsql.engine.table import TableStore
from exdbsql.engine.transaction import Transaction
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import ProgrammingError


def first_of_each(pairs: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """The first (key, row) for each key."""
    seen: dict[Any, Any] = {}
    for key, row in pairs:
        seen.setdefault(key, row)
    return list(seen.items())


def merge_actions(actions: Iterable[tuple[str, Any, Any] | None]) -> list[tuple[str, Any, Any]]:
    """The actions of MERGE that do something. Raises 21000 where two concern the same row."""
    found = [action for action in actions if action is not None]
    seen: set[Any] = set()
    for kind, key, _ in found:
        if kind != "insert":
            if key in seen:
                raise ProgrammingError(
                    "MERGE command cannot affect row a second time",
                    sqlstate=sqlstate.CARDINALITY_VIOLATION,
                    hint="ensure that not more than one source row matches any one target row",
                )
            seen.add(key)
    return found


def apply_merge(txn: Transaction, store: TableStore, actions: Iterable[tuple[str, Any, Any]]) -> None:
    """Write what MERGE decided."""
    for kind, key, row in actions:
        if kind == "insert":
            txn.insert(store, row)
        elif kind == "update":
            txn.update(store, key, row)
        else:
            txn.delete(store, key)


def find_conflict(
    txn: Transaction, store: TableStore, arbiters: Sequence[str], row: tuple[Any, ...]
) -> tuple[Any, tuple[Any, ...]] | None:
    """The (key, row) that the transaction sees and `row` conflicts with on one of the keys (none given: on any)."""
    primary = store.definition.primary_key
    if primary is not None and (not arbiters or primary.name in arbiters):
        assert store.key_of is not None
        key = store.key_of(row)
        found = txn.get(store, key)
        if found is not None:
            return key, found
    for index in store.indexes.values():
        if not index.unique or (arbiters and index.name not in arbiters):
            continue
        value = index.verify(row)
        if index.is_null(value):
            continue
        for item in txn.seek_items(index, value):
            return item
    return None


def insert_or_skip(
    txn: Transaction, store: TableStore, arbiters: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Insert the rows that conflict with none; gives those."""
    inserted = []
    for row in rows:
        if find_conflict(txn, store, arbiters, row) is None:
            txn.insert(store, row)
            inserted.append(row)
    return inserted


def insert_or_update(
    txn: Transaction,
    store: TableStore,
    arbiters: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    merged: Callable[[tuple[Any, ...], tuple[Any, ...]], tuple[Any, ...] | None],
) -> list[tuple[Any, ...]]:
    """Insert each row, or replace the one it conflicts with by what `merged` makes of both (None: leave it)."""
    written = []
    touched: set[Any] = set()
    for row in rows:
        conflict = find_conflict(txn, store, arbiters, row)
        if conflict is None:
            touched.add(txn.insert(store, row))
            written.append(row)
            continue
        key, old = conflict
        if key in touched:
            raise ProgrammingError(
                "ON CONFLICT DO UPDATE command cannot affect row a second time",
                sqlstate=sqlstate.CARDINALITY_VIOLATION,
                hint="two of the rows to insert have the same key",
            )
        new = merged(old, row)
        if new is not None:
            txn.update(store, key, new)
            touched.add(key)
            written.append(new)
    return written


NAMES: Final[dict[str, object]] = {
    f.__name__: f for f in (first_of_each, insert_or_skip, insert_or_update, merge_actions, apply_merge)
}
