"""The simulated world: time, network, crashes, clients; everything from one seed.

Time is a heap of events. The network delays, loses, duplicates and reorders messages, also those of a node that has
crashed since; links are cut in both directions or in one, and the nodes learn of it (a closed connection) soon, late, or
never. What goes wrong, and how often, is decided in faults.py; what must hold at every step, in checks.py.

Two kinds of seed: *gentle* ones never let so many nodes be without their state that the rest cannot bring it back, so
that the cluster must come to rest when the faults end (liveness is checked: everybody is ready, every writer has its
answer, all are equal, and what was acknowledged is there); *wild* ones do what they like, and only safety is checked.
Some lives of both kinds end with a forced recovery: an operator goes on from one node, and the others begin again.
"""

import heapq
from collections.abc import Callable, Sequence
from random import Random

from exdbsim.checks import Checks, Violation
from exdbsim.faults import Faults
from exdbsim.machine import Machine, Model
from exdbsim.meetings import Meetings
from exdbsim.node import SimNode
from exdbsql.cluster.core import describe
from exdbsql.cluster.core.messages import Message
from exdbsql.cluster.core.phases import ENDED, IN_CLUSTER
from exdbsql.cluster.core.quorum import Member
from exdbsql.cluster.core.ready import Event, Ready
from exdbsql.cluster.replica import Replica
from exdbsql.cluster.state_machine import Origin
from exdbsql.schema.errors import CommitOutcomeUnknownError

SIZES = (1, 2, 3, 3, 3, 4, 4, 5, 5, 6, 7)
RANKS = (0, 1, 1, 1, 1, 1, 2, 3)
FAULTS_MS = 2500
SETTLE_MS = 30_000
TIMING = {
    "heartbeat_ms": 60,
    "election_ms": 200,
    "retry_ms": 150,
    "max_append_entries": 6,
    "max_inflight": 4,
    "compact_entries": 14,
}

Breaker = Callable[[Replica], None]
"""Breaks a rule of a node on purpose, right after its start."""


class World:
    """One cluster's life."""

    def __init__(
        self,
        seed: int,
        breaker: Breaker | None = None,
        trace: bool = False,
        gentle: bool | None = None,
        machine: Callable[[int], Machine] = Model,
        ranks: Sequence[int] | None = None,
        lazy: bool | None = None,
    ) -> None:
        self.rng = rng = Random(seed)
        self.seed = seed
        self.breaker = breaker
        self.lazy = lazy
        """Whether leaders are slow to tell followers what is committed; None: some are."""
        self.trace: list[str] | None = [] if trace else None
        self.now = 0
        self.checks = Checks()
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._serial = 0
        self.gentle = rng.random() < 0.6 if gentle is None else gentle
        members = tuple(Member(i, f"n{i}", r) for i, r in enumerate(ranks or self._ranks()))
        durable = rng.choice([0.0, 0.0, 0.4, 1.0])
        self.make_machine = machine
        self.nodes = [SimNode(m.node_id, m.rank, members, rng.random() < durable, machine) for m in members]
        self.loss = rng.choice([0.0, 0.01, 0.1])
        self.double = rng.choice([0.0, 0.05])
        self.slow = rng.choice([0.0, 0.05, 0.3])
        self.cut: set[tuple[int, int]] = set()
        self.linked: dict[tuple[int, int], int] = {}
        self.faults = True
        self.mischief = Faults(self)
        self.meetings = Meetings(self)
        self.sociable = rng.random() < 0.3
        """Nodes enter barriers."""
        listed = " ".join(f"{n.id}={n.rank}{' (disk)' if n.durable else ''}" for n in self.nodes)
        self.say(f"seed {seed} {'gentle' if self.gentle else 'wild'} ranks {listed}")

    def _ranks(self) -> list[int]:
        rng = self.rng
        ranks = [rng.choice(RANKS) for _ in range(rng.choice(SIZES))]
        if rng.random() < 0.5:
            ranks = [min(r, 1) for r in ranks]
        return ranks if sum(ranks) else [1, *ranks[1:]]

    # ---- time ----

    def at(self, delay_ms: int, action: Callable[[], None]) -> None:
        self._serial += 1
        heapq.heappush(self._events, (self.now + delay_ms, self._serial, action))

    def run_until(self, time_ms: int, done: Callable[[], bool] | None = None) -> bool:
        """Let events happen until then, or until `done`, which is asked now and then."""
        events = self._events
        asked = self.now
        while events and events[0][0] <= time_ms:
            self.now, _, action = heapq.heappop(events)
            action()
            if done is not None and self.now >= asked + 100:
                asked = self.now
                if done():
                    return True
        self.now = time_ms
        return done is not None and done()

    def say(self, text: str) -> None:
        if self.trace is not None:
            self.trace.append(f"{self.now:6} {text}")

    # ---- a whole life ----

    def run(self) -> None:
        """From the first start to the end; raises Violation."""
        for node in self.nodes:
            self.at(self.rng.randrange(300), lambda n=node: self.start(n))
        if self.gentle:
            self.heal()
            if not self.run_until(20_000, self.all_ready):
                raise Violation(f"no cluster came to be: {self.why()}")
            self.faults = True
        self.at(10, self.client)
        self.at(10, self.mischief.happen)
        self.run_until(self.now + FAULTS_MS)
        self.settle()
        if self.gentle:
            last = self.rng.random()
            if last < 0.15:
                self.stop_all()
            elif last < 0.3:
                self.mischief.lose_all_but_one()
                self.settle(forced=True)

    def settle(self, forced: bool = False) -> None:
        """The faults end; gentle worlds must come to rest with everything done and everyone equal."""
        self.faults = False
        self.heal()
        for node in self.nodes:
            node.gone = False
            self.start(node)
        done = self.run_until(self.now + (SETTLE_MS if self.gentle else 2500), self.at_rest)
        if not self.gentle:
            return
        if not done:
            raise Violation(f"not at rest after the faults ended: {self.why()}")
        self.compare(forced)

    def compare(self, forced: bool) -> None:
        """Everyone alive is equal, and what writers were told is there (after a forced recovery it may not be)."""
        alive = self.alive()
        if len({n.replica.core.cluster for n in alive}) > 1:
            raise Violation(f"more than one cluster at rest: {self.why()}")
        states = {(n.machine.position, n.machine.digest()) for n in alive}
        if len(states) > 1:
            raise Violation(f"nodes differ at rest: {states}")
        applied = alive[0].machine.applied if alive else set()
        lost = [o for o, took in self.checks.told.items() if took and o not in applied]
        if lost and alive and not forced:
            raise Violation(f"acknowledged, and not there: {lost}")

    def stop_all(self) -> None:
        """An orderly end: everyone asks, everyone hears."""
        for node in self.alive():
            node.replica.submit_stop()
            self.turn(node)
        if not self.run_until(self.now + 8000, lambda: not self.alive()):
            raise Violation(f"the common stop did not come about: {self.why()}")
        if any(n.marker is not None for n in self.nodes):
            raise Violation("a marker outlived the common stop")

    def alive(self) -> list[SimNode]:
        return [n for n in self.nodes if n.up and n.replica.core.phase not in ENDED]

    def all_ready(self) -> bool:
        return all(n.up and n.replica.status().ready for n in self.nodes)

    def at_rest(self) -> bool:
        alive = self.alive()
        if any(n.waiting for n in alive):
            return False
        cores = [n.replica.core for n in alive]
        return (
            all(n.replica.status().ready for n in alive)
            and len({c.applied for c in cores}) <= 1
            and len({c.log.last_index for c in cores}) <= 1
            and not any(c.configuration.is_joint or c.membership.leaving for c in cores)
        )

    def why(self) -> str:
        lines = [
            f"{n.id}: {describe.state(n.replica.core)} | {n.replica.status().waiting_for}" for n in self.nodes if n.up
        ]
        return "\n".join(["", *lines])

    # ---- nodes ----

    def start(self, node: SimNode) -> None:
        if node.up or node.gone:
            return
        self.say(f"{node.id} starts, marker {node.marker is not None}, {'disk' if node.durable else 'no disk'}")
        node.start(self.rng.getrandbits(64) | 1, self.rng.getrandbits(32), self.lazy, **TIMING)
        self.checks.watch(node)
        self.meetings.watch(node)
        self.equip(node)
        if self.breaker is not None:
            self.breaker(node.replica)
        self.tick(node, node.incarnation)
        for other in self.nodes:
            if other is not node:
                self.at(self.rng.randrange(1, 40), lambda o=other: self.relink(node, o))

    def equip(self, node: SimNode) -> None:
        """A node that starts gets what else belongs to it."""

    def crash(self, node: SimNode) -> None:
        if not node.up:
            return
        self.say(f"{node.id} crashes; {describe.state(node.replica.core)}")
        node.up = False
        node.doom = None
        if not node.durable:
            node.disk.wipe()
        for other in self.nodes:
            self.linked.pop((node.id, other.id), None)
            if other is not node:
                self.at(self.rng.randrange(1, 60), lambda o=other: self.relink(node, o))

    def tick(self, node: SimNode, incarnation: int) -> None:
        if node.up and node.incarnation == incarnation:
            node.replica.tick(self.now)
            self.turn(node)
            self.at(self.rng.randrange(40, 60), lambda: self.tick(node, incarnation))

    def turn(self, node: SimNode) -> None:
        """Do what a host does with a Ready."""
        while node.up and node.replica.has_ready():
            ready = node.replica.ready()
            if self.trace is not None:
                for event in ready.events:
                    self.say(f"{node.id} · {event}")
            if node.doom is not None and (ready.save or ready.marker or ready.messages):
                self._crash_within(node, ready, node.doom)
                return
            node.keep(ready)
            self.checks.stepped(node, ready, self.nodes)
            for to, message in ready.messages:
                self.post(node.id, to, message)
            for event in ready.events:
                self.heard(node, event)
            for number, result in ready.outcomes:
                self.outcome(node, number, result)

    def _crash_within(self, node: SimNode, ready: Ready, steps: int) -> None:
        """Only the first steps of a Ready come about: the marker; the marker and the save; these and some messages.

        A save that was not synced is lost whole, a torn one is found out by its checksum and counts as lost.
        """
        self.say(
            f"{node.id} crashes within a turn, after {('nothing', 'the marker', 'the save', 'some sending')[steps]}"
        )
        if steps == 3 or (node.durable and steps == 2):
            self.checks.stepped(node, ready, self.nodes)
        node.keep(ready, steps)
        if steps == 3:
            for to, message in ready.messages[: self.rng.randrange(len(ready.messages) + 1)]:
                self.post(node.id, to, message)
        self.crash(node)

    def heard(self, node: SimNode, event: Event) -> None:
        """What a host may act upon."""

    def outcome(self, node: SimNode, number: int, result: object) -> None:
        self.meetings.outcome(node, number, result)
        if node.waiting.pop(number, None) is not None and not isinstance(result, CommitOutcomeUnknownError):
            origin = Origin(node.id, node.incarnation, number)
            self.checks.outcome(node.replica.core.cluster, origin, not isinstance(result, Exception))

    # ---- network ----

    def post(self, sender: int, to: int, message: Message) -> None:
        if self.faults:
            dice = self.rng.random()
            if dice < self.loss:
                return
            if dice > 1 - self.double:
                self.deliver_later(sender, to, message)
        self.deliver_later(sender, to, message)

    def deliver_later(self, sender: int, to: int, message: Message) -> None:
        delay = 1 + int(self.rng.random() * 8)
        if self.faults and self.slow and self.rng.random() < self.slow:
            delay += self.rng.randrange(400)
        self.at(delay, lambda: self.deliver(sender, to, message))

    def deliver(self, sender: int, to: int, message: Message) -> None:
        if to >= len(self.nodes) or (sender, to) in self.cut:
            return
        node = self.nodes[to]
        if node.up:
            if self.trace is not None:
                self.say(f"{sender}→{to} {describe.message(message)}")
            node.replica.step(sender, message)
            self.turn(node)

    def relink(self, a: SimNode, b: SimNode) -> None:
        """What the transports of both ends notice by now."""
        together = a.up and b.up and (a.id, b.id) not in self.cut and (b.id, a.id) not in self.cut
        for one, other in ((a, b), (b, a)):
            if not one.up:
                continue
            seen = self.linked.get((one.id, other.id), 0)
            if seen and (not together or seen != other.incarnation):
                del self.linked[one.id, other.id]
                one.replica.peer_disconnected(other.id)
            if together and seen != other.incarnation:
                self.linked[one.id, other.id] = other.incarnation
                one.replica.peer_connected(other.id, other.incarnation)
            self.turn(one)

    def relink_all(self) -> None:
        for i, a in enumerate(self.nodes):
            for b in self.nodes[:i]:
                self.at(self.rng.randrange(1, 100), lambda a=a, b=b: self.relink(a, b))

    def heal(self) -> None:
        self.cut.clear()
        self.faults = False
        self.relink_all()

    # ---- clients ----

    def client(self) -> None:
        """Somebody writes somewhere; sometimes somebody loses patience."""
        if not self.faults:
            return
        node = self.rng.choice(self.nodes)
        if node.up and node.replica.core.phase not in ENDED and not node.replica.core.membership.leaving:
            if self.sociable and self.rng.random() < 0.3:
                self.meetings.enter_or_leave(node)
            elif node.waiting and self.rng.random() < 0.1:
                number = next(iter(node.waiting))
                del node.waiting[number]
                origin = Origin(node.id, node.incarnation, number)
                if node.replica.withdraw(number):
                    self.checks.never.add(origin)
                else:
                    self.checks.given_up.append(origin)
            elif node.replica.core.phase in IN_CLUSTER:
                command = node.machine.command(self.rng)
                if command is not None:
                    node.waiting[node.replica.submit(command)] = self.now
            self.turn(node)
            self.checks.asked(node)
        self.at(self.rng.randrange(10, 80), self.client)
