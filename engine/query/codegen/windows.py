"""Source of window functions: rows in a list, sorted numbers of rows for each partition and order, one column of values for each call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exdbsql.engine.query.aggregates import find_aggregate
from exdbsql.engine.query.codegen.module import Frame, Module
from exdbsql.engine.query.expressions import Expr
from exdbsql.engine.query.plan import (
    AggregateCall,
    FrameBound,
    SortKey,
    Window,
    WindowCall,
    WindowFrame,
    WindowSpec,
)
from exdbsql.schema.types import NUMERIC

if TYPE_CHECKING:
    from exdbsql.engine.query.codegen.streams import StreamCompiler

_WITHOUT_PEERS = ("row_number", "ntile", "lag", "lead")
_OF_FRAMES = {"first_value": (False, False), "last_value": (False, True), "nth_value": (True, False)}


class WindowCompiler:
    """Compiles the Window nodes of one module."""

    def __init__(self, module: Module, streams: StreamCompiler) -> None:
        self.module = module
        self.streams = streams

    def stream(self, plan: Window, frame: Frame) -> list[str]:
        """Clauses that walk over the rows of the child, and one tuple of the functions' values for each."""
        clauses = self.streams.stream(plan.child, frame)
        pattern = self.streams.pattern(plan.child, frame) or "_"
        row = f"({pattern})" if "," in pattern else pattern
        rows = frame.assign("window_rows", f"[{row if pattern != '_' else 'None'} {self.streams.joined(clauses)}]")
        made: dict[tuple[tuple[Expr, ...], tuple[SortKey, ...]], _Ordering] = {}
        columns = []
        for call in plan.calls:
            key = (call.spec.partition, call.spec.order)
            if key not in made:
                made[key] = _Ordering(self, call.spec, rows, row, frame)
            columns.append(made[key].column(call))
        target = self.streams.variable(plan.rel, "window", frame)
        values = f"zip({', '.join(columns)})"
        return [f"for {row}, {target} in zip({rows}, {values})"]


class _Ordering:
    """The partitions of one PARTITION BY and ORDER BY."""

    def __init__(self, compiler: WindowCompiler, spec: WindowSpec, rows: str, row: str, frame: Frame) -> None:
        self.module = compiler.module
        self.streams = compiler.streams
        self.frame = frame
        self.rows = rows
        self.row = row
        self.spec = spec
        self.expressions = self.streams.expressions(frame)
        self.sort_keys = self._tuples("sort_keys", [k.expr for k in spec.order]) if spec.order else "None"
        keys = self._tuples("partition_keys", list(spec.partition)) if spec.partition else "None"
        self.parts = frame.assign("parts", f"window_partitions(len({rows}), {keys})")
        for number, key in reversed(list(enumerate(spec.order))):
            column = self.sort_keys
            if len(spec.order) > 1:
                column = frame.assign("sort_column", f"list(map(itemgetter({number}), {self.sort_keys}))")
            frame.add(f"window_sort_by({self.parts}, {column}, {key.descending}, {key.nulls_first})")
        self._groups = ""

    @property
    def groups(self) -> str:
        """The variable of where groups of equal rows begin in each partition; it is made when first asked for."""
        if not self._groups:
            code = f"[window_peer_groups(part, {self.sort_keys}) for part in {self.parts}]"
            self._groups = self.frame.assign("peers", code)
        return self._groups

    def _tuples(self, wish: str, exprs: list[Expr]) -> str:
        codes = [self.expressions.value(e) for e in exprs]
        code = codes[0] if len(codes) == 1 else f"({', '.join(codes)})"
        return self.frame.assign(wish, f"[{code} for {self.row} in {self.rows}]")

    def column(self, call: WindowCall) -> str:
        """The variable of the list of values of one call."""
        out = self.frame.assign(call.name, f"[None] * len({self.rows})")
        if call.aggregate is not None:
            body = self._aggregate(call, call.aggregate, out)
        elif call.name in _OF_FRAMES:
            body = self._value_of_frame(call, out)
        else:
            arguments = "".join(f", {self._list(a)}" for a in call.args)
            groups = "None" if call.name in _WITHOUT_PEERS else "groups"
            body = f"window_{call.name}(part, {groups}, {out}{arguments})"
        if "groups" in body:
            self.frame.add(f"for part, groups in zip({self.parts}, {self.groups}):")
        else:
            self.frame.add(f"for part in {self.parts}:")
        self.frame.add(f"    {body}")
        return out

    def _list(self, arg: Expr) -> str:
        return self.frame.assign("arguments", f"[{self.expressions.value(arg)} for {self.row} in {self.rows}]")

    def _value_of_frame(self, call: WindowCall, out: str) -> str:
        counted, from_end = _OF_FRAMES[call.name]
        values = self._list(call.args[0])
        counts = self._list(call.args[1]) if counted else "None"
        ties = self._ties(call.spec.frame)
        return f"window_frame_value(part, {self._frames(call.spec)}, {out}, {values}, {counts}, {from_end}, {ties})"

    def _ties(self, frame: WindowFrame | None) -> bool:
        return frame is not None and frame.exclude == "ties"

    # aggregates

    def _aggregate(self, call: WindowCall, aggregate: AggregateCall, out: str) -> str:
        if any(a.type == NUMERIC for a in aggregate.args):
            self.module.numeric = True
        values = self.frame.assign("values", f"[{self._value(aggregate)} for {self.row} in {self.rows}]")
        template = aggregate.template
        if not template:
            function = find_aggregate(aggregate.name, aggregate.args[0].type if aggregate.args else None)
            assert function is not None
            template = function.template
        self.module.names.update(aggregate.names)
        direct = [self.expressions.value(d) for d in aggregate.direct]
        code = f"lambda values: {template.format('values', *direct)}"
        kind = "count" if aggregate.name == "count" else template.partition("(")[0]
        if ", True)" in template:
            kind += "_population"
        keeps = aggregate.nulls == "keep"
        return (
            f"window_frame_aggregate(part, {self._frames(call.spec)}, {out}, {values}, {kind!r}, {code}, "
            f"{keeps}, {self._ties(call.spec.frame)})"
        )

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

    def _frames(self, spec: WindowSpec) -> str:
        frame = spec.frame
        if frame is None:
            return f"window_whole_frames(part, {'groups' if spec.order else None}, {bool(spec.order)})"
        code = self._frames_of(frame, spec)
        if frame.exclude == "no others":
            return code
        return f"window_with_holes({code}, groups, {frame.exclude!r})"

    def _frames_of(self, frame: WindowFrame, spec: WindowSpec) -> str:
        if frame.mode == "range" and "offset" in (frame.start.kind, frame.end.kind):
            start, end = self._range_bound(frame.start, "starting"), self._range_bound(frame.end, "ending")
            (key,) = spec.order
            return f"window_range_frames(part, groups, {self.sort_keys}, {start}, {end}, {key.descending}, {key.nulls_first})"
        start, end = self._distance(frame.start, "starting"), self._distance(frame.end, "ending")
        if frame.mode == "rows":
            return f"window_rows_frames(len(part), {start}, {end})"
        return f"window_groups_frames(groups, {start}, {end})"

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
