"""How many rows a stream gives, about: what joins are ordered by.

The usual assumptions: filters of different tables know nothing of each other, and of two joined columns the values of the one with
fewer are all among those of the other (Selinger et al., Access Path Selection in a Relational Database Management System, 1979).
"""

from __future__ import annotations

from collections.abc import Iterable

from exdbsql.engine.query.expressions import Column, Compare, Expr
from exdbsql.engine.query.plan import (
    Aggregate,
    Cut,
    Derived,
    Distinct,
    Filter,
    Join,
    Limit,
    ParamRows,
    Plan,
    Project,
    Scan,
    SetOperation,
    Sort,
    Values,
    provided_rels,
    used_rels,
    walk,
)
from exdbsql.engine.query.rules.common import Statistics

OTHER_ROWS = 1000.0
"""Rows of what nothing is known of."""

OTHER_SHARE = 1 / 3
"""What a condition leaves of which nothing is known."""


def estimate(plan: Plan, statistics: Statistics) -> float:
    """Roughly how many rows a node gives; at least one."""
    return max(1.0, _rows(plan, statistics))


def _rows(plan: Plan, statistics: Statistics) -> float:
    match plan:
        case Scan():
            return statistics.row_count(plan.table) * statistics.share(plan)
        case Filter(child=child, conditions=conditions):
            return estimate(child, statistics) * OTHER_SHARE ** len(conditions)
        case Join(left=left, right=right):
            rows = estimate(left, statistics) * estimate(right, statistics) * joined_share(plan, statistics)
            return rows if plan.kind == "inner" else max(rows, estimate(left, statistics))
        case Derived(plan=inner) | Project(child=inner) | Sort(child=inner) | Cut(child=inner):
            return estimate(inner, statistics)
        case Aggregate(keys=()):
            return 1.0
        case Aggregate(child=child) | Distinct(child=child):
            return estimate(child, statistics) / 3
        case Limit(child=child):
            return min(100.0, estimate(child, statistics))
        case ParamRows(count=count):
            return float(count)
        case Values(rows=rows_given):
            return float(len(rows_given))
        case SetOperation(left=left, right=right):
            return estimate(left, statistics) + estimate(right, statistics)
    return OTHER_ROWS


def rows_of_join_sides(plan: Plan, statistics: Statistics) -> dict[frozenset[int], float]:
    """How many rows each side of each join gives, by the relations in it; each join is looked at once."""
    scans = scans_by_rel(plan)
    found: dict[frozenset[int], float] = {}

    def rows_of(side: Plan) -> float:
        if not isinstance(side, Join):
            return estimate(side, statistics)
        left, right = taken(side.left), taken(side.right)
        rows = max(1.0, left * right * joined_share(side, statistics, scans))
        return rows if side.kind == "inner" else max(rows, left)

    def taken(side: Plan) -> float:
        rels = provided_rels(side)
        if rels not in found:
            found[rels] = rows_of(side)
        return found[rels]

    for node in walk(plan):
        if isinstance(node, Join):
            taken(node.left)
            taken(node.right)
    return found


def joined_share(join: Join, statistics: Statistics, scans: dict[int, Scan] | None = None) -> float:
    """The share of all pairs of rows that a join's keys and conditions leave; `scans` are those of the plan, where they are known."""
    scans = scans_by_rel(join) if scans is None else scans
    keys = [
        Compare(a.type, True, "==", a, b)  # the expressions that `join_keys` took apart
        for a, b in zip(join.left_keys, join.right_keys, strict=True)
    ]
    return share_of((*keys, *join.conditions), scans, statistics)


def scans_by_rel(plan: Plan | tuple[Plan, ...]) -> dict[int, Scan]:
    """The tables in a stream by their relation numbers."""
    return {node.rel: node for node in walk(plan) if isinstance(node, Scan)}


def share_of(conditions: Iterable[Expr], scans: dict[int, Scan], statistics: Statistics) -> float:
    """The share of all combinations of rows that conditions between relations leave."""
    share = 1.0
    pairs: dict[frozenset[int], list[tuple[Column, Column]]] = {}
    for condition in conditions:
        if isinstance(condition, Compare) and condition.op == "==":
            a, b = condition.left, condition.right
            if isinstance(a, Column) and isinstance(b, Column) and a.rel != b.rel:
                pairs.setdefault(frozenset((a.rel, b.rel)), []).append((a, b))
                continue
            share *= 0.1 if used_rels(condition) else OTHER_SHARE
        else:
            share *= OTHER_SHARE
    for equalities in pairs.values():
        share *= _equal_share(equalities, scans, statistics)
    return share


def _equal_share(equalities: list[tuple[Column, Column]], scans: dict[int, Scan], statistics: Statistics) -> float:
    """The share that equalities between two relations leave. A whole unique key leaves one row of its table."""
    sides: dict[int, list[Column]] = {}
    share = 1.0
    for a, b in equalities:
        counts = [
            statistics.distinct(scans[c.rel].table, c.index) if c.rel in scans else OTHER_ROWS**0.5 for c in (a, b)
        ]
        share /= max(counts)
        for column in (a, b):
            sides.setdefault(column.rel, []).append(column)
    least = 1.0
    for rel, columns in sides.items():
        scan = scans.get(rel)
        if scan is None:
            continue
        rows = max(1, statistics.row_count(scan.table))
        if covers_unique_key(scan, columns, statistics):
            return 1.0 / rows
        least = min(least, 1.0 / rows)
    # several columns together tell rows apart no better than a key would
    return max(share, least) if len(equalities) > 1 else share


def covers_unique_key(scan: Scan, columns: Iterable[Expr], statistics: Statistics) -> bool:
    """Whether no two rows of the table agree in these columns."""
    table = statistics.table(scan.table)
    positions = {c.index for c in columns if isinstance(c, Column) and c.rel == scan.rel}
    return any(set(table.column_positions(key.columns)) <= positions for key in table.certain_keys)
