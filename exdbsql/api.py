"""How a program starts: the runtime, the dictionary, the database (REFERENCE section 1), and `connect` for those in a
hurry (section 6).

`init_runtime` says once, for the whole process, which kinds of database there will be; the other calls are checked
against it, because a program that asks for a durable database and gets one in memory finds out too late. `connect`
needs none of that: without a target it makes a private in-memory database that goes with the connection.

What is not there yet raises NotSupportedError, naming it: durable databases (`is_disk`, a folder as target), shared
memory (`is_shm`), transaction managers other than MVCC.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import platformdirs

from exdbsql.address import is_remote_target, parse_address
from exdbsql.client import connect_remote
from exdbsql.cluster.discover import discover as discover_members
from exdbsql.cluster.information import NodeInfo
from exdbsql.cluster.node import ClusterNode
from exdbsql.cluster.parameters import ClusterParams, ModeMask, SslParameters
from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.exchange_store import ClusterExchangeStore
from exdbsql.replication import Replication
from exdbsql.schema import sqlstate as states
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import (
    InterfaceError,
    InternalError,
    InvalidParameterError,
    NotSupportedError,
    ProgrammingError,
)
from exdbsql.schema.files import canonical, load_schema

TRANSACTION_MANAGERS: Final = ("mvcc", "mursiw", "exclusive")


@dataclass(frozen=True, slots=True)
class Runtime:
    """What `init_runtime` was told."""

    is_disk: bool
    tmgr: str
    is_shm: bool
    is_debug: bool
    cluster: bool


_runtime: Runtime | None = None


def init_runtime(
    is_disk: bool = False, tmgr: str = "mvcc", is_shm: bool = False, is_debug: bool = False, cluster: bool = False
) -> None:
    """Set up the process; comes first, and once (again with other values only while no database depends on them).

    Args:
        is_disk: databases may be durable. Not there yet.
        tmgr: the transaction manager; "mvcc".
        is_shm: other processes may open the same database. Not there yet.
        is_debug: run the engine's and the cluster's invariant checks.
        cluster: databases may be opened with `clusterParams`.

    Raises:
        InvalidParameterError: a transaction manager that does not exist, or does not go with a cluster; a wrong type.
        NotSupportedError: something that is not there yet.
    """
    global _runtime
    for name, value in (("is_disk", is_disk), ("is_shm", is_shm), ("is_debug", is_debug), ("cluster", cluster)):
        _check_bool(name, value)
    if tmgr not in TRANSACTION_MANAGERS:
        raise InvalidParameterError(f"tmgr: {tmgr!r} is no transaction manager", hint='"mvcc"')
    if cluster and tmgr != "mvcc":
        raise InvalidParameterError(f'tmgr: only "mvcc" goes with cluster=True, not {tmgr!r}')
    if tmgr != "mvcc":
        raise NotSupportedError(f'the transaction manager {tmgr!r} is not supported; "mvcc" is')
    _refuse_what_is_missing(is_disk=is_disk, is_shm=is_shm)
    _runtime = Runtime(is_disk, tmgr, is_shm, is_debug, cluster)


def _check_bool(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidParameterError(f"{name}: expected True or False, got {type(value).__name__} {value!r}")


def _refuse_what_is_missing(*, is_disk: bool, is_shm: bool) -> None:
    if is_disk:
        raise NotSupportedError("durable databases (is_disk=True) are not supported yet")
    if is_shm:
        raise NotSupportedError("databases in shared memory (is_shm=True) are not supported yet")


def load_dictionary(schema: str | Path, persistent: bool = False, debug: bool = False) -> Dictionary:
    """Read a schema.

    Args:
        schema: SQL DDL as text, or the path of a ``.sql`` file.
        persistent: tables are kept on disk. Not there yet.
        debug: check that the dictionary, printed as DDL, reads back as the same.

    Returns:
        The dictionary, with `.tables` and `.indexes`.

    Raises:
        ProgrammingError: what is wrong, with file, line and column.
        NotSupportedError: something that is not there yet.
        OperationalError: the file cannot be read.
    """
    if persistent:
        raise NotSupportedError("persistent dictionaries are not supported yet, only databases in memory are")
    dictionary = load_schema(schema)
    if debug and canonical(dictionary).digest() != dictionary.digest():
        raise InternalError("the dictionary does not survive printing and reading")
    return dictionary


def open_database(
    dbname: str,
    dictionary: Dictionary,
    clusterParams: ClusterParams | None = None,
    is_disk: bool = False,
    is_shm: bool = False,
    db_segment_size: int | None = None,
    state_dir: str | Path | None = None,
) -> Database:
    """Open a database of this process.

    Args:
        dbname: its name.
        dictionary: what `load_dictionary` gave.
        clusterParams: how this process is a node of a cluster; None: it is in none.
        is_disk, is_shm: as in `init_runtime`. Not there yet.
        db_segment_size: bytes that the rows may take, and what scans keep of them; a statement may take twice as many beside
            (`work_mem` says otherwise). None or 0: no bound.
        state_dir: folder for the marker of membership; by default under the user's state folder, by `dbname`.

    Raises:
        InterfaceError: `init_runtime` was not called.
        InvalidParameterError: a parameter is wrong, or does not go with what `init_runtime` was told; names it.
        NotSupportedError: something that is not there yet.
    """
    runtime = _runtime
    if runtime is None:
        raise InterfaceError("init_runtime() comes before open_database()", hint="exdbsql.init_runtime(cluster=True)")
    if not isinstance(dbname, str) or not dbname:
        raise InvalidParameterError(f"dbname: expected a name, got {dbname!r}")
    if not isinstance(dictionary, Dictionary):
        raise InvalidParameterError(
            f"dictionary: expected a Dictionary, got {type(dictionary).__name__}", hint="load_dictionary() makes one"
        )
    _refuse_what_is_missing(is_disk=is_disk, is_shm=is_shm)
    if clusterParams is not None and not runtime.cluster:
        raise InvalidParameterError("clusterParams: init_runtime() was called without cluster=True")
    if clusterParams is not None:
        dictionary = canonical(dictionary)
    engine = Engine(dictionary, memory_limit=_memory_limit(db_segment_size), debug=runtime.is_debug)
    if clusterParams is None:
        return Database(dbname, engine)
    return Database(dbname, engine, join_cluster(engine, dbname, clusterParams, state_dir))


def _memory_limit(db_segment_size: int | None) -> int | None:
    if db_segment_size is None:
        return None
    if type(db_segment_size) is not int or db_segment_size < 0:
        raise InvalidParameterError(f"db_segment_size: expected bytes, got {db_segment_size!r}")
    return db_segment_size or None


def join_cluster(
    engine: Engine, dbname: str, params: ClusterParams, state_dir: str | Path | None, **options: Any
) -> Replication:
    """Tie an engine to a cluster node; nothing is sent before somebody calls `listen()`.

    Args:
        engine: the database.
        dbname: names the default state folder.
        params: how the node takes part.
        state_dir: folder for the marker, or None.
        options: for :class:`Replication`.
    """
    if not isinstance(params, ClusterParams):
        raise InvalidParameterError(f"clusterParams: expected ClusterParams, got {type(params).__name__}")
    replication = Replication(
        engine, params.nodeId, max_rows=params.sync_msg_objects, max_bytes=params.sync_msg_size, **options
    )
    folder = Path(state_dir) if state_dir is not None else platformdirs.user_state_path("exdbsql") / dbname
    node = ClusterNode(
        params, replication, ClusterExchangeStore(engine.exchange), state_dir=folder, debug=engine.is_debug
    )
    replication.attach_node(
        node,
        detached=bool(params.mode_mask & ModeMask.START_DETACHED),
        save_folder=folder,
        send_early=bool(params.mode_mask & ModeMask.EARLY_DATA_SEND),
    )
    return replication


def connect(target: str | Path | None = None) -> Connection:
    """A connection, ready for SQL.

    Args:
        target: None or "": a new in-memory database that lives as long as the connection. ``exdb://host:port/``, with
            several hosts ``exdb://h1:p1,h2:p2/`` where the first that answers is taken: a node over the network; the
            options behind "?" are in :mod:`exdbsql.client_options`. A folder: a durable database; not there yet.

    Raises:
        InterfaceError: a target that cannot be read.
        OperationalError: no node answers (08001).
        NotSupportedError: something that is not there yet.
    """
    if target is None or target == "":
        return _PrivateDatabase("memory", Engine(Dictionary())).connect()
    if isinstance(target, Path) or (isinstance(target, str) and not is_remote_target(target)):
        raise NotSupportedError(
            f"durable databases are not supported yet, so {str(target)!r} cannot be opened", hint=_meant_by(str(target))
        )
    if not isinstance(target, str):
        raise InterfaceError(f"target: expected text or a path, got {type(target).__name__} {target!r}", hint=_TARGETS)
    return Connection(connect_remote(target))


_TARGETS: Final = "connect() opens a database in memory, connect('exdb://host:port/') a node over the network"


def _meant_by(target: str) -> str:
    """What to write instead of a target that is no folder for whoever wrote it."""
    if ":memory:" in target:
        return "connect() opens a database in memory"
    try:
        address = parse_address(target)
    except InterfaceError:
        return _TARGETS
    return f"connect('exdb://{address}/') opens a node over the network"


class _PrivateDatabase(Database):
    """The database of `connect()`: it goes with its one session."""

    def forget(self, session: Any) -> None:
        super().forget(session)
        self.close()


def discover(addr: str, timeout: int = 2000, ssl_params: dict[str, Any] | None = None) -> list[NodeInfo]:
    """The members of the cluster that answers at `addr`, from any program, member or not.

    Args:
        addr: the cluster address, ``"host:port"``, of one node.
        timeout: ms.
        ssl_params: TLS, as in ``nwparams``.

    Raises:
        InvalidParameterError: an address or TLS parameters that cannot be used.
        ClusterError: nobody answers.
        ProtocolError: what answers is no node.
        ProgrammingError: a wrong timeout.
    """
    if type(timeout) is not int or timeout <= 0:
        raise ProgrammingError(
            f"timeout: expected milliseconds, got {timeout!r}", sqlstate=states.INVALID_PARAMETER_VALUE
        )
    return discover_members(addr, timeout, None if ssl_params is None else SslParameters.from_mapping(ssl_params))
