"""The expressions of a table's definition as Python functions of a row: constraints, generated columns, defaults, conversions.

Statements have these compiled into their own functions. What changes rows without a statement of its own needs them alone: the
actions of foreign keys, ALTER TABLE over the rows that are there, indexes over expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from exdbsql.engine.catalog import Catalog
from exdbsql.engine.query import operators
from exdbsql.engine.query.bind_expressions import ExpressionBinder
from exdbsql.engine.query.bind_query import QueryBinder
from exdbsql.engine.query.codegen.changes import ChangeCompiler
from exdbsql.engine.query.codegen.function import compile_function
from exdbsql.engine.query.codegen.module import Frame, Module
from exdbsql.engine.query.codegen.rows import RowsCompiler
from exdbsql.engine.query.context import StatementContext
from exdbsql.engine.query.conversions import convert
from exdbsql.engine.query.expressions import Call, Const, Expr, null
from exdbsql.engine.query.functions import FUNCTIONS, find_overload
from exdbsql.engine.query.parse import parse_statement
from exdbsql.engine.query.scope import Scope, table_source
from exdbsql.engine.query.statements import CheckedRow
from exdbsql.engine.versions import Row
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.table import Table
from exdbsql.schema.types import BIGINT, TEXT, SqlType

_ROW = 1
"""The number of the relation that is the row."""


@dataclass(frozen=True, slots=True)
class RowFunctions:
    """What a table says of its rows.

    Attributes:
        accepted: the row with its generated columns computed, once it has passed NOT NULL and CHECK; raises IntegrityError
            23502, 23514.
        defaults: a row of defaults, for a transaction.
    """

    accepted: Callable[[Row], Row]
    defaults: Callable[[Any], Row]


def own_expression(
    text: str, dictionary: Dictionary, table: Table | None, rel: int, place: str, *, nullable: bool = True
) -> tuple[StatementContext, exp.Expr, Expr]:
    """An expression of the dictionary, bound over a row of `table` as relation `rel`; its literals are constants.

    Args:
        text: the canonical expression.
        dictionary: where it stands.
        table: whose columns it may name; None for none.
        rel: the relation number of the row.
        place: what the expression is, for messages.
        nullable: take any column for nullable: the row has not passed its checks yet.
    """
    parsed = parse_statement(f"SELECT {text}", types=dictionary.types)
    context = StatementContext.of(parsed, dictionary, ())
    node = parsed.tree.expressions[0]
    scope = Scope(context)
    if table is not None:
        source = table_source(table, table.name, rel)
        if nullable:
            source.nullable = [True] * len(table.columns)
        scope.add(source, None)
    context.next_rel = rel + 1
    return context, node, ExpressionBinder(context, scope, QueryBinder(context), place).bind(node)


def bound_default(dictionary: Dictionary, table: Table, position: int) -> Expr:
    """The default of a column, as INSERT assigns it."""
    column = table.columns[position]
    if column.identity is not None:
        name = next(s.name for s in dictionary.sequences.values() if s.owned_by == (table.name, column.name))
        argument = Const(TEXT, False, '"' + name.replace('"', '""') + '"')
        found = find_overload(FUNCTIONS["nextval"], [TEXT])
        assert found is not None
        number = Call(BIGINT, False, "nextval", found.function.template, (argument,))
        return number if column.type == BIGINT else convert(number, column.type)
    if column.default is None:
        return null(column.type)
    context, node, value = own_expression(column.default, dictionary, None, _ROW, "DEFAULT")
    return operators.assigned(context, node, value, column.type, column.name)


def bound_generated(dictionary: Dictionary, table: Table, position: int, rel: int) -> Expr:
    """The value of a generated column, over the row as relation `rel`."""
    column = table.columns[position]
    assert column.generated is not None
    context, node, value = own_expression(column.generated, dictionary, table, rel, "GENERATED")
    return operators.assigned(context, node, value, column.type, column.name)


def row_functions(table: Table, catalog: Catalog) -> RowFunctions:
    """Compile what `table` says of its rows."""
    return RowFunctions(_accepted(table, catalog), _defaults(table, catalog))


def generated_columns(table: Table, dictionary: Dictionary, rel: int) -> tuple[tuple[int, Expr], ...]:
    """The positions of the generated columns, and what they are computed by from the row as relation `rel`."""
    generated = [at for at, column in enumerate(table.columns) if column.generated is not None]
    return tuple((at, bound_generated(dictionary, table, at, rel)) for at in generated)


def _accepted(table: Table, catalog: Catalog) -> Callable[[Row], Row]:
    module = Module(catalog)
    rows = RowsCompiler(module)
    frame = Frame(module, module.root.lines, {_ROW: "row"})
    checks = tuple((check.name, bound_check(catalog.dictionary, table, check.expression)) for check in table.checks)
    checked = CheckedRow(table, _ROW, checks, generated_columns(table, catalog.dictionary, _ROW))
    compiler = ChangeCompiler(module, rows)
    if checked.generated:
        frame.add(f"row = {compiler.completed(checked)}")
    frame.lines += compiler.row_tests(checked, [True] * len(table.columns))
    return compile_function(module, ["row"], "row")


def bound_check(dictionary: Dictionary, table: Table, text: str) -> Expr:
    """The condition of a CHECK over a row of `table`."""
    context, node, value = own_expression(text, dictionary, table, _ROW, "CHECK")
    return operators.boolean(context, node, value, "CHECK")


def _defaults(table: Table, catalog: Catalog) -> Callable[[Any], Row]:
    exprs = [bound_default(catalog.dictionary, table, at) for at in range(len(table.columns))]
    module = Module(catalog)
    compiler = RowsCompiler(module).streams.expressions(module.root)
    return compile_function(module, ["txn"], f"({', '.join(map(compiler.value, exprs))},)")


def default_function(table: Table, catalog: Catalog, position: int) -> Callable[[Any], Any]:
    """A function from a transaction to the default of one column, another one each time if it is volatile."""
    module = Module(catalog)
    value = (
        RowsCompiler(module).streams.expressions(module.root).value(bound_default(catalog.dictionary, table, position))
    )
    return compile_function(module, ["txn"], value)


def condition_function(text: str, catalog: Catalog, table: Table) -> Callable[[Row], bool]:
    """A function that says whether a condition is true for a row of `table`."""
    module = Module(catalog)
    frame = Frame(module, module.root.lines, {_ROW: "row"})
    condition = bound_check(catalog.dictionary, table, text)
    return compile_function(module, ["row"], RowsCompiler(module).streams.expressions(frame).true(condition))


def change_function(
    table: Table, catalog: Catalog, parts: Sequence[tuple[str | int, SqlType]], names: Sequence[str]
) -> Callable[[Row], Row]:
    """A function that makes a new row of an old one, a row of `table`.

    Args:
        table: the old row's definition.
        catalog: where it stands.
        parts: for each column of the new row the position of an old one, or an expression over the old row, and its type;
            the value is converted to it by assignment.
        names: the names of the new columns, for messages.
    """
    module = Module(catalog)
    frame = Frame(module, module.root.lines, {_ROW: "row"})
    compiler = RowsCompiler(module).streams.expressions(frame)
    codes = []
    for (part, target), name in zip(parts, names, strict=True):
        if isinstance(part, int) and table.columns[part].type == target:
            codes.append(f"row[{part}]")
            continue
        text = part if isinstance(part, str) else _quoted(table.columns[part].name)
        context, node, value = own_expression(text, catalog.dictionary, table, _ROW, "ALTER TABLE")
        codes.append(compiler.value(operators.assigned(context, node, value, target, name)))
    return compile_function(module, ["row"], f"({', '.join(codes)},)")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
