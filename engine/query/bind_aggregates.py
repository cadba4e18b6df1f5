"""Binding of the aggregates of `aggregates_more`, of ordered sets, and of those that a program made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp

from exdbsql.engine.query import aggregates_more, operators
from exdbsql.engine.query.bind_whole_rows import document
from exdbsql.engine.query.context import StatementContext
from exdbsql.engine.query.expressions import Call, Expr
from exdbsql.engine.query.library.json_values import RawJson
from exdbsql.engine.query.library.number_values import hypothetical_rank
from exdbsql.engine.query.plan import AggregateCall, SortKey, used_rels
from exdbsql.schema import sqlstate
from exdbsql.schema.types import BIGINT, DOUBLE, JSON, TEXT, array_of

if TYPE_CHECKING:
    from exdbsql.engine.query.bind_expressions import ExpressionBinder


def arguments(
    context: StatementContext, inner: ExpressionBinder, node: exp.Anonymous, name: str
) -> tuple[list[Expr], bool, tuple[SortKey, ...]]:
    """Bound arguments, whether DISTINCT, and the order."""
    from exdbsql.engine.query.grouping import sort_key

    nodes = list(node.expressions)
    order: tuple[SortKey, ...] = ()
    if nodes and isinstance(nodes[-1], exp.Order):
        order = tuple(sort_key(inner, key) for key in nodes[-1].expressions)
        nodes[-1] = nodes[-1].this
    distinct = bool(nodes) and isinstance(nodes[0], exp.Distinct)
    if distinct:
        context.only(nodes[0], ("expressions",), "DISTINCT")
        nodes = [*nodes[0].expressions, *nodes[1:]]
    args = []
    for part in nodes:
        if isinstance(part, exp.Star):
            raise context.error(node, f"{name}(*) does not exist", sqlstate.UNDEFINED_FUNCTION)
        arg = document(inner, part, name) or inner.bind(part)
        args.append(operators.resolved(context, part, arg, TEXT) if arg.type is None else arg)
    return args, distinct, order


def call(
    context: StatementContext, inner: ExpressionBinder, node: exp.Expr, name: str, condition: Expr | None
) -> AggregateCall:
    """A call of one of `aggregates_more`."""
    assert isinstance(node, exp.Anonymous)
    args, distinct, order = arguments(context, inner, node, name)
    found = aggregates_more.find(name, [a.known_type for a in args])
    if found is None:
        raise _missing(context, node, name, args)
    if distinct and len(args) > 1:
        raise context.unsupported(node, f"{name}(DISTINCT ...) of several expressions")
    if distinct:
        operators.sortable(context, node, args[0])
        if any(key.expr != args[0] for key in order):
            raise context.error(
                node,
                "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
                sqlstate.INVALID_COLUMN_REFERENCE,
            )
    converted = [
        operators.coerced(context, node, a, t) if t is not None else a for a, t in zip(args, found.args, strict=True)
    ]
    if "json" in name:
        converted = [_raw(a) for a in converted]
    return AggregateCall(
        name, tuple(converted), found.result, distinct, condition, order, found.template, found.nulls, (), found.names
    )


def _raw(arg: Expr) -> Expr:
    if arg.type != JSON or isinstance(arg, Call) and arg.template.startswith(("RawJson", "RowJson")):
        return arg
    return Call(JSON, arg.nullable, "json", "RawJson({0})", (arg,), names=(("RawJson", RawJson),))


def _missing(context: StatementContext, node: exp.Expr, name: str, args: list[Expr]) -> Exception:
    shown = ", ".join(operators.type_name(a.type) for a in args)
    return context.error(
        node,
        f"function {name}({shown}) does not exist",
        sqlstate.UNDEFINED_FUNCTION,
        "no aggregate of that name takes these types; you might need a cast",
    )


def ordered_set_call(
    context: StatementContext,
    inner: ExpressionBinder,
    node: exp.Expr,
    name: str,
    within: exp.Expr | None,
    condition: Expr | None,
) -> AggregateCall:
    """``percentile_cont(fraction) WITHIN GROUP (ORDER BY value)`` and its kin."""
    from exdbsql.engine.query.grouping import sort_key

    if name not in aggregates_more.ORDERED_SETS:
        raise context.error(node, f"{name} is not an ordered-set aggregate", sqlstate.WRONG_OBJECT_TYPE)
    if within is None:
        raise context.error(
            node,
            f"WITHIN GROUP is required for ordered-set aggregate {name}",
            sqlstate.WRONG_OBJECT_TYPE,
            f"{name}(...) WITHIN GROUP (ORDER BY ...)",
        )
    if len(within.expressions) != 1 or len(node.expressions) > 1:
        raise context.unsupported(node, f"{name} of several expressions")
    key = sort_key(inner, within.expressions[0])
    direct: list[Expr] = [inner.bind(n) for n in node.expressions]
    for part in direct:
        if used_rels(part):
            raise context.unsupported(node, f"a fraction of {name} that uses columns")
    fraction = None
    if direct:
        wanted = array_of(DOUBLE) if direct[0].type is not None and direct[0].type.is_array else DOUBLE
        direct = [operators.implicit(context, node, direct[0], wanted, f"the fraction of {name}")]
        fraction = wanted
    found = aggregates_more.ordered_set(name, key.expr.known_type, fraction)
    if found is None:
        raise _missing(context, node, name, [*direct, key.expr])
    value = key.expr if found.args[0] is None else operators.coerced(context, node, key.expr, found.args[0])
    order = (SortKey(value, key.descending, key.nulls_first),)
    return AggregateCall(
        name, (value,), found.result, False, condition, order, found.template, "skip", tuple(direct), found.names
    )


HYPOTHETICAL_SETS: Final = {"rank": BIGINT, "dense_rank": BIGINT, "percent_rank": DOUBLE, "cume_dist": DOUBLE}
"""Functions that say which place a row would have among those of a group, and their results."""


def hypothetical_call(
    context: StatementContext,
    inner: ExpressionBinder,
    node: exp.Expr,
    name: str,
    within: exp.Expr,
    condition: Expr | None,
) -> AggregateCall:
    """``rank(values) WITHIN GROUP (ORDER BY keys)`` and its kin."""
    from exdbsql.engine.query.grouping import sort_key

    if len(node.expressions) != len(within.expressions):
        raise context.error(
            node,
            f"function {name} needs as many arguments as there are ORDER BY expressions",
            sqlstate.UNDEFINED_FUNCTION,
        )
    args, direct = [], []
    keys = [sort_key(inner, item) for item in within.expressions]
    for part, key in zip(node.expressions, keys, strict=True):
        value = inner.bind(part)
        if used_rels(value):
            raise context.unsupported(node, f"an argument of {name} that uses columns")
        (value, sorted_by), _ = operators.unify(context, node, [value, key.expr], "WITHIN GROUP")
        args.append(sorted_by)
        direct.append(value)
    order = tuple((key.descending, key.nulls_first) for key in keys)
    values = "".join(f"{{{i + 1}}}, " for i in range(len(direct)))
    template = f"hypothetical_rank({name!r}, {{0}}, ({values}), {order!r})"
    names = (("hypothetical_rank", hypothetical_rank),)
    return AggregateCall(
        name,
        tuple(args),
        HYPOTHETICAL_SETS[name],
        False,
        condition,
        (),
        template,
        "keep",
        tuple(direct),
        names,
    )


def own_call(
    context: StatementContext, inner: ExpressionBinder, node: exp.Anonymous, own: Any, condition: Expr | None
) -> AggregateCall:
    """A call of an aggregate that the program made (`own_aggregates.OwnAggregate`)."""
    args, distinct, order = arguments(context, inner, node, own.name)
    if len(args) != len(own.args):
        raise _missing(context, node, own.name, args)
    converted = [
        operators.implicit(context, node, a, t, f"argument of {own.name}") for a, t in zip(args, own.args, strict=True)
    ]
    if distinct and len(args) > 1:
        raise context.unsupported(node, f"{own.name}(DISTINCT ...) of several expressions")
    name = f"own_{own.name}"
    return AggregateCall(
        own.name,
        tuple(converted),
        own.result,
        distinct,
        condition,
        order,
        f"{name}({{0}})",
        "keep",
        (),
        ((name, own.run),),
    )
