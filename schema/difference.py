"""What differs between two dictionaries, in lines for people: a node that may not join is told these."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from exdbsql.schema.printer import (
    create_index_sql,
    create_sequence_sql,
    create_type_sql,
    create_view_sql,
    foreign_key_sql,
    unique_key_sql,
)
from exdbsql.schema.table import Column, CommentKey, IndexDef, Sequence, Table, UniqueKey, View
from exdbsql.schema.types import SqlType

Named = TypeVar("Named")


class Definitions(NamedTuple):
    """What a dictionary defines, by name; the ids of tables and sequences set to 0."""

    types: Mapping[str, SqlType]
    tables: Mapping[str, Table]
    indexes: Mapping[str, IndexDef]
    sequences: Mapping[str, Sequence]
    views: Mapping[str, View]
    comments: Mapping[CommentKey, str]


def differences(mine: Definitions, theirs: Definitions) -> list[str]:
    """A line per difference between the definitions here ("this side") and there ("the other side")."""
    return [
        *_compare(mine.types, theirs.types, "type {}", _printed(create_type_sql)),
        *_compare(mine.tables, theirs.tables, "table {}", _table_differences),
        *_compare(mine.indexes, theirs.indexes, "index {}", _printed(create_index_sql)),
        *_compare(mine.sequences, theirs.sequences, "sequence {}", _printed(_sequence)),
        *_compare(mine.views, theirs.views, "view {}", _printed(create_view_sql)),
        *_compare(_comments(mine), _comments(theirs), "comment on {}", _printed(repr)),
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
    uniques = {key.name: unique_key_sql(key, primary=key.is_primary) for key in table.uniques}
    checks = {check.name: f"CHECK ({check.expression})" for check in table.checks}
    return uniques | checks | {key.name: foreign_key_sql(key) for key in table.foreign_keys}


def _sequence(sequence: Sequence) -> str:
    owner = f" OWNED BY {'.'.join(sequence.owned_by)}" if sequence.owned_by else ""
    return create_sequence_sql(sequence) + owner


def _comments(made: Definitions) -> dict[str, str]:
    return {f"{key.kind.lower()} {key.name}{'.' if key.part else ''}{key.part}": t for key, t in made.comments.items()}


def _key(key: UniqueKey | None) -> str:
    return f"{key.name} ({', '.join(key.columns)})" if key else "none"


def _describe(column: Column) -> str:
    default = f" default {column.default}" if column.default is not None else ""
    generated = f" generated always as ({column.generated}) stored" if column.generated is not None else ""
    identity = f" generated {column.identity.value.lower()} as identity" if column.identity else ""
    return f"{column.type}{default}{generated}{identity}{' not null' if column.not_null else ''}"


def _printed(to_sql: Callable[[Named], str]) -> Callable[[str, Named, Named], list[str]]:
    return lambda what, mine, theirs: [f"{what}: {to_sql(mine)} on this side, {to_sql(theirs)} on the other"]
