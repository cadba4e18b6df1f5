"""Many threads with SQL on one database, the interpreter switching as often as it can; and memory after a long reader.

Accounts give each other money. A reader that sees a torn result, by whatever access path, sees a wrong sum; a lost update shows at
the end; write skew would take the total of a pair below zero, which only SERIALIZABLE promises to prevent.
"""

import gc
import random
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import ConflictError

DDL = """
CREATE TABLE account (id integer PRIMARY KEY, branch integer, balance integer, card integer UNIQUE);
CREATE INDEX by_branch ON account (branch);
CREATE INDEX by_balance ON account (balance DESC, branch);
CREATE TABLE pair (id integer PRIMARY KEY, a integer, b integer);
"""
ACCOUNTS, BRANCHES, BALANCE = 40, 4, 100
LEVELS = ("read committed", "repeatable read", "serializable")


@pytest.fixture
def database() -> Iterator[Database]:
    with Database("threads", Engine(Dictionary().with_all(parse_ddl(DDL)))) as made:
        with made.connect() as con:
            con.executemany(
                "INSERT INTO account VALUES (?, ?, ?, ?)",
                [(n, n % BRANCHES, BALANCE, 1000 + n) for n in range(ACCOUNTS)],
            )
        yield made


@pytest.fixture
def tiny_switch_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Team:
    """Threads that hand over their first failure."""

    def __init__(self) -> None:
        self._failures: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def start(self, work: Callable[..., None], *arguments: Any) -> None:
        def run() -> None:
            try:
                work(*arguments)
            except BaseException as failure:  # noqa: BLE001  # handed over to the test's own thread
                self._failures.append(failure)

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(90)
            assert not thread.is_alive(), "a thread hangs"
        if self._failures:
            raise self._failures[0]


def check_empty(database: Database) -> None:
    """No snapshot is left, and nothing that only a snapshot would need."""
    engine = database.engine
    assert len(engine.snapshots) == 0
    assert engine.recent.entries is None
    assert not any(engine.stats()["version_chains"].values())
    for store in engine.tables.values():
        assert not any(index.gone for index in store.indexes.values())
        store.check()


READS = (
    ("SELECT count(*), sum(balance) FROM account", None),
    ("SELECT count(balance), sum(balance) FROM account WHERE id >= ? AND id < ?", (0, ACCOUNTS)),
    ("SELECT count(*), sum(b.balance) FROM account a JOIN account b ON a.id = b.id", None),
    (
        "SELECT sum(n)::integer, sum(s)::integer FROM (SELECT count(*) n, sum(balance) s FROM account GROUP BY branch) x",
        None,
    ),
    ("SELECT count(*), sum(balance) FROM (SELECT balance FROM account ORDER BY balance DESC, branch) x", None),
)


def read(con: Connection, rng: random.Random) -> None:
    for _ in range(rng.randrange(1, 4)):
        sql, parameters = rng.choice(READS)
        assert con.execute(sql, parameters).fetchall() == [(ACCOUNTS, ACCOUNTS * BALANCE)], sql
        by_branch = [
            row
            for branch in range(BRANCHES)
            for row in con.execute("SELECT id, balance FROM account WHERE branch = ?", (branch,))
        ]
        if con.transaction_state == "open":  # one snapshot
            assert (len(by_branch), sum(row[1] for row in by_branch)) == (ACCOUNTS, ACCOUNTS * BALANCE)
            by_key = [con.execute("SELECT balance FROM account WHERE id = ?", (n,)).fetchone() for n in range(ACCOUNTS)]
            assert sum(row[0] for row in by_key if row is not None) == ACCOUNTS * BALANCE


def transfer(con: Connection, rng: random.Random) -> None:
    one, two = rng.sample(range(ACCOUNTS), 2)
    amount = rng.randrange(1, 9)
    con.execute("UPDATE account SET balance = balance - ? WHERE id = ?", (amount, one))
    con.execute("UPDATE account SET balance = balance + ?, branch = ? WHERE id = ?", (amount, two % BRANCHES, two))


@pytest.mark.usefixtures("tiny_switch_interval")
def test_every_result_is_of_one_state(database: Database) -> None:
    team = Team()
    working = [3]

    def write(level: str, seed: int) -> None:
        rng = random.Random(seed)
        con = database.connect()
        try:
            for _ in range(60):
                con.run_transaction(
                    lambda con: transfer(con, rng),
                    isolation=level,
                    retries=10_000,
                    first_pause_s=0.0001,
                    longest_pause_s=0.002,
                )
        finally:
            working[0] -= 1
            con.close()

    def look(seed: int) -> None:
        rng = random.Random(seed)
        con = database.connect()
        while working[0]:
            if rng.random() < 0.5:
                con.execute(f"BEGIN ISOLATION LEVEL {rng.choice(LEVELS[1:])}")
                read(con, rng)
                con.commit()
            else:
                con.rollback()
                con.autocommit = True
                sql, parameters = rng.choice(READS)
                assert con.execute(sql, parameters).fetchall() == [(ACCOUNTS, ACCOUNTS * BALANCE)], sql
                con.autocommit = False
        con.close()

    for number, level in enumerate(LEVELS):
        team.start(write, level, number)
    for number in range(2):
        team.start(look, 100 + number)
    team.join()
    check_empty(database)


@pytest.mark.usefixtures("tiny_switch_interval")
def test_no_write_skew_between_threads(database: Database) -> None:
    """Each pair may give away what both have together; under SERIALIZABLE never more."""
    with database.connect() as con:
        con.executemany("INSERT INTO pair VALUES (?, 0, 0)", [(n,) for n in range(6)])
        con.execute("UPDATE pair SET a = 10")
    team = Team()

    def spend(seed: int) -> None:
        rng = random.Random(seed)
        con = database.connect()
        for _ in range(120):
            one = rng.randrange(3) * 2  # rows `one` and `one + 1` are a pair
            con.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
            total = con.execute("SELECT sum(a - b) FROM pair WHERE id IN (?, ?)", (one, one + 1)).fetchone()
            assert total is not None
            assert total[0] >= 0
            if total[0] > 0:
                con.execute("UPDATE pair SET b = b + 1 WHERE id = ?", (one + rng.randrange(2),))
            try:
                con.commit()
            except ConflictError:
                continue
        con.close()

    for seed in range(3):
        team.start(spend, seed)
    team.join()
    with database.connect() as con:
        totals = con.execute("SELECT id / 2, sum(a - b) FROM pair GROUP BY 1").fetchall()
    assert all(total >= 0 for _, total in totals)
    check_empty(database)


@pytest.mark.parametrize("level", LEVELS[1:])
def test_memory_is_flat_again_after_a_long_reader(database: Database, level: str) -> None:
    writer, reader = database.connect(), database.connect()
    writer.autocommit = True

    def churn(rounds: int) -> None:
        for n in range(rounds):
            key = n % ACCOUNTS
            writer.execute("UPDATE account SET balance = ?, branch = ? WHERE id = ?", (n, n % BRANCHES, key))
            if n % 10 == 0:
                writer.execute("DELETE FROM account WHERE id = ?", (key,))
                writer.execute("INSERT INTO account VALUES (?, 0, 0, ?)", (key, 1000 + key))

    def read_for_long() -> None:
        reader.execute(f"BEGIN ISOLATION LEVEL {level}")
        before = reader.execute("SELECT * FROM account ORDER BY id").fetchall()
        churn(2000)
        assert reader.execute("SELECT * FROM account ORDER BY id").fetchall() == before
        assert 0 < database.engine.stats()["version_chains"]["account"] <= 2 * ACCOUNTS
        reader.rollback()
        churn(10)
        gc.collect()

    tracemalloc.start()
    try:
        read_for_long()
        flat, _ = tracemalloc.get_traced_memory()
        read_for_long()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    check_empty(database)
    assert after - flat < 32 * 1024
