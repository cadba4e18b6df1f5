"""Binding of a whole statement: which kind it is, and the plan after the rules."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from exdbsql.engine.catalog import Catalog
from exdbsql.engine.query.bind_changes import ChangeBinder
from exdbsql.engine.query.bind_query import QueryBinder, settle
from exdbsql.engine.query.context import StatementContext
from exdbsql.engine.query.parse import too_complex
from exdbsql.engine.query.plan import output_columns
from exdbsql.engine.query.rules import optimise
from exdbsql.engine.query.statements import BoundStatement
from exdbsql.engine.query.statistics import DatabaseStatistics

_KINDS: dict[type[exp.Expr], str] = {exp.Insert: "insert", exp.Update: "update", exp.Delete: "delete"}


def bind_statement(tree: exp.Expr, context: StatementContext, database: Catalog) -> BoundStatement:
    """The bound and optimised statement."""
    try:
        return _bound(tree, context, DatabaseStatistics(database, context))
    except RecursionError:
        raise too_complex() from None


def _bound(tree: exp.Expr, context: StatementContext, statistics: DatabaseStatistics) -> BoundStatement:
    kind = _KINDS.get(type(tree))
    if kind is not None:
        change = ChangeBinder(context).bind(tree)
        change = replace(change, source=optimise(change.source, statistics))
        columns = change.returning.columns if change.returning is not None else ()
        return BoundStatement(kind, change=change, columns=columns)
    if not isinstance(tree, (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)):
        raise context.unsupported(tree, f"the statement {context.text.split(None, 1)[0].upper()}")
    plan = settle(context, QueryBinder(context).bind(tree, None))
    return BoundStatement("select", query=optimise(plan, statistics), columns=output_columns(plan))
