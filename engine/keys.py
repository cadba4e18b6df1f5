"""Keys of tables and indexes: read from rows, compared, put in order.

The value of an index over one column is that column's bare value; over several, a tuple. Two peculiarities of SQL need care:

- NULLs sort last (first where descending) unless the index says otherwise, and are never equal in a unique key. Python cannot compare None at all. An index of one
  column keeps NULLs out of its order (:mod:`exdbsql.engine.index` lists them apart); one of several wraps them.
- NaN equals NaN and sorts after every number. A NaN read from a row becomes the canonical object of its class, since dictionaries find
  an object that is not equal to itself only by identity.

Where neither can occur (and directions are not mixed) an entry of the order is the value itself, compared at C speed.
Otherwise it is ``(comparable, value)``.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final, NamedTuple

from exdbsql.engine.ordered import Bound
from exdbsql.engine.versions import Row
from exdbsql.schema.special_numbers import DECIMAL_NAN, NAN


class KeyPart(NamedTuple):
    """What an order must know of one column of a key."""

    may_be_null: bool
    may_be_nan: bool
    descending: bool
    nulls_swapped: bool = False


class _Top:
    """Greater than everything: ends a prefix after all that begin with it."""

    def __lt__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return True


TOP: Final = _Top()


class _Descending:
    """Turns an order around, for one column among ascending ones."""

    __slots__ = ("part",)

    def __init__(self, part: Any) -> None:
        self.part = part

    def __lt__(self, other: object) -> bool:
        return bool(other.part < self.part) if isinstance(other, _Descending) else True  # only TOP is the other case

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(self.part == other.part)

    def __hash__(self) -> int:
        return hash(self.part)


def canonical(value: Any) -> Any:
    """The value itself, or for any NaN (the only value that differs from itself) the one object of its class."""
    if value != value:  # noqa: PLR0124  true of NaN alone
        return DECIMAL_NAN if isinstance(value, Decimal) else NAN
    return value


def value_reader(positions: Sequence[int], may_be_nan: bool) -> Callable[[Row], Any]:
    """A function that reads the key at `positions` from a row."""
    read: Callable[[Row], Any] = itemgetter(*positions)
    if not may_be_nan:
        return read
    if len(positions) == 1:
        return lambda row: canonical(read(row))
    return lambda row: tuple(map(canonical, read(row)))


def has_null(value: Any, width: int) -> bool:
    """Whether a key holds a NULL (and so is equal to none)."""
    if width == 1:
        return value is None
    return any(part is None for part in value)


def same(left: Any, right: Any) -> bool:
    """Whether two keys are equal, NaN being equal to itself."""
    return left is right or bool(left == right)


class KeyOrder:
    """How the values of one index are ordered.

    Entries are kept ascending; `flipped` says that every column is descending, so that the index reads them backwards.
    `nulls_low` says of an index of one column that its NULLs come before all that is kept.
    """

    __slots__ = ("_mixed", "_parts", "flipped", "nulls_low", "plain", "width")

    def __init__(self, parts: Sequence[KeyPart]) -> None:
        self._parts = tuple(parts)
        self.width = len(parts)
        self.flipped = all(part.descending for part in parts)
        self.nulls_low = self.width == 1 and parts[0].nulls_swapped
        self._mixed = not self.flipped and any(part.descending for part in parts)
        wrapped = any(part.may_be_nan or (part.may_be_null and self.width > 1) for part in parts)
        self.plain = not (self._mixed or wrapped)

    def entry(self, value: Any) -> Any:
        """The entry of the order that stands for a value of the index."""
        return value if self.plain else (self._comparable(value if self.width > 1 else (value,)), value)

    def value(self, entry: Any) -> Any:
        """The value of the index that an entry stands for."""
        return entry if self.plain else entry[1]

    def _comparable(self, prefix: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(self._comparable_part(part, value) for part, value in zip(self._parts, prefix, strict=False))

    def _comparable_part(self, part: KeyPart, value: Any) -> Any:
        comparable: Any
        value = canonical(value)
        if value is None:
            comparable = (-1,) if part.nulls_swapped else (2,)
        elif value is NAN or value is DECIMAL_NAN:
            comparable = (1,)
        else:
            comparable = (0, value)
        return _Descending(comparable) if self._mixed and part.descending else comparable

    def bounds(self, low: Any, high: Any, low_inclusive: bool, high_inclusive: bool) -> tuple[Bound, Bound]:
        """Start and stop in the order, for the values from `low` to `high`; None is no bound.

        For an index of several columns they are tuples, prefixes of its columns, that differ in their last part at
        most; a prefix stands for all values that begin with it.
        """
        if self.width == 1 and self.plain:
            return (
                None if low is None else (low, not low_inclusive),
                None if high is None else (high, high_inclusive),
            )
        low, high = self._as_tuple(low), self._as_tuple(high)
        deciding = max(len(low or ()), len(high or ())) - 1
        if self._mixed and self._parts[max(deciding, 0)].descending:
            low, high, low_inclusive, high_inclusive = high, low, high_inclusive, low_inclusive
        return (
            None if low is None else (self._probe(low, not low_inclusive), False),
            None if high is None else (self._probe(high, high_inclusive), False),
        )

    def _as_tuple(self, bound: Any) -> tuple[Any, ...] | None:
        if bound is None or self.width > 1:
            return bound  # type: ignore[no-any-return]  # None, or a tuple where the index has several parts
        return (bound,)

    def _probe(self, prefix: tuple[Any, ...], after: bool) -> Any:
        """What lies before all entries that begin with `prefix`, or after them."""
        comparable: tuple[Any, ...] = prefix if self.plain else self._comparable(prefix)
        if after:
            comparable = (*comparable, TOP)
        return comparable if self.plain else (comparable,)

    def bounded_columns(self, low: Any, high: Any) -> int:
        """How many leading columns `low` and `high` speak of: a row with NULL in one of them is out of any range."""
        if self.width == 1:
            return 0 if low is None and high is None else 1
        return max(len(low or ()), len(high or ()))
