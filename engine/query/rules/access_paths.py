"""How a scan finds its rows: by key, by an index, over a range, by a hash table for a correlated subquery, or all of them.

Each index that may serve (`candidate_indexes`) is tried: its leading parts against equalities and lists of values (IN, = ANY), the part
behind them against bounds and LIKE patterns. Of what is found the cheapest is taken. A condition that the access path itself
ensures is dropped from the filters.

An index is preferred to a scan of all rows unless it is known that it reads a good part of them: the plan serves other values, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from exdbsql.engine.query.expressions import Expr
from exdbsql.engine.query.plan import (
    Access,
    Derived,
    HashAccess,
    Join,
    ListAccess,
    Plan,
    PointAccess,
    RangeAccess,
    Scan,
    SeekAccess,
    provided_rels,
    used_rels,
)
from exdbsql.engine.query.rules import join_costs
from exdbsql.engine.query.rules.candidate_indexes import Candidate, candidate_indexes, distinct_values, share_held
from exdbsql.engine.query.rules.common import Statistics, map_plans
from exdbsql.engine.query.rules.estimates import rows_of_join_sides
from exdbsql.engine.query.rules.index_conditions import Conditions, OneOf, is_null_value
from exdbsql.engine.query.rules.join_keys import split_equality

SOME_ROWS: Final = 1000
"""A table is taken to have so many rows at least: it may be filled after the statement was planned."""


def apply(plan: Plan, statistics: Statistics) -> Plan:
    """Choose the access path of every scan."""
    rows = rows_of_join_sides(plan, statistics)

    plan = map_plans(plan, lambda node: _index_join(node, rows, statistics) if isinstance(node, Join) else node)
    found: Plan = map_plans(
        plan, lambda node: choose(node, statistics) if isinstance(node, Scan) and node.access is None else node
    )
    return found


Rows: TypeAlias = dict[frozenset[int], float]
"""How many rows a side of a join gives, by the relations in it: estimated before access paths swallow its conditions."""


@dataclass(frozen=True, slots=True)
class Path:
    """An access path by one index.

    Attributes:
        access: it.
        ensured: the conditions that it makes true.
        used: the conditions that it uses; more than `ensured` where it gives rows that must be looked at again.
        rows: about how many rows it gives.
        lookups: about how many places of the index it looks at.
        candidate: the index.
    """

    access: Access
    ensured: frozenset[Expr]
    used: frozenset[Expr]
    rows: float
    lookups: float
    candidate: Candidate

    @property
    def has_lists(self) -> bool:
        """Whether it looks for several values, of which there may be many."""
        return isinstance(self.access, (ListAccess, RangeAccess)) and bool(self.access.lists)

    @property
    def is_whole_index(self) -> bool:
        """Whether it reads all rows that a partial index has."""
        access = self.access
        return (
            isinstance(access, RangeAccess)
            and not access.prefix
            and access.low is access.high is access.pattern is None
        )

    @property
    def cost(self) -> float:
        """In units of `join_costs`, for one use."""
        if isinstance(self.access, PointAccess):
            return join_costs.GET
        if isinstance(self.access, RangeAccess):
            return self.lookups * join_costs.RANGE + self.rows * join_costs.SEEK_ROW
        if self.candidate.name is None:
            return self.lookups * join_costs.GET
        return self.lookups * join_costs.SEEK + self.rows * join_costs.SEEK_ROW


def choose(scan: Scan, statistics: Statistics) -> Scan:
    """The scan with the best access path that its filters allow."""
    conditions = Conditions.of(scan, statistics)
    path = best_path(scan, conditions, statistics)
    outer = {i: pair for i, pair in conditions.by_column().items() if used_rels(pair[1])}
    if path is not None and outer and not used_rels(path.access) and not scan.keyed:
        path = None  # the same rows again for each row outside: those of one hash table are fewer
    if path is not None:
        return with_path(scan, path)
    if not outer or scan.keyed:
        return scan
    access = HashAccess(tuple(outer), tuple(value for _, value in outer.values()))
    ensured = {condition for condition, _ in outer.values()}
    return replace(scan, access=access, filters=tuple(f for f in scan.filters if f not in ensured))


def with_path(scan: Scan, path: Path) -> Scan:
    """The scan by an access path."""
    return replace(scan, access=path.access, filters=tuple(f for f in scan.filters if f not in path.ensured))


def best_path(scan: Scan, conditions: Conditions, statistics: Statistics) -> Path | None:
    """The cheapest path by an index; None where there is none, or a scan of all rows is known to be cheaper."""
    paths = [
        path
        for candidate in candidate_indexes(scan, statistics, scan.filters)
        if (path := path_by(candidate, scan, conditions, statistics)) is not None
    ]
    everything = max(SOME_ROWS, statistics.row_count(scan.table)) * (
        join_costs.ROW + join_costs.FILTER * len(scan.filters)
    )
    paths = [
        path
        for path in paths
        if not (path.has_lists or path.is_whole_index) or used_rels(path.access) or path.cost < everything
    ]
    return min(paths, key=lambda path: (path.cost, -len(path.used)), default=None)


def path_by(candidate: Candidate, scan: Scan, conditions: Conditions, statistics: Statistics) -> Path | None:
    """The rows that an index finds for some conditions; None where it is of no use for them."""
    prefix: list[tuple[Expr, Expr, bool]] = []  # (condition, value, whether it is a list)
    for part in candidate.keys:
        found = conditions.equality(part)
        if found is None:
            break
        prefix.append(found)
    whole = len(prefix) == len(candidate.keys)
    while prefix and not whole and is_null_value(prefix[-1][1]):
        prefix.pop()  # a range has no rows with NULL
    if not whole and any(is_null_value(value) for _, value, _ in prefix):
        return None
    used = [condition for condition, _, _ in prefix]
    access: Access
    if whole:
        access = _whole_key(candidate, prefix)
        return _estimated(access, candidate, scan, prefix, used, [*used, *candidate.predicate], statistics)
    bounds = conditions.bounds(candidate.keys[len(prefix)])
    if not prefix and not bounds.used and not candidate.is_partial:
        return None
    access = replace(bounds.access(candidate.name, [value for _, value, _ in prefix]), lists=_flags(prefix))
    used += bounds.used
    ensured = [*(condition for condition, _, _ in prefix), *bounds.ensured, *candidate.predicate]
    return _estimated(access, candidate, scan, prefix, used, ensured, statistics)


def _whole_key(candidate: Candidate, prefix: list[tuple[Expr, Expr, bool]]) -> Access:
    values = tuple(value for _, value, _ in prefix)
    if any(is_list for _, _, is_list in prefix):
        return ListAccess(candidate.name, values, tuple(is_list for _, _, is_list in prefix))
    return PointAccess(values) if candidate.name is None else SeekAccess(candidate.name, values)


def _flags(prefix: list[tuple[Expr, Expr, bool]]) -> tuple[bool, ...]:
    flags = tuple(is_list for _, _, is_list in prefix)
    return flags if any(flags) else ()


def _estimated(
    access: Access,
    candidate: Candidate,
    scan: Scan,
    prefix: list[tuple[Expr, Expr, bool]],
    used: list[Expr],
    ensured: list[Expr],
    statistics: Statistics,
) -> Path:
    lookups = 1.0
    for _, value, is_list in prefix:
        if is_list:
            lookups *= OneOf(value).number(statistics)
    if candidate.unique and isinstance(access, (PointAccess, SeekAccess, ListAccess)):
        rows = lookups
    else:
        everything = float(max(SOME_ROWS, statistics.row_count(scan.table))) * share_held(candidate, scan, statistics)
        rows = everything
        if prefix:
            rows = lookups * everything / distinct_values(candidate, len(prefix), scan, statistics)
        others = used[len(prefix) :]
        if others:
            rows *= statistics.share_of_range(scan, tuple(others))
    return Path(access, frozenset(ensured), frozenset(used), min(rows, 1e15), lookups, candidate)


# joins


def _index_join(join: Join, rows: Rows, statistics: Statistics) -> Join:
    """A join whose right side is a table with an index on the join's columns: look up row by row, if the left is small."""
    right = join.right
    if join.kind == "full" or not isinstance(right, Scan) or right.access is not None or isinstance(join.left, Derived):
        return join
    left_rels = provided_rels(join.left)
    equal = [c for c in join.conditions if split_equality(c, left_rels, frozenset((right.rel,)))]
    if not equal:
        return join
    probe = replace(right, filters=(*right.filters, *equal))
    path = best_path(probe, Conditions.of(probe, statistics), statistics)
    if path is None or not path.used.intersection(equal) or not _is_cheaper(join, right, path, rows, statistics):
        return join
    filters = tuple(f for f in right.filters if f not in path.ensured)
    rest = tuple(c for c in join.conditions if c not in path.ensured)
    return replace(join, right=replace(right, access=path.access, filters=filters), conditions=rest)


def _is_cheaper(join: Join, right: Scan, path: Path, rows: Rows, statistics: Statistics) -> bool:
    """Whether looking up row by row costs less than a hash table of the right side."""
    left_rows = join.left_rows or rows.get(provided_rels(join.left), 1.0)
    right_rows = rows.get(provided_rels(right), 1.0)
    right_cost = join_costs.stream(right, right_rows, statistics)
    unique = path.candidate.unique and not isinstance(path.access, RangeAccess)
    by_hash = join_costs.by_hash(left_rows, right, right_rows, right_cost, unique=unique)
    return left_rows * (path.cost + path.rows * join_costs.FILTER * (1 + len(right.filters))) < by_hash
