"""The functions of partial indexes and of indexes over expressions: from a row to its value in the index.

The engine asks for one when such an index is made (:mod:`exdbsql.engine.computed_index`).
"""

from __future__ import annotations

from exdbsql.engine.catalog import Definitions
from exdbsql.engine.computed_index import OUTSIDE, IndexFunction
from exdbsql.engine.index import column_part
from exdbsql.engine.keys import KeyPart, canonical
from exdbsql.engine.query import operators
from exdbsql.engine.query.codegen.expressions import ExpressionCompiler
from exdbsql.engine.query.codegen.function import compile_function
from exdbsql.engine.query.codegen.module import Frame, Module
from exdbsql.engine.query.codegen.rows import RowsCompiler
from exdbsql.engine.query.expressions import Expr
from exdbsql.engine.query.row_functions import own_expression
from exdbsql.schema import sqlstate
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.table import IndexColumn, IndexDef, Table
from exdbsql.schema.types import TEXT


def index_function(table: Table, definition: IndexDef, dictionary: Dictionary) -> IndexFunction:
    """Compile the function of an index.

    Raises:
        ProgrammingError: what binding finds (42883, 42703, 42804); 42704, values of an expression have no order.
    """
    module = Module(Definitions(dictionary, {}))
    frame = Frame(module, module.root.lines, {1: "row"})
    compiler = RowsCompiler(module).streams.expressions(frame)
    made = [_part(table, column, dictionary, compiler) for column in definition.columns]
    codes = [code for code, _ in made]
    result = codes[0] if len(codes) == 1 else f"({', '.join(codes)})"
    if definition.where is not None:
        condition = compiler.true(bound_condition(table, definition.where, dictionary, 1))
        result = f"({result}) if {condition} else {module.bind('outside', OUTSIDE)}"
    return IndexFunction(compile_function(module, ["row"], result), tuple(part for _, part in made))


def _part(
    table: Table, column: IndexColumn, dictionary: Dictionary, compiler: ExpressionCompiler
) -> tuple[str, KeyPart]:
    """Source of one part of the value, and what the order must know of it."""
    if column.expression is None:
        part = column_part(table, column)
        code = f"row[{table.column_index(column.name)}]"
    else:
        expr = bound_expression(table, column.expression, dictionary, 1)
        may_be_nan = expr.known_type.is_float or expr.known_type.name == "numeric"
        part = KeyPart(True, may_be_nan, column.descending, column.nulls_swapped)
        code = compiler.value(expr)
    if part.may_be_nan:
        code = f"{compiler.frame.module.bind('canonical', canonical)}({code})"
    return code, part


def bound_expression(table: Table, text: str, dictionary: Dictionary, rel: int) -> Expr:
    """An expression in the key of an index, over a row as relation `rel`."""
    context, node, expr = own_expression(text, dictionary, table, rel, "an index expression", nullable=False)
    if expr.type is None:
        expr = operators.resolved(context, node, expr, TEXT)
    if not expr.known_type.has_order:
        message = f"the expression {text} cannot be part of a key: the type {expr.type} has no order"
        raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_OBJECT)
    return expr


def bound_condition(table: Table, text: str, dictionary: Dictionary, rel: int) -> Expr:
    """The condition of a partial index, over a row as relation `rel`."""
    context, node, value = own_expression(text, dictionary, table, rel, "an index predicate", nullable=False)
    return operators.boolean(context, node, value, "WHERE")
