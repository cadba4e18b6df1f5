"""What a replica is started with; nothing here changes afterwards."""

from dataclasses import dataclass

from exdbsql.cluster.core.quorum import Member, QuorumCallback
from exdbsql.cluster.core.ready import Marker, Saved


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
        lazy: a leader tells followers which nobody waits at of what is committed with the next entries, when the host calls
            `tell`, or at the next tick; else at once.
        debug: check what must hold (``invariants.py``) after every turn.
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
    lazy: bool = False
    debug: bool = False
    quorum_callback: QuorumCallback | None = None
