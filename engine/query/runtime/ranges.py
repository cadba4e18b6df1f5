"""Ranges of an index behind several values of its leading columns, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, product
from typing import Any, Final

from exdbsql.engine.index import Index
from exdbsql.engine.reads import Reads
from exdbsql.engine.table import TableStore

Part = tuple[Any, ...]


def ranges(
    txn: Reads,
    index: Index | TableStore,
    prefixes: Iterable[Part],
    low: Part,
    high: Part,
    low_inclusive: bool,
    high_inclusive: bool,
    items: bool = False,
) -> Iterator[Any]:
    """Rows (or their items) between the bounds behind each prefix; `low` and `high` are of one value, or empty."""
    read = txn.range_items if items else txn.range
    return chain.from_iterable(
        read(index, (*prefix, *low), (*prefix, *high), low_inclusive, high_inclusive) for prefix in prefixes
    )


NAMES: Final[dict[str, object]] = {"ranges": ranges, "product": product}
