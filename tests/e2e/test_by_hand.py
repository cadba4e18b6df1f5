"""The demonstration's job by hand: init, serve, shell, discover, each as the command that a user types."""

import subprocess
from pathlib import Path

import pytest

from local_cluster import EXDBSQL, LocalCluster

pytestmark = pytest.mark.timeout(240)


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([EXDBSQL, *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False)


def test_statements_from_the_command_line(cluster: LocalCluster, tmp_path: Path) -> None:
    insert = run("shell", cluster.address(0), "-c", "INSERT INTO sites VALUES (1, 'Harbour', 'DE')")
    assert (insert.returncode, insert.stderr) == (0, "")
    select = run("shell", cluster.address(2), "--format", "csv", "-c", "SELECT id, name FROM sites")
    assert select.stdout.splitlines() == ["id,name", "1,Harbour"]
    script = tmp_path / "script.sql"
    script.write_text("SELECT 1 AS one;\nSELECT nothing FROM sites;\nSELECT 3 AS three;\n")
    stopped = run("shell", cluster.address(1), "-f", str(script))
    assert stopped.returncode in (1, 3)
    assert "script.sql:2" in stopped.stderr and "42703" in stopped.stderr
    assert "three" not in stopped.stdout
    piped = run("shell", cluster.address(1), stdin="SELECT count(*) AS n FROM sites;\n")
    assert piped.returncode == 0 and "n" in piped.stdout


def test_discover_lists_the_members(cluster: LocalCluster) -> None:
    config = cluster.config(1)
    address = config["cluster"]["nodes"][1]["addr"]
    found = run("discover", address)
    assert found.returncode == 0, found.stderr
    for node in config["cluster"]["nodes"]:
        assert node["addr"] in found.stdout


def test_ddl_reaches_every_node(cluster: LocalCluster) -> None:
    created = run("shell", cluster.address(0), "-c", "CREATE TABLE extra (id integer PRIMARY KEY, v text) DISTRIBUTED")
    assert created.returncode == 0, created.stderr
    for node in (1, 2):
        shown = run("shell", cluster.address(node), "-c", "SHOW CREATE TABLE extra")
        assert "DISTRIBUTED" in shown.stdout, shown.stderr


def test_an_embedded_database_without_a_node() -> None:
    done = run("shell", "-c", "CREATE TABLE t (a integer); INSERT INTO t VALUES (1), (2); SELECT sum(a) AS s FROM t")
    assert done.returncode == 0, done.stderr
    assert "3" in done.stdout


def test_copy_between_files_and_a_cluster(cluster: LocalCluster, tmp_path: Path) -> None:
    source, target = tmp_path / "sites.csv", tmp_path / "back.csv"
    source.write_text("id,name,country\n" + "".join(f'{n},"Site, {n}",DE\n' for n in range(1000, 6000)))
    loaded = run(
        "shell",
        cluster.address(0),
        "-c",
        f"\\copy sites (id, name, country) from '{source}' (format csv, header match)",
    )
    assert (loaded.stdout, loaded.stderr) == ("COPY 5000\n", "")
    query = "SELECT id, name, country FROM sites WHERE id >= 1000 ORDER BY id"
    written = run("shell", cluster.address(2), "-c", f"\\copy ({query}) to '{target}' (format csv, header)")
    assert written.stdout == "COPY 5000\n"
    assert target.read_text() == source.read_text()
    wrong = run(
        "shell", cluster.address(1), stdin="COPY sites (id, name, country) FROM STDIN;\n7000\tx\tDE\ny\tx\tDE\n\\.\n"
    )
    assert 'CONTEXT: COPY sites, line 2, column id: "y"' in wrong.stderr
    assert run("shell", cluster.address(1), "-c", f"COPY sites TO '{target}'").stderr.startswith("ERROR 42501")
    left = run("shell", cluster.address(0), "-c", "SELECT count(*) AS n FROM sites WHERE id >= 1000")
    assert left.stdout == "n\n5000\n"
