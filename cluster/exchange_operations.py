"""The origin's side of one scatter or one gather, as a small state machine each; see ``exchange.py`` for the dialogue."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from exdbsql.cluster import exchange_frames as frames
from exdbsql.cluster.information import ExchangeReport
from exdbsql.cluster.state_machine import ExchangeStore, TableShipment, Vector
from exdbsql.cluster.wire import Frame
from exdbsql.schema.errors import ClusterError, CommitOutcomeUnknownError, Error, ProtocolError

Done = Callable[[ExchangeReport | Exception], None]
"""Who waits for an operation; called once."""


class OperationLine(Protocol):
    """What an operation needs of its node; see ``exchange.ExchangeLine``."""

    def send_bulk(self, node_id: int, frame: Frame) -> bool: ...

    def connected(self) -> list[int]: ...

    def propose_verdict(self, operation: str, commit: bool, done: Callable[[object], None]) -> None: ...


class Operation(ABC):
    """One scatter or gather at its origin.

    Attributes:
        name: names it on every node, for ever.
        nodes: the other nodes that take part.
        ended: the result was told.
        silent_for: how many looks ago something was heard of it.
    """

    def __init__(
        self,
        name: str,
        node_id: int,
        nodes: Sequence[int],
        vectors: Mapping[str, Vector],
        store: ExchangeStore,
        line: OperationLine,
        done: Done,
        keep: str | None = None,
    ) -> None:
        self.name = name
        self.node_id = node_id
        self.nodes = list(nodes)
        self.ended = False
        self.silent_for = 0
        self._vectors = vectors
        self._store = store
        self._line = line
        self._done = done
        self._keep = keep
        self._report = ExchangeReport()

    @abstractmethod
    def start(self) -> None:
        """Send the first frames."""

    @abstractmethod
    def received(self, sender: int, step: int, fields: Sequence[Any]) -> None:
        """A frame of a node that takes part. Raises ProtocolError, or the error that ends the operation."""

    def lost(self, node_id: int) -> None:
        """A node that takes part is gone."""
        self.fail(ClusterError(f"node {node_id} was lost while rows were shipped, so nothing was taken anywhere"))

    def give_up(self) -> None:
        """Nothing was heard for very long, although no connection is known to be lost."""
        nodes = ", ".join(map(str, self.nodes))
        self.fail(ClusterError(f"not all of node {nodes} answered, so nothing was taken anywhere", retryable=True))

    def stop(self) -> None:
        """The node stops."""
        self.finish(ClusterError("the node stopped while rows were shipped; the log holds the verdict, if any"))

    def verdict(self, commit: bool) -> None:
        """The log's verdict on this operation, where it asks for one."""
        del commit  # an operation without a verdict has nothing to do

    @abstractmethod
    def fail(self, error: Error) -> None:
        """End with an error; the nodes are told that no commit will come."""

    def finish(self, result: ExchangeReport | Exception) -> None:
        """Tell the result, once."""
        if not self.ended:
            self.ended = True
            self._done(result)

    def _count_travelled(self, shipment: TableShipment, source: int, target: int) -> None:
        rows = sum(change[2] >= 0 for change in shipment.changes)  # the store's own marks have no origin
        if rows:
            self._report.travelled[shipment.table, source, target] = rows

    def _send(self, node_id: int, step: int, *rest: object) -> None:
        if not self._line.send_bulk(node_id, frames.frame(step, self.name, *rest)):
            raise ClusterError(f"node {node_id} cannot be reached, so nothing was shipped to or from any node")


class Scatter(Operation):
    """Push to several targets; the verdict is the log's."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._asked = set(self.nodes)  # vectors not told yet
        self._unprepared: set[int] = set()
        self._targets: set[int] = set()  # what was shipped to, and has not told that it finished
        self._deciding = False
        self._committed = False

    def start(self) -> None:
        for node in self.nodes:
            self._send(node, frames.ASK_VECTORS, list(self._vectors))

    def received(self, sender: int, step: int, fields: Sequence[Any]) -> None:
        if step == frames.VECTORS and sender in self._asked and fields:
            self._asked.discard(sender)
            self._ship(sender, frames.vectors_from_wire(fields[0]))
        elif step == frames.PREPARED and sender in self._unprepared and fields:
            self._unprepared.discard(sender)
            for table, count in frames.counts_from_wire(fields[0]).items():
                if count:
                    self._report.taken[table, self.node_id, sender] = count
        elif step == frames.FAILED and not self._deciding and sender in self.nodes and fields:
            raise frames.error_from_wire(fields[0], sender)
        elif step == frames.FINISHED and self._deciding:
            self._targets.discard(sender)
        elif step == frames.FINISHED and sender in self._targets and fields == [False]:  # it had waited too long
            self.verdict(False)
        else:
            raise ProtocolError(f"step {step} of an exchange came out of turn")
        self._go_on()

    def _ship(self, target: int, known: Mapping[str, Vector]) -> None:
        shipments: list[TableShipment] = []
        for table in self._vectors:
            shipment = self._store.changes_unknown_to(table, known.get(table, {}))
            if shipment.changes or not _covers(known.get(table, {}), shipment.vector):
                shipments.append(shipment)
                self._count_travelled(shipment, self.node_id, target)
        if not shipments:
            return
        self._targets.add(target)
        self._unprepared.add(target)
        for shipment in shipments:
            for frame in frames.shipment_frames(self.name, shipment):
                self._line.send_bulk(target, frame)
        self._send(target, frames.SHIPPED, self._keep)

    def _go_on(self) -> None:
        if self._asked or self._unprepared or self.ended:
            return
        if self._deciding:
            if self._committed and not self._targets:
                self.finish(self._report)
        elif not self._targets:
            self.finish(self._report)
        else:
            self._deciding = True
            self._line.propose_verdict(self.name, True, self._decided)

    def _decided(self, result: object) -> None:
        if isinstance(result, bool):
            self.verdict(result)
        elif isinstance(result, CommitOutcomeUnknownError):  # the targets learn the verdict from the log
            self.finish(result)
        elif isinstance(result, Error):  # surely not in the log, and never will be
            self._deciding = False
            self.fail(result)

    def verdict(self, commit: bool) -> None:
        if not commit:
            self._cancel()  # for targets that prepare only after the verdict
            self.finish(
                ClusterError(
                    "the rows were taken nowhere: a node lost sight of this one and had the operation aborted",
                    retryable=True,
                )
            )
        else:
            self._committed = True
            self._go_on()

    def give_up(self) -> None:
        if not self._deciding:
            super().give_up()
        elif self._committed:  # the targets learn the verdict from the log
            self.finish(self._report)

    def stop(self) -> None:
        if self._committed:  # likewise
            self.finish(self._report)
        super().stop()

    def lost(self, node_id: int) -> None:
        if not self._deciding:
            super().lost(node_id)
            return
        self._targets.discard(node_id)  # it learns the verdict from the log
        self._go_on()

    def fail(self, error: Error) -> None:
        if self.ended or self._deciding:
            return
        self._cancel()
        self.finish(error)

    def _cancel(self) -> None:
        for target in self._targets:
            self._line.send_bulk(target, frames.frame(frames.CANCEL, self.name))


class Gather(Operation):
    """Pull from several sources, one after the other; the verdict is this node's own."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._left = list(self.nodes)
        self._reader = frames.ShipmentReader()
        self._shipped: Shipped = []
        self._prepared = False

    def start(self) -> None:
        self._ask_next()

    def _ask_next(self) -> None:
        """Ask the next source for what neither this node nor the earlier sources cover."""
        covered = {table: dict(vector) for table, vector in self._vectors.items()}
        for _, shipments in self._shipped:
            for shipment in shipments:
                vector = covered[shipment.table]
                for origin, counter in shipment.vector.items():
                    vector[origin] = max(vector.get(origin, 0), counter)
        self._reader = frames.ShipmentReader()
        self._send(self._left[0], frames.WANT, frames.vectors_to_wire(covered))

    def received(self, sender: int, step: int, fields: Sequence[Any]) -> None:
        if not self._left or sender != self._left[0]:
            raise ProtocolError(f"step {step} of an exchange came out of turn")
        if step == frames.SHIPMENT:
            self._reader.take(fields)
        elif step == frames.FAILED and fields:
            raise frames.error_from_wire(fields[0], sender)
        elif step == frames.SHIPPED:
            self._take(sender)
        else:
            raise ProtocolError(f"step {step} of an exchange came out of turn")

    def _take(self, source: int) -> None:
        shipments = self._reader.shipments()
        for shipment in shipments:
            if shipment.table not in self._vectors:
                raise ProtocolError("a node shipped a table that was not asked for")
            self._count_travelled(shipment, source, self.node_id)
        self._shipped.append((source, shipments))
        self._left.pop(0)
        if self._left:
            self._ask_next()
        else:
            self._prepare_and_take()

    def _prepare_and_take(self) -> None:
        """All sources' rows in one step: they become visible together, or not at all."""
        shipped = without_superseded(self._shipped)
        self._prepared = True
        for (source, _), counts in zip(shipped, self._store.prepare(self.name, shipped, self._keep), strict=True):
            for table, count in counts.items():
                if count:
                    self._report.taken[table, source, self.node_id] = count
        self._end(True)
        self.finish(self._report)

    def _end(self, commit: bool) -> None:
        if self._prepared:
            self._prepared = False
            self._store.finish(self.name, commit)

    def fail(self, error: Error) -> None:
        if not self.ended:
            self._end(False)
            self.finish(error)


class Sweep(Operation):
    """Ask all members for their vectors, and forget here the deleted rows that everybody knows to be deleted."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._asked = set(self.nodes)
        self._told: dict[str, list[Vector]] = {table: [] for table in self._vectors}

    def start(self) -> None:
        for node in self.nodes:
            self._send(node, frames.ASK_VECTORS, list(self._vectors))
        self._go_on()

    def received(self, sender: int, step: int, fields: Sequence[Any]) -> None:
        if step == frames.FAILED:
            self.finish(self._report)  # a table that is being made or dropped: another time
            return
        if step != frames.VECTORS or sender not in self._asked or not fields:
            raise ProtocolError(f"step {step} of an exchange came out of turn")
        self._asked.discard(sender)
        told = frames.vectors_from_wire(fields[0])
        for table in self._told:
            self._told[table].append(told.get(table, {}))
        self._go_on()

    def _go_on(self) -> None:
        if not self._asked:
            for table, vectors in self._told.items():
                self._store.forget_tombstones(table, vectors)
            self.finish(self._report)

    def fail(self, error: Error) -> None:
        self.finish(error)


Shipped = list[tuple[int, list[TableShipment]]]


def without_superseded(shipped: Shipped) -> Shipped:
    """What several sources shipped, without the rows that a later source has seen and changed since.

    The later source was not sent for what the earlier ones cover, so the other direction does not occur.
    """
    kept: Shipped = []
    for place, (source, shipments) in enumerate(shipped):
        later = [shipment for _, others in shipped[place + 1 :] for shipment in others]
        kept.append((source, [_without(shipment, later) for shipment in shipments]))
    return kept


def _without(shipment: TableShipment, later: Sequence[TableShipment]) -> TableShipment:
    changes = shipment.changes
    for other in later:
        if other.table == shipment.table and other.changes:
            theirs = {change[0] for change in other.changes}
            changes = [
                change
                for change in changes
                if change[2] < 0 or change[0] not in theirs or other.vector.get(change[2], 0) < change[3]
            ]
    return TableShipment(shipment.table, shipment.vector, changes, shipment.form)


def _covers(vector: Vector, other: Vector) -> bool:
    return all(vector.get(origin, 0) >= counter for origin, counter in other.items())
