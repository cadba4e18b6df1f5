"""The cursor of PEP 249, for embedded and remote connections alike.

Made for the embedded case, where a statement costs about a microsecond: `execute` is one call into the session, whose answer
is kept as it came; description, row count and iterator are worked out when somebody asks, and rows are handed on
as the tuples that the engine gave.
"""

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from exdbsql.control import parse_control
from exdbsql.copy.statement import Copy as Statement
from exdbsql.copy.stream import Copy
from exdbsql.result import Answer, Parameters, Row
from exdbsql.schema.errors import InterfaceError, ProgrammingError
from exdbsql.schema.identifiers import quote_name
from exdbsql.schema.sqlstate import SYNTAX_ERROR

if TYPE_CHECKING:
    from exdbsql.connection import Connection


_NOTHING: Final[tuple[None, None, int, None]] = (None, None, -1, None)
"""In the place of an answer where no statement has given one."""


_NO_ROWS: Final[Iterator[Row]] = iter(())
"""An iterator that has ended, which any number of cursors may share."""


class Cursor:
    """Runs statements and gives their rows. Made by :meth:`Connection.cursor`.

    Attributes:
        arraysize: rows that `fetchmany` gives where it is not told; 1, as PEP 249 has it.
        connection: the connection that made it.
        lastrowid: always None: rows have no number of their own.
    """

    arraysize: int = 1
    lastrowid: None = None

    __slots__ = ("__dict__", "__weakref__", "_answer", "_iterator", "_run", "connection")

    def __init__(self, connection: "Connection") -> None:
        self.connection = connection
        self._run = connection._session.run
        self._forget()

    def _forget(self) -> None:
        self._answer: Answer | tuple[None, None, int, None] = _NOTHING
        self._iterator: Iterator[Row] | None = None

    def execute(self, sql: str, parameters: Parameters = None) -> Self:
        """Run one statement.

        Args:
            sql: its text, with `?`, `$1` or `:name` where values go.
            parameters: the values: a sequence, or a mapping for `:name`.

        Returns:
            This cursor, so that ``for row in cursor.execute(…)`` works.

        Raises:
            Error: what is wrong; see the tree in :mod:`exdbsql.schema.errors`.
        """
        try:
            self._answer = self._run(sql, parameters)
        except BaseException:
            self._forget()
            raise
        self._iterator = None
        return self

    def executemany(self, sql: str, parameters: Sequence[Any]) -> Self:
        """Run one statement for each row of parameters, as one: all of them or none. The fast way to load rows.

        Raises:
            Error: as `execute`; InterfaceError for a statement that gives rows.
        """
        self._check_open()
        self._forget()
        rows = parameters if isinstance(parameters, (list, tuple)) else list(parameters)
        self._answer = self.connection._session.run_many(sql, rows)
        return self

    def copy(self, sql: str) -> Copy:
        """Begin a COPY FROM STDIN or TO STDOUT, as psycopg 3 does; use what this gives as a context manager.

        Raises:
            ProgrammingError: another statement, or a COPY with a file, which `execute` runs (42601).
            Error: as `execute`.
        """
        self._check_open()
        self._forget()
        statement = parse_control(sql)
        if not isinstance(statement, Statement) or statement.file is not None:
            raise ProgrammingError(
                "copy() is for COPY ... FROM STDIN and COPY ... TO STDOUT",
                sqlstate=SYNTAX_ERROR,
                hint="execute() runs other statements",
            )
        session = self.connection._session
        return Copy(self, statement, session.copy_in(sql) if statement.is_from else session.copy_out(sql))

    def copy_expert(self, sql: str, file: Any, size: int = 256 * 1024) -> Self:
        """COPY between the database and an open file, as psycopg2 does.

        Args:
            sql: a COPY FROM STDIN or TO STDOUT.
            file: has ``read(size)`` or ``write(data)``; one opened for text gets and gives text.
            size: how much is read at once.

        Raises:
            Error: as `copy`; nothing is loaded then.
        """
        with self.copy(sql) as copy:
            if copy.is_from:
                while data := file.read(size):
                    copy.write(data)
            else:
                is_text = isinstance(file, io.TextIOBase)
                for part in copy:
                    file.write(part.decode(copy.encoding) if is_text else part)
        return self

    def take_answer(self, answer: Answer) -> None:
        """What a COPY that has ended gave: its row count."""
        self._answer = answer

    def fetchone(self) -> Row | None:
        """The next row, or None after the last."""
        iterator = self._iterator
        if iterator is None or self.connection._closed:
            iterator = self._begin()
        row = next(iterator, None)
        if row is None and self._answer[3] is not None:
            return self._first_of_next_page()
        return row

    def _begin(self) -> Iterator[Row]:
        """The iterator of the rows, made when the first is fetched."""
        self._check_open()
        if self._iterator is None:
            rows = self._answer[1]
            if rows is None:
                raise InterfaceError(
                    "there is no result to fetch from",
                    hint="execute a statement that gives rows first, a SELECT for example",
                )
            self._iterator = iter(rows)
        return self._iterator

    def _next_page(self) -> list[Row] | None:
        shape, rows, count, more = self._answer
        page = None if more is None else more()
        if page is None and shape is not None:
            self._answer = shape, rows, count, None
        return page

    def _first_of_next_page(self) -> Row | None:
        while (page := self._next_page()) is not None:
            if page:
                self._iterator = iter(page)
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
        """All rows that were not fetched yet; the list as it came, without a copy, where none was."""
        _, rows, _, more = self._answer
        if self._iterator is None and rows is not None and more is None and not self.connection._closed:
            self._iterator = _NO_ROWS
            return rows
        rows = list(self._begin())
        while (page := self._next_page()) is not None:
            rows += page
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
        shape = self._answer[0]
        return None if shape is None else shape.description

    @property
    def rowcount(self) -> int:
        """Rows given or changed by the last statement; -1 where there was none, or it does not count."""
        return self._answer[2]

    @property
    def statusmessage(self) -> str | None:
        """PostgreSQL's command tag of the last statement, ``INSERT 0 1`` for example."""
        shape, _, count, _ = self._answer
        return None if shape is None else shape.tag(max(count, 0))

    def callproc(self, name: str, parameters: Sequence[Any] = ()) -> Sequence[Any]:
        """PEP 249's optional call of a stored procedure, which is a function here: its value is the result to fetch.

        Args:
            name: a function's name, built in or made by the program.
            parameters: its arguments.

        Returns:
            The parameters as they were: functions change none.

        Raises:
            Error: as `execute`; ProgrammingError (42883) where there is no such function for these arguments.
        """
        self.execute(f"SELECT {quote_name(name)}({', '.join('?' * len(parameters))})", parameters)
        return parameters

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

    def __reduce__(self) -> NoReturn:
        raise TypeError("a cursor cannot be copied or pickled; its rows can")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _closed(sql: str, parameters: Parameters = None) -> NoReturn:
    raise InterfaceError("the cursor is closed")
