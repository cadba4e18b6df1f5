"""A transaction that begins with a change of one row takes a shortcut there; nothing but its speed may depend on it."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.engine.single_change import SingleChange
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import ConflictError, Error, IntegrityError, OperationalError, ProgrammingError

INSERT = "INSERT INTO t VALUES (?, ?, ?)"
UPDATE = "UPDATE t SET grp = ? WHERE id = ?"
DELETE = "DELETE FROM t WHERE id = ?"
CHANGES = (INSERT, UPDATE, DELETE)


def made() -> Database:
    database = Database("single", Engine(Dictionary(), debug=True))
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE t (id integer PRIMARY KEY, grp integer CHECK (grp < 100), n smallint NOT NULL)"
        )
        connection.execute("CREATE INDEX t_grp ON t (grp)")
        connection.executemany(INSERT, [(i, i % 3, 0) for i in range(10)])
        connection.commit()
        for i in range(3):  # a text that has come before has its shortcut
            for sql, values in ((INSERT, (100 + i, 1, 1)), (UPDATE, (2, 100 + i)), (DELETE, (100 + i,))):
                connection.execute(sql, values)
                connection.commit()
    return database


@pytest.fixture
def database() -> Iterator[Database]:
    database = made()
    yield database
    assert not database.engine.snapshots.holders
    assert database.engine.stats()["version_chains"]["t"] == 0
    database.close()


@pytest.fixture
def one(database: Database) -> Iterator[Connection]:
    with database.connect() as connection:
        yield connection


@pytest.fixture
def other(database: Database) -> Iterator[Connection]:
    with database.connect() as connection:
        yield connection


def change(connection: Connection, sql: str, *values: Any) -> None:
    """A change that surely took the shortcut."""
    assert connection.execute(sql, values).rowcount == 1
    assert type(connection._session.block.transaction) is SingleChange  # type: ignore[attr-defined]


def rows(connection: Connection, where: str = "true") -> list[Any]:
    return sorted(connection.execute(f"SELECT * FROM t WHERE {where}").fetchall())


def test_each_kind_of_change_is_committed(one: Connection, other: Connection) -> None:
    for sql, values in ((INSERT, (50, 7, 1)), (UPDATE, (8, 50))):
        change(one, sql, *values)
        assert rows(other, "grp > 6") != [values]
        one.commit()
        other.commit()
        assert len(rows(other, "id = 50")) == 1
        other.commit()
    assert rows(other, "grp = 8") == [(50, 8, 1)]
    change(one, DELETE, 50)
    one.commit()
    one.commit()
    assert rows(one, "id = 50") == rows(one, "grp IN (7, 8)") == []


def test_it_is_an_open_transaction(one: Connection) -> None:
    change(one, INSERT, 50, 7, 1)
    assert one.transaction_state == "open"
    with pytest.raises(ProgrammingError):
        one.autocommit = True
    one.rollback()
    assert one.transaction_state == "idle"
    assert rows(one, "id = 50") == []


def test_what_follows_sees_it(one: Connection, other: Connection) -> None:
    change(one, INSERT, 50, 7, 1)
    assert rows(one, "id = 50") == rows(one, "grp = 7") == [(50, 7, 1)]
    one.execute(UPDATE, (8, 50))
    one.execute(INSERT, (51, 8, 1))
    assert rows(one, "grp = 8") == [(50, 8, 1), (51, 8, 1)]
    assert rows(other, "grp = 8") == []
    other.rollback()
    one.commit()
    assert len(rows(other, "grp = 8")) == 2


def test_its_snapshot_is_that_of_the_change(one: Connection, other: Connection) -> None:
    change(one, UPDATE, 50, 1)
    other.execute(UPDATE, (60, 2))
    other.commit()
    assert rows(one, "id IN (1, 2)") == [(1, 50, 0), (2, 2, 0)]
    one.commit()
    assert rows(one, "id IN (1, 2)") == [(1, 50, 0), (2, 60, 0)]


@pytest.mark.parametrize("look", [False, True])
def test_who_commits_first_wins(one: Connection, other: Connection, look: bool) -> None:
    change(one, UPDATE, 50, 1)
    if look:
        rows(one)
    other.execute(UPDATE, (60, 1))
    other.commit()
    with pytest.raises(ConflictError):
        one.commit()
    assert one.transaction_state == "idle"
    assert rows(one, "id = 1") == [(1, 60, 0)]


def test_a_key_that_another_takes(one: Connection, other: Connection) -> None:
    change(one, INSERT, 50, 1, 1)
    other.execute(INSERT, (50, 2, 2))
    other.commit()
    with pytest.raises((ConflictError, IntegrityError)):
        one.commit()
    assert rows(one, "id = 50") == [(50, 2, 2)]


def test_constraints_and_failed_transactions(one: Connection) -> None:
    with pytest.raises(IntegrityError):
        one.execute(INSERT, (1, 1, 1))
    assert one.transaction_state == "failed"
    with pytest.raises(OperationalError):
        one.commit()
    change(one, INSERT, 50, 1, 1)
    with pytest.raises(IntegrityError):
        one.execute(UPDATE, (100, 1))
    with pytest.raises(OperationalError):
        one.commit()
    change(one, INSERT, 50, 1, 1)
    with pytest.raises(ProgrammingError):
        one.execute("SELEKT")
    with pytest.raises(OperationalError):
        one.commit()
    assert rows(one, "id = 50") == []


def test_savepoints_and_explicit_blocks(one: Connection) -> None:
    one.execute("BEGIN")
    change(one, INSERT, 50, 1, 1)
    one.execute("SAVEPOINT s")
    one.execute(INSERT, (51, 1, 1))
    one.execute("ROLLBACK TO s")
    one.execute("COMMIT")
    assert rows(one, "id > 10") == [(50, 1, 1)]
    one.rollback()
    one.execute("BEGIN")
    change(one, DELETE, 50)
    one.execute("ROLLBACK")
    assert rows(one, "id > 10") == [(50, 1, 1)]


def test_modes_are_those_of_one_transaction(one: Connection) -> None:
    one.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    one.execute(INSERT, (50, 1, 1))
    assert type(one._session.block.transaction) is not SingleChange  # type: ignore[attr-defined]
    one.commit()
    one.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE")
    one.execute(UPDATE, (3, 50))
    one.commit()
    assert one._session.block.modes.chosen.isolation is None  # type: ignore[attr-defined]
    one.execute("SET TRANSACTION READ ONLY")
    with pytest.raises(OperationalError):
        one.execute(INSERT, (51, 1, 1))
    one.rollback()


def test_definitions_that_change_meanwhile(one: Connection, other: Connection) -> None:
    change(one, INSERT, 50, 90, 1)
    other.execute("CREATE UNIQUE INDEX t_n ON t (id, n)")
    other.commit()
    one.commit()
    for _ in range(2):
        one.execute(DELETE, (99,))
        one.rollback()
    change(one, DELETE, 1)
    other.execute("DROP TABLE t")
    other.commit()
    with pytest.raises(Error):
        one.commit()
    other.execute("CREATE TABLE t (id integer PRIMARY KEY)")
    other.commit()


def test_a_serializable_reader_notices(one: Connection, other: Connection) -> None:
    other.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
    rows(other, "id = 5")
    other.execute("UPDATE t SET n = 1 WHERE id = 7")
    change(one, UPDATE, 9, 5)
    one.commit()
    with pytest.raises(OperationalError):
        other.commit()


def test_a_connection_that_goes_takes_it_along(database: Database, other: Connection) -> None:
    left = database.connect()
    change(left, INSERT, 50, 1, 1)
    left.close()
    assert rows(other, "id = 50") == []


def step(rng: random.Random) -> tuple[str, tuple[Any, ...]]:
    """One step of a random program."""
    key = rng.randrange(12)
    return rng.choice(
        (
            *((INSERT, (key, rng.randrange(5), rng.choice((0, 1, None)))),) * 2,
            *((UPDATE, (rng.choice((1, 2, 99, 100)), key)),) * 3,
            *((DELETE, (key,)),) * 2,
            *(("COMMIT", ()),) * 4,
            ("ROLLBACK", ()),
            ("SELECT * FROM t WHERE id = ?", (key,)),
            ("SELECT * FROM t WHERE grp = ? ORDER BY id", (rng.randrange(5),)),
            ("SELECT count(*), sum(grp) FROM t", ()),
        )
    )


def outcome(connection: Connection, sql: str, values: tuple[Any, ...]) -> Any:
    try:
        if sql == "COMMIT":
            return connection.commit()
        if sql == "ROLLBACK":
            return connection.rollback()
        cursor = connection.execute(sql, values)
        return cursor.fetchall() if sql.startswith("SELECT") else cursor.rowcount
    except Error as error:
        return type(error), error.sqlstate, error.message


@pytest.mark.parametrize("seed", range(40))
def test_random_programs_end_the_same_without_the_shortcut(seed: int) -> None:
    rng = random.Random(seed)
    databases = (made(), made())
    connections = [[database.connect() for _ in range(3)] for database in databases]
    for _ in range(150):
        who = rng.randrange(3)
        sql, values = step(rng)
        with_it = outcome(connections[0][who], sql, values)
        if sql in CHANGES:
            connections[1][who]._session.plan(sql).first_write = None  # type: ignore[attr-defined]
        assert with_it == outcome(connections[1][who], sql, values), (sql, values)
    for ours, theirs in zip(*connections, strict=True):
        ours.close()
        theirs.close()
    assert not databases[0].engine.snapshots.holders
    with databases[0].connect() as ours, databases[1].connect() as theirs:
        assert rows(ours) == rows(theirs)
