"""GROUPING SETS, ROLLUP and CUBE: which sets of keys a GROUP BY asks for (PostgreSQL's manual, section 7.2.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from itertools import product as cartesian
from typing import Any, Final

from sqlglot import exp

from exdbsql.engine.query.context import StatementContext
from exdbsql.engine.query.expressions import Call, Case, Compare, Expr, InList, Logical, Not
from exdbsql.engine.query.plan import CHILD_FIELDS
from exdbsql.schema import sqlstate

MAX_SETS: Final = 4096
Places = tuple[int, ...]


def is_grouping_set(item: exp.Expr) -> bool:
    """Whether an item of GROUP BY asks for several groupings, or for none."""
    return isinstance(item, (exp.Rollup, exp.Cube, exp.GroupingSets)) or (
        isinstance(item, exp.Tuple) and not item.expressions
    )


@dataclass(slots=True)
class SetsOfKeys:
    """The keys of one GROUP BY, each once, and the sets of their places."""

    context: StatementContext
    bind: Callable[[exp.Expr], Expr]
    keys: list[Expr] = field(default_factory=list)

    def product(self, items: Sequence[exp.Expr]) -> list[Places]:
        """The sets of all items, combined each with each."""
        alternatives = [self._sets(item) for item in items]
        count = 1
        for choices in alternatives:
            count *= len(choices)
        if count > MAX_SETS:
            raise self.context.error(items[0], f"too many grouping sets present (maximum {MAX_SETS})", "54001")
        return [_joined(choice) for choice in cartesian(*alternatives)]

    def _sets(self, item: exp.Expr) -> list[Places]:
        if isinstance(item, exp.GroupingSets):
            return [places for inner in item.expressions for places in self._sets(inner)]
        if isinstance(item, exp.Rollup):
            parts = [self._composite(e) for e in item.expressions]
            return [_joined(parts[:n]) for n in range(len(parts), -1, -1)]
        if isinstance(item, exp.Cube):
            parts = [self._composite(e) for e in item.expressions]
            if len(parts) > 12:
                raise self.context.error(item, "CUBE is limited to 12 elements", sqlstate.STATEMENT_TOO_COMPLEX)
            return [_joined(c) for n in range(len(parts), -1, -1) for c in combinations(parts, n)]
        return [self._composite(item)]

    def _composite(self, item: exp.Expr) -> Places:
        if isinstance(item, exp.Tuple):
            return _joined([self._composite(e) for e in item.expressions])
        if isinstance(item, exp.Paren):
            return self._composite(item.this)
        key = self.bind(item)
        if key not in self.keys:
            self.keys.append(key)
        return (self.keys.index(key),)


def _joined(parts: Sequence[Places]) -> Places:
    return tuple(dict.fromkeys(place for part in parts for place in part))


def with_nulls(value: Any) -> Any:
    """An expression over keys that may be NULL now, though they could not when it was bound."""
    if isinstance(value, tuple):
        return tuple(map(with_nulls, value))
    names = CHILD_FIELDS.get(type(value))
    if not names:
        return value
    changes = {name: with_nulls(getattr(value, name)) for name in names}
    made = replace(value, **changes)
    if isinstance(made, (Compare, Logical, Not, InList, Case)) or (isinstance(made, Call) and made.strict):
        below = [part for change in changes.values() for part in _exprs(change)]
        if any(part.nullable for part in below):
            return replace(made, nullable=True)
    return made


def _exprs(value: Any) -> list[Expr]:
    if isinstance(value, tuple):
        return [part for item in value for part in _exprs(item)]
    return [value] if isinstance(value, Expr) else []
