"""What tools ask of the catalog: a part of ``information_schema`` and of ``pg_catalog``, made from the dictionary.

Each is a relation whose rows are written out when a statement is bound. A statement belongs to the dictionary that it was bound
for, so the rows are never out of date. Columns that would say the same of everything, and of things that exdbsql does not have,
are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from exdbsql.engine.query.catalog.oids import DATABASE, OWNER
from exdbsql.engine.query.catalog.relations import RELATIONS
from exdbsql.schema.ddl_names import TEMPORARY_SCHEMA
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.printer import create_index_sql
from exdbsql.schema.table import Column, ForeignKey, IndexColumn, IndexDef, Table, TableKind, UniqueKey
from exdbsql.schema.types import BIGINT, BOOLEAN, INTEGER, TEXT, SqlType, array_of

CATALOG: Final = object()
"""Stands for the name of the database, which only the running statement knows."""

SCHEMA: Final = "public"
_OWNER: Final = "exdbsql"

ViewColumns = Mapping[str, list[tuple[str, SqlType | None]]]
"""By the name of a view, its columns and their types."""

Rows = Iterable[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class SystemView:
    """One relation.

    Attributes:
        columns: names and types.
        rows: makes its rows from a dictionary and the columns of its views.
    """

    columns: tuple[tuple[str, SqlType], ...]
    rows: Callable[[Dictionary, ViewColumns], Rows]


def find_system_view(schema: str | None, name: str) -> SystemView | None:
    """The relation of that name; without a schema, those of ``pg_catalog`` are found."""
    if schema is None or schema == "pg_catalog":
        made = RELATIONS.get(name)
        return _PG_CATALOG.get(name) if made is None else SystemView(*made)
    return _INFORMATION_SCHEMA.get(name) if schema == "information_schema" else None


def _columns(text: str) -> tuple[tuple[str, SqlType], ...]:
    """``"a b:integer"`` as names and types; text where nothing is said."""
    types = {"": TEXT, "integer": INTEGER, "boolean": BOOLEAN}
    return tuple((name, types[kind]) for name, _, kind in (word.partition(":") for word in text.split()))


def _yes(value: bool) -> str:
    return "YES" if value else "NO"


def _schema_of(is_temporary: bool) -> str:
    return TEMPORARY_SCHEMA if is_temporary else SCHEMA


def _sorted_tables(dictionary: Dictionary) -> list[Table]:
    return [table for _, table in sorted(dictionary.tables.items())]


def _tables(dictionary: Dictionary, views: ViewColumns) -> Rows:
    for table in _sorted_tables(dictionary):
        if table.is_temporary:
            yield CATALOG, TEMPORARY_SCHEMA, table.name, "LOCAL TEMPORARY", "YES"
        else:
            yield CATALOG, SCHEMA, table.name, "BASE TABLE", "YES"
    for name, view in sorted(dictionary.views.items()):
        yield CATALOG, _schema_of(view.is_temporary), name, "VIEW", "NO"


def _column_rows(dictionary: Dictionary, views: ViewColumns) -> Rows:
    for table in _sorted_tables(dictionary):
        for position, column in enumerate(table.columns, 1):
            yield _column_row(table, column, position)
    for name, columns in sorted(views.items()):
        for position, (column_name, t) in enumerate(columns, 1):
            yield _column_row(Table(0, name, TableKind.REPLICATED, ()), Column(column_name, t or TEXT), position)


def _column_row(table: Table, column: Column, position: int) -> tuple[Any, ...]:
    t = column.type
    in_key = table.declared_primary_key is not None and column.name in table.declared_primary_key.columns
    return (
        *(CATALOG, SCHEMA, table.name, column.name, position, column.default, _yes(not (column.not_null or in_key))),
        *(t.name, t.length, t.precision, t.scale),
        *(_yes(column.identity is not None), None if column.identity is None else column.identity.value),
        *("ALWAYS" if column.generated is not None else "NEVER", column.generated),
    )


def _constraints(table: Table) -> list[tuple[str, str, bool, bool]]:
    """(name, type, deferrable, initially deferred)."""
    primary = table.declared_primary_key
    found = [
        (key.name, "PRIMARY KEY" if key == primary else "UNIQUE", key.deferrable, key.initially_deferred)
        for key in table.unique_keys
    ]
    found += [(check.name, "CHECK", False, False) for check in table.checks]
    found += [(key.name, "FOREIGN KEY", key.deferrable, key.initially_deferred) for key in table.foreign_keys]
    return found


def _table_constraints(dictionary: Dictionary, views: ViewColumns) -> Rows:
    for table in _sorted_tables(dictionary):
        for name, kind, deferrable, deferred in _constraints(table):
            yield CATALOG, SCHEMA, name, CATALOG, SCHEMA, table.name, kind, _yes(deferrable), _yes(deferred)


def _key_column_usage(dictionary: Dictionary, views: ViewColumns) -> Rows:
    for table in _sorted_tables(dictionary):
        keys: list[UniqueKey | ForeignKey] = [*table.unique_keys, *table.foreign_keys]
        for key in keys:
            for position, column in enumerate(key.columns, 1):
                within = None
                if isinstance(key, ForeignKey):
                    parent = _unique_key_of(dictionary, key)
                    within = parent.index(key.parent_columns[position - 1]) + 1 if parent else position
                yield CATALOG, SCHEMA, key.name, CATALOG, SCHEMA, table.name, column, position, within


def _unique_key(dictionary: Dictionary, key: ForeignKey) -> UniqueKey | None:
    keys = dictionary.tables[key.parent].unique_keys
    return next((one for one in keys if set(one.columns) == set(key.parent_columns)), None)


def _unique_key_of(dictionary: Dictionary, key: ForeignKey) -> tuple[str, ...]:
    found = _unique_key(dictionary, key)
    return () if found is None else found.columns


def _referential_constraints(dictionary: Dictionary, views: ViewColumns) -> Rows:
    for table in _sorted_tables(dictionary):
        for key in table.foreign_keys:
            unique = _unique_key(dictionary, key)
            yield (
                *(CATALOG, SCHEMA, key.name, CATALOG, SCHEMA, None if unique is None else unique.name),
                *("FULL" if key.match_full else "NONE", key.on_update.value, key.on_delete.value),
            )


def _check_constraints(dictionary: Dictionary, views: ViewColumns) -> Rows:
    for table in _sorted_tables(dictionary):
        for check in table.checks:
            yield CATALOG, SCHEMA, check.name, check.expression


def _views(dictionary: Dictionary, views: ViewColumns) -> Rows:
    for name, view in sorted(dictionary.views.items()):
        yield CATALOG, _schema_of(view.is_temporary), name, view.query, "NONE", "NO"


def _sequences(dictionary: Dictionary, views: ViewColumns) -> Rows:
    for name, sequence in sorted(dictionary.sequences.items()):
        bounds = map(str, (sequence.start, sequence.minimum, sequence.maximum, sequence.increment))
        yield CATALOG, SCHEMA, name, sequence.type.name, *bounds, _yes(sequence.cycle)


def _schemata(dictionary: Dictionary, views: ViewColumns) -> Rows:
    for name in ("information_schema", "pg_catalog", SCHEMA):
        yield CATALOG, name, _OWNER


def _all_indexes(dictionary: Dictionary, table: Table) -> list[IndexDef]:
    keys = [
        IndexDef(key.name, table.name, tuple(map(IndexColumn, key.columns)), unique=True) for key in table.unique_keys
    ]
    return keys + dictionary.indexes_of(table.name)


def _pg_tables(dictionary: Dictionary, views: ViewColumns) -> Rows:
    for table in _sorted_tables(dictionary):
        yield SCHEMA, table.name, _OWNER, None, bool(_all_indexes(dictionary, table)), False, False, False


def _pg_views(dictionary: Dictionary, views: ViewColumns) -> Rows:
    for name, view in sorted(dictionary.views.items()):
        yield _schema_of(view.is_temporary), name, _OWNER, view.query


def _pg_indexes(dictionary: Dictionary, views: ViewColumns) -> Rows:
    for table in _sorted_tables(dictionary):
        for index in _all_indexes(dictionary, table):
            yield SCHEMA, table.name, index.name, None, create_index_sql(index)


_CONSTRAINT: Final = "constraint_catalog constraint_schema constraint_name"
_TABLE: Final = "table_catalog table_schema table_name"

_INFORMATION_SCHEMA: Final[dict[str, SystemView]] = {
    "tables": SystemView(_columns(f"{_TABLE} table_type is_insertable_into"), _tables),
    "columns": SystemView(
        _columns(
            f"{_TABLE} column_name ordinal_position:integer column_default is_nullable data_type "
            "character_maximum_length:integer numeric_precision:integer numeric_scale:integer "
            "is_identity identity_generation is_generated generation_expression"
        ),
        _column_rows,
    ),
    "table_constraints": SystemView(
        _columns(f"{_CONSTRAINT} {_TABLE} constraint_type is_deferrable initially_deferred"), _table_constraints
    ),
    "key_column_usage": SystemView(
        _columns(f"{_CONSTRAINT} {_TABLE} column_name ordinal_position:integer position_in_unique_constraint:integer"),
        _key_column_usage,
    ),
    "referential_constraints": SystemView(
        _columns(
            f"{_CONSTRAINT} unique_constraint_catalog unique_constraint_schema unique_constraint_name "
            "match_option update_rule delete_rule"
        ),
        _referential_constraints,
    ),
    "check_constraints": SystemView(_columns(f"{_CONSTRAINT} check_clause"), _check_constraints),
    "views": SystemView(_columns(f"{_TABLE} view_definition check_option is_updatable"), _views),
    "sequences": SystemView(
        _columns(
            "sequence_catalog sequence_schema sequence_name data_type start_value minimum_value maximum_value "
            "increment cycle_option"
        ),
        _sequences,
    ),
    "schemata": SystemView(_columns("catalog_name schema_name schema_owner"), _schemata),
}

_PG_CATALOG: Final[dict[str, SystemView]] = {
    "pg_database": SystemView(
        (
            ("oid", BIGINT),
            *_columns(
                "datname datdba:integer encoding:integer datallowconn:boolean datcollate datctype datlocprovider "
                "daticulocale"
            ),
            ("datacl", array_of(TEXT)),
        ),
        lambda dictionary, views: [(DATABASE, CATALOG, OWNER, 6, True, "C", "C", "c", None, None)],
    ),
    "pg_tables": SystemView(
        _columns(
            "schemaname tablename tableowner tablespace hasindexes:boolean hasrules:boolean hastriggers:boolean "
            "rowsecurity:boolean"
        ),
        _pg_tables,
    ),
    "pg_views": SystemView(_columns("schemaname viewname viewowner definition"), _pg_views),
    "pg_indexes": SystemView(_columns("schemaname tablename indexname tablespace indexdef"), _pg_indexes),
}
