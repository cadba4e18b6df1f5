"""Binding of long runs of literals (`runs`): the first, or the first row, has been bound; here are the others."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from exdbsql.engine.query.context import StatementContext
from exdbsql.engine.query.expressions import Column, Expr, Param, ParamRange
from exdbsql.engine.query.plan import OutputColumn, ParamRows, Project, rewrite
from exdbsql.engine.query.runs import NotUsable, Run


def find(context: StatementContext, nodes: Sequence[exp.Expr], *, is_list: bool) -> Run | None:
    """The run that begins with the first of some nodes, which are what the parser saw of it."""
    if not context.runs.by_offset or not nodes or not isinstance(nodes[0], exp.Literal):
        return None
    run = context.runs.take(nodes[0].meta.get("start"), is_list=is_list)
    if run is not None and len(nodes) != run.width:
        raise NotUsable
    return run


def items(run: Run, bound: Sequence[Expr]) -> tuple[Expr, ...]:
    """The items of a list of which the first is bound."""
    first = bound[0]
    if not isinstance(first, Param) or first.slot != run.first:
        raise NotUsable
    return (ParamRange(first.type, False, run.first, run.last - run.first),)


def rows(context: StatementContext, run: Run, exprs: Sequence[Expr], columns: tuple[OutputColumn, ...]) -> Project:
    """All rows, where `exprs` are those of the first."""
    rel = context.new_rel()

    def change(expr: Expr) -> Expr | None:
        if isinstance(expr, Param) and run.first <= expr.slot < run.first + run.width:
            return Column(expr.type, False, rel, expr.slot - run.first, f"column{expr.slot - run.first + 1}")
        return None

    count = (run.last - run.first) // run.width
    source = ParamRows(rel, run.first, count, run.width)
    return Project(source, tuple(rewrite(tuple(exprs), change)), columns, len(exprs))


def settle(context: StatementContext) -> None:
    """Give the other literals the types of the first ones, at the end of binding.

    Raises:
        NotUsable: a run was not dealt with, or one of its literals decided something.
    """
    context.runs.check()
    for run in context.runs.by_offset.values():
        first = context.slots[run.first : run.first + run.width]
        if any(slot.pinned for slot in first):
            raise NotUsable
        for number in range(run.first + run.width, run.last):
            context.slots[number].type = first[(number - run.first) % run.width].type
