"""Binding of INSERT, UPDATE and DELETE."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from exdbsql.engine.query import bind_rows, bind_runs, operators
from exdbsql.engine.query import bind_structures as structures
from exdbsql.engine.query.bind_expressions import ExpressionBinder
from exdbsql.engine.query.bind_from import FromBinder
from exdbsql.engine.query.bind_query import QueryBinder
from exdbsql.engine.query.conflict_targets import arbiters
from exdbsql.engine.query.context import StatementContext, name_of
from exdbsql.engine.query.expressions import Call, Column, Expr
from exdbsql.engine.query.library.array_values import assigned_element, assigned_slice
from exdbsql.engine.query.outputs import output_name
from exdbsql.engine.query.parse import parse_statement
from exdbsql.engine.query.plan import Derived, Filter, Join, OutputColumn, Plan, Project, Scan, Values, output_columns
from exdbsql.engine.query.row_functions import bound_default, generated_columns
from exdbsql.engine.query.scope import Scope, Source, table_source
from exdbsql.engine.query.statements import Change, CheckedRow, Delete, Insert, OnConflict, Returning, Update
from exdbsql.engine.query.tokens import SUBSCRIPT
from exdbsql.schema import sqlstate
from exdbsql.schema.identifiers import did_you_mean
from exdbsql.schema.table import Identity, Table
from exdbsql.schema.types import BIGINT, INTEGER, TEXT


class ChangeBinder:
    """Binds one statement that changes a table."""

    def __init__(self, context: StatementContext, queries: QueryBinder | None = None) -> None:
        self.context = context
        self.queries = queries or QueryBinder(context)

    def bind(self, node: exp.Expr) -> Change:
        """The bound statement."""
        if isinstance(node, exp.Insert):
            return self.insert(node)
        if isinstance(node, exp.Update):
            return self.update(node)
        if isinstance(node, exp.Merge):
            from exdbsql.engine.query.bind_merge import MergeBinder

            return MergeBinder(self).merge(node)
        assert isinstance(node, exp.Delete)
        return self.delete(node)

    # INSERT

    def insert(self, node: exp.Insert) -> Insert:
        """INSERT INTO ... VALUES, SELECT, or DEFAULT VALUES."""
        self.context.only(node, ("this", "expression", "default", "conflict", "returning", "with_"), "INSERT")
        target = node.this.this if isinstance(node.this, exp.Schema) else node.this
        self.context.only(target, ("this", "db", "alias"), "INSERT")
        table = self.context.table(target)
        alias = name_of(target.args["alias"].this) if target.args.get("alias") else table.name
        names = node.this.expressions if isinstance(node.this, exp.Schema) else None
        positions = self.positions(table, names)
        row = self.checked_row(table)
        source = self._insert_source(node, table, positions, explicit=names is not None)
        conflict = self._conflict(node.args.get("conflict"), table, alias)
        returning = self._returning(node, table, alias, row.row_rel)
        return Insert(row, source, conflict, returning)

    def positions(self, table: Table, names: Sequence[exp.Expr] | None) -> list[int]:
        if names is None:
            return list(range(len(table.columns)))
        positions: list[int] = []
        for node in names:
            position = self.position(table, node)
            if position in positions:
                raise self.context.error(
                    node, f'column "{name_of(node)}" specified more than once', sqlstate.DUPLICATE_COLUMN
                )
            positions.append(position)
        return positions

    def position(self, table: Table, node: exp.Expr) -> int:
        name = name_of(node)
        if not table.has_column(name):
            raise self.context.error(
                node,
                f'column "{name}" of relation "{table.name}" does not exist',
                sqlstate.UNDEFINED_COLUMN,
                did_you_mean(name, table.column_names),
            )
        return table.column_index(name)

    def _insert_source(self, node: exp.Insert, table: Table, positions: list[int], *, explicit: bool) -> Plan:
        source = node.args.get("expression")
        if source is None:
            return self._values([self.defaults(table)], table)
        if isinstance(source, exp.Values):
            self.context.only(source, ("expressions",), "VALUES")
            parts = source.expressions[0].expressions
            run = bind_runs.find(self.context, parts, is_list=False) if len(source.expressions) == 1 else None
            rows = [self._value_row(row, table, positions, explicit) for row in source.expressions]
            if run is not None:
                return bind_runs.rows(self.context, run, rows[0], self._columns_of(table, rows))
            return self._values(rows, table)
        plan = self.queries.bind(source, None)
        columns = output_columns(plan)
        positions = self.checked_count(source, len(columns), positions, explicit)
        rel = self.context.new_rel()
        plan = self._typed(plan, table, positions)
        new = self.defaults(table)
        for i, (position, column) in enumerate(zip(positions, output_columns(plan), strict=False)):
            if self._keeps_identity(table, position):
                continue
            self.require_writable(source, table, position, inserting=True)
            value = Column(column.type, column.nullable, rel, i, column.name)
            new[position] = self.assigned(source, value, table, position)
        derived = Derived(rel, plan, "source", len(columns))
        return Project(derived, tuple(new), self._columns_of(table, [new]), len(new))

    def _typed(self, plan: Plan, table: Table, positions: list[int]) -> Plan:
        """Outputs of unknown type take the types of their columns."""
        from exdbsql.engine.query.outputs import convert_outputs

        columns = output_columns(plan)
        types = [
            (table.columns[p].type.unconstrained if c.type is None else c.type)
            for c, p in zip(columns, positions, strict=False)
        ]
        return convert_outputs(self.context, plan, types)

    def _value_row(self, row: exp.Expr, table: Table, positions: list[int], explicit: bool) -> list[Expr]:
        parts = row.expressions if isinstance(row, exp.Tuple) else [row]
        positions = self.checked_count(row, len(parts), positions, explicit)
        binder = ExpressionBinder(self.context, Scope(self.context), self.queries, "VALUES")
        new = self.defaults(table)
        for part, position in zip(parts, positions, strict=False):
            if not is_default(part):
                value = self.assigned(part, binder.bind(part), table, position)
                if not self._keeps_identity(table, position):
                    self.require_writable(part, table, position, inserting=True)
                    new[position] = value
        return new

    def _keeps_identity(self, table: Table, position: int) -> bool:
        """Whether OVERRIDING USER VALUE has the sequence's number stand against a given one."""
        return self.context.overriding == "user" and table.columns[position].identity is not None

    def checked_count(self, node: exp.Expr, count: int, positions: list[int], explicit: bool) -> list[int]:
        if count > len(positions):
            raise self.context.error(node, "INSERT has more expressions than target columns", sqlstate.SYNTAX_ERROR)
        if count < len(positions) and explicit:
            raise self.context.error(node, "INSERT has more target columns than expressions", sqlstate.SYNTAX_ERROR)
        return positions[:count]

    def assigned(self, node: exp.Expr, value: Expr, table: Table, position: int) -> Expr:
        column = table.columns[position]
        return operators.assigned(self.context, node, value, column.type, column.name)

    def defaults(self, table: Table) -> list[Expr]:
        return [self._default(table, i) for i in range(len(table.columns))]

    def _default(self, table: Table, position: int) -> Expr:
        return bound_default(self.context.dictionary, table, position)

    def _own_text(self, text: str) -> tuple[StatementContext, exp.Expr]:
        """A context for an expression of the dictionary, whose literals are constants."""
        parsed = parse_statement(text, types=self.context.dictionary.types)
        inner = StatementContext.of(parsed, self.context.dictionary, ())
        inner.next_rel = self.context.next_rel
        return inner, parsed.tree.expressions[0]

    def _values(self, rows: list[list[Expr]], table: Table) -> Values:
        return Values(tuple(tuple(row) for row in rows), self._columns_of(table, rows))

    def _columns_of(self, table: Table, rows: list[list[Expr]]) -> tuple[OutputColumn, ...]:
        return tuple(
            OutputColumn(c.name, c.type, any(row[i].nullable for row in rows)) for i, c in enumerate(table.columns)
        )

    def _conflict(self, node: exp.OnConflict | None, table: Table, alias: str) -> OnConflict | None:
        if node is None:
            return None
        self.context.only(
            node, ("expressions", "action", "conflict_keys", "constraint", "index_predicate", "where"), "ON CONFLICT"
        )
        keys = arbiters(self.context, node, table)
        if str(node.args["action"].this).upper() == "DO NOTHING":
            return OnConflict(keys)
        if not keys:
            raise self.context.error(
                node, "ON CONFLICT DO UPDATE requires inference specification or constraint name", sqlstate.SYNTAX_ERROR
            )
        old = table_source(table, alias, self.context.new_rel())
        excluded = table_source(table, "excluded", self.context.new_rel())
        excluded.nullable = [True] * len(table.columns)
        scope = Scope(self.context)
        scope.add(old, None)
        own = list(scope.visible)
        scope.add(excluded, None)
        scope.visible = own
        binder = ExpressionBinder(self.context, scope, self.queries, "ON CONFLICT")
        new_row = self.new_row(node.expressions, table, old, binder)
        where = node.args.get("where")
        condition = binder.condition(where.this) if where is not None else None
        return OnConflict(keys, old.rel, excluded.rel, tuple(new_row), condition)

    # UPDATE and DELETE

    def update(self, node: exp.Update) -> Update:
        """UPDATE ... SET ... [FROM ...] [WHERE ...]."""
        self.context.only(node, ("this", "expressions", "from_", "where", "returning", "with_"), "UPDATE")
        if not node.expressions:
            raise self.context.error(node, "UPDATE needs SET", sqlstate.SYNTAX_ERROR)
        table, target, scope, source = self._target(node, node.args.get("from_"))
        row = self.checked_row(table)
        binder = ExpressionBinder(self.context, scope, self.queries, "UPDATE")
        new_row = self.new_row(node.expressions, table, target, binder)
        source = self.filtered(node, scope, source)
        returning = self._returning(node, table, target.alias, row.row_rel, scope)
        repeats = node.args.get("from_") is not None
        return Update(row, source, target.rel, self.key(table, target), tuple(new_row), repeats, returning)

    def delete(self, node: exp.Delete) -> Delete:
        """DELETE FROM ... [USING ...] [WHERE ...]."""
        self.context.only(node, ("this", "using", "where", "returning", "with_"), "DELETE")
        using = node.args.get("using")
        from_ = None
        if using:
            from_ = exp.From(this=using[0])
            for other in using[1:]:
                using[0].append("joins", exp.Join(this=other))
        table, target, scope, source = self._target(node, from_)
        row = self.checked_row(table)
        source = self.filtered(node, scope, source)
        returning = self._returning(node, table, target.alias, row.row_rel, scope)
        return Delete(row, source, target.rel, self.key(table, target), bool(using), returning)

    def _target(self, node: exp.Expr, from_: exp.From | None) -> tuple[Table, Source, Scope, Plan]:
        self.context.only(node.this, ("this", "db", "alias"), type(node).__name__.upper())
        table = self.context.table(node.this)
        alias = name_of(node.this.args["alias"].this) if node.this.args.get("alias") else table.name
        scope = Scope(self.context)
        target = table_source(table, alias, self.context.new_rel())
        scope.add(target, node.this)
        width = len(table.columns) + (0 if table.primary_key else 1)
        plan: Plan = Scan(target.rel, table.name, alias, width, keyed=table.primary_key is None)
        if from_ is not None:
            other = FromBinder(self.context, scope, self.queries).bind(exp.Select(from_=from_))
            plan = Join("inner", plan, other, ())
        return table, target, scope, plan

    def filtered(self, node: exp.Expr, scope: Scope, source: Plan) -> Plan:
        where = node.args.get("where")
        if where is None:
            return source
        condition = ExpressionBinder(self.context, scope, self.queries, "WHERE").condition(where.this)
        return Filter(source, (condition,))

    def key(self, table: Table, target: Source) -> tuple[Expr, ...]:
        if table.primary_key is None:
            return (Column(BIGINT, False, target.rel, len(table.columns), "key"),)
        return tuple(target.column(i) for i in table.key_positions)

    def new_row(self, sets: Sequence[exp.Expr], table: Table, target: Source, binder: ExpressionBinder) -> list[Expr]:
        """The columns after SET. Of several assignments to one column the last counts, as the SQL logic tests have it (in
        MySQL and SQLite too; PostgreSQL refuses them)."""
        new: list[Expr] = [target.column(i) for i in range(len(table.columns))]
        for item in sets:
            for name, value in self._assignments(item, binder):
                if isinstance(name, exp.Bracket):
                    self._assign_element(new, name, value, table, binder)
                    continue
                position = self.position(table, name)
                if isinstance(value, Expr):
                    self.require_writable(item, table, position, inserting=False)
                    new[position] = self.assigned(item, value, table, position)
                elif is_default(value):
                    new[position] = self._default(table, position)
                else:
                    self.require_writable(value, table, position, inserting=False)
                    new[position] = self.assigned(value, binder.bind(value), table, position)
        return new

    def require_writable(self, node: exp.Expr, table: Table, position: int, *, inserting: bool) -> None:
        """A generated column, and an identity column that is GENERATED ALWAYS, takes nothing but DEFAULT."""
        column = table.columns[position]
        if column.generated is None and column.identity is not Identity.ALWAYS:
            return
        if inserting and column.generated is None and self.context.overriding == "system":
            return
        what = (
            "a generated column" if column.generated is not None else "an identity column defined as GENERATED ALWAYS"
        )
        verb = f'insert a non-DEFAULT value into column "{column.name}"'
        problem = self.context.error(
            node,
            f"cannot {verb}" if inserting else f'column "{column.name}" can only be updated to DEFAULT',
            sqlstate.GENERATED_ALWAYS,
            "use OVERRIDING SYSTEM VALUE to override" if inserting and column.generated is None else None,
        )
        problem.detail = f'Column "{column.name}" is {what}.'
        raise problem

    def _assign_element(
        self, new: list[Expr], name: exp.Bracket, value: exp.Expr | Expr, table: Table, binder: ExpressionBinder
    ) -> None:
        """``SET a[i] = value`` and ``SET a[i:j] = values``."""
        call = name.expressions[0]
        if not isinstance(name.this, exp.Column) or isinstance(value, Expr):
            raise self.context.unsupported(name, "SET of a part of an array other than one element or slice")
        position = self.position(table, name.this)
        column = table.columns[position]
        if column.type.element is None:
            raise self.context.unsupported(name, f"SET of a part of the type {column.type}")
        if str(call.this) != SUBSCRIPT:
            bounds = structures.slice_bounds(binder, call)
            values = operators.assigned(self.context, value, binder.bind(value), column.type, column.name)
            template = "assigned_slice({0}, {1}, {2}, {3})"
            named = (("assigned_slice", assigned_slice),)
            slice_args = (new[position], *bounds, values)
            new[position] = Call(column.type, True, "assignment", template, slice_args, strict=False, names=named)
            return
        index = operators.assigned(self.context, name, binder.bind(call.expressions[0]), INTEGER, "array subscript")
        element = operators.assigned(self.context, value, binder.bind(value), column.type.element, column.name)
        names = (("assigned_element", assigned_element),)
        args = (new[position], index, element)
        new[position] = Call(
            column.type, False, "assignment", "assigned_element({0}, {1}, {2})", args, strict=False, names=names
        )

    def _assignments(self, item: exp.Expr, binder: ExpressionBinder) -> Sequence[tuple[exp.Expr, exp.Expr | Expr]]:
        if not isinstance(item, exp.EQ):
            raise self.context.unsupported(item, "this form of SET")
        left, right = item.this, item.expression
        if isinstance(left, exp.Tuple):
            if not bind_rows.is_row(right):
                found = bind_rows.values(binder, right, len(left.expressions))
                return list(zip(left.expressions, found, strict=True))
            values = bind_rows.parts(right)
            if len(left.expressions) != len(values):
                raise self.context.error(
                    item, "number of columns does not match number of values", sqlstate.SYNTAX_ERROR
                )
            return list(zip(left.expressions, values, strict=True))
        if isinstance(left, exp.Column) and left.args.get("table") is not None:
            raise self.context.error(
                left, "SET takes the bare name of a column", sqlstate.UNDEFINED_COLUMN, "leave the table's name out"
            )
        return [(left, right)]

    # constraints and RETURNING

    def checked_row(self, table: Table) -> CheckedRow:
        rel = self.context.new_rel()
        checks = []
        for check in table.checks:
            inner, node = self._own_text(f"SELECT {check.expression}")
            scope = Scope(inner)
            source = table_source(table, table.name, rel)
            source.nullable = [True] * len(table.columns)
            scope.add(source, None)
            binder = ExpressionBinder(inner, scope, QueryBinder(inner), "CHECK")
            checks.append((check.name, binder.condition(node)))
        return CheckedRow(table, rel, tuple(checks), generated_columns(table, self.context.dictionary, rel))

    def _returning(
        self, node: exp.Expr, table: Table, alias: str, rel: int, around: Scope | None = None
    ) -> Returning | None:
        clause = node.args.get("returning")
        if clause is None:
            return None
        self.context.only(clause, ("expressions",), "RETURNING")
        scope = Scope(self.context)
        source = table_source(table, alias, rel)
        scope.add(source, None)
        for other in around.sources[1:] if around is not None else ():
            scope.add(other, None)
        binder = ExpressionBinder(self.context, scope, self.queries, "RETURNING")
        exprs: list[Expr] = []
        columns: list[OutputColumn] = []
        for item in clause.expressions:
            target = item.this if isinstance(item, exp.Alias) else item
            star = target.this if isinstance(target, exp.Column) else target
            if isinstance(star, exp.Star):
                chosen = scope.sources
                if isinstance(target, exp.Column):
                    wanted = name_of(target.args["table"])
                    chosen = [s for s in scope.sources if s.alias == wanted]
                    if not chosen:
                        raise self.context.error(
                            target.args["table"],
                            f'missing FROM-clause entry for table "{wanted}"',
                            sqlstate.UNDEFINED_TABLE,
                        )
                for part in chosen:
                    for i, name in enumerate(part.names):
                        exprs.append(part.column(i))
                        columns.append(OutputColumn(name, part.types[i], part.nullable[i]))
                continue
            expr = self._returned(binder, item, target)
            exprs.append(expr)
            columns.append(OutputColumn(output_name(item), expr.type, expr.nullable))
        return Returning(tuple(exprs), tuple(columns))

    def _returned(self, binder: ExpressionBinder, item: exp.Expr, target: exp.Expr) -> Expr:
        expr = binder.bind(target)
        return operators.resolved(self.context, item, expr, TEXT) if expr.type is None else expr


def is_default(node: exp.Expr) -> bool:
    if isinstance(node, exp.Column) and not node.this.args.get("quoted"):
        return node.args.get("table") is None and node.name.upper() == "DEFAULT"
    return isinstance(node, exp.Var) and str(node.this).upper() == "DEFAULT"
