"""Barriers in a simulated world: nodes enter, lose patience, and are let out; who met whom is checked.

1. A call is let out at most once, and only with a call of every member.
2. A call that gave up was let out by nobody if it was told that it was never there, and had been let out if it was told that
   all had met.
3. Only calls of lives that were not known to be over when they met are counted: not one whose node has recovered since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exdbsim.checks import Violation
from exdbsim.node import SimNode
from exdbsql.cluster.core.messages import RECOVERY
from exdbsql.cluster.core.phases import NORMAL

if TYPE_CHECKING:
    from exdbsim.world import World

Call = tuple[int, int, int]
"""(node, incarnation, number)."""


class Meetings:
    """Who is in a barrier, and what became of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.met: dict[tuple[int, int], frozenset[Call]] = {}
        """(Cluster, log index) -> the calls that were let out there."""
        self.let_out: dict[tuple[int, Call], int] = {}
        self.exits: dict[Call, Call] = {}
        """Exit -> the call that it gives up."""
        self.never_there: set[tuple[int, Call]] = set()

    def watch(self, node: SimNode) -> None:
        """Look over the replica's shoulder where it lets calls out."""
        replica = node.replica
        let_out = replica._let_out

        def checked(released: list[Call]) -> None:
            let_out(released)
            cluster, index = replica.core.cluster, replica.core.applied + 1
            members = replica._members_at(index)
            if released and not replica._agreements.stopped:
                node.unseen.append(lambda: self.released(node, cluster, index, members, frozenset(released)))

        replica._let_out = checked  # type: ignore[method-assign]

    def released(
        self, node: SimNode, cluster: int, index: int, members: frozenset[int], calls: frozenset[Call]
    ) -> None:
        """Check 1, and that every node sees the same meeting."""
        if self.met.setdefault((cluster, index), calls) != calls:
            raise Violation(f"two meetings at {index}: {self.met[cluster, index]} and {calls} (node {node.id})")
        if members - {node_id for node_id, _, _ in calls}:
            raise Violation(f"{sorted(calls)} met without all of {sorted(members)}")
        for call in calls:
            if self.let_out.setdefault((cluster, call), index) != index:
                raise Violation(f"{call} was let out twice")
            if (cluster, call) in self.never_there:
                raise Violation(f"{call} was told that it was never there, and was let out at {index}")
            self._not_of_a_life_that_is_over(cluster, index, call)

    def _not_of_a_life_that_is_over(self, cluster: int, index: int, call: Call) -> None:
        """Check 3."""
        committed = self.world.checks.committed
        for place in range(index, 0, -1):
            entry = committed.get((cluster, place))
            if entry is None or (entry.node_id, entry.incarnation, entry.number) == call:
                return
            if entry.kind == RECOVERY and entry.node_id == call[0] and entry.incarnation != call[1]:
                raise Violation(f"{call} met at {index}, after its node had recovered at {place}")

    def enter_or_leave(self, node: SimNode) -> None:
        """A thread of a node enters a barrier, or loses patience in one."""
        if node.replica.core.phase != NORMAL:
            return
        inside = [c for c in node.in_barrier if c not in self.exits.values()]
        if not inside or self.world.rng.random() < 0.3:
            call = (node.id, node.incarnation, node.replica.submit_barrier())
            node.in_barrier.append(call)
        else:
            call = self.world.rng.choice(inside)
            self.exits[node.id, node.incarnation, node.replica.submit_barrier_exit(call[2])] = call

    def outcome(self, node: SimNode, number: int, result: object) -> None:
        """Check 2."""
        call = (node.id, node.incarnation, number)
        if call in node.in_barrier:
            node.in_barrier.remove(call)
        given_up = self.exits.pop(call, None)
        if given_up is None or result is None:
            return
        cluster = node.replica.core.cluster
        there = self.let_out.get((cluster, given_up))
        if result is False:
            self.never_there.add((cluster, given_up))
        if (there is not None) is not result:
            raise Violation(f"{given_up} was told that it {'met' if result else 'was never there'}; let out at {there}")
