"""LIKE patterns as ranges: the texts that begin as a pattern does lie side by side in an index, whose order is that of code points."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from exdbsql.engine.index import Index
from exdbsql.engine.reads import Reads, primary_of
from exdbsql.engine.table import TableStore

_LAST: Final = 0x10FFFF


def literal_start(pattern: str) -> str:
    """The text that every match of a LIKE pattern begins with."""
    start: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char in "%_":
            break
        if char == "\\":
            at += 1
            if at == len(pattern):
                break
            char = pattern[at]
        start.append(char)
        at += 1
    return "".join(start)


def next_start(start: str) -> str | None:
    """The least text that is above all texts with a beginning; None where there is none."""
    cut = start.rstrip(chr(_LAST))
    return cut[:-1] + chr(ord(cut[-1]) + 1) if cut else None


def rows_like(
    txn: Reads, index: Index | TableStore, prefix: tuple[Any, ...], pattern: str, items: bool = False
) -> Iterable[Any]:
    """Rows (or their items) that may match a pattern by an index; all of the table where the pattern begins with a wildcard."""
    if isinstance(index, TableStore):
        index = primary_of(index)
    start, store = literal_start(pattern), index.store
    if not start and not prefix:
        return txn.items(store) if items else txn.scan(store)
    read = txn.range_items if items else txn.range
    stop = next_start(start)
    if index.width == 1:
        return read(index, start, stop, True, False)
    low: tuple[Any, ...] = (*prefix, start) if start else prefix
    high: tuple[Any, ...] | None = (*prefix, stop) if start and stop is not None else prefix or None
    return read(index, low, high, True, not start or stop is None)


NAMES: Final[dict[str, object]] = {"rows_like": rows_like}
