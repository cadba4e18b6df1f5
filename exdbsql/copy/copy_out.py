"""COPY TO in a session: the query is run when it begins, its rows become text as they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exdbsql.copy.copy_in import check_forced, column_names, no_relation
from exdbsql.copy.statement import Copy
from exdbsql.copy.writing import RowWriter
from exdbsql.result import Answer, ColumnInfo, Shape
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import NotSupportedError, ProgrammingError
from exdbsql.schema.identifiers import quote_name, quote_names
from exdbsql.truncation import named_table

if TYPE_CHECKING:
    from exdbsql.session import Session


class CopyOut:
    """One COPY TO STDOUT that is under way.

    Attributes:
        columns: of what is copied.

    Raises:
        ProgrammingError: no such table or column; what planning the query finds.
        NotSupportedError: a statement that gives no rows.
    """

    def __init__(self, session: Session, copy: Copy) -> None:
        text = copy.query or _query_of(session, copy)
        planned = session.plan(text)
        if not planned.gives_rows:
            raise NotSupportedError("COPY query must have a RETURNING clause")
        shape, rows, _, _ = session.run(text)
        described = planned.statement.columns or ()
        self.columns: tuple[ColumnInfo, ...] = shape.columns or ()
        names = [column.name for column in described]
        if copy.query:
            check_forced(copy, None, names)
        self._count = len(rows or ())
        writer = RowWriter(names, [column.type for column in described], copy.options)
        self._header = writer.header()
        self._chunks = writer.chunks(rows or [])

    def read(self) -> bytes:
        """The next part of the text; empty at the end."""
        if self._header:
            header, self._header = self._header, b""
            return header
        return next(self._chunks, b"")

    def finish(self) -> Answer:
        """How many rows there were."""
        return Shape("COPY"), None, self._count, None


def _query_of(session: Session, copy: Copy) -> str:
    dictionary = session.dictionary
    store = named_table(session.tables, copy.table)
    if store is None:
        if copy.table in dictionary.views:
            raise ProgrammingError(
                f'cannot copy from view "{copy.table}"',
                sqlstate=states.WRONG_OBJECT_TYPE,
                hint="Try the COPY (SELECT ...) TO variant.",
            )
        raise no_relation(copy, dictionary.tables)
    names = column_names(store.definition, copy)
    return f"SELECT {quote_names(names)} FROM {quote_name(store.name)}"
