"""PRIMARY KEY and UNIQUE: the checks, and the errors that name constraint and key as PostgreSQL does.

They are checked three times, against three states, so that R1 holds however transactions interleave:

- at the end of a statement, against the transaction's own view (`check_statement`);
- at a local commit or the preparation of one, against the newest rows and what other prepared commits have set aside;
- for replicated tables, at the transaction's place in the log, against the state there, on every node alike.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from exdbsql.engine.index import Index
from exdbsql.engine.keys import same
from exdbsql.engine.overlay import Overlay
from exdbsql.engine.table import TableStore
from exdbsql.engine.versions import Key, Row
from exdbsql.schema.errors import ConflictError, Error, IntegrityError
from exdbsql.schema.expressions import called_function
from exdbsql.schema.sqlstate import UNIQUE_VIOLATION
from exdbsql.schema.table import IndexColumn


def key_text(store: TableStore, key: Key) -> str:
    """A key as messages show it: ``(id)=(7)``."""
    if store.primary is None:
        return f"row {key}"
    return index_value_text(store.primary, key)


def index_value_text(index: Index, value: Any) -> str:
    """A value of an index as messages show it: ``(a, b)=(1, 2)``."""
    parts = (value,) if index.width == 1 else value
    return f"({', '.join(map(_part_text, index.definition))})=({', '.join(map(_value_text, parts))})"


def _part_text(part: IndexColumn) -> str:
    """A part of an index as messages show it; only the call of a function stands without parentheses."""
    if part.expression is None:
        return part.name
    return part.expression if called_function(part.expression) else f"({part.expression})"


def _value_text(value: Any) -> str:
    return "null" if value is None else str(value)


def unique_violation(store: TableStore, index: Index, value: Any) -> IntegrityError:
    """Two rows would share `value` in `index`."""
    return IntegrityError(
        f'duplicate key value violates unique constraint "{index.name}"',
        sqlstate=UNIQUE_VIOLATION,
        detail=f"Key {index_value_text(index, value)} already exists.",
        table=store.name,
        constraint=index.name,
    )


def write_conflict(store: TableStore, key: Key, winner: int | None) -> ConflictError:
    """Another transaction changed `key` first."""
    named = key_text(store, key)
    by = "" if winner is None else f" of node {winner}"
    return ConflictError(
        f"another transaction{by} changed {named} of table {store.name} first",
        hint="Run the transaction again.",
        table=store.name,
        key=named,
        winner=winner,
    )


def read_conflict(store: TableStore, key: Key, winner: int | None) -> ConflictError:
    """Another transaction changed what a SERIALIZABLE one has read."""
    named = key_text(store, key)
    by = "" if winner is None else f" of node {winner}"
    return ConflictError(
        f"another transaction{by} changed {named} of table {store.name}, and this one has read what that changes",
        hint="Run the transaction again.",
        table=store.name,
        key=named,
        winner=winner,
    )


def pending_conflict(store: TableStore, named: str) -> ConflictError:
    """A prepared commit, whose outcome is not known yet, holds a key or value."""
    return ConflictError(
        f"{named} of table {store.name} is being changed by a commit whose outcome is not known yet",
        hint="Run the transaction again.",
        table=store.name,
        key=named,
    )


def missing_table_conflict(name: str) -> ConflictError:
    """The table was dropped or changed while a transaction had writes to it."""
    return ConflictError(
        f"table {name} was dropped or changed by another transaction", hint="Run the transaction again.", table=name
    )


def altered_table_conflict(name: str) -> ConflictError:
    """The table was made anew after a transaction's snapshot, whose rows it does not have."""
    return ConflictError(
        f"table {name} was altered by another transaction after this one's snapshot",
        hint="Run the transaction again.",
        table=name,
    )


def replaced_state_conflict() -> ConflictError:
    """The node took over the cluster's state while the transaction ran."""
    return ConflictError(
        "this node was synchronised with the cluster while the transaction ran", hint="Run the transaction again."
    )


def check_statement(overlay: Overlay, keys: list[Key], snapshot: int, deferred: Collection[str] = ()) -> None:
    """The unique constraints (not the primary key) for the rows that a statement wrote under `keys`, and expressions that may fail.

    Args:
        overlay: what the transaction has written to the table.
        keys: of the rows to check.
        snapshot: the version that it sees.
        deferred: the constraints whose check waits for the commit.

    Raises:
        IntegrityError: another row that the transaction sees has the value.
        DataError: the expression of an index fails for a row.
    """
    for index in overlay.store.checked_indexes:
        if index.name not in deferred:
            check_index(overlay, index, keys, snapshot)


def check_index(overlay: Overlay, index: Index, keys: list[Key], snapshot: int) -> None:
    """As `check_statement`, for one index."""
    store = overlay.store
    written = [(key, row) for key in keys if (row := overlay.writes.get(key)) is not None]
    values = [index.verify(row) for _, row in written]
    if not index.unique:
        return
    if store.changed_at <= snapshot and _surely_unique(overlay, index, values, len(keys)):
        return
    for (key, _), value in zip(written, values, strict=True):
        if not index.is_null(value) and _seen_elsewhere(overlay, index, value, key, snapshot):
            raise unique_violation(store, index, value)


def _surely_unique(overlay: Overlay, index: Index, values: list[Any], keys: int) -> bool:
    """The quick way: all own rows are of this statement, with distinct values that no committed row has."""
    if keys != len(overlay.writes):
        return False
    if index.is_computed:
        values = list(filter(index.holds, values))
    return len(set(values)) == len(values) and index.buckets.keys().isdisjoint(values)


def _seen_elsewhere(overlay: Overlay, index: Index, value: Any, key: Key, snapshot: int) -> bool:
    if any(other != key for other in overlay.own_keys(index, value)):
        return True
    store = overlay.store
    candidates = index.keys(value)
    candidates += index.gone_keys(value)
    for other in candidates:
        if other != key and other not in overlay.writes:
            row = store.row_at(other, store.rows.get(other), snapshot)
            if row is not None and same(index.value_of(row), value):
                return True
    return False


def newest_violation(store: TableStore, writes: Mapping[Key, Row | None]) -> Error | None:
    """The first unique constraint that `writes` would break among the newest rows, or what the expression of an index raises.

    The primary key is not asked.
    """
    try:
        for index in store.checked_indexes:
            violation = _violation_of(store, index, writes)
            if violation is not None:
                return violation
    except Error as error:
        return error
    return None


def _violation_of(store: TableStore, index: Index, writes: Mapping[Key, Row | None]) -> IntegrityError | None:
    claimed: dict[Any, Key] = {}
    for key, row in writes.items():
        if row is not None:
            value = index.verify(row)
            if not index.unique or index.is_null(value):
                continue
            if value in claimed or any(other not in writes for other in index.keys(value)):
                return unique_violation(store, index, value)
            claimed[value] = key
    return None


def claimed_values(store: TableStore, rows: Iterable[Row]) -> list[tuple[str, Any]]:
    """The unique values, with the names of their indexes, that `rows` claim."""
    return [
        (index.name, value)
        for index in store.unique_indexes
        for value in map(index.value_of, rows)
        if not index.is_null(value)
    ]


def check_reservations(store: TableStore, writes: Mapping[Key, Row | None], holder: object) -> None:
    """Raise ConflictError where `writes` touch what another prepared commit has set aside."""
    reserved = store.reserved
    if not reserved:
        return
    for key in writes:
        if reserved.key_taken(key, holder):
            raise pending_conflict(store, key_text(store, key))
    for name, value in claimed_values(store, [row for row in writes.values() if row is not None]):
        if reserved.value_taken(name, value, holder):
            raise pending_conflict(store, index_value_text(store.indexes[name], value))
