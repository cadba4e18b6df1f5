"""What the rules may ask of tables: how many rows, how many different values, and what share of the rows passes a filter.

Nothing is gathered ahead, and there is no ANALYZE: a table in memory answers at the moment of planning. Counts are exact; the
different values of an indexed column are its index's entries; all else comes from a sample, on which filters are simply run, as the
same code that the statement will be. A statement that was planned for tables of another size is planned again (`replanning`).

The sample is taken evenly from the rows of a scan that is still kept, else from both ends of the table; rows come in the
order of their insertion, so for columns that grow with it the ends are the extremes, and a range is taken for about a half.

Values of user's parameters are not known when a statement is planned, and its literals are those of the first text of its shape: a
plan is good for most values, not for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from exdbsql.engine.catalog import Catalog
from exdbsql.engine.computed_index import ComputedIndex
from exdbsql.engine.query.codegen.filter_function import Unpredictable, compile_filters
from exdbsql.engine.query.context import StatementContext
from exdbsql.engine.query.expressions import Call, Column, Compare, Const, Expr, InList, Param
from exdbsql.engine.query.index_matching import BoundIndex, Matcher, bound_index
from exdbsql.engine.query.plan import Scan, used_rels, walk
from exdbsql.engine.scan_cache import kept_rows
from exdbsql.schema.errors import Error
from exdbsql.schema.table import IndexColumn, IndexDef, Table

SAMPLE_ROWS: Final = 200
_SMALL_TABLE: Final = 32
_FEW_ROWS: Final = 1000
_SHARE_OF_NARROW_RANGE: Final = 0.02
_SHARE_OF_WIDE_RANGE: Final = 0.2
_DEFAULT_SHARE: Final = 1 / 3
"""What a filter is taken to leave where nothing can be known."""


@dataclass(slots=True)
class DatabaseStatistics:
    """The :class:`~exdbsql.engine.query.rules.common.Statistics` of a database, for planning one statement."""

    database: Catalog
    context: StatementContext | None = None
    _samples: dict[str, list[Any]] = field(default_factory=dict)
    _distinct: dict[tuple[str, int], float] = field(default_factory=dict)
    _shares: dict[tuple[str, tuple[Expr, ...]], float] = field(default_factory=dict)

    def table(self, name: str) -> Table:
        """The definition of a table."""
        return self.database.dictionary.tables[name]

    def row_count(self, name: str) -> int:
        """How many rows a table has now."""
        return len(self.database.tables[name].rows)

    def indexes(self, name: str) -> list[IndexDef]:
        """The indexes of a table, unique constraints among them, the primary key not."""
        dictionary = self.database.dictionary
        found = [i for i in dictionary.indexes.values() if i.table == name and i.is_plain]
        for key in dictionary.tables[name].uniques:
            columns = tuple(IndexColumn(c) for c in key.columns)
            found.append(IndexDef(key.name, name, columns, unique=not key.deferrable))
        return found

    def computed_indexes(self, name: str) -> list[tuple[IndexDef, BoundIndex]]:
        """The partial indexes of a table and those over expressions, bound once for each index that is made."""
        dictionary, store = self.database.dictionary, self.database.tables[name]
        found = []
        for definition in dictionary.indexes.values():
            index = store.indexes.get(definition.name)
            if definition.table == name and isinstance(index, ComputedIndex):
                if index.bound is None:
                    index.bound = bound_index(dictionary.tables[name], definition, dictionary)
                found.append((definition, index.bound))
        return found

    def entries(self, name: str, index: str) -> float:
        """About how many different keys an index has; in a small table no fewer than it may have some day."""
        store = self.database.tables[name]
        return max(float(len(store.indexes[index].buckets)), 1.0 if len(store.rows) >= _FEW_ROWS else _FEW_ROWS / 10)

    def matcher(self, rel: int) -> Matcher:
        """What compares expressions of the statement, over a relation, with those of indexes."""
        return Matcher(self.context, rel)

    def distinct(self, name: str, position: int) -> float:
        """About how many different values a column has."""
        found = self._distinct.get((name, position))
        if found is None:
            found = self._distinct[name, position] = max(1.0, self._count_distinct(name, position))
        return found

    def _count_distinct(self, name: str, position: int) -> float:
        store = self.database.tables[name]
        if store.definition.key_positions == (position,):
            return len(store.rows)
        for index in store.indexes.values():
            if index.positions == (position,):
                return len(index.buckets)
        sample = self._sample(name)
        values = {row[position] for row in sample}
        if len(values) * 2 < len(sample):
            return len(values)  # it has shown what it has
        return len(store.rows) * len(values) / max(1, len(sample))

    def distinct_together(self, name: str, positions: Sequence[int]) -> float:
        """About how many different combinations of values some columns have; in a small table no fewer than it may have some day."""
        store = self.database.tables[name]
        wanted = sorted(positions)
        if sorted(store.definition.key_positions) == wanted:
            return max(1.0, len(store.rows), _FEW_ROWS)
        exact = [len(i.buckets) for i in store.indexes.values() if sorted(i.positions) == wanted]
        found = exact[0] if exact else max(self.distinct(name, i) for i in positions)
        return max(float(found), 1.0 if len(store.rows) >= _FEW_ROWS else _FEW_ROWS / 10)

    def share_of_range(self, scan: Scan, conditions: tuple[Expr, ...]) -> float:
        """The share that passes bounds of one column, or a LIKE pattern."""
        can_be_tried = all(self._is_testable(condition, scan.rel) for condition in conditions)
        if can_be_tried and len(self._sample(scan.table)) >= _SMALL_TABLE:
            return self.share(replace(scan, filters=conditions))
        is_narrow = len(conditions) > 1 or not isinstance(conditions[0], Compare)
        return _SHARE_OF_NARROW_RANGE if is_narrow else _SHARE_OF_WIDE_RANGE

    def known_value(self, expr: Expr) -> Any:
        """The value of a constant, or of a literal in the statement's first text; None of what is not known."""
        if isinstance(expr, Call) and expr.name == "cast" and len(expr.args) == 1:
            return self.known_value(expr.args[0])
        if isinstance(expr, Const):
            return expr.value
        known = 0 if self.context is None else len(self.context.literals)
        if isinstance(expr, Param) and expr.slot < known:
            try:
                return self._literals()[expr.slot]
            except Error:
                return None
        return None

    def share(self, scan: Scan) -> float:
        """The share of a table's rows that pass the filters of a scan."""
        if not scan.filters:
            return 1.0
        key = (scan.table, scan.filters)
        found = self._shares.get(key)
        if found is None:
            found = self._shares[key] = self._estimate_share(scan)
        return found

    def _estimate_share(self, scan: Scan) -> float:
        share, testable = 1.0, []
        for condition in scan.filters:
            equal = _equal_column(condition, scan.rel)
            if equal is not None and self._has_index(scan.table, equal):
                share /= self.distinct(scan.table, equal)
            elif self._is_testable(condition, scan.rel):
                testable.append(condition)
            elif equal is not None:
                share /= self.distinct(scan.table, equal)
            elif isinstance(condition, InList) and isinstance(condition.arg, Column):
                share *= min(1.0, len(condition.items) / self.distinct(scan.table, condition.arg.index))
            else:
                share *= _DEFAULT_SHARE
        return share * self._tested(scan, testable)

    def _has_index(self, name: str, position: int) -> bool:
        store = self.database.tables[name]
        return store.definition.key_positions == (position,) or any(
            i.positions == (position,) for i in store.indexes.values()
        )

    def _is_testable(self, condition: Expr, rel: int) -> bool:
        """Whether the sample can tell: the condition speaks of this table alone, and of values that are known."""
        known = 0 if self.context is None else len(self.context.literals)
        if not used_rels(condition) <= {rel}:
            return False
        return all(
            isinstance(item, Expr) and not (isinstance(item, Param) and item.slot >= known) for item in walk(condition)
        )

    def _tested(self, scan: Scan, conditions: list[Expr]) -> float:
        """The share of the sample that passes."""
        if not conditions:
            return 1.0
        sample = self._sample(scan.table)
        if len(sample) < _SMALL_TABLE:
            return float(_DEFAULT_SHARE ** len(conditions))
        try:
            passing = compile_filters(self.database, scan.rel, conditions)(sample, self._literals())
        except (Unpredictable, Error, ArithmeticError, TypeError, ValueError):
            return float(_DEFAULT_SHARE ** len(conditions))
        return max(0.5, passing) / len(sample)

    def _literals(self) -> list[Any]:
        values: list[Any] = []
        assert self.context is not None
        for literal, slot in zip(self.context.literals, self.context.slots, strict=False):
            if literal.type is None and slot.type is not None and not slot.type.is_text:
                values.append(slot.type.parse(str(literal.value)))
            else:
                values.append(literal.value)
        return values

    def _sample(self, name: str) -> list[Any]:
        found = self._samples.get(name)
        if found is None:
            found = self._samples[name] = self._take_sample(name)
        return found

    def _take_sample(self, name: str) -> list[Any]:
        """Some rows, in a few steps whatever the size of the table; other threads may commit meanwhile."""
        store = self.database.tables[name]
        rows = kept_rows(store)
        if rows is not None:
            return rows[:: max(1, len(rows) // SAMPLE_ROWS)]
        half = SAMPLE_ROWS // 2
        for _ in range(3):
            try:
                values = store.rows.values()
                first = list(islice(values, half))
                return first if len(first) < half else first + list(islice(reversed(values), half))
            except RuntimeError:  # the dictionary changed size under the iterator
                continue
        return []


def _equal_column(condition: Expr, rel: int) -> int | None:
    """The column of `rel` that a condition says is equal to something."""
    if isinstance(condition, Compare) and condition.op == "==":
        for side, other in ((condition.left, condition.right), (condition.right, condition.left)):
            if isinstance(side, Column) and side.rel == rel and rel not in used_rels(other):
                return side.index
    return None
