"""Which commands leave together: those of threads that are being woken are waited for, a moment."""

import gc
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgpack
import pytest

from exdbsql.cluster.handoff import Submission
from exdbsql.cluster.lines import Lines
from exdbsql.cluster.proposals import Proposals
from exdbsql.cluster.pump import Pump
from exdbsql.schema.errors import Error

from .host_clusters import HostedNode, cluster
from .host_ports import DEADLINE_S

pytestmark = pytest.mark.skipif(
    not Lines.available, reason="nobody is waited for where nothing tells that they have come"
)


@contextmanager
def _at_the_helm(hosted: HostedNode) -> Iterator[Pump]:
    """As a committing thread has it."""
    helm = hosted.node._listener._helm
    helm.lock.acquire()
    helm.begin_voyage()
    try:
        yield hosted.node._runtime.pump
    finally:
        helm.end_voyage()


def test_commands_wait_for_threads_that_are_being_woken(tmp_path: Path) -> None:
    with cluster(tmp_path, ranks=(1,)) as made, _at_the_helm(made.nodes[0]) as pump:
        first, second = Submission(msgpack.packb(["a", 1])), Submission(msgpack.packb(["b", 1]))
        pump.alarm.waking = True
        pump.mailbox.leave(first)
        pump.work(())
        assert not first.done and pump.mailbox.expecting
        pump.mailbox.leave(second)
        pump.alarm.ring()  # the last one is awake
        events = pump.lines.wait(DEADLINE_S)
        assert events
        pump.work(events)
        assert first.done and second.done and second.number == first.number + 1
        assert not pump.mailbox.expecting and not pump.lines.wait(0)


def test_commands_do_not_wait_for_long_for_threads_that_are_being_woken(tmp_path: Path) -> None:
    with cluster(tmp_path, ranks=(1,)) as made:
        hosted = made.nodes[0]
        hosted.node._listener.alarm.waking = True  # and never awake
        for how in (hosted.node.submit, hosted.node.ask):  # by its own thread, and by the listener's
            outcomes: list[object] = []

            def commit(how: Callable[[bytes], object] = how, outcomes: list[object] = outcomes) -> None:
                outcomes.append(how(msgpack.packb([how.__name__, 1])))

            thread = threading.Thread(target=commit)
            thread.start()
            thread.join(2 * DEADLINE_S)
            assert outcomes and not isinstance(outcomes[0], Error)
            hosted.node._listener.alarm.waking = True


@pytest.mark.parametrize(("rounds", "age_s", "waits"), [(0, -60, False), (1, -60, True), (1, 60, False), (2, 60, True)])
def test_another_group_follows_one_that_is_slow_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rounds: int, age_s: float, waits: bool
) -> None:
    with cluster(tmp_path, ranks=(1,)) as made:
        with monkeypatch.context() as patch, _at_the_helm(made.nodes[0]) as pump:
            command = Submission(msgpack.packb(["a", 1]))
            patch.setattr(Proposals, "rounds", rounds)
            pump._cut_at = time.monotonic() - age_s
            pump.mailbox.leave(command)
            pump.work(())
            assert command.done is not waits
        assert command.wait(DEADLINE_S) and not isinstance(command.result, Error)


def test_a_node_that_never_listened_leaves_nothing_open(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        with cluster(tmp_path, start=False) as made:
            nodes = [HostedNode(node_id, made.nodes_list, tmp_path / f"state{node_id}") for node_id in range(3)]
            for hosted in nodes:
                hosted.node.close()
        del made, nodes, hosted
        gc.collect()
    assert not [str(one.message) for one in warned if one.category is ResourceWarning]
