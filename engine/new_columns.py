"""ADD COLUMN with a default that gives another value each time: ``gen_random_uuid()``, ``nextval``, an identity column.

As in PostgreSQL each row that is there gets a value of its own. The transaction computes them, once, and they are writes of its own from
then on: they go to the commit, in a cluster to the log, as rows and not as a statement, so they are the same everywhere (R2). So such a
statement is as large as the table; and one that meets rows which others have added meanwhile runs again.

Rows of LOCAL and DISTRIBUTED tables are different on each node of a cluster, and nobody has them all: there it is refused.
"""

from typing import TYPE_CHECKING

from exdbsql.engine import constraints
from exdbsql.engine.overlay import Overlay
from exdbsql.engine.rebuilds import RowChange
from exdbsql.engine.reference_actions import check_parents
from exdbsql.engine.row_rules import row_rules
from exdbsql.engine.table import TableStore
from exdbsql.schema.ddl_actions import AddColumn
from exdbsql.schema.ddl_statements import AlterTable, DdlStatement
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import ConflictError, DdlNotSupportedError, NotSupportedError
from exdbsql.schema.table import Table

if TYPE_CHECKING:
    from exdbsql.engine.private_catalog import PrivateCatalog
    from exdbsql.engine.transaction import Transaction


def volatile_column(statement: DdlStatement, made: Dictionary, new: Table) -> int | None:
    """The position of a column that one step of ALTER TABLE adds, with a default that may be another one each time; else None."""
    if not isinstance(statement, AlterTable) or statement.name != new.name:
        return None
    action = statement.actions[0]
    if not isinstance(action, AddColumn) or not new.has_column(action.column.name):
        return None
    from exdbsql.engine.query.definition_checks import default_is_volatile

    position = new.column_index(action.column.name)
    return position if default_is_volatile(made, new, position) else None


def may_write_rows(statement: DdlStatement) -> bool:
    """Whether a statement may give rows values of their own, and so has to run as a transaction: it adds a column with a computed default."""
    actions = statement.actions if isinstance(statement, AlterTable) else ()
    added = [action for action in actions if isinstance(action, AddColumn)]
    return any(
        one.sequence is not None or "(" in (one.column.default or "").upper().replace("CURRENT_", "(") for one in added
    )


def refuse_at_commit(table: Table, *, rows_differ: bool, has_rows: bool) -> None:
    """At its commit such a statement meets no rows but those that the transaction has given values.

    Args:
        table: with the new column.
        rows_differ: whether other nodes have other rows of it.
        has_rows: whether there are rows without a value.

    Raises:
        DdlNotSupportedError: the rows are different on each node.
        ConflictError: others have added rows meanwhile.
    """
    if rows_differ:
        raise DdlNotSupportedError(
            f"a column with a default that gives another value each time cannot be added to {table.kind.value} table {table.name} "
            "in a cluster: each node has other rows",
            hint="Add the column without a default, UPDATE the rows on each node, then SET DEFAULT.",
        )
    if has_rows:
        raise ConflictError(
            f"another transaction added rows to table {table.name}, which have no value in the new column",
            hint="Run the transaction again.",
            table=table.name,
        )


def without_value(old: Table, new: Table, position: int) -> RowChange:
    """The function that makes a new row of an old one, with nothing in the new column yet."""
    assert position == len(old.columns), "a new column is the last"
    return lambda row: (*row, None)


def refuse_other_key(table: Table) -> None:
    """The new column cannot be the key by which rows are known: their values have to be written under it."""
    raise NotSupportedError(
        f"adding a column with a default that gives another value each time as the primary key of table {table.name}, which has rows, "
        "is not supported",
        hint="Add the column first, then the primary key, each in a transaction of its own.",
    )


def fill(transaction: "Transaction", catalog: "PrivateCatalog", store: TableStore, position: int) -> None:
    """Give each row that the transaction has written to `store` a value in the new column.

    Raises:
        IntegrityError: the values do not fit.
    """
    from exdbsql.engine.query.definition_checks import default_is_clock_alone
    from exdbsql.engine.query.row_functions import default_function

    before, transaction.catalog = transaction.catalog, catalog
    try:
        value = default_function(store.definition, catalog, position)
        if default_is_clock_alone(catalog.dictionary, store.definition, position):
            moment = value(transaction)
            value = lambda _: moment  # one moment for all rows of the statement
        accepted = row_rules(store, catalog).accepted
        overlay: Overlay = transaction.by_table[store]
        for key, row in list(overlay.writes.items()):
            if row is not None:
                overlay.put(key, accepted((*row[:position], value(transaction), *row[position + 1 :])))
        constraints.check_statement(overlay, list(overlay.writes), transaction.snapshot)
        for reference in catalog.links.outgoing.get(store, ()):
            check_parents(transaction, reference, [row for row in overlay.writes.values() if row is not None])
    finally:
        transaction.catalog = before
