"""What must hold between a foreign key, its table and the table that it references. Codes are PostgreSQL's."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.identifiers import did_you_mean
from exdbsql.schema.table import ForeignKey, Table
from exdbsql.schema.types import SqlType


def complete_foreign_keys(table: Table, tables: Mapping[str, Table], others: Container[str] = ()) -> Table:
    """`table`, its constraints named, with the rules of its foreign keys checked and their referenced columns filled in.

    A table and the one that it references are of the same kind: rows that other nodes change by other ways than this
    node's could leave a reference without its row.

    `others`: relations that are no tables. Raises ProgrammingError 42P01, 42809, 42703, 42830, 42804, 42P16, and 42704 for a table without a primary key.
    """
    return replace(table, foreign_keys=tuple(_complete(key, table, tables, others) for key in table.foreign_keys))


def _complete(key: ForeignKey, table: Table, tables: Mapping[str, Table], others: Container[str]) -> ForeignKey:
    for name in key.columns + key.on_delete_columns:
        _require_column(name, table)
    for name in key.on_delete_columns:
        if name not in key.columns:
            message = f'column "{name}" referenced in ON DELETE SET action must be part of foreign key'
            raise ProgrammingError(message, sqlstate=sqlstate.INVALID_COLUMN_REFERENCE)
    parent = table if key.parent == table.name else tables.get(key.parent)
    if parent is None and key.parent in others:
        message = f'referenced relation "{key.parent}" is not a table'
        raise ProgrammingError(message, sqlstate=sqlstate.WRONG_OBJECT_TYPE)
    if parent is None:
        message = f'relation "{key.parent}" does not exist'
        raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_TABLE, hint=did_you_mean(key.parent, tables))
    if parent.kind is not table.kind:
        message = f"{table.kind.value} table {table.name} cannot reference {parent.kind.value} table {parent.name}"
        hint = "A foreign key connects tables of the same kind."
        raise ProgrammingError(message, sqlstate=sqlstate.INVALID_TABLE_DEFINITION, hint=hint)
    columns = _parent_columns(key, parent)
    for name, parent_name in zip(key.columns, columns, strict=True):
        _require_same_family(key, table.column(name).type, name, parent.column(parent_name).type, parent_name)
    return replace(key, parent_columns=columns)


def _require_column(name: str, table: Table) -> None:
    if not table.has_column(name):
        message = f'column "{name}" referenced in foreign key constraint does not exist'
        hint = did_you_mean(name, table.column_names)
        raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_COLUMN, hint=hint)


def _parent_columns(key: ForeignKey, parent: Table) -> tuple[str, ...]:
    if key.parent_columns:
        for name in key.parent_columns:
            _require_column(name, parent)
        matching = [unique for unique in parent.unique_keys if set(unique.columns) == set(key.parent_columns)]
        if not matching:
            message = f'there is no unique constraint matching given keys for referenced table "{parent.name}"'
            raise ProgrammingError(message, sqlstate=sqlstate.INVALID_FOREIGN_KEY)
        if all(unique.deferrable for unique in matching):
            raise _deferrable_parent(parent, "unique constraint")
        columns = key.parent_columns
    elif parent.primary_key is None and parent.declared_primary_key is not None:
        raise _deferrable_parent(parent, "primary key")
    elif parent.primary_key is None:
        message = f'there is no primary key for referenced table "{parent.name}"'
        raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_OBJECT)
    else:
        columns = parent.primary_key.columns
    if len(columns) != len(key.columns):
        message = "number of referencing and referenced columns for foreign key disagree"
        raise ProgrammingError(message, sqlstate=sqlstate.INVALID_FOREIGN_KEY)
    return columns


def _deferrable_parent(parent: Table, what: str) -> ProgrammingError:
    message = f'cannot use a deferrable {what} for referenced table "{parent.name}"'
    return ProgrammingError(message, sqlstate=sqlstate.OBJECT_NOT_IN_PREREQUISITE_STATE)


def _require_same_family(key: ForeignKey, own: SqlType, name: str, other: SqlType, parent_name: str) -> None:
    if (
        own.unconstrained == other.unconstrained
        or (own.is_numeric and other.is_numeric)
        or (own.is_text and other.is_text)
    ):
        return
    message = f'foreign key constraint "{key.name}" cannot be implemented'
    detail = f'Key columns "{name}" and "{parent_name}" are of incompatible types: {own} and {other}.'
    raise ProgrammingError(message, sqlstate=sqlstate.DATATYPE_MISMATCH, detail=detail)


def referencing(parent: str, tables: Iterable[Table]) -> list[tuple[Table, ForeignKey]]:
    """The foreign keys of `tables` that reference the table called `parent`."""
    return [(table, key) for table in tables for key in table.foreign_keys if key.parent == parent]


def without_foreign_keys(table: Table, names: Iterable[str]) -> Table:
    """`table` without the foreign keys of these names."""
    gone = set(names)
    return replace(table, foreign_keys=tuple(key for key in table.foreign_keys if key.name not in gone))
