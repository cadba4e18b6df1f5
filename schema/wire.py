"""Definitions as lists that the codec packs, and back.

Types travel as their DDL text, so that a type has one spelling everywhere. A malformed list raises KeyError, TypeError,
ValueError or ProgrammingError; :func:`exdbsql.schema.dictionary.dictionary_from_wire` turns these into ProtocolError.
"""

from collections.abc import Mapping
from typing import Any

from exdbsql.schema.table import (
    Check,
    Column,
    ForeignKey,
    Identity,
    IndexColumn,
    IndexDef,
    ReferentialAction,
    Sequence,
    Table,
    TableKind,
    UniqueKey,
    View,
)
from exdbsql.schema.type_names import parse_type
from exdbsql.schema.types import SqlType, enum_type


def table_to_wire(table: Table) -> list[Any]:
    """id, name, kind, columns, primary key or None, uniques, checks, foreign keys."""
    return [
        table.id,
        table.name,
        table.kind.value,
        [_column_to_wire(column) for column in table.columns],
        _key_to_wire(table.primary_key) if table.primary_key else None,
        [_key_to_wire(key) for key in table.uniques],
        [[check.name, check.expression] for check in table.checks],
        [_foreign_key_to_wire(key) for key in table.foreign_keys],
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
    table_id, name, kind, columns, primary_key, uniques, checks, foreign_keys = packed
    return Table(
        id=int(table_id),
        name=_text(name),
        kind=TableKind(kind),
        columns=tuple(_column_from_wire(column, types) for column in columns),
        primary_key=None if primary_key is None else _key_from_wire(primary_key),
        uniques=tuple(_key_from_wire(key) for key in uniques),
        checks=tuple(Check(_text(check_name), _text(expression)) for check_name, expression in checks),
        foreign_keys=tuple(map(_foreign_key_from_wire, foreign_keys)),
    )


def index_to_wire(index: IndexDef) -> list[Any]:
    """name, table, columns with directions, expressions and ends of NULLs, unique, condition, INCLUDE, NULLS NOT DISTINCT."""
    columns = [[c.name, c.descending, c.expression, c.nulls_swapped] for c in index.columns]
    rest = [list(index.include), index.nulls_not_distinct]
    return [index.name, index.table, columns, index.unique, index.where, *rest]


def index_from_wire(packed: Any) -> IndexDef:
    """The index that `index_to_wire` gave."""
    name, table, columns, unique, where, include, nulls_not_distinct = packed
    parts = tuple(
        IndexColumn(_text(column), bool(descending), _or_none(text), bool(swapped))
        for column, descending, text, swapped in columns
    )
    included = tuple(map(_text, include))
    return IndexDef(_text(name), _text(table), parts, bool(unique), _or_none(where), included, bool(nulls_not_distinct))


def sequence_to_wire(made: Sequence) -> list[Any]:
    """id, name, type, start, increment, minimum, maximum, cache, cycle, owner or None."""
    owner = None if made.owned_by is None else list(made.owned_by)
    numbers = [made.start, made.increment, made.minimum, made.maximum, made.cache]
    return [made.id, made.name, str(made.type), *numbers, made.cycle, owner]


def sequence_from_wire(packed: Any) -> Sequence:
    """The sequence that `sequence_to_wire` gave."""
    sequence_id, name, type_text, start, increment, minimum, maximum, cache, cycle, owner = packed
    return Sequence(
        id=int(sequence_id),
        name=_text(name),
        type=parse_type(_text(type_text)),
        start=int(start),
        increment=int(increment),
        minimum=int(minimum),
        maximum=int(maximum),
        cache=int(cache),
        cycle=bool(cycle),
        owned_by=None if owner is None else (_text(owner[0]), _text(owner[1])),
    )


def view_from_wire(packed: Any) -> View:
    """The view of name, query, names of columns."""
    name, query, columns = packed
    return View(_text(name), _text(query), tuple(map(_text, columns)))


def _foreign_key_to_wire(key: ForeignKey) -> list[Any]:
    return [
        key.name,
        list(key.columns),
        key.parent,
        list(key.parent_columns),
        key.on_delete.value,
        key.on_update.value,
        list(key.on_delete_columns),
        key.match_full,
        key.deferrable,
        key.initially_deferred,
    ]


def _foreign_key_from_wire(packed: Any) -> ForeignKey:
    name, columns, parent, parent_columns, on_delete, on_update, set_columns, full, deferrable, deferred = packed
    return ForeignKey(
        name=_text(name),
        columns=tuple(map(_text, columns)),
        parent=_text(parent),
        parent_columns=tuple(map(_text, parent_columns)),
        on_delete=ReferentialAction(on_delete),
        on_update=ReferentialAction(on_update),
        on_delete_columns=tuple(map(_text, set_columns)),
        match_full=bool(full),
        deferrable=bool(deferrable),
        initially_deferred=bool(deferred),
    )


def _key_to_wire(key: UniqueKey) -> list[Any]:
    flags = [key.deferrable, key.initially_deferred, key.nulls_not_distinct, key.is_primary]
    return [key.name, list(key.columns), *flags]


def _key_from_wire(packed: Any) -> UniqueKey:
    name, columns, *flags = packed
    deferrable, deferred, nulls_not_distinct, is_primary = map(bool, flags)
    return UniqueKey(_text(name), tuple(map(_text, columns)), deferrable, deferred, nulls_not_distinct, is_primary)


def _column_to_wire(column: Column) -> list[Any]:
    identity = column.identity.value if column.identity else None
    return [column.name, str(column.type), column.not_null, column.default, column.generated, identity]


def _column_from_wire(packed: Any, types: Mapping[str, SqlType]) -> Column:
    name, type_text, not_null, default, generated, identity = packed
    return Column(
        name=_text(name),
        type=parse_type(_text(type_text), types),
        not_null=bool(not_null),
        default=_or_none(default),
        generated=_or_none(generated),
        identity=None if identity is None else Identity(identity),
    )


def _or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(f"a name or an expression is {type(value).__name__}, not text")
    return value
