"""The threads of the service: in order, no more than allowed, and none that does not come back from a bug."""

import logging
import threading
from functools import partial

import pytest

from exdbsql.workers import Workers

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

    with caplog.at_level(logging.ERROR):
        workers.submit(fail)
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
