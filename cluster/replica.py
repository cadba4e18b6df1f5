"""One node's part of the replicated log: the consensus core, the state machine, and what lies between them.

A :class:`Replica` is sans-IO: it owns no socket, clock, thread or random source. Its host

1. calls `peer_connected`, `step`, `tick`, `submit` and the like, as things happen, any number of them,
2. then takes one `ready()` and carries it out in the order of its fields,

and again. Everything that happened between two `ready()` calls travels together: that is the group commit. All
calls come from one thread.

What lies between core and state machine: proposals are sent to whoever leads, again when leaders change, and
recognised by (origin, incarnation, number), so that each is applied once (R4); committed entries are applied in
order, and outcomes found for those that wait here; barrier, stop and exchange verdicts are entries of the log too.
"""

from dataclasses import dataclass

from exdbsql.cluster.core.messages import Message
from exdbsql.cluster.core.quorum import Member, QuorumCallback
from exdbsql.cluster.core.ready import Marker, Ready, Save, Saved
from exdbsql.cluster.state_machine import Origin, StateMachine


@dataclass(frozen=True, slots=True)
class ReplicaConfig:
    """What a replica is started with. Times in ms; the host ticks every 10 to 50 ms.

    Attributes:
        node_id: this node's id, from 0.
        addr: its own address, told to the others.
        rank: its own rank, told to the others when it joins.
        incarnation: random 64-bit number, never 0, new at each start (R6).
        seed: for the spread of election time-outs; any number, e.g. random.
        members: the list as this node knows it, itself included; a node whose address is "" is not known to it.
        marker: what the state folder holds, or None (R8).
        saved: what a durable node's disk holds, or None.
        durable: Ready carries a `save`, and nothing counts before `saved()`.
        heartbeat_ms: between heartbeats of a leader.
        election_ms: a follower that hears nothing for election_ms to 2 × election_ms stands for election.
        retry_ms: between repeated questions (hello, ask, join, unanswered proposals).
        max_append_entries, max_append_bytes: bounds of one Append message.
        max_inflight: Append messages on the way to one node before it has answered.
        compact_entries, compact_bytes: the log keeps at most about so much of what is applied.
        max_outstanding: submitted and not yet settled; `submit` beyond it raises.
        quorum_callback: replaces the rank rule; gets the ids of the other nodes in question.
    """

    node_id: int
    addr: str
    rank: int
    incarnation: int
    seed: int
    members: tuple[Member, ...]
    marker: Marker | None = None
    saved: Saved | None = None
    durable: bool = False
    heartbeat_ms: int = 50
    election_ms: int = 300
    retry_ms: int = 200
    max_append_entries: int = 2000
    max_append_bytes: int = 1 << 20
    max_inflight: int = 64
    compact_entries: int = 200_000
    compact_bytes: int = 64 << 20
    max_outstanding: int = 100_000
    quorum_callback: QuorumCallback | None = None


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """One moment of a replica, for people, callers and tests.

    Attributes:
        phase: waiting, founded, asking, recovering, normal, left, halted or stopped.
        role: follower, pre-candidate, candidate, confirming or leader.
        leader: the leader's id, this node's own if it leads, or None.
        members: the list in force.
        present: ids of members connected, this node included.
        ready: a member, synchronised, with a leader and a quorum: what wait_ready() waits for.
        waiting_for: while it is not ready: what it waits for, in words, with the nodes named; else "".
    """

    node_id: int
    incarnation: int
    cluster: int
    phase: str
    role: str
    term: int
    leader: int | None
    commit: int
    applied: int
    last_index: int
    members: tuple[Member, ...]
    present: frozenset[int]
    present_rank: int
    total_rank: int
    has_quorum: bool
    ready: bool
    waiting_for: str


@dataclass(frozen=True, slots=True)
class QuorumCount:
    """The quorum arithmetic of this moment; text is one sentence for NoQuorumError.

    Attributes:
        present, missing: members by whether this node is connected to them (itself is present).
    """

    has_quorum: bool
    present: tuple[Member, ...]
    missing: tuple[Member, ...]
    present_rank: int
    total_rank: int
    text: str


class Replica:
    """See the module; every method is for the host's one thread."""

    def __init__(self, config: ReplicaConfig, state_machine: StateMachine) -> None: ...

    # ---- what happens ----

    def tick(self, now_ms: int) -> None:
        """Time has come to `now_ms` (any origin, never backwards). A long gap counts as one short step only: a host
        that was held up (a paused process, the interpreter lock) must not take its peers for dead."""

    def step(self, sender: int, message: Message) -> None:
        """A message from a peer whose id the transport has verified. Never raises for what the message says."""

    def peer_connected(self, node_id: int, incarnation: int = 0) -> None:
        """Messages to and from this node go through now (handshake done, both directions)."""

    def peer_disconnected(self, node_id: int) -> None:
        """They no longer do: noticed at once by closed connection, or after the keep-alive."""

    def ready(self) -> Ready:
        """Everything that is to be done, once; see :class:`Ready` for the order. Applies committed entries."""

    def has_ready(self) -> bool:
        """Whether `ready()` would give anything: cheap."""

    def saved(self, save: Save) -> None:
        """A durable host has synced this save."""

    # ---- what the application asks for; each gives a number whose outcome Ready.outcomes brings ----

    def submit(self, command: bytes) -> int:
        """Propose a command for the log. Outcome: what `StateMachine.apply` returned here.

        Raises:
            OperationalError: more than `max_outstanding` are unsettled.
            ClusterStoppedError: stopped, halted or left.
        """

    def submit_barrier(self) -> int:
        """Outcome None when every member of the list has entered its own barrier of the same count."""

    def submit_stop(self) -> int:
        """Outcome None when every active node has asked to stop; the event Stopped follows when all have heard."""

    def submit_verdict(self, operation: str, commit: bool) -> int:
        """Outcome: the verdict (bool) that counts for this operation, which is the first in the log (R11)."""

    def submit_read_mark(self) -> int:
        """Outcome None once this node has applied everything that was committed when this was called: a linearizable read."""

    def withdraw(self, number: int) -> bool:
        """Give up waiting. True: it never left this node, and surely was not and never will be carried out.
        False: unknown (or settled already); no outcome will be reported, ask `transaction_status` later."""

    def transaction_status(self, origin: Origin) -> str:
        """ "committed", "void" (applied with an error, or never will be), or "unknown" (not seen yet, or too long ago)."""

    # ---- membership ----

    def leave(self) -> None:
        """Take this node off the list (detach). The state machine gets no further call; the host keeps the replica
        running until the event Left, or as long as it likes."""

    def change_member(self, member: Member) -> None:
        """Ask the leader to list a member with this rank and address. Its effect shows as MembersChanged."""

    def remove_member(self, node_id: int) -> None:
        """An operator's word that this node will not come back: take it off the list."""

    def force_go_on(self) -> str:
        """An operator's explicit command (R8) for when the rest is gone for good: go on, under a new cluster id, from
        what this node has. Returns a sentence that says what may be lost. Members of the old list must join anew."""

    def transfer_leadership(self, to: int | None = None) -> None:
        """If this node leads: hand over to `to`, or to the member best fit (before a stop, a leave)."""

    # ---- what can be asked ----

    def status(self) -> ReplicaStatus: ...

    def quorum_report(self) -> QuorumCount: ...

    def has_quorum(self) -> bool:
        """Whether this node and those it is connected to are a quorum and it is in a cluster: cheap."""

    def peers(self) -> dict[int, Member]:
        """Everyone to be connected with (address known): the list in force, the own list, and nodes that are joining."""
