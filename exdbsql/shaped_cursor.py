"""A cursor whose rows are made by a row factory; see :mod:`exdbsql.row_factories`.

A class of its own, so that the plain cursor, whose every instruction is on the hot path, knows nothing of it.
"""

from typing import TYPE_CHECKING, Any, Self

from exdbsql.cursor import Cursor
from exdbsql.result import Parameters
from exdbsql.row_factories import RowFactory, RowMaker

if TYPE_CHECKING:
    from exdbsql.connection import Connection


class ShapedCursor(Cursor):
    """A cursor that shows rows by `row_factory`, which may be changed before an `execute`."""

    __slots__ = ("_make", "row_factory")

    def __init__(self, connection: "Connection", row_factory: RowFactory) -> None:
        super().__init__(connection)
        self.row_factory = row_factory
        self._make: RowMaker = row_factory(())

    def execute(self, sql: str, parameters: Parameters = None) -> Self:
        """As :meth:`Cursor.execute`; the factory is told the names of the result's columns."""
        super().execute(sql, parameters)
        if self.description is not None:
            self._make = self.row_factory([column[0] for column in self.description])
        return self

    def fetchone(self) -> Any:
        """The next row as the factory makes it, or None after the last."""
        row = super().fetchone()
        return None if row is None else self._make(row)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """The next `size` rows (default `arraysize`), fewer at the end."""
        self._check_open()
        rows: list[Any] = []
        wanted = self.arraysize if size is None else size
        while len(rows) < wanted and (row := self.fetchone()) is not None:
            rows.append(row)
        return rows

    def fetchall(self) -> list[Any]:
        """All rows that were not fetched yet."""
        return list(map(self._make, super().fetchall()))
