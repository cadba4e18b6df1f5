"""Texts that come once must not push out those that come again, and must find the plan of their shape."""

import pytest

from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.statement_cache import LIMIT


@pytest.fixture
def con(database: Database) -> Connection:
    con = database.connect()
    con.executemany("INSERT INTO t (id, name) VALUES (?, ?)", [(i, f"n{i}") for i in range(50)])
    con.commit()
    return con


def test_each_text_has_its_own_literals(con: Connection) -> None:
    for _ in range(3):
        for i in range(0, 50, 7):
            assert con.execute(f"SELECT name FROM t WHERE id = {i}").fetchall() == [(f"n{i}",)]
            assert con.execute(f"SELECT id FROM t WHERE name = 'n{i}' AND id < {i + 1}").fetchall() == [(i,)]
            assert con.execute(f"SELECT id + {i} FROM t WHERE id = ?", (1,)).fetchall() == [(1 + i,)]
    con.execute("UPDATE t SET name = 'it''s' WHERE id = 3")
    con.execute("UPDATE t SET name = 'n\"4--' WHERE id = 4")
    assert con.execute("SELECT name FROM t WHERE id IN (3, 4) ORDER BY id").fetchall() == [("it's",), ('n"4--',)]


def test_a_literal_that_shapes_the_plan_is_no_value(con: Connection) -> None:
    for number in (1, 2, 1, 2):
        rows = con.execute(f"SELECT -id, name FROM t WHERE id < 12 ORDER BY {number}").fetchall()
        assert rows == sorted(rows, key=lambda row: row[number - 1])


def test_texts_that_come_once_do_not_push_out_others(database: Database, con: Connection) -> None:
    often = "SELECT name FROM t WHERE id = ?"
    twice = "SELECT name FROM t WHERE id = 49"
    con.execute("SELECT name FROM t WHERE id = 48")
    for _ in range(2):
        con.execute(often, (1,))
        con.execute(twice)
    for i in range(LIMIT + 100):
        con.execute(f"SELECT name FROM t WHERE id = {10**6 + i}")
    assert often in database.statements.planned
    assert twice in database.statements.planned
    assert f"SELECT name FROM t WHERE id = {10**6 + LIMIT}" not in database.statements.planned


def test_a_plan_of_a_former_dictionary_is_not_found(con: Connection) -> None:
    for i in range(3):
        con.execute(f"SELECT * FROM scratch WHERE id = {i}")
    con.rollback()
    con.execute("DROP TABLE scratch")
    con.execute("CREATE LOCAL TABLE scratch (id integer PRIMARY KEY, a integer, b integer)")
    con.commit()
    con.execute("INSERT INTO scratch VALUES (7, 8, 9)")
    for _ in range(3):
        assert con.execute("SELECT * FROM scratch WHERE id = 7").fetchall() == [(7, 8, 9)]
