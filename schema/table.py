"""What a dictionary is made of: tables, columns, constraints, indexes. All values, none with behaviour beyond look-ups.

Expressions (defaults, checks) are canonical SQL text in PostgreSQL's dialect; the layer that runs them parses them. A
name of a constraint or an index may be empty in a parsed statement: the dictionary then chooses one as PostgreSQL does.
"""

from collections.abc import Sequence as Names
from dataclasses import dataclass
from enum import Enum

from exdbsql.schema.types import SqlType


class TableKind(Enum):
    """How a table's rows reach other nodes (REFERENCE section 3); the value is the word in DDL."""

    REPLICATED = "REPLICATED"
    DISTRIBUTED = "DISTRIBUTED"
    LOCAL = "LOCAL"


class Identity(Enum):
    """How an identity column takes values from its sequence; the value is the words in DDL."""

    ALWAYS = "ALWAYS"
    BY_DEFAULT = "BY DEFAULT"


class OnCommit(Enum):
    """What a commit does to a temporary table; the value is the words in DDL."""

    PRESERVE_ROWS = "PRESERVE ROWS"
    DELETE_ROWS = "DELETE ROWS"
    DROP = "DROP"


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        default: text of a SQL expression, or None.
        generated: text of the expression that the stored value is computed by, or None.
        identity: for an identity column, how its sequence is used; the sequence says that the column owns it.
    """

    name: str
    type: SqlType
    not_null: bool = False
    default: str | None = None
    generated: str | None = None
    identity: Identity | None = None


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """A PRIMARY KEY or UNIQUE constraint over `columns`, in the order of the key.

    Attributes:
        deferrable: whether checking may wait until commit.
        initially_deferred: whether it waits unless SET CONSTRAINTS says otherwise.
        nulls_not_distinct: NULLs are taken for equal.
        is_primary: a PRIMARY KEY that is deferrable: rows cannot be known by it, since for a while two may share a value.
    """

    name: str
    columns: tuple[str, ...]
    deferrable: bool = False
    initially_deferred: bool = False
    nulls_not_distinct: bool = False
    is_primary: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """A CHECK constraint; `expression` is SQL text that is not false for any row."""

    name: str
    expression: str


class ReferentialAction(Enum):
    """What happens to referencing rows; the value is the words in DDL."""

    NO_ACTION = "NO ACTION"
    RESTRICT = "RESTRICT"
    CASCADE = "CASCADE"
    SET_NULL = "SET NULL"
    SET_DEFAULT = "SET DEFAULT"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A FOREIGN KEY constraint.

    Attributes:
        columns: of this table, in order.
        parent: the referenced table.
        parent_columns: its columns, in the same order; empty in a parsed statement where its primary key is meant.
        on_delete_columns: for SET NULL and SET DEFAULT on delete, the columns that are set; empty for all.
        match_full: MATCH FULL, else MATCH SIMPLE.
        deferrable: whether checking may wait until commit.
        initially_deferred: whether it waits unless SET CONSTRAINTS says otherwise.
    """

    name: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...] = ()
    on_delete: ReferentialAction = ReferentialAction.NO_ACTION
    on_update: ReferentialAction = ReferentialAction.NO_ACTION
    on_delete_columns: tuple[str, ...] = ()
    match_full: bool = False
    deferrable: bool = False
    initially_deferred: bool = False


@dataclass(frozen=True, slots=True)
class IndexColumn:
    """A part of an index's key and its direction; NULLs sort last, or first where descending (PostgreSQL's defaults).

    Attributes:
        name: a column, or "" where the part is the value of `expression`.
        nulls_swapped: NULLs sort at the other end than that.
    """

    name: str
    descending: bool = False
    expression: str | None = None
    nulls_swapped: bool = False


@dataclass(frozen=True, slots=True)
class IndexDef:
    """An index made by CREATE INDEX; the indexes of constraints are not listed, they are the constraints.

    Attributes:
        where: text of the condition of the rows that a partial index holds, or None.
        include: columns after INCLUDE: not part of the key; rows are in memory, so they change nothing.
        nulls_not_distinct: a unique index takes NULLs for equal.
    """

    name: str
    table: str
    columns: tuple[IndexColumn, ...]
    unique: bool = False
    where: str | None = None
    include: tuple[str, ...] = ()
    nulls_not_distinct: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it has every row, by the values of its columns."""
        return self.where is None and all(column.expression is None for column in self.columns)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in the order of the key."""
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `id` is 0 until the dictionary gives it one, which is never used again after a drop.

    Attributes:
        primary_key: by which rows are known. A deferrable one is among `uniques` instead.
        on_commit: of a temporary table, which belongs to one session and has the kind LOCAL; None for all others.
    """

    id: int
    name: str
    kind: TableKind
    columns: tuple[Column, ...]
    primary_key: UniqueKey | None = None
    uniques: tuple[UniqueKey, ...] = ()
    checks: tuple[Check, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    on_commit: OnCommit | None = None

    @property
    def is_temporary(self) -> bool:
        """Whether it belongs to one session."""
        return self.on_commit is not None

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

    def column_positions(self, names: Names[str]) -> tuple[int, ...]:
        """Positions of several columns; KeyError where one is missing."""
        return tuple(map(self.column_index, names))

    @property
    def key_positions(self) -> tuple[int, ...]:
        """Positions of the primary key's columns; empty where there is no primary key."""
        return self.column_positions(self.primary_key.columns) if self.primary_key else ()

    @property
    def declared_primary_key(self) -> UniqueKey | None:
        """The constraint that PRIMARY KEY made, a deferrable one too."""
        return self.primary_key or next((key for key in self.uniques if key.is_primary), None)

    @property
    def certain_keys(self) -> tuple[UniqueKey, ...]:
        """The keys that hold at every moment: those that are not deferrable."""
        return tuple(key for key in self.unique_keys if not key.deferrable)

    @property
    def unique_keys(self) -> tuple[UniqueKey, ...]:
        """The primary key, if there is one, and the unique constraints."""
        return ((self.primary_key,) if self.primary_key else ()) + self.uniques

    @property
    def constraint_names(self) -> tuple[str, ...]:
        """Names of all constraints: keys, checks, foreign keys."""
        names = [key.name for key in self.unique_keys] + [check.name for check in self.checks]
        return (*names, *(key.name for key in self.foreign_keys))


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence of numbers.

    Attributes:
        id: 0 until the dictionary gives it one, from the same counter as tables; never used again after a drop.
        type: smallint, integer or bigint.
        minimum, maximum: lowest and highest value.
        cache: how many values a session takes at once.
        cycle: whether it goes on at the other end when it is exhausted.
        owned_by: table and column with which it is dropped, or None.
    """

    id: int
    name: str
    type: SqlType
    start: int
    increment: int
    minimum: int
    maximum: int
    cache: int = 1
    cycle: bool = False
    owned_by: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class View:
    """A view: `query` is canonical SQL text; `columns` the names that were given to its columns, or (). A temporary one is its session's."""

    name: str
    query: str
    columns: tuple[str, ...] = ()
    is_temporary: bool = False


@dataclass(frozen=True, slots=True)
class CommentKey:
    """What a comment is about.

    Attributes:
        kind: the word in DDL: TABLE, COLUMN, CONSTRAINT, INDEX, SEQUENCE, TYPE or VIEW.
        name: of the object; of a column or constraint, the name of its table.
        part: the name of the column or constraint, else "".
    """

    kind: str
    name: str
    part: str = ""
