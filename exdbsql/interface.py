"""What a connection stands on: a session, in this process or at the other end of a socket.

:class:`~exdbsql.connection.Connection` and :class:`~exdbsql.cursor.Cursor` know only these two protocols, so that an
embedded and a remote connection are the same classes and cannot drift apart.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from exdbsql.cluster.information import ClusterInfo, ExchangeReport, NodeInfo
from exdbsql.cluster.parameters import ClusterParams, ClusterWindow
from exdbsql.copy.stream import CopyInput, CopyOutput
from exdbsql.result import Answer, Parameters, Result

IDLE = "idle"
OPEN = "open"
FAILED = "failed"
DISCONNECTED = "disconnected"


class ClusterCalls(Protocol):
    """The cluster's calls (REFERENCE section 2). All raise NotClusterError where the database is in no cluster."""

    def listen(self) -> None:
        """The node's main loop, until the cluster stops."""
        ...

    def stop(self) -> None:
        """End the cluster runtime, together with all active nodes."""
        ...

    def barrier(self) -> None:
        """Wait until all nodes have entered."""
        ...

    def attach(self, params: ClusterParams | None, on_local_changes: str) -> list[str]:
        """Join (again); the files with local changes that were given up."""
        ...

    def detach(self) -> None:
        """Leave without waiting for the others."""
        ...

    def force_recovery(self) -> str:
        """Go on from what this node has, the others being gone for good; says what may be lost."""
        ...

    def remove_node(self, node_id: int) -> None:
        """Take a member off the list that will not come back."""
        ...

    def set_rank(self, node_id: int, rank: int) -> None:
        """Give a member another rank."""
        ...

    def info(self) -> ClusterInfo:
        """The node's counters."""
        ...

    def active_nodes(self) -> list[NodeInfo]:
        """The nodes that are there, this one included."""
        ...

    def get_window(self) -> ClusterWindow:
        """The window's parameters."""
        ...

    def set_window(self, window: ClusterWindow) -> None:
        """Replace the window's parameters."""
        ...

    def scatter(
        self, tables: Sequence[str] | None, nodes: Sequence[int] | None, on_conflict: str = "error"
    ) -> ExchangeReport:
        """Push to `nodes` what they lack of `tables`."""
        ...

    def gather(
        self, tables: Sequence[str] | None, nodes: Sequence[int] | None, on_conflict: str = "error"
    ) -> ExchangeReport:
        """Pull from `nodes` what this node lacks of `tables`."""
        ...

    def transaction_status(self, transaction_id: str) -> str:
        """What became of a transaction: "committed", "void" or "unknown"."""
        ...

    def catch_up(self) -> None:
        """Wait until the node has everything that was committed anywhere by now; NoQuorumError where that cannot be known."""
        ...


class SessionInterface(Protocol):
    """One session: its transaction, its settings, its statements. One thread at a time, except `cancel`."""

    @property
    def cluster(self) -> ClusterCalls:
        """The cluster's calls."""
        ...

    @property
    def transaction_state(self) -> str:
        """ "idle", "open", "failed" or "disconnected"."""
        ...

    @property
    def target_description(self) -> tuple[str, int | None]:
        """The database's name, and the node's id where it is in a cluster."""
        ...

    @property
    def autocommit(self) -> bool:
        """Whether each statement outside BEGIN … COMMIT is a transaction of its own."""
        ...

    @autocommit.setter
    def autocommit(self, value: bool) -> None: ...

    def run(self, sql: str, parameters: Parameters = None) -> Answer:
        """Run one statement; the result may come in pages."""
        ...

    def run_many(self, sql: str, rows: Sequence[Any]) -> Answer:
        """Run one statement for each row of parameters, as one statement: all or nothing."""
        ...

    def copy_in(self, sql: str) -> CopyInput:
        """Begin a COPY FROM STDIN."""
        ...

    def copy_out(self, sql: str) -> CopyOutput:
        """Begin a COPY TO STDOUT."""
        ...

    def execute(self, sql: str, params: Parameters = None) -> Result:
        """Run one statement; the result is complete, with names."""
        ...

    def commit(self) -> None:
        """Commit the open transaction, if there is one."""
        ...

    def rollback(self) -> None:
        """Roll the open transaction back, if there is one."""
        ...

    def cancel(self) -> None:
        """Stop the statement that runs now, from another thread; it raises OperationalError 57014."""
        ...

    def take_notices(self) -> list[str]:
        """What was to be said beside results since the last call."""
        ...

    def close(self) -> None:
        """Roll back and end. Closing twice is no error."""
        ...
