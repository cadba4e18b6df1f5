"""Letters between threads: none is lost, whatever the moment at which the loop begins or ends; and the window."""

import asyncio
import threading

import pytest

from exdbsql.cluster.handoff import Alarm, Mailbox, Request, Submission
from exdbsql.cluster.parameters import ClusterWindow
from exdbsql.cluster.window import Window
from exdbsql.schema.errors import ClusterStoppedError

from .host_ports import DEADLINE_S


def test_the_first_result_counts() -> None:
    call = Submission(b"")
    assert not call.wait(0) and not call.done
    call.settle(1)
    call.settle(2)
    assert call.wait(0) and call.wait() and call.result == 1


def test_threads_that_are_woken_one_after_another_all_wake_up_though_some_have_gone() -> None:
    alarm = Alarm()
    submissions = [Submission(b"", alarm) for _ in range(20)]

    def wait(submission: Submission, timeout_s: float) -> None:
        try:
            submission.wait(timeout_s)
        finally:
            submission.leave()

    threads = [
        threading.Thread(target=wait, args=(submission, 0.0 if number % 3 == 0 else DEADLINE_S))
        for number, submission in enumerate(submissions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads[::3]:
        thread.join()
    alarm.held = True
    for submission in submissions:
        submission.settle("done")
    assert all(thread.is_alive() for number, thread in enumerate(threads) if number % 3)
    alarm.held = False
    alarm.ring()
    for thread in threads:
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
    assert all(submission.result == "done" for submission in submissions)


def test_a_thread_wakes_up_though_the_one_that_was_to_wake_it_was_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C hits the main thread when it has taken somebody off the alarm's list, and has woken nobody yet."""
    alarm = Alarm()
    submissions = [Submission(b"", alarm) for _ in range(3)]

    def wait(submission: Submission) -> None:
        submission.wait()
        submission.leave()

    threads = [threading.Thread(target=wait, args=(submission,)) for submission in submissions]
    for thread in threads:
        thread.start()

    def interrupted(self: Submission) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Submission, "wake", interrupted)
        submissions[0].settle("done")
    for submission in submissions[1:]:
        submission.settle("done")
    for thread in threads:
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


def test_who_awaits_it_is_told_when_all_are_awake() -> None:
    told: list[None] = []
    alarm = Alarm()
    alarm.tell = lambda: told.append(None)
    first, second = Submission(b"", alarm), Submission(b"", alarm)
    alarm.held = True
    first.settle("done")
    second.settle("done")
    alarm.held = False
    alarm.ring()
    alarm.awaited = True
    assert alarm.waking and not first._lock.locked() and second._lock.locked()
    first.leave()
    assert alarm.waking and not second._lock.locked() and not told
    second.leave()
    assert not alarm.waking and not alarm.awaited and len(told) == 1
    alarm.ring()
    assert len(told) == 1


def test_a_submission_that_nobody_waits_for_is_settled_at_once() -> None:
    submission = Submission(b"", Alarm())
    submission.settle(1)
    submission.leave()
    assert submission.wait() and submission.result == 1


def test_commands_wait_while_answers_are_expected_and_requests_do_not() -> None:
    opened: list[None] = []

    async def main() -> None:
        mailbox = Mailbox()
        mailbox.attach(asyncio.get_running_loop(), lambda: opened.append(None))
        await asyncio.sleep(0)
        mailbox.take_requests()
        opened.clear()
        mailbox.expecting = True
        mailbox.leave(Submission(b""))
        mailbox.look()
        assert not opened and not mailbox.is_empty and not mailbox.has_submissions
        mailbox.put(Request(lambda request: None))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(opened) == 1 and len(mailbox.take_requests()) == 1
        mailbox.expecting = False
        mailbox.look()
        assert len(opened) == 2 and len(mailbox.take_commands()) == 1

    asyncio.run(main())


async def _serve(mailbox: Mailbox, enough: threading.Event) -> None:
    def open_letters() -> None:
        for letter in (*mailbox.take_requests(), *mailbox.take_commands()):
            letter.settle("done")

    mailbox.attach(asyncio.get_running_loop(), open_letters)
    while not enough.is_set():
        await asyncio.sleep(0.001)


def test_no_letter_is_lost_when_the_loop_begins_and_ends_under_the_writers() -> None:
    mailbox, enough = Mailbox(), threading.Event()
    results: list[object] = []

    def write() -> None:
        for number in range(500):
            letter = Submission(b"") if number % 2 else Request(lambda request: None)
            mailbox.put(letter)
            assert letter.wait(DEADLINE_S), "a letter was lost"
            results.append(letter.result)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers[:2]:
        writer.start()
    stopper = threading.Timer(0.05, enough.set)
    stopper.start()
    for writer in writers[2:]:
        writer.start()
    asyncio.run(_serve(mailbox, enough))
    mailbox.close()
    for writer in writers:
        writer.join(DEADLINE_S)
        assert not writer.is_alive()
    assert len(results) == 2000
    assert all(result == "done" or isinstance(result, ClusterStoppedError) for result in results)


def _windowed(bounds: ClusterWindow, sizes: list[list[int]], wait_s: float = 0.0) -> list[int]:
    """Add groups of commands of these sizes, one per turn; the lengths of the groups that were sent."""
    sent: list[int] = []

    async def main() -> None:
        later = asyncio.get_running_loop().call_soon
        window = Window(
            bounds, lambda group: sent.append(len(group)), lambda action, value: later(action, value) and None
        )
        for group in sizes:
            window.add([Submission(bytes(size)) for size in group])
            await asyncio.sleep(0)
        if wait_s:
            end = asyncio.get_running_loop().time() + DEADLINE_S
            while sum(sent) < sum(map(len, sizes)) and asyncio.get_running_loop().time() < end:
                await asyncio.sleep(wait_s)

    asyncio.run(main())
    return sent


def test_without_a_window_nothing_waits() -> None:
    assert _windowed(ClusterWindow(), [[1], [1, 1]]) == [1, 2]


def test_a_window_sends_at_its_length_its_bytes_or_its_time() -> None:
    assert _windowed(ClusterWindow(length=3, timeout=60_000), [[1], [1], [1], [1]]) == [3]
    assert _windowed(ClusterWindow(length=100, bsize=10, timeout=60_000), [[4], [4], [4], [4]]) == [3]
    assert _windowed(ClusterWindow(length=100, timeout=1), [[1], [1]], wait_s=0.002) == [2]
