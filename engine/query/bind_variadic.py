"""``f(a, VARIADIC array)``: the elements of an array as the last arguments of a function that takes any number of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from exdbsql.engine.query import operators
from exdbsql.engine.query.conversions import convert
from exdbsql.engine.query.expressions import Call, Expr
from exdbsql.engine.query.library.array_values import elements_of
from exdbsql.engine.query.signatures import resolve
from exdbsql.schema import sqlstate
from exdbsql.schema.types import BOOLEAN, INTEGER, TEXT, array_of

if TYPE_CHECKING:
    from exdbsql.engine.query.bind_expressions import ExpressionBinder

_NAMES = (("elements_of", elements_of),)


def is_variadic(node: exp.Expr) -> bool:
    """Whether a call's last argument is VARIADIC."""
    return bool(node.expressions) and isinstance(node.expressions[-1], exp.Variadic)


def call(binder: ExpressionBinder, node: exp.Expr, name: str) -> Expr:
    """The call of a variadic function of the table."""
    *fixed, last = node.expressions
    args = [binder.bind(a) for a in fixed]
    items = _array(binder, last)
    element = items.known_type.element
    candidates = [f for f in binder.overloads(node, name) if f.variadic]
    found = resolve(candidates, [*(a.type for a in args), element])
    if found is None:
        shown = ", ".join(operators.type_name(a.type) for a in (*args, items))
        raise binder.context.error(
            node, f"function {name}(VARIADIC {shown}) does not exist", sqlstate.UNDEFINED_FUNCTION
        )
    wanted = found.args[-1]
    if wanted is not None and element is not None and wanted.name != element.name:
        items = convert(items, array_of(wanted))
    if "json" in name and element is not None and element.name == "json":
        raise binder.context.unsupported(node, "VARIADIC of an array of json")
    made = operators.call_of(binder.context, node, found, [*args, operators.null_of(wanted or TEXT)])
    slots = [f"{{{i}}}" for i in range(len(args))]
    spread = f"*elements_of({{{len(args)}}})"
    every = ", ".join([*slots, spread])
    rest = "".join(f"{slot}, " for slot in (*slots[1:], spread))
    template = found.function.template.replace("{all}", every).replace("{rest}", rest)
    return replace(made, template=template, args=(*made.args[:-1], items), nullable=True, names=(*made.names, *_NAMES))


def concatenated(binder: ExpressionBinder, node: exp.Concat | exp.ConcatWs) -> Expr:
    """``concat(VARIADIC array)`` and ``concat_ws(separator, VARIADIC array)``."""
    *fixed, last = node.expressions
    items = _array(binder, last)
    if items.known_type.element == BOOLEAN:
        raise binder.context.unsupported(node, "VARIADIC of an array of booleans")
    args = [operators.coerced(binder.context, part, binder.bind(part), TEXT) for part in fixed]
    name = "concat_ws" if isinstance(node, exp.ConcatWs) else "concat"
    slots = "".join(f"{{{i}}}, " for i in range(len(args)))
    template = f"{name}({slots}*elements_of({{{len(args)}}}))"
    whole = (*args, convert(items, array_of(TEXT)))
    guard = f"(None if {{{len(args)}}} is None else {template})"
    return Call(TEXT, True, name, guard, whole, strict=False, names=_NAMES)


def count_of_nulls(binder: ExpressionBinder, node: exp.Anonymous, name: str) -> Expr:
    """``num_nulls(VARIADIC array)`` and ``num_nonnulls(VARIADIC array)``."""
    items = _array(binder, node.expressions[-1])
    test = "is None" if name == "num_nulls" else "is not None"
    return Call(INTEGER, True, name, f"sum(1 for e in elements_of({{0}}) if e {test})", (items,), names=_NAMES)


def _array(binder: ExpressionBinder, node: exp.Expr) -> Expr:
    items = binder.bind(node.this)
    if items.type is None:
        items = operators.resolved(binder.context, node, items, array_of(TEXT))
    if items.known_type.element is None:
        raise binder.context.error(node.this, "VARIADIC argument must be an array", sqlstate.DATATYPE_MISMATCH)
    return items
