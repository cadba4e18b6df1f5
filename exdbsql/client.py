"""A session at the other end of a socket, with the same face as one in this process.

One request is under way at a time; `cancel` alone may come from another thread meanwhile. What the transaction's state
is comes with every reply, so asking for it costs no round trip. A result that did not come whole is fetched page by
page, and one that nobody wants any more is closed at the server along with the next request.

When the connection is lost, the server rolls back what was open. Only where the request could have committed something, and was sent whole,
is the outcome unknown, and the error says so (08007). It names the transaction where there is a cluster, so that another node can be asked
(:mod:`exdbsql.commit_names`). `resume` goes on as a new session with another host of the target.
"""

import itertools
import threading
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from exdbsql import protocol
from exdbsql.address import parse_target
from exdbsql.client_options import read_options
from exdbsql.commit_names import SESSION_BYTES, name_of, text_of
from exdbsql.forking import close_in_children, hint_after_fork
from exdbsql.hosts import Greeting, Hosts
from exdbsql.interface import DISCONNECTED, IDLE
from exdbsql.protocol import PAGE_ROWS, Reply
from exdbsql.remote_calls import RemoteCalls
from exdbsql.remote_copy import RemoteCopyIn, RemoteCopyOut
from exdbsql.result import Answer, Parameters, Result, Row, result_of
from exdbsql.schema import codec, errors
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import (
    CommitOutcomeUnknownError,
    Error,
    InterfaceError,
    InternalError,
    OperationalError,
    ProtocolError,
)
from exdbsql.schema.identifiers import quote_text
from exdbsql.sendable import check_text, may_commit, no_sql_value, packed, sendable
from exdbsql.wire_socket import WireSocket


def connect_remote(target: str) -> "RemoteSession":
    """A session with the first node of an ``exdb://`` target that answers.

    Raises:
        InterfaceError: the target cannot be read.
        NotSupportedError, OperationalError: the server refuses, or nobody answers (08001).
    """
    parsed = parse_target(target)
    hosts = Hosts(parsed, read_options(parsed))
    if parsed.password is not None:
        warnings.warn(
            "this version has no authentication: the password is neither sent nor checked", errors.Warning, stacklevel=3
        )
    return RemoteSession(hosts)


class RemoteSession:
    """The :class:`~exdbsql.interface.SessionInterface` of a node over the network.

    Attributes:
        copying: the COPY FROM that is under way.
    """

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._autocommit = False
        self._notices: list[str] = []
        self._request_ids = itertools.count(1)
        self._busy = threading.Lock()
        self._cluster = RemoteCalls(lambda name, arguments: self._ask("call", name, arguments))
        self._begin(hosts.first())
        close_in_children(self)

    def _begin(self, greeting: Greeting) -> None:
        """Be a new session of the node that has greeted."""
        welcome = greeting.welcome
        node_id, names = welcome.get("node_id"), welcome.get("names")
        self._wire = greeting.wire
        self._address = greeting.address
        self._database = str(welcome.get("database"))
        self._node_id = node_id if isinstance(node_id, int) else None
        self._names = names if isinstance(names, bytes) and len(names) == SESSION_BYTES else None
        self._own: Mapping[str, str] | None = {}
        self._under_way = 0
        self._unwanted: list[int] = []
        self.copying: RemoteCopyIn | None = None
        self._state = IDLE

    def resume(self) -> bool:
        """After a loss: go on as a new session with the next host that answers, with the same settings, and on a node that has
        everything that was committed by then. False where there is no other host, or another session could not be like this one.

        Raises:
            OperationalError: nobody answers, or the node that does has no quorum; still disconnected.
        """
        autocommit, own = self._autocommit, self._own
        if own is None or not self._hosts.are_several:
            return False
        self._begin(self._hosts.first_after(self._address))
        try:
            self.autocommit = True
            for name, value in own.items():
                self.run(f"SET {name} = {quote_text(value)}")
            if self._node_id is not None:
                self._cluster.catch_up()
            self.autocommit = autocommit
        except BaseException:
            self._autocommit, self._own = autocommit, own
            self._disconnect()
            raise
        return True

    def after_fork(self) -> None:
        """In a forked process: leave the connection to the parent."""
        self._state = DISCONNECTED
        self._wire.leave()

    # --- what others ask ---------------------------------------------------------------------------------------------

    @property
    def cluster(self) -> RemoteCalls:
        """The cluster's calls."""
        return self._cluster

    @property
    def transaction_state(self) -> str:
        """ "idle", "open", "failed" or "disconnected", as of the last reply."""
        return self._state

    @property
    def target_description(self) -> tuple[str, int | None]:
        """The database's name, and the node's id where it is in a cluster."""
        return self._database, self._node_id

    @property
    def autocommit(self) -> bool:
        """Whether each statement outside BEGIN … COMMIT is a transaction of its own."""
        return self._autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise InterfaceError(f"autocommit is True or False, not {value!r}")
        self._ask("autocommit", value)
        self._autocommit = value

    def take_notices(self) -> list[str]:
        """What was to be said beside results since the last call."""
        notices, self._notices = self._notices, []
        return notices

    # --- statements --------------------------------------------------------------------------------------------------

    def execute(self, sql: str, params: Parameters = None) -> Result:
        """Run one statement; the result is complete, with names."""
        answer = self.run(sql, params)
        return result_of(answer, tuple(self.take_notices()))

    def run(self, sql: str, parameters: Parameters = None) -> Answer:
        """Run one statement; the result comes in pages."""
        check_text(sql)
        return self._answer(self._ask("execute", sql, sendable(parameters), PAGE_ROWS))

    def run_many(self, sql: str, rows: Sequence[Any]) -> Answer:
        """Run one statement for each row of parameters, as one statement: all or nothing."""
        check_text(sql)
        rows = [sendable(row) for row in rows]
        if rows and isinstance(rows[0], dict):
            return self._answer(self._ask("executenamed", sql, rows))
        return self._answer(self._ask("executemany", sql, packed(rows)))

    def _answer(self, payload: Any) -> Answer:
        match payload:
            case [shape, int(count), None, int()]:
                return protocol.shape_from_wire(shape), None, count, None
            case [shape, int(count), bytes(page), int(result_id)]:
                rows = codec.unpack_rows(page)
                more = _Pages(self, self._wire, result_id).next_page if result_id else None
                return protocol.shape_from_wire(shape), rows, count, more
        raise ProtocolError("the answer cannot be read")

    def copy_in(self, sql: str) -> RemoteCopyIn:
        """Begin a COPY FROM STDIN."""
        self._ask("copyin", sql)
        self.copying = RemoteCopyIn(self.copy_request, self._answer)
        return self.copying

    def copy_out(self, sql: str) -> RemoteCopyOut:
        """Begin a COPY TO STDOUT."""
        return RemoteCopyOut(self.copy_request, self._answer, protocol.columns_from_wire(self._ask("copyout", sql)))

    def copy_request(self, operation: str, *arguments: Any) -> Any:
        """A request of a COPY that is under way."""
        if operation in ("copydone", "copyfail"):
            self.copying = None
        return self._ask(operation, *arguments)

    def next_page(self, wire: WireSocket, result_id: int) -> tuple[list[Row], bool]:
        """The next rows of a result, and whether they are the last.

        Raises:
            InterfaceError: the connection that it came by is lost.
        """
        if wire is not self._wire:
            raise InterfaceError(
                "the connection that this result came by was lost", sqlstate=states.CONNECTION_DOES_NOT_EXIST
            )
        match self._ask("next", result_id, PAGE_ROWS):
            case [bytes(page), bool(is_last)]:
                return codec.unpack_rows(page), is_last
        raise ProtocolError("the page cannot be read")

    def not_wanted(self, wire: WireSocket, result_id: int) -> None:
        """Close a result at the server, along with the next request. May come from any thread, at any time."""
        if wire is self._wire:
            self._unwanted.append(result_id)

    def commit(self) -> None:
        """Commit the open transaction, if there is one; returns only if it is committed."""
        self._ask("commit")

    def rollback(self) -> None:
        """Undo the open transaction, if there is one."""
        self._ask("rollback")

    def cancel(self) -> None:
        """Stop the statement that runs now, from another thread."""
        copying = self.copying
        if copying is not None:
            copying.cancel()
        under_way = self._under_way
        if under_way:
            self._wire.send([next(self._request_ids), "cancel", under_way])

    def close(self) -> None:
        """Say good-bye; the server rolls back what is open."""
        if self._state != DISCONNECTED:
            self._state = DISCONNECTED
            try:
                self._wire.send([next(self._request_ids), "bye"])
            except OperationalError:
                pass
            finally:
                self._wire.close()

    # --- requests ----------------------------------------------------------------------------------------------------

    def _ask(self, operation: str, *arguments: Any) -> Any:
        """One request and its reply.

        Raises:
            Error: the server's, or OperationalError where the connection is lost.
            InterfaceError: the session is closed, or another thread is using it.
        """
        if self._state == DISCONNECTED:
            raise InterfaceError(
                "the connection is closed", sqlstate=states.CONNECTION_DOES_NOT_EXIST, hint=hint_after_fork()
            )
        if not self._busy.acquire(blocking=False):
            raise InterfaceError(
                "another thread is using this connection", hint="give each thread a connection of its own"
            )
        try:
            while self._unwanted:
                self._exchange("close", [self._unwanted.pop()])
            return self._exchange(operation, list(arguments)).value()
        finally:
            self._under_way = 0
            self._busy.release()

    def _exchange(self, operation: str, arguments: list[Any]) -> Reply:
        request_id = next(self._request_ids)
        commits = may_commit(operation, arguments, alone=self._autocommit and self._state == IDLE)
        was_sent = False
        try:
            if commits:
                self._wire.check_open()
            self._wire.send([request_id, operation, *arguments])
            was_sent = True
            self._under_way = request_id
            reply = self._wait_for_reply(request_id)
        except InternalError as error:  # from the codec, before anything was sent
            raise no_sql_value(error) from error
        except ProtocolError:
            self._disconnect()
            raise
        except OperationalError as error:
            if error.sqlstate != states.CONNECTION_FAILURE:
                raise
            self._disconnect()
            if commits and was_sent:  # what is not whole is never carried out
                raise self._unknown(operation, request_id, error) from error
            raise
        self._state = reply.state
        self._notices += reply.notices
        if reply.own:
            (self._own,) = reply.own
        if reply.is_farewell:
            self._disconnect()
        return reply

    def _wait_for_reply(self, request_id: int) -> Reply:
        """Ctrl-C stops the statement and still takes its reply, so that the stream stays in step; a second one gives up."""
        try:
            return self._read_reply(request_id)
        except (KeyboardInterrupt, SystemExit):
            in_step = False
            try:
                self.cancel()
                self._state = self._read_reply(request_id).state
                in_step = True
            finally:
                if not in_step:
                    self._disconnect()
            raise

    def _read_reply(self, request_id: int) -> Reply:
        message = self._wire.receive()
        if message[0] == "refused":
            protocol.check_welcome(message)
        return protocol.check_reply(message, request_id)

    def _unknown(self, operation: str, request_id: int, error: Error) -> Error:
        what = "transaction" if operation == "commit" else "statement"
        message = f"{error.message}; whether the {what} took effect is not known"
        if self._names is None:
            return OperationalError(
                message, sqlstate=states.TRANSACTION_RESOLUTION_UNKNOWN, hint="look before you repeat it"
            )
        return CommitOutcomeUnknownError(
            message,
            transaction_id=text_of(name_of(self._names, request_id)),
            hint="ask transaction_status(transaction_id) at another node before you repeat it",
        )

    def _disconnect(self) -> None:
        self._state = DISCONNECTED
        self._wire.close()


class _Pages:
    """The rest of one result. When it is dropped unread, the server is told to drop its side."""

    def __init__(self, session: RemoteSession, wire: WireSocket, result_id: int) -> None:
        self._session = session
        self._wire = wire
        self._result_id = result_id

    def next_page(self) -> list[Row] | None:
        if not self._result_id:
            return None
        rows, is_last = self._session.next_page(self._wire, self._result_id)
        if is_last:
            self._result_id = 0
        return rows

    def __del__(self) -> None:
        if self._result_id:
            self._session.not_wanted(self._wire, self._result_id)
