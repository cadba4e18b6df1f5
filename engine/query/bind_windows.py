"""Binding of window functions: the function, its window (named or written out), its frame.

Each call becomes a column of a new relation; what it is made of may use groups and aggregates, as windows come after them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlglot import exp

from exdbsql.engine.query import operators
from exdbsql.engine.query.aggregates import AGGREGATE_NAMES, AGGREGATE_NODES, WINDOW_FUNCTIONS
from exdbsql.engine.query.bind_expressions import ExpressionBinder
from exdbsql.engine.query.context import StatementContext, name_of
from exdbsql.engine.query.conversions import convert
from exdbsql.engine.query.expressions import Column, Const, Expr
from exdbsql.engine.query.grouping import Grouping, sort_key
from exdbsql.engine.query.plan import (
    FrameBound,
    SortKey,
    WindowCall,
    WindowFrame,
    WindowSpec,
    used_rels,
)
from exdbsql.schema import sqlstate
from exdbsql.schema.identifiers import did_you_mean
from exdbsql.schema.types import BIGINT, DATE, DOUBLE, INTEGER, INTERVAL, TEXT, TIME, TIMESTAMP, SqlType

_EXCLUDE: Final = {
    "": "no others",
    "NO OTHERS": "no others",
    "CURRENT ROW": "current row",
    "GROUP": "group",
    "TIES": "ties",
}
_RANKS: Final = {
    "row_number": BIGINT,
    "rank": BIGINT,
    "dense_rank": BIGINT,
    "percent_rank": DOUBLE,
    "cume_dist": DOUBLE,
}


@dataclass(slots=True)
class WindowCalls:
    """The window functions of one SELECT; `rel` is the relation of their values, `named` the WINDOW clause."""

    context: StatementContext
    grouping: Grouping
    rel: int
    named: dict[str, exp.Window] = field(default_factory=dict)
    calls: list[WindowCall] = field(default_factory=list)

    def define(self, windows: list[exp.Window]) -> None:
        """Take the WINDOW clause."""
        for window in windows:
            name = name_of(window.this)
            if name in self.named:
                raise self.context.error(window, f'window "{name}" is already defined', sqlstate.WINDOWING_ERROR)
            self.named[name] = window

    def add(self, outer: ExpressionBinder, node: exp.Window) -> Expr:
        """The column that one call becomes."""
        self.context.only(node, ("this", "partition_by", "order", "spec", "alias", "over"), "OVER")
        inner = ExpressionBinder(self.context, outer.scope, outer.queries, "window function arguments", self.grouping)
        spec = self._spec(inner, node, ())
        call = self._call(inner, node.this, spec)
        if call not in self.calls:
            self.calls.append(call)
        nullable = call.name not in (*_RANKS, "count", "regr_count")
        return Column(call.type, nullable, self.rel, self.calls.index(call), call.name)

    # the function

    def _call(self, inner: ExpressionBinder, node: exp.Expr, spec: WindowSpec) -> WindowCall:
        function = node.this if isinstance(node, exp.Filter) else node
        if isinstance(function, (exp.IgnoreNulls, exp.RespectNulls)):
            raise self.context.unsupported(function, "IGNORE NULLS and RESPECT NULLS")
        if isinstance(function, exp.WithinGroup):
            raise self.context.unsupported(function, "OVER for an ordered-set aggregate")
        if isinstance(function, exp.Anonymous):
            name = name_of(function.this)
            if name in WINDOW_FUNCTIONS:
                if function is not node:
                    raise self.context.error(
                        node,
                        "FILTER is not implemented for non-aggregate window functions",
                        sqlstate.FEATURE_NOT_SUPPORTED,
                    )
                return self._window_function(inner, function, name, spec)
            if name not in AGGREGATE_NAMES and name not in self.context.aggregates:
                raise self._no_window_function(function, name)
        elif type(function) not in AGGREGATE_NODES:
            raise self._no_window_function(function, type(function).__name__.lower())
        filtering = ExpressionBinder(self.context, inner.scope, inner.queries, "FILTER", self.grouping)
        aggregate = self.grouping.bound_call(inner, filtering, node)
        if aggregate.distinct:
            raise self.context.unsupported(node, "DISTINCT in a window function")
        if aggregate.order:
            raise self.context.unsupported(node, "ORDER BY in the arguments of a window function")
        return WindowCall(aggregate.name, (), aggregate.type, spec, aggregate)

    def _no_window_function(self, node: exp.Expr, name: str) -> Exception:
        return self.context.error(
            node,
            f"OVER specified, but {name} is not a window function nor an aggregate function",
            sqlstate.WRONG_OBJECT_TYPE,
            did_you_mean(name, (*WINDOW_FUNCTIONS, *AGGREGATE_NAMES)),
        )

    def _window_function(self, inner: ExpressionBinder, node: exp.Anonymous, name: str, spec: WindowSpec) -> WindowCall:
        args = [inner.bind(a) for a in node.expressions]
        least, most = {"ntile": (1, 1), "lag": (1, 3), "lead": (1, 3), "nth_value": (2, 2)}.get(
            name, (1, 1) if name.endswith("_value") else (0, 0)
        )
        if not least <= len(args) <= most:
            shown = ", ".join(operators.type_name(a.type) for a in args)
            raise self.context.error(node, f"function {name}({shown}) does not exist", sqlstate.UNDEFINED_FUNCTION)
        if name in _RANKS:
            return WindowCall(name, (), _RANKS[name], spec)
        if name == "ntile":
            return WindowCall(name, (self._integer(node, args[0]),), INTEGER, spec)
        value = args[0] if args[0].type is not None else operators.resolved(self.context, node, args[0], TEXT)
        rest = [self._integer(node, a) for a in args[1:2]]
        result: SqlType = value.known_type.unconstrained
        if len(args) == 3:
            unified, target = operators.unify(self.context, node, [value, args[2]], name)
            value, rest = unified[0], [*rest, unified[1]]
            result = target or result
        return WindowCall(name, (value, *rest), result, spec)

    def _integer(self, node: exp.Expr, arg: Expr) -> Expr:
        return operators.implicit(self.context, node, arg, INTEGER, "argument")

    # the window

    def _spec(self, inner: ExpressionBinder, node: exp.Window, seen: tuple[str, ...]) -> WindowSpec:
        base: WindowSpec | None = None
        alias = node.args.get("alias")
        if alias is not None:
            base = self._named(inner, alias, seen, copied=self._has_more(node))
        partition = tuple(self._sortable(inner, p) for p in node.args.get("partition_by") or ())
        order_node = node.args.get("order")
        order = tuple(sort_key(inner, key) for key in order_node.expressions) if order_node is not None else ()
        if base is not None:
            if partition:
                raise self._override(alias, "PARTITION BY")
            if order and base.order:
                raise self._override(alias, "ORDER BY")
            partition, order = base.partition, order or base.order
        frame_node = node.args.get("spec")
        frame = base.frame if base is not None else None
        if frame_node is not None:
            order, frame = self._frame(inner, frame_node, order)
        return WindowSpec(partition, _significant(order, frame), frame)

    def _has_more(self, node: exp.Window) -> bool:
        return any(node.args.get(k) for k in ("partition_by", "order", "spec"))

    def _override(self, alias: Any, what: str) -> Exception:
        return self.context.error(
            alias, f'cannot override {what} clause of window "{name_of(alias)}"', sqlstate.WINDOWING_ERROR
        )

    def _named(self, inner: ExpressionBinder, alias: exp.Expr, seen: tuple[str, ...], *, copied: bool) -> WindowSpec:
        name = name_of(alias)
        window = self.named.get(name)
        if window is None or name in seen:
            raise self.context.error(
                alias, f'window "{name}" does not exist', sqlstate.UNDEFINED_OBJECT, did_you_mean(name, self.named)
            )
        found = self._spec(inner, window, (*seen, name))
        if copied and found.frame is not None:
            raise self.context.error(
                alias, f'cannot copy window "{name}" because it has a frame clause', sqlstate.WINDOWING_ERROR
            )
        return found

    def _sortable(self, inner: ExpressionBinder, node: exp.Expr) -> Expr:
        expr = inner.bind(node)
        if expr.type is None:
            expr = operators.resolved(self.context, node, expr, TEXT)
        return operators.sortable(self.context, node, expr)

    # the frame

    def _frame(
        self, inner: ExpressionBinder, node: exp.WindowSpec, order: tuple[SortKey, ...]
    ) -> tuple[tuple[SortKey, ...], WindowFrame]:
        mode = str(node.args.get("kind")).lower()
        if mode == "groups" and not order:
            raise self.context.error(node, "GROUPS mode requires an ORDER BY clause", sqlstate.WINDOWING_ERROR)
        exclude = _EXCLUDE[str(node.args.get("exclude") or "").upper()]
        sides: list[tuple[str, bool, Expr | None]] = []
        for which in ("start", "end"):
            value = node.args.get(which)
            side = str(node.args.get(f"{which}_side") or "").upper()
            if value is None:
                value = "CURRENT ROW"
            if isinstance(value, str):
                kind = "current" if value.upper() == "CURRENT ROW" else "unbounded"
                sides.append((kind, side == "PRECEDING", None))
            else:
                sides.append(("offset", side == "PRECEDING", inner.bind(value)))
        self._check_bounds(node, sides)
        if mode == "range" and any(kind == "offset" for kind, _, _ in sides):
            order = self._range_order(node, order)
        bounds = [
            FrameBound(kind, before, self._offset(node, mode, offset, order) if offset is not None else None)
            for kind, before, offset in sides
        ]
        return order, WindowFrame(mode, bounds[0], bounds[1], exclude)

    def _check_bounds(self, node: exp.Expr, sides: list[tuple[str, bool, Expr | None]]) -> None:
        (start, start_before, _), (end, end_before, _) = sides
        problem = None
        if start == "unbounded" and not start_before:
            problem = "frame start cannot be UNBOUNDED FOLLOWING"
        elif end == "unbounded" and end_before:
            problem = "frame end cannot be UNBOUNDED PRECEDING"
        elif start == "current" and end == "offset" and end_before:
            problem = "frame starting from current row cannot have preceding rows"
        elif start == "offset" and not start_before and (end == "current" or (end == "offset" and end_before)):
            problem = "frame starting from following row cannot have preceding rows"
        if problem is not None:
            raise self.context.error(node, problem, sqlstate.WINDOWING_ERROR)

    def _range_order(self, node: exp.Expr, order: tuple[SortKey, ...]) -> tuple[SortKey, ...]:
        if len(order) != 1:
            raise self.context.error(
                node,
                "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column",
                sqlstate.WINDOWING_ERROR,
            )
        key = order[0]
        kind = key.expr.known_type
        if kind == DATE:
            return (replace(key, expr=convert(key.expr, TIMESTAMP)),)
        if not (kind.is_numeric or (kind.is_temporal and kind.name != TIME.name) or kind.name == INTERVAL.name):
            raise self.context.unsupported(node, f"RANGE with an offset for the type {kind}")
        return order

    def _offset(self, node: exp.Expr, mode: str, offset: Expr, order: tuple[SortKey, ...]) -> Expr:
        if used_rels(offset):
            raise self.context.error(
                node, f"argument of {mode.upper()} must not contain variables", sqlstate.INVALID_COLUMN_REFERENCE
            )
        if mode != "range":
            return operators.implicit(self.context, node, offset, BIGINT, f"argument of {mode.upper()}")
        kind = order[0].expr.known_type
        wanted = INTERVAL if kind.is_temporal or kind.name == INTERVAL.name else kind
        if offset.type is not None and offset.type.is_numeric and wanted.is_numeric:
            unified, _ = operators.unify(self.context, node, [offset, Const(wanted, True, None)], "RANGE")
            return unified[0]
        return operators.implicit(self.context, node, offset, wanted, "RANGE offset")


def _significant(order: tuple[SortKey, ...], frame: WindowFrame | None) -> tuple[SortKey, ...]:
    """The order without keys that come again."""
    if frame is not None and frame.mode == "range":
        return order
    out: dict[Expr, SortKey] = {}
    for key in order:
        out.setdefault(key.expr, key)
    return tuple(out.values())
