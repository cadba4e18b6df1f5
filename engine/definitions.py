"""Putting a dictionary into force: which tables and indexes are made, kept and dropped.

All DDL takes this one way: the new dictionary is compared with the tables that are there, everything that can fail (a unique
index over duplicates) is done first, and the tables are replaced by one assignment. Transactions that run meanwhile keep
reading the tables and indexes that they hold; one that wrote to a dropped table loses at commit.
"""

from dataclasses import replace
from typing import Protocol

from exdbsql.engine.constraints import index_value_text
from exdbsql.engine.index import Index
from exdbsql.engine.table import TableStore
from exdbsql.schema.ddl_statements import CreateIndex, DdlStatement
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import DdlNotSupportedError, IntegrityError
from exdbsql.schema.sqlstate import UNIQUE_VIOLATION
from exdbsql.schema.table import IndexDef, Table, TableKind


class Definable(Protocol):
    """What this module changes of a database."""

    dictionary: Dictionary
    tables: dict[str, TableStore]
    tables_by_id: dict[int, TableStore]
    head: tuple[int, int]
    memory_limit: int | None
    memory_used: int
    unpruned: dict[TableStore, None]


def adopt(database: Definable, made: Dictionary, *, replacing: bool = False) -> None:
    """Put `made` into force; call it under the commit lock.

    `replacing` says that `made` did not come from the dictionary in force by DDL but is another node's, with the replicated rows to
    follow. Then LOCAL and DISTRIBUTED tables keep their rows where only their number differs, and replicated ones with other
    indexes begin empty.

    Raises:
        IntegrityError: a unique index over rows that share a value; nothing has changed then.
    """
    if made is database.dictionary:
        return
    version = database.head[0] + 1
    stores: dict[str, TableStore] = {}
    for name, table in made.tables.items():
        store = database.tables_by_id.get(table.id)
        if replacing:
            store = _reusable(database, store, table, made)
        if store is None or store.definition != table:
            store = TableStore(table, version, sized=database.memory_limit is not None)
        stores[name] = store
    index_sets = [(store, _indexes_for(store, made)) for store in stores.values()]
    for store, indexes in index_sets:
        store.adopt_indexes(indexes)
    kept = set(stores.values())
    for store in database.tables.values():
        if store not in kept:
            _drop(database, store)
    database.tables_by_id = {store.definition.id: store for store in stores.values()}
    database.tables = stores
    database.head = (version, database.head[1])
    database.dictionary = made


def _reusable(database: Definable, store: TableStore | None, table: Table, made: Dictionary) -> TableStore | None:
    """The store that keeps its rows when another node's dictionary is adopted, or None."""
    if table.kind is TableKind.REPLICATED:
        same_indexes = store is not None and database.dictionary.indexes_of(store.name) == made.indexes_of(table.name)
        return store if same_indexes else None
    named = database.tables.get(table.name)
    if named is not None and replace(named.definition, id=table.id) == table:
        named.definition = table
        return named
    return store


def _indexes_for(store: TableStore, made: Dictionary) -> dict[str, Index]:
    """The indexes of constraints, and those that the dictionary lists; made where they are not there yet."""
    indexes = {key.name: store.indexes[key.name] for key in store.definition.uniques}
    for definition in made.indexes_of(store.name):
        there = store.indexes.get(definition.name)
        indexes[definition.name] = there if there is not None and _is(there, definition) else _build(store, definition)
    return indexes


def _is(index: Index, definition: IndexDef) -> bool:
    return index.unique == definition.unique and index.definition == definition.columns


def _build(store: TableStore, definition: IndexDef) -> Index:
    index = store.build_index(definition)
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


def _drop(database: Definable, store: TableStore) -> None:
    store.dropped = True
    database.unpruned.pop(store, None)
    if store.size_of is not None:
        database.memory_used -= sum(map(store.size_of, store.rows.values()))


def refuse_in_log(dictionary: Dictionary, statement: DdlStatement) -> None:
    """Refuse what could end differently on different nodes (R2).

    Raises:
        DdlNotSupportedError: a unique index on a table that has rows of its own on each node.
    """
    if isinstance(statement, CreateIndex) and statement.index.unique:
        table: Table | None = dictionary.tables.get(statement.index.table)
        if table is not None and table.kind is not TableKind.REPLICATED:
            raise DdlNotSupportedError(
                f"a unique index on {table.kind.value} table {table.name} cannot be made in a cluster: "
                "its rows may break it on one node and not on another",
                hint="Declare UNIQUE in CREATE TABLE.",
            )
