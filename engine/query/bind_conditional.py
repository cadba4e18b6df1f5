"""Binding of the conditional expressions: CASE, COALESCE, NULLIF, GREATEST, LEAST."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp

from exdbsql.engine.query import operators
from exdbsql.engine.query.bind_once import evaluated_once
from exdbsql.engine.query.expressions import Call, Case, Coalesce, Compare, Expr, null
from exdbsql.schema.types import TEXT

if TYPE_CHECKING:
    from exdbsql.engine.query.bind_expressions import ExpressionBinder


def case(binder: ExpressionBinder, node: exp.Case) -> Expr:
    """CASE, searched or simple."""
    binder.context.only(node, ("this", "ifs", "default"), "CASE")
    operand = binder.bind(node.this) if node.this is not None else None
    if operand is None:
        tested = [operators.boolean(binder.context, b, binder.bind(b.this), "CASE/WHEN") for b in node.args["ifs"]]
    else:
        tested = [binder.bind(branch.this) for branch in node.args["ifs"]]
    results = [binder.bind(branch.args["true"]) for branch in node.args["ifs"]]
    default = node.args.get("default")
    results.append(binder.bind(default) if default is not None else null())
    results, target = operators.unify(binder.context, node, results, "CASE")
    if target is None:
        results = [operators.resolved(binder.context, node, r, TEXT) for r in results]
        target = TEXT

    def cases(conditions: list[Expr]) -> Expr:
        whens = tuple(zip(conditions, results[:-1], strict=True))
        return Case(target, any(r.nullable for r in results), whens, results[-1])

    if operand is None:
        return cases(tested)
    if operand.type is None:  # a literal or a parameter, of a type of its own in each comparison
        operands = [operand, *[binder.bind(node.this) for _ in tested[1:]]]
        return cases(_equalities(binder, node, operands, tested))
    return evaluated_once(operand, lambda same: cases(_equalities(binder, node, [same] * len(tested), tested)))


def _equalities(
    binder: ExpressionBinder, node: exp.Case, operands: Sequence[Expr], values: Sequence[Expr]
) -> list[Expr]:
    """The conditions of a simple CASE."""
    return [
        operators.comparison(binder.context, branch, "==", operand, value)
        for branch, operand, value in zip(node.args["ifs"], operands, values, strict=True)
    ]


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
    left, right = binder.bind(node.this), binder.bind(node.expression)

    def case_of(operand: Expr) -> Expr:
        equal = operators.comparison(binder.context, node, "==", operand, right)
        assert isinstance(equal, Compare)
        result = equal.left if operand.type is None else operand
        return Case(result.type, True, ((equal, null(result.type)),), result)

    return case_of(left) if left.type is None else evaluated_once(left, case_of)


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
