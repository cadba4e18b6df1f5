"""The SQL service of a node: many clients, one event loop, a bounded pool of threads for statements.

Rules:

1. The loop never runs a statement and never waits for one; the pool never touches a socket.
2. Requests of one client run in order, one at a time. A client that sends faster than they run is no longer read from,
   and one that does not read its replies gets no further ones; it holds up nobody else. A thousand idle clients cost
   their sockets and a few objects each.
3. ``cancel`` and ``ping`` are taken out of turn, as they arrive.
4. Whoever breaks the protocol is told so, and the connection is closed. So is one that does not introduce itself in time.
5. When a connection is lost, its running statement is stopped and its transaction rolled back. A client whose machine vanished
   is asked after by TCP, and is lost within a minute.

The calls of the cluster (barrier, stop, …) may wait for other nodes, so they have threads of their own and do not use up
those of the statements.

There is no authentication and no encryption yet: whoever can connect may do everything, so the configuration binds to
loopback unless it is told otherwise.
"""

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from exdbsql import commit_names, protocol
from exdbsql.address import Address
from exdbsql.cluster.descriptors import descriptors_of
from exdbsql.database import Database
from exdbsql.forking import close_in_children, let_go
from exdbsql.protocol import FrameReader
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import Error, OperationalError
from exdbsql.server_session import ServerSession
from exdbsql.settings import SERVER_VERSION
from exdbsql.wire_socket import notice_vanished
from exdbsql.workers import Workers

log = logging.getLogger("exdbsql.service")

HANDSHAKE_TIMEOUT_S: Final = 10.0
QUEUE_LIMIT: Final = 64
CALL_THREADS: Final = 16
CLOSING_TIMEOUT_S: Final = 5.0
_ALIVE: Final = protocol.encode(protocol.ALIVE)


class SqlService:
    """Listens at an address and serves a database. `start` and `stop` may be called from any thread.

    Args:
        database: what is served.
        address: where to listen; port 0 takes a free one.
        workers: statements that run at the same time.
        max_connections: clients at the same time.
        frame_limit: bytes that one message may have.
        server_files: whether clients may COPY from and to files of this machine.
    """

    def __init__(
        self,
        database: Database,
        address: Address,
        *,
        workers: int = 32,
        max_connections: int = 2000,
        frame_limit: int = protocol.DEFAULT_FRAME_LIMIT,
        server_files: bool = False,
    ) -> None:
        self.database = database
        self.address = address
        self.max_connections = max_connections
        self.frame_limit = frame_limit
        self.server_files = server_files
        self.statements = Workers(workers, "exdbsql-statement")
        self.calls = Workers(CALL_THREADS, "exdbsql-call")
        self.links: set[ClientLink] = set()
        self.is_stopping = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="exdbsql-service", daemon=True)
        self._server: asyncio.Server | None = None

    def start(self) -> None:
        """Listen, and serve in a thread of the service's own.

        Raises:
            OperationalError: the address cannot be listened at (58030), because the port is in use for example.
        """
        self._server = self._loop.run_until_complete(self._listen())
        port = self._server.sockets[0].getsockname()[1]
        self.address = Address(self.address.host, port)
        self._thread.start()
        close_in_children(self)

    def after_fork(self) -> None:
        """In a forked process: have neither the port nor the clients."""
        let_go(descriptors_of(self._loop))

    async def _listen(self) -> asyncio.Server:
        host, port = self.address.host, self.address.port
        try:
            return await self._loop.create_server(lambda: ClientLink(self), host, port, backlog=1024)
        except OSError as error:
            reason = "the port is in use" if error.errno == 98 else error.strerror or str(error)
            raise OperationalError(
                f"cannot serve SQL at {self.address}: {reason}",
                sqlstate=states.IO_ERROR,
                hint="stop what listens there, or give another address as sql.listen",
            ) from error

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def stop(self) -> None:
        """Take no more clients, stop the statements that run, close every connection, end the threads."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self.statements.end(wait=True)
        self.calls.end(wait=False)

    async def _close(self) -> None:
        self.is_stopping = True
        assert self._server is not None
        self._server.close()
        for link in list(self.links):
            link.end(
                OperationalError(
                    "the node is shutting down",
                    sqlstate=states.ADMIN_SHUTDOWN,
                    retryable=True,
                    hint="connect to another node, and run the transaction again",
                )
            )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_TIMEOUT_S):
                while self.links:
                    await asyncio.sleep(0.01)

    def run_later(self, work: Callable[[], None], *, may_wait: bool) -> None:
        """Have the pool do something."""
        with contextlib.suppress(RuntimeError):  # the pool is shut down: the service has ended
            (self.calls if may_wait else self.statements).submit(work)

    def in_loop(self, callback: Callable[..., None], *arguments: Any) -> None:
        """From the pool: have the loop do something."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: the service has ended
            self._loop.call_soon_threadsafe(callback, *arguments)


class ClientLink(asyncio.Protocol):
    """One client, in the loop's thread."""

    def __init__(self, service: SqlService) -> None:
        self._service = service
        self._reader = FrameReader()
        self._queue: deque[tuple[int, str, list[Any]]] = deque()
        self._running = 0
        self._cancelled = -1
        self._is_running = False
        self._may_write = True
        self._is_closing = False
        self._server_session: ServerSession | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    # --- the socket --------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        notice_vanished(transport.get_extra_info("socket"))
        service = self._service
        if len(service.links) >= service.max_connections or service.is_stopping:
            why = "the node is shutting down" if service.is_stopping else "the node has too many connections"
            self._refuse(OperationalError(why, sqlstate="53300", retryable=True))
            return
        service.links.add(self)
        self._timer = asyncio.get_running_loop().call_later(HANDSHAKE_TIMEOUT_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._is_closing:
            return
        try:
            for message in self._reader.feed(data):
                self._take(message)
        except Error as error:
            log.info("a client is cut off: %s", error.message)
            self._refuse(error)

    def pause_writing(self) -> None:
        """The client does not read: hold back its next reply."""
        self._may_write = False

    def resume_writing(self) -> None:
        """The client reads again."""
        self._may_write = True
        self._run_next()

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone."""
        self._is_closing = True
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
        if self._server_session is None:
            self._service.links.discard(self)
            return
        self._server_session.session.cancel()
        if not self._is_running:
            self._end_session()

    def _end_session(self) -> None:
        self._is_running = True
        self._service.run_later(self._close_session, may_wait=False)

    def _close_session(self) -> None:
        """In the pool."""
        assert self._server_session is not None
        try:
            self._server_session.close()
        finally:
            self._service.in_loop(self._service.links.discard, self)

    def _refuse(self, error: Error) -> None:
        """Say why, and close."""
        assert self._transport is not None
        self._is_closing = True
        self._transport.write(protocol.encode(protocol.refused(error)))
        self._transport.close()

    def end(self, error: Error) -> None:
        """The service ends: answer what waits, stop what runs, close."""
        if self._server_session is None:
            self._refuse(error)
            return
        self._is_closing = True
        self._refuse_queue(error)
        self._server_session.ending = error
        self._server_session.session.cancel()
        if not self._is_running and self._transport is not None:
            self._transport.close()

    # --- requests ----------------------------------------------------------------------------------------------------

    def _take(self, message: list[Any]) -> None:
        if self._server_session is None:
            self._shake_hands(message)
            return
        if message == protocol.PING:
            if self._may_write:  # else there is enough on its way to show that somebody is there
                self._write(_ALIVE)
            return
        request_id, operation, arguments = protocol.check_request(message)
        if operation == "cancel":
            self._cancel(arguments[0])
        elif operation == "bye":
            assert self._transport is not None
            self._transport.close()
        else:
            self._queue.append((request_id, operation, arguments))
            if len(self._queue) >= QUEUE_LIMIT and self._transport is not None:
                self._transport.pause_reading()
            self._run_next()

    def _shake_hands(self, message: list[Any]) -> None:
        asked = protocol.check_hello(message)
        service, database = self._service, self._service.database
        if asked.get("database") not in (None, database.name):
            raise OperationalError(
                f'database "{asked["database"]}" does not exist',
                sqlstate="3D000",
                hint=f"this node has {database.name}",
            )
        session = database.open_session()
        session.may_use_files = service.server_files
        names = None if database.replication is None else commit_names.new_session()
        self._server_session = ServerSession(session, service.frame_limit, names)
        self._reader.limit = service.frame_limit
        if self._timer is not None:
            self._timer.cancel()
        assert self._transport is not None
        self._transport.write(
            protocol.encode(
                protocol.welcome(
                    {
                        "server": SERVER_VERSION,
                        "database": database.name,
                        "node_id": database.node_id,
                        "limit": service.frame_limit,
                        "names": names,
                    }
                )
            )
        )

    def _cancel(self, request_id: int) -> None:
        """Rule 3: the running request is stopped, a waiting one is not begun."""
        assert self._server_session is not None
        if self._is_running and request_id == self._running:
            self._cancelled = request_id
            self._server_session.session.cancel()
            return
        for request in self._queue:
            if request[0] == request_id:
                self._queue.remove(request)
                self._write(self._server_session.refuse(request_id, _cancelled()))
                return

    def _refuse_queue(self, error: Error) -> None:
        assert self._server_session is not None
        while self._queue:
            self._write(self._server_session.refuse(self._queue.popleft()[0], error))

    def _run_next(self) -> None:
        if self._is_running or not self._queue or not self._may_write or self._is_closing:
            return
        request = self._queue.popleft()
        self._running = request[0]
        self._is_running = True
        self._service.run_later(lambda: self._work(request), may_wait=request[1] == "call")
        if len(self._queue) == QUEUE_LIMIT // 2 and self._transport is not None:
            self._transport.resume_reading()

    def _work(self, request: tuple[int, str, list[Any]]) -> None:
        """In the pool: one request."""
        assert self._server_session is not None
        try:
            if self._cancelled == request[0]:  # while it waited for a thread
                self._server_session.session.block.fail()
                raise _cancelled()
            reply = self._server_session.reply(*request)
        except Error as error:  # that, or the reply itself is too long
            reply = self._server_session.refuse(request[0], error)
        self._service.in_loop(self._finished, reply)

    def _finished(self, reply: bytes) -> None:
        self._is_running = False
        assert self._transport is not None
        if self._transport.is_closing():
            self._end_session()
            return
        self._write(reply)
        if self._is_closing:
            self._transport.close()
        else:
            self._run_next()

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(data)


def _cancelled() -> Error:
    return OperationalError("the statement was cancelled before it began", sqlstate=states.QUERY_CANCELED)
