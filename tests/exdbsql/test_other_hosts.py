"""A target with several hosts: what becomes of a transaction whose node is lost, and where the next one goes."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from exdbsql.address import Address
from exdbsql.client import connect_remote
from exdbsql.commit_names import NamedCommits, name_of, new_process, new_session, read_name, text_of
from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.schema.errors import (
    CommitOutcomeUnknownError,
    InterfaceError,
    NoQuorumError,
    OperationalError,
    ProgrammingError,
)
from exdbsql.service import SqlService

from .real_nodes import DEADLINE_S, eventually, nodes

OPTIONS = "connect_timeout=2&heartbeat=0.25&heartbeat_timeout=2"


class Line:
    """A line to a service that can fail in the middle of a commit.

    Attributes:
        fails: "" for never; "before": a commit does not arrive; "behind": it does, and nothing comes back. Nothing goes either way from then on.
    """

    def __init__(self, to: Address) -> None:
        self.fails = ""
        self._is_cut = False
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                node = socket.create_connection((self._to.host, self._to.port))
                self._sockets += [client, node]
                for way in ((client, node, True), (node, client, False)):
                    thread = threading.Thread(target=self._carry, args=way, daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _carry(self, source: socket.socket, target: socket.socket, is_request: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                passes = not self._is_cut
                if is_request and self.fails and b"commit" in data:
                    self._is_cut = True
                    passes = self.fails == "behind"
                if passes:
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for one in (*self._sockets, self._listener):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(DEADLINE_S)


@contextmanager
def served(databases: list[Database]) -> Iterator[list[SqlService]]:
    services = [SqlService(database, Address("127.0.0.1", 0), workers=4) for database in databases]
    for service in services:
        service.start()
    try:
        yield services
    finally:
        for service in services:
            service.stop()


class Two:
    """Two nodes with services; clients reach the first by a line that can fail."""

    def __init__(self, services: list[SqlService]) -> None:
        self.services = services
        self.line = Line(services[0].address)
        self.target = f"exdb://{self.line.address},{services[1].address}/?{OPTIONS}"

    def connect(self) -> Connection:
        return Connection(connect_remote(self.target))

    def rows(self) -> list[tuple[object, ...]]:
        """What is committed anywhere, as the second node has it."""
        with Connection(connect_remote(f"exdb://{self.services[1].address}/")) as con:
            con.execute("SET read_consistency = linearizable")
            return con.execute("SELECT id FROM t ORDER BY id").fetchall()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    with nodes(tmp_path) as running, served([running.databases[0], running.databases[1]]) as services:
        made = Two(services)
        yield made
        made.line.close()


def insert(number: int) -> Callable[[Connection], tuple[str, int | None]]:
    """A transaction that inserts a number; gives where it ran."""

    def work(con: Connection) -> tuple[str, int | None]:
        con.execute("INSERT INTO t (id) VALUES (?)", (number,))
        return con.target_description

    return work


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_commit_whose_answer_is_lost_is_asked_after_at_the_next_host(two: Two, autocommit: bool) -> None:
    con = two.connect()
    con.autocommit = autocommit
    assert con.run_transaction(insert(1)) == ("node0", 0)
    two.line.fails = "behind"
    assert con.run_transaction(insert(2)) == ("node0", 0)  # it ran once, there
    assert con.target_description == ("node1", 1)
    assert con.autocommit is autocommit
    assert con.run_transaction(insert(3)) == ("node1", 1)
    assert two.rows() == [(1,), (2,), (3,)]


def test_a_commit_that_never_arrived_is_not_repeated(two: Two) -> None:
    con = two.connect()
    two.line.fails = "before"
    with pytest.raises(CommitOutcomeUnknownError) as caught:
        con.run_transaction(insert(1), retries=3)
    assert con.transaction_state == "idle"
    assert con.transaction_status(caught.value.transaction_id) == "unknown"
    assert two.rows() == []


def test_without_run_transaction_the_program_asks(two: Two) -> None:
    con = two.connect()
    con.execute("INSERT INTO t (id) VALUES (1)")
    two.line.fails = "behind"
    with pytest.raises(CommitOutcomeUnknownError) as caught:
        con.commit()
    assert (caught.value.sqlstate, con.transaction_state) == ("08007", "disconnected")
    transaction_id = caught.value.transaction_id
    for service in two.services:
        with Connection(connect_remote(f"exdb://{service.address}/")) as other:
            eventually(lambda other=other: other.transaction_status(transaction_id) == "committed")
            shown = other.execute(f"SHOW TRANSACTION STATUS '{transaction_id}'").fetchall()
            assert shown == [("committed",)]
    with pytest.raises(InterfaceError, match="closed"):
        con.execute("SELECT 1")


@pytest.mark.parametrize("text", ["COMMIT", " -- over\n/* now */ end"])
def test_commit_as_a_statement_is_no_less_unknown(two: Two, text: str) -> None:
    con = two.connect()
    con.execute("INSERT INTO t (id) VALUES (1)")
    two.line.fails = "behind"
    with pytest.raises(CommitOutcomeUnknownError) as caught:
        con.execute(f"{text} -- commit")
    with Connection(connect_remote(f"exdb://{two.services[1].address}/")) as other:
        eventually(lambda: other.transaction_status(caught.value.transaction_id) == "committed")


def test_a_statement_of_its_own_that_is_lost_is_named_too(two: Two) -> None:
    con = two.connect()
    con.autocommit = True
    two.line.fails = "behind"
    with pytest.raises(CommitOutcomeUnknownError) as caught:
        con.executemany("INSERT INTO t (id, name) VALUES (?, ?)", [(1, "commit"), (2, "commit")])
    with Connection(connect_remote(f"exdb://{two.services[1].address}/")) as other:
        eventually(lambda: other.transaction_status(caught.value.transaction_id) == "committed")
    assert two.rows() == [(1,), (2,)]


def test_a_node_that_shuts_down_hands_its_clients_on(two: Two) -> None:
    con = Connection(connect_remote(f"exdb://{two.services[0].address},{two.services[1].address}/?{OPTIONS}"))
    tries = []

    def work(con: Connection) -> None:
        con.execute("INSERT INTO t (id) VALUES (1)")
        tries.append(con.target_description)
        if len(tries) == 1:
            stopping = threading.Timer(0.2, two.services[0].stop)
            stopping.start()
            con.execute("SELECT count(*) FROM generate_series(1, 100000) AS a(x), generate_series(1, 100000) AS b(y)")

    con.run_transaction(work)
    assert tries == [("node0", 0), ("node1", 1)]
    assert two.rows() == [(1,)]


def test_what_a_session_has_set_holds_at_the_next_host(two: Two) -> None:
    con = two.connect()
    con.execute("SET default_transaction_isolation = 'serializable'")
    con.execute("SET application_name = 'it''s me'")
    con.commit()
    con.execute("SET statement_timeout = '1min'")
    con.rollback()
    cursor = con.cursor()
    two.line.fails = "behind"
    con.run_transaction(insert(1))
    for name, value in (
        ("transaction_isolation", "serializable"),
        ("application_name", "it's me"),
        ("statement_timeout", "0"),
    ):
        assert cursor.execute(f"SHOW {name}").fetchall() == [(value,)]
    assert con.target_description == ("node1", 1)


@pytest.mark.parametrize("statement", ["CREATE TEMP TABLE mine (id integer)", "SET work_mem = '1GB'"])
def test_a_session_that_no_other_could_be_like_is_not_replaced(two: Two, statement: str) -> None:
    """What it made or set in the transaction itself would be missing behind its commit."""
    con = two.connect()

    def work(con: Connection) -> None:
        con.execute(statement)
        con.execute("INSERT INTO t (id) VALUES (1)")
        two.line.fails = "behind"

    with pytest.raises(CommitOutcomeUnknownError):
        con.run_transaction(work)
    assert con.transaction_state == "disconnected"


def test_the_rest_of_a_result_does_not_come_from_another_node(two: Two) -> None:
    con = two.connect()
    series = con.execute("SELECT x FROM generate_series(1, 10000) AS s(x)")
    assert series.fetchone() == (1,)
    con.rollback()
    two.line.fails = "behind"
    con.run_transaction(insert(1))
    con.execute("SELECT x + 5 FROM generate_series(1, 10000) AS s(x)")
    with pytest.raises(InterfaceError, match="this result came by was lost"):
        series.fetchall()


def test_where_nobody_else_answers_the_loss_is_said(two: Two) -> None:
    con = two.connect()
    two.services[1].stop()

    def work(con: Connection) -> None:
        con.execute("SELECT 1")
        two.line.close()
        con.execute("SELECT 2")

    with pytest.raises(OperationalError) as caught:
        con.run_transaction(work, retries=2)
    assert caught.value.sqlstate == "08006"
    assert con.transaction_state == "disconnected"


def test_a_host_without_a_quorum_is_not_gone_on_at(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """It could not say whether it has everything that was committed."""
    con = two.connect()
    replication = two.services[1].database.replication
    asked = []

    def refuse() -> None:
        asked.append(1)
        raise NoQuorumError("ranks present 1 of 2")

    monkeypatch.setattr(replication, "read_mark", refuse)
    two.line.fails = "behind"
    with pytest.raises(CommitOutcomeUnknownError):
        con.run_transaction(insert(1), retries=2)
    assert len(asked) >= 1
    assert con.transaction_state == "disconnected"


def test_names_of_commits() -> None:
    session = new_session()
    name = name_of(session, 77)
    assert read_name(text_of(name)) == name
    assert name_of(session, 78) != name
    for other in ("c-", "c-zz", text_of(name)[:-2], text_of(new_process() + name[8:]), "0-7-1", ""):
        assert read_name(other) is None


def test_a_name_that_is_none_is_refused(two: Two) -> None:
    with pytest.raises((OperationalError, ProgrammingError), match="c-zz"):
        two.connect().transaction_status("c-zz")


def test_the_latest_names_are_kept() -> None:
    kept = NamedCommits(kept=10)
    session = new_session()
    names = [name_of(session, number) for number in range(100)]
    for name in names:
        kept.add(name)
        kept.add(new_process() + name[8:])
    assert [kept.status(name) for name in names[-5:]] == ["committed"] * 5
    assert kept.status(names[0]) == "unknown"
    assert len(kept._names) <= 10
