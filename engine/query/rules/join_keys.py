"""Equalities between the two sides of a join become its keys, for a hash join."""

from __future__ import annotations

from dataclasses import replace

from exdbsql.engine.query.expressions import Column, Compare, Expr
from exdbsql.engine.query.plan import Filter, Join, Plan, Scan, provided_rels, used_rels
from exdbsql.engine.query.rules.common import Statistics, map_plans
from exdbsql.engine.query.rules.estimates import covers_unique_key
from exdbsql.schema.types import BOOLEAN


def apply(plan: Plan, statistics: Statistics) -> Plan:
    """Find the keys of every join."""

    def change(node: Plan) -> Plan:
        if not isinstance(node, Join) or node.left_keys:
            return node
        joined = with_keys(node)
        return replace(joined, right_unique=_is_unique(joined, statistics))

    changed: Plan = map_plans(plan, change)
    return changed


def with_keys(join: Join) -> Join:
    """`join` with its equalities as keys; none where a side depends on the other row by row."""
    left_rels, right_rels = provided_rels(join.left), provided_rels(join.right)
    if used_rels(join.right) & left_rels:
        return join
    left_keys: list[Expr] = []
    right_keys: list[Expr] = []
    rest: list[Expr] = []
    for condition in join.conditions:
        sides = split_equality(condition, left_rels, right_rels)
        if sides is None:
            rest.append(condition)
        else:
            left_keys.append(sides[0])
            right_keys.append(sides[1])
    return replace(join, conditions=tuple(rest), left_keys=tuple(left_keys), right_keys=tuple(right_keys))


def split_equality(condition: Expr, left: frozenset[int], right: frozenset[int]) -> tuple[Expr, Expr] | None:
    """The sides of ``a = b`` where one speaks only of `left` and the other only of `right`."""
    if not isinstance(condition, Compare) or condition.op != "==":
        return None
    a, b = used_rels(condition.left), used_rels(condition.right)
    if a and b and a <= left and b <= right:
        return condition.left, condition.right
    if a and b and a <= right and b <= left:
        return condition.right, condition.left
    return None


def _is_unique(join: Join, statistics: Statistics) -> bool:
    """Whether no two rows of the right side have the same keys."""
    keys = [k for k in join.right_keys if isinstance(k, Column) and not k.nullable]
    return bool(keys) and _is_determined(join.right, keys, statistics)


def _is_determined(plan: Plan, columns: list[Column], statistics: Statistics) -> bool:
    """Whether no two rows of a stream agree in some columns, which are never NULL.

    A join that finds one partner at most for each row of its left side gives no row of that twice.
    """
    match plan:
        case Scan():
            return covers_unique_key(plan, columns, statistics)
        case Filter():
            return _is_determined(plan.child, columns, statistics)
        case Join(kind="inner" | "left") if _is_determined(plan.left, columns, statistics):
            return plan.right_unique or _is_determined(plan.right, columns, statistics)
    return False


def keys_as_conditions(join: Join) -> list[Expr]:
    """The keys of a join as the equalities that they were."""
    return [
        Compare(BOOLEAN, a.nullable or b.nullable, "==", a, b)
        for a, b in zip(join.left_keys, join.right_keys, strict=True)
    ]
