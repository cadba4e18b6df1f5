"""Changes to replicated tables that a detached node made by itself: counted, listed, undone, and written down as SQL.

A change is a key with the row before and the row after; what came and went in between leaves no trace. Written down, the
changes are statements that make them again anywhere: rows without a primary key are found by all their values.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from exdbsql.engine.constraints import key_text
from exdbsql.engine.table import TableStore
from exdbsql.engine.versions import Key, Row
from exdbsql.schema.identifiers import quote_name, quote_names, quote_text
from exdbsql.schema.table import Table
from exdbsql.schema.types import SqlType

LISTED = 20
"""So many changes are listed in an error."""


@dataclass(frozen=True, slots=True)
class LocalChange:
    """One row: as it was when the node left, and as it is now; None where there is none."""

    store: TableStore
    key: Key
    before: Row | None
    after: Row | None

    @property
    def line(self) -> str:
        """For people: what happened to which row."""
        verb = "inserted" if self.before is None else "deleted" if self.after is None else "changed"
        return f"{self.store.name}: {verb} row {key_text(self.store, self.key)}"

    @property
    def statement(self) -> str:
        """The SQL that makes the change again."""
        table = self.store.definition
        if self.before is None:
            assert self.after is not None
            return insert_of(table, self.after)
        where = _where(table, self.before)
        if self.after is None:
            return f"DELETE FROM {quote_name(table.name)} WHERE {where};"
        changed = ", ".join(
            f"{quote_name(column.name)} = {literal(new, column.type)}"
            for column, old, new in zip(table.columns, self.before, self.after, strict=True)
            if old != new
        )
        return f"UPDATE {quote_name(table.name)} SET {changed} WHERE {where};"


def insert_of(table: Table, row: Row) -> str:
    """The statement that inserts a row."""
    columns = quote_names(column.name for column in table.columns)
    return f"INSERT INTO {quote_name(table.name)} ({columns}) VALUES ({_values(table, row)});"


def list_of(changes: Sequence[LocalChange]) -> str:
    """The first changes, a line each."""
    lines = [change.line for change in changes[:LISTED]]
    if len(changes) > LISTED:
        lines.append(f"… and {len(changes) - LISTED} more")
    return "\n".join(lines)


def script_of(changes: Iterable[LocalChange]) -> Iterator[str]:
    """The statements of all changes, deletions first, so that unique values are free when they are wanted again."""
    ordered = sorted(changes, key=lambda change: change.after is not None)
    return (change.statement for change in ordered)


def literal(value: Any, kind: SqlType) -> str:
    """A value as SQL that gives the same value of the same type."""
    return "NULL" if value is None else f"CAST({quote_text(kind.format(value))} AS {kind})"


def _values(table: Table, row: Row) -> str:
    return ", ".join(literal(value, column.type) for value, column in zip(row, table.columns, strict=True))


def _where(table: Table, row: Row) -> str:
    by_name = dict(zip((column.name for column in table.columns), row, strict=True))
    keys = table.primary_key.columns if table.primary_key is not None else tuple(by_name)
    kinds = {column.name: column.type for column in table.columns}
    return " AND ".join(
        f"{quote_name(name)} IS NULL"
        if by_name[name] is None
        else f"{quote_name(name)} = {literal(by_name[name], kinds[name])}"
        for name in keys
    )
