"""Running a transaction until it commits: what `Connection.run_transaction` does.

A function of the program's is the transaction; it runs again, from its start, where an error says that another try may
succeed (`Error.retryable`: a lost conflict, no quorum at the moment). Between tries lies a pause that doubles, with a random part, so that
two that hinder each other do not meet again ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).

A commit whose outcome is unknown is not simply run again, because that could apply it twice: the cluster is asked what became of it,
for as long as the pauses last.

Where the connection is lost, and its target has several hosts, it goes on at the next one: what was not committed is rolled back there where
it was, and runs again from its start; what may have been committed is asked after first.
"""

import random
import time
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from exdbsql.control import READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE
from exdbsql.interface import DISCONNECTED
from exdbsql.schema.errors import (
    CommitOutcomeUnknownError,
    Error,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)
from exdbsql.schema.sqlstate import ACTIVE_SQL_TRANSACTION, SERIALIZATION_FAILURE

T = TypeVar("T")


class Transactional(Protocol):
    """What this module needs of a connection."""

    @property
    def autocommit(self) -> bool:
        """Whether each statement is a transaction of its own."""
        ...

    @property
    def transaction_state(self) -> str:
        """ "idle", "open", "failed" or "disconnected"."""
        ...

    def execute(self, sql: str) -> object:
        """Run a statement."""
        ...

    def commit(self) -> None:
        """Commit it."""
        ...

    def rollback(self) -> None:
        """Roll it back."""
        ...

    def transaction_status(self, transaction_id: str) -> str:
        """ "committed", "void" or "unknown"."""
        ...


def pauses(count: int, first_s: float, longest_s: float) -> Iterator[float]:
    """Seconds to wait before each of `count` further tries."""
    for number in range(count):
        yield random.uniform(0.5, 1.0) * min(first_s * 2 ** min(number, 30), longest_s)


def check_arguments(
    work: object, retries: object, isolation: object, first_pause_s: object, longest_pause_s: object
) -> None:
    """Raise InterfaceError where an argument cannot be meant."""
    levels = (READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE)
    if isolation is not None and isolation not in levels:
        raise InterfaceError(f"run_transaction: isolation is one of {', '.join(levels)}, got {isolation!r}")
    if not callable(work):
        raise InterfaceError(f"run_transaction: expected a function, got {type(work).__name__}")
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        raise InterfaceError(f"run_transaction: retries is a number from 0, got {retries!r}")
    for name, value in (("first_pause_s", first_pause_s), ("longest_pause_s", longest_pause_s)):
        if not isinstance(value, int | float) or not 0 <= value < 86400:
            raise InterfaceError(f"run_transaction: {name} is a number of seconds, got {value!r}")


def run_transaction(
    con: Transactional, work: Callable[[], T], isolation: str | None, waits: Iterator[float], resume: Callable[[], bool]
) -> T:
    """Run `work` in a transaction and commit it, again after each of `waits` where an error is retryable.

    Args:
        con: the connection.
        work: the transaction.
        isolation: its level, or None.
        waits: seconds to wait before each further try.
        resume: after a loss, goes on at another node; False where there is none to go to.

    Raises:
        ProgrammingError: a transaction is open already (25001).
        Error: the last one, where no try succeeded; or the first that is not retryable.
    """
    if con.transaction_state in ("open", "failed"):
        raise ProgrammingError(
            "run_transaction needs a connection without an open transaction",
            sqlstate=ACTIVE_SQL_TRANSACTION,
            hint="commit or roll back first",
        )
    while True:
        try:
            return _once(con, work, isolation, waits, resume)
        except Error as error:
            if not error.retryable or not _go_on(con, waits, resume):
                raise


def _go_on(con: Transactional, waits: Iterator[float], resume: Callable[[], bool]) -> bool:
    """Wait for the next try, at another node where this one is lost. False where there is none, or no time is left."""
    for wait in waits:
        time.sleep(wait)
        if con.transaction_state != DISCONNECTED:
            return True
        try:
            return resume()  # where it cannot be done, another try would only say that the connection is closed
        except OperationalError:  # nobody answers yet, or nobody with a quorum
            continue
    return False


def _once(
    con: Transactional,
    work: Callable[[], T],
    isolation: str | None,
    waits: Iterator[float],
    resume: Callable[[], bool],
) -> T:
    try:
        if isolation is not None:
            con.execute(f"BEGIN ISOLATION LEVEL {isolation}")
        elif con.autocommit:
            con.execute("BEGIN")
        result = work()
        con.commit()
    except CommitOutcomeUnknownError as error:
        _require_committed(con, error, waits, resume)
    except BaseException:
        if con.transaction_state in ("open", "failed"):
            con.rollback()
        raise
    return result


def _require_committed(
    con: Transactional, unknown: CommitOutcomeUnknownError, waits: Iterator[float], resume: Callable[[], bool]
) -> None:
    """Ask what became of a commit, for as long as the waits last.

    Raises:
        CommitOutcomeUnknownError: `unknown`, where it is so still.
        OperationalError: it is void (retryable).
    """
    if con.transaction_state == DISCONNECTED and not _go_on(con, waits, resume):
        raise unknown
    status = _status(con, unknown.transaction_id)
    while status == "unknown":
        if not _go_on(con, waits, resume):
            raise unknown
        status = _status(con, unknown.transaction_id)
    if status != "committed":
        raise OperationalError(
            f"transaction {unknown.transaction_id} is void", sqlstate=SERIALIZATION_FAILURE, retryable=True
        ) from unknown


def _status(con: Transactional, transaction_id: str) -> str:
    try:
        return con.transaction_status(transaction_id)
    except OperationalError:  # this node is lost too, or leaves: what is not known stays so, and the next one is asked
        return "unknown"
