"""Preparing statements: from text to a function, and the cache in between.

The life of a statement:

1. A text that was seen before finds its statement in `_texts`: one look-up.
2. Otherwise its literals are lifted (`lexical`), and its shape is looked up in `_shapes`: the same statement serves.
3. Otherwise it is parsed (`parse`), bound (`bind_statement`), optimised (`rules`), made into Python source (`codegen`), compiled.

A shape keeps a variant for each combination of its pinned literals (those that decided something about the plan). Everything in the
cache belongs to the tables that the database had then: DDL replaces that mapping, and the cache is emptied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Any, Final, NamedTuple, TypeVar

from exdbsql.engine.catalog import Catalog, definitions_in_force
from exdbsql.engine.database import Database
from exdbsql.engine.query.bind_statement import bind_statement
from exdbsql.engine.query.codegen.bulk_rows import BulkInsert, compile_bulk_insert
from exdbsql.engine.query.codegen.function import compile_statement
from exdbsql.engine.query.codegen.lazy import Lazy
from exdbsql.engine.query.codegen.read_shortcut import ReadShortcut, compile_read
from exdbsql.engine.query.codegen.write_shortcut import FirstWrite, WriteShortcut, compile_first_write, compile_write
from exdbsql.engine.query.context import StatementContext
from exdbsql.engine.query.explain import plan_lines
from exdbsql.engine.query.explain_options import ExplainOptions, as_document, read_explain
from exdbsql.engine.query.lexical import LiftedText, Literal, lift_literals
from exdbsql.engine.query.nesting import deeply
from exdbsql.engine.query.own_functions import OwnFunctions
from exdbsql.engine.query.parameters import Converter, Parameters, bind_values, converter
from exdbsql.engine.query.parse import CALLED_PLAINLY, ParsedStatement, Placeholders, parse_statement
from exdbsql.engine.query.plan import OutputColumn
from exdbsql.engine.query.replanning import Run, WatchedRun, depends_on_sizes
from exdbsql.engine.query.runs import NotUsable, Runs, shortened
from exdbsql.engine.query.statements import BoundStatement
from exdbsql.engine.transaction import Transaction
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import Error
from exdbsql.schema.table import TableKind
from exdbsql.schema.types import JSON, TEXT, SqlType

T = TypeVar("T")

_CACHED_TEXTS: Final = 2048
_CACHED_SHAPES: Final = 1024
_CACHED_LONG_SHAPES: Final = 16
_CACHED_VARIANTS: Final = 64
_LONG_TEXT: Final = 20_000
_EXPLAIN: Final = re.compile(r"\s*(?:--|/\*|explain\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a result."""

    name: str
    type: SqlType


@dataclass(frozen=True, slots=True)
class PreparedStatement:
    """A statement ready to run, any number of times, with any transaction of its database.

    Attributes:
        kind: ``select``, ``insert``, ``update``, ``delete`` or ``explain``.
        columns: of the result; None where `run` gives a count of rows.
        parameters: the placeholders.
        source: the generated Python.
        explanation: the plan as lines of text.
        writes: whether it changes a table.
        tables: names of the tables it touches.
        dictionary: the definitions that it was planned for.
        kinds: the kinds of these tables.
        written_table: the table that it changes, or None.
        read: the shortcut of a small query.
        write: the shortcut of a change of one row that is a transaction of its own.
        first_write: that of one which begins a transaction.
        bulk: the shortcut of an INSERT for many rows of parameters.
    """

    kind: str
    columns: tuple[ResultColumn, ...] | None
    parameters: Placeholders
    source: str
    explanation: Lazy[list[str]] = field(repr=False)
    writes: bool
    tables: tuple[str, ...]
    dictionary: Dictionary = field(repr=False)
    kinds: frozenset[TableKind]
    written_table: str | None
    converters: tuple[Converter | None, ...] = field(repr=False)
    literal_types: tuple[SqlType | None, ...] = field(repr=False)
    call: Callable[[Any, tuple[Any, ...]], Any] = field(repr=False)
    read: Lazy[ReadShortcut] = field(repr=False, default_factory=Lazy)
    write: Lazy[WriteShortcut] = field(repr=False, default_factory=Lazy)
    first_write: Lazy[FirstWrite] = field(repr=False, default_factory=Lazy)
    bulk: Lazy[BulkInsert] = field(repr=False, default_factory=Lazy)

    def run(self, txn: Transaction, params: tuple[Any, ...]) -> list[tuple[Any, ...]] | int:
        """Run it: the rows of a query (or of RETURNING), else the count of rows changed.

        `params` comes from ``Bound.bind``. An error undoes what the statement did, and nothing else of the transaction.
        """
        if not self.writes:
            return self.call(txn, params)  # type: ignore[no-any-return]  # generated code
        try:
            return self.call(txn, params)  # type: ignore[no-any-return]  # generated code
        except BaseException:
            txn.abort_statement()
            raise


class Bound(NamedTuple):
    """A prepared statement and the literals of one text."""

    statement: PreparedStatement
    literals: tuple[Any, ...]

    def bind(self, params: Parameters | None = None) -> tuple[Any, ...]:
        """The parameter tuple of a run: the literals and the user's values, converted.

        Raises ProgrammingError where number or names are wrong, DataError where a value does not fit.
        """
        statement = self.statement
        if not params and not statement.converters:
            return self.literals
        return self.literals + bind_values(statement.parameters, statement.converters, params)


@dataclass(slots=True)
class _Shape:
    """The statements of one shape, by the values of its pinned literals."""

    pinned: tuple[int, ...] = ()
    variants: dict[tuple[Any, ...], PreparedStatement] = field(default_factory=dict)

    def find(self, literals: Sequence[Literal]) -> PreparedStatement | None:
        if not self.pinned:
            return self.variants.get(())
        return self.variants.get(tuple(literals[i].value for i in self.pinned))

    def add(self, statement: PreparedStatement, pinned: set[int], literals: Sequence[Literal]) -> None:
        if not pinned <= set(self.pinned):
            self.pinned = tuple(sorted(pinned | set(self.pinned)))
            self.variants = {}
        _bounded(self.variants, _CACHED_VARIANTS)
        self.variants[tuple(literals[i].value for i in self.pinned)] = statement


class Planner:
    """Prepares statements for one catalog, and remembers them. Any number of threads may use one.

    All that it remembers belongs to the definitions of a moment. A thread that was overtaken by DDL while it planned plans again.
    """

    def __init__(self, catalog: Catalog, own: OwnFunctions | None = None) -> None:
        self.own = own or OwnFunctions()
        self._catalog = catalog
        self._plans = self._none_yet()

    def _none_yet(self) -> _Plans:
        return _Plans(definitions_in_force(self._catalog), self.own, self._catalog)

    def prepare(self, sql: str) -> Bound:
        """The prepared statement for a text.

        Raises ProgrammingError (syntax, names, types), DataError (a literal that its type cannot hold),
        NotSupportedError (what exdbsql lacks, by name); all with `position` where it is known.
        """
        while True:
            plans = self._plans
            if plans.database is not self._catalog.in_force:
                plans = self._plans = self._none_yet()
            try:
                bound = plans.prepare(sql)
            except Exception:
                if plans.database is self._catalog.in_force:
                    raise
            else:
                if plans.database is self._catalog.in_force:
                    return bound

    def find(self, sql: str) -> Bound | None:
        """The statement of a text whose shape was prepared before; None where it was not. Nothing is planned here."""
        plans = self._plans
        return plans.find(sql) if plans.database is self._catalog.in_force else None

    def forget(self) -> None:
        """Plan everything anew: the functions are others."""
        self._plans = self._none_yet()


class _Plans:
    """The statements that were prepared for the definitions of one moment.

    Attributes:
        database: these definitions.
        own: the program's functions.
        catalog: whose definitions they were.
    """

    def __init__(self, database: Catalog, own: OwnFunctions, catalog: Catalog) -> None:
        self.database = database
        self.own = own
        self.catalog = catalog
        self._texts: dict[str, Bound] = {}
        self._shapes: dict[tuple[object, ...], _Shape] = {}
        self._long_shapes: dict[tuple[object, ...], _Shape] = {}

    def prepare(self, sql: str) -> Bound:
        """As :meth:`Planner.prepare`."""
        bound = self._texts.get(sql)
        if bound is None:
            bound = self._prepare(sql)
            if len(sql) < _LONG_TEXT:
                _bounded(self._texts, _CACHED_TEXTS)
                self._texts[sql] = bound
        return bound

    def find(self, sql: str) -> Bound | None:
        """As :meth:`Planner.find`."""
        lifted = lift_literals(sql)
        shape = self._shapes.get(lifted.key)
        statement = None if shape is None else shape.find(lifted.literals)
        return None if statement is None else Bound(statement, _literal_values(statement, lifted.literals, sql))

    def _prepare(self, sql: str) -> Bound:
        if _EXPLAIN.match(sql):
            options = read_explain(sql)
            if options is not None:
                return self._explain(sql, options)
        lifted = lift_literals(sql)
        is_long = len(sql) >= _LONG_TEXT
        shapes = self._long_shapes if is_long else self._shapes
        shape = shapes.get(lifted.key)
        statement = shape.find(lifted.literals) if shape is not None else None
        if statement is None:
            statement, pinned = self._compile(sql, lifted)
            if shape is None:
                _bounded(shapes, _CACHED_LONG_SHAPES if is_long else _CACHED_SHAPES)
                shape = shapes.setdefault(lifted.key, _Shape())
            shape.add(statement, pinned, lifted.literals)
        return Bound(statement, _literal_values(statement, lifted.literals, sql))

    def _compile(self, sql: str, lifted: LiftedText) -> tuple[PreparedStatement, set[int]]:
        return deeply(lambda: self._compiled(sql, lifted))

    def _compiled(self, sql: str, lifted: LiftedText) -> tuple[PreparedStatement, set[int]]:
        parsed, context, bound = self._bound(sql, lifted)
        function = compile_statement(bound, self.database)
        count = len(lifted.literals)
        returns_rows = bound.query is not None or bound.columns
        statement = PreparedStatement(
            kind=bound.kind,
            columns=tuple(map(_result_column, bound.columns)) if returns_rows else None,
            parameters=parsed.placeholders,
            source=function.source,
            explanation=Lazy(partial(plan_lines, bound, self.database.dictionary)),
            writes=bool(bound.changes),
            tables=tuple(context.tables),
            dictionary=self.database.dictionary,
            kinds=frozenset(t.kind for t in context.tables.values()),
            written_table=_written(bound),
            converters=tuple(converter(slot) for slot in context.slots[count:]),
            literal_types=tuple(slot.type for slot in context.slots[:count]),
            call=self._watched(function.call, bound, context, sql, lifted),
            write=self._write_shortcut(compile_write, bound, context, count),
            first_write=self._write_shortcut(compile_first_write, bound, context, count),
            read=self._shortcut(compile_read, bound.query, parsed.placeholders, context.slots, count, self.database),
            bulk=self._shortcut(
                compile_bulk_insert,
                None if bound.tables else bound.change,
                parsed.placeholders,
                context.slots,
                count,
                self.database,
            ),
        )
        return statement, {i for i in range(count) if context.slots[i].pinned}

    def _bound(self, sql: str, lifted: LiftedText) -> tuple[ParsedStatement, StatementContext, BoundStatement]:
        """The statement parsed, bound and optimised; long runs of literals as one thing where they can be."""
        text, runs = shortened(sql, lifted.literals)
        try:
            return self._bound_with(sql, text, runs, lifted)
        except NotUsable:
            return self._bound_with(sql, sql, Runs(), lifted)

    def _bound_with(
        self, sql: str, text: str, runs: Runs, lifted: LiftedText
    ) -> tuple[ParsedStatement, StatementContext, BoundStatement]:
        parsed = replace(parse_statement(text, self._names(), self.database.dictionary.types), text=sql)
        context = StatementContext.of(parsed, self.database.dictionary, lifted.literals)
        context.runs = runs
        context.functions, context.aggregates = self.own.functions, self.own.aggregates
        return parsed, context, bind_statement(parsed.tree, context, self.database)

    def _names(self) -> frozenset[str]:
        own = self.own.names
        return CALLED_PLAINLY | own if own else CALLED_PLAINLY

    def _watched(
        self, call: Run, bound: BoundStatement, context: StatementContext, sql: str, lifted: LiftedText
    ) -> Run:
        """The function, planned again when tables have another size, if that may decide anything."""
        if not depends_on_sizes(bound):
            return call

        def compile_again() -> Run:
            return compile_statement(self._bound(sql, lifted)[2], self.database).call

        return WatchedRun(call, context.tables, self.catalog, partial(deeply, compile_again))

    def _write_shortcut(
        self, compiled: Callable[..., T | None], bound: BoundStatement, context: StatementContext, literals: int
    ) -> Lazy[T]:
        if not isinstance(self.catalog, Database) or bound.tables:
            return Lazy()
        what = (bound.change, context.placeholders, context.slots, literals)
        return self._shortcut(compiled, *what, self.catalog, context.dictionary)

    def _shortcut(self, compiled: Callable[..., T | None], *what: Any) -> Lazy[T]:
        """What `compiled` gives when it is first asked for; None if DDL came before that, or meanwhile."""

        def make() -> T | None:
            try:
                made = compiled(*what)
            except Exception:
                if self.catalog.in_force is self.database:
                    raise
                return None
            return made if self.catalog.in_force is self.database else None

        return Lazy(make)

    def _explain(self, sql: str, options: ExplainOptions) -> Bound:
        analyze = options.analyze
        text = " " * options.start + sql[options.start :]
        inner = self.prepare(text)

        def explained(txn: Any, parameters: tuple[Any, ...]) -> list[tuple[str]]:
            now, _ = self._compile(text, lift_literals(text))  # for the tables as they are now
            shown = now.source.rstrip().split("\n") if options.python else now.explanation.get() or []
            if analyze:
                shown = [*shown, *measured(now, txn, parameters, options.summary)]
            return [(as_document(shown),)] if options.as_json else [(line,) for line in shown]

        name = "PYTHON" if options.python else "QUERY PLAN"
        statement = PreparedStatement(
            kind="explain",
            columns=(ResultColumn(name, JSON if options.as_json else TEXT),),
            parameters=inner.statement.parameters,
            source=inner.statement.source,
            explanation=inner.statement.explanation,
            writes=analyze and inner.statement.writes,
            tables=inner.statement.tables,
            dictionary=inner.statement.dictionary,
            kinds=inner.statement.kinds,
            written_table=inner.statement.written_table if analyze else None,
            converters=inner.statement.converters,
            literal_types=inner.statement.literal_types,
            call=explained,
        )
        return Bound(statement, inner.literals)


def measured(statement: PreparedStatement, txn: Any, parameters: tuple[Any, ...], summary: bool = True) -> list[str]:
    """Lines of EXPLAIN ANALYZE: the statement is run, what it changes is changed, and its rows are counted."""
    start = perf_counter()
    outcome = statement.call(txn, parameters)
    took_ms = (perf_counter() - start) * 1000
    count = outcome if isinstance(outcome, int) else len(outcome)
    return [f"Rows: {count}", *([f"Execution time: {took_ms:.3f} ms"] if summary else [])]


def _literal_values(statement: PreparedStatement, literals: Sequence[Literal], sql: str) -> tuple[Any, ...]:
    values = []
    for literal, t in zip(literals, statement.literal_types, strict=True):
        if literal.type is None and t is not None and not t.is_text:
            try:
                values.append(t.parse(str(literal.value)))
            except Error as error:
                if error.position is None:
                    error.position, error.statement = literal.start, sql
                raise
        else:
            values.append(literal.value)
    return tuple(values)


def _written(bound: BoundStatement) -> str | None:
    """The table that a statement changes; of several, a replicated one if there is one."""
    tables = [change.row.table for change in bound.changes]
    replicated = [t for t in tables if t.kind is TableKind.REPLICATED]
    return (replicated or tables)[0].name if tables else None


def _result_column(column: OutputColumn) -> ResultColumn:
    return ResultColumn(column.name, column.type or TEXT)


def _bounded(cache: dict[Any, Any], limit: int) -> None:
    """Drop the older half of a cache that is full; cheaper than keeping an order of use."""
    if len(cache) >= limit:
        for key in list(cache)[: limit // 2]:
            cache.pop(key, None)
