"""Signatures of functions: fixed types, polymorphic ones, any number of arguments; and which overload a call means.

The choice follows PostgreSQL's rule in short (manual, section 10.3): of the overloads that all arguments convert to implicitly,
the one with the most exact matches; the order of the rows says which is preferred where that leaves several, as it does for
literals of unknown type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

from exdbsql.engine.query.conversions import can_convert_implicitly, common_type
from exdbsql.schema.types import DOUBLE, TEXT, SqlType, array_of


class Poly(Enum):
    """Polymorphic arguments and results, which stand for one type within a call; `ANY` for each its own."""

    ELEMENT = "anyelement"
    ARRAY = "anyarray"
    ENUM = "anyenum"
    ANY = "any"


Kind: TypeAlias = SqlType | Poly
Result: TypeAlias = Kind | Callable[[Sequence[SqlType]], SqlType]


@dataclass(frozen=True, slots=True)
class Function:
    """One overload.

    Attributes:
        name: SQL name.
        args: types of the arguments.
        result: type of the result; polymorphic, or computed from the arguments' types.
        template: Python source, ``{0}`` for the first argument, ``{all}`` for all of them with commas.
        checked: check the result against the range of its type.
        strict: NULL if any argument is NULL.
        variadic: the last argument comes any number of times.
        least: how many arguments a variadic call has at least.
        nullable: NULL may come out though no argument is NULL.
        names: objects that the template refers to, beside those of the runtime.
        types_too: the template takes the arguments' types: ``{types}``.
        rows: a set-returning function: names and kinds of its columns; `result` is that of its only column, if there is one.
    """

    name: str
    args: tuple[Kind, ...]
    result: Result
    template: str
    checked: bool = False
    strict: bool = True
    variadic: bool = False
    least: int = 0
    nullable: bool = False
    names: tuple[tuple[str, Any], ...] = ()
    types_too: bool = False
    rows: tuple[tuple[str, Kind], ...] | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """An overload, with the type that each argument becomes, and the type of the result."""

    function: Function
    args: tuple[SqlType | None, ...]
    result: SqlType
    columns: tuple[tuple[str, SqlType], ...] = ()


def resolve(candidates: Sequence[Function], types: Sequence[SqlType | None]) -> Resolved | None:
    """The overload for arguments of these types (None: unknown); None where no one fits."""
    best: Resolved | None = None
    best_score = (-1, 0)
    for function in candidates:
        found = _fitted(function, types)
        if found is not None:
            score = _score(types, found.args)
            if score > best_score:
                best, best_score = found, score
    return best


def _score(types: Sequence[SqlType | None], args: Sequence[SqlType | None]) -> tuple[int, int]:
    """How many arguments are of the very type, and how many unknown ones become what PostgreSQL prefers among numbers."""
    pairs = list(zip(types, args, strict=True))
    exact = sum(1 for t, a in pairs if t is not None and a is not None and t.name == a.name)
    return exact, sum(1 for t, a in pairs if t is None and a == DOUBLE)


def _expanded(function: Function, count: int) -> tuple[Kind, ...] | None:
    if not function.variadic:
        return function.args if len(function.args) == count else None
    fixed = function.args[:-1]
    if count < max(len(fixed), function.least):
        return None
    return (*fixed, *[function.args[-1]] * (count - len(fixed)))


def _fitted(function: Function, types: Sequence[SqlType | None]) -> Resolved | None:
    kinds = _expanded(function, len(types))
    if kinds is None:
        return None
    element = None
    if any(isinstance(k, Poly) and k is not Poly.ANY for k in kinds):
        try:
            element = _element(kinds, types)
        except TypeError:
            return None
        if element is None:
            return None
    targets: list[SqlType | None] = []
    for kind, t in zip(kinds, types, strict=True):
        target = bound(kind, element)
        if target is None:  # ANY
            targets.append(None)
            continue
        if t is not None and not can_convert_implicitly(t, target):
            return None
        targets.append(target)
    shown = [target or t or TEXT for target, t in zip(targets, types, strict=True)]
    result = function.result
    made = bound(result, element) if isinstance(result, (SqlType, Poly)) else result(shown)
    assert made is not None
    columns = tuple((name, bound(kind, element) or TEXT) for name, kind in function.rows or ())
    return Resolved(function, tuple(targets), made, columns)


def bound(kind: Kind, element: SqlType | None) -> SqlType | None:
    """The type that a kind stands for, where `element` is the polymorphic element; None for ANY."""
    if isinstance(kind, SqlType):
        return kind
    if kind is Poly.ANY or element is None:
        return None
    return array_of(element) if kind is Poly.ARRAY else element


def _element(kinds: Sequence[Kind], types: Sequence[SqlType | None]) -> SqlType | None:
    """The element type that the polymorphic arguments agree on; None where nothing says it; TypeError where they do not agree."""
    found: list[SqlType] = []
    for kind, t in zip(kinds, types, strict=True):
        if t is None or not isinstance(kind, Poly) or kind is Poly.ANY:
            continue
        if kind is Poly.ARRAY:
            if t.element is None:
                raise TypeError
            found.append(t.element.unconstrained)
        elif kind is Poly.ENUM:
            if not t.is_enum:
                raise TypeError
            found.append(t)
        else:
            found.append(t.unconstrained)
    return common_type(found)


_SHOWN: Final = 4


def takes(name: str, overloads: Sequence[Function]) -> str:
    """A hint that shows which arguments a function takes."""
    shown = []
    for function in overloads:
        kinds = [kind.name if isinstance(kind, SqlType) else kind.value for kind in function.args]
        if function.variadic:
            kinds[-1] += ", ..."
        text = f"{name}({', '.join(kinds)})"
        if text not in shown:
            shown.append(text)
    more = len(shown) - _SHOWN
    return f"there is {', '.join(shown[:_SHOWN])}{f' and {more} more' if more > 0 else ''}; you might need a cast"
