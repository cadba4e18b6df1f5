"""The client's socket: connecting to the first host that answers, one message out, one message in.

Blocking, because PEP 249 is. Two threads meet here: the one that waits for a reply, and one that sends a cancel.
"""

import contextlib
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
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
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


class WireSocket:
    """Messages over a connected socket."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._reader = FrameReader(protocol.DEFAULT_FRAME_LIMIT)
        self._received: deque[list[Any]] = deque()
        self._sending = threading.Lock()
        self.limit = protocol.HANDSHAKE_LIMIT

    def set_limit(self, limit: int) -> None:
        """The handshake is over: messages may have so many bytes."""
        self.limit = limit
        self._reader.limit = limit

    def set_timeout(self, timeout_s: float | None) -> None:
        """How long `receive` waits."""
        self._socket.settimeout(timeout_s)

    def send(self, message: list[Any]) -> None:
        """Send one message; threads may call it at the same time.

        Raises:
            OperationalError: the connection is lost (08006), or the message is longer than the server takes (54000).
        """
        data = protocol.encode(message, self.limit)
        try:
            with self._sending:
                self._socket.sendall(data)
        except OSError as error:
            raise _lost(error) from error

    def receive(self) -> list[Any]:
        """Wait for one message.

        Raises:
            OperationalError: the connection is lost (08006).
            ProtocolError: what came is no message.
        """
        while not self._received:
            try:
                data = self._socket.recv(CHUNK)
            except OSError as error:
                raise _lost(error) from error
            if not data:
                raise _lost(None)
            self._received.extend(self._reader.feed(data))
        return self._received.popleft()

    def leave(self) -> None:
        """Close this process's end alone, where another one has the same socket."""
        self._socket.close()

    def close(self) -> None:
        """Close, waking whoever waits."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def _lost(error: OSError | None) -> Error:
    why = "the node closed it" if error is None else error.strerror or str(error)
    return OperationalError(
        f"the connection to the node is lost: {why}",
        sqlstate=states.CONNECTION_FAILURE,
        retryable=True,
        hint="connect again, and run the transaction again",
    )
