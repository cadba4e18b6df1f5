"""Binding of a whole statement: which kind it is, and the plan after the rules."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from exdbsql.engine.catalog import Catalog
from exdbsql.engine.query import bind_runs
from exdbsql.engine.query.bind_changes import ChangeBinder
from exdbsql.engine.query.bind_query import QueryBinder, settle
from exdbsql.engine.query.bind_with import CHANGES, CommonTables
from exdbsql.engine.query.context import StatementContext
from exdbsql.engine.query.plan import Plan, Scan, output_columns, walk
from exdbsql.engine.query.row_locks import with_rows_kept
from exdbsql.engine.query.rules import optimise
from exdbsql.engine.query.statements import BoundStatement, Change, Insert
from exdbsql.engine.query.statistics import DatabaseStatistics

_KINDS: dict[type[exp.Expr], str] = {
    exp.Insert: "insert",
    exp.Update: "update",
    exp.Delete: "delete",
    exp.Merge: "merge",
}


def bind_statement(tree: exp.Expr, context: StatementContext, database: Catalog) -> BoundStatement:
    """The bound and optimised statement; RecursionError where there is no room for one that is nested deeply (`nesting.deeply`)."""
    bound = _bound(with_rows_kept(tree, context), context, DatabaseStatistics(database, context))
    bind_runs.settle(context)
    return bound


def _bound(tree: exp.Expr, context: StatementContext, statistics: DatabaseStatistics) -> BoundStatement:
    kind = _KINDS.get(type(tree))
    with_ = tree.args.get("with_")
    if kind is not None or (with_ is not None and any(isinstance(c.this, CHANGES) for c in with_.expressions)):
        return _with_changes(tree, kind, context, statistics)
    if not isinstance(tree, (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)):
        raise context.unsupported(tree, f"the statement {context.text.split(None, 1)[0].upper()}")
    plan = settle(context, QueryBinder(context).bind(tree, None))
    return BoundStatement("select", query=optimise(plan, statistics), columns=output_columns(plan))


def _with_changes(
    tree: exp.Expr, kind: str | None, context: StatementContext, statistics: DatabaseStatistics
) -> BoundStatement:
    """A statement that changes a table, itself or in its WITH. All of its parts see the tables as they were before it."""
    queries = QueryBinder(context)
    tables = CommonTables(queries, lambda node, inner: ChangeBinder(context, inner).bind(node))
    with_ = tree.args.get("with_")
    if with_ is not None:
        queries = tables.tables(with_, None)
    parts: list[tuple[int, Plan | Change]] = []
    for table in tables.made:
        if table.plan is not None:
            parts.append((table.number, optimise(table.plan, statistics)))
        else:
            parts.append((table.number, _optimised(table.change, statistics)))
    if kind is not None:
        change = _optimised(ChangeBinder(context, queries).bind(tree), statistics)
        columns = change.returning.columns if change.returning is not None else ()
        bound = BoundStatement(kind, change=change, columns=columns, tables=tuple(parts))
    else:
        body = tree.copy()
        body.set("with_", None)
        plan = settle(context, queries.bind(body, None))
        bound = BoundStatement(
            "select", query=optimise(plan, statistics), columns=output_columns(plan), tables=tuple(parts)
        )
    _refuse_early_writes(bound, context)
    return bound


def _optimised(change: Change, statistics: DatabaseStatistics) -> Change:
    return replace(change, source=optimise(change.source, statistics))


def _refuse_early_writes(bound: BoundStatement, context: StatementContext) -> None:
    """ON CONFLICT writes row by row, which the other parts of a statement must not see."""
    for change in bound.changes:
        if not isinstance(change, Insert) or change.conflict is None or not bound.tables:
            continue
        name = change.row.table.name
        others = [part for _, part in bound.tables if part is not change]
        others += [part for part in (bound.query, bound.change) if part is not None and part is not change]
        touched = {o.row.table.name for o in others if not isinstance(o, Plan)}
        plans = [o if isinstance(o, Plan) else o.source for o in others]
        touched |= {item.table for plan in plans for item in walk(plan) if isinstance(item, Scan)}
        if name in touched:
            raise context.unsupported(None, f'ON CONFLICT where another part of the statement uses "{name}"')
