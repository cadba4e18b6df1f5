"""What all branches of an OR demand is demanded once; and what an OR demands of one relation alone filters that relation.

``(a = b AND x) OR (a = b AND y)`` becomes ``a = b AND (x OR y)``: the equality can join, where the OR could not (TPC-H's Q19). And
``(r.x = 1 AND s.y = 2) OR (r.x = 3 AND s.y = 4)`` keeps its place, but ``r.x = 1 OR r.x = 3`` goes before the join, and the like for s
(Q7). Both hold in three-valued logic: AND and OR distribute over each other there, and where the whole is true so is what follows
from it.
"""

from __future__ import annotations

from exdbsql.engine.query.expressions import Expr, Logical, conjunction, conjuncts
from exdbsql.engine.query.plan import Filter, Join, Plan, used_rels, walk
from exdbsql.engine.query.rules.common import Statistics, map_plans
from exdbsql.schema.types import BOOLEAN


def apply(plan: Plan, statistics: Statistics) -> Plan:
    """Rewrite the conditions of filters and inner joins."""

    def change(node: Plan) -> Plan:
        if isinstance(node, Filter):
            return Filter(node.child, _rewritten(node.conditions))
        if isinstance(node, Join) and node.kind == "inner" and node.conditions:
            return Join("inner", node.left, node.right, _rewritten(node.conditions))
        return node

    changed: Plan = map_plans(plan, change)
    return changed


def _rewritten(conditions: tuple[Expr, ...]) -> tuple[Expr, ...]:
    parts = [p for c in conditions for p in conjuncts(c)]
    if not any(isinstance(p, Logical) for p in parts):
        return conditions
    out: list[Expr] = []
    for part in parts:
        out += factored(part) if isinstance(part, Logical) and part.op == "or" else [part]
    return tuple(out)


def factored(condition: Logical) -> list[Expr]:
    """An OR as conditions that all must hold: what its branches share, what is left of it, and what follows for single relations."""
    branches = [conjuncts(branch) for branch in condition.args]
    shared = [part for part in branches[0] if all(part in other for other in branches[1:])]
    rest = [[part for part in branch if part not in shared] for branch in branches]
    if not all(rest):
        return shared  # one branch demands no more than that
    left = condition if not shared else _either(rest)
    return [*shared, left, *_of_single_relations(rest)]


def _of_single_relations(branches: list[list[Expr]]) -> list[Expr]:
    """For each relation of which every branch demands something alone: one of these must hold."""
    rels = {rel for branch in branches for part in branch for rel in used_rels(part)}
    found: list[Expr] = []
    if len(rels) < 2:
        return found
    for rel in sorted(rels):
        own = [[part for part in branch if used_rels(part) == {rel} and not _has_plan(part)] for branch in branches]
        if all(own):
            found.append(_either(own))
    return found


def _has_plan(condition: Expr) -> bool:
    """Whether there is a subquery in it, which is not worth running twice."""
    return any(isinstance(item, Plan) for item in walk(condition))


def _either(branches: list[list[Expr]]) -> Expr:
    args = tuple(part for branch in branches if (part := conjunction(branch)) is not None)
    return Logical(BOOLEAN, any(a.nullable for a in args), "or", args)
