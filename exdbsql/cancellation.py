"""Stopping a statement that runs in another thread.

A statement is Python code, compiled or in the engine, so it is stopped the way Python offers: an exception set in its
thread (`PyThreadState_SetAsyncExc`, https://docs.python.org/3/c-api/init.html). That arrives between two bytecodes; one
long call into C, a sort for example, ends first. Two things need care. The exception must not hit the thread after the
statement has ended, so both sides announce before they look (Dekker's way: the canceller sets `_requested`, then reads
who runs; the runner clears who runs, then reads `_requested`), and the runner takes back what was sent and not
delivered. And it must not hit a commit, whose outcome has to stay definite, nor the begin or end of a transaction, so
only the statement itself runs where it can be hit.
"""

import ctypes
import threading
from time import monotonic, sleep
from typing import ClassVar, Final

from exdbsql import swallowed
from exdbsql.schema.sqlstate import QUERY_CANCELED

_send = ctypes.pythonapi["PyThreadState_SetAsyncExc"]
_send.argtypes = (ctypes.c_ulong, ctypes.py_object)

ENDED: Final = -1
"""In the place of the running thread: the session has ended. One test of the session's finds this and "in use"."""

BUSY: Final = -2
"""In the place of the running thread: something runs that cannot be cancelled. A commit, so that its outcome stays
definite; the begin and the end of a transaction, so that no snapshot is left behind."""


_LOST_AFTER_S: Final = 0.1
"""A request that has had no effect for so long may be repeated."""

_PAUSE_S: Final = 0.005
"""How often it is looked whether the interpreter has swallowed a request: it does so with an exception that arrives in a destructor or in the
callback of a weak reference."""


class StatementCancelled(BaseException):
    """Arrives in the thread that runs the statement; never leaves the session. Not an Exception, so that no handler on
    the way swallows it.

    Attributes:
        message, sqlstate: of the error that the session makes of it.
    """

    message: ClassVar[str] = "the statement was cancelled"
    sqlstate: ClassVar[str] = QUERY_CANCELED


class Cancellation:
    """Who runs a statement of one session now, and whether somebody wants it to stop.

    Attributes:
        thread: the identifier of the running thread, 0 where none runs. The session writes it directly, because this
            is on the path of every statement.
        requested: somebody asked; the runner has to `settle`.
    """

    __slots__ = ("_followed", "_lock", "_lost", "_sent_at", "requested", "thread")

    def __init__(self) -> None:
        self.thread = 0
        self.requested = False
        self._sent_at = 0.0
        self._lost: type[StatementCancelled] | None = None
        self._followed = False
        self._lock = threading.Lock()

    def cancel(self, reason: type[StatementCancelled] = StatementCancelled, number: int | None = None) -> None:
        """Stop the statement that runs now; nothing happens where none does.

        Args:
            reason: what arrives there.
            number: the very object that was in `thread`, where only the statement that put it there is meant.
        """
        with self._lock:
            now = monotonic()
            if self.requested and now < self._sent_at + _LOST_AFTER_S:
                return  # one is enough: a second would hit who deals with the first
            self.requested, self._sent_at = True, now
            thread = self.thread
            if thread <= 0 or (number is not None and number is not thread):
                self.requested = False
                return
            self._lost = None
            swallowed.watch(thread, StatementCancelled, self._note_lost)
            if not self._followed:
                self._followed = True
                threading.Thread(target=self._follow, name="exdbsql cancel", daemon=True).start()
            _send(thread, ctypes.py_object(reason))  # last: it may be this thread's own

    def _note_lost(self, reason: type[StatementCancelled]) -> None:
        self._lost = reason

    def _follow(self) -> None:
        """Send the request again whenever it was swallowed, until the runner has settled it."""
        while True:
            sleep(_PAUSE_S)
            with self._lock:
                if not self.requested:
                    self._followed = False
                    return
                reason, thread = self._lost, self.thread
                if reason is not None and thread > 0:
                    self._lost, self._sent_at = None, monotonic()
                    _send(thread, ctypes.py_object(reason))

    def shield(self) -> None:
        """For the runner, when the part that can be cancelled has gone well: nothing is delivered after this."""
        self.thread = BUSY
        if self.requested:
            self.settle()

    def settle(self) -> None:
        """For the runner, after it cleared `thread` and found `requested`: take back what was not delivered.

        What was sent may still arrive at the call of this method: then it is called again. It is taken back by receiving
        it: to set NULL in its place would leave the interpreter's mark that something has arrived, and in Python 3.11
        a function that begins with that mark and under `sys.settrace` never gets past its first instruction.
        """
        with self._lock:
            self.requested = False
            try:
                _send(threading.get_ident(), ctypes.py_object(StatementCancelled))  # in the place of the other
                while True:
                    pass
            except StatementCancelled:
                swallowed.unwatch(threading.get_ident())
