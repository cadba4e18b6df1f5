"""Foreign keys as the engine knows them: which tables refer to which, and how a referenced row and the referencing rows are found.

`Links` is made from a dictionary and its tables, whenever one of them is replaced. The checks are elsewhere: at the end of a
statement, with the actions, in :mod:`exdbsql.engine.reference_actions`; at a commit in :mod:`exdbsql.engine.reference_checks`.

Both tables of a foreign key are of one kind. Otherwise a node could not know what it must: whether a row of a LOCAL table on another
node refers to the replicated row that goes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

from exdbsql.engine.index import Index
from exdbsql.engine.keys import has_null, value_reader
from exdbsql.engine.reads import Reads
from exdbsql.engine.table import TableStore
from exdbsql.engine.versions import Key, Row
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import ConflictError, IntegrityError, InternalError, ProgrammingError
from exdbsql.schema.sqlstate import FOREIGN_KEY_VIOLATION, INVALID_FOREIGN_KEY
from exdbsql.schema.table import ForeignKey, Table

Value = Any
"""Values of the columns of a foreign key: bare for one column, a tuple for more."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """An index over the columns of a foreign key, which may have them in another order."""

    index: Index
    reorder: Callable[[Value], Any] | None

    def value(self, value: Value) -> Any:
        """The value of the index that belongs to a value of the foreign key."""
        return value if self.reorder is None else self.reorder(value)


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """One foreign key.

    Attributes:
        key: its definition.
        child, parent: the referencing and the referenced table.
        child_value, parent_value: read the value from a row of the one and of the other.
        parents: the unique index that finds the referenced row.
        children: an index that finds the referencing rows, or None: then the table is scanned.
    """

    key: ForeignKey
    child: TableStore
    parent: TableStore
    child_positions: tuple[int, ...]
    parent_positions: tuple[int, ...]
    child_value: Callable[[Row], Value]
    parent_value: Callable[[Row], Value]
    parents: Lookup
    children: Lookup | None

    @property
    def width(self) -> int:
        """How many columns it has."""
        return len(self.child_positions)

    def is_void(self, value: Value) -> bool:
        """Whether a value refers to nothing: it has a NULL (with MATCH FULL, `check_match` has seen to the rest)."""
        return has_null(value, self.width)

    def check_match(self, value: Value) -> None:
        """MATCH FULL: all columns are NULL or none; IntegrityError 23503 otherwise."""
        if (
            self.key.match_full
            and self.width > 1
            and any(v is None for v in value)
            and not all(v is None for v in value)
        ):
            raise IntegrityError(
                f'insert or update on table "{self.child.name}" violates foreign key constraint "{self.key.name}"',
                sqlstate=FOREIGN_KEY_VIOLATION,
                detail="MATCH FULL does not allow mixing of null and nonnull key values.",
                table=self.child.name,
                constraint=self.key.name,
            )

    # What a transaction sees

    def parent_is_seen(self, reads: Reads, value: Value) -> bool:
        """Whether the transaction sees a referenced row with the value."""
        index = self.parents.index
        wanted = self.parents.value(value)
        if index.is_primary:
            return reads.get(self.parent, wanted) is not None
        return bool(reads.seek_items(index, wanted))

    def children_seen(self, reads: Reads, values: Mapping[Value, object]) -> list[tuple[Value, Key, Row]]:
        """(value, key, row) of the referencing rows that the transaction sees."""
        found: list[tuple[Value, Key, Row]] = []
        if self.children is None:
            read = self.child_value
            return [(v, key, row) for key, row in reads.items(self.child) if (v := read(row)) in values]
        for value in values:
            items = reads.seek_items(self.children.index, self.children.value(value))
            found += [(value, key, row) for key, row in items]
        return found

    # The newest rows

    def parent_keys(self, value: Value) -> list[Key]:
        """Keys that the newest referenced row with the value has, or would have."""
        keys = self.parents.index.keys(self.parents.value(value))
        return [key for key in keys if key in self.parent.rows] if self.parents.index.is_primary else keys

    def newest_children(self, values: Mapping[Value, object]) -> Iterable[tuple[Value, Key]]:
        """(value, key) of the newest referencing rows."""
        if self.children is None:
            read = self.child_value
            return [(v, key) for key, row in self.child.rows.items() if (v := read(row)) in values]
        index, lookup = self.children.index, self.children
        rows = self.child.rows
        return [(value, key) for value in values for key in index.keys(lookup.value(value)) if key in rows]

    # Errors

    def _text(self, columns: Iterable[str], value: Value) -> str:
        parts = (value,) if self.width == 1 else value
        return f"({', '.join(columns)})=({', '.join(map(str, parts))})"

    def missing_parent(self, value: Value) -> IntegrityError:
        """A row refers to nothing that is there."""
        return IntegrityError(
            f'insert or update on table "{self.child.name}" violates foreign key constraint "{self.key.name}"',
            sqlstate=FOREIGN_KEY_VIOLATION,
            detail=f'Key {self._text(self.key.columns, value)} is not present in table "{self.parent.name}".',
            table=self.child.name,
            constraint=self.key.name,
        )

    def remaining_child(self, value: Value) -> IntegrityError:
        """A row that is referred to would go."""
        columns = [self.parent.definition.columns[at].name for at in self.parent_positions]
        return IntegrityError(
            f'update or delete on table "{self.parent.name}" violates foreign key constraint "{self.key.name}" '
            f'on table "{self.child.name}"',
            sqlstate=FOREIGN_KEY_VIOLATION,
            detail=f'Key {self._text(columns, value)} is still referenced from table "{self.child.name}".',
            table=self.child.name,
            constraint=self.key.name,
        )

    def new_child(self, value: Value) -> ConflictError:
        """A row that the transaction's action did not see refers to what it removed."""
        named = self._text(self.key.columns, value)
        return ConflictError(
            f'another transaction added a row with {named} to table "{self.child.name}", which refers to what this one removed',
            hint="Run the transaction again.",
            table=self.child.name,
            key=named,
        )


@dataclass(frozen=True, slots=True)
class Links:
    """The foreign keys between the tables of a catalog.

    Attributes:
        outgoing: by referencing table.
        incoming: by referenced table.
    """

    outgoing: Mapping[TableStore, tuple[Reference, ...]] = field(default_factory=dict)
    incoming: Mapping[TableStore, tuple[Reference, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.outgoing)

    def concern(self, store: TableStore) -> bool:
        """Whether a table refers to another or is referred to."""
        return store in self.outgoing or store in self.incoming


NO_LINKS: Final = Links()


def links_of(
    dictionary: Dictionary,
    tables: Mapping[str, TableStore],
    indexes: Mapping[TableStore, Mapping[str, Index]] | None = None,
) -> Links:
    """The links between tables.

    Args:
        dictionary: names them.
        tables: by name.
        indexes: those that tables will have, where they do not have them yet.
    """
    if not any(table.foreign_keys for table in dictionary.tables.values()):
        return NO_LINKS
    outgoing: dict[TableStore, tuple[Reference, ...]] = {}
    incoming: dict[TableStore, tuple[Reference, ...]] = {}
    known = indexes or {}
    for _, table in sorted(dictionary.tables.items()):  # in the same order on every node
        for key in table.foreign_keys:
            child, parent = tables[table.name], tables[key.parent]
            made = _reference(key, table, child, dictionary.tables[key.parent], parent, known)
            outgoing[child] = (*outgoing.get(child, ()), made)
            incoming[parent] = (*incoming.get(parent, ()), made)
    return Links(outgoing, incoming)


def _reference(
    key: ForeignKey,
    child_table: Table,
    child: TableStore,
    parent_table: Table,
    parent: TableStore,
    indexes: Mapping[TableStore, Mapping[str, Index]],
) -> Reference:
    if child_table.kind is not parent_table.kind:
        raise ProgrammingError(
            f'foreign key constraint "{key.name}" of {child_table.kind.value} table "{child_table.name}" cannot refer to '
            f'{parent_table.kind.value} table "{parent_table.name}"',
            sqlstate=INVALID_FOREIGN_KEY,
            hint="Both tables must be of one kind: rows of the one may be on other nodes than rows of the other.",
        )
    child_positions = child_table.column_positions(key.columns)
    parent_positions = parent_table.column_positions(key.parent_columns)
    parents = _lookup(parent, parent_positions, indexes.get(parent, parent.indexes), unique=True)
    if parents is None:
        raise InternalError(f"no unique index of table {parent.name} serves foreign key {key.name}")
    return Reference(
        key,
        child,
        parent,
        child_positions,
        parent_positions,
        value_reader(child_positions, _may_be_nan(child_table, child_positions)),
        value_reader(parent_positions, _may_be_nan(parent_table, parent_positions)),
        parents,
        _lookup(child, child_positions, indexes.get(child, child.indexes), unique=False),
    )


def _may_be_nan(table: Table, positions: Iterable[int]) -> bool:
    types = [table.columns[at].type for at in positions]
    return any(t.is_float or t.name == "numeric" for t in types)


def _lookup(
    store: TableStore, positions: tuple[int, ...], indexes: Mapping[str, Index], *, unique: bool
) -> Lookup | None:
    """An index over exactly these columns, in whatever order."""
    candidates = [index for index in indexes.values() if index.finds_all]
    if store.primary is not None:
        candidates.insert(0, store.primary)
    for index in candidates:
        if (index.unique or not unique) and sorted(index.positions) == sorted(positions):
            if index.positions == positions:
                return Lookup(index, None)
            return Lookup(index, itemgetter(*(positions.index(at) for at in index.positions)))
    return None
