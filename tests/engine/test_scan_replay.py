"""Lists of rows and columns that go along with commits say what the rows say, in one order, for every snapshot."""

import random
import sys
from threading import Event, Thread

import pytest

from exdbsql.engine import scan_cache
from exdbsql.engine.database import Database
from exdbsql.engine.scan_replay import applied, replayed
from exdbsql.engine.table import TableStore
from exdbsql.engine.transaction import Transaction
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import ConflictError, OperationalError


@pytest.fixture(autouse=True)
def short_lists_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_cache, "_LONG", 0)


def made(rows: int, memory_limit: int | None = None) -> tuple[Database, TableStore]:
    database = Database(Dictionary(), memory_limit=memory_limit)
    for statement in parse_ddl("CREATE TABLE t (id integer PRIMARY KEY, a integer, b double precision)"):
        database.execute_ddl(statement)
    store = database.table("t")
    transaction = database.begin()
    transaction.insert_many(store, [(i, i % 3, i / 2) for i in range(rows)])
    transaction.end_statement()
    transaction.commit()
    return database, store


def change(rng: random.Random, transaction: Transaction, store: TableStore) -> None:
    key = rng.randrange(60)
    row = (key, rng.randrange(1000), rng.random())
    if transaction.get(store, key) is None:
        transaction.insert(store, row)
    elif rng.random() < 0.3:
        transaction.delete(store, key)
    elif rng.random() < 0.1 and transaction.get(store, key + 100) is None:
        transaction.update(store, key, (key + 100, *row[1:]))
    else:
        transaction.update(store, key, row)
    transaction.end_statement()


def check(transaction: Transaction, store: TableStore) -> None:
    """The lists are the rows; each list as often as not, so that some stay behind."""
    expected = sorted(transaction.rows(store))
    rows, a = transaction.rows_and_column(store, 1)
    b, keys = transaction.columns(store, 2, 0)
    assert list(zip(keys, a, b, strict=True)) == list(rows)
    assert sorted(rows) == expected
    assert transaction.scan(store) == rows


@pytest.mark.parametrize("seed", range(60))
def test_lists_follow_the_commits(seed: int) -> None:
    rng = random.Random(seed)
    database, store = made(rng.choice((0, 20)))
    readers: list[Transaction] = []
    for _ in range(120):
        transaction = database.begin()
        for _ in range(rng.choice((1, 1, 1, 3, 20))):
            change(rng, transaction, store)
        if rng.random() < 0.2:
            check(transaction, store)
        transaction.commit()
        if rng.random() < 0.5:
            transaction = database.begin()
            if rng.random() < 0.5:
                transaction.columns(store, rng.randrange(3))
            else:
                check(transaction, store)
            readers.append(transaction)
        for reader in [r for r in readers if rng.random() < 0.2]:
            check(reader, store)
            reader.rollback()
            readers.remove(reader)


def test_an_unchanged_column_is_copied_once_for_many_commits() -> None:
    database, store = made(20)
    first = database.begin().columns(store, 1)[0]
    for value in range(5):
        transaction = database.begin()
        transaction.update(store, 7, (7, value, 0.0))
        transaction.end_statement()
        transaction.commit()
    second = database.begin().columns(store, 1)[0]
    assert (first[7], second[7]) == (1, 4)
    assert database.begin().columns(store, 1)[0] is second
    assert store.scans is not None
    assert len(store.scans.steps) == 5


def test_after_many_changes_the_lists_go() -> None:
    database, store = made(20)
    for _ in range(3):
        database.begin().columns(store, 1)
        for value in range(scan_cache.MOST_CHANGES + 1):
            transaction = database.begin()
            transaction.update(store, 7, (7, value, 0.0))
            transaction.end_statement()
            transaction.commit()
        assert store.scans is None
        assert not store.scan_changes
        check(database.begin(), store)


def test_keys_that_do_not_ascend_are_searched_a_few_times() -> None:
    keys = [3, 1, 2]
    found = replayed(keys, [(1, 1, False, (1, "x")), (1, 3, False, None), (2, 9, True, (9, "y"))])
    assert found is not None
    assert found[0] == [1, 2, 9]
    assert applied([(3, "a"), (1, "b"), (2, "c")], found[1], -1) == [(1, "x"), (2, "c"), (9, "y")]
    assert applied(["a", "b", "c"], found[1], 1) == ["x", "c", "y"]
    assert keys == [3, 1, 2]
    assert replayed(keys, [(n, 1, False, (1,)) for n in range(9)]) is None
    assert replayed(keys, [(1, 7, False, (7,))]) is None


def test_readers_among_committing_threads() -> None:
    """Each commit moves an amount from one row to another; no reader may see the sum change."""
    database, store = made(50)
    total = sum(database.begin().columns(store, 1)[0])
    over, problems = Event(), []

    def commit(seed: int) -> None:
        rng = random.Random(seed)
        while not over.is_set():
            transaction = database.begin()
            one, other = rng.sample(range(50), 2)
            for key, amount in ((one, 5), (other, -5)):
                row = transaction.get(store, key)
                assert row is not None
                transaction.update(store, key, (key, row[1] + amount, row[2]))
            transaction.end_statement()
            try:
                transaction.commit()
            except ConflictError:
                transaction.rollback()

    def read() -> None:
        for _ in range(1500):
            transaction = database.begin()
            a, keys = transaction.columns(store, 1, 0)
            if sum(a) != total or keys != list(range(50)):
                problems.append((a, keys))
            transaction.rollback()
        over.set()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [Thread(target=commit, args=(1,)), Thread(target=commit, args=(2,)), Thread(target=read)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not problems


def test_lists_count_as_memory_and_make_room_for_rows() -> None:
    database, store = made(1000, memory_limit=10_000_000)
    used = database.stats()["memory_used"]
    reader = database.begin()
    check(reader, store)
    assert database.stats()["memory_used"] > used + 1000 * 3 * 32
    database.memory_limit = used + 60_000
    transaction = database.begin()
    for key in range(1000, 1100):
        transaction.insert(store, (key, 1, 1.0))
    transaction.end_statement()
    transaction.commit()
    assert store.scans is None
    check(database.begin(), store)
    assert database.stats()["memory_used"] <= database.memory_limit
    with pytest.raises(OperationalError):
        transaction = database.begin()
        for key in range(1100, 2000):
            transaction.insert(store, (key, 1, 1.0))
        transaction.end_statement()
    check(transaction, store)
