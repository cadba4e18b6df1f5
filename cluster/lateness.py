"""Whether this process keeps its node waiting, and whom that speaks for as the leader.

Threads of one interpreter share a lock. Where a thread of the application calculates, the node waits for that lock after every call that
gives it up, for about the interpreter's switch interval. A leader has to act twice for each commit of another node, so all
nodes feel it; a follower whose answer is not needed harms nobody. So each node measures how often it has to wait, tells
the others, and a leader that waits hands over to a member that does not.

What is measured is the lock: a machine on which everybody is late keeps its leader. While the node's own
application commits, nothing is measured, because then it is these commits that the node would wait for.

Against moving to and fro: a leader has to be late for :data:`WINDOWS` windows one after another, the next one must be much less so, and
whoever handed over does so again after :data:`REST_S` only.
"""

import sys
import time
from collections.abc import Iterable
from typing import Final

SAMPLES: Final = 25
"""Of one window; one is taken at each tick."""

WINDOWS: Final = 2
LATE: Final = 80
"""From so many late samples in a hundred on a window counts as late. A thread that calculates makes all of them late; on a
machine with too little of everything half of them may be."""

BETTER: Final = 40
"""So many less than the leader has a node that may be handed the leadership."""

FRESH_S: Final = 3.0
"""For how long another node's word counts, in s."""

REST_S: Final = 10.0
"""Between two hand-overs of this node, in s."""


class Lateness:
    """What one node knows of it.

    Attributes:
        percent: late samples of the last window, in a hundred.
    """

    def __init__(self) -> None:
        self.percent = 0
        self._taken = self._late = 0
        self._windows = 0
        self._rest_until = 0.0
        self._others: dict[int, tuple[int, float]] = {}

    def sample(self) -> bool:
        """Give the interpreter's lock up, for long enough that another thread takes it, and see when it comes back;
        whether that ends a window."""
        begun = time.perf_counter()
        time.sleep(0)
        return self.count(time.perf_counter() - begun)

    def count(self, waited_s: float) -> bool:
        """One sample; whether it ends a window."""
        self._taken += 1
        self._late += waited_s > sys.getswitchinterval() / 2
        if self._taken < SAMPLES:
            return False
        self.percent = 100 * self._late // self._taken
        self._windows = self._windows + 1 if self.percent >= LATE else 0
        self._taken = self._late = 0
        return True

    def hear(self, node_id: int, percent: int, now: float) -> None:
        """Another node tells its `percent`."""
        self._others[node_id] = (percent, now)

    def forget(self, node_id: int) -> None:
        """It is gone."""
        self._others.pop(node_id, None)

    def successor(self, ranks: Iterable[tuple[int, int]], now: float) -> int | None:
        """To whom this node, which leads, should hand over now, or None.

        Args:
            ranks: (node id, rank) of members that could lead.
            now: a clock's time, in s; the same clock as that of `hear`.
        """
        if self._windows < WINDOWS or now < self._rest_until:
            return None
        fit = []
        for node_id, rank in ranks:
            percent, heard = self._others.get(node_id, (100, 0.0))
            if percent <= self.percent - BETTER and heard + FRESH_S >= now:
                fit.append((rank, -percent, -node_id))
        if not fit:
            return None
        self._rest_until = now + REST_S
        return -max(fit)[2]
