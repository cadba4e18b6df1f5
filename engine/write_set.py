"""The write set: what a transaction changed in replicated tables, as every node will certify and apply it.

It holds keys and new rows only, never statements: a statement may read clocks or local tables. Tables are named by id
and shape, so that an entry which overtook a DROP or an ALTER is recognised as void on every node alike (R2). That of a SERIALIZABLE
transaction also has guards: what it read.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from exdbsql.engine.guards import TableGuard, guard_from_wire
from exdbsql.engine.table import TableStore
from exdbsql.engine.versions import Key, Row
from exdbsql.schema.codec import pack, unpack_tuples
from exdbsql.schema.errors import ProtocolError


class TableWrites(NamedTuple):
    """The changes of one table.

    Attributes:
        table_id, shape: which table, and which form of it, the rows are for.
        rows: key -> new row, or None where the row is deleted; in the order of the transaction's writes.
    """

    table_id: int
    shape: str
    rows: Mapping[Key, Row | None]


class WriteSet(NamedTuple):
    """All changes of one transaction, the log position of the snapshot that it read, and the guards of what it read."""

    snapshot_position: int
    tables: tuple[TableWrites, ...]
    guards: tuple[TableGuard, ...] = ()

    def to_bytes(self) -> bytes:
        """The write set as bytes for the log."""
        tables = [[t.table_id, t.shape, list(t.rows), list(t.rows.values())] for t in self.tables]
        if self.guards:
            return pack([self.snapshot_position, tables, [guard.to_wire() for guard in self.guards]])
        return pack([self.snapshot_position, tables])

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> "WriteSet":
        """The write set that `to_bytes` gave; ProtocolError where `data` is none."""
        try:
            unpacked = unpack_tuples(data)
            writes = tuple([_table_writes(*table) for table in unpacked[1]])
            if len(unpacked) == 2:
                return cls(int(unpacked[0]), writes)
            position, _, guards = unpacked
            return cls(int(position), writes, tuple(map(guard_from_wire, guards)))
        except (TypeError, ValueError, IndexError, KeyError, OverflowError) as problem:
            raise ProtocolError(f"these bytes are no write set: {problem}") from problem


_ROWS: Final = frozenset({tuple, type(None)})


def key_from_wire(key: Any) -> Key:
    """A key as the codec gives it back: a key of several columns is a tuple again."""
    return tuple(key) if type(key) is list else key


def row_from_wire(row: Any) -> Row | None:
    """A row as the codec gives it back, or None."""
    return None if row is None else tuple(row)


def _table_writes(table_id: Any, shape: Any, keys: Any, rows: Any) -> TableWrites:
    if not _ROWS.issuperset(map(type, rows)):
        raise ProtocolError("these bytes are no write set: a row is no array")
    return TableWrites(int(table_id), str(shape), dict(zip(keys, rows, strict=True)))


def write_set_of(
    changes: Iterable[tuple[TableStore, Mapping[Key, Row | None]]],
    snapshot_position: int,
    guards: tuple[TableGuard, ...] = (),
) -> WriteSet:
    """The write set of changes to replicated tables."""
    tables = [TableWrites(store.definition.id, store.shape, writes) for store, writes in changes]
    return WriteSet(snapshot_position, tuple(tables), guards)
