"""One node's life in its cluster: replica, transport and exchange desk, and what joins them.

Commits go through the pump (``pump.py``), in whatever thread has the helm. All else is here, in the listener's thread: the beginning
and the end, time, what the application asks besides commits, what other nodes say. But `status`, `failure` and `traffic` are read by
others: they are replaced, never changed.

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
from exdbsql.cluster.handoff import Alarm, Call, Mailbox
from exdbsql.cluster.handshake import MAX_DIGESTS, Hello, Refusal, digest_of, judge
from exdbsql.cluster.helm import Helm
from exdbsql.cluster.information import NodeInfo
from exdbsql.cluster.lateness import Lateness
from exdbsql.cluster.lines import Lines
from exdbsql.cluster.link import Traffic
from exdbsql.cluster.machine import CountedMachine
from exdbsql.cluster.marker import MarkerFile
from exdbsql.cluster.parameters import ClusterParams, ClusterWindow
from exdbsql.cluster.proposals import Proposals
from exdbsql.cluster.pump import TICK_S, Pump
from exdbsql.cluster.replica import Replica, ReplicaConfig, ReplicaStatus
from exdbsql.cluster.state_machine import ExchangeStore, Origin
from exdbsql.cluster.transport_tcp import TcpTransport
from exdbsql.cluster.wire import Frame
from exdbsql.schema.errors import (
    ClusterError,
    ClusterStoppedError,
    DuplicateNodeIdError,
    Error,
    NoQuorumError,
    ProtocolError,
    SyncError,
)

log = logging.getLogger("exdbsql.cluster")

GRACE_S = 1.0
"""For how long a submission waits for a quorum that was lost under it, in s."""

LEADERLESS_S = 5.0
"""For how long a submission waits for a leader, in s, where the ranks of connected nodes would do: of nodes that came back
without memory too few may remember (R6), and that does not pass by itself."""

SLOW_CALLBACK_S = 0.1
"""A callback that takes longer, in s, is worth a warning."""

HANDOVER_S = 0.2
"""For how long a leader that goes stays to hand over, in s."""


MANY_REASONS, MANY_LINES = 20, 100
"""So many reasons of other nodes are kept, and so many lines of each."""

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
        pump: what carries commits.
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
        debug: bool = False,
    ) -> None:
        self.params = params
        self.node_id = params.nodeId
        self.addr = params.nodes[params.nodeId].addr
        self.rank = params.nodes[params.nodeId].qrank
        self.incarnation: int = secrets.randbits(63) | 1 if resumed is None else resumed.incarnation
        self.failure: Error | None = None
        self.detached = self.seen_off = self.was_ready = False
        self.reasons: dict[int, str] = {}
        if resumed is None:
            self.replica = Replica(self._replica_config(marker_file.read(), debug), machine)
        else:
            self.replica = resumed.replica
            self.replica.come_back()
        self.status: ReplicaStatus = self.replica.status()
        self.proposals = Proposals(self.replica)
        self.desk = ExchangeDesk(self.node_id, secrets.randbits(63), store, self)
        self.everywhere = Everywhere(self, secrets.randbits(62))
        self.lateness = Lateness()
        plain = params.tcp.ssl_params is None and params.quorumCallback is None
        bounds = params.window or ClusterWindow()
        self.pump = Pump(self.node_id, self.replica, self.proposals, marker_file, self, bounds, plain)
        self.window = self.pump.window
        self._voyages = 0
        self._machine = machine
        self._marker_file = marker_file
        self._schema_text = schema_text
        self._digests = {digest_of(schema_text)}
        self._on_change = on_change
        self._stopping = False
        self._transport: TcpTransport | None = None
        self._finished: asyncio.Event = asyncio.Event()
        self._ticks = 0
        self._led_at = 0.0
        self._is_passing_over = False
        self._connected_to: set[int] = set()
        self._also_stopping: set[int] = set()

    def _replica_config(self, marker: core_ready.Marker | None, debug: bool) -> ReplicaConfig:
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
            debug=debug,
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
        pump = self.pump
        pump.mailbox, pump.alarm, pump.helm, pump.lines = mailbox, alarm, helm, lines
        if lines.bell is not None:
            alarm.tell = lines.bell.ring
        self._transport = TcpTransport(
            self.node_id, self.addr, params.tcp, self, params.clusterSendBuf, params.clusterRecvBuf, pool, (helm, lines)
        )
        try:
            await self._transport.start()
        except ClusterError as error:
            raise self._duplicate_or(error) from error
        pump.transport = self._transport
        try:
            self._connect_to_peers()
            self._led_at = loop.time()
            lines.crew = pump
            mailbox.attach(loop, self._open_letters)
            self._tick()
            await self._finished.wait()
        finally:
            lines.crew = None
            pump.ended = self.proposals.closed = True
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
        if failure is not None and self.failure is None and not self.pump.ended:
            self.failure = failure
            log.error("node %d stops: %s", self.node_id, failure)
        self.pump.ended = True
        if self.pump.helm.away:
            self.pump.helm.later(self._finished.set)
        else:
            self._finished.set()

    # ---- what application threads ask ----

    def _open_letters(self) -> None:
        """In the listener's thread: everything that is in the mailbox."""
        requests = self.pump.mailbox.take_requests()
        self.pump.work(())
        for request in requests:
            request.action(request)

    def ask(self, propose: Callable[[], int], settle: Callable[[object], None]) -> None:
        """Propose something to the replica; `settle` gets its outcome, or the error."""
        self.proposals.ask(propose, settle)
        self.pump.schedule_pump()

    def settle_when(self, condition: Callable[[], bool], call: Call) -> None:
        """Settle a call once a condition holds, which is asked with every tick, or this runtime ends."""
        if condition():
            call.settle(None)
        elif self._finished.is_set():
            call.settle(ClusterStoppedError("this node's cluster runtime stopped before the answer came"))
        else:
            self.pump.schedule_pump()
            asyncio.get_running_loop().call_later(TICK_S, self.settle_when, condition, call)

    def begin_stop(self, call: Call) -> None:
        """The application called stop(): no more submissions; `call` gets an error, or nothing until the end."""
        self.proposals.closed = self._stopping = True
        for node_id in self.connected():
            self._send_stop(node_id)

        def refused(result: object) -> None:
            if isinstance(result, Error) and not self.pump.ended:
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
        self.pump.schedule_pump()
        asyncio.get_running_loop().call_later(HANDOVER_S, self.finish)

    def propose_verdict(self, operation: str, commit: bool, done: Callable[[object], None]) -> None:
        """A scatter's verdict, for the exchange desk."""
        if not self.replica.has_quorum():
            done(NoQuorumError(self.replica.quorum_report().text))
            return
        self.ask(lambda: self.replica.submit_verdict(operation, commit), done)

    def transaction_status(self, origin: Origin) -> str:
        """What became of a transaction. Of one that this node has given up, and the log does not have, that shows with the
        node's next entry, which says what will not be proposed again; so one is made."""
        replica = self.replica
        if replica.can_be_passed_over(origin) and not self._is_passing_over and replica.has_quorum():
            self._is_passing_over = True
            self.ask(replica.submit_read_mark, self._passed_over)
        return replica.transaction_status(origin)

    def _passed_over(self, result: object) -> None:
        del result
        self._is_passing_over = False

    def leave(self, patience_s: float) -> None:
        """Take this node off the member list; `run` ends once that is done, or cannot be within `patience_s`."""
        self.proposals.closed = True
        self.replica.leave()
        self.pump.schedule_pump()
        asyncio.get_running_loop().call_later(patience_s, self._left)

    def _left(self) -> None:
        if not self.pump.ended:
            self.detached = True
            self.finish()

    # ---- the loop ----

    def _tick(self) -> None:
        if self.pump.ended:
            return
        loop = asyncio.get_running_loop()
        loop.call_later(TICK_S, self._tick)
        self.replica.tick(int(loop.time() * 1000))
        self._ticks += 1
        self.pump.alarm.ring()
        self.pump.mailbox.expecting = False
        if self._ticks % STATUS_TICKS == 0:
            self._refresh()
            self.desk.settle_orphans()
            self.everywhere.ask_again()
            self._stop_without_quorum()
            self._give_up_without_leader(loop.time())
        self._measure_lateness(loop.time())
        if self.replica.has_ready():
            self.pump.pump()

    def _measure_lateness(self, now: float) -> None:
        """A leader that its own process keeps waiting hands over."""
        voyages, self._voyages = self._voyages, self.pump.helm.voyages
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

    def take_events(self, events: Sequence[core_ready.Event]) -> None:
        self._refresh()
        for event in events:
            self._take_event(event)

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
        if self.replica.has_quorum() or self.pump.ended:
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
            self._note_reason(hello.node_id, refusal)
        return refusal

    def _note_reason(self, node_id: int, refusal: Refusal) -> None:
        """What speaks against another node, or another node against this one. Only so much is kept, for strangers have a say too."""
        self.reasons.pop(node_id, None)
        while len(self.reasons) >= MANY_REASONS:
            del self.reasons[next(iter(self.reasons))]
        self.reasons[node_id] = "\n".join((refusal.message, *refusal.lines[:MANY_LINES]))

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
        self.pump.schedule_pump()

    def peer_down(self, node_id: int) -> None:
        """Frames to and from a node no longer go through."""
        log.debug("node %d: node %d is disconnected", self.node_id, node_id)
        self._also_stopping.discard(node_id)
        self.lateness.forget(node_id)
        self.replica.peer_disconnected(node_id)
        self.desk.peer_lost(node_id)
        self.everywhere.peer_lost(node_id)
        self.pump.schedule_pump()

    def bulk_down(self, node_id: int) -> None:
        """Frames of an exchange may be lost."""
        self.desk.peer_lost(node_id)

    def received(self, node_id: int, frame: Frame) -> None:
        """A frame of a peer. Raises ProtocolError for garbage."""
        if self.pump.ended:
            return
        if frame[0] == CONSENSUS and len(frame) == 2:
            self.replica.step(node_id, messages.from_wire(frame[1]))
            self.pump.schedule_pump()
        elif frame[0] == STOP:
            self._also_stopping.add(node_id)
        elif frame[0] == LATENESS:
            if len(frame) != 2 or type(frame[1]) is not int or not 0 <= frame[1] <= 100:
                raise ProtocolError("a share of late samples is a number from 0 to 100")
            self.lateness.hear(node_id, frame[1], time.monotonic())
        elif frame[0] == EXCHANGE:
            self.desk.received(node_id, frame)
        elif frame[0] in (ASK_APPLIED, APPLIED):
            self.pump.tell_now()
            self.everywhere.received(node_id, frame)
        else:
            raise ProtocolError(f"unknown kind of frame {frame[0]}")

    def refused(self, refusal: Refusal) -> None:
        """Another node did not let this one in."""
        if refusal.fatal and (refusal.reason == "duplicate" or not self._is_running):
            self.finish(refusal.to_error())
        elif refusal.reason != "self":
            self._note_reason(refusal.refused_by, refusal)
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
        self.pump.tell_now()
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
