"""Each of the 22 queries gives, row by row, what SQLite gives for the same tables; with secondary indexes and without."""

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

import exdbsql
from tpch_data import workload
from tpch_data.generator import Generator

Tables = Mapping[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def tables() -> Tables:
    return Generator(scale=0.002, seed=7).tables()


@pytest.fixture(scope="module")
def sqlite(tables: Tables) -> Iterator[sqlite3.Connection]:
    connection = workload.sqlite_database(tables)
    yield connection
    connection.close()


@pytest.fixture(scope="module", params=[True, False], ids=["indexed", "bare"])
def con(request: pytest.FixtureRequest, tables: Tables) -> Iterator[exdbsql.Connection]:
    with exdbsql.connect() as connection:
        workload.fill(connection, tables, indexed=request.param)
        connection.autocommit = True
        yield connection


@pytest.mark.parametrize("number", workload.NUMBERS)
def test_query(number: int, con: exdbsql.Connection, sqlite: sqlite3.Connection) -> None:
    text = workload.query(number, small=True)
    theirs = sqlite.execute(workload.for_sqlite(text)).fetchall()
    assert theirs and theirs != [(None,)], "the query has nothing to find"
    assert workload.difference(con.execute(text).fetchall(), theirs) is None


def test_the_same_seed_gives_the_same_rows() -> None:
    first, second = (Generator(scale=0.0003, seed=3).tables() for _ in range(2))
    assert first == second
    assert first != Generator(scale=0.0003, seed=4).tables()


def test_the_scale_tells_how_many_rows(tables: Tables) -> None:
    counts = {name: len(rows) for name, rows in tables.items()}
    lines = counts.pop("lineitem")
    few = {"region": 5, "nation": 25, "supplier": 20}
    assert counts == {**few, "part": 400, "partsupp": 1600, "customer": 300, "orders": 3000}
    assert 11_500 < lines < 12_500
