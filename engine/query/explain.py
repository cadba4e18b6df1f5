"""EXPLAIN: the plan as an indented tree, with expressions as SQL again; parameters are shown as ``$n``."""

from __future__ import annotations

from typing import Any

from exdbsql.engine.query.expressions import (
    Call,
    Case,
    Clock,
    Coalesce,
    Column,
    Compare,
    Const,
    Exists,
    Expr,
    InList,
    InSubquery,
    IsDistinct,
    IsNull,
    IsTruth,
    Logical,
    Not,
    Param,
    Quantified,
    ScalarSubquery,
)
from exdbsql.engine.query.plan import (
    Aggregate,
    CteScan,
    Cut,
    Derived,
    Distinct,
    Filter,
    FunctionScan,
    GroupingSets,
    HashAccess,
    Join,
    Limit,
    OneRow,
    Plan,
    PointAccess,
    Project,
    ProjectSet,
    RangeAccess,
    Recursive,
    Scan,
    SeekAccess,
    SetOperation,
    Sort,
    Values,
    Window,
    WindowCall,
    With,
    output_columns,
    walk,
)
from exdbsql.engine.query.statements import BoundStatement, Change, Delete, Insert, Merge, Update


def plan_lines(bound: BoundStatement) -> list[str]:
    """The lines of EXPLAIN."""
    lines = [line for _, part in bound.tables for line in (_tree(part) if isinstance(part, Plan) else _change(part))]
    if bound.query is not None:
        return lines + _tree(bound.query)
    assert bound.change is not None
    return lines + _change(bound.change)


def _change(change: Change) -> list[str]:
    names = {Insert: "Insert on", Update: "Update on", Delete: "Delete from", Merge: "Merge on"}
    lines = [f"{names[type(change)]} {change.row.table.name}"]
    return lines + ["  " + line for line in _tree(change.source)]


def _tree(plan: Plan) -> list[str]:
    label, children = _node(plan)
    lines = [label]
    for inner in _subplans(plan, children):
        lines.append("  Subquery")
        lines += ["    " + line for line in _tree(inner)]
    for child in children:
        lines += ["  " + line for line in _tree(child)]
    return lines


def _subplans(plan: Plan, children: list[Plan]) -> list[Plan]:
    """Plans inside the expressions of a node itself."""
    below = {id(item) for child in children for item in walk(child)}
    found = []
    for item in walk(plan):
        if isinstance(item, (ScalarSubquery, Exists, InSubquery, Quantified)) and id(item) not in below:
            found.append(item.plan)
            below |= {id(inner) for inner in walk(item.plan)}
    return found


def _node(plan: Plan) -> tuple[str, list[Plan]]:
    match plan:
        case Scan():
            return _scan(plan), []
        case OneRow():
            return "One row", []
        case Derived():
            return f"Subquery {plan.alias}{' (lateral)' if plan.lateral else ''}", [plan.plan]
        case CteScan():
            return f"Rows of {plan.alias}", []
        case Filter():
            return f"Filter: {_all(plan.conditions)}", [plan.child]
        case Join():
            return _join(plan), [plan.left, plan.right]
        case Aggregate():
            keys = f" by {', '.join(map(show, plan.keys))}" if plan.keys else ""
            calls = ", ".join(f"{c.name}({', '.join(map(show, c.args)) or '*'})" for c in plan.calls)
            return f"Group{keys}: {calls}" if calls else f"Group{keys}", [plan.child]
        case FunctionScan():
            return f"Functions {', '.join(map(show, plan.calls))} as {plan.alias}", []
        case ProjectSet():
            return f"Rows of {', '.join(map(show, plan.calls))}", [plan.child]
        case GroupingSets():
            sets = ", ".join(f"({', '.join(show(plan.keys[i]) for i in places)})" for places in plan.sets)
            return f"Group by sets {sets}", [plan.child]
        case Window():
            return f"Window: {', '.join(_window_call(c) for c in plan.calls)}", [plan.child]
        case Recursive():
            return f"Recursive union{'' if plan.distinct else ' all'}", [plan.base, plan.step]
        case Project():
            return f"Output: {', '.join(map(show, plan.exprs))}", [plan.child]
        case Values():
            return f"Values: {len(plan.rows)} rows", []
        case Distinct():
            return "Distinct", [plan.child]
        case Sort():
            names = output_columns(plan.child)
            keys = ", ".join(f"{names[k.index].name}{' desc' if k.descending else ''}" for k in plan.keys)
            return f"Sort by {keys}", [plan.child]
        case Cut():
            return f"First {plan.visible} columns", [plan.child]
        case Limit():
            parts = [f"{w} {show(e)}" for w, e in (("limit", plan.limit), ("offset", plan.offset)) if e is not None]
            return f"Limit: {', '.join(parts)}", [plan.child]
        case SetOperation():
            return f"{plan.op}{' ALL' if plan.every else ''}", [plan.left, plan.right]
        case With():
            return f"With {', '.join(name for _, name, _ in plan.ctes)}", [*(c for _, _, c in plan.ctes), plan.body]
    return type(plan).__name__, []


def _window_call(call: WindowCall) -> str:
    args = call.aggregate.args if call.aggregate is not None else call.args
    parts = []
    if call.spec.partition:
        parts.append(f"partition by {', '.join(map(show, call.spec.partition))}")
    if call.spec.order:
        parts.append("order by " + ", ".join(show(k.expr) + (" desc" if k.descending else "") for k in call.spec.order))
    return f"{call.name}({', '.join(map(show, args))}) over ({' '.join(parts)})"


def _scan(plan: Scan) -> str:
    name = plan.table if plan.alias == plan.table else f"{plan.table} as {plan.alias}"
    filters = f", filter: {_all(plan.filters)}" if plan.filters else ""
    access = plan.access
    match access:
        case PointAccess():
            return f"Point look-up of {name} by {', '.join(map(show, access.key))}{filters}"
        case SeekAccess():
            return f"Index look-up of {name} in {access.index} by {', '.join(map(show, access.key))}{filters}"
        case HashAccess():
            return f"Hash look-up of {name} by {', '.join(map(show, access.key))}{filters}"
        case RangeAccess():
            low = f"{'from' if access.low_inclusive else 'above'} {show(access.low)}" if access.low else ""
            high = f"{'to' if access.high_inclusive else 'below'} {show(access.high)}" if access.high else ""
            where = access.index or "the primary key"
            return f"Range of {name} in {where} {' '.join(x for x in (low, high) if x)}{filters}"
    return f"Scan of {name}{filters}"


def _join(plan: Join) -> str:
    keys = ", ".join(f"{show(a)} = {show(b)}" for a, b in zip(plan.left_keys, plan.right_keys, strict=True))
    method = "Hash" if keys else "Nested loop"
    rest = f", if {_all(plan.conditions)}" if plan.conditions else ""
    return f"{method} join ({plan.kind}){': ' + keys if keys else ''}{rest}"


def _all(conditions: tuple[Expr, ...]) -> str:
    return " AND ".join(map(show, conditions))


def show(expr: Any) -> str:
    """An expression as text for people."""
    match expr:
        case Column():
            return str(expr.name)
        case Param():
            return f"${expr.slot + 1}"
        case Const():
            return "NULL" if expr.value is None else repr(expr.value)
        case Call(args=()):
            return f"{expr.name}()"
        case Call():
            operator = not expr.name.isidentifier() and len(expr.args) == 2
            shown = [show(a) for a in expr.args]
            return f"({shown[0]} {expr.name} {shown[1]})" if operator else f"{expr.name}({', '.join(shown)})"
        case Compare():
            op = {"==": "=", "!=": "<>"}.get(expr.op, expr.op)
            return f"{show(expr.left)} {op} {show(expr.right)}"
        case Logical():
            return "(" + f" {expr.op.upper()} ".join(map(show, expr.args)) + ")"
        case Not():
            return f"NOT ({show(expr.arg)})"
        case IsNull():
            return f"{show(expr.arg)} IS {'NOT ' if expr.negated else ''}NULL"
        case IsTruth():
            return f"{show(expr.arg)} IS {'NOT ' if expr.negated else ''}{str(expr.value).upper()}"
        case IsDistinct():
            return f"{show(expr.left)} IS {'NOT ' if expr.negated else ''}DISTINCT FROM {show(expr.right)}"
        case InList():
            return f"{show(expr.arg)} IN ({', '.join(map(show, expr.items))})"
        case Case():
            whens = " ".join(f"WHEN {show(w)} THEN {show(r)}" for w, r in expr.whens)
            return f"CASE {whens} ELSE {show(expr.default)} END"
        case Coalesce():
            return f"coalesce({', '.join(map(show, expr.args))})"
        case Clock():
            return "now()"
        case ScalarSubquery():
            return "(subquery)"
        case Exists():
            return "EXISTS (subquery)"
        case InSubquery():
            return f"({', '.join(map(show, expr.args))}) IN (subquery)"
        case Quantified():
            return f"{show(expr.arg)} {expr.op} {'ALL' if expr.every else 'ANY'} (subquery)"
    return str(expr)
