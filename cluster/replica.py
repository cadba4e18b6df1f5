"""One node's part of the replicated log: the consensus core, the state machine, and what lies between them.

A :class:`Replica` is sans-IO: it owns no socket, clock, thread or random source. Its host

1. calls `peer_connected`, `step`, `tick`, `submit` and the like, as things happen, any number of them,
2. then takes one `ready()` and carries it out in the order of its fields,

and again, as long as `has_ready()`: what is to be sent comes in one turn, what is committed is applied in the next one. Everything
that happened between two `ready()` calls travels together: that is the group commit. All calls come from one thread.

What lies between core and state machine: proposals are sent to whoever leads, again when leaders change, and
recognised by (origin, incarnation, number), so that each is applied once (R4); committed entries are applied in
order, and outcomes found for those that wait here; barrier, stop and exchange verdicts are entries of the log too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgpack

from exdbsql.cluster.agreements import (
    BARRIER,
    STOP,
    STOP_DONE,
    Agreements,
    check_entries,
    exit_of,
    is_sound,
    left_by,
)
from exdbsql.cluster.core.core import Core
from exdbsql.cluster.core.invariants import check as check_invariants
from exdbsql.cluster.core.messages import (
    COMMAND,
    CONFIG,
    MEETING,
    READ_MARK,
    RECOVERY,
    VERDICT,
    Append,
    Entry,
    Join,
    Leave,
    Message,
    Proposal,
    Propose,
)
from exdbsql.cluster.core.phases import ASKING, ENDED, FOUNDED, IN_CLUSTER, LEADER, NORMAL, STOPPED, WAITING
from exdbsql.cluster.core.quorum import Member
from exdbsql.cluster.core.ready import Ready, Save, Stopped, VerdictReached
from exdbsql.cluster.core.settings import ReplicaConfig
from exdbsql.cluster.duplicates import Duplicates
from exdbsql.cluster.outbox import Outbox, batches
from exdbsql.cluster.state_machine import Origin, StateMachine, transaction_id
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import ClusterStoppedError, CommitOutcomeUnknownError, OperationalError, ProtocolError

__all__ = ["QuorumCount", "Replica", "ReplicaConfig", "ReplicaStatus"]

_ENTER = msgpack.packb(BARRIER)


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """One moment of a replica, for people, callers and tests.

    Attributes:
        phase: waiting, founded, asking, recovering, normal, left, halted or stopped.
        role: follower, pre-candidate, candidate, confirming or leader.
        leader: the leader's id, this node's own if it leads, or None.
        members: the list in force.
        outgoing: the list before, while a change is under way, else None.
        present: ids of members connected, this node included.
        without_memory: those of them that do not count, because they came back without memory and nobody leads.
        forgotten: in words, how the lack of a quorum comes of what nodes have forgotten; else "".
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
    outgoing: tuple[Member, ...] | None
    present: frozenset[int]
    without_memory: frozenset[int]
    forgotten: str
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
        without_memory, forgotten: as in :class:`ReplicaStatus`.
    """

    has_quorum: bool
    present: tuple[Member, ...]
    missing: tuple[Member, ...]
    without_memory: tuple[Member, ...]
    forgotten: str
    present_rank: int
    total_rank: int
    text: str


class Replica:
    """See the module; every method is for the host's one thread."""

    def __init__(self, config: ReplicaConfig, state_machine: StateMachine) -> None:
        self.config = config
        self._machine = state_machine
        self._duplicates = Duplicates()
        self._agreements = Agreements()
        self._outbox = Outbox()
        self._outcomes: list[tuple[int, object]] = []
        self._applied_term = 0
        self._stop_index: int | None = None
        self._passed: list[VerdictReached] = []
        """Verdicts that this node learned by a snapshot, and has not told."""
        self._detached = False
        self._missed = False
        self._dirty = True
        self.core = Core(config, self)

    # ---- what happens ----

    def tick(self, now_ms: int) -> None:
        """Time has come to `now_ms` (any origin, never backwards). A long gap counts as one short step only: a host
        that was held up (a paused process, the interpreter lock) must not take its peers for dead."""
        self._dirty = True
        self.core.tick(now_ms)

    def step(self, sender: int, message: Message) -> None:
        """A message from a peer whose id the transport has verified.

        Raises:
            ProtocolError: it holds an entry of the cluster's own that no node can read; nothing has changed then.
        """
        self._dirty = True
        if type(message) is Propose:
            self._on_propose(sender, message)
            return
        if type(message) is Append:
            check_entries(message.entries)
        self.core.step(sender, message)

    def peer_connected(self, node_id: int, incarnation: int = 0) -> None:
        """Messages to and from this node go through now (handshake done, both directions)."""
        self._dirty = True
        self.core.connected(node_id, incarnation)

    def peer_disconnected(self, node_id: int) -> None:
        """They no longer do: noticed at once by closed connection, or after the keep-alive."""
        self._dirty = True
        self.core.disconnected(node_id)

    def ready(self) -> Ready:
        """What is to be done, once; see :class:`Ready` for the order. Applies committed entries, in a turn of their own where
        there is something to send first.

        Raises:
            InternalError: something that must hold does not, where the configuration says `debug`.
        """
        core = self.core
        self._dirty = False
        self._route_proposals()
        core.flush()
        if core.out and core.applied < core.commit:
            self._dirty = True  # others go on meanwhile: what they are told does not wait for what is applied here
        else:
            self._apply_committed()
            if self._end_together():
                core.flush()
                self._apply_committed()
            core.compact()
        if self.config.debug:
            check_invariants(core)
        core.events += self._passed
        self._passed = []
        ready = Ready(core.marker, core.remove_marker, core.take_save(), core.out, self._outcomes, core.events)
        core.marker, core.remove_marker, core.out, core.events = None, False, [], []
        self._outcomes = []
        return ready

    def has_ready(self) -> bool:
        """Whether `ready()` would give anything: cheap."""
        return self._dirty

    def owes_news(self) -> bool:
        """Whether this node leads, and some follower has not been told of all that is committed: see `tell`."""
        return self.core.role == LEADER and self.core.leading.owes_news()

    def tell(self) -> None:
        """Tell all followers what is committed, in this turn: for a host that is `lazy` otherwise."""
        self._dirty = True
        self.core.leading.telling = True

    def saved(self, save: Save) -> None:
        """A durable host has synced this save."""
        self._dirty = True
        self.core.saved(save)

    # ---- what the application asks for; each gives a number whose outcome Ready.outcomes brings ----

    def submit(self, command: bytes) -> int:
        """Propose a command for the log. Outcome: what `StateMachine.apply` returned here; None if it took effect and
        this node learned that by a snapshot; a CommitOutcomeUnknownError if it was settled too long ago to know how.

        Raises:
            OperationalError: more than `max_outstanding` are unsettled.
            ClusterStoppedError: stopped, halted or left.
        """
        return self._submit(COMMAND, command)

    def submit_barrier(self) -> int:
        """Outcome None when every member of the list has entered its own barrier."""
        return self._submit(MEETING, _ENTER)

    def submit_barrier_exit(self, number: int) -> int:
        """Give up the barrier of this number. Outcome: whether all had met before that; else this node was never there.
        It is proposed until it is settled, whoever waits: a node that is gone must not count as inside."""
        return self._submit(MEETING, exit_of(number))

    def submit_stop(self) -> int:
        """Outcome None when every active node has asked to stop; the event Stopped follows when all have heard."""
        return self._submit(MEETING, msgpack.packb(STOP))

    def submit_verdict(self, operation: str, commit: bool) -> int:
        """Outcome: the verdict (bool) that counts for this operation, which is the first in the log (R11)."""
        return self._submit(VERDICT, msgpack.packb([operation, commit]))

    def submit_read_mark(self) -> int:
        """Outcome None once this node has applied everything that was committed at this call: a linearizable read."""
        return self._submit(READ_MARK, b"")

    def _submit(self, kind: int, data: bytes) -> int:
        if self.core.phase in ENDED or self._detached:
            raise ClusterStoppedError(f"this node takes no more proposals: it is {self.core.phase}")
        if len(self._outbox.unsettled) >= self.config.max_outstanding:
            raise OperationalError(
                f"{self.config.max_outstanding} proposals of this node are unsettled",
                sqlstate=sqlstate.OUT_OF_MEMORY,
                hint="wait for the cluster to catch up",
                retryable=True,
            )
        self._dirty = True
        return self._outbox.add(kind, data)

    def withdraw(self, number: int) -> bool:
        """Give up waiting. True: it never left this node, and surely was not and never will be carried out.
        False: unknown (or settled already); no outcome will be reported, ask `transaction_status` later."""
        kind, data = self._outbox.unsettled.get(number, (COMMAND, b""))
        if kind == MEETING and left_by(data):
            return False
        never_left = self._outbox.withdraw(number)
        if not never_left and kind == MEETING and data == _ENTER and self.core.phase not in ENDED:
            self._dirty = True
            self._outbox.add(MEETING, exit_of(number))
        return never_left

    def transaction_status(self, origin: Origin) -> str:
        """ "committed", "void" (applied with an error, or never to be), or "unknown" (not seen yet, or too long ago)."""
        status = self._duplicates.status(origin)
        # what came after this node was to leave is settled, and was not applied here: who has applied it knows how it ended
        return "unknown" if self._missed and status == "void" else status

    def can_be_passed_over(self, origin: Origin) -> bool:
        """Whether this is a proposal of this node that it has given up, and that its next entry in the log would settle."""
        mine = (origin.node_id, origin.incarnation) == (self.core.id, self.core.incarnation)
        given_up = origin.number < self._outbox.next_number and origin.number not in self._outbox.unsettled
        return mine and given_up and not self._duplicates.settled(origin)

    # ---- membership ----

    def leave(self) -> None:
        """Take this node off the list (detach). The state machine gets no further call; the host keeps the replica
        running until the event Left, or as long as it likes."""
        self._dirty = True
        self._detached = True
        self.core.membership.leave()

    @property
    def can_come_back(self) -> bool:
        """Whether this replica, which was to leave, may take part again as it is: it was not seen off, and its state
        machine has missed nothing."""
        return self._detached and not self._missed and self.core.phase == NORMAL

    def come_back(self) -> None:
        """Take part again after `leave`, with term, vote and log, as a node does that was cut off for a while. Only
        where `can_come_back` says so; the host tells anew who is connected."""
        assert self.can_come_back
        self._dirty = True
        self._detached = False
        self.core.membership.stay()
        for node_id in list(self.core.present):
            self.core.disconnected(node_id)

    def change_member(self, member: Member) -> None:
        """Ask the leader to list a member with this rank and address. Its effect shows as MembersChanged."""
        self._dirty = True
        self.core.membership.wish(Join(self.core.cluster, self.core.incarnation, member))

    def remove_member(self, node_id: int) -> None:
        """An operator's word that this node will not come back: take it off the list."""
        self._dirty = True
        self.core.membership.wish(Leave(self.core.cluster, node_id))

    def force_go_on(self) -> str:
        """An operator's explicit command (R8) for when the rest is gone for good: go on, under a new cluster id, from
        what this node has. Returns a sentence that says what may be lost. Members of the old list must join anew."""
        if self._detached and self.core.phase not in ENDED:
            raise ClusterStoppedError(
                "this node was told to leave, and its state stands still: attach it, or start it again"
            )
        self._dirty = True
        return self.core.fork()

    def transfer_leadership(self, to: int | None = None) -> None:
        """If this node leads: hand over to `to`, or to the member best fit (before a stop, a leave)."""
        self._dirty = True
        self.core.leading.hand_over(to)

    # ---- what can be asked ----

    def status(self) -> ReplicaStatus:
        core = self.core
        count = self.quorum_report()
        waiting_for = self._waiting_for(count)
        return ReplicaStatus(
            node_id=core.id,
            incarnation=core.incarnation,
            cluster=core.cluster,
            phase=core.phase,
            role=core.role,
            term=core.term,
            leader=core.leader,
            commit=core.commit,
            applied=core.applied,
            last_index=core.log.last_index,
            members=core.configuration.members,
            outgoing=core.configuration.outgoing,
            present=frozenset({core.id, *core.present}) & core.configuration.ids(),
            without_memory=frozenset(m.node_id for m in count.without_memory),
            forgotten=count.forgotten,
            present_rank=count.present_rank,
            total_rank=count.total_rank,
            has_quorum=count.has_quorum,
            ready=not waiting_for,
            waiting_for=waiting_for,
        )

    def _waiting_for(self, count: QuorumCount) -> str:
        core = self.core
        if core.phase in ENDED:
            return f"this node is {core.phase}"
        if core.phase in (WAITING, FOUNDED, ASKING):
            return core.founding.waiting_text()
        if not count.has_quorum:
            return count.text
        if core.leader is None:
            return "an election is under way"
        if core.phase != NORMAL:
            return f"this node is recovering its state from node {core.leader}"
        if core.id not in core.configuration.ids():
            return f"node {core.leader} has not put this node on the member list yet"
        if self._applied_term != core.term:
            return f"this node catches up with node {core.leader}: {core.commit} of {core.log.last_index} entries"
        return ""

    def quorum_report(self) -> QuorumCount:
        """The arithmetic of this moment."""
        core = self.core
        here, counting = {core.id, *core.present}, core.counting()
        members = core.configuration.members
        present = tuple(m for m in members if m.node_id in here)
        missing = tuple(m for m in members if m.node_id not in here)
        without_memory = tuple(m for m in present if m.node_id not in counting)
        present_rank = sum(m.rank for m in members if m.node_id in counting)
        total_rank = sum(m.rank for m in members)
        has = core.has_quorum()
        if core.phase not in IN_CLUSTER:
            text = f"this node is {core.phase}: it is not in a running cluster"
        elif core.rule.callback is not None:
            text = f"the quorum callback says {'yes' if has else 'no'}"
        else:
            text = f"ranks present {present_rank} of {total_rank}, more than {total_rank / 2:g} needed"
        if missing:
            text += f"; missing: {_named(missing)}"
        forgotten = "" if has else self._forgotten(without_memory, 2 * present_rank > total_rank)
        if forgotten:
            text += f"; {forgotten}"
        return QuorumCount(has, present, missing, without_memory, forgotten, present_rank, total_rank, text)

    def _forgotten(self, without_memory: Sequence[Member], enough_ranks: bool) -> str:
        """What nodes that came back without memory have to do with the lack of a quorum, in words."""
        core = self.core
        if without_memory:
            return f"without memory, and not counted before enough others remember: {_named(without_memory)}"
        if not enough_ranks or core.phase not in IN_CLUSTER or core.rule.callback is not None:
            return ""
        members = core.configuration.members
        sound = sum(m.rank for m in members if m.node_id in core.remembering())
        half = sum(m.rank for m in members) / 2
        return f"of these ranks {sound} have not forgotten their state, and an election needs {half:g}"

    def has_quorum(self) -> bool:
        """Whether this node and those it is connected to are a quorum and it is in a cluster: cheap."""
        return self.core.has_quorum()

    def peers(self) -> dict[int, Member]:
        """Everyone to be connected with (address known): the list in force, the own list, and nodes that are joining."""
        core = self.core
        ids = core.configuration.ids()
        joining = {i: member for i, (member, _) in core.membership.joiners.items()}
        listed = {i: m for i in ids if (m := core.configuration.member(i)) is not None}
        known = core.known if not ids or core.id not in ids else {}
        return {i: m for i, m in (joining | known | listed).items() if m.addr and i != core.id}

    # ---- proposals ----

    def _route_proposals(self) -> None:
        """To whoever leads; into the own log if that is this node."""
        core = self.core
        if not self._outbox.unsettled or core.leader is None or core.phase not in IN_CLUSTER:
            return
        if core.role == LEADER:
            if core.leading.accepts():
                route = (core.id, core.term)
                self._append(core.id, core.incarnation, self._outbox.take(route, core.now, self._patience()))
        elif core.leader in core.present:
            route = (core.leader, core.term)
            for some in batches(self._outbox.take(route, core.now, self._patience())):
                core.send(core.leader, Propose(core.cluster, core.incarnation, some))

    def _patience(self) -> int:
        return 4 * self.config.election_ms

    def _on_propose(self, sender: int, m: Propose) -> None:
        core = self.core
        if m.cluster == core.cluster and core.leading.accepts():
            self._append(sender, m.incarnation, m.proposals)

    def _append(self, node_id: int, incarnation: int, proposals: Sequence[Proposal]) -> None:
        core = self.core
        for kind, number, low, data in proposals:
            if kind in (COMMAND, READ_MARK) or (kind in (MEETING, VERDICT) and is_sound(kind, data)):
                core.append(Entry(core.term, kind, node_id, incarnation, number, low, data))

    # ---- applying ----

    def _apply_committed(self) -> None:
        core = self.core
        while core.applied < core.commit:
            index = core.applied + 1
            entry = core.log.entry(index)
            if entry.kind == COMMAND:
                self._apply_command(index, entry)
            elif entry.kind == CONFIG:
                self._let_out(self._agreements.release(self._members_at(index)))
            elif entry.kind == RECOVERY:
                self._agreements.started_again(entry.node_id, entry.incarnation)
            elif entry.number:
                self._apply_own(index, entry)
            core.applied = index
            self._applied_term = entry.term

    def _apply_command(self, index: int, entry: Entry) -> None:
        if not self._duplicates.admit(entry):
            return
        origin = Origin(entry.node_id, entry.incarnation, entry.number)
        if self._detached:
            self._missed = True
            return
        result = self._machine.apply(index, origin, entry.data)
        self._duplicates.record(entry, not isinstance(result, Exception))
        self._settle(entry.node_id, entry.incarnation, entry.number, result)

    def _apply_own(self, index: int, entry: Entry) -> None:
        """An entry of the cluster's own that some node waits for."""
        number = left_by(entry.data) if entry.kind == MEETING else 0
        entered = number and self._duplicates.settled(Origin(entry.node_id, entry.incarnation, number))
        if not self._duplicates.admit(entry):
            return
        if entry.kind == VERDICT:
            operation, commit, first = self._agreements.judge(entry)
            if first:
                self.core.events.append(VerdictReached(operation, commit))
            self._settle(entry.node_id, entry.incarnation, entry.number, commit)
        elif number:
            self._exit(entry, number, bool(entered))
        elif entry.kind == MEETING:
            self._let_out(self._agreements.enter(entry, self._members_at(index)))
            if self._agreements.stopped and self._stop_index is None:
                self._stop_index = index
        else:
            self._settle(entry.node_id, entry.incarnation, entry.number, None)

    def _exit(self, entry: Entry, number: int, entered: bool) -> None:
        """A barrier is given up; if its own entry has not come by now, it comes too late."""
        self._duplicates.admit(entry._replace(number=number, low=0))
        met = entered and not self._agreements.exit(entry)
        self._settle(entry.node_id, entry.incarnation, number, None)
        self._settle(entry.node_id, entry.incarnation, entry.number, met)

    def _members_at(self, index: int) -> frozenset[int]:
        configurations = [c for c in self.core.configurations if c.log_index <= index]
        return configurations[-1].ids() if configurations else frozenset()

    def _let_out(self, released: list[tuple[int, int, int]]) -> None:
        for node_id, incarnation, number in released:
            self._settle(node_id, incarnation, number, None)

    def _settle(self, node_id: int, incarnation: int, number: int, result: object) -> None:
        mine = node_id == self.core.id and incarnation == self.core.incarnation
        if mine and self._outbox.settle(number):
            self._outcomes.append((number, result))

    # ---- the common end ----

    def _end_together(self) -> bool:
        """Whether there is something to flush again: the leader ends the cluster when all active nodes have asked."""
        core, agreements = self.core, self._agreements
        if core.phase in ENDED:
            return False
        if self._stop_index is not None:
            self._stop_when_heard(self._stop_index)
            return False
        if core.role != LEADER or not agreements.asked_to_stop or not core.leading.accepts():
            return False
        active = {i: p.incarnation for i, p in core.leading.progress.items() if i in core.present}
        active[core.id] = core.incarnation
        asked = {i: incarnation for i, (incarnation, _) in agreements.asked_to_stop.items()}
        members = core.configuration.ids()
        if core.log.last_index > core.commit or any(asked.get(i) != active[i] for i in active if i in members):
            return False
        self._append(core.id, core.incarnation, [self._own_meeting(STOP_DONE)])
        return True

    def _own_meeting(self, what: str) -> Proposal:
        number = self._outbox.reserve()
        return Proposal(MEETING, number, 0, msgpack.packb(what))

    def _stop_when_heard(self, index: int) -> None:
        """A leader stays until everybody connected knows that the end is committed."""
        core = self.core
        if core.role == LEADER:
            active = core.configuration.ids() & core.present.keys()
            if any(p.commit < index for i, p in core.leading.progress.items() if i in active):
                return
        core.remove_marker = True
        core.events.append(Stopped())
        core.enter(STOPPED)

    # ---- snapshots: the core's port to the state ----

    def pieces(self) -> Iterator[bytes]:
        """The replicated state at the applied index: what this module remembers, then the state machine's own pieces."""
        head = msgpack.packb([self._duplicates.to_wire(), self._agreements.to_wire(), self._applied_term])
        return _chain(head, self._machine.snapshot())

    def install(self, pieces: Sequence[bytes], log_index: int) -> None:
        """Take another node's state; atomic."""
        try:
            duplicates, agreements, term = msgpack.unpackb(pieces[0], strict_map_key=False)
            made = Duplicates.from_wire(duplicates), Agreements.from_wire(agreements)
        except Exception as error:  # noqa: BLE001  whatever reading nonsense may raise
            raise ProtocolError(f"the head of a snapshot cannot be read: {error!r:.100}") from None
        if self._detached:
            self._missed = True
        else:
            self._machine.restore(iter(pieces[1:]))
        known, (self._duplicates, self._agreements) = self._agreements.verdicts, made
        verdicts = self._agreements.verdicts.items()
        self._passed += [VerdictReached(operation, commit) for operation, commit in verdicts if operation not in known]
        self._applied_term = term
        if self._agreements.stopped:
            self._stop_index = log_index
        self._settle_by_snapshot()

    def _settle_by_snapshot(self) -> None:
        """Proposals of this node that the snapshot covers: applied elsewhere, not here."""
        id_, incarnation = self.config.node_id, self.config.incarnation
        for number, (kind, _) in list(self._outbox.unsettled.items()):
            origin = Origin(id_, incarnation, number)
            if not self._duplicates.settled(origin) or self._agreements.is_waiting(origin):
                continue
            result: object = None
            if kind == COMMAND:
                result = self._outcome_by_snapshot(origin)
            elif kind == VERDICT:
                operation, commit = msgpack.unpackb(self._outbox.unsettled[number][1])
                result = self._agreements.verdicts.get(operation, commit)
            self._settle(id_, incarnation, number, result)

    def _outcome_by_snapshot(self, origin: Origin) -> object:
        status = self._duplicates.status(origin)
        name = transaction_id(origin)
        if status == "committed":
            return None
        if status == "void":
            return OperationalError(
                "the transaction was void; this node lagged and does not know why",
                sqlstate=sqlstate.SERIALIZATION_FAILURE,
                retryable=True,
            )
        return CommitOutcomeUnknownError("settled while this node lagged, too long ago", transaction_id=name)


def _named(members: Sequence[Member]) -> str:
    return ", ".join(f"node {m.node_id} (rank {m.rank})" for m in members)


def _chain(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest
