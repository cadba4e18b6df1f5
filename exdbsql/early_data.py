"""EARLY_DATA_SEND: the rows of a large transaction travel while it still runs, before its commit is decided.

After a statement that has left many new rows in the transaction's buffer, these go into the replicated log as *parts*.
A part changes no table: every node puts it by, under the transaction's token. The commit then carries what the parts do
not say already (rows that came or changed since, keys that were taken back) and the number of parts, and each node puts the
whole together and certifies it as any other write set. So a verdict still depends on the log alone (R2); parts that are
missing there make the commit void, alike on every node, and the origin does not propose it before it has seen its parts
come out of the log.

Parts of a transaction that was rolled back are dropped by an entry; those whose origin crashed go after `KEPT_POSITIONS`
entries of the log, or when all parts together pass `KEPT_BYTES`, the oldest first.
"""

import itertools
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Protocol

from exdbsql.cluster.state_machine import Part
from exdbsql.engine.commits import changes_of
from exdbsql.engine.transaction import Transaction
from exdbsql.engine.versions import Key, Row
from exdbsql.engine.write_set import TableWrites, WriteSet, key_from_wire, row_from_wire
from exdbsql.schema import codec
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import Error, OperationalError, ProtocolError
from exdbsql.schema.table import TableKind

FROM_ROWS: Final = 100
"""So many new rows are worth a part."""
ROWS_PER_PART: Final = 1000
WAITING_PARTS: Final = 32
"""So many parts may be on their way before the transaction waits for the oldest."""
KEPT_POSITIONS: Final = 100_000
KEPT_BYTES: Final = 256 * 1024 * 1024

PART: Final = "part"
COMMIT: Final = "commit of parts"
DROP: Final = "drop parts"


class Sending(Protocol):
    """A command on its way into the log."""

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for its outcome."""
        ...

    @property
    def result(self) -> object:
        """What applying it gave, or an error."""
        ...


class Sender(Protocol):
    """Puts commands into the log without waiting."""

    def send_ahead(self, command: bytes) -> Sending: ...


@dataclass(slots=True)
class _Sent:
    """What has gone ahead of one transaction."""

    token: bytes
    rows: dict[int, dict[Key, Row | None]] = field(default_factory=dict)
    sendings: list[Sending] = field(default_factory=list)

    def arrived(self) -> bool:
        """Wait until all parts came out of the log; whether they did."""
        for sending in self.sendings:
            sending.wait()
        return not any(isinstance(sending.result, Exception) for sending in self.sendings)

    def command(self, token: bytes, write_set: WriteSet) -> list[Any]:
        """The commit, with what the parts do not say."""
        rest, taken_back = [], []
        for writes in write_set.tables:
            known = self.rows.pop(writes.table_id, {})
            new = {key: row for key, row in writes.rows.items() if key not in known or known[key] is not row}
            rest.append(TableWrites(writes.table_id, writes.shape, new))
            taken_back.append([writes.table_id, [key for key in known if key not in writes.rows]])
        left = WriteSet(write_set.snapshot_position, tuple(rest), write_set.guards)
        return [COMMIT, token, self.token, len(self.sendings), taken_back, left.to_bytes()]


class EarlyData:
    """The origin's side: what of which transaction has gone ahead. Any thread may call, one at a time for a transaction."""

    def __init__(self, sender: Sender, process: bytes) -> None:
        self._sender = sender
        self._process = process
        self._numbers = itertools.count()
        self._sent: dict[Transaction, _Sent] = {}

    def after_statement(self, transaction: Transaction) -> None:
        """Send what is new, if it is much. Errors of the network are found at the commit, which then carries everything."""
        if transaction.catalog is not None:
            return
        sent = self._sent.get(transaction)
        for store, writes in changes_of(transaction):
            if store.kind is not TableKind.REPLICATED:
                continue
            known = {} if sent is None else sent.rows.get(store.definition.id, {})
            if len(writes) < len(known) + FROM_ROWS:
                continue
            if sent is None:
                sent = self._sent[transaction] = _Sent(self._process + next(self._numbers).to_bytes(8, "big"))
            self._send_new(sent, store.definition.id, writes)

    def _send_new(self, sent: _Sent, table_id: int, writes: Mapping[Key, Row | None]) -> None:
        known = sent.rows.setdefault(table_id, {})
        new = ((key, row) for key, row in writes.items() if key not in known)
        while some := dict(islice(new, ROWS_PER_PART)):
            data = codec.pack([table_id, list(some), list(some.values())])
            if len(sent.sendings) >= WAITING_PARTS:
                sent.sendings[-WAITING_PARTS].wait()
            sent.sendings.append(self._sender.send_ahead(codec.pack([PART, sent.token, data])))
            known.update(some)
            new = ((key, row) for key, row in writes.items() if key not in known)

    def take(self, transaction: Transaction) -> _Sent | None:
        """The transaction is about to commit."""
        return self._sent.pop(transaction, None)

    def drop(self, sent: _Sent | None) -> None:
        """Nobody will ask for these parts."""
        if sent is not None:
            self._sender.send_ahead(codec.pack([DROP, sent.token]))


@dataclass(slots=True)
class _Kept:
    position: int
    data: list[bytes]


class Parts:
    """Every node's side: parts that were applied, by token. A part of the replicated state (R2)."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, position: int, token: bytes, data: bytes) -> Part:
        """Put a part by."""
        kept = self._kept.setdefault(token, _Kept(position, []))
        kept.position = position
        kept.data.append(data)
        self._bytes += len(data)
        self._kept.move_to_end(token)
        while self._kept:
            oldest, first = next(iter(self._kept.items()))
            if first.position >= position - KEPT_POSITIONS and self._bytes <= KEPT_BYTES:
                break
            self.drop(oldest)
        return Part()

    def drop(self, token: bytes) -> Part:
        """Forget the parts of a transaction."""
        kept = self._kept.pop(token, None)
        if kept is not None:
            self._bytes -= sum(map(len, kept.data))
        return Part()

    def write_set(self, token: bytes, count: int, taken_back: list[Any], rest: WriteSet) -> WriteSet | Error:
        """The write set of a commit, put together; the error that makes it void where parts are missing."""
        kept = self._kept.get(token)
        self.drop(token)
        if kept is None or len(kept.data) != count:
            return OperationalError(
                "rows that were sent ahead of this commit were given up",
                sqlstate=states.SERIALIZATION_FAILURE,
                hint="run the transaction again",
                retryable=True,
            )
        tables = _read_parts(kept.data, taken_back)
        whole = (
            TableWrites(writes.table_id, writes.shape, tables.get(writes.table_id, {}) | dict(writes.rows))
            for writes in rest.tables
        )
        return WriteSet(rest.snapshot_position, tuple(whole), rest.guards)

    def chunks(self) -> Iterator[bytes]:
        """For a snapshot: how many chunks there are, then as many; later changes do not disturb it."""
        rows = [[token, kept.position, data] for token, kept in self._kept.items() for data in kept.data]
        return itertools.chain([codec.pack([PART, len(rows)])], map(codec.pack, rows))

    @classmethod
    def from_chunks(cls, chunks: Iterator[bytes]) -> "Parts":
        """What `chunks` gave, taken off the beginning of a snapshot. Raises ProtocolError."""
        made = cls()
        try:
            kind, count = codec.unpack(next(chunks))
            if kind != PART:
                raise ValueError("the snapshot begins with something else")
            for _ in range(count):
                token, position, data = codec.unpack(next(chunks))
                kept = made._kept.setdefault(token, _Kept(position, []))
                kept.data.append(data)
                made._bytes += len(data)
        except (ValueError, TypeError, StopIteration) as problem:
            raise ProtocolError(f"these bytes are no snapshot: {problem}") from problem
        return made


def _read_parts(parts: list[bytes], taken_back: list[Any]) -> dict[int, dict[Key, Row | None]]:
    """By table, the rows of all parts but those that were taken back. Raises ProtocolError."""
    tables: dict[int, dict[Key, Row | None]] = {}
    try:
        for data in parts:
            table_id, keys, rows = codec.unpack(data)
            paired = zip(map(key_from_wire, keys), map(row_from_wire, rows), strict=True)
            tables.setdefault(table_id, {}).update(paired)
        for table_id, keys in taken_back:
            for key in map(key_from_wire, keys):
                tables.get(table_id, {}).pop(key, None)
    except (TypeError, ValueError) as problem:
        raise ProtocolError(f"these bytes are no rows: {problem}") from problem
    return tables
