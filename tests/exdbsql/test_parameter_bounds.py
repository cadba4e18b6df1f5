"""Parameters at their bounds: slower at worst."""

from pathlib import Path
from typing import Any

import pytest

import exdbsql as exdb

from .real_nodes import nodes

LEAST: dict[str, Any] = {
    "clusterSendBuf": 1,
    "clusterRecvBuf": 1,
    "sync_msg_objects": 1,
    "sync_msg_size": 1,
    "conn_pool_factor": 1,
    "window": exdb.ClusterWindow(bsize=1, length=1, timeout=0),
    "nwparams": {"connectInterval": 1, "socketSendBuf": 1, "socketRecvBuf": 1, "compressionLevel": 9},
}
MOST: dict[str, Any] = {
    "clusterSendBuf": 2**31 - 1,
    "clusterRecvBuf": 2**20,
    "sync_msg_objects": 10_000_000,
    "sync_msg_size": 2**31 - 1,
    "conn_pool_factor": 100,
    "window": exdb.ClusterWindow(bsize=2**31 - 1, length=1_000_000, timeout=5),
    "nwparams": {
        "connectInterval": 20,
        "connectTimeout": 24 * 3600 * 1000,
        "socketSendBuf": 2**31 - 1,
        "socketRecvBuf": 2**31 - 1,
        "keepAliveTime": 24 * 3600 * 1000,
        "keepAliveProbes": 1000,
    },
}


@pytest.mark.parametrize("more", [LEAST, MOST], ids=["least", "most"])
def test_a_cluster_works_with_parameters_at_their_bounds(tmp_path: Path, more: dict[str, Any]) -> None:
    with nodes(tmp_path, (1_000_000, 1_000_000, 0), start=False, **more) as made:
        made.start(0)
        made.start(1)
        made.ready()
        con = made.connect(0)
        con.executemany("INSERT INTO t VALUES (?, ?)", [(number, "x" * 100) for number in range(300)])
        con.execute("INSERT INTO x VALUES ('large', 1)")
        made.start(2)
        made.ready()
        late = made.connect(2)
        late.execute("INSERT INTO t VALUES (1000, ?)", ("y" * 300_000,))
        con.execute("SET read_consistency = linearizable")
        assert con.execute("SELECT count(*), max(length(name)) FROM t").fetchall() == [(301, 300_000)]
        assert late.execute("SELECT count(*) FROM t").fetchall() == [(301,)]
        assert late.gather(["x"], [0]).total == 1
        assert made.errors == {}
