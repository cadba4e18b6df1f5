"""The simulated world: time, network, crashes, clients; everything from one seed.

Time is a heap of events. The network delays, loses, duplicates and reorders messages, also those of a node that has
crashed since; links are cut in both directions or in one, and the nodes learn of it (a closed connection) soon, late, or
never. Nodes crash with amnesia, or keep their disk; nodes join, leave, and change their rank.

Two kinds of seed: *gentle* ones never let more than one voter be without its state, so that the cluster must come back when
the faults end (liveness is checked); *wild* ones do what they like, and only safety is checked.
"""

import heapq
from collections.abc import Callable
from random import Random

from exdbsim.checks import Checks, Violation
from exdbsim.machine import command
from exdbsim.node import SimNode
from exdbsql.cluster.core import describe
from exdbsql.cluster.core.messages import Message
from exdbsql.cluster.core.phases import ENDED, LEADER, LEFT, NORMAL
from exdbsql.cluster.core.quorum import Member
from exdbsql.cluster.replica import Replica
from exdbsql.cluster.state_machine import Origin
from exdbsql.schema.errors import CommitOutcomeUnknownError

RANKS = [
    (1,),
    (1, 1),
    (1, 1, 1),
    (1, 1, 1),
    (2, 1, 1),
    (1, 1, 1, 1),
    (2, 1, 1, 1),
    (1, 1, 1, 1, 1),
    (1, 0, 0),
    (1, 1, 0),
    (3, 1, 1),
]
FAULTS_MS = 3000
SETTLE_MS = 25_000
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
        self, seed: int, breaker: Breaker | None = None, trace: bool = False, gentle: bool | None = None
    ) -> None:
        self.rng = Random(seed)
        self.seed = seed
        self.breaker = breaker
        self.trace: list[str] | None = [] if trace else None
        self.now = 0
        self.checks = Checks()
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._serial = 0
        rng = self.rng
        self.gentle = rng.random() < 0.6 if gentle is None else gentle
        ranks = rng.choice(RANKS)
        members = tuple(Member(i, f"n{i}", r) for i, r in enumerate(ranks))
        durable = rng.choice([0.0, 0.0, 0.3])
        self.nodes = [SimNode(m.node_id, m.rank, members, rng.random() < durable) for m in members]
        self.loss = rng.choice([0.0, 0.01, 0.1])
        self.double = rng.choice([0.0, 0.05])
        self.slow = rng.choice([0.0, 0.05, 0.3])
        self.cut: set[tuple[int, int]] = set()
        self.linked: dict[tuple[int, int], int] = {}
        self.faults = True
        self.say(f"seed {seed} {'gentle' if self.gentle else 'wild'} ranks {ranks}")

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
        self.at(10, self.mischief)
        self.run_until(self.now + FAULTS_MS)
        self.settle()

    def settle(self) -> None:
        """The faults end; gentle worlds must come to rest with everything done and everyone equal."""
        self.faults = False
        self.heal()
        for node in self.nodes:
            if not node.up:
                self.start(node)
        done = self.run_until(self.now + (SETTLE_MS if self.gentle else 2500), self.at_rest)
        if not self.gentle:
            return
        if not done:
            raise Violation(f"not at rest after the faults ended: {self.why()}")
        self.compare()
        if self.rng.random() < 0.2:
            self.stop_all()

    def compare(self) -> None:
        """Everyone alive is equal, and what writers were told is there."""
        staying = [n for n in self.alive() if not n.replica.core.membership.leaving]
        states = {(n.machine.position, n.machine.digest) for n in staying}
        if len(states) > 1:
            raise Violation(f"nodes differ at rest: {states}")
        applied = staying[0].machine.applied
        lost = [o for o, took in self.checks.told.items() if took and o not in applied]
        if lost:
            raise Violation(f"acknowledged, and not there: {lost}")

    def stop_all(self) -> None:
        """An orderly end: everyone asks, everyone hears."""
        for node in self.alive():
            if node.replica.core.membership.leaving:
                return
        for node in self.alive():
            node.replica.submit_stop()
            self.turn(node)
        if not self.run_until(self.now + 8000, lambda: not self.alive()):
            raise Violation(f"the common stop did not come about: {self.why()}")

    def alive(self) -> list[SimNode]:
        return [n for n in self.nodes if n.up and n.replica.core.phase not in ENDED]

    def all_ready(self) -> bool:
        return all(n.up and n.replica.status().ready for n in self.nodes)

    def at_rest(self) -> bool:
        alive = self.alive()
        for n in alive:
            if n.waiting:
                return False
        return (
            bool(alive)
            and all(n.replica.status().ready for n in alive)
            and len({n.replica.core.applied for n in alive}) == 1
            and len({n.replica.core.log.last_index for n in alive}) == 1
            and not any(n.replica.core.configuration.is_joint for n in alive)
        )

    def why(self) -> str:
        lines = [
            f"{n.id}: {describe.state(n.replica.core)} | {n.replica.status().waiting_for}" for n in self.nodes if n.up
        ]
        return "\n".join(["", *lines])

    # ---- nodes ----

    def start(self, node: SimNode) -> None:
        if node.up:
            return
        self.say(f"{node.id} starts, marker {node.marker is not None}, {'disk' if node.durable else 'no disk'}")
        node.start(self.rng.getrandbits(64) | 1, self.rng.getrandbits(32), **TIMING)
        self.checks.watch(node)
        if self.breaker is not None:
            self.breaker(node.replica)
        self.tick(node, node.incarnation)
        for other in self.nodes:
            if other is not node:
                self.at(self.rng.randrange(1, 40), lambda o=other: self.relink(node, o))

    def crash(self, node: SimNode) -> None:
        self.say(f"{node.id} crashes; {describe.state(node.replica.core)}")
        node.up = False
        if not node.durable:
            node.disk.__init__()  # type: ignore[misc]
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
        replica = node.replica
        while replica.has_ready():
            ready = replica.ready()
            if ready.save is not None:
                node.disk.write(ready.save)
                replica.saved(ready.save)
            if ready.marker is not None:
                node.marker = ready.marker
            if ready.remove_marker:
                node.forget()
            if self.trace is not None:
                for event in ready.events:
                    self.say(f"{node.id} · {event}")
            self.checks.stepped(node, ready, self.nodes)
            for to, message in ready.messages:
                self.post(node.id, to, message)
            for number, result in ready.outcomes:
                self.outcome(node, number, result)

    def outcome(self, node: SimNode, number: int, result: object) -> None:
        if node.waiting.pop(number, None) is not None and not isinstance(result, CommitOutcomeUnknownError):
            self.checks.outcome(Origin(node.id, node.incarnation, number), result is None)

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
            if node.waiting and self.rng.random() < 0.1:
                number = next(iter(node.waiting))
                del node.waiting[number]
                if node.replica.withdraw(number):
                    self.checks.never.add(Origin(node.id, node.incarnation, number))
            else:
                snapshot = node.machine.position - self.rng.choice((0, 0, 0, 3, 60))
                number = node.replica.submit(command(self.rng.randrange(4), snapshot, self.rng.randrange(1000)))
                node.waiting[number] = self.now
            self.turn(node)
        self.at(self.rng.randrange(10, 80), self.client)

    # ---- faults ----

    def mischief(self) -> None:
        if not self.faults:
            return
        act = self.rng.choice(
            (
                self.hit,
                self.hit,
                self.split,
                self.split_one_way,
                self.mend,
                self.mend,
                self.newcomer,
                self.goer,
                self.rerank,
            )
        )
        act()
        self.at(self.rng.randrange(50, 500), self.mischief)

    def hit(self) -> None:
        """A crash, and a return after a while."""
        victims = [n for n in self.nodes if n.up and (not self.gentle or self.may_fall(n))]
        if victims:
            node = self.rng.choice(victims)
            self.crash(node)
            self.at(self.rng.choice((5, 100, 700)), lambda: self.start(node))

    def may_fall(self, node: SimNode) -> bool:
        """Whether the others surely can bring it back: they have their state, and weigh half without it."""
        if node.durable:
            return True
        others = [n for n in self.nodes if n is not node]
        if not all(n.up and n.replica.core.phase in (NORMAL, LEFT) for n in others):
            return False
        core = node.replica.core
        wishes = [n.replica.core.membership for n in self.nodes if n.up]
        if any(m._wishes or m.joiners or m.goers for m in wishes):
            return False
        return all(
            n.replica.core.rule.is_half(c, {o.id for o in others if o.up and o.replica.core.phase == NORMAL})
            for n in [*others, node]
            for c in [n.replica.core.configuration]
            if n.replica.core.phase == NORMAL
        ) and (core.phase in (NORMAL, LEFT) or core.phase in ENDED)

    def split(self) -> None:
        side = {n.id for n in self.nodes if self.rng.random() < 0.5}
        self.say(f"split {side}")
        self.cut |= {(a.id, b.id) for a in self.nodes for b in self.nodes if (a.id in side) != (b.id in side)}
        if self.rng.random() < 0.7:
            self.relink_all()

    def split_one_way(self) -> None:
        a, b = self.rng.choice(self.nodes), self.rng.choice(self.nodes)
        self.say(f"cut {a.id} → {b.id}")
        self.cut.add((a.id, b.id))
        if self.rng.random() < 0.3:
            self.relink_all()

    def mend(self) -> None:
        self.say("mend")
        self.cut.clear()
        self.relink_all()

    def newcomer(self) -> None:
        """A node that nobody has on a list, or that left before."""
        gone = [n for n in self.nodes if n.up and n.replica.core.phase == LEFT]
        if gone:
            node = self.rng.choice(gone)
            self.crash(node)
            node.forget()
            self.at(50, lambda: self.start(node))
        elif len(self.nodes) < 6 and self.rng.random() < 0.5:
            me = Member(len(self.nodes), f"n{len(self.nodes)}", self.rng.choice((0, 0, 1, 2)))
            known = self.rng.sample(self.nodes[0].members, k=1)
            # It knows one member by address; of the others it will hear.
            node = SimNode(me.node_id, me.rank, (*known, me), False)
            self.nodes.append(node)
            self.start(node)

    def goer(self) -> None:
        if self.rng.random() < 0.5:
            return
        node = self.rng.choice(self.nodes)
        if not node.up or node.replica.core.phase != NORMAL or node.replica.core.membership.leaving:
            return
        voters = [
            n for n in self.nodes if n.up and n.replica.core.phase == NORMAL and n.replica.core.configuration.rank(n.id)
        ]
        fit = all(n.replica.core.applied >= node.replica.core.log.base_index for n in self.nodes if n.up)
        others_up = all(n.up and n.replica.core.phase in (NORMAL, LEFT) for n in self.nodes)
        if fit and others_up and len([v for v in voters if v is not node]) >= 2:
            self.say(f"{node.id} leaves")
            node.waiting.clear()
            node.replica.leave()
            self.turn(node)

    def rerank(self) -> None:
        leaders = [n for n in self.nodes if n.up and n.replica.core.role == LEADER]
        if leaders and self.rng.random() < 0.4:
            node = self.rng.choice(leaders)
            member = self.rng.choice(node.replica.core.configuration.members)
            rank = self.rng.choice((0, 1, 2))
            rest = sum(m.rank for m in node.replica.core.configuration.members if m is not member)
            if rest + rank > 0:
                self.say(f"{member.node_id} gets rank {rank}")
                node.replica.change_member(member._replace(rank=rank))
                self.turn(node)
