"""ORDER BY: rows sorted by several keys, each with its direction and its place for NULLs, and the first rows of such an order.

Python's sort is stable, so several keys are several passes, the last key first. A pass over bare values of one class is
what Python sorts fastest; tuples of keys are compared four times slower. Nothing is tested beforehand that hardly ever occurs:
NULLs are noticed by the error that comparing them gives. NaN, which is equal to itself and above all numbers, compares without an
error and wrongly, so floats are looked at once, by their sum.

For the first rows of many, the best values of pieces say which pieces cannot have one of them.
"""

from collections.abc import Sequence
from decimal import InvalidOperation
from math import isnan
from operator import itemgetter
from typing import Any, Final

Key = tuple[int, bool, bool]
"""(position in the row, descending, NULLs first)."""

_PIECE: Final = 256
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
        (nulls if value is None else nans if value != value else others).append(row)  # noqa: PLR0124  NaN alone
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
    """Rows among which the first `count` are, found at C speed.

    The values are cut into pieces, and of each the best one is taken. The `count`-th best of these is a bound: so many values
    at least are as good. Only pieces whose best one is are looked through.
    """
    at, descending, _ = key
    if column is None:
        column = list(map(itemgetter(at), rows))
    size = max(16, min(_PIECE, len(rows) // (8 * count)))
    starts = range(0, len(column), size)
    best = max if descending else min
    try:
        tops = [best(column[start : start + size]) for start in starts]
        bound = sorted(tops, reverse=descending)[count - 1]
        if type(bound) is float and isnan(sum(column)):
            return rows
        pieces = [
            start for start, top in zip(starts, tops, strict=True) if (top >= bound if descending else top <= bound)
        ]
    except (TypeError, InvalidOperation):  # NULL, or a numeric NaN
        return rows
    found = [i for start in pieces for i in range(start, min(start + size, len(column)))]
    if descending:
        return [rows[i] for i in found if column[i] >= bound]
    return [rows[i] for i in found if column[i] <= bound]


NAMES: Final[dict[str, object]] = {"sorted_rows": sorted_rows, "first_rows": first_rows}
