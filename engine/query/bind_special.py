"""Functions whose arguments or results no signature describes: rows as arguments, named arguments, types as values, the clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp

from exdbsql.engine.query import bind_variadic as variadic
from exdbsql.engine.query import operators
from exdbsql.engine.query.bind_whole_rows import to_document
from exdbsql.engine.query.catalog import functions as catalog
from exdbsql.engine.query.context import name_of
from exdbsql.engine.query.conversions import convert
from exdbsql.engine.query.expressions import Call, Clock, Const, Expr
from exdbsql.engine.query.library.datetime_values import age_today
from exdbsql.schema import sqlstate
from exdbsql.schema.array import Array
from exdbsql.schema.enum_value import EnumValue
from exdbsql.schema.errors import DatabaseError
from exdbsql.schema.type_names import parse_type
from exdbsql.schema.types import (
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    SqlType,
    array_of,
)

if TYPE_CHECKING:
    from exdbsql.engine.query.bind_expressions import ExpressionBinder

_INTERVAL_ARGUMENTS: Final = ("years", "months", "weeks", "days", "hours", "mins", "secs")


def row(binder: ExpressionBinder, node: exp.Anonymous) -> Expr:
    """A row where a value is wanted."""
    raise binder.context.unsupported(node, "a row as a value")


def interval(binder: ExpressionBinder, node: exp.Anonymous) -> Expr:
    """``interval 'text' [fields]``."""
    text = node.expressions[0]
    if len(node.expressions) == 1:
        return operators.cast(binder.context, node, binder.bind(text), INTERVAL)
    value = str(binder.context.literal_value(text))
    try:
        return Const(INTERVAL, False, parse_type(f"interval {node.expressions[1].this}").parse(value))
    except DatabaseError as error:
        error.position = error.statement = None
        binder.context.located(error, text)


def make_interval(binder: ExpressionBinder, node: exp.Anonymous) -> Expr:
    """``make_interval(days => 1)``."""
    args: dict[int, Expr] = {}
    for i, part in enumerate(node.expressions):
        if isinstance(part, exp.Kwarg):
            name = name_of(part.this)
            if name not in _INTERVAL_ARGUMENTS:
                raise binder.context.error(
                    part.expression, f"function make_interval has no argument {name}", sqlstate.UNDEFINED_FUNCTION
                )
            args[_INTERVAL_ARGUMENTS.index(name)] = binder.bind(part.expression)
        else:
            args[i] = binder.bind(part)
    last = max(args, default=-1)
    zeros = [Const(DOUBLE if i == 6 else INTEGER, False, 0.0 if i == 6 else 0) for i in range(7)]
    return binder.call(node, "make_interval", [args.get(i, zeros[i]) for i in range(last + 1)])


def clock(binder: ExpressionBinder, node: exp.Anonymous) -> Expr:
    """``now()``, ``statement_timestamp()`` ..."""
    if node.expressions:
        raise binder.context.error(
            node, f"function {name_of(node.this)} takes no arguments", sqlstate.UNDEFINED_FUNCTION
        )
    return Clock(TIMESTAMPTZ, False)


def age(binder: ExpressionBinder, node: exp.Anonymous) -> Expr:
    """``age(a, b)``, and ``age(a)`` from today."""
    args = [binder.bind(a) for a in node.expressions]
    args = [convert(a, TIMESTAMPTZ) if a.type == DATE else a for a in args]
    if len(args) != 1:
        return binder.call(node, "age", args)
    arg = args[0] if args[0].type is not None else operators.resolved(binder.context, node, args[0], TIMESTAMPTZ)
    if arg.type not in (TIMESTAMP, TIMESTAMPTZ):
        return binder.call(node, "age", args)
    names = (("age_today", age_today),)
    return Call(INTERVAL, arg.nullable, "age", "age_today({0}, {1})", (Clock(TIMESTAMPTZ, False), arg), names=names)


def date_trunc(binder: ExpressionBinder, node: exp.Anonymous) -> Expr:
    """``date_trunc(unit, moment [, zone])``; a date is its midnight."""
    args = [binder.bind(a) for a in node.expressions]
    if len(args) > 1 and args[1].type == DATE:
        args[1] = convert(args[1], TIMESTAMPTZ)
    return binder.call(node, "date_trunc", args)


def pg_typeof(binder: ExpressionBinder, node: exp.Anonymous) -> Expr:
    """The name of a type, as text."""
    if len(node.expressions) != 1:
        raise binder.context.error(node, "function pg_typeof takes one argument", sqlstate.UNDEFINED_FUNCTION)
    arg = binder.bind(node.expressions[0])
    return Const(TEXT, False, "unknown" if arg.type is None else arg.type.name)


def count_nulls(binder: ExpressionBinder, node: exp.Anonymous) -> Expr:
    """``num_nulls(...)`` and ``num_nonnulls(...)``."""
    if variadic.is_variadic(node):
        return variadic.count_of_nulls(binder, node, name_of(node.this))
    args = [binder.bind(a) for a in node.expressions]
    args = [operators.resolved(binder.context, node, a, TEXT) if a.type is None else a for a in args]
    test = "is None" if name_of(node.this) == "num_nulls" else "is not None"
    parts = " + ".join(f"({{{i}}} {test})" for i in range(len(args))) or "0"
    return Call(INTEGER, False, name_of(node.this), f"({parts})", tuple(args), strict=False)


def enum_function(binder: ExpressionBinder, node: exp.Anonymous) -> Expr:
    """``enum_first``, ``enum_last``, ``enum_range``: the argument's type is what counts."""
    name = name_of(node.this)
    args = [binder.bind(a) for a in node.expressions]
    kind = next((a.type for a in args if a.type is not None), None)
    if kind is None or kind.labels is None or len(args) != (1 if name != "enum_range" or len(args) < 2 else 2):
        shown = ", ".join(operators.type_name(a.type) for a in args)
        raise binder.context.error(node, f"function {name}({shown}) does not exist", sqlstate.UNDEFINED_FUNCTION)
    values = [EnumValue(label, i) for i, label in enumerate(kind.labels)]
    if name == "enum_range":
        if len(args) == 1:
            return Const(array_of(kind), False, Array.of_elements(tuple(values)))
        return _enum_range(binder, node, kind, args, values)
    return Const(kind, False, values[0] if name == "enum_first" else values[-1])


def _enum_range(
    binder: ExpressionBinder, node: exp.Expr, kind: SqlType, args: list[Expr], values: list[EnumValue]
) -> Expr:
    low, high = (operators.implicit(binder.context, node, a, kind, "argument of enum_range") for a in args)

    def between(first: EnumValue | None, last: EnumValue | None) -> Array:
        chosen = [v for v in values if (first is None or v >= first) and (last is None or v <= last)]
        return Array.of_elements(tuple(chosen))

    names = (("enum_between", between),)
    return Call(array_of(kind), False, "enum_range", "enum_between({0}, {1})", (low, high), strict=False, names=names)


def only_in_from(binder: ExpressionBinder, node: exp.Anonymous) -> Expr:
    """Functions that give rows, outside FROM."""
    raise binder.context.unsupported(node, f"{name_of(node.this)} outside of FROM")


FORMS: Final[dict[str, Callable[[Any, Any], Expr]]] = {
    **catalog.FORMS,
    "interval": interval,
    "row": row,
    "to_json": to_document,
    "to_jsonb": to_document,
    "row_to_json": to_document,
    "pg_typeof": pg_typeof,
    "now": clock,
    "transaction_timestamp": clock,
    "statement_timestamp": clock,
    "age": age,
    "make_interval": make_interval,
    "date_trunc": date_trunc,
    "num_nulls": count_nulls,
    "num_nonnulls": count_nulls,
    "enum_first": enum_function,
    "enum_last": enum_function,
    "enum_range": enum_function,
    **dict.fromkeys(
        (
            *("jsonb_to_recordset", "jsonb_to_record", "json_to_recordset", "json_to_record"),
            *("jsonb_populate_record", "jsonb_populate_recordset", "json_populate_record", "json_populate_recordset"),
        ),
        only_in_from,
    ),
}
"""The names are also in `tokens.SPECIAL_FORMS`, which keeps sqlglot from knowing them."""
