"""Source of grouping: the members of each group in a list, then each aggregate over the list by one call that loops in C."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from exdbsql.engine.query.aggregates import find_aggregate
from exdbsql.engine.query.codegen.column_scan import ColumnScan, column_lists, column_scan, enter
from exdbsql.engine.query.codegen.fixed_point import FixedPoint
from exdbsql.engine.query.codegen.module import MOST_LOOPS, Frame, Module, append_to_lists, nested_loops
from exdbsql.engine.query.codegen.scans import key_of
from exdbsql.engine.query.expressions import Column, Expr
from exdbsql.engine.query.plan import Aggregate, AggregateCall, OrderColumn, Scan, SortKey, walk
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
        if is_row_count(plan):
            count = f"txn.count({self.module.store(plan.child.table)})"  # type: ignore[attr-defined]  # a Scan
            return frame.assign("grouped", f"[({f'{count}, ' * len(plan.calls)})]")
        fixed = FixedPoint.of(self, plan, frame)
        if fixed is None:
            return self._general(plan, frame, inner)
        others = Frame(self.module, [], dict(frame.env))
        return fixed.rows(others, self._general(plan, others, others))

    def _general(self, plan: Aggregate, frame: Frame, inner: Frame) -> str:
        found = column_scan(plan.child, (plan.keys, plan.calls))
        if found is None:
            clauses = self.streams.stream(plan.child, inner)
            pattern = self.streams.pattern(plan.child, inner) or "_"
        else:
            if not plan.keys and (not found.scan.filters or _only_argument(plan.calls) is None):
                return ColumnTotals(self, found, inner).rows(plan)
            clauses, pattern = self._column_stream(plan, found, inner)
        member = f"({pattern})" if "," in pattern else pattern if pattern != "_" else "None"
        bare = _only_argument(plan.calls)
        if bare is not None:
            member = self.streams.expressions(inner).value(bare)
            pattern = self.module.name("value")
        elif all(map(_is_plain_count, plan.calls)):
            member, pattern = "None", "_"
        if not plan.keys:
            return self._one_group(plan, clauses, member, pattern, inner)
        groups = self.module.name("groups")
        if (
            len(plan.keys) == 1
            and all(map(_is_plain_count, plan.calls))
            and sum(c.startswith("for ") for c in clauses) == 1
        ):
            return self._counted(plan, clauses, inner)
        if (
            len(plan.calls) == 1
            and bare is not None
            and _is_whole_numeric_sum(plan.calls[0])
            and len(clauses) <= MOST_LOOPS
        ):
            return self._running_sums(plan, clauses, member, inner)
        frame.add(f"{groups} = defaultdict(list)")
        self._fill(plan, groups, clauses, member, inner)
        key = self.module.name("key")
        members = self.module.name("members")
        keys = [key] if len(plan.keys) == 1 else [f"{key}[{i}]" for i in range(len(plan.keys))]
        calls = [self._of_group(call, members, pattern, inner) for call in plan.calls]
        values = ", ".join([*keys, *calls])
        comma = "," if len(keys) + len(calls) == 1 else ""
        rows = f"[({values}{comma}) for {key}, {members} in {groups}.items()]"
        return frame.assign("grouped", rows)

    def _column_stream(self, plan: Aggregate, found: ColumnScan, inner: Frame) -> tuple[list[str], str]:
        clauses, _ = enter(found, inner)
        clauses += self.streams.conditions(found.scan.filters, inner)
        used = sorted({c.index for c in walk(plan.calls) if isinstance(c, Column) and c.rel == found.scan.rel})
        pattern = ", ".join(inner.columns[found.scan.rel, i] for i in used) or "_"
        inner.env[found.scan.rel] = pattern
        return clauses, pattern

    def _counted(self, plan: Aggregate, clauses: list[str], frame: Frame) -> str:
        """Groups of which nothing but the number of members is asked."""
        key = self.streams.expressions(frame).value(plan.keys[0])
        source = clauses[0].removeprefix(f"for {key} in ") if len(clauses) == 1 else ""
        keys = source if source.isidentifier() else f"[{key} {self.streams.joined(clauses)}]"
        numbers = "".join(", number" for _ in plan.calls)
        counts = frame.assign("counts", f"Counter({keys})")
        return frame.assign("grouped", f"[(key{numbers or ','}) for key, number in {counts}.items()]")

    def _running_sums(self, plan: Aggregate, clauses: list[str], member: str, frame: Frame) -> str:
        """Groups of which nothing but an exact sum is asked: numbers are added up as they come, and no list is made of them.

        The lists of many small groups are what the garbage collector would look through again and again.
        """
        self.module.numeric = True
        compiler = self.streams.expressions(frame)
        code = key_of(plan.keys, compiler)
        sums, key = self.module.name("sums"), self.module.name("key")
        frame.add(f"{sums} = {{}}")
        lines = [f"{key} = {code}", f"{sums}[{key}] = {sums}.get({key}, NO_SUM) + {member}"]
        frame.lines += nested_loops(clauses, lines)
        keys = [key] if len(plan.keys) == 1 else [f"{key}[{i}]" for i in range(len(plan.keys))]
        rows = f"[({', '.join(keys)}, exact_sum(total)) for {key}, total in {sums}.items()]"
        return frame.assign("grouped", rows)

    def _fill(self, plan: Aggregate, groups: str, clauses: list[str], member: str, frame: Frame) -> None:
        compiler = self.streams.expressions(frame)
        codes = [compiler.value(k) for k in plan.keys]
        key = codes[0] if len(codes) == 1 else f"({', '.join(codes)})"
        frame.lines += append_to_lists(self.module, clauses, groups, key, member)

    def _one_group(self, plan: Aggregate, clauses: list[str], member: str, pattern: str, frame: Frame) -> str:
        if not plan.calls:
            return "[()]" if plan.scalar else "[]"
        source = clauses[0].split(" in ", 1)[1] if len(clauses) == 1 else ""
        if source.isidentifier() and (pattern == "_" or clauses[0] == f"for {member} in {source}"):
            members = source
        else:
            members = self.module.name("members")
            frame.add(f"{members} = [{member} {self.streams.joined(clauses)}]")
        calls = [self.call(call, members, pattern, frame) for call in plan.calls]
        return frame.assign("grouped", f"[({', '.join(calls)},)]")

    def _of_group(self, call: AggregateCall, members: str, pattern: str, frame: Frame) -> str:
        """Source of one aggregate over the members of a group, of which there is one at least."""
        if _is_whole_numeric_sum(call):
            self.module.numeric = True
            call = replace(call, template="sum_of_group({0})")
        return self.call(call, members, pattern, frame)

    def call(self, call: AggregateCall, members: str, pattern: str, frame: Frame) -> str:
        """Source of one aggregate over `members`, of which `pattern` is one."""
        compiler = self.streams.expressions(frame)
        if any(a.known_type.name == NUMERIC.name for a in call.args):
            self.module.numeric = True
        tests = [f"if {compiler.true(call.condition)}"] if call.condition is not None else []
        if call.name == "count" and not call.distinct:
            if call.args and call.args[0].nullable:
                if not tests and _is_bare(pattern, compiler):
                    return f"len({members}) - {members}.count(None)"
                tests.append(
                    f"if {pattern if _is_bare(pattern, compiler) else compiler.value(call.args[0])} is not None"
                )
            return f"len([1 for {pattern} in {members} {' '.join(tests)}])" if tests else f"len({members})"
        self.module.names.update(call.names)
        template = call.template
        if not template:
            function = find_aggregate(call.name, call.args[0].type)
            assert function is not None
            template = function.template
        direct = [compiler.value(d) for d in call.direct]
        return template.format(self._values(call, members, pattern, tests, compiler), *direct)

    def _values(
        self, call: AggregateCall, members: str, pattern: str, tests: list[str], compiler: ExpressionCompiler
    ) -> str:
        is_bare = _is_bare(pattern, compiler)
        value = pattern if is_bare else compiler.value(call.args[0])
        if is_bare and not call.distinct and (call.nulls == "keep" or not call.args[0].nullable):
            return members
        tests = [*tests, *self._other_tests(call, compiler)]
        if call.args[0].nullable and call.nulls != "keep":
            if ":=" in value or "(" in value:
                name = self.module.temporary()
                tests = [*tests, f"if ({name} := {value}) is not None"]
                value = name
            else:
                tests = [*tests, f"if {value} is not None"]
        if len(call.args) > 1:
            value = f"({', '.join([value, *[compiler.value(a) for a in call.args[1:]]])})"
        tail = " ".join([f"for {pattern} in {members}", *tests])
        if call.order and not call.distinct:
            return self._ordered(call.order, value, tail, compiler)
        values = f"[{value} {tail}]"
        if not call.distinct:
            return values
        if call.nulls == "keep":
            return f"sorted_distinct({values}, {bool(call.order and call.order[0].descending)})"
        if call.name == "count":
            return f"set({members if is_bare and not tests else values})"
        if call.name != "string_agg":
            return f"list(set({values}))"
        reverse = ", reverse=True" if call.order and call.order[0].descending else ""
        return f"sorted(set({values}){reverse})"

    def _other_tests(self, call: AggregateCall, compiler: ExpressionCompiler) -> list[str]:
        """Tests of arguments after the first, where a NULL in any keeps a row out."""
        if call.nulls != "skip_any":
            return []
        return [f"if {compiler.value(a)} is not None" for a in call.args[1:] if a.nullable]

    def _ordered(self, order: tuple[SortKey, ...], value: str, tail: str, compiler: ExpressionCompiler) -> str:
        from exdbsql.engine.query.codegen.rows import sort_passes

        keys = ", ".join(compiler.value(k.expr) for k in order)
        code = f"[({value}, {keys}) {tail}]"
        columns = [OrderColumn(i + 1, k.descending, k.nulls_first, k.expr.nullable) for i, k in enumerate(order)]
        for arguments in sort_passes(columns):
            code = f"sorted({code}{arguments})"
        return f"list(map(itemgetter(0), {code}))"


class ColumnTotals:
    """Source of aggregates over a whole table, each over the list of its column; a filter cuts the lists first."""

    def __init__(self, aggregates: AggregateCompiler, found: ColumnScan, frame: Frame) -> None:
        self.aggregates = aggregates
        self.found = found
        self.frame = frame

    def rows(self, plan: Aggregate) -> str:
        """Source of the list of the one group."""
        frame, rel = self.frame, self.found.scan.rel
        lists = dict(zip(self.found.positions, column_lists(self.found, frame), strict=True))
        clauses, _ = enter(self.found, frame)
        used = {c.index for c in walk(plan.calls) if isinstance(c, Column) and c.rel == rel}
        if self.found.scan.filters:
            tests = " and ".join(self.aggregates.streams.expressions(frame).true(f) for f in self.found.scan.filters)
            wanted = frame.assign("wanted", f"[True if {tests} else False {clauses[0]}]")
            for i in used or {self.found.positions[0]}:
                lists[i] = frame.assign(lists[i].removeprefix("all_"), f"list(compress({lists[i]}, {wanted}))")
        counted = lists[min(used or self.found.positions)]
        codes = [self._call(call, lists, counted) for call in plan.calls]
        return frame.assign("grouped", f"[({', '.join(codes)},)]")

    def _call(self, call: AggregateCall, lists: dict[int, str], counted: str) -> str:
        if call.name == "count" and not call.distinct and call.condition is None and not _may_be_null(call):
            return f"len({counted})"
        rel = self.found.scan.rel
        used = sorted({c.index for c in walk(call) if isinstance(c, Column) and c.rel == rel})
        if not used:
            self.frame.env[rel] = "_"
            return self.aggregates.call(call, counted, "_", self.frame)
        pattern = ", ".join(self.frame.columns[rel, i] for i in used)
        plain = len(used) == 1 and call.args and isinstance(call.args[0], Column) and not call.order
        self.frame.env[rel] = "" if plain and len(call.args) == 1 and call.condition is None else pattern
        members = lists[used[0]] if len(used) == 1 else f"list(zip({', '.join(lists[i] for i in used)}))"
        return self.aggregates.call(call, members, pattern, self.frame)


def _may_be_null(call: AggregateCall) -> bool:
    return any(a.nullable for a in call.args)


def is_row_count(plan: Aggregate) -> bool:
    """Whether a table's number of rows is all that is asked."""
    scan = plan.child
    return (
        isinstance(scan, Scan)
        and scan.access is None
        and not (scan.keyed or scan.filters or plan.keys)
        and bool(plan.calls)
        and all(map(_is_plain_count, plan.calls))
    )


def _is_plain_count(call: AggregateCall) -> bool:
    return not call.args and call.condition is None


def _is_whole_numeric_sum(call: AggregateCall) -> bool:
    """Whether a call is the exact sum of something that is never NULL, over all rows."""
    is_sum = call.name == "sum" and call.type == NUMERIC and not (call.template or call.distinct or call.order)
    return is_sum and call.condition is None and not call.args[0].nullable


def _only_argument(calls: tuple[AggregateCall, ...]) -> Expr | None:
    """The expression that all aggregates are over, if it is but one: then groups hold its bare values."""
    if any(c.condition is not None or c.order or len(c.args) > 1 for c in calls):
        return None
    arguments = {c.args[0] for c in calls if c.args}
    return arguments.pop() if len(arguments) == 1 else None


def _is_bare(pattern: str, compiler: ExpressionCompiler) -> bool:
    """Whether `pattern` is the variable of bare values, not of rows."""
    return pattern != "_" and "," not in pattern and pattern not in compiler.frame.env.values()
