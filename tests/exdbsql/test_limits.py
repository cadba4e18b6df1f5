"""Statements that take too long, too much or go too deep end with an error; transaction and database are what they were."""

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import Error, OperationalError, ProgrammingError

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""An exception that arrives in a destructor is shown and swallowed; the statement is stopped a moment later."""

Connect = Callable[[], Connection]
Query = Callable[..., list[tuple[Any, ...]]]
BILLION = "FROM t a, t b, t c"
ENDLESS = {
    "count": f"SELECT count(*) {BILLION}",
    "sum": f"SELECT sum(a.id * b.id + c.id) {BILLION}",
    "filter": f"SELECT a.id {BILLION} WHERE a.id + b.id + c.id < 0",
    "rows": f"SELECT a.id, b.id {BILLION}",
    "sort": f"SELECT a.id {BILLION} ORDER BY a.id - b.id LIMIT 3",
    "group": f"SELECT a.id % 7, count(*) {BILLION} GROUP BY 1",
    "distinct": f"SELECT DISTINCT a.id + b.id * c.id {BILLION}",
    "insert": f"INSERT INTO scratch SELECT a.id * 1000000 + b.id * 1000 + c.id, '' {BILLION}",
    "update": f"UPDATE t SET name = 'x' WHERE id < (SELECT count(*) {BILLION})",
    "delete": f"DELETE FROM t WHERE id < (SELECT count(*) {BILLION})",
}


@pytest.fixture
def filled(database: Database) -> Database:
    """A thousand rows in t."""
    with database.connect() as con:
        con.executemany("INSERT INTO t (id) VALUES (?)", [(n,) for n in range(1000)])
    return database


def state(error: Error) -> str | None:
    return error.sqlstate


def check_intact(con: Connection, query: Query) -> None:
    """The failed transaction rolls back, and everything is there."""
    assert con.transaction_state == "failed"
    con.rollback()
    con.execute("SET statement_timeout = 0")
    assert query(con, "SELECT count(*), count(name) FROM t") == [(1000, 0)]
    assert query(con, "SELECT count(*) FROM scratch") == [(0,)]
    con.execute("UPDATE t SET price = 2 WHERE id = 1")
    con.commit()


@pytest.mark.parametrize("sql", ENDLESS.values(), ids=ENDLESS)
def test_statement_timeout(filled: Database, connect: Connect, query: Query, sql: str) -> None:
    con = connect()
    con.execute("INSERT INTO scratch VALUES (-1, 'before')")
    con.execute("SET statement_timeout = '20ms'")
    with pytest.raises(OperationalError, match="statement_timeout") as caught:
        con.execute(sql)
    assert caught.value.sqlstate == "57014"
    check_intact(con, query)


@pytest.mark.parametrize("sql", ENDLESS.values(), ids=ENDLESS)
def test_interrupt_from_another_thread(filled: Database, connect: Connect, query: Query, sql: str) -> None:
    con = connect()
    con.execute("SELECT 1")
    stop = threading.Event()

    def interrupt() -> None:
        while not stop.wait(0.02):
            con.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(OperationalError, match="cancelled") as caught:
            con.execute(sql)
    finally:
        stop.set()
        thread.join()
    assert caught.value.sqlstate == "57014"
    check_intact(con, query)


def test_a_savepoint_survives_a_cancelled_statement(filled: Database, con: Connection, query: Query) -> None:
    con.execute("INSERT INTO scratch VALUES (1, 'kept')")
    con.execute("SAVEPOINT a")
    con.execute("SET statement_timeout = 20")
    with pytest.raises(OperationalError):
        con.execute(ENDLESS["insert"])
    con.execute("ROLLBACK TO a")
    con.execute("SET statement_timeout TO DEFAULT")
    assert query(con, "SELECT * FROM scratch") == [(1, "kept")]
    con.commit()


def test_work_mem(filled: Database, connect: Connect, query: Query) -> None:
    con = connect()
    con.execute("SET work_mem = '50MB'")
    con.commit()
    for name in ("rows", "sort", "insert"):
        with pytest.raises(OperationalError, match="work_mem") as caught:
            con.execute(ENDLESS[name])
        assert caught.value.sqlstate == "53200"
        check_intact(con, query)


@pytest.mark.parametrize("sql", ["SELECT * FROM a, a AS b", "SELECT * FROM a, a AS b ORDER BY b.n"])
def test_the_memory_limit_of_the_database_bounds_sorts_and_joins(sql: str) -> None:
    with Database("limited", Engine(Dictionary(), memory_limit=10_000_000)).connect() as con:
        con.execute("CREATE TABLE a (n integer PRIMARY KEY)")
        con.executemany("INSERT INTO a VALUES (?)", [(n,) for n in range(5000)])
        con.commit()
        con.execute("INSERT INTO a VALUES (-1)")
        con.execute("SAVEPOINT s")
        with pytest.raises(OperationalError, match="memory limit") as caught:
            con.execute(sql)
        assert caught.value.sqlstate == "53200"
        con.execute("ROLLBACK TO s")
        assert con.execute("SELECT min(n), count(*) FROM a").fetchall() == [(-1, 5001)]
        con.commit()


def test_the_watch_is_there_while_somebody_has_a_limit(filled: Database) -> None:
    watch = filled.watch
    one, two = filled.connect(), filled.connect()
    assert not watch.is_running
    one.execute("SET statement_timeout = '1h'")
    two.execute("SET work_mem = '1TB'")
    assert watch.is_running
    one.execute("SET statement_timeout = 0")
    assert watch.is_running
    two.close()
    for _ in range(1000):
        if not watch.is_running:
            break
        time.sleep(0.01)
    assert not watch.is_running
    one.execute("SELECT 1")


@pytest.mark.parametrize(
    ("value", "shown"),
    [("'1500ms'", "1500ms"), ("2000", "2s"), ("'2 min'", "2min"), ("'0'", "0"), ("'1.5s'", "1500ms"), ("'24h'", "1d")],
)
def test_times_are_read_and_shown_as_postgresql_does(con: Connection, query: Query, value: str, shown: str) -> None:
    con.execute(f"SET statement_timeout = {value}")
    assert query(con, "SHOW statement_timeout") == [(shown,)]


def test_sizes(con: Connection, query: Query) -> None:
    con.execute("SET work_mem = 65536")
    assert query(con, "SHOW work_mem") == [("64MB",)]


@pytest.mark.parametrize("value", ["soon", "'5 parsecs'", "-1", "'1e3'", "99999999999", "''"])
def test_what_is_no_time_is_refused(con: Connection, value: str) -> None:
    with pytest.raises(ProgrammingError) as caught:
        con.execute(f"SET statement_timeout = {value}")
    assert caught.value.sqlstate == "22023"
    assert "ms" in (caught.value.hint or "")


DEEP = 4000
NESTED = {
    "parentheses": f"SELECT {'(' * DEEP}1{')' * DEEP}",
    "unclosed": f"SELECT {'(' * DEEP}",
    "brackets": "[" * DEEP,
    "not": f"SELECT {'NOT ' * DEEP}true",
    "minus": f"SELECT {'- ' * DEEP}1",
    "calls": f"SELECT {'abs(' * DEEP}1{')' * DEEP}",
    "case": f"SELECT {'CASE WHEN true THEN ' * DEEP}1{' END' * DEEP}",
    "subqueries": f"SELECT * FROM {'(SELECT * FROM ' * DEEP}t{') x' * DEEP}",
    "exists": f"SELECT 1 WHERE {'EXISTS (SELECT 1 WHERE ' * DEEP}true{')' * DEEP}",
    "check": f"CREATE TABLE deep (a int CHECK ({'(' * DEEP}a > 1{')' * DEEP}))",
}


@pytest.mark.parametrize("sql", NESTED.values(), ids=NESTED)
def test_nested_absurdly_deep(con: Connection, query: Query, sql: str) -> None:
    with pytest.raises(Error) as caught:
        con.execute(sql)
    assert caught.value.sqlstate in ("54001", "42601")
    con.rollback()
    assert query(con, "SELECT count(*) FROM t") == [(0,)]


LONG = {
    "sum": (f"SELECT {'+'.join(['1'] * DEEP)}", [(DEEP,)]),
    "concatenation": ("SELECT " + "||".join(["'a'"] * DEEP), [("a" * DEEP,)]),
    "casts": (f"SELECT 1{'::int' * DEEP}", [(1,)]),
    "unions": (" UNION ALL ".join(["SELECT 1"] * DEEP), [(1,)] * DEEP),
}


@pytest.mark.parametrize(("sql", "rows"), LONG.values(), ids=LONG)
def test_long_chains_are_not_deep(con: Connection, query: Query, sql: str, rows: list[tuple[Any, ...]]) -> None:
    assert query(con, sql) == rows


def test_megabyte_long_statements(con: Connection, query: Query) -> None:
    text = "x" * 2_000_000
    assert query(con, f"SELECT length('{text}')") == [(2_000_000,)]
    assert query(con, f"SELECT 1 /* {text} */") == [(1,)]
    con.execute("INSERT INTO scratch VALUES " + ", ".join(f"({n}, 'row {n}')" for n in range(6000)))
    many = ", ".join(map(str, range(1000, 21_000)))
    assert query(con, f"SELECT count(*) FROM scratch WHERE id IN ({many})") == [(5000,)]
    with pytest.raises(ProgrammingError) as caught:
        con.execute("SELECT 1; " + "garbage " * 30_000)
    assert caught.value.sqlstate == "42601"


@pytest.fixture
def tiny_switch_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("tiny_switch_interval")
@pytest.mark.parametrize("level", ["repeatable read", "read committed", "serializable"])
def test_cancelling_at_any_moment_leaves_nothing_behind(filled: Database, query: Query, level: str) -> None:
    con = filled.connect()
    con.autocommit = True
    con.execute(f"SET default_transaction_isolation = '{level}'")
    done = threading.Event()

    def interrupt() -> None:
        rng = random.Random(7)
        while not done.is_set():
            con.cancel()
            if rng.random() < 0.3:
                time.sleep(0)

    thread = threading.Thread(target=interrupt)
    thread.start()
    outcomes = {"ok": 0, "57014": 0}
    try:
        for n in range(300):
            sql = (
                f"SELECT count(*) FROM t WHERE id % {n + 1} = 0",
                f"UPDATE t SET price = {n} WHERE id % 100 = 5",
                f"INSERT INTO scratch SELECT id + {n * 1000}, name FROM t WHERE id < 20",
            )[n % 3]
            for statement in ("BEGIN", sql, "COMMIT") if n % 2 else (sql,):
                try:
                    con.execute(statement)
                    outcomes["ok"] += 1
                except Error as error:
                    assert error.sqlstate == "57014"
                    outcomes["57014"] += 1
                    if con.transaction_state != "idle":
                        con.rollback()
                    break
    finally:
        done.set()
        thread.join()
    assert outcomes["57014"], "no cancel hit a statement"
    engine = filled.engine
    assert len(engine.snapshots) == 0
    assert engine.recent.entries is None
    assert not engine.commit_lock.locked()
    assert query(con, "SELECT count(*) % 20 FROM scratch") == [(0,)]
    assert query(con, "SELECT count(DISTINCT price) FROM t WHERE id % 100 = 5") == [(1,)]
    for store in engine.tables.values():
        store.check()
        assert not store.chains
