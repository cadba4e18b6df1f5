"""Rows as tuples, dicts, named tuples, or as a program makes them; from connections of both kinds."""

from collections.abc import Sequence
from typing import Any

import pytest

import exdbsql
from exdbsql.connection import Connection
from exdbsql.schema.errors import InterfaceError

FEW = "SELECT * FROM (VALUES (1, 'a'), (2, NULL), (3, 'c')) AS v (id, name) ORDER BY id"


def test_rows_are_tuples_where_nobody_asks(con: Connection) -> None:
    assert con.row_factory is exdbsql.tuple_row
    assert con.execute(FEW).fetchall() == [(1, "a"), (2, None), (3, "c")]
    assert type(con.execute(FEW).fetchone()) is tuple


def test_dicts(con: Connection) -> None:
    con.row_factory = exdbsql.dict_row
    cursor = con.execute(FEW)
    assert cursor.fetchone() == {"id": 1, "name": "a"}
    assert cursor.fetchmany(5) == [{"id": 2, "name": None}, {"id": 3, "name": "c"}]
    assert cursor.fetchall() == []
    assert list(con.execute("SELECT 7 AS seven")) == [{"seven": 7}]
    assert con.execute("SELECT 1 AS a, 2 AS a").fetchall() == [{"a": 2}]


def test_named_tuples(con: Connection) -> None:
    cursor = con.cursor(row_factory=exdbsql.namedtuple_row)
    first, *rest = cursor.execute(FEW)
    assert (first.id, first.name, first) == (1, "a", (1, "a"))
    assert len(rest) == 2
    (odd,) = cursor.execute("SELECT 1 + 1, 3 AS class, 4 AS x, 5 AS x").fetchall()
    assert odd._fields == ("_0", "_1", "x", "_3")
    assert odd == (2, 3, 4, 5)


def test_a_factory_of_the_program(con: Connection) -> None:
    def first_value(names: Sequence[str]) -> Any:
        assert list(names) in ([], ["id", "name"])
        return lambda row: row[0]

    cursor = con.cursor(first_value)
    assert cursor.execute(FEW).fetchall() == [1, 2, 3]
    cursor.row_factory = exdbsql.dict_row
    assert cursor.execute(FEW).fetchone() == {"id": 1, "name": "a"}


def test_a_result_of_many_pages(con: Connection) -> None:
    con.executemany("INSERT INTO t (id, name) VALUES (?, ?)", [(i, str(i)) for i in range(5000)])
    con.row_factory = exdbsql.dict_row
    cursor = con.execute("SELECT id, name FROM t ORDER BY id")
    assert cursor.fetchmany(2) == [{"id": 0, "name": "0"}, {"id": 1, "name": "1"}]
    assert cursor.fetchall() == [{"id": i, "name": str(i)} for i in range(2, 5000)]


def test_a_statement_without_rows(con: Connection) -> None:
    con.row_factory = exdbsql.namedtuple_row
    cursor = con.execute("INSERT INTO t (id) VALUES (1)")
    assert cursor.rowcount == 1
    for fetch in (cursor.fetchone, cursor.fetchall, cursor.fetchmany):
        with pytest.raises(InterfaceError, match="no result"):
            fetch()
