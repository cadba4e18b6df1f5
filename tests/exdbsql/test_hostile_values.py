"""Parameters and uses that nobody means well: each gets an error of ours, or the program's own, and the connection goes on."""

import copy
import datetime
import logging
import pickle
import signal
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn

import pytest

import exdbsql
from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.schema.errors import DataError, Error, ProgrammingError

Connect = Callable[[], Connection]


class BrokenZone(datetime.tzinfo):
    """A time zone of the program's that fails."""

    def utcoffset(self, moment: datetime.datetime | None) -> NoReturn:
        raise ValueError("no such day")


BROKEN = datetime.datetime(2024, 1, 1, tzinfo=BrokenZone())


@pytest.mark.parametrize(
    "given", [5, (n for n in (1,)), {1}, frozenset((1,)), "1", b"1"], ids=lambda x: type(x).__name__
)
def test_parameters_that_are_no_sequence(con: Connection, given: Any) -> None:
    for sql in ("SELECT ?::integer", "SELECT name FROM t WHERE id = ?"):
        with pytest.raises(ProgrammingError, match="must be a sequence") as caught:
            con.execute(sql, given)
        assert caught.value.sqlstate == "07001"
        con.rollback()


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"), 1.5, Decimal("1.5")]
)
def test_numbers_that_are_no_integers(con: Connection, value: Any) -> None:
    with pytest.raises(DataError) as caught:
        con.execute("SELECT ?::integer + 1", (value,))
    assert caught.value.sqlstate in ("22P02", "22003")


@pytest.mark.parametrize("kind", ["date", "time", "timestamp", "timestamptz", "text"])
def test_a_time_zone_that_fails(con: Connection, kind: str) -> None:
    with pytest.raises((DataError, ProgrammingError), match="no such day"):
        con.execute(f"SELECT CAST(? AS {kind})", (BROKEN,))


@pytest.mark.parametrize("sql", ["SELECT ?::bytea", "SELECT md5(?)", "SELECT convert_to(?, 'utf8')"])
def test_half_of_a_surrogate_pair_has_no_bytes(con: Connection, sql: str) -> None:
    with pytest.raises(DataError) as caught:
        con.execute(sql, ("a\ud800",))
    assert caught.value.sqlstate in ("22021", "22P05")


def test_connections_and_cursors_are_not_copied(con: Connection) -> None:
    cursor = con.cursor()
    for what in (con, cursor):
        for use in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot be copied or pickled"):
                use(what)
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]


def test_errors_can_be_pickled(con: Connection) -> None:
    for sql in ("SELECT 1 +", "SELECT 1 / 0", "INSERT INTO t (id) VALUES (1), (1)", "SELECT * FROM nowhere"):
        with pytest.raises(Error) as caught:
            con.execute(sql)
        con.rollback()
        back = pickle.loads(pickle.dumps(caught.value))
        assert type(back) is type(caught.value)
        assert (str(back), back.sqlstate, back.position) == (
            str(caught.value),
            caught.value.sqlstate,
            caught.value.position,
        )


def test_the_parser_below_says_nothing_on_standard_error(con: Connection, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(Error):
        con.execute("VACUUM FULL something strange")
    assert not caplog.records
    logging.getLogger("sqlglot").warning("the program's own")
    assert [record.getMessage() for record in caplog.records] == ["the program's own"]


def test_an_exit_is_an_exit_and_no_error(connect: Connect) -> None:
    """A handler of SIGTERM that calls sys.exit() ends the program also where a statement runs."""
    con = connect()
    con.execute("INSERT INTO t (id) VALUES (1)")
    before = signal.signal(signal.SIGUSR1, lambda *_: exit_now())
    timer = threading.Timer(0.1, signal.pthread_kill, (threading.main_thread().ident, signal.SIGUSR1))
    try:
        timer.start()
        with pytest.raises(SystemExit):
            con.execute("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r")
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
    assert con.transaction_state == "failed"
    con.rollback()
    assert con.execute("SELECT count(*) FROM t").fetchall() == [(0,)]


def exit_now() -> NoReturn:
    raise SystemExit(3)


def test_an_exit_in_a_function_of_the_program(database: Database) -> None:
    con = database.connect()
    con.create_function("leave", ["integer"], "integer", lambda _: exit_now())
    with pytest.raises(SystemExit):
        con.execute("SELECT leave(1)")
    con.rollback()
    assert con.execute("SELECT 1").fetchall() == [(1,)]


def test_a_series_without_end_can_be_cancelled(connect: Connect) -> None:
    con = connect()
    con.execute("SET statement_timeout = '50ms'")
    con.commit()
    for sql in (
        "SELECT count(*) FROM generate_series(1, 1000000000000)",
        "SELECT generate_series(1, -1000000000000, -1) LIMIT 1",
    ):
        with pytest.raises(exdbsql.OperationalError) as caught:
            con.execute(sql)
        assert caught.value.sqlstate == "57014"
        con.rollback()


def test_a_function_that_uses_the_connection_that_calls_it(database: Database) -> None:
    con = database.connect()
    con.create_function("again", ["integer"], "integer", lambda n: con.execute("SELECT ?::integer", (n,)).fetchone()[0])
    with pytest.raises(Error, match="has called what uses the connection"):
        con.execute("SELECT again(1)")
    con.rollback()
    own = database.connect()
    con.create_function("again", ["integer"], "integer", lambda n: own.execute("SELECT ?::integer", (n,)).fetchone()[0])
    assert con.execute("SELECT again(1)").fetchall() == [(1,)]


def test_a_view_of_every_other_byte(con: Connection) -> None:
    """Embedded it is copied; the codec of the network takes none that is not contiguous, and says so."""
    try:
        assert con.execute("SELECT ?::bytea", (memoryview(b"abcdef")[::2],)).fetchall() == [(b"ace",)]
    except ProgrammingError as error:
        assert "contiguous" in error.message
    con.rollback()
    assert con.execute("SELECT 1").fetchall() == [(1,)]
