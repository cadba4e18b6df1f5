"""What one transaction has written to one table: its buffer, and how its own reads find it there.

`writes` maps a key to the transaction's row, or to None where it deleted the row. Own indexes over it are made only for
the indexes that the transaction reads while it has writes, kept up from then on, and dropped by a rollback to a savepoint.
"""

from typing import Any, Final

from exdbsql.engine.index import Buckets, Index, add_to_bucket, keys_of_bucket, remove_from_bucket
from exdbsql.engine.ordered import Bound, cut
from exdbsql.engine.table import TableStore
from exdbsql.engine.versions import Key, Row


class Absent:
    """The class of `ABSENT`, which stands for "this transaction has not written this key"."""


ABSENT: Final = Absent()


class Overlay:
    """The writes of one transaction to one table."""

    __slots__ = ("_own", "_sorted", "store", "writes")

    def __init__(self, store: TableStore) -> None:
        self.store = store
        self.writes: dict[Key, Row | None] = {}
        self._own: dict[Index, Buckets] = {}
        self._sorted: dict[Index, list[Any]] = {}

    def put(self, key: Key, row: Row | None) -> None:
        """Write one key."""
        if self._own:
            self._move(key, self.writes.get(key), row)
        self.writes[key] = row

    def put_many(self, rows: dict[Key, Row]) -> None:
        """Write keys that are not in the buffer; the dictionary is the buffer's from now on."""
        if self._own:
            for key, row in rows.items():
                self._move(key, None, row)
        if self.writes:
            self.writes.update(rows)
        else:
            self.writes = rows  # type: ignore[assignment]  # nobody else changes it

    def take_back(self, key: Key, previous: Row | None | Absent) -> None:
        """Undo one write; `previous` is what the buffer held before it."""
        self.forget_own_indexes()
        if isinstance(previous, Absent):
            self.writes.pop(key, None)
        else:
            self.writes[key] = previous

    def forget_own_indexes(self) -> None:
        """Drop the own indexes; the next read that wants one makes it again."""
        self._own.clear()
        self._sorted.clear()

    def _move(self, key: Key, before: Row | None, after: Row | None) -> None:
        self._sorted.clear()
        for index, buckets in self._own.items():
            if before is not None:
                remove_from_bucket(buckets, index.value_of(before), key)
            if after is not None:
                add_to_bucket(buckets, index.value_of(after), key)

    def own_index(self, index: Index) -> Buckets:
        """Own rows by their value in `index`."""
        buckets = self._own.get(index)
        if buckets is None:
            buckets = {}
            for key, row in self.writes.items():
                if row is not None:
                    add_to_bucket(buckets, index.value_of(row), key)
            self._own[index] = buckets
        return buckets

    def own_keys(self, index: Index, value: Any) -> list[Key]:
        """Keys of own rows with this value in `index`."""
        if index.is_primary:
            return [value] if self.writes.get(value) is not None else []
        return keys_of_bucket(self.own_index(index).get(value))

    def own_entries(self, index: Index, start: Bound, stop: Bound) -> list[Any]:
        """Entries of the order of `index` for own rows, sorted, between two bounds."""
        entries = self._sorted.get(index)
        if entries is None:
            entries = sorted(map(index.order.entry, filter(index.is_ordered, self.own_index(index))))
            self._sorted[index] = entries
        return cut(entries, start, stop)
