"""The cursor of PEP 249, for embedded and remote connections alike.

Made for the embedded case, where a statement costs about a microsecond: `execute` is one call into the session and a
handful of assignments, description and row count are worked out when somebody asks, and rows are handed on as the
tuples that the engine gave.
"""

from collections.abc import Iterator, Sequence
from operator import length_hint
from typing import TYPE_CHECKING, Any, NoReturn, Self

from exdbsql.result import NextPage, Parameters, Row, Shape
from exdbsql.schema.errors import InterfaceError, NotSupportedError

if TYPE_CHECKING:
    from exdbsql.connection import Connection


class _NoRows:
    """Stands in the place of the rows where the last statement gave none."""

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        raise InterfaceError(
            "there is no result to fetch from", hint="execute a statement that gives rows first, a SELECT for example"
        )


_NO_ROWS = _NoRows()


class Cursor:
    """Runs statements and gives their rows. Made by :meth:`Connection.cursor`.

    Attributes:
        arraysize: rows that `fetchmany` gives where it is not told; 1, as PEP 249 has it.
        connection: the connection that made it.
        lastrowid: always None: rows have no number of their own.
    """

    arraysize: int = 1
    lastrowid: None = None

    __slots__ = ("__dict__", "__weakref__", "_count", "_iterator", "_more", "_rows", "_run", "_shape", "connection")

    def __init__(self, connection: "Connection") -> None:
        self.connection = connection
        self._run = connection._session.run
        self._forget()

    def _forget(self) -> None:
        self._shape: Shape | None = None
        self._rows: list[Row] | None = None
        self._iterator: Iterator[Row] = _NO_ROWS
        self._count = -1
        self._more: NextPage | None = None

    def execute(self, sql: str, parameters: Parameters = None) -> "Cursor":
        """Run one statement.

        Args:
            sql: its text, with `?`, `$1` or `:name` where values go.
            parameters: the values: a sequence, or a mapping for `:name`.

        Returns:
            This cursor, so that ``for row in cursor.execute(…)`` works.

        Raises:
            Error: what is wrong; see the tree in :mod:`exdbsql.schema.errors`.
        """
        self._iterator = _NO_ROWS
        self._shape = self._more = None
        self._count = -1
        self._shape, rows, self._count, self._more = self._run(sql, parameters)
        self._rows = rows
        if rows is not None:
            self._iterator = iter(rows)
        return self

    def executemany(self, sql: str, parameters: Sequence[Any]) -> "Cursor":
        """Run one statement for each row of parameters, as one: all of them or none. The fast way to load rows.

        Raises:
            Error: as `execute`; InterfaceError for a statement that gives rows.
        """
        self._check_open()
        self._forget()
        rows = parameters if isinstance(parameters, (list, tuple)) else list(parameters)
        self._shape, self._rows, self._count, self._more = self.connection._session.run_many(sql, rows)
        return self

    def fetchone(self) -> Row | None:
        """The next row, or None after the last."""
        if self.connection._closed:
            self._check_open()
        row = next(self._iterator, None)
        if row is None and self._more is not None:
            return self._first_of_next_page()
        return row

    def _first_of_next_page(self) -> Row | None:
        while self._more is not None:
            page = self._more()
            if page is None:
                self._more = None
            elif page:
                self._rows, self._iterator = page, iter(page)
                return next(self._iterator)
        return None

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """The next `size` rows (default `arraysize`), fewer at the end."""
        self._check_open()
        wanted = self.arraysize if size is None else size
        rows: list[Row] = []
        if wanted <= 0:
            return rows
        for row in self:
            rows.append(row)
            if len(rows) == wanted:
                break
        return rows

    def fetchall(self) -> list[Row]:
        """All rows that were not fetched yet."""
        self._check_open()
        rows = self._rest_of_page()
        while self._more is not None:
            page = self._more()
            if page is None:
                self._more = None
            else:
                rows += page
        return rows

    def _rest_of_page(self) -> list[Row]:
        """The rows as they came, without a copy, where none was taken: the common case, and the large one."""
        rows = self._rows
        if rows is None or length_hint(self._iterator) != len(rows):
            return list(self._iterator)
        self._rows, self._iterator = [], iter(())
        return rows

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    @property
    def description(self) -> list[tuple[str, str, None, int | None, int | None, int | None, None]] | None:
        """Name, type, and sizes of each column of the result; None where there is none."""
        return None if self._shape is None else self._shape.description

    @property
    def rowcount(self) -> int:
        """Rows given or changed by the last statement; -1 where there was none, or it does not count."""
        return self._count

    @property
    def statusmessage(self) -> str | None:
        """PostgreSQL's command tag of the last statement, ``INSERT 0 1`` for example."""
        return None if self._shape is None else self._shape.tag(max(self._count, 0))

    def callproc(self, name: str, parameters: Sequence[Any] = ()) -> NoReturn:
        """PEP 249's optional call of a stored procedure; there are none.

        Raises:
            NotSupportedError: always.
        """
        raise NotSupportedError("stored procedures are not supported")

    def nextset(self) -> None:
        """PEP 249's optional step to the next result of the same statement; there is never one."""
        self._check_open()

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """Nothing to prepare for: values have the sizes that they have."""
        self._check_open()

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Nothing to prepare for."""
        self._check_open()

    def _check_open(self) -> None:
        if self.connection._closed:
            raise InterfaceError("the connection is closed", sqlstate="08003")
        if self._run is _closed:
            raise InterfaceError("the cursor is closed")

    def close(self) -> None:
        """Let the rows go. The cursor cannot be used afterwards; closing twice is no error."""
        self._forget()
        self._run = _closed
        self._iterator = iter(_Closed())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Closed:
    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        raise InterfaceError("the cursor is closed")


def _closed(sql: str, parameters: Parameters = None) -> NoReturn:
    raise InterfaceError("the cursor is closed")
