"""Grouping: aggregates and GROUP BY keys of one SELECT, and the check that nothing else of the input is used above them.

While the select list, HAVING and ORDER BY are bound, each aggregate becomes a column of a new relation, and afterwards each
expression that equals a key does. A column of the input that is left over is an error, unless its table's primary key is among the
keys (PostgreSQL's functional dependency): then it becomes one more key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from sqlglot import exp

from exdbsql.engine.query import aggregates_more, operators
from exdbsql.engine.query import bind_aggregates as more
from exdbsql.engine.query import bind_whole_rows as whole_rows
from exdbsql.engine.query.aggregates import AGGREGATE_NAMES, AGGREGATE_NODES, find_aggregate
from exdbsql.engine.query.bind_expressions import ExpressionBinder
from exdbsql.engine.query.context import StatementContext, name_of
from exdbsql.engine.query.conversions import convert
from exdbsql.engine.query.expressions import Call, Column, Expr
from exdbsql.engine.query.grouping_sets import with_nulls
from exdbsql.engine.query.plan import AggregateCall, SortKey, rewrite, used_rels
from exdbsql.engine.query.scope import Scope
from exdbsql.schema import sqlstate
from exdbsql.schema.types import BOOLEAN, BYTEA, INTEGER, TEXT

MASK_PLACE = 2_000_000  # the mask of grouping sets comes behind the calls
T = TypeVar("T")
_KEY_PLACE = 1_000_000  # calls are numbered from here until the count of keys is known


@dataclass(slots=True)
class Grouping:
    """Keys and aggregates of one SELECT; `rel` is the relation of the groups."""

    context: StatementContext
    scope: Scope
    rel: int
    keys: list[Expr] = field(default_factory=list)
    calls: list[AggregateCall] = field(default_factory=list)
    mask_used: bool = False
    nullable_keys: bool = False

    def aggregate(self, binder: ExpressionBinder, node: exp.Expr) -> Expr:
        """The column for one aggregate call."""
        inner = ExpressionBinder(self.context, binder.scope, binder.queries, "an aggregate's arguments")
        filtering = ExpressionBinder(self.context, binder.scope, binder.queries, "FILTER")
        call = self.bound_call(inner, filtering, node)
        if not binder.scope.rels() & used_rels((call.args, call.condition)) and used_rels((call.args, call.condition)):
            raise self.context.unsupported(node, "an aggregate over columns of an outer query only")
        if call not in self.calls:
            self.calls.append(call)
        nullable = call.name not in ("count", "regr_count")
        return Column(call.type, nullable, self.rel, _KEY_PLACE + self.calls.index(call), call.name)

    def bound_call(self, inner: ExpressionBinder, filtering: ExpressionBinder, node: exp.Expr) -> AggregateCall:
        """The call of an aggregate, with its FILTER and WITHIN GROUP."""
        condition: Expr | None = None
        within: exp.Expr | None = None
        if isinstance(node, exp.Filter):
            condition = filtering.condition(node.expression.this)
            node = node.this
        if isinstance(node, exp.WithinGroup):
            within = node.expression
            node = node.this
        if isinstance(node, exp.Anonymous):
            name = name_of(node.this)
            if within is not None and name in more.HYPOTHETICAL_SETS:
                return more.hypothetical_call(self.context, inner, node, name, within, condition)
            if name in self.context.aggregates:
                return self._own_call(inner, node, name, condition)
            if name not in AGGREGATE_NAMES:
                raise self.context.error(node, f"{name} is not an aggregate function", sqlstate.WRONG_OBJECT_TYPE)
            name = AGGREGATE_NAMES[name]
        elif type(node) in AGGREGATE_NODES:
            name = AGGREGATE_NODES[type(node)]
        else:
            raise self.context.unsupported(node, "FILTER or WITHIN GROUP here")
        if within is not None or name in aggregates_more.ORDERED_SETS:
            return more.ordered_set_call(self.context, inner, node, name, within, condition)
        if name in aggregates_more.NAMES:
            return more.call(self.context, inner, node, name, condition)
        return self._call(inner, node, name, condition)

    def _own_call(
        self, inner: ExpressionBinder, node: exp.Anonymous, name: str, condition: Expr | None
    ) -> AggregateCall:
        return more.own_call(self.context, inner, node, self.context.aggregates[name], condition)

    def grouping_mask(self, node: exp.Grouping, binder: ExpressionBinder) -> Expr:
        """``GROUPING(a, b)``: bits for the keys that a row is not grouped by, the last argument's the lowest."""
        self.mask_used = True
        args = [binder.bind(arg) for arg in node.expressions]
        return Call(INTEGER, False, "grouping", "0", tuple(args), strict=False)

    def _call(self, inner: ExpressionBinder, node: exp.Expr, name: str, condition: Expr | None) -> AggregateCall:
        self.context.only(node, ("this", "expressions", "separator"), f"{name}()")
        order: tuple[SortKey, ...] = ()
        argument = node.args.get("this")
        if isinstance(node, exp.Anonymous):
            argument = node.expressions[0] if len(node.expressions) == 1 else None
        extra = [] if isinstance(node, exp.Anonymous) else list(node.expressions)
        if isinstance(argument, exp.Order):
            order = tuple(sort_key(inner, key) for key in argument.expressions)
            argument = argument.this
        distinct = isinstance(argument, exp.Distinct)
        if isinstance(argument, exp.Distinct):
            self.context.only(argument, ("expressions",), "DISTINCT")
            if len(argument.expressions) != 1:
                raise self.context.unsupported(node, f"{name}(DISTINCT ...) of several expressions")
            argument = argument.expressions[0]
        if name == "count" and argument is not None and not distinct:
            argument = whole_rows.counted(inner, argument) or argument
        if extra:
            raise self.context.unsupported(node, f"{name}() of several arguments")
        if isinstance(argument, exp.Star):
            if name != "count" or distinct:
                raise self.context.error(node, f"{name}(*) does not exist", sqlstate.UNDEFINED_FUNCTION)
            result = find_aggregate("count", None)
            assert result is not None
            return AggregateCall(name, (), result.result, False, condition, ())
        if isinstance(argument, exp.Variadic):
            raise self.context.unsupported(node, "VARIADIC")
        if argument is None:
            raise self.context.error(
                node, f"{name}() needs one argument", sqlstate.UNDEFINED_FUNCTION, "count(*) counts rows"
            )
        args = self._arguments(inner, node, name, argument)
        found = find_aggregate(name, args[0].type)
        if found is None:
            raise self.context.error(
                node,
                f"function {name}({operators.type_name(args[0].type)}) does not exist",
                sqlstate.UNDEFINED_FUNCTION,
            )
        if distinct and any(key.expr != args[0] for key in order):
            raise self.context.error(
                node,
                "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
                sqlstate.INVALID_COLUMN_REFERENCE,
            )
        return AggregateCall(name, tuple(args), found.result, distinct, condition, order)

    def _arguments(self, inner: ExpressionBinder, node: exp.Expr, name: str, argument: exp.Expr) -> list[Expr]:
        arg = inner.bind(argument)
        if arg.type is None:
            wanted = BOOLEAN if name in ("bool_and", "bool_or") else TEXT
            arg = operators.resolved(self.context, argument, arg, wanted)
        separator = node.args.get("separator")
        if name != "string_agg":
            return [arg]
        if separator is None:
            raise self.context.error(
                node, "function string_agg(text) does not exist", sqlstate.UNDEFINED_FUNCTION, "give a separator"
            )
        if arg.type == BYTEA:
            raise self.context.unsupported(node, "string_agg of bytea")
        if not arg.known_type.is_text:
            return [arg]
        bound = operators.implicit(self.context, separator, inner.bind(separator), TEXT, "the separator")
        return [convert(arg, TEXT), bound]

    def over_groups(self, node: exp.Expr | None, expr: T) -> T:
        """`expr` in terms of keys and aggregates."""
        rels = self.scope.rels()
        places = {key: i for i, key in enumerate(self.keys)}

        def change(part: Expr) -> Expr | None:
            if isinstance(part, Call) and part.name == "grouping" and part.template == "0":
                return self._masked(node, part, places)
            place = places.get(part)
            if place is not None:
                return Column(part.type, part.nullable or self.nullable_keys, self.rel, place, _name(part))
            if isinstance(part, Column) and part.rel in rels:
                return self._dependent(node, part)
            return None

        changed: T = rewrite(expr, change)
        return with_nulls(changed) if self.nullable_keys else changed

    def _masked(self, node: exp.Expr | None, part: Call, places: dict[Expr, int]) -> Expr:
        if any(arg not in places for arg in part.args):
            raise self.context.error(
                node,
                "arguments to GROUPING must be grouping expressions of the associated query level",
                sqlstate.GROUPING_ERROR,
            )
        mask = Column(INTEGER, False, self.rel, MASK_PLACE, "grouping")
        count = len(part.args)
        bits = " + ".join(f"({{0}} >> {places[arg]} & 1) * {1 << (count - 1 - i)}" for i, arg in enumerate(part.args))
        return Call(INTEGER, False, "grouping", f"({bits})", (mask,), strict=False)

    def _dependent(self, node: exp.Expr | None, column: Column) -> Expr:
        source = next(s for s in self.scope.sources if s.rel == column.rel)
        grouped = {(key.rel, key.index) for key in self.keys if isinstance(key, Column)}
        if source.table is not None and source.table.primary_key is not None:
            positions = source.table.key_positions
            if all((source.rel, p) in grouped for p in positions):
                self.keys.append(column)
                return Column(column.type, column.nullable, self.rel, len(self.keys) - 1, column.name)
        raise self.context.error(
            node,
            f'column "{source.alias}.{column.name}" must appear in the GROUP BY clause '
            "or be used in an aggregate function",
            sqlstate.GROUPING_ERROR,
        )

    def numbered(self, expr: T) -> T:
        """`expr` with the aggregates' columns after the keys, whose count is final now."""
        count = len(self.keys)

        def change(part: Expr) -> Expr | None:
            if isinstance(part, Column) and part.rel == self.rel and part.index == MASK_PLACE:
                return Column(part.type, False, part.rel, count + len(self.calls), part.name)
            if isinstance(part, Column) and part.rel == self.rel and part.index >= _KEY_PLACE:
                return Column(part.type, part.nullable, part.rel, part.index - _KEY_PLACE + count, part.name)
            return None

        changed: T = rewrite(expr, change)
        return changed


def sort_key(binder: ExpressionBinder, node: exp.Expr) -> SortKey:
    """One key of an ORDER BY."""
    assert isinstance(node, exp.Ordered)
    binder.context.only(node, ("this", "desc", "nulls_first"), "ORDER BY")
    expr = binder.bind(node.this)
    if expr.type is None:
        expr = operators.resolved(binder.context, node, expr, TEXT)
    operators.sortable(binder.context, node, expr)
    return SortKey(expr, bool(node.args.get("desc")), bool(node.args.get("nulls_first")))


def _name(expr: Expr) -> str:
    return expr.name if isinstance(expr, Column) else "key"
