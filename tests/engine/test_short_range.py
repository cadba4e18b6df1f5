"""Narrow ranges that are read in one go: the same rows as block by block, or None where they are not few."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from exdbsql.engine import ordered
from exdbsql.engine.database import Database
from exdbsql.engine.short_range import FEW, few_between, rows_between

DDL = "CREATE TABLE t (id integer PRIMARY KEY, a integer); CREATE INDEX t_a ON t (a)"
BLOCK = 8


@pytest.fixture
def database(
    make_database: Callable[..., Database], write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> Database:
    """Keys 0, 2 … 98 and values 0 … 24 twice each, and NULLs, in small blocks, with their orders made."""
    monkeypatch.setattr(ordered, "BLOCK_ENTRIES", BLOCK)
    made = make_database(DDL)
    write(made, "t", *[(i, i // 4) for i in range(0, 100, 2)], (101, None))
    reader, table = made.begin(), made.tables["t"]
    list(reader.range(table)), list(reader.range(table.indexes["t_a"]))
    return made


@pytest.mark.parametrize("name", ["id", "a"])
def test_few(database: Database, name: str) -> None:
    table = database.tables["t"]
    index = table.primary if name == "id" else table.indexes["t_a"]
    assert index is not None
    found = 0
    for low, high in product(range(-3, 104, 3), repeat=2):
        for low_inclusive, high_inclusive in product((False, True), repeat=2):
            rows = few_between(index, low, high, low_inclusive, high_inclusive)
            assert rows in (None, rows_between(index, low, high, low_inclusive, high_inclusive))
            found += rows is not None
            read = list(database.begin().range(index, low, high, low_inclusive, high_inclusive))
            assert read == [
                row
                for row in _rows(table.rows.values(), name)
                if _within(row[name == "a"], low, high, low_inclusive, high_inclusive)
            ]
    assert found > 500


def test_more_than_few_are_left_to_those_who_read_them_lazily(
    make_database: Callable[..., Database], write: Callable[..., None]
) -> None:
    database = make_database(DDL)
    write(database, "t", *[(i, i) for i in range(3 * FEW)])
    index = database.tables["t"].primary
    assert index is not None and few_between(index, 1, 2, True, True) is None  # nobody has made the order yet
    list(database.begin().range(index))
    assert len(few_between(index, 1, FEW, True, True) or ()) == FEW
    assert few_between(index, 1, FEW + 1, True, True) is None


def test_an_older_snapshot_and_own_rows(database: Database, write: Callable[..., None]) -> None:
    table = database.tables["t"]
    older, own = database.begin(), database.begin()
    own.insert(table, (5, 5))
    write(database, "t", (3, 3), delete=(4,))
    assert [row[0] for row in older.range(table, 2, 6)] == [2, 4, 6]
    assert [row[0] for row in own.range(table, 2, 6)] == [2, 4, 5, 6]
    assert [row[0] for row in database.begin().range(table, 2, 6)] == [2, 3, 6]


def _rows(rows: Any, name: str) -> list[Any]:
    return sorted(rows, key=lambda row: (row[name == "a"] is None, row[name == "a"] or 0))


def _within(value: int | None, low: int, high: int, low_inclusive: bool, high_inclusive: bool) -> bool:
    return (
        value is not None
        and (value >= low if low_inclusive else value > low)
        and (value <= high if high_inclusive else value < high)
    )
