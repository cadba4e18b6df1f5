"""Threads that carry out what is handed to them, in order: a pool for work that nobody waits for.

The standard library's pool makes a future of each piece of work, with a lock and a condition that wakes whoever waits for it. Nobody does
here, and a request over the network takes about a fifth less of the processor without.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

log = logging.getLogger("exdbsql.workers")

Work = Callable[[], object]


class Workers:
    """At most so many threads, each begun when there is more work under way than threads: none waits for another one that may be blocked,
    below that limit. One thread hands out work.

    Args:
        most: threads.
        name: what their names begin with.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._under_way = 0  # works that were handed out, as far as the one who does that has heard of their ends
        self._ends: deque[None] = (
            deque()
        )  # and those that it has not heard of; both ends of a deque are safe between threads
        self._threads: list[threading.Thread] = []
        self._has_ended = False

    def submit(self, work: Work) -> None:
        """Have a thread do this.

        Raises:
            RuntimeError: `end` was called.
        """
        if self._has_ended:
            raise RuntimeError(f"{self._name}: the threads have ended")
        self._queue.put(work)
        self._under_way += 1
        while self._ends:
            self._ends.popleft()
            self._under_way -= 1
        if len(self._threads) < min(self._under_way, self._most):
            thread = threading.Thread(target=self._work, name=f"{self._name}_{len(self._threads)}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _work(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                work()
            except BaseException:  # a cancellation that comes late, too
                log.exception("%s: a bug", self._name)
            finally:
                self._ends.append(None)
            del work  # what it holds must not live until the next one comes

    def end(self, *, wait: bool) -> None:
        """Take nothing more; the threads end behind what was handed out. `wait` for that, or return at once and forget what none has begun."""
        self._has_ended = True
        if not wait:
            with suppress(Empty):
                while True:
                    self._queue.get_nowait()
        for _ in self._threads:
            self._queue.put(None)
        if wait:
            for thread in self._threads:
                thread.join()
