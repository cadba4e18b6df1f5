"""Binding of a whole statement: which kind it is, and the plan after the rules."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlglot import exp

from exdbsql.engine.catalog import Catalog
from exdbsql.engine.query.bind_changes import ChangeBinder
from exdbsql.engine.query.bind_query import QueryBinder, settle
from exdbsql.engine.query.context import StatementContext
from exdbsql.engine.query.parse import too_complex
from exdbsql.engine.query.plan import output_columns
from exdbsql.engine.query.rules import optimise
from exdbsql.engine.query.statements import BoundStatement
from exdbsql.schema.table import IndexColumn, IndexDef, Table

_KINDS: dict[type[exp.Expr], str] = {exp.Insert: "insert", exp.Update: "update", exp.Delete: "delete"}


@dataclass(frozen=True, slots=True)
class DatabaseStatistics:
    """What the rules may ask, answered by a database."""

    database: Catalog

    def table(self, name: str) -> Table:
        """The definition of a table."""
        return self.database.dictionary.tables[name]

    def row_count(self, name: str) -> int:
        """How many rows a table has now."""
        return len(self.database.tables[name].rows)

    def indexes(self, name: str) -> list[IndexDef]:
        """The indexes of a table, unique constraints among them, the primary key not."""
        dictionary = self.database.dictionary
        found = [i for i in dictionary.indexes.values() if i.table == name]
        for key in dictionary.tables[name].uniques:
            found.append(IndexDef(key.name, name, tuple(IndexColumn(c) for c in key.columns), unique=True))
        return found


def bind_statement(tree: exp.Expr, context: StatementContext, database: Catalog) -> BoundStatement:
    """The bound and optimised statement."""
    try:
        return _bound(tree, context, DatabaseStatistics(database))
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
