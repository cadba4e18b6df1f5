"""What a replica hands to its host: one :class:`Ready` value per turn, until it has no more.

The host carries a Ready out in the order of its fields: write the marker, save, send, report. The order matters: a
node may not answer before what it promises is where its promises live (the disk of a durable node, the marker of
every node), and nobody may hear of an outcome that a crash could still take back. The marker comes first because it says
which cluster the saved log belongs to: a crash between the two must not leave a forked log under the old cluster's id.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from exdbsql.cluster.core.messages import Entry, Message
from exdbsql.cluster.core.quorum import Configuration, Member


class Marker(NamedTuple):
    """What every member keeps in its state folder (R8), durable or not."""

    cluster: int
    """The cluster's id, a random 64-bit number."""
    members: tuple[Member, ...]
    log_index: int = 0
    """Log index of that member list; 0 where it is not known."""


class SnapshotData(NamedTuple):
    """The whole replicated state at one place of the log."""

    log_index: int
    term: int
    configuration: Configuration
    chunks: tuple[bytes, ...]


class Save(NamedTuple):
    """What a durable node writes, and syncs once, before it sends anything. Memory-only nodes get none.

    `entries` replace everything in the saved log from `first_index` on.
    """

    term: int
    voted_for: int
    voted_incarnation: int
    first_index: int
    entries: tuple[Entry, ...]
    snapshot: SnapshotData | None
    """When given: the saved log up to its index may go."""


class Saved(NamedTuple):
    """What a durable node reads when it starts again."""

    term: int
    voted_for: int
    voted_incarnation: int
    snapshot: SnapshotData | None
    entries: tuple[Entry, ...]
    """The log behind the snapshot (or from index 1)."""


class PhaseChanged(NamedTuple):
    """waiting → (founded | asking → recovering) → normal; left, halted or stopped at the end."""

    phase: str


class Founded(NamedTuple):
    """A cluster was founded with this node (R8)."""

    cluster: int
    anew: bool
    """The members were those of an earlier cluster whose state nobody held any more."""


class LeaderChanged(NamedTuple):
    leader: int | None
    """None while there is none that this node knows of."""
    term: int


class QuorumChanged(NamedTuple):
    has_quorum: bool


class MembersChanged(NamedTuple):
    """The member list, or an address in it, changed; connect to whom `Replica.peers()` now names."""

    members: tuple[Member, ...]


class PresenceChanged(NamedTuple):
    """A member (not this node) was connected or disconnected: the notification callback's 0 and 1."""

    member: Member
    present: bool


class VerdictReached(NamedTuple):
    """The first verdict for an operation was applied here (R11)."""

    operation: str
    commit: bool


class Refused(NamedTuple):
    """The cluster does not take this node: "duplicate" (the id is taken), "full" (it has too many members), "cluster" (another
    cluster's id), "removed" (it was taken off the list), "snapshot" (the state could not be taken)."""

    reason: str
    text: str


class Diverged(NamedTuple):
    """R5: a leader's history contradicts what this node knows to be committed. It stopped and keeps its data."""

    text: str


class Stopped(NamedTuple):
    """All active nodes have asked to stop, and everyone here has heard of it: the host may close everything."""


class Left(NamedTuple):
    """This node is off the member list, as it asked: the host may close its connections."""


Event = (
    PhaseChanged
    | Founded
    | LeaderChanged
    | QuorumChanged
    | MembersChanged
    | PresenceChanged
    | VerdictReached
    | Refused
    | Diverged
    | Stopped
    | Left
)


@dataclass(slots=True)
class Ready:
    """One turn's work for the host, in this order.

    Attributes:
        marker: write it (synced) before anything else.
        remove_marker: the cluster ended in good order, or this node left: remove the marker, and what was saved.
        save: for durable nodes; afterwards call `Replica.saved(save)`. A start without a marker begins with an empty disk.
        messages: (receiver, message). A receiver that is not connected: drop it. `messages.is_bulk` ones go over the
            connection for bulk data. Messages to one receiver should keep their order, but need not.
        outcomes: (number that `submit` gave, result): what `StateMachine.apply` returned on this node for a command, or
            the error by which it surely was not and never will be carried out.
        events: what changed, in order.
    """

    marker: Marker | None = None
    remove_marker: bool = False
    save: Save | None = None
    messages: list[tuple[int, Message]] = field(default_factory=list)
    outcomes: list[tuple[int, object]] = field(default_factory=list)
    events: Sequence[Event] = ()
