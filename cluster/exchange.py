"""Scatter and gather: rows of DISTRIBUTED tables shipped between nodes, all or nothing (DESIGN.md section 6, R10, R11).

Sans-IO: :class:`ExchangeDesk` is one node's part in all operations under way, as origin and as the other side. It is
called from the listener's thread, and sends through its :class:`ExchangeLine`.

A scatter, step by step:

1. The origin asks each target for its version vectors; a target whose vectors cover everything here takes no part.
2. It ships to each what that one's vectors do not cover, and the target *prepares*: every row is checked by R10 and the
   constraints, and its key is reserved.
3. When all have prepared, the origin proposes "commit" as an entry of the replicated log. The first verdict for an
   operation counts, on every node; on it, targets take or drop the rows, and tell the origin.
4. If anything failed before 3, the origin has not asked for a commit and never will: CANCEL suffices.

A target that has prepared and loses its origin proposes "abort" through the log. Whichever verdict is first there
counts for everybody, so it does no harm if the origin lives and was only cut off (R11). So does an origin that gave up
waiting for its own proposal, which may never get there.

A node that lost sight of an origin tells it so, operation by operation, as soon as it can (``exchange_answers.py``): the origin may have
begun after it lost sight of that node itself, and would wait for answers that are gone.

A gather has one target, the node that asked, so its verdict is local: it asks the sources one after the other, each
with what its own vectors and the earlier sources cover, so that nothing travels twice; then it prepares everything, and
takes it, in one step. Two sources whose rows exclude each other void the whole; rows that one source has only seen, and another has
changed since, are dropped first.

Deleted rows are remembered (as tombstones) until every member knows of them: now and then, and only while there are
some and all members are connected, a node asks everybody for vectors (:class:`Sweep`), and forgets what all of them cover.

Left out: keeping prepared rows across a crash of a target. A target in memory loses its distributed rows with it.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar, Protocol

from exdbsql.cluster import exchange_frames as frames
from exdbsql.cluster.exchange_answers import Answers
from exdbsql.cluster.exchange_operations import Done, Gather, Operation, Scatter, Sweep
from exdbsql.cluster.information import ExchangeReport
from exdbsql.cluster.state_machine import ExchangeStore
from exdbsql.cluster.wire import Frame
from exdbsql.schema.errors import ClusterError, CommitOutcomeUnknownError, Error, ProtocolError

log = logging.getLogger("exdbsql.cluster")

SWEEP_EVERY = 100
"""After so many calls of `settle_orphans` deleted rows are looked at."""

PATIENCE = 600
"""After so many calls of `settle_orphans` an operation that was prepared here is asked about, and one of this node's own ends if nothing
was heard of it."""


MANY = 1000
"""Shipments that may be on their way to a node; who begins more of them speaks out of protocol."""


class ExchangeLine(Protocol):
    """What an exchange desk needs of its node."""

    def send_bulk(self, node_id: int, frame: Frame) -> bool:
        """Send over the bulk connection; False if the node is not connected."""
        ...

    def connected(self) -> list[int]:
        """The other nodes that are connected now."""
        ...

    def members(self) -> frozenset[int]:
        """All members of the cluster, this node included; empty where there is none."""
        ...

    def propose_verdict(self, operation: str, commit: bool, done: Callable[[object], None]) -> None:
        """Propose a verdict; `done` gets the one that counts (a bool), or the error by which none was written."""
        ...


class ExchangeDesk:
    """One node's part in scatter and gather; see the module."""

    def __init__(self, node_id: int, incarnation: int, store: ExchangeStore, line: ExchangeLine) -> None:
        self.node_id = node_id
        self._name = f"{node_id}-{incarnation:x}"
        self._store = store
        self._line = line
        self._count = 0
        self._own: dict[str, Operation] = {}
        self._incoming: dict[tuple[int, str], frames.ShipmentReader] = {}
        self._prepared: dict[str, int] = {}  # operation -> its origin
        self._age: dict[str, int] = {}  # operation prepared here -> calls of settle_orphans that it has seen
        self._turns = 0
        self._answers = Answers(line, PATIENCE)
        self._orphans: set[str] = set()  # prepared here, origin lost, no verdict proposed yet; and what is in doubt
        self._in_doubt: set[str] = set()  # own ones, of which nobody knows whether the proposed commit is in the log

    # ---- asked by the application ----

    def scatter(
        self, tables: Sequence[str] | None, nodes: Sequence[int] | None, done: Done, keep: str | None = None
    ) -> None:
        """Begin to push; `done` gets the report or the error, once."""
        self._begin(Scatter, tables, nodes, done, keep)

    def gather(
        self, tables: Sequence[str] | None, nodes: Sequence[int] | None, done: Done, keep: str | None = None
    ) -> None:
        """Begin to pull; `done` gets the report or the error, once."""
        self._begin(Gather, tables, nodes, done, keep)

    def _begin(
        self,
        kind: type[Operation],
        tables: Sequence[str] | None,
        nodes: Sequence[int] | None,
        done: Done,
        keep: str | None = None,
    ) -> None:
        try:
            names = list(dict.fromkeys(tables)) if tables is not None else self._store.distributed_tables()
            others = self._others(nodes)
            vectors = self._store.vectors(names)
        except Error as error:
            done(error)
            return
        if kind is not Sweep and (not others or not names):
            done(ExchangeReport())
            return
        self._count += 1
        name = f"{self._name}-{self._count}"

        def ended(result: ExchangeReport | Exception) -> None:
            self._own.pop(name, None)
            if isinstance(result, CommitOutcomeUnknownError):  # its targets wait, and see no reason to ask
                self._in_doubt.add(name)
                self._orphans.add(name)
            done(result)

        operation = kind(name, self.node_id, others, vectors, self._store, self._line, ended, keep)
        self._own[name] = operation
        self._guarded(operation, operation.start)

    def sweep(self) -> None:
        """Forget deleted rows that all members know of, if there are any and all members are connected."""
        others = sorted(self._line.members() - {self.node_id})
        tables = [table for table in self._store.distributed_tables() if self._store.has_tombstones(table)]
        sweeping = any(isinstance(operation, Sweep) for operation in self._own.values())
        if tables and not sweeping and self._line.members() and set(others) <= set(self._line.connected()):
            self._begin(Sweep, tables, others, lambda result: None)

    def _others(self, nodes: Sequence[int] | None) -> list[int]:
        connected = self._line.connected()
        if nodes is None:
            return connected
        others = [node for node in dict.fromkeys(nodes) if node != self.node_id]
        missing = [node for node in others if node not in connected]
        if missing:
            members = self._line.members()
            unknown = bool(members) and not members.issuperset(missing)
            raise ClusterError(
                f"node {_listed(missing)} cannot be reached, so nothing was shipped to or from any node",
                hint=f"The members are {_listed(sorted(members))}."
                if unknown
                else "Only connected nodes take part; name these, or wait until all are there.",
                retryable=not unknown,
            )
        return others

    # ---- what happens ----

    def received(self, sender: int, frame: Frame) -> None:
        """An EXCHANGE frame of another node.

        Raises:
            ProtocolError: it is malformed.
        """
        if len(frame) < 3 or type(frame[1]) is not int:
            raise ProtocolError("an exchange frame is malformed")
        step, name, fields = frame[1], frames.text(frame[2]), frame[3:]
        if step in _TO_ORIGIN:
            operation = self._own.get(name)
            if operation is not None and step == frames.LOST:
                if sender in operation.nodes:
                    self._guarded(operation, lambda: operation.lost(sender))
            elif operation is not None:
                operation.silent_for = 0
                self._guarded(operation, lambda: operation.received(sender, step, fields))
            return
        handler = self._TO_PARTICIPANT.get(step)
        if handler is None:
            raise ProtocolError(f"unknown step {step} of an exchange")
        try:
            handler(self, sender, name, fields)
        except Error:
            raise
        except Exception as error:  # rows that no table can have, and the like
            raise ProtocolError(f"an exchange frame makes no sense: {error!r:.200}") from error

    def peer_lost(self, node_id: int) -> None:
        """A node is gone, or frames to or from it may be lost: what waits for it is void."""
        for operation in list(self._own.values()):
            if node_id in operation.nodes:
                self._guarded(operation, partial(operation.lost, node_id))
        begun = [key for key in self._incoming if key[0] == node_id]
        for key in begun:
            del self._incoming[key]
        self._answers.doubt(node_id, [name for _, name in begun])
        self._orphans.update(name for name, origin in self._prepared.items() if origin == node_id)
        self.settle_orphans()

    def settle_orphans(self) -> None:
        """Propose "abort" for what was prepared here and lost its origin; called ten times a second.

        What has waited very long is asked for in the same way, for its verdict may have passed in a snapshot.
        """
        self._turns += 1
        self._answers.look()
        if self._turns % SWEEP_EVERY == 0:
            self.sweep()
        for name in self._prepared:
            self._age[name] = self._age.get(name, 0) + 1
            if self._age[name] % PATIENCE == 0:
                self._orphans.add(name)
        for operation in list(self._own.values()):
            operation.silent_for += 1
            if operation.silent_for >= PATIENCE:
                self._guarded(operation, operation.give_up)
        for name in list(self._orphans):
            self._orphans.discard(name)
            self._line.propose_verdict(name, False, partial(self._orphan_settled, name))

    def _orphan_settled(self, name: str, result: object) -> None:
        if isinstance(result, bool):
            self.verdict(name, result)
        elif name in self._prepared or name in self._in_doubt:
            self._orphans.add(name)

    def verdict(self, name: str, commit: bool) -> None:
        """The first verdict for an operation was applied in the log."""
        origin = self._prepared.pop(name, None)
        self._orphans.discard(name)
        self._in_doubt.discard(name)
        self._age.pop(name, None)
        if origin is not None:
            self._store.finish(name, commit)
            self._answers.send(origin, name, frames.frame(frames.FINISHED, name, commit))
        operation = self._own.get(name)
        if operation is not None:
            self._guarded(operation, lambda: operation.verdict(commit))

    def close(self) -> None:
        """The node stops: what is under way here ends without result, what is prepared here is dropped."""
        for operation in list(self._own.values()):
            operation.stop()
        self._own.clear()
        for name in self._prepared:
            self._store.finish(name, False)
        self._prepared.clear()

    def _guarded(self, operation: Operation, work: Callable[[], None]) -> None:
        """Do the next step of an own operation; an error of the database ends it."""
        try:
            work()
        except ProtocolError:
            operation.fail(ClusterError("a node answered out of protocol, so nothing was shipped"))
            raise
        except Error as error:
            operation.fail(error)
        except Exception as error:
            operation.fail(ClusterError("a node shipped what no table can have, so nothing was taken"))
            raise ProtocolError(f"an exchange frame makes no sense: {error!r:.200}") from error

    # ---- the other side of an operation ----

    def _give_vectors(self, sender: int, name: str, fields: Sequence[Any]) -> None:
        tables = frames.tables_from_wire(fields[0])
        try:
            vectors = self._store.vectors(tables)
        except Error as error:
            self._tell_failure(sender, name, error)
            return
        self._answers.send(sender, name, frames.frame(frames.VECTORS, name, frames.vectors_to_wire(vectors)))

    def _ship(self, sender: int, name: str, fields: Sequence[Any]) -> None:
        wanted = frames.vectors_from_wire(fields[0])
        try:
            self._store.vectors(list(wanted))  # an unknown table is told before anything travels
            shipments = [self._store.changes_unknown_to(table, vector) for table, vector in wanted.items()]
        except Error as error:
            self._tell_failure(sender, name, error)
            return
        for shipment in shipments:
            for frame in frames.shipment_frames(name, shipment):
                self._answers.send(sender, name, frame)
        self._answers.send(sender, name, frames.frame(frames.SHIPPED, name))

    def _take_shipment(self, sender: int, name: str, fields: Sequence[Any]) -> None:
        operation = self._own.get(name)
        if operation is not None:
            operation.silent_for = 0
            self._guarded(operation, lambda: operation.received(sender, frames.SHIPMENT, fields))
        elif not self._is_over(name) and not self._answers.is_lost(sender, name):
            if len(self._incoming) >= MANY and (sender, name) not in self._incoming:
                raise ProtocolError("too many exchanges at once")
            self._incoming.setdefault((sender, name), frames.ShipmentReader()).take(fields)

    def _is_over(self, name: str) -> bool:
        """Whether this is a gather of this node that has ended: what a source still ships must not be taken for a scatter."""
        return name.startswith(f"{self._name}-") and name not in self._own

    def _prepare(self, sender: int, name: str, fields: Sequence[Any]) -> None:
        operation = self._own.get(name)
        if operation is not None:
            operation.silent_for = 0
            self._guarded(operation, lambda: operation.received(sender, frames.SHIPPED, fields))
            return
        reader = self._incoming.pop((sender, name), None)
        if reader is None:  # lost sight of the origin since, which may not know it
            self._tell_failure(sender, name, ClusterError("what was shipped before is lost", retryable=True))
            return
        try:
            keep = frames.keep_from_wire(fields)
            (taken,) = self._store.prepare(name, [(sender, reader.shipments())], keep)
        except Error as error:
            self._tell_failure(sender, name, error)
            return
        self._prepared[name] = sender
        self._answers.send(sender, name, frames.frame(frames.PREPARED, name, frames.counts_to_wire(taken)))

    def _cancelled(self, sender: int, name: str, fields: Sequence[Any]) -> None:
        self._incoming.pop((sender, name), None)
        if self._prepared.get(name) == sender:
            del self._prepared[name]
            self._age.pop(name, None)
            self._orphans.discard(name)
            self._store.finish(name, False)

    def _tell_failure(self, sender: int, name: str, error: Error) -> None:
        self._answers.send(sender, name, frames.frame(frames.FAILED, name, frames.error_to_wire(error)))

    _TO_PARTICIPANT: ClassVar = {
        frames.ASK_VECTORS: _give_vectors,
        frames.WANT: _ship,
        frames.SHIPMENT: _take_shipment,
        frames.SHIPPED: _prepare,
        frames.CANCEL: _cancelled,
    }


_TO_ORIGIN = frozenset({frames.VECTORS, frames.PREPARED, frames.FAILED, frames.FINISHED, frames.LOST})


def _listed(nodes: Iterable[int]) -> str:
    return ", ".join(map(str, nodes))
