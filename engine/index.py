"""Indexes: which keys of a table have a value, and which values lie in a range.

An index has a hash part, ``buckets: value -> key``, or ``value -> {key: None}`` where several keys share a value (a key is
never a dict), and an ordered part, which is not made before the first request for a range and not kept up through bulk
changes: sorting once is cheaper than inserting often. A primary key needs no hash part: the table's rows are it.

Both parts describe the newest committed rows. What an older snapshot needs besides is in `gone`: for each value, the keys that
lost it, with the version at which they did. It is filled before the parts change, and pruned with the version chains.

A reader takes keys from a bucket *and then* from `gone`, and looks at each row as its snapshot sees it; so it finds all rows that it
must, on whatever thread and in whatever moment of a commit. Nothing here blocks or is blocked: not even the first sorting, which
keeps its result only where no commit is running, and otherwise serves one reader.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final

from exdbsql.engine.keys import KeyOrder, KeyPart, has_null, value_reader
from exdbsql.engine.ordered import Bound, SortedBlocks, place
from exdbsql.engine.versions import Key, Row
from exdbsql.schema.table import IndexColumn, Table, UniqueKey

if TYPE_CHECKING:
    from exdbsql.engine.table import TableStore

BULK_SHARE: Final = 8
"""More changes at once than this share of an index drop its ordered part instead of keeping it up."""

_second = itemgetter(1)

Buckets = dict[Any, Any]


def keys_of_bucket(bucket: Any) -> list[Key]:
    """The keys in a bucket as a list of its own; none for None."""
    if bucket is None:
        return []
    return list(bucket) if type(bucket) is dict else [bucket]


def add_to_bucket(buckets: Buckets, value: Any, key: Key) -> bool:
    """Put a key under a value; whether the value is new."""
    bucket = buckets.get(value)
    if bucket is None:
        buckets[value] = key
        return True
    if type(bucket) is dict:
        bucket[key] = None
    elif bucket is not key and bucket != key:
        buckets[value] = {bucket: None, key: None}
    return False


def remove_from_bucket(buckets: Buckets, value: Any, key: Key) -> bool:
    """Take a key from a value; whether that was the value's last."""
    bucket = buckets.get(value)
    if bucket is None:
        return False
    if type(bucket) is not dict:
        if bucket is key or bucket == key:
            del buckets[value]
            return True
        return False
    bucket.pop(key, None)
    if len(bucket) == 1:
        buckets[value] = next(iter(bucket))
    return False


class Index:
    """A secondary index, or the index of a unique constraint.

    Attributes:
        store: the table.
        name: of the index or constraint.
        definition: its columns with their directions.
        columns: names of its columns.
        positions: of its columns in a row.
        unique: whether no two rows may share a value without NULL.
        order: how its values are ordered.
        value_of: reads the value from a row; never fails.
        verify: the same, and raises the error of an expression that fails.
        where: the condition of a partial index, or None.
        finds_all: whether every row has an entry, under the values of its columns.
        is_computed: whether its values are more than the values of columns (:mod:`exdbsql.engine.computed_index`).
        nulls_equal: whether NULL is a value like any other for uniqueness.
        buckets, gone: see the module.
        sorted_part: the ordered part, or None until somebody asks for a range.
    """

    __slots__ = (
        "__weakref__",
        "buckets",
        "columns",
        "definition",
        "finds_all",
        "gone",
        "name",
        "nulls_equal",
        "one_key_each",
        "order",
        "positions",
        "sorted_part",
        "store",
        "unique",
        "value_of",
        "verify",
        "where",
        "width",
    )

    is_primary: ClassVar[bool] = False
    is_computed: ClassVar[bool] = False

    def __init__(
        self,
        store: "TableStore",
        name: str,
        columns: Sequence[IndexColumn],
        unique: bool,
        *,
        nulls_equal: bool = False,
    ) -> None:
        table = store.definition
        names = tuple(column.name for column in columns)
        positions = table.column_positions(names)
        parts = [column_part(table, column) for column in columns]
        value_of = value_reader(positions, any(part.may_be_nan for part in parts))
        self._fill(store, name, columns, unique, nulls_equal, positions, parts, value_of)

    def _fill(
        self,
        store: "TableStore",
        name: str,
        columns: Sequence[IndexColumn],
        unique: bool,
        nulls_equal: bool,
        positions: tuple[int, ...],
        parts: Sequence[KeyPart],
        value_of: Callable[[Row], Any],
    ) -> None:
        self.store = store
        self.name = name
        self.definition = tuple(columns)
        self.unique = unique
        self.nulls_equal = nulls_equal
        self.columns = tuple(column.name for column in columns)
        self.positions = positions
        self.width = len(columns)
        self.order = KeyOrder(parts)
        self.one_key_each = unique and not any(part.may_be_null for part in parts)
        self.value_of = value_of
        self.verify = value_of
        self.where: str | None = None
        self.finds_all = True
        self.buckets: Buckets = {}
        self.gone: dict[Any, dict[Key, int]] = {}
        self.sorted_part: SortedBlocks | None = None

    # What readers ask

    def holds(self, value: Any) -> bool:
        """Whether rows with this value are in the index."""
        return True

    def keys(self, value: Any) -> list[Key]:
        """Keys of the newest rows with this value."""
        return keys_of_bucket(self.buckets.get(value))

    def gone_keys(self, value: Any) -> list[Key]:
        """Keys that lost this value and whose former rows an open snapshot may see."""
        keys = self.gone.get(value)
        return list(keys) if keys else []

    def gone_values(self) -> list[Any]:
        """Values that `gone_keys` knows keys for."""
        return list(self.gone)

    def is_null(self, value: Any) -> bool:
        """Whether a value holds a NULL, and so is equal to none."""
        return not self.nulls_equal and has_null(value, self.width)

    def has_no_null(self, row: Row, width: int) -> bool:
        """Whether the first `width` parts of the row's value are not NULL."""
        return all(row[position] is not None for position in self.positions[:width])

    def ordered(self, commit_lock: threading.Lock) -> SortedBlocks:
        """The ordered part, made now where there is none."""
        found = self.sorted_part
        if found is not None:
            return found
        if commit_lock.locked():
            return self._sort()
        with commit_lock:  # not acquire(): a cancelled statement's exception could arrive between it and the `try`
            found = self.sorted_part = self._sort()
        return found

    def _sort(self) -> SortedBlocks:
        values: Iterable[Any] = list(self.buckets)
        if self.width == 1:
            values = [value for value in values if value is not None]
        return SortedBlocks(values if self.order.plain else map(self.order.entry, values))

    def keys_in_order(self, entries: list[Any]) -> list[Key]:
        """Keys of the values that some entries of the ordered part stand for."""
        values: Iterable[Any] = entries if self.order.plain else map(_second, entries)
        found = map(self.buckets.get, values)
        if self.one_key_each:
            return list(found)
        keys: list[Key] = []
        for bucket in found:
            if type(bucket) is dict:
                keys += list(bucket)
            else:
                keys.append(bucket)
        return keys

    # What a commit does, under the commit lock

    def note_gone(self, value: Any, key: Key, version: int) -> None:
        """Keep for older snapshots that `key` had `value` until `version`."""
        keys = self.gone.get(value)
        if keys is None:
            self.gone[value] = {key: version}
        else:
            keys[key] = version

    def replace(self, key: Key, before: Row | None, after: Row | None, version: int) -> None:
        """One row changed, appeared (`before` is None) or vanished (`after` is None)."""
        if before is None:
            if after is not None:
                self._add(self.value_of(after), key)
            return
        value = self.value_of(before)
        new_value = value if after is None else self.value_of(after)
        if after is not None and new_value == value:
            return
        gone = self.gone
        if gone:
            self.note_gone(value, key, version)
        else:
            gone[value] = {key: version}
        self._remove(value, key)
        if after is not None:
            self._add(new_value, key)

    def _add(self, value: Any, key: Key) -> None:
        """As `add_to_bucket`, with one look-up where the value is new."""
        buckets = self.buckets
        size = len(buckets)
        bucket = buckets.setdefault(value, key)
        if len(buckets) > size:
            if self.sorted_part is not None and self.is_ordered(value):
                self.sorted_part.add(self.order.entry(value))
        elif type(bucket) is dict:
            bucket[key] = None
        elif bucket is not key and bucket != key:
            buckets[value] = {bucket: None, key: None}

    def _remove(self, value: Any, key: Key) -> None:
        if remove_from_bucket(self.buckets, value, key) and self.sorted_part is not None and self.is_ordered(value):
            self.sorted_part.remove(self.order.entry(value))

    def is_ordered(self, value: Any) -> bool:
        """Whether the value has a place in the order; the NULLs of an index of one column are kept apart."""
        return value is not None or self.width > 1

    def add_many(self, rows: Mapping[Key, Row]) -> None:
        """Many rows with new keys appeared."""
        buckets = self.buckets
        self.expect_changes(len(rows))
        if self.sorted_part is not None:
            for key, row in rows.items():
                self._add(self.value_of(row), key)
            return
        if self.one_key_each:
            buckets.update(zip(map(self.value_of, rows.values()), rows, strict=True))
            return
        get = buckets.get
        for key, value in zip(rows, map(self.value_of, rows.values()), strict=True):
            bucket = get(value)
            if bucket is None:
                buckets[value] = key
            elif type(bucket) is dict:
                bucket[key] = None
            else:
                buckets[value] = {bucket: None, key: None}

    def rebuild(self) -> None:
        """Make the parts again from the rows."""
        self.sorted_part = None
        buckets: Buckets = {}
        for key, row in self.store.rows.items():
            add_to_bucket(buckets, self.value_of(row), key)
        self.buckets = buckets

    def expect_changes(self, number: int) -> None:
        """Drop the ordered part where keeping it up through so many changes costs more than sorting again."""
        if self.sorted_part is not None and number > 64 and number * BULK_SHARE > len(self.buckets):
            self.sorted_part = None

    def forget_gone(self, floor: int) -> None:
        """Forget what no snapshot from `floor` on needs."""
        for value, keys in list(self.gone.items()):
            needed = {key: version for key, version in keys.items() if version > floor}
            if not needed:
                del self.gone[value]
            elif len(needed) < len(keys):
                self.gone[value] = needed


class PrimaryIndex(Index):
    """The primary key, seen as an index: its hash part is the table's rows, its `gone` the version chains."""

    __slots__ = ()

    is_primary: ClassVar[bool] = True

    def __init__(self, store: "TableStore", key: UniqueKey) -> None:
        super().__init__(store, key.name, [IndexColumn(column) for column in key.columns], True)

    def keys(self, value: Any) -> list[Key]:
        """The key itself, which may have no row now."""
        return [value]

    def gone_keys(self, value: Any) -> list[Key]:
        """None besides what `keys` gives."""
        return []

    def gone_values(self) -> list[Any]:
        """Keys that have changed: some of them may have no row now, and an older one."""
        return list(self.store.chains)

    def keys_in_order(self, entries: list[Any]) -> list[Key]:
        """The keys that some entries of the ordered part stand for."""
        return entries if self.order.plain else list(map(_second, entries))

    def _sort(self) -> SortedBlocks:
        values = list(self.store.rows)
        return SortedBlocks(values if self.order.plain else map(self.order.entry, values))

    def replace(self, key: Key, before: Row | None, after: Row | None, version: int) -> None:
        """One row changed, appeared or vanished; only the ordered part has to know."""
        if self.sorted_part is None or (before is None) == (after is None):
            return
        if after is None:
            self.sorted_part.remove(self.order.entry(key))
        else:
            self.sorted_part.add(self.order.entry(key))

    def add_many(self, rows: Mapping[Key, Row]) -> None:
        """Many rows with new keys appeared; the table has not taken them in yet."""
        if self.sorted_part is None:
            return
        if len(rows) > 64 and len(rows) * BULK_SHARE > len(self.store.rows):
            self.sorted_part = None
            return
        for key in rows:
            self.sorted_part.add(self.order.entry(key))

    def expect_changes(self, number: int) -> None:
        """Drop the ordered part where keeping it up costs more than sorting again."""
        if self.sorted_part is not None and number > 64 and number * BULK_SHARE > len(self.store.rows):
            self.sorted_part = None

    def forget_gone(self, floor: int) -> None:
        """Nothing to forget: the chains are the table's."""


def column_part(table: Table, column: IndexColumn) -> KeyPart:
    """What the order of an index must know of one of its columns."""
    definition = table.column(column.name)
    in_key = table.primary_key is not None and column.name in table.primary_key.columns
    return KeyPart(
        may_be_null=not (definition.not_null or in_key),
        may_be_nan=definition.type.is_float or definition.type.name == "numeric",
        descending=column.descending,
        nulls_swapped=column.nulls_swapped,
    )


def merged_entries(own: Sequence[Any], committed: Iterable[list[Any]], reverse: bool) -> Iterator[Any]:
    """Distinct entries of sorted `own` and of sorted `committed` pieces, in one order."""
    waiting = list(own) if reverse else list(reversed(own))
    for piece in committed:
        for entry in reversed(piece) if reverse else piece:
            while waiting and (waiting[-1] > entry if reverse else waiting[-1] < entry):
                yield waiting.pop()
            if waiting and waiting[-1] == entry:
                waiting.pop()
            yield entry
    while waiting:
        yield waiting.pop()


def within(entry: Any, start: Bound, stop: Bound) -> bool:
    """Whether an entry lies between two bounds."""
    one = [entry]
    return (start is None or place(one, start) == 0) and (stop is None or place(one, stop) == 1)
