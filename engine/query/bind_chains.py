"""Binding of chains of operators that lean to the left, ``a + b - c + ...``, in a loop along the chain."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from exdbsql.engine.query.expressions import Accumulator, Expr, Fold

if TYPE_CHECKING:
    from exdbsql.engine.query.bind_expressions import ExpressionBinder

SHORT: Final = 16
"""Up to so many operators are nested expressions, as they are anywhere else."""


def bound(
    binder: ExpressionBinder,
    node: exp.Expr,
    kinds: Collection[type[exp.Expr]],
    combined: Callable[[exp.Expr, Expr, Expr], Expr],
) -> Expr:
    """The chain of operators of some kinds that ends in `node`; `combined` makes the expression of one of them."""
    chain = [node]
    while type(chain[-1].this) in kinds:
        chain.append(chain[-1].this)
    chain.reverse()
    result = binder.bind(chain[0].this)
    steps: list[Expr] = []
    first = result
    for number, part in enumerate(chain):
        binder.context.only(part, ("this", "expression"))
        right = binder.bind(part.args["expression"])
        if number < SHORT or len(chain) < 2 * SHORT:
            first = result = combined(part, result, right)
        else:
            result = combined(part, Accumulator(result.type, result.nullable), right)
            steps.append(result)
    return Fold(result.type, result.nullable, first, tuple(steps)) if steps else result
