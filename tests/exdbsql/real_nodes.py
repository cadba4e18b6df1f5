"""Real nodes on loopback in one process: each with a listener thread and a database, started and ended one by one."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import exdbsql as exdb
from exdbsql import api
from exdbsql.connection import Connection
from exdbsql.database import Database

DEADLINE_S = 30.0
"""Generous: reached only when something is wrong."""

SCHEMA = """
CREATE TABLE t (id integer PRIMARY KEY, name text);
CREATE DISTRIBUTED TABLE x (id text PRIMARY KEY, v integer);
CREATE LOCAL TABLE l (id integer PRIMARY KEY);
"""


def free_addresses(count: int) -> list[str]:
    """Addresses on loopback that nobody uses now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    finally:
        for one in sockets:
            one.close()


def eventually(condition: Callable[[], object], what: str = "") -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"not within {DEADLINE_S} s: {what or condition}"
        time.sleep(0.005)


class Nodes:
    """Databases by node id, and their listeners.

    Attributes:
        addresses: by node id.
        errors: by node id, what `listen()` raised.
    """

    def __init__(self, folder: Path, ranks: Sequence[int], schema: str, **common: Any) -> None:
        self.folder = folder
        self.ranks = list(ranks)
        self.addresses = free_addresses(len(ranks))
        self.schema = schema
        self.common = common
        self.databases: dict[int, Database] = {}
        self.listeners: dict[int, threading.Thread] = {}
        self.errors: dict[int, BaseException] = {}

    def params(self, node_id: int, **more: Any) -> exdb.ClusterParams:
        """The parameters of one node; all know the same list unless told otherwise."""
        nodes = [exdb.ClusterNodeParams(a, r) for a, r in zip(self.addresses, self.ranks, strict=True)]
        values = {"nwtype": "TCP", "nodeId": node_id, "nodes": nodes, "nwparams": {"connectInterval": 20}}
        return exdb.ClusterParams(**(values | self.common | more))

    def start(self, node_id: int, schema: str | None = None, **more: Any) -> Database:
        """Open a node's database, and have it listen."""
        dictionary = exdb.load_dictionary(schema or self.schema)
        folder = self.folder / str(node_id)
        database = exdb.open_database(f"node{node_id}", dictionary, self.params(node_id, **more), state_dir=folder)
        self.databases[node_id] = database
        listener = threading.Thread(target=self._listen, args=(node_id, database), daemon=True)
        self.listeners[node_id] = listener
        listener.start()
        return database

    def _listen(self, node_id: int, database: Database) -> None:
        con = database.connect()
        try:
            con.listen()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.errors[node_id] = error

    def crash(self, node_id: int) -> None:
        """End a node as a crash would: the others see its connections close."""
        self.databases.pop(node_id).close()
        self.listeners.pop(node_id).join(DEADLINE_S)

    def connect(self, node_id: int) -> Connection:
        """A connection with autocommit."""
        con = self.databases[node_id].connect()
        con.autocommit = True
        return con

    def ready(self, *node_ids: int) -> None:
        """Wait until these nodes, or all, are synchronised members of a quorum."""
        for node_id in node_ids or self.databases:
            self.databases[node_id].wait_ready()

    def on_all(self, work: Callable[[Connection], object]) -> dict[int, object]:
        """Run `work` on every node at once, each with a connection; results, or errors, by node."""
        results: dict[int, object] = {}

        def run(node_id: int) -> None:
            try:
                with self.connect(node_id) as con:
                    results[node_id] = work(con)
            except BaseException as error:  # noqa: BLE001 - the test looks at it
                results[node_id] = error

        threads = [threading.Thread(target=run, args=(node_id,), daemon=True) for node_id in self.databases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * DEADLINE_S)
        return results


@contextmanager
def nodes(
    folder: Path, ranks: Sequence[int] = (1, 1), schema: str = SCHEMA, start: bool = True, **common: Any
) -> Iterator[Nodes]:
    """Nodes that are ready, ended at the end whatever happened."""
    before = api._runtime
    api.init_runtime(is_debug=True, cluster=True)
    made = Nodes(folder, ranks, schema, **common)
    try:
        if start:
            for node_id in range(len(ranks)):
                made.start(node_id)
            made.ready()
        yield made
    finally:
        for node_id in list(made.databases):
            made.crash(node_id)
        api._runtime = before
