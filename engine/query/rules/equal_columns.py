"""Columns that the conditions of a tree of inner joins say are equal, and what follows for pairs that no condition names.

From ``a.x = b.x AND b.x = c.x`` follows ``a.x = c.x``: then a and c may be joined first. Of the equalities of such a class a join needs one
only, for the columns of the class within each of its sides are equal already. That holds as long as no relation has two columns of the
class, which joining it once would not compare; such classes are left as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

from exdbsql.engine.query.expressions import Column, Compare, Expr
from exdbsql.engine.query.plan import Plan, provided_rels
from exdbsql.schema.types import BOOLEAN

Place: TypeAlias = tuple[int, int]
"""A column by its relation and its position there."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a join. Of those with the same `group` (None: it stands for itself) a join needs one."""

    expr: Expr
    group: int | None = None


def with_implied(conditions: list[Expr], relations: list[Plan]) -> list[Condition]:
    """The conditions of a tree of inner joins of these relations, and the equalities that follow from them, those at the end."""
    homes = {rel: i for i, relation in enumerate(relations) for rel in provided_rels(relation)}
    equal = [_columns(expr, homes) for expr in conditions]
    pairs = [pair for pair in equal if pair is not None]
    groups = [g for g in _classes(pairs) if _is_usable(g, homes)] if len(pairs) > 1 else []
    if not groups:
        return [Condition(expr) for expr in conditions]
    numbers = {place: number for number, group in enumerate(groups) for place in group}
    found = [
        Condition(expr, numbers.get(_place(pair[0])) if pair is not None else None)
        for expr, pair in zip(conditions, equal, strict=True)
    ]
    written = {frozenset(map(_place, pair)) for pair in pairs}
    for number, group in enumerate(groups):
        for (one, a), (other, b) in combinations(group.items(), 2):
            if frozenset((one, other)) not in written:
                found.append(Condition(Compare(BOOLEAN, a.nullable or b.nullable, "==", a, b), number))
    return found


def _place(column: Column) -> Place:
    return column.rel, column.index


def _columns(expr: Expr, homes: dict[int, int]) -> tuple[Column, Column] | None:
    """The columns of one type of two relations that a condition says are equal."""
    match expr:
        case Compare(op="==", left=Column() as a, right=Column() as b):
            if a.type == b.type and a.rel in homes and b.rel in homes and homes[a.rel] != homes[b.rel]:
                return a, b
    return None


def _classes(pairs: list[tuple[Column, Column]]) -> list[dict[Place, Column]]:
    """The columns that are equal to each other, in the order in which they were named."""
    of: dict[Place, dict[Place, Column]] = {}
    for a, b in pairs:
        one = of.setdefault(_place(a), {_place(a): a})
        other = of.setdefault(_place(b), {_place(b): b})
        if one is not other:
            one.update(other)
            of.update(dict.fromkeys(other, one))
    return list({id(group): group for group in of.values()}.values())


def _is_usable(group: dict[Place, Column], homes: dict[int, int]) -> bool:
    """Whether something follows from a class: three columns, each of another relation."""
    return len(group) > 2 and len({homes[rel] for rel, _ in group}) == len(group)
