"""Connecting, cancelling, and what is said when the line breaks."""

import os
import signal
import threading

import pytest
from shell_fake import FakeServer

from exdbsql.schema.errors import CommitOutcomeUnknownError, InternalError, OperationalError
from exdbsql.shell.link import CannotConnectError, ConnectionLostError, Link, fate_of_transaction


@pytest.fixture
def link(server: FakeServer):
    link = Link("fake:1", server.connect, embedded=False)
    yield link
    link.close()


def test_nobody_there(server, link):
    server.refuses = ConnectionRefusedError("connection refused")
    with pytest.raises(CannotConnectError, match="cannot connect to fake:1: connection refused"):
        link.open()
    assert link.transaction_state == "disconnected"


def test_the_address_is_said_once(server, link):
    server.refuses = OperationalError("no node answers at fake:1: Connection refused", sqlstate="08001")
    with pytest.raises(CannotConnectError) as caught:
        link.open()
    assert str(caught.value) == "cannot connect to fake:1: Connection refused"


def test_a_session_is_in_autocommit_and_states_pass_through(server, link):
    link.open()
    assert link.transaction_state == "idle"
    link.execute("BEGIN")
    assert link.transaction_state == "open"
    assert link.description == ("fakedb", 0)


def test_an_error_of_a_statement_is_no_loss(server, link):
    server.answers["BAD"] = OperationalError("bad", sqlstate="55000")
    with pytest.raises(OperationalError):
        link.execute("BAD")
    assert link.is_open


def test_a_fault_of_the_database_is_an_error_like_others(server, link):
    server.answers["BUG"] = KeyError("surprise")
    with pytest.raises(InternalError, match="KeyError: 'surprise'"):
        link.execute("BUG")
    assert link.is_open


def test_a_lost_connection_says_what_became_of_the_transaction_and_comes_back(server, link):
    link.execute("BEGIN")
    server.breaks_at = "SELECT 1"
    with pytest.raises(ConnectionLostError) as caught:
        link.execute("SELECT 1")
    assert caught.value.fate == "The open transaction was rolled back: nothing of it was kept."
    assert link.transaction_state == "disconnected"
    assert link.execute("SELECT 1").rows == [(1,)]
    assert link.transaction_state == "idle"


def test_fates():
    error = EOFError()
    assert fate_of_transaction("idle", "SELECT 1", error) == "No transaction was open: nothing is lost."
    assert "not known" in fate_of_transaction("idle", "insert into t values (1)", error)
    assert "rolled back" in fate_of_transaction("open", "INSERT INTO t VALUES (1)", error)
    assert "not known" in fate_of_transaction("open", "-- now\nCOMMIT", error)
    assert "not known" in fate_of_transaction("idle", "WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", error)
    unknown = CommitOutcomeUnknownError("?", transaction_id="7-1-3")
    assert "7-1-3" in fate_of_transaction("open", "COMMIT", unknown)
    assert "7-1-3" in fate_of_transaction("idle", "DELETE FROM t", unknown)
    assert fate_of_transaction("idle", "SELECT 1", unknown) == "No transaction was open: nothing is lost."


def interrupt_when(event: threading.Event) -> None:
    """Press Ctrl-C, as far as Python is concerned, once `event` is set."""

    def press() -> None:
        event.wait(30)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()


def test_ctrl_c_cancels_the_statement_and_keeps_the_connection(server, link):
    link.open()
    interrupt_when(server.hanging)
    with pytest.raises(OperationalError) as caught:
        link.execute("HANG")
    assert caught.value.sqlstate == "57014"
    assert link.execute("SELECT 1").rows == [(1,)]


def test_background_work_queues_behind_statements(link):
    link.open()
    future = link.in_background(lambda connection: connection.session.execute("SELECT 1").rows)
    assert future is not None
    assert future.result(timeout=30) == [(1,)]
