"""Bound statements that change tables: what INSERT, UPDATE and DELETE are after binding.

The new row of a table is a relation of its own (`row_rel`): constraints and RETURNING are expressions over it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from exdbsql.engine.query.expressions import Expr
from exdbsql.engine.query.plan import OutputColumn, Plan
from exdbsql.schema.table import Table, UniqueKey


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """The constraints that each new row of a table is tested against, over relation `row_rel`.

    `generated`: the positions of generated columns, and what they are computed by.
    """

    table: Table
    row_rel: int
    checks: tuple[tuple[str, Expr], ...]
    generated: tuple[tuple[int, Expr], ...] = ()


@dataclass(frozen=True, slots=True)
class Returning:
    """The expressions of RETURNING."""

    exprs: tuple[Expr, ...]
    columns: tuple[OutputColumn, ...]


@dataclass(frozen=True, slots=True)
class OnConflict:
    """ON CONFLICT: the keys looked at (empty: all), and for DO UPDATE the new row and its condition.

    `old_rel` is the row that is there, `excluded_rel` the one that was to be inserted.
    """

    arbiters: tuple[UniqueKey, ...]
    old_rel: int = 0
    excluded_rel: int = 0
    new_row: tuple[Expr, ...] | None = None
    condition: Expr | None = None


@dataclass(frozen=True, slots=True)
class Insert:
    """INSERT: `source` gives whole rows of the table."""

    row: CheckedRow
    source: Plan
    conflict: OnConflict | None
    returning: Returning | None


@dataclass(frozen=True, slots=True)
class Update:
    """UPDATE: for each row of the stream `source`, `key` names the row of the table and `new_row` is its new content."""

    row: CheckedRow
    source: Plan
    target_rel: int
    key: tuple[Expr, ...]
    new_row: tuple[Expr, ...]
    may_repeat: bool
    returning: Returning | None


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE: the rows of the table under `target_rel` in the stream `source`."""

    row: CheckedRow
    source: Plan
    target_rel: int
    key: tuple[Expr, ...]
    may_repeat: bool
    returning: Returning | None


Change = Insert | Update | Delete


@dataclass(slots=True)
class BoundStatement:
    """A bound statement: a query (with its visible columns) or a change."""

    kind: str
    query: Plan | None = None
    change: Change | None = None
    columns: tuple[OutputColumn, ...] = field(default=())
