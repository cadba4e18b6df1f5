"""Workers that take jobs from a queue by SKIP LOCKED: each job is done once, and none of them is in another's way."""

import sys
import threading
from collections.abc import Iterator

import pytest

from exdbsql.database import Database
from exdbsql.engine.row_claims import RowClaims
from exdbsql.engine.single_change import SingleChange

JOBS = 120
TAKE = "SELECT id FROM job WHERE NOT done ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"


@pytest.fixture
def short_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("isolation", ["repeatable read", "read committed", "serializable"])
def test_workers_take_different_jobs(database: Database, short_switches: None, isolation: str) -> None:
    con = database.connect()
    con.execute("CREATE TABLE job (id integer PRIMARY KEY, done boolean NOT NULL DEFAULT false, by integer)")
    con.execute("INSERT INTO job SELECT n FROM generate_series(1, ?) AS n", (JOBS,))
    con.commit()
    taken: list[tuple[int, int]] = []
    failed: list[BaseException] = []

    def work(number: int) -> None:
        own = database.connect()
        own.execute(f"SET default_transaction_isolation = '{isolation}'")
        own.commit()
        try:
            while len(taken) < JOBS:
                found = own.execute(TAKE).fetchone()
                if found is not None:
                    own.execute("UPDATE job SET done = true, by = ? WHERE id = ?", (number, found[0]))
                own.commit()
                if found is not None:
                    taken.append((found[0], number))
        except BaseException as error:  # noqa: BLE001  the test's thread says it
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if isolation == "serializable":  # a scan depends on the whole table: the first error ends a worker
        assert all(getattr(error, "sqlstate", None) == "40001" for error in failed)
    else:
        assert not failed
        assert sorted(job for job, _ in taken) == list(range(1, JOBS + 1))
    assert sorted(taken) == con.execute("SELECT id, by FROM job WHERE done ORDER BY id").fetchall()


def claims_of(database: Database) -> RowClaims:
    return database.engine.claims


def test_claims_of_ended_transactions_are_forgotten(database: Database) -> None:
    con = database.connect()
    con.execute("INSERT INTO t (id) SELECT n FROM generate_series(1, 300) AS n")
    con.commit()
    for number in range(1, 301):
        con.execute(f"SELECT id FROM t WHERE id = {number} FOR UPDATE SKIP LOCKED")
        con.rollback()
        assert len(claims_of(database)._holders) <= 65
    con.execute("SELECT id FROM t FOR UPDATE SKIP LOCKED")
    assert len(claims_of(database)._holders) >= 300


def test_a_single_change_of_another_session_is_seen_and_stays_what_it_is(database: Database) -> None:
    one, two = database.connect(), database.connect()
    one.execute("INSERT INTO t (id) VALUES (1), (2)")
    one.commit()
    for _ in range(2):  # the second time by its shortcut
        one.rollback()
        one.execute("UPDATE t SET name = 'x' WHERE id = 1")
    two.autocommit = True
    assert two.execute("SELECT id FROM t ORDER BY id FOR UPDATE SKIP LOCKED").fetchall() == [(2,)]
    assert type(one.session.block.transaction) is SingleChange  # type: ignore[attr-defined]  # the session is embedded
    one.commit()
    assert two.execute("SELECT id, name FROM t ORDER BY id FOR UPDATE NOWAIT").fetchall() == [(1, "x"), (2, None)]
