"""What a node tells about the cluster: plain values, safe to keep and to compare.

:class:`NodeInfo` and :class:`ClusterInfo` are REFERENCE section 2's; :class:`QuorumReport` is the arithmetic behind
"why can't I write?" (section 8.4), node by node and rank by rank.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """One node: its id, its address ``host:port`` and its rank in the quorum."""

    node_id: int
    addr: str
    qrank: int


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """Counters of one node. ``rtrans_*`` count transactions that came from other nodes; bytes are of all connections."""

    node_id: int
    n_active_nodes: int
    rtrans_commit: int
    rtrans_rback: int
    bytes_sent: int
    bytes_recv: int


@dataclass(frozen=True, slots=True)
class ClusterState:
    """What a node is doing in its cluster, for operators.

    Attributes:
        state: one of :data:`exdbsql.cluster.listener.STATES`.
        since: when that began, in s since the epoch.
        waits_for: what it waits for, in words; "" where it is ready.
        reasons: what other nodes say against this one while it waits.
        cluster_id: the cluster's, 0 where the node is in none.
        incarnation: the identity of this start of the node (R6).
        phase, role, term, leader: consensus, as in ``ReplicaStatus``.
        last_index, commit, applied: log positions: the newest entry here, the newest committed, the newest applied.
        change: the change of members that is under way, in words; else "".
    """

    state: str
    since: float
    waits_for: str
    reasons: tuple[str, ...]
    cluster_id: int
    incarnation: int
    phase: str
    role: str
    term: int
    leader: int | None
    last_index: int
    commit: int
    applied: int
    change: str = ""


@dataclass(frozen=True, slots=True)
class MemberInfo:
    """One member as this node sees it now.

    Attributes:
        state: "active" (connected, or this node itself), "offline", or "unknown" (address not known here).
        counts: its rank counts in the quorum now. An active node's does not where it came back without memory and too few
            others remember (R6).
    """

    node_id: int
    addr: str
    qrank: int
    state: str
    is_leader: bool = False
    is_self: bool = False
    counts: bool = False


@dataclass(frozen=True, slots=True)
class QuorumReport:
    """Whether this node may write to replicated tables, and the sum that says so.

    Attributes:
        has_quorum: writing is possible now.
        present_rank: sum of the ranks of the members that this node is connected to, and its own.
        total_rank: sum of the ranks of all members.
        members: every member with its state.
        reason: one sentence for people.
        since_ms: for how long it has been so, in ms.
    """

    has_quorum: bool
    present_rank: int
    total_rank: int
    members: tuple[MemberInfo, ...]
    reason: str
    since_ms: int = 0

    @property
    def missing(self) -> tuple[MemberInfo, ...]:
        """The members that are not there."""
        return tuple(member for member in self.members if member.state != "active")


@dataclass(frozen=True, slots=True)
class ExchangeReport:
    """What one scatter or gather moved.

    Attributes:
        travelled: (table, from node, to node) -> rows and tombstones that travelled; without the zeros.
        taken: (table, from node, to node) -> how many of these were new at the receiver; without the zeros.
    """

    travelled: dict[tuple[str, int, int], int] = field(default_factory=dict)
    taken: dict[tuple[str, int, int], int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All rows that travelled."""
        return sum(self.travelled.values())
