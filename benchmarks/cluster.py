"""Commits per second of a three-node cluster on loopback, in memory, beside what a user would take instead, in one run.

    make bench-cluster                 writes benchmarks/RESULTS-CLUSTER.md
    python benchmarks/cluster.py --seconds 1 --no-write

Peers, where installed: PySyncObj (`pip install -e '.[bench]'`), Mnesia (erlang-mnesia), etcd (etcd-server), and Galera
(mariadb-server, galera-4, and sysbench for its load: see `cluster_galera.py`).
Three processes each; rounds of the systems alternate, so that what else the machine does hits all alike. Writers are threads, or
Erlang processes, of a node; those of etcd and Galera are clients of it on the same machine, of the one through its JSON gateway, of the
other in C over a Unix socket.

PySyncObj stands there twice: as it comes, and with the settings that were fastest among those tried (each command sent at once, a
tick of half a millisecond), with which it logs that state may have diverged. So there are two ratios: to the best peer that
keeps its data, and to the best of all.
"""

import argparse
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import cluster_galera
from cluster_events import all_lines, order_line
from cluster_servers import why_not

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS-CLUSTER.md"
NODES = 3
UNSAFE = "pysyncobj-tuned"


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster(Protocol):
    """Three nodes of one system."""

    name: str

    def run(self, writers: Sequence[int], seconds: float, rows: int) -> list[dict[str, Any]]: ...
    def close(self) -> None: ...


class Processes:
    """Node processes that take orders on standard input: see cluster_node.py."""

    def __init__(self, name: str, commands: Sequence[Sequence[str]]) -> None:
        self.name = name
        self._commands = commands
        self.nodes = [self._start(command) for command in commands]
        try:
            for node in self.nodes:
                self._read(node)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _start(command: Sequence[str]) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def restart(self, node: int) -> None:
        """Start a process that was killed again; returns when it is a member."""
        self.nodes[node] = self._start(self._commands[node])
        self._read(self.nodes[node])

    def begin(self, node: int, **order: Any) -> None:
        """Give one node an order; `finish` gets the answer."""
        process = self.nodes[node]
        assert process.stdin is not None
        process.stdin.write(order_line(order))
        process.stdin.flush()

    def finish(self, node: int) -> dict[str, Any]:
        """The answer to `begin`."""
        return self._read(self.nodes[node])

    def ask(self, node: int, **order: Any) -> dict[str, Any]:
        """Give one node an order, and wait for its answer."""
        self.begin(node, **order)
        return self.finish(node)

    @staticmethod
    def _read(node: subprocess.Popen[str]) -> dict[str, Any]:
        assert node.stdout is not None
        line = node.stdout.readline()
        if not line:
            raise RuntimeError(f"a node ended with code {node.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def run(self, writers: Sequence[int], seconds: float, rows: int) -> list[dict[str, Any]]:
        """Writers per node, all at the same time; the answers of the nodes that had any."""
        busy = [(node, count) for node, count in enumerate(writers) if count]
        for node, count in busy:
            self.begin(node, writers=count, seconds=seconds, rows=rows)
        return [self.finish(node) for node, _ in busy]

    def close(self) -> None:
        for node in self.nodes:
            node.kill()
            node.wait()


def python_cluster(name: str, folder: str, nodes: int = NODES) -> Processes:
    ports = ",".join(map(str, free_ports(nodes)))
    return Processes(
        name,
        [
            [sys.executable, str(HERE / "cluster_node.py"), name, str(node), ports, f"{folder}/{name}{node}"]
            for node in range(nodes)
        ],
    )


def clients_of(port: int) -> Processes:
    """A process whose writers are clients of a node of exdbsql."""
    node = [sys.executable, str(HERE / "cluster_node.py"), "exdbsql-remote", "0", str(port), ""]
    return Processes("exdbsql-remote", [node])


def mnesia_cluster(folder: str) -> Processes:
    names = ",".join(f"bench{node}@localhost" for node in range(NODES))
    return Processes(
        "mnesia", [["escript", str(HERE / "mnesia_node.escript"), str(node), names, folder] for node in range(NODES)]
    )


def available(folder: str) -> list[Cluster]:
    """exdbsql, and the peers that are installed; says which are not."""
    clusters: list[Cluster] = [python_cluster("exdbsql", folder)]
    try:
        import pysyncobj  # noqa: F401  only whether it is there

        clusters += [python_cluster(name, folder) for name in ("pysyncobj", UNSAFE)]
    except ImportError:
        print("PySyncObj is not installed: pip install -e '.[bench]'")
    if shutil.which("escript"):
        clusters.append(mnesia_cluster(folder))
    else:
        print("Erlang is not installed (package erlang-mnesia)")
    reason = why_not("etcd")
    if reason:
        print(reason)
    else:
        clusters.append(python_cluster("etcd", folder))
    reason = cluster_galera.why_not()
    if not reason:
        try:
            clusters.append(python_cluster("galera", folder))
        except RuntimeError as error:
            reason = f"Galera is left out, it does not start: {error}"
    if reason:
        print(reason.replace("\n", " "))
    return clusters


def cells_of(best: dict[str, Any], peers: Sequence[str]) -> list[str]:
    """Of one line of the table."""
    rate, p50, p99 = best["exdbsql"]
    safe = [best[peer][0] for peer in peers if peer != UNSAFE]
    every = [best[peer][0] for peer in peers]
    ratios = [f"{rate / max(others):.1f}" if others else "-" for others in (safe, every)]
    return [f"{rate:,.0f}", f"{p50:,.0f} µs", f"{p99:,.0f} µs", *(f"{other:,.0f}" for other in every), *ratios]


def summary(answers: Sequence[dict[str, Any]]) -> tuple[float, float, float]:
    """Commits per second over all nodes, and the worst node's median and 99th percentile in microseconds."""
    rate = sum(answer["commits"] / answer["seconds"] for answer in answers)
    return rate, max(a["p50_us"] or 0 for a in answers), max(a["p99_us"] or 0 for a in answers)


STEPS = [
    ("1 writer on one node", (1, 0, 0), 1),
    ("4 writers on one node", (4, 0, 0), 1),
    ("16 writers on one node", (16, 0, 0), 1),
    ("64 writers on one node", (64, 0, 0), 1),
    ("1 writer on each node", (1, 1, 1), 1),
    ("4 writers on each node", (4, 4, 4), 1),
    ("16 writers on each node", (16, 16, 16), 1),
    ("64 writers on each node", (64, 64, 64), 1),
    ("1 writer, 100 rows a commit", (1, 0, 0), 100),
    ("1 writer, 10,000 rows a commit", (1, 0, 0), 10_000),
]


def best_of(
    clusters: Sequence[Cluster], writers: Sequence[int], rows: int, seconds: float, rounds: int
) -> dict[str, Any]:
    """The best round of each system, in alternating rounds."""
    best: dict[str, tuple[float, float, float]] = {}
    for _ in range(rounds):
        for cluster in clusters:
            found = summary(cluster.run(writers, seconds, rows))
            if found > best.get(cluster.name, (0.0, 0.0, 0.0)):
                best[cluster.name] = found
    return best


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description="exdbsql's cluster beside others")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--no-write", action="store_true")
    parser.add_argument("--events-only", action="store_true", help="leave out the comparison")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the table that a node joins with")
    arguments = parser.parse_args()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        lines = [] if arguments.events_only else comparison(folder, arguments.seconds, arguments.rounds)
        lines += events(folder, arguments.seconds, arguments.rows)
    if not arguments.no_write:
        RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


def comparison(folder: str, seconds: float, rounds: int) -> list[str]:
    """The table of all systems."""
    with ExitStack() as stack:
        clusters = available(folder)
        for cluster in clusters:
            stack.callback(cluster.close)
        peers = [cluster.name for cluster in clusters[1:]]
        lines = [
            "# exdbsql's cluster beside others: commits per second, three nodes on loopback, in memory",
            "",
            f"Written by `make bench-cluster` on {date.today().isoformat()}: Python {platform.python_version()}, "
            + f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors. The first ratio is to the best peer "
            + "that keeps its data, the second to the best of all.",
            "",
            "| work | exdbsql | p50 | p99 | " + " | ".join(peers) + " | ratio | ratio to all |",
            "|---|---|---|---|" + "---|" * (len(peers) + 2),
        ]
        print("\n".join(lines[4:]))
        for name, writers, rows in STEPS:
            best = best_of(clusters, writers, rows, seconds, rounds)
            lines.append(f"| {name} | " + " | ".join(cells_of(best, peers)) + " |")
            print(lines[-1], flush=True)
    return lines


def events(folder: str, seconds: float, rows: int) -> list[str]:
    """What is measured of exdbsql alone."""

    def make(nodes: int = NODES, name: str = "exdbsql") -> Processes:
        return python_cluster(name, tempfile.mkdtemp(dir=folder), nodes)

    lines = ["", "exdbsql alone:", "", "| what happens | what was measured |", "|---|---|"]
    for line in all_lines(make, clients_of, seconds, rows):
        lines.append(line)
        print(line, flush=True)
    return lines


if __name__ == "__main__":
    main()
