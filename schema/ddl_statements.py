"""The statements that change a dictionary, as values. :mod:`exdbsql.schema.ddl` parses them from text."""

from dataclasses import dataclass
from typing import TypeAlias

from exdbsql.schema.table import IndexDef, Table
from exdbsql.schema.types import SqlType


@dataclass(frozen=True, slots=True)
class CreateTable:
    """``CREATE TABLE``. `table.id` is 0; constraints that were not named have the name ""."""

    table: Table
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropTable:
    """``DROP TABLE a, b``: the tables and their indexes."""

    names: tuple[str, ...]
    if_exists: bool = False


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
class DropType:
    """``DROP TYPE a, b``."""

    names: tuple[str, ...]
    if_exists: bool = False


DdlStatement: TypeAlias = CreateTable | DropTable | CreateIndex | DropIndex | CreateType | DropType
