"""Small reads take a shortcut from the second run of their text on; what they give must not depend on it."""

from collections.abc import Iterator
from typing import Any

import pytest

from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import Error, InterfaceError, OperationalError, ProgrammingError

POINT = "SELECT name FROM t WHERE id = ?"
SEEK = "SELECT id FROM t WHERE grp = ?"
RANGE = "SELECT id, name FROM t WHERE id BETWEEN ? AND ?"


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database("shortcuts", Engine(Dictionary()))
    with database.connect() as connection:
        connection.execute("CREATE TABLE t (id integer PRIMARY KEY, grp integer, name text, big bigint)")
        connection.execute("CREATE INDEX t_grp ON t (grp)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", [(i, i % 10, f"n{i}", i) for i in range(3000)])
        connection.commit()
        connection.execute("SELECT id FROM t WHERE id BETWEEN 1 AND 2").fetchall()  # makes the order
        connection.rollback()
        warm_up(connection)
    yield database
    database.close()


def warm_up(connection: Connection) -> None:
    for _ in range(3):
        connection.execute(POINT, (1,)).fetchall()
        connection.execute(SEEK, (1,)).fetchall()
        connection.execute(RANGE, (1, 3)).fetchall()
    planned = connection._session._planned  # type: ignore[attr-defined]
    assert all(planned[sql].read is not None for sql in (POINT, SEEK, RANGE))
    connection.rollback()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connect() as connection:
        yield connection


def rows(connection: Connection, sql: str, *values: Any) -> list[Any]:
    return connection.execute(sql, values).fetchall()


def test_it_gives_what_is_there(connection: Connection) -> None:
    assert rows(connection, POINT, 5) == [("n5",)]
    assert rows(connection, POINT, -5) == []
    assert sorted(rows(connection, SEEK, 7))[:2] == [(7,), (17,)]
    assert rows(connection, SEEK, 77) == []
    assert rows(connection, RANGE, 2998, 5000) == [(2998, "n2998"), (2999, "n2999")]
    assert rows(connection, RANGE, 7, 6) == []
    assert rows(connection, RANGE, 5000, 6000) == []
    assert [i for i, _ in rows(connection, RANGE, -5, 2500)] == list(range(2501))


@pytest.mark.parametrize("bound", [(511, 512), (511, 513), (0, 511), (512, 1023), (100, 1024), (511, 511), (512, 512)])
def test_ranges_at_the_edges_of_blocks(connection: Connection, bound: tuple[int, int]) -> None:
    assert [i for i, _ in rows(connection, RANGE, *bound)] == list(range(bound[0], bound[1] + 1))
    sql = "SELECT id FROM t WHERE id > ? AND id < ?"
    for _ in range(3):
        assert [i for (i,) in rows(connection, sql, *bound)] == list(range(bound[0] + 1, bound[1]))


@pytest.mark.parametrize("value", [None, 5.0, True, "5", 5.5, 2**70])
def test_what_is_no_plain_value_goes_the_general_way(connection: Connection, value: Any) -> None:
    def outcome(sql: str) -> Any:
        connection.rollback()
        try:
            return rows(connection, sql, value)
        except Error as error:
            return error.sqlstate, error.message

    assert outcome(POINT) == outcome("SELECT name FROM t WHERE id = ? /* not run before */")


def test_wrong_parameters_are_the_same_error(connection: Connection) -> None:
    for parameters in ((), (1, 2), "1", {"id": 1}):
        with pytest.raises(ProgrammingError):
            connection.execute(POINT, parameters)
        connection.rollback()
    assert connection.execute(POINT, [5]).fetchall() == [("n5",)]


def test_a_transaction_keeps_its_snapshot(database: Database, connection: Connection) -> None:
    assert rows(connection, POINT, 5) == [("n5",)]
    with database.connect() as other:
        other.execute("UPDATE t SET name = 'new', grp = 99 WHERE id = 5")
        other.execute("DELETE FROM t WHERE id = 6")
        other.commit()
    assert rows(connection, POINT, 5) == [("n5",)]
    assert rows(connection, POINT, 6) == [("n6",)]
    assert (5,) in rows(connection, SEEK, 5)
    assert rows(connection, SEEK, 99) == []
    assert rows(connection, RANGE, 5, 6) == [(5, "n5"), (6, "n6")]
    connection.rollback()
    assert rows(connection, POINT, 5) == [("new",)]
    assert rows(connection, RANGE, 5, 6) == [(5, "new")]


def test_own_writes_are_seen(connection: Connection) -> None:
    connection.execute("UPDATE t SET name = 'mine', grp = 99 WHERE id = 5")
    assert rows(connection, POINT, 5) == [("mine",)]
    assert rows(connection, SEEK, 99) == [(5,)]
    assert rows(connection, RANGE, 5, 5) == [(5, "mine")]


def test_read_committed_sees_each_commit(database: Database, connection: Connection) -> None:
    connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
    assert rows(connection, POINT, 5) == [("n5",)]
    with database.connect() as other:
        other.execute("UPDATE t SET name = 'new' WHERE id = 5")
        other.commit()
    assert rows(connection, POINT, 5) == [("new",)]


def test_a_failed_transaction_refuses(connection: Connection) -> None:
    rows(connection, POINT, 5)
    with pytest.raises(ProgrammingError):
        connection.execute("SELECT nothing FROM t")
    with pytest.raises(OperationalError) as caught:
        connection.execute(POINT, (5,))
    assert caught.value.sqlstate == "25P02"
    connection.rollback()


def test_a_commit_that_is_under_way_is_not_seen(database: Database, connection: Connection) -> None:
    """A reader without a registered snapshot must notice that a commit has begun to change the table."""
    connection.autocommit = True
    store = database.engine.tables["t"]
    before = store.changed_at
    version = database.engine.head[0] + 1
    store.changed_at = version
    store.chains[5] = (version, store.rows[5], None, 1)
    store.rows[5] = (5, 5, "half-way", 5)
    try:
        assert rows(connection, POINT, 5) == [("n5",)]
        assert rows(connection, RANGE, 5, 5) == [(5, "n5")]
        assert (5,) in rows(connection, SEEK, 5)
    finally:
        store.rows[5] = (5, 5, "n5", 5)
        store.chains.clear()
        store.changed_at = before


def test_a_dropped_table_is_gone(connection: Connection) -> None:
    connection.execute("DROP TABLE t")
    connection.commit()
    with pytest.raises(ProgrammingError):
        rows(connection, POINT, 5)
    connection.rollback()


def test_a_dropped_index_does_not_matter(connection: Connection) -> None:
    connection.execute("DROP INDEX t_grp")
    connection.execute("INSERT INTO t VALUES (9999, 7, 'n', 0)")
    connection.commit()
    assert (9999,) in rows(connection, SEEK, 7)


def test_a_closed_connection_refuses(connection: Connection) -> None:
    session = connection.session
    session.close()
    with pytest.raises(InterfaceError):
        session.run(POINT, (5,))


def test_literals_of_each_text(connection: Connection) -> None:
    for i in range(6):
        assert rows(connection, f"SELECT name FROM t WHERE id = {i} AND grp < 100") == [(f"n{i}",)]
    for _ in range(3):
        assert rows(connection, "SELECT name FROM t WHERE id = 4 AND grp < 100") == [("n4",)]
        assert rows(connection, "SELECT name FROM t WHERE id = 4 AND grp < 1") == []


def test_the_caller_owns_the_list(connection: Connection) -> None:
    sql = "SELECT * FROM t WHERE grp = ?"
    for _ in range(3):
        found = rows(connection, sql, 3)
        assert len(found) == 300
        found.clear()


def test_ranges_of_keys_with_gaps(connection: Connection) -> None:
    connection.execute("DELETE FROM t WHERE id % 7 IN (1, 2) OR id = 512")
    connection.commit()
    left = [i for i in range(3000) if i % 7 not in (1, 2) and i != 512]
    for low in (*range(20), *range(500, 530), 2990):
        for width in (0, 1, 5, 12, 600):
            expected = [i for i in left if low <= i <= low + width]
            assert [i for i, _ in rows(connection, RANGE, low, low + width)] == expected
