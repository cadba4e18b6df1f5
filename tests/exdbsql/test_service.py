"""The SQL service against clients that are strange, slow, many, or gone."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from exdbsql import protocol
from exdbsql.address import Address
from exdbsql.client import connect_remote
from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.protocol import LENGTH
from exdbsql.schema import errors
from exdbsql.schema.errors import InterfaceError, OperationalError, ProtocolError
from exdbsql.service import SqlService


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)


@contextmanager
def raw(service: SqlService, *, greet: bool = True) -> Iterator[tuple[socket.socket, Callable[[], list[Any]]]]:
    """A socket to the service, and how to read a message from it."""
    reader = protocol.FrameReader(10**8)
    messages: list[list[Any]] = []
    with socket.create_connection((service.address.host, service.address.port), timeout=20) as client:

        def receive() -> list[Any]:
            while not messages:
                data = client.recv(65536)
                if not data:
                    raise EOFError
                messages.extend(reader.feed(data))
            return messages.pop(0)

        if greet:
            client.sendall(protocol.encode(protocol.hello("test", None, None)))
            assert receive()[0] == "welcome"
        yield client, receive


def remote(service: SqlService) -> Connection:
    return Connection(connect_remote(f"exdb://{service.address}/"))


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        LENGTH.pack(2**32 - 1),
        LENGTH.pack(protocol.HANDSHAKE_LIMIT + 1),
        LENGTH.pack(3) + b"\xc1\xc1\xc1",
        protocol.encode(["hello", {"magic": "exdbsql", "versions": [99]}]),
        protocol.encode([1, "execute", "SELECT 1", None, 10]),
    ],
)
def test_a_stranger_is_told_and_cut_off_and_the_others_go_on(service: SqlService, data: bytes) -> None:
    with raw(service, greet=False) as (client, receive):
        client.sendall(data)
        kind, error = receive()
        assert kind == "refused"
        assert isinstance(protocol.error_from_wire(error), ProtocolError)
        with pytest.raises((EOFError, ConnectionError)):
            receive()
    assert remote(service).execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    "data",
    [
        LENGTH.pack(10**9),
        protocol.encode([1, "drop", "everything"]),
        protocol.encode([1, "execute", 1, 2, 3]),
        LENGTH.pack(1) + b"\x90",
    ],
)
def test_a_client_that_breaks_the_protocol_is_cut_off_and_rolled_back(
    service: SqlService, database: Database, data: bytes
) -> None:
    with raw(service) as (client, receive):
        client.sendall(protocol.encode([1, "execute", "INSERT INTO t (id) VALUES (1)", None, 10]))
        assert receive()[:2] == [1, protocol.OK]
        client.sendall(data)
        assert receive()[0] == "refused"
    until(lambda: database.n_sessions == 0)
    assert remote(service).execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_half_a_frame_and_then_nothing_holds_up_nobody(service: SqlService) -> None:
    with raw(service) as (client, _):
        client.sendall(LENGTH.pack(1000) + b"half")
        assert remote(service).execute("SELECT 1").fetchone() == (1,)


def test_requests_in_advance_are_answered_in_order(service: SqlService) -> None:
    with raw(service) as (client, receive):
        n = 300
        for i in range(n):
            client.sendall(protocol.encode([i, "execute", "SELECT ?", [i], 10]))
        assert [receive()[0] for _ in range(n)] == list(range(n))


def test_a_client_that_does_not_read_holds_up_nobody(service: SqlService, database: Database) -> None:
    with database.connect() as con:
        con.execute("INSERT INTO t (id, name) VALUES (1, ?)", ("x" * 1_000_000,))
    with raw(service) as (client, receive):
        n = 40
        for i in range(n):
            client.sendall(protocol.encode([i, "execute", "SELECT name FROM t", None, 10]))
        with remote(service) as other:
            assert other.execute("SELECT count(*) FROM t").fetchone() == (1,)
        assert [receive()[0] for _ in range(n)] == list(range(n))


def test_a_client_that_vanishes_has_its_statement_stopped_and_its_transaction_rolled_back(
    service: SqlService, database: Database
) -> None:
    with database.connect() as con:
        con.executemany("INSERT INTO t (id) VALUES (?)", [(i,) for i in range(2000)])
    slow = "SELECT count(*) FROM t a JOIN t b ON a.id <> b.id JOIN t c ON c.id <> b.id WHERE a.id + b.id + c.id = -1"
    with raw(service) as (client, receive):
        client.sendall(protocol.encode([1, "execute", "DELETE FROM t", None, 10]))
        receive()
        client.sendall(protocol.encode([2, "execute", slow.replace("t ", "d "), None, 10]))
        receive()
        client.sendall(protocol.encode([3, "rollback"]))
        receive()
        client.sendall(protocol.encode([4, "execute", slow, None, 10]))
        time.sleep(0.1)
    until(lambda: database.n_sessions == 0)


def test_a_request_that_waits_can_be_cancelled(service: SqlService, database: Database) -> None:
    with database.connect() as con:
        con.executemany("INSERT INTO t (id) VALUES (?)", [(i,) for i in range(2000)])
    slow = "SELECT count(*) FROM t a JOIN t b ON a.id <> b.id JOIN t c ON c.id <> b.id WHERE a.id + b.id + c.id = -1"
    with raw(service) as (client, receive):
        client.sendall(
            protocol.encode([1, "execute", slow, None, 10]) + protocol.encode([2, "execute", "SELECT 2", None, 1])
        )
        client.sendall(protocol.encode([3, "cancel", 2]))
        reply = receive()
        assert reply[0] == 2
        assert protocol.error_from_wire(reply[2]).sqlstate == "57014"
        request = 4
        client.settimeout(0.2)
        while True:
            client.sendall(protocol.encode([request, "cancel", 1]))
            request += 1
            try:
                reply = receive()
                break
            except TimeoutError:
                continue
        assert reply[0] == 1
        assert protocol.error_from_wire(reply[2]).sqlstate == "57014"


def test_too_many_clients_are_refused_and_there_is_room_when_one_goes(service: SqlService) -> None:
    cons = [remote(service) for _ in range(service.max_connections)]
    with pytest.raises(OperationalError, match="too many connections"):
        remote(service)
    cons.pop().close()
    until(lambda: len(service.links) < service.max_connections)
    cons.append(remote(service))
    for con in cons:
        con.close()
    until(lambda: not service.links)


def test_idle_connections_take_no_threads(service: SqlService) -> None:
    before = threading.active_count()
    cons = [remote(service) for _ in range(40)]
    for con in cons:
        con.execute("SELECT 1")
    assert threading.active_count() <= before + 4, "no more than the pool"
    for con in cons:
        con.close()


def test_another_database_is_refused(service: SqlService) -> None:
    with pytest.raises(OperationalError, match='"other" does not exist'):
        connect_remote(f"exdb://{service.address}/other")
    with Connection(connect_remote(f"exdb://{service.address}/test")) as con:
        assert con.target_description == ("test", None)


def test_a_port_in_use_is_one_clear_message(service: SqlService, database: Database) -> None:
    second = SqlService(database, service.address)
    with pytest.raises(OperationalError, match=f"{service.address}: the port is in use"):
        second.start()
    second.stop()


def test_clients_are_told_when_the_service_ends(database: Database) -> None:
    service = SqlService(database, Address("127.0.0.1", 0))
    service.start()
    con = remote(service)
    con.execute("INSERT INTO t (id) VALUES (1)")
    service.stop()
    with pytest.raises(OperationalError) as caught:
        con.execute("SELECT 1")
    assert caught.value.sqlstate == "08006"
    assert con.transaction_state == "disconnected"
    with pytest.raises(InterfaceError):
        con.commit()
    con.close()
    assert database.n_sessions == 0
    with pytest.raises(OperationalError) as refused:
        remote(service)
    assert refused.value.sqlstate == "08001"


def test_a_commit_that_was_not_sent_has_no_effect(database: Database) -> None:
    """The node had closed the connection already, so this is no "not known"."""
    service = SqlService(database, Address("127.0.0.1", 0))
    service.start()
    con = remote(service)
    con.execute("INSERT INTO t (id) VALUES (1)")
    service.stop()
    with pytest.raises(OperationalError) as caught:
        con.commit()
    assert (caught.value.sqlstate, caught.value.retryable) == ("08006", True)
    assert database.connect().execute("SELECT count(*) FROM t").fetchall() == [(0,)]


def test_the_first_host_that_answers_is_taken(service: SqlService) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{holder.getsockname()[1]}"
    with Connection(connect_remote(f"exdb://{closed},{service.address}/")) as con:
        assert con.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(OperationalError, match=closed) as caught:
        connect_remote(f"exdb://{closed}/?connect_timeout=2")
    assert (caught.value.sqlstate, caught.value.retryable) == ("08001", True)
    with pytest.raises(InterfaceError, match="unknown option"):
        connect_remote(f"exdb://{closed}/?color=red")
    with pytest.raises(InterfaceError, match="connect_timeout"):
        connect_remote(f"exdb://{closed}/?connect_timeout=soon")


def test_a_password_that_nobody_checks_is_told(service: SqlService) -> None:
    with pytest.warns(errors.Warning, match="no authentication"):
        connect_remote(f"exdb://ann:secret@{service.address}/").close()


def test_a_host_name_that_cannot_be_one() -> None:
    with pytest.raises(OperationalError) as caught:
        connect_remote(f"exdb://{'x' * 80}.example:5500/")
    assert caught.value.sqlstate == "08001"


def test_what_answers_is_no_node(database: Database) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()

        def answer() -> None:
            peer, _ = stranger.accept()
            peer.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n" * 10)
            peer.close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(OperationalError) as caught:
            connect_remote(f"exdb://127.0.0.1:{stranger.getsockname()[1]}/")
        thread.join()
    assert caught.value.sqlstate == "08001"


def test_what_answers_says_nothing() -> None:
    """A cluster port given for a SQL port, for example."""
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        thread = threading.Thread(target=lambda: stranger.accept()[0].close())
        thread.start()
        address = f"127.0.0.1:{stranger.getsockname()[1]}"
        with pytest.raises(OperationalError, match=f"no node answers at {address}: it takes connections") as caught:
            connect_remote(f"exdb://{address}/")
        thread.join()
    assert caught.value.sqlstate == "08001"
    assert "not its cluster address" in str(caught.value.hint)
