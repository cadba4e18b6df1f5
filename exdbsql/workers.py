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
    """At most so many threads, each begun when there is work and none is idle. One thread hands out work.

    Args:
        most: threads.
        name: what their names begin with.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._idle: deque[None] = (
            deque()
        )  # one entry for each idle thread; both ends of a deque are safe between threads
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
        try:
            self._idle.pop()
        except IndexError:
            if len(self._threads) < self._most:
                thread = threading.Thread(target=self._work, name=f"{self._name}_{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _work(self) -> None:
        while (work := self._next()) is not None:
            try:
                work()
            except Exception:
                log.exception("%s: a bug", self._name)
            del work  # what it holds must not live until the next one comes

    def _next(self) -> Work | None:
        """What is to be done next; None at the end. Only a thread that waits counts as idle."""
        try:
            return self._queue.get_nowait()
        except Empty:
            self._idle.append(None)
            return self._queue.get()

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
