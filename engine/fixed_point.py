"""Columns of numeric(p, s) as integers, in units of their last place: adding and multiplying these is exact as that of decimals, and several times faster.

They are made from the lists of columns that scans share (:mod:`exdbsql.engine.scan_cache`), when a list is asked for the second time: making them
costs a few additions a row. They are kept beside their list, go with it when the table changes, and count as it does.
"""

from array import array
from collections.abc import Callable, Sequence
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from math import ceil, floor, inf
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from exdbsql.engine.collector import untrack

if TYPE_CHECKING:
    from exdbsql.engine.table import TableStore

MOST_DIGITS: Final = 18
"""Of a column that is made integers: these take one or two digits of Python's."""

LEAST_ROWS: Final = 256
BYTES: Final = 40
"""What an integer of such a list takes, with its place in the list."""

_CONTEXT: Final = Context(prec=4 * MOST_DIGITS)


def integers(
    store: "TableStore", position: int, values: list[Decimal], scale: int, room: int | None = None
) -> list[int] | None:
    """The values of a column as integers; None where there are none (yet).

    Args:
        store: the table.
        position: of the column.
        values: the list of the column that a scan was given.
        scale: digits behind the point, in each value.
        room: bytes that may be kept; None for any number.
    """
    scans = store.scans
    kept = None if scans is None else scans.lists.get(position)
    if scans is None or kept is None or kept[1] is not values or len(values) < LEAST_ROWS:
        return None  # a list that nobody else will ask for
    known = scans.fixed.get(position)
    if known is None or known[0] is not values:
        scans.fixed[position] = values, None, False
        return None
    _, made, is_tried = known
    if not is_tried and (room is None or room >= len(values) * BYTES):
        made = as_integers(values, scale)
        if made is not None:
            untrack(made)  # it is long, and stays
        scans.fixed[position] = values, made, True
    return made


def as_integers(values: Sequence[Decimal], scale: int) -> list[int] | None:
    """Decimals as integers; None where one is NULL, NaN, or of another scale."""
    try:
        if not all(map(Decimal(1).scaleb(-scale).same_quantum, values)):
            return None
    except TypeError:  # a NULL
        return None
    with localcontext(_CONTEXT):
        return array("q", map(int, map(Decimal(10**scale).__mul__, values))).tolist()


def decimal_of(number: int, scale: int) -> Decimal:
    """The numeric that is so many units of its last place."""
    return Decimal(number).scaleb(-scale)


def places_in(places: Sequence[int]) -> Callable[[Sequence[int]], Sequence[int]]:
    """What gives the values in some places of a list, of which there is one at least."""
    if len(places) > 1:
        return itemgetter(*places)
    (place,) = places
    return lambda values: (values[place],)


def bound_of(value: float | Decimal, scale: int, op: str) -> float | None:
    """What an integer of a column compares with in the place of `value`: ``column op value`` says the same."""
    number = Decimal(value)
    if not number.is_finite():
        return inf if number.is_nan() or number > 0 else -inf  # NaN is above all numbers
    exact: Fraction = Fraction(number) * 10**scale
    if exact.denominator == 1:
        return int(exact)
    return None if op in ("==", "!=") else ceil(exact) if op in ("<", ">=") else floor(exact)
