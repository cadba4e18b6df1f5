"""The definitions that a transaction sees after DDL of its own.

DDL takes effect at commit, and is undone by ROLLBACK, whole or to a savepoint, like everything else. Until then the transaction
works with a catalog of its own: the dictionary that its statements made, and for each table that they made or changed a table that
nobody else sees. A changed table is a copy of what the transaction's snapshot shows; what the transaction had written to the former
one is written to the copy again, in its new form.

A catalog is a value: each statement makes another one. So a savepoint keeps the catalog of its time, and nothing has to be undone.

At commit the statements are run again over the definitions in force (:mod:`exdbsql.engine.definitions`), and the rows go to the
tables with the same ids. With changes to rows that needs the dictionary which the first statement was run over: otherwise an id might
mean another table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from exdbsql.engine import constraints
from exdbsql.engine.alterations import check_expressions, row_change, single_steps
from exdbsql.engine.catalog import table_of
from exdbsql.engine.definition_changes import needs_rebuild
from exdbsql.engine.new_columns import fill, refuse_other_key, volatile_column, without_value
from exdbsql.engine.overlay import Overlay
from exdbsql.engine.rebuilds import RowChange, rebuilt, same_key
from exdbsql.engine.reference_actions import check_parents
from exdbsql.engine.references import NO_LINKS, Links, links_of
from exdbsql.engine.sequences import SequenceValues, restarted_by
from exdbsql.engine.table import TableStore
from exdbsql.engine.versions import Key, Row
from exdbsql.schema.ddl_statements import AlterTable, DdlStatement
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import NotSupportedError
from exdbsql.schema.table import Table

if TYPE_CHECKING:
    from exdbsql.engine.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Step:
    """One statement, and the text that replicates it."""

    statement: DdlStatement
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class PrivateCatalog:
    """The catalog of one transaction; a :class:`~exdbsql.engine.catalog.Catalog`.

    Attributes:
        base: the dictionary that the first statement was run over.
        dictionary: what the statements made of it.
        tables: by name; a table that the statements left alone is the database's own.
        steps: the statements, in order.
        copied: own tables and the tables of the database that they were made from.
        links: the foreign keys between the tables.
        own_sequences: ids of the sequences that the statements made or restarted: nobody else uses them as they are here.
        sequence_values: where these have got to.
    """

    base: Dictionary
    dictionary: Dictionary
    tables: Mapping[str, TableStore]
    steps: tuple[Step, ...] = ()
    copied: Mapping[TableStore, TableStore] = field(default_factory=dict)
    links: Links = NO_LINKS
    own_sequences: frozenset[int] = frozenset()
    sequence_values: SequenceValues = field(default_factory=SequenceValues)

    @property
    def moved_sequences(self) -> dict[int, int]:
        """By id, where the own sequences go on after the commit."""
        ids = {sequence.id for sequence in self.dictionary.sequences.values()} & self.own_sequences
        return {one: upcoming for one, upcoming in self.sequence_values.upcoming.items() if one in ids}

    def table(self, name: str) -> TableStore:
        """The table of that name; ProgrammingError 42P01 where there is none."""
        return table_of(self.tables, name)

    @property
    def in_force(self) -> "PrivateCatalog":
        """This value, which never changes."""
        return self


def execute_privately(transaction: "Transaction", catalog: PrivateCatalog, step: Step) -> PrivateCatalog:
    """The catalog after one more statement; rows that the transaction has written move to the tables it makes.

    Raises:
        ProgrammingError: the statement does not fit the dictionary.
        IntegrityError: rows that the transaction sees do not fit the new definitions.
    """
    after = catalog
    for statement, made in single_steps(catalog.dictionary, step.statement):
        after = _single_step(transaction, after, statement, made)
        for table in made.tables.values() if isinstance(statement, AlterTable) else ():
            store = after.tables[table.name]
            if store in transaction.by_table and store.changed_at == 0 and store not in catalog.tables.values():
                position = volatile_column(statement, made, table)
                if position is not None:
                    fill(transaction, after, store, position)
    return catalog if after is catalog else replace(after, steps=(*catalog.steps, step))


def _single_step(
    transaction: "Transaction", catalog: PrivateCatalog, statement: DdlStatement, made: Dictionary
) -> PrivateCatalog:
    before = catalog.dictionary
    check_expressions(before, made)
    stores = {store.definition.id: store for store in catalog.tables.values()}
    tables: dict[str, TableStore] = {}
    copied = dict(catalog.copied)
    for name, table in made.tables.items():
        store = stores.get(table.id)
        indexes = made.indexes_of(name)
        if store is None:
            tables[name] = TableStore(table, 0, sized=transaction.counts_memory)
        elif store.definition == table and indexes == before.indexes_of(store.definition.name):
            tables[name] = store
        else:
            private = tables[name] = _copy(transaction, store, statement, before, made, table)
            if store in copied or store.changed_at > 0:
                copied[private] = copied.get(store, store)
    links = links_of(made, tables)
    _check_new_references(transaction, links, catalog)
    restarted = restarted_by(statement, made)
    for sequence_id, upcoming in restarted.items():
        catalog.sequence_values.set(sequence_id, upcoming)
    known = {sequence.id for sequence in before.sequences.values()}
    made_here = {sequence.id for sequence in made.sequences.values()} - known
    own = catalog.own_sequences | made_here | restarted.keys()
    return replace(catalog, dictionary=made, tables=tables, copied=copied, links=links, own_sequences=own)


def _copy(
    transaction: "Transaction",
    store: TableStore,
    statement: DdlStatement,
    before: Dictionary,
    made: Dictionary,
    table: Table,
) -> TableStore:
    """The table of the new definition, with the rows that the transaction sees."""
    old = store.definition
    transaction.check_tables([old.name])
    rows = store.rows_at(transaction.snapshot)
    overlay = transaction.by_table.get(store)
    own = {} if overlay is None else overlay.writes
    added = volatile_column(statement, made, table) if rows or own else None
    if added is not None and not same_key(old, table):
        refuse_other_key(table)
    if own and not same_key(old, table):
        raise NotSupportedError(
            f"another primary key for table {table.name}, whose rows the same transaction has changed, is not supported",
            hint="Commit the changes first.",
        )
    if added is not None:
        private = rebuilt(store, table, made, {}, 0)
        _move_writes(transaction, private, {**rows, **own}, without_value(old, table, added))
        return private
    change = row_change(statement, before, old, made, table) if needs_rebuild(old, table) else None
    others = {key: row for key, row in rows.items() if key not in own} if own else rows
    private = rebuilt(store, table, made, others, 0, change)
    if own:
        _move_writes(transaction, private, own, change)
    return private


def _check_new_references(transaction: "Transaction", links: Links, catalog: PrivateCatalog) -> None:
    """Rows that the transaction sees must fulfil foreign keys that are new."""
    known = {store.definition.id: set(store.definition.foreign_keys) for store in catalog.tables.values()}
    for child, references in links.outgoing.items():
        for reference in references:
            if reference.key not in known.get(child.definition.id, set()):
                check_parents(transaction, reference, transaction.rows(child))


def _move_writes(
    transaction: "Transaction",
    private: TableStore,
    own: Mapping[Key, Row | None],
    change: RowChange | None,
) -> None:
    """Write to the copy what the transaction had written to the table.

    The copy holds the rows that were not written to. So it never breaks a constraint that the writes had made room for.
    """
    moved = transaction.by_table[private] = Overlay(private)
    for key, row in own.items():
        moved.put(key, row if row is None or change is None else change(row))
    constraints.check_statement(moved, list(moved.writes), transaction.snapshot)
