"""Whose turn it is: a session does one thing at a time, and what it does can be cancelled.

Threads: one at a time; a second one gets an InterfaceError, not a mixed-up transaction. Test and mark are one attribute,
which also tells `cancel` whom to stop.
"""

from collections.abc import Callable
from threading import get_ident
from typing import Any

from exdbsql.cancellation import BUSY, ENDED, Cancellation, StatementCancelled
from exdbsql.forking import hint_after_fork
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import Error, InterfaceError, InternalError, OperationalError
from exdbsql.transaction_block import TransactionBlock


class Turns:
    """The part of a session that lets one thing run.

    Attributes:
        block: the transaction, which fails where what runs does.
    """

    block: TransactionBlock

    def __init__(self) -> None:
        self._running = Cancellation()

    def carry_out(self, work: Callable[[Any, Any], Any], first: Any, second: Any) -> Any:
        """Run ``work(first, second)`` as what the session does now; it says itself where it can be cancelled. An error fails the transaction.

        Raises:
            InterfaceError: the session is closed, or does something else already.
            Error: what `work` raises, as one of ours.
        """
        running = self._running
        if running.thread:
            raise self._why_not()
        running.thread = BUSY
        try:
            try:
                return work(first, second)
            finally:
                running.thread = BUSY  # nothing is delivered after this
                if running.requested:
                    try:
                        running.settle()
                    except StatementCancelled:  # it came too late, or while another error was on its way
                        running.settle()
        except BaseException as problem:
            self.block.fail()
            if isinstance(problem, Error) or not isinstance(problem, (Exception, StatementCancelled)):
                raise  # SystemExit and KeyboardInterrupt mean the program, whatever runs in it
            raise as_error(problem) from problem
        finally:
            running.thread = 0

    def carry_out_cancellable(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """The same for work that can be cancelled throughout."""
        return self.carry_out(self._cancellable, work, arguments)

    def _cancellable(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        self._running.thread = get_ident()
        return work(*arguments)

    def _check_not_running(self) -> None:
        if self._running.thread:
            raise self._why_not()

    def _why_not(self) -> Error:
        if self._running.thread == ENDED:
            return InterfaceError(
                "the connection is closed", sqlstate=states.CONNECTION_DOES_NOT_EXIST, hint=hint_after_fork()
            )
        if self._running.thread == get_ident():
            return InterfaceError(
                "a statement of this connection is running, and has called what uses the connection",
                hint="give a function of SQL a connection of its own: db.connect()",
            )
        return InterfaceError(
            "another thread is using this connection", hint="give each thread a connection of its own: db.connect()"
        )


def as_error(problem: BaseException) -> Error:
    """What is no error of ours as one."""
    match problem:
        case StatementCancelled():
            return OperationalError(problem.message, sqlstate=problem.sqlstate)
        case MemoryError():
            return OperationalError("out of memory", sqlstate=states.OUT_OF_MEMORY)
        case RecursionError():
            return OperationalError("the statement is nested too deeply", sqlstate=states.STATEMENT_TOO_COMPLEX)
    return InternalError(f"a bug of exdbsql: {type(problem).__name__}: {problem}")
