"""EXISTS whose subquery depends on outer rows by equalities alone becomes a look-up in the set of its keys, where the outer rows are many.

``EXISTS (SELECT ... FROM b WHERE b.x = a.x AND b.y > 0)`` asks whether ``a.x`` is among the ``b.x`` of the rows with ``b.y > 0``: a set, made
once. An index that is looked up in for each row of ``a`` is better where these are few, so the estimates decide. NULL is equal to
nothing: the set has none, and NULL is not looked for. So it is never unknown, and NOT EXISTS stays its opposite (which NOT IN is not).

Left alone are subqueries that call what need not give the same twice, and that depend on outer rows in another way. Rows of which a LIMIT
wants the first ones only count as few.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from exdbsql.engine.query.expressions import Exists, Expr, HasMatch, conjuncts
from exdbsql.engine.query.plan import (
    Cut,
    Distinct,
    Filter,
    Limit,
    Plan,
    Project,
    Scan,
    provided_rels,
    rewrite,
    used_rels,
    walk,
)
from exdbsql.engine.query.rules import join_costs
from exdbsql.engine.query.rules.access_paths import SOME_ROWS, best_path
from exdbsql.engine.query.rules.common import Statistics, map_plans
from exdbsql.engine.query.rules.estimates import estimate
from exdbsql.engine.query.rules.index_conditions import Conditions
from exdbsql.engine.query.rules.join_keys import split_equality
from exdbsql.engine.query.rules.join_order import is_costly
from exdbsql.engine.query.volatility import gives_the_same
from exdbsql.schema.types import BOOLEAN

_IN_SET: Final = 8.0
"""What a key of the set costs."""

_CALL: Final = 10.0
"""What the function of a subquery costs for a row, beside its look-up."""


def apply(plan: Plan, statistics: Statistics) -> Plan:
    """Rewrite the filters and the output of every query."""
    nodes = list(walk(plan))
    if not any(isinstance(node, Exists) for node in nodes):
        return plan
    first_only = frozenset(rel for node in nodes if isinstance(node, Limit) for rel in _rels_cut_short(node.child))

    def change(node: Plan) -> Plan:
        return _with_sets(node, first_only, statistics)

    changed: Plan = map_plans(plan, change)
    return changed


def _rels_cut_short(plan: Plan) -> frozenset[int]:
    """The relations of a query's rows, where a LIMIT above it ends the loop over them."""
    while isinstance(plan, (Project, Cut, Distinct, Limit)):
        plan = plan.child
    return provided_rels(plan)


def _with_sets(node: Plan, first_only: frozenset[int], statistics: Statistics) -> Plan:
    """A node whose own expressions look up in sets what they can."""
    match node:
        case Scan(filters=exprs) if exprs:
            field, rels = "filters", provided_rels(node)
            rest: Plan = replace(node, filters=tuple(f for f in exprs if not is_costly(f)))
        case Filter(child=rest, conditions=exprs):
            field, rels = "conditions", provided_rels(rest)
        case Project(child=rest, exprs=exprs):
            field, rels = "exprs", provided_rels(rest)
        case _:
            return node
    if not any(is_costly(e) for e in exprs):
        return node
    rows = 1.0 if rels & first_only else estimate(rest, statistics)

    def change(expr: Expr) -> Expr | None:
        return _as_match(expr, rels, rows, statistics) if isinstance(expr, Exists) else None

    new = rewrite(exprs, change)
    return node if new is exprs else replace(node, **{field: new})


def _as_match(exists: Exists, outer: frozenset[int], rows: float, statistics: Statistics) -> Expr | None:
    """The look-up in place of a subquery that is run for `rows` rows of the relations `outer`; None where that is not to be."""
    project = exists.plan
    if not isinstance(project, Project) or not isinstance(project.child, (Scan, Filter)):
        return None
    scan, conditions = _scan_and_conditions(project.child)
    if scan is None or scan.access is not None or scan.keyed:
        return None
    own = frozenset((scan.rel,))
    local = tuple(c for c in conditions if not used_rels(c) - own)
    keys = [split_equality(c, outer, own) for c in conditions if c not in local]
    found = [pair for pair in keys if pair is not None]
    if not found or len(found) < len(keys) or not gives_the_same(tuple(conditions)):
        return None
    correlated = replace(scan, filters=tuple(conditions))
    alone = _with_sets(replace(scan, filters=local), frozenset(), statistics)
    assert isinstance(alone, Scan)
    if any(is_costly(c) for c in alone.filters) or not _pays(correlated, alone, rows, statistics):
        return None
    inside = Project(alone, tuple(b for _, b in found), (), len(found))
    return HasMatch(BOOLEAN, False, tuple(a for a, _ in found), inside)


def _scan_and_conditions(plan: Plan) -> tuple[Scan | None, list[Expr]]:
    """The scan below filters, and what they and it demand."""
    conditions: list[Expr] = []
    while isinstance(plan, Filter):
        conditions += plan.conditions
        plan = plan.child
    if not isinstance(plan, Scan):
        return None, []
    return plan, [part for c in (*plan.filters, *conditions) for part in conjuncts(c)]


def _pays(correlated: Scan, alone: Scan, rows: float, statistics: Statistics) -> bool:
    """Whether the set costs less than `rows` look-ups; where there is no index for these, a hash table would have to be made anyway."""
    path = best_path(correlated, Conditions.of(correlated, statistics), statistics)
    if path is None or not used_rels(path.access):
        return True
    tests = join_costs.FILTER * len(alone.filters)
    everything = max(SOME_ROWS, statistics.row_count(alone.table))
    kept = everything * statistics.share(alone)
    by_set = everything * (join_costs.ROW + tests) + kept * _IN_SET + rows * join_costs.PROBE
    found = max(1.0, path.rows)
    return by_set < rows * (_CALL + path.lookups * join_costs.SEEK + found * join_costs.SEEK_ROW)
