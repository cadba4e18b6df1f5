"""Binding of what has structure: arrays, subscripts, the operators of arrays and documents, ANY and ALL, periods, time zones."""

from __future__ import annotations

from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp

from exdbsql.engine.query import bind_rows, operators
from exdbsql.engine.query.conversions import convert
from exdbsql.engine.query.expressions import Call, Const, Expr, InList, Quantified, ScalarSubquery
from exdbsql.engine.query.functions import OPERATOR_FUNCTIONS
from exdbsql.engine.query.library import array_values as arrays
from exdbsql.engine.query.library.json_texts import is_json as text_is_json
from exdbsql.engine.query.library.regex_values import similar_to
from exdbsql.engine.query.runtime.regular_expressions import regexp_ilike, regexp_like
from exdbsql.engine.query.runtime.text import ilike, like
from exdbsql.engine.query.signatures import resolve
from exdbsql.engine.query.tokens import LEFT_OUT, MARK, SLICE
from exdbsql.schema import sqlstate
from exdbsql.schema.array import Array
from exdbsql.schema.types import BOOLEAN, DATE, DOUBLE, INTEGER, TEXT, TIME, TIMESTAMP, TIMESTAMPTZ, SqlType, array_of

if TYPE_CHECKING:
    from exdbsql.engine.query.bind_expressions import ExpressionBinder

_COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
NAMES_OF_LIKE: Final[dict[str, tuple[tuple[str, Any], ...]]] = {"similar_to": (("similar_to", similar_to),)}
_MATCHERS: Final = {
    "like": like,
    "ilike": ilike,
    "regexp_like": regexp_like,
    "regexp_ilike": regexp_ilike,
    "similar_to": similar_to,
}


# operators that the token stream marked


def marked_operator(node: exp.Expr) -> str | None:
    """The operator that ``a & mark & b`` stands for."""
    inner = node.this
    if not isinstance(node, exp.BitwiseAnd) or not isinstance(inner, exp.BitwiseAnd):
        return None
    mark = inner.expression
    if not isinstance(mark, exp.Column) or not isinstance(mark.this, exp.Identifier):
        return None
    text = str(mark.this.this)
    return text[len(MARK) :] if text.startswith(MARK) else None


def operator(binder: ExpressionBinder, node: exp.Expr, op: str) -> Expr:
    """An operator of arrays, json, jsonb, or ``^@``."""
    left, right = binder.bind(node.this.this), binder.bind(node.expression)
    mark = node.this.expression
    if op == "^@":
        return binder.call(node, "starts_with", [left, right])
    if op in ("@?", "@@") and right.type is None:
        right = operators.coerced(binder.context, node, right, TEXT)
    found = operators.find_operator(binder.context, node, op, left, right)
    if found is None:
        raise operators.no_operator(binder.context, mark, op, (left, right))
    return found


def shift(binder: ExpressionBinder, node: exp.Expr) -> Expr:
    """``<<`` and ``>>``."""
    op = "<<" if isinstance(node, exp.BitwiseLeftShift) else ">>"
    left, right = binder.bind(node.this), binder.bind(node.expression)
    if left.type is None:
        if right.type != INTEGER:
            raise operators.ambiguous(binder.context, node, op)
        left = operators.coerced(binder.context, node, left, INTEGER)
    if left.type is not None and left.type.is_integer:
        right = operators.coerced(binder.context, node, right, INTEGER) if right.type is None else right
        if right.known_type.name in ("smallint", "integer"):
            found = resolve(OPERATOR_FUNCTIONS[op], (left.type, right.type))
            assert found is not None
            return operators.call_of(binder.context, node, found, (left, right))
    raise operators.no_operator(binder.context, node, op, (left, right))


def bitwise_not(binder: ExpressionBinder, node: exp.BitwiseNot) -> Expr:
    """``~ number``."""
    arg = binder.bind(node.this)
    if arg.type is None:
        raise operators.ambiguous(binder.context, node, "~", 1)
    if not arg.type.is_integer:
        raise operators.no_operator(binder.context, node, "~", (arg,))
    return Call(arg.type, arg.nullable, "~", "(~{0})", (arg,))


# arrays


def array(binder: ExpressionBinder, node: exp.Array) -> Expr:
    """``ARRAY[...]`` and ``ARRAY(SELECT ...)``."""
    if len(node.expressions) == 1:
        query = _query(node.expressions[0])
        if query is not None and not isinstance(node.expressions[0], exp.Subquery):
            return _array_of_query(binder, query)
    if not node.expressions:
        raise binder.context.error(
            node, "cannot determine type of empty array", "42P18", "cast it to the type: ARRAY[]::integer[]"
        )
    return array_of_elements(binder, node, [binder.bind(e) for e in node.expressions])


def array_of_elements(binder: ExpressionBinder, node: exp.Expr, elements: list[Expr]) -> Expr:
    """An array of bound elements."""
    unified, target = operators.unify(binder.context, node, elements, "ARRAY")
    if target is None:
        unified, target = [operators.resolved(binder.context, node, e, TEXT) for e in unified], TEXT
    slots = ", ".join(f"{{{i}}}" for i in range(len(unified)))
    name = "array_of"
    return Call(
        array_of(target.unconstrained),
        False,
        "array",
        f"{name}({slots})",
        tuple(unified),
        strict=False,
        names=((name, arrays.array_of),),
    )


def _array_of_query(binder: ExpressionBinder, query: exp.Expr) -> Expr:
    plan = binder.queries.bind(query, binder.scope)
    column = binder.one_column(plan, query)
    return ScalarSubquery(array_of(column.known_type.unconstrained), False, plan, whole=True)


def empty_array(node: exp.Cast, target: SqlType) -> Expr | None:
    """``ARRAY[]::type[]``."""
    if isinstance(node.this, exp.Array) and not node.this.expressions and target.is_array:
        return Const(target, False, Array())
    return None


def subscript(binder: ExpressionBinder, node: exp.Bracket) -> Expr:
    """``a[i]``, ``a[i][j]``, ``a[i:j]``; of a jsonb, ``d['key']``."""
    chain: list[exp.Anonymous] = []
    base: exp.Expr = node
    while isinstance(base, exp.Bracket):
        chain.insert(0, base.expressions[0])
        base = base.this
    arg = binder.bind(base)
    if arg.type is not None and arg.type.name == "jsonb":
        return _member(binder, node, arg, chain)
    if arg.type is None or arg.type.element is None:
        raise binder.context.error(
            node,
            f"cannot subscript type {operators.type_name(arg.type)} because it does not support subscripting",
            sqlstate.DATATYPE_MISMATCH,
        )
    if not any(str(call.this) == SLICE for call in chain):
        indexes = [_index(binder, call.expressions[0]) for call in chain]
        slots = ", ".join(f"{{{i}}}" for i in range(len(indexes) + 1))
        names = (("element_at", arrays.element_at),)
        return Call(
            arg.type.element, True, "subscript", f"element_at({slots})", (arg, *indexes), strict=False, names=names
        )
    return _slice(binder, arg, chain)


def _slice(binder: ExpressionBinder, arg: Expr, chain: list[exp.Anonymous]) -> Expr:
    args: list[Expr] = [arg]
    parts = []
    for call in chain:
        ends = []
        nodes = call.expressions if str(call.this) == SLICE else [exp.Literal.number(1), call.expressions[0]]
        left_out = [isinstance(n, exp.Column) and str(n.this.this) == LEFT_OUT for n in nodes]
        for missing, end in zip(left_out, nodes, strict=True):
            if missing:
                ends.append("None")
            else:
                ends.append(f"{{{len(args)}}}")
                args.append(_index(binder, end))
        pair = f"({', '.join(ends)})"
        parts.append(pair if any(left_out) else f"bounds{pair}")
    names = (("sliced", arrays.sliced), ("bounds", arrays.bounds))
    nullable = any(a.nullable for a in args)
    return Call(
        arg.type, nullable, "slice", f"sliced({{0}}, {', '.join(parts)})", tuple(args), strict=False, names=names
    )


def slice_bounds(binder: ExpressionBinder, call: exp.Anonymous) -> tuple[Expr, Expr]:
    """The bounds of ``[i:j]`` in an assignment; one that is left out is the array's own, which -1 stands for."""
    found = []
    for node in call.expressions:
        left_out = isinstance(node, exp.Column) and str(node.this.this) == LEFT_OUT
        found.append(Const(INTEGER, False, -1) if left_out else _index(binder, node))
    low, high = found
    return low, high


def _index(binder: ExpressionBinder, node: exp.Expr) -> Expr:
    bound = binder.bind(node)
    return operators.assigned(binder.context, node, bound, INTEGER, "array subscript")


def _member(binder: ExpressionBinder, node: exp.Expr, arg: Expr, chain: list[exp.Anonymous]) -> Expr:
    for call in chain:
        if str(call.this) == SLICE:
            raise binder.context.error(node, "jsonb subscript does not support slices", sqlstate.DATATYPE_MISMATCH)
        found = operators.find_operator(binder.context, node, "->", arg, binder.bind(call.expressions[0]))
        if found is None:
            raise binder.context.error(
                node, "subscript type is not supported", sqlstate.DATATYPE_MISMATCH, "use a text or an integer"
            )
        arg = found
    return arg


# ANY and ALL


def array_quantifier(node: exp.Expr) -> tuple[exp.Expr, bool] | None:
    """The array of ``ANY (array)``, and whether it is ALL; None where the node is something else."""
    if isinstance(node, (exp.Any, exp.All)):
        return None if _query(node.this) is not None else (node.this, isinstance(node, exp.All))
    if (
        isinstance(node, exp.Anonymous)
        and str(node.this).upper() in ("ALL", "ANY", "SOME")
        and len(node.expressions) == 1
    ):
        if _query(node.expressions[0]) is not None:
            return None
        return node.expressions[0], str(node.this).upper() == "ALL"
    return None


def quantified(binder: ExpressionBinder, node: exp.Expr, op: str, right: exp.Expr) -> Expr:
    """``x op ANY (...)`` and ALL, of a subquery or an array."""
    found = array_quantifier(right)
    if found is None:
        every = isinstance(right, exp.All) or str(right.this).upper() == "ALL"
        inner = _query(right.this if isinstance(right, (exp.Any, exp.All)) else right.expressions[0])
        assert inner is not None
        if bind_rows.is_row(node.this):
            return bind_rows.quantified(binder, node, op, inner, every)
        plan = binder.queries.bind(inner, binder.scope)
        column = binder.one_column(plan, inner)
        arg, _ = operators.comparable(binder.context, node, op, binder.bind(node.this), column)
        return Quantified(BOOLEAN, True, op, arg, plan, every)
    array_node, every = found
    if op == "==" and not every and isinstance(array_node, exp.Array) and array_node.expressions:
        in_list = binder.in_list(exp.In(this=node.this, expressions=array_node.expressions))
        if isinstance(in_list, InList):
            return in_list
    left, items = _operands(binder, node, array_node, op)
    function = _COMPARE[op]
    names = (("quantified_array", arrays.quantified_array), (f"compare_{function.__name__}", function))
    template = f"quantified_array({{0}}, {{1}}, compare_{function.__name__}, {every})"
    return Call(BOOLEAN, True, f"{op} {'ALL' if every else 'ANY'}", template, (left, items), strict=False, names=names)


def _operands(binder: ExpressionBinder, node: exp.Expr, array_node: exp.Expr, op: str) -> tuple[Expr, Expr]:
    left, items = binder.bind(node.this), binder.bind(array_node)
    if items.type is None:
        element = left.type.unconstrained if left.type is not None else TEXT
        items = operators.resolved(binder.context, array_node, items, array_of(element))
    if items.known_type.element is None:
        raise binder.context.error(
            array_node, "op ANY/ALL (array) requires array on right side", sqlstate.WRONG_OBJECT_TYPE
        )
    element = items.known_type.element
    stand_in = Const(element, True, None)
    left, other = operators.comparable(binder.context, node, op, left, stand_in)
    if other.known_type.name != element.name:
        items = convert(items, array_of(other.known_type))
    return left, items


def like_quantified(binder: ExpressionBinder, node: exp.Expr, name: str) -> Expr:
    """``x LIKE ANY (array)`` and its kin."""
    found = array_quantifier(node.args["expression"])
    assert found is not None
    array_node, every = found
    left = binder.text(node.this, name)
    items = binder.bind(array_node)
    items = operators.implicit(binder.context, array_node, items, array_of(TEXT), f"argument of {name.upper()}")
    names = (("quantified_array", arrays.quantified_array), (f"match_{name}", _MATCHERS[name]))
    template = f"quantified_array({{0}}, {{1}}, match_{name}, {every})"
    return Call(
        BOOLEAN, True, f"{name} {'ALL' if every else 'ANY'}", template, (left, items), strict=False, names=names
    )


def _query(node: exp.Expr) -> exp.Expr | None:
    from exdbsql.engine.query.bind_expressions import query_in

    return query_in(node)


# the rest


def is_json(binder: ExpressionBinder, node: exp.Expr, what: exp.JSON, negated: bool) -> Expr:
    """``IS [NOT] JSON [VALUE | ARRAY | OBJECT | SCALAR] [WITH | WITHOUT UNIQUE KEYS]``."""
    arg = binder.bind(node.this)
    if arg.type is not None and arg.type.is_json:
        arg = convert(arg, TEXT)
    arg = operators.implicit(binder.context, node, arg, TEXT, "argument of IS JSON")
    kind = str(what.this or "VALUE").upper()
    unique = bool(what.args.get("unique") and what.args.get("with_"))
    call = f"text_is_json({{0}}, {kind!r}, {unique})"
    names = (("text_is_json", text_is_json),)
    return Call(BOOLEAN, arg.nullable, "IS JSON", f"(not {call})" if negated else call, (arg,), names=names)


def overlaps(binder: ExpressionBinder, node: exp.Overlaps) -> Expr:
    """``(start, end) OVERLAPS (start, end)``; an end may be given as an interval."""
    ends: list[Expr] = []
    for side in (node.this, node.expression):
        if not bind_rows.is_row(side) or len(bind_rows.parts(side)) != 2:
            raise binder.context.error(side, "OVERLAPS compares two pairs", sqlstate.SYNTAX_ERROR)
        start, end = (binder.bind(part) for part in bind_rows.parts(side))
        if end.type is not None and end.type.name == "interval":
            end = operators.arithmetic(binder.context, side, "+", start, end)
        ends += [start, end]
    unified, target = operators.unify(binder.context, node, ends, "OVERLAPS")
    if target is None or target == DATE:
        target = TIMESTAMP
    if target.name not in (TIMESTAMP.name, "timestamp with time zone", TIME.name):
        raise operators.no_operator(binder.context, node, "OVERLAPS", (unified[0], unified[2]))
    return binder.call(node, "overlaps", [operators.coerced(binder.context, node, e, target) for e in unified])


def at_time_zone(binder: ExpressionBinder, node: exp.AtTimeZone) -> Expr:
    """``moment AT TIME ZONE zone``."""
    moment, zone = binder.bind(node.this), binder.bind(node.args["zone"])
    if moment.type == DATE:
        moment = convert(moment, TIMESTAMPTZ)
    return binder.call(node, "timezone", [zone, moment])


def identifier(binder: ExpressionBinder, node: exp.Identifier) -> Expr:
    """A column that the parser left without a node of its own."""
    return binder.scope.resolve(exp.Column(this=node))


def grouping(binder: ExpressionBinder, node: exp.Grouping) -> Expr:
    """``GROUPING(...)``."""
    if binder.grouping is None:
        raise binder.context.error(
            node, f"grouping operations are not allowed in {binder.clause}", sqlstate.GROUPING_ERROR
        )
    return binder.grouping.grouping_mask(node, binder)


def square_root(binder: ExpressionBinder, node: exp.Sqrt) -> Expr:
    """``|/ number``, which is of floats only."""
    arg = operators.implicit(binder.context, node, binder.bind(node.this), DOUBLE, "argument of |/")
    return binder.call(node, "sqrt", [arg])


METHODS: Final[dict[type[exp.Expr], Callable[[Any, Any], Expr]]] = {
    exp.Array: array,
    exp.Bracket: subscript,
    exp.Overlaps: overlaps,
    exp.AtTimeZone: at_time_zone,
    exp.BitwiseLeftShift: shift,
    exp.BitwiseRightShift: shift,
    exp.BitwiseNot: bitwise_not,
    exp.Identifier: identifier,
    exp.Grouping: grouping,
    exp.Sqrt: square_root,
}
