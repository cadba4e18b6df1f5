"""The dictionary: all tables, indexes and enum types of a database, as one immutable value.

A DDL statement makes a new dictionary from the old one, so whoever holds one sees a consistent set of definitions, and
compares versions to learn of a change. All nodes of a cluster execute the same statements in the same order and so come
to equal dictionaries, ids included: an id is given from a counter that never goes back, so that a table that was
dropped and made again is another table to whoever remembers the id.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from exdbsql.schema import sqlstate
from exdbsql.schema.ddl_statements import (
    CreateIndex,
    CreateTable,
    CreateType,
    DdlStatement,
    DropIndex,
    DropTable,
    DropType,
)
from exdbsql.schema.difference import Definitions, differences
from exdbsql.schema.errors import ProgrammingError, ProtocolError
from exdbsql.schema.identifiers import did_you_mean
from exdbsql.schema.printer import create_table_sql, create_type_sql
from exdbsql.schema.table import Check, Column, IndexColumn, IndexDef, Table, TableKind, UniqueKey
from exdbsql.schema.table_rules import complete_index, complete_table, require_new_relation
from exdbsql.schema.type_rules import require_new_type, require_types, require_unused, type_missing
from exdbsql.schema.types import SqlType
from exdbsql.schema.wire import (
    index_from_wire,
    index_to_wire,
    table_from_wire,
    table_to_wire,
    type_from_wire,
    type_to_wire,
)

__all__ = [
    "Check",
    "Column",
    "Dictionary",
    "IndexColumn",
    "IndexDef",
    "Table",
    "TableKind",
    "UniqueKey",
    "dictionary_from_wire",
    "dictionary_to_wire",
]


def _empty() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Tables, indexes and types by name. ``Dictionary()`` is empty.

    Attributes:
        tables: by name.
        indexes: made by CREATE INDEX, by name; tables, indexes and keys share one space of names.
        version: grows by one with every statement that changed something.
        next_table_id: the id that the next table gets, from 1.
        types: the enum types that CREATE TYPE made, by name.
    """

    tables: Mapping[str, Table] = field(default_factory=_empty)
    indexes: Mapping[str, IndexDef] = field(default_factory=_empty)
    version: int = 0
    next_table_id: int = 1
    types: Mapping[str, SqlType] = field(default_factory=_empty)

    def with_ddl(self, stmt: DdlStatement) -> "Dictionary":
        """The dictionary after `stmt`; `self` itself where IF [NOT] EXISTS makes the statement do nothing.

        Raises ProgrammingError: 42P07, 42P01, 42704, 42701, 42703, 42710, 42P16, 54011, 2BP01.
        """
        match stmt:
            case CreateTable():
                return self._create_table(stmt)
            case DropTable():
                return self._drop_tables(stmt)
            case CreateIndex():
                return self._create_index(stmt)
            case DropIndex():
                return self._drop_indexes(stmt)
            case CreateType():
                return self._create_type(stmt)
            case DropType():
                return self._drop_types(stmt)

    def with_all(self, statements: Iterable[DdlStatement]) -> "Dictionary":
        """The dictionary after several statements; all or none."""
        made = self
        for stmt in statements:
            made = made.with_ddl(stmt)
        return made

    def table(self, name: str) -> Table:
        """The table of that name; ProgrammingError 42P01, with a hint, where there is none."""
        found = self.tables.get(name)
        if found is None:
            message = f'relation "{name}" does not exist'
            raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_TABLE, hint=did_you_mean(name, self.tables))
        return found

    def table_by_id(self, table_id: int) -> Table | None:
        """The table with that id, or None where it was dropped or never was."""
        return next((table for table in self.tables.values() if table.id == table_id), None)

    def indexes_of(self, table: str) -> list[IndexDef]:
        """The indexes that CREATE INDEX made on the table, by name."""
        return sorted((i for i in self.indexes.values() if i.table == table), key=lambda i: i.name)

    def to_sql(self) -> str:
        """Canonical DDL that makes the same: types by name, then tables by name, each followed by its indexes."""
        types = [f"{create_type_sql(made)};" for _, made in sorted(self.types.items())]
        return "\n\n".join(
            types + [create_table_sql(t, self.indexes_of(t.name)) for _, t in sorted(self.tables.items())]
        )

    def digest(self) -> str:
        """Hexadecimal SHA-256 of the canonical DDL: equal where tables and indexes are equal, ids and version aside."""
        return hashlib.sha256(self.to_sql().encode("utf-8", "surrogatepass")).hexdigest()

    def difference(self, other: "Dictionary") -> list[str]:
        """What differs between this dictionary and `other`, a line each; empty where the digests are equal."""
        return differences(self._definitions(), other._definitions())

    def _definitions(self) -> Definitions:
        without_ids = {name: replace(table, id=0) for name, table in self.tables.items()}
        return Definitions(self.types, without_ids, self.indexes)

    def _relation_names(self) -> set[str]:
        keys = (key.name for table in self.tables.values() for key in table.unique_keys)
        return {*self.tables, *self.indexes, *keys}

    def _changed(self, **parts: Any) -> "Dictionary":
        """The dictionary with some of its parts replaced, and the next version."""
        frozen: dict[str, Any] = {
            name: MappingProxyType(dict(part)) if isinstance(part, Mapping) else part for name, part in parts.items()
        }
        return replace(self, version=self.version + 1, **frozen)

    def _create_table(self, stmt: CreateTable) -> "Dictionary":
        taken = self._relation_names()
        if stmt.if_not_exists and stmt.table.name in taken:
            return self
        require_new_relation(stmt.table.name, taken)
        require_new_type(stmt.table.name, self.types)
        require_types(stmt.table, self.types)
        table = replace(complete_table(stmt.table, taken), id=self.next_table_id)
        return self._changed(tables={**self.tables, table.name: table}, next_table_id=self.next_table_id + 1)

    def _drop_tables(self, stmt: DropTable) -> "Dictionary":
        gone = {name for name in stmt.names if name in self.tables}
        for name in stmt.names:
            if name not in gone and name in self._relation_names():
                hint = "Use DROP INDEX to remove an index." if name in self.indexes else None
                raise ProgrammingError(f'"{name}" is not a table', sqlstate=sqlstate.WRONG_OBJECT_TYPE, hint=hint)
            if name not in gone and not stmt.if_exists:
                message = f'table "{name}" does not exist'
                raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_TABLE, hint=did_you_mean(name, self.tables))
        if not gone:
            return self
        return self._changed(
            tables={name: table for name, table in self.tables.items() if name not in gone},
            indexes={name: index for name, index in self.indexes.items() if index.table not in gone},
        )

    def _create_index(self, stmt: CreateIndex) -> "Dictionary":
        taken = self._relation_names()
        if stmt.if_not_exists and stmt.index.name in taken:
            return self
        index = complete_index(stmt.index, self.table(stmt.index.table), taken)
        return self._changed(indexes={**self.indexes, index.name: index})

    def _drop_indexes(self, stmt: DropIndex) -> "Dictionary":
        for name in stmt.names:
            if name not in self.indexes:
                self._refuse_index_drop(name, if_exists=stmt.if_exists)
        kept = {name: index for name, index in self.indexes.items() if name not in stmt.names}
        return self._changed(indexes=kept) if len(kept) < len(self.indexes) else self

    def _refuse_index_drop(self, name: str, *, if_exists: bool) -> None:
        """Raises unless the index simply does not exist and need not."""
        if name in self.tables:
            hint = "Use DROP TABLE to remove a table."
            raise ProgrammingError(f'"{name}" is not an index', sqlstate=sqlstate.WRONG_OBJECT_TYPE, hint=hint)
        for table in self.tables.values():
            if any(key.name == name for key in table.unique_keys):
                message = f"cannot drop index {name} because constraint {name} on table {table.name} requires it"
                raise ProgrammingError(message, sqlstate=sqlstate.DEPENDENT_OBJECTS_STILL_EXIST)
        if not if_exists:
            message = f'index "{name}" does not exist'
            raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_OBJECT, hint=did_you_mean(name, self.indexes))

    def _create_type(self, stmt: CreateType) -> "Dictionary":
        made = stmt.type
        require_new_type(made.name, {*self.types, *self.tables})
        return self._changed(types={**self.types, made.name: made})

    def _drop_types(self, stmt: DropType) -> "Dictionary":
        for name in stmt.names:
            if name not in self.types and not stmt.if_exists:
                raise type_missing(name, self.types)
            require_unused(name, self.tables.values())
        kept = {name: made for name, made in self.types.items() if name not in stmt.names}
        return self._changed(types=kept) if len(kept) < len(self.types) else self


def dictionary_to_wire(dictionary: Dictionary) -> dict[str, Any]:
    """The dictionary, ids and version included, as lists and dicts that the codec packs."""
    return {
        "version": dictionary.version,
        "next_table_id": dictionary.next_table_id,
        "types": [type_to_wire(made) for _, made in sorted(dictionary.types.items())],
        "tables": [table_to_wire(table) for _, table in sorted(dictionary.tables.items())],
        "indexes": [index_to_wire(index) for _, index in sorted(dictionary.indexes.items())],
    }


def dictionary_from_wire(packed: Any) -> Dictionary:
    """The dictionary that `dictionary_to_wire` gave; ProtocolError where `packed` is none."""
    try:
        types = {made.name: made for made in map(type_from_wire, packed["types"])}
        tables = [table_from_wire(table, types) for table in packed["tables"]]
        indexes = [index_from_wire(index) for index in packed["indexes"]]
        return Dictionary(
            tables=MappingProxyType({table.name: table for table in tables}),
            indexes=MappingProxyType({index.name: index for index in indexes}),
            version=int(packed["version"]),
            next_table_id=int(packed["next_table_id"]),
            types=MappingProxyType(types),
        )
    except (KeyError, TypeError, ValueError, ProgrammingError) as problem:
        raise ProtocolError(f"these bytes are no dictionary: {problem}") from problem
