"""What differs between two dictionaries, in lines for people: a node that may not join is told these."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from exdbsql.schema.printer import create_index_sql, create_type_sql
from exdbsql.schema.table import Column, IndexDef, Table, UniqueKey
from exdbsql.schema.types import SqlType

Named = TypeVar("Named")


class Definitions(NamedTuple):
    """What a dictionary defines, by name; the ids of tables set to 0."""

    types: Mapping[str, SqlType]
    tables: Mapping[str, Table]
    indexes: Mapping[str, IndexDef]


def differences(mine: Definitions, theirs: Definitions) -> list[str]:
    """A line per difference between the definitions here ("this side") and there ("the other side")."""
    return [
        *_compare(mine.types, theirs.types, "type {}", _printed(create_type_sql)),
        *_compare(mine.tables, theirs.tables, "table {}", _table_differences),
        *_compare(mine.indexes, theirs.indexes, "index {}", _printed(create_index_sql)),
    ]


def _compare(
    mine: Mapping[str, Named],
    theirs: Mapping[str, Named],
    called: str,
    inner: Callable[[str, Named, Named], list[str]],
) -> list[str]:
    lines: list[str] = []
    for name in sorted(mine.keys() | theirs.keys()):
        what = called.format(name)
        if name not in theirs:
            lines.append(f"{what}: only on this side")
        elif name not in mine:
            lines.append(f"{what}: only on the other side")
        elif mine[name] != theirs[name]:
            lines.extend(inner(what, mine[name], theirs[name]))
    return lines


def _table_differences(what: str, mine: Table, theirs: Table) -> list[str]:
    lines = []
    if mine.kind is not theirs.kind:
        lines.append(f"{what}: {mine.kind.value} on this side, {theirs.kind.value} on the other")
    lines += _compare(
        {column.name: column for column in mine.columns},
        {column.name: column for column in theirs.columns},
        f"{what}: column {{}}",
        lambda where, a, b: [f"{where}: {_describe(a)} on this side, {_describe(b)} on the other"],
    )
    if not lines and mine.column_names != theirs.column_names:
        lines.append(f"{what}: columns are in another order")
    if mine.primary_key != theirs.primary_key:
        lines.append(
            f"{what}: primary key {_key(mine.primary_key)} on this side, {_key(theirs.primary_key)} on the other"
        )
    lines += _compare(
        _constraints(mine),
        _constraints(theirs),
        f"{what}: constraint {{}}",
        lambda where, a, b: [f"{where}: {a} on this side, {b} on the other"],
    )
    return lines


def _constraints(table: Table) -> dict[str, str]:
    uniques = {key.name: f"UNIQUE ({', '.join(key.columns)})" for key in table.uniques}
    return uniques | {check.name: f"CHECK ({check.expression})" for check in table.checks}


def _key(key: UniqueKey | None) -> str:
    return f"{key.name} ({', '.join(key.columns)})" if key else "none"


def _describe(column: Column) -> str:
    default = f" default {column.default}" if column.default is not None else ""
    return f"{column.type}{default}{' not null' if column.not_null else ''}"


def _printed(to_sql: Callable[[Named], str]) -> Callable[[str, Named, Named], list[str]]:
    return lambda what, mine, theirs: [f"{what}: {to_sql(mine)} on this side, {to_sql(theirs)} on the other"]
