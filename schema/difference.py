"""What differs between two dictionaries, in lines for people: a node that may not join is told these."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from exdbsql.schema.printer import create_index_sql
from exdbsql.schema.table import Column, IndexDef, Table, UniqueKey

Named = TypeVar("Named")


def differences(
    mine: tuple[Mapping[str, Table], Mapping[str, IndexDef]],
    theirs: tuple[Mapping[str, Table], Mapping[str, IndexDef]],
) -> list[str]:
    """A line per difference between tables and indexes here ("this side") and there ("the other side")."""
    tables = _compare(mine[0], theirs[0], "table {}", _table_differences)
    return tables + _compare(mine[1], theirs[1], "index {}", _index_differences)


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


def _index_differences(what: str, mine: IndexDef, theirs: IndexDef) -> list[str]:
    return [f"{what}: {create_index_sql(mine)} on this side, {create_index_sql(theirs)} on the other"]
