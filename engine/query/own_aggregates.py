"""Aggregates that a program made in Python: classes with ``step`` and ``finalize``, and for windows ``value`` and ``inverse``.

`finalize` ends an object: it is called once, and may change anything. So the frames of a window get an object each, and all
rows of their frame, unless the class has the two methods that sqlite3's ``create_window_function`` knows: ``value()`` gives the result as it is
now, and ``inverse(*arguments)`` takes the rows away that a frame leaves behind. Then one object goes through a partition,
as long as no frame ends before the one before it did; without ``inverse``, as long as all of them begin at one row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from exdbsql.engine.query.runtime.window_ranges import SKIPPED
from exdbsql.schema.types import SqlType


class Accumulator(Protocol):
    """What an aggregate's class makes: takes the rows of a group one by one, then gives the result (as sqlite3 has it)."""

    def step(self, *values: Any) -> None:
        """One row's arguments."""

    def finalize(self) -> Any:
        """The result of the group."""


Guard = Callable[[Callable[..., Any]], Callable[..., Any]]
"""Makes a function whose result is converted, and whose exceptions are errors of ours."""


class OwnRun:
    """Computes an aggregate of the program's from a list of a group's arguments.

    Args:
        make: the class, or what else makes objects.
        width: how many arguments there are; of two and more, each row is a tuple.
        guard: for whatever calls the program's code.
        result: conversion of a result.

    Attributes:
        moving: for windows.
    """

    def __init__(self, make: Callable[[], Accumulator], width: int, guard: Guard, result: Callable[[Any], Any]) -> None:
        self._make = make
        self._width = width
        self._result = result
        self._guarded = guard(self._run)
        self.moving = MovingObject(self, guard)

    def __call__(self, rows: Sequence[Any]) -> Any:
        """The aggregate of some rows."""
        return self._guarded(rows)

    def _run(self, rows: Sequence[Any]) -> Any:
        made = self._make()
        self.feed(made.step, rows)
        return self._result(made.finalize())

    def made(self) -> Any:
        """A new object."""
        return self._make()

    def feed(self, call: Callable[..., None], rows: Iterable[Any]) -> None:
        """Call a method with the arguments of each row, except those that FILTER left out."""
        for row in rows:
            if row is not SKIPPED:
                call(*(row if self._width > 1 else (row,)))

    def converted(self, value: Any) -> Any:
        """A result as a value of its type."""
        return self._result(value)


class MovingObject:
    """One object that goes through the frames of a partition."""

    def __init__(self, run: OwnRun, guard: Guard) -> None:
        self._run = run
        self._guarded = guard(self._over)

    def over(
        self, mine: Sequence[Any], frames: Sequence[tuple[int, int]], function: Any, keeps_nulls: bool
    ) -> list[Any] | None:
        """The aggregate over each frame; None where the class has not what that takes, or a frame goes back."""
        found: list[Any] | None = self._guarded(mine, frames)
        return found

    def _over(self, mine: Sequence[Any], frames: Sequence[tuple[int, int]]) -> list[Any] | None:
        made = self._run.made()
        inverse = getattr(made, "inverse", None)
        if not callable(getattr(made, "value", None)) or not _move_forward(frames, callable(inverse)):
            return None
        results: list[Any] = []
        low = high = frames[0][0]
        last = None
        for frame in frames:
            if frame != last:
                start, end = frame
                end = max(start, end)
                self._run.feed(made.step, mine[high:end])
                if inverse is not None:
                    self._run.feed(inverse, mine[low:start])
                low, high, last = start, max(high, end), frame
                value = self._run.converted(made.value())
            results.append(value)
        made.finalize()
        return results


def _move_forward(frames: Sequence[tuple[int, int]], may_leave: bool) -> bool:
    """Whether no frame begins or ends before the one before it, and `may_leave` or all begin at one row."""
    pairs = pairwise(frames)
    if may_leave:
        return all(a <= c and max(a, b) <= max(c, d) for (a, b), (c, d) in pairs)
    return all(a == c and max(a, b) <= max(c, d) for (a, b), (c, d) in pairs)


@dataclass(frozen=True, slots=True)
class OwnAggregate:
    """An aggregate of the program's."""

    name: str
    args: tuple[SqlType, ...]
    result: SqlType
    run: OwnRun
