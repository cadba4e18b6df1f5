"""Comparison of rows, value by value (PostgreSQL's manual, section 9.24.5)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def ordered_as(op: str, pairs: tuple[tuple[Any, Any], ...]) -> bool | None:
    """Whether two rows of one width are in an order; the first pair of values that differ decides, and NULL in it makes it NULL."""
    for left, right in pairs:
        if left is None or right is None:
            return None
        if left != right:
            return _OPERATORS[op](left, right)
    return op.endswith("=")
