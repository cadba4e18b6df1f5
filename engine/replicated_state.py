"""The replicated state as bytes: what a node that joins receives, and what it makes of it.

A snapshot of the state machine is the dictionary with its ids, the rows of the replicated tables, the memory of
certification (a node that joins must reach the same verdicts as the others at once, R2) and the log position of all that. It travels
in chunks of bounded size::

    ["head", format, position, dictionary]
    ["rows", table id, keys or None where rows tell them, rows]      any number
    ["memory", [[position, origin node, table id, keys], ...]]       any number, in order of positions
    ["sequences", [[id, next value], ...]]
    ["end", number of rows]

It is taken as a read-only transaction, so that later entries of the log may be applied while it travels. It is taken in when all
of it has arrived, as one commit: readers see the state before or the state after. LOCAL and DISTRIBUTED tables
are made where they are missing; rows that they have stay.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from exdbsql.engine.certification import Remembered
from exdbsql.engine.commits import Changes
from exdbsql.engine.definitions import adopt
from exdbsql.engine.table import TableStore
from exdbsql.engine.transaction import Transaction
from exdbsql.engine.versions import Key, Row
from exdbsql.engine.write_set import key_from_wire
from exdbsql.schema.codec import pack, unpack
from exdbsql.schema.dictionary import Dictionary, dictionary_from_wire, dictionary_to_wire
from exdbsql.schema.errors import ProtocolError
from exdbsql.schema.table import TableKind

if TYPE_CHECKING:
    from exdbsql.engine.database import Database

FORMAT: Final = 1
ROWS_PER_CHUNK: Final = 10_000
"""Bound where the caller gives none."""


def export_replicated(database: "Database", max_rows: int = 0, max_bytes: int = 0) -> Iterator[bytes]:
    """The replicated state at the position applied when this is called, as chunks.

    Args:
        max_rows, max_bytes: bounds of one chunk; 0 for none. A single row larger than `max_bytes` travels alone.
    """
    with database.commit_lock:
        transaction = database.begin(read_only=True)
        memory = list(database.certification.entries)
        dictionary, tables = database.dictionary, database.tables
        sequences = sorted(database.sequences.upcoming.items())
    chunks = _chunks(transaction, dictionary, tables, memory, sequences, max_rows or ROWS_PER_CHUNK, max_bytes)
    next(chunks)  # starts the generator, so that dropping it in whatever state ends the transaction
    return chunks


def _chunks(
    transaction: Transaction,
    dictionary: Dictionary,
    tables: Mapping[str, TableStore],
    memory: list[Remembered],
    sequences: list[tuple[int, int]],
    max_rows: int,
    max_bytes: int,
) -> Iterator[bytes]:
    try:
        yield b""
        yield pack(["head", FORMAT, transaction.position, dictionary_to_wire(dictionary)])
        sent = 0
        for store in tables.values():
            if store.kind is not TableKind.REPLICATED:
                continue
            items = iter(transaction.items(store))
            while batch := list(islice(items, max_rows)):
                sent += len(batch)
                yield from _row_chunks(store, batch, max_bytes)
        if sequences:
            yield pack(["sequences", sequences])
        live = [store for store in tables.values() if store.kind is TableKind.REPLICATED]
        for entries in _memory_batches(memory, {id(store.touched) for store in live}, max_rows):
            yield pack(["memory", entries])
        yield pack(["end", sent])
    finally:
        transaction.end()


def _row_chunks(store: TableStore, items: list[tuple[Key, Row]], max_bytes: int) -> Iterator[bytes]:
    keys = None if store.key_of is not None else [key for key, _ in items]
    chunk = pack(["rows", store.definition.id, keys, [row for _, row in items]])
    if not max_bytes or len(chunk) <= max_bytes or len(items) == 1:
        yield chunk
        return
    middle = len(items) // 2
    yield from _row_chunks(store, items[:middle], max_bytes)
    yield from _row_chunks(store, items[middle:], max_bytes)


def _memory_batches(memory: list[Remembered], live: set[int], max_keys: int) -> Iterator[list[Any]]:
    """Entries about tables that are there: `live` has the identities of their `touched`, which a table made anew takes over."""
    batch: list[Any] = []
    room = max_keys
    for position, origin, table_id, touched, keys in memory:
        if id(touched) not in live:
            continue  # dropped since, or under other keys
        for start in range(0, len(keys), max_keys):
            piece = keys[start : start + max_keys]
            if len(piece) > room:
                yield batch
                batch, room = [], max_keys
            batch.append([position, origin, table_id, piece])
            room -= len(piece)
    if batch:
        yield batch


@dataclass(slots=True)
class _Arrived:
    """A snapshot as it was received, before anything of it is in force."""

    position: int
    dictionary: Dictionary
    rows: dict[int, dict[Key, Row]] = field(default_factory=dict)
    memory: list[tuple[int, int, int, list[Key]]] = field(default_factory=list)
    sequences: dict[int, int] = field(default_factory=dict)


def import_replicated(database: "Database", chunks: Iterable[bytes]) -> None:
    """Replace the replicated state by a snapshot's, atomically.

    Raises:
        ProtocolError: the chunks are no complete snapshot; nothing has changed then.
    """
    arrived = _receive(chunks)
    with database.commit_lock:
        adopt(database, arrived.dictionary, rows=lambda: _publish_rows(database, arrived))
        database.state_replaced_at = database.head[0]
        database.sequences.replace(arrived.sequences)
        _adopt_memory(database, arrived.memory)
    database.prune()


def _publish_rows(database: "Database", arrived: _Arrived) -> None:
    changes: Changes = []
    for store in database.tables.values():
        if store.kind is TableKind.REPLICATED:
            writes = _difference(store.rows, arrived.rows.get(store.definition.id, {}))
            if writes:
                changes.append((store, writes))
    database.publish(changes, arrived.position)


def _receive(chunks: Iterable[bytes]) -> _Arrived:
    """Read and check all chunks."""
    arrived: _Arrived | None = None
    ended = False
    try:
        for chunk in chunks:
            kind, *parts = unpack(chunk)
            if ended or (kind == "head") is not (arrived is None):
                raise ProtocolError("the chunks of a snapshot arrived out of order")
            if arrived is None:
                arrived = _read_head(parts)
            elif kind == "rows":
                _read_rows(arrived, parts)
            elif kind == "memory":
                _read_memory(arrived, parts)
            elif kind == "sequences":
                arrived.sequences = {int(one): int(upcoming) for one, upcoming in parts[0]}
            elif kind == "end":
                ended = sum(map(len, arrived.rows.values())) == parts[0]
            else:
                raise ProtocolError(f"unknown chunk {kind!r} in a snapshot")
    except (TypeError, ValueError, KeyError, IndexError) as problem:
        raise ProtocolError(f"these bytes are no snapshot: {problem}") from problem
    if arrived is None or not ended:
        raise ProtocolError("the snapshot is incomplete")
    return arrived


def _read_head(parts: list[Any]) -> _Arrived:
    made_as, position, dictionary = parts
    if made_as != FORMAT:
        raise ProtocolError(f"the snapshot has format {made_as}, this version reads {FORMAT}")
    return _Arrived(int(position), dictionary_from_wire(dictionary))


def _read_rows(arrived: _Arrived, parts: list[Any]) -> None:
    table_id, keys, packed_rows = parts
    table = arrived.dictionary.table_by_id(table_id)
    if table is None:
        raise ProtocolError(f"the snapshot has rows of a table {table_id} that its dictionary lacks")
    rows = [tuple(row) for row in packed_rows]
    width = len(table.columns)
    if any(len(row) != width for row in rows):
        raise ProtocolError(f"the snapshot has rows of another shape for table {table.name}")
    if keys is None:
        key_of = TableStore(table, 0).key_of
        if key_of is None:
            raise ProtocolError(f"the snapshot lacks the row ids of table {table.name}")
        keys = map(key_of, rows)
    arrived.rows.setdefault(table_id, {}).update(zip(keys, rows, strict=True))


def _read_memory(arrived: _Arrived, parts: list[Any]) -> None:
    for position, origin, table_id, keys in parts[0]:
        table = arrived.dictionary.table_by_id(table_id)
        if table is None or type(position) is not int or type(origin) is not int:
            raise ProtocolError(
                f"the snapshot remembers a change of a table {table_id!r:.40} that its dictionary lacks"
            )
        arrived.memory.append((position, origin, table_id, [key_from_wire(key) for key in keys]))


def _difference(there: Mapping[Key, Row], wanted: dict[Key, Row]) -> dict[Key, Row | None]:
    """What has to be written to make `there` into `wanted`."""
    writes: dict[Key, Row | None] = {}
    if not there:
        writes.update(wanted)
        return writes
    writes.update((key, None) for key in there if key not in wanted)
    writes.update((key, row) for key, row in wanted.items() if there.get(key) != row)
    return writes


def _adopt_memory(database: "Database", memory: list[tuple[int, int, int, list[Key]]]) -> None:
    """Make the certification memory of this node that of the snapshot."""
    for store in database.tables.values():
        store.touched = {}
    database.certification.entries = deque()
    for position, origin, table_id, keys in memory:
        store = database.tables_by_id[table_id]
        store.touched.update(dict.fromkeys(keys, (position, origin)))
        database.certification.note(position, origin, store, keys)
