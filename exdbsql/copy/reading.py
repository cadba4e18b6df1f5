"""From a stream of text to rows of values, with the line that each came from.

A block goes the quick way, column by column, if there is nothing special about it; otherwise record by record, field by field, which
also finds which field is wrong: its line and column are in the error's context, as in PostgreSQL.
"""

from __future__ import annotations

import codecs
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from exdbsql.copy.columns import Fields, column_reader, columns_of_rows, columns_of_text, read_column
from exdbsql.copy.csv_format import quick_reader, split_csv
from exdbsql.copy.options import CopyOptions
from exdbsql.copy.records import END_OF_DATA, Records, check_ends
from exdbsql.copy.text_format import invalid_bytes, split_text, unescaped
from exdbsql.engine.collector import untrack
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import DataError, Error, ProgrammingError
from exdbsql.schema.types import SqlType

SHOWN = 100
"""Characters of a line or a value that a message shows."""


class RowReader:
    """Reads rows.

    Args:
        table: its name, for messages.
        names, kinds: of the columns that the records have.
        options: how the text looks.

    Attributes:
        rows: what has been read.
        lines: for each row the line that it ends on.
    """

    def __init__(self, table: str, names: Sequence[str], kinds: Sequence[SqlType], options: CopyOptions) -> None:
        self.rows: list[tuple[Any, ...]] = []
        untrack(self.rows)  # or each full collection would visit every row
        self.lines: array[int] = array("q")
        self._table = table
        self._names = names
        self._kinds = kinds
        self._options = options
        self._decoder = codecs.getincrementaldecoder(options.encoding)()
        self._records = Records(options)
        self._readers = [column_reader(kind) for kind in kinds]
        self._quick_csv = quick_reader(options) if options.is_csv else None
        self._header_is_due = options.header != "false"
        self._has_ended = False
        self._line = 0

    def feed(self, data: bytes | str, *, last: bool = False) -> None:
        """Read more of the stream; `last`: there is no more.

        Raises:
            DataError: a value that does not fit its column (22P02 and others), a malformed record (22P04), bytes that are no
                text (22021); with the place as its context.
        """
        if self._has_ended:
            return
        try:
            text = data if isinstance(data, str) else self._decoder.decode(data, last)
        except UnicodeDecodeError as error:
            raise self._placed(invalid_bytes(self._options.encoding, error), self._line + 1) from None
        try:
            block = self._records.feed(text)
            if block:
                self._take(block)
            if last and not self._has_ended:
                rest = self._finish()
                if rest:
                    self._take(rest)
        except Error as error:
            raise self._placed(error, self._line + 1) from None

    def _finish(self) -> str:
        rest = self._records.rest.rstrip("\n")
        try:
            return self._records.finish()
        except Error as error:
            raise self._placed(error, self._line + 1 + rest.count("\n"), value=rest) from None

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Rows of Python values; texts are read as fields would be.

        Raises:
            DataError, ProgrammingError: a value that does not fit, or a row of another length.
        """
        for row in rows:
            self._line += 1
            values = []
            try:
                self._check_number(row)
            except Error as error:
                raise self._placed(error, self._line) from None
            for name, kind, value in zip(self._names, self._kinds, row, strict=True):
                try:
                    values.append(kind.parse(value) if type(value) is str else kind.coerce(value))
                except Error as error:
                    raise self._placed(error, self._line, name, str(value)) from None
            self.rows.append(tuple(values))
            self.lines.append(self._line)

    # --- the quick way -------------------------------------------------------------------------------------------------

    def _take(self, block: str) -> None:
        rows = None if self._header_is_due else self._quickly(block)
        if rows is None:
            self._step_by_step(block)
            return
        self.rows += rows
        self.lines.extend(range(self._line + 1, self._line + 1 + len(rows)))
        self._line += len(rows)

    def _quickly(self, block: str) -> list[tuple[Any, ...]] | None:
        columns = self._columns_of(block)
        if columns is None or len(columns) != len(self._names):
            return None
        try:
            values = [
                read_column(read, self._fields(name, column, block))
                for name, read, column in zip(self._names, self._readers, columns, strict=True)
            ]
        except Exception:  # noqa: BLE001 - whatever it is, going step by step finds it again, and its place
            return None
        return list(zip(*values, strict=True))

    def _columns_of(self, block: str) -> list[Sequence[str]] | None:
        """The fields by column; None where the block is not plain, or a record has another number of fields."""
        options, newline = self._options, self._records.newline
        if newline not in ("\n", ""):
            if block.count("\n") != block.count(newline) * newline.count("\n"):
                return None
            block = block.replace(newline, "\n")
        if "\r" in block or END_OF_DATA in block:
            return None
        if not block.endswith("\n"):
            block += "\n"
        if self._quick_csv is not None:
            if options.quote in block:
                rows = self._quick_csv(block)
                return None if rows is None else columns_of_rows(rows)
        elif "\\" + options.delimiter in block or "\\\n" in block:
            return None
        return columns_of_text(block, options.delimiter, len(self._names))

    def _fields(self, name: str, column: Sequence[str], block: str) -> Fields:
        options = self._options
        null = options.null
        if options.is_csv:
            if null not in column or name in options.force_not_null:
                return column
            return [None if field == null else field for field in column]
        if "\\" not in block:
            return [None if field == null else field for field in column] if null in column else column
        return [None if field == null else unescaped(field) if "\\" in field else field for field in column]

    # --- record by record ----------------------------------------------------------------------------------------------

    def _step_by_step(self, block: str) -> None:
        for record in self._records.split(block):
            line = self._line + 1 + (record.count(self._records.newline) if self._records.newline else 0)
            if record == END_OF_DATA:
                self._has_ended = True
                return
            try:
                self._check_record(record)
            except Error as error:
                raise self._placed(error, line) from None
            try:
                fields = self._split(record)
                if self._header_is_due:
                    self._take_header(fields)
                else:
                    self.rows.append(self._values(fields, line))
                    self.lines.append(line)
            except Error as error:
                raise self._placed(error, line, value=record) from None
            self._line = line

    def _check_record(self, record: str) -> None:
        check_ends(record, self._options)
        if not self._options.is_csv and END_OF_DATA in record.replace("\\\\", ""):
            raise _bad("end-of-copy marker corrupt")

    def _split(self, record: str) -> list[str | None]:
        options = self._options
        if not options.is_csv:
            return split_text(record, options)
        found = split_csv(record, options)
        names = [*self._names, *[""] * len(found)]
        return [
            None
            if field == options.null
            and name not in options.force_not_null
            and (not quoted or name in options.force_null)
            else field
            for name, (field, quoted) in zip(names, found, strict=False)
        ]

    def _take_header(self, fields: Sequence[str | None]) -> None:
        self._header_is_due = False
        if self._options.header != "match":
            return
        if len(fields) != len(self._names):
            raise _bad(f"wrong number of fields in header line: got {len(fields)}, expected {len(self._names)}")
        for number, (field, name) in enumerate(zip(fields, self._names, strict=True), 1):
            if field is None:
                raise _bad(
                    "column name mismatch in header line field "
                    f'{number}: got null value ("{self._options.null}"), expected "{name}"'
                )
            if field != name:
                raise _bad(f'column name mismatch in header line field {number}: got "{field}", expected "{name}"')

    def _check_number(self, fields: Sequence[Any]) -> None:
        if len(fields) > len(self._names):
            raise _bad("extra data after last expected column")
        if len(fields) < len(self._names):
            raise _bad(f'missing data for column "{self._names[len(fields)]}"')

    def _values(self, fields: Sequence[str | None], line: int) -> tuple[Any, ...]:
        if len(fields) > len(self._names):
            self._check_number(fields)
        values = []
        for name, kind, field in zip(self._names, self._kinds, fields, strict=False):
            try:
                values.append(None if field is None else kind.parse(field))
            except Error as error:
                raise self._placed(error, line, name, field) from None
        self._check_number(fields)
        return tuple(values)

    # --- messages ------------------------------------------------------------------------------------------------------

    def _placed(self, error: Error, line: int, column: str = "", value: str | None = None) -> Error:
        if error.context is None:
            error.context = place(self._table, line, column, value)
        return error


def place(table: str, line: int, column: str = "", value: str | None = None) -> str:
    """PostgreSQL's words for where an error is: ``COPY t, line 3, column b: "x"``."""
    where = f"COPY {table}, line {line}"
    if column:
        where += f", column {column}"
    if value is not None:
        where += f': "{value if len(value) <= SHOWN else value[:SHOWN] + "..."}"'
    return where


def _bad(message: str) -> Error:
    return DataError(message, sqlstate=states.BAD_COPY_FILE_FORMAT)


def type_mismatch(names: Sequence[str]) -> ProgrammingError:
    """The table has other columns than when the COPY began."""
    return ProgrammingError(
        f"the columns {', '.join(names)} were changed by another transaction while the COPY was running",
        sqlstate=states.OBJECT_NOT_IN_PREREQUISITE_STATE,
    )
