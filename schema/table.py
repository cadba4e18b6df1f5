"""What a dictionary is made of: tables, columns, constraints, indexes. All values, none with behaviour beyond look-ups.

Expressions (defaults, checks) are canonical SQL text in PostgreSQL's dialect; the layer that runs them parses them. A
name of a constraint or an index may be empty in a parsed statement: the dictionary then chooses one as PostgreSQL does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from exdbsql.schema.types import SqlType


class TableKind(Enum):
    """How a table's rows reach other nodes (REFERENCE section 3); the value is the word in DDL."""

    REPLICATED = "REPLICATED"
    DISTRIBUTED = "DISTRIBUTED"
    LOCAL = "LOCAL"


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `default` is the text of a SQL expression, or None."""

    name: str
    type: SqlType
    not_null: bool = False
    default: str | None = None


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """A PRIMARY KEY or UNIQUE constraint over `columns`, in the order of the key."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """A CHECK constraint; `expression` is SQL text that is not false for any row."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class IndexColumn:
    """A column of an index and its direction; NULLs sort last, or first where descending (PostgreSQL's defaults)."""

    name: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class IndexDef:
    """An index made by CREATE INDEX; the indexes of constraints are not listed, they are the constraints."""

    name: str
    table: str
    columns: tuple[IndexColumn, ...]
    unique: bool = False

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in the order of the key."""
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `id` is 0 until the dictionary gives it one, which is never used again after a drop."""

    id: int
    name: str
    kind: TableKind
    columns: tuple[Column, ...]
    primary_key: UniqueKey | None = None
    uniques: tuple[UniqueKey, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def column_types(self) -> tuple[SqlType, ...]:
        """Types of the columns, in order."""
        return tuple(column.type for column in self.columns)

    def column_index(self, name: str) -> int:
        """Position of the column, from 0; KeyError where there is none."""
        for position, column in enumerate(self.columns):
            if column.name == name:
                return position
        raise KeyError(name)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError where there is none."""
        return self.columns[self.column_index(name)]

    def has_column(self, name: str) -> bool:
        """Whether there is a column of that name."""
        return any(column.name == name for column in self.columns)

    def column_positions(self, names: Sequence[str]) -> tuple[int, ...]:
        """Positions of several columns; KeyError where one is missing."""
        return tuple(map(self.column_index, names))

    @property
    def key_positions(self) -> tuple[int, ...]:
        """Positions of the primary key's columns; empty where there is no primary key."""
        return self.column_positions(self.primary_key.columns) if self.primary_key else ()

    @property
    def unique_keys(self) -> tuple[UniqueKey, ...]:
        """The primary key, if there is one, and the unique constraints."""
        return ((self.primary_key,) if self.primary_key else ()) + self.uniques
