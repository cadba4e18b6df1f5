"""Statements that are planned while another thread changes the tables they are about: each is of before, or of after."""

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from exdbsql.database import Database
from exdbsql.engine import definitions
from exdbsql.engine.table import TableStore
from exdbsql.schema.errors import ConflictError, Error


@pytest.fixture
def tiny_switch_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_planning_waits_while_definitions_are_replaced(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    con, other = database.connect(), database.connect()
    con.autocommit = other.autocommit = True
    con.execute("INSERT INTO t (id, name) VALUES (1, 'one')")
    redefine = definitions._redefine
    seen: list[Any] = []
    threads: list[threading.Thread] = []

    def read() -> None:
        seen.append(other.execute("SELECT * FROM t WHERE name = 'one'").fetchall())

    def in_the_middle(store: TableStore, table: Any) -> None:
        if not threads:
            threads.append(threading.Thread(target=read))
            threads[0].start()
            threads[0].join(0.05)
            assert threads[0].is_alive(), "planned with half of the definitions"
        redefine(store, table)

    monkeypatch.setattr(definitions, "_redefine", in_the_middle)
    con.execute("ALTER TABLE t DROP COLUMN price")
    threads[0].join()
    assert seen == [[(1, "one")]]


@pytest.mark.usefixtures("tiny_switch_interval")
def test_statements_beside_alter_table_and_indexes(database: Database) -> None:
    with database.connect() as con:
        con.execute("ALTER TABLE t ADD COLUMN twice integer")
        con.executemany("INSERT INTO t (id, name, price, twice) VALUES (?, '', 0, 0)", [(n,) for n in range(40)])
    done = threading.Event()
    problems: list[Exception] = []

    def change(number: int) -> None:
        con = database.connect()
        n = number
        while not done.is_set():
            n += 7
            try:
                con.execute(f"UPDATE t SET price = price + 1, twice = twice + 2 WHERE id = {n % 40}")
                con.execute("UPDATE t SET name = name WHERE price = ?", (n % 5,))
                found = con.execute("SELECT sum(price)::integer * 2 - sum(twice) FROM t").fetchall()
                assert found == [(0,)], found
                con.commit()
            except Exception as problem:  # noqa: BLE001 - the main thread shows it
                con.rollback()
                if not isinstance(problem, ConflictError):
                    problems.append(problem)
                    return

    threads = [threading.Thread(target=change, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    con = database.connect()
    con.autocommit = True
    try:
        for _ in range(15):
            for sql in (
                "ALTER TABLE t ADD COLUMN more integer DEFAULT 5",
                "CREATE INDEX by_price ON t (price)",
                "ALTER TABLE t DROP COLUMN more",
                "DROP INDEX by_price",
            ):
                con.execute(sql)
    except Error as problem:
        problems.append(problem)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not problems
    for store in database.engine.tables.values():
        store.check()
