"""One node's life in its cluster: replica, transport and exchange desk, and what joins them.

The life of a commit here, in whatever thread has the helm (``helm.py``):

1. `work` hears what the lines bring, takes all submissions that application threads have put, and gives them to the
   replica (at once, or gathered by the window).
2. It takes one `Ready` from the replica and carries it out in the order of its fields: marker, messages, outcomes,
   events. Everything that happened in one turn travels together.
3. An outcome wakes the application thread that waits for it, if that is not the one that steers.

Everything here happens at the helm, and all but `work`, `steer` and what they call in the listener's thread; but `status`,
`failure` and `traffic` are read by others: they are replaced, never changed.

Left out: durable nodes (their log on disk) come with the engine's log.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from zlib import crc32

from exdbsql.cluster.core import messages
from exdbsql.cluster.core import ready as core_ready
from exdbsql.cluster.core.quorum import Member
from exdbsql.cluster.discover import ask_who_is_there
from exdbsql.cluster.everywhere import Everywhere
from exdbsql.cluster.exchange import ExchangeDesk
from exdbsql.cluster.frames import (
    APPLIED,
    ASK_APPLIED,
    CONSENSUS,
    CONTROL,
    EXCHANGE,
    LATENESS,
    MAX_BULK,
    MEMBERS,
    STOP,
)
from exdbsql.cluster.handoff import Alarm, Call, Mailbox, Submission
from exdbsql.cluster.handshake import MAX_DIGESTS, Hello, Refusal, digest_of, judge
from exdbsql.cluster.helm import Helm
from exdbsql.cluster.information import NodeInfo
from exdbsql.cluster.lateness import Lateness
from exdbsql.cluster.lines import Events, Lines
from exdbsql.cluster.link import Traffic
from exdbsql.cluster.machine import CountedMachine
from exdbsql.cluster.marker import MarkerFile
from exdbsql.cluster.parameters import ClusterParams, ClusterWindow
from exdbsql.cluster.proposals import Proposals
from exdbsql.cluster.replica import Replica, ReplicaConfig, ReplicaStatus
from exdbsql.cluster.state_machine import ExchangeStore
from exdbsql.cluster.transport_tcp import TcpTransport
from exdbsql.cluster.window import Window
from exdbsql.cluster.wire import Frame
from exdbsql.schema.errors import (
    ClusterError,
    ClusterStoppedError,
    DuplicateNodeIdError,
    Error,
    InternalError,
    NoQuorumError,
    ProtocolError,
    SyncError,
)

log = logging.getLogger("exdbsql.cluster")

TICK_S = 0.02
"""How often the replica hears what time it is, in s."""

GRACE_S = 1.0
"""For how long a submission waits for a quorum that was lost under it, in s."""

LEADERLESS_S = 5.0
"""For how long a submission waits for a leader, in s, where the ranks of connected nodes would do: of nodes that came back
without memory too few may remember (R6), and that does not pass by itself."""

SLOW_CALLBACK_S = 0.1
"""A callback that takes longer, in s, is worth a warning."""

HANDOVER_S = 0.2
"""For how long a leader that goes stays to hand over, in s."""

ROUNDS = 2
"""Groups of submissions that are on their way before the next ones wait for an answer: then they leave together. A tick
does not wait."""

STEER_S = 0.002
"""For how long a committing thread waits for an answer before it looks around, in s."""

NEWS_S = 0.002
"""For how long followers may be left without the news that something is committed, where none of them waits for it, in s."""

STATUS_TICKS = 5
"""The status that others read is renewed at events, and every so many ticks."""


class Runtime:
    """See the module. Made in any thread; `run` and everything after it belongs to the listener's.

    Attributes:
        status: the replica's last status.
        failure: why the runtime ended by itself, or None.
        detached: it ended because the node left the cluster.
        seen_off: the node was taken off the member list.
        was_ready: it has been a synchronised member of a quorum.
        proposals: what this node has proposed, and who waits for it.
        reasons: by node id, what other nodes say against this one while it waits.
    """

    def __init__(
        self,
        params: ClusterParams,
        machine: CountedMachine,
        store: ExchangeStore,
        marker_file: MarkerFile,
        schema_text: str,
        on_change: Callable[[], None],
        resumed: "Runtime | None" = None,
    ) -> None:
        self.params = params
        self.node_id = params.nodeId
        self.addr = params.nodes[params.nodeId].addr
        self.rank = params.nodes[params.nodeId].qrank
        self.incarnation: int = secrets.randbits(63) | 1 if resumed is None else resumed.incarnation
        self.failure: Error | None = None
        self.detached = self.seen_off = self.was_ready = False
        self.reasons: dict[int, str] = {}
        self.window = Window(params.window or ClusterWindow(), self._submit_all, self._later)
        if resumed is None:
            self.replica = Replica(self._replica_config(marker_file.read()), machine)
        else:
            self.replica = resumed.replica
            self.replica.come_back()
        self.status: ReplicaStatus = self.replica.status()
        self.proposals = Proposals(self.replica)
        self.desk = ExchangeDesk(self.node_id, secrets.randbits(63), store, self)
        self.everywhere = Everywhere(self)
        self.lateness = Lateness()
        self._voyages = 0
        self._machine = machine
        self._marker_file = marker_file
        self._schema_text = schema_text
        self._digests = {digest_of(schema_text)}
        self._on_change = on_change
        self._stopping = False
        self._transport: TcpTransport | None = None
        self._finished: asyncio.Event = asyncio.Event()
        self._mailbox, self._alarm = Mailbox(), Alarm()
        self._helm, self._lines = Helm(), Lines()
        self._ended = self._at_work = False
        self._pump_due = False
        self._news_behind, self._news_at = 0, 0.0
        self._ticks = 0
        self._led_at = 0.0
        self._connected_to: set[int] = set()
        self._also_stopping: set[int] = set()

    def _replica_config(self, marker: core_ready.Marker | None) -> ReplicaConfig:
        members = tuple(Member(i, node.addr, node.qrank) for i, node in enumerate(self.params.nodes))
        return ReplicaConfig(
            node_id=self.node_id,
            addr=self.addr,
            rank=self.rank,
            incarnation=self.incarnation,
            seed=secrets.randbits(63),
            members=members,
            marker=marker,
            lazy=True,
            quorum_callback=None if self.params.quorumCallback is None else self._ask_application,
        )

    def _ask_application(self, ids: frozenset[int]) -> bool:
        assert self.params.quorumCallback is not None
        with _watched("quorumCallback"):
            try:
                return bool(self.params.quorumCallback(sorted(ids)))
            except Exception:
                log.exception("quorumCallback raised; that counts as False")
                return False

    # ---- life ----

    async def run(self, mailbox: Mailbox, alarm: Alarm, helm: Helm, lines: Lines) -> None:
        """Take part in the cluster until it stops, this node leaves, or `finish` is called.

        Raises:
            Error: why the node cannot take part.
        """
        loop = asyncio.get_running_loop()
        params = self.params
        pool = max(1, MAX_BULK * params.conn_pool_factor // 100)
        self._mailbox, self._alarm, self._helm, self._lines = mailbox, alarm, helm, lines
        self._transport = TcpTransport(
            self.node_id, self.addr, params.tcp, self, params.clusterSendBuf, params.clusterRecvBuf, pool, (helm, lines)
        )
        try:
            await self._transport.start()
        except ClusterError as error:
            raise self._duplicate_or(error) from error
        try:
            self._connect_to_peers()
            self._led_at = loop.time()
            lines.crew = self
            mailbox.attach(loop, self._open_letters)
            self._tick()
            await self._finished.wait()
        finally:
            lines.crew = None
            self._ended = self.proposals.closed = True
            mailbox.expecting = False
            self.window.flush()
            self.proposals.give_up_all(
                "this node's cluster runtime stopped before the answer came", ClusterStoppedError
            )
            self.desk.close()
            self.everywhere.close()
            await self._transport.close()
            self._refresh()
        if self.failure is not None:
            raise self.failure

    def _duplicate_or(self, error: ClusterError) -> ClusterError:
        """Who has our address: a node with our id is told as such."""
        try:
            there = ask_who_is_there(self.addr, 1000, self.params.tcp.ssl_params)
        except Error:
            return error
        if there.node_id != self.node_id:
            return error
        message = f"node id {self.node_id} is taken by the node that runs at {self.addr}"
        return DuplicateNodeIdError(message, hint="Stop that process, or start this node with a free id and address.")

    def finish(self, failure: Error | None = None) -> None:
        """End `run` soon; with a failure, `run` raises it."""
        if failure is not None and self.failure is None and not self._ended:
            self.failure = failure
            log.error("node %d stops: %s", self.node_id, failure)
        self._ended = True
        if self._helm.away:
            self._helm.later(self._finished.set)
        else:
            self._finished.set()

    def _later(self, action: Callable[[float], None], argument: float) -> None:
        """`Helm.later`, of the helm that `run` is given."""
        self._helm.later(action, argument)

    # ---- what application threads ask ----

    def _open_letters(self) -> None:
        """In the listener's thread: everything that is in the mailbox."""
        requests = self._mailbox.take_requests()
        self.work(())
        for request in requests:
            request.action(request)

    def _submit_all(self, submissions: list[Submission]) -> None:
        """Give the commands of one window to the replica."""
        self.proposals.submit(submissions)
        if not self._at_work:
            self._pump()

    @property
    def can_be_steered(self) -> bool:
        """Whether a committing thread may carry its commit through by itself. Not where asyncio has a part in it, or the
        application: its callbacks run in the listener's thread."""
        return (
            self._lines.crew is self
            and self.params.tcp.ssl_params is None
            and self.params.quorumCallback is None
            and not self.window.bounds.length
        )

    def steer(self, submission: Submission | None = None) -> None:
        """In a committing thread that has just got the helm, and gives it back by this: carry a commit through, as far as
        the listener's thread lets us; without one, look into the mailbox once."""
        helm, lines = self._helm, self._lines
        helm.begin_voyage()
        try:
            if submission is None:
                self.work(())
            else:
                submission.awake = True
                self.work(())
                while not (submission.done or helm.wanted or self._ended):
                    events = lines.wait(STEER_S)
                    if not events and self.replica.owes_news():
                        self.replica.tell()  # those who should have answered do not: others may
                    self.work(events)
                submission.awake = submission.done
        except (
            BaseException
        ) as problem:  # a bug; or an exception that somebody set in this thread, and who knows what it hit
            log.exception("node %d failed in a thread that commits", self.node_id)
            self.finish(InternalError(f"node {self.node_id} failed in a thread that commits: {problem!r}"))
            if not isinstance(problem, Exception):
                raise
        finally:
            helm.end_voyage()

    def _open_commands(self) -> None:
        """Take the commands that may leave now: all, or none while answers are due."""
        mailbox = self._mailbox
        if (self.window.bounds.length or self.proposals.rounds < ROUNDS) and not mailbox.is_empty:
            self.window.add(mailbox.take_commands())
            self._pump()
        mailbox.expecting = not self.window.bounds.length and self.proposals.rounds >= ROUNDS

    def work(self, events: Events) -> None:
        """At the helm: hear what the lines bring, open the letters with commands, and do what follows."""
        assert self._transport is not None
        turn = self._transport.turn
        turn.hold()
        self._at_work = True
        try:
            if events:
                self._lines.hear(events)
            self._pump()
            self._open_commands()
        finally:
            self._at_work = False
            turn.let_go()

    def ask(self, propose: Callable[[], int], settle: Callable[[object], None]) -> None:
        """Propose something to the replica; `settle` gets its outcome, or the error."""
        self.proposals.ask(propose, settle)
        self.schedule_pump()

    def settle_when(self, condition: Callable[[], bool], call: Call) -> None:
        """Settle a call once a condition holds, which is asked with every tick, or this runtime ends."""
        if condition():
            call.settle(None)
        elif self._finished.is_set():
            call.settle(ClusterStoppedError("this node's cluster runtime stopped before the answer came"))
        else:
            self.schedule_pump()
            asyncio.get_running_loop().call_later(TICK_S, self.settle_when, condition, call)

    def begin_stop(self, call: Call) -> None:
        """The application called stop(): no more submissions; `call` gets an error, or nothing until the end."""
        self.proposals.closed = self._stopping = True
        for node_id in self.connected():
            self._send_stop(node_id)

        def refused(result: object) -> None:
            if isinstance(result, Error) and not self._ended:
                call.settle(result)

        self.ask(self.replica.submit_stop, refused)

    def _send_stop(self, node_id: int) -> None:
        if self._stopping and self._transport is not None:
            self._transport.send(node_id, [STOP])

    def _stop_without_quorum(self) -> None:
        """The log cannot agree on the end without a quorum: then the connected nodes' word is enough, for nothing that
        was committed can be lost by it. The marker stays."""
        if self._stopping and not self.replica.has_quorum() and self._also_stopping.issuperset(self.connected()):
            self.finish()

    def close_soon(self) -> None:
        """This node goes alone: a leader hands over first, and what is on its way gets a moment to leave."""
        self.proposals.closed = True
        if self.status.role != "leader" or len(self.status.present) < 2:
            self.finish()
            return
        self.replica.transfer_leadership()
        self.schedule_pump()
        asyncio.get_running_loop().call_later(HANDOVER_S, self.finish)

    def propose_verdict(self, operation: str, commit: bool, done: Callable[[object], None]) -> None:
        """A scatter's verdict, for the exchange desk."""
        if not self.replica.has_quorum():
            done(NoQuorumError(self.replica.quorum_report().text))
            return
        self.ask(lambda: self.replica.submit_verdict(operation, commit), done)

    def leave(self, patience_s: float) -> None:
        """Take this node off the member list; `run` ends once that is done, or cannot be within `patience_s`."""
        self.proposals.closed = True
        self.replica.leave()
        self.schedule_pump()
        asyncio.get_running_loop().call_later(patience_s, self._left)

    def _left(self) -> None:
        if not self._ended:
            self.detached = True
            self.finish()

    # ---- the loop ----

    def _tick(self) -> None:
        if self._ended:
            return
        loop = asyncio.get_running_loop()
        loop.call_later(TICK_S, self._tick)
        self.replica.tick(int(loop.time() * 1000))
        self._ticks += 1
        self._alarm.ring()
        self._mailbox.expecting = False
        if self._ticks % STATUS_TICKS == 0:
            self._refresh()
            self.desk.settle_orphans()
            self._stop_without_quorum()
            self._give_up_without_leader(loop.time())
        self._measure_lateness(loop.time())
        if self.replica.has_ready():
            self._pump()

    def _measure_lateness(self, now: float) -> None:
        """A leader that its own process keeps waiting hands over."""
        voyages, self._voyages = self._voyages, self._helm.voyages
        if voyages != self._voyages or not self.proposals.is_idle or not self.lateness.sample():
            return
        for node_id in self.connected():
            self.send_control(node_id, [LATENESS, self.lateness.percent])
        if self.status.role != "leader" or not self.status.ready:
            return
        others = self.status.present - {self.node_id}
        voters = [(m.node_id, m.rank) for m in self.status.members if m.node_id in others and m.rank]
        successor = self.lateness.successor(voters, now)
        if successor is not None:
            log.info("node %d waits for its interpreter: node %d is to lead", self.node_id, successor)
            self.replica.transfer_leadership(successor)

    def schedule_pump(self) -> None:
        """Pump once more in this turn, however much has happened."""
        if not (self._pump_due or self._at_work):
            self._pump_due = True
            self._helm.later(self._pump)

    def _pump(self) -> None:
        self._pump_due = False
        while not self._ended and self.replica.has_ready():
            try:
                self._carry_out(self.replica.ready())
            except Error as error:
                self.finish(error)
            except Exception as error:
                log.exception("the replica of node %d failed", self.node_id)
                self.finish(InternalError(f"the replica of node {self.node_id} failed: {error!r}"))

    def _carry_out(self, ready: core_ready.Ready) -> None:
        """One Ready, in the order of its fields."""
        if ready.marker is not None:
            self._marker_file.write(ready.marker)
        if ready.remove_marker:
            self._marker_file.remove()
        if ready.messages:
            self._send(ready.messages)
        if ready.outcomes:
            self._settle(ready.outcomes)
        self.everywhere.advance()
        if ready.events:
            if self._helm.away:
                self._helm.later(self._take_events, ready.events)
            else:
                self._take_events(ready.events)

    def _take_events(self, events: Sequence[core_ready.Event]) -> None:
        self._refresh()
        for event in events:
            self._take_event(event)

    def _settle(self, outcomes: Sequence[tuple[int, object]]) -> None:
        """Wake those who wait."""
        alarm = self._alarm
        alarm.held = True
        try:
            ashore = self.proposals.settle(outcomes, away=self._helm.away)
        finally:
            alarm.held = False
            alarm.ring()
        if ashore:
            self._helm.later(self.proposals.settle, ashore)

    def _send(self, outgoing: Sequence[tuple[int, messages.Message]]) -> None:
        """All messages of a turn; what several nodes are told alike is packed once."""
        assert self._transport is not None
        transport = self._transport
        packed, data = None, b""
        for to, message in outgoing:
            if message != packed:
                packed, data = message, transport.pack([CONSENSUS, messages.to_wire(message)])
            transport.send_packed(to, data, 0 if messages.is_bulk(message) else None, may_drop=True)
        transport.turn.flush()

    def before_waiting(self) -> float | None:
        """The listener's thread is about to wait. Followers hear now of what is committed, if nothing has taken that along
        for a moment.

        Returns:
            For how long it may wait, in s, or None: for ever.
        """
        replica = self.replica
        if not replica.owes_news():
            return None
        last, now = replica.core.log.last_index, time.monotonic()
        if last != self._news_behind:
            self._news_behind, self._news_at = last, now + NEWS_S
        if now < self._news_at:
            return self._news_at - now
        self._news_at = now + TICK_S  # for those who are not to be told now: they lack more than news
        replica.tell()
        self.work(())
        return TICK_S if replica.owes_news() else None

    def _tell_now(self) -> None:
        """Somebody waits for all nodes: a leader does not leave followers without the news."""
        if self.replica.owes_news():
            self.replica.tell()
            self.schedule_pump()

    def _refresh(self) -> None:
        status = self.replica.status()
        if status.ready:
            self.reasons.clear()
            if not self.was_ready and not self._settle_state():
                return
            self.was_ready = True
        self.status = status
        self._on_change()

    def _settle_state(self) -> bool:
        try:
            self._machine.settle()
        except Error as error:
            self.finish(error)
            return False
        return True

    def _take_event(self, event: core_ready.Event) -> None:
        log.debug("node %d: %s", self.node_id, event)
        match event:
            case core_ready.MembersChanged():
                self._connect_to_peers()
            case core_ready.PresenceChanged(member, present):
                self._notify(member, present)
            case core_ready.QuorumChanged(has_quorum):
                if not has_quorum:
                    asyncio.get_running_loop().call_later(GRACE_S, self._give_up_without_quorum)
            case core_ready.VerdictReached(operation, commit):
                self.desk.verdict(operation, commit)
            case core_ready.Refused(reason, text):
                self.finish(_refused(reason, text))
            case core_ready.Diverged(text):
                self.finish(ClusterError(text, hint="This node keeps its data; its history is not the cluster's."))
            case core_ready.Stopped():
                self.finish()
            case core_ready.Left():
                self.seen_off = True
                self._left()

    def _give_up_without_quorum(self) -> None:
        if self.replica.has_quorum() or self._ended:
            return
        self.proposals.give_up_all(self.replica.quorum_report().text, NoQuorumError)

    def _give_up_without_leader(self, now: float) -> None:
        if self.status.leader is not None:
            self._led_at = now
        elif now - self._led_at > LEADERLESS_S:
            why = (
                f"no node could be elected leader for {now - self._led_at:.0f} s; nodes that came back without memory count"
                " only once they have recovered"
            )
            self.proposals.give_up_all(why, NoQuorumError)

    def _notify(self, member: Member, present: bool) -> None:
        callback = self.params.notifyCallback
        if callback is None:
            return
        with _watched("notifyCallback"):
            try:
                callback(0 if present else 1, NodeInfo(member.node_id, member.addr, member.rank))
            except Exception:
                log.exception("notifyCallback raised")

    def _connect_to_peers(self) -> None:
        assert self._transport is not None
        peers = self.replica.peers()
        for node_id, member in peers.items():
            self._transport.connect_to(node_id, member.addr)
        for node_id in self._connected_to - peers.keys():
            self._transport.forget(node_id)
        self._connected_to = set(peers)

    # ---- what the transport tells ----

    def own_hello(self, channel: str) -> Hello:
        """What this node says of itself when it connects."""
        status = self.replica.status()
        return Hello(
            node_id=self.node_id,
            incarnation=self.incarnation,
            addr=self.addr,
            rank=self.rank,
            cluster_id=status.cluster,
            running=self._is_running,
            channel=channel,
            modes=(("disk", False),),
            dictionary=self._schema_text,
            digests=tuple(sorted(self._digests)),
        )

    @property
    def _is_running(self) -> bool:
        """A member of a cluster that is formed: what others say against such a node does not end it."""
        return self.replica.status().phase == "normal"

    def judge(self, hello: Hello) -> Refusal | None:
        """Whether a peer is let in."""
        refusal = judge(hello, self.own_hello(CONTROL), self._digests, self._machine.dictionary_difference)
        if refusal is not None:
            self.reasons[hello.node_id] = "\n".join((refusal.message, *refusal.lines))
        return refusal

    def admitted(self, hello: Hello) -> None:
        """A peer is let in: its dictionary is one that this cluster started from."""
        self.reasons.pop(hello.node_id, None)
        for digest in (digest_of(hello.dictionary), *hello.digests):
            if len(self._digests) < MAX_DIGESTS:
                self._digests.add(digest)

    def peer_up(self, node_id: int, incarnation: int) -> None:
        """Frames to and from a node go through."""
        log.debug("node %d: node %d is connected", self.node_id, node_id)
        self.replica.peer_connected(node_id, incarnation)
        self._send_stop(node_id)
        self.schedule_pump()

    def peer_down(self, node_id: int) -> None:
        """Frames to and from a node no longer go through."""
        log.debug("node %d: node %d is disconnected", self.node_id, node_id)
        self._also_stopping.discard(node_id)
        self.lateness.forget(node_id)
        self.replica.peer_disconnected(node_id)
        self.desk.peer_lost(node_id)
        self.everywhere.peer_lost(node_id)
        self.schedule_pump()

    def bulk_down(self, node_id: int) -> None:
        """Frames of an exchange may be lost."""
        self.desk.peer_lost(node_id)

    def received(self, node_id: int, frame: Frame) -> None:
        """A frame of a peer. Raises ProtocolError for garbage."""
        if self._ended:
            return
        if frame[0] == CONSENSUS and len(frame) == 2:
            self.replica.step(node_id, messages.from_wire(frame[1]))
            self.schedule_pump()
        elif frame[0] == STOP:
            self._also_stopping.add(node_id)
        elif frame[0] == LATENESS:
            if len(frame) != 2 or type(frame[1]) is not int or not 0 <= frame[1] <= 100:
                raise ProtocolError("a share of late samples is a number from 0 to 100")
            self.lateness.hear(node_id, frame[1], time.monotonic())
        elif frame[0] == EXCHANGE:
            self.desk.received(node_id, frame)
        elif frame[0] in (ASK_APPLIED, APPLIED):
            self._tell_now()
            self.everywhere.received(node_id, frame)
        else:
            raise ProtocolError(f"unknown kind of frame {frame[0]}")

    def refused(self, refusal: Refusal) -> None:
        """Another node did not let this one in."""
        if refusal.fatal and (refusal.reason == "duplicate" or not self._is_running):
            self.finish(refusal.to_error())
        elif refusal.reason != "self":
            self.reasons[refusal.refused_by] = "\n".join((refusal.message, *refusal.lines))
            self._on_change()

    def members_frame(self) -> Frame:
        """The answer to a discovery."""
        status = self.replica.status()
        members: list[Any] = [list(member) for member in status.members]
        return [MEMBERS, self.node_id, status.cluster, members]

    # ---- what the exchange desk, and waiting for all nodes, need ----

    def send_control(self, node_id: int, frame: Frame) -> bool:
        """Send over the control connection."""
        return self._transport is not None and self._transport.send(node_id, frame)

    def applied(self) -> int:
        """The log position up to which this node has applied."""
        return self.replica.core.applied

    def wait_applied_everywhere(self, settle: Callable[[object], None]) -> None:
        """`settle` is called when all active members have applied what this node has by now."""
        core = self.replica.core
        self._tell_now()
        self.everywhere.wait(sorted(core.configuration.ids() & core.present.keys()), settle)

    def send_bulk(self, node_id: int, frame: Frame) -> bool:
        """Send over a bulk connection: what belongs to one operation over one, beside that of snapshots if there are more."""
        if self._transport is None:
            return False
        lane = 1 + crc32(str(frame[2]).encode()) % max(1, self._transport.pool - 1)
        return self._transport.send(node_id, frame, lane)

    def connected(self) -> list[int]:
        """The other nodes that are connected."""
        return [] if self._transport is None else self._transport.up_peers()

    def members(self) -> frozenset[int]:
        """All members of the cluster."""
        return self.replica.core.configuration.ids()

    @property
    def traffic(self) -> Traffic:
        """Bytes sent and received."""
        return Traffic() if self._transport is None else self._transport.traffic


@contextmanager
def _watched(callback: str) -> Iterator[None]:
    """Say it where a callback was not quick."""
    begun = time.monotonic()
    yield
    took = time.monotonic() - begun
    if took > SLOW_CALLBACK_S:
        log.warning("%s took %.1f s, for which this node's listener stood still", callback, took)


def _refused(reason: str, text: str) -> ClusterError:
    if reason == "duplicate":
        return DuplicateNodeIdError(text, hint="Start the node with a free node id.")
    if reason == "snapshot":
        return SyncError(text)
    return ClusterError(text)
