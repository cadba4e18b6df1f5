"""One thread's stay in a barrier, in the listener's thread: entered, and given up where its caller's time is over.

What counts is the order in the log (``agreements.py``). So a call that gives up asks the log too: either all had met
before, then it was a meeting like any other, or this node was never there.
"""

from exdbsql.cluster.handoff import Request
from exdbsql.cluster.runtime import Runtime


class BarrierCall:
    """One call of barrier()."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._number = 0
        self._outcome: object = ...

    def enter(self, request: Request) -> None:
        """Go in; the request gets None when all have met, or an error."""

        def settle(result: object) -> None:
            self._outcome = result
            request.settle(result)

        self._runtime.ask(self._propose, settle)

    def _propose(self) -> int:
        self._number = self._runtime.replica.submit_barrier()
        return self._number

    def leave(self, request: Request) -> None:
        """Give up; the request gets whether all had met before. (What was given up for lack of a quorum, the replica
        itself takes back.)"""
        if self._outcome is ... and self._runtime.proposals.forget(self._number):
            self._runtime.ask(lambda: self._runtime.replica.submit_barrier_exit(self._number), request.settle)
        else:
            request.settle(self._outcome is None)
