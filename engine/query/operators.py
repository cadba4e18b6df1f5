"""Typing of operators: arithmetic, comparison, concatenation, casts. What the operands must be, and what comes out."""

from collections.abc import Sequence
from typing import Any, Final

from sqlglot import exp

from exdbsql.engine.query import interval_operations
from exdbsql.engine.query.context import ASSIGN, COMPARE, STRICT, StatementContext
from exdbsql.engine.query.conversions import (
    apply_modifiers,
    can_assign,
    can_convert_implicitly,
    common_type,
    convert,
    promoted,
    retyped,
    with_fields,
    without_padding,
)
from exdbsql.engine.query.expressions import Call, Compare, Const, Expr, Param
from exdbsql.engine.query.functions import OPERATOR_FUNCTIONS
from exdbsql.engine.query.library.json_values import RawJson
from exdbsql.engine.query.signatures import Function, Resolved, resolve
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DatabaseError
from exdbsql.schema.types import (
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    JSON,
    NUMERIC,
    TEXT,
    SqlType,
)

ARITHMETIC: Final[dict[Any, str]] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
}
COMPARISONS: Final[dict[Any, str]] = {
    exp.EQ: "==",
    exp.NEQ: "!=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
BITWISE: Final[dict[Any, tuple[str, str]]] = {
    exp.BitwiseAnd: ("&", "({0} & {1})"),
    exp.BitwiseOr: ("|", "({0} | {1})"),
    exp.BitwiseXor: ("#", "({0} ^ {1})"),
}
SQL_NAMES: Final = {"==": "=", "!=": "<>"}


def type_name(t: SqlType | None) -> str:
    """A type's name for messages."""
    return "unknown" if t is None else t.name


def no_operator(context: StatementContext, node: exp.Expr, op: str, operands: Sequence[Expr]) -> DatabaseError:
    """The error for an operator that its operands do not have."""
    shown = f" {op} ".join(type_name(e.type) for e in operands)
    if len(operands) == 1:
        shown = f"{op} {shown}"
    return context.error(
        node,
        f"operator does not exist: {shown}",
        sqlstate.UNDEFINED_FUNCTION,
        "no operator matches these types; you might need a cast",
    )


def ambiguous(context: StatementContext, node: exp.Expr, op: str, operands: int = 2) -> DatabaseError:
    """The error for an operator whose operands say nothing about their types."""
    shown = f"unknown {op} unknown" if operands == 2 else f"{op} unknown"
    return context.error(node, f"operator is not unique: {shown}", "42725", "cast an operand, e.g. CAST(? AS integer)")


def arithmetic(context: StatementContext, node: exp.Expr, op: str, left: Expr, right: Expr) -> Expr:
    """``left op right`` with op one of ``+ - * / %``."""
    if left.type is None and right.type is None:
        raise ambiguous(context, node, op)
    special = find_operator(context, node, op, left, right)
    if special is not None:
        return interval_operations.folded(context, special)
    if left.type is None:
        left = _operand_like(context, left, right.known_type, op)
    if right.type is None:
        right = _operand_like(context, right, left.known_type, op)
    a, b = left.known_type, right.known_type
    nullable = left.nullable or right.nullable
    if a.is_numeric and b.is_numeric:
        return _number_operation(context, node, op, left, right)
    if a == DATE and b.is_integer and op in "+-":
        sign = "" if op == "+" else "-"
        return Call(DATE, nullable, op, f"date_plus_days({{0}}, {sign}{{1}})", (left, right))
    if a.is_integer and b == DATE and op == "+":
        return Call(DATE, nullable, op, "date_plus_days({1}, {0})", (left, right))
    if a == DATE and b == DATE and op == "-":
        return Call(INTEGER, nullable, op, "({0} - {1}).days", (left, right))
    raise no_operator(context, node, op, (left, right))


def find_operator(context: StatementContext, node: exp.Expr, op: str, left: Expr, right: Expr) -> Expr | None:
    """``left op right`` from the table of operators; None where it has none for these types.

    An operand of unknown type is taken for one of the other's type if there is an operator for it, as in PostgreSQL.
    """
    candidates = OPERATOR_FUNCTIONS.get(op)
    known = left.type or right.type
    if candidates is None or known is None or (known.is_numeric and left.type and right.type and right.type.is_numeric):
        return None
    types = (left.type, right.type)
    if types == (DATE, DATE) or (None in types and known == DATE):
        return None
    if op == "||" and None in types and not (known.is_array or known.is_json):
        return None
    found = resolve(candidates, (left.type or known, right.type or known)) if None in types else None
    if found is None:
        if None in types and (known == DATE or known.is_numeric):
            return None
        found = resolve(candidates, types)
    return None if found is None else call_of(context, node, found, (left, right))


def call_of(context: StatementContext, node: exp.Expr, found: Resolved, args: Sequence[Expr]) -> Call:
    """The call of an overload with its arguments converted."""
    function = found.function
    converted = []
    for arg, target in zip(args, found.args, strict=True):
        arg = coerced(context, node, arg, target) if target is not None else arg
        converted.append(resolved(context, node, arg, TEXT) if arg.type is None else _for_json(function, arg, target))
    slots = [f"{{{i}}}" for i in range(len(converted))]
    template = function.template
    if function.variadic:
        rest = "".join(f"{slot}, " for slot in slots[1:])
        template = template.replace("{all}", ", ".join(slots)).replace("{rest}", rest)
    nullable = function.nullable or (function.strict and any(a.nullable for a in converted))
    return Call(
        found.result,
        nullable,
        function.name,
        template,
        tuple(converted),
        strict=function.strict,
        checked=function.checked,
        names=function.names,
    )


def _for_json(function: Function, arg: Expr, target: SqlType | None) -> Expr:
    """A json goes as it is into the document that a function builds; its text is not a string there."""
    if isinstance(arg, Call) and arg.template.startswith("RowJson"):
        return arg
    if target is None and arg.type == JSON and "json" in function.name:
        return Call(JSON, arg.nullable, "json", "RawJson({0})", (arg,), names=(("RawJson", RawJson),))
    return arg


def sortable(context: StatementContext, node: exp.Expr | None, expr: Expr) -> Expr:
    """`expr`, which must be of a type that has equality and order."""
    if expr.type is not None and not expr.type.has_order:
        raise context.error(
            node,
            f"could not identify an equality operator for type {expr.type}",
            sqlstate.UNDEFINED_FUNCTION,
            "cast it to jsonb",
        )
    return expr


def _operand_like(context: StatementContext, unknown: Expr, other: SqlType, op: str) -> Expr:
    if other == DATE and op == "+":
        return context.resolve(unknown, INTEGER)
    return context.resolve(unknown, other, STRICT)


def _number_operation(context: StatementContext, node: exp.Expr, op: str, left: Expr, right: Expr) -> Expr:
    result = promoted(left.known_type, right.known_type)
    nullable = left.nullable or right.nullable
    args = (left, right)
    if result.is_float:
        args = (_as_float(left), _as_float(right))
        if op == "%":
            raise no_operator(context, node, op, (left, right))
        template = "float_divide({0}, {1})" if op == "/" else f"({{0}} {op} {{1}})"
        return Call(result, nullable, op, template, args, checked=op != "/")
    if result == NUMERIC:
        template = {"/": "numeric_divide({0}, {1})", "%": "numeric_modulo({0}, {1})"}.get(op, f"({{0}} {op} {{1}})")
        return Call(NUMERIC, nullable, op, template, args)
    template = {"/": "int_divide({0}, {1})", "%": "int_modulo({0}, {1})"}.get(op, f"({{0}} {op} {{1}})")
    return Call(result, nullable, op, template, args, checked=op != "%")


def _as_float(expr: Expr) -> Expr:
    return convert(expr, DOUBLE) if expr.known_type == NUMERIC else expr


def negation(context: StatementContext, node: exp.Expr, arg: Expr) -> Expr:
    """``- arg``."""
    if arg.type is None:
        raise ambiguous(context, node, "-", 1)
    if not arg.type.is_numeric and arg.type.name != "interval":
        raise no_operator(context, node, "-", (arg,))
    t = arg.type.unconstrained
    if isinstance(arg, Const) and arg.value is not None and arg.value not in (-(2**31), -(2**63), -(2**15)):
        return Const(t, False, -arg.value)
    return Call(t, arg.nullable, "-", "(-{0})", (arg,), checked=t.is_integer)


def unify(
    context: StatementContext, node: exp.Expr, exprs: Sequence[Expr], what: str, mode: str = STRICT
) -> tuple[list[Expr], SqlType | None]:
    """The expressions as values of one type, and the type; None where all are unknown."""
    try:
        target = common_type(e.type for e in exprs)
    except TypeError as error:
        raise context.error(
            node, f"{what} types {str(error).replace(' and ', ' and ')} cannot be matched", sqlstate.DATATYPE_MISMATCH
        ) from None
    if target is None:
        return list(exprs), None
    return [coerced(context, node, e, target, mode) for e in exprs], target


def null_of(t: SqlType) -> Const:
    """NULL of a type."""
    return Const(t, True, None)


def coerced(context: StatementContext, node: exp.Expr | None, expr: Expr, target: SqlType, mode: str = STRICT) -> Expr:
    """`expr` converted implicitly to `target`; the types are known to allow it."""
    if expr.type is None:
        return resolved(context, node, expr, target, mode)
    return convert(expr, target)


def resolved(context: StatementContext, node: exp.Expr | None, expr: Expr, target: SqlType, mode: str = STRICT) -> Expr:
    """An unknown literal or parameter as `target`; bad text is an error at its place."""
    try:
        return context.resolve(expr, target, mode)
    except DatabaseError as error:
        context.located(error, node)


def comparable(context: StatementContext, node: exp.Expr, op: str, left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """Both sides of a comparison as values that Python compares as SQL does."""
    if left.type is None and right.type is None:
        left, right = resolved(context, node, left, TEXT), resolved(context, node, right, TEXT)
    elif left.type is None:
        left = resolved(context, node, left, right.known_type, COMPARE)
    elif right.type is None:
        right = resolved(context, node, right, left.known_type, COMPARE)
    left, right = interval_operations.dates_at_midnight(left, right) or (left, right)
    a, b = left.known_type, right.known_type
    if not (a.has_order and b.has_order):
        raise no_operator(context, node, SQL_NAMES.get(op, op), (left, right))
    if a.is_numeric and b.is_numeric:
        if a.is_float != b.is_float and NUMERIC in (a, b):
            return _as_float(left), _as_float(right)  # as PostgreSQL has it; and ten times faster than by exact values
        return left, right  # Python compares numbers of different classes by their exact values
    if a.name == b.name or (a.is_text and b.is_text):
        return (without_padding(left), without_padding(right)) if "character" in (a.name, b.name) else (left, right)
    try:
        target = common_type((a, b))
    except TypeError:
        raise no_operator(context, node, SQL_NAMES.get(op, op), (left, right)) from None
    assert target is not None
    return convert(left, target), convert(right, target)


def comparison(context: StatementContext, node: exp.Expr, op: str, left: Expr, right: Expr) -> Expr:
    """``left op right``."""
    left, right = comparable(context, node, op, left, right)
    return Compare(BOOLEAN, left.nullable or right.nullable, op, left, right)


def concatenation(context: StatementContext, node: exp.Expr, left: Expr, right: Expr) -> Expr:
    """``left || right``: arrays, jsonb, texts, or a text and anything that has a text form."""
    special = None if _text_and_other(left, right) else find_operator(context, node, "||", left, right)
    if special is not None:
        return special
    sides = [resolved(context, node, e, TEXT) if e.type is None else e for e in (left, right)]
    if not any(e.known_type.is_text for e in sides):
        if all(e.known_type.name == "bytea" for e in sides):
            return Call(sides[0].type, left.nullable or right.nullable, "||", "({0} + {1})", tuple(sides))
        raise no_operator(context, node, "||", sides)
    texts = tuple(convert(e, TEXT) for e in sides)
    return Call(TEXT, any(e.nullable for e in texts), "||", "({0} + {1})", texts)


def _text_and_other(left: Expr, right: Expr) -> bool:
    """Whether a text meets something that is no array: then both are texts."""
    types = [e.type for e in (left, right)]
    if None in types or not any(t is not None and t.is_text for t in types):
        return False
    return not any(t is not None and t.is_array for t in types)


def cast(context: StatementContext, node: exp.Expr, arg: Expr, target: SqlType) -> Expr:
    """``CAST(arg AS target)``."""
    if arg.type is None:
        arg = _read(context, node, arg, target)
    elif arg.type.name != target.name:
        try:
            arg = convert(arg, target)
        except TypeError:
            raise context.error(node, f"cannot cast type {arg.type} to {target}", sqlstate.CANNOT_COERCE) from None
    return apply_modifiers(arg, target, explicit=True)


def _read(context: StatementContext, node: exp.Expr | None, arg: Expr, target: SqlType) -> Expr:
    """A literal, or a parameter, as a value for `target`; the fields of an interval say what the numbers in a literal are."""
    is_parameter = isinstance(arg, Param) and arg.slot >= len(context.literals)
    if target.fields is None or is_parameter:
        return resolved(context, node, arg, target)
    return with_fields(resolved(context, node, arg, TEXT), target)


def assigned(context: StatementContext, node: exp.Expr | None, arg: Expr, target: SqlType, column: str) -> Expr:
    """`arg` as INSERT or UPDATE puts it into a column."""
    if arg.type is None:
        if isinstance(arg, Param) and arg.slot >= len(context.literals):
            slot = context.slots[arg.slot]
            arg = resolved(context, node, arg, target, ASSIGN)
            if slot.mode == ASSIGN and arg.type == target:
                return arg
        else:
            arg = _read(context, node, arg, target)
    source = arg.known_type
    if not can_assign(source, target):
        raise context.error(
            node,
            f'column "{column}" is of type {target} but expression is of type {source}',
            sqlstate.DATATYPE_MISMATCH,
            "rewrite or cast the expression",
        )
    if source == target:
        return arg
    if source.name != target.name:
        arg = convert(arg, target)
    return apply_modifiers(arg, target, explicit=False)


def boolean(context: StatementContext, node: exp.Expr, arg: Expr, clause: str) -> Expr:
    """`arg`, which must be a boolean."""
    if arg.type is None:
        return resolved(context, node, arg, BOOLEAN)
    if arg.type != BOOLEAN:
        raise context.error(
            node,
            f"argument of {clause} must be type boolean, not type {arg.type}",
            sqlstate.DATATYPE_MISMATCH,
        )
    return arg


def implicit(context: StatementContext, node: exp.Expr, arg: Expr, target: SqlType, what: str) -> Expr:
    """`arg` as `target`, by implicit conversion only."""
    if arg.type is None:
        return resolved(context, node, arg, target)
    if not can_convert_implicitly(arg.type, target):
        raise context.error(node, f"{what} must be type {target}, not type {arg.type}", sqlstate.DATATYPE_MISMATCH)
    return convert(arg, target)


__all__ = [
    "ARITHMETIC",
    "BITWISE",
    "COMPARISONS",
    "arithmetic",
    "assigned",
    "boolean",
    "cast",
    "coerced",
    "comparable",
    "comparison",
    "concatenation",
    "implicit",
    "negation",
    "no_operator",
    "resolved",
    "retyped",
    "type_name",
    "unify",
]
