"""EXPLAIN: the plan as a tree with PostgreSQL's names for its nodes, and expressions as SQL again; parameters are shown as ``$n``.

Two nodes have names of their own: ``Hash Scan`` (the rows that match an outer row come from a hash table which is made once for the
statement), and ``Top-N Sort``. A filter ``EXISTS (hashed subquery: b.x = a.x)`` looks up in a set that is made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from exdbsql.engine.query.expressions import (
    Accumulator,
    Call,
    Case,
    Clock,
    Coalesce,
    Column,
    Compare,
    Const,
    Exists,
    Expr,
    Fold,
    HasMatch,
    InArray,
    InList,
    InSubquery,
    IsDistinct,
    IsNull,
    IsTruth,
    Logical,
    Not,
    Param,
    ParamRange,
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
    LimitWithTies,
    ListAccess,
    OneRow,
    ParamRows,
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
    rewrite,
    walk,
)
from exdbsql.engine.query.statements import BoundStatement, Change, Delete, Insert, Merge, Update
from exdbsql.schema.dictionary import Dictionary

ACCUMULATOR: Final = "\0"


def plan_lines(bound: BoundStatement, dictionary: Dictionary) -> list[str]:
    """The lines of EXPLAIN."""
    printer = _Printer(dictionary)
    parts: list[Plan | Change] = [part for _, part in bound.tables]
    parts += [part for part in (bound.query, bound.change) if part is not None]
    lines: list[str] = []
    for part in parts:
        lines += printer.tree(_qualified(part)) if isinstance(part, Plan) else printer.change(part)
    return lines


def _qualified(plan: Plan) -> Plan:
    """The plan with the names of columns qualified by their relations', where there are several."""
    aliases = {item.rel: item.alias for item in walk(plan) if isinstance(item, (Scan, Derived, CteScan, FunctionScan))}
    if len(aliases) < 2:
        return plan

    def change(expr: Expr) -> Expr | None:
        if isinstance(expr, Column) and expr.rel in aliases:
            return replace(expr, name=f"{aliases[expr.rel]}.{expr.name}")
        return None

    qualified: Plan = rewrite(plan, change)
    return qualified


class _Printer:
    """Prints plans with the names of `dictionary`."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary

    def change(self, change: Change) -> list[str]:
        names = {Insert: "Insert on", Update: "Update on", Delete: "Delete on", Merge: "Merge on"}
        return [f"{names[type(change)]} {change.row.table.name}", *_below(self.tree(_qualified(change.source)))]

    def tree(self, plan: Plan) -> list[str]:
        """A node with its details, the subqueries in its expressions, and the nodes below it."""
        if isinstance(plan, (Project, Cut, Filter)):
            return self._onto_child(plan)
        if isinstance(plan, With):
            parts = [line for _, name, cte in plan.ctes for line in (f"  CTE {name}", *_below(self.tree(cte), 2))]
            body = self.tree(plan.body)
            return [body[0], *parts, *body[1:]]
        label, details, children = self._node(plan)
        lines = [label, *[f"  {detail}" for detail in details if detail]]
        for inner in _subplans(plan, children):
            lines += ["  SubPlan", *_below(self.tree(inner), 2)]
        for child in children:
            lines += _below(self.tree(child))
        return lines

    def _onto_child(self, plan: Project | Cut | Filter) -> list[str]:
        """A node that PostgreSQL has as a part of the one below."""
        lines = self.tree(plan.child)
        extra = [f"  Filter: {_all(plan.conditions)}"] if isinstance(plan, Filter) else []
        for inner in _subplans(plan, [plan.child]):
            extra += ["  SubPlan", *_below(self.tree(inner), 2)]
        details = next((i for i, line in enumerate(lines[1:], 1) if line.lstrip().startswith("->")), len(lines))
        return [*lines[:details], *extra, *lines[details:]]

    def _node(self, plan: Plan) -> tuple[str, list[str], list[Plan]]:
        match plan:
            case Scan():
                return self._scan(plan)
            case OneRow():
                return "Result", [], []
            case Derived():
                return f"Subquery Scan on {plan.alias}", [], [plan.plan]
            case CteScan():
                return f"CTE Scan on {plan.alias}", [], []
            case Join():
                return self._join(plan)
            case Aggregate():
                if plan.scalar:
                    return "Aggregate", [], [plan.child]
                return "HashAggregate", [f"Group Key: {', '.join(map(show, plan.keys))}"], [plan.child]
            case FunctionScan():
                return f"Function Scan on {plan.alias}", [], []
            case ProjectSet():
                return "ProjectSet", [], [plan.child]
            case GroupingSets():
                sets = [f"({', '.join(show(plan.keys[i]) for i in places)})" for places in plan.sets]
                return "MixedAggregate", [f"Grouping Sets: {', '.join(sets)}"], [plan.child]
            case Window():
                return "WindowAgg", [f"Window: {_window_call(c)}" for c in plan.calls], [plan.child]
            case Recursive():
                return "Recursive Union", [], [plan.base, plan.step]
            case ParamRows():
                return "Values Scan", [f"Rows: {plan.count}"], []
            case Values():
                return "Values Scan", [f"Rows: {len(plan.rows)}"], []
            case Distinct():
                return "Unique", [], [plan.child]
            case Sort():
                return "Sort", [f"Sort Key: {_sort_keys(plan)}"], [plan.child]
            case Limit(child=Sort() as sort) if plan.limit is not None:
                keys = [f"Sort Key: {_sort_keys(sort)}", f"Top: {show(plan.limit)}"]
                return "Top-N Sort", [*keys, _offset(plan)], [sort.child]
            case Limit():
                return (
                    "Limit",
                    [f"Rows: {show(plan.limit)}" if plan.limit is not None else "", _offset(plan)],
                    [plan.child],
                )
            case LimitWithTies():
                return "Limit With Ties", [f"Rows: {show(plan.limit)}"], [plan.child]
            case SetOperation(op="UNION"):
                return "Append" if plan.every else "HashSetOp Union", [], [plan.left, plan.right]
            case SetOperation():
                return f"HashSetOp {plan.op.capitalize()}{' All' if plan.every else ''}", [], [plan.left, plan.right]
        return type(plan).__name__, [], []

    def _scan(self, plan: Scan) -> tuple[str, list[str], list[Plan]]:
        name = plan.table if plan.alias == plan.table else f"{plan.table} {plan.alias}"
        filters = f"Filter: {_all(plan.filters)}" if plan.filters else ""
        access = plan.access
        match access:
            case None:
                return f"Seq Scan on {name}", [filters], []
            case HashAccess():
                columns = self.dictionary.tables[plan.table].columns
                names = [columns[i].name for i in access.columns]
                return f"Hash Scan on {name}", [f"Hash Cond: {_conditions(names, access.key, ())}", filters], []
            case PointAccess():
                index, columns_of_key = self._index(plan.table, None)
                cond = _conditions(columns_of_key, access.key, ())
            case SeekAccess() | ListAccess():
                index, columns_of_key = self._index(plan.table, access.index)
                lists = access.lists if isinstance(access, ListAccess) else ()
                cond = _conditions(columns_of_key, access.key, lists)
            case RangeAccess():
                index, columns_of_key = self._index(plan.table, access.index)
                cond = _range(columns_of_key, access)
        backward = " Backward" if isinstance(access, RangeAccess) and access.reverse else ""
        label = f"Index Scan{backward} using {index} on {name}"
        return label, [f"Index Cond: {cond}" if cond else "", filters], []

    def _index(self, table: str, index: str | None) -> tuple[str, list[str]]:
        """An index's name, and what its key is made of."""
        definition = self.dictionary.tables[table]
        if index is None:
            assert definition.primary_key is not None
            return definition.primary_key.name, list(definition.primary_key.columns)
        found = self.dictionary.indexes.get(index)
        if found is not None and found.table == table:
            return index, [f"({c.expression})" if c.expression is not None else c.name for c in found.columns]
        return index, next(list(key.columns) for key in definition.uniques if key.name == index)

    def _join(self, plan: Join) -> tuple[str, list[str], list[Plan]]:
        kind = {"inner": "", "left": " Left", "full": " Full"}[plan.kind]
        keys = _equal(plan.left_keys, plan.right_keys)
        label = f"Hash{kind} Join" if keys else f"Nested Loop{kind} Join" if kind else "Nested Loop"
        rest = f"Join Filter: {_all(plan.conditions)}" if plan.conditions else ""
        return label, [f"Hash Cond: {keys}" if keys else "", rest], [plan.left, plan.right]


def _below(lines: list[str], by: int = 1) -> list[str]:
    """The lines of a node below another."""
    lead = "  " * by
    return [f"{lead}->  {lines[0]}", *[f"{lead}    {line}" for line in lines[1:]]]


def _subplans(plan: Plan, children: list[Plan]) -> list[Plan]:
    """Plans inside the expressions of a node itself."""
    below = {id(item) for child in children for item in walk(child)}
    found = []
    for item in walk(plan):
        if isinstance(item, (ScalarSubquery, Exists, HasMatch, InSubquery, Quantified)) and id(item) not in below:
            found.append(item.plan)
            below |= {id(inner) for inner in walk(item.plan)}
    return found


def _equal(left: Sequence[Expr], right: Sequence[Expr]) -> str:
    return " AND ".join(f"{show(a)} = {show(b)}" for a, b in zip(left, right, strict=True))


def _conditions(columns: Sequence[str], key: Sequence[Expr], lists: Sequence[bool]) -> str:
    flags = lists or (False,) * len(key)
    parts = []
    for column, value, is_list in zip(columns, key, flags, strict=False):
        if is_list:
            parts.append(show(value))
        elif isinstance(value, Const) and value.value is None and not value.nullable:
            parts.append(f"{column} IS NULL")
        else:
            parts.append(f"{column} = {show(value)}")
    return " AND ".join(parts)


def _range(columns: Sequence[str], access: RangeAccess) -> str:
    parts = [_conditions(columns, access.prefix, access.lists)] if access.prefix else []
    if len(access.prefix) < len(columns):
        column = columns[len(access.prefix)]
        if access.low is not None:
            parts.append(f"{column} {'>=' if access.low_inclusive else '>'} {show(access.low)}")
        if access.high is not None:
            parts.append(f"{column} {'<=' if access.high_inclusive else '<'} {show(access.high)}")
        if access.pattern is not None:
            parts.append(f"{column} LIKE {show(access.pattern)}")
        if not access.nulls:
            parts.append(f"{column} IS NOT NULL")
    return " AND ".join(parts)


def _sort_keys(plan: Sort) -> str:
    names = output_columns(plan.child)
    parts = []
    for key in plan.keys:
        direction = " DESC" if key.descending else ""
        nulls = "" if key.nulls_first is key.descending else f" NULLS {'FIRST' if key.nulls_first else 'LAST'}"
        name = show(plan.child.exprs[key.index]) if isinstance(plan.child, Project) else names[key.index].name
        parts.append(f"{name}{direction}{nulls}")
    return ", ".join(parts)


def _offset(plan: Limit) -> str:
    return "" if plan.offset is None else f"Offset: {show(plan.offset)}"


def _window_call(call: WindowCall) -> str:
    args = call.aggregate.args if call.aggregate is not None else call.args
    parts = []
    if call.spec.partition:
        parts.append(f"PARTITION BY {', '.join(map(show, call.spec.partition))}")
    if call.spec.order:
        parts.append("ORDER BY " + ", ".join(show(k.expr) + (" DESC" if k.descending else "") for k in call.spec.order))
    return f"{call.name}({', '.join(map(show, args))}) OVER ({' '.join(parts)})"


def _all(conditions: tuple[Expr, ...]) -> str:
    return " AND ".join(map(show, conditions))


def _constant(expr: Const) -> str:
    """A constant as SQL."""
    if expr.value is None:
        return "NULL"
    text = expr.type.format(expr.value) if expr.type is not None else str(expr.value)
    if isinstance(expr.value, (bool, int, float, Decimal)):
        return {"t": "true", "f": "false"}[text] if isinstance(expr.value, bool) else text
    return "'" + text.replace("'", "''") + "'"


def _show_chain(expr: Fold) -> str:
    if len(expr.steps) == 1:  # an operand that is evaluated once
        return f"({show(expr.steps[0]).replace(ACCUMULATOR, 'x')} WITH x = {show(expr.first)})"
    parts = [show(expr.first)]
    for step in expr.steps:
        before, _, after = show(step).removeprefix("(").removesuffix(")").partition(ACCUMULATOR)
        parts = [before, *parts, after] if before else [*parts, after]
    return f"({''.join(parts)})"


def show(expr: Any) -> str:
    """An expression as text for people."""
    match expr:
        case Column():
            return str(expr.name)
        case ParamRange():
            return f"${expr.slot + 1}, ..., ${expr.slot + expr.count}"
        case Param():
            return f"${expr.slot + 1}"
        case Const():
            return _constant(expr)
        case Call(args=()):
            return f"{expr.name}()"
        case Call(name="cast", args=(arg,)):
            return show(arg)
        case Call(name="LIKE" | "ILIKE", args=(left, right)):
            return f"{show(left)} {expr.name} {show(right)}"
        case Call():
            operator = not expr.name.isidentifier() and len(expr.args) == 2
            shown = [show(a) for a in expr.args]
            return f"({shown[0]} {expr.name} {shown[1]})" if operator else f"{expr.name}({', '.join(shown)})"
        case Compare():
            op = {"==": "=", "!=": "<>"}.get(expr.op, expr.op)
            return f"{show(expr.left)} {op} {show(expr.right)}"
        case Accumulator():
            return ACCUMULATOR
        case Fold():
            return _show_chain(expr)
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
        case InArray():
            return f"{show(expr.arg)} = ANY ({show(expr.array)})"
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
        case HasMatch(args=wanted, plan=Project(exprs=keys)):
            return f"EXISTS (hashed subquery: {_equal(keys, wanted)})"
        case InSubquery():
            args = ", ".join(map(show, expr.args))
            return f"{args if len(expr.args) == 1 else f'({args})'} IN (subquery)"
        case Quantified():
            return f"{show(expr.arg)} {expr.op} {'ALL' if expr.every else 'ANY'} (subquery)"
    return str(expr)
