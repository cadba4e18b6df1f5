"""ORDER BY by the order of an index: with a LIMIT only the first rows are looked at, and without one nothing needs to be sorted.

The rows that come first in the loops give the order: those of the table that a join streams. An index serves where its parts, behind
those that an equality fixes, are the sort keys one after the other, all in its directions or all against them, with the NULLs at
the same ends (or none). A unique key decides everything, so what is sorted by behind it does not matter.

``min`` and ``max`` of a column are the first rows of such an order, too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from exdbsql.engine.query.expressions import Const, Expr, ScalarSubquery
from exdbsql.engine.query.plan import (
    Aggregate,
    Cut,
    Derived,
    Filter,
    Join,
    Limit,
    OneRow,
    OrderColumn,
    OutputColumn,
    Plan,
    PointAccess,
    Project,
    ProjectSet,
    RangeAccess,
    Scan,
    SeekAccess,
    Sort,
    used_rels,
    walk,
)
from exdbsql.engine.query.rules import join_costs
from exdbsql.engine.query.rules.access_paths import SOME_ROWS, best_path
from exdbsql.engine.query.rules.candidate_indexes import (
    Candidate,
    KeyPart,
    candidate_indexes,
    distinct_values,
    share_held,
)
from exdbsql.engine.query.rules.common import Statistics, map_plans
from exdbsql.engine.query.rules.estimates import estimate
from exdbsql.engine.query.rules.index_conditions import Bounds, Conditions, is_null_value
from exdbsql.schema.types import BIGINT

SORT_ROW: Final = 25.0
TOP_ROW: Final = 3.0
_UNKNOWN_LIMIT: Final = 100.0


def apply(plan: Plan, statistics: Statistics) -> Plan:
    """Replace sorts by ordered scans, and extremes of columns by first rows."""

    def change(node: Plan) -> Plan:
        match node:
            case Limit(child=Sort(child=Project() as project, keys=keys)):
                found = _ordered(project, keys, _wanted(node, statistics), statistics)
                return node if found is None else replace(node, child=found)
            case Limit(child=Project(child=Join() as join) as project) if node.limit is not None:
                wanted = _wanted(node, statistics)
                return replace(node, child=replace(project, child=_with_leading(join, None, wanted, statistics)))
            case Cut(child=Limit(child=Project() as project) as limit, visible=visible):
                return replace(limit, child=_narrowed(project, visible))
            case Cut(child=Project() as project, visible=visible):
                return _narrowed(project, visible)
            case Aggregate(keys=(), scalar=True, child=Scan()):
                return _extremes(node, statistics) or node
        return node

    if not any(isinstance(node, (Sort, Aggregate, Limit)) for node in walk(plan)):
        return plan
    plan = map_plans(plan, change)
    nodes = list(walk(plan))
    decided = {id(n.child) for n in nodes if isinstance(n, Limit) and n.limit is not None}
    if not any(isinstance(n, Sort) and id(n) not in decided for n in nodes):
        return plan
    ordered: Plan = map_plans(plan, lambda node: node if id(node) in decided else _without_sort(node, statistics))
    return ordered


def _without_sort(node: Plan, statistics: Statistics) -> Plan:
    match node:
        case Sort(child=Project() as project, keys=keys):
            return _ordered(project, keys, None, statistics) or node
        case Cut(child=Project() as project, visible=visible):
            return _narrowed(project, visible)
    return node


def _narrowed(project: Project, visible: int) -> Project:
    """Without the outputs that were there to sort by."""
    return Project(project.child, project.exprs[:visible], project.columns[:visible], visible)


def _wanted(limit: Limit, statistics: Statistics) -> float | None:
    """How many rows a LIMIT and its OFFSET want, about; None for all."""
    if limit.limit is None:
        return None
    count = 0.0
    for part in (limit.limit, limit.offset):
        if part is not None:
            known = statistics.known_value(part)
            count += float(known) if isinstance(known, int) else _UNKNOWN_LIMIT
    return max(1.0, count)


def _ordered(
    project: Project, keys: tuple[OrderColumn, ...], wanted: float | None, statistics: Statistics
) -> Project | None:
    """The projection with its rows in order, where an index gives the order and that costs less than sorting."""
    scan = leading_scan(project.child)
    if scan is None or scan.access is not None or scan.keyed:
        return None
    order = [(project.exprs[key.index], key) for key in keys]
    best: tuple[float, RangeAccess, frozenset[Expr]] | None = None
    conditions = Conditions.of(scan, statistics)
    for candidate in candidate_indexes(scan, statistics, scan.filters):
        found = _access(candidate, conditions, order)
        if found is not None:
            cost = _cost(scan, project.child, candidate, found[0], found[1], wanted, statistics)
            if best is None or cost < best[0]:
                best = (cost, *found)
    if best is None or best[0] >= _cost_of_sorting(scan, project.child, conditions, wanted, statistics):
        return None
    _, access, ensured = best
    filters = tuple(f for f in scan.filters if f not in ensured)
    new = replace(scan, access=access, filters=filters)
    return replace(project, child=_with_leading(project.child, new, wanted, statistics))


def leading_scan(plan: Plan) -> Scan | None:
    """The scan whose rows a stream follows, one after the other."""
    while True:
        match plan:
            case Scan():
                return plan
            case Filter(child=child) | ProjectSet(child=child):
                plan = child
            case Join(kind="inner" | "left", left=left):
                plan = left
            case _:
                return None


def _with_leading(plan: Plan, scan: Scan | None, wanted: float | None, statistics: Statistics) -> Plan:
    """The stream with another leading scan (None: as it is); joins learn how many rows of their left side are wanted."""
    match plan:
        case Filter(child=child) | ProjectSet(child=child):
            return replace(plan, child=_with_leading(child, scan, wanted, statistics))
        case Join(kind="inner" | "left", left=left):
            rows = 0.0 if wanted is None else wanted * max(1.0, estimate(left, statistics) / estimate(plan, statistics))
            return replace(plan, left=_with_leading(left, scan, wanted, statistics), left_rows=rows)
    return plan if scan is None else scan


# which index gives the order


def _access(
    candidate: Candidate, conditions: Conditions, order: list[tuple[Expr, OrderColumn]], *, not_null: bool = False
) -> tuple[RangeAccess, frozenset[Expr]] | None:
    """The range of an index that gives the order, and the conditions that it ensures."""
    fixed: list[tuple[Expr, Expr]] = []
    for part in candidate.keys:
        found = conditions.equality(part)
        if found is None or found[2] or is_null_value(found[1]):
            break
        fixed.append((found[0], found[1]))
    rest = candidate.keys[len(fixed) :]
    bounds = conditions.bounds(rest[0]) if rest else Bounds()
    if bounds.pattern is not None:
        bounds = Bounds()
    fixed_parts = candidate.keys[: len(fixed)]
    ensured = [condition for condition, _ in fixed] + bounds.ensured + list(candidate.predicate)
    demanded = conditions.not_null(rest[0]) if rest and not bounds.ensured else []
    reverse = _direction(candidate, fixed_parts, order, not_null=bool(not_null or bounds.ensured or demanded))
    if reverse is None or not rest:
        return None
    access = replace(bounds.access(candidate.name, [value for _, value in fixed]), reverse=reverse, nulls=not demanded)
    return access, frozenset([*ensured, *demanded])


def _direction(
    candidate: Candidate, fixed: tuple[KeyPart, ...], order: list[tuple[Expr, OrderColumn]], *, not_null: bool
) -> bool | None:
    """Whether the index is to be read backwards for an order; None where it does not give it.

    `fixed` are its leading parts that have but one value; with `not_null`, the part behind them is not NULL in any row.
    """
    reverse: bool | None = None
    rest = list(candidate.keys[len(fixed) :])
    for expr, key in order:
        if not used_rels(expr) or any(part.is_same(expr) for part in fixed):
            continue  # the same for all rows
        if not rest:
            return reverse if candidate.unique and not any(part.expr.nullable for part in candidate.keys) else None
        part = rest.pop(0)
        turned = part.descending is not key.descending
        if not part.is_same(expr) or (reverse is not None and turned is not reverse):
            return None
        has_nulls = part.expr.nullable and not (not_null and len(rest) + len(fixed) + 1 == len(candidate.keys))
        if has_nulls and (part.nulls_first is not turned) is not key.nulls_first:
            return None
        reverse = turned
    return bool(reverse)


# what it costs


def _cost(
    scan: Scan,
    stream: Plan,
    candidate: Candidate,
    access: RangeAccess,
    ensured: frozenset[Expr],
    wanted: float | None,
    statistics: Statistics,
) -> float:
    everything = float(max(SOME_ROWS, statistics.row_count(scan.table)))
    entries = distinct_values(candidate, len(candidate.keys), scan, statistics)
    rows = everything * share_held(candidate, scan, statistics)
    if access.prefix:
        rows /= distinct_values(candidate, len(access.prefix), scan, statistics)
    bounds = tuple(c for c in ensured if _is_bound(c, access))
    if bounds:
        rows *= statistics.share_of_range(scan, bounds)
    visited = rows
    if wanted is not None:
        matching = max(1.0, estimate(stream, statistics) * everything / max(1, statistics.row_count(scan.table)))
        visited = min(rows, max(everything / entries, wanted * max(1.0, rows / matching)))
    others = len(scan.filters) - len(ensured)
    return join_costs.RANGE + visited * (join_costs.SEEK_ROW + join_costs.FILTER * others)


def _is_bound(condition: Expr, access: RangeAccess) -> bool:
    return any(
        side is bound
        for bound in (access.low, access.high)
        if bound is not None
        for side in (getattr(condition, "left", None), getattr(condition, "right", None))
    )


def _cost_of_sorting(
    scan: Scan, stream: Plan, conditions: Conditions, wanted: float | None, statistics: Statistics
) -> float:
    """Of finding all rows in the best way, and sorting them."""
    everything = float(max(SOME_ROWS, statistics.row_count(scan.table)))
    found = everything * (join_costs.ROW + join_costs.FILTER * len(scan.filters))
    path = best_path(scan, conditions, statistics)
    if path is not None:
        if isinstance(path.access, (PointAccess, SeekAccess)) and path.candidate.unique:
            return 0.0
        found = min(found, path.cost + path.rows * join_costs.FILTER * len(scan.filters))
    rows = estimate(stream, statistics) * everything / max(1, statistics.row_count(scan.table))
    return found + rows * (SORT_ROW if wanted is None or wanted * 20 > rows else TOP_ROW)


# min and max


def _extremes(plan: Aggregate, statistics: Statistics) -> Plan | None:
    """``min`` and ``max`` of columns of a table, each the first row by an index; None where no index serves one of them."""
    scan = plan.child
    assert isinstance(scan, Scan)
    if scan.access is not None or scan.keyed or not plan.calls:
        return None
    values: list[Expr] = []
    for call in plan.calls:
        is_plain = call.name in ("min", "max") and call.condition is None and len(call.args) == 1 and not call.template
        arg = call.args[0] if is_plain else None
        found = None if arg is None else _first_value(scan, arg, call.name == "max", statistics)
        if found is None:
            return None
        values.append(ScalarSubquery(call.type, True, found))
    columns = tuple(OutputColumn(c.name, c.type, True) for c in plan.calls)
    return Derived(plan.rel, Project(OneRow(), tuple(values), columns, len(values)), "extremes", len(values))


def _first_value(scan: Scan, value: Expr, descending: bool, statistics: Statistics) -> Plan | None:
    """The query of the least or greatest value of an expression that is not NULL; None where it costs less to look at all rows."""
    conditions = Conditions.of(scan, statistics)
    columns = (OutputColumn("value", value.type, True),)
    order = [(value, OrderColumn(0, descending, False, False))]
    for candidate in candidate_indexes(scan, statistics, scan.filters):
        found = _access(candidate, conditions, order, not_null=True)
        if found is None or not candidate.keys[len(found[0].prefix) :]:
            continue
        access, ensured = found
        if not candidate.keys[len(access.prefix)].is_same(value):
            continue
        cost = _cost(scan, scan, candidate, access, ensured, 1.0, statistics)
        if cost >= _cost_of_sorting(scan, scan, conditions, 1.0, statistics):
            continue
        if value.nullable and access.low is None and access.high is None:
            access = replace(access, nulls=False)
        filters = tuple(f for f in scan.filters if f not in ensured)
        first = Project(replace(scan, access=access, filters=filters), (value,), columns, 1)
        return Limit(first, Const(BIGINT, False, 1), None)
    return None
