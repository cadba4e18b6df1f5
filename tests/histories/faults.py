"""What happens to the nodes of a run: killed, paused, stopped and started, cut off both ways or one, joined and taken off.

Nodes are in memory, so every process that ends takes its DISTRIBUTED rows with it, and its copy of the replicated ones. Each fault
ends with all nodes ready again: two that have lost their memory at a time would be more than three nodes can bear.
"""

import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence

import namespaces

import exdbsql
from local_cluster import LocalCluster

Fault = Callable[[], None]


class Faults:
    """The faults of one run.

    Attributes:
        founders: the nodes that are always members; the one behind them, if any, comes and goes.
        deaths: (node, when its process had ended), by `time.monotonic`.
        counts: how often each fault has happened.
    """

    def __init__(self, cluster: LocalCluster, rng: random.Random, founders: int) -> None:
        self.cluster = cluster
        self.rng = rng
        self.founders = founders
        self.deaths: list[tuple[int, float]] = []
        self.counts: dict[str, int] = {}

    def all(self) -> list[Fault]:
        """Everything that may happen to this cluster."""
        some: list[Fault] = [self.kill, self.pause, self.restart, self.kill_while_another_is_paused]
        if isinstance(self.cluster, namespaces.NamespaceCluster):
            some += [self.cut_both_ways, self.cut_one_way, self.cut_a_link, self.kill_while_another_is_cut_off]
        if (self.cluster.folder / f"node{self.founders}.toml").exists():
            some.append(self.come_or_go)
        return some

    def happen(self, fault: Fault) -> None:
        """This fault, and the time until all are ready again."""
        name = fault.__name__
        self.counts[name] = self.counts.get(name, 0) + 1
        fault()
        self.wait_ready()

    def wait_ready(self) -> None:
        for node in self.cluster.processes:
            self.cluster.wait_ready(node)

    def _one(self) -> int:
        return self.rng.choice(sorted(self.cluster.processes))

    def _two(self) -> Sequence[int]:
        return self.rng.sample(sorted(self.cluster.processes), 2)

    # ---- processes ----

    def kill(self) -> None:
        """SIGKILL, and a start soon or later."""
        victim = self._one()
        self._kill(victim)
        time.sleep(self.rng.uniform(0.05, 0.8))
        self.cluster.start(victim)

    def _kill(self, victim: int) -> None:
        self.cluster.kill(victim)
        self.deaths.append((victim, time.monotonic()))

    def restart(self) -> None:
        """SIGTERM, as an operator would, and a start."""
        victim = self._one()
        self.cluster.terminate(victim)
        self.deaths.append((victim, time.monotonic()))
        self.cluster.start(victim)

    def pause(self) -> None:
        """SIGSTOP for a while."""
        victim = self._one()
        self._signal(victim, signal.SIGSTOP)
        time.sleep(self.rng.uniform(0.5, 2.5))
        self._signal(victim, signal.SIGCONT)

    def kill_while_another_is_paused(self) -> None:
        """One comes back without memory, and another slept while it died, or while it asks."""
        victim, sleeper = self._two()
        self._signal(sleeper, signal.SIGSTOP)
        time.sleep(self.rng.uniform(0, 1.5))
        self._kill(victim)
        time.sleep(self.rng.uniform(0, 0.5))
        self.cluster.start(victim)
        time.sleep(self.rng.uniform(0.2, 1.5))
        self._signal(sleeper, signal.SIGCONT)

    def _signal(self, node: int, number: signal.Signals) -> None:
        self.cluster.processes[node].send_signal(number)

    # ---- links ----

    def cut_both_ways(self) -> None:
        """One node and the others do not hear each other."""
        alone = self._one()
        self._cut([(alone, other) for other in self._others(alone)], [(o, alone) for o in self._others(alone)])

    def cut_one_way(self) -> None:
        """One node is not heard by the others, or does not hear them, or only some of them."""
        alone = self._one()
        some = self._others(alone)
        if self.rng.random() < 0.3:
            some = self.rng.sample(some, 1)
        self._cut([(alone, other) for other in some] if self.rng.random() < 0.5 else [(o, alone) for o in some])

    def cut_a_link(self) -> None:
        """Two nodes do not hear each other, and all others do."""
        one, other = self._two()
        self._cut([(one, other)], [(other, one)])

    def kill_while_another_is_cut_off(self) -> None:
        """One comes back without memory while another is away."""
        victim, away = self._two()
        cluster = self._namespaces()
        for other in self._others(away):
            cluster.cut(away, other)
        time.sleep(self.rng.uniform(0, 1.5))
        self._kill(victim)
        self.cluster.start(victim)
        time.sleep(self.rng.uniform(0.5, 2.0))
        cluster.heal()

    def _others(self, node: int) -> list[int]:
        return [other for other in sorted(self.cluster.processes) if other != node]

    def _cut(self, *ways: Sequence[tuple[int, int]]) -> None:
        cluster = self._namespaces()
        for way in ways:
            for source, target in way:
                cluster.cut(source, target)
        time.sleep(self.rng.uniform(0.5, 3.0))
        cluster.heal()

    def _namespaces(self) -> namespaces.NamespaceCluster:
        assert isinstance(self.cluster, namespaces.NamespaceCluster)
        return self.cluster

    # ---- members ----

    def come_or_go(self) -> None:
        """The node that is no founder joins; or it dies for good, and is taken off the list. It comes back as a new machine."""
        node = self.founders
        if node not in self.cluster.processes:
            shutil.rmtree(self.cluster.folder / f"state{node}", ignore_errors=True)
            self.cluster.start(node)
            return
        self._kill(node)
        self.cluster.wait_for(0, lambda: self._taken_off(node))

    def _taken_off(self, node: int) -> bool:
        with self.cluster.connect(0) as connection:
            if node in [row[0] for row in connection.cursor().execute("SHOW NODES").fetchall()]:
                connection.cursor().execute(f"ALTER CLUSTER REMOVE NODE {node}")
                return False
            return True

    def end(self) -> None:
        """Every node is a member and ready."""
        if self.founders not in self.cluster.processes and self.come_or_go in self.all():
            self.come_or_go()
        self.wait_ready()


def eventually(work: Callable[[], None], tries: int = 100, pause_s: float = 0.2) -> None:
    """Do what may fail while nodes find each other again."""
    for attempt in range(tries):
        try:
            work()
            return
        except exdbsql.OperationalError:
            if attempt == tries - 1:
                raise
            time.sleep(pause_s)
