"""Many threads on one database, with the interpreter switching between them as often as it can.

Money moves between accounts, accounts change their branch and their number; the sum and the count never change. So every
snapshot, by whatever access path, must show the same total: a torn read, a lost update or a missed preimage shows as a
wrong sum.
"""

import random
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from exdbsql.engine.database import Database
from exdbsql.engine.transaction import Transaction
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.errors import ConflictError, IntegrityError

ACCOUNTS = 60
BRANCHES = 5
BALANCE = 100
TOTAL = ACCOUNTS * BALANCE

DDL = """
create table account (id integer primary key, branch integer, balance integer, card integer unique);
create index by_branch on account (branch);
create index by_balance on account (balance desc, branch);
"""


@pytest.fixture(autouse=True)
def tiny_switch_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def bank(make_database: Callable[..., Database]) -> Database:
    db = make_database(DDL, debug=False)
    txn = db.begin()
    txn.insert_many(db.tables["account"], [(n, n % BRANCHES, BALANCE, 1000 + n) for n in range(ACCOUNTS)])
    txn.end_statement()
    txn.commit()
    return db


class Team:
    """Threads that run functions until these end, and hand over the first failure."""

    def __init__(self) -> None:
        self.failures: list[BaseException] = []
        self.threads: list[threading.Thread] = []

    def start(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except BaseException as failure:  # noqa: BLE001  # handed over to the test's own thread
                self.failures.append(failure)

        thread = threading.Thread(target=run, daemon=True)
        self.threads.append(thread)
        thread.start()

    def join(self) -> None:
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a thread hangs"
        if self.failures:
            raise self.failures[0]


def transfer(db: Database, rng: random.Random) -> Transaction:
    """An open transaction that moves money, and perhaps a branch or a number."""
    account, txn = db.tables["account"], db.begin()
    rows = dict(txn.items(account))
    assert sum(row[2] for row in rows.values()) == TOTAL
    (a, one), (b, two) = rng.sample(sorted(rows.items()), 2)
    amount = rng.randrange(5)
    txn.update(account, a, (a, rng.randrange(BRANCHES), one[2] - amount, one[3]))
    if rng.random() < 0.3:
        txn.update(account, b, (rng.randrange(10_000), two[1], two[2] + amount, two[3]))
    else:
        txn.update(account, b, (b, two[1], two[2] + amount, two[3]))
    try:
        txn.end_statement()
    except IntegrityError:
        txn.rollback()
        raise
    return txn


def total_by(rows: Any) -> tuple[int, int]:
    balances = [row[2] for row in rows]
    return len(balances), sum(balances)


def test_every_snapshot_adds_up(bank: Database) -> None:
    account, team = bank.tables["account"], Team()
    branch, balance = account.indexes["by_branch"], account.indexes["by_balance"]
    writers_left = [2]

    def write(seed: int) -> None:
        rng = random.Random(seed)
        committed = 0
        try:
            while committed < 150:
                try:
                    transfer(bank, rng).commit()
                    committed += 1
                except (ConflictError, IntegrityError):
                    continue
        finally:
            writers_left[0] -= 1

    def read(seed: int) -> None:
        rng = random.Random(seed)
        reads = 0
        while writers_left[0] > 0 or not reads:
            reads += 1
            txn = bank.begin(read_only=True)
            for _ in range(rng.randrange(1, 4)):
                expected = (ACCOUNTS, TOTAL)
                assert total_by(txn.rows(account)) == expected
                assert total_by(row for n in range(BRANCHES) for row in txn.seek(branch, n)) == expected
                in_key_order = list(txn.range(account, reverse=rng.random() < 0.5))
                assert total_by(in_key_order) == expected
                assert total_by(txn.range(balance)) == expected
                assert total_by(txn.get(account, row[0]) for row in in_key_order) == expected
                assert len({row[3] for row in in_key_order}) == ACCOUNTS
            txn.end()

    for seed in range(2):
        team.start(lambda seed=seed: write(seed))  # type: ignore[misc]
        team.start(lambda seed=seed: read(100 + seed))  # type: ignore[misc]
    team.join()
    assert len(bank.snapshots) == 0
    assert not account.chains
    account.check()


def test_one_unique_value_has_one_owner(bank: Database) -> None:
    account, team = bank.tables["account"], Team()
    wins: list[int] = []

    def claim(seed: int) -> None:
        for card in range(5000, 5060):
            txn = bank.begin()
            try:
                txn.insert(account, (card * 10 + seed, 0, 0, card))
                txn.end_statement()
                txn.commit()
                wins.append(card)
            except (ConflictError, IntegrityError):
                txn.rollback()

    for seed in range(3):
        team.start(lambda seed=seed: claim(seed))  # type: ignore[misc]
    team.join()
    assert sorted(wins) == list(range(5000, 5060))


def test_indexes_made_and_dropped_under_readers_and_writers(bank: Database) -> None:
    account, team = bank.tables["account"], Team()
    done = threading.Event()

    def write() -> None:
        rng = random.Random(3)
        try:
            for _ in range(200):
                try:
                    transfer(bank, rng).commit()
                except (ConflictError, IntegrityError):
                    continue
        finally:
            done.set()

    def define() -> None:
        while not done.is_set():
            for text in ("create index extra on account (card, balance)", "drop index extra"):
                for statement in parse_ddl(text):
                    bank.execute_ddl(statement)

    def read() -> None:
        while not done.is_set():
            txn = bank.begin()
            index = account.indexes.get("extra")
            if index is not None:
                assert total_by(txn.range(index)) == (ACCOUNTS, TOTAL)
            txn.end()

    for work in (write, define, read):
        team.start(work)
    team.join()
