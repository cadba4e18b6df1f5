"""A forked process can use nothing that its parent has open, is told so, and leaves the parent alone."""

import os
import threading
from collections.abc import Callable

import pytest

import exdbsql
from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.schema.errors import InterfaceError

Connect = Callable[[], Connection]

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def status_of_child(work: Callable[[], None]) -> int:
    """The exit status of a forked process that did some work: 0 where it went well."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_child_has_no_connection_of_its_parent(connect: Connect) -> None:
    con = connect()
    con.execute("INSERT INTO t (id) VALUES (1)")

    def child() -> None:
        for _ in range(2):
            with pytest.raises(InterfaceError, match="forked"):
                con.execute("SELECT 1")
            assert con.transaction_state == "disconnected"
        con.close()

    assert status_of_child(child) == 0
    con.execute("INSERT INTO t (id) VALUES (2)")
    con.commit()
    assert con.execute("SELECT count(*) FROM t").fetchall() == [(2,)]


def test_a_child_makes_its_own(database: Database) -> None:
    def child() -> None:
        with pytest.raises(InterfaceError, match="forked"):
            database.connect()
        with exdbsql.connect() as con:
            con.execute("CREATE TABLE mine (id integer)")
            assert con.execute("SELECT count(*) FROM mine").fetchall() == [(0,)]

    assert status_of_child(child) == 0
    database.connect().close()


def test_forking_beside_commits(database: Database) -> None:
    """Whatever lock another thread holds at that moment, no child waits for it."""
    done = threading.Event()

    def write() -> None:
        with database.connect() as con:
            con.autocommit = True
            n = 0
            while not done.is_set():
                n += 1
                con.execute("INSERT INTO t (id) VALUES (?)", (n,))

    def child() -> None:
        with pytest.raises(InterfaceError):
            database.connect()
        database.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert [status_of_child(child) for _ in range(10)] == [0] * 10
    finally:
        done.set()
        thread.join()
