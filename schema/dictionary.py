"""The dictionary: all definitions of a database, as one immutable value.

A DDL statement makes a new dictionary from the old one, so whoever holds one sees a consistent set of definitions, and
compares versions to learn of a change. All nodes of a cluster execute the same statements in the same order and so come
to equal dictionaries, ids included: an id is given from a counter that never goes back, so that a table that was
dropped and made again is another table to whoever remembers the id.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from exdbsql.schema import sqlstate
from exdbsql.schema.alter_changes import alter_table
from exdbsql.schema.ddl_statements import (
    AlterIndex,
    AlterSequence,
    AlterTable,
    AlterType,
    AlterView,
    CommentOn,
    CreateIndex,
    CreateSequence,
    CreateTable,
    CreateType,
    CreateView,
    DdlStatement,
    DropIndex,
    DropSequence,
    DropTable,
    DropType,
    DropView,
)
from exdbsql.schema.difference import Definitions, differences
from exdbsql.schema.enum_changes import alter_type
from exdbsql.schema.errors import ProgrammingError, ProtocolError
from exdbsql.schema.identifiers import did_you_mean
from exdbsql.schema.index_changes import create_index, drop_indexes
from exdbsql.schema.object_changes import (
    alter_sequence,
    comment_on,
    create_sequence,
    create_type,
    create_view,
    drop_sequences,
    drop_types,
    drop_views,
    has_object,
)
from exdbsql.schema.object_renames import rename_index, rename_view
from exdbsql.schema.script import dictionary_sql
from exdbsql.schema.table import (
    Check,
    Column,
    CommentKey,
    ForeignKey,
    IndexColumn,
    IndexDef,
    Sequence,
    Table,
    TableKind,
    UniqueKey,
    View,
)
from exdbsql.schema.table_changes import create_table, drop_tables
from exdbsql.schema.types import SqlType
from exdbsql.schema.wire import (
    index_from_wire,
    index_to_wire,
    sequence_from_wire,
    sequence_to_wire,
    table_from_wire,
    table_to_wire,
    type_from_wire,
    type_to_wire,
    view_from_wire,
)

__all__ = [
    "Check",
    "Column",
    "CommentKey",
    "Dictionary",
    "ForeignKey",
    "IndexColumn",
    "IndexDef",
    "Sequence",
    "Table",
    "TableKind",
    "UniqueKey",
    "View",
    "dictionary_from_wire",
    "dictionary_to_wire",
]


def _empty() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Definitions by name. ``Dictionary()`` is empty.

    Attributes:
        tables: by name.
        indexes: made by CREATE INDEX, by name; tables, indexes and keys share one space of names.
        version: grows by one with every statement that changed something.
        next_table_id: the id that the next table or sequence gets, from 1.
        types: the enum types that CREATE TYPE made, by name.
        sequences: by name, those of serial and identity columns included.
        views: by name.
        comments: texts by what they are about.
        hidden: in what a session with temporary tables sees, names of permanent tables that these hide.
    """

    tables: Mapping[str, Table] = field(default_factory=_empty)
    indexes: Mapping[str, IndexDef] = field(default_factory=_empty)
    version: int = 0
    next_table_id: int = 1
    types: Mapping[str, SqlType] = field(default_factory=_empty)
    sequences: Mapping[str, Sequence] = field(default_factory=_empty)
    views: Mapping[str, View] = field(default_factory=_empty)
    comments: Mapping[CommentKey, str] = field(default_factory=_empty)
    hidden: frozenset[str] = frozenset()

    def with_ddl(self, stmt: DdlStatement) -> "Dictionary":
        """The dictionary after `stmt`; `self` itself where IF [NOT] EXISTS makes the statement do nothing.

        Raises ProgrammingError: 42P07, 42P01, 42704, 42701, 42703, 42710, 42P16, 54011, 2BP01.
        """
        return _CHANGES[type(stmt)](self, stmt)

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
        """Canonical DDL that makes the same, in an order in which it can be executed."""
        return "\n\n".join(dictionary_sql(self))

    def digest(self) -> str:
        """Hexadecimal SHA-256 of the canonical DDL: equal where tables and indexes are equal, ids and version aside."""
        return hashlib.sha256(self.to_sql().encode("utf-8", "surrogatepass")).hexdigest()

    def difference(self, other: "Dictionary") -> list[str]:
        """What differs between this dictionary and `other`, a line each; empty where the digests are equal."""
        return differences(self._definitions(), other._definitions())

    def _definitions(self) -> Definitions:
        without_ids = {name: replace(table, id=0) for name, table in self.tables.items()}
        sequences = {name: replace(made, id=0) for name, made in self.sequences.items()}
        return Definitions(self.types, without_ids, self.indexes, sequences, self.views, self.comments)

    def relation_names(self) -> set[str]:
        """What shares one space of names: tables, indexes, keys, sequences and views."""
        keys = (key.name for table in self.tables.values() for key in table.unique_keys)
        return {*self.tables, *self.indexes, *self.sequences, *self.views, *keys}

    def kind_of_relation(self, name: str) -> str:
        """TABLE, INDEX, SEQUENCE or VIEW; CONSTRAINT for any other name."""
        holders = {"TABLE": self.tables, "INDEX": self.indexes, "SEQUENCE": self.sequences, "VIEW": self.views}
        return next((kind for kind, held in holders.items() if name in held), "CONSTRAINT")

    def changed(self, **parts: Any) -> "Dictionary":
        """The dictionary with some of its parts replaced and the next version; comments on what is gone go too."""
        frozen: dict[str, Any] = {
            name: MappingProxyType(dict(part)) if isinstance(part, Mapping) else part for name, part in parts.items()
        }
        made = replace(self, version=self.version + 1, **frozen)
        if all(has_object(made, key) for key in made.comments):
            return made
        kept = {key: text for key, text in made.comments.items() if has_object(made, key)}
        return replace(made, comments=MappingProxyType(kept))


_CHANGES: Final[dict[type[DdlStatement], Callable[[Dictionary, Any], Dictionary]]] = {
    CreateTable: create_table,
    DropTable: drop_tables,
    AlterTable: alter_table,
    CreateIndex: create_index,
    AlterIndex: rename_index,
    DropIndex: drop_indexes,
    CreateType: create_type,
    AlterType: alter_type,
    DropType: drop_types,
    CreateSequence: create_sequence,
    AlterSequence: alter_sequence,
    DropSequence: drop_sequences,
    CreateView: create_view,
    AlterView: rename_view,
    DropView: drop_views,
    CommentOn: comment_on,
}


def dictionary_to_wire(dictionary: Dictionary) -> dict[str, Any]:
    """The dictionary, ids and version included, as lists and dicts that the codec packs."""
    return {
        "version": dictionary.version,
        "next_table_id": dictionary.next_table_id,
        "types": [type_to_wire(made) for _, made in sorted(dictionary.types.items())],
        "tables": [table_to_wire(table) for _, table in sorted(dictionary.tables.items())],
        "indexes": [index_to_wire(index) for _, index in sorted(dictionary.indexes.items())],
        "sequences": [sequence_to_wire(made) for _, made in sorted(dictionary.sequences.items())],
        "views": [[view.name, view.query, list(view.columns)] for _, view in sorted(dictionary.views.items())],
        "comments": sorted([key.kind, key.name, key.part, text] for key, text in dictionary.comments.items()),
    }


def dictionary_from_wire(packed: Any) -> Dictionary:
    """The dictionary that `dictionary_to_wire` gave; ProtocolError where `packed` is none."""
    try:
        types = {made.name: made for made in map(type_from_wire, packed["types"])}
        tables = [table_from_wire(table, types) for table in packed["tables"]]
        indexes = [index_from_wire(index) for index in packed["indexes"]]
        sequences = [sequence_from_wire(made) for made in packed["sequences"]]
        views = [view_from_wire(view) for view in packed["views"]]
        return Dictionary(
            tables=MappingProxyType({table.name: table for table in tables}),
            indexes=MappingProxyType({index.name: index for index in indexes}),
            version=int(packed["version"]),
            next_table_id=int(packed["next_table_id"]),
            types=MappingProxyType(types),
            sequences=MappingProxyType({made.name: made for made in sequences}),
            views=MappingProxyType({view.name: view for view in views}),
            comments=MappingProxyType({CommentKey(*map(str, key)): str(text) for *key, text in packed["comments"]}),
        )
    except (KeyError, TypeError, ValueError, ProgrammingError) as problem:
        raise ProtocolError(f"these bytes are no dictionary: {problem}") from problem
