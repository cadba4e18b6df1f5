"""Source of streams: the clauses of a comprehension that walk over the rows of scans, joins, filters and groups.

`stream` adds what must be there before the loops to the frame, gives variables to the relations of the node, and returns the clauses.
A side of a join that does not depend on the other is gathered first (into a hash table by its keys, or a list); one that
does (an index look-up, LATERAL) stands inside the loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from exdbsql.engine.query.codegen.expressions import ExpressionCompiler
from exdbsql.engine.query.codegen.module import Frame, Module, append_to_lists
from exdbsql.engine.query.codegen.scans import ScanCompiler, key_of
from exdbsql.engine.query.codegen.sets import SetCompiler
from exdbsql.engine.query.codegen.windows import WindowCompiler
from exdbsql.engine.query.expressions import Expr
from exdbsql.engine.query.plan import (
    Aggregate,
    CteScan,
    Derived,
    Filter,
    FunctionScan,
    Gathered,
    GroupingSets,
    Join,
    OneRow,
    ParamRows,
    Plan,
    ProjectSet,
    Scan,
    Window,
    provided_rels,
    relation_widths,
    used_rels,
)
from exdbsql.schema.errors import NotSupportedError

if TYPE_CHECKING:
    from exdbsql.engine.query.codegen.rows import RowsCompiler


class StreamCompiler:
    """Compiles the streams of one module."""

    def __init__(self, module: Module, rows: RowsCompiler) -> None:
        self.module = module
        self.rows = rows
        self.scans = ScanCompiler(module, self)
        self.sets = SetCompiler(module, self)
        self.windows = WindowCompiler(module, self)

    def expressions(self, frame: Frame) -> ExpressionCompiler:
        """A compiler of expressions that see the relations of `frame`."""
        return ExpressionCompiler(frame, self.rows.subqueries)

    def stream(self, plan: Plan, frame: Frame) -> list[str]:
        """The clauses of a stream node."""
        match plan:
            case Scan():
                return self.scans.clauses(plan, frame)
            case OneRow():
                return []
            case Filter():
                clauses = self.stream(plan.child, frame)
                return clauses + self.conditions(plan.conditions, frame)
            case Join():
                return self._join(plan, frame)
            case Aggregate():
                rows = self.rows.aggregates.rows(plan, frame)
                return [f"for {self.variable(plan.rel, 'group', frame)} in {rows}"]
            case Derived():
                return self._derived(plan, frame)
            case CteScan():
                table = f"cte_{plan.cte}" if plan.table_rel is None else frame.env[plan.table_rel]
                return [f"for {self.variable(plan.rel, plan.alias, frame)} in {table}"]
            case FunctionScan():
                return self.sets.scan(plan, frame)
            case ParamRows(slot=first, count=count, width=width):
                values = f"iter(p[{first}:{first + count * width}])"
                return [f"for {self.variable(plan.rel, 'given', frame)} in zip(*[{values}] * {width})"]
            case ProjectSet():
                return self.sets.project(plan, frame)
            case GroupingSets():
                return self.sets.grouping_sets(plan, frame)
            case Gathered():
                return self.sets.gathered_rows(plan)
            case Window():
                return self.windows.stream(plan, frame)
        raise AssertionError(plan)

    def variable(self, rel: int, alias: str, frame: Frame) -> str:
        """A variable for the rows of a relation."""
        name = self.module.name(alias)
        frame.env[rel] = name
        return name

    def conditions(self, conditions: Sequence[Expr], frame: Frame) -> list[str]:
        """``if`` clauses."""
        compiler = self.expressions(frame)
        return [f"if {compiler.true(c)}" for c in conditions]

    def joined(self, clauses: list[str]) -> str:
        """Clauses as the tail of a comprehension, which needs a loop."""
        if not clauses or not clauses[0].startswith("for "):
            clauses = ["for _ in (None,)", *clauses]
        return " ".join(clauses)

    def iterable(self, code: str, parts: object, frame: Frame) -> str:
        """`code` as the iterable of a comprehension, where Python allows no assignment expression."""
        if ":=" not in code:
            return code
        rels = sorted(rel for rel in used_rels(parts) if rel in frame.env)
        name = self.module.name("matches")
        arguments = [frame.env[rel] for rel in rels]
        frame.define(name, arguments, Frame(self.module), code)
        return f"{name}({', '.join(arguments)})"

    def all_rows(self, table: str) -> str:
        """The variable of a table's rows, a list that may be shared, made before the loops."""
        return self.scans.all_rows(table)

    def _key(self, key: Sequence[Expr], compiler: ExpressionCompiler) -> str:
        return key_of(key, compiler)

    def fill(self, table: str, clauses: list[str], key: str, value: str, frame: Frame) -> None:
        """Lines that fill a hash table with lists of rows."""
        frame.add(f"{table} = defaultdict(list)")
        frame.lines += append_to_lists(self.module, clauses, table, key, value)

    def _derived(self, plan: Derived, frame: Frame) -> list[str]:
        if plan.lateral:
            rows = self.rows.subqueries.call(plan.plan, frame, "lateral_query", "{0}")
        elif used_rels(plan.plan):
            rows = self._named(plan.alias, self.rows.rows(plan.plan, frame), frame)
        else:
            rows = self._named(plan.alias, self.rows.rows(plan.plan, self.module.root), self.module.root)
        return [f"for {self.variable(plan.rel, plan.alias, frame)} in {rows}"]

    def _named(self, alias: str, rows: str, frame: Frame) -> str:
        return rows if rows.isidentifier() else frame.assign(f"rows_{alias}", rows)

    # joins

    def _join(self, plan: Join, frame: Frame) -> list[str]:
        if plan.kind == "full":
            return self._full_join(plan, frame)
        left = self.stream(plan.left, frame)
        if plan.kind == "inner" and (not left or _depends(plan.right, provided_rels(plan.left))):
            keys = self._key_conditions(plan)
            right = self.stream(plan.right, frame)
            return left + right + self.conditions((*keys, *plan.conditions), frame)
        if _depends(plan.right, provided_rels(plan.left)):
            return left + self._dependent_left(plan, frame)
        found, pattern = self._gathered(plan, frame)
        conditions = self.conditions(plan.conditions, frame)
        if _matches_one(plan):
            if plan.kind == "left":
                nulls = f"{self._nulls(plan.right)}[0]"
                return [*left, f"for {pattern} in ({found.removesuffix(')')}, {nulls}),)"]
            if "," not in pattern:
                return [*left, f"for {pattern} in ({found},)", f"if {pattern} is not None", *conditions]
            match = self.module.name("match")
            loops = [f"for {match} in ({found},)", f"if {match} is not None", f"for {pattern} in ({match},)"]
            return [*left, *loops, *conditions]
        if plan.kind == "inner":
            return [*left, f"for {pattern} in {found}", *conditions]
        if plan.left_keys and not conditions:
            found = found.removesuffix(", EMPTY)") + ")"
            return [*left, f"for {pattern} in {found} or {self._nulls(plan.right)}"]
        inner = f"[{_tuple(pattern)} for {pattern} in {found} {' '.join(conditions)}]"
        code = f"{inner} or {self._nulls(plan.right)}"
        parts = (plan.conditions, plan.left_keys)
        left_frame = Frame(
            self.module, frame.lines, {r: v for r, v in frame.env.items() if r not in provided_rels(plan.right)}
        )
        return [*left, f"for {pattern} in {self.iterable(code, parts, left_frame)}"]

    def _key_conditions(self, plan: Join) -> list[Expr]:
        from exdbsql.engine.query.rules.join_keys import keys_as_conditions

        return keys_as_conditions(plan)

    def _dependent_left(self, plan: Join, frame: Frame) -> list[str]:
        outer = dict(frame.env)
        right = self.stream(plan.right, frame)
        conditions = self.conditions((*self._key_conditions(plan), *plan.conditions), frame)
        pattern = self.pattern(plan.right, frame)
        code = f"[{_tuple(pattern)} {' '.join([*right, *conditions])}] or {self._nulls(plan.right)}"
        parts = (plan.right, plan.conditions, plan.left_keys)
        return [f"for {pattern} in {self.iterable(code, parts, Frame(self.module, frame.lines, outer))}"]

    def pattern(self, plan: Plan, frame: Frame) -> str:
        """The variables of a stream's relations, as a target of assignment."""
        return ", ".join(frame.env[rel] for rel in sorted(provided_rels(plan)))

    def _gathered(self, plan: Join, frame: Frame) -> tuple[str, str]:
        """The right side, gathered before the loops: source of the rows that match, and their pattern."""
        place = frame if used_rels((plan.right, plan.right_keys)) - provided_rels(plan.right) else self.module.root
        inner = Frame(self.module, place.lines, dict(frame.env))
        clauses = self.stream(plan.right, inner)
        pattern = self.pattern(plan.right, inner)
        compiler = self.expressions(inner)
        if not plan.right_keys:
            found = _only_loop(clauses, pattern)
            if found is None:
                found = self.module.name("rows_right")
                place.add(f"{found} = [{_tuple(pattern)} {self.joined(clauses)}]")
        elif _matches_one(plan):
            table = self.module.name("hash_" + pattern.split(",")[0])
            key = self._key(plan.right_keys, compiler)
            place.add(f"{table} = {{{key}: {_tuple(pattern)} {self.joined(clauses)}}}")
            wanted = self._key(plan.left_keys, self.expressions(frame))
            found = f"{table}.get({self.iterable(wanted, plan.left_keys, frame)})"
        else:
            table = self.module.name("hash_" + pattern.split(",")[0])
            self.fill(table, clauses, self._key(plan.right_keys, compiler), _tuple(pattern), place)
            if any(k.nullable for k in plan.right_keys):
                self._drop_null_keys(table, len(plan.right_keys), place)
            key = self._key(plan.left_keys, self.expressions(frame))
            found = f"{table}.get({self.iterable(key, plan.left_keys, frame)}, EMPTY)"
        frame.env.update({rel: inner.env[rel] for rel in provided_rels(plan.right)})
        return found, pattern

    def _drop_null_keys(self, table: str, width: int, frame: Frame) -> None:
        if width == 1:
            frame.add(f"{table}.pop(None, None)")
        else:
            frame.add(f"for key in [k for k in {table} if None in k]:")
            frame.add(f"    del {table}[key]")

    def widths(self, plan: Plan) -> list[int]:
        """Widths of the relations that a stream provides, by relation number."""
        return relation_widths(plan)

    def _nulls(self, plan: Plan) -> str:
        """Source of one row of NULLs for each relation of a side, in a tuple."""
        rows = [(None,) * width for width in relation_widths(plan)]
        value = (rows[0],) if len(rows) == 1 else (tuple(rows),)
        return self.module.bind("NULLS_" + "_".join(str(len(r)) for r in rows), value)

    def _full_join(self, plan: Join, frame: Frame) -> list[str]:
        own = provided_rels(plan)
        if used_rels((plan.conditions, plan.left_keys, plan.right_keys)) - own:
            raise NotSupportedError("FULL JOIN on a condition that uses an outer query is not supported")
        sides, lambdas = [], []
        for side, keys in ((plan.left, plan.left_keys), (plan.right, plan.right_keys)):
            clauses = self.stream(side, frame)
            pattern = self.pattern(side, frame)
            frame.add(f"{(name := self.module.name('side'))} = [{_tuple(pattern)} {self.joined(clauses)}]")
            sides.append((name, pattern))
            lambdas.append(self._key_function(keys, pattern, frame))
        condition = "None"
        if plan.conditions:
            compiler = self.expressions(frame)
            test = " and ".join(compiler.true(c) for c in plan.conditions)
            condition = self._function([sides[0][1], sides[1][1]], test)
        nulls = ", ".join(f"{self._nulls(side)}[0]" for side in (plan.left, plan.right))
        pairs = self.module.name("pairs")
        arguments = [sides[0][0], sides[1][0], *lambdas, condition, f"({nulls})"]
        frame.add(f"{pairs} = full_join({', '.join(arguments)})")
        patterns = [p if "," not in p else f"({p})" for _, p in sides]
        return [f"for {patterns[0]}, {patterns[1]} in {pairs}"]

    def _key_function(self, keys: Sequence[Expr], pattern: str, frame: Frame) -> str:
        if not keys:
            return "None"
        compiler = self.expressions(frame)
        code = self._key(keys, compiler)
        tests = [f"{compiler.value(k)} is None" for k in keys if k.nullable] if len(keys) > 1 else []
        return self._function([pattern], f"None if {' or '.join(tests)} else {code}" if tests else code)

    def _function(self, patterns: list[str], code: str) -> str:
        """A function of one argument for each pattern, which may be a tuple of variables."""
        name = self.module.name("function")
        arguments = [f"argument{i}" if "," in p else p for i, p in enumerate(patterns)]
        body = Frame(self.module, [f"{p} = argument{i}" for i, p in enumerate(patterns) if "," in p])
        self.module.root.define(name, arguments, body, code)
        return name


def _matches_one(plan: Join) -> bool:
    """Whether the hash table of a join holds bare rows instead of lists: each key has one row at most."""
    return plan.right_unique and (plan.kind == "inner" or not plan.conditions)


def _tuple(pattern: str) -> str:
    return f"({pattern})" if "," in pattern else pattern


def _only_loop(clauses: list[str], pattern: str) -> str | None:
    """The iterable of a stream that is nothing but one loop over a variable."""
    if len(clauses) == 1 and clauses[0].startswith(f"for {pattern} in "):
        rest = clauses[0].removeprefix(f"for {pattern} in ")
        return rest if rest.isidentifier() else None
    return None


def _depends(plan: Plan, rels: frozenset[int]) -> bool:
    return bool(used_rels(plan) & rels)
