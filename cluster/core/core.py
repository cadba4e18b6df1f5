"""The consensus core of one node: Raft with ranks, diskless restart, joint membership, founding. Sans-IO.

Rules (DESIGN.md section 5), and where they live:

R5   a committed entry is never truncated                following.py
R6   diskless restart: (a) recovery.py, (b) (b') ballot.py and elections.py, (c) leading.py
R7   changes of members and ranks are joint              membership.py, quorum.py
R8   first start                                         founding.py

This module holds what these share: phase, term, vote, log, configuration, commit index, who is connected; and the
dispatch of messages. It has no clock (time comes with `tick`), no random source (a seed comes with the settings), no
thread and no socket. What is to be sent collects in `out`, what is to be told in `events`.

Phases of a node::

    waiting ──> founded ───────────────┐          a first start; no marker anywhere
       │                               v
       └──────> asking ──> recovering ──> normal ──> left | stopped
                  ^ a marker, no log                 halted (R5): from any phase with a log

Left out: leases, reads without the log (a read mark is an entry), flow control across several leaders.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import msgpack

from exdbsql.cluster.core import messages as msg
from exdbsql.cluster.core.elections import Elections
from exdbsql.cluster.core.following import Following
from exdbsql.cluster.core.founding import Founding
from exdbsql.cluster.core.leading import Leading
from exdbsql.cluster.core.log import Log
from exdbsql.cluster.core.membership import Membership
from exdbsql.cluster.core.messages import CONFIG, RECOVERY, Entry, Message
from exdbsql.cluster.core.phases import (
    ASKING,
    ENDED,
    FOLLOWER,
    FOUNDED,
    HALTED,
    IN_CLUSTER,
    LEADER,
    LEFT,
    NOBODY,
    NORMAL,
    RECOVERING,
    STOPPED,
    VOTING,
    WAITING,
)
from exdbsql.cluster.core.quorum import EMPTY, Configuration, Member, QuorumRule
from exdbsql.cluster.core.ready import (
    Diverged,
    Event,
    LeaderChanged,
    Left,
    Marker,
    MembersChanged,
    PhaseChanged,
    PresenceChanged,
    QuorumChanged,
    Save,
    SnapshotData,
)
from exdbsql.cluster.core.recovery import Recovery
from exdbsql.cluster.core.settings import ReplicaConfig
from exdbsql.schema.errors import ClusterStoppedError

_FRESH = frozenset({msg.PreVote, msg.VoteRequest, msg.ConfirmRequest, msg.Append, msg.Heartbeat})
"""What a node that has agreed to found takes part in."""


class SnapshotPort(Protocol):
    """Where the core gets and puts the replicated state; the replica implements it."""

    def pieces(self) -> Iterator[bytes]:
        """The state at the applied index, in bounded pieces; later applies do not disturb it."""
        ...

    def install(self, pieces: Sequence[bytes], log_index: int) -> None:
        """Replace the state; atomic. May raise any Error."""
        ...


class Core:
    """Shared state and dispatch; the parts do the work."""

    def __init__(self, config: ReplicaConfig, port: SnapshotPort) -> None:
        self.config = config
        self.port = port
        self.id = config.node_id
        self.incarnation = config.incarnation
        self.me = Member(config.node_id, config.addr, config.rank)
        self.rule = QuorumRule(config.node_id, config.quorum_callback)
        self.random = random.Random(config.seed)
        self.now = 0
        self.deadline = 0
        self._last_tick: int | None = None

        self.phase = WAITING
        self.cluster = 0
        self.term = 0
        self.voted_for = NOBODY
        self.voted_incarnation = 0
        self.voted_recovering = False
        self.role = FOLLOWER
        self.leader: int | None = None
        self.heard_leader_ms = -1
        self.log = Log()
        self.begun: dict[int, int] = {}
        """Term -> incarnation of the leader whose entry begins it in this log. Where an application's quorum rule has let
        two lead in one term, index and term do not tell their entries apart, and this does (R5)."""
        self.commit = 0
        self.applied = 0
        self.stable = 0
        self.configurations: list[Configuration] = [EMPTY]
        self.adopted = EMPTY
        self.configuration = EMPTY
        self.special: list[int] = []
        self.known: dict[int, Member] = {m.node_id: m for m in config.members}
        self.known[self.id] = self.me
        self.present: dict[int, int] = {}
        self.leaderless_since = 0
        self._missed_a_leader = False

        self.out: list[tuple[int, Message]] = []
        self.events: list[Event] = []
        self.marker: Marker | None = None
        self.remove_marker = False
        self._last_marker = config.marker
        self._own_mark = 0
        """Index of the last mark in the log that a life of this node began."""
        self._announced: dict[int, Member] = {}
        self._had_quorum = False
        self._told_members: tuple[Member, ...] = ()
        self._hard_changed = False
        self._unsaved_from: int | None = None
        self._unsaved_snapshot: SnapshotData | None = None

        self.elections = Elections(self)
        self.leading = Leading(self)
        self.following = Following(self)
        self.recovery = Recovery(self)
        self.founding = Founding(self)
        self.membership = Membership(self)
        self._handlers = self._handlers_by_kind()
        self._begin()

    def _handlers_by_kind(self) -> dict[type[Any], Callable[[int, Any], None]]:
        return {
            msg.Hello: self.founding.on_hello,
            msg.Found: self.founding.on_found,
            msg.FoundReply: self.founding.on_found_reply,
            msg.Ask: self.recovery.on_ask,
            msg.Answer: self.recovery.on_answer,
            msg.PreVote: self.elections.on_pre_vote,
            msg.PreVoteReply: self.elections.on_pre_vote_reply,
            msg.VoteRequest: self.elections.on_vote_request,
            msg.Vote: self.elections.on_vote,
            msg.ConfirmRequest: self.elections.on_confirm_request,
            msg.Confirmation: self.elections.on_confirmation,
            msg.TimeoutNow: self.elections.on_timeout_now,
            msg.Append: self.following.on_append,
            msg.Heartbeat: self.following.on_heartbeat,
            msg.SnapshotChunk: self.following.on_snapshot_chunk,
            msg.AppendReply: self.leading.on_append_reply,
            msg.HeartbeatReply: self.leading.on_heartbeat_reply,
            msg.SnapshotReply: self.leading.on_snapshot_reply,
            msg.Join: self.membership.on_join,
            msg.JoinRefused: self.membership.on_join_refused,
            msg.Leave: self.membership.on_leave,
        }

    def _begin(self) -> None:
        """Where a start leads: a durable node goes on, one with a marker asks, the others wait (R8)."""
        marker, saved = self.config.marker, self.config.saved
        if marker is not None:
            self.cluster = marker.cluster
            self.adopted = Configuration(marker.log_index, marker.members)
        if saved is not None and marker is not None and (saved.term or saved.entries or saved.snapshot):
            self.term, self.voted_for, self.voted_incarnation = saved.term, saved.voted_for, saved.voted_incarnation
            if saved.snapshot is not None:
                snapshot = saved.snapshot
                self.log.reset(snapshot.log_index, snapshot.term)
                self.commit = self.applied = snapshot.log_index
                self.configurations = [snapshot.configuration]
                self.port.install(snapshot.chunks, snapshot.log_index)
            elif not saved.entries:
                self.configurations = [Configuration(0, marker.members)]
            # (Else the first entry tells the list that the cluster was founded with; the marker's is a newer one.)
            for entry in saved.entries:
                self.append(entry)
            self.stable = self.log.last_index
            self._unsaved_from = None
            self.enter(NORMAL)
        elif marker is not None:
            self.recovery.start()
        else:
            self.refresh()

    # ---- what happens ----

    def tick(self, now_ms: int) -> None:
        """Time passed. A gap longer than a third of the election time-out counts as just that (a host held up)."""
        if self._last_tick is not None:
            self.now += max(0, min(now_ms - self._last_tick, self.config.election_ms // 3))
        self._last_tick = now_ms
        if self.phase in ENDED:
            return
        self.founding.tick()
        self.recovery.tick()
        self.membership.tick()
        if self._is_leaderless() and not self._missed_a_leader:
            self._missed_a_leader = True  # from now on others count by what they say of themselves
            self.refresh_presence()
        if self.role == LEADER:
            self.leading.tick()
        elif self.phase in IN_CLUSTER and self.now >= self.deadline:
            self.elections.time_out()

    def step(self, sender: int, message: Message) -> None:
        """A message of a verified sender."""
        if self.phase in ENDED or sender == self.id:
            return
        kind = type(message)
        handler = self._handlers.get(kind)
        if handler is None:
            return
        if kind is not msg.Hello and kind is not msg.Found and kind is not msg.FoundReply:
            if message.cluster != self.cluster or self.cluster == 0 or getattr(message, "term", 0) > msg.MAX_NUMBER:
                return
            if self.phase in (WAITING, FOUNDED) and kind not in _FRESH:
                return
            if self.phase == ASKING and kind is not msg.Answer and kind is not msg.JoinRefused:
                return  # R6 (a): no vote, no acknowledgement, no answer
        handler(sender, message)

    def connected(self, node_id: int, incarnation: int) -> None:
        """The transport reaches this node now."""
        if node_id == self.id:
            return
        self.present[node_id] = incarnation
        self.founding.greet(node_id)
        self.recovery.ask(node_id)
        self.leading.on_connected(node_id, incarnation)
        self.refresh_presence()

    def disconnected(self, node_id: int) -> None:
        """It no longer does. A leader without quorum steps down at once; a follower stands soon."""
        self.present.pop(node_id, None)
        self.founding.forget(node_id)
        if self.role == LEADER:
            self.leading.on_disconnected(node_id)
        elif node_id == self.leader:
            self.set_leader(None)
            self.heard_leader_ms = -1
            soon = self.now + self.random.randrange(self.config.heartbeat_ms, self.config.election_ms)
            self.deadline = min(self.deadline, soon)
        self.refresh_presence()

    def flush(self) -> None:
        """What collects between two turns goes out together: commit, and the appends for everybody."""
        if self.role == LEADER:
            self.leading.flush()

    def own_list(self) -> set[int]:
        """Ids of the list that this node was started with, itself included."""
        return {m.node_id for m in self.config.members if m.addr or m.node_id == self.id} | {self.id}

    def learn_peer(self, member: Member) -> None:
        """A node that is to be connected with was heard of."""
        if self.known.get(member.node_id) != member:
            self.known[member.node_id] = member
            self.events.append(MembersChanged(self.configuration.members))

    @property
    def has_marker(self) -> bool:
        """Whether this node has, or had, a marker of a cluster (R8)."""
        return self._last_marker is not None

    # ---- sending ----

    def send(self, to: int, message: Message) -> None:
        self.out.append((to, message))

    def broadcast(self, message: Message) -> None:
        """To everyone who is connected."""
        for node_id in self.present:
            self.out.append((node_id, message))

    # ---- phase, term, role ----

    def enter(self, phase: str) -> None:
        """Go to another phase."""
        if phase == self.phase:
            return
        self.phase = phase
        self.events.append(PhaseChanged(phase))
        if phase in ENDED:
            self.become_follower(None)
        self.reset_deadline()
        self.refresh()

    def halt(self, text: str) -> None:
        """R5: stop, keep the data, and say so."""
        self.events.append(Diverged(text))
        self.enter(HALTED)

    def adopt_term(self, term: int) -> None:
        """A higher term was seen: follow in it, with a vote to give."""
        if term > self.term:
            self.term = term
            self.voted_for = NOBODY
            self.voted_incarnation = 0
            self._hard_changed = True
            self.become_follower(None)
            if self.phase == FOUNDED:
                self.enter(NORMAL)

    def vote_for(self, candidate: int, incarnation: int) -> None:
        self.voted_for, self.voted_incarnation = candidate, incarnation
        self.voted_recovering = self.phase == RECOVERING
        self._hard_changed = True

    def become_follower(self, leader: int | None) -> None:
        if self.role == LEADER:
            self.leading.stop()
        self.role = FOLLOWER
        self.set_leader(leader)

    def set_leader(self, leader: int | None) -> None:
        if leader != self.leader:
            self.leader = leader
            self.leaderless_since = self.now
            self._missed_a_leader = False
            self.events.append(LeaderChanged(leader, self.term))
            self.refresh_presence()

    def reset_deadline(self) -> None:
        self.deadline = self.now + self.config.election_ms + self.random.randrange(self.config.election_ms)

    def fork(self) -> str:
        """An operator's word that the rest is gone for good: a cluster of this node alone, under a new id (R8)."""
        if self.phase in (LEFT, STOPPED):
            raise ClusterStoppedError(f"this node is {self.phase}: start it again first")
        alone = self.me._replace(rank=max(1, self.me.rank))
        if self.phase not in IN_CLUSTER and self.phase != HALTED:
            self.founding.found_alone(alone)
            return "This node held no state: it begins an empty cluster of its own; all replicated rows are lost."
        old, held = self.cluster, self.log.last_index
        self.become_follower(None)
        self.cluster = self.founding.new_id()
        self.enter(NORMAL)
        self.adopt_term(self.term + 1)
        self.vote_for(self.id, self.incarnation)
        data = msgpack.packb(msg.configuration_to_wire(Configuration(0, (alone,))))
        self.append(Entry(self.term, CONFIG, self.id, self.incarnation, 0, 0, data))
        self.elections.lead()
        return (
            f"Cluster {old:016x} goes on as {self.cluster:016x} with this node alone, from entry {held}: commits that did"
            " not reach this node are lost, and some that were never confirmed to their writers may now count."
        )

    # ---- log and configuration ----

    def append(self, entry: Entry) -> None:
        """Add an entry; a configuration is in force from here on (R7)."""
        if entry.term != self.log.last_term:
            self.begun[entry.term] = entry.incarnation
        self.log.append(entry)
        if entry.kind == CONFIG:
            index = self.log.last_index
            decoded = msg.configuration_from_wire(msgpack.unpackb(entry.data))
            self.configurations.append(decoded._replace(log_index=index, term=entry.term))
            self.special.append(index)
            self.refresh()
        elif entry.kind == RECOVERY:
            self.special.append(self.log.last_index)
            if entry.node_id == self.id:
                self._own_mark = self.log.last_index
        if self._unsaved_from is None:
            self._unsaved_from = self.log.last_index

    def truncate_from(self, index: int) -> None:
        """Drop uncommitted entries that another leader's history does not have."""
        assert index > self.commit, "R5: a committed entry is never truncated"
        self.log.truncate_from(index)
        self.begun = {t: leader for t, leader in self.begun.items() if t <= self.log.last_term}
        self._unsaved_from = index if self._unsaved_from is None else min(self._unsaved_from, index)
        self.stable = min(self.stable, index - 1)
        while self.special and self.special[-1] >= index:
            self.special.pop()
        if self._own_mark >= index:
            self._own_mark = 0
        if self.configurations[-1].log_index >= index:
            while self.configurations[-1].log_index >= index:
                self.configurations.pop()
            self.refresh()

    def commit_to(self, index: int) -> None:
        """Everything up to `index` is committed; the cluster's own entries take effect."""
        if index <= self.commit:
            return
        self.commit = index
        while self.special and self.special[0] <= index:
            place = self.special.pop(0)
            entry = self.log.entry(place)
            if entry.kind == RECOVERY:
                self.recovery.on_mark(entry)
            else:
                self._committed_configuration(place)

    def _committed_configuration(self, index: int) -> None:
        place = next(i for i, c in enumerate(self.configurations) if c.log_index == index)
        # Only a change that takes this node off ends it, and only the last one of this life: a log that is replayed, or
        # that is older than this node's return, may tell of an earlier one.
        if place and self.id in self.configurations[place - 1].ids() and index > self._own_mark:
            self._end_if_off(self.configurations[place])
        while len(self.configurations) > 1 and self.configurations[1].log_index <= self.log.base_index:
            self.configurations.pop(0)

    def _end_if_off(self, configuration: Configuration) -> None:
        """A committed list is without this node, which was a member: it has left. (Not while it recovers: then this
        may be history of an earlier membership.)"""
        if not configuration.is_joint and self.phase == NORMAL and self.id not in configuration.ids():
            self.leading.flush_farewell()
            self.end_membership()

    def end_membership(self) -> None:
        """This node is off the list for good, in this incarnation."""
        self.remove_marker = True
        self.events.append(Left())
        self.enter(LEFT)

    def restore(self, index: int, term: int, configuration: Configuration, pieces: Sequence[bytes]) -> None:
        """Take a snapshot in place of the log. May raise what the state machine raises; then nothing changed."""
        self.port.install(pieces, index)
        was_member = self.id in self.configurations[-1].ids()
        self.log.reset(index, term)
        self.begun.clear()
        self.commit = self.applied = self.stable = index
        self.configurations = [configuration]
        self.special.clear()
        self._unsaved_from = None
        if self.config.durable:
            self._unsaved_snapshot = SnapshotData(index, term, configuration, tuple(pieces))
        self.refresh()
        if was_member:
            self._end_if_off(configuration)

    def compact(self) -> None:
        """Keep the log within its bounds; what connected followers still need is kept, up to four times as much."""
        log, config = self.log, self.config
        if len(log) <= config.compact_entries and log.size <= config.compact_bytes:
            return
        if self.membership.leaving:
            return  # the state machine stands still: the log is all that this node could give a successor
        keep_from = self.applied
        if len(log) <= 4 * config.compact_entries and log.size <= 4 * config.compact_bytes:
            keep_from = min(keep_from, self.leading.needed_from() - 1)
        target = min(keep_from, log.last_index - config.compact_entries // 2)
        if target <= log.base_index:
            return
        if config.durable:
            index, term, configuration = self.snapshot_place()
            self._unsaved_snapshot = SnapshotData(index, term, configuration, tuple(self.port.pieces()))
        log.compact_to(target)
        self.begun = {t: leader for t, leader in self.begun.items() if t >= log.base_term}
        while len(self.configurations) > 1 and self.configurations[1].log_index <= target:
            self.configurations.pop(0)

    def snapshot_place(self) -> tuple[int, int, Configuration]:
        """Index, term and configuration of a snapshot that is made now."""
        term = self.log.term_at(self.applied)
        assert term is not None
        return self.applied, term, [c for c in self.configurations if c.log_index <= self.applied][-1]

    # ---- what the host is told ----

    def refresh(self) -> None:
        """The configuration in force may have changed: tell it, and keep the marker up to date."""
        newest = self.configurations[-1]
        if self.phase in (ASKING, RECOVERING) and self.adopted.place > newest.place or not newest.members:
            newest = self.adopted
        if newest is not self.configuration:
            self.configuration = newest
            self.known.update({m.node_id: m for m in newest.members if m.addr or m.node_id not in self.known})
            self.known[self.id] = self.me
            if newest.members != self._told_members:
                self._told_members = newest.members
                self.events.append(MembersChanged(newest.members))
        in_it = self.id in newest.ids() and self.cluster != 0 and self.phase not in (WAITING, LEFT)
        marker = Marker(self.cluster, newest.members, newest.log_index)
        if in_it and marker != self._last_marker and self.phase != ASKING:
            self.marker = self._last_marker = marker
        if self.role == LEADER:
            self.leading.sync_members()
        self.refresh_presence()

    def refresh_presence(self) -> None:
        """Tell which members came and went, and whether there is a quorum."""
        ids = self.configuration.ids()
        now = {i: m for i in self.present if i in ids and (m := self.configuration.member(i)) is not None}
        for node_id in [i for i in self._announced if i not in now]:
            self.events.append(PresenceChanged(self._announced.pop(node_id), False))
        for node_id, member in now.items():
            if node_id not in self._announced:
                self.events.append(PresenceChanged(member, True))
            self._announced[node_id] = member
        has = self.has_quorum()
        if has != self._had_quorum:
            self._had_quorum = has
            self.events.append(QuorumChanged(has))

    @property
    def is_changing(self) -> bool:
        """Whether a change of members is under way: the newest list is joint, or not known to be committed."""
        return self.configuration.is_joint or self.configuration.log_index > self.commit

    def has_quorum(self) -> bool:
        """In a cluster, and connected (itself included) to nodes that are a quorum, and could elect a leader if there is none
        for some time."""
        if self.phase not in IN_CLUSTER or not self.rule.is_quorum(self.configuration, self.counting()):
            return False
        return not self._is_leaderless() or self.rule.is_half(self.configuration, self.remembering())

    def counting(self) -> set[int]:
        """Nodes that are there and count, this one among them. Those that came back without memory do not where nobody has
        led for a while: they have a vote again only when enough others tell them of terms (R6 a)."""
        if not self._is_leaderless():
            return {self.id, *self.present}
        told = self.founding.told
        return {self.id, *(i for i in self.present if i not in told or told[i] in VOTING)}

    def remembering(self) -> set[int]:
        """Of these, the ones that do not recover: without half of them there is no election (R6 b)."""
        phases = self.founding.told | {self.id: self.phase}
        return {i for i in self.counting() if phases.get(i) != RECOVERING}

    def _is_leaderless(self) -> bool:
        """Long enough for an election, and for the others to say what they are."""
        return self.leader is None and self.now >= self.leaderless_since + 2 * self.config.election_ms

    def take_save(self) -> Save | None:
        """For durable nodes: what is not saved yet. A node that still recovers leaves nothing on its disk: after a crash it
        must ask again (R6), and not go on as if its recovery had come to an end."""
        if not self.config.durable or not self.cluster or self.phase in (ASKING, RECOVERING):
            return None
        if not (self._hard_changed or self._unsaved_from is not None or self._unsaved_snapshot is not None):
            return None
        first = self.log.last_index + 1 if self._unsaved_from is None else self._unsaved_from
        first = max(first, self.log.base_index + 1)
        entries = self.log.entries_from(first)
        save = Save(self.term, self.voted_for, self.voted_incarnation, first, entries, self._unsaved_snapshot)
        self._hard_changed, self._unsaved_from, self._unsaved_snapshot = False, None, None
        return save

    def saved(self, save: Save) -> None:
        """The host has synced this; what was replaced in the log since does not count."""
        for index in range(save.first_index + len(save.entries) - 1, self.stable, -1):
            if index < save.first_index or self.log.term_at(index) == save.entries[index - save.first_index].term:
                self.stable = max(self.stable, min(index, self.log.last_index))
                return
