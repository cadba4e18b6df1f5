"""The indexes of a table as the rules see them: keys that are expressions over the scan's relation, in an order.

An index that holds only some rows (`predicate`) serves a scan whose filters demand what it demands; `candidate_indexes` leaves the others out. So
a rule that looks at candidates need not know how an index was defined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from exdbsql.engine.query.expressions import Column, Expr
from exdbsql.engine.query.plan import Scan
from exdbsql.engine.query.rules.common import Statistics
from exdbsql.schema.table import IndexDef, Table


@dataclass(frozen=True, slots=True)
class KeyPart:
    """One part of an index's key, and where it has its NULLs when the index is read forwards."""

    expr: Expr
    descending: bool
    nulls_first: bool

    def is_same(self, expr: Expr) -> bool:
        """Whether an expression is this part."""
        if isinstance(expr, Column) and isinstance(self.expr, Column):
            return (expr.rel, expr.index) == (self.expr.rel, self.expr.index)
        return expr == self.expr


@dataclass(frozen=True, slots=True)
class Candidate:
    """An index that may serve a scan; `name` None is the primary key.

    Attributes:
        unique: no two rows have the same key, if none of its parts is NULL.
        predicate: the conditions that all of its rows fulfil; the filters of the scan demand them too.
    """

    name: str | None
    keys: tuple[KeyPart, ...]
    unique: bool
    predicate: tuple[Expr, ...] = ()

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
