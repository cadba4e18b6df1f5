"""Source of subqueries in expressions.

One without outer references is computed once, before the loops. One with outer references becomes a function of the rows that
it refers to, defined before the loops; hash tables that it needs are built once, outside of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exdbsql.engine.query.codegen.column_scan import column_scan, enter
from exdbsql.engine.query.codegen.memo import remembered
from exdbsql.engine.query.codegen.module import MOST_LOOPS, Frame, Module, indented
from exdbsql.engine.query.codegen.scans import key_of
from exdbsql.engine.query.expressions import Exists, HasMatch, InSubquery, Quantified, ScalarSubquery
from exdbsql.engine.query.library.array_values import array_of_rows
from exdbsql.engine.query.plan import Plan, Project, used_rels

if TYPE_CHECKING:
    from exdbsql.engine.query.codegen.expressions import ExpressionCompiler
    from exdbsql.engine.query.codegen.rows import RowsCompiler


class SubqueryCompiler:
    """Compiles the subqueries of one module."""

    def __init__(self, module: Module, rows: RowsCompiler) -> None:
        self.module = module
        self.rows = rows

    def call(self, plan: Plan, frame: Frame, wish: str, wrapper: str) -> str:
        """Source of ``wrapper`` (with ``{0}`` for the rows) over a plan: a variable, or a call with outer rows."""
        outer = sorted(used_rels(plan))
        if not outer:
            key = (plan, wrapper)
            if key not in self.module.hoisted:
                code = wrapper.format(self.rows.rows(plan, self.module.root))
                self.module.hoisted[key] = self.module.root.assign(wish, code)
            return self.module.hoisted[key]
        name = self.module.name(wish)
        arguments = [frame.env[rel] for rel in outer]
        body = frame.child(outer)
        result = wrapper.format(self.rows.rows(plan, body))
        if wish != "lateral_query":
            result = remembered(self.module, plan, body, result, frame)
        self.module.root.define(name, arguments, body, result)
        return f"{name}({', '.join(arguments)})"

    def scalar(self, expr: ScalarSubquery, frame: Frame) -> str:
        """The value of a scalar subquery."""
        if expr.whole:
            self.module.names["array_of_rows"] = array_of_rows
            return self.call(expr.plan, frame, "array_query", "array_of_rows({0})")
        return self.call(expr.plan, frame, "scalar_query", "scalar({0})")

    def exists(self, expr: Exists, frame: Frame) -> str:
        """Whether a subquery has rows."""
        plan = expr.plan
        if not isinstance(plan, Project):
            return self.call(plan, frame, "exists_query", "bool({0})")
        outer = sorted(used_rels(plan))
        body = frame.child(outer) if outer else self.module.root
        clauses = self.rows.streams.stream(plan.child, body)
        code = f"any(True {self.rows.streams.joined(clauses)})"
        if not outer:
            return self.module.root.assign("exists_query", code)
        name = self.module.name("exists_query")
        arguments = [frame.env[rel] for rel in outer]
        result = remembered(self.module, plan, body, code, frame)
        if result == code and 0 < len(clauses) <= MOST_LOOPS:
            body.lines += [line for depth, clause in enumerate(clauses) for line in indented([clause + ":"], depth)]
            body.lines += indented(["return True"], len(clauses))
            result = "False"
        self.module.root.define(name, arguments, body, result)
        return f"{name}({', '.join(arguments)})"

    def has_match(self, expr: HasMatch, compiler: ExpressionCompiler) -> str:
        """Whether values are a key of a subquery's rows."""
        wanted = key_of(expr.args, compiler)
        made = self.module.hoisted.get(expr.plan)
        if made is None:
            made = self.module.hoisted[expr.plan] = self._key_set(expr.plan)
        return f"({wanted} in {made})"

    def _key_set(self, plan: Plan) -> str:
        """The variable of the set of a subquery's rows, bare for one column, without those that have a NULL."""
        assert isinstance(plan, Project)
        inner = Frame(self.module, self.module.root.lines)
        found = column_scan(plan.child, plan.exprs)
        if found is None:
            clauses = self.rows.streams.stream(plan.child, inner)
        else:
            clauses, _ = enter(found, inner)
            clauses += self.rows.streams.conditions(found.scan.filters, inner)
        compiler = self.rows.streams.expressions(inner)
        if len(plan.exprs) > 1:
            clauses += [f"if {compiler.value(e)} is not None" for e in plan.exprs if e.nullable]
        key = key_of(plan.exprs, compiler)
        alone = clauses[0].removeprefix(f"for {key} in ") if len(clauses) == 1 else ""
        keys = f"set({alone})" if alone.isidentifier() else f"{{{key} {self.rows.streams.joined(clauses)}}}"
        made = self.module.root.assign("keys_of", keys)
        if len(plan.exprs) == 1 and plan.exprs[0].nullable:
            self.module.root.add(f"{made}.discard(None)")
        return made

    def membership(self, expr: InSubquery, compiler: ExpressionCompiler) -> str:
        """Three-valued IN."""
        args = [compiler.value(a) for a in expr.args]
        if len(args) > 1:
            rows = self.call(expr.plan, compiler.frame, "in_query", "{0}")
            return f"row_in(({', '.join(args)}), {rows})"
        return f"{self.value_set(expr, compiler)}.contains({args[0]})"

    def membership_true(self, expr: InSubquery, compiler: ExpressionCompiler) -> str:
        """Whether IN is TRUE."""
        if len(expr.args) > 1:
            return self.membership(expr, compiler)
        return f"({compiler.value(expr.args[0])} in {self.value_set(expr, compiler)}.values)"

    def membership_false(self, expr: InSubquery, compiler: ExpressionCompiler) -> str | None:
        """Whether IN is FALSE, for one argument that is never NULL; None for others."""
        if len(expr.args) > 1 or expr.args[0].nullable:
            return None
        values = self.value_set(expr, compiler)
        return f"({compiler.value(expr.args[0])} not in {values}.values and not {values}.has_null)"

    def value_set(self, expr: InSubquery, compiler: ExpressionCompiler) -> str:
        """The set of a subquery's values, as a ValueSet."""
        return self.call(expr.plan, compiler.frame, "in_query", "ValueSet({0})")

    def quantified(self, expr: Quantified, compiler: ExpressionCompiler) -> str:
        """``op ANY`` and ``op ALL``."""
        values = self.call(expr.plan, compiler.frame, "any_query", "list(map(itemgetter(0), {0}))")
        arg = compiler.value(expr.arg)
        return f"quantified({arg}, {values}, lambda a, b: a {expr.op} b, {expr.every})"
