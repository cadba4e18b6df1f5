"""Every isolation script gives what it says: on one database, with the sessions spread over nodes, and over nodes that lag."""

import importlib.util
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import pytest

import exdbsql as exdb
from exdbsql import api
from exdbsql.cluster.state_machine import Origin
from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.replication import Replication
from exdbsql.schema.dictionary import Dictionary

HERE = Path(__file__).parent


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"isolation_{name}", HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


scripts = _load("scripts")
FILES = sorted((HERE / "scripts").glob("*/*.txt"))
every_script = pytest.mark.parametrize("file", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")


class ModelLog:
    """A replicated log in one process. A node applies entries up to its own at once; what the others wrote it may lag behind.

    Attributes:
        entries: the log.
        lags: whether nodes apply what others wrote only when they have to.
    """

    def __init__(self, *, lags: bool) -> None:
        self.entries: list[tuple[Origin, bytes]] = []
        self.lags = lags
        self.verdicts: dict[int, str] = {}
        self.nodes = [ModelNode(self, node_id) for node_id in range(3)]

    def append(self, origin: Origin, command: bytes) -> object:
        self.entries.append((origin, command))
        outcome = self.nodes[origin.node_id].catch_up()
        if not self.lags:
            self.catch_up()
        return outcome

    def catch_up(self) -> None:
        for node in self.nodes:
            node.catch_up()


class ModelNode:
    """A database, and what its `Replication` needs of a cluster node."""

    def __init__(self, log: ModelLog, node_id: int) -> None:
        self.log = log
        self.node_id = node_id
        self.numbers = iter(range(1, 1_000_000))
        self.applied = 0
        engine = Engine(Dictionary(), debug=True)
        self.replication = Replication(engine, node_id)
        self.replication.attach_node(self)
        self.database = Database(f"node{node_id}", engine, self.replication)

    def catch_up(self) -> object:
        outcome: object = None
        for position in range(self.applied + 1, len(self.log.entries) + 1):
            origin, command = self.log.entries[position - 1]
            outcome = self.replication.apply(position, origin, command)
            assert self.log.verdicts.setdefault(position, repr(outcome)) == repr(outcome), "verdicts differ (R2)"
        self.applied = len(self.log.entries)
        return outcome

    def submit(self, command: bytes) -> object:
        return self.log.append(Origin(self.node_id, 1, next(self.numbers)), command)

    def ask(self, command: bytes) -> object:
        return self.submit(command)

    def require_quorum(self) -> None:
        pass

    def wait_ready(self, timeout: float | None = None) -> None:
        pass

    def transaction_status(self, transaction_id: str) -> str:
        return "unknown"

    def descriptors(self) -> list[int]:
        return []

    def close(self) -> None:
        pass


def spread(databases: list[Database]) -> Callable[[str], Connection]:
    """Each session on the next node."""
    turn = cycle(databases)
    return lambda _: next(turn).connect()


@every_script
def test_embedded(file: Path) -> None:
    with Database("test", Engine(Dictionary(), debug=True)) as database:
        text = file.read_text()
        assert scripts.Run(text, lambda _: database.connect()).text == text
        assert database.engine.recent.entries is None
        assert len(database.engine.snapshots) == 0


@every_script
def test_across_nodes_that_follow_at_once(file: Path) -> None:
    log = ModelLog(lags=False)
    text = file.read_text()
    assert scripts.Run(text, spread([node.database for node in log.nodes])).text == text


@every_script
def test_across_nodes_that_lag(file: Path) -> None:
    """Answers may be older here; the promise holds all the same, and all nodes end alike."""
    log = ModelLog(lags=True)
    text = file.read_text()
    setup_left = deque(line for line in text.splitlines() if line.startswith("setup>"))

    def catch_up_while_setting_up() -> None:
        if setup_left:
            setup_left.popleft()
        else:
            log.lags = True

    log.lags = False
    run = scripts.Run(text, spread([node.database for node in log.nodes]), catch_up_while_setting_up)
    assert len(run.committed & scripts.at_most_one(text)) <= 1
    log.catch_up()
    ends = [tables_of(node.database) for node in log.nodes]
    assert ends[0] == ends[1] == ends[2]


def tables_of(database: Database) -> dict[str, list[Any]]:
    transaction = database.engine.begin()
    try:
        return {name: sorted(transaction.rows(store)) for name, store in database.engine.tables.items()}
    finally:
        transaction.end()


class Cluster:
    """Three real nodes on loopback, in this process."""

    def __init__(self, folder: Path, addresses: list[str]) -> None:
        api.init_runtime(is_debug=True, cluster=True)
        nodes = [exdb.ClusterNodeParams(address) for address in addresses]
        self.databases = [
            exdb.open_database(
                f"isolation{node_id}",
                exdb.load_dictionary(""),
                exdb.ClusterParams(nwtype="TCP", nodeId=node_id, nodes=nodes),
                state_dir=folder / str(node_id),
            )
            for node_id in range(3)
        ]
        self.listeners = [Thread(target=self._listen, args=(one,), daemon=True) for one in self.databases]
        for listener in self.listeners:
            listener.start()
        for database in self.databases:
            database.wait_ready()

    @staticmethod
    def _listen(database: Database) -> None:
        con = database.connect()
        con.listen()
        con.close()

    def wait_until_equal(self) -> None:
        """Until every node has applied what one of them has."""
        target = max(database.engine.applied_position for database in self.databases)
        while min(database.engine.applied_position for database in self.databases) < target:
            time.sleep(0.0005)

    def close(self) -> None:
        for database in self.databases:
            database.close()
        for listener in self.listeners:
            listener.join(10)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The three nodes, for all scripts."""
    import socket

    sockets = [socket.socket() for _ in range(3)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    made = Cluster(tmp_path_factory.mktemp("isolation"), addresses)
    yield made
    made.close()


@every_script
def test_across_real_nodes(file: Path, cluster: Cluster) -> None:
    text = file.read_text()
    try:
        assert scripts.Run(text, spread(cluster.databases), cluster.wait_until_equal).text == text
    finally:
        cluster.wait_until_equal()
        con = cluster.databases[0].connect()
        con.autocommit = True
        for name in list(cluster.databases[0].engine.tables):
            con.execute(f"DROP TABLE {name}")
        con.close()
        cluster.wait_until_equal()
