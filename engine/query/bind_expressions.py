"""Binding of expressions: from sqlglot's nodes to typed expressions.

One method for each kind of node, found by its class; a kind without a method is refused by name. The typing rules are in
`operators`, the functions in `functions`. Subqueries go back to the query binder, with this scope as their parent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from sqlglot import exp

from exdbsql.engine.query import bind_chains as chains
from exdbsql.engine.query import bind_claims as claims
from exdbsql.engine.query import bind_conditional as conditional
from exdbsql.engine.query import bind_moments as moments
from exdbsql.engine.query import bind_once as once
from exdbsql.engine.query import bind_rows as rows
from exdbsql.engine.query import bind_runs as runs
from exdbsql.engine.query import bind_special as special
from exdbsql.engine.query import bind_structures as structures
from exdbsql.engine.query import bind_texts as texts
from exdbsql.engine.query import bind_variadic as variadic
from exdbsql.engine.query import bind_whole_rows as whole_rows
from exdbsql.engine.query import operators
from exdbsql.engine.query.aggregates import AGGREGATE_NAMES, AGGREGATE_NODES, WINDOW_FUNCTIONS
from exdbsql.engine.query.catalog import functions as catalog
from exdbsql.engine.query.catalog.shared import TYPE_ALIASES
from exdbsql.engine.query.context import COMPARE, StatementContext, name_of
from exdbsql.engine.query.expressions import (
    Call,
    Const,
    Exists,
    Expr,
    InList,
    InSubquery,
    IsDistinct,
    IsNull,
    IsTruth,
    Logical,
    Not,
    ScalarSubquery,
    null,
)
from exdbsql.engine.query.functions import FUNCTIONS, NODE_FUNCTIONS, find_overload
from exdbsql.engine.query.in_literals import stranger
from exdbsql.engine.query.plan import Plan, output_columns
from exdbsql.engine.query.runs import NotUsable
from exdbsql.engine.query.scope import Scope
from exdbsql.engine.query.signatures import Function, takes
from exdbsql.engine.query.tokens import MARK
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DatabaseError
from exdbsql.schema.identifiers import did_you_mean
from exdbsql.schema.type_names import parse_type
from exdbsql.schema.types import (
    BIGINT,
    BOOLEAN,
    BYTEA,
    INTEGER,
    NUMERIC,
    TEXT,
    SqlType,
)

if TYPE_CHECKING:
    from exdbsql.engine.query.bind_sets import SetCalls
    from exdbsql.engine.query.bind_windows import WindowCalls
    from exdbsql.engine.query.grouping import Grouping


class SubqueryBinder(Protocol):
    """What binds a query in an expression."""

    def bind(self, node: exp.Expr, parent: Scope | None) -> Plan:
        """The plan of a query that sees `parent`."""


class ExpressionBinder:
    """Binds the expressions of one clause; `grouping` is there where aggregates are allowed."""

    def __init__(
        self,
        context: StatementContext,
        scope: Scope,
        queries: SubqueryBinder,
        clause: str,
        grouping: Grouping | None = None,
        sets: SetCalls | None = None,
        windows: WindowCalls | None = None,
    ) -> None:
        self.context = context
        self.scope = scope
        self.queries = queries
        self.clause = clause
        self.grouping = grouping
        self.sets = sets
        self.windows = windows

    def bind(self, node: exp.Expr) -> Expr:
        """The typed expression for a node."""
        kind = type(node)
        method = _METHODS.get(kind)
        if method is not None:
            return method(self, node)
        if kind in operators.COMPARISONS:
            return self.comparison(node)
        if kind in operators.ARITHMETIC:
            return self.arithmetic(node)
        if kind in NODE_FUNCTIONS:
            return self.node_function(node)
        if kind in AGGREGATE_NODES:
            return self.aggregate(node)
        if kind in operators.BITWISE:
            return self.bitwise(node)
        label = node.sql_name().replace("J_S_O_N", "JSON") if isinstance(node, exp.Func) else kind.__name__
        raise self.context.unsupported(node, f"the expression {label}")

    def condition(self, node: exp.Expr) -> Expr:
        """A boolean expression."""
        return operators.boolean(self.context, node, self.bind(node), self.clause)

    # leaves

    def column(self, node: exp.Column) -> Expr:
        if isinstance(node.this, exp.Star):
            raise self.context.error(node, '"*" is not allowed here', sqlstate.SYNTAX_ERROR)
        name = node.name.lower()
        if node.args.get("table") is None and name in _NILADIC and not node.this.args.get("quoted"):
            raise self.context.unsupported(node, name)
        if whole_rows.source_of(self, node) is not None:
            raise self.context.unsupported(node, "a row as a value")
        return self.scope.resolve(node)

    def literal(self, node: exp.Literal) -> Expr:
        return self.context.literal(node)

    def parameter(self, node: exp.Parameter) -> Expr:
        return self.context.parameter(int(node.this.this) - 1)

    def boolean(self, node: exp.Boolean) -> Expr:
        return Const(BOOLEAN, False, bool(node.this))

    def null(self, node: exp.Null) -> Expr:
        return null()

    def raw_string(self, node: exp.RawString) -> Expr:
        return Const(None, False, str(node.this))

    def escape_string(self, node: exp.ByteString) -> Expr:
        if "\\" in str(node.this):
            raise self.context.unsupported(node, "this escape in an E'' string")
        return Const(None, False, str(node.this))

    def hex_string(self, node: exp.HexString) -> Expr:
        raise self.context.unsupported(node, "the type bit")

    def paren(self, node: exp.Paren) -> Expr:
        return self.bind(node.this)

    # operators

    def comparison(self, node: exp.Expr) -> Expr:
        self.context.only(node, ("this", "expression"))
        op = operators.COMPARISONS[type(node)]
        left, right = (whole_rows.taken_apart(self, node.args[side]) for side in ("this", "expression"))
        if isinstance(right, (exp.Any, exp.All)) or structures.array_quantifier(right) is not None:
            return structures.quantified(self, node, op, right)
        if rows.is_row(left) or rows.is_row(right):
            return rows.comparison(self, node, op, left, right)
        return operators.comparison(self.context, node, op, self.bind(node.this), self.bind(right))

    def arithmetic(self, node: exp.Expr) -> Expr:
        def combined(part: exp.Expr, left: Expr, right: Expr) -> Expr:
            return operators.arithmetic(self.context, part, operators.ARITHMETIC[type(part)], left, right)

        return chains.bound(self, node, operators.ARITHMETIC, combined)

    def bitwise(self, node: exp.Expr) -> Expr:
        self.context.only(node, ("this", "expression"))
        op, template = operators.BITWISE[type(node)]
        marked = structures.marked_operator(node)
        if marked is not None:
            return structures.operator(self, node, marked)
        sides = [self.bind(node.this), self.bind(node.args["expression"])]
        exprs, target = operators.unify(self.context, node, sides, op)
        if target is None:
            raise operators.ambiguous(self.context, node, op)
        if not target.is_integer:
            raise operators.no_operator(self.context, node, op, sides)
        return Call(target, any(e.nullable for e in exprs), op, template, tuple(exprs))

    def negative(self, node: exp.Neg) -> Expr:
        if isinstance(node.this, exp.Literal) and not node.this.is_string:
            number = self._lowest_integer(node.this)
            if number is not None:
                return number
        return operators.negation(self.context, node, self.bind(node.this))

    def _lowest_integer(self, node: exp.Literal) -> Expr | None:
        """The minus belongs to the number: -2147483648 is an integer, though 2147483648 is none."""
        bound = self.bind(node)
        if bound.type != BIGINT and not (bound.type == NUMERIC and node.this == str(2**63)):
            return None
        value = self.context.literal_value(node)
        lowest = {2**31: INTEGER, 2**63: BIGINT}.get(value)
        return None if lowest is None else Const(lowest, False, -int(value))

    def logical(self, node: exp.And | exp.Or) -> Expr:
        op = "and" if isinstance(node, exp.And) else "or"
        args = [
            operators.boolean(self.context, part, self.bind(part), op.upper()) for part in _flattened(node, type(node))
        ]
        return Logical(BOOLEAN, any(a.nullable for a in args), op, tuple(args))

    def negated(self, node: exp.Not) -> Expr:
        arg = operators.boolean(self.context, node.this, self.bind(node.this), "NOT")
        return Not(BOOLEAN, arg.nullable, arg)

    def is_(self, node: exp.Is) -> Expr:
        self.context.only(node, ("this", "expression", "negate"), "IS")
        negated = bool(node.args.get("negate"))
        what = node.expression
        if isinstance(what, exp.JSON):
            return structures.is_json(self, node, what, negated)
        subject = whole_rows.taken_apart(self, node.this)
        if isinstance(what, exp.Null) and rows.is_row(subject):
            return rows.is_null(self, subject, negated)
        if isinstance(what, exp.Null):
            arg = self.bind(node.this)
            if arg.type is None:
                arg = operators.resolved(self.context, node, arg, TEXT)
            return IsNull(BOOLEAN, False, arg, negated)
        if isinstance(what, exp.Boolean):
            arg = operators.boolean(self.context, node.this, self.bind(node.this), "IS")
            return IsTruth(BOOLEAN, False, arg, bool(what.this), negated)
        if isinstance(what, exp.Column):
            hint = did_you_mean(what.name.lower(), ("null", "true", "false", "unknown", "distinct", "json"))
            if hint is not None:
                raise self.context.error(what, f'syntax error at or near "{what.name}"', sqlstate.SYNTAX_ERROR, hint)
        raise self.context.unsupported(node, f"IS {what.sql('postgres')}")

    def distinct_from(self, node: exp.NullSafeEQ | exp.NullSafeNEQ) -> Expr:
        self.context.only(node, ("this", "expression"))
        if rows.is_row(node.this) or rows.is_row(node.expression):
            return rows.distinct_from(self, node)
        left, right = operators.comparable(self.context, node, "=", self.bind(node.this), self.bind(node.expression))
        return IsDistinct(BOOLEAN, False, left, right, isinstance(node, exp.NullSafeEQ))

    def between(self, node: exp.Between) -> Expr:
        self.context.only(node, ("this", "low", "high", "symmetric", "negate"), "BETWEEN")
        arg, low, high = (self.bind(node.args[k]) for k in ("this", "low", "high"))
        if arg.type is None:
            _, target = operators.unify(self.context, node, [low, high], "BETWEEN")
            arg = operators.resolved(self.context, node, arg, target or TEXT, COMPARE)
        if node.args.get("symmetric"):
            inside = once.all_evaluated_once([arg, low, high], lambda operands: self._between(node, *operands))
        else:
            inside = once.evaluated_once(arg, lambda operand: self._between(node, operand, low, high))
        return Not(BOOLEAN, inside.nullable, inside) if node.args.get("negate") else inside

    def _between(self, node: exp.Between, arg: Expr, low: Expr, high: Expr) -> Expr:
        bounds = [(low, high), (high, low)] if node.args.get("symmetric") else [(low, high)]
        parts: list[Expr] = []
        for lowest, highest in bounds:
            above = operators.comparison(self.context, node, ">=", arg, lowest)
            below = operators.comparison(self.context, node, "<=", arg, highest)
            parts.append(Logical(BOOLEAN, above.nullable or below.nullable, "and", (above, below)))
        return parts[0] if len(parts) == 1 else Logical(BOOLEAN, any(p.nullable for p in parts), "or", tuple(parts))

    def in_(self, node: exp.In) -> Expr:
        self.context.only(node, ("this", "expressions", "query", "negate"), "IN")
        query = node.args.get("query")
        found = self.in_query(node, query) if query is not None else self.in_list(node)
        return Not(BOOLEAN, found.nullable, found) if node.args.get("negate") else found

    def in_list(self, node: exp.In) -> Expr:
        if not node.expressions:
            return Const(BOOLEAN, False, False)  # PostgreSQL has no empty list; SQLite's meaning is taken
        if rows.is_row(node.this):
            return rows.in_list(self, node)
        run = runs.find(self.context, node.expressions, is_list=True)
        operand = arg = self.bind(node.this)
        bound_items = [self.bind(item) for item in node.expressions]
        if arg.type is None:
            _, target = operators.unify(self.context, node, [arg, *bound_items], "IN")
            arg = operators.resolved(self.context, node, arg, target or TEXT, COMPARE)
        items = []
        for item, bound in zip(node.expressions, bound_items, strict=True):
            arg_now, bound = operators.comparable(self.context, item, "=", arg, bound)
            if arg_now is not arg and run is not None:
                raise NotUsable
            if arg_now is not arg:
                return self._in_by_comparisons(node, self.bind(node.this) if operand.type is None else operand)
            items.append(bound)
        if run is not None:
            return InList(BOOLEAN, arg.nullable, arg, runs.items(run, items))
        return InList(BOOLEAN, arg.nullable or any(i.nullable for i in items), arg, tuple(items))

    def _in_by_comparisons(self, node: exp.In, arg: Expr) -> Expr:
        items = [self.bind(item) for item in node.expressions]

        def any_of(operand: Expr) -> Expr:
            pairs = zip(node.expressions, items, strict=True)
            parts = [operators.comparison(self.context, place, "==", operand, item) for place, item in pairs]
            return Logical(BOOLEAN, any(p.nullable for p in parts), "or", tuple(parts))

        return any_of(arg) if arg.type is None else once.evaluated_once(arg, any_of)

    def in_query(self, node: exp.In, query: exp.Expr) -> Expr:
        inner = query_in(query) or query
        plan = self.queries.bind(inner, self.scope)
        columns = output_columns(plan)
        nodes = rows.parts(node.this) if rows.is_row(node.this) else [node.this]
        if len(nodes) != len(columns):
            many = "many" if len(columns) > len(nodes) else "few"
            raise self.context.error(node, f"subquery has too {many} columns", sqlstate.SYNTAX_ERROR)
        args = []
        for part, column in zip(nodes, columns, strict=True):
            arg = stranger(self.context, part, column.type or TEXT)
            if arg is None:
                other = Const(column.type or TEXT, column.nullable, None)
                arg, _ = operators.comparable(self.context, node, "=", self.bind(part), other)
            args.append(arg)
        nullable = any(a.nullable for a in args) or any(c.nullable for c in columns)
        return InSubquery(BOOLEAN, nullable, tuple(args), plan)

    def one_column(self, plan: Plan, node: exp.Expr) -> Expr:
        """A stand-in of the type of a subquery's only column."""
        columns = output_columns(plan)
        if len(columns) != 1:
            raise self.context.error(node, "subquery must return only one column", sqlstate.SYNTAX_ERROR)
        return Const(columns[0].type or TEXT, True, None)

    def subquery(self, node: exp.Subquery | exp.Select) -> Expr:
        plan = self.queries.bind(node, self.scope)
        return ScalarSubquery(self.one_column(plan, node).type, True, plan)

    def exists(self, node: exp.Exists) -> Expr:
        inner = query_in(node.this) or node.this
        if isinstance(inner, exp.Select) and not inner.expressions:
            inner.set("expressions", [exp.Null()])  # EXISTS (SELECT FROM t): only whether there are rows counts
        return Exists(BOOLEAN, False, self.queries.bind(inner, self.scope))

    # text

    def concatenation(self, node: exp.DPipe) -> Expr:
        def combined(part: exp.Expr, left: Expr, right: Expr) -> Expr:
            return operators.concatenation(self.context, part, left, right)

        return chains.bound(self, node, (exp.DPipe,), combined)

    def text(self, node: exp.Expr, what: str) -> Expr:
        """An argument that must be a text."""
        arg = self.bind(node)
        if arg.type is not None and not arg.type.is_text:
            raise self.context.error(
                node,
                f"argument of {what.upper()} must be a text, not {arg.type}",
                sqlstate.UNDEFINED_FUNCTION,
                "cast it: CAST(... AS text)",
            )
        return operators.implicit(self.context, node, arg, TEXT, f"argument of {what.upper()}")

    # types and functions

    def cast(self, node: exp.Cast) -> Expr:
        self.context.only(node, ("this", "to"), "CAST")
        alias = catalog.alias_cast(self, node)
        if alias is not None:
            return alias
        target = self.type_of(node.args["to"], node)
        empty = structures.empty_array(node, target)
        if empty is not None:
            return empty
        return operators.cast(self.context, node, self.bind(node.this), target)

    def type_of(self, node: exp.Expr, place: exp.Expr) -> SqlType:
        """The type that a type name means."""
        for literal in node.find_all(exp.Literal):
            self.context.literal_value(literal)
        text = node.sql("postgres").replace(MARK, "")
        known = _TYPES.get(text) or TYPE_ALIASES.get(text.upper())
        if known is not None:
            return known
        try:
            found = parse_type(text, self.context.dictionary.types)
        except DatabaseError as error:
            error.position = error.statement = None
            self.context.located(error, place)
        if len(_TYPES) < 256 and not self.context.dictionary.types:
            _TYPES[text] = found
        return found

    def collate(self, node: exp.Collate) -> Expr:
        if name_of(node.expression) not in ("C", "POSIX", "ucs_basic", "default"):
            raise self.context.unsupported(node, f"the collation {node.expression.sql('postgres').replace(MARK, '')}")
        return self.text(node.this, "COLLATE")

    def node_function(self, node: exp.Expr) -> Expr:
        name, keys = NODE_FUNCTIONS[type(node)]
        if name == "substring" and isinstance(node.args.get("start"), exp.Literal) and node.args["start"].is_string:
            if node.args.get("length") is not None:
                raise self.context.unsupported(node, "SUBSTRING with a pattern and an escape")
            pattern = operators.resolved(self.context, node, self.bind(node.args["start"]), TEXT)
            return self.call(node, name, [self.bind(node.this), pattern])
        self.context.only(node, keys, f"{name}()")
        args: list[exp.Expr] = []
        for key in keys:
            value = node.args.get(key)
            args += value if isinstance(value, list) else [] if value is None else [value]
        return self.call(node, name, [self.bind(a) for a in args])

    def anonymous(self, node: exp.Anonymous) -> Expr:
        name = name_of(node.this)
        special_form = special.FORMS.get(name)
        if special_form is not None:
            return special_form(self, node)
        if name in AGGREGATE_NAMES or name in self.context.aggregates:
            return self.aggregate(node)
        if name in WINDOW_FUNCTIONS:
            raise self.context.error(
                node, f"window function {name} requires an OVER clause", sqlstate.WRONG_OBJECT_TYPE
            )
        if any(isinstance(a, (exp.Order, exp.Distinct)) for a in node.expressions):
            raise self.context.error(
                node,
                f"DISTINCT or ORDER BY specified, but {name} is not an aggregate function",
                sqlstate.WRONG_OBJECT_TYPE,
            )
        if variadic.is_variadic(node):
            return variadic.call(self, node, name)
        args = [whole_rows.document(self, a, name) or self.bind(a) for a in node.expressions]
        return self.call(node, name, args)

    def overloads(self, node: exp.Expr, name: str) -> Sequence[Function]:
        """The overloads of a function, the program's own included."""
        found = [*self.context.functions.get(name, ()), *FUNCTIONS.get(name, ())]
        if not found:
            hint = did_you_mean(name, {*FUNCTIONS, *AGGREGATE_NAMES, *self.context.functions, "exists"})
            raise self.context.error(node, f"function {name} does not exist", sqlstate.UNDEFINED_FUNCTION, hint)
        return found

    def call(self, node: exp.Expr, name: str, args: list[Expr]) -> Expr:
        """A call of a scalar function from the table."""
        overloads = self.overloads(node, name)
        found = find_overload(overloads, [a.type for a in args])
        if found is None:
            shown = ", ".join(operators.type_name(a.type) for a in args)
            raise self.context.error(
                node, f"function {name}({shown}) does not exist", sqlstate.UNDEFINED_FUNCTION, takes(name, overloads)
            )
        made = operators.call_of(self.context, node, found, args)
        if found.function.rows is None:
            absent = any(isinstance(a, Const) and a.value is None for a in made.args)
            return null(made.type) if made.strict and absent else made
        if self.sets is None:
            raise self.context.error(
                node,
                f"set-returning functions are not allowed in {self.clause}",
                sqlstate.FEATURE_NOT_SUPPORTED,
                "move it into FROM",
            )
        return self.sets.add(node, made, found)

    def aggregate(self, node: exp.Expr) -> Expr:
        if self.grouping is None:
            raise self.context.error(
                node, f"aggregate functions are not allowed in {self.clause}", sqlstate.GROUPING_ERROR
            )
        return self.grouping.aggregate(self, node)

    def default(self, node: exp.Expr) -> Expr:
        if str(node.this).upper() == "DEFAULT":
            raise self.context.error(node, "DEFAULT is not allowed in this context", sqlstate.SYNTAX_ERROR)
        raise self.context.unsupported(node, str(node.this))

    def row(self, node: exp.Tuple) -> Expr:
        raise self.context.unsupported(node, "a row as a value")

    def window(self, node: exp.Window) -> Expr:
        if self.windows is None:
            raise self.context.error(
                node, f"window functions are not allowed in {self.clause}", sqlstate.WINDOWING_ERROR
            )
        return self.windows.add(self, node)


def query_in(node: exp.Expr) -> exp.Expr | None:
    while isinstance(node, (exp.Subquery, exp.Paren)) and not _has_modifiers(node):
        node = node.this
    return node if isinstance(node, (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)) else None


def _has_modifiers(node: exp.Expr) -> bool:
    return any(value for key, value in node.args.items() if key != "this")


def _flattened(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """The operands of a chain of AND or OR, without recursion along the chain."""
    out: list[exp.Expr] = []
    todo: list[exp.Expr] = [node]
    while todo:
        part = todo.pop()
        if type(part) is kind:
            todo += [part.args["expression"], part.this]
        else:
            out.append(part)
    return out


_NILADIC: Final = frozenset({"user", "current_catalog", "current_schema"})
_TYPES: Final[dict[str, SqlType]] = {"BYTEA": BYTEA}
_B: Final = ExpressionBinder
_METHODS: Final[dict[type[exp.Expr], Callable[[ExpressionBinder, Any], Expr]]] = {
    exp.Column: _B.column,
    exp.Literal: _B.literal,
    exp.Parameter: _B.parameter,
    exp.Boolean: _B.boolean,
    exp.Null: _B.null,
    exp.RawString: _B.raw_string,
    exp.ByteString: _B.escape_string,
    exp.HexString: _B.hex_string,
    exp.Paren: _B.paren,
    exp.Dot: whole_rows.field,
    exp.Neg: _B.negative,
    exp.And: _B.logical,
    exp.Or: _B.logical,
    exp.Not: _B.negated,
    exp.Is: _B.is_,
    exp.NullSafeEQ: _B.distinct_from,
    exp.NullSafeNEQ: _B.distinct_from,
    exp.Between: _B.between,
    exp.In: _B.in_,
    exp.Subquery: _B.subquery,
    exp.Select: _B.subquery,
    exp.Exists: _B.exists,
    exp.DPipe: _B.concatenation,
    exp.Cast: _B.cast,
    exp.Collate: _B.collate,
    exp.Anonymous: _B.anonymous,
    exp.Var: _B.default,
    exp.Tuple: _B.row,
    exp.Window: _B.window,
    exp.Filter: _B.aggregate,
    exp.WithinGroup: _B.aggregate,
    **structures.METHODS,
    **texts.METHODS,
    **conditional.METHODS,
    **moments.METHODS,
    **claims.METHODS,
}
