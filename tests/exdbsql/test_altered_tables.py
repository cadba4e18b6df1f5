"""A table that is altered between the plan of a statement and its snapshot: the plan's table has stopped to follow the commits."""

from collections.abc import Callable

import pytest

import exdbsql as exdb
from exdbsql import api
from exdbsql.connection import Connection

QUERY = "SELECT sum(v) FROM t"


@pytest.fixture
def database() -> exdb.Database:
    api.init_runtime()
    made = exdb.open_database("altered", exdb.load_dictionary("CREATE TABLE t (id integer PRIMARY KEY, v integer)"))
    with made.connect() as con:
        con.execute("INSERT INTO t VALUES (1, 1), (2, 2)")
        con.commit()
    return made


def when_it_begins(con: Connection, once: Callable[[], object]) -> None:
    """Do this between the plan of the next statement and the snapshot that it gets."""
    engine = con._session.engine  # type: ignore[attr-defined]  # a session of this process
    begin = engine.begin

    def patched(**modes: object) -> object:
        engine.begin = begin
        once()
        return begin(**modes)

    engine.begin = patched


@pytest.mark.parametrize("autocommit", [False, True])
@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_the_statement_is_planned_again(database: exdb.Database, level: str, autocommit: bool) -> None:
    with database.connect() as con, database.connect() as other:
        other.autocommit = True
        con.autocommit = autocommit
        con.execute(f"SET default_transaction_isolation = '{level.lower()}'")
        if not autocommit:
            con.commit()

        def alter() -> None:
            other.execute("ALTER TABLE t ADD COLUMN w integer DEFAULT 5")
            other.execute("UPDATE t SET v = 10 WHERE id = 1")

        assert con.execute(QUERY).fetchall() == [(3,)]
        con.commit()
        when_it_begins(con, alter)
        assert con.execute(QUERY).fetchall() == [(12,)]
        assert con.execute("SELECT * FROM t ORDER BY id").fetchall() == [(1, 10, 5), (2, 2, 5)]
        con.commit()
        when_it_begins(con, lambda: other.execute("ALTER TABLE t DROP COLUMN w"))
        assert con.execute("SELECT * FROM t ORDER BY id").fetchall() == [(1, 10), (2, 2)]


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
def test_rows_are_inserted_into_the_new_form(database: exdb.Database, level: str) -> None:
    with database.connect() as con, database.connect() as other:
        other.autocommit = True
        con.execute(f"SET default_transaction_isolation = '{level.lower()}'")
        con.commit()
        when_it_begins(con, lambda: other.execute("ALTER TABLE t ADD COLUMN w integer DEFAULT 5"))
        con.cursor().executemany("INSERT INTO t (id, v) VALUES (?, ?)", [(3, 3), (4, 4)])
        con.commit()
        assert con.execute("SELECT id, w FROM t ORDER BY id").fetchall() == [(1, 5), (2, 5), (3, 5), (4, 5)]


def test_a_change_goes_to_the_new_form(database: exdb.Database) -> None:
    with database.connect() as con, database.connect() as other:
        other.autocommit = True
        con.execute("SET default_transaction_isolation = 'read committed'")
        con.commit()
        con.execute("SELECT v FROM t WHERE id = 2")
        other.execute("ALTER TABLE t ADD COLUMN w integer DEFAULT 5")
        con.execute("UPDATE t SET v = v + 1")
        con.commit()
        assert con.execute("SELECT * FROM t ORDER BY id").fetchall() == [(1, 2, 5), (2, 3, 5)]
