"""Shortcuts beside commits on other threads, with a tiny switch interval: no reader sees half of a commit, no count is lost."""

import contextlib
import sys
from collections.abc import Iterator
from threading import Thread

import pytest

from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import ConflictError

ACCOUNTS = 40
ROUNDS = 600
ALL = "SELECT balance FROM account WHERE id BETWEEN ? AND ?"
OF_BRANCH = "SELECT balance FROM account WHERE branch = ?"
TOTAL = "SELECT sum(balance) FROM account"
ADD = "UPDATE account SET balance = balance + ? WHERE id = ?"


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database("threads", Engine(Dictionary()))
    with database.connect() as con:
        con.execute("CREATE TABLE account (id integer PRIMARY KEY, branch integer NOT NULL, balance integer NOT NULL)")
        con.execute("CREATE INDEX account_branch ON account (branch)")
        con.execute("CREATE TABLE counter (id integer PRIMARY KEY, n integer NOT NULL)")
        con.execute("INSERT INTO counter VALUES (1, 0)")
        con.executemany("INSERT INTO account VALUES (?, 1, 100)", [(i,) for i in range(ACCOUNTS)])
        con.commit()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield database
    sys.setswitchinterval(interval)
    database.close()


def test_transfers_are_seen_whole(database: Database) -> None:
    wrong: list[object] = []

    def transfer(seed: int) -> None:
        with database.connect() as con:
            for i in range(ROUNDS):
                try:
                    con.execute(ADD, (-7, (i * 7 + seed) % ACCOUNTS))
                    con.execute(ADD, (7, (i * 11 + seed + 1) % ACCOUNTS))
                    con.execute("DELETE FROM account WHERE id = ?", (1000 + seed,))
                    con.execute("INSERT INTO account VALUES (?, 2, 0)", (1000 + seed,))
                    con.commit()
                except ConflictError:
                    con.rollback()

    def count() -> None:
        with database.connect() as con:
            con.autocommit = True
            done = 0
            while done < ROUNDS:
                with contextlib.suppress(
                    ConflictError
                ):  # the first run of a text takes the general way, which may lose
                    done += con.execute("UPDATE counter SET n = n + ? WHERE id = ?", (1, 1)).rowcount

    def read(alone: bool) -> None:
        with database.connect() as con:
            con.autocommit = alone
            for _ in range(ROUNDS):
                sums = [
                    sum(balance for (balance,) in con.execute(ALL, (0, ACCOUNTS - 1)).fetchall()),
                    sum(balance for (balance,) in con.execute(OF_BRANCH, (1,)).fetchall()),
                    con.execute(TOTAL).fetchall()[0][0],
                ]
                if sums != [ACCOUNTS * 100] * 3:
                    wrong.append(sums)
                con.rollback()

    threads = [Thread(target=transfer, args=(seed,)) for seed in range(2)]
    threads += [Thread(target=count) for _ in range(2)]
    threads += [Thread(target=read, args=(alone,)) for alone in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    with database.connect() as con:
        assert con.execute("SELECT n FROM counter").fetchall() == [(2 * ROUNDS,)]
    assert not any(database.engine.stats()["version_chains"].values())
