"""kill -9 of any node at any time: what was acknowledged is there, on every node, and the cluster goes on."""

import random
import threading
from dataclasses import dataclass, field

import pytest

import exdbsql
from local_cluster import LocalCluster

pytestmark = pytest.mark.timeout(300)
KILLS = 4


@dataclass
class Writer:
    """A client of one node that inserts numbers, and remembers what became of each."""

    cluster: LocalCluster
    node: int
    stop: threading.Event
    acknowledged: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)

    def run(self) -> None:
        number = self.node
        while not self.stop.is_set():
            try:
                with self.cluster.connect(self.node) as connection:
                    cursor = connection.cursor()
                    while not self.stop.is_set():
                        number += 10
                        self.unknown.add(number)
                        cursor.execute("INSERT INTO sites VALUES (?, ?, 'XX')", (number, f"site {number}"))
                        self.unknown.remove(number)
                        self.acknowledged.add(number)
            except exdbsql.NoQuorumError:
                self.unknown.discard(number)
                self.refused.add(number)
                self.stop.wait(0.05)
            except exdbsql.Error:
                self.stop.wait(0.05)


def test_nothing_acknowledged_is_lost_and_nothing_refused_appears(cluster: LocalCluster) -> None:
    rng = random.Random(20261122)
    stop = threading.Event()
    writers = [Writer(cluster, node, stop) for node in range(3)]
    threads = [threading.Thread(target=writer.run) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        for _ in range(KILLS):
            stop.wait(rng.uniform(0.3, 1.0))
            victim = rng.randrange(3)
            cluster.kill(victim)
            stop.wait(rng.uniform(0.1, 1.0))
            cluster.start(victim)
            for node in range(3):
                cluster.wait_ready(node)
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    acknowledged = set[int]().union(*(w.acknowledged for w in writers))
    refused = set[int]().union(*(w.refused for w in writers))
    unknown = set[int]().union(*(w.unknown for w in writers))
    seen = [rows_of(cluster, node) for node in range(3)]
    assert seen[0] == seen[1] == seen[2]
    assert len(acknowledged) > 20
    assert acknowledged <= seen[0], f"lost: {sorted(acknowledged - seen[0])[:10]}"
    assert not refused & seen[0], f"refused, yet there: {sorted(refused & seen[0])[:10]}"
    assert seen[0] <= acknowledged | unknown


def rows_of(cluster: LocalCluster, node: int) -> set[int]:
    with cluster.connect(node) as connection:
        cursor = connection.cursor()
        cursor.execute("UPDATE sites SET country = 'YY' WHERE id = -1")
        return {row[0] for row in cursor.execute("SELECT id FROM sites").fetchall()}
