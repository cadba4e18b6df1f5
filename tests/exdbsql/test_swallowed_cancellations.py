"""A cancellation that arrives in a destructor, where Python swallows it, arrives again, and nothing is printed."""

import sys
import threading
import time
from typing import Any

import pytest

from exdbsql.cancellation import BUSY, Cancellation, StatementCancelled

ROUNDS = 3


class Runner:
    """A thread that spends nearly all of its time in destructors."""

    def __init__(self) -> None:
        self.cancellation = Cancellation()
        self.in_destructor = threading.Event()
        self.swallowed = 0
        self.cancelled = False

    def run(self) -> None:
        runner = self

        class Slow:
            def __del__(self) -> None:
                runner.in_destructor.set()
                while runner.in_destructor.is_set():
                    pass

        self.cancellation.thread = threading.get_ident()
        try:
            for _ in range(ROUNDS):
                Slow()
                self.swallowed += 1
            while True:
                pass
        except StatementCancelled:
            self.cancelled = True
        finally:
            self.cancellation.thread = BUSY
            self.cancellation.settle()


def test_what_a_destructor_swallows_is_sent_again_and_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    before = sys.unraisablehook
    runner = Runner()
    thread = threading.Thread(target=runner.run)
    thread.start()
    assert runner.in_destructor.wait(30)
    runner.cancellation.cancel()
    thread.join(60)
    assert not thread.is_alive()
    assert runner.cancelled
    assert runner.swallowed >= 1
    assert told == []
    assert sys.unraisablehook is before


def test_what_others_raise_in_destructors_goes_to_the_hook_that_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: told.append(unraisable.exc_type.__name__))
    cancellation = Cancellation()

    class Wrong:
        def __del__(self) -> None:
            raise ValueError("of the program")

    cancellation.thread = threading.get_ident()
    with pytest.raises(StatementCancelled):
        cancellation.cancel()
        while True:
            time.sleep(0)
    Wrong()
    cancellation.thread = BUSY
    cancellation.settle()
    Wrong()
    assert told == ["ValueError", "ValueError"]
