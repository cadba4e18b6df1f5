"""The TCP transport between owners that only write down what they are told."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from exdbsql.cluster.discover import ask_who_is_there, discover
from exdbsql.cluster.frames import CONTROL, MEMBERS
from exdbsql.cluster.handshake import Hello, Refusal, judge
from exdbsql.cluster.information import NodeInfo
from exdbsql.cluster.parameters import TcpParameters
from exdbsql.cluster.transport_tcp import TcpTransport
from exdbsql.cluster.wire import Frame, encode_frame
from exdbsql.schema.errors import ClusterError, ProtocolError

from .host_ports import DEADLINE_S, free_ports

PING_FRAME = 50


class Owner:
    """A node that lets everyone in whom `judge` lets in, and remembers."""

    def __init__(self, node_id: int, ports: list[int], incarnation: int, parameters: TcpParameters) -> None:
        self.node_id, self.incarnation = node_id, incarnation
        self.addr = f"127.0.0.1:{ports[node_id]}"
        self.told: list[tuple[str, int]] = []
        self.frames: list[tuple[int, Any]] = []
        self.refusals: list[Refusal] = []
        self.transport = TcpTransport(node_id, self.addr, parameters, self)

    def own_hello(self, channel: str) -> Hello:
        return Hello(self.node_id, self.incarnation, self.addr, 1, 0, True, channel, (), "", ())

    def judge(self, hello: Hello) -> Refusal | None:
        return judge(hello, self.own_hello(CONTROL), (), lambda other: [])

    def admitted(self, hello: Hello) -> None:
        self.told.append(("admitted", hello.node_id))

    def peer_up(self, node_id: int, incarnation: int) -> None:
        self.told.append(("up", node_id))

    def peer_down(self, node_id: int) -> None:
        self.told.append(("down", node_id))

    def bulk_down(self, node_id: int) -> None:
        self.told.append(("bulk down", node_id))

    def received(self, node_id: int, frame: Frame) -> None:
        if frame[0] != PING_FRAME:
            raise ProtocolError("not a frame of this test")
        self.frames.append((node_id, frame[1]))

    def refused(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)

    def members_frame(self) -> Frame:
        return [MEMBERS, self.node_id, 5, [[1, "h:1", 0], [0, self.addr, 1]]]


async def until(condition: Callable[[], object]) -> None:
    async def poll() -> None:
        while not condition():
            await asyncio.sleep(0.005)

    await asyncio.wait_for(poll(), DEADLINE_S)


Scenario = Callable[[Callable[..., Awaitable[Owner]], list[int]], Awaitable[None]]


def play(scenario: Scenario) -> None:
    """Run a scenario in a loop of its own; it gets a maker of started owners, and their ports."""

    async def main() -> None:
        owners: list[Owner] = []
        ports = free_ports(4)

        async def start(node_id: int, incarnation: int = 0, port: int | None = None, **parameters: Any) -> Owner:
            mine = list(ports)
            if port is not None:
                mine[node_id] = port
            owner = Owner(node_id, mine, incarnation or 100 + node_id, TcpParameters(connectInterval=20, **parameters))
            await owner.transport.start()
            owners.append(owner)
            return owner

        try:
            await scenario(start, ports)
        finally:
            for owner in owners:
                await owner.transport.close()

    asyncio.run(main())


def test_one_address_is_enough_for_both_directions() -> None:
    async def scenario(start: Callable[..., Awaitable[Owner]], ports: list[int]) -> None:
        a, b = await start(0), await start(1)
        b.transport.connect_to(0, a.addr)
        await until(lambda: ("up", 1) in a.told and ("up", 0) in b.told)
        for i in range(100):
            assert a.transport.send(1, [PING_FRAME, i])
            assert b.transport.send(0, [PING_FRAME, -i])
        await until(lambda: len(a.frames) == 100 and len(b.frames) == 100)
        assert b.frames == [(0, i) for i in range(100)]
        assert a.transport.up_peers() == [1]
        assert a.transport.traffic.sent > 0 and a.transport.traffic.received > 0

    play(scenario)


def test_a_node_that_moved_is_dialled_where_it_is_now() -> None:
    async def scenario(start: Callable[..., Awaitable[Owner]], ports: list[int]) -> None:
        a = await start(0)
        a.transport.connect_to(1, f"127.0.0.1:{ports[2]}")
        moved = await start(1)
        moved.transport.connect_to(0, a.addr)
        await until(lambda: ("up", 1) in a.told and ("up", 0) in moved.told)

    play(scenario)


def test_an_address_that_leads_nowhere_is_not_dialled() -> None:
    async def scenario(start: Callable[..., Awaitable[Owner]], ports: list[int]) -> None:
        a = await start(0)
        for addr in ("", "nonsense", "0.0.0.0:7", "[::]:7"):
            a.transport.connect_to(1, addr)
        assert not a.transport._tasks
        stranger = await start(1)
        stranger.addr = "nonsense"
        stranger.transport.connect_to(0, a.addr)
        await until(lambda: ("admitted", 1) in a.told)
        assert not a.transport.is_up(1)

    play(scenario)


def test_bulk_frames_wait_for_their_own_connection() -> None:
    async def scenario(start: Callable[..., Awaitable[Owner]], ports: list[int]) -> None:
        a, b = await start(0, compressionLevel=6), await start(1)
        assert not a.transport.send(1, [PING_FRAME, "nobody there"])
        a.transport.connect_to(1, b.addr)
        await until(lambda: a.transport.is_up(1))
        big = "x" * 3_000_000
        assert a.transport.send(1, [PING_FRAME, big], 0)
        assert a.transport.send(1, [PING_FRAME, "second"], 0)
        assert a.transport.send(1, [PING_FRAME, "control"])
        await until(lambda: len(b.frames) == 3)
        assert [frame for _, frame in b.frames if frame != "control"] == [big, "second"]
        assert a.transport.traffic.sent < 1_000_000, "compressed"

    play(scenario)


def test_a_closed_peer_is_noticed_and_found_again() -> None:
    async def scenario(start: Callable[..., Awaitable[Owner]], ports: list[int]) -> None:
        a, b = await start(0), await start(1)
        a.transport.connect_to(1, b.addr)
        await until(lambda: a.transport.is_up(1))
        await b.transport.close()
        await until(lambda: ("down", 1) in a.told)
        assert not a.transport.send(1, [PING_FRAME, 1])
        again = await start(1, incarnation=555)
        await until(lambda: a.told.count(("up", 1)) == 2)
        await until(lambda: ("up", 0) in again.told)

    play(scenario)


def test_a_living_nodes_id_is_refused_to_another_process() -> None:
    async def scenario(start: Callable[..., Awaitable[Owner]], ports: list[int]) -> None:
        a, b = await start(0), await start(1)
        a.transport.connect_to(1, b.addr)
        await until(lambda: a.transport.is_up(1))
        other = await start(1, incarnation=999, port=ports[3])
        other.transport.connect_to(0, a.addr)
        await until(lambda: other.refusals)
        assert other.refusals[0].reason == "duplicate" and other.refusals[0].fatal
        assert b.addr in other.refusals[0].message
        assert ("down", 1) not in a.told and a.transport.is_up(1)

    play(scenario)


def test_garbage_from_strangers_and_peers_closes_their_connection_only() -> None:
    async def scenario(start: Callable[..., Awaitable[Owner]], ports: list[int]) -> None:
        a, b = await start(0), await start(1)
        a.transport.connect_to(1, b.addr)
        await until(lambda: a.transport.is_up(1))
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100, encode_frame([9, "x"]), encode_frame([1, "exdbsql"])):
            reader, writer = await asyncio.open_connection("127.0.0.1", ports[0])
            writer.write(garbage)
            assert await asyncio.wait_for(reader.read(), DEADLINE_S) == b""
            writer.close()
        assert ("down", 1) not in a.told
        b.transport.send(0, [PING_FRAME + 1, "a peer out of protocol"])
        await until(lambda: a.told.count(("up", 1)) == 2)

    play(scenario)


def test_another_protocol_version_is_told() -> None:
    async def scenario(start: Callable[..., Awaitable[Owner]], ports: list[int]) -> None:
        a = await start(0)
        reader, writer = await asyncio.open_connection("127.0.0.1", ports[0])
        writer.write(encode_frame([1, "exdbsql", 2, "unreadable"]))
        answer = await asyncio.wait_for(reader.read(), DEADLINE_S)
        assert b"protocol version 1" in answer
        writer.close()
        assert a.told == []

    play(scenario)


def test_half_a_hello_is_given_up() -> None:
    async def scenario(start: Callable[..., Awaitable[Owner]], ports: list[int]) -> None:
        await start(0, connectTimeout=50)
        reader, writer = await asyncio.open_connection("127.0.0.1", ports[0])
        writer.write(encode_frame([1, "exdbsql", 1])[:-2])
        assert await asyncio.wait_for(reader.read(), DEADLINE_S) == b""
        writer.close()

    play(scenario)


def test_a_silent_peer_is_given_up_and_an_idle_one_is_not() -> None:
    async def scenario(start: Callable[..., Awaitable[Owner]], ports: list[int]) -> None:
        a, b = await start(0, keepAliveTime=20, keepAliveProbes=4), await start(1)
        a.transport.connect_to(1, b.addr)
        await until(lambda: a.transport.is_up(1))
        peer = a.transport._peers[1]
        heard = peer.outgoing[CONTROL].last_heard
        await until(lambda: peer.outgoing[CONTROL].last_heard > heard + 0.2)
        assert ("down", 1) not in a.told, "an idle peer answers pings"
        for link in (*peer.incoming.values(), *b.transport._peers[0].incoming.values()):
            link.data_received = lambda data: None  # type: ignore[method-assign]
        await until(lambda: ("down", 1) in a.told)

    play(scenario)


def test_a_port_in_use_is_one_clear_error() -> None:
    async def scenario(start: Callable[..., Awaitable[Owner]], ports: list[int]) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", ports[0]))
            taken.listen()
            with pytest.raises(ClusterError, match=f"127.0.0.1:{ports[0]}: the port is in use"):
                await start(0)

    play(scenario)


def test_discovery_tells_who_is_there() -> None:
    async def scenario(start: Callable[..., Awaitable[Owner]], ports: list[int]) -> None:
        a = await start(0)
        members = await asyncio.to_thread(discover, a.addr)
        assert members == [NodeInfo(0, a.addr, 1), NodeInfo(1, "h:1", 0)]
        assert (await asyncio.to_thread(ask_who_is_there, a.addr)).cluster == 5

    play(scenario)


def test_discovery_of_nobody_and_of_somebody_else() -> None:
    (port,) = free_ports(1)
    with pytest.raises(ClusterError, match=f"no node answers at 127.0.0.1:{port}"):
        discover(f"127.0.0.1:{port}", timeout_ms=500)
    with socket.create_server(("127.0.0.1", port)) as silent:
        with pytest.raises(ClusterError, match="no node answers"):
            discover(f"127.0.0.1:{port}", timeout_ms=50)
        silent.accept()[0].close()
