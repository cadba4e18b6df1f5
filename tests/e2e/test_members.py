"""A machine dies for good: an operator takes it off with SQL, and a new one joins. Real processes."""

from pathlib import Path

import pytest

import exdbsql
import local_cluster


@pytest.mark.timeout(200)
def test_a_dead_machine_is_replaced(tmp_path: Path) -> None:
    base = local_cluster.contiguous_ports(8)
    folder = tmp_path / "cluster"
    local_cluster.init(folder, 4, base, base + 4)
    for node in range(3):  # three know of three; the fourth is bought later
        path = folder / f"node{node}.toml"
        lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join(line for line in lines if f":{base + 7}" not in line), encoding="utf-8")
    cluster = local_cluster.LocalCluster(folder)
    try:
        for node in range(3):
            cluster.start(node)
        for node in range(3):
            cluster.wait_ready(node)
        with cluster.connect(0) as con:
            con.execute("INSERT INTO sites VALUES (1, 'one', 'XX')")
            with pytest.raises(exdbsql.ClusterError, match="is connected"):
                con.execute("ALTER CLUSTER REMOVE NODE 2")
            cluster.kill(2)
            cluster.wait_for(0, lambda: con.execute("SHOW NODES").fetchall()[2][3] == "offline")
            con.execute("ALTER CLUSTER REMOVE NODE 2")
            assert [row[0] for row in con.execute("SHOW NODES").fetchall()] == [0, 1]
            cluster.start(3)
            cluster.wait_ready(3)
            con.execute("ALTER CLUSTER NODE 3 RANK 2")
            con.execute("ALTER CLUSTER NODE 0 RANK 0")
            con.execute("INSERT INTO sites VALUES (2, 'two', 'XX')")
        for node in (0, 1, 3):
            with cluster.connect(node) as con:
                con.execute("SET read_consistency = linearizable")
                assert con.execute("SELECT id FROM sites ORDER BY id").fetchall() == [(1,), (2,)]
                shown = con.execute("SHOW QUORUM").fetchall()
                assert [(row[0], row[2]) for row in shown] == [("0", 0), ("1", 1), ("3", 2), ("sum", 3)]
    finally:
        cluster.stop()
