"""What goes wrong in a simulated world: crashes, cut links, members that come, go and change their rank, operators.

In gentle worlds a fault happens only where the cluster can get over it; what that takes is in `may_fall` and `may_leave`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exdbsim.node import SimNode
from exdbsql.cluster.core.phases import ENDED, IN_CLUSTER, LEADER, LEFT, NORMAL
from exdbsql.cluster.core.quorum import Member

if TYPE_CHECKING:
    from exdbsim.world import World

MOST_NODES = 8


class Faults:
    """One world's bad luck."""

    def __init__(self, world: World) -> None:
        self.world = world
        rng = world.rng
        acts = [
            (self.hit, rng.choice((1, 3, 6))),
            (self.split, rng.choice((0, 1, 2))),
            (self.split_one_way, rng.choice((0, 1, 2))),
            (self.mend, 3),
            (self.newcomer, rng.choice((0, 1))),
            (self.goer, rng.choice((0, 1))),
            (self.rerank, rng.choice((0, 1, 3))),
            (self.coup, rng.choice((0, 0, 2))),
            (self.hand_over, 3 if world.seed % 4 == 1 else 0),
            (self.give_up_a_node, 0 if world.gentle else rng.choice((0, 0, 1))),
            (self.go_on_alone, 0 if world.gentle else rng.choice((0, 0, 0, 1))),
        ]
        self._acts = [act for act, weight in acts for _ in range(weight)]

    def happen(self) -> None:
        """One of them, and again a while later, as long as the world has faults."""
        world = self.world
        if world.faults:
            world.rng.choice(self._acts)()
            world.at(world.rng.randrange(50, 500), self.happen)

    def hand_over(self) -> None:
        """A leader has enough of it: the host says so where its process is late, whatever is under way."""
        for node in self.world.nodes:
            if node.up and node.replica.core.role == LEADER:
                node.replica.transfer_leadership(self.world.rng.choice((None, *node.replica.core.present)))

    # ---- crashes ----

    def hit(self) -> None:
        """A crash, between two turns or within one, and a return after a while."""
        world, rng = self.world, self.world.rng
        victims = [n for n in world.nodes if n.up and (not world.gentle or self.may_fall(n))]
        if not victims:
            return
        node = rng.choice(victims)
        if rng.random() < 0.4:
            node.doom = rng.randrange(4)
            node.replica.tick(world.now)
            world.turn(node)
        world.crash(node)
        world.at(rng.choice((5, 100, 700)), lambda: world.start(node))

    def may_fall(self, node: SimNode) -> bool:
        """Whether the others surely can bring it back: they have their state, and weigh half without it."""
        if node.durable and node.replica.core.phase in (NORMAL, *ENDED):
            return True
        nodes = self.world.nodes
        others = [n for n in nodes if n is not node]
        if not all(n.up and n.replica.core.phase in (NORMAL, LEFT) for n in others):
            return False
        core = node.replica.core
        wishes = [n.replica.core.membership for n in nodes if n.up]
        if any(m._wishes or m.joiners or m.goers for m in wishes):
            return False
        return all(
            n.replica.core.rule.is_half(c, {o.id for o in others if o.up and o.replica.core.phase == NORMAL})
            for n in [*others, node]
            for c in [n.replica.core.configuration]
            if n.replica.core.phase == NORMAL
        ) and (core.phase in (NORMAL, LEFT) or core.phase in ENDED)

    # ---- links ----

    def split(self) -> None:
        """Two sides that do not hear each other."""
        world = self.world
        side = {n.id for n in world.nodes if world.rng.random() < 0.5}
        world.say(f"split {side}")
        world.cut |= {(a.id, b.id) for a in world.nodes for b in world.nodes if (a.id in side) != (b.id in side)}
        if world.rng.random() < 0.7:
            world.relink_all()

    def split_one_way(self) -> None:
        """One that the other does not hear."""
        world = self.world
        a, b = world.rng.choice(world.nodes), world.rng.choice(world.nodes)
        world.say(f"cut {a.id} → {b.id}")
        world.cut.add((a.id, b.id))
        if world.rng.random() < 0.3:
            world.relink_all()

    def mend(self) -> None:
        """All links are whole again."""
        self.world.say("mend")
        self.world.cut.clear()
        self.world.relink_all()

    # ---- members ----

    def newcomer(self) -> None:
        """A node that nobody has on a list, or that left before."""
        world, rng = self.world, self.world.rng
        gone = [n for n in world.nodes if n.up and n.replica.core.phase == LEFT]
        if gone:
            node = rng.choice(gone)
            world.crash(node)
            node.forget()
            world.at(50, lambda: world.start(node))
        elif len(world.nodes) < MOST_NODES and rng.random() < 0.5:
            known = rng.sample(world.nodes[0].members, k=1)
            rank = min(rng.choice((0, 0, 1, 2)), known[0].rank)  # by its own list it is no quorum by itself
            me = Member(len(world.nodes), f"n{len(world.nodes)}", rank)
            # It knows one member by address; of the others it will hear.
            node = SimNode(me.node_id, me.rank, (*known, me), rng.random() < 0.3, world.make_machine)
            world.nodes.append(node)
            world.start(node)

    def goer(self) -> None:
        """A member asks to be taken off."""
        world = self.world
        node = world.rng.choice(world.nodes)
        if self.may_leave(node):
            world.say(f"{node.id} leaves")
            node.waiting.clear()
            node.replica.leave()
            world.turn(node)

    def may_leave(self, node: SimNode) -> bool:
        """Whether two other voters stay, and nobody needs the state of this one."""
        nodes = self.world.nodes
        if not node.up or node.replica.core.phase != NORMAL or node.replica.core.membership.leaving:
            return False
        staying = [
            n
            for n in nodes
            if n is not node and n.up and n.replica.core.phase == NORMAL and not n.replica.core.membership.leaving
        ]
        voters = [n for n in staying if n.replica.core.configuration.rank(n.id)]
        fit = all(n.replica.core.applied >= node.replica.core.log.base_index for n in nodes if n.up)
        others_up = all(n.up and n.replica.core.phase in (NORMAL, LEFT) for n in nodes)
        return fit and others_up and len(voters) >= 2

    def rerank(self) -> None:
        """An operator gives a member another rank."""
        world, rng = self.world, self.world.rng
        able = [
            n for n in world.nodes if n.up and n.replica.core.phase == NORMAL and not n.replica.core.membership.leaving
        ]
        if not able:
            return
        node = rng.choice(able)
        members = node.replica.core.configuration.members
        if not members:
            return
        member, rank = rng.choice(members), rng.choice((0, 1, 2, 3))
        if sum(m.rank for m in members if m is not member) + rank > 0:
            world.say(f"{node.id} is told that {member.node_id} gets rank {rank}")
            node.replica.change_member(member._replace(rank=rank))
            world.turn(node)

    def coup(self) -> None:
        """A leader is cut off with a few others, and its side is given more weight while nobody has noticed."""
        world, rng = self.world, self.world.rng
        leaders = [n for n in world.nodes if n.up and n.replica.core.role == LEADER]
        if not leaders:
            return
        node = rng.choice(leaders)
        side = {node.id} | {n.id for n in world.nodes if rng.random() < 0.3}
        world.say(f"split {side}, and its side gets rank 3")
        world.cut |= {(a.id, b.id) for a in world.nodes for b in world.nodes if (a.id in side) != (b.id in side)}
        for member in node.replica.core.configuration.members:
            if member.node_id in side:
                node.replica.change_member(member._replace(rank=3))
        world.turn(node)

    # ---- operators ----

    def give_up_a_node(self) -> None:
        """An operator takes a node off the list that is not asked."""
        world = self.world
        nodes = [n for n in world.nodes if n.up and n.replica.core.phase in IN_CLUSTER]
        if nodes:
            node, other = world.rng.choice(nodes), world.rng.choice(world.nodes)
            world.say(f"{node.id} is told that {other.id} will not come back")
            node.replica.remove_member(other.id)
            world.turn(node)

    def go_on_alone(self) -> None:
        """An operator forces a node to go on, mistaken or not about the others."""
        world = self.world
        nodes = [n for n in world.alive() if not n.replica.core.membership.leaving]
        if nodes:
            self._force(world.rng.choice(nodes))

    def _force(self, node: SimNode) -> None:
        core = node.replica.core
        before = core.cluster if core.phase in IN_CLUSTER else 0
        told = node.replica.force_go_on()
        self.world.say(f"{node.id} is forced to go on: {told}")
        self.world.checks.forked(before, node)
        self.world.turn(node)

    def lose_all_but_one(self) -> None:
        """All are lost for good but one, which an operator tells to go on; the others begin anew and join it."""
        world = self.world
        able = [n for n in world.alive() if n.replica.core.phase in IN_CLUSTER]
        if not able:
            return
        node = world.rng.choice(able)
        for other in world.nodes:
            if other is not node:
                world.crash(other)
                other.forget()
                other.gone = True
                # They are started anew to join the one that goes on.
                other.members = tuple(Member(n.id, f"n{n.id}", n.rank) for n in (node, other))
        world.run_until(world.now + world.rng.randrange(1000))
        self._force(node)
