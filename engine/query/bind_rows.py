"""Row values: ``(a, b) < (c, d)``, ``= (SELECT ...)``, IN, ANY, IS NULL, IS DISTINCT FROM (PostgreSQL's manual, section 9.24).

A row never becomes a value of its own: what meets it takes it apart, column by column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from exdbsql.engine.query import bind_whole_rows as whole_rows
from exdbsql.engine.query import operators
from exdbsql.engine.query.bind_once import all_evaluated_once, may_be_repeated
from exdbsql.engine.query.context import name_of
from exdbsql.engine.query.expressions import (
    Call,
    Const,
    Expr,
    InSubquery,
    IsDistinct,
    IsNull,
    Logical,
    Not,
    RowSubquery,
    conjunction,
    true,
)
from exdbsql.engine.query.library.row_order import ordered_as
from exdbsql.engine.query.plan import output_columns
from exdbsql.schema import sqlstate
from exdbsql.schema.types import BOOLEAN, TEXT

if TYPE_CHECKING:
    from exdbsql.engine.query.bind_expressions import ExpressionBinder


def is_row(node: exp.Expr) -> bool:
    """Whether a node is a row of values."""
    if isinstance(node, exp.Paren):
        return is_row(node.this)
    return isinstance(node, exp.Tuple) or (isinstance(node, exp.Anonymous) and name_of(node.this) == "row")


def parts(node: exp.Expr) -> list[exp.Expr]:
    """The values of a row."""
    return parts(node.this) if isinstance(node, exp.Paren) else list(node.expressions)


def values(binder: ExpressionBinder, node: exp.Expr, width: int | None) -> list[Expr]:
    """The bound values of a row, or of the one row of a subquery."""
    if is_row(node):
        return [binder.bind(part) for part in parts(node)]
    from exdbsql.engine.query.bind_expressions import query_in

    query = query_in(node)
    if query is None:
        raise binder.context.unsupported(node, "a comparison of a row with something else")
    plan = binder.queries.bind(query, binder.scope)
    columns = output_columns(plan)
    if width is not None and len(columns) != width:
        many = "many" if len(columns) > width else "few"
        raise binder.context.error(node, f"subquery has too {many} columns", sqlstate.SYNTAX_ERROR)
    row = RowSubquery(TEXT, True, plan)
    return [Call(c.type or TEXT, True, c.name, f"{{0}}[{i}]", (row,)) for i, c in enumerate(columns)]


def comparison(binder: ExpressionBinder, node: exp.Expr, op: str, left: exp.Expr, right: exp.Expr) -> Expr:
    """A comparison of two rows."""
    width = len(parts(left)) if is_row(left) else len(parts(right))
    a, b = values(binder, left, width), values(binder, right, width)
    _check_widths(binder, node, a, b)
    return compared(binder, node, op, a, b)


def _check_widths(binder: ExpressionBinder, node: exp.Expr, left: list[Expr], right: list[Expr]) -> None:
    if len(left) != len(right):
        raise binder.context.error(node, "unequal number of entries in row expressions", sqlstate.SYNTAX_ERROR)
    if not left:
        raise binder.context.error(node, "cannot compare rows of zero length", sqlstate.FEATURE_NOT_SUPPORTED)


def in_list(binder: ExpressionBinder, node: exp.In) -> Expr:
    """``row IN (row, ...)``: the row on the left is bound, and evaluated, once."""
    left = values(binder, node.this, None)
    items = []
    for item in node.expressions:
        equality = exp.EQ(this=node.this, expression=item)
        right = values(binder, whole_rows.taken_apart(binder, item), len(left))
        _check_widths(binder, equality, left, right)
        items.append((equality, right))

    def any_equal(row: list[Expr]) -> Expr:
        equal = [compared(binder, equality, "==", row, right) for equality, right in items]
        return equal[0] if len(equal) == 1 else Logical(BOOLEAN, any(e.nullable for e in equal), "or", tuple(equal))

    return all_evaluated_once(left, any_equal) if len(items) > 1 else any_equal(left)


def compared(binder: ExpressionBinder, node: exp.Expr, op: str, left: list[Expr], right: list[Expr]) -> Expr:
    """``left op right`` for rows of the same width: the first column that differs decides."""
    if op in ("==", "!="):
        pairs = zip(left, right, strict=True)
        equal = conjunction([operators.comparison(binder.context, node, "==", a, b) for a, b in pairs]) or true()
        return equal if op == "==" else Not(BOOLEAN, equal.nullable, equal)
    if not all(map(may_be_repeated, (*left, *right))):
        return _compared_once(binder, node, op, left, right)
    strict = op.rstrip("=")
    result = operators.comparison(binder.context, node, op, left[-1], right[-1])
    for a, b in zip(left[-2::-1], right[-2::-1], strict=True):
        beyond = operators.comparison(binder.context, node, strict, a, b)
        same = operators.comparison(binder.context, node, "==", a, b)
        rest = Logical(BOOLEAN, same.nullable or result.nullable, "and", (same, result))
        result = Logical(BOOLEAN, beyond.nullable or rest.nullable, "or", (beyond, rest))
    return result


def _compared_once(binder: ExpressionBinder, node: exp.Expr, op: str, left: list[Expr], right: list[Expr]) -> Expr:
    """An ordering of rows with values that may not stand in it twice."""
    pairs = [operators.comparable(binder.context, node, op, a, b) for a, b in zip(left, right, strict=True)]
    args = tuple(value for pair in pairs for value in pair)
    tested = ", ".join(f"({{{2 * i}}}, {{{2 * i + 1}}})" for i in range(len(pairs)))
    template = f"ordered_as({op!r}, ({tested}))"
    nullable = any(a.nullable for a in args)
    return Call(BOOLEAN, nullable, op, template, args, strict=False, names=(("ordered_as", ordered_as),))


def is_null(binder: ExpressionBinder, node: exp.Expr, negated: bool) -> Expr:
    """``row IS [NOT] NULL``: whether all of its values are, or are not."""
    tests: list[Expr] = []
    for part in parts(node):
        arg = binder.bind(part)
        arg = operators.resolved(binder.context, part, arg, TEXT) if arg.type is None else arg
        tests.append(IsNull(BOOLEAN, False, arg, negated))
    return conjunction(tests) or true()


def distinct_from(binder: ExpressionBinder, node: exp.NullSafeEQ | exp.NullSafeNEQ) -> Expr:
    """``row IS [NOT] DISTINCT FROM row``."""
    if not (is_row(node.this) and is_row(node.expression)):
        raise binder.context.unsupported(node, "a comparison of a row with something else")
    left, right = values(binder, node.this, None), values(binder, node.expression, None)
    if len(left) != len(right):
        raise binder.context.error(node, "unequal number of entries in row expressions", sqlstate.SYNTAX_ERROR)
    same: list[Expr] = []
    for a, b in zip(left, right, strict=True):
        a, b = operators.comparable(binder.context, node, "=", a, b)
        same.append(IsDistinct(BOOLEAN, False, a, b, True))
    equal = conjunction(same) or true()
    return equal if isinstance(node, exp.NullSafeEQ) else Not(BOOLEAN, False, equal)


def quantified(binder: ExpressionBinder, node: exp.Expr, op: str, query: exp.Expr, every: bool) -> Expr:
    """``row = ANY (SELECT ...)`` and ``row <> ALL (SELECT ...)``."""
    if (op, every) not in (("==", False), ("!=", True)):
        raise binder.context.unsupported(node, "a row with ANY or ALL other than = ANY and <> ALL")
    plan = binder.queries.bind(query, binder.scope)
    columns = output_columns(plan)
    bound = values(binder, node.this, None)
    if len(bound) != len(columns):
        many = "many" if len(columns) > len(bound) else "few"
        raise binder.context.error(node, f"subquery has too {many} columns", sqlstate.SYNTAX_ERROR)
    args = []
    for arg, column in zip(bound, columns, strict=True):
        arg, _ = operators.comparable(binder.context, node, "=", arg, Const(column.type or TEXT, column.nullable, None))
        args.append(arg)
    nullable = any(a.nullable for a in args) or any(c.nullable for c in columns)
    found = InSubquery(BOOLEAN, nullable, tuple(args), plan)
    return Not(BOOLEAN, nullable, found) if every else found
