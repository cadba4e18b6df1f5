"""The listener: the thread that called ``listen()``, its event loop, and the node's lives in clusters one after another.

A node is in a cluster (a :class:`Runtime` runs), or detached (nothing runs, and letters are answered with an error), and
goes from one to the other until it stops. Each stay in a cluster is a runtime of its own, with a new incarnation.

While it listens, the interpreter's switch interval is lowered to :data:`SWITCH_INTERVAL_S`: a busy thread of the
application would otherwise keep each message waiting for 5 ms, and a commit needs several.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Callable

from exdbsql.cluster.descriptors import descriptors_of
from exdbsql.cluster.handoff import Alarm, Mailbox, Request, Submission
from exdbsql.cluster.helm import Helm, HelmLoop, HelmSelector
from exdbsql.cluster.lines import Lines
from exdbsql.cluster.runtime import Runtime
from exdbsql.schema.errors import ClusterError, ClusterStoppedError, Error

SWITCH_INTERVAL_S = 0.0002
"""Beside a busy thread on the leader each commit of another node waits for it two or three times."""


MAX_DEPTH = 200
"""A thread with more calls within each other than this does not steer: what it applies needs room on the stack as well, and a
verdict must not depend on how much there is."""


STATES = (
    "not listening",
    "waiting",
    "recovering",
    "catching up",
    "ready",
    "without quorum",
    "detached",
    "stopped",
)
"""In the order of a node's life; `waiting` is for other nodes, `recovering` from a restart, `catching up` with the log."""

_WORDS = {"founded": "waiting", "asking": "recovering", "left": "stopped", "halted": "stopped"}
"""Phases of the core that are something simpler to people."""


class Listener:
    """See the module.

    Attributes:
        runtime: the node's stay in a cluster: the present one, or the last.
        is_detached: the node is in no cluster, by its own wish.
        alarm: wakes the threads whose commits have an outcome.
        since: when `has_quorum` last changed, by `time.monotonic()`, in s.
        state: what the node is doing, in one word or two; see :data:`STATES`.
        state_since: when that last changed, in s since the epoch.
    """

    def __init__(self, node_id: int, make_runtime: Callable[[Callable[[], None]], Runtime], detached: bool) -> None:
        self.is_detached = detached
        self.since = time.monotonic()
        self._node_id = node_id
        self._had_quorum = False
        self._attached_again = False
        self.state = "detached" if detached else "not listening"
        self.state_since = time.time()
        self._mailbox = Mailbox()
        self._helm, self._lines = Helm(), Lines()
        self.alarm = Alarm()
        self._thread: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = threading.Event()
        self._changed = threading.Condition()
        self._go_on = asyncio.Event()
        self.runtime = make_runtime(self.note_change)

    # ---- the loop ----

    def listen(self) -> None:
        """See ``ClusterNode.listen``."""
        if self._over.is_set():
            raise ClusterStoppedError("the cluster runtime of this node has stopped", hint="Open the database again.")
        with self._changed:
            if self._thread is not None:
                raise ClusterError("listen() runs already in another thread of this process")
            self._thread = threading.get_ident()
        interval = sys.getswitchinterval()
        sys.setswitchinterval(min(interval, SWITCH_INTERVAL_S))
        self._helm.lock.acquire()
        try:
            with asyncio.Runner(loop_factory=self._make_loop) as runner:
                runner.run(self._live())
        except Error as error:
            self.runtime.failure = error
            raise
        finally:
            sys.setswitchinterval(interval)
            self._helm.board(None)
            self._end()
            self._helm.abandon()
            self._lines.close()

    def descriptors(self) -> list[int]:
        """Those that it has open; from any thread, also of a process that was forked meanwhile."""
        return [*descriptors_of(self._loop), *self._lines.descriptors()]

    def _make_loop(self) -> asyncio.AbstractEventLoop:
        loop = HelmLoop(HelmSelector(self._helm, self._lines, self._mailbox))
        self._helm.board(loop)
        self._loop = loop
        return loop

    def _end(self) -> None:
        self._over.set()
        self._mailbox.close()
        self.note_change()

    async def _live(self) -> None:
        """In the cluster, then detached, then in it again, until the end."""
        while True:
            if not self.is_detached:
                await self._live_in_cluster()
            self.note_change()
            if not self.is_detached:
                return
            await self._wait_detached()
            if self.is_detached:
                return

    async def _live_in_cluster(self) -> None:
        """One stay. An attach that the cluster refuses leaves the node detached, as it was before."""
        try:
            await self.runtime.run(self._mailbox, self.alarm, self._helm, self._lines)
        except Error as error:
            if not self._attached_again or self.runtime.was_ready:
                raise
            self.runtime.failure = error
            self.is_detached = True
        else:
            self.is_detached = self.runtime.detached

    async def _wait_detached(self) -> None:
        """Until `go_on` is called, after `enter` or without it."""
        self._go_on.clear()
        self._mailbox.attach(asyncio.get_running_loop(), self._open_letters_detached)
        await self._go_on.wait()

    def _open_letters_detached(self) -> None:
        if not self.is_detached:
            return  # `enter` was called: the new runtime opens them, when it takes the mailbox over
        requests = self._mailbox.take_requests()
        for submission in self._mailbox.take_commands():
            submission.settle(self.detached_error())
        for request in requests:
            if request.detached_too:
                request.action(request)
            else:
                request.settle(self.detached_error())

    # ---- for actions that run in the loop ----

    def enter(self, runtime: Runtime) -> None:
        """End being detached with this runtime."""
        self.runtime, self.is_detached, self._attached_again = runtime, False, True
        self.go_on()

    def go_on(self) -> None:
        """End being detached; without `enter` before, that is the end of `listen()`."""
        self._go_on.set()

    def note_change(self) -> None:
        """Something that others may wait for has changed."""
        has_quorum = self.runtime.status.has_quorum
        if has_quorum != self._had_quorum:
            self._had_quorum, self.since = has_quorum, time.monotonic()
        state = self._state()
        if state != self.state:
            self.state, self.state_since = state, time.time()
        with self._changed:
            self._changed.notify_all()

    def _state(self) -> str:
        if self._over.is_set():
            return "stopped"
        if self.is_detached:
            return "detached"
        if self._thread is None:
            return "not listening"
        status = self.runtime.status
        if status.phase == "normal":
            return "ready" if status.ready else "catching up" if status.has_quorum else "without quorum"
        return _WORDS.get(status.phase, status.phase)

    # ---- for other threads ----

    def close_unheard(self) -> bool:
        """End a listener that nobody ever ran; False if somebody did."""
        with self._changed:
            if self._thread is not None:
                return False
            self._over.set()
        self._end()
        return True

    def detach_unheard(self) -> bool:
        """Have a listener that nobody has run yet start detached; False if somebody has."""
        with self._changed:
            if self._thread is not None:
                return False
            self.is_detached = True
        return True

    @property
    def is_over(self) -> bool:
        """Whether `listen()` has returned."""
        return self._over.is_set()

    @property
    def is_listening(self) -> bool:
        """Whether `listen()` runs."""
        return self._thread is not None and not self._over.is_set()

    @property
    def is_current_thread(self) -> bool:
        """Whether the caller is a callback, or something else in the loop, or runs inside of a commit of its own thread."""
        own = threading.get_ident()
        return (own == self._thread and not self._over.is_set()) or own == self._helm.steersman

    def refuse_in_callback(self, call: str) -> None:
        """Raise ClusterError if the caller is a callback; `call` names what it wanted."""
        if self.is_current_thread:
            raise ClusterError(
                f"{call} was called from a cluster callback",
                hint="A callback runs in the listener; it may call info() and active_nodes() only.",
            )

    def refuse_when_over(self) -> None:
        """Raise ClusterStoppedError if `listen()` has returned; it says why, where the node ended by itself."""
        if self._over.is_set():
            failure = self.runtime.failure
            why = f": {failure.message}" if failure is not None else ""
            raise ClusterStoppedError(f"the cluster runtime of this node has stopped{why}") from failure

    def detached_error(self) -> ClusterError:
        """The error of calls that need a cluster."""
        return ClusterError(f"node {self._node_id} is detached from its cluster", hint="Call attach().")

    def put(self, letter: Submission | Request) -> None:
        """Give the loop something to do."""
        self._mailbox.put(letter)

    def carry_through(self, submission: Submission) -> None:
        """Begin a commit, and take it as far as this thread may; then it has an outcome, or others go on with it."""
        mailbox, lock = self._mailbox, self._helm.lock
        if threading.get_ident() == threading.main_thread().ident or _is_deep():
            mailbox.put(submission)
            return
        mailbox.leave(submission)
        voyage: Submission | None = submission
        while lock.acquire(False):
            runtime = self.runtime
            if not runtime.pump.can_be_steered:
                lock.release()
                mailbox.wake()
                return
            runtime.pump.steer(voyage)
            voyage = None
            if not mailbox.has_submissions:
                return

    def call(
        self, call: str, action: Callable[[Request], None], timeout: float | None = None, detached_too: bool = False
    ) -> object:
        """Have the loop do something and wait for its result.

        Raises:
            ClusterError: the caller is a callback, or there was no result within `timeout` seconds.
            ClusterStoppedError: `listen()` has returned.
        """
        self.refuse_in_callback(call)
        self.refuse_when_over()
        request = Request(action, detached_too)
        self._mailbox.put(request)
        if not request.wait(timeout):
            raise ClusterError(f"{call} had no result within {timeout} s", retryable=True)
        if isinstance(request.result, ClusterStoppedError):
            raise request.result
        return request.result

    def wait_until(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until the condition holds or `listen()` has returned; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._over.is_set() or condition(), timeout)


def _is_deep() -> bool:
    try:
        sys._getframe(MAX_DEPTH)
    except ValueError:
        return False
    return True
