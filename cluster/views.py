"""A replica's status in the words of the reference: members, the quorum's sum, transaction ids. Pure functions."""

from exdbsql.cluster.core.phases import IN_CLUSTER
from exdbsql.cluster.information import MemberInfo, QuorumReport
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
        )
        for member in sorted(status.members)
    ]


def report_of(status: ReplicaStatus, since_ms: int) -> QuorumReport:
    """Whether the node may write, and the sum behind it."""
    return QuorumReport(
        has_quorum=status.has_quorum,
        present_rank=status.present_rank,
        total_rank=status.total_rank,
        members=tuple(members_of(status)),
        reason=sum_in_words(status),
        since_ms=since_ms,
    )


def sum_in_words(status: ReplicaStatus) -> str:
    """One sentence: the verdict, the sum, and what the node waits for."""
    verdict = "quorum" if status.has_quorum else "no quorum"
    sentence = f"{verdict}: ranks present {status.present_rank} of {status.total_rank}, more than half is needed"
    lacks_only_ranks = status.phase in IN_CLUSTER and not status.has_quorum  # then the sum has said it all
    if status.waiting_for and not lacks_only_ranks:
        return f"{sentence}; this node waits for {status.waiting_for}"
    return sentence


def no_quorum_error(report: QuorumReport) -> NoQuorumError:
    """The error that says the sum and who is missing."""
    missing = ", ".join(f"node {member.node_id} (rank {member.qrank})" for member in report.missing)
    return NoQuorumError(report.reason, detail=f"missing: {missing}" if missing else None)


def transaction_id(origin: Origin) -> str:
    """The name of a proposal for users: node, incarnation in hex, number."""
    return f"{origin.node_id}-{origin.incarnation:x}-{origin.number}"


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
