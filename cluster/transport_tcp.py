"""The TCP transport: one listening socket, and connections to every node whose address is known.

It runs inside the event loop of the thread that called ``listen()`` and starts no thread. What it promises its owner:

1. A peer is *up* while a control connection of each direction has passed the handshake, both with the same incarnation
   of the peer; `peer_up` and `peer_down` alternate.
2. Frames of one channel arrive in the order in which they were sent, or the channel breaks and that is told.
3. A closed connection is noticed at once; one that was silent for ``keepAliveTime * keepAliveProbes`` is closed. Time
   during which this process itself was held up is not held against the peers.
4. Lost connections are tried again every ``connectInterval``, for as long as the peer is to be connected to.
5. A node id that is taken by a living process is refused to another one; whether it lives is asked, by a ping. A
   process that was killed has closed its connections, so its successor is let in at once.
6. Whatever a stranger sends closes the stranger's connection, and does nothing else.

Bulk connections are opened when first needed, up to `pool` of them; frames for them wait until they are there. Each frame
has a lane, and frames of one lane keep their order.
"""

import asyncio
import errno
import logging
import ssl
from typing import Any, Protocol

from exdbsql.cluster.frames import CONTROL, DISCOVER, HELLO, REFUSED, WELCOME, bulk_channel
from exdbsql.cluster.handshake import (
    Hello,
    Refusal,
    read_hello,
    read_refusal,
    refuse_duplicate,
    refuse_version,
    version_of,
)
from exdbsql.cluster.helm import Helm
from exdbsql.cluster.lines import Lines
from exdbsql.cluster.link import BufferedLink, Link, Traffic, Turn
from exdbsql.cluster.parameters import TcpParameters, split_address
from exdbsql.cluster.peer import Peer
from exdbsql.cluster.sockets import Sockets, is_path, remove_socket
from exdbsql.cluster.wire import FRAME_LIMIT, Frame, encode_frame
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import ClusterError, InvalidParameterError, ProtocolError

log = logging.getLogger("exdbsql.cluster")

BULK_FROM = 256 * 1024
"""Frames of so many bytes would hold up the heartbeats behind them."""

SEND_BUFFER = 8 * 1024 * 1024
"""Default of `send_buffer`."""

MANY_WAITING = 100
"""Frames that wait for a bulk connection to open."""

MAX_STRANGERS = 128
"""Connections of others whose handshake is not over; each may hold up to a handshake's bytes for `connectTimeout`."""

MANY_REFUSALS = 1000
"""So many different ones are remembered: what a stranger says is in them."""

POLL_S = 0.02
"""How often an open question about a taken node id is looked at, in s."""


class TransportOwner(Protocol):
    """Who uses a transport. All calls come from the event loop's thread."""

    def own_hello(self, channel: str) -> Hello:
        """What this node says of itself now."""
        ...

    def judge(self, hello: Hello) -> Refusal | None:
        """Whether a peer is let in."""
        ...

    def admitted(self, hello: Hello) -> None:
        """A peer has passed the handshake, in one direction."""
        ...

    def peer_up(self, node_id: int, incarnation: int) -> None:
        """Frames to and from this node go through now."""
        ...

    def peer_down(self, node_id: int) -> None:
        """They no longer do."""
        ...

    def bulk_down(self, node_id: int) -> None:
        """A bulk connection broke: frames on it may be lost."""
        ...

    def received(self, node_id: int, frame: Frame) -> None:
        """A frame of a peer. May raise ProtocolError, which closes the connection."""
        ...

    def refused(self, refusal: Refusal) -> None:
        """A peer did not let this node in."""
        ...

    def members_frame(self) -> Frame:
        """The answer to those who ask from outside: a MEMBERS frame."""
        ...


class TcpTransport:
    """See the module. Made and used inside a running event loop.

    Attributes:
        traffic: bytes sent and received on all connections.
        send_buffer: bytes that may wait for one peer before what may be dropped is.
        pool: bulk connections of this direction to each peer, at most.
        turn: lets the owner send much at once, without waiting for the end of the loop's turn.
    """

    def __init__(
        self,
        node_id: int,
        addr: str,
        parameters: TcpParameters,
        owner: TransportOwner,
        send_buffer: int = 0,
        receive_buffer: int = 0,
        pool: int = 1,
        steered: tuple[Helm, Lines] | None = None,
    ) -> None:
        """`steered`: by whom control connections are read and written; by asyncio where not given."""
        self.node_id = node_id
        self.addr = addr
        self.parameters = parameters
        self.send_buffer = send_buffer or SEND_BUFFER
        self.pool = pool
        self._receive_buffer = receive_buffer
        self._sockets = Sockets(parameters)
        plain = parameters.ssl_params is None and Lines.available
        self._steered = steered if plain else None
        self.traffic = Traffic()
        self.turn = Turn()
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._peers: dict[int, Peer] = {}
        self._strangers: dict[Link, None] = {}
        """Whose handshake is not over, the oldest first."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusals: set[str] = set()  # said once; a refused node keeps trying
        self._watch_due = 0.0
        self._closing = False

    # ---- life ----

    async def start(self) -> None:
        """Bind the node's own address and accept connections.

        Raises:
            ClusterError: the address cannot be used; says which and why.
        """
        try:
            self._server = await self._sockets.listen(self._accepted_link, self.addr)
        except OSError as error:
            raise _unusable_address(self.node_id, self.addr, error) from error
        self._watch_due = self._loop.time() + self._watch_interval
        self._loop.call_at(self._watch_due, self._watch)

    async def close(self) -> None:
        """Send what is waiting, then close everything."""
        self._closing = True
        if self._server is not None:
            self._server.close()
            remove_socket(self.addr)
        for task in self._tasks:
            task.cancel()
        links = [*self._strangers, *(link for peer in self._peers.values() for link in peer.links())]
        for link in links:
            link.close()
        if links:
            await asyncio.wait([link.closed for link in links], timeout=1.0)
        for link in links:
            link.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- peers ----

    def connect_to(self, node_id: int, addr: str) -> None:
        """Be connected to this node from now on, at this address."""
        if node_id == self.node_id or self._closing or not self._can_be_dialled(addr):
            return
        peer = self._peer(node_id)
        peer.wanted = True
        peer.addr = addr
        self._keep_dialling(peer, CONTROL)

    def forget(self, node_id: int) -> None:
        """No longer connect to this node by ourselves; connections that are there stay until they end."""
        peer = self._peers.get(node_id)
        if peer is not None:
            peer.wanted = False
            peer.stop_dialling()

    def is_up(self, node_id: int) -> bool:
        """Whether frames go through to this node."""
        peer = self._peers.get(node_id)
        return peer is not None and peer.up

    def up_peers(self) -> list[int]:
        """Ids of the nodes that are up, in order."""
        return sorted(node_id for node_id, peer in self._peers.items() if peer.up)

    def send(self, node_id: int, frame: list[Any], lane: int | None = None, may_drop: bool = False) -> bool:
        """Send a frame; False if the node is not up, and the frame is dropped.

        Without a lane it goes over the control connection; a large one goes over a bulk connection all the same. One that may be dropped (its sender says it
        again) is, while more than `send_buffer` bytes wait for the peer: repeating must not make a slow peer slower.
        """
        peer = self._peers.get(node_id)
        if peer is None or not peer.up:
            return False
        return self.send_packed(node_id, self.pack(frame), lane, may_drop)

    def pack(self, frame: list[Any]) -> bytes:
        """A frame's bytes, for several calls of `send_packed`."""
        return encode_frame(frame, self.parameters.compressionLevel)

    def send_packed(self, node_id: int, data: bytes, lane: int | None = None, may_drop: bool = False) -> bool:
        """`send` for what `pack` gave."""
        peer = self._peers.get(node_id)
        if peer is None or not peer.up:
            return False
        channel = CONTROL if lane is None and len(data) < BULK_FROM else bulk_channel(lane or 0, self.pool)
        link = peer.outgoing.get(channel)
        if link is not None:
            if may_drop and link.unsent_bytes > self.send_buffer:
                return False
            link.send_encoded(data)
            return True
        waiting = peer.waiting.setdefault(channel, [])
        if may_drop and len(waiting) > MANY_WAITING:
            return False
        waiting.append(data)
        self._keep_dialling(peer, channel)
        return True

    def _peer(self, node_id: int) -> Peer:
        peer = self._peers.get(node_id)
        if peer is None:
            peer = self._peers[node_id] = Peer(node_id)
        return peer

    # ---- dialling ----

    def _keep_dialling(self, peer: Peer, channel: str) -> None:
        task = peer.dialling.get(channel)
        if self._closing or not peer.addr or (task is not None and not task.done()):
            return
        if self._steered is not None and self._steered[0].away:
            self._steered[0].later(self._keep_dialling, peer, channel)
            return
        peer.dialling[channel] = self._spawn(self._dial_for_ever(peer, channel))

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _dial_for_ever(self, peer: Peer, channel: str) -> None:
        while not self._closing:
            link = await self._dial(peer)
            if link is not None:
                link.send(self._owner.own_hello(channel).to_frame())
                link.node_id, link.channel = peer.node_id, channel
                self._limit_handshake(link)
                await link.closed
            if (channel != CONTROL and not peer.up) or not (peer.wanted or peer.links()):
                return
            await asyncio.sleep(self.parameters.connectInterval / 1000)

    async def _dial(self, peer: Peer) -> Link | None:
        try:
            link: Link = await self._sockets.dial(self._dialled_link, peer.addr)
        except (OSError, TimeoutError) as error:
            self._note_failure(peer, error)
            return None
        return link

    def _note_failure(self, peer: Peer, error: Exception) -> None:
        """Nobody there is the rule while a cluster starts; a certificate that is refused is worth a line."""
        if isinstance(error, ssl.SSLError) and self._is_new(str(error)):
            log.warning("no TLS with node %d at %s: %s", peer.node_id, peer.addr, error)

    def _dialled_link(self) -> Link:
        return self._link(True)

    def _accepted_link(self) -> Link:
        return self._link(False)

    def _link(self, dialled: bool) -> Link:
        level = self.parameters.compressionLevel
        if self._receive_buffer:
            return BufferedLink(self, self.traffic, self.turn, dialled, level, self._receive_buffer)
        return Link(self, self.traffic, self.turn, dialled, level)

    # ---- what links tell ----

    def link_opened(self, link: Link) -> None:
        """A connection is there; its handshake must be over within ``connectTimeout``."""
        link.set_buffers(self.parameters.socketSendBuf, self.parameters.socketRecvBuf)
        self._strangers[link] = None
        refused = self._sockets.refusal(link.transport)
        if refused:
            log.warning("closing the connection with %s: %s", link.peer_name, refused)
        if self._closing or refused:
            link.abort()
        elif not link.dialled:
            self._limit_handshake(link)
            self._limit_strangers()

    def _limit_strangers(self) -> None:
        """Only so many at once, for each may make this node keep as much as a handshake needs: the oldest has had its time."""
        waiting = [link for link in self._strangers if link.is_open and not link.dialled and not link.deciding]
        if len(waiting) > MAX_STRANGERS:
            waiting[0].abort()

    def _limit_handshake(self, link: Link) -> None:
        def look() -> None:
            if link in self._strangers and not link.deciding:
                link.abort()

        self._loop.call_later(self.parameters.connectTimeout / 1000, look)

    def frame_received(self, link: Link, frame: Frame) -> None:
        """A frame: of a peer, or of the handshake."""
        if link not in self._strangers:
            self._owner.received(link.node_id, frame)
        elif link.deciding:
            raise ProtocolError("a node spoke on before it was let in")
        elif link.dialled:
            self._answered(link, frame)
        elif frame[0] == DISCOVER:
            link.send_last(self._owner.members_frame())
        else:
            self._greeted(link, frame)

    def link_closed(self, link: Link) -> None:
        """A connection is gone."""
        self._strangers.pop(link, None)
        peer = self._peers.get(link.node_id)
        if peer is None or not peer.remove(link):
            return
        if link.channel != CONTROL:
            self._owner.bulk_down(peer.node_id)
        self._update(peer)

    # ---- handshake, the side that dialled ----

    def _answered(self, link: Link, frame: Frame) -> None:
        if frame[0] == REFUSED:
            refusal = read_refusal(frame)
            link.abort()
            self._owner.refused(refusal)
            return
        if frame[0] != WELCOME:
            raise ProtocolError("a hello was answered by something else than welcome or refusal")
        own = self._owner.own_hello(link.channel)
        refusal_by_us = refuse_version(version_of(frame), own)
        hello = read_hello(frame) if refusal_by_us is None else None
        if hello is None or hello.node_id != link.node_id:
            log.warning("%s answers as another node than node %d", link.peer_name, link.node_id)
            link.abort()
            return
        peer = self._peer(hello.node_id)
        if self._owner.judge(hello) is not None or not self._same_life(peer, hello):
            link.abort()
            return
        self._admit(link, hello)

    def _same_life(self, peer: Peer, hello: Hello) -> bool:
        """Whether the hello is of the incarnation that other connections of the peer are of; else ask these for life."""
        if not peer.links() or peer.incarnation == hello.incarnation:
            return True
        for link in peer.links():
            link.ping()
        return False

    # ---- handshake, the side that was dialled ----

    def _greeted(self, link: Link, frame: Frame) -> None:
        if frame[0] != HELLO:
            raise ProtocolError("a connection did not begin with a hello of exdbsql")
        refusal = refuse_version(version_of(frame), self._owner.own_hello(CONTROL))
        if refusal is not None:
            self._refuse(link, refusal)
            return
        hello = read_hello(frame)
        refusal = self._owner.judge(hello)
        if refusal is not None:
            self._refuse(link, refusal)
            return
        peer = self._peer(hello.node_id)
        if peer.links() and peer.incarnation != hello.incarnation:
            link.deciding = True
            self._spawn(self._settle_taken_id(link, hello, peer))
        else:
            self._welcome(link, hello)

    def _refuse(self, link: Link, refusal: Refusal) -> None:
        level = logging.WARNING if self._is_new(refusal.message) else logging.DEBUG
        log.log(level, "refused %s: %s", link.peer_name, refusal.message)
        link.send_last(refusal.to_frame())

    def _is_new(self, refusal: str) -> bool:
        """Whether this was not said lately: a refused node keeps trying."""
        new = refusal not in self._refusals
        if new and len(self._refusals) >= MANY_REFUSALS:
            self._refusals.clear()
        self._refusals.add(refusal)
        return new

    async def _settle_taken_id(self, link: Link, hello: Hello, peer: Peer) -> None:
        """Wait until the process that has the id answers (the new one is refused) or is gone (it is let in)."""
        asked = [(old, old.ping()) for old in peer.links()]
        while link.is_open and peer.links() and peer.incarnation != hello.incarnation:
            if any(old.last_pong >= number for old, number in asked):
                addr = peer.addr or asked[0][0].peer_name
                self._refuse(link, refuse_duplicate(hello.node_id, addr, self._owner.own_hello(CONTROL)))
                return
            await asyncio.sleep(POLL_S)
        link.deciding = False
        if link.is_open:
            refusal = self._owner.judge(hello)
            if refusal is not None:
                self._refuse(link, refusal)
            else:
                self._welcome(link, hello)

    def _welcome(self, link: Link, hello: Hello) -> None:
        link.send(self._owner.own_hello(hello.channel).to_frame(WELCOME))
        self._admit(link, hello)

    def _admit(self, link: Link, hello: Hello) -> None:
        self._strangers.pop(link, None)
        link.node_id, link.incarnation, link.channel = hello.node_id, hello.incarnation, hello.channel
        link.reader.limit = FRAME_LIMIT
        if self._steered is not None and hello.channel == CONTROL:
            link.become_line(*self._steered)
        elif self._steered is not None:
            link.be_steered(self._steered[0])
        peer = self._peer(hello.node_id)
        peer.incarnation = hello.incarnation
        replaced = peer.add(link)
        if replaced is not None:
            replaced.abort()
            self._mark_down(peer)
        if not link.dialled:
            peer.addr = hello.addr if self._can_be_dialled(hello.addr) else peer.addr
            self._keep_dialling(peer, CONTROL)
        self._owner.admitted(hello)
        self._update(peer)

    def _update(self, peer: Peer) -> None:
        """Tell the owner if the peer has come up or gone down."""
        up = peer.is_complete()
        if up and not peer.up:
            peer.up = True
            self._owner.peer_up(peer.node_id, peer.incarnation)
        elif peer.up and not up:
            self._mark_down(peer)
        for channel in [channel for channel in peer.waiting if channel in peer.outgoing]:
            for frame in peer.waiting.pop(channel):
                peer.outgoing[channel].send_encoded(frame)

    def _mark_down(self, peer: Peer) -> None:
        if peer.up:
            peer.up = False
            peer.waiting.clear()
            self._owner.peer_down(peer.node_id)

    # ---- keep-alive ----

    @property
    def _watch_interval(self) -> float:
        return self.parameters.keepAliveTime / 2000

    def _watch(self) -> None:
        """Ping the silent, close the dead; what this process slept through itself does not count."""
        if self._closing:
            return
        now = self._loop.time()
        held_up = max(0.0, now - self._watch_due)
        for peer in self._peers.values():
            for link in peer.links():
                link.last_heard = now if link.has_drained() else min(now, link.last_heard + held_up)
                self._watch_link(link, (now - link.last_heard) * 1000)
        self._watch_due = now + self._watch_interval
        self._loop.call_at(self._watch_due, self._watch)

    def _watch_link(self, link: Link, silent_ms: float) -> None:
        if silent_ms >= self.parameters.silence_ms:
            log.warning("node %d has been silent for %d ms: closing its connection", link.node_id, int(silent_ms))
            link.abort()
        elif silent_ms >= self.parameters.keepAliveTime * 0.5:
            link.ping()

    def _can_be_dialled(self, addr: str) -> bool:
        """Whether an address that another node told leads anywhere."""
        if is_path(addr) or self.parameters.socketDomain == "local":
            return is_path(addr) and self.parameters.socketDomain == "local"
        return _names_a_host(addr)


def _names_a_host(addr: str) -> bool:
    """A node may listen on all its addresses at once, and tell that as its own."""
    try:
        host, _ = split_address(addr)
    except InvalidParameterError:
        return False
    return host not in ("0.0.0.0", "::")


def _unusable_address(node_id: int, addr: str, error: OSError) -> ClusterError:
    if error.errno == errno.EADDRINUSE:
        return ClusterError(
            f"node {node_id} cannot listen on {addr}: the port is in use",
            sqlstate=sqlstate.OBJECT_IN_USE,
            hint="Another process listens there: this node, started already, or something else.",
        )
    return ClusterError(
        f"node {node_id} cannot listen on {addr}: {error.strerror or error}",
        hint="The address of a node in its own list must be one of this machine.",
    )
