"""Definitions as canonical DDL: what ``SHOW CREATE TABLE`` shows, what digests are made of, what reads back as the same.

Canonical: kind before the word TABLE (none for replicated), a line per column, constraints after the columns, a
constraint's name only where it is not the one that the dictionary would choose.
"""

from collections.abc import Iterable

from exdbsql.schema.identifiers import combined_name, quote_name, quote_names, quote_text
from exdbsql.schema.table import Column, IndexColumn, IndexDef, Table, TableKind
from exdbsql.schema.table_rules import default_check_name
from exdbsql.schema.types import SqlType


def create_table_sql(table: Table, indexes: Iterable[IndexDef] = ()) -> str:
    """``CREATE TABLE ...;`` and a ``CREATE INDEX ...;`` for each of `indexes`, each with its semicolon on its own lines."""
    kind = "" if table.kind is TableKind.REPLICATED else f"{table.kind.value} "
    lines = [_column_sql(column, table) for column in table.columns] + _constraint_lines(table)
    body = ",\n    ".join(lines)
    statements = [f"CREATE {kind}TABLE {quote_name(table.name)} (\n    {body}\n);"]
    return "\n".join(statements + [f"{create_index_sql(index)};" for index in indexes])


def create_type_sql(enum: SqlType) -> str:
    """``CREATE TYPE name AS ENUM (labels)``, without a semicolon."""
    return f"CREATE TYPE {quote_name(enum.name)} AS ENUM ({', '.join(map(quote_text, enum.labels or ()))})"


def create_index_sql(index: IndexDef) -> str:
    """``CREATE [UNIQUE] INDEX name ON table (columns)``, without a semicolon."""
    unique = "UNIQUE " if index.unique else ""
    columns = ", ".join(map(_index_column_sql, index.columns))
    return f"CREATE {unique}INDEX {quote_name(index.name)} ON {quote_name(index.table)} ({columns})"


def _index_column_sql(column: IndexColumn) -> str:
    return quote_name(column.name) + (" DESC" if column.descending else "")


def _column_sql(column: Column, table: Table) -> str:
    in_primary_key = table.primary_key is not None and column.name in table.primary_key.columns
    parts = [quote_name(column.name), str(column.type)]
    if column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    if column.not_null and not in_primary_key:
        parts.append("NOT NULL")
    return " ".join(parts)


def _constraint_lines(table: Table) -> list[str]:
    lines = []
    if table.primary_key:
        key = table.primary_key
        lines.append(
            _named(key.name, combined_name(table.name, (), "pkey"), f"PRIMARY KEY ({quote_names(key.columns)})")
        )
    for key in table.uniques:
        chosen = combined_name(table.name, key.columns, "key")
        lines.append(_named(key.name, chosen, f"UNIQUE ({quote_names(key.columns)})"))
    for check in table.checks:
        lines.append(
            _named(check.name, default_check_name(table.name, check.expression), f"CHECK ({check.expression})")
        )
    return lines


def _named(name: str, chosen: str, constraint: str) -> str:
    return constraint if name in ("", chosen) else f"CONSTRAINT {quote_name(name)} {constraint}"
