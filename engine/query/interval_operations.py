"""Interval literals, and what ``+ - * /`` mean where an interval or two moments meet.

``date '1998-12-01' - interval '90 day'`` of literals is worked out once, when the statement is planned; the literals are part of the
plan then. PostgreSQL makes a timestamp of it; compared with a date column, a timestamp at midnight is turned back into the date
that it is, so that each row compares two dates, and an index on the column serves.
"""

from __future__ import annotations

import datetime
from typing import Any, Final

from sqlglot import exp

from exdbsql.engine.query.context import StatementContext
from exdbsql.engine.query.expressions import Call, Const, Expr, Param
from exdbsql.schema import interval_arithmetic as arithmetic
from exdbsql.schema.interval_text import parse_interval
from exdbsql.schema.types import DATE, INTERVAL, TIME, TIMESTAMP, TIMESTAMPTZ, SqlType

_MOMENTS: Final = (DATE, TIMESTAMP, TIMESTAMPTZ)
_MIDNIGHT: Final = datetime.time()


def interval_literal(context: StatementContext, node: exp.Interval) -> Expr:
    """``interval '90 day'``: a constant. The parser has taken the text apart, so its place is not known: what might be it is pinned."""
    context.only(node, ("this", "unit"), "an interval")
    if not (isinstance(node.this, exp.Literal) and node.this.is_string):
        raise context.unsupported(node, "an interval that is not written as one text")
    unit = node.args.get("unit")
    if unit is not None and not isinstance(unit, exp.Var):
        raise context.unsupported(node, "the fields of an interval after its text")
    number = str(node.this.this)
    for literal, slot in zip(context.literals, context.slots, strict=False):
        if isinstance(literal.value, str) and literal.value.strip().startswith(
            number.split()[0] if number.split() else ""
        ):
            slot.pinned = True
    return Const(INTERVAL, False, parse_interval(f"{number} {unit.name}" if unit is not None else number))


def operation(context: StatementContext, op: str, left: Expr, right: Expr) -> Expr | None:
    """The operation where an interval is among the operands or two moments are subtracted; None where it is none of these."""
    a, b = left.known_type, right.known_type
    if a == INTERVAL and b in (*_MOMENTS, TIME) and op == "+":
        return operation(context, op, right, left)
    nullable = left.nullable or right.nullable
    if b == INTERVAL and a in _MOMENTS and op in "+-":
        result = TIMESTAMP if a == DATE else a
        function = arithmetic.add_interval if op == "+" else arithmetic.subtract_interval
        return _folded(context, result, function, left, right)
    if b == INTERVAL and a == TIME and op in "+-":
        clock = arithmetic.add_interval_to_time if op == "+" else arithmetic.subtract_interval_from_time
        return _called(TIME, clock, left, right)
    if a == b == TIME and op == "-":
        return _called(INTERVAL, arithmetic.time_difference, left, right)
    if a == b and a in (TIMESTAMP, TIMESTAMPTZ) and op == "-":
        return _called(INTERVAL, arithmetic.moment_difference, left, right)
    if a == b == INTERVAL and op in "+-":
        return Call(INTERVAL, nullable, op, f"({{0}} {op} {{1}})", (left, right))
    if a == INTERVAL and b.is_numeric and op in "*/":
        return Call(INTERVAL, nullable, op, f"({{0}} {op} {{1}})", (left, right))
    if b == INTERVAL and a.is_numeric and op == "*":
        return Call(INTERVAL, nullable, op, "({1} * {0})", (left, right))
    return None


def _called(result: SqlType, function: Any, left: Expr, right: Expr) -> Expr:
    name = function.__name__
    nullable = left.nullable or right.nullable
    return Call(result, nullable, name, f"{name}({{0}}, {{1}})", (left, right), names=((name, function),))


def _folded(context: StatementContext, result: SqlType, function: Any, moment: Expr, interval: Expr) -> Expr:
    """The sum itself where both are literals, else a call."""
    if isinstance(interval, Const) and interval.value is not None:
        value = _literal_value(context, moment)
        if value is not None:
            return Const(result, False, function(value, interval.value))
    return _called(result, function, moment, interval)


def _literal_value(context: StatementContext, moment: Expr) -> Any:
    if isinstance(moment, Const):
        return moment.value
    if isinstance(moment, Param) and moment.slot < len(context.literals):
        context.slots[moment.slot].pinned = True
        return moment.known_type.parse(str(context.literals[moment.slot].value))
    return None


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
