"""Histories of real node processes under faults: killed, paused, cut off; checked for every anomaly that the level forbids."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import namespaces
import pytest
from checker import Level
from clients import set_up
from faults import Faults
from final_state import check, check_conflicts, final_states

from local_cluster import LocalCluster, contiguous_ports, init

HERE = Path(__file__).parent
NODES = 3
LEVELS: list[tuple[str, Level]] = [("REPEATABLE READ", "snapshot"), ("SERIALIZABLE", "serializable")]


@contextmanager
def loopback_cluster(folder: Path, nodes: int = NODES) -> Iterator[LocalCluster]:
    """Configurations on loopback; the caller starts the nodes, which end with it."""
    base = contiguous_ports(2 * nodes)
    init(folder, nodes, base, base + nodes)
    cluster = LocalCluster(folder)
    try:
        yield cluster
    finally:
        cluster.stop()


def leave_out(folder: Path, later: int) -> None:
    """The nodes below `later` do not know of that one: it will join."""
    address = LocalCluster(folder).config(later)["cluster"]["nodes"][later]["addr"]
    for node in range(later):
        path = folder / f"node{node}.toml"
        lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join(line for line in lines if f'"{address}"' not in line), encoding="utf-8")


@contextmanager
def clients_at_work(
    cluster: LocalCluster, nodes: int, level: str, seed: int, clients: int = 2
) -> Iterator[dict[str, Any]]:
    """The founders are started, and clients of all nodes work; the record is filled in at the end."""
    for node in range(NODES):
        cluster.start(node)
    for node in range(NODES):
        cluster.wait_ready(node)
    set_up(cluster.address(0))
    output = cluster.folder / "record.json"
    order = {
        "nodes": [cluster.address(node) for node in range(nodes)],
        "clients": clients,
        "level": level,
        "seed": seed,
        "definers": 1,
        "output": str(output),
    }
    process = subprocess.Popen([sys.executable, str(HERE / "clients.py"), json.dumps(order)], stdin=subprocess.PIPE)
    record: dict[str, Any] = {}
    try:
        yield record
        process.communicate(timeout=120)
        record.update(json.loads(output.read_text()))
    finally:
        process.kill()
        process.wait()


def short_run(cluster: LocalCluster, fault: str, sql_level: str, level: Level, seed: int) -> None:
    """Three times the same fault."""
    rng = random.Random(seed)
    faults = Faults(cluster, rng, NODES)
    with clients_at_work(cluster, NODES, sql_level, seed) as record:
        for _ in range(3):
            time.sleep(rng.uniform(0.5, 1.5))
            faults.happen(getattr(faults, fault))
        time.sleep(0.5)
    check(record, final_states(cluster), level, faults.deaths)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("sql_level", "level"), LEVELS, ids=["repeatable-read", "serializable"])
@pytest.mark.parametrize("fault", ["kill", "pause"])
def test_killed_and_paused_nodes(tmp_path: Path, fault: str, sql_level: str, level: Level) -> None:
    with loopback_cluster(tmp_path / "cluster") as cluster:
        short_run(cluster, fault, sql_level, level, seed=11)


@pytest.mark.timeout(400)
@pytest.mark.skipif(not namespaces.available(), reason="network namespaces need root and iproute2")
@pytest.mark.parametrize("fault", ["cut_both_ways", "cut_one_way"])
def test_nodes_that_are_cut_off(tmp_path: Path, fault: str) -> None:
    with namespaces.namespace_cluster(tmp_path / "cluster") as cluster:
        short_run(cluster, fault, "REPEATABLE READ", "snapshot", seed=5)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize(("sql_level", "level"), LEVELS, ids=["repeatable-read", "serializable"])
def test_a_long_mixed_run(tmp_path: Path, sql_level: str, level: Level) -> None:
    """For as many seconds as HISTORY_S says, every fault at random, under twice as many clients, and a node that comes and goes.

    Without network namespaces no links are cut.
    """
    seconds, seed = float(os.environ.get("HISTORY_S", "120")), int(os.environ.get("HISTORY_SEED", "1"))
    make = namespaces.namespace_cluster if namespaces.available() else loopback_cluster
    rng = random.Random(seed)
    with make(tmp_path / "cluster", NODES + 1) as cluster:
        leave_out(cluster.folder, NODES)
        faults = Faults(cluster, rng, NODES)
        end = time.monotonic() + seconds
        with clients_at_work(cluster, NODES + 1, sql_level, seed, clients=4) as record:
            while time.monotonic() < end:
                time.sleep(rng.uniform(0.2, 2.0))
                faults.happen(rng.choice(faults.all()))
            faults.end()
        states = final_states(cluster)
        (cluster.folder / "states.json").write_text(json.dumps(states))  # for whoever looks into a failure
        print(f"faults: {faults.counts}; {told(record)}")
        check(record, states, level, faults.deaths)
        check_conflicts(cluster)


def told(record: dict[str, Any]) -> str:
    """How much was done in a run."""
    outcomes = [one["outcome"] for one in record["history"]]
    exchanges = [one[-1] for one in record["exchanges"]]
    definitions = [one[-1] for one in record["definitions"]]
    parts = {"transactions on lists": outcomes, "exchanges of notes": exchanges, "definitions": definitions}
    counted = [f"{what}: {all_.count('ok')} ok, {all_.count('void')} void" for what, all_ in parts.items()]
    return "; ".join([*counted, f"{len(record['changes'])} changes of notes, {len(record['looks'])} looks"])
