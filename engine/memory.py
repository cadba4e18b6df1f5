"""Rough accounting of memory: what a row costs, so that a database can refuse to grow past its limit.

The estimate is a constant per table (tuple, dictionary entry, values of fixed size, index entries) plus the lengths of
text and bytes. It is rough by design: asking every object for its size would cost more than storing it. What an
insert adds, a delete of the same row takes away, so that the account does not drift.
"""

from collections.abc import Callable
from typing import Final

from exdbsql.engine.versions import Row
from exdbsql.schema.errors import OperationalError
from exdbsql.schema.sqlstate import OUT_OF_MEMORY
from exdbsql.schema.table import Table

ROW_BYTES: Final = 56 + 72
"""A tuple with its header for the collector, and its share of the table's dictionary."""

COLUMN_BYTES: Final = 8 + 28
TEXT_BYTES: Final = 24
KEY_ENTRY_BYTES: Final = 80
"""An entry of the index of one unique constraint."""


def row_size_function(table: Table) -> Callable[[Row], int]:
    """A function that estimates the bytes that a row of `table` takes."""
    long = [at for at, column in enumerate(table.columns) if column.type.is_text or column.type.name == "bytea"]
    fixed = ROW_BYTES + COLUMN_BYTES * len(table.columns) + TEXT_BYTES * len(long)
    fixed += KEY_ENTRY_BYTES * len(table.uniques)
    if not long:
        return lambda row: fixed
    if len(long) == 1:
        (at,) = long
        return lambda row: fixed + len(row[at] or "")
    return lambda row: fixed + sum(len(row[at] or "") for at in long)


def refuse_growth(limit: int, used: int, wanted: int) -> OperationalError:
    """The error for a write that would pass the limit."""
    return OperationalError(
        f"out of memory: the database holds about {used} bytes and this transaction needs about {wanted} more, "
        f"which passes the limit of {limit}",
        sqlstate=OUT_OF_MEMORY,
        hint="Delete rows, or open the database with a larger db_segment_size.",
    )
