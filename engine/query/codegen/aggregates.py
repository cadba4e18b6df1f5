"""Source of grouping: the members of each group in a list, then each aggregate over the list by one call that loops in C."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exdbsql.engine.query.aggregates import find_aggregate
from exdbsql.engine.query.codegen.module import Frame, Module, indented
from exdbsql.engine.query.expressions import Expr
from exdbsql.engine.query.plan import Aggregate, AggregateCall, OrderColumn, SortKey
from exdbsql.schema.types import NUMERIC

if TYPE_CHECKING:
    from exdbsql.engine.query.codegen.expressions import ExpressionCompiler
    from exdbsql.engine.query.codegen.streams import StreamCompiler


class AggregateCompiler:
    """Compiles the Aggregate nodes of one module."""

    def __init__(self, module: Module, streams: StreamCompiler) -> None:
        self.module = module
        self.streams = streams

    def rows(self, plan: Aggregate, frame: Frame) -> str:
        """Source of the list of groups: tuples of the keys and the aggregates."""
        inner = Frame(self.module, frame.lines, dict(frame.env))
        clauses = self.streams.stream(plan.child, inner)
        pattern = self.streams.pattern(plan.child, inner) or "_"
        member = f"({pattern})" if "," in pattern else pattern if pattern != "_" else "None"
        bare = _only_argument(plan.calls)
        if bare is not None:
            member = self.streams.expressions(inner).value(bare)
            pattern = self.module.name("value")
        elif all(not c.args and c.condition is None for c in plan.calls):
            member, pattern = "None", "_"
        if not plan.keys:
            return self._one_group(plan, clauses, member, pattern, inner)
        groups = self.module.name("groups")
        frame.add(f"{groups} = defaultdict(list)")
        self._fill(plan, groups, clauses, member, inner)
        key = self.module.name("key")
        members = self.module.name("members")
        keys = [key] if len(plan.keys) == 1 else [f"{key}[{i}]" for i in range(len(plan.keys))]
        calls = [self._call(call, members, pattern, inner) for call in plan.calls]
        values = ", ".join([*keys, *calls])
        comma = "," if len(keys) + len(calls) == 1 else ""
        rows = f"[({values}{comma}) for {key}, {members} in {groups}.items()]"
        return frame.assign("grouped", rows)

    def _fill(self, plan: Aggregate, groups: str, clauses: list[str], member: str, frame: Frame) -> None:
        compiler = self.streams.expressions(frame)
        codes = [compiler.value(k) for k in plan.keys]
        key = codes[0] if len(codes) == 1 else f"({', '.join(codes)})"
        if sum(c.startswith("for ") for c in clauses) != 1:
            item = self.module.name("item")
            frame.add(f"for {item} in (({key}, {member}) {self.streams.joined(clauses)}):")
            frame.add(f"    {groups}[{item}[0]].append({item}[1])")
            return
        depth = 0
        for clause in clauses:
            frame.lines += indented([clause + ":"], depth)
            depth += 1
        frame.lines += indented([f"{groups}[{key}].append({member})"], depth)

    def _one_group(self, plan: Aggregate, clauses: list[str], member: str, pattern: str, frame: Frame) -> str:
        if not plan.calls:
            return "[()]" if plan.scalar else "[]"
        source = clauses[0].split(" in ", 1)[1] if len(clauses) == 1 else ""
        if source.isidentifier() and (pattern == "_" or clauses[0].startswith(f"for {pattern} in ")):
            members = source
        else:
            members = self.module.name("members")
            frame.add(f"{members} = [{member} {self.streams.joined(clauses)}]")
        calls = [self._call(call, members, pattern, frame) for call in plan.calls]
        return frame.assign("grouped", f"[({', '.join(calls)},)]")

    def _call(self, call: AggregateCall, members: str, pattern: str, frame: Frame) -> str:
        compiler = self.streams.expressions(frame)
        function = find_aggregate(call.name, call.args[0].type if call.args else None)
        assert function is not None
        if any(a.type == NUMERIC for a in call.args):
            self.module.numeric = True
        tests = [f"if {compiler.true(call.condition)}"] if call.condition is not None else []
        if call.name == "count" and not call.distinct:
            if call.args and call.args[0].nullable:
                tests.append(
                    f"if {pattern if _is_bare(pattern, compiler) else compiler.value(call.args[0])} is not None"
                )
            return f"len([1 for {pattern} in {members} {' '.join(tests)}])" if tests else f"len({members})"
        return function.template.format(self._values(call, members, pattern, tests, compiler))

    def _values(
        self, call: AggregateCall, members: str, pattern: str, tests: list[str], compiler: ExpressionCompiler
    ) -> str:
        is_bare = _is_bare(pattern, compiler)
        value = pattern if is_bare else compiler.value(call.args[0])
        if is_bare and not call.args[0].nullable and not call.distinct:
            return members
        if call.args[0].nullable:
            if ":=" in value or "(" in value:
                name = self.module.temporary()
                tests = [*tests, f"if ({name} := {value}) is not None"]
                value = name
            else:
                tests = [*tests, f"if {value} is not None"]
        if len(call.args) > 1:
            value = f"({value}, {compiler.value(call.args[1])})"
        tail = " ".join([f"for {pattern} in {members}", *tests])
        if call.order and not call.distinct:
            return self._ordered(call.order, value, tail, compiler)
        values = f"[{value} {tail}]"
        if not call.distinct:
            return values
        if call.name != "string_agg":
            return f"list(set({values}))"
        reverse = ", reverse=True" if call.order and call.order[0].descending else ""
        return f"sorted(set({values}){reverse})"

    def _ordered(self, order: tuple[SortKey, ...], value: str, tail: str, compiler: ExpressionCompiler) -> str:
        from exdbsql.engine.query.codegen.rows import sort_passes

        keys = ", ".join(compiler.value(k.expr) for k in order)
        code = f"[({value}, {keys}) {tail}]"
        columns = [OrderColumn(i + 1, k.descending, k.nulls_first, k.expr.nullable) for i, k in enumerate(order)]
        for arguments in sort_passes(columns):
            code = f"sorted({code}{arguments})"
        return f"list(map(itemgetter(0), {code}))"


def _only_argument(calls: tuple[AggregateCall, ...]) -> Expr | None:
    """The expression that all aggregates are over, if it is but one: then groups hold its bare values."""
    if any(c.condition is not None or c.order or len(c.args) > 1 for c in calls):
        return None
    arguments = {c.args[0] for c in calls if c.args}
    return arguments.pop() if len(arguments) == 1 else None


def _is_bare(pattern: str, compiler: ExpressionCompiler) -> bool:
    """Whether `pattern` is the variable of bare values, not of rows."""
    return pattern != "_" and "," not in pattern and pattern not in compiler.frame.env.values()
