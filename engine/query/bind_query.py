"""Binding of queries: SELECT, VALUES, set operations, WITH; and of FROM.

The order is SQL's logical one: FROM gives the scope, WHERE filters, GROUP BY and aggregates make groups, HAVING filters those,
the select list projects, then DISTINCT, ORDER BY, LIMIT. The result is a plan that is right as it stands; the rules only
make it faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from exdbsql.engine.query import bind_runs, operators
from exdbsql.engine.query.bind_expressions import ExpressionBinder
from exdbsql.engine.query.bind_from import FromBinder
from exdbsql.engine.query.bind_order import OrderBinder
from exdbsql.engine.query.bind_sets import SetCalls
from exdbsql.engine.query.bind_windows import WindowCalls
from exdbsql.engine.query.context import StatementContext, name_of
from exdbsql.engine.query.expressions import Const, Expr
from exdbsql.engine.query.grouping import Grouping
from exdbsql.engine.query.grouping_sets import SetsOfKeys, is_grouping_set
from exdbsql.engine.query.outputs import Output, convert_outputs, output_name
from exdbsql.engine.query.parse import parse_statement
from exdbsql.engine.query.plan import (
    Aggregate,
    CteScan,
    Cut,
    Distinct,
    Filter,
    GroupingSets,
    Limit,
    LimitWithTies,
    OneRow,
    OrderColumn,
    OutputColumn,
    Plan,
    Project,
    ProjectSet,
    SetOperation,
    Sort,
    Values,
    Window,
    output_columns,
    used_rels,
)
from exdbsql.engine.query.runs import NotUsable
from exdbsql.engine.query.scope import Scope
from exdbsql.schema import sqlstate
from exdbsql.schema.types import BIGINT, TEXT

_SET_OPERATIONS = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}
_SELECT_PARTS = (
    *("expressions", "from_", "joins", "laterals", "where", "group", "having", "distinct", "order", "limit", "offset"),
    *("with_", "windows"),
)


@dataclass(frozen=True, slots=True)
class CommonTable:
    """A common table expression in sight."""

    number: int
    columns: tuple[OutputColumn, ...]
    table_rel: int | None = None

    def scan(self, rel: int, alias: str) -> Plan:
        """A use of it in FROM."""
        return CteScan(rel, self.number, alias, len(self.columns), self.table_rel)


class QueryBinder:
    """Binds queries; `ctes` are the common table expressions in sight, by name."""

    def __init__(self, context: StatementContext, ctes: dict[str, CommonTable] | None = None) -> None:
        self.context = context
        self.ctes = dict(ctes or {})

    def bind(self, node: exp.Expr, parent: Scope | None) -> Plan:
        """The plan of a query whose expressions may use the columns of `parent`."""
        with_ = node.args.get("with_")
        if with_ is not None:
            return CommonTables(self).bind(node, with_, parent)
        if isinstance(node, exp.Subquery):
            return self._parenthesised(node, parent)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, parent)
        if isinstance(node, exp.Select):
            return self._select(node, parent)
        if isinstance(node, exp.Values):
            return self._values(node, parent)
        raise self.context.unsupported(node, f"{type(node).__name__.upper()} as a query")

    def bind_text(self, query: str, rel: int) -> tuple[StatementContext, Plan]:
        """The plan of a view's query, whose literals are constants, with relation numbers above `rel`."""
        parsed = parse_statement(query, types=self.context.dictionary.types)
        inner = StatementContext.of(parsed, self.context.dictionary, ())
        inner.next_rel, inner.next_cte = max(rel, self.context.next_rel), self.context.next_cte
        return inner, settle(inner, QueryBinder(inner).bind(parsed.tree, None))

    # set operations and VALUES

    def _parenthesised(self, node: exp.Subquery, parent: Scope | None) -> Plan:
        self.context.only(node, ("this", "order", "limit", "offset"), "a query in parentheses")
        plan = self.bind(node.this, parent)
        return self._ordered_rows(node, plan, parent)

    def _set_operation(self, node: exp.SetOperation, parent: Scope | None) -> Plan:
        op = _SET_OPERATIONS[type(node)]
        self.context.only(node, ("this", "expression", "distinct", "order", "limit", "offset"), op)
        left, right = self.bind(node.this, parent), self.bind(node.expression, parent)
        columns_left, columns_right = output_columns(left), output_columns(right)
        if len(columns_left) != len(columns_right):
            raise self.context.error(
                node.expression, f"each {op} query must have the same number of columns", sqlstate.SYNTAX_ERROR
            )
        columns = []
        for a, b in zip(columns_left, columns_right, strict=True):
            stand_ins = [Const(c.type, c.nullable, None) for c in (a, b)]
            _, target = operators.unify(self.context, node, stand_ins, op)
            columns.append(OutputColumn(a.name, target, a.nullable or b.nullable))
        types = [c.type for c in columns]
        left, right = convert_outputs(self.context, left, types), convert_outputs(self.context, right, types)
        columns = [replace(c, type=o.type) for c, o in zip(columns, output_columns(left), strict=True)]
        plan: Plan = SetOperation(op, node.args.get("distinct") is False, left, right, tuple(columns))
        return self._ordered_rows(node, plan, parent)

    def _ordered_rows(self, node: exp.Expr, plan: Plan, parent: Scope | None) -> Plan:
        order = node.args.get("order")
        if order is not None:
            keys = OrderBinder(self.context).over_columns(order, output_columns(plan))
            plan = Sort(plan, tuple(keys))
        return self._limited(node, plan, parent)

    def _values(self, node: exp.Values, parent: Scope | None) -> Plan:
        self.context.only(node, ("expressions", "order", "limit", "offset", "alias"), "VALUES")
        run = bind_runs.find(self.context, _row_parts(node.expressions[0]), is_list=False)
        if run is not None and len(node.expressions) > 1:
            raise NotUsable
        binder = ExpressionBinder(self.context, Scope(self.context, parent), self, "VALUES")
        rows = [[binder.bind(e) for e in _row_parts(row)] for row in node.expressions]
        width = len(rows[0])
        if any(len(row) != width for row in rows):
            raise self.context.error(node, "VALUES lists must all be the same length", sqlstate.SYNTAX_ERROR)
        columns = []
        for i in range(width):
            unified, target = operators.unify(self.context, node, [row[i] for row in rows], "VALUES")
            for row, expr in zip(rows, unified, strict=True):
                row[i] = expr
            columns.append(OutputColumn(f"column{i + 1}", target, any(row[i].nullable for row in rows)))
        plan: Plan = Values(tuple(tuple(row) for row in rows), tuple(columns))
        if run is not None:
            first = [operators.resolved(self.context, node, e, TEXT) if e.type is None else e for e in rows[0]]
            columns = [replace(c, type=e.type) for c, e in zip(columns, first, strict=True)]
            plan = bind_runs.rows(self.context, run, first, tuple(columns))
        return self._ordered_rows(node, plan, parent)

    # SELECT

    def _select(self, node: exp.Select, parent: Scope | None) -> Plan:
        self._refuse_clauses(node)
        scope = Scope(self.context, parent)
        plan = FromBinder(self.context, scope, self).bind(node)
        where = node.args.get("where")
        if where is not None:
            condition = ExpressionBinder(self.context, scope, self, "WHERE").condition(where.this)
            plan = Filter(plan, (condition,))
        pinned = self.context.pin_literals
        self.context.pin_literals = pinned or _compares_expressions(node)
        try:
            return self._project(node, scope, plan, parent)
        finally:
            self.context.pin_literals = pinned

    def _refuse_clauses(self, node: exp.Select) -> None:
        self.context.only(node, _SELECT_PARTS, "SELECT")
        if not node.expressions:
            raise self.context.unsupported(node, "a SELECT without columns")

    def _project(self, node: exp.Select, scope: Scope, plan: Plan, parent: Scope | None) -> Plan:
        grouping = Grouping(self.context, scope, self.context.new_rel())
        sets = SetCalls(self.context, self.context.new_rel())
        windows = WindowCalls(self.context, grouping, self.context.new_rel())
        windows.define(node.args.get("windows") or [])
        binder = ExpressionBinder(self.context, scope, self, "SELECT", grouping, sets, windows)
        group = node.args.get("group")
        grouping.nullable_keys = group is not None and any(is_grouping_set(item) for item in group.expressions)
        if grouping.nullable_keys:
            scope.make_nullable()  # a column that is no key of a set is NULL in its groups
        outputs = self._outputs(node, binder, scope)
        keys, grouping_sets = self._group_keys(group, scope, outputs) if group is not None else ([], None)
        for key in keys:
            if sets.rel in used_rels(key):
                raise self.context.unsupported(group, "a set-returning function in GROUP BY")
        having = node.args.get("having")
        condition = None
        if having is not None:
            condition = ExpressionBinder(self.context, scope, self, "HAVING", grouping).condition(having.this)
        ordering = OrderBinder(self.context)
        order = ordering.over_outputs(node.args.get("order"), binder, outputs)
        distinct_on = ordering.distinct_on(node.args.get("distinct"), binder, outputs)
        if group is not None or having is not None or grouping.calls or grouping.mask_used:
            grouping.keys = list(dict.fromkeys(keys))
            exprs = [grouping.over_groups(o.node, o.expr) for o in outputs]
            if condition is not None:
                condition = grouping.over_groups(having, condition)
            exprs = [grouping.numbered(e) for e in exprs]
            for output, expr in zip(outputs, exprs, strict=True):
                output.expr = expr
            windows.calls = [grouping.over_groups(node, c) for c in windows.calls]
            sets.calls = [grouping.over_groups(node, c) for c in sets.calls]
            windows.calls = [grouping.numbered(c) for c in windows.calls]
            sets.calls = [grouping.numbered(c) for c in sets.calls]
            plan = self._groups(grouping, plan, keys, grouping_sets, scalar=group is None)
            if condition is not None:
                plan = Filter(plan, (grouping.numbered(condition),))
        if windows.calls:
            plan = Window(windows.rel, plan, tuple(windows.calls))
        if sets.calls:
            plan = ProjectSet(sets.rel, plan, tuple(sets.calls))
        visible = sum(1 for o in outputs if not o.hidden)
        columns = tuple(OutputColumn(o.name, o.expr.type, o.expr.nullable) for o in outputs)
        result: Plan = Project(plan, tuple(o.expr for o in outputs), columns, visible)
        return self._finished(
            node, result, visible, len(outputs), ordering.numbered(order, outputs), distinct_on, parent
        )

    def _groups(
        self,
        grouping: Grouping,
        plan: Plan,
        keys: list[Expr],
        sets: list[tuple[int, ...]] | None,
        *,
        scalar: bool,
    ) -> Plan:
        if sets is None and not grouping.mask_used:
            return Aggregate(grouping.rel, plan, tuple(grouping.keys), tuple(grouping.calls), scalar)
        if sets is None:
            sets = [tuple(range(len(grouping.keys)))]
        added = range(len(dict.fromkeys(keys)), len(grouping.keys))  # columns that depend on a primary key
        sets = [(*places, *added) if places else places for places in sets]
        return GroupingSets(grouping.rel, plan, tuple(grouping.keys), tuple(grouping.calls), tuple(sets))

    def _finished(
        self,
        node: exp.Select,
        plan: Plan,
        visible: int,
        width: int,
        order: list[OrderColumn],
        distinct_on: tuple[int, ...] | None,
        parent: Scope | None,
    ) -> Plan:
        distinct = node.args.get("distinct")
        if distinct is not None and distinct_on is None:
            if width > visible:
                raise self.context.error(
                    node.args["order"],
                    "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
                    sqlstate.INVALID_COLUMN_REFERENCE,
                )
            plan = Distinct(plan)
        if order:
            plan = Sort(plan, tuple(order))
        if distinct_on is not None:
            if order and {k.index for k in order[: len(set(distinct_on))]} != set(distinct_on[: len(order)]):
                raise self.context.error(
                    node.args["order"],
                    "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
                    sqlstate.INVALID_COLUMN_REFERENCE,
                )
            plan = Distinct(plan, distinct_on)
        plan = self._limited(node, plan, parent)
        return Cut(plan, visible) if width > visible else plan

    def _outputs(self, node: exp.Select, binder: ExpressionBinder, scope: Scope) -> list[Output]:
        outputs: list[Output] = []
        for item in node.expressions:
            target = item.this if isinstance(item, exp.Alias) else item
            if isinstance(target, exp.Star):
                self.context.only(target, (), "*")
                if not scope.sources:
                    raise self.context.error(item, "SELECT * with no tables specified is not valid", "42601")
                outputs += [Output(v.name, v.expr(), item) for v in scope.visible]
            elif isinstance(target, exp.Column) and isinstance(target.this, exp.Star):
                self.context.only(target.this, (), "*")
                outputs += self._star_of(target, scope)
            else:
                outputs.append(Output(output_name(item), binder.bind(target), item))
        return outputs

    def _star_of(self, target: exp.Column, scope: Scope) -> list[Output]:
        alias = name_of(target.args["table"])
        source = scope.source(alias)
        if source is None:
            raise self.context.error(
                target.args["table"],
                f'missing FROM-clause entry for table "{alias}"',
                sqlstate.UNDEFINED_TABLE,
            )
        return [Output(source.names[i], source.column(i), target) for i in range(len(source.names))]

    def _group_keys(
        self, group: exp.Group, scope: Scope, outputs: list[Output]
    ) -> tuple[list[Expr], list[tuple[int, ...]] | None]:
        """The keys, and the sets of their places where there are grouping sets."""
        self.context.only(group, ("expressions", "all"), "GROUP BY")
        if not any(is_grouping_set(item) for item in group.expressions):
            return [self._group_key(item, scope, outputs) for item in group.expressions], None
        sets = SetsOfKeys(self.context, lambda item: self._group_key(item, scope, outputs))
        places = sets.product(group.expressions)
        return sets.keys, list(dict.fromkeys(places)) if group.args.get("all") is False else places

    def _group_key(self, item: exp.Expr, scope: Scope, outputs: list[Output]) -> Expr:
        if isinstance(item, exp.Literal) and not item.is_string:
            place = self.context.literal_value(item)
            if not isinstance(place, int) or not 1 <= place <= len(outputs):
                raise self.context.error(
                    item, f"GROUP BY position {place} is not in select list", sqlstate.INVALID_COLUMN_REFERENCE
                )
            expr = outputs[place - 1].expr
        else:
            expr = self._group_expression(item, scope, outputs)
        if expr.type is None:
            expr = operators.resolved(self.context, item, expr, TEXT)
        return operators.sortable(self.context, item, expr)

    def _group_expression(self, item: exp.Expr, scope: Scope, outputs: list[Output]) -> Expr:
        binder = ExpressionBinder(self.context, scope, self, "GROUP BY")
        if isinstance(item, exp.Column) and item.args.get("table") is None:
            name = name_of(item.this)
            if not any(v.name == name for v in scope.visible):
                named = [o for o in outputs if o.name == name]
                if named:
                    return named[0].expr
        return binder.bind(item)

    def _limited(self, node: exp.Expr, plan: Plan, parent: Scope | None) -> Plan:
        limit, offset = node.args.get("limit"), node.args.get("offset")
        count, skip = None, None
        ties = False
        if isinstance(limit, exp.Fetch):
            self.context.only(limit, ("direction", "count", "limit_options"), "FETCH")
            options = limit.args.get("limit_options")
            if options is not None:
                self.context.only(options, ("rows", "with_ties"), "FETCH")
                ties = bool(options.args.get("with_ties"))
            count = limit.args.get("count") or exp.Literal.number(1)
        elif limit is not None:
            self.context.only(limit, ("expression",), "LIMIT")
            count = limit.expression
        if offset is not None:
            self.context.only(offset, ("expression",), "OFFSET")
            skip = offset.expression
        if isinstance(count, exp.Var) or (isinstance(count, exp.Column) and count.name.lower() == "all"):
            count = None
        if count is None and skip is None:
            return plan
        binder = ExpressionBinder(self.context, Scope(self.context), self, "LIMIT")
        bound, skipped = self._count(binder, count), self._count(binder, skip)
        if ties and bound is not None:
            if not isinstance(plan, Sort):
                raise self.context.error(
                    limit, "WITH TIES cannot be specified without ORDER BY clause", sqlstate.SYNTAX_ERROR
                )
            return LimitWithTies(plan, bound, skipped, tuple(key.index for key in plan.keys))
        return Limit(plan, bound, skipped)

    def _count(self, binder: ExpressionBinder, node: exp.Expr | None) -> Expr | None:
        if node is None:
            return None
        return operators.assigned(self.context, node, binder.bind(node), BIGINT, "LIMIT")


def settle(context: StatementContext, plan: Plan) -> Plan:
    """The plan with outputs of unknown type made text."""
    return convert_outputs(context, plan, [c.type or TEXT for c in output_columns(plan)])


def renamed(context: StatementContext, plan: Plan, alias: exp.TableAlias) -> tuple[OutputColumn, ...]:
    columns = list(output_columns(plan))
    names: Sequence[exp.Expr] = alias.args.get("columns") or ()
    if len(names) > len(columns):
        raise context.error(alias, "more column names than columns", sqlstate.INVALID_COLUMN_REFERENCE)
    for i, name in enumerate(names):
        columns[i] = replace(columns[i], name=name_of(name))
    return tuple(columns)


def _row_parts(row: exp.Expr) -> list[exp.Expr]:
    return row.expressions if isinstance(row, exp.Tuple) else [row]


def _compares_expressions(node: exp.Select) -> bool:
    """Whether literals decide which expressions are the same: then they stay part of the plan."""
    group, distinct = node.args.get("group"), node.args.get("distinct")
    if distinct is not None:
        return True
    return group is not None and any(not isinstance(e, exp.Column) for e in group.expressions)


# at the end, as it needs the binder of queries
from exdbsql.engine.query.bind_with import CommonTables

__all__ = ["CommonTable", "CteScan", "OneRow", "QueryBinder", "settle"]
