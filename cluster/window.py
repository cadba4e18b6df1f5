"""The window: a node gathers transactions that commit at about the same time, and sends them together.

Without a window (``length=0``) whatever is there in one turn of the event loop travels together anyway. A window trades
latency for fewer, larger messages: it sends when `length` transactions or `bsize` bytes are gathered, or `timeout` ms
after the first of them, whichever comes first.
"""

import asyncio
from collections.abc import Callable

from exdbsql.cluster.handoff import Submission
from exdbsql.cluster.parameters import ClusterWindow


class Window:
    """Gathers submissions and passes them on in groups.

    Attributes:
        bounds: the window's parameters; may be replaced at any time, from any thread.
    """

    def __init__(
        self,
        bounds: ClusterWindow,
        send: Callable[[list[Submission]], None],
        later: Callable[[Callable[[float], None], float], None],
    ) -> None:
        """`send` gets what was gathered; `later` has the listener's thread call something with a number."""
        self.bounds = bounds
        self._send = send
        self._later = later
        self._gathered: list[Submission] = []
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, submissions: list[Submission]) -> None:
        """Take these in; send what is gathered if a bound is reached."""
        bounds = self.bounds
        if not bounds.length and not self._gathered:
            self._send(submissions)
            return
        self._gathered += submissions
        self._bytes += sum(len(submission.command) for submission in submissions)
        if len(self._gathered) >= bounds.length or (bounds.bsize and self._bytes >= bounds.bsize):
            self.flush()
        elif self._timer is None:  # this may be a committing thread, which began before there was a window
            self._later(self._limit, bounds.timeout / 1000)

    def _limit(self, seconds: float) -> None:
        if self._gathered and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self.flush)

    def flush(self) -> None:
        """Send what is gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        gathered, self._gathered, self._bytes = self._gathered, [], 0
        if gathered:
            self._send(gathered)
