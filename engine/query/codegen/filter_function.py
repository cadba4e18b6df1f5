"""A function that counts the rows of a list for which conditions are true: the filters of a scan, tried on a sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from exdbsql.engine.catalog import Catalog
from exdbsql.engine.query.codegen.module import Frame, Module, indented
from exdbsql.engine.query.codegen.rows import RowsCompiler
from exdbsql.engine.query.expressions import Expr
from exdbsql.engine.query.runtime import ALL_NAMES


class Unpredictable(Exception):
    """The conditions need more than a row and literals: the clock, or rows of tables."""


def compile_filters(
    catalog: Catalog, rel: int, conditions: Sequence[Expr]
) -> Callable[[Sequence[Any], Sequence[Any]], int]:
    """The function, of rows and the statement's literals.

    Raises:
        Unpredictable: not to be known before the statement runs.
    """
    module = Module(catalog)
    compiler = RowsCompiler(module).streams.expressions(Frame(module, [], {rel: "row"}))
    tests = " ".join(f"if {compiler.true(c)}" for c in conditions)
    lines = [f"p{slot} = p[{slot}]" for slot in sorted(module.slots)] + module.root.lines
    if module.clock or any("txn" in line for line in lines):
        raise Unpredictable
    body = [*lines, f"return len([1 for row in rows {tests}])"]
    if module.numeric:
        body = ["with localcontext(NUMERIC_CONTEXT):", *indented(body)]
    source = "\n".join(["def count(rows, p):", *indented(body), ""])
    scope: dict[str, Any] = {**ALL_NAMES, **module.names}
    exec(compile(source, "<sample>", "exec"), scope)  # noqa: S102  # the source is ours, values are never in it
    count: Callable[[Sequence[Any], Sequence[Any]], int] = scope["count"]
    return count
