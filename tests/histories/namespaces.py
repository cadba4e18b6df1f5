"""Nodes in network namespaces of their own, on one bridge, so that links between them can be cut, one way too.

    hub: bridge 10.77.0.254 ── veth ── node 0: 10.77.0.1
                            ── veth ── node 1: 10.77.0.2
                            ── veth ── node 2: 10.77.0.3

Everything that opens a socket runs inside; nothing here touches the machine's own network. The test's thread moves into the hub, and so
do the processes that it starts from there. Needs root and iproute2. A cut is a blackhole route inside the sender's namespace: what
it sends to that address vanishes, what comes from there arrives.
"""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_cluster import EXDBSQL, LocalCluster

SQL_PORT, CLUSTER_PORT = 5500, 5600
CLONE_NEWNET = 0x40000000
"""Of sched.h: what setns(2) changes."""


def available() -> bool:
    """Whether this machine lets us make namespaces."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        return False
    probe = f"exdb-probe-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode:
        return False
    subprocess.run(["ip", "netns", "del", probe], check=True)
    return True


def address_of(node: int) -> str:
    return f"10.77.0.{node + 1}"


class NamespaceCluster(LocalCluster):
    """Node processes, each in a namespace of its own."""

    prefix = ""
    nodes = 0

    def namespace(self, name: object) -> str:
        return f"{self.prefix}{name}"

    def inside(self, name: object, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.namespace(name), *command]

    def command(self, node: int) -> list[str]:
        return self.inside(node, EXDBSQL, "serve", "-c", str(self.folder / f"node{node}.toml"))

    def cut(self, source: int, target: int) -> None:
        """What `source` sends to `target` vanishes."""
        route = ["ip", "route", "add", "blackhole", f"{address_of(target)}/32"]
        subprocess.run(self.inside(source, *route), check=True)

    def heal(self) -> None:
        """Every link works again."""
        for source in range(self.nodes):
            for target in range(self.nodes):
                route = ["ip", "route", "del", "blackhole", f"{address_of(target)}/32"]
                subprocess.run(self.inside(source, *route), check=False, capture_output=True)


def write_configurations(folder: Path, nodes: int) -> None:
    """`exdbsql init`, with the addresses of the namespaces."""
    subprocess.run([EXDBSQL, "init", "--nodes", str(nodes), str(folder)], check=True, stdout=subprocess.DEVNULL)
    (folder / "schema.sql").write_text("CREATE TABLE nothing (id integer PRIMARY KEY);\n")
    for node in range(nodes):
        path = folder / f"node{node}.toml"
        text = path.read_text()
        for other in range(nodes):
            text = text.replace(f"127.0.0.1:{CLUSTER_PORT + other}", f"{address_of(other)}:{CLUSTER_PORT}")
        listen = f'listen = "127.0.0.1:{SQL_PORT + node}"'
        assert listen in text
        text = text.replace(listen, f'listen = "{address_of(node)}:{SQL_PORT}"\nallow_remote = true')
        text = text.replace("keepAliveTime = 1000", "keepAliveTime = 200").replace(
            "keepAliveProbes = 10", "keepAliveProbes = 5"
        )
        path.write_text(text)


@contextmanager
def within(namespace: str) -> Iterator[None]:
    """This thread, and what it starts, uses the network of a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{namespace}") as wanted:
        if libc.setns(wanted.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter the namespace {namespace}")
        try:
            yield
        finally:
            libc.setns(before.fileno(), CLONE_NEWNET)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@contextmanager
def namespace_cluster(folder: Path, nodes: int = 3) -> Iterator[NamespaceCluster]:
    """Namespaces and configurations, this thread in the hub; the caller starts the nodes. Everything is gone afterwards."""
    write_configurations(folder, nodes)
    cluster = NamespaceCluster(folder)
    cluster.prefix = f"exdb{os.getpid()}-"
    cluster.nodes = nodes
    names = [cluster.namespace("hub"), *map(cluster.namespace, range(nodes))]
    try:
        for name in names:
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        hub = names[0]
        _ip("-n", hub, "link", "add", "bridge", "type", "bridge")
        _ip("-n", hub, "addr", "add", "10.77.0.254/24", "dev", "bridge")
        _ip("-n", hub, "link", "set", "bridge", "up")
        for node, name in enumerate(names[1:]):
            _ip("-n", hub, "link", "add", f"to{node}", "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("-n", hub, "link", "set", f"to{node}", "master", "bridge", "up")
            _ip("-n", name, "addr", "add", f"{address_of(node)}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
        with within(hub):
            yield cluster
    finally:
        cluster.stop()
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
