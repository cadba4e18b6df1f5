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


@dataclass(frozen=True, slots=True)
class MergeWhen:
    """One WHEN of MERGE: what to do (``update``, ``delete``, ``insert``, ``nothing``) if `condition` holds; `row` is the new row."""

    matched: bool
    action: str
    condition: Expr | None
    row: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Merge:
    """MERGE: for each row of `source`, whose target row is NULL where none matches, the first WHEN that applies."""

    row: CheckedRow
    source: Plan
    target_rel: int
    key: tuple[Expr, ...]
    whens: tuple[MergeWhen, ...]
    returning: Returning | None = None


Change = Insert | Update | Delete | Merge


@dataclass(slots=True)
class BoundStatement:
    """A bound statement: a query (with its visible columns) or a change.

    `tables` are the common tables of its WITH, by number, where it or one of them changes a table; a plain query has them in its plan.
    """

    kind: str
    query: Plan | None = None
    change: Change | None = None
    columns: tuple[OutputColumn, ...] = field(default=())
    tables: tuple[tuple[int, Plan | Change], ...] = ()

    @property
    def changes(self) -> list[Change]:
        """All statements in it that change a table."""
        found = [part for _, part in self.tables if isinstance(part, (Insert, Update, Delete, Merge))]
        return [*found, self.change] if self.change is not None else found
