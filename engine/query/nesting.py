"""Statements that are nested deeply: how deep they may be, and where there is room to work on them.

Parser, binder and rules are recursive, and Python allows a thread some thousand calls within each other, fewer where the program has used some
of them. So work that runs out of them is done again in a thread of its own with a large stack, where the limit is raised for the moment. That is
rare, so that the common statement pays nothing for it. Entries of the cluster's log that hold DDL are always worked on there, because their verdict
must not depend on how much room one node has (R2). And how deep a statement may be is limited beforehand on its tokens, so that the
stack is large enough for whatever gets there. Long chains (``a + b + ...``, ``x AND y AND ...``) are not nested: they
are bound and compiled in loops (`expressions.Fold`).
"""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from sqlglot.tokenizer_core import Token, TokenType

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import OperationalError

MOST_NESTED: Final = 1000
"""So many parentheses, CASEs and signs may stand within each other."""

MOST_BRACKETS: Final = 10
"""So many square brackets: an array has six dimensions at most, and sqlglot's time doubles with each."""

_STACK_BYTES: Final = 512 * 1024 * 1024  # address space; memory is taken as far as it is used
_CALLS: Final = 200_000
_OPENING: Final = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.CASE})
_CLOSING: Final = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END})
_PREFIXES: Final = frozenset({TokenType.NOT, TokenType.DASH, TokenType.PLUS, TokenType.TILDE})
T = TypeVar("T")


def too_complex() -> OperationalError:
    """The error for a statement that is nested too deeply."""
    return OperationalError(
        "the statement is nested too deeply",
        sqlstate=sqlstate.STATEMENT_TOO_COMPLEX,
        hint=f"at most {MOST_NESTED} levels; break it into several statements",
    )


def require_depth(tokens: Sequence[Token]) -> None:
    """Refuse tokens that are nested too deeply (54001)."""
    depth = prefixes = brackets = 0
    for token in tokens:
        kind = token.token_type
        if kind in _PREFIXES:
            prefixes += 1
        else:
            prefixes = 0
            if kind in _OPENING:
                depth += 1
            elif kind in _CLOSING:
                depth -= 1
            if kind == TokenType.L_BRACKET:
                brackets += 1
            elif kind == TokenType.R_BRACKET:
                brackets -= 1
        if depth + prefixes > MOST_NESTED or brackets > MOST_BRACKETS:
            raise too_complex()


def deeply(work: Callable[[], T]) -> T:
    """What `work` gives; where it needs more calls within each other than there are, it is done again where there are more.

    Raises:
        OperationalError: 54001, even that was not enough.
    """
    try:
        return work()
    except RecursionError:
        pass
    try:
        return with_room(partial(contextvars.copy_context().run, work))
    except (RecursionError, MemoryError):
        raise too_complex() from None


def with_room(work: Callable[[], T]) -> T:
    """What `work` gives, or raises, in a thread of its own; the caller waits. How much room it has does not depend on what the
    caller has used, nor on what the program allows its threads.

    Raises:
        MemoryError: there is no memory for such a thread.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001  whatever it is belongs to the caller
            errors.append(error)
        finally:
            _ROOMS.leave()

    thread = threading.Thread(target=run, name="exdbsql deep statement", daemon=True)
    _ROOMS.enter(thread)
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


class _Rooms:
    """How many threads with room there are. The limit of calls is that of the whole process: the first of them sets it, the
    last one puts it back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._calls_before = 0

    def enter(self, thread: threading.Thread) -> None:
        """Start a thread, which calls `leave` at its end."""
        with self._lock:
            if not self._inside:
                self._calls_before = sys.getrecursionlimit()
                sys.setrecursionlimit(_CALLS)
            self._inside += 1
            stack = threading.stack_size(_STACK_BYTES)  # of all threads that are started from here on
            try:
                thread.start()
            except RuntimeError as error:
                self._one_less()
                raise MemoryError(f"no thread with a stack of {_STACK_BYTES >> 20} MiB: {error}") from error
            finally:
                threading.stack_size(stack)

    def leave(self) -> None:
        with self._lock:
            self._one_less()

    def _one_less(self) -> None:
        self._inside -= 1
        if not self._inside:
            sys.setrecursionlimit(self._calls_before)


_ROOMS: Final = _Rooms()
