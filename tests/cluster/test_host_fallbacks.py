"""What a system may lack: epoll (and with TLS asyncio reads as well), and a C library that can be called."""

import threading
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest

from exdbsql.cluster import lines, runtime, socket_calls
from exdbsql.cluster.handoff import Request, Submission
from exdbsql.cluster.lines import Bell, Lines
from exdbsql.cluster.pump import Pump
from exdbsql.schema.errors import Error

from .host_clusters import cluster
from .host_ports import DEADLINE_S, eventually


def test_a_group_leaves_when_asyncio_has_heard_the_answers_to_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where asyncio reads the connections (TLS, no epoll), what ends a round is no turn of `work`. Without ticks nothing else comes."""
    monkeypatch.setattr(Lines, "available", False)
    with cluster(tmp_path) as made:
        ticks = [hosted.node._runtime._ticks for hosted in made.nodes.values()]
        monkeypatch.setattr(runtime, "TICK_S", 3600.0)  # of each node one is on its way
        eventually(
            lambda: all(h.node._runtime._ticks > seen for h, seen in zip(made.nodes.values(), ticks, strict=True)),
            "the last tick",
        )
        for hosted in made.nodes.values():
            commands = [Submission(msgpack.packb([f"{hosted.node.node_id}/{i}", i])) for i in range(2)]

            def propose(
                request: Request, pump: Pump = hosted.node._runtime.pump, commands: list[Submission] = commands
            ) -> None:
                for command in commands:
                    pump.mailbox.leave(command)
                    pump.work(())
                request.settle(pump.mailbox.expecting)

            request = Request(propose)
            hosted.node._listener.put(request)
            assert request.wait(DEADLINE_S) and request.result, "the second one waits for the first"
            for command in commands:
                assert command.wait(DEADLINE_S) and not isinstance(command.result, Error)


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bell]:
    monkeypatch.setattr(lines, "send", socket_calls._python_send)
    made = Bell(socket_calls._python_receive)
    yield made
    made.close()


def _in_time(work: threading.Thread) -> bool:
    work.start()
    work.join(DEADLINE_S)
    return not work.is_alive()


def test_a_bell_that_somebody_else_has_heard_keeps_nobody_waiting(bell: Bell) -> None:
    """The listener's thread waits without the helm: when it has it again, a committing thread may have read what rang."""
    bell.ring()
    bell.hear()
    assert _in_time(threading.Thread(target=bell.hear, daemon=True))


def test_a_bell_that_nobody_hears_keeps_nobody_waiting(bell: Bell) -> None:
    def ring() -> None:
        for _ in range(10_000):
            bell.ring()

    assert _in_time(threading.Thread(target=ring, daemon=True))
