"""One simulated node: a replica, its state machine, and what survives a crash (a marker; a disk, if it has one)."""

from __future__ import annotations

from collections.abc import Callable

from exdbsim.machine import Machine, Model
from exdbsql.cluster.core.messages import Entry
from exdbsql.cluster.core.quorum import Member
from exdbsql.cluster.core.ready import Marker, Ready, Save, Saved, SnapshotData
from exdbsql.cluster.replica import Replica, ReplicaConfig


class Disk:
    """What a durable node has synced. A save is one record with a checksum: it is there whole, or not at all."""

    def __init__(self) -> None:
        self.wipe()

    def wipe(self) -> None:
        """Nothing is left."""
        self.hard = (0, -1, 0)
        self.snapshot: SnapshotData | None = None
        self.entries: dict[int, Entry] = {}

    def write(self, save: Save) -> None:
        """One synced save."""
        self.hard = (save.term, save.voted_for, save.voted_incarnation)
        if save.snapshot is not None:
            self.snapshot = save.snapshot
        base = self.snapshot.log_index if self.snapshot is not None else 0
        self.entries = {i: e for i, e in self.entries.items() if base < i < save.first_index}
        self.entries |= dict(enumerate(save.entries, save.first_index))
        self.entries = {i: e for i, e in self.entries.items() if i > base}

    def read(self) -> Saved:
        """What a start finds."""
        return Saved(*self.hard, self.snapshot, tuple(self.entries[i] for i in sorted(self.entries)))


class SimNode:
    """A node over all its incarnations."""

    def __init__(
        self,
        node_id: int,
        rank: int,
        members: tuple[Member, ...],
        durable: bool,
        machine: Callable[[int], Machine] = Model,
    ) -> None:
        self.id = node_id
        self.rank = rank
        self.members = members
        self.durable = durable
        self.marker: Marker | None = None
        self.disk = Disk()
        self.up = False
        self.gone = False
        """Nobody starts it before the faults have ended."""
        self.doom: int | None = None
        """It crashes within its next turn, after so many steps of it."""
        self.incarnation = 0
        self.waiting: dict[int, int] = {}
        """Number -> time of submission, for what this incarnation waits for."""
        self.in_barrier: list[tuple[int, int, int]] = []
        """Calls of this incarnation that are in a barrier."""
        self.unseen: list[Callable[[], None]] = []
        """Checks of what the turn under way has done."""
        self._make_machine = machine

    def start(self, incarnation: int, seed: int, lazy: bool | None = None, **timing: int) -> None:
        """A new incarnation."""
        self.incarnation = incarnation
        self.machine = self._make_machine(self.id)
        self.waiting = {}
        self.in_barrier = []
        if self.marker is None:
            self.disk.wipe()
        config = ReplicaConfig(
            node_id=self.id,
            addr=f"n{self.id}",
            rank=self.rank,
            incarnation=incarnation,
            seed=seed,
            members=self.members,
            marker=self.marker,
            saved=self.disk.read() if self.durable else None,
            durable=self.durable,
            debug=True,
            lazy=seed % 2 == 0 if lazy is None else lazy,
            **timing,
        )
        self.replica = Replica(config, self.machine)
        self.machine.calls.clear()
        self.up = True

    def keep(self, ready: Ready, steps: int = 2) -> None:
        """The first steps of a Ready: 1 the marker, 2 the save."""
        if steps >= 1 and ready.marker is not None:
            self.marker = ready.marker
        if steps >= 1 and ready.remove_marker:
            self.forget()
        if steps >= 2 and ready.save is not None:
            self.disk.write(ready.save)
            self.replica.saved(ready.save)

    def forget(self) -> None:
        """The state folder is emptied: after leaving, or after an orderly stop."""
        self.marker = None
        self.disk.wipe()
