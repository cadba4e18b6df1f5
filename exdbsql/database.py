"""An open database of this process: engine, statements, sessions, and where there is one the node of a cluster.

Made by :func:`exdbsql.open_database`. This is where a commit and a DDL statement part ways: locally, or through the
replicated log (:mod:`exdbsql.replication`). A database that is in no cluster, and a transaction that touched no
replicated table, take the local way without a look at the network.
"""

import threading
from typing import Final, Self

from exdbsql.connection import Connection
from exdbsql.engine.database import Database as Engine
from exdbsql.engine.transaction import Transaction
from exdbsql.forking import close_in_children, hint_after_fork
from exdbsql.replication import Replication
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import InterfaceError
from exdbsql.session import Session
from exdbsql.statement_cache import DdlText, StatementCache
from exdbsql.statement_watch import StatementWatch

_END_TIMEOUT_S: Final = 5.0
"""How long `close` waits for a statement of another thread to stop."""


class Database:
    """An open database.

    Attributes:
        name: its `dbname`.
        engine: tables and transactions.
        statements: the statements that were prepared.
        watch: over statements of sessions that have set a limit.
        replication: the node's part in a cluster, or None.
    """

    def __init__(self, name: str, engine: Engine, replication: Replication | None = None) -> None:
        self.name = name
        self.engine = engine
        engine.name = name
        self.statements = StatementCache(engine)
        self.watch = StatementWatch()
        self.replication = replication
        self._sessions: set[Session] = set()
        self._lock = threading.RLock()  # a forgotten connection may be collected, and forgets its session, inside it
        self._closed = False
        close_in_children(self)

    @property
    def dictionary(self) -> Dictionary:
        """The dictionary as it is now."""
        return self.engine.dictionary

    @property
    def node_id(self) -> int | None:
        """The node's id in its cluster, or None."""
        return None if self.replication is None else self.replication.node_id

    def connect(self) -> Connection:
        """A new connection; one thread uses it at a time.

        Raises:
            InterfaceError: the database is closed.
        """
        return Connection(self.open_session())

    def open_session(self) -> Session:
        """A new session: what a connection stands on.

        Raises:
            InterfaceError: the database is closed.
        """
        session = Session(self)
        with self._lock:
            if self._closed:
                raise InterfaceError(f"the database {self.name} is closed", sqlstate="08003", hint=hint_after_fork())
            self._sessions.add(session)
        return session

    def forget(self, session: Session) -> None:
        """A session has ended."""
        with self._lock:
            self._sessions.discard(session)

    def sessions_with_writes(self, *, other_than: Session) -> int:
        """How many other sessions have an open transaction that changed something."""
        with self._lock:
            return sum(session.block.has_writes for session in self._sessions if session is not other_than)

    @property
    def n_sessions(self) -> int:
        """How many sessions are open."""
        return len(self._sessions)

    # --- changes -----------------------------------------------------------------------------------------------------

    def commit(self, transaction: Transaction) -> None:
        """Commit; the transaction is over either way.

        Raises:
            ConflictError, IntegrityError: what others committed is in the way.
            NoQuorumError, CommitOutcomeUnknownError, ClusterStoppedError: see :meth:`Replication.commit`.
        """
        if self.replication is None:
            transaction.commit()
        else:
            self.replication.commit(transaction)

    def require_quorum(self) -> None:
        """Refuse the first write to a replicated table where its commit could not succeed.

        Raises:
            NoQuorumError: says the sum of ranks.
            ClusterStoppedError: the cluster runtime has stopped.
        """
        if self.replication is not None:
            self.replication.require_quorum()

    def wait_ready(self) -> None:
        """Before the first use of a replicated table: wait until this node has the cluster's rows.

        Raises:
            NoQuorumError: it does not become a member in time; says what it waits for.
        """
        if self.replication is not None:
            self.replication.wait_ready()

    @property
    def is_joining(self) -> bool:
        """Whether the node has yet to become a member of its cluster."""
        return self.replication is not None and not self.replication.is_ready

    def execute_ddl(self, ddl: DdlText) -> None:
        """Run a DDL statement as a transaction of its own, on all nodes where there are several.

        Raises:
            ProgrammingError: the dictionary does not allow it.
            IntegrityError: a unique index over rows that are not.
            Error: the cluster's, as for a commit.
        """
        if self.replication is None:
            self.engine.execute_ddl(ddl.statement)
        else:
            self.replication.execute_ddl(ddl.text)
        self.statements.forget()

    # --- the end -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End all sessions, rolling back what is open, and let the rows go. Closing twice is no error.

        Where the node is still in its cluster, it leaves as if it had crashed: the others notice at once, and its rank
        is missed. ``con.stop()`` is the orderly end.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            sessions = list(self._sessions)
        for session in sessions:
            session.end(_END_TIMEOUT_S)
        if self.replication is not None:
            self.replication.close()
        self.engine.close()

    def after_fork(self) -> None:
        """In a forked process: close without a word."""
        self._lock = threading.RLock()
        self._closed = True
        for session in self._sessions:
            session.after_fork()
        if self.replication is not None:
            self.replication.after_fork()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
