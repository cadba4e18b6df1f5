"""What `cursor.copy` gives to a program, in the way of psycopg 3 (https://www.psycopg.org/psycopg3/docs/basic/copy.html)::

    with cursor.copy("COPY t (id, name) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)

    with cursor.copy("COPY t TO STDOUT (FORMAT csv)") as copy:
        for data in copy:
            file.write(data)

Leaving the block finishes a COPY FROM; an exception in the block gives it up, and nothing is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from exdbsql.copy.reading import RowReader
from exdbsql.copy.statement import Copy as Statement
from exdbsql.result import Answer, ColumnInfo
from exdbsql.schema.errors import InterfaceError
from exdbsql.schema.type_names import parse_type
from exdbsql.schema.types import TEXT

if TYPE_CHECKING:
    from exdbsql.cursor import Cursor

_ROWS_AT_ONCE: Final = 1000


class CopyInput(Protocol):
    """A COPY FROM STDIN of a session, in this process or not."""

    def write(self, data: bytes | str) -> None:
        """More of the text."""
        ...

    def write_rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """Rows of Python values."""
        ...

    def finish(self) -> Answer:
        """Insert them."""
        ...

    def abort(self, reason: str) -> None:
        """Give it up."""
        ...


class CopyOutput(Protocol):
    """A COPY TO STDOUT of a session, in this process or not."""

    @property
    def columns(self) -> tuple[ColumnInfo, ...]:
        """Of what is copied."""
        ...

    def read(self) -> bytes:
        """The next part of the text; empty at the end."""
        ...

    def finish(self) -> Answer:
        """How many rows there were."""
        ...


class Copy:
    """One COPY that is under way; made by :meth:`Cursor.copy`, and used as a context manager."""

    def __init__(self, cursor: Cursor, statement: Statement, stream: CopyInput | CopyOutput) -> None:
        self._cursor = cursor
        self._statement = statement
        self._input = stream if statement.is_from else None
        self._output = None if statement.is_from else stream
        self._rows: list[Sequence[Any]] = []
        self._types: Sequence[str] | None = None

    @property
    def is_from(self) -> bool:
        """Whether it is COPY FROM."""
        return self._statement.is_from

    @property
    def encoding(self) -> str:
        """Python's name of the encoding of the bytes."""
        return self._statement.options.encoding

    # --- COPY FROM -----------------------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview | str) -> None:
        """Send a part of the text, cut anywhere. Text is text; bytes are in the encoding of the statement, UTF-8 if none.

        Raises:
            DataError: what is wrong with the text so far; where, is in its context.
        """
        self._send_rows()
        self._to_server.write(data if isinstance(data, (str, bytes)) else bytes(data))

    def write_row(self, row: Sequence[Any]) -> None:
        """Send one row of Python values, None for NULL. A text for a column of another type is read as the type reads it.

        Raises:
            DataError, ProgrammingError: a value does not fit; perhaps only after some more rows.
        """
        self._rows.append(tuple(row))
        if len(self._rows) == _ROWS_AT_ONCE:
            self._send_rows()

    def _send_rows(self) -> None:
        if self._rows:
            rows, self._rows = self._rows, []
            self._to_server.write_rows(rows)

    @property
    def _to_server(self) -> CopyInput:
        if self._input is None:
            raise InterfaceError("COPY ... TO gives data and takes none")
        return self._input  # type: ignore[return-value]  # by its direction

    # --- COPY TO -------------------------------------------------------------------------------------------------------

    @property
    def _from_server(self) -> CopyOutput:
        if self._output is None:
            raise InterfaceError("COPY ... FROM takes data and gives none")
        return self._output  # type: ignore[return-value]  # by its direction

    def read(self) -> bytes:
        """The next part of the text, whole lines of it; empty at the end."""
        return self._from_server.read()

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read():
            yield data

    def set_types(self, types: Sequence[str]) -> None:
        """Have `rows` give values of these SQL types rather than texts."""
        self._types = types

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows, as tuples of texts, None for NULL; of values, after `set_types`."""
        columns = self._from_server.columns
        kinds = [TEXT] * len(columns) if self._types is None else [parse_type(name) for name in self._types]
        reader = RowReader("", [column.name for column in columns], kinds, self._statement.options)
        last = False
        while not last:
            data = self.read()
            last = not data
            reader.feed(data, last=last)
            yield from reader.rows
            reader.rows.clear()

    def read_row(self) -> tuple[Any, ...] | None:
        """The next row, as `rows` gives it, or None; not to be mixed with `read`."""
        if not hasattr(self, "_row_iterator"):
            self._row_iterator = self.rows()
        return next(self._row_iterator, None)

    # --- the end -------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._input is None:
            if kind is None:
                self._cursor.take_answer(self._from_server.finish())
            return
        if kind is None:
            self._send_rows()
            self._cursor.take_answer(self._to_server.finish())
        else:
            self._to_server.abort(f"error from Python: {kind.__name__} - {error}")
