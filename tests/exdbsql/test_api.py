"""How a program starts: the public list, and option combinations that are refused with the option's name."""

import inspect
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import exdbsql as exdb
from exdbsql import api
from exdbsql.schema import errors

SCHEMA = "CREATE TABLE t (a integer PRIMARY KEY)"


@pytest.fixture(autouse=True)
def _runtime() -> Iterator[None]:
    before = api._runtime
    yield
    api._runtime = before


def test_the_public_list_is_what_it_is() -> None:
    """Whoever changes this list changes what users may rely on."""
    assert sorted(exdb.__all__) == sorted(set(exdb.__all__))
    public = {name for name, value in vars(exdb).items() if not name.startswith("_")}
    modules = {name for name in public if isinstance(getattr(exdb, name), types.ModuleType)}
    assert public - modules == set(exdb.__all__)


def test_every_error_is_public() -> None:
    for name, value in inspect.getmembers(errors, inspect.isclass):
        if issubclass(value, (errors.Error, errors.Warning)):
            assert getattr(exdb, name) is value


NUMBERS = {
    "ConflictError": (87, True),
    "ClusterError": (900, False),
    "NotClusterError": (901, False),
    "InvalidParameterError": (902, False),
    "ClusterStoppedError": (903, False),
    "ProtocolError": (904, False),
    "NoQuorumError": (905, True),
    "BusyError": (906, True),
    "IncompatibleModeError": (907, False),
    "SyncError": (908, True),
    "DuplicateNodeIdError": (910, False),
    "DdlNotSupportedError": (911, False),
}


def test_the_errors_of_the_cluster_have_their_numbers() -> None:
    """REFERENCE section 7; whoever changes this breaks programs that tell errors by number."""
    for name, (code, retryable) in NUMBERS.items():
        kind = getattr(exdb, name)
        error = kind("what went wrong")
        assert (error.code, error.retryable) == (code, retryable), name
        assert issubclass(kind, exdb.OperationalError) and len(error.sqlstate) == 5
        assert issubclass(kind, exdb.ClusterError) is (code >= 900)
    numbered = {cls.__name__ for cls in vars(errors).values() if inspect.isclass(cls) and getattr(cls, "code", 0)}
    assert numbered == set(NUMBERS)


def test_the_globals_of_pep_249() -> None:
    assert (exdb.apilevel, exdb.threadsafety, exdb.paramstyle) == ("2.0", 1, "qmark")
    assert exdb.STRING == "text"
    assert exdb.STRING != exdb.NUMBER
    assert exdb.NUMBER == "integer"
    assert exdb.Date(2026, 1, 2).isoformat() == "2026-01-02"
    assert exdb.Binary(b"x") == b"x"
    assert exdb.DateFromTicks(0).year in (1969, 1970)
    assert exdb.TimestampFromTicks(0).tzinfo is None
    assert exdb.TimeFromTicks(0).second == 0


@pytest.mark.parametrize(
    ("options", "kind", "named"),
    [
        ({"is_disk": True}, exdb.NotSupportedError, "is_disk"),
        ({"is_shm": True}, exdb.NotSupportedError, "is_shm"),
        ({"tmgr": "exclusive"}, exdb.NotSupportedError, "exclusive"),
        ({"tmgr": "mursiw", "cluster": True}, exdb.InvalidParameterError, "tmgr"),
        ({"tmgr": "fast"}, exdb.InvalidParameterError, "tmgr"),
        ({"cluster": "yes"}, exdb.InvalidParameterError, "cluster"),
        ({"is_debug": 1}, exdb.InvalidParameterError, "is_debug"),
    ],
)
def test_a_runtime_that_cannot_be_is_refused(options: dict[str, Any], kind: type[exdb.Error], named: str) -> None:
    with pytest.raises(kind, match=named):
        exdb.init_runtime(**options)


def test_init_runtime_comes_first() -> None:
    api._runtime = None
    with pytest.raises(exdb.InterfaceError, match="init_runtime"):
        exdb.open_database("x", exdb.load_dictionary(SCHEMA))


def test_a_database_in_no_cluster() -> None:
    exdb.init_runtime(is_debug=True)
    with exdb.open_database("x", exdb.load_dictionary(SCHEMA, debug=True)) as db, db.connect() as con:
        con.execute("INSERT INTO t VALUES (1)")
        assert list(db.dictionary.tables) == ["t"]
        with pytest.raises(exdb.NotClusterError):
            con.stop()
    with pytest.raises(exdb.InterfaceError, match="closed"):
        db.connect()
    db.close()


@pytest.mark.parametrize(
    ("options", "kind", "named"),
    [
        ({"is_disk": True}, exdb.NotSupportedError, "is_disk"),
        ({"is_shm": True}, exdb.NotSupportedError, "is_shm"),
        ({"db_segment_size": -1}, exdb.InvalidParameterError, "db_segment_size"),
        ({"db_segment_size": 1.5}, exdb.InvalidParameterError, "db_segment_size"),
        ({"dbname": ""}, exdb.InvalidParameterError, "dbname"),
        ({"dictionary": SCHEMA}, exdb.InvalidParameterError, "dictionary"),
        (
            {"clusterParams": exdb.ClusterParams(0, "TCP", [exdb.ClusterNodeParams("127.0.0.1:1")])},
            exdb.InvalidParameterError,
            "cluster=True",
        ),
    ],
)
def test_a_database_that_cannot_be_is_refused(options: dict[str, Any], kind: type[exdb.Error], named: str) -> None:
    exdb.init_runtime()
    with pytest.raises(kind, match=named):
        exdb.open_database(**{"dbname": "x", "dictionary": exdb.load_dictionary(SCHEMA), **options})


def test_cluster_parameters_must_be_such(tmp_path: Path) -> None:
    exdb.init_runtime(cluster=True)
    wrong: Any = {"nodeId": 0}
    with pytest.raises(exdb.InvalidParameterError, match="clusterParams"):
        exdb.open_database("x", exdb.load_dictionary(SCHEMA), clusterParams=wrong, state_dir=tmp_path)


def test_a_database_that_is_full_refuses_the_write_and_loses_nothing() -> None:
    exdb.init_runtime()
    with exdb.open_database("x", exdb.load_dictionary(SCHEMA), db_segment_size=20_000) as db:
        con = db.connect()
        con.execute("INSERT INTO t VALUES (1)")
        con.commit()
        with pytest.raises(exdb.OperationalError) as caught:
            con.executemany("INSERT INTO t VALUES (?)", [(i,) for i in range(2, 5000)])
        assert caught.value.sqlstate == "53200"
        con.rollback()
        assert con.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_a_schema_with_a_mistake_is_shown_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "s.sql"
    path.write_text("CREATE TABLE t (\n  a intteger)")
    with pytest.raises(exdb.ProgrammingError) as caught:
        exdb.load_dictionary(str(path))
    assert str(caught.value).startswith(f"{path}:2:5: ")
    with pytest.raises(exdb.OperationalError):
        exdb.load_dictionary(tmp_path / "none.sql")
    with pytest.raises(exdb.NotSupportedError, match="persistent"):
        exdb.load_dictionary(SCHEMA, persistent=True)


def test_connect_without_a_target_is_a_database_of_its_own() -> None:
    with exdb.connect() as one, exdb.connect("") as two:
        one.execute(SCHEMA)
        one.execute("INSERT INTO t VALUES (1)")
        one.commit()
        assert one.execute("SELECT * FROM t").fetchall() == [(1,)]
        with pytest.raises(exdb.ProgrammingError):
            two.execute("SELECT * FROM t")
        two.rollback()


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("some/folder", "connect('exdb://host:port/') a node over the network"),
        (Path("folder"), "connect() opens a database in memory, connect("),
        ("127.0.0.1:5500", "connect('exdb://127.0.0.1:5500/') opens a node over the network"),
        ("node.example:5500", "connect('exdb://node.example:5500/') opens a node over the network"),
        (":memory:", "connect() opens a database in memory"),
    ],
)
def test_durable_databases_are_not_there_yet(target: Any, hint: str) -> None:
    with pytest.raises(exdb.NotSupportedError, match="durable") as caught:
        exdb.connect(target)
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("target", ["http://127.0.0.1:1/", "exdb://", "exdb://host:port/", 5500, b"exdb://h:1/"])
def test_a_target_that_cannot_be_read(target: Any) -> None:
    with pytest.raises(exdb.InterfaceError):
        exdb.connect(target)


def test_discover_checks_what_it_is_given() -> None:
    with pytest.raises(exdb.InvalidParameterError, match="ssl_params"):
        exdb.discover("127.0.0.1:1", ssl_params={"ca_flie": "x"})
    with pytest.raises(exdb.ProgrammingError, match="timeout"):
        exdb.discover("127.0.0.1:1", timeout=0)
    with pytest.raises(exdb.InvalidParameterError):
        exdb.discover("nowhere")
    with pytest.raises(exdb.ClusterError):
        exdb.discover("127.0.0.1:1", timeout=200)
