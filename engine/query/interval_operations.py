"""Moments and intervals that are known when the statement is planned.

``date '1998-12-01' - interval '90 day'`` of literals is worked out once; the literals are part of the plan then. PostgreSQL
makes a timestamp of it; compared with a date column, a timestamp at midnight is turned back into the date that it is, so that
each row compares two dates, and an index on the column serves.
"""

from __future__ import annotations

import datetime
from typing import Any, Final

from exdbsql.engine.query.context import StatementContext
from exdbsql.engine.query.expressions import Call, Const, Expr, Param
from exdbsql.schema import interval_arithmetic as arithmetic
from exdbsql.schema.types import DATE, TIMESTAMP

_FOLDED: Final = {f.__name__: f for f in (arithmetic.add_interval, arithmetic.subtract_interval)}
_MIDNIGHT: Final = datetime.time()


def folded(context: StatementContext, call: Expr) -> Expr:
    """The value itself of ``moment + interval`` where both are literals; any other call as it is."""
    if not isinstance(call, Call) or len(call.names) != 1 or call.template.count("{") != 2:
        return call
    function = _FOLDED.get(call.names[0][0])
    if function is None or not all(_is_literal(context, arg) for arg in call.args):
        return call
    values = [_literal_value(context, arg) for arg in call.args]
    if call.template.index("{0}") > call.template.index("{1}"):
        values.reverse()
    return Const(call.type, False, function(*values))


def _is_literal(context: StatementContext, expr: Expr) -> bool:
    if isinstance(expr, Const):
        return expr.value is not None
    return isinstance(expr, Param) and expr.slot < len(context.literals)


def _literal_value(context: StatementContext, expr: Expr) -> Any:
    if isinstance(expr, Const):
        return expr.value
    assert isinstance(expr, Param)
    context.slots[expr.slot].pinned = True
    return expr.known_type.parse(str(context.literals[expr.slot].value))


def dates_at_midnight(left: Expr, right: Expr) -> tuple[Expr, Expr] | None:
    """Both sides as dates, where one is a date and the other a constant timestamp that is the beginning of one."""
    if left.type == DATE and (date := _as_date(right)) is not None:
        return left, date
    if right.type == DATE and (date := _as_date(left)) is not None:
        return date, right
    return None


def _as_date(expr: Expr) -> Const | None:
    if isinstance(expr, Const) and expr.type == TIMESTAMP and isinstance(expr.value, datetime.datetime):
        return Const(DATE, False, expr.value.date()) if expr.value.time() == _MIDNIGHT else None
    return None
