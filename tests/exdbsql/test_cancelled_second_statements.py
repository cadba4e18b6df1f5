"""The first change of a transaction is kept in a short form; whatever interrupts the statement after it leaves the transaction whole."""

import sys
import threading
from collections.abc import Iterator

import pytest

from exdbsql.database import Database
from exdbsql.engine.single_change import SingleChange
from exdbsql.engine.transaction import Transaction
from exdbsql.schema.errors import Error


@pytest.fixture(autouse=True)
def tiny_switch_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_cancelling_the_second_statement(database: Database) -> None:
    con = database.connect()
    con.executemany("INSERT INTO t (id, price) VALUES (?, 0)", [(n,) for n in range(50)])
    con.commit()
    done = threading.Event()

    def interrupt() -> None:
        while not done.is_set():
            con.cancel()

    thread = threading.Thread(target=interrupt)
    thread.start()
    outcomes = set()
    try:
        for n in range(1500):
            try:
                con.execute("UPDATE t SET price = price + 1 WHERE id = ?", (n % 50,))
                con.execute("UPDATE t SET price = price + 2 WHERE id = ?", ((n + 1) % 50,))
                con.commit()
                outcomes.add("00000")
            except Error as error:
                outcomes.add(error.sqlstate)
                con.rollback()
    finally:
        done.set()
        thread.join()
    assert outcomes <= {"00000", "57014"}
    assert len(database.engine.snapshots) == 0
    assert con.execute("SELECT sum(price) % 3 FROM t").fetchall() == [(0,)]


def test_interrupted_while_it_becomes_general(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes between any two of its steps, and neither the change nor the snapshot is lost."""
    con = database.connect()
    con.execute("INSERT INTO t (id, price) VALUES (1, 0)")
    con.commit()
    for n in (1, 2, 3):
        con.rollback()
        con.execute("UPDATE t SET price = ? WHERE id = 1", (n,))
    transaction = con.session.block.transaction  # type: ignore[attr-defined]
    assert type(transaction) is SingleChange
    become, calls = SingleChange._become, []

    def interrupted(self: SingleChange, general: Transaction) -> None:
        calls.append(1)
        if len(calls) == 1:
            self.by_table = {}
            raise KeyboardInterrupt
        become(self, general)

    monkeypatch.setattr(SingleChange, "_become", interrupted)
    with pytest.raises(KeyboardInterrupt):
        con.execute("SELECT price FROM t")
    assert type(transaction) is Transaction
    assert con.transaction_state == "failed"
    con.rollback()
    assert len(database.engine.snapshots) == 0
    assert con.execute("SELECT price FROM t").fetchall() == [(0,)]


def test_scans_beside_commits_that_change_the_number_of_rows(database: Database) -> None:
    con = database.connect()
    con.autocommit = True
    con.executemany("INSERT INTO t (id, price) VALUES (?, 1)", [(n,) for n in range(300)])
    done = threading.Event()

    def change(first: int) -> None:
        with database.connect() as writer:
            writer.autocommit = True
            n = 0
            while not done.is_set():
                n = (n + 1) % 50
                writer.execute("INSERT INTO t (id, price) VALUES (?, 0)", (first + n,))
                writer.execute("DELETE FROM t WHERE id = ?", (first + n,))

    threads = [threading.Thread(target=change, args=(first,)) for first in (1000, 2000)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(1000):
            assert con.execute("SELECT sum(price) FROM t").fetchall() == [(300,)]
    finally:
        done.set()
        for thread in threads:
            thread.join()
