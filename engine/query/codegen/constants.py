"""Constant folding: what is the same for all rows of a statement is computed once, before the loops.

Literals are parameters of a statement's function (`lexical`), so ``10 * 60`` cannot be computed when it is planned, but when it begins to run.
An expression that fails, such as a division by zero, fails only where a row asks for it: so the error is kept back, and comes
when the expression is computed again in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from exdbsql.engine.query.codegen.module import Frame
from exdbsql.engine.query.expressions import Call, Clock, Const, Param
from exdbsql.engine.query.plan import walk
from exdbsql.engine.query.volatility import gives_the_same

_LEAVES: Final = (Param, Const, Clock)


def is_constant(expr: Call, frame: Frame) -> bool:
    """Whether there are rows in sight for which an expression is the same."""
    if not frame.module.folds or not (frame.env or frame.columns) or not expr.args:
        return False
    parts = list(walk(expr))
    if not all(isinstance(part, (Call, *_LEAVES)) for part in parts):
        return False
    return gives_the_same(expr)


def folded(expr: Call, frame: Frame, code: Callable[[Frame], str]) -> str:
    """Source of the value that was computed before the loops; `code` gives that of the expression."""
    module = frame.module
    name = module.hoisted.get(("constant", expr))
    if name is None:
        name = module.hoisted["constant", expr] = module.name("constant")
        body = Frame(module)
        module.root.define(f"compute_{name}", [], body, code(body))
        module.root.add(f"{name}_known, {name} = tried(compute_{name})")
    return f"({name} if {name}_known else compute_{name}())"
