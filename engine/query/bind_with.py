"""Binding of WITH: common tables, recursive ones, those that use columns of an outer query, and those that change tables.

A common table is computed once, whether MATERIALIZED is said or not; one that nothing uses is not computed, unless it changes
a table. Left out: SEARCH and CYCLE, recursion through several tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sqlglot import exp

from exdbsql.engine.query import operators
from exdbsql.engine.query.bind_query import CommonTable, QueryBinder, renamed, settle
from exdbsql.engine.query.context import StatementContext, name_of
from exdbsql.engine.query.expressions import Const
from exdbsql.engine.query.outputs import convert_outputs
from exdbsql.engine.query.plan import CteScan, OutputColumn, Plan, Recursive, With, output_columns, used_rels, walk
from exdbsql.engine.query.scope import Scope
from exdbsql.schema import sqlstate

_QUERIES = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)
CHANGES = (exp.Insert, exp.Update, exp.Delete, exp.Merge)


@dataclass(slots=True)
class BoundTable:
    """One common table: its plan, or the statement that changes a table (`change`, with the columns of RETURNING)."""

    number: int
    name: str
    plan: Plan | None
    table_rel: int | None
    change: Any = None


@dataclass(slots=True)
class CommonTables:
    """Binds one WITH for the queries of `outer`; `changes` binds a statement that changes a table, where that is allowed."""

    outer: QueryBinder
    bind_change: Callable[[exp.Expr, QueryBinder], Any] | None = None
    made: list[BoundTable] = field(default_factory=list)

    @property
    def context(self) -> StatementContext:
        """The statement's context."""
        return self.outer.context

    def bind(self, node: exp.Expr, with_: exp.With, parent: Scope | None) -> Plan:
        """The plan of a query with its WITH."""
        inner = self.tables(with_, parent)
        body_node = node.copy()
        body_node.set("with_", None)
        body = inner.bind(body_node, parent)
        used = self._used(body)
        kept = [t for t in self.made if t.number in used and t.plan is not None]
        if not kept:
            return body
        return With(
            tuple((t.number, t.name, t.plan) for t in kept if t.plan is not None),
            body,
            tuple(t.table_rel for t in kept),
        )

    def tables(self, with_: exp.With, parent: Scope | None) -> QueryBinder:
        """A binder of queries that see the tables; they are in `made`."""
        order = with_.args.get("search")
        if order is not None:
            kind = str(order.args["kind"])  # CYCLE; of SEARCH the order, DEPTH or BREADTH
            raise self.context.unsupported(with_, f"{kind if kind == 'CYCLE' else f'SEARCH {kind} FIRST'} in WITH")
        self.context.only(with_, ("expressions", "recursive"), "WITH")
        inner = QueryBinder(self.context, self.outer.ctes)
        for cte in with_.expressions:
            self.context.only(cte, ("this", "alias", "materialized"), "WITH")
            name = name_of(cte.args["alias"].this)
            if any(t.name == name for t in self.made):
                raise self.context.error(
                    cte, f'WITH query name "{name}" specified more than once', sqlstate.DUPLICATE_ALIAS
                )
            self._table(cte, name, inner, parent, recursive=bool(with_.args.get("recursive")))
        return inner

    def _table(self, cte: exp.CTE, name: str, inner: QueryBinder, parent: Scope | None, *, recursive: bool) -> None:
        number = self.context.new_cte()
        if isinstance(cte.this, CHANGES):
            self._change(cte, number, name, inner)
            return
        if not isinstance(cte.this, _QUERIES):
            raise self.context.unsupported(cte, f"{type(cte.this).__name__.upper()} in WITH")
        if recursive and _mentions(cte.this, name):
            plan: Plan = self._recursive(cte, name, number, inner, parent)
        else:
            plan = settle(self.context, inner.bind(cte.this, parent))
        columns = renamed(self.context, plan, cte.args["alias"])
        table_rel = self.context.new_rel() if used_rels(plan) else None
        self.made.append(BoundTable(number, name, plan, table_rel))
        inner.ctes[name] = CommonTable(number, columns, table_rel)

    def _change(self, cte: exp.CTE, number: int, name: str, inner: QueryBinder) -> None:
        if self.bind_change is None:
            raise self.context.error(
                cte.this,
                "WITH clause containing a data-modifying statement must be at the top level",
                sqlstate.FEATURE_NOT_SUPPORTED,
            )
        change = self.bind_change(cte.this, inner)
        columns: tuple[OutputColumn, ...] = change.returning.columns if change.returning is not None else ()
        names = cte.args["alias"].args.get("columns") or ()
        columns = tuple(
            replace(c, name=name_of(names[i]) if i < len(names) else c.name, nullable=True)
            for i, c in enumerate(columns)
        )
        self.made.append(BoundTable(number, name, None, None, change))
        if change.returning is not None:
            inner.ctes[name] = CommonTable(number, columns)

    def _recursive(self, cte: exp.CTE, name: str, number: int, inner: QueryBinder, parent: Scope | None) -> Plan:
        union = cte.this
        while isinstance(union, exp.Subquery):
            union = union.this
        if not isinstance(union, exp.Union) or _mentions(union.this, name):
            raise self.context.error(
                cte.this,
                f'recursive query "{name}" does not have the form non-recursive-term UNION [ALL] recursive-term',
                sqlstate.INVALID_RECURSION,
            )
        for clause in ("order", "limit", "offset"):
            if union.args.get(clause) is not None:
                raise self.context.unsupported(union.args[clause], f"{clause.upper()} in a recursive query")
        self.context.only(union, ("this", "expression", "distinct", "with_"), "UNION")
        self._check_reference(union.expression, name)
        outer = inner
        if union.args.get("with_") is not None:
            raise self.context.unsupported(union.args["with_"], "WITH inside a recursive query")
        base = settle(self.context, outer.bind(union.this, parent))
        columns = tuple(replace(c, nullable=True) for c in renamed(self.context, base, cte.args["alias"]))
        table_rel = self.context.new_rel()
        step_binder = QueryBinder(self.context, {**inner.ctes, name: CommonTable(number, columns, table_rel)})
        step = step_binder.bind(union.expression, parent)
        step = self._matching(union, name, columns, step)
        return Recursive(number, table_rel, base, step, union.args.get("distinct") is not False, columns)

    def _check_reference(self, node: exp.Expr, name: str) -> None:
        if sum(1 for t in node.find_all(exp.Table) if _is_table(t, name)) > 1:
            raise self.context.error(
                node,
                f'recursive reference to query "{name}" must not appear more than once',
                sqlstate.INVALID_RECURSION,
            )
        if isinstance(node, exp.Select) and (
            node.args.get("group") is not None or any(True for _ in _own_aggregates(node))
        ):
            raise self.context.error(
                node,
                "aggregate functions are not allowed in a recursive query's recursive term",
                sqlstate.INVALID_RECURSION,
            )

    def _matching(self, node: exp.Expr, name: str, columns: tuple[OutputColumn, ...], step: Plan) -> Plan:
        found = output_columns(step)
        if len(found) != len(columns):
            raise self.context.error(
                node.expression, "each UNION query must have the same number of columns", sqlstate.SYNTAX_ERROR
            )
        for i, (a, b) in enumerate(zip(columns, found, strict=True)):
            stand_ins = [Const(a.type, True, None), Const(b.type, True, None)]
            _, target = operators.unify(self.context, node, stand_ins, "UNION")
            assert a.type is not None
            if target is not None and target.name != a.type.name and not (target.is_text and a.type.is_text):
                raise self.context.error(
                    node,
                    f'recursive query "{name}" column {i + 1} has type {a.type} in non-recursive term '
                    f"but type {target} overall",
                    sqlstate.DATATYPE_MISMATCH,
                    "cast the output of the non-recursive term to the correct type",
                )
        return convert_outputs(self.context, step, [c.type for c in columns])

    def _used(self, body: Plan) -> set[int]:
        """The numbers of the tables that the body needs, directly or through others."""
        used = _scanned(body)
        for table in reversed(self.made):
            if table.plan is not None and table.number in used:
                used |= _scanned(table.plan)
        return used


def _scanned(plan: Plan) -> set[int]:
    return {item.cte for item in walk(plan) if isinstance(item, CteScan)}


def _is_table(node: exp.Table, name: str) -> bool:
    return isinstance(node.this, exp.Identifier) and node.args.get("db") is None and name_of(node.this) == name


def _mentions(node: exp.Expr, name: str) -> bool:
    return any(_is_table(t, name) for t in node.find_all(exp.Table))


def _own_aggregates(node: exp.Select) -> list[exp.Expr]:
    """Aggregates of the select list, outside of subqueries and windows."""
    found = []
    for item in node.expressions:
        for part in item.find_all(exp.AggFunc):
            if part.find_ancestor(exp.Select) is node and part.find_ancestor(exp.Window) is None:
                found.append(part)
    return found
