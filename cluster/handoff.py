"""From application threads to whoever has the helm (``helm.py``) and back, cheaply.

A commit costs one `deque.append`, and one lock that the caller sleeps on where it does not steer itself. `Event` and
`Future` would cost several times that: they are built of a condition, which is built of a lock and a list of locks.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable

from exdbsql.schema.errors import ClusterStoppedError

LOOK_UP_S = 1.0
"""A sleeping thread sees for itself after so long whether its result is there: whoever was about to wake it may have been hit by Ctrl-C."""


class Call:
    """One application thread that waits for one result."""

    __slots__ = ("_done", "_lock", "_result")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._done = False
        self._result: object = None

    @property
    def done(self) -> bool:
        """Whether the result is there."""
        return self._done

    def settle(self, result: object) -> None:
        """Give the result, an exception for a failure; the first one counts."""
        if not self._done:
            self._result = result
            self._done = True
            self._lock.release()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Sleep until the result is there; False when `timeout_s` has passed before."""
        if not self._lock.acquire(timeout=-1 if timeout_s is None else max(0.0, timeout_s)):
            return self._done
        self._lock.release()
        return True

    @property
    def result(self) -> object:
        """The result, once it is there."""
        return self._result


class Alarm:
    """Wakes sleeping threads one after another: each that wakes up wakes the next.

    Woken all at once they would queue for the interpreter's lock, where each forces a switch after every switch
    interval: with 64 of them more time goes into that than into what they do.

    Attributes:
        held: more are to be added at once, and whoever does that rings afterwards.
        waking: some have been woken, and the last of them does not run yet. What they do next is most often to commit again.
        woken: how many have been, ever.
        awaited: the end of that is to be told.
        tell: tells it.
    """

    __slots__ = ("_sleepers", "awaited", "held", "tell", "waking", "woken")

    def __init__(self) -> None:
        self._sleepers: deque[Submission] = deque()
        self.tell: Callable[[], object] = lambda: None
        self.held = self.waking = self.awaited = False
        self.woken = 0

    def add(self, sleeper: "Submission") -> None:
        """This one is to be woken."""
        self._sleepers.append(sleeper)  # before `held` is read: whoever resets it rings for this one too
        if not self.held:
            self.ring()

    def ring(self) -> None:
        """Wake the next; and who comes after it, where the next did not sleep any more."""
        while self._sleepers:
            try:
                sleeper = self._sleepers.popleft()
            except IndexError:  # another thread was quicker
                return
            self.waking = True
            self.woken += 1
            sleeper.wake()
            if not sleeper.awake:
                return
        self.waking = False  # before `awaited` is read: whoever sets that looks here afterwards
        if self.awaited:
            self.awaited = False
            self.tell()


class Submission(Call):
    """One command on its way into the replicated log.

    Attributes:
        number: what the replica calls it, 0 before it has got it.
        awake: nobody sleeps on it any more; with an alarm, whoever did has woken the next, or is about to.
    """

    __slots__ = ("_alarm", "awake", "command", "number")

    def __init__(self, command: bytes, alarm: Alarm | None = None) -> None:
        """With an alarm the thread that waits is woken in its turn, and has to call `leave` in any case; without, at once."""
        super().__init__()
        self.command = command
        self.number = 0
        self.awake = False
        self._alarm = alarm

    def settle(self, result: object) -> None:
        """Give the result, an exception for a failure; the first one counts."""
        if self._alarm is None:
            super().settle(result)
        elif not self._done:
            self._result = result
            self._done = True
            self._alarm.add(self)

    def wait(self, timeout_s: float | None = None) -> bool:
        """As of every call."""
        if timeout_s is not None:
            return super().wait(timeout_s)
        while not super().wait(LOOK_UP_S):
            pass
        return True

    def wake(self) -> None:
        """Wake the thread; for the alarm, which does it once."""
        self._lock.release()

    def leave(self) -> None:
        """The thread no longer sleeps, whatever the reason: it has the result, or was interrupted."""
        if self._alarm is not None:
            self.awake = True
            self._alarm.ring()


class Request(Call):
    """Something that the listener's thread is to do; `action` runs there, and settles the request, then or later.

    Attributes:
        detached_too: it makes sense while the node is in no cluster.
    """

    __slots__ = ("action", "detached_too")

    def __init__(self, action: "Callable[[Request], None]", detached_too: bool = False) -> None:
        super().__init__()
        self.action = action
        self.detached_too = detached_too


class Mailbox:
    """What application threads ask of the node: commands for whoever has the helm, and requests for the listener's thread.

    Before the listener runs, letters wait; after it has ended, they are settled with an error.

    Attributes:
        expecting: commands wait, because answers to earlier ones are due: then they leave together.
    """

    def __init__(self) -> None:
        self._submissions: deque[Submission] = deque()
        self._requests: deque[Request] = deque()
        self._signalled = False
        self.expecting = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: Callable[[], None] = lambda: None
        self._closed = False
        self._guard = threading.Lock()

    def put(self, letter: Submission | Request) -> None:
        """Give the listener something to do, and wake it. Never blocks."""
        if isinstance(letter, Submission):
            self._submissions.append(letter)
        else:
            self._requests.append(letter)  # before `_signalled` is read: whoever resets it takes this letter too
        self.wake()

    def leave(self, submission: Submission) -> None:
        """Give whoever has the helm something to do; without waking anybody, so the caller has to try the helm next."""
        self._submissions.append(submission)
        if self._closed:
            with self._guard:
                self._settle_all()

    @property
    def is_empty(self) -> bool:
        """Whether there are no commands."""
        return not self._submissions

    @property
    def has_submissions(self) -> bool:
        """Whether there are commands that should not wait."""
        return not self.expecting and bool(self._submissions)

    def look(self) -> None:
        """In the listener's thread: open the letters if there are commands."""
        if self._submissions and not self.expecting:
            self._open()

    def wake(self) -> None:
        """Have the listener look."""
        if self._signalled:
            return
        self._signalled = True
        with self._guard:
            if self._closed:
                self._settle_all()
            elif self._loop is not None:
                with contextlib.suppress(RuntimeError):  # the loop is closed already: `close` follows, and settles this
                    self._loop.call_soon_threadsafe(self._open)

    def attach(self, loop: asyncio.AbstractEventLoop, open_letters: Callable[[], None]) -> None:
        """From now on `open_letters` is called in `loop` when letters are there, and once at the beginning."""
        with self._guard:
            self._loop, self._open = loop, open_letters
            self._signalled = True
            loop.call_soon(open_letters)

    def take_commands(self) -> list[Submission]:
        """The commands that are there."""
        taken = []
        while self._submissions:
            taken.append(self._submissions.popleft())
        return taken

    def take_requests(self) -> list[Request]:
        """The requests that are there. What comes later wakes the loop again."""
        self._signalled = False
        taken = []
        while self._requests:
            taken.append(self._requests.popleft())
        return taken

    def close(self) -> None:
        """The loop ends: nobody will take letters any more."""
        with self._guard:
            self._closed = True
            self._loop = None
            self._settle_all()

    def _settle_all(self) -> None:
        for letter in (*self.take_requests(), *self.take_commands()):
            letter.settle(ClusterStoppedError("the cluster runtime of this node has stopped"))
