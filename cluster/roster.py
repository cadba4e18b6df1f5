"""An operator's changes of the member list: a node that will not come back is taken off, a member gets another rank.

The change itself is joint (R7, ``core/membership.py``), and waits where it could not be carried. What an operator wants is an
answer, so what cannot come about now is refused here, by name, with what would be right. Asked in the listener's thread.
"""

from exdbsql.cluster.core.phases import NORMAL
from exdbsql.cluster.core.quorum import Configuration, Member
from exdbsql.cluster.parameters import MAX_RANK
from exdbsql.cluster.replica import Replica
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import ClusterError, InvalidParameterError, NoQuorumError


def remove(replica: Replica, node_id: int) -> None:
    """Propose to take a member off.

    Raises:
        ClusterError: no such member (42704); this node itself, or one that is connected (55000); nobody of rank would be left.
        NoQuorumError: there is no quorum to decide it.
    """
    member = _member(replica, node_id)
    if node_id == replica.core.id:
        raise ClusterError(f"node {node_id} is this node", hint="ALTER CLUSTER DETACH takes it out of the cluster.")
    if node_id in replica.core.present:
        raise ClusterError(
            f"node {node_id} at {member.addr} is connected",
            hint=f"ALTER CLUSTER DETACH at node {node_id} takes it out; or end its process first.",
        )
    _refuse_unbearable(replica, tuple(m for m in replica.core.configuration.members if m is not member))
    replica.remove_member(node_id)


def change_rank(replica: Replica, node_id: int, rank: int) -> None:
    """Propose another rank for a member. Nothing happens where it has that rank.

    Raises:
        InvalidParameterError: the rank is out of range.
        ClusterError: no such member (42704); with the new rank the nodes that are there would be no quorum (55000).
        NoQuorumError: there is no quorum to decide it.
    """
    member = _member(replica, node_id)
    if not 0 <= rank <= MAX_RANK:
        raise InvalidParameterError(f"rank: {rank} is out of range", hint=f"A rank is from 0 to {MAX_RANK}.")
    if rank == member.rank:
        return
    changed = member._replace(rank=rank)
    _refuse_unbearable(replica, tuple(changed if m is member else m for m in replica.core.configuration.members))
    replica.change_member(changed)


def is_off(replica: Replica, node_id: int) -> bool:
    """Whether the list without this node is in force, and decided."""
    return node_id not in replica.core.configuration.ids() and not replica.core.is_changing


def has_rank(replica: Replica, node_id: int, rank: int) -> bool:
    """Whether the list with this rank is in force, and decided."""
    member = replica.core.configuration.member(node_id)
    return member is not None and member.rank == rank and not replica.core.is_changing


def _member(replica: Replica, node_id: int) -> Member:
    core = replica.core
    if core.phase != NORMAL or core.leader is None or not replica.has_quorum():
        status = replica.status()
        raise NoQuorumError(f"members are changed with a quorum only: {status.waiting_for or 'there is no leader now'}")
    member = next((m for m in core.configuration.members if m.node_id == node_id), None)
    if member is None:
        members = ", ".join(str(m.node_id) for m in core.configuration.members)
        raise ClusterError(
            f"node {node_id} is not a member", hint=f"The members are {members}.", sqlstate=sqlstate.UNDEFINED_OBJECT
        )
    return member


def _refuse_unbearable(replica: Replica, members: tuple[Member, ...]) -> None:
    """The nodes that are there must be a quorum of the new list too: else nobody could write, or change it back."""
    core = replica.core
    there = {core.id, *core.present}
    if core.rule.is_quorum(Configuration(0, members), there):
        return
    present, total = sum(m.rank for m in members if m.node_id in there), sum(m.rank for m in members)
    raise ClusterError(
        "this would leave no quorum",
        detail=f"Of the new list's ranks {total}, {present} would be present; more than half is needed.",
        hint="Start the nodes that are down, or change their ranks first.",
    )
