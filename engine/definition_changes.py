"""What a change of a table's definition means for its rows: whether it is made anew, and what no cluster can decide alike."""

from collections.abc import Iterable
from dataclasses import replace

from exdbsql.schema.errors import DdlNotSupportedError
from exdbsql.schema.table import Column, IndexDef, Table
from exdbsql.schema.types import SqlType


def needs_rebuild(before: Table, after: Table) -> bool:
    """Whether rows change, or a row that fits the one definition might not fit the other."""
    types = [(old.type, new.type) for old, new in zip(before.columns, after.columns, strict=False)]
    same_values = all(old == new or _continues(old, new) for old, new in types)
    return not same_values or _layout(before) != _layout(after) or not _promises(after) <= _promises(before)


def _layout(table: Table) -> object:
    """What the rows and the indexes over them are made by, beside types: a column that may be NULL is ordered otherwise."""
    columns = [(column.name, column.not_null, column.generated) for column in table.columns]
    return table.kind, columns, table.primary_key


def _continues(old: SqlType, new: SqlType) -> bool:
    """Whether values of one enum type (or arrays of it) are, as they stand, values of another: it has the same labels, and perhaps more behind them."""
    if old.element is not None and new.element is not None:
        return _continues(old.element, new.element)
    labels = old.labels
    return labels is not None and new.labels is not None and new.labels[: len(labels)] == labels


def _promises(table: Table) -> set[object]:
    """What holds of every row, beyond the layout."""
    keys = sorted((key.columns, key.parent_columns) for key in table.foreign_keys)
    return {*(check.expression for check in table.checks), *enumerate(keys)}


def _was(before: Table, column: Column) -> Column:
    """The column as it was; itself where it was not there, if nothing but its default is in it then."""
    if before.has_column(column.name) or column.default is not None:
        return before.column(column.name) if before.has_column(column.name) else column
    return replace(column, not_null=False)


def _adds_generated(before: Table, after: Table) -> bool:
    """Whether a column is added that is computed from the others: that may fail for a row."""
    added = [column for column in after.columns if not before.has_column(column.name)]
    return len(after.columns) > len(before.columns) and any(column.generated is not None for column in added)


def refuse_by_rows(
    before: Table, after: Table, indexes_before: Iterable[IndexDef], indexes_after: Iterable[IndexDef]
) -> None:
    """Refuse for a table that has rows of its own on each node what its rows decide about."""
    unique_before = {*before.unique_keys, *(index for index in indexes_before if index.unique)}
    unique_after = {*after.unique_keys, *(index for index in indexes_after if index.unique)}
    what = None
    if not unique_after <= unique_before:
        what = "a unique index"
    elif not _promises(after) <= _promises(before):
        what = "a constraint"
    elif any(column.not_null and not _was(before, column).not_null for column in after.columns):
        what = "NOT NULL"
    elif any(column.type != _was(before, column).type for column in after.columns):
        what = "another type"
    elif _adds_generated(before, after):
        what = "a generated column"
    if what is not None:
        raise DdlNotSupportedError(
            f"{what} on {after.kind.value} table {after.name} cannot be made in a cluster: "
            "its rows may break it on one node and not on another",
            hint="Declare it in CREATE TABLE, or in the transaction that creates the table.",
        )
