"""What rules share: the walk over a plan, also through the subqueries in its expressions, and the facts they may ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

from exdbsql.engine.query.expressions import Expr
from exdbsql.engine.query.index_matching import BoundIndex, Matcher
from exdbsql.engine.query.plan import CHILD_FIELDS, HOLDERS, Plan, Scan
from exdbsql.schema.table import IndexDef, Table


class Statistics(Protocol):
    """Facts about tables that rules decide by."""

    def table(self, name: str) -> Table:
        """The definition of a table."""

    def row_count(self, name: str) -> int:
        """How many rows a table has now."""

    def indexes(self, name: str) -> list[IndexDef]:
        """The indexes of a table, unique constraints among them, the primary key not."""

    def computed_indexes(self, name: str) -> list[tuple[IndexDef, BoundIndex]]:
        """The partial indexes of a table and those over expressions."""

    def entries(self, name: str, index: str) -> float:
        """About how many different keys an index has; in a small table no fewer than it may have some day."""

    def matcher(self, rel: int) -> Matcher:
        """What compares expressions of the statement, over a relation, with those of indexes."""

    def distinct(self, name: str, position: int) -> float:
        """About how many different values a column has."""

    def distinct_together(self, name: str, positions: Sequence[int]) -> float:
        """About how many different combinations of values some columns have."""

    def share(self, scan: Scan) -> float:
        """The share of a table's rows that pass the filters of a scan."""

    def share_of_range(self, scan: Scan, conditions: tuple[Expr, ...]) -> float:
        """The share that passes bounds of one column, or a LIKE pattern."""

    def known_value(self, expr: Expr) -> Any:
        """The value of a constant, or of a literal in the statement's first text; None of what is not known."""


Rule: TypeAlias = Callable[[Plan, Statistics], Plan]


def map_plans(value: Any, change: Callable[[Plan], Plan]) -> Any:
    """`value` with `change` applied to every plan node in it, the innermost first."""
    if isinstance(value, tuple):
        if not any(type(item) in HOLDERS for item in value):
            return value
        new = tuple(map_plans(item, change) for item in value)
        return value if all(a is b for a, b in zip(value, new, strict=True)) else new
    names = CHILD_FIELDS.get(type(value))
    if names is None:
        return value
    changes = {}
    for name in names:
        old = getattr(value, name)
        new_part = map_plans(old, change)
        if new_part is not old:
            changes[name] = new_part
    if changes:
        value = replace(value, **changes)
    return change(value) if isinstance(value, Plan) else value
