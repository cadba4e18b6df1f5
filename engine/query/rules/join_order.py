"""The order of inner joins, and which side of each the hash table is made of: the cheapest tree, by rows that the joins are taken to give.

Up to eight relations, all trees without needless cross joins are weighed, bushy ones too, by dynamic programming over sets of relations (the
cheapest tree for a set has the cheapest trees of two parts; Moerkotte and Neumann, 2006). Above that the order is greedy:
the smallest relation first, then always the connected one that leaves the fewest rows.

A join streams its left side and has a hash table of its right one, or looks up in an index there. So the best plan for a large table of facts
with small ones around it is to stream the large one through hash tables of the small ones; that falls out of the costs.

An equality that follows from others joins as they do (`equal_columns`), so that the order does not depend on which of them were written.

Only trees of inner joins are reordered, and only relations that do not depend on each other row by row. A filter with a
correlated subquery costs more than a join: it waits until the joins have been made, if they leave fewer rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from exdbsql.engine.query.expressions import Column, Compare, Exists, Expr, InSubquery, Quantified, ScalarSubquery
from exdbsql.engine.query.plan import CHILD_FIELDS, Filter, Join, Plan, Scan, provided_rels, used_rels, walk
from exdbsql.engine.query.rules import join_costs
from exdbsql.engine.query.rules.common import Statistics, map_plans
from exdbsql.engine.query.rules.equal_columns import Condition, with_implied
from exdbsql.engine.query.rules.estimates import covers_unique_key, estimate, scans_by_rel, share_of
from exdbsql.engine.query.rules.pushdown import push

MOST_WEIGHED: Final = 8


def apply(plan: Plan, statistics: Statistics) -> Plan:
    """Reorder every tree of inner joins."""

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
    """The tree of inner joins at `join`, in the best order."""
    relations, conditions = _flatten(join)
    every = provided_rels(join)
    if any(used_rels(r) & every for r in relations):
        return join
    late: list[Expr] = []
    relations = [_without_costly_filters(r, late) for r in relations]
    order = _weighed if len(relations) <= MOST_WEIGHED else _greedy
    parts = [_Part.of(r, statistics) for r in relations]
    links = _Links(parts, with_implied(conditions, relations), statistics)
    tree = order(parts, links)
    plan = push(tree, links.needed(tree))
    if not late:
        return plan
    rows = estimate(plan, statistics)
    early = [c for c in late if rows > _rows_of_tables(c, relations, statistics)]
    later = tuple(c for c in late if c not in early)
    plan = push(plan, early)
    return Filter(plan, later) if later else plan


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


# costly filters


def _without_costly_filters(relation: Plan, late: list[Expr]) -> Plan:
    if not isinstance(relation, Scan):
        return relation
    costly = [f for f in relation.filters if is_costly(f)]
    if not costly:
        return relation
    late += costly
    return replace(relation, filters=tuple(f for f in relation.filters if f not in costly))


def is_costly(condition: Expr) -> bool:
    """Whether a condition runs a subquery for each row."""
    return any(
        isinstance(item, (Exists, InSubquery, Quantified, ScalarSubquery)) and used_rels(item.plan)
        for item in walk(condition)
    )


def _rows_of_tables(condition: Expr, relations: list[Plan], statistics: Statistics) -> float:
    """The rows of the smallest relation that a condition speaks of."""
    used = used_rels(condition)
    return min((estimate(r, statistics) for r in relations if provided_rels(r) & used), default=1.0)


# the order


@dataclass(slots=True, eq=False)
class _Part:
    """A tree of joins under construction, with its rows, and what it costs to stream them."""

    plan: Plan
    rels: frozenset[int]
    rows: float
    cost: float

    @classmethod
    def of(cls, relation: Plan, statistics: Statistics) -> _Part:
        rows = estimate(relation, statistics)
        return cls(relation, provided_rels(relation), rows, join_costs.stream(relation, rows, statistics))


class _Links:
    """The conditions between the relations of one tree."""

    def __init__(self, parts: list[_Part], conditions: list[Condition], statistics: Statistics) -> None:
        self.statistics = statistics
        self.scans = scans_by_rel(tuple(p.plan for p in parts))
        every = frozenset().union(*(p.rels for p in parts))
        self.conditions = [(c.expr, frozenset(used_rels(c.expr)) & every, c.group) for c in conditions]
        self.equalities = [
            (frozenset(used_rels(c.left)) & every, frozenset(used_rels(c.right)) & every, c, group)
            for c, _, group in self.conditions
            if isinstance(c, Compare) and c.op == "=="
        ]

    def between(self, left: frozenset[int], right: frozenset[int]) -> list[tuple[Expr, Expr]]:
        """The equalities that join two sets of relations: what is to be looked up, and in which columns of `right`."""
        found = []
        groups = set()
        for a, b, condition, group in self.equalities:
            if a and b and group not in groups:
                if a <= left and b <= right:
                    found.append((condition.left, condition.right))
                elif a <= right and b <= left:
                    found.append((condition.right, condition.left))
                else:
                    continue
                if group is not None:
                    groups.add(group)
        return found

    def joining(self, left: frozenset[int], right: frozenset[int]) -> list[tuple[Expr, int | None]]:
        """The conditions of the join of two sets of relations, of each group one, with their groups."""
        both = left | right
        found = []
        groups = set()
        for condition, used, group in self.conditions:
            if group not in groups and used <= both and used & left and used & right:
                found.append((condition, group))
                if group is not None:
                    groups.add(group)
        return found

    def needed(self, tree: Plan) -> list[Expr]:
        """The conditions of a whole tree: all that stand for themselves, and of a group one for each join that needs it."""
        found = [condition for condition, _, group in self.conditions if group is None]
        if len(found) == len(self.conditions):
            return found
        todo = [tree]
        while todo:
            node = todo.pop()
            if isinstance(node, Join) and node.kind == "inner":
                joining = self.joining(provided_rels(node.left), provided_rels(node.right))
                found += [condition for condition, group in joining if group is not None]
                todo += [node.left, node.right]
        return found

    def share(self, left: frozenset[int], right: frozenset[int]) -> float:
        """The share of all pairs that the conditions between two sets of relations leave."""
        return share_of([condition for condition, _ in self.joining(left, right)], self.scans, self.statistics)

    def joined(self, left: _Part, right: _Part, rows: float) -> _Part:
        """The join of two parts, the right one looked up in."""
        keys = self.between(left.rels, right.rels)
        columns = [column for _, column in keys]
        unique = isinstance(right.plan, Scan) and covers_unique_key(right.plan, columns, self.statistics)
        if not keys:
            cost = right.cost + left.rows * right.rows
        else:
            cost = join_costs.by_hash(left.rows, right.plan, right.rows, right.cost, unique=unique)
            bare = [c.index for c in columns if isinstance(c, Column)]
            found = (
                join_costs.rows_by_index(right.plan, bare, self.statistics) if isinstance(right.plan, Scan) else None
            )
            if found is not None and isinstance(right.plan, Scan):
                cost = min(cost, join_costs.by_index(left.rows, right.plan, found, unique=unique))
        cost += left.cost + rows * join_costs.JOINED
        return _Part(Join("inner", left.plan, right.plan, ()), left.rels | right.rels, rows, cost)


def _weighed(parts: list[_Part], links: _Links) -> Plan:
    """The cheapest tree of all."""
    best: dict[int, _Part] = {1 << i: part for i, part in enumerate(parts)}
    rows: dict[int, float] = {}
    full = (1 << len(parts)) - 1
    masks = sorted(range(1, full + 1), key=int.bit_count)
    for crossing in (False, True):
        for mask in masks:
            if mask not in best:
                _weigh(mask, best, rows, links, crossing=crossing)
        if full in best:
            break
    return best[full].plan


def _weigh(mask: int, best: dict[int, _Part], rows: dict[int, float], links: _Links, *, crossing: bool) -> None:
    """Find the cheapest tree for the relations of `mask`; with `crossing`, cross joins are allowed."""
    chosen: _Part | None = None
    one = (mask - 1) & mask
    while one:
        left, right = best.get(one), best.get(mask ^ one)
        if left is not None and right is not None and (crossing or links.between(left.rels, right.rels)):
            if mask not in rows:
                rows[mask] = max(1.0, left.rows * right.rows * links.share(left.rels, right.rels))
            part = links.joined(left, right, rows[mask])
            if chosen is None or part.cost < chosen.cost:
                chosen = part
        one = (one - 1) & mask
    if chosen is not None:
        best[mask] = chosen


def _greedy(parts: list[_Part], links: _Links) -> Plan:
    """A tree that grows by one relation at a time."""
    remaining = sorted(parts, key=lambda p: p.rows)
    tree = remaining.pop(0)
    while remaining:
        connected = [p for p in remaining if links.between(tree.rels, p.rels)]
        chosen, rows = None, 0.0
        for part in connected or remaining[:1]:
            left = max(1.0, tree.rows * part.rows * links.share(tree.rels, part.rels))
            if chosen is None or left < rows:
                chosen, rows = part, left
        assert chosen is not None
        remaining.remove(chosen)
        tree = links.joined(tree, chosen, rows)
    return tree.plan
