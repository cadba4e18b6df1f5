"""The whole function: head (parameters, clock), lines, result; compiled, with a name that tracebacks show."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from exdbsql.engine.catalog import Catalog
from exdbsql.engine.query.codegen.changes import ChangeCompiler
from exdbsql.engine.query.codegen.module import Module, indented
from exdbsql.engine.query.codegen.rows import RowsCompiler
from exdbsql.engine.query.nesting import too_complex
from exdbsql.engine.query.runtime import ALL_NAMES
from exdbsql.engine.query.statements import BoundStatement

_NUMBERS: Final = itertools.count(1)
_MANY: Final = 20


@dataclass(frozen=True, slots=True)
class CompiledFunction:
    """A function ``run(txn, p)`` and its source."""

    source: str
    call: Callable[[Any, tuple[Any, ...]], Any]


def compile_statement(bound: BoundStatement, database: Catalog) -> CompiledFunction:
    """Generate and compile the function of a bound statement."""
    module = Module(database, folds=True)
    rows = RowsCompiler(module)
    if bound.changes:
        result = ChangeCompiler(module, rows).compile(bound)
    else:
        assert bound.query is not None
        result = rows.rows(bound.query, module.root)
    body = _body(module, result)
    head = _parameters(module.slots)
    source = "\n".join(["def run(txn, p):", *indented([*head, *body]), ""])
    return CompiledFunction(source, _compiled(source, module.names))


def _parameters(slots: Collection[int]) -> list[str]:
    """Lines that put the parameters into variables."""
    if len(slots) > _MANY and max(slots) < 2 * len(slots):
        count = max(slots) + 1
        return [f"{', '.join(f'p{slot}' for slot in range(count))}, = p[:{count}]"]
    return [f"p{slot} = p[{slot}]" for slot in sorted(slots)]


def compile_function(module: Module, arguments: Sequence[str], result: str) -> Callable[..., Any]:
    """Compile a function of other arguments that gives `result`, source of an expression."""
    source = "\n".join([f"def run({', '.join(arguments)}):", *indented(_body(module, result)), ""])
    return _compiled(source, module.names)


def _body(module: Module, result: str) -> list[str]:
    body = [*module.root.lines, f"return {result}"]
    if module.numeric:
        body = ["with localcontext(NUMERIC_CONTEXT):", *indented(body)]
    if module.clock:
        body.insert(0, "moment = now()")
    return body


def _compiled(source: str, names: dict[str, Any]) -> Callable[..., Any]:
    filename = f"<statement {next(_NUMBERS)}>"
    scope: dict[str, Any] = {**ALL_NAMES, **names}
    try:
        exec(compile(source, filename, "exec"), scope)  # noqa: S102  # the source is ours, values are never in it
    except (MemoryError, SyntaxError) as error:
        if isinstance(error, SyntaxError) and "too many" not in str(error):
            raise
        raise too_complex() from None
    run: Callable[..., Any] = scope["run"]
    return run
