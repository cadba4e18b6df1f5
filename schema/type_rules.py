"""What must hold between the types that CREATE TYPE made and the tables that use them."""

from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.expressions import referenced_types
from exdbsql.schema.identifiers import check_name, did_you_mean
from exdbsql.schema.queries import types_in_query
from exdbsql.schema.table import Table
from exdbsql.schema.table_rules import index_expressions
from exdbsql.schema.type_names import is_built_in
from exdbsql.schema.types import SqlType

if TYPE_CHECKING:
    from exdbsql.schema.dictionary import Dictionary


def require_new_type(name: str, taken: Container[str] = ()) -> None:
    """A type that is to be made is not called like another one, a built-in one included, nor like a table (42710)."""
    check_name(name)
    if is_built_in(name):
        raise _taken(name)
    require_no_such_type(name, taken)


def require_no_such_type(name: str, types: Container[str]) -> None:
    """A relation is not called like a type that CREATE TYPE made (42710); built-in types are in a schema of their own."""
    if name in types:
        raise _taken(name)


def _taken(name: str) -> ProgrammingError:
    return ProgrammingError(f'type "{name}" already exists', sqlstate=sqlstate.DUPLICATE_OBJECT)


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


def require_unused(name: str, dictionary: "Dictionary") -> None:
    """No column, default, check, index or view needs the type (2BP01)."""
    tables = sorted(dictionary.tables.values(), key=lambda table: table.name)
    lines = [line for table in tables for line in _uses(name, table)]
    lines += [f"index {index} depends on type {name}" for index in sorted(indexes_with_type(dictionary, name))]
    lines += [f"view {view} depends on type {name}" for view in sorted(views_with_type(dictionary, name))]
    if lines:
        message = f"cannot drop type {name} because other objects depend on it"
        hint = "Use DROP ... CASCADE to drop the dependent objects too."
        raise ProgrammingError(
            message, sqlstate=sqlstate.DEPENDENT_OBJECTS_STILL_EXIST, detail="\n".join(lines), hint=hint
        )


def _uses(name: str, table: Table) -> list[str]:
    lines = []
    for column in table.columns:
        enum = enum_of(column.type)
        if (
            enum is not None
            and enum.name == name
            or column.generated is not None
            and name in referenced_types(column.generated)
        ):
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


def indexes_with_type(dictionary: "Dictionary", name: str) -> set[str]:
    """The indexes whose expressions mention the type."""
    return {
        index.name
        for index in dictionary.indexes.values()
        if any(name in referenced_types(text) for text, _ in index_expressions(index))
    }


def views_with_type(dictionary: "Dictionary", name: str) -> set[str]:
    """The views whose queries mention the type."""
    return {view.name for view in dictionary.views.values() if name in types_in_query(view.query)}
