"""What must hold at every step, checked from outside with knowledge of all nodes.

1. At most one leader per term (of a cluster).
2. Logs match: an entry of one index and term is the same everywhere, and follows the same entry.
3. Nothing committed is lost: whoever leads holds it; at one index only one entry is ever committed (and the core
   asserts that it never truncates what it knows to be committed; nobody may halt).
4. Equal state at equal position; equal verdicts (the digest covers them).
5. Entries are applied once (the model asserts it), and what a writer was told is what the log says; what a node says of a
   transaction that somebody has given up is so, and stays so.
6. A cluster is founded anew only where nobody holds state.
7. A forced recovery goes on from what its node held as committed, under another id.

Everything is recorded by cluster id, because founding anew begins another history.
"""

from __future__ import annotations

from collections.abc import Sequence
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
        self.verdicts: dict[tuple[int, Origin], bool] = {}
        """(Cluster, origin) -> whether it took effect: a forced recovery may judge anew what it was not sure of."""
        self.told: dict[Origin, bool] = {}
        self.never: set[Origin] = set()
        self.given_up: list[Origin] = []
        """Whose outcome nobody knew when their writers lost patience."""
        self._void: set[tuple[int, Origin]] = set()
        self._forced: set[int] = set()

    def watch(self, node: SimNode) -> None:
        """Look over the core's shoulder where it appends and where it begins to lead."""
        core = node.replica.core
        append, commit_to, start = core.append, core.commit_to, core.leading.start

        pending = node.unseen
        pending.clear()

        def checked_append(entry: Entry) -> None:
            previous = core.log.last_term
            append(entry)
            index = core.log.last_index
            pending.append(lambda: self.appended(core, index, entry, previous))

        def checked_commit(index: int) -> None:
            before = core.commit
            commit_to(index)
            if core.commit > before:
                entries = [core.log.entry(i) for i in range(before + 1, core.commit + 1)]
                cluster = core.cluster
                pending.append(lambda: self.commits(node, cluster, before, entries))

        def checked_start() -> None:
            term, base, log = core.term, core.log.base_index, core.log.entries_from(1)
            pending.append(lambda: self.elected(node, core.cluster, term, base, log))
            start()

        core.append = checked_append  # type: ignore[method-assign]
        core.commit_to = checked_commit  # type: ignore[method-assign]
        core.leading.start = checked_start  # type: ignore[method-assign]

    def appended(self, core: Core, index: int, entry: Entry, previous: int) -> None:
        """Check 2."""
        known = self.entries.setdefault((core.cluster, index, entry.term), (entry, previous))
        if known[0] != entry or known[1] != previous:
            raise Violation(f"logs do not match at {index}, term {entry.term}: {known} and {(entry, previous)}")

    def elected(self, node: SimNode, cluster: int, term: int, base: int, log: Sequence[Entry]) -> None:
        """Checks 1 and 3."""
        first = self.leaders.setdefault((cluster, term), node.incarnation)
        if first != node.incarnation:
            raise Violation(f"two leaders in term {term}: node {node.id} is the second")
        last = self.last_committed.get(cluster, 0)
        if last > base and log[last - base - 1 : last - base] != (self.committed[cluster, last],):
            raise Violation(f"the leader of term {term}, node {node.id}, lacks the committed entry {last}")

    def stepped(self, node: SimNode, ready: Ready, world: list[SimNode]) -> None:
        """After each turn of a node. (A turn that a crash undoes, before anything was saved or sent, never was.)"""
        core = node.replica.core
        for check in node.unseen:
            check()
        node.unseen.clear()
        if node.machine.calls:
            self._applied(node, core.cluster)
        for event in ready.events:
            if isinstance(event, PhaseChanged) and event.phase == HALTED:
                raise Violation(f"node {node.id} halted: {ready.events}")
            if isinstance(event, Founded) and event.anew and event.cluster not in self._forced:
                self._founded_anew(event.cluster, world)

    def commits(self, node: SimNode, cluster: int, before: int, entries: Sequence[Entry]) -> None:
        """Check 3: only one entry is ever committed at one index."""
        for index, entry in enumerate(entries, before + 1):
            first = self.committed.setdefault((cluster, index), entry)
            if first != entry:
                raise Violation(f"two entries committed at {index}: {first} and {entry} (node {node.id})")
        self.last_committed[cluster] = max(self.last_committed.get(cluster, 0), before + len(entries))

    def _applied(self, node: SimNode, cluster: int) -> None:
        for _, origin, took_effect in node.machine.calls:
            if self.verdicts.setdefault((cluster, origin), took_effect) != took_effect:
                raise Violation(f"verdicts differ for {origin}: node {node.id} says {took_effect}")
            if origin in self.never:
                raise Violation(f"{origin} was withdrawn as surely not committed, and was applied")
            if took_effect and (cluster, origin) in self._void:
                raise Violation(f"{origin} was said to be void, and took effect")
        node.machine.calls.clear()
        mine = node.machine.digest()
        digest = self.states.setdefault((cluster, node.machine.position), mine)
        if digest != mine:
            raise Violation(f"states differ at position {node.machine.position}: node {node.id}")

    def outcome(self, cluster: int, origin: Origin, took_effect: bool) -> None:
        """Check 5: a writer is told an outcome."""
        self.told[origin] = took_effect
        said = self.verdicts.get((cluster, origin))
        if said is not took_effect:
            raise Violation(f"{origin} was told {took_effect}, the log says {said}")

    def asked(self, node: SimNode) -> None:
        """Check 5: a node is asked what became of what was given up."""
        cluster = node.replica.core.cluster
        for origin in self.given_up:
            status = node.replica.transaction_status(origin)
            if status == "void":
                self._void.add((cluster, origin))
            said = {"committed": True, "void": False}.get(status)
            if said is not None and self.verdicts.get((cluster, origin), False) is not said:
                raise Violation(f"node {node.id} says that {origin} is {status}, the log says otherwise")

    def forked(self, before: int, node: SimNode) -> None:
        """Check 7: what the old cluster (0: it held nothing) has committed, and this node holds, is the new one's past."""
        cluster, log = node.replica.core.cluster, node.replica.core.log
        self._forced.add(cluster)
        if not before:
            return
        for (old, index), entry in list(self.committed.items()):
            held = log.entry(index) == entry if log.base_index < index <= log.last_index else index <= log.base_index
            if old == before and held:
                self.committed[cluster, index] = entry
        for (old, origin), took_effect in list(self.verdicts.items()):
            if old == before and origin in node.machine.applied:
                self.verdicts[cluster, origin] = took_effect
        self.states[cluster, node.machine.position] = node.machine.digest()

    def _founded_anew(self, cluster: int, world: list[SimNode]) -> None:
        if self._forced:
            return  # there are several clusters then, and what this one's members held is not easily told
        for node in world:
            core = node.replica.core if node.up else None
            if core is None or core.cluster == cluster or node.id not in core.configuration.ids():
                continue
            if core.phase in IN_CLUSTER and core.commit:
                raise Violation(f"founded anew while node {node.id} holds state")
