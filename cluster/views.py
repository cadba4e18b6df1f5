"""A replica's status in the words of the reference: members, the quorum's sum, transaction ids. Pure functions."""

from collections.abc import Sequence

from exdbsql.cluster.core.phases import IN_CLUSTER
from exdbsql.cluster.core.quorum import Member
from exdbsql.cluster.information import ClusterState, MemberInfo, QuorumReport
from exdbsql.cluster.replica import ReplicaStatus
from exdbsql.cluster.state_machine import Origin
from exdbsql.schema.errors import ClusterError, NoQuorumError


def members_of(status: ReplicaStatus) -> list[MemberInfo]:
    """All members as the node sees them, in order of id."""
    return [
        MemberInfo(
            node_id=member.node_id,
            addr=member.addr,
            qrank=member.rank,
            state="active" if member.node_id in status.present else "offline" if member.addr else "unknown",
            is_leader=member.node_id == status.leader,
            is_self=member.node_id == status.node_id,
            counts=member.node_id in status.present - status.without_memory,
        )
        for member in sorted(status.members)
    ]


def report_of(
    status: ReplicaStatus, since_ms: int, configured: Sequence[Member] = (), connected: Sequence[int] = ()
) -> QuorumReport:
    """Whether the node may write, and the sum behind it.

    Before there is a member list, the nodes of the configuration stand in for it: with their ranks, and whether a
    connection is there, nothing counts yet.
    """
    members = members_of(status)
    if not members:
        there = {status.node_id, *connected}
        members = [
            MemberInfo(
                node_id=member.node_id,
                addr=member.addr,
                qrank=member.rank,
                state="connected" if member.node_id in there else "offline" if member.addr else "unknown",
                is_self=member.node_id == status.node_id,
            )
            for member in configured
        ]
    return QuorumReport(
        has_quorum=status.has_quorum,
        present_rank=status.present_rank,
        total_rank=status.total_rank or sum(member.qrank for member in members),
        members=tuple(members),
        reason=sum_in_words(status),
        since_ms=since_ms,
    )


def state_of(state: str, since: float, status: ReplicaStatus, reasons: tuple[str, ...]) -> ClusterState:
    """What the node is doing, for operators."""
    return ClusterState(
        state=state,
        since=since,
        waits_for=status.waiting_for,
        reasons=reasons,
        cluster_id=status.cluster,
        incarnation=status.incarnation,
        phase=status.phase,
        role=status.role,
        term=status.term,
        leader=status.leader,
        last_index=status.last_index,
        commit=status.commit,
        applied=status.applied,
        change=_change_in_words(status),
    )


def _change_in_words(status: ReplicaStatus) -> str:
    if status.outgoing is None:
        return ""
    before, after = {m.node_id: m for m in status.outgoing}, {m.node_id: m for m in status.members}
    gone = [f"node {i} is taken off" for i in sorted(before.keys() - after.keys())]
    come = [f"node {i} joins with rank {after[i].rank}" for i in sorted(after.keys() - before.keys())]
    other = [
        f"node {i} gets rank {after[i].rank}, before {before[i].rank}"
        for i in sorted(before.keys() & after.keys())
        if before[i].rank != after[i].rank
    ]
    return "; ".join([*gone, *come, *other]) or "a node has another address"


def sum_in_words(status: ReplicaStatus) -> str:
    """One sentence: the verdict, the sum, and what the node waits for."""
    if not status.members:
        return f"no quorum: this node is in no cluster yet; it waits for {status.waiting_for or 'attach()'}"
    verdict = "quorum" if status.has_quorum else "no quorum"
    sentence = f"{verdict}: ranks present {status.present_rank} of {status.total_rank}, more than half is needed"
    if status.forgotten:
        sentence += f"; {status.forgotten}"
    lacks_only_ranks = status.phase in IN_CLUSTER and not status.has_quorum  # then the sum has said it all
    if status.waiting_for and not lacks_only_ranks:
        return f"{sentence}; this node waits for {status.waiting_for}"
    return sentence


def no_quorum_error(report: QuorumReport) -> NoQuorumError:
    """The error that says the sum and who is missing."""
    missing = ", ".join(f"node {member.node_id} (rank {member.qrank})" for member in report.missing)
    return NoQuorumError(report.reason, detail=f"missing: {missing}" if missing else None)


def read_transaction_id(text: str) -> Origin:
    """The proposal that a transaction id names.

    Raises:
        ClusterError: it is no such id.
    """
    try:
        node_id, incarnation, number = text.split("-")
        return Origin(int(node_id), int(incarnation, 16), int(number))
    except ValueError:
        raise ClusterError(f"{text!r} is no transaction id", hint="It looks like 0-1f3a-17.") from None
