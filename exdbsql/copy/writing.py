"""From rows of values to text, some rows at a time."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from exdbsql.copy.columns import format_column
from exdbsql.copy.csv_format import csv_writer
from exdbsql.copy.options import CopyOptions
from exdbsql.copy.text_format import text_writer
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import DataError
from exdbsql.schema.types import SqlType

ROWS_AT_ONCE: Final = 500


class RowWriter:
    """Writes rows of columns `names` of types `kinds`."""

    def __init__(self, names: Sequence[str], kinds: Sequence[SqlType], options: CopyOptions) -> None:
        self._names = names
        self._kinds = kinds
        self._options = options
        self._encoder = codecs.getincrementalencoder(options.encoding)()  # writes a mark of byte order once
        alone = len(names) == 1
        self._writers = [
            csv_writer(options, name, alone=alone) if options.is_csv else text_writer(options) for name in names
        ]

    def header(self) -> bytes:
        """The line of names; empty where none was asked for."""
        if self._options.header == "false":
            return b""
        options = self._options
        plain = replace(options, force_quote=())
        write = csv_writer(plain, "", alone=len(self._names) == 1) if options.is_csv else text_writer(options)
        return self._encoded(options.delimiter.join(write(list(self._names))) + "\n")

    def chunks(self, rows: Sequence[tuple[Any, ...]]) -> Iterator[bytes]:
        """The text of the rows, in parts of bounded numbers of rows."""
        for start in range(0, len(rows), ROWS_AT_ONCE):
            yield self.text(rows[start : start + ROWS_AT_ONCE])

    def text(self, rows: Sequence[tuple[Any, ...]]) -> bytes:
        """The text of some rows.

        Raises:
            DataError: 22P05, a character that the encoding does not have.
        """
        if not self._names:
            return b"\n" * len(rows)
        columns = [
            write(format_column(kind, values))
            for kind, write, values in zip(self._kinds, self._writers, zip(*rows, strict=True), strict=True)
        ]
        return self._encoded("\n".join(map(self._options.delimiter.join, zip(*columns, strict=True))) + "\n")

    def _encoded(self, text: str) -> bytes:
        try:
            return self._encoder.encode(text)
        except UnicodeEncodeError as error:
            raise DataError(
                f"character {error.object[error.start]!r} has no equivalent in encoding {self._options.encoding.upper()}",
                sqlstate=states.UNTRANSLATABLE_CHARACTER,
            ) from None
