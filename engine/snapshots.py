"""Which snapshots are open, and from which version on somebody still looks.

Opening a snapshot takes no lock. It registers first and reads the database's version afterwards, so that a commit that
does not see the registration cannot have been missed by the version. What is registered is a *floor*, a version read before
registering. The registry is a dictionary in order of registration; the floor of its first entry is not above the snapshot of
any entry, registered by now or later: every snapshot was read after its own registration, thus after the first one's, thus
after the first one's floor was read. So the oldest floor costs one look, however many transactions are open.
"""

from typing import Protocol


class SnapshotHolder(Protocol):
    """A transaction, as the registry sees it."""

    snapshot: int
    """The version that it sees; -1 between registering and reading it."""


class SnapshotRegistry:
    """The open snapshots: `holders` maps each to its floor. `holders[x] = floor` registers, `del` ends."""

    __slots__ = ("holders",)

    def __init__(self) -> None:
        self.holders: dict[SnapshotHolder, int] = {}

    def __len__(self) -> int:
        return len(self.holders)

    def oldest_floor(self) -> int | None:
        """A version that no open snapshot is older than; None where none is open."""
        while self.holders:
            try:
                return next(iter(self.holders.values()))
            except (StopIteration, RuntimeError):  # another thread ended or registered between the two calls
                continue
        return None

    def all_open(self) -> list[int] | None:
        """Every open snapshot, ascending; None where one is just being opened and its version is not known."""
        snapshots = [holder.snapshot for holder in list(self.holders)]
        if snapshots and min(snapshots) < 0:
            return None
        return sorted(snapshots)
