"""Partial indexes and indexes over expressions: their values come from a function of the row, not from columns alone.

The query layer makes that function from the definition (:mod:`exdbsql.engine.query.index_functions`); it depends on the row and
on nothing else, so it gives the same on every node (R2). For a row that a partial index leaves out it gives `OUTSIDE`,
which no hash part holds, no order, and no check of uniqueness looks at.

An expression may fail (``1 / n``). Where rows are checked, at the end of a statement and before a commit, `verify` raises that error;
once rows are being published nothing may fail any more, so `value_of` takes what cannot be computed for `OUTSIDE`. The only rows
of which that can be true are versions older than the index.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from exdbsql.engine.expression_errors import with_known_errors
from exdbsql.engine.index import Buckets, Index, add_to_bucket
from exdbsql.engine.keys import KeyPart
from exdbsql.engine.versions import Key, Row
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.table import IndexColumn, IndexDef, Table, UniqueKey

if TYPE_CHECKING:
    from exdbsql.engine.table import TableStore


class Outside:
    """The class of `OUTSIDE`, the value of a row that an index does not hold."""

    def __repr__(self) -> str:
        return "OUTSIDE"


OUTSIDE: Final = Outside()


@dataclass(frozen=True, slots=True)
class IndexFunction:
    """What the query layer makes of a definition.

    Attributes:
        value_of: the value of a row, or `OUTSIDE`; may raise what an expression raises.
        parts: what the order must know of each part of the value.
    """

    value_of: Callable[[Row], Any]
    parts: tuple[KeyPart, ...]


class ComputedIndex(Index):
    """An index with a condition, or with expressions in its key.

    Attributes:
        bound: its expressions as the planner compares them with those of statements; None before it has asked for them.
    """

    __slots__ = ("bound",)

    is_computed: ClassVar[bool] = True

    def __init__(self, store: "TableStore", definition: IndexDef, function: IndexFunction) -> None:
        self._fill(
            store,
            definition.name,
            definition.columns,
            definition.unique,
            definition.nulls_not_distinct,
            (),
            function.parts,
            _without_errors(function.value_of),
        )
        self.verify = with_known_errors(f"the expression of index {definition.name}", function.value_of)
        self.where = definition.where
        self.bound: Any = None
        self.finds_all = False

    def holds(self, value: Any) -> bool:
        """Whether rows with this value are in the index."""
        return value is not OUTSIDE

    def is_ordered(self, value: Any) -> bool:
        """Whether the value has a place in the order."""
        return value is not OUTSIDE and super().is_ordered(value)

    def is_null(self, value: Any) -> bool:
        """Whether a value is equal to none: it holds a NULL, or stands for a row outside of the index."""
        return value is OUTSIDE or super().is_null(value)

    def has_no_null(self, row: Row, width: int) -> bool:
        """Whether the first `width` parts of the row's value are not NULL."""
        return None not in self.value_of(row)[:width]

    def note_gone(self, value: Any, key: Key, version: int) -> None:
        """Keep for older snapshots that `key` had `value` until `version`."""
        if value is not OUTSIDE:
            super().note_gone(value, key, version)

    def _add(self, value: Any, key: Key) -> None:
        if value is not OUTSIDE:
            super()._add(value, key)

    def _remove(self, value: Any, key: Key) -> None:
        if value is not OUTSIDE:
            super()._remove(value, key)

    def add_many(self, rows: Mapping[Key, Row]) -> None:
        """Many rows with new keys appeared."""
        self.expect_changes(len(rows))
        for key, value in zip(rows, map(self.value_of, rows.values()), strict=True):
            self._add(value, key)

    def rebuild(self) -> None:
        """Make the parts again from the rows."""
        self.sorted_part = None
        buckets: Buckets = {}
        for key, row in self.store.rows.items():
            value = self.value_of(row)
            if value is not OUTSIDE:
                add_to_bucket(buckets, value, key)
        self.buckets = buckets


def _without_errors(value_of: Callable[[Row], Any]) -> Callable[[Row], Any]:
    def value_or_outside(row: Row) -> Any:
        try:
            return value_of(row)
        except MemoryError:  # says nothing about the row
            raise
        except Exception:  # noqa: BLE001  # whatever an expression may raise; see the module
            return OUTSIDE

    return value_or_outside


def make_index(store: "TableStore", definition: IndexDef, dictionary: Dictionary) -> Index:
    """The index of a definition, with nothing in it yet.

    Args:
        store: the table.
        definition: of the index.
        dictionary: where its expressions stand.
    """
    if definition.is_plain:
        nulls_equal = definition.nulls_not_distinct
        return Index(store, definition.name, definition.columns, definition.unique, nulls_equal=nulls_equal)
    return ComputedIndex(store, definition, index_function(store.definition, definition, dictionary))


def make_unique_index(store: "TableStore", key: UniqueKey) -> Index:
    """The index of a UNIQUE constraint, with nothing in it yet."""
    columns = tuple(map(IndexColumn, key.columns))
    return Index(store, key.name, columns, True, nulls_equal=key.nulls_not_distinct)


def index_function(table: Table, definition: IndexDef, dictionary: Dictionary) -> IndexFunction:
    """The function of an index, compiled by the query layer, which stands on the engine and so is imported when it is wanted."""
    from exdbsql.engine.query.index_functions import index_function as compiled

    return compiled(table, definition, dictionary)
