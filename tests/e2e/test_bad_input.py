"""What goes wrong on real systems: each gives one clear message, an exit code, and a sane state."""

import socket
import subprocess
from pathlib import Path

import pytest

from local_cluster import EXDBSQL, LocalCluster

pytestmark = pytest.mark.timeout(240)


def serve(config: Path, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a node that is expected to end by itself."""
    return subprocess.run(
        [EXDBSQL, "serve", "-c", str(config)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def one_message(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """The node ended with an error that names these things, and without a traceback."""
    output = done.stdout + done.stderr
    assert done.returncode not in (0, -9), output
    assert "Traceback" not in output
    for part in parts:
        assert part in output, f"{part!r} is missing in\n{output}"


def test_a_schema_file_with_an_error(cluster_folder: Path) -> None:
    (cluster_folder / "schema.sql").write_text(
        "CREATE TABLE a (id integer PRIMARY KEY);\nCREATE TABLE b (id intteger);\n"
    )
    one_message(serve(cluster_folder / "node0.toml"), "schema.sql:2:", "intteger", "integer")


def test_a_schema_file_that_is_not_there(cluster_folder: Path) -> None:
    (cluster_folder / "schema.sql").unlink()
    one_message(serve(cluster_folder / "node0.toml"), "schema.sql")


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("workers = 32", "wrokers = 32", ("wrokers", "workers")),
        ("workers = 32", 'workers = "many"', ("sql.workers", "integer")),
        ("connectTimeout = 5000", "connectTimout = 5000", ("connectTimout",)),
        ("keepAliveTime = 1000", "keepAliveTime = -1", ("keepAliveTime",)),
        ("nodeId = 0", "nodeId = 7", ("nodeId",)),
        ("[sql]", "[sql", ("node0.toml",)),
    ],
)
def test_a_configuration_with_a_mistake(cluster_folder: Path, old: str, new: str, parts: tuple[str, ...]) -> None:
    config = cluster_folder / "node0.toml"
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))
    one_message(serve(config), "node0.toml", *parts)


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    one_message(serve(tmp_path / "node9.toml"), "node9.toml")


def test_a_port_in_use(cluster_folder: Path) -> None:
    node = LocalCluster(cluster_folder)
    for address in (node.address(0), node.config(0)["cluster"]["nodes"][0]["addr"]):
        host, port = address.rsplit(":", 1)
        with socket.socket() as holder:
            holder.bind((host, int(port)))
            holder.listen()
            one_message(serve(cluster_folder / "node0.toml"), port, "in use")


def test_a_shell_whose_node_is_not_there(cluster_folder: Path) -> None:
    address = LocalCluster(cluster_folder).address(0)
    done = subprocess.run(
        [EXDBSQL, "shell", address, "-c", "SELECT 1"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert address in done.stderr and "Traceback" not in done.stderr


def test_two_nodes_with_one_id(cluster: LocalCluster, tmp_path: Path) -> None:
    """A second process with the id of a running node is refused, and the cluster does not notice."""
    config = (cluster.folder / "node1.toml").read_text()
    sql, peer = cluster.address(1), cluster.config(1)["cluster"]["nodes"][1]["addr"]
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        other_sql, other_peer = (f"127.0.0.1:{s.getsockname()[1]}" for s in (one, two))
    impostor = tmp_path / "impostor"
    impostor.mkdir()
    (impostor / "schema.sql").write_text((cluster.folder / "schema.sql").read_text())
    (impostor / "node1.toml").write_text(config.replace(sql, other_sql).replace(peer, other_peer))
    one_message(serve(impostor / "node1.toml"), "1", "taken")
    with cluster.connect(1) as connection:
        connection.cursor().execute("INSERT INTO sites VALUES (1, 'Harbour', 'DE')")
        assert connection.cursor().execute("SELECT count(*) FROM sites").fetchall() == [(1,)]


def test_a_node_with_another_dictionary_is_told_what_differs(cluster: LocalCluster) -> None:
    cluster.terminate(2)
    schema = cluster.folder / "schema.sql"
    schema.write_text(schema.read_text().replace("country text NOT NULL", "country integer NOT NULL"))
    one_message(serve(cluster.folder / "node2.toml"), "sites", "country")
    with cluster.connect(0) as connection:
        connection.cursor().execute("INSERT INTO sites VALUES (1, 'Harbour', 'DE')")
