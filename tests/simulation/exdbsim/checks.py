"""What must hold at every step, checked from outside with knowledge of all nodes.

1. At most one leader per term (of a cluster).
2. Logs match: an entry of one index and term is the same everywhere, and follows the same entry.
3. Nothing committed is lost: whoever leads holds it; at one index only one entry is ever committed (and the core
   asserts that it never truncates what it knows to be committed; nobody may halt).
4. Equal state at equal position; equal verdicts (the digest covers them).
5. Entries are applied once (the model asserts it), and what a writer was told is what the log says.
6. A cluster is founded anew only where nobody holds state.

Everything is recorded by cluster id, because founding anew begins another history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exdbsql.cluster.core.core import Core
from exdbsql.cluster.core.messages import Entry
from exdbsql.cluster.core.phases import HALTED, IN_CLUSTER
from exdbsql.cluster.core.ready import Founded, PhaseChanged, Ready
from exdbsql.cluster.state_machine import Origin

if TYPE_CHECKING:
    from exdbsim.node import SimNode


class Violation(AssertionError):
    """Something that must hold does not."""


class Checks:
    """The memory of one simulation."""

    def __init__(self) -> None:
        self.leaders: dict[tuple[int, int], int] = {}
        self.entries: dict[tuple[int, int, int], tuple[Entry, int]] = {}
        self.committed: dict[tuple[int, int], Entry] = {}
        self.last_committed: dict[int, int] = {}
        self.states: dict[tuple[int, int], int] = {}
        self.verdicts: dict[Origin, bool] = {}
        self.told: dict[Origin, bool] = {}
        self.never: set[Origin] = set()
        self.led: list[int] = []

    def watch(self, node: SimNode) -> None:
        """Look over the core's shoulder where it appends and where it begins to lead."""
        core = node.replica.core
        append, start = core.append, core.leading.start

        def checked_append(entry: Entry) -> None:
            previous = core.log.last_term
            append(entry)
            self.appended(core, core.log.last_index, entry, previous)

        def checked_start() -> None:
            self.elected(node, core)
            start()

        core.append = checked_append  # type: ignore[method-assign]
        core.leading.start = checked_start  # type: ignore[method-assign]

    def appended(self, core: Core, index: int, entry: Entry, previous: int) -> None:
        """Check 2."""
        known = self.entries.setdefault((core.cluster, index, entry.term), (entry, previous))
        if known[0] != entry or known[1] != previous:
            raise Violation(f"logs do not match at {index}, term {entry.term}: {known} and {(entry, previous)}")

    def elected(self, node: SimNode, core: Core) -> None:
        """Checks 1 and 3."""
        first = self.leaders.setdefault((core.cluster, core.term), node.id)
        if first != node.id:
            raise Violation(f"two leaders in term {core.term}: {first} and {node.id}")
        if core.cluster not in self.led:
            self.led.append(core.cluster)
        last = self.last_committed.get(core.cluster, 0)
        if last > core.log.base_index and core.log.term_at(last) != self.committed[core.cluster, last].term:
            raise Violation(f"the leader of term {core.term}, {node.id}, lacks the committed entry {last}")

    def stepped(self, node: SimNode, ready: Ready, world: list[SimNode]) -> None:
        """After each turn of a node."""
        core = node.replica.core
        if core.commit > node.checked_commit:
            self._commits(node, core)
        if node.machine.calls:
            self._applied(node, core.cluster)
        for event in ready.events:
            if isinstance(event, PhaseChanged) and event.phase == HALTED:
                raise Violation(f"node {node.id} halted: {ready.events}")
            if isinstance(event, Founded) and event.anew and core.founding.founder == node.id:
                self._founded_anew(event.cluster, world)

    def _commits(self, node: SimNode, core: Core) -> None:
        cluster = core.cluster
        for index in range(max(node.checked_commit, core.log.base_index) + 1, core.commit + 1):
            entry = core.log.entry(index)
            first = self.committed.setdefault((cluster, index), entry)
            if first != entry:
                raise Violation(f"two entries committed at {index}: {first} and {entry} (node {node.id})")
        self.last_committed[cluster] = max(self.last_committed.get(cluster, 0), core.commit)
        node.checked_commit = core.commit

    def _applied(self, node: SimNode, cluster: int) -> None:
        for _, origin, took_effect in node.machine.calls:
            if self.verdicts.setdefault(origin, took_effect) != took_effect:
                raise Violation(f"verdicts differ for {origin}: node {node.id} says {took_effect}")
            if origin in self.never:
                raise Violation(f"{origin} was withdrawn as surely not committed, and was applied")
        node.machine.calls.clear()
        digest = self.states.setdefault((cluster, node.machine.position), node.machine.digest)
        if digest != node.machine.digest:
            raise Violation(f"states differ at position {node.machine.position}: node {node.id}")

    def outcome(self, origin: Origin, took_effect: bool) -> None:
        """Check 5: a writer is told an outcome."""
        self.told[origin] = took_effect
        if self.verdicts.get(origin) is not took_effect:
            raise Violation(f"{origin} was told {took_effect}, the log says {self.verdicts.get(origin)}")

    def _founded_anew(self, cluster: int, world: list[SimNode]) -> None:
        for node in world:
            core = node.replica.core if node.up else None
            if core is None or core.cluster == cluster or node.id not in core.configuration.ids():
                continue
            if core.phase in IN_CLUSTER and core.commit:
                raise Violation(f"founded anew while node {node.id} holds state")
