"""Node processes on this machine: start, wait, kill, stop. Used by the demonstration and by the end-to-end tests.

A node is the command `exdbsql serve -c FOLDER/nodeN.toml` in a process of its own, with its output in FOLDER/nodeN.log.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import exdbsql

EXDBSQL = str(Path(sys.executable).parent / "exdbsql")
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody uses at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def ports_free(ports: Sequence[int]) -> bool:
    """Whether all of these can be bound on loopback now."""
    for port in ports:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def contiguous_ports(count: int) -> int:
    """The first of `count` neighbouring ports of loopback that are free now."""
    while True:
        base = free_ports(1)[0]
        if base + count < 65536 and ports_free(range(base, base + count)):
            return base


@dataclass
class LocalCluster:
    """The node processes of one folder of configurations (`exdbsql init` wrote it)."""

    folder: Path
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def config(self, node: int) -> dict[str, Any]:
        return tomllib.loads((self.folder / f"node{node}.toml").read_text(encoding="utf-8"))

    def address(self, node: int) -> str:
        """host:port of the node's SQL service."""
        return str(self.config(node)["sql"]["listen"])

    def command(self, node: int) -> list[str]:
        return [EXDBSQL, "serve", "-c", str(self.folder / f"node{node}.toml")]

    def start(self, node: int) -> subprocess.Popen[bytes]:
        with (self.folder / f"node{node}.log").open("ab") as log:
            process = subprocess.Popen(
                self.command(node),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the demonstration's shell must not reach the nodes
            )
        self.processes[node] = process
        return process

    def connect(self, node: int, autocommit: bool = True) -> exdbsql.Connection:
        connection = exdbsql.connect(f"exdb://{self.address(node)}/")
        connection.autocommit = autocommit
        return connection

    def wait_ready(self, node: int, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until the node answers SQL and is synchronised with a quorum.

        Raises:
            RuntimeError: the process ended, or the time is over; with the end of the node's log.
        """
        self.wait_for(node, lambda: self.is_ready(node), timeout_s)

    def is_ready(self, node: int) -> bool:
        with self.connect(node) as connection:
            rows = connection.cursor().execute("SHOW CLUSTER").fetchall()
        return dict(rows)["can write to replicated tables"] == "yes"

    def wait_for(self, node: int, condition: Callable[[], bool], timeout_s: float = START_TIMEOUT_S) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                if condition():
                    return
                reason = "the condition did not come true"
            except exdbsql.Error as error:
                reason = str(error)
            process = self.processes.get(node)
            if process is not None and process.poll() is not None:
                raise RuntimeError(f"node {node} ended with code {process.returncode}\n{self.log(node)}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"node {node} after {timeout_s} s: {reason}\n{self.log(node)}")
            time.sleep(0.05)

    def log(self, node: int, lines: int = 15) -> str:
        """The end of a node's log."""
        path = self.folder / f"node{node}.log"
        return "\n".join(path.read_text(encoding="utf-8").splitlines()[-lines:]) if path.exists() else ""

    def kill(self, node: int) -> None:
        """kill -9: the node has no chance to say goodbye."""
        process = self.processes.pop(node)
        process.kill()
        process.wait()

    def terminate(self, node: int) -> int:
        """SIGTERM, as an operator would; returns the exit code."""
        process = self.processes.pop(node)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RuntimeError(f"node {node} did not stop within {STOP_TIMEOUT_S} s\n{self.log(node)}") from None

    def stop(self) -> None:
        """End all nodes together; whoever does not end in time is killed."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for process in self.processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()


def init(folder: Path, nodes: int = 3, sql_port: int | None = None, cluster_port: int | None = None) -> None:
    """Write configurations with `exdbsql init`; raises CalledProcessError with its message."""
    command = [EXDBSQL, "init", "--nodes", str(nodes), str(folder)]
    if sql_port is not None:
        command += ["--sql-port", str(sql_port)]
    if cluster_port is not None:
        command += ["--cluster-port", str(cluster_port)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ)


@contextmanager
def running(folder: Path, nodes: int = 3) -> Iterator[LocalCluster]:
    """Start all nodes of a folder, wait until each is ready, and end them at the end."""
    cluster = LocalCluster(folder)
    try:
        for node in range(nodes):
            cluster.start(node)
        for node in range(nodes):
            cluster.wait_ready(node)
        yield cluster
    finally:
        cluster.stop()
