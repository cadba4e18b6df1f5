"""A correlated ``x IN (SELECT y ...)`` that only filters becomes ``EXISTS (SELECT ... AND y = x)``, which look-ups can serve."""

from __future__ import annotations

from exdbsql.engine.query.expressions import Compare, Exists, Expr, InSubquery, conjuncts
from exdbsql.engine.query.plan import Aggregate, Filter, Plan, Project, used_rels
from exdbsql.engine.query.rules.common import Statistics, map_plans
from exdbsql.schema.types import BOOLEAN


def apply(plan: Plan, statistics: Statistics) -> Plan:
    """Rewrite the conditions of every filter."""

    def change(node: Plan) -> Plan:
        if not isinstance(node, Filter):
            return node
        parts = [p for c in node.conditions for p in conjuncts(c)]
        return Filter(node.child, tuple(_as_exists(p) for p in parts))

    changed: Plan = map_plans(plan, change)
    return changed


def _as_exists(condition: Expr) -> Expr:
    if not isinstance(condition, InSubquery) or not used_rels(condition.plan):
        return condition
    inner = condition.plan
    if not isinstance(inner, Project) or isinstance(inner.child, Aggregate):
        return condition
    equal = tuple(
        Compare(BOOLEAN, a.nullable or e.nullable, "==", e, a)
        for a, e in zip(condition.args, inner.exprs, strict=False)
    )
    return Exists(BOOLEAN, False, Project(Filter(inner.child, equal), inner.exprs, inner.columns, inner.visible))
