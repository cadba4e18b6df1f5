"""What a SERIALIZABLE transaction has read, in a form that can be compared with what others committed.

Per table there are three kinds of things that a read depends on:

- *keys*: rows that were looked up (there or not) or found. Whoever changes one of them changes what was read.
- *values and ranges of an index*: a row that comes into one of them would have been found too (a phantom).
- the *whole* table, after a scan.

A row that leaves a range was found in it, so its key is here; a row that enters one is recognised by what it is now. So the newest
rows are all that a comparison needs, and no node has to keep former ones for it: that is what makes the same comparison possible in
the log, on every node alike (:mod:`exdbsql.engine.guards`).

Left out on purpose: the predicates of WHERE beyond what an index is asked for. A scan with a filter depends on the whole table here;
an index makes the dependency as narrow as the query.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from exdbsql.engine.index import Index, within
from exdbsql.engine.table import TableStore
from exdbsql.engine.versions import Key, Row

Range = tuple[Any, Any, bool, bool]
"""(low, high, low inclusive, high inclusive), as ``Reads.range`` takes them."""


class TableReads:
    """What one transaction has read of one table.

    Attributes:
        whole: everything; the rest does not matter then.
        keys: of rows that were looked up or found.
        values: what equality was asked for, by index.
        ranges: what ranges were asked for, by index.
    """

    __slots__ = ("keys", "ranges", "values", "whole")

    def __init__(self) -> None:
        self.whole = False
        self.keys: set[Key] = set()
        self.values: dict[Index, set[Any]] = {}
        self.ranges: dict[Index, dict[Range, None]] = {}

    def read_all(self) -> None:
        """The table was scanned."""
        self.whole = True
        self.keys.clear()
        self.values.clear()
        self.ranges.clear()

    @property
    def number(self) -> int:
        """How many keys, values and ranges there are."""
        return len(self.keys) + sum(map(len, self.values.values())) + sum(map(len, self.ranges.values()))

    def first_changed(self, keys: Iterable[Key], newest: Mapping[Key, Row | None]) -> Key | None:
        """The first of `keys`, rows that another transaction changed, that the read depends on; None where it does not.

        `newest` has what these rows are now.
        """
        for key in keys:
            if self.whole or key in self.keys or self._has_phantom(newest.get(key)):
                return key
        return None

    def _has_phantom(self, row: Row | None) -> bool:
        if row is None:
            return False
        for index, values in self.values.items():
            if index.value_of(row) in values:
                return True
        return any(lies_in(index, row, ranges) for index, ranges in self.ranges.items())


def lies_in(index: Index, row: Row, ranges: Iterable[Range]) -> bool:
    """Whether a row lies in one of several ranges of an index; in doubt (NULLs in keys of several columns) it does."""
    value = index.value_of(row)
    if not index.is_ordered(value):
        return False
    entry = index.order.entry(value)
    return any(within(entry, *index.order.bounds(*one)) for one in ranges)


ReadSet = dict[TableStore, TableReads]
