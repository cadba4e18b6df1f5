"""ORDER BY and DISTINCT ON: keys by position, by output name, or by expression; the last become hidden output columns."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from exdbsql.engine.query import operators
from exdbsql.engine.query.bind_expressions import ExpressionBinder
from exdbsql.engine.query.context import StatementContext, name_of
from exdbsql.engine.query.outputs import Output
from exdbsql.engine.query.plan import OrderColumn, OutputColumn
from exdbsql.schema import sqlstate
from exdbsql.schema.types import TEXT


class OrderBinder:
    """Binds the keys of one ORDER BY."""

    def __init__(self, context: StatementContext) -> None:
        self.context = context

    def over_outputs(
        self, order: exp.Order | None, binder: ExpressionBinder, outputs: list[Output]
    ) -> list[OrderColumn]:
        """The keys of a SELECT; expressions that are not in the select list are appended to `outputs`, hidden."""
        if order is None:
            return []
        self.context.only(order, ("expressions",), "ORDER BY")
        return [self._key(item, self._place(item, binder, outputs), True) for item in order.expressions]

    def numbered(self, keys: list[OrderColumn], outputs: Sequence[Output]) -> list[OrderColumn]:
        """The keys with the nullability that the outputs have in the end; a key that comes again sorts nothing."""
        out: dict[int, OrderColumn] = {}
        for k in keys:
            nullable = outputs[k.index].expr.nullable
            out.setdefault(k.index, OrderColumn(k.index, k.descending, k.nulls_first, nullable))
        return list(out.values())

    def over_columns(self, order: exp.Order, columns: Sequence[OutputColumn]) -> list[OrderColumn]:
        """The keys of a set operation or VALUES: positions and names of its columns only."""
        self.context.only(order, ("expressions",), "ORDER BY")
        keys = []
        for item in order.expressions:
            node = item.this.this if isinstance(item.this, exp.Collate) else item.this
            place = self._position(node, len(columns))
            if place is None and isinstance(node, exp.Column) and node.args.get("table") is None:
                name = name_of(node.this)
                place = next((i for i, c in enumerate(columns) if c.name == name), None)
                if place is None:
                    raise self.context.error(node, f'column "{name}" does not exist', sqlstate.UNDEFINED_COLUMN)
            if place is None:
                raise self.context.error(
                    item,
                    "ORDER BY on a set operation must name or number one of its columns",
                    sqlstate.FEATURE_NOT_SUPPORTED,
                )
            keys.append(self._key(item, place, columns[place].nullable))
        return keys

    def distinct_on(
        self, distinct: exp.Distinct | None, binder: ExpressionBinder, outputs: list[Output]
    ) -> tuple[int, ...] | None:
        """Places of the keys of DISTINCT ON; None where there is none."""
        if distinct is None:
            return None
        self.context.only(distinct, ("on",), "DISTINCT")
        on = distinct.args.get("on")
        if on is None:
            return None
        nodes = on.expressions if isinstance(on, exp.Tuple) else [on.this if isinstance(on, exp.Paren) else on]
        return tuple(self._place(exp.Ordered(this=n), binder, outputs) for n in nodes)

    def _key(self, item: exp.Expr, place: int, nullable: bool) -> OrderColumn:
        self.context.only(item, ("this", "desc", "nulls_first"), "ORDER BY")
        return OrderColumn(place, bool(item.args.get("desc")), bool(item.args.get("nulls_first")), nullable)

    def _place(self, item: exp.Expr, binder: ExpressionBinder, outputs: list[Output]) -> int:
        node = item.this
        shown = sum(1 for o in outputs if not o.hidden)
        place = self._position(node, shown)
        if place is not None:
            return place
        if isinstance(node, exp.Column) and node.args.get("table") is None:
            name = name_of(node.this)
            named = [i for i, o in enumerate(outputs) if o.name == name and not o.hidden]
            if len({outputs[i].expr for i in named}) > 1:
                raise self.context.error(node, f'ORDER BY "{name}" is ambiguous', sqlstate.AMBIGUOUS_COLUMN)
            if named:
                return named[0]
        expr = binder.bind(node)
        if expr.type is None:
            expr = operators.resolved(self.context, node, expr, TEXT)
        for i, output in enumerate(outputs):
            if output.expr == expr:
                return i
        outputs.append(Output("order", expr, node, hidden=True))
        return len(outputs) - 1

    def _position(self, node: exp.Expr, width: int) -> int | None:
        if not isinstance(node, exp.Literal):
            return None
        if node.is_string:
            raise self.context.error(node, "non-integer constant in ORDER BY", sqlstate.SYNTAX_ERROR)
        place = self.context.literal_value(node)
        if not isinstance(place, int):
            raise self.context.error(node, "non-integer constant in ORDER BY", sqlstate.SYNTAX_ERROR)
        if not 1 <= place <= width:
            raise self.context.error(
                node, f"ORDER BY position {place} is not in select list", sqlstate.INVALID_COLUMN_REFERENCE
            )
        return place - 1
