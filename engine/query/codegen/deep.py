"""Source of expressions that are too deep or too long to be one expression of Python: functions of their own.

Python's parser takes 200 brackets within each other, and a level of SQL needs several. So where an expression is `MOST_LEVELS` deep, what is
below goes into a function that is called in its place; it is evaluated when it would have been. A long chain of operators
(`Fold`) becomes a function of one line for each operator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from exdbsql.engine.query.codegen.module import Frame
from exdbsql.engine.query.expressions import Column, Expr, Fold
from exdbsql.engine.query.plan import used_rels, walk

MOST_LEVELS: Final = 12


def function_call(frame: Frame, wish: str, expr: Expr, code: Callable[[Frame], str]) -> str:
    """The call of a new function that gives what `code` has for a frame of its own; `expr` says what it depends on."""
    columns = [item for item in walk(expr) if isinstance(item, Column)]
    single = {(c.rel, c.index): frame.columns[c.rel, c.index] for c in columns if (c.rel, c.index) in frame.columns}
    whole = used_rels(expr) - {rel for rel, _ in single}
    rels = {rel: frame.env[rel] for rel in sorted(whole) if rel in frame.env}
    body = Frame(frame.module, [], rels, single, frame.accumulator)
    name = frame.module.name(wish)
    arguments = list(dict.fromkeys([*rels.values(), *single.values()]))
    if frame.accumulator:
        arguments.append(frame.accumulator)
    result = code(body)
    frame.module.root.define(name, arguments, body, result)
    return f"{name}({', '.join(arguments)})"


def chain(frame: Frame, expr: Fold, value: Callable[[Frame, Expr], str]) -> str:
    """The call of a function that goes along a chain of operators."""

    def steps(body: Frame) -> str:
        first = value(body, expr.first)
        body.accumulator = frame.module.temporary()
        body.add(f"{body.accumulator} = {first}")
        for step in expr.steps:
            body.add(f"{body.accumulator} = {value(body, step)}")
        return body.accumulator

    return function_call(frame, "chain", expr, steps)
