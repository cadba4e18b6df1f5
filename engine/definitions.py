"""Putting definitions into force: which tables and indexes are made, kept, made anew and dropped.

All DDL takes this one way, in two steps. `work_out` runs the statements one after another over the dictionary and the tables that
are there, and does everything that can fail (a unique index over duplicates, rows that break a new constraint) without touching
anything that somebody sees. `put_in_force` replaces what is there, which cannot fail. Transactions that run meanwhile keep
reading the tables and indexes that they hold; one that wrote to a table which was dropped or made anew loses at commit.

A table stays the same object where its rows stay as they are and no row could break the new definition; otherwise it is made anew
(:mod:`exdbsql.engine.rebuilds`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from exdbsql.engine.alterations import check_expressions, check_first_values, row_change, single_steps
from exdbsql.engine.catalog import Definitions
from exdbsql.engine.definition_changes import needs_rebuild, refuse_by_rows
from exdbsql.engine.index import Index
from exdbsql.engine.new_columns import refuse_at_commit, volatile_column
from exdbsql.engine.own_rows import followed, give_up
from exdbsql.engine.rebuilds import RowChange, build_index, rebuilt, same_key, unique_definitions
from exdbsql.engine.reference_checks import validate_rows
from exdbsql.engine.references import Links, links_of
from exdbsql.engine.sequences import SequenceValues, restarted_by
from exdbsql.engine.table import TableStore, shape_of
from exdbsql.engine.versions import Key, Row
from exdbsql.schema.ddl_statements import AlterType, DdlStatement
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import DdlNotSupportedError
from exdbsql.schema.table import IndexDef, Table, TableKind

NOTHING_WRITTEN: Final[Mapping[int, Collection[Key]]] = {}


class Holder(Protocol):
    """Who has set rows aside until a verdict: a prepared commit or exchange."""

    def move(self, old: TableStore, anew: TableStore, change: RowChange | None) -> None:
        """Another table takes the place of one of its."""


class Definable(Protocol):
    """What this module changes of a database."""

    dictionary: Dictionary
    tables: dict[str, TableStore]
    in_force: Definitions | None
    tables_by_id: dict[int, TableStore]
    head: tuple[int, int]
    memory_limit: int | None
    memory_used: int
    unpruned: dict[TableStore, None]
    links: Links
    sequences: SequenceValues
    rebuilt_at: int
    origin: int


@dataclass(slots=True)
class Adoption:
    """Definitions that are worked out and not in force yet.

    Attributes:
        made: the dictionary.
        stores: its tables by id.
        indexes: for tables that stay, the indexes that they will have.
        restarted: by the id of a sequence, where it goes on.
        made_anew: tables whose place others take, with these and the change of their rows (None: they stay as they are).
    """

    made: Dictionary
    stores: dict[int, TableStore]
    indexes: dict[TableStore, dict[str, Index]] = field(default_factory=dict)
    restarted: dict[int, int] = field(default_factory=dict)
    made_anew: dict[TableStore, tuple[TableStore, RowChange | None]] = field(default_factory=dict)

    @property
    def tables(self) -> dict[str, TableStore]:
        """The tables by name."""
        return {name: self.stores[table.id] for name, table in self.made.tables.items()}

    @property
    def links(self) -> Links:
        """The foreign keys between the tables.

        Raises:
            ProgrammingError: 42830, between tables of different kinds.
        """
        return links_of(self.made, self.tables, self.indexes)


def adopt(database: Definable, made: Dictionary, *, rows: Callable[[], None] | None = None) -> None:
    """Put the dictionary `made` into force as a whole; call it under the commit lock.

    `rows` says that `made` is another node's, and publishes its replicated rows as the next version. LOCAL and DISTRIBUTED tables keep
    their rows (:mod:`exdbsql.engine.own_rows`), and replicated ones with other definitions or indexes begin empty. Nobody
    sees them so: no statement is planned over the new definitions before their rows are there, nor does an older snapshot
    read them.
    """
    if made is database.dictionary:
        return
    adoption = Adoption(made, {})
    for table in made.tables.values():
        store = database.tables_by_id.get(table.id)
        if rows is not None:
            store = _taken_over(database, adoption, table)
        elif store is None or store.definition != table:
            store = _new_store(database, table)
        adoption.stores[table.id] = store
        may_fail = rows is None or table.kind is TableKind.REPLICATED
        adoption.indexes[store] = _indexes_for(store, table, made, {}, may_fail=may_fail)
    put_in_force(database, adoption, rows)


def _taken_over(database: Definable, adoption: Adoption, table: Table) -> TableStore:
    """A table of another node's dictionary, with the rows that stay."""
    made, version = adoption.made, database.head[0] + 1
    store = database.tables_by_id.get(table.id)
    if table.kind is TableKind.REPLICATED:
        if (
            store is not None
            and store.definition == table
            and database.dictionary.indexes_of(store.name) == made.indexes_of(table.name)
        ):
            return store
    else:
        former = store if store is not None and store.name == table.name else database.tables.get(table.name)
        if former is not None and former.kind is table.kind:
            found = followed(former, database.dictionary, table, made, version)
            if found is not None:
                if found[0] is not former:
                    adoption.made_anew[former] = found
                return found[0]
            database.origin = give_up(former, database.origin)
    anew = _new_store(database, table)
    anew.rebuilt_at = version
    return anew


def work_out(
    database: Definable,
    statements: Iterable[DdlStatement],
    *,
    written: Mapping[int, Collection[Key]] = NOTHING_WRITTEN,
    in_log: bool = False,
) -> Adoption:
    """Run DDL over the definitions in force, all statements or none.

    Args:
        database: nothing of it is changed.
        statements: in order.
        written: by the id of a table the keys of the rows that the same commit changes: if the table changes at all it is made
            anew, so that these rows can be checked against what it will be.
        in_log: refuse what could end differently on different nodes (R2).

    Raises:
        ProgrammingError: a statement does not fit the dictionary.
        IntegrityError: rows that are there do not fit the new definitions.
        DdlNotSupportedError: `in_log`, and the outcome depends on rows that other nodes do not have.
    """
    adoption = Adoption(database.dictionary, dict(database.tables_by_id))
    for statement in statements:
        _step(database, adoption, statement, written, in_log)
    _check_new_references(database, adoption)
    return adoption


def _check_new_references(database: Definable, adoption: Adoption) -> None:
    """Rows that are there must fulfil the foreign keys of tables that were made anew."""
    there = set(database.tables.values())
    for child, references in adoption.links.outgoing.items():
        if child not in there:
            for reference in references:
                violation = validate_rows(reference)
                if violation is not None:
                    raise violation


def _step(
    database: Definable,
    adoption: Adoption,
    statement: DdlStatement,
    written: Mapping[int, Collection[Key]],
    in_log: bool,
) -> None:
    for step, made in single_steps(adoption.made, statement):
        _single_step(database, adoption, step, made, written, in_log)
        adoption.restarted.update(restarted_by(step, made))


def _single_step(
    database: Definable,
    adoption: Adoption,
    statement: DdlStatement,
    made: Dictionary,
    written: Mapping[int, Collection[Key]],
    in_log: bool,
) -> None:
    before = adoption.made
    check_expressions(before, made)
    stores = adoption.stores
    for _, table in sorted(made.tables.items()):  # in the same order on every node
        store = stores.get(table.id)
        if store is None:
            store = stores[table.id] = _new_store(database, table)
            adoption.indexes[store] = _indexes_for(store, table, made, {})
            continue
        old = before.table_by_id(table.id)
        assert old is not None
        indexes = made.indexes_of(table.name)
        if old == table and indexes == before.indexes_of(old.name):
            continue
        rows_differ = in_log and table.kind is not TableKind.REPLICATED and table.id in database.tables_by_id
        if rows_differ and not isinstance(statement, AlterType):
            refuse_by_rows(old, table, before.indexes_of(old.name), indexes)
            check_first_values(before, old, made, table)
        if table.kind is not TableKind.REPLICATED and isinstance(statement, AlterType) and not same_key(old, table):
            raise DdlNotSupportedError(
                f"another label for values in the key of {table.kind.value} table {table.name} is not supported"
            )
        has_functions = isinstance(statement, AlterType) and any(not index.is_plain for index in indexes)
        is_changed = needs_rebuild(old, table) or has_functions
        if table.id in written or is_changed:
            adoption.indexes.pop(store, None)
            change = row_change(statement, before, old, made, table) if is_changed else None
            rows = _not_written(store, written.get(table.id, ()), same_key(old, table))
            if (rows or rows_differ) and volatile_column(statement, made, table) is not None:
                refuse_at_commit(table, rows_differ=rows_differ, has_rows=bool(rows))
            anew = rebuilt(store, table, made, rows, database.head[0] + 1, change, may_fail=not rows_differ)
            stores[table.id] = anew
            adoption.made_anew[store] = anew, change
        else:
            known = adoption.indexes.get(store, store.indexes)
            adoption.indexes[store] = _indexes_for(store, table, made, known, may_fail=not rows_differ)
    adoption.stores = {table.id: stores[table.id] for table in made.tables.values()}
    adoption.made = made


def _not_written(store: TableStore, written: Collection[Key], same_keys: bool) -> Mapping[Key, Row]:
    """The rows that the same commit leaves alone; those that it replaces need not fit the new definition."""
    if not written or not same_keys:
        return store.rows
    gone = set(written)
    return {key: row for key, row in store.rows.items() if key not in gone}


def _new_store(database: Definable, table: Table) -> TableStore:
    return TableStore(table, database.head[0] + 1, sized=database.memory_limit is not None)


def put_in_force(database: Definable, adoption: Adoption, rows: Callable[[], None] | None = None) -> None:
    """Make the definitions those of the database; call it under the commit lock. `rows` publishes a version that belongs to them."""
    if adoption.made is database.dictionary:
        return
    database.in_force = None
    try:
        _replace(database, adoption, advances=rows is None)
        if rows is not None:
            rows()
    finally:
        database.in_force = Definitions(database.dictionary, database.tables)


def _replace(database: Definable, adoption: Adoption, *, advances: bool) -> None:
    made = adoption.made
    version = database.head[0] + 1
    links = adoption.links
    for old, (anew, change) in adoption.made_anew.items():
        _move_what_is_set_aside(old, anew, change)
    kept = set(adoption.stores.values())
    for store in database.tables.values():
        if store not in kept:
            _drop(database, store)
    there = set(database.tables.values())
    tables: dict[str, TableStore] = {}
    for name, table in made.tables.items():
        store = tables[name] = adoption.stores[table.id]
        _redefine(store, table)
        indexes = adoption.indexes.get(store)
        if indexes is not None:
            _adopt_indexes(database, store, indexes, version)
        if store not in there and store.size_of is not None:
            database.memory_used += sum(map(store.size_of, store.rows.values()))
    database.rebuilt_at = max([database.rebuilt_at, *(store.rebuilt_at for store in tables.values())])
    database.tables_by_id = {store.definition.id: store for store in tables.values()}
    database.tables = tables
    database.links = links
    if advances:
        database.head = (version, database.head[1])
    database.sequences.follow(database.dictionary, made)
    database.dictionary = made
    for sequence_id, upcoming in adoption.restarted.items():
        database.sequences.set(sequence_id, upcoming)


def _move_what_is_set_aside(old: TableStore, anew: TableStore, change: RowChange | None) -> None:
    """What waits for its verdict is going to be written to the new table, in its new form.

    That cannot fail: only LOCAL and DISTRIBUTED tables have such rows, and no ALTER of theirs is taken that rows may not fit
    (`definition_changes.refuse_by_rows`).
    """
    if anew.reserved is old.reserved:
        holders: dict[Holder, None] = dict.fromkeys(old.reserved.keys.values())  # type: ignore[arg-type]  # all are
        for holder in holders:
            holder.move(old, anew, change)


def _redefine(store: TableStore, table: Table) -> None:
    if store.definition != table:
        store.definition = table
        store.name = table.name
        store.shape = shape_of(table)
        store.deferrable_keys = tuple(key for key in table.uniques if key.deferrable)
        store.row_functions = None


def _adopt_indexes(database: Definable, store: TableStore, indexes: dict[str, Index], version: int) -> None:
    checked = {index for index in indexes.values() if index.unique or index.is_computed}
    if not checked <= set(store.checked_indexes):
        # A transaction that wrote before did not check the new index: have its commit look at the newest rows.
        store.changed_at = version
        database.unpruned[store] = None
    store.adopt_indexes(indexes)


def _indexes_for(
    store: TableStore, table: Table, made: Dictionary, known: Mapping[str, Index], *, may_fail: bool = True
) -> dict[str, Index]:
    """The indexes of constraints, and those that the dictionary lists; made where they are not there yet.

    Where other nodes have other rows, none may fail by its rows (R2): one for which an expression fails stays out of the index.
    """
    there = {**store.indexes, **known}
    indexes: dict[str, Index] = {}
    for definition in [*unique_definitions(table), *made.indexes_of(table.name)]:
        found = there.get(definition.name)
        indexes[definition.name] = (
            found
            if found is not None and _is(found, definition)
            else build_index(store, definition, made, may_fail=may_fail)
        )
    return indexes


def _is(index: Index, definition: IndexDef) -> bool:
    mine = (index.unique, index.definition, index.where, index.nulls_equal)
    return mine == (definition.unique, definition.columns, definition.where, definition.nulls_not_distinct)


def _drop(database: Definable, store: TableStore) -> None:
    store.dropped = True
    database.unpruned.pop(store, None)
    if store.size_of is not None:
        database.memory_used -= sum(map(store.size_of, store.rows.values()))
