"""Nodes on loopback, in threads: commits, quorum, coming and going, stop, barrier, callbacks, refusals."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgpack
import pytest

from exdbsql.cluster.core.messages import Propose
from exdbsql.cluster.discover import discover
from exdbsql.cluster.handoff import Request
from exdbsql.cluster.information import NodeInfo
from exdbsql.cluster.marker import MarkerFile
from exdbsql.cluster.node import ClusterNode
from exdbsql.cluster.parameters import ClusterNodeParams, ClusterParams, ClusterWindow
from exdbsql.schema.errors import (
    ClusterError,
    ClusterStoppedError,
    CommitOutcomeUnknownError,
    ConflictError,
    DuplicateNodeIdError,
    InvalidParameterError,
    NoQuorumError,
    NotSupportedError,
    OperationalError,
    SyncError,
)

from .host_clusters import HostedNode, cluster
from .host_models import KeyValueMachine, ModelStore
from .host_ports import DEADLINE_S, eventually, free_ports


def test_commits_of_all_nodes_reach_all_nodes(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:

        def write(hosted: HostedNode) -> None:
            for i in range(50):
                hosted.put(f"{hosted.node.node_id}/{i}", i)

        assert made.everywhere(write) == [None, None, None]
        made.same_state()
        assert len(made.nodes[0].machine.values) == 150
        assert made.nodes[0].machine.applied == made.nodes[1].machine.applied == made.nodes[2].machine.applied
        info = made.nodes[0].node.info()
        assert (info.node_id, info.n_active_nodes, info.rtrans_commit, info.rtrans_rback) == (0, 3, 100, 0)
        assert info.bytes_sent > 0 and info.bytes_recv > 0


def test_the_first_committer_wins_everywhere(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        position = made.nodes[0].put("row", 0)
        made.same_state()
        results = made.everywhere(lambda hosted: hosted.put("row", hosted.node.node_id, position))
        assert sum(isinstance(result, ConflictError) for result in results) == 2
        made.same_state()
        info = made.nodes[0].node.info()
        assert info.rtrans_rback + info.rtrans_commit == 2


def test_many_writers_share_one_node(tmp_path: Path) -> None:
    with cluster(tmp_path, window=ClusterWindow(length=4, timeout=1)) as made:
        hosted = made.nodes[1]

        def write(writer: int) -> None:
            for i in range(25):
                hosted.put(f"{writer}/{i}", i)

        writers = [threading.Thread(target=write, args=(w,)) for w in range(8)]
        for writer in writers:
            writer.start()
        hosted.node.window = ClusterWindow()
        for writer in writers:
            writer.join(DEADLINE_S)
        assert len(hosted.machine.values) == 200
        with pytest.raises(InvalidParameterError, match="window"):
            hosted.node.window = 5  # type: ignore[assignment]


def test_a_large_transaction_goes_beside_the_heartbeats(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        for node_id, hosted in made.nodes.items():
            hosted.put(f"large {node_id}", "x" * 3_000_000)
        made.same_state()
        with pytest.raises(OperationalError, match="larger than the limit"):
            made.nodes[0].node.submit(bytes(70_000_000))


def test_a_node_alone_is_a_cluster(tmp_path: Path) -> None:
    with cluster(tmp_path, (1,)) as made:
        made.nodes[0].put("k", 1)
        assert made.nodes[0].node.active_nodes() == [NodeInfo(0, made.nodes_list[0].addr, 1)]
        made.nodes[0].node.stop(DEADLINE_S)


def test_without_quorum_nothing_commits_and_the_sum_is_told(tmp_path: Path) -> None:
    with cluster(tmp_path, (1, 2, 1)) as made:
        first = made.nodes[0]
        made.nodes[2].node.close()
        eventually(lambda: len(first.node.active_nodes()) == 2)
        first.put("k", "3 of 4 is enough")
        made.nodes[1].node.close()
        eventually(lambda: not first.node.status().has_quorum)
        with pytest.raises(NoQuorumError) as caught:
            first.put("k", "1 of 4 is not")
        assert caught.value.retryable
        with pytest.raises(NoQuorumError, match="1 of 4"):
            first.node.require_quorum()
        report = first.node.quorum_report()
        assert (report.present_rank, report.total_rank, report.has_quorum) == (1, 4, False)
        assert [member.node_id for member in report.missing] == [1, 2]
        assert first.machine.values == {"k": "3 of 4 is enough"}


def test_an_operator_may_go_on_from_what_is_left(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        made.nodes[0].put("k", 1)
        for node_id in (1, 2):
            made.nodes[node_id].node.close()
            made.nodes.pop(node_id).join()
        made.start(1)
        with pytest.raises((NoQuorumError, CommitOutcomeUnknownError)):
            made.nodes[0].put("k", "a quorum that has not forgotten is needed")
        assert "lost" in made.nodes[0].node.force_go_on()
        made.ready(0)
        made.nodes[0].put("k", 2)
        assert made.nodes[0].machine.values == {"k": 2}


def test_a_node_that_comes_back_without_memory_is_synchronised(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        for i in range(60):
            made.nodes[0].put(f"k{i}", i)
        made.nodes[1].node.close()
        made.nodes[1].join()
        made.nodes[0].put("meanwhile", 1)
        made.start(1)
        made.ready(1)
        eventually(lambda: made.nodes[1].machine.values == made.nodes[0].machine.values)
        made.nodes[1].put("from the returned", 1)
        made.same_state()


def test_stop_returns_after_all_have_called_it_and_forgets_the_cluster(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        made.nodes[0].put("k", 1)
        with pytest.raises(ClusterError, match="have called stop"):
            made.nodes[0].node.stop(0.05)
        made.nodes[1].put("others", "go on")
        with pytest.raises(ClusterStoppedError):
            made.nodes[0].put("k", 2)
        results = made.everywhere(lambda hosted: hosted.node.stop(DEADLINE_S))
        assert results == [None, None, None]
        for node_id, hosted in made.nodes.items():
            hosted.join()
            assert hosted.error is None
            assert MarkerFile(tmp_path / f"state{node_id}", node_id).read() is None
            with pytest.raises(ClusterStoppedError):
                hosted.put("k", 3)
            assert hosted.node.active_nodes() == [] and not hosted.node.is_listening
            hosted.node.stop()


def test_survivors_without_quorum_can_stop(tmp_path: Path) -> None:
    with cluster(tmp_path, (1, 1, 3)) as made:
        made.nodes[2].node.close()
        del made.nodes[2]
        eventually(lambda: not made.nodes[0].node.status().has_quorum)
        eventually(lambda: not made.nodes[1].node.status().has_quorum)
        assert made.everywhere(lambda hosted: hosted.node.stop(DEADLINE_S)) == [None, None]
        assert MarkerFile(tmp_path / "state0", 0).read() is not None


def test_a_barrier_lets_nobody_out_before_all_are_in(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        inside: list[int] = []
        missing: list[int] = []

        def meet(hosted: HostedNode) -> None:
            for turn in range(3):
                inside.append(turn)
                hosted.node.barrier(DEADLINE_S)
                if inside.count(turn) != 3:
                    missing.append(turn)

        assert made.everywhere(meet) == [None, None, None]
        assert not missing


def test_a_barrier_that_was_given_up_was_never_entered(tmp_path: Path) -> None:
    """The others wait for the node's next call, and do not meet without it."""
    with cluster(tmp_path) as made:
        with pytest.raises(ClusterError, match="barrier"):
            made.nodes[0].node.barrier(0.05)
        others = threading.Thread(target=made.nodes[1].node.barrier, args=(DEADLINE_S,))
        others.start()
        with pytest.raises(ClusterError, match="barrier"):
            made.nodes[2].node.barrier(0.3)
        assert made.everywhere(lambda hosted: hosted.node is made.nodes[1].node or hosted.node.barrier(DEADLINE_S)) == [
            None,
            True,
            None,
        ]
        others.join(DEADLINE_S)
        assert not others.is_alive()


def test_several_threads_of_a_node_may_wait_in_a_barrier(tmp_path: Path) -> None:
    with cluster(tmp_path, (1, 1)) as made:
        threads = [
            threading.Thread(target=made.nodes[0].node.barrier, args=(DEADLINE_S,), daemon=True) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        inside = made.nodes[1].node._runtime.replica._agreements.inside
        eventually(lambda: [len(numbers) for numbers in inside.values()] == [3], "all inside")
        made.nodes[1].node.barrier(DEADLINE_S)
        for thread in threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive()


def test_notifications_come_and_may_only_look(tmp_path: Path) -> None:
    told: list[tuple[int, int, int]] = []
    errors: list[Exception] = []
    nodes: dict[int, HostedNode] = {}

    def notify(code: int, info: NodeInfo) -> None:
        node = nodes[0].node
        told.append((code, info.node_id, node.info().n_active_nodes))
        for forbidden in (
            lambda: node.submit(b""),
            node.barrier,
            node.stop,
            node.scatter,
            node.wait_ready,
            node.detach,
        ):
            try:
                forbidden()
            except ClusterError as error:
                errors.append(error)
        raise RuntimeError("an exception in a callback is logged and nothing else")

    with cluster(tmp_path, start=False) as made:
        nodes = made.nodes
        made.start(1)
        made.start(0, notifyCallback=notify)
        made.start(2)
        made.ready()
        made.nodes[2].node.close()
        eventually(lambda: [entry for entry in told if entry[0] == 1])
        made.nodes[0].put("still", "alive")
    assert {node for code, node, _ in told if code == 0} == {1, 2}
    assert (1, 2, 2) in told
    assert len(errors) == 6 * len(told) and all("callback" in str(error) for error in errors)


def test_the_quorum_callback_replaces_the_ranks(tmp_path: Path) -> None:
    asked: list[list[int]] = []

    def with_node_1(neighbours: list[int]) -> bool:
        asked.append(neighbours)
        return 1 in neighbours

    def anyone_but_alone(neighbours: list[int]) -> bool:
        return bool(neighbours)

    with cluster(tmp_path, (1, 1), start=False) as made:
        made.start(0, quorumCallback=with_node_1)
        made.start(1, quorumCallback=anyone_but_alone)
        made.ready()
        made.nodes[0].put("k", 1)
        made.nodes[1].node.close()
        eventually(lambda: not made.nodes[0].node.status().has_quorum)
        with pytest.raises(NoQuorumError):
            made.nodes[0].node.require_quorum()
        assert asked


def test_a_taken_id_and_a_taken_port_are_told(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        twin = HostedNode(1, made.nodes_list, tmp_path / "twin").start()
        twin.join()
        assert isinstance(twin.error, DuplicateNodeIdError)
        with pytest.raises(DuplicateNodeIdError):
            twin.node.wait_ready(DEADLINE_S)

        elsewhere = list(made.nodes_list)
        elsewhere[1] = ClusterNodeParams(f"127.0.0.1:{free_ports(1)[0]}")
        twin = HostedNode(1, elsewhere, tmp_path / "twin2").start()
        twin.join()
        assert isinstance(twin.error, DuplicateNodeIdError) and "1" in twin.error.message

        squatter = [ClusterNodeParams("127.0.0.1:1"), *made.nodes_list[:1]]
        other = HostedNode(1, squatter, tmp_path / "squatter").start()
        other.join()
        assert type(other.error) is ClusterError and "in use" in other.error.message
        made.nodes[1].put("the cluster", "goes on")
        made.same_state()


def test_another_dictionary_is_told_line_by_line(tmp_path: Path) -> None:
    with cluster(tmp_path, start=False) as made:
        made.start(0)
        made.start(1)
        made.ready()
        stranger = made.start(2, dictionary="CREATE TABLE other (k int)")
        stranger.join()
        assert isinstance(stranger.error, SyncError)
        assert "+ CREATE TABLE other (k int)" in str(stranger.error)
        with pytest.raises(SyncError, match="dictionary"):
            stranger.node.wait_ready(DEADLINE_S)
        made.start(2)
        made.ready()


def test_nodes_that_wait_for_each_other_say_why(tmp_path: Path) -> None:
    with cluster(tmp_path, (1, 1), start=False) as made:
        first = made.start(0)
        with pytest.raises(NoQuorumError, match="not ready") as caught:
            first.node.wait_ready(0.05)
        made.start(1, dictionary="CREATE TABLE other (k int)")

        def reason() -> str:
            with pytest.raises(NoQuorumError) as caught:
                first.node.wait_ready(0.05)
            return str(caught.value)

        eventually(lambda: "CREATE TABLE other" in reason())
        assert caught.value.message


def test_members_join_knowing_some_addresses(tmp_path: Path) -> None:
    """The example of the reference: A and B found; C knows A, B; D knows A, B and learns of C."""
    with cluster(tmp_path, (1, 1, 0, 0), start=False) as made:
        a, b, c, d = made.nodes_list
        made.start(0, [a, b])
        made.start(1, [a, b])
        made.ready()
        made.nodes[0].put("before", 1)
        made.start(2, [a, b, c])
        made.ready(2)
        made.start(3, [a, b, ClusterNodeParams(""), d])
        made.ready(3)
        everyone = [NodeInfo(i, node.addr, node.qrank) for i, node in enumerate((a, b, c, d))]
        for hosted in made.nodes.values():
            eventually(lambda hosted=hosted: hosted.node.active_nodes() == everyone)  # type: ignore[misc]
        made.nodes[3].put("from d", 1)
        made.same_state()
        assert discover(d.addr) == everyone


def test_a_joining_node_gets_the_state_while_others_write(tmp_path: Path) -> None:
    with cluster(tmp_path, (1, 1), start=False) as made:
        addresses = free_ports(1)
        for node_id in (0, 1):
            made.start(node_id)
        made.ready()
        for i in range(300):
            made.nodes[0].put(f"k{i}", "x" * 1000)
        enough = threading.Event()

        def write() -> None:
            i = 0
            while not enough.is_set():
                made.nodes[1].put("busy", i)
                i += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            made.start(2, [*made.nodes_list, ClusterNodeParams(f"127.0.0.1:{addresses[0]}", 0)])
            made.ready(2)
        finally:
            enough.set()
            writer.join(DEADLINE_S)
        made.same_state()


def test_the_worked_example_of_scatter_and_gather_over_sockets(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        a, b, c = (made.nodes[i] for i in range(3))
        a.store.put("x", "x1", 1)
        b.store.put("x", "x2", 2)
        assert a.node.scatter(["x"], [1], DEADLINE_S).travelled == {("x", 0, 1): 1}
        assert b.node.gather(["x"], [0, 2], DEADLINE_S).travelled == {}
        a.store.put("y", "y1", 1)
        report = a.node.scatter(["x", "y"], [1, 2], DEADLINE_S)
        assert report.travelled == {("y", 0, 1): 1, ("x", 0, 2): 1, ("y", 0, 2): 1}
        assert c.node.gather(["x", "y"], [0, 1], DEADLINE_S).travelled == {("x", 1, 2): 1}
        for hosted in (b, c):
            assert hosted.store.values("x") == {"x1": 1, "x2": 2} and hosted.store.values("y") == {"y1": 1}


@pytest.mark.parametrize("kind", ["scatter", "gather"])
def test_an_exchange_ends_though_the_other_node_answers_into_a_broken_connection(tmp_path: Path, kind: str) -> None:
    """Its end was closed here before the operation began; the other node learns of that when it has answered."""
    answering = threading.Event()
    with cluster(tmp_path, ranks=(1, 1), nwparams={"keepAliveTime": 60_000}, conn_pool_factor=1) as made:
        a, b = made.nodes[0], made.nodes[1]
        a.store.put("x", "a", 1)
        b.store.put("x", "b", 1)
        a.node.scatter(["x"], [1], DEADLINE_S)
        from_b = a.node._runtime._transport._peers[1].incoming  # type: ignore[union-attr]
        to_a = b.node._runtime._transport._peers[0].outgoing["bulk"]  # type: ignore[union-attr]
        b.node._listener.call("the test", lambda request: request.settle(to_a.transport.pause_reading()))
        a.node._listener.call("the test", lambda request: request.settle(from_b["bulk"].abort()))
        eventually(lambda: "bulk" not in from_b, "the end of the connection")
        vectors = b.store.vectors

        def answer(tables: Sequence[str]) -> dict[str, dict[int, int]]:
            answering.set()
            return vectors(tables)

        b.store.vectors = answer  # type: ignore[method-assign]
        with ThreadPoolExecutor() as pool:
            under_way = pool.submit(getattr(a.node, kind), ["x"], [1], DEADLINE_S)
            assert answering.wait(DEADLINE_S)
            b.node._listener.call("the test", lambda request: request.settle(to_a.transport.resume_reading()))
            with pytest.raises(ClusterError, match="node 1 was lost while rows were shipped"):
                under_way.result()
        getattr(a.node, kind)(["x"], [1], DEADLINE_S)


def test_scatters_of_all_nodes_at_once_are_atomic(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        for hosted in made.nodes.values():
            for i in range(3000):
                hosted.store.put("x", f"{hosted.node.node_id}/{i}", "v" * 100)
        assert not [
            r for r in made.everywhere(lambda h: h.node.scatter(None, None, DEADLINE_S)) if isinstance(r, Exception)
        ]
        values = [hosted.store.values("x") for hosted in made.nodes.values()]
        assert len(values[0]) == 9000 and values[0] == values[1] == values[2]
        made.nodes[0].store.put("x", "clash", "a")
        made.nodes[2].store.put("x", "clash", "c")
        with pytest.raises(ConflictError, match="node 2"):
            made.nodes[0].node.scatter(["x"], None, DEADLINE_S)
        assert "clash" not in made.nodes[1].store.values("x")
        with pytest.raises(ClusterError, match="node 7"):
            made.nodes[0].node.scatter(["x"], [1, 7], DEADLINE_S)


def test_detach_takes_the_rank_out_of_the_sum_and_attach_brings_it_back(tmp_path: Path) -> None:
    with cluster(tmp_path, (1, 1)) as made:
        a, b = made.nodes[0], made.nodes[1]
        a.put("k", 1)
        made.same_state()
        b.node.detach()
        assert b.node.is_detached and b.node.is_listening
        assert b.node.active_nodes() == [NodeInfo(1, made.nodes_list[1].addr, 1)]
        with pytest.raises(ClusterError, match="detached"):
            b.put("k", 5)
        eventually(lambda: a.node.status().total_rank == 1)
        a.put("k", "alone, 1 of 1")
        b.machine.values["local"] = "lost by the attach"
        b.node.attach(timeout=DEADLINE_S)
        eventually(lambda: b.machine.values == {"k": "alone, 1 of 1"})
        b.put("k", "together")
        made.same_state()
        with pytest.raises(ClusterError, match="attached already"):
            b.node.attach()
        assert made.everywhere(lambda hosted: hosted.node.stop(DEADLINE_S)) == [None, None]


def test_a_node_without_quorum_can_detach_and_finds_its_place_again(tmp_path: Path) -> None:
    with cluster(tmp_path, (1, 1)) as made:
        made.nodes[1].put("k", 1)
        made.same_state()
        made.nodes[0].node.close()
        made.nodes.pop(0).join()
        made.nodes[1].node.detach(timeout=0.05)
        assert made.nodes[1].node.is_detached and made.nodes[1].node.is_listening
        assert made.nodes[1].machine.values == {"k": 1}
        made.nodes[1].node.stop(DEADLINE_S)
        made.nodes[1].join()


def test_a_node_may_start_detached(tmp_path: Path) -> None:
    with cluster(tmp_path, (1, 1), start=False) as made:
        made.start(0, mode_mask=8)
        made.start(1)
        assert made.nodes[0].node.is_detached
        made.nodes[0].node.attach(timeout=DEADLINE_S)
        made.ready()
        made.nodes[0].put("k", 1)


def test_another_clusters_node_is_refused(tmp_path: Path) -> None:
    with cluster(tmp_path / "one", (1, 1)) as one, cluster(tmp_path / "two", (1, 1)) as two:
        for hosted in (one.nodes[0], one.nodes[1], two.nodes[0]):
            hosted.node.close()
            hosted.join()
        stray = one.start(0, two.nodes_list)

        def reason() -> str:
            with pytest.raises(ClusterError) as caught:
                stray.node.wait_ready(0.05)
            return str(caught.value)

        eventually(lambda: "belongs to cluster" in reason())
        assert two.nodes[1].node.is_listening, "what a stranger says does not end a running node"
        assert not stray.node.status().ready


def test_transaction_status_tells_what_became_of_one(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        node = made.nodes[0].node
        made.nodes[0].put("k", 1)
        status = node.status()
        name = f"0-{status.incarnation:x}-1"
        assert node.transaction_status(name) == "committed"
        assert made.nodes[1].node.transaction_status(name) in ("committed", "unknown")
        with pytest.raises(ClusterError, match="no transaction id"):
            node.transaction_status("what")


def test_what_was_given_up_and_never_came_is_known_to_be_void(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proposal is lost on its way to the leader; nobody has to commit anything else for its outcome to be known."""
    with cluster(tmp_path) as made:
        node = next(n.node for n in made.nodes.values() if n.node.status().role != "leader")
        core = node._runtime.replica.core
        send = core.send
        with monkeypatch.context() as lossy:
            lossy.setattr(core, "send", lambda to, m: None if isinstance(m, Propose) else send(to, m))
            with pytest.raises(CommitOutcomeUnknownError) as caught:
                node.submit(msgpack.packb(["k", 1]), 0.3)
        name = caught.value.transaction_id
        assert node.transaction_status(name) == "unknown"
        eventually(lambda: node.transaction_status(name) == "void", "the log has passed it over")
        eventually(lambda: all(n.node.transaction_status(name) == "void" for n in made.nodes.values()))
        proposed = core.log.last_index
        for other in (name, name.rpartition("-")[0] + "-999", "2-1-1"):
            node.transaction_status(other)
        node.read_mark(DEADLINE_S)
        assert core.log.last_index == proposed + 1, "no entry is made where it would settle nothing"
        made.same_state()
        assert "k" not in made.nodes[0].machine.values


def test_a_read_mark_sees_what_others_committed(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        for i in range(20):
            made.nodes[0].put("k", i)
            made.nodes[2].node.read_mark(DEADLINE_S)
            assert made.nodes[2].machine.values["k"] == i


def test_a_wait_that_is_too_short_is_definite(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        node = made.nodes[0].node
        entered, gate = threading.Event(), threading.Event()

        def hold_up(request: Request) -> None:
            entered.set()
            gate.wait(DEADLINE_S)

        node._listener.put(Request(hold_up))
        assert entered.wait(DEADLINE_S)
        try:
            threading.Timer(0.05, gate.set).start()
            with pytest.raises(OperationalError) as caught:
                node.submit(b"\x92\xa1k\x01", timeout=0.001)
            assert type(caught.value).__name__ in ("NoQuorumError", "CommitOutcomeUnknownError")
        finally:
            gate.set()


@pytest.mark.parametrize(
    "more",
    [
        {"nwtype": "MPI"},
        {"MPICluster": True, "nwtype": None},
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, more: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"nodeId": 0, "nwtype": "TCP", "nodes": [ClusterNodeParams("127.0.0.1:2010")]} | more
    with pytest.raises(NotSupportedError, match="not supported yet"):
        ClusterNode(ClusterParams(**arguments), KeyValueMachine(), ModelStore(0), state_dir=tmp_path)


def test_calls_before_and_after_listening(tmp_path: Path) -> None:
    with cluster(tmp_path, (1,), start=False) as made:
        hosted = HostedNode(0, made.nodes_list, tmp_path / "state0")
        with pytest.raises(NoQuorumError, match="not ready"):
            hosted.node.wait_ready(0.01)
        with pytest.raises(NoQuorumError):
            hosted.node.require_quorum()
        hosted.node.close()
        with pytest.raises(ClusterStoppedError):
            hosted.node.listen()
        hosted = made.start(0)
        made.ready()
        begun = time.monotonic()
        with pytest.raises(ClusterError, match="already"):
            hosted.node.listen()
        assert time.monotonic() - begun < DEADLINE_S
