"""Source of rows nodes: projections, sorting, limits, duplicates, set operations. Each gives source of a list of tuples."""

from __future__ import annotations

from collections.abc import Sequence

from exdbsql.engine.query.codegen.aggregates import AggregateCompiler
from exdbsql.engine.query.codegen.column_scan import ColumnScan, bare_columns, column_lists, column_scan
from exdbsql.engine.query.codegen.module import Frame, Module, indented
from exdbsql.engine.query.codegen.streams import StreamCompiler
from exdbsql.engine.query.codegen.subqueries import SubqueryCompiler
from exdbsql.engine.query.codegen.windows import WindowColumns
from exdbsql.engine.query.expressions import Column, Expr
from exdbsql.engine.query.plan import (
    Cut,
    Distinct,
    Limit,
    LimitWithTies,
    OrderColumn,
    Plan,
    Project,
    Recursive,
    Scan,
    SetOperation,
    Sort,
    Values,
    Window,
    With,
    provided_rels,
)


class RowsCompiler:
    """Compiles the rows nodes of one module."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.subqueries = SubqueryCompiler(module, self)
        self.streams = StreamCompiler(module, self)
        self.aggregates = AggregateCompiler(module, self.streams)

    def rows(self, plan: Plan, frame: Frame) -> str:
        """Source of the list of output tuples; lines that it needs are added to `frame`."""
        match plan:
            case Project():
                return self._project(plan, frame)
            case Values():
                return self._values(plan, frame)
            case Sort():
                return self._sort(plan, frame)
            case Distinct(on=None, child=Project(exprs=(only,)) as project):
                return self._distinct_values(project, only, frame)
            case Distinct(on=None):
                return f"list(dict.fromkeys({self.rows(plan.child, frame)}))"
            case Distinct():
                assert plan.on is not None
                return f"distinct_on({self.rows(plan.child, frame)}, itemgetter({', '.join(map(str, plan.on))}))"
            case Cut():
                rows = self.rows(plan.child, frame)
                if ":=" in rows:
                    rows = frame.assign("wide_rows", rows)
                return f"[row[:{plan.visible}] for row in {rows}]"
            case Limit():
                return self._limit(plan, frame)
            case LimitWithTies():
                return self._limit_with_ties(plan, frame)
            case SetOperation():
                return self._set_operation(plan, frame)
            case With():
                return self._with(plan, frame)
            case Recursive():
                return self._recursive(plan, frame)
        raise AssertionError(plan)

    def _project(self, plan: Project, frame: Frame) -> str:
        bare = self._bare_columns(plan)
        if bare is not None:
            return f"list(zip({', '.join(column_lists(bare, frame))}))"
        if isinstance(plan.child, Window):
            columns = self.streams.windows.over_columns(plan.child, plan.exprs, frame)
            if columns is not None:
                return self._over_window(plan, columns, frame)
        clauses = self.streams.stream(plan.child, frame)
        element = self._element(plan, frame)
        if len(clauses) == 1 and clauses[0].startswith(f"for {element} in "):
            source = clauses[0].removeprefix(f"for {element} in ")
            shared = source in self.module.hoisted.values()
            return source if source.isidentifier() and not shared else f"list({source})"
        if not clauses:
            return f"[{element}]"
        return f"[{element} {self.streams.joined(clauses)}]"

    def _over_window(self, plan: Project, columns: WindowColumns, frame: Frame) -> str:
        lists = columns.bare(plan.exprs)
        if lists is not None:
            return f"list(zip({', '.join(lists)}))"
        inner = Frame(self.module, frame.lines, dict(frame.env), dict(frame.columns))
        clauses = columns.enter(inner)
        return f"[{self.tuple_of(plan.exprs, inner)} {self.streams.joined(clauses)}]"

    def _bare_columns(self, plan: Project) -> ColumnScan | None:
        """The columns of a whole table, in their order, where they are the output."""
        found = column_scan(plan.child, plan.exprs)
        if found is None or found.scan.filters or self._whole_row(plan) is not None:
            return None
        return found if bare_columns(plan.exprs, found.scan.rel) == list(found.positions) else None

    def _distinct_values(self, plan: Project, only: Expr, frame: Frame) -> str:
        """Distinct rows of one column: bare values are quicker to compare than tuples."""
        bare = self._bare_columns(plan)
        if bare is not None:
            return f"list(zip(dict.fromkeys({column_lists(bare, frame)[0]})))"
        clauses = self.streams.stream(plan.child, frame)
        value = self.streams.expressions(frame).value(only)
        return f"list(zip(dict.fromkeys([{value} {self.streams.joined(clauses)}])))"

    def _element(self, plan: Project, frame: Frame) -> str:
        """The output tuple; the row itself where the output is just all columns of one relation."""
        whole = self._whole_row(plan)
        if whole is not None:
            return frame.env[whole]
        return self.tuple_of(plan.exprs, frame)

    def tuple_of(self, exprs: Sequence[Expr], frame: Frame) -> str:
        """Source of a tuple."""
        compiler = self.streams.expressions(frame)
        codes = [compiler.value(e) for e in exprs]
        return f"({', '.join(codes)}{',' if len(codes) == 1 else ''})"

    def _whole_row(self, plan: Project) -> int | None:
        rels = provided_rels(plan.child)
        if len(rels) != 1:
            return None
        (rel,) = rels
        same = all(isinstance(e, Column) and e.rel == rel and e.index == i for i, e in enumerate(plan.exprs))
        return rel if same and self.streams.widths(plan.child) == [len(plan.exprs)] else None

    def _values(self, plan: Values, frame: Frame) -> str:
        return "[" + ", ".join(self.tuple_of(row, frame) for row in plan.rows) + "]"

    # order

    def _sort(self, plan: Sort, frame: Frame) -> str:
        scan = self._plain_scan(plan.child)
        rows = self.rows(plan.child, frame) if scan is None else self.streams.all_rows(scan.table)
        return f"sorted_rows({rows}, {self._keys(plan)})"

    def _plain_scan(self, plan: Plan) -> Scan | None:
        """The scan of a table whose rows a plan gives as they are: whoever does not change the list may share it."""
        if isinstance(plan, Project) and self._whole_row(plan) is not None:
            scan = plan.child
            if isinstance(scan, Scan) and scan.access is None and not (scan.keyed or scan.filters):
                return scan
        return None

    def _keys(self, plan: Sort) -> str:
        return self.module.bind("keys", tuple((k.index, k.descending, k.nulls_first) for k in plan.keys))

    def _first_rows(self, plan: Sort, stop: str, frame: Frame) -> str:
        """The first rows in order; of a table, the values of the first key are there as a list."""
        keys = self._keys(plan)
        scan = self._plain_scan(plan.child)
        if scan is None:
            return f"first_rows({self.rows(plan.child, frame)}, {stop}, {keys})"
        found = f"txn.rows_and_column({self.module.store(scan.table)}, {plan.keys[0].index})"
        return f"first_rows(*{found}, {stop}, {keys})"

    def _limit(self, plan: Limit, frame: Frame) -> str:
        compiler = self.streams.expressions(frame)
        limit, offset = "None", "None"
        if plan.limit is not None:
            limit = frame.assign("limit", f"limit_count({compiler.value(plan.limit)}, 'LIMIT')")
        if plan.offset is not None:
            offset = frame.assign("offset", f"limit_count({compiler.value(plan.offset)}, 'OFFSET')")
        stop = f"None if {limit} is None else {limit} + ({offset} or 0)" if plan.offset is not None else limit
        if isinstance(plan.child, Project):
            return self._limited_project(plan.child, frame, offset, stop)
        if isinstance(plan.child, Sort) and plan.limit is not None:
            cut = f"[{offset}:]" if plan.offset is not None else ""
            return f"{self._first_rows(plan.child, stop, frame)}{cut}"
        return f"{self.rows(plan.child, frame)}[{offset if offset != 'None' else ''}:{stop if stop != 'None' else ''}]"

    def _limit_with_ties(self, plan: LimitWithTies, frame: Frame) -> str:
        compiler = self.streams.expressions(frame)
        limit = f"limit_count({compiler.value(plan.limit)}, 'LIMIT')"
        offset = "None" if plan.offset is None else f"limit_count({compiler.value(plan.offset)}, 'OFFSET')"
        return f"first_with_ties({self.rows(plan.child, frame)}, {limit}, {offset}, {plan.keys!r})"

    def _limited_project(self, plan: Project, frame: Frame, offset: str, stop: str) -> str:
        clauses = self.streams.stream(plan.child, frame)
        element = self._element(plan, frame)
        return f"list(islice(({element} {self.streams.joined(clauses)}), {offset}, {stop}))"

    # several queries

    def _set_operation(self, plan: SetOperation, frame: Frame) -> str:
        if plan.op == "UNION":
            parts = [self._listed(part, frame) for part in _united(plan)]
            every = f"[{', '.join('*' + part for part in parts)}]"
            return every if plan.every else f"list(dict.fromkeys({every}))"
        left, right = self.rows(plan.left, frame), self.rows(plan.right, frame)
        function = {"INTERSECT": "intersect", "EXCEPT": "except_"}[plan.op]
        return f"{function}({left}, {right}, {plan.every})"

    def _listed(self, plan: Plan, frame: Frame) -> str:
        """The rows of a part of a union; of one of many, under a name."""
        rows = self.rows(plan, frame)
        return rows if isinstance(plan, (Project, Values)) else frame.assign("part", rows)

    def _with(self, plan: With, frame: Frame) -> str:
        rels = plan.table_rels or (None,) * len(plan.ctes)
        for (number, _, cte), rel in zip(plan.ctes, rels, strict=True):
            if rel is None:
                self.module.root.add(f"cte_{number} = {self.rows(cte, self.module.root)}")
            else:
                frame.env[rel] = frame.assign(f"table_{number}", self.rows(cte, frame))
        return self.rows(plan.body, frame)

    def _recursive(self, plan: Recursive, frame: Frame) -> str:
        """Lines that repeat the step over the newest rows until it gives none."""
        rows = self.rows(plan.base, frame)
        newest = frame.assign("newest", f"list(dict.fromkeys({rows}))" if plan.distinct else rows)
        every = frame.assign("every_row", f"dict.fromkeys({newest})" if plan.distinct else f"list({newest})")
        body = Frame(self.module, [], {**frame.env, plan.table_rel: newest})
        step = self.rows(plan.step, body)
        frame.add(f"while {newest}:")
        frame.lines += indented(body.lines)
        if plan.distinct:
            frame.add(f"    {newest} = dict.fromkeys({step})")
            frame.add(f"    {newest} = [row for row in {newest} if row not in {every}]")
            frame.add(f"    {every}.update(dict.fromkeys({newest}))")
            return f"list({every})"
        frame.add(f"    {newest} = {step}")
        frame.add(f"    {every} += {newest}")
        return every


def _united(plan: SetOperation) -> list[Plan]:
    """The queries of a chain of UNIONs that all keep duplicates, or all drop them."""
    parts: list[Plan] = []
    left: Plan = plan
    while isinstance(left, SetOperation) and left.op == "UNION" and left.every is plan.every:
        parts.append(left.right)
        left = left.left
    return [left, *reversed(parts)]


def sort_passes(keys: Sequence[OrderColumn]) -> list[str]:
    """Arguments (each beginning with a comma) of the sorts to do one after the other; Python's sort is stable.

    Neighbouring keys of one direction go together in one pass.
    """
    runs: list[list[OrderColumn]] = []
    for key in keys:
        if runs and runs[-1][0].descending == key.descending:
            runs[-1].append(key)
        else:
            runs.append([key])
    return [_sort_arguments(run) for run in reversed(runs)]


def _sort_arguments(run: list[OrderColumn]) -> str:
    reverse = run[0].descending
    if not any(k.nullable for k in run):
        code = f"itemgetter({', '.join(str(k.index) for k in run)})"
    else:
        parts = []
        for k in run:
            if k.nullable:
                parts.append(f"row[{k.index}] is {'' if k.nulls_first == reverse else 'not '}None")
            parts.append(f"row[{k.index}]")
        code = f"lambda row: ({', '.join(parts)})"
    return f", key={code}" + (", reverse=True" if reverse else "")
