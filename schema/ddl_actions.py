"""The actions of ALTER TABLE, as values. Names of unnamed constraints are "", expressions of checks are not yet checked."""

from dataclasses import dataclass
from typing import TypeAlias

from exdbsql.schema.sequences import SequenceOptions
from exdbsql.schema.table import Check, Column, ForeignKey, UniqueKey
from exdbsql.schema.types import SqlType


@dataclass(frozen=True, slots=True)
class AddConstraint:
    """``ADD [CONSTRAINT name] ...``; `primary` makes a UniqueKey the primary key."""

    constraint: UniqueKey | Check | ForeignKey
    primary: bool = False


@dataclass(frozen=True, slots=True)
class AddColumn:
    """``ADD COLUMN``, with the constraints that stood behind the column, and the options of its own sequence."""

    column: Column
    constraints: tuple[AddConstraint, ...] = ()
    if_not_exists: bool = False
    sequence: SequenceOptions | None = None


@dataclass(frozen=True, slots=True)
class DropColumn:
    """``DROP COLUMN``; with `cascade`, also what depends on it outside the table, and generated columns."""

    name: str
    if_exists: bool = False
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class DropConstraint:
    """``DROP CONSTRAINT``; with `cascade`, also foreign keys that need it."""

    name: str
    if_exists: bool = False
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class RenameTable:
    """``RENAME TO``."""

    name: str


@dataclass(frozen=True, slots=True)
class RenameColumn:
    """``RENAME COLUMN a TO b``."""

    name: str
    new_name: str


@dataclass(frozen=True, slots=True)
class RenameConstraint:
    """``RENAME CONSTRAINT a TO b``."""

    name: str
    new_name: str


@dataclass(frozen=True, slots=True)
class SetType:
    """``ALTER COLUMN ... TYPE t [USING expression]``; without `using` values convert by assignment."""

    name: str
    type: SqlType
    using: str | None = None


@dataclass(frozen=True, slots=True)
class SetDefault:
    """``ALTER COLUMN ... SET DEFAULT`` and ``DROP DEFAULT`` (None). The text is canonical once the dictionary took it."""

    name: str
    default: str | None


@dataclass(frozen=True, slots=True)
class SetNotNull:
    """``ALTER COLUMN ... SET NOT NULL`` and ``DROP NOT NULL``."""

    name: str
    not_null: bool


AlterAction: TypeAlias = (
    AddColumn
    | DropColumn
    | AddConstraint
    | DropConstraint
    | RenameTable
    | RenameColumn
    | RenameConstraint
    | SetType
    | SetDefault
    | SetNotNull
)
