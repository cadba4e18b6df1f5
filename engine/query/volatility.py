"""Whether functions give the same for the same arguments: what does may be evaluated once, or remembered; what does not, exactly as often as SQL says."""

from __future__ import annotations

from typing import Any, Final

from exdbsql.engine.query.expressions import Call
from exdbsql.engine.query.plan import walk

_NOT_REPEATABLE: Final = frozenset({"random", "setseed", "gen_random_uuid", "clock_timestamp", "timeofday"})


def gives_the_same(value: Any) -> bool:
    """Whether all functions that are called in a plan or an expression give the same for the same."""
    calls = [item for item in walk(value) if isinstance(item, Call)]
    if any(call.name in _NOT_REPEATABLE or "txn." in call.template for call in calls):
        return False
    functions = [function for call in calls for _, function in call.names]
    return all(str(getattr(f, "__module__", None)).startswith("exdbsql.") for f in functions)
