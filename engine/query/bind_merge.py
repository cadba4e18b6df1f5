"""Binding of MERGE (PostgreSQL's manual, MERGE): the join of source and target, and what each WHEN does with its rows."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from exdbsql.engine.query.bind_changes import ChangeBinder, is_default
from exdbsql.engine.query.bind_expressions import ExpressionBinder
from exdbsql.engine.query.bind_from import FromBinder
from exdbsql.engine.query.context import name_of
from exdbsql.engine.query.expressions import Expr, conjuncts
from exdbsql.engine.query.plan import Join, Scan
from exdbsql.engine.query.scope import Scope, Source, table_source
from exdbsql.engine.query.statements import Merge, MergeWhen
from exdbsql.schema import sqlstate
from exdbsql.schema.table import Table


@dataclass(slots=True)
class MergeBinder:
    """Binds one MERGE with the means of `changes`."""

    changes: ChangeBinder

    def merge(self, node: exp.Merge) -> Merge:
        """MERGE INTO ... USING ... ON ... WHEN ..."""
        context = self.changes.context
        context.only(node, ("this", "using", "on", "whens", "with_"), "MERGE")
        context.only(node.this, ("this", "db", "alias"), "MERGE")
        table = context.table(node.this)
        alias = name_of(node.this.args["alias"].this) if node.this.args.get("alias") else table.name
        source_scope = Scope(context)
        source = FromBinder(context, source_scope, self.changes.queries).bind(
            exp.Select(from_=exp.From(this=node.args["using"]))
        )
        scope = Scope(context)
        target = table_source(table, alias, context.new_rel())
        for part in (target, *source_scope.sources):
            scope.add(part, node.this)
        binder = ExpressionBinder(context, scope, self.changes.queries, "MERGE/ON")
        condition = tuple(conjuncts(binder.condition(node.args["on"])))
        width = len(table.columns) + (0 if table.primary_key else 1)
        scan = Scan(target.rel, table.name, alias, width, keyed=table.primary_key is None)
        row = self.changes.checked_row(table)
        whens = [
            self._when(when, table, target, scope if when.args.get("matched") else source_scope)
            for when in node.args["whens"].expressions
        ]
        plan = Join("left", source, scan, condition)
        return Merge(row, plan, target.rel, self.changes.key(table, target), tuple(whens))

    def _when(self, when: exp.When, table: Table, target: Source, scope: Scope) -> MergeWhen:
        context = self.changes.context
        context.only(when, ("matched", "condition", "then"), "WHEN")
        matched = bool(when.args.get("matched"))
        binder = ExpressionBinder(context, scope, self.changes.queries, "MERGE WHEN")
        condition_node = when.args.get("condition")
        condition = binder.condition(condition_node) if condition_node is not None else None
        then = when.args["then"]
        if isinstance(then, exp.Var):
            word = str(then.this).upper()
            if word == "DO NOTHING":
                return MergeWhen(matched, "nothing", condition, ())
            if word == "DELETE" and matched:
                return MergeWhen(True, "delete", condition, ())
        if isinstance(then, exp.Update) and matched:
            new = self.changes.new_row(then.expressions, table, target, binder)
            return MergeWhen(True, "update", condition, tuple(new))
        if isinstance(then, exp.Insert) and not matched:
            return MergeWhen(False, "insert", condition, tuple(self._inserted(then, table, binder)))
        raise context.error(
            when, "this action cannot stand behind this WHEN", sqlstate.SYNTAX_ERROR, "matched rows are not inserted"
        )

    def _inserted(self, then: exp.Insert, table: Table, binder: ExpressionBinder) -> list[Expr]:
        changes = self.changes
        new = changes.defaults(table)
        names, values = then.args.get("this"), then.args.get("expression")
        if values is None:
            if isinstance(names, exp.Tuple) and len(names.expressions) == 1 and is_default(names.expressions[0]):
                return new  # DEFAULT VALUES, as sqlglot reads it
            raise changes.context.error(then, "INSERT needs VALUES", sqlstate.SYNTAX_ERROR)
        explicit = names is not None
        positions = changes.positions(table, names.expressions if isinstance(names, exp.Tuple) else None)
        parts = values.expressions if isinstance(values, exp.Tuple) else [values]
        for part, position in zip(parts, changes.checked_count(then, len(parts), positions, explicit), strict=False):
            if not is_default(part):
                new[position] = changes.assigned(part, binder.bind(part), table, position)
        return new
