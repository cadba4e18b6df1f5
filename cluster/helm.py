"""The helm of a node: whoever has it, and nobody else, touches the node's replica, its connections and its timers.

The listener's thread has it, except while it waits for something to happen. Meanwhile a thread that commits may take it and
carry its commit through by itself: send, wait for the answers, apply. That saves the two hand-offs between threads that
a lone commit would otherwise cost, each of them a system call, a context switch and a wait for the interpreter's lock.
It is the pattern "Leader/Followers" (Schmidt, O'Ryan, Pyarali, Kircher, Buschmann, 2000), with one follower who never sleeps long.

Rules:

1. A submission is put into the mailbox *before* its thread tries the helm; whoever gives up the helm looks into the mailbox
   *afterwards*. So no submission is forgotten, and nobody needs to be woken for it.
2. The listener's thread says when it wants the helm (a timer is due, asyncio has something to do); whoever steers gives it
   up at the next occasion, and sleeps until its outcome is there.
3. What belongs to asyncio, and every callback of the application, is done in the listener's thread: `Helm.later`.
4. While others steer again and again, the listener's thread dozes for :data:`DOZE_S` at a time and lets them; it takes over
   when one such time has passed without a commit.
5. The main thread never steers, nor does the middle of a statement (`ClusterNode.ask`): Ctrl-C, or who cancels the statement, may
   raise an exception there between any two bytecodes.
6. The main thread may listen, though. Whatever is raised there while it waits comes out when it has the helm again: all that
   follows, the end of the loop included, relies on that. Hence a lock that may be taken twice by one thread: after an exception
   nobody can tell whether it has been.
"""

import asyncio
import contextlib
import selectors
import threading
import time
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final, TypeVarTuple

from exdbsql.cluster.handoff import Mailbox
from exdbsql.cluster.lines import Events, Lines

DOZE_S: Final = 0.001
"""The shortest that the operating system's wait can be told, in s."""

Ts = TypeVarTuple("Ts")


class Helm:
    """Who steers.

    Attributes:
        lock: held by whoever does.
        wanted: the listener's thread waits for the lock.
        voyages: how many commits were steered by their own threads.
        away: it is not the listener's thread that steers.
        steersman: identity of the thread that does while `away`, else 0.
    """

    __slots__ = ("_loop", "away", "lock", "steersman", "voyages", "wanted")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.wanted = False
        self.voyages = 0
        self.away = False
        self.steersman = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def board(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """From now on `later` means this loop."""
        self._loop = loop

    def later(self, action: Callable[..., object], *arguments: Any) -> None:
        """Have the listener's thread do something soon; to be called at the helm."""
        assert self._loop is not None
        if self.away:
            self._loop.call_soon_threadsafe(action, *arguments)
        else:
            self._loop.call_soon(action, *arguments)

    def begin_voyage(self) -> None:
        """A committing thread has got the lock."""
        self.away = True
        self.steersman = threading.get_ident()

    def end_voyage(self) -> None:
        """It gives the lock back."""
        self.voyages += 1
        self.away = False
        self.steersman = 0
        self.lock.release()

    def demand(self) -> None:
        """The listener's thread wants to steer, whoever does. It has the helm afterwards, also where this raises."""
        self.wanted = True
        interruption: BaseException | None = None
        while True:
            try:
                self.lock.acquire()
                break
            except BaseException as error:  # noqa: BLE001  of a signal handler
                interruption = error
        self.wanted = False
        if interruption is not None:
            raise interruption

    def abandon(self) -> None:
        """The listener's thread has it no longer, however often it has taken it."""
        with contextlib.suppress(RuntimeError):  # raised by a lock that this thread does not have
            while True:
                self.lock.release()


class HelmLoop(asyncio.SelectorEventLoop):
    """asyncio's loop, which tells its selector when there is something to do before it should wait again."""

    def __init__(self, selector: "HelmSelector") -> None:
        self._stir = selector.stir
        super().__init__(selector)

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        self._stir()
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self._stir()
        return super().call_at(when, callback, *args, context=context)


class HelmSelector(selectors.DefaultSelector):
    """Where the listener's thread waits: for asyncio's descriptors and for the lines, without the helm.

    What arrives on the lines is dealt with here: a loop of asyncio takes as long for one event as a follower for a message.
    """

    def __init__(self, helm: Helm, lines: Lines, mailbox: Mailbox) -> None:
        super().__init__()
        self._helm = helm
        self._lines = lines
        self._mailbox = mailbox
        self._stirred = False
        if lines.available:
            lines.watch(self.fileno())

    def stir(self) -> None:
        """asyncio has got something to do."""
        self._stirred = True

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if not self._lines.available:
            return self._select_without_lines(timeout)
        end = None if timeout is None else time.monotonic() + timeout
        self._stirred = False
        while True:
            self._mailbox.look()
            crew = self._lines.crew
            patience = None if crew is None else crew.before_waiting()
            rest = 0.0 if self._stirred else None if end is None else end - time.monotonic()
            if rest is not None and rest <= 0:
                self._lines.serve(self._lines.wait_for_all(0))
                return super().select(0)
            if patience is not None and (rest is None or patience < rest):
                rest = patience
            if self._lines.serve(self._wait(rest, end)):
                return super().select(0)

    def _select_without_lines(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        self._mailbox.look()
        try:
            self._helm.lock.release()
            return super().select(0 if self._mailbox.has_submissions else timeout)
        finally:
            self._helm.demand()

    def _wait(self, rest: float | None, end: float | None) -> Events:
        """What happened, with the helm in our hands again."""
        helm = self._helm
        try:
            helm.lock.release()
            if self._mailbox.has_submissions:
                events: Events = ()  # of one who found the helm taken
            else:
                events = self._lines.wait_for_all(rest)
            if helm.lock.acquire(False):
                return events
            if self._doze(end):
                return ()
        except BaseException:
            helm.demand()
            raise
        helm.demand()
        return ()

    def _doze(self, end: float | None) -> bool:
        """Somebody else steers, and reads the lines. Whether the helm could be had when nobody did any longer; else there is
        something to do."""
        helm = self._helm
        while True:
            voyages = helm.voyages
            nap = DOZE_S if end is None else min(DOZE_S, max(0.0, end - time.monotonic()))
            found = super().select(nap)
            if found or (end is not None and time.monotonic() >= end):
                return False
            if voyages == helm.voyages and helm.lock.acquire(False):
                return True
