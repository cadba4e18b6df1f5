"""What joins and scans cost, in units of one turn of a comprehension's loop over rows, about 10 ns; measured on the generated code.

A hash table of lists costs more than one of bare rows, which serves where the key is unique; a look-up through the transaction, which has
to know what the snapshot sees, costs more than one in a hash table, and an index gives its rows one by one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from exdbsql.engine.query.expressions import Column, Compare
from exdbsql.engine.query.plan import Derived, Plan, Scan, used_rels
from exdbsql.engine.query.rules.common import Statistics

ROW: Final = 1.0
FILTER: Final = 1.0
JOINED: Final = 2.0
HASH_UNIQUE: Final = 7.0
HASH_LISTS: Final = 12.0
TUPLE: Final = 8.0
PROBE: Final = 4.0
GET: Final = 9.0
SEEK: Final = 15.0
SEEK_ROW: Final = 10.0
RANGE: Final = 150.0


def stream(plan: Plan, rows: float, statistics: Statistics) -> float:
    """The cost of all rows of a relation, `rows` of them."""
    if not isinstance(plan, Scan):
        return ROW * rows * (3.0 if isinstance(plan, Derived) else 2.0)
    everything = statistics.row_count(plan.table)
    if rows_by_index(plan, equal_columns(plan), statistics) is not None:
        return SEEK + SEEK_ROW * rows
    return everything * (ROW + FILTER * len(plan.filters))


def equal_columns(scan: Scan) -> list[int]:
    """The columns that filters of a scan say are equal to something outside of it."""
    found = []
    for condition in scan.filters:
        if isinstance(condition, Compare) and condition.op == "==":
            for side, other in ((condition.left, condition.right), (condition.right, condition.left)):
                if isinstance(side, Column) and side.rel == scan.rel and scan.rel not in used_rels(other):
                    found.append(side.index)
    return found


def by_hash(left_rows: float, right: Plan, right_rows: float, right_cost: float, *, unique: bool) -> float:
    """The cost of a join by a hash table of its right side, beside those of its left one and of the rows it gives."""
    row = HASH_UNIQUE if unique else HASH_LISTS
    if not isinstance(right, Scan):
        row += TUPLE
    return right_cost + right_rows * row + left_rows * PROBE


def by_index(left_rows: float, right: Scan, found: float, *, unique: bool) -> float:
    """The same for a join that looks each row of the left side up in an index, which gives `found` rows each time."""
    row = FILTER * (1 + len(right.filters))
    if unique:
        return left_rows * (GET + row)
    return left_rows * (SEEK + found * (SEEK_ROW + row))


def rows_by_index(scan: Scan, columns: Collection[int], statistics: Statistics) -> float | None:
    """How many rows a look-up by equality of these columns finds by the best index for it; None where no index serves."""
    table = statistics.table(scan.table)
    if table.key_positions and set(table.key_positions) <= set(columns):
        return 1.0
    found = None
    for index in statistics.indexes(scan.table):
        positions = table.column_positions(index.column_names)
        if set(positions) <= set(columns):
            rows = 1.0 if index.unique else rows_of_values(scan.table, positions, statistics)
            found = rows if found is None else min(found, rows)
    return found


def rows_of_values(name: str, positions: Sequence[int], statistics: Statistics) -> float:
    """How many rows of a table share the values of some columns, about: no fewer values than the richest of them has."""
    return statistics.row_count(name) / max(statistics.distinct(name, i) for i in positions)
