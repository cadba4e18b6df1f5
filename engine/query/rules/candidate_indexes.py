"""The indexes of a table as the rules see them: keys that are expressions over the scan's relation, in an order.

An index that holds only some rows (`predicate`) serves a scan whose filters demand what it demands; `candidate_indexes` leaves the others out. So
a rule that looks at candidates need not know how an index was defined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from exdbsql.engine.query.context import StatementContext
from exdbsql.engine.query.expressions import Column, Expr
from exdbsql.engine.query.index_matching import BoundIndex
from exdbsql.engine.query.plan import Scan
from exdbsql.engine.query.rules.common import Statistics
from exdbsql.schema.table import IndexDef, Table

_FEW_ROWS: Final = 1000
_SHARE_OF_PARTIAL_INDEX: Final = 0.05


@dataclass(frozen=True, slots=True)
class KeyPart:
    """One part of an index's key, and where it has its NULLs when the index is read forwards.

    `matches` compares an expression with a part that is no column.
    """

    expr: Expr
    descending: bool
    nulls_first: bool
    matches: Callable[[Expr], bool] | None = None

    def is_same(self, expr: Expr) -> bool:
        """Whether an expression is this part."""
        if self.matches is not None:
            return self.matches(expr)
        if isinstance(expr, Column) and isinstance(self.expr, Column):
            return (expr.rel, expr.index) == (self.expr.rel, self.expr.index)
        return expr == self.expr


@dataclass(frozen=True, slots=True)
class Candidate:
    """An index that may serve a scan; `name` None is the primary key.

    Attributes:
        unique: no two rows have the same key, if none of its parts is NULL.
        predicate: of the filters of the scan, those that all of its rows fulfil.
        is_partial: whether it holds only some rows.
        entries: about how many different keys it has, where its columns do not tell.
    """

    name: str | None
    keys: tuple[KeyPart, ...]
    unique: bool
    predicate: tuple[Expr, ...] = ()
    is_partial: bool = False
    entries: float | None = None

    @property
    def positions(self) -> tuple[int, ...]:
        """The positions of the columns among its parts."""
        return tuple(k.expr.index for k in self.keys if isinstance(k.expr, Column))


def candidate_indexes(scan: Scan, statistics: Statistics, filters: Iterable[Expr]) -> Iterator[Candidate]:
    """The indexes that may serve a scan with these filters, the primary key first."""
    table = statistics.table(scan.table)
    if table.key_positions:
        parts = tuple(KeyPart(_column(table, scan.rel, i), False, False) for i in table.key_positions)
        yield Candidate(None, parts, True)
    for index in statistics.indexes(scan.table):
        if index.is_plain:
            yield _plain(index, table, scan.rel)
    for index, bound in statistics.computed_indexes(scan.table):
        found = _computed(index, bound, scan, tuple(filters), statistics)
        if found is not None:
            yield found


def distinct_values(candidate: Candidate, width: int, scan: Scan, statistics: Statistics) -> float:
    """About how many different values the first `width` parts of a key have together."""
    if candidate.entries is None:
        return statistics.distinct_together(scan.table, candidate.positions[:width])
    return float(candidate.entries ** (width / len(candidate.keys)))


def share_held(candidate: Candidate, scan: Scan, statistics: Statistics) -> float:
    """The share of the table's rows that an index has; one that is partial has been made because these are few."""
    if not candidate.is_partial:
        return 1.0
    if not candidate.predicate or statistics.row_count(scan.table) < _FEW_ROWS:
        return _SHARE_OF_PARTIAL_INDEX
    return statistics.share(replace(scan, filters=candidate.predicate))


def _computed(
    index: IndexDef, bound: BoundIndex, scan: Scan, filters: tuple[Expr, ...], statistics: Statistics
) -> Candidate | None:
    """A partial index, or one over expressions; None where the filters do not imply its condition."""
    matcher = statistics.matcher(scan.rel)
    context = bound.contexts[-1]
    implied = all(matcher.implies(filters, wanted, context) for wanted in bound.where)
    matcher.pin(matched=implied)
    if not implied:
        return None
    predicate = [one for one in filters if any(matcher.same(one, wanted, context) for wanted in bound.where)]
    table = statistics.table(scan.table)
    parts = []
    for column, part, own, within in zip(
        index.columns, bound.over(scan.rel), bound.parts, bound.contexts[:-1], strict=True
    ):
        nulls_first = column.descending is not column.nulls_swapped
        if part is None:
            expr: Expr = _column(table, scan.rel, table.column_index(column.name))
            parts.append(KeyPart(expr, column.descending, nulls_first))
        else:
            parts.append(KeyPart(part, column.descending, nulls_first, _comparison(statistics, scan.rel, own, within)))
    entries = statistics.entries(scan.table, index.name)
    return Candidate(index.name, tuple(parts), index.unique, tuple(predicate), index.where is not None, entries)


def _comparison(
    statistics: Statistics, rel: int, part: Expr | None, context: StatementContext | None
) -> Callable[[Expr], bool]:
    def matches(expr: Expr) -> bool:
        matcher = statistics.matcher(rel)
        found = matcher.same(expr, part, context)
        if found or matcher.decisive:
            matcher.pin(matched=found)
        return found

    return matches


def _plain(index: IndexDef, table: Table, rel: int) -> Candidate:
    parts = tuple(
        KeyPart(_column(table, rel, table.column_index(c.name)), c.descending, c.descending is not c.nulls_swapped)
        for c in index.columns
    )
    return Candidate(index.name, parts, index.unique)


def _column(table: Table, rel: int, position: int) -> Column:
    definition = table.columns[position]
    nullable = not (definition.not_null or position in table.key_positions)
    return Column(definition.type, nullable, rel, position, definition.name)
