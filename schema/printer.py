"""Definitions as canonical DDL: what ``SHOW CREATE TABLE`` shows, what digests are made of, what reads back as the same.

Canonical: kind before the word TABLE (none for replicated), a line per column, constraints after the columns, a
constraint's name only where it is not the one that the dictionary would choose.
"""

from collections.abc import Iterable
from dataclasses import replace

from exdbsql.schema.expressions import called_function
from exdbsql.schema.identifiers import combined_name, quote_name, quote_names, quote_text
from exdbsql.schema.sequences import SequenceOptions, made_sequence
from exdbsql.schema.table import (
    Column,
    CommentKey,
    ForeignKey,
    IndexColumn,
    IndexDef,
    OnCommit,
    ReferentialAction,
    Sequence,
    Table,
    TableKind,
    UniqueKey,
    View,
)
from exdbsql.schema.table_rules import default_check_name
from exdbsql.schema.types import BIGINT, SqlType


def create_table_sql(table: Table, indexes: Iterable[IndexDef] = (), sequences: Iterable[Sequence] = ()) -> str:
    """``CREATE TABLE ...;`` and a ``CREATE INDEX ...;`` for each of `indexes`, each with its semicolon on its own lines.

    `sequences`: those of identity columns, whose options are printed where they are not the usual ones.
    """
    kind = "" if table.kind is TableKind.REPLICATED else f"{table.kind.value} "
    ending = ""
    if table.on_commit is not None:
        kind = "TEMPORARY "
        ending = "" if table.on_commit is OnCommit.PRESERVE_ROWS else f" ON COMMIT {table.on_commit.value}"
    own = {s.owned_by[1]: s for s in sequences if s.owned_by is not None and s.owned_by[0] == table.name}
    lines = [_column_sql(column, table, own.get(column.name)) for column in table.columns] + _constraint_lines(table)
    body = ",\n    ".join(lines)
    statements = [f"CREATE {kind}TABLE {quote_name(table.name)} (\n    {body}\n){ending};"]
    return "\n".join(statements + [f"{create_index_sql(index)};" for index in indexes])


def create_type_sql(enum: SqlType) -> str:
    """``CREATE TYPE name AS ENUM (labels)``, without a semicolon."""
    return f"CREATE TYPE {quote_name(enum.name)} AS ENUM ({', '.join(map(quote_text, enum.labels or ()))})"


def create_index_sql(index: IndexDef) -> str:
    """``CREATE [UNIQUE] INDEX name ON table (columns) ...``, without a semicolon."""
    unique = "UNIQUE " if index.unique else ""
    return f"CREATE {unique}INDEX {quote_name(index.name)} ON {quote_name(index.table)} {index_columns_sql(index)}"


def index_columns_sql(index: IndexDef) -> str:
    """``(columns)``, and what else CREATE INDEX says behind the table."""
    text = f"({', '.join(map(_index_column_sql, index.columns))})"
    if index.include:
        text += f" INCLUDE ({quote_names(index.include)})"
    if index.nulls_not_distinct:
        text += " NULLS NOT DISTINCT"
    return text if index.where is None else f"{text} WHERE {index.where}"


def create_view_sql(view: View) -> str:
    """``CREATE [TEMPORARY] VIEW name (columns) AS query``, without a semicolon."""
    columns = f" ({quote_names(view.columns)})" if view.columns else ""
    kind = "TEMPORARY " if view.is_temporary else ""
    return f"CREATE {kind}VIEW {quote_name(view.name)}{columns} AS {view.query}"


def create_sequence_sql(sequence: Sequence) -> str:
    """``CREATE SEQUENCE name options``, without a semicolon and without its owner."""
    return f"CREATE SEQUENCE {quote_name(sequence.name)}{_options(sequence, with_type=True)}"


def sequence_owner_sql(sequence: Sequence) -> str:
    """``ALTER SEQUENCE name OWNED BY table.column``, without a semicolon."""
    owner = ".".join(map(quote_name, sequence.owned_by or ())) or "NONE"
    return f"ALTER SEQUENCE {quote_name(sequence.name)} OWNED BY {owner}"


def comment_sql(key: CommentKey, text: str) -> str:
    """``COMMENT ON ... IS 'text'``, without a semicolon."""
    name = quote_name(key.name)
    if key.kind == "COLUMN":
        name = f"{name}.{quote_name(key.part)}"
    elif key.kind == "CONSTRAINT":
        name = f"{quote_name(key.part)} ON {name}"
    return f"COMMENT ON {key.kind} {name} IS {quote_text(text)}"


def foreign_key_sql(key: ForeignKey) -> str:
    """``FOREIGN KEY (columns) REFERENCES parent (columns) ...``, without the constraint's name."""
    parent = f" ({quote_names(key.parent_columns)})" if key.parent_columns else ""
    parts = [f"FOREIGN KEY ({quote_names(key.columns)}) REFERENCES {quote_name(key.parent)}{parent}"]
    if key.match_full:
        parts.append("MATCH FULL")
    if key.on_delete is not ReferentialAction.NO_ACTION:
        columns = f" ({quote_names(key.on_delete_columns)})" if key.on_delete_columns else ""
        parts.append(f"ON DELETE {key.on_delete.value}{columns}")
    if key.on_update is not ReferentialAction.NO_ACTION:
        parts.append(f"ON UPDATE {key.on_update.value}")
    if key.deferrable:
        parts.append("DEFERRABLE INITIALLY DEFERRED" if key.initially_deferred else "DEFERRABLE")
    return " ".join(parts)


def add_foreign_key_sql(table: Table, key: ForeignKey) -> str:
    """``ALTER TABLE ... ADD`` for a foreign key, without a semicolon."""
    return f"ALTER TABLE {quote_name(table.name)} ADD {_named_foreign_key(table, key)}"


def _named_foreign_key(table: Table, key: ForeignKey) -> str:
    return _named(key.name, combined_name(table.name, key.columns, "fkey"), foreign_key_sql(key))


def _options(sequence: Sequence, *, with_type: bool, name: str = "") -> str:
    """The options that are not the usual ones, each with a blank before it."""
    usual = made_sequence("", SequenceOptions(type=sequence.type, increment=sequence.increment))
    unbounded = replace(usual, minimum=sequence.minimum, maximum=sequence.maximum)
    start = unbounded.minimum if sequence.increment > 0 else unbounded.maximum
    parts = [f"SEQUENCE NAME {quote_name(name)}"] if name else []
    if with_type and sequence.type != BIGINT:
        parts.append(f"AS {sequence.type}")
    for word, value, standard in (
        ("START WITH", sequence.start, start),
        ("INCREMENT BY", sequence.increment, 1),
        ("MINVALUE", sequence.minimum, usual.minimum),
        ("MAXVALUE", sequence.maximum, usual.maximum),
        ("CACHE", sequence.cache, 1),
    ):
        if value != standard:
            parts.append(f"{word} {value}")
    return "".join(f" {part}" for part in [*parts, *(["CYCLE"] if sequence.cycle else [])])


def _index_column_sql(column: IndexColumn) -> str:
    if column.expression is None:
        part = quote_name(column.name)
    else:
        part = column.expression if called_function(column.expression) else f"({column.expression})"
    nulls = "" if not column.nulls_swapped else " NULLS LAST" if column.descending else " NULLS FIRST"
    return part + (" DESC" if column.descending else "") + nulls


def _identity_sql(column: Column, table: Table, sequence: Sequence | None) -> str:
    options = ""
    if sequence is not None:
        usual = combined_name(table.name, (column.name,), "seq")
        options = _options(sequence, with_type=False, name="" if sequence.name == usual else sequence.name)
    how = column.identity.value if column.identity else ""
    return f"GENERATED {how} AS IDENTITY" + (f" ({options.strip()})" if options else "")


def _column_sql(column: Column, table: Table, sequence: Sequence | None) -> str:
    primary = table.declared_primary_key
    in_primary_key = primary is not None and column.name in primary.columns
    parts = [quote_name(column.name), str(column.type)]
    if column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    if column.generated is not None:
        parts.append(f"GENERATED ALWAYS AS ({column.generated}) STORED")
    if column.identity is not None:
        parts.append(_identity_sql(column, table, sequence))
    elif column.not_null and not in_primary_key:
        parts.append("NOT NULL")
    return " ".join(parts)


def _constraint_lines(table: Table) -> list[str]:
    lines = []
    primary = table.declared_primary_key
    for key in table.unique_keys:
        chosen = combined_name(table.name, () if key == primary else key.columns, "pkey" if key == primary else "key")
        lines.append(_named(key.name, chosen, unique_key_sql(key, primary=key == primary)))
    for check in table.checks:
        lines.append(
            _named(check.name, default_check_name(table.name, check.expression), f"CHECK ({check.expression})")
        )
    return lines + [_named_foreign_key(table, key) for key in table.foreign_keys]


def unique_key_sql(key: UniqueKey, *, primary: bool) -> str:
    """``PRIMARY KEY (columns)`` or ``UNIQUE (columns)``, and what is not the usual about it."""
    kind = "PRIMARY KEY" if primary else "UNIQUE NULLS NOT DISTINCT" if key.nulls_not_distinct else "UNIQUE"
    return f"{kind} ({quote_names(key.columns)}){timing_sql(key)}"


def timing_sql(key: UniqueKey | ForeignKey) -> str:
    """``DEFERRABLE INITIALLY DEFERRED``, with a blank before it, as far as it is so."""
    return f"{' DEFERRABLE' if key.deferrable else ''}{' INITIALLY DEFERRED' if key.initially_deferred else ''}"


def _named(name: str, chosen: str, constraint: str) -> str:
    return constraint if name in ("", chosen) else f"CONSTRAINT {quote_name(name)} {constraint}"
