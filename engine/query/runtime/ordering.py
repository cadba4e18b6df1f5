"""ORDER BY: rows sorted by several keys, each with its direction and its place for NULLs, and the first rows of such an order.

Python's sort is stable, so several keys are several passes, the last key first. A pass over bare values of one class is
what Python sorts fastest; tuples of keys are compared four times slower. Nothing is tested beforehand that hardly ever occurs:
NULLs are noticed by the error that comparing them gives. NaN, which is equal to itself and above all numbers, compares without an
error and wrongly, so floats are looked at once, by their sum.

For the first rows of many, a sample says which values cannot be among them.
"""

from collections.abc import Sequence
from decimal import InvalidOperation
from math import isnan
from operator import itemgetter
from typing import Any, Final

Key = tuple[int, bool, bool]
"""(position in the row, descending, NULLs first)."""

_SAMPLE: Final = 4096
_FEW: Final = 1000


def sorted_rows(rows: Sequence[Any], keys: Sequence[Key]) -> list[Any]:
    """The rows in order, in a list of its own; there is at least one key."""
    if len(rows) < 2:
        return list(rows)
    out = rows
    for at, descending, nulls_first in reversed(keys):
        out = _sorted_by(out, at, descending, nulls_first)
    return out  # type: ignore[return-value]  # the list of the last pass


def _sorted_by(rows: Sequence[Any], at: int, descending: bool, nulls_first: bool) -> list[Any]:
    read = itemgetter(at)
    try:
        if type(read(rows[0])) is not float or not isnan(sum(map(read, rows))):
            return sorted(rows, key=read, reverse=descending)
    except (TypeError, InvalidOperation):
        pass
    nulls: list[Any] = []
    nans: list[Any] = []
    others: list[Any] = []
    for row in rows:
        value = row[at]
        (nulls if value is None else nans if value != value else others).append(row)  # noqa: PLR0124
    others.sort(key=read, reverse=descending)
    ordered = nans + others if descending else others + nans
    return nulls + ordered if nulls_first else ordered + nulls


def first_rows(rows: Sequence[Any], *rest: Any) -> list[Any]:
    """The first rows in order: ``first_rows(rows, count, keys)``; None for all.

    Or ``first_rows(rows, column, count, keys)`` where somebody has the values of the first key, row by row.
    """
    column, count, keys = rest if len(rest) == 3 else (None, *rest)
    if count is None or len(rows) < _FEW or count * 20 > len(rows):
        return sorted_rows(rows, keys)[:count]
    return sorted_rows(_candidates(rows, count, keys[0], column), keys)[:count] if count else []


def _candidates(rows: Sequence[Any], count: int, key: Key, column: Sequence[Any] | None) -> Sequence[Any]:
    """Rows among which the first `count` are: those at least as good as the `count`-th best of a sample."""
    at, descending, _ = key
    if column is None:
        column = list(map(itemgetter(at), rows))
    sample = list(column[:: max(1, len(rows) // max(_SAMPLE, 4 * count))])
    try:
        sample.sort(reverse=descending)
        bound = sample[count - 1]
        if descending:
            found = [i for i, value in enumerate(column) if value >= bound]
            if type(bound) is float and isnan(sum(column)):
                return rows
        else:
            found = [i for i, value in enumerate(column) if value <= bound]
    except (TypeError, InvalidOperation):  # NULL, or a numeric NaN
        return rows
    return rows if len(found) < count else [rows[i] for i in found]


NAMES: Final[dict[str, object]] = {"sorted_rows": sorted_rows, "first_rows": first_rows}
