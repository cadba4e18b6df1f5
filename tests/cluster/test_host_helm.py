"""Threads that carry their commits through by themselves: every commit has an outcome, whatever happens around it."""

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import msgpack
import pytest

from exdbsql.cluster.handoff import Mailbox, Submission
from exdbsql.cluster.helm import Helm, HelmSelector
from exdbsql.cluster.lines import Events, Lines
from exdbsql.cluster.link import Link, Traffic, Turn
from exdbsql.cluster.parameters import ClusterWindow
from exdbsql.schema.errors import ClusterError, ClusterStoppedError, CommitOutcomeUnknownError, Error, InternalError

from .host_clusters import Cluster, HostedNode, cluster
from .host_ports import DEADLINE_S, eventually

pytestmark = pytest.mark.skipif(not Lines.available, reason="only the listener's thread steers here")


def _writers(
    hosted: HostedNode, count: int, commits: int, note: Callable[[str, object], None]
) -> list[threading.Thread]:
    def write(number: int) -> None:
        for i in range(commits):
            key = f"{hosted.node.node_id}/{number}/{i}"
            try:
                note(key, hosted.node.submit(msgpack.packb([key, i])))
            except Error as error:
                note(key, error)
                if isinstance(error, ClusterStoppedError):
                    return

    threads = [threading.Thread(target=write, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


def _join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(2 * DEADLINE_S)
        assert not thread.is_alive(), "a commit has no outcome"


def _voyages(made: Cluster) -> list[int]:
    return [hosted.node._listener._helm.voyages for hosted in made.nodes.values()]


def test_a_commit_is_steered_by_its_own_thread_on_a_leader_and_on_a_follower(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        for hosted in made.nodes.values():
            outcomes: dict[str, object] = {}
            _join(_writers(hosted, 1, 50, outcomes.__setitem__))
            assert len(outcomes) == 50 and not any(isinstance(outcome, Error) for outcome in outcomes.values())
        assert min(_voyages(made)) >= 40
        made.same_state()
        assert len(made.nodes[0].machine.values) == 150


def test_many_threads_on_all_nodes(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        outcomes: dict[str, object] = {}
        _join([thread for hosted in made.nodes.values() for thread in _writers(hosted, 6, 30, outcomes.__setitem__)])
        assert len(outcomes) == 540 and not any(isinstance(outcome, Error) for outcome in outcomes.values())
        made.same_state()
        assert len(made.nodes[0].machine.values) == 540


def test_every_commit_has_an_outcome_where_nodes_go(tmp_path: Path) -> None:
    with cluster(tmp_path, ranks=(1, 1, 1, 1, 1)) as made:
        outcomes: dict[str, object] = {}
        threads = [thread for n in (0, 1, 2) for thread in _writers(made.nodes[n], 3, 200, outcomes.__setitem__)]
        eventually(lambda: len(outcomes) > 50, "commits")
        leader = made.nodes[0].node.status().leader
        assert leader is not None
        made.nodes[leader].node.close()
        eventually(lambda: len(outcomes) > 200, "commits under the next leader")
        made.nodes[(leader + 1) % 5].node.close()
        _join(threads)
        made.same_state(*(n for n in range(5) if n not in (leader, (leader + 1) % 5)))
        values = made.nodes[(leader + 2) % 5].machine.values
        for key, outcome in outcomes.items():
            if isinstance(outcome, ClusterStoppedError):
                assert key not in values
            elif not isinstance(outcome, CommitOutcomeUnknownError | ClusterError):
                assert key in values, outcome


def test_a_node_that_stops_leaves_no_commit_behind(tmp_path: Path) -> None:
    with cluster(tmp_path, ranks=(1,)) as made:
        outcomes: dict[str, object] = {}
        threads = _writers(made.nodes[0], 4, 100_000, outcomes.__setitem__)
        eventually(lambda: len(outcomes) > 100, "commits")
        made.nodes[0].node.close()
        _join(threads)
        assert any(isinstance(outcome, ClusterStoppedError) for outcome in outcomes.values())
        assert isinstance(_outcome(made.nodes[0]), ClusterStoppedError)


def _outcome(hosted: HostedNode) -> object:
    submission = Submission(b"\x92\xa1k\x01", hosted.node._listener.alarm)
    hosted.node._listener.carry_through(submission)
    assert submission.wait(DEADLINE_S)
    return submission.result


def test_a_line_that_breaks_under_a_commit_is_mended(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        outcomes: dict[str, object] = {}
        threads = _writers(made.nodes[1], 2, 150, outcomes.__setitem__)
        for n in range(3):
            eventually(lambda n=n: len(outcomes) > 40 * n, "commits")  # type: ignore[misc]
            transport = made.nodes[1].node._runtime._transport
            assert transport is not None
            for peer in list(transport._peers.values()):
                for link in peer.links():
                    sock = link.transport.get_extra_info("socket")
                    sock.shutdown(2)
        _join(threads)
        made.ready()
        made.same_state()
        for key, outcome in outcomes.items():
            assert isinstance(outcome, CommitOutcomeUnknownError | ClusterError) or key in made.nodes[0].machine.values


def test_what_is_no_commit_is_settled_by_the_listener_whoever_steers(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        end = threading.Event()
        outcomes: list[object] = []

        def write(number: int) -> None:
            i = 0
            while not end.is_set():
                i += 1
                outcomes.append(made.nodes[0].node.submit(msgpack.packb([f"{number}/{i}", i])))

        threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(10):
            assert made.everywhere(lambda hosted: hosted.node.barrier(DEADLINE_S)) == [None, None, None]
            made.nodes[0].node.read_mark(DEADLINE_S)
            made.nodes[0].node.wait_applied_everywhere(DEADLINE_S)
        end.set()
        _join(threads)
        assert outcomes and not any(isinstance(outcome, Error) for outcome in outcomes)


def test_a_window_that_opens_while_a_thread_steers(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        node = made.nodes[0].node
        lines, mailbox = node._listener._lines, node._listener._mailbox
        wait, other = lines.wait, Submission(msgpack.packb(["other", 1]))

        def wait_first(seconds: float) -> Events:
            lines.wait = wait  # type: ignore[method-assign]
            node.window = ClusterWindow(length=5, timeout=1)
            mailbox.leave(other)
            return wait(seconds)

        lines.wait = wait_first  # type: ignore[method-assign]
        outcomes: dict[str, object] = {}
        _join(_writers(made.nodes[0], 1, 50, outcomes.__setitem__))  # one at least is steered by its own thread
        assert other.wait(DEADLINE_S)
        assert not isinstance(other.result, Exception)
        assert not any(isinstance(outcome, Error) for outcome in outcomes.values())


def test_a_thread_deep_in_calls_does_not_steer(tmp_path: Path) -> None:
    with cluster(tmp_path, ranks=(1,)) as made:
        hosted = made.nodes[0]

        def deeply(calls: int) -> object:
            return deeply(calls - 1) if calls else hosted.node.submit(msgpack.packb(["deep", 1]))

        before = _voyages(made)
        thread = threading.Thread(target=deeply, args=(900,))
        thread.start()
        _join([thread])
        assert _voyages(made) == before
        assert hosted.machine.values["deep"] and hosted.error is None


class _Interrupt(BaseException):
    """What somebody sets in a thread of the application."""


@pytest.mark.parametrize("problem", [KeyError("a bug"), _Interrupt()])
def test_a_node_that_fails_under_a_steering_thread_stops_and_settles_everything(
    tmp_path: Path, problem: BaseException
) -> None:
    with cluster(tmp_path) as made:
        hosted = made.nodes[1]
        helm, replica = hosted.node._listener._helm, hosted.node._runtime.replica
        step = replica.step

        def fail(*arguments: object) -> None:
            if helm.away:
                raise problem
            step(*arguments)  # type: ignore[arg-type]

        replica.step = fail  # type: ignore[method-assign, assignment]
        outcomes: dict[str, object] = {}

        def write(number: int) -> None:
            try:
                outcomes[f"{number}"] = hosted.node.submit(msgpack.packb([f"{number}", 1]))
            except BaseException as error:  # noqa: BLE001  what a thread of the application would see
                outcomes[f"{number}"] = error

        while hosted.thread.is_alive():
            threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            _join(threads)
            hosted.thread.join(0.1)
        assert isinstance(hosted.error, InternalError)
        assert len(outcomes) == 4
        made.ready(0, 2)


def test_large_commits_touch_asyncio_in_the_listener_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")  # the loop then refuses what another thread asks of it
    with cluster(tmp_path) as made:
        for n in range(3):
            hosted = made.nodes[n]
            outcomes: list[object] = []

            def write(hosted: HostedNode = hosted, outcomes: list[object] = outcomes) -> None:
                outcomes.extend(hosted.node.submit(msgpack.packb([f"{i}", "x" * 600_000])) for i in range(3))

            thread = threading.Thread(target=write)
            thread.start()
            _join([thread])
            assert len(outcomes) == 3 and hosted.error is None
        made.same_state()


class _Taken:
    """Stands for asyncio's side of a connection: keeps what it is to write."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.written = b""

    def get_extra_info(self, name: str) -> socket.socket:
        return self.sock

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def write(self, data: bytes) -> None:
        self.written += data


class Alert(BaseException):
    """Raised by a signal handler."""


def test_what_a_signal_handler_raises_comes_out_with_the_helm_in_hand() -> None:
    """The main thread listens. It is hit while it waits, and again while it waits for another thread to give the helm back."""

    def handler(number: int, frame: object) -> None:
        raise Alert

    helm, lines, main = Helm(), Lines(), threading.get_ident()
    selector = HelmSelector(helm, lines, Mailbox())
    steering = threading.Event()

    def steer() -> None:
        with helm.lock:
            steering.set()
            for _ in range(3):
                signal.pthread_kill(main, signal.SIGUSR1)
                time.sleep(0.05)

    before = signal.signal(signal.SIGUSR1, handler)
    thread = threading.Thread(target=steer)
    try:
        helm.lock.acquire()
        thread.start()
        with pytest.raises(Alert):
            selector.select(DEADLINE_S)
        assert steering.is_set()
        helm.lock.release()  # an error, if it were another thread's
        helm.lock.acquire()
        helm.abandon()
        with pytest.raises(RuntimeError):
            helm.lock.release()
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, before)
        selector.close()
        lines.close()


def test_a_line_that_closes_with_unsent_bytes_is_not_heard_over_and_over() -> None:
    async def close() -> None:
        loop = asyncio.get_running_loop()
        near, far = socket.socketpair()
        helm, lines, turn = Helm(), Lines(), Turn()
        helm.board(loop)
        owner = SimpleNamespace(link_opened=lambda link: None, link_closed=lambda link: None)
        link = Link(owner, Traffic(), turn, False)  # type: ignore[arg-type]  # no frame comes
        await loop.connect_accepted_socket(lambda: link, near)
        link.become_line(helm, lines)
        link.send_encoded(b"a" * 5_000_000)
        link.close()
        far.sendall(b"more")
        assert link.unsent_bytes and not link.closed.done()
        assert lines.wait(0) == [] and lines.wait_for_all(0) == []
        far.close()
        await link.closed
        lines.close()

    asyncio.run(close())


def test_what_a_steering_thread_could_not_send_leaves_before_what_is_sent_later() -> None:
    async def send() -> None:
        near, far = socket.socketpair()
        near.setblocking(False)
        helm, lines, turn = Helm(), Lines(), Turn()
        helm.board(asyncio.get_running_loop())
        turn.hold()
        link = Link(None, Traffic(), turn, True)  # type: ignore[arg-type]  # nothing is received
        taken = _Taken(near)
        link._transport = taken  # type: ignore[assignment]
        link.become_line(helm, lines)
        large, small = b"a" * 5_000_000, b"b" * 10
        helm.away = True
        link.send_encoded(large)
        turn.flush()
        helm.away = False  # the listener has taken over, and sends before its loop has come round
        link.send_encoded(small)
        turn.flush()
        await asyncio.sleep(0.01)
        near.close()
        sent = b""
        while some := far.recv(1 << 20):
            sent += some
        assert 0 < len(sent) < len(large)
        assert sent + taken.written == large + small
        far.close()
        lines.close()

    asyncio.run(send())
