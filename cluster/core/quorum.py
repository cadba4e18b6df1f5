"""Members, their ranks, and what counts as a quorum.

A *quorum* is a set of nodes whose ranks sum to strictly more than half of all ranks. *Half* is the other threshold of
R6: ranks of at least half; such a set meets every quorum in a node outside its own complement. The second is derived
from the first (a set is half exactly when what it leaves out is no quorum), so that an application's own quorum rule
serves for both.

A change of members or ranks is *joint* (R7): while it is under way a set must satisfy the old and the new list. Every
question therefore goes to a :class:`Configuration`, never to a bare list of ranks.

Left out: weights that are not integers; quorums that differ between reading and writing.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

_second = itemgetter(1)

QuorumCallback = Callable[[frozenset[int]], bool]
"""An application's rule: may this node go on with exactly these other nodes (their ids)?"""


class Member(NamedTuple):
    """One node of the cluster as the member list names it."""

    node_id: int
    addr: str
    """``"host:port"``; empty where nobody has told it yet."""
    rank: int
    """What the node weighs in a quorum; 0 is a learner that may still originate transactions."""


class Configuration(NamedTuple):
    """The member list that is in force, with the log index that put it there."""

    log_index: int
    """Log index of the entry; 0 for the list that a cluster was founded with."""
    members: tuple[Member, ...]
    outgoing: tuple[Member, ...] | None = None
    """The old list while a change is under way (R7), else None."""
    term: int = 0
    """Term of the entry; 0 for the list that a cluster was founded with."""

    @property
    def is_joint(self) -> bool:
        return self.outgoing is not None

    @property
    def place(self) -> tuple[int, int]:
        """What makes one list newer than another: term first. (A list with a higher index may come from a leader of an
        earlier term, and never be committed.)"""
        return self.term, self.log_index

    def ids(self) -> frozenset[int]:
        """All nodes that take part: of the new list and, during a change, of the old one."""
        every = {m.node_id for m in self.members}
        if self.outgoing is not None:
            every |= {m.node_id for m in self.outgoing}
        return frozenset(every)

    def member(self, node_id: int) -> Member | None:
        """The member with this id, the new list's word first."""
        for group in (self.members, self.outgoing or ()):
            for m in group:
                if m.node_id == node_id:
                    return m
        return None

    def rank(self, node_id: int) -> int:
        """The node's rank, the higher one while a change is under way; 0 for a stranger."""
        groups = (self.members, self.outgoing or ())
        return max((m.rank for g in groups for m in g if m.node_id == node_id), default=0)


EMPTY = Configuration(0, ())


@dataclass(frozen=True, slots=True)
class QuorumRule:
    """How this node counts: by ranks, or by the application's callback.

    Attributes:
        node_id: this node; the callback is asked about the *other* nodes of a set.
        callback: replaces the rank sum wherever a quorum is counted. If it raises, that counts as False.
    """

    node_id: int
    callback: QuorumCallback | None = None

    def is_quorum(self, configuration: Configuration, ids: Collection[int]) -> bool:
        """Whether these nodes are a quorum; of both lists while a change is under way (R7)."""
        if not self._in_one(configuration.members, ids):
            return False
        return configuration.outgoing is None or self._in_one(configuration.outgoing, ids)

    def is_half(self, configuration: Configuration, ids: Collection[int]) -> bool:
        """Whether these nodes weigh at least half (R6 a and b): the nodes they leave out are no quorum.

        A callback always counts this node in, so it may call what is left out a quorum where it is none; if this node is
        in the set, a quorum will do as well, for it meets every other one.
        """
        if self.callback is not None and self.node_id in ids and self.is_quorum(configuration, ids):
            return True
        groups = [configuration.members]
        if configuration.outgoing is not None:
            groups.append(configuration.outgoing)
        return all(not self._in_one(g, [m.node_id for m in g if m.node_id not in ids]) for g in groups)

    def _in_one(self, members: tuple[Member, ...], ids: Collection[int]) -> bool:
        if self.callback is not None:
            try:
                return bool(self.callback(frozenset(m.node_id for m in members if m.node_id in ids) - {self.node_id}))
            except Exception:  # noqa: BLE001  the application's code may raise anything
                return False
        total = present = 0
        for m in members:
            total += m.rank
            if m.node_id in ids:
                present += m.rank
        return 2 * present > total


def committed_index(rule: QuorumRule, configuration: Configuration, matches: Iterable[tuple[int, int]]) -> int:
    """The highest log index that a quorum holds.

    Args:
        rule: how a quorum is counted.
        configuration: the lists in force.
        matches: (node id, highest index that it is known to hold).
    """
    by_index = sorted(matches, key=_second, reverse=True)
    if rule.callback is None and configuration.outgoing is None:  # nearly always: the same sum, step by step
        ranks = {m.node_id: m.rank for m in configuration.members}
        needed = sum(ranks.values())
        for node_id, match in by_index:
            needed -= 2 * ranks.get(node_id, 0)
            if needed < 0:
                return match
        return 0
    holders: set[int] = set()
    for node_id, match in by_index:
        holders.add(node_id)
        if rule.is_quorum(configuration, holders):
            return match
    return 0
