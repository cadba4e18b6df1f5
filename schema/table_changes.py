"""What CREATE TABLE and DROP TABLE make of a dictionary."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from exdbsql.schema import sqlstate
from exdbsql.schema.ddl_statements import CreateTable, DropTable
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.expressions import referenced_sequences
from exdbsql.schema.foreign_key_rules import complete_foreign_keys, referencing, without_foreign_keys
from exdbsql.schema.identifiers import combined_name, did_you_mean, quote_name, quote_text
from exdbsql.schema.queries import read_relations
from exdbsql.schema.sequences import SequenceOptions, made_sequence
from exdbsql.schema.table import Sequence, Table
from exdbsql.schema.table_rules import complete_table, require_new_relation
from exdbsql.schema.type_rules import require_no_such_type, require_types

if TYPE_CHECKING:
    from exdbsql.schema.dictionary import Dictionary


def create_table(dictionary: "Dictionary", stmt: CreateTable) -> "Dictionary":
    """The dictionary with the table and the sequences of its columns."""
    taken = dictionary.relation_names()
    if stmt.if_not_exists and stmt.table.name in taken:
        return dictionary
    require_new_relation(stmt.table.name, taken)
    require_no_such_type(stmt.table.name, dictionary.types)
    require_types(stmt.table, dictionary.types)
    table = stmt.table
    sequences: list[Sequence] = []
    for column, options in stmt.sequences:
        table, sequence = with_own_sequence(table, column, options, {*taken, *(made.name for made in sequences)})
        sequences.append(sequence)
    table = complete_table(table, {*taken, *(made.name for made in sequences)})
    table = replace(
        complete_foreign_keys(table, dictionary.tables, dictionary.relation_names()), id=dictionary.next_table_id
    )
    numbered = {made.name: replace(made, id=table.id + 1 + i) for i, made in enumerate(sequences)}
    return dictionary.changed(
        tables={**dictionary.tables, table.name: table},
        sequences={**dictionary.sequences, **numbered},
        next_table_id=table.id + 1 + len(numbered),
    )


def with_own_sequence(table: Table, column: str, options: SequenceOptions, taken: set[str]) -> tuple[Table, Sequence]:
    """The table with the column taking values from a sequence of its own, and that sequence, without an id."""
    name = options.name or combined_name(table.name, (column,), "seq", {*taken, table.name})
    require_new_relation(name, taken)
    sequence = replace(made_sequence(name, options), owned_by=(table.name, column))
    if options.serial:
        default = f"nextval({quote_text(quote_name(name))})"
        columns = tuple(replace(c, default=default, not_null=True) if c.name == column else c for c in table.columns)
        table = replace(table, columns=columns)
    return table, sequence


def drop_tables(dictionary: "Dictionary", stmt: DropTable) -> "Dictionary":
    """The dictionary without the tables, their indexes, and the sequences that their columns own."""
    gone = {name for name in stmt.names if name in dictionary.tables}
    for name in stmt.names:
        if name not in gone:
            _require_may_be_missing(dictionary, name, stmt.if_exists)
    if not gone:
        return dictionary
    tables = {name: table for name, table in dictionary.tables.items() if name not in gone}
    owned = {name for name, made in dictionary.sequences.items() if made.owned_by and made.owned_by[0] in gone}
    views = views_reading(dictionary, gone)
    blocked = _references(tables, gone)
    if not stmt.cascade:
        _require_unused(gone, blocked, views)
    for child, names in blocked.items():
        tables[child] = without_foreign_keys(tables[child], names)
    require_sequences_unused(owned, tables)
    return dictionary.changed(
        tables=tables,
        indexes={name: index for name, index in dictionary.indexes.items() if index.table not in gone},
        sequences={name: made for name, made in dictionary.sequences.items() if name not in owned},
        views={name: view for name, view in dictionary.views.items() if name not in views},
    )


def _require_may_be_missing(dictionary: "Dictionary", name: str, if_exists: bool) -> None:
    if name in dictionary.relation_names():
        found = dictionary.kind_of_relation(name)
        hint = f"Use DROP {found} to remove it." if found != "CONSTRAINT" else None
        raise ProgrammingError(f'"{name}" is not a table', sqlstate=sqlstate.WRONG_OBJECT_TYPE, hint=hint)
    if not if_exists:
        message = f'relation "{name}" does not exist'
        hint = did_you_mean(name, dictionary.tables)
        raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_TABLE, hint=hint)


def _references(tables: Mapping[str, Table], gone: set[str]) -> dict[str, list[str]]:
    """By table that stays, the foreign keys that reference one that goes."""
    found: dict[str, list[str]] = {}
    for parent in sorted(gone):
        for child, key in referencing(parent, tables.values()):
            found.setdefault(child.name, []).append(key.name)
    return found


def views_reading(dictionary: "Dictionary", relations: set[str]) -> set[str]:
    """The views that read one of the relations, directly or through other views."""
    found: set[str] = set()
    while more := {
        name
        for name, view in dictionary.views.items()
        if name not in found and read_relations(view.query) & (relations | found)
    }:
        found |= more
    return found


def _require_unused(gone: set[str], references: dict[str, list[str]], views: set[str]) -> None:
    lines = [f"constraint {key} on table {child} depends on it" for child, keys in references.items() for key in keys]
    lines += [f"view {view} depends on it" for view in sorted(views)]
    if lines:
        message = f"cannot drop table {', '.join(sorted(gone))} because other objects depend on it"
        raise ProgrammingError(
            message,
            sqlstate=sqlstate.DEPENDENT_OBJECTS_STILL_EXIST,
            detail="\n".join(lines),
            hint="Use DROP ... CASCADE to drop the dependent objects too.",
        )


def require_sequences_unused(names: set[str], tables: Mapping[str, Table]) -> None:
    """No default takes values from the sequences, and no identity column has one (2BP01)."""
    for table in tables.values():
        for column in table.columns:
            used = referenced_sequences(column.default) & names if column.default is not None else frozenset()
            if used:
                message = f"cannot drop sequence {min(used)} because other objects depend on it"
                detail = f"default value for column {column.name} of table {table.name} depends on sequence {min(used)}"
                code = sqlstate.DEPENDENT_OBJECTS_STILL_EXIST
                raise ProgrammingError(message, sqlstate=code, detail=detail, hint="Drop the default first.")
