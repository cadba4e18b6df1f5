"""One process, one node: cluster listener and SQL service, from one configuration file, until it is told to stop.

The order of things matters. The SQL port is taken first, so that a port in use is found before other nodes see this one.
The listener gets a thread; when it ends by itself (another process has this node's id, the dictionary differs, the
cluster was stopped) the process ends too, with its reason. On SIGTERM and SIGINT the service ends first: statements
that run are stopped, open transactions rolled back, clients told; then the node leaves, handing leadership over, so that
the others go on without waiting for a time-out.
"""

import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from exdbsql.address import parse_address
from exdbsql.api import join_cluster
from exdbsql.cluster.information import NodeInfo
from exdbsql.config import NodeConfig
from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.schema.files import canonical, load_schema
from exdbsql.service import SqlService

SWITCH_INTERVAL_S: Final = 0.001
"""How long a statement's thread may hold the interpreter while the listener waits: the default, 5 ms, is much for a
heartbeat or a commit of another node."""

FILES_BESIDE_CLIENTS: Final = 256
"""Open files that a node needs for itself: other nodes, logs, modules."""

START_TIMEOUT_S: Final = 5.0
"""How long a client's first statement on a replicated table waits while the node is not a member yet."""


def serve(config: NodeConfig, *, say: Callable[[str], None] | None = None) -> None:
    """Run a node until SIGTERM or SIGINT, or until the cluster is stopped. Call it in the main thread.

    Args:
        config: what :func:`~exdbsql.config.load_config` gave.
        say: gets lines for people; standard output where it is None.

    Raises:
        Error: the node cannot start or go on: a schema with a mistake, a port in use, an id that is taken, another
            dictionary than the cluster's. The message says which.
    """
    NodeProcess(config, say or _print).run()


def _print(line: str) -> None:
    print(line, flush=True)


class NodeProcess:
    """The parts of a running node."""

    def __init__(self, config: NodeConfig, say: Callable[[str], None]) -> None:
        self._config = config
        self._say = say
        self._end = threading.Event()
        self._failure: BaseException | None = None
        self.database = open_configured(config, self._notify)
        self.service = SqlService(
            self.database,
            parse_address(config.sql.listen, lowest_port=0),
            workers=config.sql.workers,
            max_connections=config.sql.max_connections,
            frame_limit=config.sql.max_frame_size,
            server_files=config.sql.server_files,
        )

    def run(self) -> None:
        """Serve until the end; see :func:`serve`."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        allow_files(self._config.sql.max_connections + FILES_BESIDE_CLIENTS)
        with _signals(self._stop_on_signal):
            self.service.start()
            self._greet()
            listener = threading.Thread(target=self._listen, name="exdbsql-listener", daemon=True)
            if self.database.replication is not None:
                listener.start()
            try:
                while not self._end.wait(1.0):  # a bound, because a wait without one holds signals up on some systems
                    pass
            finally:
                self.service.stop()
                self.database.close()
                if listener.ident is not None:
                    listener.join(10.0)
        if self._failure is not None:
            raise self._failure
        self._say(f"{self._name} has stopped")

    @property
    def _name(self) -> str:
        node_id = self.database.node_id
        return self.database.name if node_id is None else f"{self.database.name}, node {node_id},"

    def _greet(self) -> None:
        self._say(f"{self._name} serves SQL at {self.service.address}")
        cluster = self._config.cluster
        if cluster is not None:
            self._say(f"{self._name} takes part in its cluster at {cluster.nodes[cluster.nodeId].addr}")

    def _listen(self) -> None:
        connection = self.database.connect()
        try:
            connection.listen()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it ends the process, which raises it
            self._failure = error
        finally:
            self._end.set()

    def _stop_on_signal(self, number: int, frame: FrameType | None) -> None:
        self._end.set()

    def _notify(self, code: int, node: NodeInfo) -> None:
        self._say(f"node {node.node_id} at {node.addr} {'connected' if code == 0 else 'disconnected'}")


def open_configured(config: NodeConfig, notify: Callable[[int, NodeInfo], None] | None = None) -> Database:
    """The database of a configuration, with its cluster node where it has one; nothing listens yet.

    Raises:
        Error: the schema, or a parameter, is wrong.
    """
    name = config.database.name
    dictionary = load_schema(config.resolve(config.database.schema_file))
    engine = Engine(
        dictionary if config.cluster is None else canonical(dictionary),
        memory_limit=config.database.db_segment_size or None,
        debug=config.database.is_debug,
    )
    if config.cluster is None:
        return Database(name, engine)
    state_dir = config.database.state_dir
    folder = None if state_dir is None else config.resolve(state_dir)
    params = config.cluster.parameters(notify)
    return Database(name, engine, join_cluster(engine, name, params, folder, start_timeout_s=START_TIMEOUT_S))


def allow_files(wanted: int) -> int:
    """Raise this process's limit of open files to `wanted`, as far as the system lets it; the limit then in force.

    Each client takes one, and the usual limit of 1024 is below the usual `max_connections`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


@contextmanager
def _signals(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, handler) for number in numbers]
    try:
        yield
    finally:
        for number, old in zip(numbers, before, strict=True):
            signal.signal(number, old)
