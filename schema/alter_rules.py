"""What ALTER TABLE asks before it changes a column or a key: whether it exists, and who needs it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import NotSupportedError, ProgrammingError
from exdbsql.schema.expressions import referenced_columns
from exdbsql.schema.foreign_key_rules import referencing, without_foreign_keys
from exdbsql.schema.identifiers import did_you_mean
from exdbsql.schema.queries import mentioned_names, read_relations
from exdbsql.schema.table import Column, IndexDef, Table, UniqueKey
from exdbsql.schema.table_rules import index_expressions

if TYPE_CHECKING:
    from exdbsql.schema.dictionary import Dictionary


def column_of(table: Table, name: str) -> Column:
    """The column; ProgrammingError 42703 where there is none."""
    if not table.has_column(name):
        message = f'column "{name}" of relation "{table.name}" does not exist'
        hint = did_you_mean(name, table.column_names)
        raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_COLUMN, hint=hint)
    return table.column(name)


def require_missing_column(table: Table, name: str) -> None:
    """The table has no column of that name (42701)."""
    if table.has_column(name):
        message = f'column "{name}" of relation "{table.name}" already exists'
        raise ProgrammingError(message, sqlstate=sqlstate.DUPLICATE_COLUMN)


def refuse_while_viewed(dictionary: "Dictionary", table: Table, column: str | None, doing: str) -> None:
    """No view that reads the table names the column, or could mean it by a star; None stands for the table as a whole.

    A view is text here, so this is stricter than PostgreSQL: any use of the same name counts.
    """
    for view in sorted(dictionary.views.values(), key=lambda view: view.name):
        if table.name not in read_relations(view.query):
            continue
        if column is None or column in mentioned_names(view.query) or "*" in view.query:
            what = f"table {table.name}" if column is None else f"column {column} of table {table.name}"
            raise NotSupportedError(
                f"cannot {doing} {what} while view {view.name} reads it", hint="Drop the view first."
            )


def indexes_using(dictionary: "Dictionary", table: str, column: str) -> set[str]:
    """The indexes on the table that need the column: in their keys, expressions or conditions."""
    return {index.name for index in dictionary.indexes_of(table) if column in columns_of_index(index)}


def columns_of_index(index: IndexDef) -> set[str]:
    """All columns that an index needs."""
    found = {part.name for part in index.columns if part.expression is None} | set(index.include)
    return found.union(*(referenced_columns(text) for text, _ in index_expressions(index)))


def require_unreferenced(
    dictionary: "Dictionary", table: Table, keys: Iterable[UniqueKey], *, cascade: bool
) -> "Dictionary":
    """The dictionary without the foreign keys that need one of `keys`; ProgrammingError 2BP01 where not `cascade`."""
    lost = [set(key.columns) for key in keys]
    kept = [set(key.columns) for key in table.unique_keys if set(key.columns) not in lost]
    for child, foreign_key in referencing(table.name, dictionary.tables.values()):
        columns = set(foreign_key.parent_columns)
        if columns not in lost or columns in kept:
            continue
        if not cascade:
            message = f"cannot drop a key of table {table.name} because other objects depend on it"
            detail = f"constraint {foreign_key.name} on table {child.name} depends on it"
            code = sqlstate.DEPENDENT_OBJECTS_STILL_EXIST
            raise ProgrammingError(message, sqlstate=code, detail=detail, hint="Use CASCADE to drop it too.")
        freed = without_foreign_keys(dictionary.tables[child.name], [foreign_key.name])
        dictionary = dictionary.changed(tables={**dictionary.tables, child.name: freed})
    return dictionary
