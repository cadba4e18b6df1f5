"""Nodes that leave without a quorum and come back with their log, as `detach` and `attach` have it (``cluster/attachment.py``).

Such a node stands still for a while: nothing reaches it and its clock does not tick, but it forgets nothing. Where the
others went on without it and its state machine has missed an entry, it comes back without memory, as after a crash.
"""

import pytest

from exdbsim.faults import Faults
from exdbsim.node import SimNode
from exdbsim.world import World
from exdbsql.cluster.core.phases import NORMAL

SEEDS = 400


class WanderingWorld(World):
    """A world in which nodes without quorum wander off.

    Attributes:
        wandered, came_back: how often a node left, and how often one came back with its log.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.wandered = self.came_back = 0
        self.mischief = Wanderlust(self)

    def wander_off(self, node: SimNode) -> None:
        self.say(f"{node.id} wanders off")
        self.wandered += 1
        node.replica.leave()
        self.turn(node)
        self.at(self.rng.randrange(0, 60), lambda: self.stand_still(node, node.incarnation))

    def stand_still(self, node: SimNode, incarnation: int) -> None:
        if not node.up or node.incarnation != incarnation or node.replica.core.phase != NORMAL:
            return
        node.up = False
        for other in self.nodes:
            self.linked.pop((node.id, other.id), None)
            if other is not node:
                self.at(self.rng.randrange(1, 60), lambda o=other: self.relink(node, o))
        self.at(self.rng.choice((5, 100, 700)), lambda: self.start(node))

    def start(self, node: SimNode) -> None:
        wanderer = not node.up and hasattr(node, "replica") and node.replica.core.membership.leaving
        if not wanderer or not node.replica.can_come_back:
            super().start(node)
            return
        self.say(f"{node.id} comes back")
        self.came_back += 1
        node.up = True
        node.replica.come_back()
        self.tick(node, node.incarnation)
        for other in self.nodes:
            if other is not node:
                self.at(self.rng.randrange(1, 40), lambda o=other: self.relink(node, o))


class Wanderlust(Faults):
    """Nodes without quorum do not stay."""

    def __init__(self, world: WanderingWorld) -> None:
        super().__init__(world)
        self.wanderers = world
        self._acts += [self.goer, self.split]

    def goer(self) -> None:
        lonely = [
            n
            for n in self.wanderers.nodes
            if n.up
            and n.replica.core.phase == NORMAL
            and not n.replica.has_quorum()
            and not n.replica.core.membership.leaving
        ]
        if lonely:
            self.wanderers.wander_off(self.wanderers.rng.choice(lonely))
        else:
            super().goer()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("block", range(4))
def test_nodes_that_wander_off_and_come_back_hold_every_promise(block: int) -> None:
    wandered = came_back = 0
    for seed in range(block * SEEDS // 4, (block + 1) * SEEDS // 4):
        world = WanderingWorld(seed)
        try:
            world.run()
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        wandered += world.wandered
        came_back += world.came_back
    assert wandered > 10 and came_back > 5, f"too few to mean anything: {wandered}, {came_back}"
