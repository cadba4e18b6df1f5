"""A node's process: what it serves, how it ends, and why it does not start."""

import os
import resource
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import exdbsql as exdb
from exdbsql.config import NodeConfig, load_config
from exdbsql.initialize import InitPlan, write_cluster
from exdbsql.server import NodeProcess, allow_files, serve


def configured(folder: Path, *, nodes: int = 1, cluster: bool = True) -> NodeConfig:
    """A configuration with ports that are free."""
    path = write_cluster(folder, InitPlan(nodes=nodes))[0]
    text = path.read_text().replace('"127.0.0.1:5500"', '"127.0.0.1:0"')
    for node_id in range(nodes):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            text = text.replace(f'"127.0.0.1:{5600 + node_id}"', f'"127.0.0.1:{one.getsockname()[1]}"')
    path.write_text(text if cluster else text[: text.index("[cluster]")])
    return load_config(path)


def run_with(config: NodeConfig, work: Callable[[str], None]) -> list[str]:
    """Serve in this thread, with `work` on the side, which gets the SQL address; what was said to people."""
    said: list[str] = []
    failures: list[BaseException] = []
    served = threading.Event()

    def say(line: str) -> None:
        said.append(line)
        if "serves SQL at" in line:
            served.set()

    def run() -> None:
        try:
            assert served.wait(20)
            work(said[0].rpartition(" ")[2])
        except BaseException as error:  # noqa: BLE001 - raised below, in the test's thread
            failures.append(error)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        serve(config, say=say)
    finally:
        served.set()
        thread.join(20)
    if failures:
        raise failures[0]
    return said


@pytest.mark.parametrize("cluster", [True, False])
def test_a_node_serves_sql_until_it_is_told_to_stop(tmp_path: Path, cluster: bool) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def work(address: str) -> None:
        with exdb.connect(f"exdb://{address}/") as con:
            con.execute("INSERT INTO sites VALUES (1, 'Harbour', 'DE')")
            con.commit()
            assert con.execute("SELECT name FROM sites").fetchall() == [("Harbour",)]
            assert con.target_description == ("exdb", 0 if cluster else None)
            con.execute("DELETE FROM sites")
            con.rollback()

    said = run_with(configured(tmp_path, cluster=cluster), work)
    assert said[-1].endswith("has stopped")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_port_in_use_is_found_before_anything_else_happens(tmp_path: Path) -> None:
    config = configured(tmp_path)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        path = config.path
        path.write_text(path.read_text().replace("127.0.0.1:0", address))
        with pytest.raises(exdb.OperationalError, match=f"{address}: the port is in use"):
            serve(load_config(path), say=lambda line: None)


def test_a_cluster_port_in_use_ends_the_process(tmp_path: Path) -> None:
    config = configured(tmp_path)
    assert config.cluster is not None
    host, _, port = config.cluster.nodes[0].addr.rpartition(":")
    with socket.socket() as holder:
        holder.bind((host, int(port)))
        holder.listen()
        with pytest.raises(exdb.ClusterError, match="in use"):
            serve(config, say=lambda line: None)


def test_the_limit_of_open_files_is_raised_as_far_as_it_goes() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        assert allow_files(100) == min(soft, 512)
        assert allow_files(513) == (513 if hard == resource.RLIM_INFINITY or hard >= 513 else hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_schema_with_a_mistake(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (tmp_path / "schema.sql").write_text("CREATE TABLE t (a intteger)")
    with pytest.raises(exdb.ProgrammingError) as caught:
        NodeProcess(config, lambda line: None)
    assert str(caught.value).startswith(f"{tmp_path / 'schema.sql'}:1:19: ")


def test_without_the_others_a_client_learns_what_the_node_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exdbsql.server.START_TIMEOUT_S", 0.2)

    def work(address: str) -> None:
        with exdb.connect(f"exdb://{address}/") as con:
            con.autocommit = True
            con.execute("INSERT INTO scratch VALUES (1, 'local tables work on')")
            with pytest.raises(exdb.NoQuorumError, match="waits for"):
                con.execute("SELECT * FROM sites")
            assert "waits for" in con.execute("SHOW QUORUM").fetchall()[-1][-1]
            with pytest.raises(exdb.NoQuorumError):
                con.execute("CREATE TABLE x (a integer)")

    said = run_with(configured(tmp_path, nodes=3), work)
    assert said[-1].endswith("has stopped")
