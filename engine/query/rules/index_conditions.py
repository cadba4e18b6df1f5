"""The filters of a scan, sorted by what an index can do with them: equalities, lists of values, bounds, LIKE patterns.

Each has a side that speaks of the scan's relation, which an index must have as a part of its key, and a value that does not: a constant,
a parameter, or something of a relation outside.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from exdbsql.engine.query.expressions import (
    Call,
    Column,
    Compare,
    Const,
    Expr,
    InArray,
    InList,
    InSubquery,
    IsNull,
    ParamRange,
)
from exdbsql.engine.query.plan import RangeAccess, Scan, used_rels
from exdbsql.engine.query.rules.candidate_indexes import KeyPart
from exdbsql.engine.query.rules.common import Statistics
from exdbsql.engine.query.rules.estimates import estimate
from exdbsql.engine.query.runtime.patterns import literal_start
from exdbsql.engine.query.volatility import is_volatile
from exdbsql.schema.array import Array

FLIPPED: Final = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "=="}
_BOUNDS: Final = frozenset(("<", "<=", ">", ">="))
_SOME_VALUES: Final = 10.0


@dataclass(frozen=True, slots=True)
class OneOf:
    """A condition that lists values: IN (...), = ANY (array), IN (SELECT ...)."""

    condition: Expr

    def number(self, statistics: Statistics) -> float:
        """How many values there are, about."""
        match self.condition:
            case InList(items=items):
                return float(sum(i.count if isinstance(i, ParamRange) else 1 for i in items))
            case InSubquery(plan=plan):
                return estimate(plan, statistics)
            case InArray(array=Const(value=Array() as array)):
                return float(max(1, len(array)))
            case InArray(array=array):
                known = statistics.known_value(array)
                return float(max(1, len(known))) if isinstance(known, Array) else _SOME_VALUES
        return _SOME_VALUES


@dataclass(slots=True)
class Bounds:
    """What limits one part of a key. `used`: the conditions; `ensured`: those that need not be tested any more."""

    low: Expr | None = None
    high: Expr | None = None
    low_inclusive: bool = True
    high_inclusive: bool = True
    pattern: Expr | None = None
    used: list[Expr] = field(default_factory=list)
    ensured: list[Expr] = field(default_factory=list)

    def access(self, index: str | None, prefix: Iterable[Expr]) -> RangeAccess:
        """The range of an index whose leading parts have the values in `prefix`, and the next one lies within these."""
        return RangeAccess(
            index,
            self.low,
            self.high,
            self.low_inclusive,
            self.high_inclusive,
            prefix=tuple(prefix),
            pattern=self.pattern,
        )


@dataclass(slots=True)
class Conditions:
    """The filters of one scan: (side, value, condition), and for bounds the operator too."""

    rel: int
    equal: list[tuple[Expr, Expr, Expr]] = field(default_factory=list)
    lists: list[tuple[Expr, Expr]] = field(default_factory=list)
    limits: list[tuple[Expr, str, Expr, Expr]] = field(default_factory=list)
    patterns: list[tuple[Expr, Expr, Expr]] = field(default_factory=list)
    nonnull: list[tuple[Expr, Expr]] = field(default_factory=list)

    @classmethod
    def of(cls, scan: Scan, statistics: Statistics, filters: Iterable[Expr] | None = None) -> Conditions:
        """The filters of a scan (or others)."""
        made = cls(scan.rel)
        for condition in scan.filters if filters is None else filters:
            made._take(condition, statistics)
        return made

    def _take(self, condition: Expr, statistics: Statistics) -> None:
        match condition:
            case Compare(op=op) if op in FLIPPED:
                self._take_comparison(condition)
            case IsNull(arg=arg, negated=False) if self._is_side(arg):
                self.equal.append((arg, Const(arg.type, False, None), condition))
            case IsNull(arg=arg, negated=True) if self._is_side(arg):
                self.nonnull.append((arg, condition))
            case InList(arg=arg, items=items) if self._is_side(arg) and self._is_value(items):
                self.lists.append((arg, condition))
            case InArray(arg=arg, array=array) if self._is_side(arg) and self._is_value(array):
                self.lists.append((arg, condition))
            case InSubquery(args=(arg,), plan=plan) if self._is_side(arg) and self.rel not in used_rels(plan):
                self.lists.append((arg, condition))
            case Call(name="LIKE", args=(arg, pattern)) if self._is_side(arg) and self._is_value(pattern):
                known = statistics.known_value(pattern)
                if known is None or literal_start(known):
                    self.patterns.append((arg, pattern, condition))

    def _take_comparison(self, condition: Compare) -> None:
        for side, op, value in (
            (condition.left, condition.op, condition.right),
            (condition.right, FLIPPED[condition.op], condition.left),
        ):
            if self._is_side(side) and self._is_value(value):
                if op == "==":
                    self.equal.append((side, value, condition))
                else:
                    self.limits.append((side, op, value, condition))
                return

    def _is_side(self, expr: Expr) -> bool:
        return used_rels(expr) == {self.rel}

    def _is_value(self, value: Expr | tuple[Expr, ...]) -> bool:
        return self.rel not in used_rels(value) and not is_volatile(value)

    def by_column(self) -> dict[int, tuple[Expr, Expr]]:
        """For a column that must equal something: the condition, and the something."""
        found: dict[int, tuple[Expr, Expr]] = {}
        for side, value, condition in self.equal:
            if isinstance(side, Column) and not is_null_value(value):
                found.setdefault(side.index, (condition, value))
        return found

    def equality(self, part: KeyPart) -> tuple[Expr, Expr, bool] | None:
        """The condition that gives a part of a key its value or values: (condition, value, whether it is a list)."""
        for side, value, condition in self.equal:
            if part.is_same(side):
                return condition, value, False
        for side, condition in self.lists:
            if part.is_same(side):
                return condition, condition, True
        return None

    def not_null(self, part: KeyPart) -> list[Expr]:
        """The conditions that a part of a key is not NULL."""
        return [condition for side, condition in self.nonnull if part.is_same(side)]

    def bounds(self, part: KeyPart) -> Bounds:
        """The bounds of a part of a key."""
        found = Bounds()
        for side, op, value, condition in self.limits:
            if not part.is_same(side):
                continue
            if op in (">", ">=") and found.low is None:
                found.low, found.low_inclusive = value, op == ">="
            elif op in ("<", "<=") and found.high is None:
                found.high, found.high_inclusive = value, op == "<="
            else:
                continue
            found.used.append(condition)
            found.ensured.append(condition)
        if not found.used:
            for side, pattern, condition in self.patterns:
                if part.is_same(side):
                    found.pattern = pattern
                    found.used.append(condition)
                    break
        return found


def is_null_value(value: Expr) -> bool:
    """Whether a value stands for IS NULL: a NULL that is looked for, where one that is compared with finds nothing."""
    return isinstance(value, Const) and value.value is None and not value.nullable
