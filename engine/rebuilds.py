"""A table made anew from another: other columns, other keys, more constraints.

The new table is a copy. Whoever holds the old one goes on reading it as it was; a transaction that has written to the old one
loses at commit, because nobody can say whether its rows fit the new definition. The copy has the newest rows only, so a snapshot
from before it was made must not be read in it (`Transaction.check_tables`).

The copy keeps what the log knows of the rows: the memory of certification (shared, since the keys are the same), the dots of a
DISTRIBUTED table. Where the key itself changed, both begin anew.
"""

from collections.abc import Callable, Iterable, Mapping

from exdbsql.engine.constraints import index_value_text
from exdbsql.engine.index import Index
from exdbsql.engine.table import TableStore
from exdbsql.engine.versions import Key, Row
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import IntegrityError
from exdbsql.schema.sqlstate import UNIQUE_VIOLATION
from exdbsql.schema.table import IndexColumn, IndexDef, Table
from exdbsql.schema.types import SqlType

RowChange = Callable[[Row], Row]


def build_index(store: TableStore, definition: IndexDef, dictionary: Dictionary, *, may_fail: bool = True) -> Index:
    """A new index over the rows of a table, not part of it yet.

    Args:
        store: the table.
        definition: of the index.
        dictionary: where its expressions stand.
        may_fail: whether an expression that fails for a row is an error.

    Raises:
        IntegrityError: it is unique and rows share a value.
        DataError: its expression fails for a row.
    """
    index = store.build_index(definition, dictionary)
    if index.is_computed and may_fail:
        for row in store.rows.values():
            index.verify(row)
    duplicate = store.first_duplicate(index) if definition.unique else None
    if duplicate is not None:
        raise IntegrityError(
            f'could not create unique index "{definition.name}"',
            sqlstate=UNIQUE_VIOLATION,
            detail=f"Key {index_value_text(index, duplicate)} is duplicated.",
            table=store.name,
            constraint=definition.name,
        )
    return index


def same_key(before: Table, after: Table) -> bool:
    """Whether rows keep their keys: the same columns, by name and type, or hidden row ids in both."""
    if before.primary_key is None or after.primary_key is None:
        return before.primary_key is None and after.primary_key is None
    old = [before.columns[at].type for at in before.key_positions]
    new = [after.columns[at].type for at in after.key_positions]
    return len(old) == len(new) and all(a == b or _has_labels_of(b, a) for a, b in zip(old, new, strict=True))


def _has_labels_of(new: SqlType, old: SqlType) -> bool:
    """Whether an enum type has all labels of another: they are equal, whatever their places."""
    return old.labels is not None and new.labels is not None and set(old.labels) <= set(new.labels)


def rebuilt(
    old: TableStore,
    definition: Table,
    dictionary: Dictionary,
    rows: Mapping[Key, Row],
    version: int,
    change: RowChange | None = None,
    *,
    may_fail: bool = True,
) -> TableStore:
    """A table of `definition`, which stands in `dictionary`, with `rows`, those of `old` that count, as `change` makes them.

    `may_fail` is that of `build_index`.

    Raises:
        IntegrityError: two rows would share a key or a unique value.
    """
    store = TableStore(definition, version, sized=old.size_of is not None)
    store.rebuilt_at = version
    store.rows = rekeyed(old, store, rows, change)
    if same_key(old.definition, definition):
        store.touched = old.touched
        store.distributed = old.distributed
        store.reserved = old.reserved
    wanted = [*unique_definitions(definition), *dictionary.indexes_of(definition.name)]
    store.adopt_indexes({index.name: build_index(store, index, dictionary, may_fail=may_fail) for index in wanted})
    return store


def unique_definitions(table: Table) -> list[IndexDef]:
    """The indexes of a table's UNIQUE constraints."""
    return [
        IndexDef(
            key.name,
            table.name,
            tuple(map(IndexColumn, key.columns)),
            unique=True,
            nulls_not_distinct=key.nulls_not_distinct,
        )
        for key in table.uniques
    ]


def rekeyed(old: TableStore, store: TableStore, rows: Mapping[Key, Row], change: RowChange | None) -> dict[Key, Row]:
    """The rows of `old`, changed, under the keys that `store` gives them.

    Raises:
        IntegrityError: two of them get the same key.
    """
    if store.key_of is None and old.key_of is None:
        return dict(rows) if change is None else {key: change(row) for key, row in rows.items()}
    changed = list(rows.values()) if change is None else list(map(change, rows.values()))
    if store.key_of is None:
        return dict(zip(map(_row_id_of_key, rows), changed, strict=True))
    made = dict(zip(map(store.key_of, changed), changed, strict=True))
    if len(made) < len(changed):
        raise _duplicate_key(store, changed)
    return made


def changed_rows(writes: Mapping[Key, Row | None], change: RowChange | None) -> dict[Key, Row | None]:
    """What is to be written to a table, as it is to be written to the one that takes its place."""
    return {key: row if row is None or change is None else change(row) for key, row in writes.items()}


def _row_id_of_key(key: Key) -> Key:
    """The hidden row id of a row that had a primary key: a tuple, which no other row id is, and the same on every node."""
    return key if type(key) is tuple else (key,)


def _duplicate_key(store: TableStore, rows: Iterable[Row]) -> IntegrityError:
    assert store.key_of is not None and store.primary is not None
    seen: set[Key] = set()
    for row in rows:
        key = store.key_of(row)
        if key in seen:
            break
        seen.add(key)
    return IntegrityError(
        f'could not create unique index "{store.primary.name}"',
        sqlstate=UNIQUE_VIOLATION,
        detail=f"Key {index_value_text(store.primary, key)} is duplicated.",
        table=store.name,
        constraint=store.primary.name,
    )
