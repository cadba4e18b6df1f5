"""The order of inner joins: start with the relation that gives the fewest rows, then always take a connected one that is cheapest.

Only trees of inner joins are reordered, and only relations that do not depend on each other row by row. Estimates: the count of rows,
divided by a constant for each filter; an equality on a unique key leaves one row.
"""

from __future__ import annotations

from dataclasses import replace

from exdbsql.engine.query.expressions import Column, Compare, Expr
from exdbsql.engine.query.plan import CHILD_FIELDS, Filter, Join, Plan, Scan, provided_rels, used_rels
from exdbsql.engine.query.rules.common import Statistics, map_plans
from exdbsql.engine.query.rules.pushdown import push

_OTHER_ROWS = 1000.0


def apply(plan: Plan, statistics: Statistics) -> Plan:
    """Reorder every tree of three or more inner joins, and put the smaller side of two on the right, where the hash table is."""

    def change(node: Plan) -> Plan:
        if isinstance(node, Join) and node.kind == "inner":
            return node
        return _children_reordered(node, statistics)

    changed: Plan = map_plans(plan, change)
    return changed


def _children_reordered(node: Plan, statistics: Statistics) -> Plan:
    changes = {}
    for name in CHILD_FIELDS[type(node)]:
        child = getattr(node, name)
        if isinstance(child, Join) and child.kind == "inner":
            changes[name] = reordered(child, statistics)
    return replace(node, **changes) if changes else node


def reordered(join: Join, statistics: Statistics) -> Plan:
    """The tree of inner joins at `join`, in a better order."""
    relations, conditions = _flatten(join)
    used = {id(c): frozenset(used_rels(c)) for c in conditions if isinstance(c, Compare) and c.op == "=="}
    own = {id(r): provided_rels(r) for r in relations}
    every = frozenset().union(*own.values())
    if any(used_rels(r) & every for r in relations):
        return join
    remaining = sorted(relations, key=lambda r: estimate(r, statistics))
    if len(remaining) == 2:
        # the hash table is made of the right side: the larger one streams, unless it has a unique key to look up by
        small, large = remaining
        if _joins_on_unique_key(large, conditions, statistics):
            small, large = large, small
        plan: Plan = Join("inner", large, small, ())
        return push(plan, conditions)
    plan = remaining.pop(0)
    have = set(own[id(plan)])
    while remaining:
        chosen = _next(remaining, own, have, conditions, used, statistics)
        remaining.remove(chosen)
        plan = Join("inner", plan, chosen, ())
        have |= own[id(chosen)]
    return push(plan, conditions)


def _flatten(plan: Plan) -> tuple[list[Plan], list[Expr]]:
    relations: list[Plan] = []
    conditions: list[Expr] = []
    todo: list[Plan] = [plan]
    while todo:
        node = todo.pop()
        if isinstance(node, Join) and node.kind == "inner":
            conditions += node.conditions
            todo += [node.right, node.left]
        else:
            relations.append(node)
    return relations, conditions


def _next(
    remaining: list[Plan],
    own: dict[int, frozenset[int]],
    have: set[int],
    conditions: list[Expr],
    used: dict[int, frozenset[int]],
    statistics: Statistics,
) -> Plan:
    """The cheapest relation that an equality connects with what there is; the smallest one where none is connected."""
    best, best_cost = None, 0.0
    for relation in remaining:
        rels = own[id(relation)]
        links = [c for c in conditions if _links(used.get(id(c)), have, rels)]
        if not links:
            continue
        cost = estimate(relation, statistics)
        if any(_on_unique_key(c, relation, statistics) for c in links):
            cost = min(cost, 1.0)
        if best is None or cost < best_cost:
            best, best_cost = relation, cost
    return best if best is not None else remaining[0]


def _links(used: frozenset[int] | None, have: set[int], rels: frozenset[int]) -> bool:
    """Whether an equality that uses these relations connects `rels` with what there is."""
    return used is not None and bool(used & rels) and bool(used & have) and used <= have | rels


def _on_unique_key(condition: Expr, relation: Plan, statistics: Statistics) -> bool:
    if not isinstance(relation, Scan) or not isinstance(condition, Compare):
        return False
    keys = statistics.table(relation.table).unique_keys
    names = {(c,) for c in statistics.table(relation.table).column_names}
    single = {k.columns[0] for k in keys if k.columns in names}
    return any(
        isinstance(s, Column) and s.rel == relation.rel and s.name in single for s in (condition.left, condition.right)
    )


def _joins_on_unique_key(relation: Plan, conditions: list[Expr], statistics: Statistics) -> bool:
    rels = provided_rels(relation)
    return any(
        isinstance(c, Compare) and c.op == "==" and used_rels(c) - rels and _on_unique_key(c, relation, statistics)
        for c in conditions
    )


def estimate(plan: Plan, statistics: Statistics) -> float:
    """Roughly how many rows a stream gives."""
    match plan:
        case Scan():
            rows = float(max(1, statistics.row_count(plan.table)))
            for condition in plan.filters:
                if isinstance(condition, Compare) and condition.op == "==":
                    unique = _on_unique_key(condition, plan, statistics)
                    rows = 1.0 if unique else max(1.0, rows / 20)
                else:
                    rows = max(1.0, rows / 3)
            return rows
        case Filter(child=child):
            return max(1.0, estimate(child, statistics) / 3)
        case Join(left=left, right=right):
            return max(estimate(left, statistics), estimate(right, statistics))
    return _OTHER_ROWS
