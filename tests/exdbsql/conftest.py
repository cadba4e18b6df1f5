"""Databases and connections for the tests of the public face, and a model of a cluster's log."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from exdbsql.address import Address
from exdbsql.api import load_dictionary
from exdbsql.client import connect_remote
from exdbsql.cluster.state_machine import Origin
from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.replication import Replication
from exdbsql.schema.errors import ClusterStoppedError, CommitOutcomeUnknownError, NoQuorumError
from exdbsql.service import SqlService

SCHEMA = """
CREATE TABLE t (id integer PRIMARY KEY, name text, price numeric(10, 2) DEFAULT 1.50 CHECK (price >= 0));
CREATE LOCAL TABLE scratch (id integer PRIMARY KEY, note text);
CREATE DISTRIBUTED TABLE d (id integer PRIMARY KEY, note text);
"""

Connect = Callable[[], Connection]


@pytest.fixture
def database() -> Iterator[Database]:
    """A database in no cluster."""
    with Database("test", Engine(load_dictionary(SCHEMA), debug=True)) as opened:
        yield opened


@pytest.fixture
def service(database: Database) -> Iterator[SqlService]:
    """The database, served on a free port of loopback."""
    running = SqlService(database, Address("127.0.0.1", 0), workers=4, max_connections=50, frame_limit=4 * 1024 * 1024)
    running.start()
    yield running
    running.stop()


@pytest.fixture(params=["embedded", "remote"])
def connect(request: pytest.FixtureRequest, database: Database) -> Iterator[Connect]:
    """Makes connections to one database: in this process, and over the network."""
    made: list[Connection] = []
    if request.param == "remote":
        service = request.getfixturevalue("service")

    def make() -> Connection:
        con = (
            database.connect()
            if request.param == "embedded"
            else Connection(connect_remote(f"exdb://{service.address}/"))
        )
        made.append(con)
        return con

    yield make
    for con in made:
        if not con.closed:
            con.close()


@pytest.fixture
def con(connect: Connect) -> Connection:
    """One connection."""
    return connect()


class ModelLog:
    """A replicated log in one process: every submitted command is applied by every node at once, in one order.

    Attributes:
        submitted: how many commands came.
        has_quorum: what `require_quorum` finds.
        lose_answer: the next submit is applied, and its answer lost.
        lose_command: the next submit is lost, and nobody knows it.
        skip_origin: the next submit is applied by the other nodes, and its origin is told only that it was committed.
    """

    def __init__(self) -> None:
        self.nodes: list[ModelNode] = []
        self.entries: list[tuple[Origin, bytes]] = []
        self.submitted = 0
        self.has_quorum = True
        self.lose_answer = self.lose_command = self.skip_origin = False
        self.lock = threading.RLock()

    def append(self, origin: Origin, command: bytes) -> object:
        with self.lock:
            self.submitted += 1
            self.entries.append((origin, command))
            results = {}
            skipped = origin.node_id if self.skip_origin else None
            for node in self.nodes:
                if node.node_id == skipped:
                    continue
                results[node.node_id] = node.replication.apply(len(self.entries), origin, command)
            assert len({repr(r) for r in results.values()}) == 1, f"verdicts differ (R2): {results}"
            return results.get(origin.node_id)


class ModelNode:
    """What `Replication` needs of a cluster node, over a ModelLog."""

    def __init__(self, log: ModelLog, node_id: int, replication: Replication) -> None:
        self.log = log
        self.node_id = node_id
        self.replication = replication
        self.stopped = False
        self.count = 0
        self.status: dict[str, str] = {}
        log.nodes.append(self)

    def submit(self, command: bytes) -> object:
        self.require_quorum()
        self.count += 1
        if self.log.lose_command:
            self.log.lose_command = False
            transaction_id = f"{self.node_id}-7-{self.count}"
            self.status[transaction_id] = "unknown"
            raise CommitOutcomeUnknownError("nobody knows", transaction_id=transaction_id)
        result = self.log.append(Origin(self.node_id, 7, self.count), command)
        if self.log.lose_answer:
            self.log.lose_answer = False
            transaction_id = f"{self.node_id}-7-{self.count}"
            self.status[transaction_id] = "void" if isinstance(result, Exception) else "committed"
            raise CommitOutcomeUnknownError("the answer was lost", transaction_id=transaction_id)
        return result

    def ask(self, command: bytes) -> object:
        return self.submit(command)

    def require_quorum(self) -> None:
        if self.stopped:
            raise ClusterStoppedError("stopped")
        if not self.log.has_quorum:
            raise NoQuorumError("ranks present 1 of 3")

    def wait_ready(self, timeout: float | None = None) -> None:
        self.require_quorum()

    def transaction_status(self, transaction_id: str) -> str:
        return self.status.get(transaction_id, "unknown")

    def stop(self) -> None:
        self.stopped = True

    def descriptors(self) -> list[int]:
        return []

    def close(self) -> None:
        self.stopped = True

    def refuse_in_callback(self, call: str) -> None:
        pass


@pytest.fixture
def log() -> ModelLog:
    """The log of the model cluster."""
    return ModelLog()


@pytest.fixture
def nodes(log: ModelLog) -> Iterator[list[Database]]:
    """Three databases over one ModelLog."""
    made = []
    for node_id in range(3):
        engine = Engine(load_dictionary(SCHEMA), debug=True)
        replication = Replication(engine, node_id)
        replication.attach_node(ModelNode(log, node_id, replication))
        made.append(Database(f"node{node_id}", engine, replication))
    yield made
    for database in made:
        database.close()


def query(con: Any, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    """All rows of one statement."""
    return con.execute(sql, parameters).fetchall()


@pytest.fixture(name="query")
def query_fixture() -> Callable[..., list[tuple[Any, ...]]]:
    """`query`, for the test modules."""
    return query
