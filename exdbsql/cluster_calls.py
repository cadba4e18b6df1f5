"""The cluster's calls of a connection (REFERENCE section 2) on a database of this process.

Each asks first whether there is a cluster at all, and those that end or change something whether this node is busy.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from exdbsql.cluster.information import ClusterInfo, ClusterState, ExchangeReport, NodeInfo, QuorumReport
from exdbsql.cluster.parameters import ClusterParams, ClusterWindow
from exdbsql.replication import Replication
from exdbsql.schema.errors import BusyError, InterfaceError, InvalidParameterError, NotClusterError

if TYPE_CHECKING:
    from exdbsql.database import Database
    from exdbsql.session import Session


class NodeCalls:
    """The :class:`~exdbsql.interface.ClusterCalls` of one session."""

    __slots__ = ("_database", "_session")

    def __init__(self, database: "Database", session: "Session") -> None:
        self._database = database
        self._session = session

    @property
    def replication(self) -> Replication:
        """The node's part in its cluster.

        Raises:
            NotClusterError: there is none.
        """
        replication = self._database.replication
        if replication is None:
            raise NotClusterError(
                f"the database {self._database.name} is in no cluster",
                hint="open it with clusterParams after init_runtime(cluster=True)",
            )
        return replication

    @property
    def _node(self) -> Any:
        return self.replication.node

    def listen(self) -> None:
        """The node's main loop."""
        self._node.listen()

    def stop(self) -> None:
        """End the cluster runtime together with the other nodes.

        Raises:
            BusyError: a transaction of this node has changes that are not committed.
        """
        node = self._node
        busy = self._database.sessions_with_writes(other_than=self._session)
        if busy:
            raise BusyError(f"cannot stop: {busy} other connections of this node have open write transactions")
        self._leave_transaction("stop")
        node.stop()

    def barrier(self) -> None:
        """Wait until all nodes have entered."""
        self._node.barrier()

    def attach(self, params: ClusterParams | None, on_local_changes: str) -> list[str]:
        """Join again; the files with what was given up."""
        if on_local_changes not in ("error", "discard"):
            raise InterfaceError(f'on_local_changes is "error" or "discard", not {on_local_changes!r}')
        if params is not None and not isinstance(params, ClusterParams):
            raise InvalidParameterError(f"params: expected ClusterParams, got {type(params).__name__}")
        replication = self.replication
        replication.node.refuse_in_callback("attach()")
        self._leave_transaction("attach")
        try:
            return [str(path) for path in replication.attach(params, discard=on_local_changes == "discard")]
        finally:
            self._database.statements.forget()

    def detach(self) -> None:
        """Leave without waiting for the others."""
        replication = self.replication
        replication.node.refuse_in_callback("detach()")
        self._leave_transaction("detach")
        replication.detach()

    def _leave_transaction(self, what: str) -> None:
        if self._session.block.has_writes:
            raise BusyError(f"cannot {what}: this connection has an open write transaction")
        self._session.rollback()

    def force_recovery(self) -> str:
        """Go on from what this node has; says what may be lost."""
        return str(self._node.force_go_on())

    def remove_node(self, node_id: int) -> None:
        """Take a member off the list that will not come back."""
        self._node.remove_node(node_id)

    def set_rank(self, node_id: int, rank: int) -> None:
        """Give a member another rank."""
        self._node.set_rank(node_id, rank)

    def cluster_state(self) -> ClusterState:
        """What the node is doing in its cluster."""
        state: ClusterState = self._node.cluster_state()
        return state

    def info(self) -> ClusterInfo:
        """The node's counters."""
        info: ClusterInfo = self._node.info()
        return info

    def active_nodes(self) -> list[NodeInfo]:
        """The nodes that are there, this one included."""
        return list(self._node.active_nodes())

    def quorum_report(self) -> QuorumReport:
        """Why this node can or cannot write to replicated tables."""
        report: QuorumReport = self._node.quorum_report()
        return report

    def get_window(self) -> ClusterWindow:
        """The window's parameters."""
        window: ClusterWindow = self._node.window
        return window

    def set_window(self, window: ClusterWindow) -> None:
        """Replace the window's parameters."""
        self._node.window = window

    def scatter(
        self, tables: Sequence[str] | None, nodes: Sequence[int] | None, on_conflict: str = "error"
    ) -> ExchangeReport:
        """Push to `nodes` what they lack of `tables`."""
        self.replication.wait_ready()
        report: ExchangeReport = self._node.scatter(tables, nodes, keep=_kept_side(on_conflict))
        return report

    def gather(
        self, tables: Sequence[str] | None, nodes: Sequence[int] | None, on_conflict: str = "error"
    ) -> ExchangeReport:
        """Pull from `nodes` what this node lacks of `tables`."""
        self.replication.wait_ready()
        report: ExchangeReport = self._node.gather(tables, nodes, keep=_kept_side(on_conflict))
        return report

    def transaction_status(self, transaction_id: str) -> str:
        """ "committed", "void" or "unknown"."""
        return self.replication.transaction_status(transaction_id)

    def catch_up(self) -> None:
        """Wait until this node has everything that was committed anywhere by now."""
        self.replication.read_mark()


def _kept_side(on_conflict: str) -> str | None:
    if on_conflict not in ("error", "source", "target"):
        raise InterfaceError(f'on_conflict is "error", "source" or "target", not {on_conflict!r}')
    return None if on_conflict == "error" else on_conflict
