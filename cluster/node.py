"""The cluster as the rest of the database uses it: :class:`ClusterNode`, for any thread.

One thread of the application calls `listen()`, and is the listener from then on: an asyncio loop (``listener.py``) with
everything of ``runtime.py`` in it. All other threads call the rest. Calls that wait sleep on a lock of their own and cost the listener
one letter (``handoff.py``); calls that only look read values that the listener replaces and never changes.

From a callback (which runs in the listener) only `info()` and `active_nodes()` may be called: anything that waits
would wait for itself, so it is refused with an error.

`stop()` ends the cluster together with all active nodes; `close()` ends this node alone, and the others see it go.
"""

import logging
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast

from exdbsql.cluster import roster
from exdbsql.cluster.attachment import Attachment, refuse_another_cluster
from exdbsql.cluster.barrier import BarrierCall
from exdbsql.cluster.core.quorum import Member
from exdbsql.cluster.handoff import Request, Submission
from exdbsql.cluster.information import ClusterInfo, ClusterState, ExchangeReport, MemberInfo, NodeInfo, QuorumReport
from exdbsql.cluster.listener import Listener
from exdbsql.cluster.machine import CountedMachine
from exdbsql.cluster.marker import MarkerFile
from exdbsql.cluster.parameters import ClusterParams, ClusterWindow, ModeMask, wrong
from exdbsql.cluster.replica import Replica, ReplicaStatus
from exdbsql.cluster.runtime import GRACE_S, Runtime
from exdbsql.cluster.sockets import Sockets
from exdbsql.cluster.state_machine import ExchangeStore, StateMachine
from exdbsql.cluster.views import members_of, no_quorum_error, read_transaction_id, report_of, state_of
from exdbsql.cluster.wire import FRAME_LIMIT
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import (
    ClusterError,
    CommitOutcomeUnknownError,
    Error,
    NoQuorumError,
    NotSupportedError,
    OperationalError,
)

log = logging.getLogger("exdbsql.cluster")

DEFINED_S: Final = 1.0
"""For how long an exchange waits, in s, until the other active nodes know the tables that this one knows: a commit is on a quorum when
it returns, and a CREATE TABLE just before the exchange may not be everywhere."""

COMMAND_LIMIT = FRAME_LIMIT // 4
"""Bytes of the largest command: it must fit into a frame, with what goes around it."""


SHORT_S = 0.1
"""Whoever has less time than this, in s, does not steer: it may take a while until somebody takes the helm over."""


class ClusterNode:
    """One node of a cluster.

    Args:
        params: how it takes part.
        state_machine: the replicated part of the database.
        exchange_store: its DISTRIBUTED tables.
        state_dir: folder for the marker (DESIGN.md, R8).
        debug: check after every turn what must hold; where it does not, the node stops.

    Raises:
        NotSupportedError: a parameter asks for something that this version lacks; names it.
        ClusterError: the marker in `state_dir` cannot be used.
    """

    def __init__(
        self,
        params: ClusterParams,
        state_machine: StateMachine,
        exchange_store: ExchangeStore,
        *,
        state_dir: Path | str,
        debug: bool = False,
    ) -> None:
        self._debug = debug
        _refuse_what_is_missing(params)
        self.params = params
        self.node_id = params.nodeId
        self._machine = CountedMachine(params.nodeId, state_machine)
        self._store = exchange_store
        self._marker_file = MarkerFile(state_dir, params.nodeId)
        self._schema_text = state_machine.dictionary_text()
        detached = bool(params.mode_mask & ModeMask.START_DETACHED)
        self._listener = Listener(self.node_id, self._make_runtime, detached)
        self._attachment = Attachment(self._listener, self._machine, self._make_runtime)
        if params.mode_mask & ModeMask.DEBUG_OUTPUT:
            _trace_on_stderr()

    def _make_runtime(self, on_change: Callable[[], None], resumed: Runtime | None = None) -> Runtime:
        return Runtime(
            self.params,
            self._machine,
            self._store,
            self._marker_file,
            self._schema_text,
            on_change,
            resumed,
            self._debug,
        )

    @property
    def _runtime(self) -> Runtime:
        return self._listener.runtime

    # ---- the listener ----

    def listen(self) -> None:
        """The node's main loop, in the calling thread, until the cluster stops or the node is closed.

        Raises:
            ClusterError: the node runs already, or did; its port is in use.
            DuplicateNodeIdError: another process has this node's id.
            SyncError: this node's dictionary differs from the cluster's; says what differs.
        """
        self._listener.listen()

    @property
    def is_listening(self) -> bool:
        """Whether `listen()` runs."""
        return self._listener.is_listening

    def descriptors(self) -> list[int]:
        """What this node has open: sockets, and what it waits with."""
        return self._listener.descriptors()

    @property
    def is_detached(self) -> bool:
        """Whether this node has left its cluster and may be written to locally."""
        return self._listener.is_detached

    def refuse_in_callback(self, call: str) -> None:
        """Raise ClusterError if the caller is a callback; `call` names what it wanted."""
        self._listener.refuse_in_callback(call)

    # ---- the replicated log ----

    def submit(self, command: bytes, timeout: float | None = None) -> object:
        """Put one command into the replicated log and wait until this node has applied it.

        Args:
            command: for the state machine.
            timeout: seconds, or None: as long as there is a quorum (and a moment longer).

        Returns:
            What `StateMachine.apply` returned on this node; an error of the database as a value.

        Raises:
            NoQuorumError: it is surely not in the log, and never will be.
            CommitOutcomeUnknownError: it may be; carries the transaction's id.
            ClusterStoppedError: the runtime has stopped; not in the log.
            OperationalError: the command is too large, or too many are waiting.
        """
        self.refuse_in_callback("commit")
        if len(command) > COMMAND_LIMIT:
            raise OperationalError(
                f"a transaction of {len(command)} bytes is larger than the limit of {COMMAND_LIMIT}",
                sqlstate=sqlstate.PROGRAM_LIMIT_EXCEEDED,
                hint="Commit in smaller parts.",
            )
        submission = Submission(command, self._listener.alarm)
        try:
            if timeout is None or timeout > SHORT_S:
                self._listener.carry_through(submission)
            else:
                self._listener.put(submission)
            if not submission.wait(timeout):
                why = f"no answer within {timeout} s"
                self._listener.put(Request(lambda request: self._runtime.proposals.give_up(submission, why)))
                submission.wait()
        finally:
            submission.leave()
        result = submission.result
        if isinstance(result, ClusterError | CommitOutcomeUnknownError):  # errors of the database come back as values
            raise result
        return result

    def ask(self, command: bytes) -> object:
        """As `submit`, for a thread that an exception of another thread may hit meanwhile: it does not steer, and nobody's
        being woken depends on it. Every error comes back as a value.

        Raises:
            ClusterError: the caller is a callback.
        """
        self.refuse_in_callback("a statement that needs the log")
        submission = self.send_ahead(command)
        submission.wait()
        return submission.result

    def send_ahead(self, command: bytes) -> Submission:
        """Put one command into the replicated log without waiting: the caller may wait for what this returns."""
        submission = Submission(command)
        if len(command) > COMMAND_LIMIT:
            submission.settle(OperationalError(f"a part of {len(command)} bytes is larger than {COMMAND_LIMIT}"))
        else:
            self._listener.put(submission)
        return submission

    def transaction_status(self, transaction_id: str) -> str:
        """What became of a transaction: "committed", "void" or "unknown" (not seen here yet, or too long ago).

        Raises:
            ClusterError: the id is none of ours.
        """
        origin = read_transaction_id(transaction_id)

        def look(request: Request) -> None:
            request.settle(self._runtime.transaction_status(origin))

        return cast(str, self._listener.call("transaction_status()", look))

    def require_quorum(self) -> None:
        """Return if this node may write to replicated tables now. Cheap.

        Raises:
            NoQuorumError: it may not; says the sum.
            ClusterStoppedError: the runtime has stopped.
        """
        if not self._runtime.status.has_quorum or self._listener.is_over:
            self._listener.refuse_when_over()
            raise no_quorum_error(self.quorum_report())

    def read_mark(self, timeout: float | None = None) -> None:
        """Wait until this node has applied everything that was committed anywhere when this was called.

        Raises:
            NoQuorumError: that cannot be known now.
        """
        runtime = self._runtime
        self._propose("a linearizable read", runtime.replica.submit_read_mark, timeout)

    def wait_applied_everywhere(self, timeout: float | None = None) -> None:
        """Wait until all active nodes have applied what this node has by now; one that is lost is not waited for."""
        runtime = self._runtime
        self._listener.call("a commit on all nodes", lambda r: runtime.wait_applied_everywhere(r.settle), timeout)

    # ---- waiting for each other ----

    def wait_ready(self, timeout: float | None = None) -> None:
        """Wait until this node is a synchronised member of a quorum.

        Raises:
            NoQuorumError: not within `timeout` seconds; says what it waits for.
            Error: why the node cannot take part (what `listen()` raised).
        """
        self.refuse_in_callback("wait_ready()")
        listener = self._listener
        listener.wait_until(lambda: listener.is_detached or self._runtime.status.ready, timeout)
        if self._runtime.failure is not None:
            raise self._runtime.failure
        listener.refuse_when_over()
        if listener.is_detached:
            raise listener.detached_error()
        status = self._runtime.status
        if not status.ready:
            reasons = "\n".join(self._runtime.reasons.values())
            waits_for = status.waiting_for if listener.is_listening else "listen() to be called"
            raise NoQuorumError(f"node {self.node_id} is not ready: it waits for {waits_for}", detail=reasons or None)

    def barrier(self, timeout: float | None = None) -> None:
        """Return after all nodes have entered.

        A call that fails was not there: the log says whether all had met before it gave up (then it returns like the
        others') or not (then they go on waiting for this node's next call). Where the log cannot say so within a moment,
        because there is no quorum, the node leaves as soon as there is one again; until then it may still be counted.

        Raises:
            ClusterError: not all within `timeout` seconds.
            NoQuorumError: the quorum was lost.
        """
        stay = BarrierCall(self._runtime)
        try:
            self._ask("barrier()", stay.enter, timeout)
        except BaseException:  # an interrupt too
            if not self._leave(stay):
                raise

    def _leave(self, stay: BarrierCall) -> bool:
        """Give up a barrier. Whether all had met before; False also where that is not known within a moment."""
        if self._listener.is_current_thread:
            return False
        request = Request(stay.leave)
        self._listener.put(request)
        return request.wait(GRACE_S) and request.result is True

    def _propose(self, call: str, propose: Callable[[], int], timeout: float | None) -> None:
        runtime = self._runtime
        self._ask(call, lambda request: runtime.ask(propose, request.settle), timeout)

    def _ask(self, call: str, action: Callable[[Request], None], timeout: float | None) -> None:
        result = self._listener.call(call, action, timeout)
        if isinstance(result, CommitOutcomeUnknownError):
            raise NoQuorumError(f"{call} was given up: the quorum was lost, or the node stopped")
        if isinstance(result, Error):
            raise result

    def stop(self, timeout: float | None = None) -> None:
        """End the cluster runtime together with all active nodes; returns after all have called it.

        Raises:
            ClusterError: not all have within `timeout` seconds. This node goes on waiting, and takes no more commits.
        """
        self.refuse_in_callback("stop()")
        listener = self._listener
        if listener.is_over:
            return
        request = Request(self._stop, detached_too=True)
        listener.put(request)
        listener.wait_until(lambda: request.done, timeout)
        if listener.is_over:
            return
        if request.done and isinstance(request.result, Error):
            raise request.result
        raise ClusterError(f"not all active nodes have called stop() within {timeout} s", retryable=True)

    def _stop(self, request: Request) -> None:
        if self.is_detached:
            self._listener.go_on()
        else:
            self._runtime.begin_stop(request)

    def detach(self, timeout: float = 2.0) -> None:
        """Leave the cluster without waiting for the others; the database is free for local reads and writes.

        The node's rank leaves the sum, where the cluster has a quorum to write that down within `timeout` seconds.
        """
        self.refuse_in_callback("detach()")
        self._attachment.detach(timeout)

    def attach(
        self,
        params: ClusterParams | None = None,
        timeout: float | None = None,
        before_replacing: Callable[[bool], None] = refuse_another_cluster,
    ) -> None:
        """Join the cluster again and wait until this node is synchronised; its replicated tables become the cluster's.

        Args:
            params: with what to join, by default as before; the node id stays.
            timeout: seconds to wait.
            before_replacing: called in the listener's thread just before the state that this node holds gives way to the
                cluster's, with whether that is another cluster than the one it left. An Error that it raises is raised by
                this call, and the node is detached as before. By default another cluster is refused.

        Raises:
            InvalidParameterError: `params` are for another node id.
            NoQuorumError: not synchronised within `timeout`; the node goes on trying.
        """
        if params is not None and params.nodeId != self.node_id:
            raise wrong("nodeId", f"{params.nodeId} is not the id of this node, {self.node_id}")

        def attach(request: Request) -> None:
            before, self.params = self.params, params or self.params
            try:
                self._attachment.attach(before_replacing)
            except Error as error:
                self.params = before
                request.settle(error)
            else:
                request.settle(None)

        result = self._listener.call("attach()", attach, timeout, detached_too=True)
        if isinstance(result, Error):
            raise result
        self.wait_ready(timeout)

    def force_go_on(self) -> str:
        """An operator's explicit command (R8): go on from what this node has, when the other nodes are gone for good.

        The cluster gets a new id; nodes of the old one are refused until their markers are removed.

        Returns:
            A sentence that says what may be lost.

        Raises:
            ClusterError: there is a quorum, so nothing needs to be forced; the node is detached.
        """

        def force(request: Request) -> None:
            replica = self._runtime.replica
            if replica.status().ready:
                why = "this node is ready, with a quorum and a leader, so there is nothing to recover from"
                request.settle(ClusterError(why, hint="SHOW QUORUM tells the sum."))
                return
            try:
                request.settle(replica.force_go_on())
            except Error as error:  # this node has left, or was told to
                request.settle(error)
            self._runtime.pump.schedule_pump()

        result = self._listener.call("force_go_on()", force)
        if isinstance(result, Error):
            raise result
        return cast(str, result)

    def remove_node(self, node_id: int, timeout: float | None = 10.0) -> None:
        """An operator's word that a member will not come back: take it off the list. Returns when that is decided.

        Raises:
            ClusterError: no such member; it is connected; it is this node; not decided within `timeout` seconds.
            NoQuorumError: there is no quorum to decide it.
        """
        self._change_members(
            "remove_node()", lambda r: roster.remove(r, node_id), lambda r: roster.is_off(r, node_id), timeout
        )

    def set_rank(self, node_id: int, rank: int, timeout: float | None = 10.0) -> None:
        """Give a member another rank, for all to count by. Returns when that is decided.

        Raises:
            InvalidParameterError: the rank is out of range.
            ClusterError: no such member; there would be no quorum with it; not decided within `timeout` seconds.
            NoQuorumError: there is no quorum to decide it.
        """
        self._change_members(
            "set_rank()",
            lambda r: roster.change_rank(r, node_id, rank),
            lambda r: roster.has_rank(r, node_id, rank),
            timeout,
        )

    def _change_members(
        self, call: str, propose: Callable[[Replica], None], done: Callable[[Replica], bool], timeout: float | None
    ) -> None:
        runtime = self._runtime

        def begin(request: Request) -> None:
            try:
                propose(runtime.replica)
            except Error as error:
                request.settle(error)
            else:
                runtime.settle_when(lambda: done(runtime.replica), request)

        self._ask(call, begin, timeout)

    def close(self, timeout: float | None = 5.0) -> None:
        """End this node alone: hand over leadership if it has it, close its connections, return from `listen()`."""
        self.refuse_in_callback("close()")
        if not self._listener.close_unheard():
            self._listener.put(Request(self._close, detached_too=True))
            self._listener.wait_until(lambda: False, timeout)

    def _close(self, request: Request) -> None:
        if self.is_detached:
            self._listener.go_on()
        else:
            self._runtime.close_soon()
        request.settle(None)

    # ---- distributed tables ----

    def scatter(
        self,
        tables: Sequence[str] | None = None,
        nodes: Sequence[int] | None = None,
        timeout: float | None = None,
        keep: str | None = None,
    ) -> ExchangeReport:
        """Push to these nodes (None: all connected) what they lack of these tables (None: all); all or nothing.

        Args:
            tables, nodes: which.
            timeout: seconds to wait for the result.
            keep: "source" or "target": whose row stays where both sides changed it; None: refuse.

        Raises:
            ConflictError, IntegrityError: a row cannot be taken; names table, key and node.
            ClusterError: a node cannot be reached.
            NoQuorumError: the verdict cannot be written.
        """
        return self._exchange("scatter()", tables, nodes, timeout, keep)

    def gather(
        self,
        tables: Sequence[str] | None = None,
        nodes: Sequence[int] | None = None,
        timeout: float | None = None,
        keep: str | None = None,
    ) -> ExchangeReport:
        """Pull from these nodes (None: all connected) what this one lacks; all or nothing. Otherwise as `scatter`."""
        return self._exchange("gather()", tables, nodes, timeout, keep)

    def _exchange(
        self,
        call: str,
        tables: Sequence[str] | None,
        nodes: Sequence[int] | None,
        timeout: float | None,
        keep: str | None,
    ) -> ExchangeReport:
        if keep not in (None, "source", "target"):
            raise wrong("keep", f"{keep!r} is neither side", '"source" or "target"')

        def begin(request: Request) -> None:
            desk = self._runtime.desk
            (desk.scatter if call == "scatter()" else desk.gather)(tables, nodes, request.settle, keep)

        with suppress(ClusterError):  # what keeps a node from it is said by the exchange
            self.wait_applied_everywhere(DEFINED_S if timeout is None else min(timeout, DEFINED_S))
        result = self._listener.call(call, begin, timeout)
        if isinstance(result, Error):
            raise result
        return cast(ExchangeReport, result)

    # ---- what can be asked, from anywhere ----

    def status(self) -> ReplicaStatus:
        """The replica's last status."""
        return self._runtime.status

    def info(self) -> ClusterInfo:
        """Counters. May be called from callbacks."""
        traffic = self._runtime.traffic
        return ClusterInfo(
            node_id=self.node_id,
            n_active_nodes=len(self.active_nodes()),
            rtrans_commit=self._machine.committed,
            rtrans_rback=self._machine.rolled_back,
            bytes_sent=traffic.sent,
            bytes_recv=traffic.received,
        )

    def active_nodes(self) -> list[NodeInfo]:
        """The members that are connected, this node included, in order of id. May be called from callbacks."""
        if self._listener.is_over or self.is_detached:
            own = self.params.nodes[self.node_id]
            return [NodeInfo(self.node_id, own.addr, own.qrank)] if self.is_detached else []
        return [NodeInfo(m.node_id, m.addr, m.qrank) for m in self.members() if m.state == "active"]

    def members(self) -> list[MemberInfo]:
        """All members as this node sees them, in order of id."""
        return members_of(self._runtime.status)

    def quorum_report(self) -> QuorumReport:
        """Whether this node may write, and the sum behind it."""
        runtime, for_ms = self._runtime, int((time.monotonic() - self._listener.since) * 1000)
        return report_of(runtime.status, for_ms, self._configured(), runtime.connected())

    def _configured(self) -> list[Member]:
        return [Member(node_id, node.addr, node.qrank) for node_id, node in enumerate(self.params.nodes)]

    def cluster_state(self) -> ClusterState:
        """What this node is doing in its cluster."""
        listener, runtime = self._listener, self._runtime
        return state_of(listener.state, listener.state_since, runtime.status, tuple(runtime.reasons.values()))

    @property
    def window(self) -> ClusterWindow:
        """The window's bounds; setting them takes effect with the next transaction."""
        return self._runtime.window.bounds

    @window.setter
    def window(self, bounds: ClusterWindow) -> None:
        if not isinstance(bounds, ClusterWindow):
            raise wrong("window", f"expected a ClusterWindow, got {type(bounds).__name__} {bounds!r}")
        self._runtime.window.bounds = bounds


def _refuse_what_is_missing(params: ClusterParams) -> None:
    missing = []
    if params.nwtype == "MPI":
        missing.append('nwtype="MPI"')
    Sockets(params.tcp)  # TLS material that cannot be used is found now, not when somebody listens
    if missing:
        raise NotSupportedError(f"{missing[0]} is not supported yet")


def _trace_on_stderr() -> None:
    if not any(getattr(handler, "exdbsql_trace", False) for handler in log.handlers):
        handler: Any = logging.StreamHandler(sys.stderr)
        handler.exdbsql_trace = True
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.DEBUG)
