"""A change of one row that is a transaction of its own takes a shortcut; what it does must not depend on it."""

from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest

from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import DataError, Error, IntegrityError, OperationalError

INSERT = "INSERT INTO t VALUES (?, ?, ?, ?)"
UPDATE = "UPDATE t SET grp = ?, name = ? WHERE id = ?"
COUNT = "UPDATE t SET n = n + ? WHERE id = ? AND grp >= 0"
DELETE = "DELETE FROM t WHERE id = ?"


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database("shortcuts", Engine(Dictionary(), debug=True))
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE t (id integer PRIMARY KEY, grp integer CHECK (grp < 1000), name varchar(5) UNIQUE, "
            "n smallint NOT NULL DEFAULT 0)"
        )
        connection.execute("CREATE INDEX t_grp ON t (grp)")
        connection.executemany(INSERT, [(i, i % 10, f"n{i}", 0) for i in range(100)])
        connection.commit()
        connection.execute("SELECT id FROM t WHERE id BETWEEN 1 AND 2").fetchall()  # makes the order of the key
        connection.rollback()
    yield database
    database.close()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connect() as connection:
        connection.autocommit = True
        for i in range(3):
            connection.execute(INSERT, (1000 + i, 1, f"w{i}", 1))
            connection.execute(UPDATE, (2, f"v{i}", 1000 + i))
            connection.execute(COUNT, (1, 1000 + i))
            connection.execute(DELETE, (1000 + i,))
        planned = connection._session._planned  # type: ignore[attr-defined]
        assert all(planned[sql].write.__name__ == "write" for sql in (INSERT, UPDATE, COUNT, DELETE))
        yield connection


def rows(connection: Connection, where: str = "true") -> list[Any]:
    return sorted(connection.execute(f"SELECT * FROM t WHERE {where}").fetchall())


def refused(connection: Connection, sql: str, *values: Any) -> Error:
    before = rows(connection)
    with pytest.raises(Error) as caught:
        connection.execute(sql, values)
    assert rows(connection) == before
    return caught.value


def test_it_does_what_it_says(connection: Connection) -> None:
    assert connection.execute(INSERT, (500, None, None, 7)).rowcount == 1
    assert rows(connection, "id = 500") == [(500, None, None, 7)]
    assert connection.execute(UPDATE, (5, "five", 500)).rowcount == 1
    assert connection.execute(UPDATE, (5, "five", 501)).rowcount == 0
    assert connection.execute(COUNT, (3, 500)).rowcount == 1
    assert rows(connection, "grp = 5 AND id > 100") == [(500, 5, "five", 10)]
    assert rows(connection, "name = 'five'") == [(500, 5, "five", 10)]
    assert rows(connection, "id BETWEEN 99 AND 600") == [(99, 9, "n99", 0), (500, 5, "five", 10)]
    assert connection.execute(DELETE, (500,)).rowcount == 1
    assert connection.execute(DELETE, (500,)).rowcount == 0
    assert rows(connection, "id BETWEEN 99 AND 600") == [(99, 9, "n99", 0)]


def test_values_are_converted_as_ever(connection: Connection) -> None:
    connection.execute(INSERT, ("500", 5.0, "ab     ", 7))
    assert rows(connection, "id = 500") == [(500, 5, "ab   ", 7)]


def test_constraints_hold(connection: Connection) -> None:
    assert refused(connection, INSERT, 5, 1, "x", 1).sqlstate == "23505"
    assert refused(connection, INSERT, 500, 1, "n7", 1).sqlstate == "23505"
    assert refused(connection, UPDATE, 1, "n7", 5).sqlstate == "23505"
    assert refused(connection, INSERT, 500, 1000, "x", 1).sqlstate == "23514"
    assert refused(connection, UPDATE, 1000, "x", 5).sqlstate == "23514"
    assert refused(connection, INSERT, 500, 1, "x", None).sqlstate == "23502"
    assert refused(connection, INSERT, None, 1, "x", 1).sqlstate == "23502"
    assert isinstance(refused(connection, INSERT, 500, 1, "toolong", 1), DataError)
    assert refused(connection, INSERT, 500, 1, "x", 40000).sqlstate == "22003"
    connection.execute(COUNT, (32000, 5))
    assert refused(connection, COUNT, 32000, 5).sqlstate == "22003"
    assert isinstance(refused(connection, INSERT, 5, 1, "n5", 1), IntegrityError)


def test_a_row_may_keep_its_unique_value(connection: Connection) -> None:
    assert connection.execute(UPDATE, (3, "n5", 5)).rowcount == 1
    connection.execute(UPDATE, (3, None, 5))
    connection.execute(UPDATE, (3, None, 6))
    assert len(rows(connection, "name IS NULL")) == 2
    connection.execute(UPDATE, (3, "n5", 6))


def test_open_snapshots_see_what_was(database: Database, connection: Connection) -> None:
    with database.connect() as reader:
        before = rows(reader)
        connection.execute(INSERT, (500, 1, "x", 1))
        for i in range(200):
            connection.execute(UPDATE, (i, f"u{i}", 5))
        connection.execute(DELETE, (6,))
        connection.execute(INSERT, (6, 77, "y", 1))
        assert rows(reader) == before
        assert rows(reader, "id = 5") == [(5, 5, "n5", 0)]
        assert rows(reader, "grp = 5 AND id < 10") == [(5, 5, "n5", 0)]
        assert rows(reader, "name = 'n6'") == [(6, 6, "n6", 0)]
        assert rows(reader, "id = 500") == []
        assert rows(reader, "id BETWEEN 5 AND 6") == [(5, 5, "n5", 0), (6, 6, "n6", 0)]
        assert database.engine.stats()["version_chains"]["t"] == 3
    assert database.engine.stats()["version_chains"]["t"] == 0
    assert all(not index.gone for index in database.engine.tables["t"].indexes.values())


def test_it_makes_a_conflict_for_others(database: Database, connection: Connection) -> None:
    with database.connect() as other:
        other.execute(UPDATE, (1, "other", 5))
        connection.execute(UPDATE, (1, "mine", 5))
        with pytest.raises(OperationalError):
            other.commit()
    assert rows(connection, "id = 5") == [(5, 1, "mine", 0)]


def test_it_makes_a_conflict_for_serializable_readers(database: Database, connection: Connection) -> None:
    with database.connect() as other:
        other.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
        other.execute("SELECT * FROM t WHERE id = 5").fetchall()
        other.execute("UPDATE t SET n = 1 WHERE id = 7")
        connection.execute(UPDATE, (1, "mine", 5))
        with pytest.raises(OperationalError):
            other.commit()


def test_only_what_is_alone_and_may_write(connection: Connection) -> None:
    connection.execute("BEGIN")
    connection.execute(DELETE, (5,))
    connection.execute("ROLLBACK")
    assert rows(connection, "id = 5") == [(5, 5, "n5", 0)]
    connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    with pytest.raises(OperationalError) as caught:
        connection.execute(DELETE, (5,))
    assert caught.value.sqlstate == "25006"


def test_a_new_constraint_counts_at_once(connection: Connection) -> None:
    connection.execute("CREATE UNIQUE INDEX t_n_grp ON t (grp, name)")
    connection.execute(INSERT, (500, 1, "x", 1))
    connection.execute("DROP INDEX t_n_grp")
    connection.execute(INSERT, (501, 1, "y", 1))
    assert connection.execute("SELECT count(*) FROM t WHERE grp = 1").fetchall() == [(12,)]


def test_counting_from_many_threads_loses_nothing(database: Database, connection: Connection) -> None:
    def count() -> None:
        with database.connect() as own:
            own.autocommit = True
            for _ in range(300):
                own.execute(COUNT, (1, 5))

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(connection, "id = 5") == [(5, 5, "n5", 1200)]


def test_rows_do_not_concern_the_collector(database: Database, connection: Connection) -> None:
    import gc

    gc.collect()
    connection.execute(INSERT, (500, 1, "x", 1))
    connection.execute(UPDATE, (2, "y", 500))
    with database.connect() as other:
        other.execute(INSERT, (501, 1, "z", 1))
        other.commit()
    assert not gc.is_tracked(database.engine.tables["t"].rows)
