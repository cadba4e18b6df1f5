"""Binding of set-returning functions: in select lists, where they repeat the row, and in FROM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from exdbsql.engine.query import operators
from exdbsql.engine.query.bind_expressions import ExpressionBinder
from exdbsql.engine.query.bind_special import FORMS
from exdbsql.engine.query.bind_whole_rows import table_columns
from exdbsql.engine.query.context import StatementContext, name_of
from exdbsql.engine.query.expressions import Call, Column, Expr
from exdbsql.engine.query.functions import find_overload
from exdbsql.engine.query.library import jsonb_reading
from exdbsql.engine.query.plan import FunctionScan, OutputColumn, Plan
from exdbsql.engine.query.signatures import Resolved
from exdbsql.schema import sqlstate
from exdbsql.schema.types import BIGINT, JSONB, TEXT, SqlType

if TYPE_CHECKING:
    from exdbsql.engine.query.bind_from import FromBinder

_POPULATE = ("json_populate_record", "json_populate_recordset", "jsonb_populate_record", "jsonb_populate_recordset")
_RECORDS = ("jsonb_to_recordset", "jsonb_to_record", "json_to_recordset", "json_to_record")


@dataclass(slots=True)
class SetCalls:
    """The set-returning functions of one select list; `rel` is the relation of their values."""

    context: StatementContext
    rel: int
    calls: list[Expr] = field(default_factory=list)

    def add(self, node: exp.Expr, call: Call, found: Resolved) -> Expr:
        """The column that one call becomes."""
        if len(found.columns) != 1:
            raise self.context.unsupported(node, f"{call.name} outside of FROM")
        if any(isinstance(a, Column) and a.rel == self.rel for a in call.args):
            raise self.context.unsupported(node, "a set-returning function of another one in a select list")
        self.calls.append(call)
        return Column(call.type, True, self.rel, len(self.calls) - 1, call.name)


@dataclass(frozen=True, slots=True)
class _Function:
    """A function in FROM: its call, and its columns."""

    name: str
    call: Expr
    columns: tuple[OutputColumn, ...]


class FunctionsInFrom:
    """Binds the functions of one item of FROM."""

    def __init__(self, owner: FromBinder) -> None:
        self.owner = owner
        self.context = owner.context

    def bind(self, node: exp.Expr) -> Plan:
        """The plan of ``f(...) [WITH ORDINALITY] [AS alias (columns)]`` or ``ROWS FROM (...)``, added to the scope."""
        self.context.only(node, ("this", "alias", "ordinality", "rows_from", "joins", "view", "outer"), "FROM")
        nodes = [t.this for t in node.args["rows_from"]] if node.args.get("rows_from") else [node.this]
        alias = node.args.get("alias")
        definitions = [c for c in (alias.args.get("columns") or ()) if isinstance(c, exp.ColumnDef)] if alias else []
        nodes = [part for n in nodes for part in _single_unnests(n)]
        functions = [self._function(n, definitions) for n in nodes]
        columns = [column for function in functions for column in function.columns]
        ordinality = bool(node.args.get("ordinality"))
        if ordinality:
            columns.append(OutputColumn("ordinality", BIGINT, False))
        name, names = self.owner.alias(node, functions[0].name)
        if definitions:
            names = ()
        elif alias is not None and not names and len(columns) == 1 + ordinality:
            names = (name,)  # a function of one column gives it the alias as its name
        rel = self.context.new_rel()
        self.owner.scope.add(self.owner.source(name, rel, columns, names, node), node)
        widths = tuple(len(f.columns) for f in functions)
        return FunctionScan(rel, tuple(f.call for f in functions), widths, name, ordinality)

    def _function(self, node: exp.Expr, definitions: Sequence[exp.Expr]) -> _Function:
        binder = ExpressionBinder(self.context, self.owner.scope, self.owner.queries, "functions in FROM")
        if isinstance(node, exp.Anonymous):
            name = name_of(node.this)
            if name in _RECORDS:
                return self._records(binder, node, name, definitions)
            if name in _POPULATE:
                return self._populated(binder, node, name)
            if definitions:
                raise self.context.error(
                    node,
                    "a column definition list is only allowed for functions returning record",
                    sqlstate.SYNTAX_ERROR,
                )
            if name not in FORMS:
                args = [binder.bind(a) for a in node.expressions]
                found = find_overload(binder.overloads(node, name), [a.type for a in args])
                if found is not None and found.function.rows is not None:
                    call = operators.call_of(self.context, node, found, args)
                    columns = tuple(OutputColumn(c, t, True) for c, t in found.columns)
                    return _Function(name, call, columns)
        return self._scalar(binder.bind(node), node)

    def _scalar(self, expr: Expr, node: exp.Expr) -> _Function:
        """A function of one value as a table of one row."""
        if not isinstance(node, exp.Func):
            raise self.context.unsupported(node, f"{type(node).__name__.upper()} in FROM")
        if expr.type is None:
            expr = operators.resolved(self.context, node, expr, TEXT)
        name = name_of(node.this) if isinstance(node, exp.Anonymous) else node.sql_name().lower()
        call = Call(expr.type, False, name, "[({0},)]", (expr,), strict=False)
        return _Function(name, call, (OutputColumn(name, expr.type, expr.nullable),))

    def _records(
        self, binder: ExpressionBinder, node: exp.Anonymous, name: str, definitions: Sequence[exp.Expr]
    ) -> _Function:
        if not definitions:
            raise self.context.error(
                node,
                "a column definition list is required for functions returning record",
                sqlstate.SYNTAX_ERROR,
                "AS x (name type, ...)",
            )
        names = tuple(name_of(d.this) for d in definitions)
        types = tuple(binder.type_of(d.args["kind"], d) for d in definitions)
        if len(node.expressions) != 1:
            raise self.context.error(
                node, f"function {name} takes one document, not {len(node.expressions)}", sqlstate.UNDEFINED_FUNCTION
            )
        return self._of_document(binder, node, node.expressions[0], name.replace("json_", "jsonb_"), names, types)

    def _populated(self, binder: ExpressionBinder, node: exp.Anonymous, name: str) -> _Function:
        """``jsonb_populate_record(NULL::t, document)``: the columns are those of the table."""
        columns = table_columns(binder, node.expressions[0]) if len(node.expressions) == 2 else None
        if columns is None:
            raise self.context.unsupported(node, f"{name}() of anything but NULL::table and a document")
        function = f"jsonb_to_{'recordset' if name.endswith('set') else 'record'}"
        return self._of_document(binder, node, node.expressions[1], function, *columns)

    def _of_document(
        self,
        binder: ExpressionBinder,
        node: exp.Anonymous,
        document: exp.Expr,
        function_name: str,
        names: tuple[str, ...],
        types: tuple[SqlType, ...],
    ) -> _Function:
        name = name_of(node.this)
        arg = operators.cast(self.context, node, binder.bind(document), JSONB)
        function = getattr(jsonb_reading, function_name)
        called = function.__name__
        made = (("record_names", names), ("record_types", types), (called, function))
        call = Call(JSONB, arg.nullable, name, f"{called}({{0}}, record_names, record_types)", (arg,), names=made)
        return _Function(name, call, tuple(OutputColumn(n, t, True) for n, t in zip(names, types, strict=True)))


def _single_unnests(node: exp.Expr) -> list[exp.Expr]:
    """``unnest(a, b)`` as ``unnest(a), unnest(b)``, side by side."""
    if isinstance(node, exp.Anonymous) and name_of(node.this) == "unnest" and len(node.expressions) > 1:
        return [exp.Anonymous(this=node.this, expressions=[part]) for part in node.expressions]
    return [node]
