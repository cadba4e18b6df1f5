"""A few replicas on a perfect network with a clock in hand: for tests that are about one behaviour."""

from collections.abc import Callable, Iterable, Iterator

from exdbsql.cluster.core.messages import from_wire, to_wire
from exdbsql.cluster.core.quorum import Member, QuorumCallback
from exdbsql.cluster.core.ready import Event, Marker
from exdbsql.cluster.replica import Replica, ReplicaConfig
from exdbsql.cluster.state_machine import Origin


class Ledger:
    """A state machine that writes down what it is given."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def apply(self, index: int, origin: Origin, command: bytes) -> object:
        self.lines.append(command)
        return f"line {len(self.lines)}"

    def snapshot(self) -> Iterator[bytes]:
        return iter([*self.lines])

    def restore(self, chunks: Iterator[bytes]) -> None:
        self.lines = list(chunks)

    def dictionary_text(self) -> str:
        return ""

    def dictionary_difference(self, other: str) -> list[str]:
        return []


class Cluster:
    """Replicas by id; every message passes through its wire form."""

    def __init__(self) -> None:
        self.now = 0
        self.starts = 0
        self.nodes: dict[int, Replica] = {}
        self.ledgers: dict[int, Ledger] = {}
        self.markers: dict[int, Marker] = {}
        self.events: dict[int, list[Event]] = {}
        self.outcomes: dict[int, dict[int, object]] = {}
        self.cut: set[frozenset[int]] = set()

    def start(
        self, node_id: int, members: Iterable[Member], callback: QuorumCallback | None = None, **options: int
    ) -> Replica:
        """Start a node that knows these members (itself among them)."""
        members = tuple(members)
        me = next(m for m in members if m.node_id == node_id)
        self.starts += 1
        config = ReplicaConfig(
            node_id=node_id,
            addr=me.addr,
            rank=me.rank,
            incarnation=10_000 + self.starts,
            seed=self.starts,
            members=members,
            marker=self.markers.get(node_id),
            quorum_callback=callback,
            **options,
        )
        self.ledgers[node_id] = Ledger()
        self.nodes[node_id] = replica = Replica(config, self.ledgers[node_id])
        self.events[node_id], self.outcomes[node_id] = [], {}
        for other in list(self.nodes):
            self._connect(node_id, other)
        return replica

    def _connect(self, a: int, b: int) -> None:
        if a != b and frozenset((a, b)) not in self.cut:
            self.nodes[a].peer_connected(b, self.nodes[b].config.incarnation)
            self.nodes[b].peer_connected(a, self.nodes[a].config.incarnation)

    def crash(self, node_id: int) -> None:
        del self.nodes[node_id]
        for replica in self.nodes.values():
            replica.peer_disconnected(node_id)

    def part(self, a: int, b: int) -> None:
        self.cut.add(frozenset((a, b)))
        self.nodes[a].peer_disconnected(b)
        self.nodes[b].peer_disconnected(a)

    def run(self, done: Callable[[], bool] | None = None, for_ms: int = 10_000) -> None:
        """Let time pass until it is done (an assertion), or for so long."""
        end = self.now + for_ms
        while self.now < end:
            if done is not None and done():
                return
            self.now += 20
            for replica in list(self.nodes.values()):
                replica.tick(self.now)
            self._pump()
        why = {i: r.status().waiting_for for i, r in self.nodes.items()}
        assert done is None or done(), f"not done after {for_ms} ms: {why}"

    def _pump(self) -> None:
        busy = True
        while busy:
            busy = False
            for node_id, replica in list(self.nodes.items()):
                if not replica.has_ready():
                    continue
                busy = True
                ready = replica.ready()
                if ready.marker is not None:
                    self.markers[node_id] = ready.marker
                if ready.remove_marker:
                    self.markers.pop(node_id, None)
                self.events[node_id] += ready.events
                self.outcomes[node_id] |= dict(ready.outcomes)
                for to, message in ready.messages:
                    if to in self.nodes and frozenset((node_id, to)) not in self.cut:
                        self.nodes[to].step(node_id, from_wire(to_wire(message)))

    def all_ready(self) -> bool:
        return all(r.status().ready for r in self.nodes.values())

    def leader(self) -> int:
        return next(i for i, r in self.nodes.items() if r.status().role == "leader")


def members(*ranks: int) -> tuple[Member, ...]:
    """Members 0, 1, ... with these ranks."""
    return tuple(Member(i, f"host:{2000 + i}", rank) for i, rank in enumerate(ranks))


def cluster_of(*ranks: int, **options: int) -> Cluster:
    """A running cluster."""
    cluster = Cluster()
    for m in members(*ranks):
        cluster.start(m.node_id, members(*ranks), None, **options)
    cluster.run(cluster.all_ready)
    return cluster
