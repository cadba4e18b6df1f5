"""Binding of FROM: tables, subqueries, common table expressions, and the joins between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from exdbsql.engine.query import operators
from exdbsql.engine.query.bind_expressions import ExpressionBinder
from exdbsql.engine.query.bind_sets import FunctionsInFrom
from exdbsql.engine.query.context import StatementContext, name_of
from exdbsql.engine.query.expressions import Call, Coalesce, Const, Expr, conjuncts
from exdbsql.engine.query.outputs import convert_outputs
from exdbsql.engine.query.plan import (
    Derived,
    Join,
    OneRow,
    OutputColumn,
    Plan,
    Scan,
    Values,
    output_columns,
    used_rels,
)
from exdbsql.engine.query.scope import Scope, Source, Visible, table_source
from exdbsql.engine.query.system_views import CATALOG, find_system_view
from exdbsql.schema import sqlstate
from exdbsql.schema.table import View
from exdbsql.schema.types import TEXT, SqlType

if TYPE_CHECKING:
    from exdbsql.engine.query.bind_query import QueryBinder


class FromBinder:
    """Builds the join tree of one FROM clause, and fills its scope."""

    def __init__(self, context: StatementContext, scope: Scope, queries: QueryBinder) -> None:
        self.context = context
        self.scope = scope
        self.queries = queries

    def bind(self, node: exp.Expr) -> Plan:
        """The plan for the FROM clause of a SELECT (or of UPDATE, DELETE); one empty row where there is none."""
        from_ = node.args.get("from_")
        if from_ is None:
            return OneRow()
        plan = self._with_own_joins(from_.this, 0)
        group: Plan = plan
        done: Plan | None = None
        first_source, first_visible = 0, 0
        for join in node.args.get("joins") or ():
            if _is_comma(join):
                # a comma binds weaker than JOIN: what follows is a join tree of its own
                done = group if done is None else Join("inner", done, group, ())
                first_source, first_visible = len(self.scope.sources), len(self.scope.visible)
                group = self._with_own_joins(join.this, first_source)
            else:
                group = self._join(group, join, first_source, first_visible)
        return group if done is None else Join("inner", done, group, ())

    def _with_own_joins(self, node: exp.Expr, first_source: int) -> Plan:
        first_visible = len(self.scope.visible)
        plan = self.relation(node)
        for join in node.args.get("joins") or ():
            plan = self._join(plan, join, first_source, first_visible)
        return plan

    # relations

    def relation(self, node: exp.Expr) -> Plan:
        """One item of FROM, added to the scope."""
        if isinstance(node, exp.Table):
            return self._table(node)
        if isinstance(node, exp.Subquery):
            if isinstance(node.this, (exp.Table, exp.Subquery)) and not node.args.get("alias"):
                self.context.only(node, ("this", "joins"), "a join in parentheses")
                return self._with_own_joins(node.this, len(self.scope.sources))
            return self._subquery(node, node, lateral=False)
        if isinstance(node, exp.Lateral):
            if not isinstance(node.this, exp.Subquery):
                return FunctionsInFrom(self).bind(node)
            self.context.only(node, ("this", "alias"), "LATERAL")
            return self._subquery(node.this, node, lateral=True)
        if isinstance(node, exp.Values):
            return self._derived(self.queries.bind(node, self.scope.parent), node, lateral=False)
        raise self.context.unsupported(node, f"{type(node).__name__.upper()} in FROM")

    def _table(self, node: exp.Table) -> Plan:
        if not isinstance(node.this, exp.Identifier):
            return FunctionsInFrom(self).bind(node)
        if node.args.get("sample") is not None:
            raise self.context.unsupported(node, "TABLESAMPLE")
        self.context.only(node, ("this", "db", "catalog", "alias", "joins"), "FROM")
        name = name_of(node.this)
        alias, names = self.alias(node, name)
        rel = self.context.new_rel()
        cte = self.queries.ctes.get(name) if node.args.get("db") is None else None
        if cte is not None:
            self.scope.add(self.source(alias, rel, cte.columns, names, node), node)
            return cte.scan(rel, alias)
        system = self._system_view(node, alias, names, rel)
        if system is not None:
            return system
        view = self.context.view(node)
        if view is not None:
            return self._view(view, alias, names, rel, node)
        table = self.context.table(node)
        source = table_source(table, alias, rel)
        source.names = self._renamed(source.names, names, node)
        self.scope.add(source, node)
        return Scan(rel, table.name, alias, len(table.columns))

    def _system_view(self, node: exp.Table, alias: str, names: Sequence[str], rel: int) -> Plan | None:
        """A relation of information_schema or pg_catalog, its rows written out."""
        schema = None if node.args.get("db") is None else name_of(node.args["db"])
        name, dictionary = name_of(node.this), self.context.dictionary
        if schema is None and (name in dictionary.tables or name in dictionary.views):
            return None
        found = find_system_view(schema, name)
        if found is None:
            return None
        rows = found.rows(dictionary, self._columns_of_views())
        columns = tuple(OutputColumn(column, t, True) for column, t in found.columns)
        values = tuple(tuple(_system_value(v, c.type) for v, c in zip(row, columns, strict=True)) for row in rows)
        source = self.source(alias, rel, columns, names, node)
        source.schemas = (schema or "pg_catalog",)
        self.scope.add(source, node)
        return Derived(rel, Values(values, columns), alias, len(columns))

    def _columns_of_views(self) -> dict[str, list[tuple[str, SqlType | None]]]:
        found: dict[str, list[tuple[str, SqlType | None]]] = {}
        for name, view in self.context.dictionary.views.items():
            _, plan = self.queries.bind_text(view.query, 0)
            columns = [(c.name, c.type) for c in output_columns(plan)]
            given = [(given, t) for given, (_, t) in zip(view.columns, columns, strict=False)]
            found[name] = given + columns[len(given) :]
        return found

    def _view(self, view: View, alias: str, names: Sequence[str], rel: int, node: exp.Table) -> Plan:
        """A view is its query, bound for itself: it sees neither the statement's literals nor its common tables."""
        inner, plan = self.queries.bind_text(view.query, rel)
        plan = convert_outputs(inner, plan, [c.type or TEXT for c in output_columns(plan)])
        self.context.take_over(inner)
        columns = output_columns(plan)
        source = self.source(alias, rel, columns, view.columns, node)
        source.names = self._renamed(source.names, names, node)
        self.scope.add(source, node)
        return Derived(rel, plan, alias, len(columns))

    def _subquery(self, node: exp.Subquery, outer: exp.Expr, *, lateral: bool) -> Plan:
        inner = node.this
        if isinstance(inner, exp.Table) or (isinstance(inner, exp.Subquery) and inner.args.get("joins")):
            raise self.context.unsupported(node, "a name for a join in parentheses")
        self.context.only(node, ("this", "alias", "joins"), "a subquery in FROM")
        parent = self.scope if lateral else self.scope.parent
        return self._derived(self.queries.bind(inner, parent), outer, lateral=lateral)

    def _derived(self, plan: Plan, node: exp.Expr, *, lateral: bool) -> Plan:
        columns = output_columns(plan)
        plan = convert_outputs(self.context, plan, [c.type or TEXT for c in columns])
        columns = output_columns(plan)
        rel = self.context.new_rel()
        alias, names = self.alias(node, f"subquery_{rel}")
        lateral = lateral and bool(used_rels(plan) & self.scope.rels())
        self.scope.add(self.source(alias, rel, columns, names, node), node)
        return Derived(rel, plan, alias, len(columns), lateral)

    def source(
        self, alias: str, rel: int, columns: Sequence[OutputColumn], names: Sequence[str], node: exp.Expr
    ) -> Source:
        own = self._renamed(tuple(c.name for c in columns), names, node)
        return Source(alias, rel, own, tuple(c.type for c in columns), [c.nullable for c in columns])

    def alias(self, node: exp.Expr, default: str) -> tuple[str, tuple[str, ...]]:
        alias = node.args.get("alias")
        if alias is None:
            return default, ()
        names = tuple(name_of(c) for c in alias.args.get("columns") or ())
        return (name_of(alias.this) if alias.this is not None else default), names

    def _renamed(self, names: tuple[str, ...], new: Sequence[str], node: exp.Expr) -> tuple[str, ...]:
        if len(new) > len(names):
            raise self.context.error(
                node, f"the relation has {len(names)} columns, but {len(new)} names", sqlstate.INVALID_COLUMN_REFERENCE
            )
        return (*new, *names[len(new) :])

    # joins

    def _join(self, left: Plan, node: exp.Join, first_source: int, first: int) -> Plan:
        self.context.only(node, ("this", "kind", "side", "method", "on", "using"), "JOIN")
        kind, side, method = (str(node.args.get(k) or "").upper() for k in ("kind", "side", "method"))
        if kind not in ("", "INNER", "CROSS", "OUTER") or method not in ("", "NATURAL"):
            raise self.context.unsupported(node, f"{method or kind} JOIN")
        before_sources, before_visible = len(self.scope.sources), len(self.scope.visible)
        right = self.relation(node.this)
        left_sources = self.scope.sources[first_source:before_sources]
        right_sources = self.scope.sources[before_sources:]
        condition = self._condition(node, method, side, first, before_visible, kind)
        foreign = used_rels(condition) & {s.rel for s in self.scope.sources[:first_source]}
        if foreign:
            raise self.context.error(
                node.args.get("on"),
                "the condition of this JOIN uses a table from before the comma",
                sqlstate.UNDEFINED_TABLE,
                "write CROSS JOIN instead of the comma",
            )
        if side == "FULL" or side == "LEFT":
            _make_nullable(right_sources)
        if side in ("FULL", "RIGHT"):
            _make_nullable(left_sources)
        if side in ("FULL", "RIGHT") and used_rels(right) & {s.rel for s in left_sources}:
            raise self.context.error(
                node, "a LATERAL subquery cannot be the right side of this join", sqlstate.INVALID_COLUMN_REFERENCE
            )
        if side == "RIGHT":
            return Join("left", right, left, condition)
        return Join({"LEFT": "left", "FULL": "full"}.get(side, "inner"), left, right, condition)

    def _condition(
        self, node: exp.Join, method: str, side: str, first: int, before: int, kind: str
    ) -> tuple[Expr, ...]:
        on, using = node.args.get("on"), node.args.get("using")
        if method == "NATURAL" or using:
            return self._using(node, using, side, first, before)
        if on is not None:
            bound = ExpressionBinder(self.context, self.scope, self.queries, "JOIN/ON").condition(on)
            return tuple(conjuncts(bound))
        if (side or kind == "INNER" or (not kind and not _is_comma(node))) and kind != "CROSS":
            raise self.context.error(
                node, "JOIN needs ON or USING", sqlstate.SYNTAX_ERROR, "for all pairs use CROSS JOIN"
            )
        return ()

    def _using(
        self, node: exp.Join, using: list[exp.Expr] | None, side: str, first: int, before: int
    ) -> tuple[Expr, ...]:
        visible = self.scope.visible
        left, right = visible[first:before], visible[before:]
        names = (
            [name_of(n) for n in using]
            if using
            else [v.name for v in left if any(v.name == other.name for other in right)]
        )
        conditions: list[Expr] = []
        merged: list[Visible] = []
        for name in names:
            a, b = self._merge_side(node, left, name, "left"), self._merge_side(node, right, name, "right")
            conditions.append(operators.comparison(self.context, node, "==", a.expr(), b.expr()))
            merged.append(self._merged(node, name, a, b, side))
            left = [v for v in left if v is not a]
            right = [v for v in right if v is not b]
        self.scope.visible = [*visible[:first], *merged, *left, *right]
        return tuple(conditions)

    def _merge_side(self, node: exp.Join, side: list[Visible], name: str, which: str) -> Visible:
        matches = [v for v in side if v.name == name]
        if len(matches) > 1:
            raise self.context.error(
                node, f'common column name "{name}" appears more than once in {which} table', sqlstate.AMBIGUOUS_COLUMN
            )
        if not matches:
            raise self.context.error(
                node,
                f'column "{name}" specified in USING clause does not exist in {which} table',
                sqlstate.UNDEFINED_COLUMN,
            )
        return matches[0]

    def _merged(self, node: exp.Join, name: str, a: Visible, b: Visible, side: str) -> Visible:
        if side == "FULL":
            sides = [replace(side.expr(), nullable=True) for side in (a, b)]  # either side may have no row
            exprs, target = operators.unify(self.context, node, sides, "JOIN/USING")
            return Visible(name, None, 0, Coalesce(target, True, tuple(exprs)))
        chosen = b if side == "RIGHT" else a
        return Visible(name, chosen.source, chosen.index, chosen.merged)


def _system_value(value: Any, t: SqlType | None) -> Expr:
    """A value of a system view; the name of the database is known to the statement when it runs."""
    if value is CATALOG:
        return Call(TEXT, False, "current_database", "txn.database_name", ())
    return Const(t, value is None, value)


def _is_comma(join: exp.Join) -> bool:
    """Whether the item was written after a comma: sqlglot gives it no kind, side, method or condition."""
    return not any(join.args.get(k) for k in ("kind", "side", "method", "on", "using"))


def _make_nullable(sources: Sequence[Source]) -> None:
    for source in sources:
        source.nullable = [True] * len(source.nullable)
        source.optional = True
