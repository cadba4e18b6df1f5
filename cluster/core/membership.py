"""R7: changes of members and ranks, always joint.

A change is an entry (old list, new list); from the moment it is in a node's log, that node counts quorums in both. When
it is committed, the leader appends the new list alone, and the change is over when that is committed. One change at a
time, and only after the leader has committed an entry of its own term; several wishes go into one change.

A node that joins is fed first and listed when it has caught up, so that its rank does not enter the sum while it could
not acknowledge anything. A node that leaves stays until the change is committed: of two nodes, both must agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgpack

from exdbsql.cluster.core import messages
from exdbsql.cluster.core.messages import CONFIG, Join, JoinRefused, Leave, configuration_to_wire
from exdbsql.cluster.core.phases import IN_CLUSTER, LEADER, LEFT, NORMAL, RECOVERING
from exdbsql.cluster.core.progress import REPLICATE
from exdbsql.cluster.core.quorum import Configuration, Member
from exdbsql.cluster.core.ready import Refused

if TYPE_CHECKING:
    from exdbsql.cluster.core.core import Core


class Membership:
    """Wishes for changes: of this node towards the leader, and of all nodes at the leader."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.leaving = False
        self.joiners: dict[int, tuple[Member, int]] = {}
        """At the leader: id -> (member as it wishes to be listed, incarnation); also changes of rank or address."""
        self.goers: set[int] = set()
        """At the leader: who is to be taken off."""
        self.farewells: set[int] = set()
        """At the leader: who was taken off, and does not know it yet."""
        self._wishes: list[Join | Leave] = []
        """At any node: an operator's wishes, told to the leader until they show."""
        self._retry_at = 0

    # ---- this node's wishes ----

    def tick(self) -> None:
        c = self.core
        if c.phase in IN_CLUSTER and c.now >= self._retry_at:
            self._retry_at = c.now + c.config.retry_ms
            self.ask_to_join()
            self._tell_wishes()

    def ask_to_join(self) -> None:
        """Not listed, or with another address: ask everybody, whoever leads will hear.

        A recovering node that hears no leader asks too: the change that listed it may have come to nothing. One that sees
        itself taken off, by a change that it does not know to be committed, waits: it will end by it, or be listed again.
        """
        c = self.core
        if c.phase == NORMAL and c.configuration.log_index > c.commit and c.id not in c.configuration.ids():
            return
        listed = c.configuration.member(c.id)
        forgotten = c.phase == RECOVERING and c.leader is None
        if self.leaving or (listed is not None and not forgotten and (listed.addr == c.me.addr or not c.me.addr)):
            return
        member = c.me if listed is None else c.me._replace(rank=listed.rank)
        self._to_leader(Join(c.cluster, c.incarnation, member))

    def wish(self, wish: Join | Leave) -> None:
        """An operator's wish; the newest for a node replaces older ones, but not that of this node itself to leave."""
        if self.leaving and isinstance(wish, Join) and _subject(wish) == self.core.id:
            return
        self._wishes = [w for w in self._wishes if _subject(w) != _subject(wish)]
        self._wishes.append(wish)
        self._tell_wishes()

    def leave(self) -> None:
        """Take this node off; a leader hands over first."""
        c = self.core
        self.leaving = True
        c.leading.hand_over(None)
        self.wish(Leave(c.cluster, c.id))

    def stay(self) -> None:
        """This node no longer wishes to leave."""
        self.leaving = False
        self._wishes = [w for w in self._wishes if _subject(w) != self.core.id]

    def _tell_wishes(self) -> None:
        now = self.core.configuration
        members = {m.node_id: m for m in now.members}
        open_wishes: list[Join | Leave] = []
        for wish in self._wishes:
            done = (
                members.get(wish.member.node_id) in (wish.member, None)
                if isinstance(wish, Join)
                else wish.node_id not in members
            )
            own = isinstance(wish, Leave) and wish.node_id == self.core.id
            if not done or own or now.is_joint or now.log_index > self.core.commit:
                open_wishes.append(wish)
                self._to_leader(wish)
        self._wishes = open_wishes

    def _to_leader(self, message: Join | Leave) -> None:
        c = self.core
        if c.role == LEADER:
            self._note(c.id, message)
        else:
            c.broadcast(message)

    # ---- the leader ----

    def on_join(self, sender: int, m: Join) -> None:
        c = self.core
        if c.role != LEADER:
            return
        member = m.member
        listed = c.configuration.member(member.node_id)
        if sender == member.node_id and listed is not None and listed.addr not in ("", member.addr):
            p = c.leading.progress.get(member.node_id)
            if p is not None and p.incarnation not in (0, m.incarnation) and member.node_id in c.present:
                text = f"node id {member.node_id} is taken by the member at {listed.addr}"
                c.send(sender, JoinRefused(c.cluster, m.incarnation, "duplicate", text))
                return
        if (
            listed is None
            and len(c.configuration.ids() | self.joiners.keys() | {member.node_id}) > messages.MAX_MEMBERS
        ):
            text = f"the cluster has {messages.MAX_MEMBERS} members, which is the most that it can have"
            c.send(sender, JoinRefused(c.cluster, m.incarnation, "full", text))
            return
        self._note(sender, m)

    def on_leave(self, sender: int, m: Leave) -> None:
        c = self.core
        if c.role != LEADER:
            return
        self._note(sender, m)
        off = m.node_id not in c.configuration.ids() and c.configuration.log_index <= c.commit
        if off and sender == m.node_id:
            text = f"node {m.node_id} is not on the member list"
            c.send(sender, JoinRefused(c.cluster, c.present.get(sender, 0), "removed", text))

    def on_join_refused(self, sender: int, m: JoinRefused) -> None:
        c = self.core
        if m.incarnation != c.incarnation or (m.reason == "removed") != self.leaving:
            return
        if self.leaving:
            c.end_membership()
        else:
            c.events.append(Refused(m.reason, m.text))
            c.enter(LEFT)

    def _note(self, sender: int, m: Join | Leave) -> None:
        c = self.core
        members = {x.node_id: x for x in c.configuration.members}
        if isinstance(m, Leave):
            self.joiners.pop(m.node_id, None)
            if m.node_id in members:
                self.goers.add(m.node_id)
        elif members.get(m.member.node_id) != m.member:
            if sender != m.member.node_id and m.member.node_id not in members:
                return  # an operator changes members; to become one is a node's own wish
            self.goers.discard(m.member.node_id)
            self.joiners[m.member.node_id] = (m.member, m.incarnation)
            c.leading.sync_members()
            if sender == m.member.node_id:
                c.leading.learn_incarnation(sender, m.incarnation)

    def see_off(self, node_id: int) -> None:
        """A node that is no member believes to be one: feed it until it knows."""
        c = self.core
        if node_id not in c.configuration.ids() and node_id not in self.joiners and c.role == LEADER:
            self.farewells.add(node_id)
            c.leading.sync_members()

    def forget_requests(self) -> None:
        """No longer the leader: whoever still wishes something will tell the next one."""
        self.farewells.clear()
        self.joiners.clear()
        self.goers.clear()

    def proceed(self) -> None:
        """Finish the change under way, or begin the next one."""
        c = self.core
        now = c.configuration
        if c.role != LEADER or now.log_index > c.commit or c.log.term_at(c.commit) != c.term:
            return
        if now.is_joint:
            self._append(Configuration(0, now.members))
            # Who is off now hears it and ends; a wish to join from before that is over too.
            staying = {m.node_id for m in now.members}
            for m in now.outgoing or ():
                if m.node_id not in staying:
                    self.joiners.pop(m.node_id, None)
            return
        if not self.joiners and not self.goers:
            return
        members = {m.node_id: m for m in now.members}
        for node_id, (member, _) in list(self.joiners.items()):
            if node_id not in members and node_id not in c.present:
                del self.joiners[node_id]
            elif self._caught_up(node_id) or (node_id in members and member.rank <= members[node_id].rank):
                members[node_id] = member
        for node_id in self.goers:
            members.pop(node_id, None)
        changed = tuple(members[i] for i in sorted(members))
        change = Configuration(0, changed, now.members)
        if changed != now.members and self._bearable(change):
            self._append(change)
            self.joiners = {i: j for i, j in self.joiners.items() if members.get(i) != j[0]}
            self.goers.clear()

    def _bearable(self, change: Configuration) -> bool:
        """Whether the nodes that are there, sound and up to date could go on with the change: else it must wait."""
        c = self.core
        others = c.leading.progress.keys() & c.present.keys()
        sound = {c.id} | {i for i in others if self._caught_up(i)}
        return c.rule.is_quorum(change, sound)

    def _caught_up(self, node_id: int) -> bool:
        """Whether more weight for this node would not stand in the way: it holds what is committed, and can stand."""
        if node_id == self.core.id:
            return True
        p = self.core.leading.progress.get(node_id)
        return p is not None and p.state == REPLICATE and p.match >= self.core.commit and not p.recovering

    def _append(self, configuration: Configuration) -> None:
        self.core.leading.append(CONFIG, msgpack.packb(configuration_to_wire(configuration)))


def _subject(wish: Join | Leave) -> int:
    return wish.member.node_id if isinstance(wish, Join) else wish.node_id
