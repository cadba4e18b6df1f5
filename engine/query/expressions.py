"""Typed expressions: what the binder makes of the syntax tree, and code generation starts from.

An expression knows its type and whether it can be NULL; three-valued logic costs generated code nothing where it cannot.
Names are gone: a column is (relation number, index). All nodes are immutable values, so that "the same expression as in
GROUP BY" is ``==``.

A type of None means *unknown*: a string literal, NULL or parameter whose context has not fixed it yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from exdbsql.schema.types import BOOLEAN, SqlType

if TYPE_CHECKING:
    from exdbsql.engine.query.plan import Plan


@dataclass(frozen=True, slots=True)
class Expr:
    """Base of all expressions."""

    type: SqlType | None
    nullable: bool

    @property
    def known_type(self) -> SqlType:
        """The type, which must be known by now."""
        assert self.type is not None, self
        return self.type


@dataclass(frozen=True, slots=True)
class Const(Expr):
    """A value known when the statement is prepared, in the stored form of its type."""

    value: Any


@dataclass(frozen=True, slots=True)
class Param(Expr):
    """A value given at each run: a lifted literal or a user's parameter, at `slot` of the parameter tuple."""

    slot: int


@dataclass(frozen=True, slots=True)
class ParamRange(Expr):
    """Several parameters of one type that stand side by side, as items of a list."""

    slot: int
    count: int


@dataclass(frozen=True, slots=True)
class Column(Expr):
    """Column `index` of relation `rel`; `name` is for messages only."""

    rel: int
    index: int
    name: str


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A function or operator.

    Attributes:
        name: the SQL name, for plans and messages.
        template: Python source with ``{0}``, ``{1}`` for the arguments.
        args: the arguments.
        strict: NULL if any argument is NULL; otherwise the template deals with None.
        checked: the result is checked against the range of the type (22003).
        names: objects that the template refers to, beside those of the runtime.
    """

    name: str
    template: str
    args: tuple[Expr, ...]
    strict: bool = True
    checked: bool = False
    names: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Accumulator(Expr):
    """What a `Fold` has come to so far."""


@dataclass(frozen=True, slots=True)
class Fold(Expr):
    """A long chain of operators, ``first + a - b + ...``: each of `steps` has the value before it as its `Accumulator`.

    The chain is flat, so that whatever works on it needs no calls within each other along it.
    """

    first: Expr
    steps: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Compare(Expr):
    """``left op right`` with op one of ``== != < <= > >=``."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Logical(Expr):
    """AND or OR of two or more."""

    op: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Not(Expr):
    """Three-valued NOT."""

    arg: Expr


@dataclass(frozen=True, slots=True)
class IsNull(Expr):
    """``arg IS [NOT] NULL``."""

    arg: Expr
    negated: bool


@dataclass(frozen=True, slots=True)
class IsTruth(Expr):
    """``arg IS [NOT] TRUE`` or FALSE."""

    arg: Expr
    value: bool
    negated: bool


@dataclass(frozen=True, slots=True)
class IsDistinct(Expr):
    """``left IS [NOT] DISTINCT FROM right``."""

    left: Expr
    right: Expr
    negated: bool


@dataclass(frozen=True, slots=True)
class InList(Expr):
    """``arg IN (items)``."""

    arg: Expr
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class InArray(Expr):
    """``arg = ANY (array)`` of an array that is the same for all rows."""

    arg: Expr
    array: Expr


@dataclass(frozen=True, slots=True)
class Case(Expr):
    """Searched CASE; the simple form is bound to it."""

    whens: tuple[tuple[Expr, Expr], ...]
    default: Expr


@dataclass(frozen=True, slots=True)
class Coalesce(Expr):
    """The first argument that is not NULL."""

    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class ScalarSubquery(Expr):
    """The one value of a subquery of one column; NULL of none; error 21000 of more than one row.

    `whole`: an array of all its values instead.
    """

    plan: Plan
    whole: bool = False


@dataclass(frozen=True, slots=True)
class RowSubquery(Expr):
    """The one row of a subquery as a tuple; NULL of none. Only what takes it apart may hold it."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Exists(Expr):
    """Whether the subquery has a row."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class HasMatch(Expr):
    """Whether a row of `plan`, which depends on no other relation, has these values, and none of them is NULL; made of EXISTS by a rule."""

    args: tuple[Expr, ...]
    plan: Plan


@dataclass(frozen=True, slots=True)
class InSubquery(Expr):
    """``args IN (plan)``, one argument for each column."""

    args: tuple[Expr, ...]
    plan: Plan


@dataclass(frozen=True, slots=True)
class Quantified(Expr):
    """``arg op ANY (plan)`` or ALL."""

    op: str
    arg: Expr
    plan: Plan
    every: bool


@dataclass(frozen=True, slots=True)
class Clock(Expr):
    """The time at which the statement started, the same wherever it is used."""


def null(type_: SqlType | None = None) -> Const:
    """NULL, of a type or of none yet."""
    return Const(type_, True, None)


def true() -> Const:
    """TRUE."""
    return Const(BOOLEAN, False, True)


def conjunction(parts: list[Expr]) -> Expr | None:
    """AND of all parts; None of none."""
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    return Logical(BOOLEAN, any(p.nullable for p in parts), "and", tuple(parts))


def conjuncts(condition: Expr | None) -> list[Expr]:
    """The parts of a condition that are joined by AND at its top."""
    if condition is None:
        return []
    if isinstance(condition, Logical) and condition.op == "and":
        return [part for arg in condition.args for part in conjuncts(arg)]
    return [condition]
