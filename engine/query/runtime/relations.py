"""Helpers for rows: multisets, the one row of a scalar subquery, IN with NULLs, LIMIT, constraint errors."""

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import compress, islice
from operator import itemgetter
from typing import Any, Final, NoReturn

from exdbsql.schema import sqlstate
from exdbsql.schema.array import Array
from exdbsql.schema.errors import DataError, Error, IntegrityError, ProgrammingError

EMPTY: Final[tuple[Any, ...]] = ()


def scalar(rows: Sequence[tuple[Any, ...]]) -> Any:
    """The value of a scalar subquery."""
    if not rows:
        return None
    if len(rows) > 1:
        raise ProgrammingError(
            "more than one row returned by a subquery used as an expression", sqlstate=sqlstate.CARDINALITY_VIOLATION
        )
    return rows[0][0]


def scalar_row(rows: Sequence[tuple[Any, ...]]) -> tuple[Any, ...] | None:
    """The row of a subquery that has one at most."""
    if len(rows) > 1:
        scalar(rows)
    return rows[0] if rows else None


def row_in(row: tuple[Any, ...], rows: Iterable[tuple[Any, ...]]) -> bool | None:
    """Three-valued ``row IN rows``."""
    unknown = False
    for candidate in rows:
        result: bool | None = True
        for a, b in zip(row, candidate, strict=True):
            if a is None or b is None:
                result = None
            elif a != b:
                result = False
                break
        if result:
            return True
        unknown = unknown or result is None
    return None if unknown else False


class ValueSet:
    """The values of an IN subquery of one column, for three-valued membership."""

    __slots__ = ("has_null", "is_empty", "values")

    def __init__(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self.values = {row[0] for row in rows}
        self.is_empty = not rows
        self.has_null = None in self.values
        self.values.discard(None)

    def contains(self, value: Any) -> bool | None:
        """``value IN set``."""
        if self.is_empty:
            return False
        if value is None:
            return None
        if value in self.values:
            return True
        return None if self.has_null else False


def array_values(array: Array | None) -> ValueSet:
    """The values that ``= ANY (array)`` compares with; with a NULL array nothing is known."""
    return ValueSet(((None,),) if array is None else [(value,) for value in array.flat()])


def tried(compute: Callable[[], Any]) -> tuple[bool, Any]:
    """Whether something can be computed, and what it is."""
    try:
        return True, compute()
    except (Error, ArithmeticError):
        return False, None


def quantified(value: Any, values: Iterable[Any], compare: Callable[[Any, Any], bool], every: bool) -> bool | None:
    """Three-valued ``value op ANY (values)`` or ALL."""
    unknown = False
    for other in values:
        if value is None or other is None:
            unknown = True
        elif compare(value, other) is not every:
            return not every
    return None if unknown else every


def intersect(left: list[Any], right: list[Any], every: bool) -> list[Any]:
    """Rows that are in both; ALL: as often as in both."""
    if not every:
        other = set(right)
        return [row for row in dict.fromkeys(left) if row in other]
    counts = Counter(right)
    out = []
    for row in left:
        if counts[row] > 0:
            counts[row] -= 1
            out.append(row)
    return out


def except_(left: list[Any], right: list[Any], every: bool) -> list[Any]:
    """Rows of left that are not in right; ALL: as often as they are more."""
    if not every:
        other = set(right)
        return [row for row in dict.fromkeys(left) if row not in other]
    counts = Counter(right)
    out = []
    for row in left:
        if counts[row] > 0:
            counts[row] -= 1
        else:
            out.append(row)
    return out


def distinct_on(rows: list[tuple[Any, ...]], key: Callable[[tuple[Any, ...]], Any]) -> list[tuple[Any, ...]]:
    """The first row of each key."""
    seen: dict[Any, tuple[Any, ...]] = {}
    for row in rows:
        seen.setdefault(key(row), row)
    return list(seen.values())


def limit_count(value: Any, clause: str) -> int | None:
    """A checked LIMIT or OFFSET, which may be added up; None for NULL, which means no limit."""
    if value is None:
        return None
    count = round(value)
    if count < 0:
        state = sqlstate.INVALID_ROW_COUNT_IN_LIMIT if clause == "LIMIT" else "2201X"
        raise DataError(f"{clause} must not be negative", sqlstate=state)
    return min(int(count), sys.maxsize // 2)


def first_with_ties(
    rows: list[tuple[Any, ...]], limit: int | None, offset: int | None, keys: tuple[int, ...]
) -> list[tuple[Any, ...]]:
    """The sorted `rows` from `offset` on: `limit` of them, and those behind that are equal to the last one in `keys`."""
    start = offset or 0
    if limit is None or start + limit >= len(rows):
        return rows[start:]
    if limit == 0:
        return []
    key = itemgetter(*keys)
    end = start + limit
    last = key(rows[end - 1])
    while end < len(rows) and key(rows[end]) == last:
        end += 1
    return rows[start:end]


def null_violation(table: str, column: str) -> NoReturn:
    """Raise 23502."""
    raise IntegrityError(
        f'null value in column "{column}" of relation "{table}" violates not-null constraint',
        sqlstate=sqlstate.NOT_NULL_VIOLATION,
        table=table,
    )


def check_violation(table: str, constraint: str, row: tuple[Any, ...]) -> NoReturn:
    """Raise 23514."""
    shown = ", ".join("null" if v is None else str(v) for v in row)
    raise IntegrityError(
        f'new row for relation "{table}" violates check constraint "{constraint}"',
        sqlstate=sqlstate.CHECK_VIOLATION,
        detail=f"Failing row contains ({shown[:500]}).",
        table=table,
        constraint=constraint,
    )


def full_join(
    left: Sequence[Any],
    right: Sequence[Any],
    left_key: Callable[[Any], Any] | None,
    right_key: Callable[[Any], Any] | None,
    condition: Callable[[Any, Any], Any] | None,
    nulls: tuple[Any, Any],
) -> list[tuple[Any, Any]]:
    """Pairs of a full join; rows without a partner get one of NULLs.

    The keys give None where the row can have no partner. Without keys every pair is tried.
    """
    table: dict[Any, list[int]] = defaultdict(list)
    if right_key is not None:
        for i, row in enumerate(right):
            key = right_key(row)
            if key is not None:
                table[key].append(i)
    everything = range(len(right))
    matched = bytearray(len(right))
    out: list[tuple[Any, Any]] = []
    for row in left:
        candidates: Sequence[int] = everything if left_key is None else table.get(left_key(row), EMPTY)
        found = False
        for i in candidates:
            if condition is None or condition(row, right[i]):
                found = True
                matched[i] = 1
                out.append((row, right[i]))
        if not found:
            out.append((row, nulls[1]))
    out += [(nulls[0], row) for i, row in enumerate(right) if not matched[i]]
    return out


NAMES: Final[dict[str, object]] = {
    f.__name__: f
    for f in (
        *(
            scalar,
            scalar_row,
            row_in,
            ValueSet,
            array_values,
            tried,
            quantified,
            intersect,
            except_,
            distinct_on,
            limit_count,
            first_with_ties,
            null_violation,
        ),
        *(check_violation, full_join, compress, islice, itemgetter, defaultdict, Counter),
    )
}
NAMES["EMPTY"] = EMPTY
NAMES["NO_VALUE"] = frozenset((None,))
