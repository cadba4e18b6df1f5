"""Whole rows of FROM, named by their table: ``t IS NULL``, ``count(t)``, ``(t).column``, ``row_to_json(t)``, ``json_agg(t)``.

A row never becomes a value of its own (see `bind_rows`): it is taken apart into its columns, or made into a document at once. What
would need it as a value, ``SELECT t FROM t``, is refused by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from exdbsql.engine.query import operators
from exdbsql.engine.query.context import name_of
from exdbsql.engine.query.conversions import convert
from exdbsql.engine.query.expressions import Call, Expr
from exdbsql.engine.query.library.json_values import RawJson, Record, RowJson, json_text, to_jsonb
from exdbsql.engine.query.scope import Source
from exdbsql.engine.query.tokens import MARK
from exdbsql.schema import sqlstate
from exdbsql.schema.types import JSON, JSONB, TEXT

if TYPE_CHECKING:
    from exdbsql.engine.query.bind_expressions import ExpressionBinder


def source_of(binder: ExpressionBinder, node: exp.Expr) -> Source | None:
    """The relation whose whole row a node names (``t``, ``t.*``); None where it names something else."""
    while isinstance(node, exp.Paren):
        node = node.this
    if not isinstance(node, exp.Column):
        return None
    if isinstance(node.this, exp.Star):
        return binder.scope.source(name_of(node.args["table"])) if node.args.get("table") is not None else None
    if node.args.get("table") is not None:
        return None
    wanted = name_of(node.this)
    if binder.scope.sees(wanted):
        return None
    return binder.scope.source(wanted)


def taken_apart(binder: ExpressionBinder, node: exp.Expr) -> exp.Expr:
    """A row of the columns, for the name of a whole row; any other node as it is."""
    source = source_of(binder, node)
    if source is None:
        return node
    columns = [
        exp.Column(this=exp.to_identifier(name, quoted=True), table=exp.to_identifier(source.alias, quoted=True))
        for name in source.names
    ]
    return exp.Tuple(expressions=columns)


def field(binder: ExpressionBinder, node: exp.Dot) -> Expr:
    """``(t).column``."""
    source = source_of(binder, node.this) if isinstance(node.this, exp.Paren) else None
    if source is None or not isinstance(node.expression, exp.Identifier):
        raise binder.context.unsupported(node, "a field of a row other than (table).column")
    table = exp.to_identifier(source.alias, quoted=True)
    return binder.scope.resolve(exp.Column(this=node.expression, table=table))


def counted(binder: ExpressionBinder, node: exp.Expr) -> exp.Expr | None:
    """What ``count(t)`` counts: all rows, or those that an outer join found; None where the argument is no whole row."""
    source = source_of(binder, node)
    if source is None:
        return None
    if not source.optional:
        return exp.Star()
    table = source.table
    for column in table.columns if table is not None else ():
        in_key = table is not None and table.primary_key is not None and column.name in table.primary_key.columns
        if column.not_null or in_key:
            return exp.Column(
                this=exp.to_identifier(column.name, quoted=True), table=exp.to_identifier(source.alias, quoted=True)
            )
    raise binder.context.unsupported(node, "count() of a row that an outer join may leave out")


def document(binder: ExpressionBinder, node: exp.Expr, name: str) -> Expr | None:
    """A whole row as an argument of the function `name` of documents; None where the node is something else."""
    if "json" not in name:
        return None
    source = source_of(binder, node)
    if source is None:
        return None
    columns = [source.column(i) for i in range(len(source.names))]
    slots = "".join(f"{{{i}}}, " for i in range(len(columns)))
    # a document made of the row at once: its type says which of the two kinds it is in
    make, result = (to_jsonb, JSONB) if name.startswith(("jsonb", "to_jsonb")) else (json_text, JSON)
    template = f"{make.__name__}(Record.of({source.names!r}, ({slots})))"
    args = [_as_json(column) if column.type == JSON else column for column in columns]
    if result == JSON:
        template = f"RowJson({template})"
    names: tuple[tuple[str, Any], ...] = (("Record", Record), (make.__name__, make), ("RowJson", RowJson))
    return Call(result, False, "row", template, tuple(args), strict=False, names=names)


def _as_json(expr: Expr) -> Expr:
    return Call(JSON, expr.nullable, "json", "RawJson({0})", (expr,), names=(("RawJson", RawJson),))


def to_document(binder: ExpressionBinder, node: exp.Anonymous) -> Expr:
    """``to_json``, ``to_jsonb``, ``row_to_json``."""
    name = name_of(node.this)
    if len(node.expressions) == 1:
        found = document(binder, node.expressions[0], name)
        if found is not None:
            return found
        if isinstance(node.expressions[0], exp.Anonymous) and name_of(node.expressions[0].this) == "row":
            return _unnamed_row(binder, node.expressions[0], name)
    if name == "row_to_json":
        raise binder.context.error(
            node, "row_to_json takes a row", sqlstate.UNDEFINED_FUNCTION, "the name of a table of FROM, or ROW(...)"
        )
    return binder.call(node, name, [binder.bind(a) for a in node.expressions])


def _unnamed_row(binder: ExpressionBinder, node: exp.Anonymous, name: str) -> Expr:
    """``ROW(...)``, whose columns are f1, f2 and so on."""
    parts = [binder.bind(p) for p in node.expressions]
    parts = [operators.resolved(binder.context, node, p, TEXT) if p.type is None else p for p in parts]
    names = tuple(f"f{i + 1}" for i in range(len(parts)))
    slots = "".join(f"{{{i}}}, " for i in range(len(parts)))
    args = tuple(_as_json(p) if p.type == JSON else p for p in parts)
    made: tuple[tuple[str, Any], ...] = (("Record", Record), ("json_text", json_text))
    text = Call(JSON, False, "row", f"json_text(Record.of({names!r}, ({slots})))", args, strict=False, names=made)
    return convert(text, JSONB) if name == "to_jsonb" else text


def table_columns(binder: ExpressionBinder, node: exp.Expr) -> tuple[tuple[str, ...], tuple[Any, ...]] | None:
    """Names and types of the columns of ``NULL::t``, the row type of a table; None where the node is something else."""
    while isinstance(node, exp.Paren):
        node = node.this
    if not isinstance(node, exp.Cast) or not isinstance(node.this, exp.Null):
        return None
    name = node.args["to"].sql("postgres").replace(MARK, "").strip('"').lower()
    table = binder.context.dictionary.tables.get(name)
    return None if table is None else (table.column_names, table.column_types)
