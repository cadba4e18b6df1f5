"""R8: the first start. Is there a cluster to join, is one to be founded, or is there something to wait for?

A node that is in no cluster (*waiting*), or that has a marker and no log (*asking*), asks everybody it reaches what they
are, in numbered rounds. By the answers:

1. Somebody is in a cluster, or has a marker of one → this node belongs to that cluster's *asking* nodes (recovery.py).
2. Nobody has a marker or state, everybody known has had time to answer, and nodes with the same list as this one are a
   quorum of it → the one with the lowest id among them (and a rank) founds: it makes up an id, and the others agree.
   Who agrees keeps a marker from then on, and *votes in one cluster only*; the founder needs a quorum of agreements, then
   stands in an ordinary election. Two clusters from one list would need a node that voted in both.
3. A cluster's marker, but nobody reachable has state: when all members of all lists are there, nothing is left
   to lose, and the one with the lowest id founds anew. "None has state" must be true of all at one moment: two rounds of
   questions, the second asked after all answers to the first had arrived, and every node in both in the same incarnation
   and stateless. Within an incarnation a node with state never becomes stateless, so between the rounds all were.
4. Anything else waits, and says for whom.

Ids are made from the founder's incarnation, which is random; a node with another cluster's marker is not taken in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from exdbsql.cluster.core.messages import Ask, Found, FoundReply, Hello
from exdbsql.cluster.core.phases import ASKING, FOUNDED, IN_CLUSTER, LEADER, NORMAL, RECOVERING, WAITING
from exdbsql.cluster.core.quorum import EMPTY, Configuration, Member
from exdbsql.cluster.core.ready import Founded, Marker, Refused

if TYPE_CHECKING:
    from exdbsql.cluster.core.core import Core

STATELESS = (WAITING, FOUNDED, ASKING)
PATIENCE = 3
"""Rounds (retry_ms each) that a node waits for those it has not heard of before it founds without them."""
SPREAD = 0x9E3779B97F4A7C15


class Fact(NamedTuple):
    """What a node told, and in which round of questions."""

    hello: Hello
    round: int


class Founding:
    """The decision of R8, and the messages that it takes."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.facts: dict[int, Fact] = {}
        self.told: dict[int, str] = {}
        """What connected nodes last said of themselves: their phase, "waiting" where they are of another cluster."""
        self.round = 0
        self.agreed: set[int] = set()
        self.founder: int | None = None
        self._proposal: Found | None = None
        self._founded_ms = 0
        self._retry_at = 0
        self._complete: dict[int, int] | None = None
        """Incarnations of the last complete round in which nobody had state."""
        self._attempts = 0
        self._refusal_told = False

    # ---- asking and telling ----

    def greet(self, node_id: int) -> None:
        """A connection opened: tell what this node is, and (where that matters) ask what the other is."""
        self._tell(node_id, self.round, False)

    def forget(self, node_id: int) -> None:
        """The connection is gone: what was told may be true no more."""
        self.facts.pop(node_id, None)
        self.told.pop(node_id, None)

    def tick(self) -> None:
        c = self.core
        lost = c.phase in IN_CLUSTER and c.leader is None
        if not (lost or c.phase in STATELESS) or c.now < self._retry_at:
            return
        self._retry_at = c.now + c.config.retry_ms
        if lost:
            # No leader feeds this node: perhaps it was taken off the list, and the one who leads will tell it; perhaps too
            # few of those who are there remember anything (has_quorum), which the replies tell.
            for node_id in c.present:
                self._tell(node_id, self.round, False)
            return
        if self._proposal is not None and c.phase == FOUNDED:
            self._propose(self._proposal)
        self.round += 1
        for node_id in c.present:
            self._tell(node_id, self.round, False)
        self.decide()

    def _tell(self, to: int, round_: int, reply: bool) -> None:
        c = self.core
        members = c.configuration.members or tuple(c.known[i] for i in sorted(c.own_list()))
        index = c.configuration.log_index
        c.send(to, Hello(c.incarnation, c.cluster, c.phase, c.me, members, index, round_, reply))

    def on_hello(self, sender: int, m: Hello) -> None:
        c = self.core
        if not m.reply:
            self._tell(sender, m.round, True)
        if sender in c.present:
            before, self.told[sender] = self.told.get(sender), m.phase if m.cluster == c.cluster else WAITING
            if before != self.told[sender] and c.leader is None:
                c.refresh_presence()
        if c.role == LEADER:
            c.leading.learn_incarnation(sender, m.incarnation)
            if m.phase == NORMAL and m.cluster == c.cluster:
                c.membership.see_off(sender)
        if c.phase not in STATELESS:
            return
        self.facts[sender] = Fact(m, m.round if m.reply else 0)
        if not c.configuration.members:
            self._learn_addresses(m)
        self.decide()

    def _learn_addresses(self, m: Hello) -> None:
        """Nodes that this one did not know, or whose address it did not know (D learns of C)."""
        c = self.core
        for member in (m.member, *m.members):
            mine = c.known.get(member.node_id)
            if member.node_id != c.id and member.addr and (mine is None or not mine.addr):
                c.learn_peer(member)

    # ---- deciding ----

    def decide(self) -> None:
        """Act on what is known by now."""
        c = self.core
        if c.phase == WAITING or (c.phase == FOUNDED and self._gave_up()):
            self._join_or_found()
        elif c.phase == ASKING and not self._choose_again():
            self._tell_other_cluster()
            self._found_anew_if_nothing_left()

    def _choose_again(self) -> bool:
        """Whether this node asks another cluster from now on. Without a marker it was no member of the one that it was told
        of first, and nobody may be there any more: that word came late, or its last node was forced to go on."""
        c = self.core
        alive = {f.hello.cluster for f in self.facts.values() if f.hello.cluster and f.hello.phase in IN_CLUSTER}
        if c.has_marker or not alive or c.cluster in alive:
            return False
        c.cluster, c.adopted = min(alive), EMPTY
        c.recovery.start()
        c.broadcast(Ask(c.cluster, c.incarnation))
        return True

    def _gave_up(self) -> bool:
        """Agreed to found, and nothing came of it for a while."""
        return self.core.now >= self._founded_ms + 8 * self.core.config.election_ms

    def _join_or_found(self) -> None:
        c = self.core
        alive = [f.hello for f in self.facts.values() if f.hello.cluster and f.hello.phase in IN_CLUSTER]
        marked = [f.hello for f in self.facts.values() if f.hello.cluster and f.hello.phase == ASKING]
        for hello in alive or marked:
            c.cluster = hello.cluster
            c.recovery.start()
            return
        if self._may_found() and self._all_had_time():
            members = tuple(c.known[i] for i in sorted(c.own_list()))
            self._found(members, False)

    def _own_ranks(self) -> dict[int, int]:
        return {i: self.core.known[i].rank for i in self.core.own_list()}

    def _alike(self) -> set[int]:
        """This node, and those in no cluster that were started with the same list."""
        mine = self._own_ranks()
        alike = {self.core.id}
        for node_id, fact in self.facts.items():
            hello = fact.hello
            if hello.phase in (WAITING, FOUNDED) and {m.node_id: m.rank for m in hello.members} == mine:
                alike.add(node_id)
        return alike

    def _may_found(self) -> bool:
        """Rule 2 of this module, without the patience."""
        c = self.core
        own = Configuration(0, tuple(c.known[i] for i in sorted(c.own_list())))
        alike = self._alike()
        first = min((i for i in alike if own.rank(i) > 0 or c.rule.callback is not None), default=None)
        return first == c.id and c.rule.is_quorum(own, alike)

    def _all_had_time(self) -> bool:
        known = {i for i in self.core.own_list() if self.core.known[i].addr} - {self.core.id}
        return self.round > PATIENCE or known <= self.facts.keys()

    def _found_anew_if_nothing_left(self) -> None:
        """Rule 3 of this module."""
        c = self.core
        everyone = self._everyone()
        stateless = {
            i: f
            for i, f in self.facts.items()
            if f.hello.phase in STATELESS and f.round == self.round and i in everyone
        }
        holds_state = any(f.hello.phase in IN_CLUSTER for f in self.facts.values())
        if holds_state or everyone - {c.id} - stateless.keys():
            return
        incarnations = {i: f.hello.incarnation for i, f in stateless.items()}
        if self._complete != incarnations:
            self._complete = incarnations
            self._next_round()
        elif self._is_first(everyone):
            members = c.configuration.members or tuple(c.known[i] for i in sorted(c.own_list()))
            self._found(members, True)

    def _everyone(self) -> set[int]:
        """All members of all lists that anybody here has."""
        c = self.core
        everyone = set(c.configuration.ids()) or set(c.own_list())
        for fact in self.facts.values():
            if fact.hello.phase in STATELESS:
                everyone |= {m.node_id for m in fact.hello.members}
        return everyone

    def _is_first(self, everyone: set[int]) -> bool:
        c = self.core
        ranks = {m.node_id: m.rank for f in self.facts.values() for m in f.hello.members}
        ranks |= {m.node_id: m.rank for m in c.configuration.members} or self._own_ranks()
        return c.id == min((i for i in everyone if ranks.get(i, 0) > 0), default=-1)

    def _next_round(self) -> None:
        self.round += 1
        for node_id in self.core.present:
            self._tell(node_id, self.round, False)

    def _tell_other_cluster(self) -> None:
        c = self.core
        others = {
            i: f.hello.cluster
            for i, f in self.facts.items()
            if f.hello.phase in (NORMAL, RECOVERING) and f.hello.cluster not in (0, c.cluster)
        }
        if others and not self._refusal_told:
            self._refusal_told = True
            names = ", ".join(str(i) for i in sorted(others))
            text = (
                f"this node's marker is of cluster {c.cluster:016x}, but node {names} is in {min(others.values()):016x}"
            )
            c.events.append(Refused("cluster", text))

    # ---- founding ----

    def new_id(self) -> int:
        """A cluster id that nobody else makes up."""
        self._attempts += 1
        return (self.core.incarnation + self._attempts * SPREAD) % 2**64 or 1

    def _found(self, members: tuple[Member, ...], anew: bool) -> None:
        c = self.core
        proposal = self._proposal = Found(self.new_id(), c.incarnation, 0, members, anew)
        self._agree(c.id, proposal)
        self.agreed = {c.id}
        self._propose(proposal)
        self._stand_if_agreed()

    def _propose(self, proposal: Found) -> None:
        """Ask everybody heard of, each in the incarnation that was heard of."""
        for node_id, fact in self.facts.items():
            self.core.send(node_id, proposal._replace(receiver_incarnation=fact.hello.incarnation))

    def found_alone(self, member: Member) -> None:
        """An operator's word (R8)."""
        self._found((member,), True)

    def _agree(self, founder: int, m: Found) -> None:
        """Be a member of the new cluster from now on, with nothing done in it yet."""
        c = self.core
        c.cluster = m.cluster
        c.adopted = Configuration(0, ())
        c.configurations = [Configuration(0, m.members)]
        c.recovery.forget()
        self.founder = founder
        self._founded_ms = c.now
        c.events.append(Founded(m.cluster, m.anew))
        c.enter(FOUNDED)
        c.marker = Marker(m.cluster, m.members)
        c.refresh()

    def on_found(self, sender: int, m: Found) -> None:
        c = self.core
        if m.receiver_incarnation != c.incarnation or c.id not in {x.node_id for x in m.members}:
            return
        if m.cluster == c.cluster:
            if c.phase == FOUNDED:
                c.send(sender, FoundReply(m.cluster, m.incarnation))
            return
        same_list = {x.node_id: x.rank for x in m.members} == self._own_ranks()
        free = c.phase == WAITING or (c.phase == FOUNDED and self._gave_up())
        if (free and (same_list or m.anew)) or (c.phase == ASKING and m.anew):
            self._proposal = None
            self._agree(sender, m)
            c.send(sender, FoundReply(m.cluster, m.incarnation))

    def on_found_reply(self, sender: int, m: FoundReply) -> None:
        c = self.core
        if c.phase == FOUNDED and m.cluster == c.cluster and m.incarnation == c.incarnation:
            self.agreed.add(sender)
            self._stand_if_agreed()

    def _stand_if_agreed(self) -> None:
        """A quorum will vote in this cluster and in no other: stand.

        When founding anew, all must have agreed, so that nobody is left with a marker of the earlier cluster.
        """
        c = self.core
        if self._proposal is None or not c.rule.is_quorum(c.configuration, self.agreed):
            return
        if not self._proposal.anew or self.agreed >= c.configuration.ids():
            self._proposal = None
            c.enter(NORMAL)
            c.elections.stand()

    # ---- for people ----

    def waiting_text(self) -> str:
        """What this node waits for, with the nodes named."""
        c = self.core
        if c.phase == WAITING:
            missing = sorted(i for i in c.own_list() if i != c.id and i not in self.facts)
            return f"no cluster found yet; nodes of the own list not heard of: {_names(missing)}"
        if c.phase == FOUNDED:
            return f"founding a cluster with node {self.founder}, waiting for an election"
        everyone = self._everyone() - {c.id}
        silent = sorted(everyone - self.facts.keys())
        return (
            f"this node was a member of cluster {c.cluster:016x} and holds no state; it waits for members of rank at"
            f" least half that hold it, or for all members; not heard of: {_names(silent)}"
        )


def _names(ids: list[int]) -> str:
    return ", ".join(f"node {i}" for i in ids) or "none"
