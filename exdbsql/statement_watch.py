"""`statement_timeout` and `work_mem`: a thread that looks at running statements from time to time.

A statement runs in compiled loops that have no room for a look at the clock, so somebody else looks. The library starts no thread by
itself; this one starts when a session sets a limit, and ends when the last session that has one is gone. A statement does not announce
itself to it: the session puts a new number into ``Cancellation.thread`` for each statement anyway, and as long as the very
same object is there, the same statement runs. So limits cost the statements nothing.

- `statement_timeout` (milliseconds, or with a unit, ``'5s'``): error 57014, between that time and a tenth (at most 50 ms) later. What
  Python cannot interrupt, one long sort in C for example, ends first.
- `work_mem` (kilobytes, or with a unit, ``'64MB'``): error 53200 when the process has grown by more than that since the statement
  began. It is for statements that would make the process die, a join that explodes for example; it is rough where
  several statements run at once. Where it is 0 and the database has a limit for its rows, twice that limit is in force: sorts and
  hash tables must not take what the rows may not, and the load of what the rows may take must not be in its own way.

In both cases what the statement did is undone, and the database goes on.
"""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exdbsql.cancellation import Cancellation, StatementCancelled
from exdbsql.schema.errors import NotSupportedError
from exdbsql.schema.sqlstate import OUT_OF_MEMORY

_LONGEST_PAUSE_S: Final = 0.05
_SHORTEST_PAUSE_S: Final = 0.001
_MEMORY_PAUSE_S: Final = 0.01
_IDLE_PAUSE_S: Final = 0.025
_STATM: Final = Path("/proc/self/statm")


class StatementTimedOut(StatementCancelled):
    """The statement ran longer than `statement_timeout`."""

    message = "the statement was cancelled because it ran longer than statement_timeout"


class StatementTooLarge(StatementCancelled):
    """The statement needed more memory than `work_mem`."""

    message = (
        "out of memory: the process grew by more than work_mem, or twice the database's memory limit, "
        "while the statement ran"
    )
    sqlstate = OUT_OF_MEMORY


def default_work_memory(memory_limit: int | None) -> int | None:
    """What a statement may take where nobody has set `work_mem`; None for any number of bytes."""
    return None if memory_limit is None or not _STATM.exists() else 2 * memory_limit


@dataclass(frozen=True, slots=True)
class Limits:
    """What one session's statements may take; None: as much as they like."""

    timeout_s: float | None = None
    memory_bytes: int | None = None

    def pause_s(self, runs: bool) -> float:
        """How often to look, while a statement runs and while none does."""
        pause = _LONGEST_PAUSE_S
        if self.memory_bytes is not None:
            pause = _MEMORY_PAUSE_S if runs else _IDLE_PAUSE_S
        if self.timeout_s is not None:
            pause = min(pause, self.timeout_s / 10)
        return max(pause, _SHORTEST_PAUSE_S)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A statement that runs: its number, when and at which size of the process it was first seen."""

    number: int
    since: float
    resident: int


class StatementWatch:
    """The watch of one database."""

    def __init__(self) -> None:
        self._limits: dict[Cancellation, Limits] = {}
        self._seen: dict[Cancellation, _Seen] = {}
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None

    def set(self, running: Cancellation, limits: Limits) -> None:
        """Watch a session's statements, or watch them no more.

        Raises:
            NotSupportedError: a limit on memory where the system does not tell how large a process is.
        """
        if limits.memory_bytes is not None and not _STATM.exists():
            raise NotSupportedError("work_mem is not supported on this system, which has no /proc/self/statm")
        with self._lock:
            self._limits.pop(running, None)
            if limits != Limits():
                self._limits[running] = limits
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="exdbsql statement watch", daemon=True)
                    self._thread.start()
        self._changed.set()

    def _run(self) -> None:
        while True:
            self._changed.clear()
            with self._lock:
                if not self._limits:
                    self._thread = None
                    self._seen.clear()
                    return
                watched = list(self._limits.items())
            self._look(watched)
            self._changed.wait(min(limits.pause_s(running.thread > 0) for running, limits in watched))

    def _look(self, watched: list[tuple[Cancellation, Limits]]) -> None:
        now = time.monotonic()
        resident = _resident_bytes() if any(limits.memory_bytes is not None for _, limits in watched) else 0
        before, self._seen = self._seen, {}  # without sessions that are gone
        for running, limits in watched:
            number = running.thread
            seen = before.get(running)
            if number <= 0:
                continue
            if seen is None or seen.number is not number:
                self._seen[running] = _Seen(number, now, resident)
            else:
                self._seen[running] = seen
                reason = _reason(limits, now - seen.since, resident - seen.resident)
                if reason is not None:
                    running.cancel(reason, number)


def _reason(limits: Limits, seconds: float, growth: int) -> type[StatementCancelled] | None:
    if limits.timeout_s is not None and seconds >= limits.timeout_s:
        return StatementTimedOut
    if limits.memory_bytes is not None and growth > limits.memory_bytes:
        return StatementTooLarge
    return None


def _resident_bytes() -> int:
    return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
