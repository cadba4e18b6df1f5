"""An exchange right behind the CREATE TABLE of its table: a commit is on a quorum when it returns, and may not be everywhere."""

import threading
from pathlib import Path

import msgpack
import pytest

from exdbsql.cluster import node as node_module
from exdbsql.cluster.core.messages import Append, Message
from exdbsql.cluster.frames import ASK_APPLIED
from exdbsql.cluster.state_machine import Origin
from exdbsql.schema.errors import ProgrammingError

from .host_clusters import Cluster, HostedNode, cluster
from .host_ports import DEADLINE_S

LATE = 2
"""The node that is held back."""


def makes_tables(hosted: HostedNode) -> None:
    """Applying a command makes the table that it names."""
    apply, store = hosted.machine.apply, hosted.store

    def patched(index: int, origin: Origin, command: bytes) -> object:
        result = apply(index, origin, command)
        table = msgpack.unpackb(command)[0]
        store.rows[table], store.vector[table] = {}, {}
        return result

    hosted.machine.apply = patched  # type: ignore[method-assign]


class HeldBack:
    """A node that gets no entries of the log until it is let go; it hears everything else."""

    def __init__(self, hosted: HostedNode) -> None:
        self.held = True
        self.asked = threading.Event()
        runtime = hosted.node._runtime
        self._step, self._received = runtime.replica.step, runtime.everywhere.received
        runtime.replica.step = self._held_step  # type: ignore[method-assign]
        runtime.everywhere.received = self._heard  # type: ignore[method-assign]

    def _held_step(self, sender: int, message: Message) -> None:
        if not (self.held and isinstance(message, Append) and message.entries):
            self._step(sender, message)

    def _heard(self, sender: int, frame: list[object]) -> None:
        if frame[0] == ASK_APPLIED:
            self.asked.set()
        self._received(sender, frame)


def beginning(made: Cluster) -> HeldBack:
    """The table z is made by a node that is not held back, and a row put into it."""
    for hosted in made.nodes.values():
        makes_tables(hosted)
    late = made.nodes[LATE].node
    if late._runtime.replica.core.leader == LATE:
        pytest.fail("the node that is held back leads")
    held = HeldBack(made.nodes[LATE])
    made.nodes[0].put("z", "made")
    made.nodes[0].store.put("z", "z1", 1)
    return held


@pytest.mark.parametrize("call", ["scatter", "gather"])
def test_an_exchange_waits_for_a_node_that_does_not_know_the_table_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(node_module, "DEFINED_S", DEADLINE_S)
    with cluster(tmp_path, ranks=(1, 1, 0)) as made:
        held = beginning(made)
        results: list[object] = []

        def exchange() -> None:
            try:
                results.append(getattr(made.nodes[0].node, call)(["z"], [LATE], DEADLINE_S))
            except Exception as error:  # noqa: BLE001  the test looks at it
                results.append(error)

        thread = threading.Thread(target=exchange)
        thread.start()
        while not held.asked.wait(0.01) and thread.is_alive():
            pass
        assert results == [], "it did not wait"
        held.held = False
        thread.join(2 * DEADLINE_S)
        (report,) = results
        assert getattr(report, "travelled", report) == ({("z", 0, LATE): 1} if call == "scatter" else {})


def test_a_node_that_stays_behind_is_named_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "DEFINED_S", 0.05)
    with cluster(tmp_path, ranks=(1, 1, 0)) as made:
        beginning(made)
        with pytest.raises(ProgrammingError, match="on node 2: table z"):
            made.nodes[0].node.scatter(["z"], [LATE], DEADLINE_S)
