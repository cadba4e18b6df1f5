"""READ COMMITTED: statements work on the newest rows; a ConflictError comes only where an answer that was given would change."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.schema.errors import ConflictError, IntegrityError

Connect = Callable[[], Connection]
Query = Callable[..., list[tuple[Any, ...]]]
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
PRICES = "SELECT id, price::integer FROM t ORDER BY id"


@pytest.fixture
def pair(connect: Connect) -> tuple[Connection, Connection]:
    """The one that is tested, in a block; and another, with autocommit, over rows (1, 10) and (2, 20)."""
    one, two = connect(), connect()
    two.autocommit = True
    two.execute("INSERT INTO t (id, price) VALUES (1, 10), (2, 20)")
    one.execute(BEGIN)
    return one, two


def test_a_change_works_on_the_newest_row(pair: tuple[Connection, Connection], query: Query) -> None:
    one, two = pair
    query(one, PRICES)
    two.execute("UPDATE t SET price = 100 WHERE id = 1")
    one.execute("UPDATE t SET price = price + 1 WHERE id = 1")
    one.commit()
    assert query(two, PRICES) == [(1, 101), (2, 20)]


def test_a_change_is_made_again_on_a_row_that_another_changed_before_the_commit(
    pair: tuple[Connection, Connection], query: Query
) -> None:
    one, two = pair
    one.execute("UPDATE t SET price = price + 1 WHERE id = 1")
    one.execute("UPDATE t SET price = price - 1 WHERE id = 2")
    two.execute("UPDATE t SET price = 100 WHERE id = 1")
    one.commit()
    assert query(two, PRICES) == [(1, 101), (2, 19)]


def test_a_change_is_made_again_before_the_next_statement(pair: tuple[Connection, Connection], query: Query) -> None:
    one, two = pair
    one.execute("UPDATE t SET price = price + 1 WHERE id = 1")
    two.execute("UPDATE t SET price = 100 WHERE id = 1")
    assert query(one, PRICES) == [(1, 101), (2, 20)]
    one.commit()
    assert query(two, PRICES) == [(1, 101), (2, 20)]


def test_where_is_evaluated_again_and_another_count_is_a_conflict(
    pair: tuple[Connection, Connection], query: Query
) -> None:
    one, two = pair
    assert one.execute("DELETE FROM t WHERE price < 15").rowcount == 1
    two.execute("UPDATE t SET price = 100 WHERE id = 1")
    with pytest.raises(ConflictError):
        one.commit()
    assert one.transaction_state == "idle"
    assert query(two, PRICES) == [(1, 100), (2, 20)]


def test_what_was_read_of_a_changed_row_is_not_taken_back(pair: tuple[Connection, Connection], query: Query) -> None:
    one, two = pair
    one.execute("UPDATE t SET price = price + 1 WHERE id = 1")
    assert query(one, "SELECT price::integer FROM t WHERE id = 1") == [(11,)]
    two.execute("UPDATE t SET price = 100 WHERE id = 1")
    with pytest.raises(ConflictError) as caught:
        query(one, "SELECT 1")
    assert (caught.value.retryable, one.transaction_state) == (True, "failed")
    one.rollback()


def test_what_would_be_read_again_alike_is_no_conflict(pair: tuple[Connection, Connection], query: Query) -> None:
    one, two = pair
    one.execute("UPDATE t SET price = 0 WHERE id = 1 RETURNING id")
    assert query(one, PRICES) == [(1, 0), (2, 20)]
    query(one, "SELECT note FROM scratch")
    two.execute("UPDATE t SET price = 100 WHERE id = 1")
    two.execute("INSERT INTO scratch VALUES (1, 'x')")
    one.commit()
    assert query(two, PRICES) == [(1, 0), (2, 20)]


def test_savepoints_stay_where_they_were(pair: tuple[Connection, Connection], query: Query) -> None:
    one, two = pair
    one.execute("UPDATE t SET price = price + 1 WHERE id = 1")
    one.execute("SAVEPOINT a")
    one.execute("UPDATE t SET price = price + 1 WHERE id = 2")
    one.execute("SAVEPOINT b")
    one.execute("DELETE FROM t")
    with pytest.raises(IntegrityError):
        one.execute("INSERT INTO t (id) VALUES (3), (3)")
    one.execute("ROLLBACK TO b")
    two.execute("UPDATE t SET price = 100")
    assert query(one, "SELECT count(*) FROM t") == [(2,)]
    one.execute("ROLLBACK TO a")
    assert query(one, PRICES) == [(1, 101), (2, 100)]
    two.execute("UPDATE t SET price = 200 WHERE id = 2")
    one.commit()
    assert query(two, PRICES) == [(1, 101), (2, 200)]


def test_executemany_is_made_again(pair: tuple[Connection, Connection], query: Query) -> None:
    one, two = pair
    one.executemany("UPDATE t SET price = price + ? WHERE id = ?", [(1, 1), (2, 2)])
    two.execute("UPDATE t SET price = 100 WHERE id = 2")
    one.commit()
    assert query(two, PRICES) == [(1, 11), (2, 102)]


def test_a_row_taken_meanwhile_is_an_integrity_error(pair: tuple[Connection, Connection], query: Query) -> None:
    one, two = pair
    one.execute("INSERT INTO t (id, price) VALUES (3, 1)")
    two.execute("INSERT INTO t (id, price) VALUES (3, 2)")
    with pytest.raises(IntegrityError) as caught:
        one.commit()
    assert (caught.value.sqlstate, one.transaction_state) == ("23505", "idle")
    assert query(two, "SELECT count(*) FROM t") == [(3,)]


def test_a_dropped_table_is_a_conflict(connect: Connect) -> None:
    one, two = connect(), connect()
    two.autocommit = True
    two.execute("CREATE TABLE x (a integer)")
    one.execute(BEGIN)
    one.execute("INSERT INTO x VALUES (1)")
    two.execute("DROP TABLE x")
    with pytest.raises(ConflictError, match="dropped"):
        one.commit()


@pytest.mark.parametrize("autocommit", [True, False])
def test_no_increment_is_lost_and_none_fails(database: Database, query: Query, autocommit: bool) -> None:
    with database.connect() as con:
        con.execute("INSERT INTO t (id, price) VALUES (1, 0)")
    failures: list[BaseException] = []

    def work() -> None:
        try:
            con = database.connect()
            con.execute("SET default_transaction_isolation = 'read committed'")
            con.commit()  # a rollback would undo the SET
            con.autocommit = autocommit
            for _ in range(50):
                con.execute("UPDATE t SET price = price + 1 WHERE id = 1")
                con.commit()
            con.close()
        except BaseException as failure:  # noqa: BLE001  # handed over to the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert query(database.connect(), "SELECT price::integer FROM t") == [(150,)]


def test_a_conflict_on_another_node_is_worked_around_too(nodes: list[Database], query: Query) -> None:
    one, two = nodes[0].connect(), nodes[1].connect()
    two.autocommit = True
    two.execute("INSERT INTO t (id, price) VALUES (1, 10)")
    one.execute(BEGIN)
    one.execute("UPDATE t SET price = price + 1 WHERE id = 1")
    two.execute("UPDATE t SET price = 100 WHERE id = 1")
    one.commit()
    for node in nodes:
        assert query(node.connect(), PRICES) == [(1, 101)]
