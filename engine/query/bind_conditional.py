"""Binding of the conditional expressions: CASE, COALESCE, NULLIF, GREATEST, LEAST."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp

from exdbsql.engine.query import operators
from exdbsql.engine.query.expressions import Call, Case, Coalesce, Compare, Expr, null
from exdbsql.schema.types import TEXT

if TYPE_CHECKING:
    from exdbsql.engine.query.bind_expressions import ExpressionBinder


def case(binder: ExpressionBinder, node: exp.Case) -> Expr:
    """CASE, searched or simple."""
    binder.context.only(node, ("this", "ifs", "default"), "CASE")
    conditions = []
    for branch in node.args["ifs"]:
        if node.this is not None:
            equal = operators.comparison(binder.context, branch, "==", binder.bind(node.this), binder.bind(branch.this))
            conditions.append(equal)
        else:
            conditions.append(operators.boolean(binder.context, branch, binder.bind(branch.this), "CASE/WHEN"))
    results = [binder.bind(branch.args["true"]) for branch in node.args["ifs"]]
    default = node.args.get("default")
    results.append(binder.bind(default) if default is not None else null())
    results, target = operators.unify(binder.context, node, results, "CASE")
    if target is None:
        results = [operators.resolved(binder.context, node, r, TEXT) for r in results]
        target = TEXT
    whens = tuple(zip(conditions, results[:-1], strict=True))
    return Case(target, any(r.nullable for r in results), whens, results[-1])


def coalesce(binder: ExpressionBinder, node: exp.Coalesce) -> Expr:
    """COALESCE."""
    binder.context.only(node, ("this", "expressions"), "COALESCE")
    args, target = operators.unify(
        binder.context, node, [binder.bind(n) for n in (node.this, *node.expressions)], "COALESCE"
    )
    if target is None:
        args = [operators.resolved(binder.context, node, a, TEXT) for a in args]
        target = TEXT
    first = next((i for i, a in enumerate(args) if not a.nullable), len(args) - 1)
    args = args[: first + 1]  # nothing behind a value that is never NULL counts
    return args[0] if len(args) == 1 else Coalesce(target, args[-1].nullable, tuple(args))


def nullif(binder: ExpressionBinder, node: exp.Nullif) -> Expr:
    """NULLIF."""
    left = binder.bind(node.this)
    equal = operators.comparison(binder.context, node, "==", left, binder.bind(node.expression))
    assert isinstance(equal, Compare)
    result = equal.left if left.type is None else left
    return Case(result.type, True, ((equal, null(result.type)),), result)


def extreme(binder: ExpressionBinder, node: exp.Greatest | exp.Least) -> Expr:
    """GREATEST and LEAST."""
    binder.context.only(node, ("this", "expressions"))
    name = "greatest" if isinstance(node, exp.Greatest) else "least"
    args, target = operators.unify(
        binder.context, node, [binder.bind(n) for n in (node.this, *node.expressions)], name.upper()
    )
    if target is None:
        args = [operators.resolved(binder.context, node, a, TEXT) for a in args]
        target = TEXT
    slots = ", ".join(f"{{{i}}}" for i in range(len(args)))
    return Call(target, all(a.nullable for a in args), name, f"{name}({slots})", tuple(args), strict=False)


METHODS: Final[dict[type[exp.Expr], Callable[[Any, Any], Expr]]] = {
    exp.Case: case,
    exp.Coalesce: coalesce,
    exp.Nullif: nullif,
    exp.Greatest: extreme,
    exp.Least: extreme,
}
