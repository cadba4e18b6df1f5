"""Three real nodes on loopback, each with a listener thread and a database, in one process."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import exdbsql as exdb
from exdbsql import api
from exdbsql.address import Address
from exdbsql.client import connect_remote
from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.service import SqlService

from .real_nodes import eventually

SCHEMA = """
CREATE TABLE t (id integer PRIMARY KEY, name text);
CREATE DISTRIBUTED TABLE x (id text PRIMARY KEY);
CREATE DISTRIBUTED TABLE y (id text PRIMARY KEY);
CREATE LOCAL TABLE l (id integer PRIMARY KEY);
"""
Query = Callable[..., list[tuple[Any, ...]]]


def free_addresses(count: int) -> list[str]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Cluster:
    """Three databases and their listeners."""

    def __init__(self, folder: Path) -> None:
        api.init_runtime(is_debug=True, cluster=True)
        self.folder = folder
        self.addresses = free_addresses(3)
        self.databases: dict[int, Database] = {}
        self.listeners: dict[int, threading.Thread] = {}
        self.notes: dict[int, list[tuple[int, int]]] = {i: [] for i in range(3)}
        for node_id in range(3):
            self.start(node_id)

    def start(self, node_id: int) -> Database:
        notes = self.notes[node_id]
        params = exdb.ClusterParams(
            nwtype="TCP",
            nodeId=node_id,
            nodes=[exdb.ClusterNodeParams(address) for address in self.addresses],
            notifyCallback=lambda code, node: notes.append((code, node.node_id)),
        )
        database = exdb.open_database(
            f"node{node_id}", exdb.load_dictionary(SCHEMA), params, state_dir=self.folder / str(node_id)
        )
        self.databases[node_id] = database
        listener = threading.Thread(target=self._listen, args=(database,), daemon=True)
        self.listeners[node_id] = listener
        listener.start()
        return database

    @staticmethod
    def _listen(database: Database) -> None:
        con = database.connect()
        con.listen()
        con.close()

    def crash(self, node_id: int) -> None:
        self.databases.pop(node_id).close()
        self.listeners.pop(node_id).join(10)

    def connect(self, node_id: int) -> Connection:
        return self.databases[node_id].connect()

    def on_all(self, work: Callable[[Connection], None]) -> None:
        """Run `work` on every node at once, with a connection of its own."""
        errors: list[BaseException] = []

        def run(node_id: int) -> None:
            try:
                with self.connect(node_id) as con:
                    work(con)
            except BaseException as error:  # noqa: BLE001 - re-raised by the test as a failure
                errors.append(error)

        threads = [threading.Thread(target=run, args=(node_id,)) for node_id in self.databases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert errors == []

    def close(self) -> None:
        for node_id in list(self.databases):
            self.crash(node_id)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    before = api._runtime
    running = Cluster(tmp_path)
    yield running
    running.close()
    api._runtime = before


def test_the_program_of_the_reference(cluster: Cluster, query: Query) -> None:
    def work(con: Connection) -> None:
        node_id = con.info().node_id
        con.execute("INSERT INTO t VALUES (?, 'mine')", (node_id,))
        con.commit()
        con.barrier()
        assert query(con, "SELECT id FROM t ORDER BY id") == [(0,), (1,), (2,)]
        eventually(
            lambda: [node.node_id for node in con.active_nodes()] == [0, 1, 2]
        )  # nodes 1 and 2 may have met through 0
        con.barrier()  # nobody stops while another node still looks
        con.stop()

    cluster.on_all(work)
    for listener in cluster.listeners.values():
        listener.join(10)
        assert not listener.is_alive()
    with pytest.raises(exdb.ClusterStoppedError):
        cluster.connect(0).execute("INSERT INTO t VALUES (9, 'late')")


def test_two_nodes_change_one_row_and_one_wins(cluster: Cluster, query: Query) -> None:
    one, two = cluster.connect(0), cluster.connect(1)
    one.execute("INSERT INTO t VALUES (1, 'start')")
    one.commit()
    lost = 0
    for con in (one, two):
        while not query(con, "SELECT name FROM t WHERE id = 1"):
            con.rollback()
    for name, con in (("one", one), ("two", two)):
        con.execute("UPDATE t SET name = ? WHERE id = 1", (name,))
    for con in (one, two):
        try:
            con.commit()
        except exdb.ConflictError as error:
            lost += 1
            assert error.winner == 0
    assert lost == 1
    assert query(one, "SELECT name FROM t") == [("one",)]


def test_ddl_and_the_statements_about_the_cluster(cluster: Cluster, query: Query) -> None:
    con = cluster.connect(0)
    con.execute("CREATE TABLE made (a integer PRIMARY KEY)")
    con.execute("INSERT INTO made VALUES (1)")
    con.commit()
    assert {row[0] for row in query(con, "SHOW TABLES")} == {"t", "x", "y", "l", "made"}
    nodes = query(con, "SHOW NODES")
    assert [(row[0], row[2]) for row in nodes] == [(0, 1), (1, 1), (2, 1)]
    assert sum(row[4] == "leader" for row in nodes) == 1
    assert query(con, "SHOW QUORUM")[-1][:4] == ("sum", "", 3, 3)
    facts = dict(query(con, "SHOW CLUSTER"))
    assert (facts["node"], facts["can write to replicated tables"]) == ("0", "yes")


def test_the_worked_example_of_scatter_and_gather(cluster: Cluster, query: Query) -> None:
    """REFERENCE section 3, step by step, with the rows that travel."""
    a, b, c = (cluster.connect(node_id) for node_id in range(3))
    for con in (a, b, c):
        con.autocommit = True
    a.execute("INSERT INTO x VALUES ('x1')")
    b.execute("INSERT INTO x VALUES ('x2')")
    assert query(a, "SCATTER x TO 1") == [("x", 0, 1, 1)]
    assert query(b, "GATHER x FROM 0, 2") == []
    a.execute("INSERT INTO y VALUES ('y1')")
    assert query(a, "SCATTER TABLE x, y TO NODE 1, 2") == [("x", 0, 2, 1), ("y", 0, 1, 1), ("y", 0, 2, 1)]
    report = c.gather(["x", "y"], [0, 1])
    assert report.travelled == {("x", 1, 2): 1}
    assert query(c, "SELECT id FROM x ORDER BY id") == [("x1",), ("x2",)]
    assert query(a, "SELECT id FROM x") == [("x1",)]


def test_a_scatter_that_conflicts_changes_nothing_anywhere(cluster: Cluster, query: Query) -> None:
    a, b = cluster.connect(0), cluster.connect(1)
    for con, note in ((a, "of node 0"), (b, "of node 1")):
        con.autocommit = True
        con.execute("CREATE TABLE IF NOT EXISTS z (id text PRIMARY KEY, note text) DISTRIBUTED")
        con.execute("INSERT INTO z VALUES ('same', ?)", (note,))
    a.execute("INSERT INTO y VALUES ('y1')")
    with pytest.raises(exdb.ConflictError) as caught:
        a.execute("SCATTER y, z TO ALL")
    assert caught.value.table == "z"
    assert query(b, "SELECT * FROM y") == []
    assert query(b, "SELECT note FROM z") == [("of node 1",)]


def test_a_node_goes_comes_back_and_the_quorum_ends_with_the_second(cluster: Cluster, query: Query) -> None:
    con = cluster.connect(0)
    con.autocommit = True
    con.execute("INSERT INTO t VALUES (1, 'three nodes')")
    con.execute("CREATE TABLE made (a integer)")
    cluster.crash(2)
    con.execute("INSERT INTO t VALUES (2, 'two nodes')")
    cluster.start(2)
    back = cluster.connect(2)
    back.autocommit = True
    names = [("three nodes",), ("two nodes",)]
    assert query(back, "SELECT name FROM t ORDER BY id") == names, "the first read waits until it is synchronised"
    assert query(back, "SELECT * FROM made") == [], "with the dictionary as it is now"
    assert [note for note in cluster.notes[0] if note[1] == 2] == [(0, 2), (1, 2), (0, 2)]
    back.close()
    cluster.crash(2)
    cluster.crash(1)
    with pytest.raises((exdb.NoQuorumError, exdb.CommitOutcomeUnknownError)):
        for i in range(100):
            con.execute("INSERT INTO t VALUES (?, 'one node')", (10 + i,))
    with pytest.raises(exdb.NoQuorumError, match="1 of 3"):
        while True:
            con.execute("DELETE FROM t WHERE id = 1")
    con.execute("INSERT INTO l VALUES (1)")
    con.execute("INSERT INTO x VALUES ('alone')")
    assert query(con, "SELECT name FROM t WHERE id <= 2 ORDER BY id") == names


def test_the_same_over_the_network(cluster: Cluster, query: Query) -> None:
    services = [SqlService(cluster.databases[i], Address("127.0.0.1", 0), workers=4) for i in range(3)]
    for service in services:
        service.start()
    cons = [Connection(connect_remote(f"exdb://{service.address}/")) for service in services]
    try:
        for con in cons:
            con.autocommit = True
        assert [con.target_description for con in cons] == [(f"node{i}", i) for i in range(3)]
        cons[1].execute("INSERT INTO t VALUES (1, 'over the network')")
        for con in cons:
            eventually(lambda con=con: [node.addr for node in con.active_nodes()] == cluster.addresses)
        assert cons[0].info().n_active_nodes == 3
        cons[0].window = exdb.ClusterWindow(0, 10, 2)
        assert cons[0].window == exdb.ClusterWindow(0, 10, 2)
        cons[0].execute("INSERT INTO x VALUES ('x1')")
        assert cons[0].scatter().travelled == {("x", 0, 1): 1, ("x", 0, 2): 1}
        with pytest.raises(exdb.NotSupportedError):
            cons[0].listen()
        assert sorted(exdb.discover(cluster.addresses[1]), key=lambda n: n.node_id) == cons[0].active_nodes()
    finally:
        for con in cons:
            con.close()
        for service in services:
            service.stop()
