"""Source of window functions: one object for each partition and order (:mod:`exdbsql.engine.query.runtime.windows`), one list for each call.

Over a table as it is, everything is lists of columns; over other streams the rows are gathered first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exdbsql.engine.query.aggregates import find_aggregate
from exdbsql.engine.query.codegen.column_scan import MOST_COLUMNS, ColumnScan, column_lists, column_scan, enter
from exdbsql.engine.query.codegen.module import Frame, Module
from exdbsql.engine.query.codegen.plainness import is_harmless
from exdbsql.engine.query.expressions import Call, Column, Const, Expr, Param
from exdbsql.engine.query.library.growing_aggregates import GROWING
from exdbsql.engine.query.own_aggregates import OwnRun
from exdbsql.engine.query.plan import (
    AggregateCall,
    FrameBound,
    Plan,
    Scan,
    SortKey,
    Window,
    WindowCall,
    WindowSpec,
    walk,
)
from exdbsql.schema.types import NUMERIC

if TYPE_CHECKING:
    from exdbsql.engine.query.codegen.expressions import ExpressionCompiler
    from exdbsql.engine.query.codegen.streams import StreamCompiler

_OF_FRAMES = ("first_value", "last_value", "nth_value")
_OF_OTHER_ROWS = ("lag", "lead")


class WindowCompiler:
    """Compiles the Window nodes of one module."""

    def __init__(self, module: Module, streams: StreamCompiler) -> None:
        self.module = module
        self.streams = streams

    def stream(self, plan: Window, frame: Frame) -> list[str]:
        """Clauses that walk over the rows of the child, and one tuple of the functions' values for each."""
        source = _Rows.of(self, plan.child, frame)
        columns = self._columns(plan, source)
        target = self.streams.variable(plan.rel, "window", frame)
        return [f"for {source.row}, {target} in zip({source.rows}, zip({', '.join(columns)}))"]

    def over_columns(self, plan: Window, wanted: Sequence[Expr], frame: Frame) -> WindowColumns | None:
        """The rows as columns, where `wanted` needs nothing but columns of a whole table and values of the functions."""
        found = column_scan(plan.child, (*wanted, plan.calls), MOST_COLUMNS + len(plan.calls))
        if found is None or found.scan.filters:
            return None
        source = _Columns(self, found, frame)
        used = {(e.rel, e.index) for e in walk(tuple(wanted)) if isinstance(e, Column)}
        lists = {key: name for key, name in source.lists_by_column().items() if key in used}
        for i, name in enumerate(self._columns(plan, source)):
            if (plan.rel, i) in used or not used:
                lists[plan.rel, i] = name
        return WindowColumns(lists)

    def _columns(self, plan: Window, source: _Source) -> list[str]:
        """The variables of the lists of the functions' values."""
        made: dict[tuple[tuple[Expr, ...], tuple[SortKey, ...]], _Ordering] = {}
        columns = []
        for call in plan.calls:
            key = (call.spec.partition, call.spec.order)
            if key not in made:
                made[key] = _Ordering(self, call.spec, source, plan.child)
            columns.append(made[key].column(call))
        return columns


@dataclass(frozen=True, slots=True)
class WindowColumns:
    """The variables of lists, by relation and position of their column."""

    lists: dict[tuple[int, int], str]

    def bare(self, wanted: Sequence[Expr]) -> list[str] | None:
        """The lists of `wanted`, where that is columns alone."""
        columns = [e for e in wanted if isinstance(e, Column) and (e.rel, e.index) in self.lists]
        return [self.lists[e.rel, e.index] for e in columns] if len(columns) == len(wanted) else None

    def enter(self, frame: Frame) -> list[str]:
        """The clause that walks over the rows; `frame` knows the variables from now on."""
        variables = {key: frame.module.name("value") for key in self.lists}
        frame.columns.update(variables)
        return [f"for {', '.join(variables.values())}, in zip({', '.join(self.lists.values())})"]


class _Source(ABC):
    """The rows below a window, and how to get lists of values over them; `size` is source of their number."""

    def __init__(self, compiler: WindowCompiler, frame: Frame) -> None:
        self.streams = compiler.streams
        self.frame = frame
        self.size = ""
        self._lists: dict[str, str] = {}

    @abstractmethod
    def loop(self) -> str:
        """The clause that walks over the rows."""

    def values(self, expr: Expr) -> str:
        """The variable of the list of an expression's values."""
        wish = "arguments" if isinstance(expr, (Param, Const)) else expr.name if isinstance(expr, Column) else "values"
        return self.made(self.expressions.value(expr), wish, expr)

    def made(self, code: str, wish: str, *parts: object) -> str:
        """The variable of the list of what source of an expression gives for each row; the same list where `parts`, what it is of, allow."""
        found = self._lists.get(code) if is_harmless(parts) else None
        if found is None:
            found = self._lists[code] = self.frame.assign(wish, f"[{code} {self.loop()}]")
        return found

    @property
    def expressions(self) -> ExpressionCompiler:
        """A compiler of expressions over a row."""
        return self.streams.expressions(self.frame)


class _Rows(_Source):
    """Rows in a list."""

    rows: str
    row: str

    @classmethod
    def of(cls, compiler: WindowCompiler, child: Plan, frame: Frame) -> _Rows:
        """The rows of a stream, gathered."""
        found = cls(compiler, frame)
        clauses = compiler.streams.stream(child, frame)
        pattern = compiler.streams.pattern(child, frame) or "_"
        found.row = f"({pattern})" if "," in pattern else pattern
        source = clauses[0].removeprefix(f"for {pattern} in ") if len(clauses) == 1 else ""
        if source.isidentifier():
            found.rows = source
        else:
            row = found.row if pattern != "_" else "None"
            found.rows = frame.assign("window_rows", f"[{row} {compiler.streams.joined(clauses)}]")
        found.size = f"len({found.rows})"
        return found

    def loop(self) -> str:
        """The clause that walks over the rows."""
        return f"for {self.row} in {self.rows}"


class _Columns(_Source):
    """All rows of a table, as the lists of some of its columns."""

    def __init__(self, compiler: WindowCompiler, found: ColumnScan, frame: Frame) -> None:
        super().__init__(compiler, Frame(frame.module, frame.lines, dict(frame.env), dict(frame.columns)))
        clauses, variables = enter(found, self.frame)
        self._loop = clauses[0]
        lists = column_lists(found, self.frame)
        self._lists = dict(zip(variables, lists, strict=True))
        self._positions = {(found.scan.rel, i): name for i, name in zip(found.positions, lists, strict=True)}
        self.size = f"len({lists[0]})"

    def loop(self) -> str:
        """The clause that walks over the rows."""
        return self._loop

    def lists_by_column(self) -> dict[tuple[int, int], str]:
        """The variables of the lists, by relation and position of their column."""
        return self._positions


class _Ordering:
    """The partitions of one PARTITION BY and ORDER BY."""

    def __init__(self, compiler: WindowCompiler, spec: WindowSpec, source: _Source, child: Plan) -> None:
        self.module = compiler.module
        self.source = source
        self.frame = source.frame
        self.expressions = source.expressions
        keys = [f"SortColumn({source.values(k.expr)}, {_flags(k)})" for k in spec.order]
        arguments = [source.size, self._partition(spec.partition)]
        if keys:
            arguments.append(f"({', '.join(keys)},)")
        if self._is_distinct(spec, child):
            arguments.append("distinct=True")
        self.name = self.frame.assign("windowed", f"Windowed({', '.join(arguments)})")

    def _partition(self, partition: tuple[Expr, ...]) -> str:
        if not partition:
            return "None"
        if len(partition) == 1:
            return self.source.values(partition[0])
        return self.source.made(f"({', '.join(self.expressions.value(e) for e in partition)})", "partition", partition)

    def _is_distinct(self, spec: WindowSpec, child: Plan) -> bool:
        """Whether what the rows are parted and ordered by has a key of the table whose rows they are."""
        if not isinstance(child, Scan):
            return False
        keys = (*spec.partition, *(k.expr for k in spec.order))
        columns = {e.index for e in keys if isinstance(e, Column) and e.rel == child.rel}
        primary = self.module.database.table(child.table).definition.key_positions
        return bool(primary) and columns.issuperset(primary)

    def column(self, call: WindowCall) -> str:
        """The variable of the list of values of one call."""
        return self.frame.assign(call.name, f"{self.name}.{self._call(call)}")

    def _call(self, call: WindowCall) -> str:
        if call.aggregate is not None:
            return self._aggregate(call, call.aggregate)
        if call.name in _OF_OTHER_ROWS and all(map(_is_fixed, call.args[1:])):
            return self._shifted(call)
        arguments = [self.source.values(a) for a in call.args]
        if call.name in _OF_FRAMES:
            arguments.append(self._frame(call.spec))
        return f"{call.name}({', '.join(arguments)})"

    def _shifted(self, call: WindowCall) -> str:
        value, *rest = call.args
        distance, *default = [self.expressions.value(a) for a in rest] or ["1"]
        if call.name == "lead":
            distance = f"None if {distance} is None else -{distance}" if rest and rest[0].nullable else f"-{distance}"
        return f"shifted({', '.join([self.source.values(value), distance, *default])})"

    # aggregates

    def _aggregate(self, call: WindowCall, aggregate: AggregateCall) -> str:
        if any(a.known_type.name == NUMERIC.name for a in aggregate.args):
            self.module.numeric = True
        template = aggregate.template
        if not template:
            function = find_aggregate(aggregate.name, aggregate.args[0].type if aggregate.args else None)
            assert function is not None
            template = function.template
        self.module.names.update(aggregate.names)
        direct = [self.expressions.value(d) for d in aggregate.direct]
        kind = "count" if aggregate.name == "count" else template.partition("(")[0]
        if ", True)" in template:
            kind += "_population"
        holes = aggregate.condition is not None or any(a.nullable for a in aggregate.args)
        arguments = [
            self.source.made(self._value(aggregate), "values", aggregate.args, aggregate.condition),
            self._frame(call.spec),
            repr(kind),
            f"lambda values: {template.format('values', *direct)}",
            str(aggregate.nulls == "keep"),
            str(holes),
            *self._moving(kind, aggregate),
        ]
        return f"aggregate({', '.join(arguments)})"

    def _moving(self, kind: str, aggregate: AggregateCall) -> list[str]:
        """What goes on from one frame to the next, where there is such a thing."""
        own = next((run for _, run in aggregate.names if isinstance(run, OwnRun)), None)
        moving = own.moving if own is not None else GROWING.get(aggregate.name) or GROWING.get(kind)
        return [] if moving is None else [self.module.bind(f"moving_{aggregate.name}", moving)]

    def _value(self, call: AggregateCall) -> str:
        if not call.args:
            value = "1"
        elif len(call.args) == 1:
            value = self.expressions.value(call.args[0])
        else:
            codes = [self.expressions.value(a) for a in call.args]
            value = f"({', '.join(codes)})"
            tested = call.args if call.nulls == "skip_any" else call.args[:1] if call.nulls == "skip" else ()
            tests = [f"{c} is None" for c, a in zip(codes, tested, strict=False) if a.nullable]
            if tests:
                value = f"(None if {' or '.join(tests)} else {value})"
        if call.condition is None:
            return value
        return f"({value} if {self.expressions.true(call.condition)} else SKIPPED)"

    # frames

    def _frame(self, spec: WindowSpec) -> str:
        frame = spec.frame
        if frame is None:
            return "RUNNING_FRAME" if spec.order else "WHOLE_PARTITION"
        if frame.mode == "range" and "offset" in (frame.start.kind, frame.end.kind):
            start, end = self._range_bound(frame.start, "starting"), self._range_bound(frame.end, "ending")
        else:
            start, end = self._distance(frame.start, "starting"), self._distance(frame.end, "ending")
        return f"WindowFrame({frame.mode!r}, {start}, {end}, {frame.exclude!r})"

    def _distance(self, bound: FrameBound, which: str) -> str:
        if bound.kind == "unbounded":
            return "None"
        return "0" if bound.kind == "current" else self._offset(bound, which)

    def _range_bound(self, bound: FrameBound, which: str) -> str:
        return f"({bound.kind!r}, {self._offset(bound, which) if bound.kind == 'offset' else None})"

    def _offset(self, bound: FrameBound, which: str) -> str:
        assert bound.offset is not None
        value = f"window_offset_of({self.expressions.value(bound.offset)}, {which!r})"
        return self.frame.assign("distance", f"-{value}" if bound.before else value)


def _flags(key: SortKey) -> str:
    return f"{key.descending}, {key.nulls_first}, {key.expr.nullable}"


def _is_fixed(expr: Expr) -> bool:
    """Whether an expression has one value for the whole statement."""
    return all(isinstance(p, (Param, Const)) or (isinstance(p, Call) and p.name == "cast") for p in walk(expr))
