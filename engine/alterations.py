"""What ALTER TABLE does to rows: a function from the old row to the new one.

A statement of several actions is taken apart, so that each step has a definition before and one after, and rows are moved by the
positions of columns between them. New values come from expressions: the default of a new column, USING of another type, generated
columns. They are compiled by the query layer (:mod:`exdbsql.engine.query.row_functions`), imported when one is wanted.

The same statement is run over rows more than once: by the transaction for itself, and at the commit, in a cluster on every
node. So a value may depend on nothing but the row (R2); of a default that gives something else each time the transaction makes writes of
its own (:mod:`exdbsql.engine.new_columns`).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from exdbsql.engine.catalog import Definitions
from exdbsql.engine.expression_errors import with_known_errors
from exdbsql.engine.rebuilds import RowChange
from exdbsql.engine.table import TableStore
from exdbsql.engine.versions import Row
from exdbsql.schema.array import Array
from exdbsql.schema.ddl_actions import SetType
from exdbsql.schema.ddl_statements import AlterTable, AlterType, DdlStatement, RenameLabel
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.table import Table
from exdbsql.schema.types import SqlType

_NO_TABLES: Final[dict[str, TableStore]] = {}
"""No expression of a definition reads a table."""


def single_steps(before: Dictionary, statement: DdlStatement) -> Iterator[tuple[DdlStatement, Dictionary]]:
    """The statement, taken apart into single actions, each with the dictionary that it makes; none where it does nothing."""
    if not isinstance(statement, AlterTable) or len(statement.actions) < 2:
        made = before.with_ddl(statement)
        if made is not before:
            yield statement, made
        return
    made = before
    for action in statement.actions:
        step = replace(statement, actions=(action,))
        after = made.with_ddl(step)
        if after is not made:
            made = replace(after, version=before.version + 1)
            yield step, made


def row_change(statement: DdlStatement, before: Dictionary, old: Table, made: Dictionary, new: Table) -> RowChange:
    """The function that makes rows of `new` of rows of `old`, and refuses what `new` does not allow.

    It raises IntegrityError 23502 and 23514, and DataError where a value does not convert or an expression fails.
    """
    return with_known_errors(f"an expression of table {new.name}", _row_change(statement, before, old, made, new))


def _row_change(statement: DdlStatement, before: Dictionary, old: Table, made: Dictionary, new: Table) -> RowChange:
    from exdbsql.engine.query.row_functions import change_function, row_functions

    accepted = row_functions(new, Definitions(made, _NO_TABLES)).accepted
    if isinstance(statement, AlterType):
        relabelled = _relabelling(statement, old, new)
        return lambda row: accepted(relabelled(row))
    parts = _parts(statement, old, new)
    if parts is None:
        return accepted
    change = change_function(old, Definitions(before, _NO_TABLES), parts, new.column_names)

    def changed(row: Row) -> Row:
        return accepted(change(row))

    return changed


def _relabelling(statement: AlterType, old: Table, new: Table) -> RowChange:
    """The function that gives the values of an enum type their places in its new form."""
    action = statement.action
    renamed = {action.label: action.new_label} if isinstance(action, RenameLabel) else {}
    changed = {at: c.type for at, c in enumerate(new.columns) if c.type != old.columns[at].type}

    def value(sql_type: SqlType, one: Any) -> Any:
        if one is None:
            return None
        if sql_type.element is not None:
            return Array(value(sql_type if isinstance(part, Array) else sql_type.element, part) for part in one)
        return sql_type.parse(renamed.get(one.label, one.label))

    return lambda row: tuple(value(changed[at], one) if at in changed else one for at, one in enumerate(row))


def _parts(statement: DdlStatement, old: Table, new: Table) -> list[tuple[str | int, SqlType]] | None:
    """Where the values of the new columns come from; None where the old ones stay as they are."""
    action = statement.actions[0] if isinstance(statement, AlterTable) else None
    if isinstance(action, SetType):
        using = {action.name: action.using}
        return [(using.get(c.name) or at, c.type) for at, c in enumerate(new.columns)]
    if len(old.columns) == len(new.columns):
        return None
    return [
        (old.column_index(c.name) if old.has_column(c.name) else _first_value(c.default), c.type) for c in new.columns
    ]


def change_by_names(before: Dictionary, old: Table, made: Dictionary, new: Table) -> RowChange:
    """The function that makes rows of `new` of rows of `old`, which keep the values of the columns that both have; as `row_change`."""
    from exdbsql.engine.query.row_functions import change_function, row_functions

    parts = [
        (old.column_index(c.name) if old.has_column(c.name) else _first_value(c.default), c.type) for c in new.columns
    ]
    change = change_function(old, Definitions(before, _NO_TABLES), parts, new.column_names)
    accepted = row_functions(new, Definitions(made, _NO_TABLES)).accepted
    return with_known_errors(f"an expression of table {new.name}", lambda row: accepted(change(row)))


def _first_value(default: str | None) -> str:
    return "NULL" if default is None else default


def check_first_values(before: Dictionary, old: Table, made: Dictionary, new: Table) -> None:
    """Find out whether the defaults of added columns can be computed and fit, although there may be no row that gets them.

    Where each node has other rows, the verdict must not depend on whether it has any (R2).

    Raises:
        IntegrityError: 23502, 23514.
        DataError: an expression fails.
    """
    from exdbsql.engine.query.row_functions import change_function, row_functions

    if len(new.columns) <= len(old.columns):
        return
    added = tuple(column for column in new.columns if not old.has_column(column.name))
    parts: list[tuple[str | int, SqlType]] = [(_first_value(column.default), column.type) for column in added]
    values = change_function(old, Definitions(before, _NO_TABLES), parts, [column.name for column in added])
    alone = replace(new, columns=added, primary_key=None, uniques=(), checks=(), foreign_keys=())
    accepted = row_functions(alone, Definitions(made, _NO_TABLES)).accepted

    def first_row(row: Row) -> Row:
        return accepted(values(row))

    with_known_errors(f"an expression of table {new.name}", first_row)((None,) * len(old.columns))


def check_expressions(before: Dictionary, made: Dictionary) -> None:
    """Refuse expressions and views that cannot be bound, and a generated column or index whose values would be others each time.

    Raises:
        ProgrammingError: 42P17; what binding finds.
        NotSupportedError: what exdbsql lacks.
    """
    if made.views and (made.views != before.views or made.tables != before.tables or made.types != before.types):
        from exdbsql.engine.query.view_checks import check_views

        check_views(made)
    if made.tables != before.tables or made.indexes != before.indexes:
        from exdbsql.engine.query.definition_checks import check_definitions

        check_definitions(before, made)
