"""`run_transaction`: what is retryable runs again, what is not ends at once, and nothing is applied twice."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from exdbsql.client import connect_remote
from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.schema.errors import (
    CommitOutcomeUnknownError,
    ConflictError,
    IntegrityError,
    InterfaceError,
    NoQuorumError,
    OperationalError,
    ProgrammingError,
)
from exdbsql.service import SqlService

Connect = Callable[[], Connection]
Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(params=[True, False], ids=["autocommit", "implicit"])
def pair(request: pytest.FixtureRequest, connect: Connect) -> tuple[Connection, Connection]:
    """A connection to test, and another with autocommit that gets in its way; over a row (1, 10)."""
    one, two = connect(), connect()
    two.autocommit = True
    two.execute("INSERT INTO t (id, price) VALUES (1, 10)")
    one.autocommit = request.param
    return one, two


def increment(con: Connection) -> int:
    row = con.execute("SELECT price::integer FROM t WHERE id = 1").fetchone()
    assert row is not None
    con.execute("UPDATE t SET price = ? WHERE id = 1", (row[0] + 1,))
    return int(row[0]) + 1


def test_it_commits_and_returns_what_the_function_returned(pair: tuple[Connection, Connection], query: Query) -> None:
    one, two = pair
    assert one.run_transaction(increment) == 11
    assert one.transaction_state == "idle"
    assert query(two, "SELECT price::integer FROM t") == [(11,)]


@pytest.mark.parametrize("isolation", [None, "repeatable read", "serializable"])
def test_a_lost_conflict_is_tried_again(
    pair: tuple[Connection, Connection], query: Query, isolation: str | None
) -> None:
    one, two = pair
    tries = []

    def work(con: Connection) -> int:
        if isolation is not None:
            assert query(con, "SHOW transaction_isolation") == [(isolation,)]
        made = increment(con)
        if len(tries) < 2:
            two.execute("UPDATE t SET price = price + 100 WHERE id = 1")
        tries.append(made)
        return made

    assert one.run_transaction(work, isolation=isolation, first_pause_s=0) == 211
    assert tries == [11, 111, 211]
    assert query(two, "SELECT price::integer FROM t") == [(211,)]


def test_it_gives_up_with_the_last_error(pair: tuple[Connection, Connection]) -> None:
    one, two = pair
    tries = []

    def work(con: Connection) -> None:
        tries.append(increment(con))
        two.execute("UPDATE t SET price = price + 100 WHERE id = 1")

    with pytest.raises(ConflictError):
        one.run_transaction(work, retries=3, first_pause_s=0)
    assert len(tries) == 4
    assert one.transaction_state == "idle"


def test_what_is_not_retryable_ends_it_and_is_rolled_back(pair: tuple[Connection, Connection], query: Query) -> None:
    one, two = pair

    def twice(con: Connection) -> None:
        con.execute("INSERT INTO t (id) VALUES (7)")
        con.execute("INSERT INTO t (id) VALUES (7)")

    def fail(con: Connection) -> None:
        con.execute("INSERT INTO t (id) VALUES (8)")
        raise ZeroDivisionError

    for work, error in ((twice, IntegrityError), (fail, ZeroDivisionError)):
        with pytest.raises(error):
            one.run_transaction(work)
        assert one.transaction_state == "idle"
    assert query(two, "SELECT count(*) FROM t") == [(1,)]


def test_arguments(pair: tuple[Connection, Connection]) -> None:
    one, _ = pair
    for wrong in ({"retries": -1}, {"retries": "x"}, {"isolation": "chaos"}, {"first_pause_s": -1}):
        with pytest.raises(InterfaceError, match=next(iter(wrong))):
            one.run_transaction(increment, **wrong)  # type: ignore[arg-type]
    with pytest.raises(InterfaceError, match="function"):
        one.run_transaction("SELECT 1")  # type: ignore[arg-type]
    one.execute("BEGIN")
    with pytest.raises(ProgrammingError) as caught:
        one.run_transaction(increment)
    assert caught.value.sqlstate == "25001"


def test_many_threads_lose_nothing(database: Database, query: Query) -> None:
    with database.connect() as con:
        con.execute("INSERT INTO t (id, price) VALUES (1, 0)")

    def work() -> None:
        con = database.connect()
        for _ in range(30):
            con.run_transaction(increment, retries=1000, first_pause_s=0.0001, longest_pause_s=0.01)
        con.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert query(database.connect(), "SELECT price::integer FROM t") == [(90,)]


def test_over_nodes(nodes: list[Database], log: Any, query: Query) -> None:
    one, two = nodes[0].connect(), nodes[1].connect()
    two.autocommit = True
    two.execute("INSERT INTO t (id, price) VALUES (1, 10)")

    log.lose_answer = True  # the commit takes effect, and this node learns it by asking
    assert one.run_transaction(increment, first_pause_s=0) == 11
    assert query(two, "SELECT price::integer FROM t") == [(11,)]

    def lose_quorum(con: Connection) -> None:
        increment(con)
        log.has_quorum = False

    with pytest.raises(NoQuorumError):
        one.run_transaction(lose_quorum, retries=2, first_pause_s=0)
    log.has_quorum = True
    assert one.run_transaction(increment) == 12


def test_what_stays_unknown_is_said(nodes: list[Database], log: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    con = nodes[0].connect()
    con.execute("INSERT INTO t (id, price) VALUES (1, 10)")
    con.commit()
    log.lose_answer = True
    monkeypatch.setattr(type(log.nodes[0]), "transaction_status", lambda self, _: "unknown")
    with pytest.raises(CommitOutcomeUnknownError):
        con.run_transaction(increment, retries=2, first_pause_s=0)
    log.lose_answer = True
    answers = iter(["unknown", "void"])
    monkeypatch.setattr(type(log.nodes[0]), "transaction_status", lambda self, _: next(answers, "unknown"))
    tries: list[int] = []

    def work(con: Connection) -> None:
        tries.append(1)
        con.execute("SELECT 1")
        con.execute("INSERT INTO t (id) VALUES (?)", (100 + len(tries),))

    con.run_transaction(work, retries=3, first_pause_s=0)
    assert len(tries) == 2


def test_a_lost_connection_is_not_tried_again(database: Database, service: SqlService) -> None:
    """The error says that the connection was lost; another try would hide that behind "the connection is closed"."""
    con = Connection(connect_remote(f"exdb://{service.address}/"))

    def work(con: Connection) -> None:
        con.execute("INSERT INTO t (id) VALUES (1)")
        service.stop()
        con.execute("INSERT INTO t (id) VALUES (2)")

    with pytest.raises(OperationalError) as caught:
        con.run_transaction(work)
    assert caught.value.sqlstate in ("08006", "57P01")
    assert con.transaction_state == "disconnected"
    con.close()
    assert database.connect().execute("SELECT count(*) FROM t").fetchall() == [(0,)]
