"""Operands that an expression needs more than once, and that are evaluated once.

``NULLIF(x, y)`` is ``CASE WHEN x = y THEN NULL ELSE x END``, and ``CASE x WHEN ...`` compares x with each of its values. Where x is small, it simply
stands there as often as it is needed: these are the forms that the rules and the generated code know best. Where it is large, or holds another
such expression, that would double the work and the text at every level of nesting; and where it calls a function that need not give
the same twice (nextval, random, one of the program's), the result would be wrong. Then the whole is a `Fold` of one step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from exdbsql.engine.query.expressions import (
    Accumulator,
    Call,
    Exists,
    Expr,
    Fold,
    InSubquery,
    Quantified,
    RowSubquery,
    ScalarSubquery,
)
from exdbsql.engine.query.plan import used_rels, walk
from exdbsql.engine.query.volatility import gives_the_same
from exdbsql.schema.types import TEXT

_SMALL: Final = 16
"""An operand of so many parts at most may be repeated."""
_WITH_PLAN: Final = (ScalarSubquery, RowSubquery, Exists, InSubquery, Quantified)


def evaluated_once(operand: Expr, combined: Callable[[Expr], Expr]) -> Expr:
    """What `combined` makes of an operand that has a type."""
    if may_be_repeated(operand):
        return combined(operand)
    step = combined(Accumulator(operand.type, operand.nullable))
    return Fold(step.type, step.nullable, operand, (step,))


def all_evaluated_once(operands: Sequence[Expr], combined: Callable[[list[Expr]], Expr]) -> Expr:
    """What `combined` makes of several operands; those that may not be repeated are put into one value that is."""
    kept = [operand for operand in operands if not may_be_repeated(operand)]
    if not kept:
        return combined(list(operands))
    row = Call(TEXT, False, "row", f"({''.join(f'{{{i}}}, ' for i in range(len(kept)))})", tuple(kept), strict=False)
    whole = Accumulator(TEXT, False)
    taken = (Call(o.type, o.nullable, "row", f"{{0}}[{i}]", (whole,), strict=False) for i, o in enumerate(kept))
    step = combined([operand if may_be_repeated(operand) else next(taken) for operand in operands])
    return Fold(step.type, step.nullable, row, (step,))


def may_be_repeated(operand: Expr) -> bool:
    """Whether an operand is small and gives the same each time; a subquery without outer references is computed once anyhow."""
    parts = list(islice(walk(operand), _SMALL + 1))
    if len(parts) > _SMALL or any(isinstance(part, Fold) for part in parts):
        return False
    return gives_the_same(operand) and not any(used_rels(p.plan) for p in parts if isinstance(p, _WITH_PLAN))
