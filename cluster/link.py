"""One TCP connection between two nodes: frames in both directions, keep-alive, and the bytes counted.

A link is an ``asyncio.Protocol``; it knows nothing of nodes. Its owner gets each frame in order and the end, once.
Frames that are sent within one turn of the event loop leave in one system call. Garbage closes the link and nothing
else. Silence is the owner's matter: a link only remembers when it last heard something.

Pings carry a number and pongs return it, so that an answer can be told from one that was on its way before.
"""

import asyncio
import logging
import socket
from typing import Any, Protocol, cast

from exdbsql.cluster.frames import CONSENSUS, PING, PONG
from exdbsql.cluster.helm import Helm
from exdbsql.cluster.lines import Lines
from exdbsql.cluster.socket_calls import send
from exdbsql.cluster.wire import Frame, FrameReader, encode_frame
from exdbsql.schema.errors import ProtocolError

log = logging.getLogger("exdbsql.cluster")

UNSENT_LIMIT = 1024 * 1024 * 1024
"""Bytes that may wait for a peer that does not read; above, the link is given up."""


class Traffic:
    """Bytes of all connections of one node."""

    __slots__ = ("received", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0


class Turn:
    """When links send what they hold: at the end of this turn of the event loop, or when whoever holds them says so.

    Holding saves one turn (and its system call) for each message that is answered.
    """

    __slots__ = ("_held", "_loop", "_waiting")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._held = False
        self._waiting: list[Link] = []

    def hold(self) -> None:
        """From now on nothing leaves until `flush` or `let_go`."""
        self._held = True

    def flush(self) -> None:
        """Everything that was held leaves."""
        waiting, self._waiting = self._waiting, []
        for link in waiting:
            link.flush()

    def let_go(self) -> None:
        """Everything that was held leaves; nothing is held any more."""
        self._held = False
        if self._waiting:
            self.flush()

    def add(self, link: "Link") -> None:
        """A link has something to send."""
        if self._held:
            self._waiting.append(link)
        else:
            self._loop.call_soon(link.flush)


class LinkOwner(Protocol):
    """Who gets what a link hears. All calls come from the event loop's thread."""

    def link_opened(self, link: "Link") -> None:
        """The connection is there; nothing was heard yet."""
        ...

    def frame_received(self, link: "Link", frame: Frame) -> None:
        """One frame that is neither ping nor pong. May raise ProtocolError, which closes the link."""
        ...

    def link_closed(self, link: "Link") -> None:
        """The connection is gone; called once."""
        ...


class Link(asyncio.Protocol):
    """One connection.

    Attributes:
        dialled: this node opened it (else the other one did).
        node_id: the node at the other end, or -1 until the handshake has told.
        incarnation: the incarnation at the other end.
        channel: "control" or "bulk", "" until the handshake has told.
        last_heard: the event loop's time, in s, at which something last arrived.
        last_pong: number of the newest ping that was answered.
        deciding: the handshake waits for the answer of a third process.
        closed: done when the connection is gone.
    """

    _read_size = 256 * 1024

    def __init__(self, owner: LinkOwner, traffic: Traffic, turn: Turn, dialled: bool, level: int = 0) -> None:
        self.dialled = dialled
        self.node_id = -1
        self.incarnation = 0
        self.channel = ""
        self.last_heard = 0.0
        self.last_pong = 0
        self.deciding = False
        self.reader = FrameReader()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._owner = owner
        self._traffic = traffic
        self._level = level
        self._turn = turn
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._pings = 0
        self._unsent_before = 0
        self._helm: Helm | None = None
        self._lines: Lines | None = None
        self._descriptor = -1
        self._backlog: list[bytes] = []

    @property
    def transport(self) -> asyncio.Transport:
        """asyncio's side of the connection, once it is there."""
        assert self._transport is not None
        return self._transport

    @property
    def is_open(self) -> bool:
        """Whether frames can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def unsent_bytes(self) -> int:
        """What the operating system has not taken yet."""
        if self._transport is None:
            return 0
        return self._transport.get_write_buffer_size() + sum(map(len, self._backlog))

    def has_drained(self) -> bool:
        """Whether the peer has taken something of what waited since this was last asked: a sign of life, for pings and
        their answers queue behind what waits."""
        before, self._unsent_before = self._unsent_before, self.unsent_bytes
        return self._unsent_before < before

    @property
    def peer_name(self) -> str:
        """The other end's address, for messages."""
        return str(self._transport.get_extra_info("peername")) if self._transport is not None else "nobody"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.last_heard = self._loop.time()
        self._owner.link_opened(self)

    def set_buffers(self, send_bytes: int, receive_bytes: int) -> None:
        """Set the socket's buffers; 0 leaves the system's choice."""
        assert self._transport is not None
        sock = self._transport.get_extra_info("socket")
        for option, size in ((socket.SO_SNDBUF, send_bytes), (socket.SO_RCVBUF, receive_bytes)):
            if size:
                sock.setsockopt(socket.SOL_SOCKET, option, size)

    def be_steered(self, helm: Helm) -> None:
        """The handshake is over: what is sent by a thread that steers goes to asyncio in the listener's thread."""
        self._helm = helm

    def become_line(self, helm: Helm, lines: Lines) -> None:
        """The handshake is over, and the connection is plain: whoever has the helm reads and writes it (``lines.py``)."""
        assert self._transport is not None
        self._helm, self._lines = helm, lines
        self._descriptor = self._transport.get_extra_info("socket").fileno()
        if not self.dialled:
            self._transport.pause_reading()
            lines.add(self._descriptor, self)

    def hear(self) -> None:
        """Something has come, or the end."""
        if not self.is_open:
            return
        assert self._lines is not None
        data = self._lines.receive(self._descriptor, self._read_size)
        if data is None:
            return
        if data:
            self.data_received(data)
        else:
            self._give_up()

    def _give_up(self) -> None:
        """The connection is broken; it is closed in the listener's thread."""
        assert self._helm is not None
        if self._lines is not None:
            self._lines.remove(self._descriptor)
        self._helm.later(self.abort)

    def data_received(self, data: bytes) -> None:
        self._traffic.received += len(data)
        self.last_heard = self._loop.time()
        try:
            for frame in self.reader.feed(data):
                self._take(frame)
        except ProtocolError as error:
            log.warning("closing the connection with %s: %s", self.peer_name, error.message)
            if self._helm is None:
                self.abort()
            else:
                self._give_up()

    def _take(self, frame: Frame) -> None:
        if not self.is_open:
            return
        if frame[0] == PING:
            self.send([PONG, *frame[1:2]])
        elif frame[0] == PONG:
            if len(frame) > 1 and type(frame[1]) is int:
                self.last_pong = frame[1]
        elif frame[0] != CONSENSUS and self._helm is not None and self._helm.away:
            self._helm.later(self._take_ashore, frame)
        else:
            self._owner.frame_received(self, frame)

    def _take_ashore(self, frame: Frame) -> None:
        """A frame for the listener's thread, which a committing thread has read."""
        try:
            self._take(frame)
        except ProtocolError as error:
            log.warning("closing the connection with %s: %s", self.peer_name, error.message)
            self.abort()

    def send(self, frame: list[Any]) -> None:
        """Send one frame, together with the others of this turn of the loop. Nothing happens on a closed link."""
        self.send_encoded(encode_frame(frame, self._level))

    def send_encoded(self, data: bytes) -> None:
        """Send a frame's bytes."""
        if not self.is_open:
            return
        if not self._unsent:
            self._turn.add(self)
        self._unsent.append(data)

    def send_last(self, frame: list[Any]) -> None:
        """Send one frame and close the connection once it has left."""
        self.send(frame)
        self.close()

    def close(self) -> None:
        """Close once everything that was sent has left. What comes meanwhile is not heard: a line would have it reported over
        and over."""
        self.flush()
        self._write_backlog()
        if self._lines is not None:
            self._lines.remove(self._descriptor)
        if self._transport is not None:
            self._transport.close()

    def ping(self) -> int:
        """Ask for a sign of life; `last_pong` reaches the number returned once it has come."""
        self._pings += 1
        self.send([PING, self._pings])
        return self._pings

    def flush(self) -> None:
        """Hand everything that was sent to the operating system."""
        if self._transport is None or not self._unsent:
            return
        data = b"".join(self._unsent)
        self._unsent.clear()
        self._traffic.sent += len(data)
        if self._descriptor >= 0:
            data = self._write_now(data)
            if not data:
                return
        self._backlog.append(data)  # behind what may wait there
        if self._helm is not None and self._helm.away:
            self._helm.later(self._write_backlog)
        else:
            self._write_backlog()

    def _write_now(self, data: bytes) -> bytes:
        """Hand a line's bytes to the operating system; what it did not take."""
        assert self._transport is not None
        if self._backlog or self._transport.get_write_buffer_size() or self._transport.is_closing():
            return data
        sent = send(self._descriptor, data)
        if sent is None:
            self._give_up()
            return b""
        return data[sent:] if sent else data

    def _write_backlog(self) -> None:
        """In the listener's thread: leave to asyncio what is to be sent."""
        data = b"".join(self._backlog)
        self._backlog.clear()
        if self._transport is None or not data:
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > UNSENT_LIMIT:
            log.warning("closing the connection with %s: it does not take what is sent", self.peer_name)
            self.abort()

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        self._unsent.clear()
        self._backlog.clear()
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        if self._lines is not None:
            self._lines.remove(self._descriptor)
        self._descriptor = -1
        if not self.closed.done():
            self.closed.set_result(None)
            self._owner.link_closed(self)


class BufferedLink(Link, asyncio.BufferedProtocol):
    """A link that reads at most so many bytes at a time, into a buffer of its own: ``clusterRecvBuf``."""

    def __init__(self, owner: LinkOwner, traffic: Traffic, turn: Turn, dialled: bool, level: int, size: int) -> None:
        super().__init__(owner, traffic, turn, dialled, level)
        self.buffer = bytearray(size)
        self._read_size = size

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where asyncio puts what it reads."""
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So much was read."""
        self.data_received(bytes(memoryview(self.buffer)[:nbytes]))
