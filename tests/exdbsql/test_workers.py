"""The threads of the service: in order, no more than allowed, and none that does not come back from a bug."""

import logging
import threading
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue

import pytest

from exdbsql.cancellation import StatementCancelled
from exdbsql.workers import Work, Workers

from .real_nodes import eventually

PATIENT_S = 60.0


def test_one_thread_works_in_order_and_through_to_the_end() -> None:
    done: list[int] = []
    workers = Workers(1, "test")
    for number in range(1000):
        workers.submit(partial(done.append, number))
    workers.end(wait=True)
    assert done == list(range(1000))
    with pytest.raises(RuntimeError, match="have ended"):
        workers.submit(lambda: None)


def test_no_more_threads_than_work_and_no_more_than_allowed() -> None:
    before = threading.active_count()
    workers = Workers(3, "test")
    started = threading.Semaphore(0)
    go_on = threading.Event()

    def block() -> None:
        started.release()
        assert go_on.wait(PATIENT_S)

    for expected in (1, 2, 3):
        workers.submit(block)
        assert started.acquire(timeout=PATIENT_S)  # whoever is blocked keeps nobody else waiting
        assert threading.active_count() == before + expected
    workers.submit(block)
    assert threading.active_count() == before + 3
    assert not started.acquire(blocking=False)
    go_on.set()
    assert started.acquire(timeout=PATIENT_S)
    workers.end(wait=True)
    assert threading.active_count() == before


class _Arrival(SimpleQueue[Work | None]):
    """A queue to which something comes, once, when a thread that looks into it has found nothing or is about to wait."""

    def __init__(self, arrive: Callable[[], None]) -> None:
        self._arrive = arrive
        self.is_due = False
        self.waiting: set[threading.Thread] = set()

    def _come(self) -> None:
        if self.is_due:
            self.is_due = False
            self._arrive()

    def get_nowait(self) -> Work | None:
        try:
            return super().get_nowait()
        except Empty:
            self._come()
            raise

    def get(self, block: bool = True, timeout: float | None = None) -> Work | None:
        self._come()
        self.waiting.add(threading.current_thread())
        return super().get(block, timeout)


def test_a_thread_that_takes_work_before_it_waits_is_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise work would wait for a thread that may be blocked, though there may be more threads."""
    workers = Workers(3, "test")
    blocked, go_on, begin = threading.Semaphore(0), threading.Event(), threading.Event()

    late: list[threading.Thread] = []

    class LateThread(threading.Thread):
        def start(self) -> None:
            late.append(self)
            super().start()

        def run(self) -> None:
            assert begin.wait(PATIENT_S)
            super().run()

    def block() -> None:
        blocked.release()
        go_on.wait()

    def arrive() -> None:
        monkeypatch.setattr(threading, "Thread", LateThread)  # the first one takes the work
        workers.submit(block)

    queue = _Arrival(arrive)
    monkeypatch.setattr(workers, "_queue", queue)
    workers.submit(lambda: setattr(queue, "is_due", True))
    assert blocked.acquire(timeout=PATIENT_S)
    begin.set()
    eventually(lambda: queue.waiting.issuperset(late))
    for _ in range(2):
        workers.submit(block)
    began = [blocked.acquire(timeout=PATIENT_S) for _ in range(2)]
    go_on.set()
    workers.end(wait=True)
    assert began == [True, True]


def test_work_one_by_one_takes_few_threads() -> None:
    """A thread that is about to wait may not count as idle yet, so that now and then there is one more; not one for each."""
    before = threading.active_count()
    workers = Workers(1000, "test")
    done = threading.Semaphore(0)
    for _ in range(2000):
        workers.submit(done.release)
        assert done.acquire(timeout=PATIENT_S)
    assert threading.active_count() - before < 100
    workers.end(wait=True)


def test_a_bug_is_logged_and_ends_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    workers = Workers(1, "test")
    done = threading.Event()

    def fail() -> None:
        raise ZeroDivisionError("surprise")

    def cancelled() -> None:
        raise StatementCancelled

    with caplog.at_level(logging.ERROR):
        workers.submit(fail)
        workers.submit(cancelled)
        workers.submit(done.set)
        assert done.wait(PATIENT_S)
    workers.end(wait=True)
    assert "surprise" in caplog.text


def test_what_was_not_begun_can_be_forgotten() -> None:
    workers = Workers(1, "test")
    begun, go_on, late = threading.Event(), threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        assert go_on.wait(PATIENT_S)

    workers.submit(block)
    assert begun.wait(PATIENT_S)
    workers.submit(late.set)
    workers.end(wait=False)
    go_on.set()
    workers.end(wait=True)
    assert not late.is_set()
