"""Output columns: their names, and their conversion to the types that a context asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlglot import exp

from exdbsql.engine.query import operators
from exdbsql.engine.query.context import StatementContext, name_of
from exdbsql.engine.query.expressions import Column, Expr
from exdbsql.engine.query.functions import NODE_FUNCTIONS
from exdbsql.engine.query.plan import (
    Cut,
    Derived,
    Distinct,
    Limit,
    LimitWithTies,
    OutputColumn,
    Plan,
    Project,
    SetOperation,
    Sort,
    Values,
    With,
    output_columns,
)
from exdbsql.engine.query.tokens import MARK
from exdbsql.schema.types import SqlType


@dataclass(slots=True)
class Output:
    """One expression of a select list, or a hidden one that only sorts."""

    name: str
    expr: Expr
    node: exp.Expr
    hidden: bool = False


_NAMES: dict[type[exp.Expr], str] = {
    exp.Count: "count",
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.Min: "min",
    exp.Max: "max",
    exp.GroupConcat: "string_agg",
    exp.LogicalAnd: "bool_and",
    exp.LogicalOr: "bool_or",
    exp.Coalesce: "coalesce",
    exp.Nullif: "nullif",
    exp.Greatest: "greatest",
    exp.Least: "least",
    exp.Exists: "exists",
    exp.Concat: "concat",
    exp.ConcatWs: "concat_ws",
    exp.Extract: "extract",
    exp.CurrentTimestamp: "now",
    exp.CurrentDate: "current_date",
    exp.Stddev: "stddev",
    exp.StddevSamp: "stddev_samp",
    exp.Variance: "variance",
    exp.Initcap: "initcap",
    exp.TimestampTrunc: "date_trunc",
    exp.Uuid: "gen_random_uuid",
    exp.Rand: "random",
    exp.Array: "array",
    exp.AtTimeZone: "timezone",
    exp.Overlaps: "overlaps",
    exp.Grouping: "grouping",
    exp.StddevPop: "stddev_pop",
    exp.VariancePop: "var_pop",
}


_OPERATORS: Final = (exp.Pow, exp.Cbrt, exp.Sqrt)
"""Nodes that only operators become: their functions are called by name."""


def output_name(node: exp.Expr) -> str:
    """The name that PostgreSQL gives an output column."""
    return _named(node)[0]


def _named(node: exp.Expr) -> tuple[str, bool]:
    """The name, and whether it stands against a cast around it: one of a column or function does, one of a type does not."""
    if isinstance(node, exp.Alias):
        return name_of(node.args["alias"]), True
    if isinstance(node, (exp.Paren, exp.Filter, exp.Window, exp.WithinGroup, exp.Bracket, exp.Collate)):
        return _named(node.this)
    if isinstance(node, exp.Cast):
        inner, stands = _named(node.this)
        return (inner, True) if stands else (_type_label(node), False)
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        inner, stands = ("", False) if default is None else _named(default)
        return (inner, True) if stands else ("case", False)
    if isinstance(node, exp.Subquery):
        first = node.this.expressions[0] if isinstance(node.this, exp.Select) else None
        return (output_name(first), True) if first is not None else ("?column?", False)
    found = _own_name(node)
    return found, found not in ("?column?", "interval")


def _own_name(node: exp.Expr) -> str:
    if isinstance(node, (exp.Identifier, exp.Star)):
        return name_of(node)
    if isinstance(node, (exp.Column, exp.Anonymous)):
        return name_of(node.this)
    if isinstance(node, exp.Dot):
        return name_of(node.expression)
    if isinstance(node, exp.Pad):
        return "lpad" if node.args.get("is_left") else "rpad"
    if isinstance(node, exp.Trim):
        return {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or ""), "btrim")
    if isinstance(node, _OPERATORS):
        return "?column?"
    if isinstance(node, exp.StrPosition):
        return "position"  # strpos() is a call by name
    if type(node) in NODE_FUNCTIONS:
        return NODE_FUNCTIONS[type(node)][0]
    return _NAMES.get(type(node), "?column?")


def _type_label(node: exp.Cast) -> str:
    text = str(node.args["to"].sql("postgres")).replace(MARK, "").split("[")[0].split("(")[0].strip()
    name = text.lower().strip('"')
    return _SHORT_TYPE_NAMES.get(text, "interval" if name.startswith("interval ") else name)


_SHORT_TYPE_NAMES: Final = {
    "INT": "int4",
    "INTEGER": "int4",
    "BIGINT": "int8",
    "SMALLINT": "int2",
    "DOUBLE PRECISION": "float8",
    "REAL": "float4",
    "BOOLEAN": "bool",
    "DECIMAL": "numeric",
    "CHAR": "bpchar",
}


def convert_outputs(context: StatementContext, plan: Plan, types: Sequence[SqlType | None]) -> Plan:
    """`plan` with its output columns converted to `types` (None: left as they are); the conversions are known to exist."""
    columns = output_columns(plan)
    if all(t is None or (c.type is not None and c.type == t) for c, t in zip(columns, types, strict=False)):
        return plan
    match plan:
        case Project():
            exprs = [*plan.exprs]
            for i, t in enumerate(types):
                exprs[i] = _converted(context, exprs[i], t)
            return replace(plan, exprs=tuple(exprs), columns=_retyped(plan.columns, exprs))
        case Values():
            rows = tuple(tuple(_converted(context, e, t) for e, t in zip(row, types, strict=True)) for row in plan.rows)
            columns = _retyped(plan.columns, rows[0])
            nullable = [any(row[i].nullable for row in rows) for i in range(len(columns))]
            return replace(
                plan, rows=rows, columns=tuple(replace(c, nullable=n) for c, n in zip(columns, nullable, strict=True))
            )
        case SetOperation(every=True) | SetOperation():
            if any(c.type is not None and t is not None and c.type != t for c, t in zip(columns, types, strict=False)):
                return _wrapped(context, plan, types)
            left, right = convert_outputs(context, plan.left, types), convert_outputs(context, plan.right, types)
            new = tuple(replace(c, type=o.type) for c, o in zip(columns, output_columns(left), strict=False))
            return replace(plan, left=left, right=right, columns=new)
        case Sort() | Limit() | LimitWithTies() | Cut() | Distinct():
            if any(c.type is not None and t is not None and c.type != t for c, t in zip(columns, types, strict=False)):
                return _wrapped(context, plan, types)
            return replace(plan, child=convert_outputs(context, plan.child, types))
        case With():
            return replace(plan, body=convert_outputs(context, plan.body, types))
    raise AssertionError(plan)


def _wrapped(context: StatementContext, plan: Plan, types: Sequence[SqlType | None]) -> Plan:
    """A projection that converts on top of a plan whose own order or duplicates depend on the types that it has."""
    columns = visible_columns(plan)
    rel = context.new_rel()
    exprs: list[Expr] = [Column(c.type, c.nullable, rel, i, c.name) for i, c in enumerate(columns)]
    exprs = [_converted(context, e, t) for e, t in zip(exprs, types, strict=False)]
    return Project(Derived(rel, plan, "converted", len(columns)), tuple(exprs), _retyped(columns, exprs), len(exprs))


def visible_columns(plan: Plan) -> tuple[OutputColumn, ...]:
    """The columns of a result, without those that only sort."""
    return output_columns(plan)


def _converted(context: StatementContext, expr: Expr, target: SqlType | None) -> Expr:
    return expr if target is None else operators.coerced(context, None, expr, target)


def _retyped(columns: Sequence[OutputColumn], exprs: Sequence[Expr]) -> tuple[OutputColumn, ...]:
    return tuple(replace(c, type=e.type, nullable=e.nullable) for c, e in zip(columns, exprs, strict=True))
