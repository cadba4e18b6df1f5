"""Source of set-returning functions, in FROM and in select lists, and of grouping sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exdbsql.engine.query.codegen.module import Frame, Module
from exdbsql.engine.query.expressions import Expr
from exdbsql.engine.query.library.array_values import side_by_side, with_ordinality
from exdbsql.engine.query.plan import (
    Aggregate,
    FunctionScan,
    Gathered,
    GroupingSets,
    Plan,
    ProjectSet,
    provided_rels,
    used_rels,
)

if TYPE_CHECKING:
    from exdbsql.engine.query.codegen.streams import StreamCompiler


class SetCompiler:
    """Compiles the nodes of one module that make rows of values, and groups of several kinds."""

    def __init__(self, module: Module, streams: StreamCompiler) -> None:
        self.module = module
        self.streams = streams
        self.gathered: dict[Plan, list[str]] = {}

    def scan(self, plan: FunctionScan, frame: Frame) -> list[str]:
        """Clauses over the rows of functions in FROM."""
        outer = used_rels(plan.calls)
        place = frame if outer else self.module.root
        code = self._rows(plan, place)
        rows = self.streams.iterable(code, plan.calls, frame) if outer else place.assign(f"rows_{plan.alias}", code)
        return [f"for {self.streams.variable(plan.rel, plan.alias, frame)} in {rows}"]

    def _rows(self, plan: FunctionScan, frame: Frame) -> str:
        codes = [self._call(call, frame) for call in plan.calls]
        code = codes[0]
        if len(codes) > 1:
            name = self.module.bind("side_by_side", side_by_side)
            code = f"{name}({plan.widths}, {', '.join(codes)})"
        if plan.ordinality:
            code = f"{self.module.bind('with_ordinality', with_ordinality)}({code})"
        return code

    def _call(self, call: Expr, frame: Frame) -> str:
        code = self.streams.expressions(frame).value(call)
        return f"({code} or EMPTY)" if call.nullable else code

    def project(self, plan: ProjectSet, frame: Frame) -> list[str]:
        """Clauses of set-returning functions in a select list: they advance side by side."""
        clauses = self.streams.stream(plan.child, frame)
        codes = [self._call(call, frame) for call in plan.calls]
        name = self.module.bind("side_by_side", side_by_side)
        code = codes[0] if len(codes) == 1 else f"{name}({(1,) * len(codes)}, {', '.join(codes)})"
        rows = self.streams.iterable(code, plan.calls, frame)
        return [*clauses, f"for {self.streams.variable(plan.rel, 'item', frame)} in {rows}"]

    # grouping sets

    def grouping_sets(self, plan: GroupingSets, frame: Frame) -> list[str]:
        """The groups of every set, one after the other; the rows are gathered once."""
        inner = Frame(self.module, frame.lines, dict(frame.env))
        clauses = self.streams.stream(plan.child, inner)
        pattern = self.streams.pattern(plan.child, inner)
        member = f"({pattern})" if "," in pattern else pattern or "None"
        members = frame.assign("gathered", f"[{member} {self.streams.joined(clauses)}]")
        self.gathered[plan.child] = [f"for {member if pattern else '_'} in {members}"]
        variables = {rel: inner.env[rel] for rel in provided_rels(plan.child)}
        parts = []
        for places in plan.sets:
            own = Frame(self.module, frame.lines, {**frame.env, **variables})
            keys = tuple(plan.keys[i] for i in places)
            rows = self.streams.rows.aggregates.rows(
                Aggregate(plan.rel, Gathered(plan.child), keys, plan.calls, not places), own
            )
            parts.append(self._widened(rows, places, plan))
        variable = self.streams.variable(plan.rel, "group", frame)
        rows = frame.assign("all_groups", f"[{', '.join('*' + p for p in parts)}]")
        return [f"for {variable} in {rows}"]

    def _widened(self, rows: str, places: tuple[int, ...], plan: GroupingSets) -> str:
        mask = sum(1 << i for i in range(len(plan.keys)) if i not in places)
        values = [f"group[{places.index(i)}]" if i in places else "None" for i in range(len(plan.keys))]
        values += [f"group[{len(places) + i}]" for i in range(len(plan.calls))]
        return f"[({', '.join([*values, str(mask)])},) for group in {rows}]"

    def gathered_rows(self, plan: Gathered) -> list[str]:
        """Clauses over rows that were gathered before."""
        return self.gathered[plan.child]
