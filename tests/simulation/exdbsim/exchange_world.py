"""Scatter and gather in a simulated world: real desks over real engines, a network of connections, and everybody may die.

Frames of an exchange travel as over TCP: in order, each once, until something is lost; then the connection is broken, and
each end learns of it after a while of its own. There is one for each direction. A node may die between any two frames. What must hold:

1. An operation ends the same way on every node where it was prepared (R11), and as its origin was told.
2. At the end nothing is set aside any more, and no desk waits for anything.
3. No change is lost or doubled: rows of the table `own` are each changed by one life of one node only, and at the end every
   node has what the best informed node had.
4. Rows of the table `shared`, which everybody changes, converge once somebody says which to keep.
5. Both tables are altered meanwhile: rows are of the form that their table has, with the values of added columns, and an operation that is
   taken is taken whole, also where a table was altered between its preparation and its verdict.
6. No operation waits for a frame that was lost: one that has to give up because it hears nothing any more was not told of the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgpack

from exdbsim.checks import Violation
from exdbsim.exchange_machine import ExchangeMachine
from exdbsim.node import SimNode
from exdbsim.world import World
from exdbsql.cluster.core.phases import ENDED, NORMAL
from exdbsql.cluster.core.ready import Event, PhaseChanged, QuorumChanged, VerdictReached
from exdbsql.cluster.exchange import ExchangeDesk
from exdbsql.cluster.information import ExchangeReport
from exdbsql.cluster.proposals import Proposals
from exdbsql.cluster.state_machine import TableShipment
from exdbsql.cluster.wire import Frame
from exdbsql.exchange_store import ClusterExchangeStore
from exdbsql.schema.errors import ClusterError, ClusterStoppedError, CommitOutcomeUnknownError, NoQuorumError

DEADLY = 0.02
"""How likely a node dies at a frame of an exchange."""
Desk = Callable[[int, int, Any, Any], ExchangeDesk]
"""Makes a node's desk: id, incarnation, store, line."""


class CheckedStore(ClusterExchangeStore):
    """Tells the world what becomes of prepared operations."""

    def __init__(self, world: ExchangeWorld, node: SimNode) -> None:
        super().__init__(node.machine.engine.exchange)  # type: ignore[attr-defined]
        self._node = node
        self.finish = self._checked_finish
        self._world = world
        self._engine = node.machine.engine  # type: ignore[attr-defined]
        self._open: dict[str, list[tuple[Any, int, Any]]] = {}
        """What was prepared: the dots of a table, its number, and the key of a row."""

    def prepare(
        self, operation: str, shipped: Sequence[tuple[int, Sequence[TableShipment]]], keep: str | None
    ) -> list[dict[str, int]]:
        result = super().prepare(operation, shipped, keep)
        pending = self._exchange._pending[operation]
        self._open[operation] = [
            (one.store.distributed, one.store.definition.id, key)
            for one in pending.incoming.values()
            for key, row in one.writes.items()
            if row is not None
        ]
        return result

    def _checked_finish(self, operation: str, commit: bool) -> None:
        pending = self._exchange._pending.get(operation)
        expected = self._open.get(operation, []) if pending is not None and commit else []
        self._exchange.finish(operation, commit)
        for dots, table, key in expected:
            store = self._engine.tables_by_id[table]
            if store.distributed is dots and key not in store.rows:  # else the node gave up the rows of this table
                raise Violation(f"{operation} was taken on node {self._node.id} without {key} of table {table}")
        if operation in self._open:
            del self._open[operation]
            if self._node.id in self._world.desks:
                self._world.finished(self._node.replica.core.cluster, operation, commit)


class SimLine:
    """A desk's way to the other nodes."""

    def __init__(self, world: ExchangeWorld, node: SimNode) -> None:
        self._world = world
        self._node = node
        self.proposals = Proposals(node.replica)

    def send_bulk(self, node_id: int, frame: Frame) -> bool:
        return self._world.send_frame(self._node, node_id, frame)

    def connected(self) -> list[int]:
        return sorted(o for one, o in self._world.linked if one == self._node.id and o in self._world.desks)

    def members(self) -> frozenset[int]:
        return self._node.replica.core.configuration.ids()

    def propose_verdict(self, operation: str, commit: bool, done: Callable[[object], None]) -> None:
        replica = self._node.replica
        if not replica.has_quorum():
            done(NoQuorumError(replica.quorum_report().text))
        else:
            self.proposals.ask(lambda: replica.submit_verdict(operation, commit), done)


@dataclass(eq=False)
class Link:
    """A connection.

    Attributes:
        ends: who sends, and who receives.
        broken: something on it was lost.
        over: the ends have lost sight of each other since.
    """

    ends: tuple[int, int]
    broken: bool = False
    over: bool = False


class ExchangeWorld(World):
    """A world whose nodes have DISTRIBUTED tables."""

    def __init__(self, seed: int, desk: Desk = ExchangeDesk, trace: bool = False, gentle: bool | None = None) -> None:
        super().__init__(seed, trace=trace, gentle=gentle, machine=ExchangeMachine, ranks=[1] * (2 + seed % 3))
        self.make_desk = desk
        self.desks: dict[int, ExchangeDesk] = {}
        self.lines: dict[int, SimLine] = {}
        self.verdicts: dict[tuple[int, str], bool] = {}
        """(Cluster, operation) -> how it ended. A node that was forced to go on has a log, and verdicts, of its own."""
        self.told: dict[tuple[int, str], bool] = {}
        self.ended = {True: 0, False: 0}
        self._free_at: dict[tuple[int, int], int] = {}
        """(Sender, receiver) -> when the last frame on the way arrives."""
        self._links: dict[tuple[int, int], Link] = {}
        self._unnoticed: dict[tuple[int, int], Link] = {}
        """Broken connections of which the receiver does not know yet."""

    # ---- nodes ----

    def equip(self, node: SimNode) -> None:
        node.machine.engine.enter_cluster(node.id, node.incarnation % 2**32)  # type: ignore[attr-defined]
        line = self.lines[node.id] = SimLine(self, node)
        self.desks[node.id] = self.make_desk(node.id, node.incarnation, CheckedStore(self, node), line)

    def crash(self, node: SimNode) -> None:
        self.desks.pop(node.id, None)
        super().crash(node)

    def retire(self, node: SimNode) -> None:
        """It has left, or stopped: it drops what is prepared, like one that dies, and closes its connections."""
        desk = self.desks.pop(node.id, None)
        if desk is not None:
            self.lines[node.id].proposals.give_up_all("the node stopped", ClusterStoppedError)
            desk.close()
        for other in self.nodes:
            self._part(node.id, other.id)
            self._lost_sight(other.id, node.id)

    def tick(self, node: SimNode, incarnation: int) -> None:
        super().tick(node, incarnation)
        if node.id in self.desks and node.incarnation == incarnation and self.rng.random() < 0.5:
            self.desks[node.id].settle_orphans()
            self.turn(node)

    def heard(self, node: SimNode, event: Event) -> None:
        if isinstance(event, VerdictReached) and node.id in self.desks:
            self.desks[node.id].verdict(event.operation, event.commit)
        elif isinstance(event, PhaseChanged) and event.phase in ENDED:
            self.retire(node)
        elif isinstance(event, QuorumChanged) and not event.has_quorum:
            self.at(300, partial(self._give_up, node, node.incarnation))

    def _give_up(self, node: SimNode, incarnation: int) -> None:
        if node.up and node.incarnation == incarnation and not node.replica.has_quorum():
            self.lines[node.id].proposals.give_up_all("no quorum", NoQuorumError)
            self.turn(node)

    def outcome(self, node: SimNode, number: int, result: object) -> None:
        super().outcome(node, number, result)
        if node.up:
            self.lines[node.id].proposals.settle([(number, result)])

    # ---- connections ----

    def send_frame(self, node: SimNode, to: int, frame: Frame) -> bool:
        if node.id not in self.desks or to not in self.desks or (node.id, to) not in self.linked:
            return False
        link = self._link(node.id, to)
        if self.faults and self.rng.random() < self.loss / 4:
            self._lose(link)
        arrives = max(self.now + 1 + int(self.rng.random() * 6), self._free_at.get((node.id, to), 0))
        self._free_at[node.id, to] = arrives
        self.at(arrives - self.now, partial(self._arrive, link, node.id, node.incarnation, to, msgpack.packb(frame)))
        return True

    def _link(self, sender: int, to: int) -> Link:
        return self._links.setdefault((sender, to), Link((sender, to)))

    def _lose(self, link: Link) -> None:
        """Something is lost, and so is what follows on this connection; each end notices it later."""
        if not link.broken and not link.over:
            link.broken = True
            self._unnoticed[link.ends] = link
            self.at(self.rng.randrange(20, 400), lambda: self._sender_notices(link))
            self.at(self.rng.randrange(20, 400), lambda: self._receiver_notices(link))

    def _arrive(self, link: Link, sender: int, incarnation: int, to: int, data: bytes) -> None:
        node, peer = self.nodes[to], self.nodes[sender]
        if link.over or to not in self.desks or self.linked.get((to, sender)) != incarnation:
            return
        if (sender, to) in self.cut:
            self._lose(link)
        if link.broken:
            return
        former = self._unnoticed.get(link.ends)
        if former is not None:  # the new connection takes its place
            self._receiver_notices(former)
        frame = msgpack.unpackb(data, strict_map_key=False)
        if self.trace is not None:
            self.say(f"{sender}→{to} exchange {frame[1:3]}")
        dies = self.rng.choice((node, peer)) if self.faults and self.rng.random() < DEADLY else None
        before = self.rng.random() < 0.5
        if dies is not None and before:
            self._die(dies)
        if to in self.desks:
            self.desks[to].received(sender, frame)
            self.turn(node)
        if dies is not None and not before:
            self._die(dies)

    def _die(self, node: SimNode) -> None:
        if node.up and (not self.gentle or self.mischief.may_fall(node)):
            self.crash(node)
            self.at(self.rng.choice((5, 100, 700)), lambda: self.start(node))

    def _sender_notices(self, link: Link) -> None:
        """What it sends next has a new connection."""
        if self._links.get(link.ends) is link:
            del self._links[link.ends]
            self._lost_sight(*link.ends)

    def _receiver_notices(self, link: Link) -> None:
        if self._unnoticed.get(link.ends) is link:
            del self._unnoticed[link.ends]
            sender, receiver = link.ends
            self._lost_sight(receiver, sender)

    def _part(self, one: int, other: int) -> None:
        """Nothing arrives any more of what is on the way between two nodes."""
        for ends in ((one, other), (other, one)):
            self._unnoticed.pop(ends, None)
            link = self._links.pop(ends, None)
            if link is not None:
                link.over = True

    def _lost_sight(self, one: int, other: int) -> None:
        if one in self.desks:
            self.desks[one].peer_lost(other)
            self.turn(self.nodes[one])

    def relink(self, a: SimNode, b: SimNode) -> None:
        ends = (a.id, b.id), (b.id, a.id)
        before = {end: self.linked.get(end) for end in ends}
        super().relink(a, b)
        for end in ends:
            if before[end] and self.linked.get(end) != before[end]:
                self._part(*end)
                self._lost_sight(*end)

    # ---- clients ----

    def client(self) -> None:
        if not self.faults:
            return
        node = self.rng.choice(self.nodes)
        if node.id in self.desks and node.replica.core.phase == NORMAL:
            kind = self.rng.random()
            if kind < 0.5:
                node.machine.change(self.rng)  # type: ignore[attr-defined]
            elif kind < 0.9:
                self.exchange(node, self.rng.choice(("scatter", "gather")), self.rng.choice((None, "source", "target")))
            self.turn(node)
        if self.rng.random() < 0.3:
            super().client()
        else:
            self.at(self.rng.randrange(5, 40), self.client)

    def exchange(self, node: SimNode, kind: str, keep: str | None, done: Callable[[], None] = lambda: None) -> None:
        """Begin a scatter or a gather with all connected nodes or some."""
        desk = self.desks[node.id]
        others = self.lines[node.id].connected()
        if not others:
            done()
            return
        some = self.rng.sample(others, self.rng.randrange(1, len(others) + 1)) if self.faults else None
        name, cluster = f"{desk._name}-{desk._count + 1}", node.replica.core.cluster

        def ended(result: ExchangeReport | Exception) -> None:
            self.say(f"{node.id} · {name} {kind} ended: {result!r}")
            if isinstance(result, ClusterError) and "answered, so" in result.message:
                raise Violation(f"{name} waited for what was lost")
            if not isinstance(result, CommitOutcomeUnknownError):
                self._is_told(cluster, name, isinstance(result, ExchangeReport))
            done()

        (desk.scatter if kind == "scatter" else desk.gather)(None, some, ended, keep)

    # ---- what must hold ----

    def finished(self, cluster: int, name: str, commit: bool) -> None:
        """Check 1, at a node where it was prepared."""
        self.ended[commit] += 1
        if self.verdicts.setdefault((cluster, name), commit) is not commit:
            raise Violation(f"{name} was taken on one node and dropped on another")
        if self.told.get((cluster, name), commit) is not commit:
            raise Violation(f"{name} was told {not commit}, and ended as {commit}")

    def _is_told(self, cluster: int, name: str, success: bool) -> None:
        """Check 1, at the origin."""
        self.told[cluster, name] = success
        if self.verdicts.get((cluster, name), success) is not success:
            raise Violation(f"{name} is told {success}, and ended as {not success}")

    def compare(self, forced: bool) -> None:
        super().compare(forced)
        alive = [n for n in self.alive() if n.id in self.desks]
        if forced or len(alive) < 2:
            return
        if not self.run_until(self.now + 10_000, lambda: not any(self._busy(n) for n in alive)):
            raise Violation(f"still set aside: {[self._busy(n) for n in alive]}")
        expected = self._best_informed(alive)
        for turn in range(3):
            for node in alive:
                self._wait_for(node, "scatter", "source")
            if len({tuple(n.machine.content()) for n in alive}) == 1:  # type: ignore[attr-defined]
                break
            if turn == 2:
                raise Violation(f"no convergence: {[n.machine.content() for n in alive]}")  # type: ignore[attr-defined]
        for node in alive:
            there = node.machine.own_rows()  # type: ignore[attr-defined]
            if there != expected:
                raise Violation(f"node {node.id}: lost or doubled {sorted(set(there.items()) ^ set(expected.items()))}")

    def _busy(self, node: SimNode) -> list[object]:
        desk, store = self.desks[node.id], node.machine.engine.exchange  # type: ignore[attr-defined]
        return [*desk._own, *desk._prepared, *store._pending]

    def _wait_for(self, node: SimNode, kind: str, keep: str) -> None:
        over: list[bool] = []
        self.exchange(node, kind, keep, lambda: over.append(True))
        self.turn(node)
        if not over and not self.run_until(self.now + 5000, lambda: bool(over)):
            raise Violation(f"a {kind} at rest did not end")

    def _best_informed(self, alive: Sequence[SimNode]) -> dict[str, tuple[Any, ...]]:
        """For each life, the rows as the node has them that has heard most of it."""
        expected: dict[str, tuple[Any, ...]] = {}
        lives = {o for n in alive for o in n.machine.engine.tables["own"].distributed.vector}  # type: ignore[attr-defined]
        heard = {
            life: max(alive, key=lambda n: n.machine.engine.tables["own"].distributed.vector.get(life, 0))  # type: ignore[attr-defined]
            for life in lives
        }
        for life, node in heard.items():
            for key, row in node.machine.own_rows().items():  # type: ignore[attr-defined]
                if int(key.split("-")[0]) == life:
                    expected[key] = row
        return expected
