"""Types, tables and indexes as lists that the codec packs, and back.

Types travel as their DDL text, so that a type has one spelling everywhere. A malformed list raises KeyError, TypeError,
ValueError or ProgrammingError; :func:`exdbsql.schema.dictionary.dictionary_from_wire` turns these into ProtocolError.
"""

from collections.abc import Mapping
from typing import Any

from exdbsql.schema.table import Check, Column, IndexColumn, IndexDef, Table, TableKind, UniqueKey
from exdbsql.schema.type_names import parse_type
from exdbsql.schema.types import SqlType, enum_type


def table_to_wire(table: Table) -> list[Any]:
    """id, name, kind, columns, primary key or None, uniques, checks."""
    return [
        table.id,
        table.name,
        table.kind.value,
        [[column.name, str(column.type), column.not_null, column.default] for column in table.columns],
        _key_to_wire(table.primary_key) if table.primary_key else None,
        [_key_to_wire(key) for key in table.uniques],
        [[check.name, check.expression] for check in table.checks],
    ]


def type_to_wire(enum: SqlType) -> list[Any]:
    """name, labels of an enum type."""
    return [enum.name, list(enum.labels or ())]


def type_from_wire(packed: Any) -> SqlType:
    """The enum type that `type_to_wire` gave."""
    name, labels = packed
    return enum_type(_text(name), map(_text, labels))


def table_from_wire(packed: Any, types: Mapping[str, SqlType]) -> Table:
    """The table that `table_to_wire` gave; `types` are those of its dictionary."""
    table_id, name, kind, columns, primary_key, uniques, checks = packed
    return Table(
        id=int(table_id),
        name=_text(name),
        kind=TableKind(kind),
        columns=tuple(_column_from_wire(column, types) for column in columns),
        primary_key=None if primary_key is None else _key_from_wire(primary_key),
        uniques=tuple(_key_from_wire(key) for key in uniques),
        checks=tuple(Check(_text(check_name), _text(expression)) for check_name, expression in checks),
    )


def index_to_wire(index: IndexDef) -> list[Any]:
    """name, table, columns with their directions, unique."""
    return [index.name, index.table, [[c.name, c.descending] for c in index.columns], index.unique]


def index_from_wire(packed: Any) -> IndexDef:
    """The index that `index_to_wire` gave."""
    name, table, columns, unique = packed
    parts = tuple(IndexColumn(_text(column), bool(descending)) for column, descending in columns)
    return IndexDef(_text(name), _text(table), parts, bool(unique))


def _key_to_wire(key: UniqueKey) -> list[Any]:
    return [key.name, list(key.columns)]


def _key_from_wire(packed: Any) -> UniqueKey:
    name, columns = packed
    return UniqueKey(_text(name), tuple(map(_text, columns)))


def _column_from_wire(packed: Any, types: Mapping[str, SqlType]) -> Column:
    name, type_text, not_null, default = packed
    return Column(
        _text(name), parse_type(_text(type_text), types), bool(not_null), None if default is None else _text(default)
    )


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(f"a name or an expression is {type(value).__name__}, not text")
    return value
