"""What strangers send to the cluster port, and what callbacks do: nothing takes a node down."""

import os
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest

import exdbsql as exdb
from exdbsql.cluster.frames import CONTROL, DISCOVER, EXCHANGE, HELLO, REFUSED
from exdbsql.cluster.handshake import MAGIC, PROTOCOL_VERSION
from exdbsql.cluster.runtime import MANY_LINES, MANY_REASONS
from exdbsql.cluster.transport_tcp import MAX_STRANGERS
from exdbsql.cluster.wire import HANDSHAKE_LIMIT

from .real_nodes import DEADLINE_S, Nodes, eventually, nodes


def dial(made: Nodes, node_id: int) -> socket.socket:
    host, _, port = made.addresses[node_id].rpartition(":")
    sock = socket.create_connection((host, int(port)), DEADLINE_S)
    sock.settimeout(DEADLINE_S)
    return sock


def framed(content: object) -> bytes:
    body = msgpack.packb(content)
    return struct.pack(">I", len(body)) + body


def hello(**more: Any) -> list[Any]:
    values: dict[str, Any] = {
        "kind": HELLO,
        "magic": MAGIC,
        "version": PROTOCOL_VERSION,
        "node_id": 9,
        "incarnation": 12345,
        "addr": "127.0.0.1:1",
        "rank": 0,
        "cluster": 0,
        "running": False,
        "channel": CONTROL,
        "modes": [["disk", False]],
        "dictionary": "",
        "digests": [],
    }
    return list((values | more).values())


def answer(sock: socket.socket, data: bytes) -> bytes:
    """What comes back until the node closes the connection."""
    received = b""
    try:
        sock.sendall(data)
        while part := sock.recv(65536):
            received += part
    except ConnectionError:
        pass
    return received


GARBAGE: dict[str, Callable[[], bytes]] = {
    "text": lambda: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + b" " * 2000,
    "random bytes": lambda: random.Random(1).randbytes(100_000),
    "a length of 2 GiB": lambda: struct.pack(">I", 2**31 - 1),
    "more than a stranger may send": lambda: struct.pack(">I", HANDSHAKE_LIMIT + 1) + b"x" * 1000,
    "an empty frame": lambda: framed([]),
    "no list": lambda: framed({"kind": 1}),
    "a frame of consensus before the handshake": lambda: framed([10, [1, 2, 3]]),
    "an exchange before the handshake": lambda: framed([EXCHANGE, 1, "x", []]),
    "a hello with half of its fields": lambda: framed(hello()[:7]),
    "a hello of wrong types": lambda: framed(hello(node_id="zero")),
    "an unknown channel": lambda: framed(hello(channel="bulk99")),
    "deep nesting": lambda: struct.pack(">I", 5000) + b"\x91" * 5000,
    "a zip bomb": lambda: _bomb(),
}


def _bomb() -> bytes:
    import zlib

    body = zlib.compress(bytes(64 * 1024 * 1024), 9)
    return struct.pack(">I", len(body) | 0x8000_0000) + body


def works(made: Nodes, node_id: int, key: int) -> None:
    con = made.connect(node_id)
    con.execute("INSERT INTO t VALUES (?, 'after')", (key,))
    con.close()


def test_whatever_a_stranger_sends_ends_the_strangers_connection_only(tmp_path: Path) -> None:
    with nodes(tmp_path) as made:
        for number, (what, data) in enumerate(GARBAGE.items()):
            with dial(made, number % 2) as sock:
                reply = answer(sock, data())
                assert len(reply) < 1000, f"{what}: {reply[:100]!r}"
            works(made, number % 2, number)
        assert made.errors == {}
        assert [n.node_id for n in made.connect(0).active_nodes()] == [0, 1]


def test_half_a_frame_is_given_up_and_many_strangers_are_borne(tmp_path: Path) -> None:
    with nodes(tmp_path, nwparams={"connectInterval": 20, "connectTimeout": 300}) as made:
        strangers = [dial(made, 0) for _ in range(100)]
        for stranger in strangers:
            stranger.sendall(framed(hello())[:20])
        works(made, 0, 1)
        for stranger in strangers:
            assert stranger.recv(1) == b"", "closed by the node when its time was up"
            stranger.close()
        works(made, 1, 2)


def test_only_so_many_strangers_wait_at_once(tmp_path: Path) -> None:
    """The oldest go first; the node's own peers get in all the same."""
    with nodes(tmp_path, nwparams={"connectInterval": 20, "connectTimeout": 60_000}) as made:
        strangers = []
        for _ in range(MAX_STRANGERS + 20):
            strangers.append(dial(made, 0))
            strangers[-1].sendall(framed(hello())[:20])
        transport = made.databases[0].replication.node._runtime._transport  # type: ignore[union-attr]
        eventually(lambda: len(transport._strangers) <= MAX_STRANGERS, "the oldest are gone")
        for stranger in strangers[:20]:
            assert stranger.recv(1) == b""
        made.crash(1)
        made.start(1)
        made.ready()
        works(made, 0, 1)
        for stranger in strangers:
            stranger.close()


def test_another_protocol_version_and_another_cluster_are_told_so(tmp_path: Path) -> None:
    with nodes(tmp_path) as made:
        for wrong, reason in (
            ({"version": 99}, "protocol"),
            ({"cluster": 4711}, "cluster"),
            ({"node_id": 0}, "duplicate"),
        ):
            with dial(made, 0) as sock:
                reply = answer(sock, framed(hello(**wrong)))
                frame = msgpack.unpackb(reply[4:])
                assert frame[0] == REFUSED and frame[2] == reason, frame
        with dial(made, 0) as sock:
            reply = answer(sock, framed(hello(dictionary="CREATE TABLE other (id integer);")))
            assert msgpack.unpackb(reply[4:])[2] == "dictionary"
        works(made, 0, 1)


def test_many_refused_strangers_are_not_remembered_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exdbsql.cluster.transport_tcp.MANY_REFUSALS", 5)
    with nodes(tmp_path, start=False) as made:
        made.start(0)
        runtime = made.databases[0].replication.node._runtime  # type: ignore[union-attr]
        eventually(lambda: runtime._transport is not None and runtime._transport._server is not None)
        other = "CREATE TABLE other (" + ", ".join(f"c{number} integer" for number in range(MANY_LINES + 50)) + ");"
        for number in range(MANY_REASONS + 5):
            with dial(made, 0) as sock:
                assert (
                    msgpack.unpackb(answer(sock, framed(hello(node_id=10 + number, dictionary=other)))[4:])[0]
                    == REFUSED
                )
        assert list(runtime.reasons) == [10 + number for number in range(5, MANY_REASONS + 5)]
        assert max(reason.count("\n") for reason in runtime.reasons.values()) <= MANY_LINES
        assert len(runtime._transport._refusals) <= 5
        made.start(1)
        made.ready()
        works(made, 0, 1)


def test_discovery_is_no_way_in(tmp_path: Path) -> None:
    with nodes(tmp_path) as made:
        with dial(made, 0) as sock:
            reply = answer(sock, framed([DISCOVER]) + framed([10, [1]]))
            assert len(reply) > 10
        works(made, 0, 1)


def test_callbacks_that_raise_or_call_back_into_the_database(tmp_path: Path) -> None:
    said: list[str] = []
    made: Nodes

    def notify(code: int, node: exdb.NodeInfo) -> None:
        con = made.connect(0)
        info, active = con.info(), con.active_nodes()
        said.append(f"{info.node_id} {len(active) >= 1}")
        calls: list[Callable[[], Any]] = [
            con.stop,
            con.barrier,
            con.detach,
            con.attach,
            con.scatter,
            con.force_recovery,
            lambda: con.remove_node(1),
            lambda: con.set_rank(1, 2),
            lambda: con.transaction_status("0-1-1"),
            lambda: con.execute("INSERT INTO t VALUES (99, 'from a callback')"),
            con.listen,
        ]
        for call in calls:
            try:
                call()
            except exdb.Error as error:
                said.append(type(error).__name__)
            else:
                said.append(f"{call} was not refused")
        raise RuntimeError("and then it raises")

    def quorum(neighbours: list[int]) -> bool:
        if os.environ.get("QUORUM_RAISES"):
            raise RuntimeError("no")
        return True

    with nodes(tmp_path, start=False) as made:
        made.start(0, notifyCallback=notify, quorumCallback=quorum)
        made.start(1)
        made.ready()
        works(made, 0, 1)
        eventually(lambda: said and said[0].startswith("0"))
        assert "was not refused" not in " ".join(said)
        assert {name for name in said if name.endswith("Error")} <= {"ClusterError", "NoQuorumError"}
        os.environ["QUORUM_RAISES"] = "1"
        try:
            with pytest.raises(exdb.NoQuorumError):
                while True:
                    made.connect(0).execute("DELETE FROM t")
        finally:
            del os.environ["QUORUM_RAISES"]
        made.ready()
        eventually(lambda: made.connect(0).execute("SHOW QUORUM").fetchall()[-1][2:4] == (2, 2))
        assert made.errors == {}


def test_a_callback_that_hangs_holds_its_own_node_up_and_that_passes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begun, gate = threading.Event(), threading.Event()

    def hang(code: int, node: exdb.NodeInfo) -> None:
        if node.node_id == 2 and code == 1:
            begun.set()
            gate.wait(DEADLINE_S)

    with nodes(tmp_path, (2, 1, 1, 1), start=False) as made:
        for node_id in range(4):
            made.start(node_id, notifyCallback=hang if node_id == 3 else None)
        made.ready()
        made.crash(2)
        assert begun.wait(DEADLINE_S)
        works(made, 0, 1)
        works(made, 1, 2)
        time.sleep(0.2)
        gate.set()
        works(made, 3, 3)
        assert made.connect(3).execute("SELECT count(*) FROM t").fetchall() == [(3,)]
        assert made.errors == {}
        assert "notifyCallback took" in caplog.text
