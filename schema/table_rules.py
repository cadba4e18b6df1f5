"""What must hold of a table or an index before a dictionary takes it, and the names it gives to unnamed constraints.

The single rules are functions of their own, so that the parser can apply each where it knows the position in the text;
`complete_table` and `complete_index` apply all of them, for definitions that did not come from text.
Error codes are PostgreSQL's for the same mistakes.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.expressions import called_function, check_expression, referenced_columns
from exdbsql.schema.identifiers import check_name, combined_name, did_you_mean
from exdbsql.schema.table import Check, ForeignKey, IndexColumn, IndexDef, Table, UniqueKey
from exdbsql.schema.types import JSON, SqlType

MAX_COLUMNS: Final = 1600
MAX_KEY_COLUMNS: Final = 32


def require_new_column(name: str, known: Collection[str]) -> None:
    """A table's columns have different names (42701), and are at most 1600 (54011)."""
    check_name(name)
    if name in known:
        raise ProgrammingError(f'column "{name}" specified more than once', sqlstate=sqlstate.DUPLICATE_COLUMN)
    if len(known) >= MAX_COLUMNS:
        raise ProgrammingError(f"tables can have at most {MAX_COLUMNS} columns", sqlstate=sqlstate.TOO_MANY_COLUMNS)


def require_key_column(name: str, known: Collection[str], before: Collection[str]) -> None:
    """A key's columns exist (42703), each once (42701), at most 32 (54011)."""
    if name not in known:
        message = f'column "{name}" named in key does not exist'
        raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_COLUMN, hint=did_you_mean(name, known))
    if name in before:
        raise ProgrammingError(f'column "{name}" appears twice in the key', sqlstate=sqlstate.DUPLICATE_COLUMN)
    if len(before) >= MAX_KEY_COLUMNS:
        raise ProgrammingError(f"a key can have at most {MAX_KEY_COLUMNS} columns", sqlstate=sqlstate.TOO_MANY_COLUMNS)


def require_order(name: str, sql_type: SqlType) -> None:
    """A key's values can be compared (42704, as PostgreSQL puts it)."""
    if not sql_type.has_order:
        message = f'column "{name}" cannot be part of a key: the type {sql_type} has no order'
        hint = "Use jsonb." if sql_type == JSON else None
        raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_OBJECT, hint=hint)


def require_single_primary_key(table: str, *, exists: bool) -> None:
    """A table has at most one primary key (42P16)."""
    if exists:
        message = f'multiple primary keys for table "{table}" are not allowed'
        raise ProgrammingError(message, sqlstate=sqlstate.INVALID_TABLE_DEFINITION)


def require_new_constraint(table: str, name: str, known: Collection[str]) -> None:
    """A table's constraints have different names (42710)."""
    check_name(name)
    if name in known:
        message = f'constraint "{name}" for relation "{table}" already exists'
        raise ProgrammingError(message, sqlstate=sqlstate.DUPLICATE_OBJECT)


def require_columns(columns: Collection[object]) -> None:
    """A table has columns (42P16; PostgreSQL allows none)."""
    if not columns:
        raise ProgrammingError("a table needs at least one column", sqlstate=sqlstate.INVALID_TABLE_DEFINITION)


def complete_table(table: Table, taken: Collection[str]) -> Table:
    """`table` with the rules checked, all constraints named, and NOT NULL on the columns of the primary key.

    `taken`: names of all tables, indexes and keys of the dictionary, which no key of this table may bear (42P07).
    """
    check_name(table.name)
    require_columns(table.columns)
    types: dict[str, SqlType] = {}
    for column in table.columns:
        require_new_column(column.name, types)
        types[column.name] = column.type
    for key in table.unique_keys:
        _check_key(key.columns, types)
    primary = table.declared_primary_key.columns if table.declared_primary_key else ()
    columns = tuple(replace(c, not_null=True) if c.name in primary else c for c in table.columns)
    return _name_constraints(replace(table, columns=columns), taken)


def complete_index(index: IndexDef, table: Table, taken: Collection[str]) -> IndexDef:
    """`index` with the rules checked and a name."""
    types = {column.name: column.type for column in table.columns}
    if not index.columns:
        _check_key((), types)
    _check_key(tuple(column.name for column in index.columns if column.expression is None), types, may_be_empty=True)
    for name in index.include:
        if name not in types:
            message = f'column "{name}" does not exist'
            raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_COLUMN, hint=did_you_mean(name, types))
    for text, place in index_expressions(index):
        check_expression(text, table.name, table.column_names, place)
    if not index.name:
        return replace(index, name=combined_name(index.table, map(_part_name, index.columns), "idx", taken))
    check_name(index.name)
    require_new_relation(index.name, taken)
    return index


def index_expressions(index: IndexDef) -> list[tuple[str, str]]:
    """The expressions of an index and its condition, each with what to call it in errors."""
    found = [(column.expression, "index expressions") for column in index.columns if column.expression is not None]
    return found + ([(index.where, "index predicates")] if index.where is not None else [])


def _part_name(column: IndexColumn) -> str:
    """What a part of an index gives to its chosen name: the column, the function that is called, or ``expr``."""
    return column.name if column.expression is None else called_function(column.expression) or "expr"


def require_new_relation(name: str, taken: Collection[str]) -> None:
    """Tables, indexes and keys share one space of names (42P07)."""
    if name in taken:
        raise ProgrammingError(f'relation "{name}" already exists', sqlstate=sqlstate.DUPLICATE_TABLE)


def default_check_name(table: str, expression: str, taken: Collection[str] = ()) -> str:
    """The name of an unnamed CHECK: with the column's name where the expression has exactly one."""
    columns = referenced_columns(expression)
    return combined_name(table, columns if len(columns) == 1 else (), "check", taken)


def _check_key(columns: tuple[str, ...], known: Mapping[str, SqlType], *, may_be_empty: bool = False) -> None:
    if not columns and not may_be_empty:
        raise ProgrammingError("a key needs at least one column", sqlstate=sqlstate.INVALID_TABLE_DEFINITION)
    for position, name in enumerate(columns):
        require_key_column(name, known, columns[:position])
        require_order(name, known[name])


def _name_constraints(table: Table, taken: Collection[str]) -> Table:
    """Unnamed constraints named as PostgreSQL does, in the order primary key, unique, check; explicit names first."""
    own: list[str] = []
    relations = {table.name, *taken}
    for name in table.constraint_names:
        if name:
            require_new_constraint(table.name, name, own)
            own.append(name)
    for key in table.unique_keys:
        if key.name:
            require_new_relation(key.name, relations)

    def named_key(key: UniqueKey, suffix: str, columns: tuple[str, ...]) -> UniqueKey:
        if key.name:
            return key
        name = combined_name(table.name, columns, suffix, relations.union(own))
        own.append(name)
        return replace(key, name=name)

    def named_check(check: Check) -> Check:
        if check.name:
            return check
        name = default_check_name(table.name, check.expression, own)
        own.append(name)
        return replace(check, name=name)

    def named_foreign_key(key: ForeignKey) -> ForeignKey:
        if key.name:
            return key
        own.append(combined_name(table.name, key.columns, "fkey", own))
        return replace(key, name=own[-1])

    primary = named_key(table.primary_key, "pkey", ()) if table.primary_key else None
    return replace(
        table,
        primary_key=primary,
        uniques=tuple(
            named_key(key, "pkey", ()) if key.is_primary else named_key(key, "key", key.columns)
            for key in table.uniques
        ),
        checks=tuple(map(named_check, table.checks)),
        foreign_keys=tuple(map(named_foreign_key, table.foreign_keys)),
    )
