"""Schedules played message by message: for counterexamples too rare for random search (shared model R6).

Every message ever sent is kept; a script says which one arrives next, so it may arrive late, twice or never, also after
its sender crashed. No time passes; elections begin when the script says so.
"""

from collections.abc import Callable, Sequence
from typing import Any

from exdbsim.machine import Model
from exdbsim.node import Disk
from exdbsql.cluster.core.messages import Message
from exdbsql.cluster.core.phases import LEADER, NORMAL
from exdbsql.cluster.core.quorum import Configuration, Member
from exdbsql.cluster.core.ready import Marker
from exdbsql.cluster.replica import Replica, ReplicaConfig

CLUSTER = 77


class Stage:
    """Nodes of one cluster in term 0, and every message that they ever sent."""

    def __init__(self, ranks: Sequence[int], breaker: Callable[[Replica], None] | None = None, **options: int) -> None:
        self.members = tuple(Member(i, f"n{i}", r) for i, r in enumerate(ranks))
        self.breaker = breaker
        self.options = options
        self.disks: dict[int, Disk] = {}
        """Disks of the nodes that have one."""
        self.crashes = 0
        self.sent: list[tuple[int, int, Message]] = []
        self.nodes: dict[int, Replica] = {}
        for m in self.members:
            core = self._start(m.node_id, None).core
            core.cluster = CLUSTER
            core.configurations = [Configuration(0, self.members)]
            core.enter(NORMAL)
            core.refresh()
        for m in self.members:
            self._connect(m.node_id)

    def _start(self, node_id: int, marker: Marker | None) -> Replica:
        incarnation = 1000 * (self.crashes + 1) + node_id
        member = self.members[node_id]
        disk = self.disks.get(node_id)
        saved = disk.read() if disk is not None and marker is not None else None
        config = ReplicaConfig(
            node_id=node_id,
            addr=member.addr,
            rank=member.rank,
            incarnation=incarnation,
            seed=node_id,
            members=self.members,
            marker=marker,
            saved=saved,
            durable=disk is not None,
            **self.options,  # type: ignore[arg-type]
        )
        self.nodes[node_id] = replica = Replica(config, Model())
        if self.breaker is not None:
            self.breaker(replica)
        return replica

    def _connect(self, node_id: int) -> None:
        for other, replica in self.nodes.items():
            if other != node_id:
                self.nodes[node_id].core.present[other] = replica.core.incarnation
                replica.core.present[node_id] = self.nodes[node_id].core.incarnation

    # ---- what a script can say ----

    def stand(self, node_id: int) -> None:
        """Its election time-out passes (and pre-votes went well)."""
        self.nodes[node_id].core.elections.stand()
        self.collect(node_id)

    def crash(self, node_id: int, cluster: int = CLUSTER) -> None:
        """It forgets everything but its marker (and its disk, if it has one), and asks."""
        self.crashes += 1
        replica = self._start(node_id, Marker(cluster, self.members))
        self._connect(node_id)
        for other in self.nodes:
            if other != node_id:
                replica.core.recovery.ask(other)
        self.collect(node_id)

    def arrive(self, kind: type[Any], sender: int, to: int, **fields: object) -> None:
        """The newest message of that kind (with these fields) between the two arrives."""
        for source, target, message in reversed(self.sent):
            fits = source == sender and target == to and type(message) is kind
            if fits and all(getattr(message, name) == value for name, value in fields.items()):
                self.nodes[to].step(sender, message)
                self.collect(to)
                return
        raise AssertionError(f"no {kind.__name__} from {sender} to {to} was sent")

    def exchange(self, question: type[Any], answer: type[Any], asker: int, *others: int) -> None:
        """A question and its answer, with each of the others."""
        for other in others:
            self.arrive(question, asker, other)
            self.arrive(answer, other, asker)

    def collect(self, node_id: int) -> None:
        """Keep what the node has to send."""
        node, more = self.nodes[node_id], True
        while more:
            ready = node.ready()
            if ready.save is not None and node_id in self.disks:
                self.disks[node_id].write(ready.save)
                node.saved(ready.save)
            self.sent += [(node_id, to, message) for to, message in ready.messages]
            more = node.has_ready()

    # ---- what must hold ----

    def leads(self, node_id: int, term: int) -> bool:
        core = self.nodes[node_id].core
        return core.role == LEADER and core.term == term

    def broken(self) -> str | None:
        """A leader of a later term that lacks what was committed in an earlier one."""
        for a in self.nodes.values():
            for b in self.nodes.values():
                if b.core.role == LEADER and b.core.term > a.core.term:
                    for index in range(1, a.core.commit + 1):
                        if b.core.log.term_at(index) != a.core.log.term_at(index):
                            return f"node {b.core.id} leads term {b.core.term} without the committed entry {index}"
        return None
