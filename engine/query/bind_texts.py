"""Binding of what texts have a syntax of their own for: patterns, TRIM, padding, concatenation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp

from exdbsql.engine.query import bind_structures as structures
from exdbsql.engine.query import bind_variadic as variadic
from exdbsql.engine.query import operators
from exdbsql.engine.query.conversions import convert
from exdbsql.engine.query.expressions import Call, Expr, Not
from exdbsql.schema import sqlstate
from exdbsql.schema.types import BOOLEAN, TEXT

if TYPE_CHECKING:
    from exdbsql.engine.query.bind_expressions import ExpressionBinder


def like(binder: ExpressionBinder, node: exp.Expr, escape: exp.Expr | None = None) -> Expr:
    """LIKE, ILIKE, SIMILAR TO and the operators of regular expressions, also with ANY and ALL of an array."""
    binder.context.only(node, ("this", "expression", "negate"), "LIKE")
    names: dict[type[exp.Expr], str] = {
        exp.Like: "like",
        exp.ILike: "ilike",
        exp.RegexpLike: "regexp_like",
        exp.RegexpILike: "regexp_ilike",
        exp.SimilarTo: "similar_to",
    }
    name = names[type(node)]
    if structures.array_quantifier(node.args["expression"]) is not None:
        found = structures.like_quantified(binder, node, name)
        return Not(BOOLEAN, found.nullable, found) if node.args.get("negate") else found
    args = [binder.text(node.this, name), binder.text(node.args["expression"], name)]
    template = f"{name}({{0}}, {{1}})"
    if escape is not None:
        args.append(binder.text(escape, "ESCAPE"))
        template = f"{name}({{0}}, {{1}}, check_escape({{2}}))"
    names_used = structures.NAMES_OF_LIKE.get(name, ())
    found = Call(BOOLEAN, any(a.nullable for a in args), name.upper(), template, tuple(args), names=names_used)
    return Not(BOOLEAN, found.nullable, found) if node.args.get("negate") else found


def escape(binder: ExpressionBinder, node: exp.Escape) -> Expr:
    """``LIKE ... ESCAPE``."""
    inner = node.this
    if isinstance(inner, exp.Not):
        found = like(binder, inner.this, node.expression)
        return Not(BOOLEAN, found.nullable, found)
    if not isinstance(inner, (exp.Like, exp.ILike, exp.SimilarTo)):
        raise binder.context.unsupported(node, "ESCAPE here")
    return like(binder, inner, node.expression)


def trim(binder: ExpressionBinder, node: exp.Trim) -> Expr:
    """``TRIM([LEADING | TRAILING | BOTH] characters FROM text)``."""
    binder.context.only(node, ("this", "expression", "position"), "TRIM")
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or ""), "btrim")
    args = [binder.bind(node.this)]
    if node.args.get("expression") is not None:
        args.append(binder.bind(node.expression))
    return binder.call(node, name, args)


def pad(binder: ExpressionBinder, node: exp.Pad) -> Expr:
    """``lpad`` and ``rpad``."""
    binder.context.only(node, ("this", "expression", "fill_pattern", "is_left"), "LPAD")
    nodes = [node.this, node.expression, node.args.get("fill_pattern")]
    return binder.call(node, "lpad" if node.args.get("is_left") else "rpad", [binder.bind(n) for n in nodes if n])


def initcap(binder: ExpressionBinder, node: exp.Initcap) -> Expr:
    """``initcap``."""
    return binder.call(node, "initcap", [binder.bind(node.this)])


def concat(binder: ExpressionBinder, node: exp.Concat | exp.ConcatWs) -> Expr:
    """``concat`` and ``concat_ws``, which take anything."""
    binder.context.only(node, ("expressions",), "CONCAT")
    if variadic.is_variadic(node):
        return variadic.concatenated(binder, node)
    args = []
    for part in node.expressions:
        bound = binder.bind(part)
        if bound.type == BOOLEAN:
            bound = Call(TEXT, bound.nullable, "cast", "('t' if {0} else 'f')", (bound,))
        args.append(
            operators.resolved(binder.context, part, bound, TEXT) if bound.type is None else convert(bound, TEXT)
        )
    name = "concat_ws" if isinstance(node, exp.ConcatWs) else "concat"
    if len(args) <= (name == "concat_ws"):
        raise binder.context.error(node, f"function {name} needs more arguments", sqlstate.UNDEFINED_FUNCTION)
    slots = ", ".join(f"{{{i}}}" for i in range(len(args)))
    nullable = name == "concat_ws" and args[0].nullable
    return Call(TEXT, nullable, name, f"{name}({slots})", tuple(args), strict=False)


METHODS: Final[dict[type[exp.Expr], Callable[[Any, Any], Expr]]] = {
    exp.Like: like,
    exp.ILike: like,
    exp.RegexpLike: like,
    exp.RegexpILike: like,
    exp.SimilarTo: like,
    exp.Escape: escape,
    exp.Trim: trim,
    exp.Pad: pad,
    exp.Initcap: initcap,
    exp.Concat: concat,
    exp.ConcatWs: concat,
}
