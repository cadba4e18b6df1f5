"""A client whose node says nothing any more: asked after, given up in the end, and never while the node is at work."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from exdbsql import protocol
from exdbsql.address import parse_target
from exdbsql.client import connect_remote
from exdbsql.client_options import ClientOptions, read_options
from exdbsql.connection import Connection
from exdbsql.schema.errors import InterfaceError, OperationalError
from exdbsql.service import SqlService
from exdbsql.wire_socket import WireSocket

QUICK = "heartbeat=0.05&heartbeat_timeout=0.2"
STEADY = "heartbeat=0.2&heartbeat_timeout=2"
"""For nodes that answer: longer than this machine may keep their thread waiting."""
PATIENT_S = 60.0


class Node:
    """Something that greets like a node, and then does what a test wants with each message.

    Attributes:
        messages: what came after the greeting.
    """

    def __init__(self, answer: Callable[[socket.socket, list[Any]], None]) -> None:
        self._answer = answer
        self.messages: list[list[Any]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            self._client, _ = self._listener.accept()
            reader = protocol.FrameReader(10**8)
            while data := self._client.recv(65536):
                for message in reader.feed(data):
                    if message[0] == "hello":
                        welcome = {"database": "x", "node_id": None, "limit": 10**8}
                        self._client.sendall(protocol.encode(protocol.welcome(welcome)))
                    else:
                        self.messages.append(message)
                        self._answer(self._client, message)
        except OSError:  # the test is over
            pass

    def close(self) -> None:
        if self._client is not None:
            with suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)  # wakes whoever reads
            self._client.close()
        self._listener.close()
        self._thread.join(PATIENT_S)


@contextmanager
def node(answer: Callable[[socket.socket, list[Any]], None]) -> Iterator[Node]:
    made = Node(answer)
    try:
        yield made
    finally:
        made.close()


def silence(client: socket.socket, message: list[Any]) -> None:
    """Whoever is paused answers nothing, and closes nothing."""


def test_a_silent_node_is_asked_and_then_given_up() -> None:
    with node(silence) as paused:
        con = Connection(connect_remote(f"exdb://127.0.0.1:{paused.port}/?{QUICK}"))
        with pytest.raises(OperationalError, match="not said a word for 0.2 s") as caught:
            con.execute("SELECT 1")
        assert (caught.value.sqlstate, caught.value.retryable) == ("08006", True)
        assert con.transaction_state == "disconnected"
        assert paused.messages[1:] == [["ping"]] * 3


def test_a_commit_that_is_not_answered_is_not_known() -> None:
    def answer(client: socket.socket, message: list[Any]) -> None:
        if message[1:2] == ["execute"]:
            client.sendall(protocol.encode([message[0], 0, [["INSERT", None], 1, None, 0], "open", []]))

    with node(answer) as paused:
        con = Connection(connect_remote(f"exdb://127.0.0.1:{paused.port}/?{STEADY}"))
        con.execute("INSERT INTO t (id) VALUES (1)")
        with pytest.raises(OperationalError) as caught:
            con.commit()
        assert (caught.value.sqlstate, caught.value.retryable) == ("08007", False)


def test_a_commit_that_is_answered_by_the_end_is_not_known() -> None:
    def end(client: socket.socket, message: list[Any]) -> None:
        client.shutdown(socket.SHUT_RDWR)

    with node(end) as dying:
        con = Connection(connect_remote(f"exdb://127.0.0.1:{dying.port}/"))
        with pytest.raises(OperationalError) as caught:
            con.commit()
        assert (caught.value.sqlstate, caught.value.retryable) == ("08007", False)


def test_a_node_that_does_not_read_is_given_up_while_something_is_sent() -> None:
    reading = threading.Event()

    def stop_reading(client: socket.socket, message: list[Any]) -> None:
        reading.wait(PATIENT_S)

    with node(stop_reading) as paused:
        con = Connection(connect_remote(f"exdb://127.0.0.1:{paused.port}/?{QUICK}"))
        with pytest.raises(OperationalError, match="not said a word") as caught:
            con.execute("SELECT ?", ("x" * 50_000_000,))
        assert caught.value.sqlstate == "08006"
        reading.set()


def test_without_a_heartbeat_nobody_asks() -> None:
    came = threading.Event()

    def answer(client: socket.socket, message: list[Any]) -> None:
        came.set()

    with node(answer) as paused:
        con = Connection(connect_remote(f"exdb://127.0.0.1:{paused.port}/?heartbeat=0&heartbeat_timeout=0.1"))
        errors: list[BaseException] = []

        def wait() -> None:
            try:
                con.execute("SELECT 1")
            except OperationalError as error:
                errors.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        assert came.wait(PATIENT_S)
        thread.join(0.5)  # five times its heartbeat_timeout, if it had one
        assert thread.is_alive()
        assert len(paused.messages) == 1
    thread.join(PATIENT_S)
    assert "lost" in str(errors[0])


def test_a_slow_answer_is_no_silence() -> None:
    """Any byte counts, so that an answer may take as long as it takes."""

    def drip(client: socket.socket, message: list[Any]) -> None:
        if message == ["ping"]:
            return
        shape = ["SELECT", [["?column?", "integer", None, None, None]]]
        whole = protocol.encode([message[0], 0, [shape, 1, protocol.codec.pack_rows([(7,)]), 0], "open", []])
        for byte in whole:
            client.sendall(bytes([byte]))
            threading.Event().wait(0.05)

    with node(drip) as slow:
        con = Connection(connect_remote(f"exdb://127.0.0.1:{slow.port}/?{STEADY}"))
        assert con.execute("SELECT 7").fetchone() == (7,)


def test_a_long_statement_on_a_node_that_is_there_goes_on(service: SqlService, monkeypatch: pytest.MonkeyPatch) -> None:
    """It calculates until its client has asked so often that the connection would have been given up without the answers."""
    asked = threading.Semaphore(0)
    send = WireSocket.send

    def count(wire: WireSocket, message: list[Any]) -> None:
        send(wire, message)
        if message == protocol.PING:
            asked.release()

    def calculate() -> int:
        for _ in range(30):
            while not asked.acquire(blocking=False):
                sum(range(1000))
        return 42

    monkeypatch.setattr(WireSocket, "send", count)
    with service.database.connect() as beside:
        beside.create_function("calculate", [], "integer", calculate)
    with Connection(connect_remote(f"exdb://{service.address}/?heartbeat=0.1&heartbeat_timeout=2")) as con:
        assert con.execute("SELECT calculate()").fetchone() == (42,)


def test_a_cancel_reaches_a_statement_that_was_asked_after(service: SqlService) -> None:
    con = Connection(connect_remote(f"exdb://{service.address}/?heartbeat=0.02&heartbeat_timeout=20"))
    timer = threading.Timer(0.3, con.cancel)
    timer.start()
    series = "generate_series(1, 100000) AS a(x), generate_series(1, 100000) AS b(y)"
    with pytest.raises(OperationalError) as caught:
        con.execute(f"SELECT count(*) FROM {series} WHERE sqrt(x * y + random()) > 5")
    assert caught.value.sqlstate == "57014"
    con.rollback()
    assert con.execute("SELECT 1").fetchone() == (1,)


def test_connect_timeout_bounds_the_greeting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:  # the system takes the connection; nobody greets
        with pytest.raises(OperationalError, match="does not greet") as caught:
            connect_remote(f"exdb://127.0.0.1:{mute.getsockname()[1]}/?connect_timeout=0.1")
        assert (caught.value.sqlstate, caught.value.retryable) == ("08001", True)


def test_a_host_that_does_not_greet_is_passed_over(service: SqlService) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        target = f"exdb://127.0.0.1:{mute.getsockname()[1]},{service.address}/?connect_timeout=0.1"
        with Connection(connect_remote(target)) as con:
            assert con.execute("SELECT 1").fetchone() == (1,)


def test_tcp_asks_after_clients_that_have_vanished(service: SqlService) -> None:
    with Connection(connect_remote(f"exdb://{service.address}/")) as con:
        con.execute("SELECT 1")
        (link,) = service.links
        assert link._transport is not None
        taken = link._transport.get_extra_info("socket")
        assert taken.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("color=red", "unknown option 'color'"),
        ("connect_timeout=soon", "connect_timeout: expected seconds, got 'soon'"),
        ("connect_timeout=0", "connect_timeout: expected seconds"),
        ("heartbeat=-1", "heartbeat: expected seconds"),
        ("heartbeat=nan", "heartbeat: expected seconds"),
        ("heartbeat_timeout=0", "heartbeat_timeout: expected seconds"),
        ("heartbeat_timeout=inf", "heartbeat_timeout: expected seconds"),
        ("heartbeat=20", "heartbeat is 20 s, and heartbeat_timeout 30 s"),
    ],
)
def test_options_that_cannot_be_meant(options: str, message: str) -> None:
    with pytest.raises(InterfaceError, match=re.escape(message)):
        connect_remote(f"exdb://127.0.0.1:1/?{options}")


def test_options() -> None:
    options = read_options(parse_target("exdb://a,b/?connect_timeout=2.5&heartbeat=0&heartbeat_timeout=60"))
    assert options == ClientOptions(connect_timeout=2.5, heartbeat=0, heartbeat_timeout=60)
    assert read_options(parse_target("exdb://a/")) == ClientOptions(5, 5, 30)
