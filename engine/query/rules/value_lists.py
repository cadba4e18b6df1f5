"""Conditions that a value is one of several, in the one form that access paths and generated code know: a list.

``a = 1 OR a = 2`` is ``a IN (1, 2)``; ``a = ANY (array)`` of an array that is the same for all rows looks its values up in a set;
``a = ANY (SELECT ...)`` is ``a IN (SELECT ...)``, and ``a <> ALL (SELECT ...)`` is ``a NOT IN (SELECT ...)``. All the same in three-valued logic.
"""

from __future__ import annotations

from typing import Final

from exdbsql.engine.query.expressions import (
    Call,
    Column,
    Compare,
    Const,
    Expr,
    InArray,
    InList,
    InSubquery,
    Logical,
    Not,
    Param,
    ParamRange,
    Quantified,
)
from exdbsql.engine.query.plan import Plan, rewrite, used_rels
from exdbsql.engine.query.rules.common import Statistics
from exdbsql.schema.types import BOOLEAN

_ANY: Final = "== ANY"


def apply(plan: Plan, statistics: Statistics) -> Plan:
    """Rewrite every expression of the plan."""
    changed: Plan = rewrite(plan, _changed)
    return changed


def _changed(expr: Expr) -> Expr | None:
    match expr:
        case Logical(op="or"):
            return _with_lists(expr)
        case Call(name=name, args=(arg, array)) if name == _ANY and not used_rels(array):
            return InArray(BOOLEAN, True, arg, array)
        case Quantified(op="==", every=False) | Quantified(op="!=", every=True):
            found: Expr = InSubquery(BOOLEAN, True, (rewrite(expr.arg, _changed),), rewrite(expr.plan, _changed))
            return Not(BOOLEAN, True, found) if expr.every else found
    return None


def _with_lists(expr: Logical) -> Expr | None:
    """An OR whose equalities of one column with values are gathered in lists; None where there are none to gather."""
    values: dict[tuple[int, int], list[Expr]] = {}
    for arg in expr.args:
        found = _values_of(arg)
        if found is not None:
            values.setdefault((found[0].rel, found[0].index), []).append(arg)
    several = {place for place, args in values.items() if len(args) > 1}
    if not several:
        return None
    parts: list[Expr] = []
    done: set[tuple[int, int]] = set()
    for arg in expr.args:
        found = _values_of(arg)
        place = None if found is None else (found[0].rel, found[0].index)
        if place is None or place not in several:
            parts.append(rewrite(arg, _changed))
        elif place not in done:
            done.add(place)
            parts.append(_joined(values[place]))
    return parts[0] if len(parts) == 1 else Logical(BOOLEAN, expr.nullable, "or", tuple(parts))


def _joined(args: list[Expr]) -> Expr:
    lists = [found for arg in args if (found := _values_of(arg)) is not None]
    items = tuple(dict.fromkeys(item for _, found in lists for item in found))
    return InList(BOOLEAN, any(arg.nullable for arg in args), lists[0][0], items)


def _values_of(condition: Expr) -> tuple[Column, tuple[Expr, ...]] | None:
    """The column of ``column = value`` or ``column IN (values)``, and the values, which are the same for all rows."""
    if isinstance(condition, Compare) and condition.op == "==":
        for column, value in ((condition.left, condition.right), (condition.right, condition.left)):
            if isinstance(column, Column) and isinstance(value, (Const, Param)):
                return column, (value,)
    if not isinstance(condition, InList) or not isinstance(condition.arg, Column):
        return None
    is_fixed = all(isinstance(item, (Const, Param, ParamRange)) for item in condition.items)
    return (condition.arg, condition.items) if is_fixed else None
