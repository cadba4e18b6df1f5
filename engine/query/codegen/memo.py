"""Subqueries with outer references remember what they gave: once for each combination of the outer values that they look at.

``(SELECT avg(b.x) FROM b WHERE b.g = a.g)`` looks at ``a.g`` alone. Where a hundred thousand rows of a share a hundred values of g, it is worked
out a hundred times, as a join with the grouped table would, and without the cost of groups that nobody asks for.

Left alone are subqueries with functions that need not give the same twice (random, nextval, functions of the program), and those
that look at values which cannot be a key of a dictionary, or which are equal without being the same (1.0 and 1.00). What is
remembered is let go at `MOST` entries, so that a large outer table whose values are all different costs no more than that.
"""

from __future__ import annotations

from typing import Final

from exdbsql.engine.query.codegen.module import Frame, Module
from exdbsql.engine.query.expressions import Column
from exdbsql.engine.query.plan import Plan, Scan, used_rels, walk
from exdbsql.engine.query.volatility import gives_the_same

MOST: Final = 50_000
_PLAIN: Final = frozenset({"boolean", "smallint", "integer", "bigint", "text", "character varying", "date", "uuid"})
_MOST_COLUMNS: Final = 3


def remembered(module: Module, plan: Plan, body: Frame, result: str, outer: Frame) -> str:
    """The result of a function whose lines are in `body`, given `plan` that it computes: with lines that look it up first, where they pay.

    `outer` is the frame in which the function is called.
    """
    columns = _outer_columns(plan)
    comes_once = len(outer.env) == 1 and _are_unique(module, columns)
    if not columns or comes_once or not _is_repeatable(plan):
        return result
    codes = [f"{body.env[c.rel]}[{c.index}]" for c in columns]
    key = codes[0] if len(codes) == 1 else f"({', '.join(codes)})"
    memo = module.root.assign("memo", "{}")
    body.lines[:0] = [
        f"if {key} in {memo}:",
        f"    return {memo}[{key}]",
        f"if len({memo}) >= {MOST}:",
        f"    {memo}.clear()",
    ]
    return f"{memo}.setdefault({key}, {result})"


def _outer_columns(plan: Plan) -> list[Column]:
    """The columns from outside that a plan looks at; none where they are too many, or no keys."""
    outer = used_rels(plan)
    found = dict.fromkeys(item for item in walk(plan) if isinstance(item, Column) and item.rel in outer)
    columns = sorted(found, key=lambda c: (c.rel, c.index))
    if len(columns) > _MOST_COLUMNS or any(c.type is None or c.type.name not in _PLAIN for c in columns):
        return []
    return columns


def _are_unique(module: Module, columns: list[Column]) -> bool:
    """Whether the columns hold the primary key of a table: its rows come once each where no join repeats them."""
    for rel in {c.rel for c in columns} & module.scanned.keys():
        key = module.database.table(module.scanned[rel]).definition.key_positions
        if key and set(key) <= {c.index for c in columns if c.rel == rel}:
            return True
    return False


def _is_repeatable(plan: Plan) -> bool:
    """Whether the plan reads tables, so that it is worth it, and calls only functions that give the same for the same."""
    if not any(isinstance(item, Scan) for item in walk(plan)):
        return False
    return gives_the_same(plan)
