"""From application threads to the listener's thread and back, cheaply.

A commit costs one `deque.append`, at most one wake-up of the event loop for all commits that are waiting at that
moment, and one lock that the caller sleeps on. `Event` and `Future` would cost several times that: they are built of a
condition, which is built of a lock and a list of locks.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable

from exdbsql.schema.errors import ClusterStoppedError


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
        if self._done:
            return True
        if not self._lock.acquire(timeout=-1 if timeout_s is None else max(0.0, timeout_s)):
            return self._done
        self._lock.release()
        return True

    @property
    def result(self) -> object:
        """The result, once it is there."""
        return self._result


class Submission(Call):
    """One command on its way into the replicated log.

    Attributes:
        number: what the replica calls it, 0 before it has got it.
    """

    __slots__ = ("command", "number")

    def __init__(self, command: bytes) -> None:
        super().__init__()
        self.command = command
        self.number = 0


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
    """What application threads ask of the listener's thread, in order.

    Before the loop runs, letters wait; after it has ended, they are settled with an error.
    """

    def __init__(self) -> None:
        self._letters: deque[Submission | Request] = deque()
        self._signalled = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: Callable[[], None] = lambda: None
        self._closed = False
        self._guard = threading.Lock()

    def put(self, letter: Submission | Request) -> None:
        """Give the listener something to do. Never blocks."""
        self._letters.append(letter)  # before `_signalled` is read: whoever resets it takes this letter too
        if not self._signalled:
            self._signalled = True
            self._wake()

    def _wake(self) -> None:
        with self._guard:
            if self._closed:
                self._settle_all()
            elif self._loop is not None:
                self._loop.call_soon_threadsafe(self._open)

    def attach(self, loop: asyncio.AbstractEventLoop, open_letters: Callable[[], None]) -> None:
        """From now on `open_letters` is called in `loop` when letters are there, and once at the beginning."""
        with self._guard:
            self._loop, self._open = loop, open_letters
            self._signalled = True
            loop.call_soon(open_letters)

    def take(self) -> list[Submission | Request]:
        """Everything that is there. What comes later wakes the loop again."""
        self._signalled = False
        letters = []
        while self._letters:
            letters.append(self._letters.popleft())
        return letters

    def close(self) -> None:
        """The loop ends: nobody will take letters any more."""
        with self._guard:
            self._closed = True
            self._loop = None
            self._settle_all()

    def _settle_all(self) -> None:
        for letter in self.take():
            letter.settle(ClusterStoppedError("the cluster runtime of this node has stopped"))
