"""The statements that change a dictionary, as values. :mod:`exdbsql.schema.ddl` parses them from text.

`command_tag` gives what PostgreSQL answers to each. The actions of ALTER TABLE are in :mod:`exdbsql.schema.ddl_actions`.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

from exdbsql.schema.ddl_actions import AlterAction
from exdbsql.schema.sequences import SequenceOptions
from exdbsql.schema.table import CommentKey, IndexDef, Table, View
from exdbsql.schema.types import SqlType


@dataclass(frozen=True, slots=True)
class CreateTable:
    """``CREATE TABLE``. `table.id` is 0; constraints that were not named have the name "".

    `sequences`: the options of the sequences of serial and identity columns, by column.
    """

    table: Table
    if_not_exists: bool = False
    sequences: tuple[tuple[str, SequenceOptions], ...] = ()


@dataclass(frozen=True, slots=True)
class DropTable:
    """``DROP TABLE a, b``: the tables and their indexes; with `cascade`, foreign keys and views that refer to them."""

    names: tuple[str, ...]
    if_exists: bool = False
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class CreateIndex:
    """``CREATE INDEX``. An index that was not named has the name ""."""

    index: IndexDef
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropIndex:
    """``DROP INDEX a, b``."""

    names: tuple[str, ...]
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class CreateType:
    """``CREATE TYPE name AS ENUM (labels)``."""

    type: SqlType


@dataclass(frozen=True, slots=True)
class AddLabel:
    """``ADD VALUE [IF NOT EXISTS] 'label' [BEFORE | AFTER 'neighbour']``."""

    label: str
    if_not_exists: bool = False
    neighbour: str | None = None
    before: bool = False


@dataclass(frozen=True, slots=True)
class RenameLabel:
    """``RENAME VALUE 'label' TO 'new_label'``."""

    label: str
    new_label: str


@dataclass(frozen=True, slots=True)
class RenameType:
    """``RENAME TO name``."""

    name: str


@dataclass(frozen=True, slots=True)
class AlterType:
    """``ALTER TYPE``, of an enum type."""

    name: str
    action: AddLabel | RenameLabel | RenameType


@dataclass(frozen=True, slots=True)
class DropType:
    """``DROP TYPE a, b``; with `cascade`, also the columns, defaults, constraints and views that use them."""

    names: tuple[str, ...]
    if_exists: bool = False
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class AlterTable:
    """``ALTER TABLE``: the actions, in order."""

    name: str
    actions: tuple[AlterAction, ...]
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class CreateSequence:
    """``CREATE SEQUENCE``."""

    name: str
    options: SequenceOptions
    if_not_exists: bool = False
    is_temporary: bool = False


@dataclass(frozen=True, slots=True)
class AlterIndex:
    """``ALTER INDEX ... RENAME TO``."""

    name: str
    new_name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class AlterSequence:
    """``ALTER SEQUENCE``: the options that change, or the new name. ``options.restart`` concerns the values, not the dictionary."""

    name: str
    options: SequenceOptions
    if_exists: bool = False
    new_name: str | None = None


@dataclass(frozen=True, slots=True)
class DropSequence:
    """``DROP SEQUENCE a, b``; with `cascade`, also the defaults that take values from them."""

    names: tuple[str, ...]
    if_exists: bool = False
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class CreateView:
    """``CREATE VIEW`` and ``CREATE OR REPLACE VIEW``."""

    view: View
    or_replace: bool = False


@dataclass(frozen=True, slots=True)
class AlterView:
    """``ALTER VIEW ... RENAME TO``."""

    name: str
    new_name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropView:
    """``DROP VIEW a, b``; with `cascade`, also the views that read them."""

    names: tuple[str, ...]
    if_exists: bool = False
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class CommentOn:
    """``COMMENT ON ... IS 'text'``; None takes the comment away."""

    key: CommentKey
    text: str | None


DdlStatement: TypeAlias = (
    CreateTable
    | DropTable
    | AlterTable
    | CreateIndex
    | AlterIndex
    | DropIndex
    | CreateType
    | AlterType
    | DropType
    | CreateSequence
    | AlterSequence
    | DropSequence
    | CreateView
    | AlterView
    | DropView
    | CommentOn
)


def command_tag(stmt: DdlStatement) -> str:
    """PostgreSQL's command tag: ``CREATE TABLE``, ``ALTER SEQUENCE``, ``COMMENT`` ..."""
    words = " ".join(re.findall("[A-Z][a-z]+", type(stmt).__name__)).upper()
    return "COMMENT" if isinstance(stmt, CommentOn) else words
