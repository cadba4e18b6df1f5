"""Filters move down to the scans that they speak of; what joins two sides becomes a condition of their join.

A filter above an outer join stays above where it speaks of a side that may be all NULL, and goes into the other side; a condition of a left
join that speaks only of the right side goes there. A filter that no row of NULLs can pass turns a left join into an inner one.
"""

from __future__ import annotations

from dataclasses import replace

from exdbsql.engine.query.expressions import Column, Compare, Expr, InList, Logical, conjuncts
from exdbsql.engine.query.plan import Filter, Join, Plan, Scan, provided_rels, used_rels
from exdbsql.engine.query.rules.common import Statistics, map_plans


def apply(plan: Plan, statistics: Statistics) -> Plan:
    """Push every filter down."""

    def change(node: Plan) -> Plan:
        if isinstance(node, Filter):
            parts = [p for c in node.conditions for p in conjuncts(c)]
            return push(node.child, parts)
        if isinstance(node, Join) and node.kind == "inner" and node.conditions:
            return push(replace(node, conditions=()), [p for c in node.conditions for p in conjuncts(c)])
        if isinstance(node, Join) and node.kind == "left" and node.conditions:
            return _into_right(node)
        return node

    changed: Plan = map_plans(plan, change)
    return changed


def push(plan: Plan, conditions: list[Expr]) -> Plan:
    """`plan` with the conditions applied as deep inside as they may be."""
    if not conditions:
        return plan
    match plan:
        case Scan():
            return replace(plan, filters=(*plan.filters, *conditions))
        case Filter():
            return push(plan.child, [*plan.conditions, *conditions])
        case Join(kind="inner"):
            return _push_inner(plan, conditions)
        case Join(kind="left"):
            return _push_left(plan, conditions)
    return Filter(plan, tuple(conditions))


def _push_inner(plan: Join, conditions: list[Expr]) -> Plan:
    left_rels, right_rels = provided_rels(plan.left), provided_rels(plan.right)
    left, right, both = [], [], []
    for condition in conditions:
        used = used_rels(condition)
        if not used & right_rels:
            left.append(condition)
        elif not used & left_rels:
            right.append(condition)
        else:
            both.append(condition)
    return replace(
        plan,
        left=push(plan.left, left),
        right=push(plan.right, right),
        conditions=(*plan.conditions, *both),
    )


def _push_left(plan: Join, conditions: list[Expr]) -> Plan:
    right_rels = provided_rels(plan.right)
    if any(_rejects_nulls(c, right_rels) for c in conditions):
        inner = replace(plan, kind="inner", conditions=())
        return push(inner, [*plan.conditions, *conditions])
    left = [c for c in conditions if not used_rels(c) & right_rels]
    rest = [c for c in conditions if used_rels(c) & right_rels]
    pushed: Plan = replace(plan, left=push(plan.left, left))
    return Filter(pushed, tuple(rest)) if rest else pushed


def _into_right(plan: Join) -> Plan:
    left_rels = provided_rels(plan.left)
    parts = [p for c in plan.conditions for p in conjuncts(c)]
    right = [c for c in parts if not used_rels(c) & left_rels]
    rest = tuple(c for c in parts if used_rels(c) & left_rels)
    return replace(plan, right=push(plan.right, right), conditions=rest)


def _rejects_nulls(condition: Expr, rels: frozenset[int]) -> bool:
    """Whether the condition cannot be true for a row whose `rels` are all NULL: a comparison with a bare column."""
    if isinstance(condition, Compare):
        return any(isinstance(s, Column) and s.rel in rels for s in (condition.left, condition.right))
    if isinstance(condition, InList):
        return isinstance(condition.arg, Column) and condition.arg.rel in rels
    if isinstance(condition, Logical) and condition.op == "and":
        return any(_rejects_nulls(a, rels) for a in condition.args)
    return False
