"""What happens to commits when something else happens in the cluster: lines of the cluster benchmark for exdbsql alone.

Every scene has its own cluster of three processes, and gives one line of the table: what was measured, and the figures.
"Quiet" and "beside" are measured in the same run, one after the other.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

Run = dict[str, Any]


class Nodes(Protocol):
    """What a scene needs of the cluster: see ``cluster.Processes``."""

    nodes: list[Any]

    def ask(self, node: int, **order: Any) -> Run: ...
    def begin(self, node: int, **order: Any) -> None: ...
    def finish(self, node: int) -> Run: ...
    def restart(self, node: int) -> None: ...


def writing(seconds: float, writers: int = 4, **more: Any) -> dict[str, Any]:
    """An order to write single rows."""
    return {"writers": writers, "seconds": seconds, "rows": 1, **more}


def rate(run: Run) -> float:
    """Commits per second."""
    return float(run["commits"] / run["seconds"])


def leader_and_others(cluster: Nodes) -> tuple[int, list[int]]:
    """Who leads, and who does not."""
    leader = int(cluster.ask(0, ask="leader")["leader"].split()[-1])
    return leader, [node for node in range(len(cluster.nodes)) if node != leader]


def windows(cluster: Nodes, seconds: float) -> Iterator[str]:
    """What the window does to throughput and latency."""
    for window in ([0, 0, 1], [0, 16, 1], [0, 64, 5]):
        cluster.ask(0, window=window)
        for writers in (1, 16, 64):
            run = cluster.ask(0, **writing(seconds, writers))
            yield (
                f"window length {window[1]}, timeout {window[2]} ms, {writers} writers | {rate(run):,.0f} commits/s, "
                f"p50 {run['p50_us']:,.0f} µs, p99 {run['p99_us']:,.0f} µs"
            )


def busy_thread(cluster: Nodes, seconds: float) -> Iterator[str]:
    """A thread that calculates in the leader's process, and then in a follower's: what the others' commits cost."""
    leader, (follower, writer) = leader_and_others(cluster)
    quiet = cluster.ask(writer, **writing(seconds, 1))
    for who, node in (("the leader", leader), ("a follower", follower)):
        cluster.begin(node, **writing(seconds + 1, 0, busy=True))
        time.sleep(0.3)
        run = cluster.ask(writer, **writing(seconds, 1))
        cluster.finish(node)
        yield (
            f"busy thread in {who}'s process | p50 of another node's commits {quiet['p50_us']:,.0f} to "
            f"{run['p50_us']:,.0f} µs ({run['p50_us'] / quiet['p50_us']:.1f} times), p99 {run['p99_us']:,.0f} µs"
        )
    after, _ = leader_and_others(cluster)
    yield f"who leads after the busy threads | {'the same node' if after == leader else 'another node'}"


def failover(cluster: Nodes, seconds: float) -> Iterator[str]:
    """SIGKILL of the leader: the longest that a writer on another node had to wait."""
    leader, (writer, _) = leader_and_others(cluster)
    cluster.begin(writer, **writing(seconds + 3, 1, stubborn=True))
    time.sleep(1)
    cluster.nodes[leader].kill()
    run = cluster.finish(writer)
    yield f"failover after SIGKILL of the leader | {run['max_us'] / 1000:,.0f} ms to the next commit"


def joining(cluster: Nodes, seconds: float, rows: int) -> Iterator[str]:
    """A node that comes back without its memory while others write at full speed."""
    leader, (writer, comer) = leader_and_others(cluster)
    cluster.ask(leader, ask="load", rows=rows)
    cluster.nodes[comer].kill()
    cluster.nodes[comer].wait()
    quiet = cluster.ask(writer, **writing(seconds))
    cluster.begin(writer, **writing(seconds))
    began = time.perf_counter()
    cluster.restart(comer)
    taken = time.perf_counter() - began
    beside = cluster.finish(writer)
    found = cluster.ask(comer, ask="count")["rows"]
    assert found >= rows, f"the node that joined has {found} rows"
    yield (
        f"joining with {rows:,} rows while 4 writers write | {taken:.1f} s from the start of the process, "
        f"{found / taken:,.0f} rows/s; writers {rate(quiet):,.0f} to {rate(beside):,.0f} commits/s "
        f"({(1 - rate(beside) / rate(quiet)) * 100:.0f} % fewer)"
    )


def clients(cluster: Nodes, clients_of: Callable[[int], Any], seconds: float) -> Iterator[str]:
    """Clients over the network: one process of them, at a follower."""
    _, (follower, _) = leader_and_others(cluster)
    remote = clients_of(cluster.ask(follower, ask="serve")["port"])
    try:
        for writers in (1, 16):
            run = remote.ask(0, **writing(seconds, writers))
            yield (
                f"{writers} clients over the network, at one node | {rate(run):,.0f} commits/s, "
                f"p50 {run['p50_us']:,.0f} µs, p99 {run['p99_us']:,.0f} µs"
            )
    finally:
        remote.close()


def growth(make: Callable[..., Any], seconds: float) -> Iterator[str]:
    """The same writers on one node of clusters of several sizes."""
    for nodes in (1, 3, 5, 7):
        cluster = make(nodes)
        try:
            one, many = (cluster.ask(0, **writing(seconds, writers)) for writers in (1, 16))
        finally:
            cluster.close()
        yield (
            f"{nodes} nodes, writers on one of them | {rate(one):,.0f} commits/s by 1 (p50 {one['p50_us']:,.0f} µs), "
            f"{rate(many):,.0f} by 16 (p50 {many['p50_us']:,.0f} µs)"
        )


def early_data(make: Callable[..., Any], rows: int) -> Iterator[str]:
    """A large transaction with and without EARLY_DATA_SEND: what its statements take, and what is left for its commit."""
    for name, said in (("exdbsql", "without"), ("exdbsql-early", "with")):
        cluster = make(3, name)
        try:
            taken = min((cluster.ask(0, ask="large", rows=rows) for _ in range(3)), key=lambda one: one["commit"])
        finally:
            cluster.close()
        yield (
            f"a transaction of {rows:,} rows {said} EARLY_DATA_SEND | "
            f"statements {taken['statements'] * 1000:,.0f} ms, commit {taken['commit'] * 1000:,.0f} ms"
        )


def all_lines(make: Callable[..., Any], clients_of: Callable[[int], Any], seconds: float, rows: int) -> Iterator[str]:
    """The lines of all scenes; most are played in a cluster of their own, which `make` starts."""
    scenes: list[Callable[[Any], Iterator[str]]] = [
        lambda cluster: windows(cluster, seconds),
        lambda cluster: clients(cluster, clients_of, seconds),
        lambda cluster: busy_thread(cluster, seconds),
        lambda cluster: failover(cluster, seconds),
        lambda cluster: joining(cluster, max(seconds, 5.0), rows),
    ]
    for scene in scenes:
        cluster = make()
        try:
            for line in scene(cluster):
                yield f"| {line} |"
        finally:
            cluster.close()
    for line in (*growth(make, seconds), *early_data(make, 200_000)):
        yield f"| {line} |"


def order_line(order: dict[str, Any]) -> str:
    """An order as a node process reads it."""
    return json.dumps(order) + "\n"
