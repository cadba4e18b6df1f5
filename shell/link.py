"""The shell's hold on a database: connecting, running, cancelling, and what becomes of a transaction when the line breaks.

Rules:

1. Every call into the connection happens on one worker thread; the caller waits, and may be interrupted.
2. Ctrl-C while a statement runs cancels the statement. The third one gives the connection up, if there is a network
   in between; a database inside this process is never given up, its data would go with it.
3. When a connection is lost, the error says what became of the open transaction, as far as that can be known here.
4. The next statement after a loss connects again. Nothing is repeated on its own: only the user knows whether a
   statement may run twice.
"""

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import CommitOutcomeUnknownError, Error, InternalError
from exdbsql.shell.database import Connection, Result
from exdbsql.shell.guard import only_reads
from exdbsql.shell.words import words
from exdbsql.shell.worker import Worker

T = TypeVar("T")

_LOST_STATES = frozenset(
    {states.CONNECTION_FAILURE, states.CONNECTION_DOES_NOT_EXIST, states.CANNOT_CONNECT, states.ADMIN_SHUTDOWN}
)

_WAKE_UP_SECONDS = 0.2
"""A signal may be handled by another thread, which does not wake a wait: so it is never longer than this."""


class CannotConnectError(Exception):
    """No connection to `target` could be made; `error` says why."""

    def __init__(self, target: str, error: Exception) -> None:
        reason = reason_of(error).removeprefix(f"no node answers at {target}: ")
        super().__init__(f"cannot connect to {target}: {reason}")
        self.target = target
        self.error = error


class ConnectionLostError(Exception):
    """The connection broke while it was used; `fate` says what became of the work in hand."""

    def __init__(self, target: str, error: Exception, fate: str) -> None:
        reason = reason_of(error).partition("; ")[0].removeprefix("the connection to the node is lost: ")
        super().__init__(f"the connection to {target} was lost: {reason}")
        self.target = target
        self.error = error
        self.fate = fate


def reason_of(error: Exception) -> str:
    """The message of `error` alone, without the lines that follow it."""
    if isinstance(error, Error):
        return error.message
    return str(error) or type(error).__name__


class Link:
    """A connection that knows how to come back.

    Args:
        target: what the user named, for messages.
        connect: makes a connection; runs on the worker thread.
        embedded: whether the database lives inside this process.
    """

    def __init__(self, target: str, connect: Callable[[], Connection], *, embedded: bool) -> None:
        self.target = target
        self.embedded = embedded
        self._connect = connect
        self._worker = Worker("exdbsql-shell")
        self._connection: Connection | None = None

    def open(self) -> None:
        """Connect, if not connected.

        Raises:
            CannotConnectError: with the reason.
        """
        if self._connection is not None:
            return
        try:
            self._connection = self._wait(self._worker.submit(self._connected))
        except (Error, OSError) as error:
            raise CannotConnectError(self.target, error) from error

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as anybody noticed."""
        return self._connection is not None

    @property
    def transaction_state(self) -> str:
        """ "idle", "open", "failed" or "disconnected"."""
        return "disconnected" if self._connection is None else self._connection.transaction_state

    @property
    def description(self) -> tuple[str, int | None]:
        """Name of the database and id of the node, None where there is no cluster."""
        if self._connection is None:
            return self.target, None
        return self._connection.target_description

    def execute(self, sql: str, params: dict[str, Any] | None = None) -> Result:
        """Run one statement and wait for it.

        Raises:
            Error: what the database says of the statement; InternalError for anything that is no error of ours.
            CannotConnectError: the connection had been lost, and no new one could be made.
            ConnectionLostError: the connection broke under this statement.
        """
        return self.call(lambda connection: connection.session.execute(sql, params), sql)

    def call(self, job: Callable[[Connection], T], sql: str) -> T:
        """Have the connection do something and wait for it; `sql` is the statement that it belongs to. Errors as `execute`."""
        self.open()
        connection = self._connection
        assert connection is not None
        before = connection.transaction_state
        try:
            return self._wait(self._worker.submit(lambda: job(connection)), connection.cancel)
        except (Error, OSError, EOFError) as error:
            if not self._is_lost(error):
                raise
            fate = fate_of_transaction(before, sql, error)
            self._forget()
            raise ConnectionLostError(self.target, error, fate) from error
        except Exception as error:
            raise InternalError(f"{type(error).__name__}: {error}", statement=sql) from error

    def in_background(self, job: Callable[[Connection], T]) -> "Future[T] | None":
        """Queue `job` behind the statements; None when there is no connection."""
        connection = self._connection
        return None if connection is None else self._worker.submit(lambda: job(connection))

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                self._worker.submit(connection.close).result(timeout=5)
        self._worker.stop()

    def _connected(self) -> Connection:
        connection = self._connect()
        connection.autocommit = True
        return connection

    def _is_lost(self, error: Exception) -> bool:
        if not isinstance(error, Error):
            return not self.embedded
        gone = self._connection is not None and self._connection.transaction_state == "disconnected"
        return gone or error.sqlstate in _LOST_STATES

    def _wait(self, future: "Future[T]", cancel: Callable[[], None] | None = None) -> T:
        """The future's result; rule 2 for KeyboardInterrupt."""
        interrupts = 0
        while True:
            try:
                while not future.done():
                    wait([future], timeout=_WAKE_UP_SECONDS)
                return future.result()
            except KeyboardInterrupt:
                interrupts += 1
                if cancel is None or (interrupts > 2 and not self.embedded):
                    self._give_up()
                    raise
                with contextlib.suppress(Error, OSError):
                    cancel()

    def _give_up(self) -> None:
        """Leave a call that does not end to its (daemon) thread, and start afresh."""
        self._connection = None
        self._worker.stop()
        self._worker = Worker("exdbsql-shell")

    def _forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._worker.submit(connection.close)  # the outcome interests nobody: the line is gone


def fate_of_transaction(state: str, sql: str, error: Exception) -> str:
    """What is known of the user's work when the connection broke under `sql`, in one sentence."""
    first = next((word.upper for word in words(sql)), "")
    if state not in ("open", "failed") and only_reads(sql):
        return "No transaction was open: nothing is lost."
    if isinstance(error, CommitOutcomeUnknownError):
        return f"Whether transaction {error.transaction_id} was committed is not known; look before you repeat it."
    if state in ("open", "failed"):
        if first in ("COMMIT", "END"):
            return "Whether the transaction was committed is not known; look before you repeat it."
        return "The open transaction was rolled back: nothing of it was kept."
    return "Whether this statement took effect is not known; look before you repeat it."
