"""One thread that does all the work of a connection, so that the terminal's thread stays free for Ctrl-C.

A statement may run for minutes; the thread that reads the keyboard must not be inside it. All calls into a connection
are made here, in order, so the connection sees one thread only, and the refresh of the completion's names queues behind
statements instead of racing them. The thread is a daemon: a statement that never ends must not keep the process alive.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """A thread with a queue of calls."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[], T]) -> "Future[T]":
        """Queue `job`; its result or exception comes with the future."""
        future: Future[T] = Future()
        self._jobs.put((job, future))
        return future

    def stop(self) -> None:
        """Let the thread end after the jobs that are queued; does not wait."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, future = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = job()
            except BaseException as error:  # noqa: BLE001 - the waiting thread decides what it means
                future.set_exception(error)
            else:
                future.set_result(result)
            del item, job, future
