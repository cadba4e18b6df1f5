"""Whether an expression is that of an index, and whether conditions imply the condition of a partial index.

The definition's text is bound like a statement of its own, with its literals lifted, so that it gets the form that the same text gets
in a statement. Then the two are compared part by part. Literals are compared by value; where that decides something, the
statement's literal is *pinned*: the plan holds for this value only. A user's parameter has no value yet, and so equals none.

What implies what is found out as PostgreSQL's `predtest.c` does it, in part: a condition implies itself, an AND implies its parts, a part
implies its OR; what is true of a value implies that it IS NOT NULL; a comparison with a constant implies a wider one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Final

from exdbsql.engine.query import operators
from exdbsql.engine.query.bind_expressions import ExpressionBinder
from exdbsql.engine.query.bind_query import QueryBinder
from exdbsql.engine.query.context import StatementContext
from exdbsql.engine.query.expressions import (
    Call,
    Column,
    Compare,
    Const,
    Expr,
    InList,
    IsNull,
    IsTruth,
    Logical,
    Not,
    Param,
    conjuncts,
)
from exdbsql.engine.query.lexical import lift_literals
from exdbsql.engine.query.parse import parse_statement
from exdbsql.engine.query.plan import CHILD_FIELDS, rewrite
from exdbsql.engine.query.scope import Scope, table_source
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import Error
from exdbsql.schema.table import IndexDef, Table
from exdbsql.schema.types import TEXT

REL: Final = 1
"""The relation number of the row in the expressions of an index."""

_UNKNOWN: Final = object()
_FLIPPED: Final = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}
_HOLDS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class BoundIndex:
    """The expressions of an index over a row as relation `REL`.

    Attributes:
        parts: for each part of the key the expression, or None for a column.
        where: the parts of the condition that AND joins.
        contexts: in which each of `parts`, and at the end the condition, was bound: they know the values of its literals.
    """

    parts: tuple[Expr | None, ...]
    where: tuple[Expr, ...]
    contexts: tuple[StatementContext | None, ...]

    def over(self, rel: int) -> tuple[Expr | None, ...]:
        """The parts over relation `rel`, with their literals as constants."""
        return tuple(
            None if part is None else rewrite(part, partial(_constant, context, rel))
            for part, context in zip(self.parts, self.contexts[:-1], strict=True)
        )


def _constant(context: StatementContext | None, rel: int, expr: Expr) -> Expr | None:
    if isinstance(expr, Column):
        return replace(expr, rel=rel)
    value = _value(expr, context) if isinstance(expr, Param) else _UNKNOWN
    return None if value is _UNKNOWN else Const(expr.type, False, value)


def bound_index(table: Table, index: IndexDef, dictionary: Dictionary) -> BoundIndex:
    """Bind the expressions of an index, which was checked when it was made."""
    bound = [None if c.expression is None else _bound(table, c.expression, dictionary) for c in index.columns]
    condition = None if index.where is None else _bound(table, index.where, dictionary)
    return BoundIndex(
        tuple(None if one is None else one[1] for one in bound),
        () if condition is None else tuple(conjuncts(condition[1])),
        (*(None if one is None else one[0] for one in bound), None if condition is None else condition[0]),
    )


def _bound(table: Table, text: str, dictionary: Dictionary) -> tuple[StatementContext, Expr]:
    statement = f"SELECT {text}"
    parsed = parse_statement(statement, types=dictionary.types)
    context = StatementContext.of(parsed, dictionary, lift_literals(statement).literals)
    scope = Scope(context)
    scope.add(table_source(table, table.name, REL), None)
    context.next_rel = REL + 1
    node = parsed.tree.expressions[0]
    expr = ExpressionBinder(context, scope, QueryBinder(context), "an index").bind(node)
    return context, operators.resolved(context, node, expr, TEXT) if expr.type is None else expr


class Matcher:
    """Compares expressions of a statement, over a relation of it, with those of an index.

    Attributes:
        pinned: slots of the statement's literals that comparisons have depended on.
        decisive: those of them that were compared for equality: another value might decide otherwise.
    """

    def __init__(self, context: StatementContext | None, rel: int) -> None:
        self.context = context
        self.rel = rel
        self.pinned: set[int] = set()
        self.decisive: set[int] = set()

    def pin(self, *, matched: bool) -> None:
        """The plan depends on the literals that were compared; where nothing `matched`, on those only that another statement of the shape
        is likely to have the wanted value of."""
        if self.context is not None:
            for slot in self.pinned if matched else self.decisive:
                self.context.slots[slot].pinned = True

    def same(self, mine: Any, other: Any, context: StatementContext | None) -> bool:
        """Whether `mine` is what `other`, bound in `context`, is."""
        if isinstance(mine, (Param, Const)):
            if not isinstance(other, (Param, Const)) or mine.type != other.type:
                return False
            value = self._value(mine, decisive=True)
            return value is not _UNKNOWN and _equal(value, _value(other, context))
        if isinstance(mine, Column):
            return isinstance(other, Column) and (mine.rel, mine.index) == (self.rel, other.index)
        if isinstance(mine, tuple):
            both = isinstance(other, tuple) and len(mine) == len(other)
            return both and all(self.same(a, b, context) for a, b in zip(mine, other, strict=True))
        if type(mine) is not type(other):
            return False
        if type(mine) not in CHILD_FIELDS:
            return bool(mine == other)
        names = [field.name for field in fields(mine) if field.name != "nullable"]
        return all(self.same(getattr(mine, name), getattr(other, name), context) for name in names)

    def implies(self, conditions: Sequence[Expr], wanted: Expr, context: StatementContext | None) -> bool:
        """Whether rows for which all `conditions` are true fulfil `wanted`, a condition bound in `context`."""
        if isinstance(wanted, Logical):
            combine = all if wanted.op == "and" else any
            if combine(self.implies(conditions, part, context) for part in wanted.args):
                return True
        return any(self._one_implies(condition, wanted, context) for condition in conditions)

    def _one_implies(self, condition: Expr, wanted: Expr, context: StatementContext | None) -> bool:
        if isinstance(condition, Logical):
            combine = any if condition.op == "and" else all
            if combine(self.implies((part,), wanted, context) for part in condition.args):
                return True
        if self.same(condition, wanted, context):
            return True
        if isinstance(wanted, IsNull) and wanted.negated:
            return any(self.same(part, wanted.arg, context) for part in never_null(condition))
        if isinstance(wanted, Compare):
            return self._narrower(condition, wanted, context)
        if isinstance(wanted, InList):
            values = [_value(item, context) for item in wanted.items]
            found = self._values_of(condition, wanted.arg, context)
            return (
                found is not None and _UNKNOWN not in values and all(any(_equal(v, w) for w in values) for v in found)
            )
        if isinstance(condition, IsTruth) and condition.value and not condition.negated:
            return self._one_implies(condition.arg, wanted, context)
        return False

    def _narrower(self, condition: Expr, wanted: Compare, context: StatementContext | None) -> bool:
        """Whether a comparison with a constant holds wherever `wanted`, one of the same thing, holds."""
        op, thing, limit = _sided(wanted)
        bound = _value(limit, context)
        if bound is _UNKNOWN or bound is None:
            return False
        found = self._values_of(condition, thing, context)
        if found is not None:
            return all(_compares(op, value, bound) for value in found)
        if not isinstance(condition, Compare):
            return False
        mine, mine_thing, mine_limit = _sided(condition)
        if not self.same(mine_thing, thing, context):
            return False
        value = self._value(mine_limit)
        if value is _UNKNOWN or value is None or mine[0] not in "<>":
            return False
        if op == "!=":  # outside of the range
            return _compares({"<": ">=", "<=": ">", ">": "<=", ">=": "<"}[mine], bound, value)
        if op[0] != mine[0]:
            return False
        return _compares(op[0], value, bound) or (_equal(value, bound) and (op == mine or len(op) == 2))

    def _values_of(self, condition: Expr, thing: Expr, context: StatementContext | None) -> list[Any] | None:
        """The values that a condition leaves `thing`, where it says so."""
        if isinstance(condition, Compare) and condition.op == "==":
            for side, other in ((condition.left, condition.right), (condition.right, condition.left)):
                if self.same(side, thing, context):
                    value = self._value(other, decisive=True)
                    return None if value is _UNKNOWN else [value]
        if isinstance(condition, InList) and self.same(condition.arg, thing, context):
            values = [self._value(item, decisive=True) for item in condition.items]
            return None if _UNKNOWN in values else values
        return None

    def _value(self, expr: Expr, *, decisive: bool = False) -> Any:
        """The value of a literal of the statement, on which the plan depends from now on."""
        found = _value(expr, self.context)
        if found is not _UNKNOWN and isinstance(expr, Param):
            self.pinned.add(expr.slot)
            if decisive:
                self.decisive.add(expr.slot)
        return found


def _value(expr: Expr, context: StatementContext | None) -> Any:
    """The value of a constant or of a literal of `context`; `_UNKNOWN` of anything else."""
    if isinstance(expr, Const):
        return expr.value
    if not isinstance(expr, Param) or context is None or expr.slot >= len(context.literals):
        return _UNKNOWN
    literal = context.literals[expr.slot]
    if literal.type is None and expr.type is not None and not expr.type.is_text:
        try:
            return expr.type.parse(str(literal.value))
        except Error:
            return _UNKNOWN
    return literal.value


def _equal(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


def _compares(op: str, left: Any, right: Any) -> bool:
    try:
        return type(left) is type(right) and bool(_HOLDS[op](left, right))
    except (TypeError, ArithmeticError):
        return False


def _sided(condition: Compare) -> tuple[str, Expr, Expr]:
    """A comparison with what may be a constant on its right."""
    if isinstance(condition.left, (Const, Param)):
        return _FLIPPED[condition.op], condition.right, condition.left
    return condition.op, condition.left, condition.right


def never_null(condition: Expr) -> Iterator[Expr]:
    """The expressions that are not NULL where `condition` is true."""
    match condition:
        case Compare(left=left, right=right):
            yield from _operands(left)
            yield from _operands(right)
        case InList(arg=arg):
            yield from _operands(arg)
        case IsNull(arg=arg, negated=True) | IsTruth(arg=arg, negated=False):
            yield from _operands(arg)
        case Not(arg=Compare() as inner):
            yield from never_null(inner)
        case Call():
            yield from _operands(condition)
        case Column():
            yield condition


def _operands(expr: Expr) -> Iterator[Expr]:
    """An expression that is not NULL, and what it is strict in."""
    yield expr
    if isinstance(expr, Call) and expr.strict:
        for arg in expr.args:
            yield from _operands(arg)
