"""PEP 249, the same for embedded and remote connections."""

import datetime
import gc
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from exdbsql import dbapi
from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.schema import errors
from exdbsql.schema.errors import (
    Error,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)

Query = Callable[..., list[tuple[Any, ...]]]


def fill(con: Connection, rows: int) -> None:
    con.executemany("INSERT INTO t (id, name) VALUES (?, ?)", [(i, f"n{i}") for i in range(rows)])
    con.commit()


def test_insert_and_select(con: Connection, query: Query) -> None:
    cursor = con.cursor()
    cursor.execute("INSERT INTO t VALUES (?, ?, ?)", (1, "one", Decimal("2.5")))
    assert cursor.rowcount == 1
    assert cursor.statusmessage == "INSERT 0 1"
    assert cursor.description is None
    con.commit()
    assert query(con, "SELECT id, name, price FROM t") == [(1, "one", Decimal("2.50"))]


def test_description_names_and_types_the_columns(con: Connection) -> None:
    cursor = con.execute("SELECT id, name, price FROM t")
    assert cursor.description is not None
    names = [item[0] for item in cursor.description]
    kinds = [item[1] for item in cursor.description]
    assert names == ["id", "name", "price"]
    assert kinds == [dbapi.NUMBER, dbapi.STRING, dbapi.NUMBER]
    assert all(len(item) == 7 for item in cursor.description)
    assert cursor.rowcount == 0


def test_fetching_in_every_way(con: Connection) -> None:
    fill(con, 10)
    cursor = con.execute("SELECT id FROM t ORDER BY id")
    assert cursor.rowcount == 10
    assert cursor.fetchone() == (0,)
    assert cursor.fetchmany() == [(1,)]
    assert cursor.fetchmany(3) == [(2,), (3,), (4,)]
    assert next(cursor) == (5,)
    assert cursor.fetchall() == [(6,), (7,), (8,), (9,)]
    assert cursor.fetchone() is None
    assert cursor.fetchmany(2) == cursor.fetchall() == []
    assert list(con.execute("SELECT id FROM t ORDER BY id")) == [(i,) for i in range(10)]


def test_results_longer_than_a_page(con: Connection) -> None:
    fill(con, 5000)
    assert con.execute("SELECT id FROM t ORDER BY id").fetchall() == [(i,) for i in range(5000)]
    cursor = con.execute("SELECT id FROM t ORDER BY id")
    assert [row[0] for row in cursor] == list(range(5000))
    cursor.execute("SELECT id FROM t ORDER BY id")
    assert cursor.fetchmany(2500)[-1] == (2499,)
    assert len(cursor.fetchall()) == 2500
    assert cursor.fetchall() == []
    assert con.session.execute("SELECT id FROM t").rowcount == 5000


def test_two_cursors_read_long_results_in_turn(con: Connection) -> None:
    fill(con, 4500)
    one, two = con.execute("SELECT id FROM t ORDER BY id"), con.execute("SELECT -id FROM t ORDER BY id")
    for i in range(4500):
        assert one.fetchone() == (i,)
        assert two.fetchone() == (-i,)
    dropped = con.execute("SELECT id FROM t")
    del dropped
    assert con.execute("SELECT count(*) FROM t").fetchone() == (4500,)


def test_rows_that_are_large_come_in_smaller_pages(con: Connection) -> None:
    con.executemany("INSERT INTO t (id, name) VALUES (?, ?)", [(i, "x" * 500_000) for i in range(7)])
    con.commit()
    assert [len(name) for (name,) in con.execute("SELECT name FROM t")] == [500_000] * 7


def test_fetching_without_a_result_is_an_error(con: Connection) -> None:
    cursor = con.cursor()
    with pytest.raises(InterfaceError, match="no result"):
        cursor.fetchone()
    cursor.execute("INSERT INTO t (id) VALUES (1)")
    for fetch in (cursor.fetchone, cursor.fetchall, cursor.fetchmany):
        with pytest.raises(InterfaceError, match="no result"):
            fetch()


def test_every_value_comes_back_as_it_went(con: Connection, query: Query) -> None:
    con.execute(
        "CREATE TABLE v (a bigint, b numeric, c double precision, d text, e bytea, f date, g timestamp, h boolean)"
    )
    row = (
        *(2**62, Decimal("1.10"), 0.5, "ä\n'", b"\0\xff", datetime.date(2026, 2, 28)),
        *(datetime.datetime(2026, 2, 28, 1, 2, 3, 4), True),
    )
    con.execute("INSERT INTO v VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    con.execute("INSERT INTO v VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [None] * 8)
    assert query(con, "SELECT * FROM v WHERE a IS NOT NULL") == [row]
    assert query(con, "SELECT * FROM v WHERE a IS NULL") == [(None,) * 8]


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [("SELECT 1 + ?", (2,)), ("SELECT 0 + $2 - $1", [1, 4]), ("SELECT 0 + :a + :b", {"a": 1, "b": 2})],
)
def test_three_styles_of_parameters(con: Connection, query: Query, sql: str, parameters: Any) -> None:
    assert query(con, sql, parameters) == [(3,)]


@pytest.mark.parametrize("parameters", [None, (), (1, 2), {"a": 1}])
def test_a_wrong_number_of_parameters_is_an_error(con: Connection, parameters: Any) -> None:
    with pytest.raises(ProgrammingError):
        con.execute("SELECT id FROM t WHERE id = ?", parameters)


def test_a_parameter_that_is_no_sql_value_is_an_error_and_the_connection_goes_on(con: Connection, query: Query) -> None:
    with pytest.raises(ProgrammingError):
        con.execute("INSERT INTO t (id, name) VALUES (1, ?)", (object(),))
    con.rollback()
    assert query(con, "SELECT 1") == [(1,)]


def test_executemany_is_one_statement(con: Connection, query: Query) -> None:
    cursor = con.cursor()
    cursor.executemany("INSERT INTO t (id) VALUES (?)", ((i,) for i in range(5)))
    assert cursor.rowcount == 5
    cursor.executemany("UPDATE t SET name = :name WHERE id = :id", [{"id": i, "name": "x"} for i in range(3)])
    assert cursor.rowcount == 3
    cursor.executemany("DELETE FROM t WHERE id = ?", [])
    assert cursor.rowcount == 0
    con.commit()
    con.autocommit = True
    with pytest.raises(IntegrityError):
        con.executemany("INSERT INTO t (id) VALUES (?)", [(10,), (11,), (10,)])
    assert query(con, "SELECT count(*) FROM t") == [(5,)]
    con.executemany("INSERT INTO t (id) VALUES (?)", [(20,), (21,)])
    assert con.transaction_state == "idle"
    with pytest.raises(InterfaceError):
        con.executemany("SELECT ?", [(1,)])


def test_errors_are_attributes_of_the_connection(con: Connection) -> None:
    for name in ("Warning", "Error", "InterfaceError", "DatabaseError", "DataError", "OperationalError"):
        assert getattr(con, name) is getattr(errors, name)
    with pytest.raises(con.ProgrammingError):
        con.execute("SELEC 1")


def test_an_error_carries_its_position_state_and_hint(con: Connection) -> None:
    with pytest.raises(ProgrammingError) as caught:
        con.execute("SELECT nam FROM t")
    assert caught.value.sqlstate == "42703"
    assert caught.value.position == 7
    assert "name" in (caught.value.hint or "")
    with pytest.raises(IntegrityError) as violated:
        con.rollback()
        con.executemany("INSERT INTO t (id) VALUES (?)", [(1,), (1,)])
    assert violated.value.sqlstate == "23505"
    assert violated.value.constraint == "t_pkey"


@pytest.mark.parametrize("sql", ["", "   ", "-- nothing", "SELECT 1; SELECT 2", "SELECT 'x"])
def test_what_is_no_statement_is_a_syntax_error(con: Connection, sql: str) -> None:
    with pytest.raises(ProgrammingError) as caught:
        con.execute(sql)
    assert caught.value.sqlstate == "42601"


@pytest.mark.parametrize("sql", [None, 3, b"SELECT 1"])
def test_a_statement_is_a_text(con: Connection, sql: Any) -> None:
    with pytest.raises(InterfaceError, match="a statement is a str"):
        con.execute(sql)


def test_what_is_closed_stays_closed(connect: Callable[[], Connection]) -> None:
    con = connect()
    cursor = con.execute("SELECT 1")
    cursor.close()
    cursor.close()
    for use in (cursor.fetchone, cursor.fetchall, lambda: cursor.execute("SELECT 1"), lambda: cursor.setinputsizes([])):
        with pytest.raises(InterfaceError, match="cursor is closed"):
            use()
    cursor = con.execute("SELECT 1")
    con.close()
    assert con.closed
    with pytest.raises(InterfaceError, match="connection is closed"):
        con.close()
    assert con.transaction_state == "disconnected"
    for use in (con.cursor, con.commit, con.rollback, cursor.fetchone, cursor.fetchall, con.info, con.cancel):
        with pytest.raises(InterfaceError, match="connection is closed"):
            use()
    with pytest.raises(InterfaceError):
        cursor.execute("SELECT 1")
    with pytest.raises(InterfaceError):
        con.autocommit = True


def test_a_connection_as_context_manager_commits_or_rolls_back_and_closes(connect: Callable[[], Connection]) -> None:
    with connect() as con:
        con.execute("INSERT INTO t (id) VALUES (1)")
    assert con.closed
    with pytest.raises(KeyError), connect() as con:
        con.execute("INSERT INTO t (id) VALUES (2)")
        raise KeyError
    with connect() as con, con.cursor() as cursor:
        assert cursor.execute("SELECT id FROM t").fetchall() == [(1,)]


def test_closing_rolls_back(connect: Callable[[], Connection]) -> None:
    con = connect()
    con.execute("INSERT INTO t (id) VALUES (1)")
    con.close()
    assert connect().execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_a_forgotten_connection_lets_its_transaction_go(connect: Callable[[], Connection], database: Database) -> None:
    con = Connection(connect().session)
    con.execute("INSERT INTO t (id) VALUES (1)")
    del con
    gc.collect()
    for _ in range(500):
        if database.engine.stats()["open_transactions"] == 0:
            break
        time.sleep(0.01)
    assert database.engine.stats()["open_transactions"] == 0


def test_what_is_optional(con: Connection) -> None:
    cursor = con.cursor()
    with pytest.raises(ProgrammingError, match="nope"):
        cursor.callproc("nope", (1,))
    con.rollback()
    assert cursor.callproc("lower", ("FOO",)) == ("FOO",)
    assert cursor.fetchone() == ("foo",)
    assert cursor.nextset() is None
    assert cursor.lastrowid is None
    cursor.setinputsizes([1])
    cursor.setoutputsize(1)


def test_a_connection_may_be_handed_to_another_thread(con: Connection) -> None:
    rows = []
    thread = threading.Thread(target=lambda: rows.append(con.execute("SELECT 1").fetchone()))
    thread.start()
    thread.join()
    assert rows == [(1,)]


def test_a_running_statement_can_be_cancelled(con: Connection, query: Query) -> None:
    fill(con, 3000)
    slow = "SELECT count(*) FROM t a JOIN t b ON a.id <> b.id JOIN t c ON c.id <> b.id WHERE a.id + b.id + c.id = -1"
    raised: list[Error] = []
    con.execute("SELECT 1")

    def run() -> None:
        try:
            con.execute(slow)
        except Error as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while thread.is_alive():
        con.cancel()
        thread.join(0.05)
    assert [(type(error), error.sqlstate) for error in raised] == [(OperationalError, "57014")]
    assert con.transaction_state == "failed"
    con.rollback()
    con.cancel()
    assert query(con, "SELECT count(*) FROM t") == [(3000,)]


def test_two_threads_cannot_use_a_connection_at_the_same_time(con: Connection) -> None:
    fill(con, 3000)
    slow = "SELECT count(*) FROM t a JOIN t b ON a.id <> b.id JOIN t c ON c.id <> b.id WHERE a.id + b.id + c.id = -1"
    thread = threading.Thread(target=lambda: pytest.raises(OperationalError, con.execute, slow))
    thread.start()
    with pytest.raises(InterfaceError, match="another thread"):
        while thread.is_alive():
            con.execute("SELECT 1")
    while thread.is_alive():
        con.cancel()
        thread.join(0.05)
