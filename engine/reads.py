"""What a transaction reads: its snapshot of the committed rows, with its own writes over it.

What compiled SQL calls. The common case of every read is one atomic call on the table's newest rows and one comparison of
versions (:mod:`exdbsql.engine.table` says why that suffices); the rest of each method is for tables that changed since the
snapshot or that the transaction has written to.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from exdbsql.engine.fixed_point import integers
from exdbsql.engine.index import Index, merged_entries, within
from exdbsql.engine.keys import same
from exdbsql.engine.ordered import BLOCK_ENTRIES, Bound, cut
from exdbsql.engine.overlay import ABSENT, Overlay
from exdbsql.engine.scan_cache import ROWS, columns_with, shared_columns
from exdbsql.engine.short_range import few_between
from exdbsql.engine.table import TableStore
from exdbsql.engine.versions import Key, Row
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.sqlstate import UNDEFINED_OBJECT

if TYPE_CHECKING:
    from exdbsql.engine.database import Database


_FIRST_PIECE: Final = 16
"""So many values of an index are looked at first: who wants more than the first rows pays for one piece more."""


class Reads:
    """The reading half of a transaction.

    Attributes:
        by_table: own writes, by table.
        snapshot: the version that it sees; -1 while it is being opened.
        position: the log position that `snapshot` belongs to.
    """

    __slots__ = ("_database", "by_table", "position", "snapshot")

    _database: "Database"
    by_table: dict[TableStore, Overlay]
    snapshot: int
    position: int

    def get(self, store: TableStore, key: Key) -> Row | None:
        """The row with this key, or None."""
        if self.by_table:
            overlay = self.by_table.get(store)
            if overlay is not None:
                own = overlay.writes.get(key, ABSENT)
                if own is not ABSENT:
                    return own  # type: ignore[return-value]  # a row or None, as it is not ABSENT
        row = store.rows.get(key)
        if store.changed_at > self.snapshot:
            return store.row_at(key, row, self.snapshot)
        return row

    def get_many(self, store: TableStore, keys: Collection[Key]) -> list[Row]:
        """The rows with these keys, which are distinct; those that are not there are left out."""
        if store not in self.by_table:
            rows = list(filter(None, map(store.rows.get, keys)))
            if store.changed_at <= self.snapshot:
                return rows
        get = self.get
        return [row for key in keys if (row := get(store, key)) is not None]

    def rows(self, store: TableStore) -> Sequence[Row]:
        """All rows, in no particular order."""
        if store not in self.by_table:
            rows = list(store.rows.values())
            if store.changed_at <= self.snapshot:
                return rows
        return list(self._merged(store).values())

    def scan(self, store: TableStore) -> Sequence[Row]:
        """As `rows`, in a list that may be shared: it must not be changed, nor given to anybody who might."""
        lists = self._lists(store, (ROWS,))
        return list(self._merged(store).values()) if lists is None else lists[0]

    def columns(self, store: TableStore, *positions: int) -> list[list[Any]]:
        """The values of some columns of all rows, each a list, in the same order of rows; shared as those of `scan`."""
        lists = self._lists(store, positions)
        if lists is not None:
            return lists
        rows = list(self._merged(store).values())
        return [list(map(itemgetter(position), rows)) for position in positions]

    def fixed_columns(self, store: TableStore, *lists: tuple[int, list[Any], int]) -> list[list[int]] | None:
        """Columns that `columns` gave, as integers (:mod:`exdbsql.engine.fixed_point`), or None; `lists` are position, values and scale."""
        database = self._database
        room = None if database.memory_limit is None else database.room_for_scans()
        found = [integers(store, position, values, scale, room) for position, values, scale in lists]
        made = [numbers for numbers in found if numbers is not None]
        return made if len(made) == len(found) else None

    def rows_and_column(self, store: TableStore, position: int) -> tuple[Sequence[Row], list[Any]]:
        """All rows, and the values of one column of theirs in the same order; both may be shared."""
        lists = self._lists(store, (ROWS, position))
        if lists is not None:
            return lists[0], lists[1]
        rows = list(self._merged(store).values())
        return rows, list(map(itemgetter(position), rows))

    def _lists(self, store: TableStore, positions: Sequence[int]) -> list[list[Any]] | None:
        """Rows and columns from lists that the table keeps; None where they do not have what this transaction sees."""
        database = self._database
        room = None if database.memory_limit is None else database.room_for_scans()
        overlay = self.by_table.get(store)
        if overlay is None or not overlay.writes:
            return shared_columns(store, self.snapshot, positions, room)
        return columns_with(store, self.snapshot, positions, overlay.writes, room)

    def items(self, store: TableStore) -> Sequence[tuple[Key, Row]]:
        """All (key, row), in no particular order."""
        if store not in self.by_table:
            items = list(store.rows.items())
            if store.changed_at <= self.snapshot:
                return items
        return list(self._merged(store).items())

    def count(self, store: TableStore) -> int:
        """How many rows there are."""
        if store not in self.by_table:
            number = len(store.rows)
            if store.changed_at <= self.snapshot:
                return number
        return len(self._merged(store))

    def _merged(self, store: TableStore) -> dict[Key, Row]:
        rows = store.rows_at(self.snapshot)
        overlay = self.by_table.get(store)
        if overlay is not None:
            for key, row in overlay.writes.items():
                if row is None:
                    rows.pop(key, None)
                else:
                    rows[key] = row
        return rows

    def seek(self, index: Index, value: Any) -> list[Row]:
        """Rows whose key in `index` equals `value`: bare for one column, else a tuple.

        A None in `value` finds rows with NULL there, for IS NULL; `=` never finds them, so its caller must not ask.
        """
        store = index.store
        if store not in self.by_table and not index.is_primary:
            bucket = index.buckets.get(value)
            if type(bucket) is dict:
                rows = list(map(store.rows.get, list(bucket)))
            elif bucket is None:
                rows = []
            else:
                rows = [store.rows.get(bucket)]
            if store.changed_at <= self.snapshot:
                return rows  # type: ignore[return-value]  # a None could only come from a newer commit
        return [row for _, row in self._sought(index, value)]

    def seek_many(self, index: Index, values: Collection[Any]) -> list[Row]:
        """As `seek`, for several distinct values."""
        store = index.store
        if store not in self.by_table and not index.is_primary:
            rows: list[Any] = []
            get = store.rows.get
            for bucket in map(index.buckets.get, values):
                if type(bucket) is dict:
                    rows += map(get, list(bucket))
                elif bucket is not None:
                    rows.append(get(bucket))
            if store.changed_at <= self.snapshot:
                return rows
        return [row for value in values for row in self.seek(index, value)]

    def seek_many_items(self, index: Index, values: Collection[Any]) -> list[tuple[Key, Row]]:
        """As `seek_many`, with the keys."""
        return [item for value in values for item in self.seek_items(index, value)]

    def seek_items(self, index: Index, value: Any) -> list[tuple[Key, Row]]:
        """As `seek`, with the keys."""
        store = index.store
        if store not in self.by_table:
            keys = index.keys(value)
            rows = list(map(store.rows.get, keys))
            if store.changed_at <= self.snapshot:
                return [(key, row) for key, row in zip(keys, rows, strict=True) if row is not None]
        return self._sought(index, value)

    def _sought(self, index: Index, value: Any) -> list[tuple[Key, Row]]:
        store = index.store
        keys = dict.fromkeys(index.keys(value))
        keys.update(dict.fromkeys(index.gone_keys(value)))
        overlay = self.by_table.get(store)
        found = []
        for key in keys:
            if overlay is not None and key in overlay.writes:
                continue
            row = store.row_at(key, store.rows.get(key), self.snapshot)
            if row is not None and same(index.value_of(row), value):
                found.append((key, row))
        if overlay is not None:
            for key in overlay.own_keys(index, value):
                own = overlay.writes[key]
                if own is not None:
                    found.append((key, own))
        return found

    def range(
        self,
        index: Index | TableStore,
        low: Any = None,
        high: Any = None,
        low_inclusive: bool = True,
        high_inclusive: bool = True,
        reverse: bool = False,
        nulls: bool = True,
    ) -> Iterable[Row]:
        """Rows whose key in `index` (a table: its primary key) lies between `low` and `high`, lazily, in the index's order.

        Bounds speak of values, whatever the direction of the columns; None is no bound. For an index of several columns they
        are tuples: prefixes of its columns, equal except in their last part. A row with NULL in a column that a bound speaks of is
        out; without bounds, NULLs sort last, or first where descending. `reverse` reads the index backwards. Without `nulls`, rows with
        NULL in the column behind the bounds are left out.
        """
        if low is not None and high is not None and not reverse:
            if isinstance(index, TableStore):
                index = primary_of(index)
            store, order = index.store, index.order
            if order.plain and order.width == 1 and not order.flipped and store not in self.by_table:
                rows = few_between(index, low, high, low_inclusive, high_inclusive)
                if rows is not None and store.changed_at <= self.snapshot:
                    return rows
        pieces = self._range_pieces(index, low, high, low_inclusive, high_inclusive, reverse, nulls, False)
        return (row for piece in pieces for row in piece)

    def range_items(
        self,
        index: Index | TableStore,
        low: Any = None,
        high: Any = None,
        low_inclusive: bool = True,
        high_inclusive: bool = True,
        reverse: bool = False,
        nulls: bool = True,
    ) -> Iterable[tuple[Key, Row]]:
        """As `range`, with the keys."""
        pieces = self._range_pieces(index, low, high, low_inclusive, high_inclusive, reverse, nulls, True)
        return (item for piece in pieces for item in piece)

    def _range_pieces(
        self,
        index: Index | TableStore,
        low: Any,
        high: Any,
        low_inclusive: bool,
        high_inclusive: bool,
        reverse: bool,
        nulls: bool,
        with_keys: bool,
    ) -> Iterator[list[Any]]:
        if isinstance(index, TableStore):
            index = primary_of(index)
        order = index.order
        reverse = reverse is not order.flipped
        start, stop = order.bounds(low, high, low_inclusive, high_inclusive)
        unbounded = low is None and high is None
        # An index of one column has its NULLs apart: behind the order, so first when it is read backwards; or before it.
        nulls_apart = nulls and unbounded and index.width == 1 and not index.is_primary
        bounded_columns = 0 if index.width == 1 else order.bounded_columns(low, high) + (not nulls)
        if nulls_apart and reverse is not order.nulls_low:
            yield self._piece(self._sought(index, None), with_keys)
        entries_pieces = self._visible_pieces(index, start, stop, reverse, with_keys)
        if bounded_columns and not index.one_key_each:
            has_no_null = index.has_no_null
            for piece in entries_pieces:
                yield [item for item in piece if has_no_null(item[1] if with_keys else item, bounded_columns)]
        else:
            yield from entries_pieces
        if nulls_apart and reverse is order.nulls_low:
            yield self._piece(self._sought(index, None), with_keys)

    def _visible_pieces(
        self, index: Index, start: Bound, stop: Bound, reverse: bool, with_keys: bool
    ) -> Iterator[list[Any]]:
        """The range block by block: at C speed while nothing newer or own is in the way, entry by entry from then on."""
        store = index.store
        blocks = index.ordered(self._database.commit_lock).between(start, stop)
        if reverse:
            blocks.reverse()
        done, size = 0, _FIRST_PIECE
        if store not in self.by_table:
            for block in blocks:
                entries = cut(block, start, stop)
                if reverse:
                    entries.reverse()
                at = 0
                while at < len(entries):
                    piece = entries[at : at + size]
                    keys = index.keys_in_order(piece)
                    rows = list(map(store.rows.get, keys))
                    if store.changed_at > self.snapshot or store in self.by_table:
                        break
                    at += size
                    size = BLOCK_ENTRIES
                    after = (piece[-1], not reverse)
                    start, stop = (start, after) if reverse else (after, stop)
                    yield list(zip(keys, rows, strict=True)) if with_keys else rows
                else:
                    done += 1
                    continue
                break
            if done == len(blocks) and store.changed_at <= self.snapshot:
                return
        yield from self._merged_pieces(index, blocks[done:], start, stop, reverse, with_keys)

    def _merged_pieces(
        self, index: Index, blocks: list[list[Any]], start: Bound, stop: Bound, reverse: bool, with_keys: bool
    ) -> Iterator[list[Any]]:
        """The range with vanished and own rows in it, some blocks at a time: who wants the first rows does not pay for all.

        A block that no such row lies in is read at C speed. More and more blocks are taken together where there are vanished rows, so that
        those are not looked through for each block.
        """
        store = index.store
        overlay = self.by_table.get(store)
        own = [] if overlay is None else overlay.own_entries(index, start, stop)
        at, size, is_last = 0, 1, False
        while not is_last:
            committed = [cut(block[:], start, stop) for block in blocks[at : at + size]]
            at += size
            is_last = at >= len(blocks)
            edge = next((piece[0 if reverse else -1] for piece in reversed(committed) if piece), None)
            if edge is None and not is_last:
                continue
            low, high = start, stop
            if not is_last:
                low, high = ((edge, False), stop) if reverse else (start, (edge, True))
            gone = index.gone_values()  # after the blocks: what left them since is here
            extra = {entry for entry in self._entries_of(index, gone) if within(entry, low, high)}
            extra.update(cut(own, low, high))
            rest = committed
            if not extra:
                rest = []
                for number, piece in enumerate(committed):
                    items = self._untouched(index, piece[::-1] if reverse else piece)
                    if items is None:
                        rest = committed[number:]
                        break
                    yield self._piece(items, with_keys)
            for entry in merged_entries(sorted(extra), rest, reverse):
                yield self._piece(self._sought(index, index.order.value(entry)), with_keys)
            if gone:
                size *= 2
            start, stop = (start, (edge, False)) if reverse else ((edge, True), stop)

    @staticmethod
    def _entries_of(index: Index, values: list[Any]) -> Iterator[Any]:
        return map(index.order.entry, filter(index.is_ordered, values))

    def _untouched(self, index: Index, entries: list[Any]) -> list[tuple[Key, Row]] | None:
        """Committed rows of some entries, without those that the transaction has written; None where others have changed the table."""
        store = index.store
        keys = index.keys_in_order(entries)
        overlay = self.by_table.get(store)
        if overlay is not None:
            writes = overlay.writes
            keys = [key for key in keys if key not in writes]
        rows = list(map(store.rows.get, keys))
        if store.changed_at > self.snapshot:
            return None
        return list(zip(keys, rows, strict=True))  # type: ignore[arg-type]  # a None could only come from a newer commit

    @staticmethod
    def _piece(items: list[tuple[Key, Row]], with_keys: bool) -> list[Any]:
        return items if with_keys else [row for _, row in items]


def primary_of(store: TableStore) -> Index:
    """The primary key of a table as an index; ProgrammingError where it has none."""
    if store.primary is None:
        raise ProgrammingError(f"table {store.name} has no primary key", sqlstate=UNDEFINED_OBJECT)
    return store.primary
