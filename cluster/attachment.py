"""Leaving the cluster and coming back: what a node carries from one stay to the next.

A node leaves in one of two ways. With a quorum, the change of the member list is committed, and the node is *seen off*:
its rank is out of the sum, and it comes back as any node joins. Without one, nobody can write down that it left. It is
then a member that is away, and what it holds may be the only copy there is; so it comes back with its term, vote and
log, as after a cut cable, if its state machine has missed nothing of that log. If it has, a quorum went on
without it, and it comes back as a node that lost its memory.

Rows of the replicated tables stay where they are until the cluster brings others (``machine.py``). Should that cluster
be another one than the node left, somebody has to agree first: it may be that nobody else has these rows.
"""

from collections.abc import Callable
from typing import Protocol

from exdbsql.cluster.handoff import Request
from exdbsql.cluster.listener import Listener
from exdbsql.cluster.machine import CountedMachine
from exdbsql.cluster.parameters import wrong
from exdbsql.cluster.runtime import Runtime
from exdbsql.schema.errors import ClusterError


class MakeRuntime(Protocol):
    """Makes the node's next stay in a cluster, of the former one where that goes on."""

    def __call__(self, on_change: Callable[[], None], resumed: Runtime | None = None) -> Runtime: ...


def refuse_another_cluster(another: bool) -> None:
    """Raise ClusterError if the cluster is another one than the node left."""
    if another:
        raise ClusterError(
            "the cluster that answers is another one than this node left: its history would replace the rows here",
            hint="Nobody else may have these rows. Save them before they are given up.",
        )


class Attachment:
    """The node's leaving and coming back; `attach` runs in the listener's thread, `detach` in others."""

    def __init__(self, listener: Listener, machine: CountedMachine, make_runtime: MakeRuntime) -> None:
        self._listener = listener
        self._machine = machine
        self._make_runtime = make_runtime
        self._first_state = list(machine.snapshot())
        self._left_cluster = 0

    def detach(self, patience_s: float) -> None:
        """Leave; wait for being seen off at most so long, and not at all without a quorum."""
        listener = self._listener
        listener.refuse_when_over()
        if listener.is_detached or listener.detach_unheard():
            return
        listener.put(Request(lambda request: self._leave(patience_s)))
        listener.wait_until(lambda: listener.is_detached, None)
        listener.refuse_when_over()

    def _leave(self, patience_s: float) -> None:
        runtime = self._listener.runtime
        if runtime.was_ready:
            self._left_cluster = runtime.status.cluster
        runtime.leave(patience_s if runtime.replica.has_quorum() else 0.0)

    def attach(self, before_replacing: Callable[[bool], None]) -> None:
        """Begin a new stay.

        Raises:
            ClusterError: the node is attached.
            InvalidParameterError: another own address or rank, for a member that the others count as away.
        """
        listener, former = self._listener, self._listener.runtime
        if not listener.is_detached:
            raise ClusterError(f"node {former.node_id} is attached already")
        # A stay that was refused before it replaced anything may have made this node a member already; there is nothing
        # to go on from then, and whoever wants the rows here saved has to be asked again.
        goes_on = not former.seen_off and former.replica.can_come_back and self._machine.holds_its_log
        runtime = self._make_runtime(listener.note_change, former if goes_on else None)
        if goes_on:
            if (runtime.addr, runtime.rank) != (former.addr, former.rank):
                raise wrong(
                    f"nodes[{former.node_id}]",
                    "this node left without a quorum that could write it down, so it comes back as it was",
                    f"{former.addr} and rank {former.rank}",
                )
            self._machine.go_on()
        else:

            def check() -> None:
                left, now = self._left_cluster, runtime.replica.core.cluster
                before_replacing(left not in (0, now))
                self._left_cluster = 0

            self._machine.begin_anew(self._first_state, check)
        runtime.window.bounds = former.window.bounds
        listener.enter(runtime)
