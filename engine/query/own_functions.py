"""Functions and aggregates that a program made in Python: what a database knows beside the built-in ones.

Types are declared, as everything in a statement has one before it runs; arguments arrive as stored values, and the result is
converted like a value that is assigned to a column. A function sees NULL as None unless it is strict. What a function raises
becomes DataError 38000 that names it; errors of ours pass as they are. They belong to the process, not to the dictionary: the
definitions of tables cannot use them, as other nodes do not have them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from exdbsql.engine.query.own_aggregates import Accumulator, OwnAggregate, OwnRun
from exdbsql.engine.query.signatures import Function
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError, Error, InterfaceError
from exdbsql.schema.identifiers import fold
from exdbsql.schema.type_names import parse_type
from exdbsql.schema.types import SqlType

EXTERNAL_ROUTINE_EXCEPTION: Final = "38000"


@dataclass(slots=True)
class OwnFunctions:
    """The functions and aggregates of one database; each change replaces a whole value, so that readers need no lock."""

    functions: dict[str, tuple[Function, ...]] = field(default_factory=dict)
    aggregates: dict[str, OwnAggregate] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """All names, as the parser must keep from knowing better."""
        return frozenset((*self.functions, *self.aggregates))

    def add_function(
        self, name: str, arguments: Sequence[str], result: str, function: Callable[..., Any], *, strict: bool
    ) -> None:
        """Add a function, or replace the one of the same name and types.

        Raises:
            ProgrammingError: a type that does not exist (42704), a bad name (42602).
            InterfaceError: `function` cannot be called.
        """
        name = _checked(name, function)
        args = tuple(map(parse_type, arguments))
        kind = parse_type(result)
        called = "_".join(["own", name, *("".join(c if c.isalnum() else "_" for c in str(a)) for a in args)])
        slots = ", ".join(f"{{{i}}}" for i in range(len(args)))
        made = Function(
            name,
            args,
            kind,
            f"{called}({slots})",
            strict=strict,
            nullable=True,
            names=((called, _guarded(name, function, kind)),),
        )
        others = [f for f in self.functions.get(name, ()) if f.args != args]
        self.functions = {**self.functions, name: (made, *others)}

    def add_aggregate(
        self, name: str, arguments: Sequence[str], result: str, accumulator: Callable[[], Accumulator]
    ) -> None:
        """Add an aggregate, or replace the one of that name; `accumulator` makes an object with ``step`` and ``finalize``."""
        name = _checked(name, accumulator)
        args = tuple(map(parse_type, arguments))
        kind = parse_type(result)

        def guard(function: Callable[..., Any]) -> Callable[..., Any]:
            return _known_errors(name, function)

        run = OwnRun(accumulator, len(args), guard, kind.coerce)
        self.aggregates = {**self.aggregates, name: OwnAggregate(name, args, kind, run)}


def _checked(name: str, function: object) -> str:
    if not callable(function):
        raise InterfaceError(f"{function!r} cannot be called")
    folded = fold(name)
    if not folded.isidentifier() or not folded.isascii():
        raise InterfaceError(f"{name!r} is no name of a function", sqlstate=sqlstate.INVALID_NAME)
    return folded


def _guarded(name: str, function: Callable[..., Any], result: SqlType) -> Callable[..., Any]:
    """`function` with its result converted, and its exceptions as errors of ours."""
    coerce = result.coerce
    return _known_errors(name, lambda *values: coerce(function(*values)))


def _known_errors(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, with its exceptions as errors of ours that name it."""

    def call(*values: Any) -> Any:
        try:
            return function(*values)
        except Error:
            raise
        except Exception as problem:
            raise DataError(
                f"function {name} raised {type(problem).__name__}: {problem}", sqlstate=EXTERNAL_ROUTINE_EXCEPTION
            ) from problem

    return call
