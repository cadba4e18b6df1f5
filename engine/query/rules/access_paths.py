"""How a scan finds its rows: by key, by an index, over a range, by a hash table for a correlated subquery, or all of them.

A condition that the access path itself ensures is dropped from the filters.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from exdbsql.engine.query.expressions import Column, Compare, Expr
from exdbsql.engine.query.plan import (
    Access,
    Derived,
    HashAccess,
    Join,
    Plan,
    PointAccess,
    RangeAccess,
    Scan,
    SeekAccess,
    provided_rels,
    used_rels,
    walk,
)
from exdbsql.engine.query.rules import join_costs
from exdbsql.engine.query.rules.common import Statistics, map_plans
from exdbsql.engine.query.rules.estimates import estimate
from exdbsql.engine.query.rules.join_keys import split_equality
from exdbsql.schema.table import IndexDef

_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "=="}


def apply(plan: Plan, statistics: Statistics) -> Plan:
    """Choose the access path of every scan."""
    rows = _rows_of_join_sides(plan, statistics)

    def change(node: Plan) -> Plan:
        if isinstance(node, Scan) and node.access is None:
            return choose(node, statistics)
        if isinstance(node, Join):
            return _index_join(node, rows, statistics)
        return node

    changed: Plan = map_plans(plan, change)
    return changed


Rows: TypeAlias = dict[frozenset[int], float]
"""How many rows a side of a join gives, by the relations in it: estimated before access paths swallow its conditions."""


def _rows_of_join_sides(plan: Plan, statistics: Statistics) -> Rows:
    sides = [side for node in walk(plan) if isinstance(node, Join) for side in (node.left, node.right)]
    return {provided_rels(side): estimate(side, statistics) for side in sides}


def choose(scan: Scan, statistics: Statistics) -> Scan:
    """The scan with the best access path that its filters allow."""
    equalities = _equalities(scan)
    found = _by_equality(scan, equalities, statistics)
    if found is None:
        found = _range(scan, statistics)
    if found is None:
        outer = {i: pair for i, pair in equalities.items() if used_rels(pair[1])}
        if not outer:
            return scan
        access: Access = HashAccess(tuple(outer), tuple(value for _, value in outer.values()))
        found = access, {condition for condition, _ in outer.values()}
    access, ensured = found
    return replace(scan, access=access, filters=tuple(f for f in scan.filters if f not in ensured))


def _equalities(scan: Scan) -> dict[int, tuple[Expr, Expr]]:
    """For a column that must equal something from outside the scan: the condition, and the something."""
    out: dict[int, tuple[Expr, Expr]] = {}
    for condition in scan.filters:
        if not isinstance(condition, Compare) or condition.op != "==":
            continue
        for column, value in ((condition.left, condition.right), (condition.right, condition.left)):
            if isinstance(column, Column) and column.rel == scan.rel and scan.rel not in used_rels(value):
                out.setdefault(column.index, (condition, value))
                break
    return out


def _by_equality(
    scan: Scan, equalities: dict[int, tuple[Expr, Expr]], statistics: Statistics
) -> tuple[Access, set[Expr]] | None:
    table = statistics.table(scan.table)
    key = table.key_positions
    if key and all(i in equalities for i in key):
        pairs = [equalities[i] for i in key]
        return PointAccess(tuple(v for _, v in pairs)), {c for c, _ in pairs}

    def rank(index: IndexDef) -> tuple[bool, float, int]:
        positions = table.column_positions(index.column_names)
        if index.unique or not all(i in equalities for i in positions):
            return not index.unique, 0.0, -len(positions)
        return True, join_costs.rows_of_values(scan.table, positions, statistics), -len(positions)

    for index in sorted(statistics.indexes(scan.table), key=rank):
        positions = table.column_positions(index.column_names)
        if all(i in equalities for i in positions):
            pairs = [equalities[i] for i in positions]
            return SeekAccess(index.name, tuple(v for _, v in pairs)), {c for c, _ in pairs}
    return None


def _range(scan: Scan, statistics: Statistics) -> tuple[Access, set[Expr]] | None:
    table = statistics.table(scan.table)
    candidates: list[tuple[str | None, int]] = []
    if len(table.key_positions) == 1:
        candidates.append((None, table.key_positions[0]))
    for index in statistics.indexes(scan.table):
        if len(index.columns) == 1 and not index.columns[0].descending:
            candidates.append((index.name, table.column_index(index.columns[0].name)))
    for name, position in candidates:
        low, high, ensured = _bounds(scan, position)
        if low is not None and high is not None:
            return _range_access(name, low, high), ensured
    for name, position in candidates:
        low, high, ensured = _bounds(scan, position)
        if (low is not None or high is not None) and scan.filters:
            return _range_access(name, low, high), ensured
    return None


def _range_access(name: str | None, low: tuple[Expr, bool] | None, high: tuple[Expr, bool] | None) -> RangeAccess:
    return RangeAccess(
        name,
        low[0] if low else None,
        high[0] if high else None,
        low[1] if low else True,
        high[1] if high else True,
    )


def _bounds(scan: Scan, position: int) -> tuple[tuple[Expr, bool] | None, tuple[Expr, bool] | None, set[Expr]]:
    low: tuple[Expr, bool] | None = None
    high: tuple[Expr, bool] | None = None
    ensured: set[Expr] = set()
    for condition in scan.filters:
        if not isinstance(condition, Compare) or condition.op not in ("<", "<=", ">", ">="):
            continue
        op, value = condition.op, condition.right
        column = condition.left
        if not (isinstance(column, Column) and column.rel == scan.rel):
            op, value, column = _FLIPPED[op], condition.left, condition.right
        if not (isinstance(column, Column) and (column.rel, column.index) == (scan.rel, position)):
            continue
        if used_rels(value):
            continue
        if op in (">", ">=") and low is None:
            low = (value, op == ">=")
            ensured.add(condition)
        elif op in ("<", "<=") and high is None:
            high = (value, op == "<=")
            ensured.add(condition)
    return low, high, ensured


def _index_join(join: Join, rows: Rows, statistics: Statistics) -> Plan:
    """A join whose right side is a table with an index on the join's columns: look up row by row, if the left is small."""
    right = join.right
    if join.kind == "full" or not isinstance(right, Scan) or right.access is not None:
        return join
    left_rels = provided_rels(join.left)
    if isinstance(join.left, Derived):
        return join
    equal = [c for c in join.conditions if split_equality(c, left_rels, frozenset((right.rel,)))]
    if not equal:
        return join
    probe = replace(right, filters=(*right.filters, *equal))
    found = _by_equality(probe, _equalities(probe), statistics)
    if found is None:
        return join
    access, ensured = found
    if not _is_cheaper(join, right, access, rows, statistics):
        return join
    scan = replace(right, access=access, filters=tuple(f for f in probe.filters if f not in ensured and f not in equal))
    rest = tuple(c for c in join.conditions if c not in ensured)
    return replace(join, right=scan, conditions=rest)


def _is_cheaper(join: Join, right: Scan, access: Access, rows: Rows, statistics: Statistics) -> bool:
    """Whether looking up row by row costs less than a hash table of the right side."""
    left_rows = rows.get(provided_rels(join.left), 1.0)
    right_rows = rows.get(provided_rels(right), 1.0)
    right_cost = join_costs.stream(right, right_rows, statistics)
    unique = isinstance(access, PointAccess)
    found = 1.0
    if isinstance(access, SeekAccess):
        index = next(i for i in statistics.indexes(right.table) if i.name == access.index)
        positions = statistics.table(right.table).column_positions(index.column_names)
        found = 1.0 if index.unique else join_costs.rows_of_values(right.table, positions, statistics)
    by_hash = join_costs.by_hash(left_rows, right, right_rows, right_cost, unique=unique)
    return join_costs.by_index(left_rows, right, found, unique=unique) < by_hash
