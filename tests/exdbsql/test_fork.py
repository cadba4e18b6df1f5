"""A forked process can use nothing that its parent has open, is told so, and leaves the parent alone."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import exdbsql
from exdbsql.address import Address
from exdbsql.client import connect_remote
from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.forking import let_go
from exdbsql.schema.errors import InterfaceError, OperationalError
from exdbsql.service import SqlService

from .real_nodes import DEADLINE_S, eventually, nodes

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


def sockets_here() -> set[str]:
    """The sockets and polls that this process has, by what they are called in /proc."""
    folder = Path("/proc/self/fd")
    kinds = ("socket:", "anon_inode:[eventpoll]")
    found = set()
    for name in os.listdir(folder):
        try:
            target = os.readlink(folder / name)
        except OSError:  # that of listing the folder
            continue
        if target.startswith(kinds):
            found.add(f"{name} {target}")
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc here")
def test_a_child_has_no_socket_of_its_parents_nodes(tmp_path: Path) -> None:
    before = sockets_here()
    with nodes(tmp_path) as running:
        service = SqlService(running.databases[0], Address("127.0.0.1", 0), workers=4)
        service.start()
        client = Connection(connect_remote(f"exdb://{service.address}/"))
        paused = Connection(connect_remote(f"exdb://{service.address}/"))
        for link in service.links:  # one that is not read from is in no poll
            assert link._transport is not None
            link._transport.pause_reading()
        assert len(sockets_here() - before) > 10

        def child() -> None:
            assert sockets_here() <= before
            with pytest.raises(InterfaceError, match="forked"):
                running.databases[0].connect()
            with pytest.raises(InterfaceError, match="forked"):
                client.execute("SELECT 1")
            running.databases[0].close()
            service.stop()

        assert status_of_child(child) == 0
        for link in service.links:
            assert link._transport is not None
            link._transport.resume_reading()
        with running.connect(1) as other:
            other.execute("INSERT INTO t VALUES (1, 'after')")
        for con in (client, paused):
            eventually(lambda con=con: con.execute("SELECT name FROM t").fetchall() == [("after",)] or con.rollback())
            con.close()
        service.stop()


PARENT = """
import os, sys, time
import exdbsql
from exdbsql.address import Address
from exdbsql.api import load_dictionary
from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.service import SqlService

database = Database("parent", Engine(load_dictionary("CREATE TABLE t (id integer)")))
with database.connect() as con:
    con.create_function("wait", [], "integer", lambda: time.sleep(3600))
service = SqlService(database, Address("127.0.0.1", 0))
service.start()
read, write = os.pipe()
child = os.fork()
if child == 0:
    os.write(write, b"!")
    sys.stdin.read()  # until the test is over
    os._exit(0)
os.read(read, 1)
print(os.getpid(), service.address.port, flush=True)
time.sleep(3600)
"""


def test_a_child_that_lives_on_hides_its_parents_end_from_nobody() -> None:
    """The client waits without a heartbeat: only the end of the connection can tell it. And the port is free again."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        pid, port = map(int, parent.stdout.readline().split())
        con = Connection(connect_remote(f"exdb://127.0.0.1:{port}/?heartbeat=0"))
        end = threading.Timer(0.5, os.kill, (pid, signal.SIGKILL))
        end.start()
        with pytest.raises(OperationalError) as caught:
            con.execute("SELECT wait()")
        assert caught.value.sqlstate == "08006"
        parent.wait(DEADLINE_S)
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", port))
            again.listen()
    finally:
        parent.kill()
        assert parent.stdin is not None
        parent.stdin.close()
        parent.wait(DEADLINE_S)


def test_numbers_that_were_let_go_stay_taken() -> None:
    """So that closing the object that has one does not close a file that came to it meanwhile."""

    def child() -> None:
        here, there = socket.socketpair()
        let_go([here.fileno(), -1, 10**6])
        with open(os.devnull) as file:
            assert file.fileno() != here.fileno()
            here.close()
            assert file.read() == ""
        there.setblocking(False)
        assert there.recv(1) == b""  # the other end is gone

    assert status_of_child(child) == 0
