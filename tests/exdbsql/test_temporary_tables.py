"""Temporary tables as the session and the cluster see them; what SQL makes of them is in tests/definitions/scripts."""

import gc
import time
from collections.abc import Callable
from typing import Any

import pytest

import exdbsql
from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.engine.table import TableStore
from exdbsql.schema.errors import ConflictError, Error, NoQuorumError
from exdbsql.service import SqlService

Connect = Callable[[], Connection]
Query = Callable[..., list[tuple[Any, ...]]]


def test_each_connection_has_its_own(connect: Connect, query: Query) -> None:
    one, two = connect(), connect()
    for number, con in enumerate((one, two)):
        con.execute("CREATE TEMP TABLE mine (a integer PRIMARY KEY)")
        con.executemany("INSERT INTO mine VALUES (?)", [(number * 10 + n,) for n in range(3)])
        con.commit()
    assert query(one, "SELECT a FROM mine ORDER BY a") == [(0,), (1,), (2,)]
    assert query(two, "SELECT a FROM mine ORDER BY a") == [(10,), (11,), (12,)]
    two.rollback()
    with pytest.raises(Error):
        connect().execute("SELECT * FROM mine")


def test_one_text_means_what_the_session_sees(connect: Connect, query: Query) -> None:
    """A plan for the permanent table is not used for the temporary one, nor the reverse."""
    con, other = connect(), connect()
    con.autocommit = other.autocommit = True
    con.execute("INSERT INTO t (id, name) VALUES (1, 'permanent')")
    text = "SELECT name FROM t WHERE id = ?"
    change = "UPDATE t SET name = name || '!' WHERE id = ?"
    for _ in range(3):
        assert query(con, text, (1,)) == [("permanent",)]
    con.execute("CREATE TEMP TABLE t (id integer PRIMARY KEY, name text)")
    con.execute("INSERT INTO t VALUES (1, 'temporary')")
    for _ in range(3):
        assert query(con, text, (1,)) == [("temporary" + "!" * _,)]
        con.execute(change, (1,))
        assert query(other, text, (1,)) == [("permanent",)]
    con.execute("BEGIN")
    con.execute("DROP TABLE t")
    assert query(con, text, (1,)) == [("permanent",)]
    con.execute("ROLLBACK")
    assert query(con, text, (1,)) == [("temporary!!!",)]
    con.execute("DROP TABLE t")
    con.execute(change, (1,))
    assert query(con, text, (1,)) == query(other, text, (1,)) == [("permanent!",)]


def test_the_memory_comes_back(query: Query) -> None:
    with Database("sized", Engine(exdbsql.load_dictionary(""), memory_limit=10_000_000, debug=True)) as database:
        engine = database.engine
        con = database.connect()
        con.autocommit = True
        con.execute("CREATE TEMP TABLE mine (a integer PRIMARY KEY, b text)")
        con.executemany("INSERT INTO mine VALUES (?, ?)", [(n, "x" * 100) for n in range(1000)])
        used = engine.memory_used
        assert used > 100_000
        con.execute("ALTER TABLE mine ADD COLUMN c integer DEFAULT 1")
        con.execute("BEGIN")
        con.execute("ALTER TABLE mine DROP COLUMN b")
        con.execute("INSERT INTO mine VALUES (5000, 1)")
        con.execute("ROLLBACK")
        assert used < engine.memory_used < used * 1.5
        con.execute("CREATE TEMP TABLE more AS SELECT * FROM mine")
        con.execute("DROP TABLE more")
        con.close()
        del con
        gc.collect()
        assert engine.memory_used == 0
        assert [o for o in gc.get_objects() if isinstance(o, TableStore) and o.name in ("mine", "more")] == []
        assert not engine.unpruned
        assert len(engine.snapshots) == 0


def test_a_client_that_vanishes(database: Database, service: SqlService) -> None:
    con = exdbsql.connect(f"exdb://{service.address}/")
    con.execute("CREATE TEMP TABLE mine (a integer)")
    con.execute("INSERT INTO mine VALUES (1)")
    con.commit()
    con.execute("INSERT INTO mine VALUES (2)")
    con.session._wire.close()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 10
    while database.n_sessions and time.monotonic() < deadline:
        time.sleep(0.01)
    assert database.n_sessions == 0
    gc.collect()
    assert not database.engine.unpruned
    assert "mine" not in database.engine.tables


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_isolation_levels(connect: Connect, query: Query, isolation: str) -> None:
    one, two = connect(), connect()
    two.autocommit = True
    two.execute("INSERT INTO t (id, name) VALUES (1, 'a')")
    one.execute("CREATE TEMP TABLE seen (id integer, name text)")
    one.commit()
    one.execute(f"BEGIN ISOLATION LEVEL {isolation}")
    one.execute("INSERT INTO seen SELECT id, name FROM t")
    one.execute("UPDATE t SET name = name || 'b' WHERE id = 1")
    two.execute("INSERT INTO t (id, name) VALUES (2, 'z')")
    one.execute("INSERT INTO seen SELECT id, name FROM t WHERE id = 2")
    if isolation == "SERIALIZABLE":
        with pytest.raises(ConflictError):
            one.commit()
        assert query(one, "SELECT * FROM seen") == []
        return
    one.commit()
    assert query(one, "SELECT * FROM seen ORDER BY id") == [(1, "a")] + [(2, "z")] * (isolation == "READ COMMITTED")
    assert query(two, "SELECT name FROM t ORDER BY id") == [("ab",), ("z",)]


def test_a_cluster_knows_nothing_of_them(nodes: list[Database], log: Any, query: Query) -> None:
    con, other = nodes[0].connect(), nodes[1].connect()
    other.autocommit = True
    digests = {node.dictionary.digest() for node in nodes}
    log.has_quorum = False
    con.execute("CREATE TEMP TABLE mine (id serial PRIMARY KEY, note text)")
    con.execute("INSERT INTO mine (note) VALUES ('one')")
    con.execute("CREATE TEMP TABLE copy AS SELECT * FROM mine")
    con.commit()
    assert (log.submitted, query(con, "SELECT * FROM copy")) == (0, [(1, "one")])
    with pytest.raises(NoQuorumError):
        con.execute("INSERT INTO t (id, name) SELECT id, note FROM mine")
    con.rollback()
    log.has_quorum = True

    # both in one transaction
    con.execute("INSERT INTO t (id, name) SELECT id, note FROM mine")
    con.execute("INSERT INTO mine (note) VALUES ('two')")
    con.execute("CREATE TEMP TABLE late (a integer) ON COMMIT DELETE ROWS")
    con.execute("INSERT INTO late VALUES (1)")
    con.commit()
    assert log.submitted == 1
    assert b"two" not in b"".join(command for _, command in log.entries)
    assert query(other, "SELECT id, name FROM t") == [(1, "one")]
    assert query(con, "SELECT * FROM mine ORDER BY id") == [(1, "one"), (2, "two")]
    con.commit()
    assert {node.dictionary.digest() for node in nodes} == digests

    # with DDL of permanent tables
    con.execute("CREATE TABLE p (a integer PRIMARY KEY)")
    con.execute("INSERT INTO p SELECT id FROM mine")
    con.execute("ALTER TABLE mine ADD COLUMN more integer DEFAULT 3")
    con.execute("INSERT INTO mine (note) VALUES ('three')")
    con.commit()
    assert query(other, "SELECT * FROM p ORDER BY a") == [(1,), (2,)]
    assert query(con, "SELECT * FROM mine ORDER BY id") == [(1, "one", 3), (2, "two", 3), (3, "three", 3)]
    con.commit()

    # a conflict undoes both
    con.execute("UPDATE t SET name = 'mine' WHERE id = 1")
    con.execute("DELETE FROM mine")
    con.execute("DROP TABLE copy")
    other.execute("UPDATE t SET name = 'other' WHERE id = 1")
    with pytest.raises(ConflictError):
        con.commit()
    assert query(con, "SELECT count(*) FROM mine, copy") == [(3,)]
    con.close()
    assert not nodes[0].engine.unpruned


def test_an_outcome_that_is_known_later(nodes: list[Database], log: Any, query: Query) -> None:
    con = nodes[0].connect()
    con.execute("CREATE TEMP TABLE mine (a integer)")
    con.commit()
    con.execute("INSERT INTO t (id) VALUES (1)")
    con.execute("INSERT INTO mine VALUES (1)")
    log.lose_command = True
    with pytest.raises(exdbsql.CommitOutcomeUnknownError):
        con.commit()
    con.close()
    assert query(nodes[0].connect(), "SELECT * FROM t") == []
