"""Whether functions give the same for the same arguments: what does may be evaluated once, or remembered; what does not, exactly as often as SQL says."""

from __future__ import annotations

from typing import Any, Final

from exdbsql.engine.query.expressions import Call
from exdbsql.engine.query.plan import walk

VOLATILE: Final = frozenset({"random", "setseed", "gen_random_uuid", "clock_timestamp", "timeofday"})
"""Functions that need not give the same twice within a statement; besides them there are those that use the transaction."""


def gives_the_same(value: Any) -> bool:
    """Whether all functions that are called in a plan or an expression give the same for the same."""
    if is_volatile(value):
        return False
    functions = [function for item in walk(value) if isinstance(item, Call) for _, function in item.names]
    return all(str(getattr(f, "__module__", None)).startswith("exdbsql.") for f in functions)


def is_volatile(value: Any) -> bool:
    """Whether one of ours is called that need not; the program's functions are taken to give the same."""
    return any(isinstance(item, Call) and (item.name in VOLATILE or "txn." in item.template) for item in walk(value))
