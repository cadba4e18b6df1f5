"""executemany, whatever the statement: the fast way for plain inserts gives what the slow way gives."""

from collections.abc import Callable
from typing import Any

import pytest

from exdbsql.connection import Connection
from exdbsql.schema.errors import DataError, Error, IntegrityError, ProgrammingError

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


def test_a_batch_and_what_comes_after_are_undone_apart(con: Connection) -> None:
    """The batch becomes the transaction's buffer as it is; a savepoint behind it must not lose it."""
    con.execute("BEGIN")
    con.executemany("INSERT INTO t (id, name) VALUES (?, ?)", [(i, "x") for i in range(20)])
    con.execute("SAVEPOINT s")
    con.execute("INSERT INTO t (id) VALUES (100)")
    con.execute("DELETE FROM t WHERE id = 3")
    con.execute("UPDATE t SET id = 200 WHERE id = 4")
    con.execute("ROLLBACK TO s")
    assert con.execute("SELECT count(*), sum(id) FROM t").fetchall() == [(20, 190)]
    with pytest.raises(IntegrityError):
        con.executemany("INSERT INTO t (id, name) VALUES (?, ?)", [(300, "x"), (5, "x")])
    con.execute("ROLLBACK TO s")
    con.execute("ROLLBACK")
    assert con.execute("SELECT count(*) FROM t").fetchall() == [(0,)]


@pytest.mark.parametrize("row", [(1, 2), (1, None), [1, "a"], ("1", "a"), (2**40, "a"), (None, "a"), (True, "a"), "ab"])
def test_rows_of_every_form_are_as_single_inserts(con: Connection, row: Any) -> None:
    """What a batch does with a row among plain ones is what a statement of its own does with it."""

    def outcome(many: bool) -> Any:
        con.rollback()
        try:
            if many:
                con.executemany("INSERT INTO t (id, name) VALUES (?, ?)", [(500, "x"), row, (501, "y")])
            else:
                con.execute("INSERT INTO t (id, name) VALUES (?, ?)", row)
        except Error as error:
            return error.sqlstate, error.message, error.detail
        return con.execute("SELECT id, name FROM t WHERE id < 500").fetchall()

    assert outcome(True) == outcome(False)
