"""Statements that are nested deeply: how deep they may be, and where there is room to work on them.

Parser, binder and rules are recursive, and Python allows a thread some thousand calls within each other, fewer where the program has used some
of them. So work that runs out of them is done again in a thread of its own with a large stack, where the limit is raised for the moment. That is
rare, so that the common statement pays nothing for it; and how deep a statement may be is limited beforehand on its tokens, so that the
stack is large enough for whatever gets there. Long chains (``a + b + ...``, ``x AND y AND ...``) are not nested: they
are bound and compiled in loops (`expressions.Fold`).
"""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Callable, Sequence
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
_ONE_AT_A_TIME: Final = threading.Lock()
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
    return _with_large_stack(work)


def _with_large_stack(work: Callable[[], T]) -> T:
    results: list[T] = []
    errors: list[BaseException] = []
    context = contextvars.copy_context()

    def run() -> None:
        try:
            results.append(context.run(work))
        except BaseException as error:  # noqa: BLE001  whatever it is belongs to the caller
            errors.append(error)

    with _ONE_AT_A_TIME:  # the size of stacks and the limit of calls are those of the whole process
        calls = sys.getrecursionlimit()
        stack = threading.stack_size(_STACK_BYTES)
        try:
            thread = threading.Thread(target=run, name="exdbsql deep statement", daemon=True)
            sys.setrecursionlimit(max(calls, _CALLS))
            thread.start()
        except RuntimeError:
            raise too_complex() from None
        finally:
            threading.stack_size(stack)
        try:
            thread.join()
        finally:
            sys.setrecursionlimit(calls)
    if errors:
        if isinstance(errors[0], (RecursionError, MemoryError)):
            raise too_complex() from None
        raise errors[0]
    return results[0]
