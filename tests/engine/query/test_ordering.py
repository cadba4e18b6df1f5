"""Sorting by passes and the first rows of an order, against sorting by a key that says everything at once."""

import random
from decimal import Decimal
from math import inf, nan
from typing import Any

import pytest

from exdbsql.engine.query.runtime.ordering import first_rows, sorted_rows

POOLS: dict[str, list[Any]] = {
    "integers": [-3, 0, 1, 1, 7, 10**12],
    "floats": [-1.5, 0.0, 2.0, 2.0, inf, -inf],
    "floats with NaN": [-1.5, 0.0, nan, inf, -inf, 3.0],
    "numerics": [Decimal("1.0"), Decimal("1.00"), Decimal(-5), Decimal("NaN"), Decimal(7)],
    "texts": ["", "a", "B", "b", "é"],
    "nullable": [None, 1, 2, 2, 3],
    "nullable floats with NaN": [None, 1.0, nan, -2.0],
    "only NULL": [None],
    "only NaN": [nan],
}


def place(value: Any, descending: bool, nulls_first: bool) -> tuple[int, Any]:
    """Where PostgreSQL puts a value: NaN above all numbers, NULL where it is told."""
    if value is None:
        return (0 if nulls_first else 9), 0
    if value != value:  # noqa: PLR0124
        return (1 if descending else 8), 0
    return 5, value


def expected(rows: list[Any], keys: list[tuple[int, bool, bool]]) -> list[Any]:
    for at, descending, nulls_first in reversed(keys):
        places = sorted(
            {repr(p): p for p in (place(r[at], descending, nulls_first) for r in rows)}.values(),
            key=lambda p: p[0],
        )
        kinds = {p[0] for p in places}
        out = []
        for kind in sorted(kinds):
            some = [r for r in rows if place(r[at], descending, nulls_first)[0] == kind]
            out += sorted(some, key=lambda r: r[at], reverse=descending) if kind == 5 else some
        rows = out
    return rows


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("nulls_first", [False, True])
def test_one_key_and_two(pool: str, descending: bool, nulls_first: bool) -> None:
    rng = random.Random(pool)
    rows = [(rng.choice(POOLS[pool]), rng.randrange(5), i) for i in range(60)]
    for keys in ([(0, descending, nulls_first)], [(1, not descending, False), (0, descending, nulls_first)]):
        assert sorted_rows(rows, keys) == expected(rows, keys)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_rows(count: int) -> None:
    rows = [(count - i,) for i in range(count)]
    ordered = sorted_rows(rows, [(0, False, False)])
    assert ordered == rows[::-1]
    assert ordered is not rows


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("nulls_first", [False, True])
@pytest.mark.parametrize("count", [None, 0, 1, 10, 90])
def test_the_first_rows(pool: str, descending: bool, nulls_first: bool, count: int | None) -> None:
    rng = random.Random(pool)
    rows = [(rng.choice(POOLS[pool]), rng.randrange(9), i) for i in range(2000)]
    keys = [(0, descending, nulls_first), (1, False, False)]
    whole = sorted_rows(rows, keys)[:count]
    assert first_rows(rows, count, keys) == whole
    assert first_rows(rows, [row[0] for row in rows], count, keys) == whole


@pytest.mark.parametrize("descending", [False, True])
def test_the_first_rows_of_many_distinct_ones(descending: bool) -> None:
    for values in (list(range(20_000)), list(range(20_000, 0, -1)), random.Random(1).sample(range(10**6), 20_000)):
        rows = [(float(v), i) for i, v in enumerate(values)]
        keys = [(0, descending, False)]
        assert first_rows(rows, 50, keys) == sorted_rows(rows, keys)[:50]


@pytest.mark.parametrize("descending", [False, True])
def test_one_nan_among_many_is_found(descending: bool) -> None:
    """A sample does not see it; where it comes first it must be among the first rows."""
    rows = [(float(i), i) for i in range(20_000)]
    rows[777] = (nan, 777)
    keys = [(0, descending, False)]
    found = first_rows(rows, 10, keys)
    assert [i for _, i in found] == ([777, *range(19_999, 19_990, -1)] if descending else list(range(10)))
