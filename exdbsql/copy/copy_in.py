"""COPY FROM in a session.

What is written is read into rows as it comes, so that a mistake shows at once; nothing of the database changes before `finish`,
which inserts all rows as one statement, as `executemany` does. So a COPY that is given up has left nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from exdbsql.cancellation import StatementCancelled
from exdbsql.copy.reading import RowReader, place, type_mismatch
from exdbsql.copy.statement import Copy
from exdbsql.copy.writing import RowWriter
from exdbsql.engine.memory import refuse_growth
from exdbsql.engine.transaction import Transaction
from exdbsql.result import Answer, Shape
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import DataError, IntegrityError, NotSupportedError, OperationalError, ProgrammingError
from exdbsql.schema.identifiers import did_you_mean, quote_name, quote_names
from exdbsql.schema.table import Column, Identity, Table
from exdbsql.statement_cache import PlannedStatement
from exdbsql.truncation import named_table

if TYPE_CHECKING:
    from exdbsql.session import Session

T = TypeVar("T")

PIECE: Final = 32 * 1024
"""Characters or bytes that are read at once: so few rows that what is made of them on the way is gone before the collector has promoted it."""
_BATCH: Final = 1000


class CopyIn:
    """One COPY FROM STDIN that is under way.

    Args:
        session: whose.
        copy: the statement.

    Raises:
        ProgrammingError: no such table or column (42P01, 42703), a generated column (42P10).
        NotSupportedError: a condition on a column that is not among those named.
    """

    def __init__(self, session: Session, copy: Copy) -> None:
        self._session = session
        self._copy = copy
        table = _table_of(session, copy)
        self._columns = _columns_of(table, copy)
        self._insert = _insert_text(table, self._columns)
        session.check_may_run(session.plan(self._insert))
        names = [column.name for column in self._columns]
        self._reader = RowReader(table.name, names, [column.type for column in self._columns], copy.options)
        self._is_wanted = _condition(session, copy, table, self._columns)
        self._received = 0
        self._is_cancelled = False
        session.copying = self

    def cancel(self) -> None:
        """From another thread: refuse what comes next."""
        self._is_cancelled = True

    def _carry_out(self, work: Callable[..., T], *arguments: Any) -> T:
        if self._is_cancelled:
            self.abort("cancelled")
            raise OperationalError(StatementCancelled.message, sqlstate=states.QUERY_CANCELED)
        made: T = self._session.carry_out_cancellable(work, *arguments)
        return made

    def write(self, data: bytes | str) -> None:
        """More of the text; errors as :meth:`RowReader.feed`, and 53200 where the database has no room for it."""
        for start in range(0, len(data), PIECE):
            self._carry_out(self._feed, data[start : start + PIECE])

    def write_rows(self, rows: Iterable[Sequence[Any]]) -> None:
        """Rows of Python values; errors as :meth:`RowReader.add`."""
        self._carry_out(self._reader.add, rows)

    def finish(self) -> Answer:
        """Insert what was read; how many rows.

        Raises:
            IntegrityError: a constraint; with the line as its context, where it is known.
            Error: as an INSERT.
        """
        self._carry_out(self._feed, b"", True)
        self._session.copying = None
        planned = self._session.plan(self._insert)
        if _columns_of(_table_of(self._session, self._copy), self._copy) != self._columns:
            raise type_mismatch([column.name for column in self._columns])
        rows = self._wanted_rows()
        count = self._session.insert_rows(planned, rows, self._inserting(planned))
        return Shape("COPY"), None, count, None

    def abort(self, reason: str) -> None:
        """Give it up: what was written is forgotten, and an open transaction has failed."""
        self._reader.rows.clear()
        self._session.copying = None
        self._session.block.fail()

    def _feed(self, data: bytes | str, last: bool = False) -> None:
        self._reader.feed(data, last=last)
        self._received += len(data)
        engine = self._session.engine
        if engine.memory_limit is not None and engine.memory_used + self._received > engine.memory_limit:
            self._reader.rows.clear()
            raise refuse_growth(engine.memory_limit, engine.memory_used, self._received)

    def _wanted_rows(self) -> list[tuple[Any, ...]]:
        if self._is_wanted is None:
            return self._reader.rows
        return self._carry_out(self._filter, self._is_wanted)

    def _filter(self, is_wanted: Callable[[tuple[Any, ...]], bool]) -> list[tuple[Any, ...]]:
        reader = self._reader
        kept = [at for at, row in enumerate(reader.rows) if is_wanted(row)]
        lines = [reader.lines[at] for at in kept]
        del reader.lines[:]
        reader.lines.extend(lines)
        reader.rows = [reader.rows[at] for at in kept]
        return reader.rows

    # --- which row it was ----------------------------------------------------------------------------------------------

    def _inserting(self, planned: PlannedStatement) -> Callable[[Transaction, Sequence[Any]], int]:
        def insert(transaction: Transaction, rows: Sequence[Any]) -> int:
            mark = transaction.savepoint()
            try:
                return planned.run_many(transaction, rows)
            except (IntegrityError, DataError) as error:
                if error.sqlstate != states.FOREIGN_KEY_VIOLATION:  # that is found when all rows are there
                    at = _first_wrong(planned, transaction, rows, error.sqlstate)
                    transaction.rollback_to(mark)
                    if at is not None:
                        error.context = place(self._copy.table, self._reader.lines[at], value=self._text_of(rows[at]))
                raise

        return insert

    def _text_of(self, row: tuple[Any, ...]) -> str:
        columns = self._columns
        options = replace(self._copy.options, encoding="utf-8")
        writer = RowWriter([column.name for column in columns], [column.type for column in columns], options)
        return writer.text([row]).decode().rstrip("\n")


def _first_wrong(planned: PlannedStatement, transaction: Transaction, rows: Sequence[Any], sqlstate: str) -> int | None:
    """The place of the first row that cannot be inserted after those before it; None where none is found."""
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        try:
            planned.run_many(transaction, batch)
        except (IntegrityError, DataError):
            for at, row in enumerate(batch, start):
                try:
                    planned.run_many(transaction, [row])
                except (IntegrityError, DataError) as error:
                    return at if error.sqlstate == sqlstate else None
            return None
    return None


# --- the statement's parts ---------------------------------------------------------------------------------------------


def _table_of(session: Session, copy: Copy) -> Table:
    dictionary = session.dictionary
    store = named_table(session.tables, copy.table)
    if store is not None:
        return store.definition
    if copy.table in dictionary.views:
        raise ProgrammingError(f'cannot copy to view "{copy.table}"', sqlstate=states.WRONG_OBJECT_TYPE)
    raise no_relation(copy, dictionary.tables)


def no_relation(copy: Copy, known: Iterable[str]) -> ProgrammingError:
    """There is no such table."""
    return ProgrammingError(
        f'relation "{copy.table}" does not exist',
        sqlstate=states.UNDEFINED_TABLE,
        hint=did_you_mean(copy.table, known),
        position=copy.position,
        statement=copy.text,
    )


def _columns_of(table: Table, copy: Copy) -> tuple[Column, ...]:
    return tuple(table.column(name) for name in column_names(table, copy))


def column_names(table: Table, copy: Copy) -> tuple[str, ...]:
    """The columns that COPY of a table means.

    Raises:
        ProgrammingError: 42703, 42701, 42P10.
    """
    if not copy.columns:
        chosen = tuple(column.name for column in table.columns if column.generated is None)
    else:
        chosen = copy.columns
    for number, name in enumerate(chosen):
        if not table.has_column(name):
            raise _no_column(f'column "{name}" of relation "{table.name}" does not exist', name, table)
        if name in chosen[:number]:
            raise ProgrammingError(f'column "{name}" specified more than once', sqlstate=states.DUPLICATE_COLUMN)
        if table.column(name).generated is not None:
            raise ProgrammingError(
                f'column "{name}" is a generated column',
                sqlstate=states.INVALID_COLUMN_REFERENCE,
                detail="Generated columns cannot be used in COPY.",
            )
    check_forced(copy, table, chosen)
    return chosen


def check_forced(copy: Copy, table: Table | None, chosen: Sequence[str]) -> None:
    """The columns of FORCE_QUOTE and its siblings must be among those copied.

    Raises:
        ProgrammingError: 42703, 42P10.
    """
    options = copy.options
    for option in ("force_quote", "force_null", "force_not_null"):
        for name in getattr(options, option):
            if name == "*" or name in chosen:
                continue
            if table is None or not table.has_column(name):
                whose = "" if table is None else f' of relation "{table.name}"'
                raise _no_column(f'column "{name}"{whose} does not exist', name, table)
            raise ProgrammingError(
                f'{option.upper()} column "{name}" not referenced by COPY', sqlstate=states.INVALID_COLUMN_REFERENCE
            )


def _no_column(message: str, name: str, table: Table | None) -> ProgrammingError:
    hint = None if table is None else did_you_mean(name, table.column_names)
    return ProgrammingError(message, sqlstate=states.UNDEFINED_COLUMN, hint=hint)


def _insert_text(table: Table, columns: Sequence[Column]) -> str:
    names = quote_names(column.name for column in columns)
    overriding = "OVERRIDING SYSTEM VALUE " if any(column.identity is Identity.ALWAYS for column in columns) else ""
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    return f"INSERT INTO {quote_name(table.name)} ({names}) {overriding}VALUES ({places})"


def _condition(
    session: Session, copy: Copy, table: Table, columns: tuple[Column, ...]
) -> Callable[[tuple[Any, ...]], bool] | None:
    """WHERE as a function of a row as it was read."""
    if not copy.where:
        return None
    from exdbsql.engine.query.row_functions import condition_function
    from exdbsql.schema.expressions import check_expression

    names = [column.name for column in columns]
    text = check_expression(copy.where, table.name, table.column_names)
    row = replace(table, columns=columns, primary_key=None, uniques=(), checks=(), foreign_keys=())
    try:
        return condition_function(text, session.catalog, row)
    except ProgrammingError as error:
        if error.sqlstate == states.UNDEFINED_COLUMN:
            raise NotSupportedError(
                f"COPY FROM ... WHERE on a column that is not read ({', '.join(names)} are) is not supported"
            ) from error
        raise
