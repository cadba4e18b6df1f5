"""How a cursor shows its rows: as tuples (the rule), as dicts, as named tuples, or by a function of the program's.

A row factory is told of each result once, with the names of its columns, and gives the function that makes each row from
the tuple of values: what depends on the names alone is worked out once. (psycopg 3 has the same division.) With
`tuple_row` the cursor is the plain one, so whoever asks for nothing pays nothing.

A connection has one in `row_factory` for its new cursors; ``con.cursor(row_factory=...)`` says it for one.
"""

from collections import namedtuple
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from exdbsql.result import Row

RowMaker = Callable[[Row], Any]
"""Makes what `fetchone` gives from the tuple of a row's values. It must not give None, which means "no more rows"."""

RowFactory = Callable[[Sequence[str]], RowMaker]
"""Gives, for the names of a result's columns, the maker of its rows."""


def tuple_row(names: Sequence[str]) -> RowMaker:
    """Rows as plain tuples: what a cursor gives where nothing else was asked for."""
    return tuple


def dict_row(names: Sequence[str]) -> RowMaker:
    """Rows as dicts by column name; of columns that share a name the last counts, so give them names with AS."""
    wanted = tuple(names)

    def make(row: Row) -> dict[str, Any]:
        return dict(zip(wanted, row, strict=True))

    return make


def namedtuple_row(names: Sequence[str]) -> RowMaker:
    """Rows as named tuples. A name that Python does not take (``?column?``, one used twice) becomes ``_`` and its place."""
    make: RowMaker = _row_class(tuple(names))._make
    return make


@lru_cache(maxsize=256)
def _row_class(names: tuple[str, ...]) -> Any:
    return namedtuple("Row", names, rename=True)  # the names come with the result
