"""executemany, whatever the statement: the fast way for plain inserts gives what the slow way gives."""

from collections.abc import Callable
from typing import Any

import pytest

from exdbsql.connection import Connection
from exdbsql.schema.errors import DataError, IntegrityError, ProgrammingError

Query = Callable[..., list[tuple[Any, ...]]]


def test_defaults_literals_and_conversions_apply_to_each_row(con: Connection, query: Query) -> None:
    con.executemany("INSERT INTO t (id, name) VALUES (?, 'same')", [["1"], (2,)])
    assert query(con, "SELECT id, name, price FROM t ORDER BY id") == [(1, "same", 1.5), (2, "same", 1.5)]


@pytest.mark.parametrize(
    ("rows", "kind", "state"),
    [
        ([(1, 1), (2, -1)], IntegrityError, "23514"),
        ([(1, 1), (None, 1)], IntegrityError, "23502"),
        ([(1, 1), (1, 1)], IntegrityError, "23505"),
        ([(1, 1), (7, 1)], IntegrityError, "23505"),
        ([(1, 1), (2**40, 1)], DataError, "22003"),
        ([(1, 1), (1,)], ProgrammingError, "07001"),
    ],
)
def test_one_bad_row_undoes_all(con: Connection, query: Query, rows: Any, kind: Any, state: str) -> None:
    con.execute("INSERT INTO t (id) VALUES (7)")
    con.execute("SAVEPOINT a")
    with pytest.raises(kind) as caught:
        con.executemany("INSERT INTO t (id, price) VALUES (?, ?)", rows)
    assert caught.value.sqlstate == state
    con.execute("ROLLBACK TO a")
    assert query(con, "SELECT id FROM t") == [(7,)]


def test_inserts_that_read_run_row_by_row(con: Connection, query: Query) -> None:
    con.execute("INSERT INTO t (id, name) VALUES (1, 'a'), (2, 'b')")
    cursor = con.executemany("INSERT INTO t (id, name) SELECT id + ?, name FROM t WHERE id <= 2", [(10,), (20,)])
    assert cursor.rowcount == 4
    assert query(con, "SELECT id FROM t ORDER BY id") == [(1,), (2,), (11,), (12,), (21,), (22,)]


def test_several_rows_in_one_statement(con: Connection, query: Query) -> None:
    cursor = con.executemany("INSERT INTO t (id) VALUES (?), (?)", [(1, 2), (3, 4)])
    assert cursor.rowcount == 4
    assert query(con, "SELECT count(*) FROM t") == [(4,)]


def test_a_wrong_value_names_its_parameter(con: Connection) -> None:
    with pytest.raises(DataError) as caught:
        con.execute("INSERT INTO t (id, name) VALUES (?, ?)", ("x", "y"))
    assert caught.value.detail == "It is parameter 1."
