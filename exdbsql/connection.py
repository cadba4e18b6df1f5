"""The connection of PEP 249, with the cluster's calls of REFERENCE section 2.

Transactions begin by themselves with the first statement and end with `commit` or `rollback`; with ``autocommit = True``
each statement is a transaction of its own, unless the program says BEGIN. Used as a context manager, a connection
commits at the end of the block, or rolls back if the block raised, and closes.

`commit` never returns unless the transaction is committed. In particular, after a statement failed (state "failed") it
rolls back and raises, where PostgreSQL's COMMIT would answer ROLLBACK and most programs would not look.
"""

import contextlib
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

from exdbsql.cluster.information import ClusterInfo, ExchangeReport, NodeInfo
from exdbsql.cluster.parameters import ClusterParams, ClusterWindow
from exdbsql.cursor import Cursor
from exdbsql.interface import DISCONNECTED, ClusterCalls, SessionInterface
from exdbsql.result import Parameters
from exdbsql.retry import check_arguments, pauses, run_transaction
from exdbsql.row_factories import RowFactory, tuple_row
from exdbsql.schema import errors
from exdbsql.schema.errors import InterfaceError, NotSupportedError
from exdbsql.shaped_cursor import ShapedCursor

T = TypeVar("T")


class Connection:
    """One session with a database. One thread uses it at a time (`threadsafety` 1); `cancel` may come from another.

    Attributes:
        session: what lies below, for shells and tools: ``session.execute(sql)`` gives a whole result with names.
        row_factory: how new cursors show rows: `tuple_row` (the rule), `dict_row`, `namedtuple_row`, or one of your own.
    """

    Warning = errors.Warning
    Error = errors.Error
    InterfaceError = errors.InterfaceError
    DatabaseError = errors.DatabaseError
    DataError = errors.DataError
    OperationalError = errors.OperationalError
    IntegrityError = errors.IntegrityError
    InternalError = errors.InternalError
    ProgrammingError = errors.ProgrammingError
    NotSupportedError = errors.NotSupportedError

    def __init__(self, session: SessionInterface) -> None:
        self._closed = False
        self._session = session
        self.row_factory: RowFactory = tuple_row

    @property
    def session(self) -> SessionInterface:
        """The session below."""
        self._check_open()
        return self._session

    def _check_open(self) -> None:
        if self._closed:
            raise InterfaceError("the connection is closed", sqlstate="08003")

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def cursor(self, row_factory: RowFactory | None = None) -> Cursor:
        """A new cursor; all cursors of a connection share its transaction.

        Args:
            row_factory: how it shows rows; the connection's where not given.
        """
        self._check_open()
        factory = row_factory or self.row_factory
        return Cursor(self) if factory is tuple_row else ShapedCursor(self, factory)

    def execute(self, sql: str, parameters: Parameters = None) -> Cursor:
        """Run one statement on a new cursor, and return that; see :meth:`Cursor.execute`."""
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Sequence[Any]) -> Cursor:
        """The same for :meth:`Cursor.executemany`."""
        return self.cursor().executemany(sql, parameters)

    def create_function(
        self, name: str, arguments: Sequence[str], result: str, function: Callable[..., Any], *, strict: bool = False
    ) -> None:
        """Let SQL call a Python function, in all connections of this database; one of the same name and types is replaced.

        Args:
            name: by which SQL calls it; folded to lower case.
            arguments: types of its arguments, by their SQL names: ``["integer", "text"]``.
            result: type of its result; what it returns is converted to it, and None is NULL.
            function: gets stored values (int, Decimal, str, date ...), None for NULL. What it raises becomes DataError 38000.
            strict: do not call it where an argument is NULL: the result is NULL.

        Raises:
            NotSupportedError: the connection is a remote one; functions live in the process of the database.
            ProgrammingError: a type that does not exist.
        """
        self._embedded("create_function").create_function(name, arguments, result, function, strict=strict)

    def create_aggregate(
        self, name: str, arguments: Sequence[str], result: str, accumulator: Callable[[], Any]
    ) -> None:
        """Let SQL use a Python class as an aggregate, also as a window function; otherwise as `create_function`.

        Args:
            name: by which SQL calls it.
            arguments: types of its arguments.
            result: type of its result.
            accumulator: called for each group; gives an object with ``step(*arguments)`` for each row and ``finalize()``; for
                windows also with ``value()``, and ``inverse(*arguments)``, so that one object goes through many frames.

        Raises:
            NotSupportedError: the connection is a remote one.
            ProgrammingError: a type that does not exist.
        """
        self._embedded("create_aggregate").create_aggregate(name, arguments, result, accumulator)

    def _embedded(self, call: str) -> Any:
        session = self.session
        if not hasattr(session, call):
            raise NotSupportedError(
                f"{call} on a remote connection is not supported", hint="call it in the process of the database"
            )
        return session

    def commit(self) -> None:
        """Commit the open transaction, if there is one. Returning means that it is committed.

        Raises:
            ConflictError: another transaction changed the same rows first; try again.
            IntegrityError: a constraint, because of what other nodes committed meanwhile.
            NoQuorumError: not committed, and never will be.
            CommitOutcomeUnknownError: it cannot be known yet; ask :meth:`transaction_status`.
            ProgrammingError: a statement had failed (25P02). In each of these cases the transaction is over.
        """
        if self._closed:
            self._check_open()
        self._session.commit()

    def rollback(self) -> None:
        """Undo the open transaction, if there is one."""
        self._check_open()
        self._session.rollback()

    def close(self) -> None:
        """Roll back what is open, and end the session.

        Raises:
            InterfaceError: the connection is closed already; PEP 249 wants an error of any call that comes after.
        """
        self._check_open()
        self._end()

    def _end(self) -> None:
        if not self._closed:
            self._closed = True
            self._session.close()

    def __del__(self) -> None:
        """A connection that was forgotten must not keep its snapshot, nor its place at the server."""
        with contextlib.suppress(Exception):
            self._end()

    def cancel(self) -> None:
        """Stop the statement that runs now, from another thread: there it raises OperationalError (57014)."""
        self._check_open()
        self._session.cancel()

    interrupt = cancel

    def run_transaction(
        self,
        work: Callable[[Self], T],
        *,
        retries: int = 10,
        isolation: str | None = None,
        first_pause_s: float = 0.002,
        longest_pause_s: float = 1.0,
    ) -> T:
        """Run a function as one transaction, and commit it; again from its start where another try may succeed, at the next host of the
        target where the connection is lost.

        Args:
            work: called with this connection. It must not commit, and what it does besides the database may happen more
                than once.
            retries: how many more times, after the first.
            isolation: "read committed", "repeatable read" or "serializable"; None: what the session has.
            first_pause_s, longest_pause_s: seconds between tries; each pause is about twice the one before.

        Returns:
            What `work` returned, of the run that was committed.

        Raises:
            ProgrammingError: a transaction is open already (25001).
            InterfaceError: a wrong argument.
            CommitOutcomeUnknownError: it cannot be known yet, also not after the pauses.
            Error: the last error that was retryable, or one that is not; whatever else `work` raised. Rolled back.
        """
        self._check_open()
        check_arguments(work, retries, isolation, first_pause_s, longest_pause_s)
        waits = pauses(retries, first_pause_s, longest_pause_s)
        resume = getattr(self._session, "resume", lambda: False)  # a session in this process has nowhere to go
        return run_transaction(self, lambda: work(self), isolation, waits, resume)

    @property
    def autocommit(self) -> bool:
        """Whether each statement is a transaction of its own. False at first, as PEP 249 has it."""
        self._check_open()
        return self._session.autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self._check_open()
        self._session.autocommit = value

    @property
    def transaction_state(self) -> str:
        """ "idle", "open", "failed" (only a rollback helps) or "disconnected"."""
        return DISCONNECTED if self._closed else self._session.transaction_state

    @property
    def target_description(self) -> tuple[str, int | None]:
        """The database's name, and the node's id where it is in a cluster."""
        self._check_open()
        return self._session.target_description

    def __reduce__(self) -> NoReturn:
        raise TypeError("a connection cannot be copied or pickled; connect again")

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not self._closed and self._session.transaction_state != DISCONNECTED:
                if kind is None:
                    self._session.commit()
                else:
                    self._session.rollback()
        finally:
            self._end()

    # --- the cluster -------------------------------------------------------------------------------------------------

    @property
    def _cluster(self) -> ClusterCalls:
        self._check_open()
        return self._session.cluster

    def listen(self) -> None:
        """The node's main loop, in this thread; returns when the cluster runtime has stopped.

        Raises:
            NotClusterError: here and below: the database is in no cluster.
        """
        self._cluster.listen()

    def stop(self) -> None:
        """End the cluster runtime; returns after all active nodes have called it.

        Raises:
            BusyError: another connection of this node has an open write transaction.
        """
        self._cluster.stop()

    def barrier(self) -> None:
        """Return after all nodes have entered."""
        self._cluster.barrier()

    def attach(self, params: ClusterParams | None = None, *, on_local_changes: str = "error") -> list[str]:
        """Join the cluster (again), and return when this node has the cluster's rows.

        Args:
            params: other parameters than those the database was opened with.
            on_local_changes: what to do with changes made to replicated tables while detached: "error" refuses and
                lists them, "discard" saves them to a file first.

        Returns:
            Names of the files, in the node's `state_dir`, that took what was given up; SQL that makes it again.

        Raises:
            ClusterError: local changes would be lost (55000), or the cluster is another one than this node left.
            NoQuorumError: the cluster was not reached in time; the node goes on trying.
        """
        return self._cluster.attach(params, on_local_changes)

    def detach(self) -> None:
        """Leave the cluster without waiting for the others; the database is at once free for local work.

        Raises:
            BusyError: this connection has an open write transaction.
        """
        self._cluster.detach()

    def force_recovery(self) -> str:
        """An operator's explicit word that the other nodes are gone for good: go on, alone, from what this node has.

        The cluster gets a new id; nodes of the old one are refused until their markers are removed.

        Returns:
            A sentence that says what may be lost.
        """
        return self._cluster.force_recovery()

    def remove_node(self, node_id: int) -> None:
        """An operator's word that a member will not come back: take it off the member list. Returns when that is decided.

        Raises:
            ClusterError: no such member (42704); it is connected, or is this node (55000).
            NoQuorumError: there is no quorum to decide it.
        """
        self._cluster.remove_node(node_id)

    def set_rank(self, node_id: int, rank: int) -> None:
        """Give a member another rank, for all to count by from now on. Returns when that is decided.

        Raises:
            InvalidParameterError: the rank is out of range.
            ClusterError: no such member (42704); with the new rank the nodes that are there would be no quorum (55000).
            NoQuorumError: there is no quorum to decide it.
        """
        self._cluster.set_rank(node_id, rank)

    def info(self) -> ClusterInfo:
        """The node's counters."""
        return self._cluster.info()

    def active_nodes(self) -> list[NodeInfo]:
        """The nodes that are there, this one included."""
        return self._cluster.active_nodes()

    @property
    def window(self) -> ClusterWindow:
        """The window in which transactions gather before they are sent together; can be set while running."""
        return self._cluster.get_window()

    @window.setter
    def window(self, window: ClusterWindow) -> None:
        self._cluster.set_window(window)

    def scatter(
        self,
        tables: Sequence[str] | None = None,
        nodes: Sequence[int] | None = None,
        *,
        on_conflict: str = "error",
    ) -> ExchangeReport:
        """Push to `nodes` what they lack of the DISTRIBUTED `tables`; None means all. Atomic over all of them.

        Args:
            tables, nodes: which.
            on_conflict: where both sides have changed a row since they last met: "error" voids the operation, "source"
                keeps the sending node's row, "target" the receiving node's. The kept row counts as changed anew by the
                receiving node, so the other side takes it when the two meet next.

        Raises:
            ConflictError: a row was changed on both sides; not retryable, it does not go away by itself.
            IntegrityError: a row would break a constraint of a node that receives.
            ClusterError: a node cannot be reached.
        """
        return self._cluster.scatter(tables, nodes, on_conflict)

    def gather(
        self,
        tables: Sequence[str] | None = None,
        nodes: Sequence[int] | None = None,
        *,
        on_conflict: str = "error",
    ) -> ExchangeReport:
        """Pull from `nodes` what this node lacks of the DISTRIBUTED `tables`; None means all. Atomic; as `scatter`."""
        return self._cluster.gather(tables, nodes, on_conflict)

    def transaction_status(self, transaction_id: str) -> str:
        """What became of the transaction of a CommitOutcomeUnknownError: "committed", "void" or "unknown"."""
        return self._cluster.transaction_status(transaction_id)
