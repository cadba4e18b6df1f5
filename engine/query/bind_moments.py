"""Binding of EXTRACT, of the clock, and of what gives another value each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from sqlglot import exp

from exdbsql.engine.query.conversions import convert
from exdbsql.engine.query.expressions import Call, Clock, Const, Expr
from exdbsql.schema.types import DATE, TEXT, TIME, TIMESTAMP, TIMESTAMPTZ, UUID

if TYPE_CHECKING:
    from exdbsql.engine.query.bind_expressions import ExpressionBinder


def extract(binder: ExpressionBinder, node: exp.Extract) -> Expr:
    """``EXTRACT(field FROM moment)``."""
    binder.context.only(node, ("this", "expression"), "EXTRACT")
    field = Const(TEXT, False, node.this.name.lower())
    return binder.call(node, "extract", [field, binder.bind(node.expression)])


def date_trunc(binder: ExpressionBinder, node: exp.TimestampTrunc) -> Expr:
    """``date_trunc`` where sqlglot knows it."""
    binder.context.only(node, ("this", "unit"), "DATE_TRUNC")
    unit = Const(TEXT, False, node.args["unit"].name.lower())  # what a CHECK of the dictionary may still hold
    arg = binder.bind(node.this)
    if arg.type == DATE:
        arg = convert(arg, TIMESTAMPTZ)
    return binder.call(node, "date_trunc", [unit, arg])


def clock(binder: ExpressionBinder, node: exp.Expr) -> Expr:
    """CURRENT_TIMESTAMP, CURRENT_DATE, LOCALTIME, LOCALTIMESTAMP."""
    binder.context.only(node, ())
    moment = Clock(TIMESTAMPTZ, False)
    if isinstance(node, exp.CurrentDate):
        return convert(moment, DATE)
    if isinstance(node, exp.Localtime):
        return convert(moment, TIME)
    return convert(moment, TIMESTAMP) if isinstance(node, exp.Localtimestamp) else moment


def uuid(binder: ExpressionBinder, node: exp.Uuid) -> Expr:
    """``gen_random_uuid()``."""
    return Call(UUID, False, "gen_random_uuid", "uuid4()", (), names=(("uuid4", uuid4),))


def random(binder: ExpressionBinder, node: exp.Rand) -> Expr:
    """``random()``."""
    binder.context.only(node, ())
    return binder.call(node, "random", [])


METHODS: Final[dict[type[exp.Expr], Callable[[Any, Any], Expr]]] = {
    exp.Extract: extract,
    exp.TimestampTrunc: date_trunc,
    exp.CurrentTimestamp: clock,
    exp.CurrentDate: clock,
    exp.Localtimestamp: clock,
    exp.Localtime: clock,
    exp.Uuid: uuid,
    exp.Rand: random,
}
