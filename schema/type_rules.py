"""What must hold between the types that CREATE TYPE made and the tables that use them."""

from collections.abc import Container, Iterable, Mapping

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.expressions import referenced_types
from exdbsql.schema.identifiers import check_name, did_you_mean
from exdbsql.schema.table import Table
from exdbsql.schema.type_names import is_built_in
from exdbsql.schema.types import SqlType


def require_new_type(name: str, taken: Container[str] = ()) -> None:
    """A type is not called like another one, nor like a table (42710)."""
    check_name(name)
    if name in taken or is_built_in(name):
        raise ProgrammingError(f'type "{name}" already exists', sqlstate=sqlstate.DUPLICATE_OBJECT)


def require_types(table: Table, types: Mapping[str, SqlType]) -> None:
    """The enum types of a table's columns exist, with the same labels (42704)."""
    for column in table.columns:
        enum = enum_of(column.type)
        if enum is not None and types.get(enum.name) != enum:
            raise type_missing(enum.name, types)


def type_missing(name: str, types: Iterable[str]) -> ProgrammingError:
    """The error for a type that does not exist (42704)."""
    message = f'type "{name}" does not exist'
    return ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_OBJECT, hint=did_you_mean(name, types))


def require_unused(name: str, tables: Iterable[Table]) -> None:
    """No column, default or check needs the type (2BP01)."""
    lines = [line for table in sorted(tables, key=lambda table: table.name) for line in _uses(name, table)]
    if lines:
        message = f"cannot drop type {name} because other objects depend on it"
        hint = "Drop these first."
        raise ProgrammingError(
            message, sqlstate=sqlstate.DEPENDENT_OBJECTS_STILL_EXIST, detail="\n".join(lines), hint=hint
        )


def _uses(name: str, table: Table) -> list[str]:
    lines = []
    for column in table.columns:
        enum = enum_of(column.type)
        if enum is not None and enum.name == name:
            lines.append(f"column {column.name} of table {table.name} depends on type {name}")
        elif column.default is not None and name in referenced_types(column.default):
            lines.append(f"default value for column {column.name} of table {table.name} depends on type {name}")
    for check in table.checks:
        if name in referenced_types(check.expression):
            lines.append(f"constraint {check.name} on table {table.name} depends on type {name}")
    return lines


def enum_of(sql_type: SqlType) -> SqlType | None:
    """The enum type that values of `sql_type` are made of: itself, or that of an array's elements."""
    innermost = sql_type.element or sql_type
    return innermost if innermost.is_enum else None
