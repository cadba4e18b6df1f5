"""Statements by their text: what the session needs to run one again without looking at it.

One cache for all sessions of a database. The exact text is the first key, because a program runs the same few texts
over and over and a dictionary look-up is the cheapest thing there is; below it the planner has a cache by shape, where
texts that differ only in literals meet. An entry belongs to the dictionary it was made for, and is made anew when DDL
has replaced that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from exdbsql.binding import fast_binder
from exdbsql.bulk import run_inserts
from exdbsql.control import Control, parse_control
from exdbsql.engine.catalog import Catalog
from exdbsql.engine.database import Database as Engine
from exdbsql.engine.query.codegen.read_shortcut import ReadShortcut
from exdbsql.engine.query.codegen.write_shortcut import FirstWrite, WriteShortcut
from exdbsql.engine.query.own_functions import OwnFunctions
from exdbsql.engine.query.prepare import Bound, Planner
from exdbsql.engine.single_change import SingleChange
from exdbsql.engine.transaction import Transaction
from exdbsql.result import ColumnInfo, Row, Shape
from exdbsql.schema import sqlstate as states
from exdbsql.schema.ddl import is_ddl, parse_ddl
from exdbsql.schema.ddl_statements import DdlStatement, command_tag
from exdbsql.schema.dictionary import Dictionary, TableKind
from exdbsql.schema.errors import InterfaceError, ProgrammingError
from exdbsql.schema.statements import first_keywords

LIMIT: Final = 1000
"""Texts that are kept. At the limit the cache starts anew: simple, and no slower on average for programs below it."""


class PlannedStatement:
    """A statement of the planner's, flat.

    Attributes:
        statement: the planner's.
        dictionary: the dictionary it was planned for; it is stale once the engine has another.
        run: the compiled statement, called with a transaction and its values.
        bind: the user's parameters to those values.
        read: the shortcut of a small query: rows from the user's parameters and a snapshot, or None; none on the first run.
        write: the shortcut of a change of one row: a count from the user's parameters and the engine, or None; as `read`.
        first_write: the same for a change that begins a transaction: gives that.
        literals: what the shortcuts want to know of the text.
        shape: kind and columns.
        gives_rows: whether `run` gives rows rather than a count.
        writes: whether it changes rows.
        tables: names of the tables that it touches.
        uses_replicated: whether it touches a replicated table.
        writes_replicated: whether it changes one.
        writes_temporary: whether it changes a temporary table.
    """

    __slots__ = (
        "_call",
        "_lazy_bulk",
        "_lazy_first_write",
        "_lazy_read",
        "_lazy_write",
        "bind",
        "dictionary",
        "first_write",
        "gives_rows",
        "literals",
        "read",
        "run",
        "shape",
        "statement",
        "tables",
        "uses_replicated",
        "write",
        "writes",
        "writes_replicated",
        "writes_temporary",
    )

    def __init__(self, bound: Bound) -> None:
        statement = bound.statement
        dictionary = statement.dictionary
        columns = statement.columns
        self.statement = statement
        self.dictionary = dictionary
        self.bind = fast_binder(bound)
        self.literals = bound.literals
        self.read: ReadShortcut | None = self._first_read if columns is not None and not statement.writes else None
        self._lazy_read = statement.read
        self.write: WriteShortcut | None = self._first_write if columns is None and statement.writes else None
        self._lazy_write = statement.write
        self.first_write: FirstWrite | None = None if self.write is None else self._first_first_write
        self._lazy_first_write = statement.first_write
        self._lazy_bulk = statement.bulk
        self._call: Callable[[Any, tuple[Any, ...]], Any] = statement.call
        self.run: Callable[[Transaction, tuple[Any, ...]], Any] = statement.run if statement.writes else statement.call
        self.shape = Shape(statement.kind.upper(), None if columns is None else tuple(map(_column_info, columns)))
        self.gives_rows = columns is not None
        self.writes = statement.writes
        self.tables = frozenset(statement.tables)
        self.uses_replicated = TableKind.REPLICATED in statement.kinds
        written = statement.written_table
        self.writes_temporary = written is not None and dictionary.tables[written].is_temporary
        self.writes_replicated = written is not None and dictionary.tables[written].kind is TableKind.REPLICATED

    def with_literals(self, bound: Bound) -> "PlannedStatement":
        """The same for another text, which differs in its literals alone."""
        other = PlannedStatement.__new__(PlannedStatement)
        for name in _SHARED:
            setattr(other, name, getattr(self, name))
        other.bind = fast_binder(bound)
        other.literals = bound.literals
        other.read = None if self.read is None else self._lazy_read.get()
        other.write = None if self.write is None else self._lazy_write.get()
        other.first_write = None if self.first_write is None else self._lazy_first_write.get()
        return other

    def _first_read(self, literals: tuple[Any, ...], parameters: Any, snapshot: int) -> list[Row] | None:
        """Stands in the place of the shortcut until a text comes again: then it is worth compiling."""
        self.read = self._lazy_read.get()
        return None if self.read is None else self.read(literals, parameters, snapshot)

    def _first_write(self, literals: tuple[Any, ...], parameters: Any, engine: Engine) -> int | None:
        self.write = self._lazy_write.get()
        return None if self.write is None else self.write(literals, parameters, engine)

    def _first_first_write(self, literals: tuple[Any, ...], parameters: Any, engine: Engine) -> SingleChange | None:
        self.first_write = self._lazy_first_write.get()
        return None if self.first_write is None else self.first_write(literals, parameters, engine)

    def run_many(self, transaction: Transaction, rows: Sequence[Any]) -> int:
        """Run it for each row of parameters; how many rows changed."""
        run, bind = self.run, self.bind
        if self.shape.kind == "INSERT":
            bulk = self._lazy_bulk.get()
            count = None if bulk is None else bulk.run(transaction, self.literals, rows)
            if count is not None:
                return count
            count = run_inserts(self._call, transaction, map(bind, rows))
            if count is not None:
                return count
        return sum([run(transaction, bind(row)) for row in rows])


_SHARED: Final = tuple(
    name for name in PlannedStatement.__slots__ if name not in ("bind", "literals", "read", "write", "first_write")
)
"""What does not depend on the literals."""


def _column_info(column: Any) -> ColumnInfo:
    kind = column.type
    if kind is None:
        return ColumnInfo(column.name, "text")
    name = kind.name if kind.fields is None else f"{kind.name} {kind.fields}"
    return ColumnInfo(column.name, name, kind.length, kind.precision, kind.scale)


@dataclass(frozen=True, slots=True)
class DdlText:
    """A statement that changes the dictionary, and the text that replicates it."""

    text: str
    statement: DdlStatement

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return command_tag(self.statement)


class StatementCache:
    """Texts to statements of one catalog. Threads share it: every step is one atomic operation on a dictionary."""

    def __init__(self, catalog: Catalog, own: OwnFunctions | None = None) -> None:
        self._catalog = catalog
        self.own = own or OwnFunctions()
        self._planner = Planner(catalog, self.own)
        self.planned: dict[str, PlannedStatement] = {}
        self._once: dict[str, bool] = {}
        self._bases: dict[int, PlannedStatement] = {}
        self._controls: dict[str, Control] = {}
        self._dictionary = catalog.dictionary

    def prepare(self, sql: str, *, keep: bool = True) -> PlannedStatement | Control | DdlText:
        """Look the text up, or read and plan it.

        Args:
            sql: the statement's text.
            keep: whether a planned statement goes into the cache.

        Raises:
            ProgrammingError: syntax, unknown names, an empty statement.
            InterfaceError: not a text.
            NotSupportedError: something that exdbsql does not have; names it.
        """
        control = self._controls.get(sql)
        if control is not None:
            return control
        _check_text(sql)
        known = self._of_known_shape(sql) if keep else None
        if known is not None:
            return known
        control = parse_control(sql)
        if control is not None:
            _remember(self._controls, sql, control)
            return control
        if is_ddl(first_keywords(sql)):
            return _read_ddl(sql, self._catalog.dictionary)
        if self._catalog.dictionary is not self._dictionary:
            self.forget()
        planned = self._of(self._planner.prepare(sql))
        if keep:
            _remember(self.planned, sql, planned)
        return planned

    def _of_known_shape(self, sql: str) -> PlannedStatement | None:
        """The statement of a new text that differs from one seen before only in its literals, soon found.

        Such texts come by the thousand, each once; they must not push out those that come again. So a text is kept when
        it has come twice.
        """
        bound = self._planner.find(sql) if self._catalog.dictionary is self._dictionary else None
        if bound is None:
            return None
        planned = self._of(bound)
        if self._once.pop(sql, False):
            _remember(self.planned, sql, planned)
        else:
            _remember(self._once, sql, True)
        return planned

    def _of(self, bound: Bound) -> PlannedStatement:
        base = self._bases.get(id(bound.statement))
        if base is None or base.statement is not bound.statement:
            planned = PlannedStatement(bound)
            _remember(self._bases, id(bound.statement), planned)
            return planned
        return base.with_literals(bound)

    def forget_plans(self) -> None:
        """The functions are others: plan everything anew."""
        self._planner.forget()
        self.forget()

    def forget(self) -> None:
        """The dictionary is another: let go of statements that hold tables which are gone."""
        self._dictionary = self._catalog.dictionary
        self.planned.clear()
        self._once.clear()
        self._bases.clear()


def _remember(cache: dict[Any, Any], key: Any, entry: Any) -> None:
    if len(cache) >= LIMIT:
        cache.clear()
    cache[key] = entry


def _check_text(sql: object) -> None:
    if not isinstance(sql, str):
        raise InterfaceError(f"a statement is a str, not {type(sql).__name__}")


def _read_ddl(sql: str, dictionary: Dictionary) -> DdlText:
    statements: Sequence[DdlStatement] = parse_ddl(sql, dictionary.types)
    if len(statements) != 1:
        raise ProgrammingError(
            "more than one statement", sqlstate=states.SYNTAX_ERROR, hint="pass them one by one", statement=sql
        )
    return DdlText(sql, statements[0])
