"""The client's socket: connecting to the first host that answers, one message out, one message in.

Blocking, because PEP 249 is. Two threads meet here: the one that waits for a reply, and one that sends a cancel.

A node that is paused, hung or cut off says nothing, and its socket stays open. So whoever waits asks from time to time whether it is
there, and gives it up when nothing at all has come for long enough; any byte counts, so neither a long statement nor a long answer
is cut off. What counts is time spent waiting: a client that was itself paused begins anew.
"""

import contextlib
import select
import socket
import threading
from collections import deque
from typing import Any, Final

from exdbsql import protocol
from exdbsql.address import Address
from exdbsql.protocol import FrameReader
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import Error, OperationalError

CHUNK: Final = 256 * 1024
_IDLE_S: Final = 20
_PROBE_S: Final = 10
_PROBES: Final = 3


def open_socket(addresses: tuple[Address, ...], timeout_s: float) -> socket.socket:
    """A connection to the first address that takes one.

    Raises:
        OperationalError: none does (08001); says why for each.
    """
    failures = []
    for address in addresses:
        try:
            connected = socket.create_connection((address.host, address.port), timeout=timeout_s)
        except (OSError, UnicodeError) as error:  # the latter for a name that cannot be one
            failures.append(f"{address}: {getattr(error, 'strerror', None) or error}")
            continue
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        notice_vanished(connected)
        return connected
    raise no_answer(", ".join(failures))


def no_answer(where: str) -> OperationalError:
    """The error of a connection that could not be made; `where` and why."""
    return OperationalError(
        f"no node answers at {where}",
        sqlstate=states.CANNOT_CONNECT,
        retryable=True,
        hint="is the node running, and is this its SQL address (not its cluster address)?",
    )


def notice_vanished(connected: socket.socket) -> None:
    """Have TCP find out that the other machine is gone, while nothing is sent: within `_IDLE_S` and `_PROBES` times `_PROBE_S`.

    A program that is paused answers these, because its system does: it loses nothing.
    """
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", _IDLE_S), ("TCP_KEEPINTVL", _PROBE_S), ("TCP_KEEPCNT", _PROBES)):
        if hasattr(socket, name):  # not on every system; the system's own times hold there
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class WireSocket:
    """Messages over a connected socket."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._reader = FrameReader(protocol.DEFAULT_FRAME_LIMIT)
        self._received: deque[list[Any]] = deque()
        self._sending = threading.Lock()
        self._interval_s = self._limit_s = 0.0
        self.limit = protocol.HANDSHAKE_LIMIT

    def set_limit(self, limit: int) -> None:
        """The handshake is over: messages may have so many bytes."""
        self.limit = limit
        self._reader.limit = limit

    def watch(self, interval_s: float, limit_s: float) -> None:
        """The handshake is over: from now on, ask after each `interval_s` without a word whether the node is there, and take the
        connection for lost after `limit_s`. No interval: wait without limit."""
        self._limit_s = limit_s
        self._interval_s = interval_s
        self._socket.settimeout(interval_s or None)

    def check_open(self) -> None:
        """Refuse where the node has closed the connection already: what is sent now would be lost without a word.

        Raises:
            OperationalError: it has (08006).
        """
        try:
            if _has_something(self._socket) and not self._socket.recv(1, socket.MSG_PEEK):
                raise _lost(None)
        except OSError as error:
            raise _lost(error) from error

    def send(self, message: list[Any]) -> None:
        """Send one message; threads may call it at the same time.

        Raises:
            OperationalError: the connection is lost (08006), or the message is longer than the server takes (54000).
        """
        data = protocol.encode(message, self.limit)
        with self._sending:
            self._send(memoryview(data))

    def _send(self, data: memoryview) -> None:
        waited_s = 0.0
        while data:
            try:
                data = data[self._socket.send(data) :]
                waited_s = 0.0
            except TimeoutError as error:
                waited_s += self._interval_s
                if waited_s >= self._limit_s:
                    raise _silent(waited_s) from error
            except OSError as error:
                raise _lost(error) from error

    def receive(self) -> list[Any]:
        """Wait for one message.

        Raises:
            OperationalError: the connection is lost (08006).
            ProtocolError: what came is no message.
        """
        while not self._received:
            for message in self._reader.feed(self._recv()):
                if message != protocol.ALIVE:
                    self._received.append(message)
        return self._received.popleft()

    def _recv(self) -> bytes:
        waited_s = 0.0
        while True:
            try:
                data = self._socket.recv(CHUNK)
            except TimeoutError as error:
                waited_s += self._interval_s
                if waited_s >= self._limit_s:
                    raise _silent(waited_s) from error
                self.send(protocol.PING)
            except OSError as error:
                raise _lost(error) from error
            else:
                if not data:
                    raise _lost(None)
                return data

    def leave(self) -> None:
        """Close this process's end alone, where another one has the same socket."""
        self._socket.close()

    def close(self) -> None:
        """Close, waking whoever waits."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def _has_something(connected: socket.socket) -> bool:
    """Whether there is something to read, or the end, at once."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(connected, select.POLLIN)
        return bool(poll.poll(0))
    return bool(
        select.select([connected], [], [], 0)[0]
    )  # not for high numbers of files, which systems without poll do not have


def _silent(waited_s: float) -> Error:
    return _lost(TimeoutError(f"it has not said a word for {waited_s:g} s"))


def _lost(error: OSError | None) -> Error:
    why = "the node closed it" if error is None else error.strerror or str(error)
    return OperationalError(
        f"the connection to the node is lost: {why}",
        sqlstate=states.CONNECTION_FAILURE,
        retryable=True,
        hint="connect again, and run the transaction again",
    )
