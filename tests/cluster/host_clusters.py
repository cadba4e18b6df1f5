"""Whole clusters in one process: nodes with model state machines, each listening in a thread of its own."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack

from exdbsql.cluster.node import ClusterNode
from exdbsql.cluster.parameters import ClusterNodeParams, ClusterParams

from .host_models import KeyValueMachine, ModelStore
from .host_ports import DEADLINE_S, eventually, free_ports

FAST = {"connectInterval": 20}


class HostedNode:
    """A node, its models, and the thread that listens."""

    def __init__(
        self,
        node_id: int,
        nodes: Sequence[ClusterNodeParams],
        state_dir: Path,
        dictionary: str = "CREATE TABLE t (k int)",
        nwparams: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        self.machine = KeyValueMachine(dictionary)
        self.store = ModelStore(node_id)
        params = ClusterParams(nodeId=node_id, nwtype="TCP", nodes=nodes, nwparams=FAST | (nwparams or {}), **more)
        self.node = ClusterNode(params, self.machine, self.store, state_dir=state_dir)
        self.error: Exception | None = None
        self.thread = threading.Thread(target=self._listen, daemon=True)

    def _listen(self) -> None:
        try:
            self.node.listen()
        except Exception as error:  # noqa: BLE001  the test looks at it
            self.error = error

    def start(self) -> "HostedNode":
        self.thread.start()
        return self

    def put(self, key: str, value: object, *read_at: int) -> object:
        return self.node.submit(msgpack.packb([key, value, *read_at]), DEADLINE_S)

    def join(self) -> None:
        self.thread.join(DEADLINE_S)
        assert not self.thread.is_alive(), "listen() did not return"


class Cluster:
    """Nodes that were given the same list."""

    def __init__(self, tmp_path: Path, ranks: Sequence[int], **more: Any) -> None:
        self.nodes_list = [
            ClusterNodeParams(f"127.0.0.1:{port}", rank)
            for port, rank in zip(free_ports(len(ranks)), ranks, strict=True)
        ]
        self.tmp_path = tmp_path
        self.more = more
        self.nodes: dict[int, HostedNode] = {}

    def start(self, node_id: int, nodes: Sequence[ClusterNodeParams] | None = None, **more: Any) -> HostedNode:
        folder = self.tmp_path / f"state{node_id}"
        self.nodes[node_id] = HostedNode(node_id, nodes or self.nodes_list, folder, **(self.more | more))
        return self.nodes[node_id].start()

    def ready(self, *node_ids: int) -> None:
        for node_id in node_ids or self.nodes:
            self.nodes[node_id].node.wait_ready(DEADLINE_S)

    def same_state(self, *node_ids: int) -> None:
        """Wait until these nodes hold the same values."""
        machines = [self.nodes[node_id].machine for node_id in node_ids or self.nodes]
        eventually(lambda: all(machine.values == machines[0].values for machine in machines), "equal states")

    def everywhere(self, work: Callable[[HostedNode], object]) -> list[object]:
        """Do it on all nodes at once; the results, or the errors, by node."""
        results: dict[int, object] = {}

        def run(node_id: int, hosted: HostedNode) -> None:
            try:
                results[node_id] = work(hosted)
            except Exception as error:  # noqa: BLE001  the test looks at it
                results[node_id] = error

        threads = [threading.Thread(target=run, args=item) for item in self.nodes.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * DEADLINE_S)
        return [results.get(node_id, "no result") for node_id in self.nodes]


@contextmanager
def cluster(tmp_path: Path, ranks: Sequence[int] = (1, 1, 1), start: bool = True, **more: Any) -> Iterator[Cluster]:
    """A cluster whose nodes are ready; closed at the end, whatever happened."""
    made = Cluster(tmp_path, ranks, **more)
    try:
        if start:
            for node_id in range(len(ranks)):
                made.start(node_id)
            made.ready()
        yield made
    finally:
        for hosted in made.nodes.values():
            hosted.node.close()
        for hosted in made.nodes.values():
            hosted.join()
