"""Histories of real node processes under faults: killed, paused, cut off; checked for every anomaly that the level forbids."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import namespaces
import pytest
from checker import Append, Level, Read, Transaction, anomalies, orphans, wrong_rows
from clients import ACCOUNTS, LISTS, OPENING_BALANCE, set_up

import exdbsql
from local_cluster import LocalCluster, contiguous_ports, init

HERE = Path(__file__).parent
NODES = 3
Fault = Callable[[LocalCluster, random.Random], None]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[LocalCluster]:
    """Three nodes on loopback, ready."""
    base = contiguous_ports(6)
    init(tmp_path / "cluster", NODES, base, base + 3)
    nodes = LocalCluster(tmp_path / "cluster")
    try:
        start_all(nodes)
        yield nodes
    finally:
        nodes.stop()


def start_all(nodes: LocalCluster) -> None:
    for node in range(NODES):
        nodes.start(node)
    for node in range(NODES):
        nodes.wait_ready(node)


@contextmanager
def recording(command: list[str], order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Clients at work; the record is filled in at the end."""
    process = subprocess.Popen(
        [*command, sys.executable, str(HERE / "clients.py"), json.dumps(order)], stdin=subprocess.PIPE
    )
    record: dict[str, Any] = {}
    try:
        yield record
        process.communicate(timeout=90)
        record.update(json.loads(Path(order["output"]).read_text()))
    finally:
        process.kill()
        process.wait()


def kill_one(nodes: LocalCluster, rng: random.Random) -> None:
    victim = rng.randrange(NODES)
    nodes.kill(victim)
    time.sleep(rng.uniform(0.1, 0.8))
    nodes.start(victim)
    for node in range(NODES):
        nodes.wait_ready(node)


def pause_one(nodes: LocalCluster, rng: random.Random) -> None:
    victim = nodes.processes[rng.randrange(NODES)]
    victim.send_signal(signal.SIGSTOP)
    time.sleep(rng.uniform(0.5, 2.5))
    victim.send_signal(signal.SIGCONT)


def history_of(record: dict[str, Any]) -> list[Transaction]:
    return [
        Transaction(
            one["name"],
            tuple(
                Append(key, value) if kind == "append" else Read(key, tuple(value))
                for kind, key, value in one["operations"]
            ),
            one["outcome"],
        )
        for one in record["history"]
    ]


def last_state(connection: exdbsql.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """All rows, after a commit that makes sure that this node is up to date."""
    cursor = connection.cursor()
    cursor.execute("UPDATE account SET balance = balance WHERE id = 0")
    connection.commit()
    tables = ("list", "account", "claim", "parent", "child", "duty", "note")
    return {table: cursor.execute(f"SELECT * FROM {table} ORDER BY id").fetchall() for table in tables}


def spread_notes(connection: exdbsql.Connection) -> None:
    """Ship what only this node has. (What an exchange that was under way has set aside is free again soon.)"""
    for attempt in range(50):
        try:
            connection.cursor().execute("SCATTER note TO ALL")
            return
        except exdbsql.OperationalError:
            connection.rollback()
            if attempt == 49:
                raise
            time.sleep(0.2)


def final_states(cluster: LocalCluster) -> list[dict[str, list[tuple[Any, ...]]]]:
    """All rows of every node, once nothing is left that only one node has."""
    states: list[dict[str, list[tuple[Any, ...]]]] = []
    for last in (False, True):
        for node in range(NODES):
            with cluster.connect(node, autocommit=False) as connection:
                if last:
                    states.append(last_state(connection))
                else:
                    spread_notes(connection)
    return states


def check(
    record: dict[str, Any], states: list[dict[str, list[tuple[Any, ...]]]], level: Level, killed: bool = False
) -> None:
    """Nothing that the level forbids, nothing acknowledged lost, nothing refused there, every node with the same rows."""
    assert record["stuck"] == []
    assert record["surprises"] == []
    assert all(state == states[0] for state in states)
    final = {key: tuple(int(part) for part in text.split()) for key, text in states[0]["list"]}
    assert len(final) == LISTS
    history = history_of(record)
    assert sum(transaction.outcome == "ok" for transaction in history) > 50, "too little happened to say anything"
    assert anomalies(history, final, level) == []
    assert sum(balance for _, balance in states[0]["account"]) == ACCOUNTS * OPENING_BALANCE
    there = {(element, name) for element, name in states[0]["claim"]}
    assert len({name for _, name in there}) == len(there)
    assert orphans(states[0]["parent"], states[0]["child"]) == []
    assert wrong_rows("child", record["children"], states[0]["child"]) == []
    assert wrong_rows("note", record["notes"], states[0]["note"], may_be_lost=killed) == []
    assert any(present for _, present in states[0]["duty"])
    for element, name, outcome in record["claims"]:
        assert outcome != "ok" or (element, name) in there, f"lost claim {element}"
        assert outcome != "void" or (element, name) not in there, f"claim {element} was refused, and is there"


LEVELS: list[tuple[str, Level]] = [("REPEATABLE READ", "snapshot"), ("SERIALIZABLE", "serializable")]


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("sql_level", "level"), LEVELS, ids=["repeatable-read", "serializable"])
@pytest.mark.parametrize("fault", [kill_one, pause_one], ids=["kill", "pause"])
def test_killed_and_paused_nodes(
    cluster: LocalCluster, tmp_path: Path, fault: Fault, sql_level: str, level: Level
) -> None:
    set_up(cluster.address(0))
    order = {
        "nodes": [cluster.address(node) for node in range(NODES)],
        "clients": 2,
        "level": sql_level,
        "seed": 11,
        "output": str(tmp_path / "record.json"),
    }
    rng = random.Random(11)
    with recording([], order) as record:
        for _ in range(3):
            time.sleep(rng.uniform(0.5, 1.5))
            fault(cluster, rng)
        for node in range(NODES):
            cluster.wait_ready(node)
        time.sleep(0.5)
    check(record, final_states(cluster), level, killed=fault is kill_one)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize(("sql_level", "level"), LEVELS, ids=["repeatable-read", "serializable"])
def test_a_long_mixed_run(cluster: LocalCluster, tmp_path: Path, sql_level: str, level: Level) -> None:
    """For as many seconds as HISTORY_S says: nodes are killed and paused at random, under twice as many clients."""
    seconds, seed = float(os.environ.get("HISTORY_S", "120")), int(os.environ.get("HISTORY_SEED", "1"))
    set_up(cluster.address(0))
    order = {
        "nodes": [cluster.address(node) for node in range(NODES)],
        "clients": 4,
        "level": sql_level,
        "seed": seed,
        "output": str(tmp_path / "record.json"),
    }
    rng = random.Random(seed)
    end = time.monotonic() + seconds
    with recording([], order) as record:
        while time.monotonic() < end:
            time.sleep(rng.uniform(0.2, 2.0))
            rng.choice((kill_one, pause_one))(cluster, rng)
        for node in range(NODES):
            cluster.wait_ready(node)
    check(record, final_states(cluster), level, killed=True)


@pytest.mark.timeout(400)
@pytest.mark.skipif(not namespaces.available(), reason="network namespaces need root and iproute2")
@pytest.mark.parametrize("one_way", [False, True], ids=["both-ways", "one-way"])
def test_nodes_that_are_cut_off(tmp_path: Path, one_way: bool) -> None:
    with namespaces.namespace_cluster(tmp_path / "cluster") as cluster:
        for node in range(NODES):
            cluster.start(node)
        addresses = [cluster.address(node) for node in range(NODES)]
        program = [sys.executable, str(HERE / "inside.py")]
        run_inside(cluster, *program, "set-up", *addresses)
        order = {
            "nodes": addresses,
            "clients": 2,
            "level": "REPEATABLE READ",
            "seed": 5,
            "output": str(tmp_path / "record.json"),
        }
        rng = random.Random(5)
        with recording(cluster.inside("hub"), order) as record:
            for _ in range(3):
                time.sleep(rng.uniform(0.5, 1.0))
                alone = rng.randrange(NODES)
                for other in {0, 1, 2} - {alone}:
                    cluster.cut(alone, other)
                    if not one_way:
                        cluster.cut(other, alone)
                time.sleep(rng.uniform(1.5, 3.0))
                cluster.heal()
                run_inside(cluster, *program, "wait", *addresses)
            time.sleep(0.5)
        states = tmp_path / "states.json"
        run_inside(cluster, *program, "states", *addresses, "--output", str(states))
        found = [
            {table: [tuple(row) for row in rows] for table, rows in state.items()}
            for state in json.loads(states.read_text())
        ]
        check(record, found, "snapshot")


def run_inside(cluster: namespaces.NamespaceCluster, *command: str) -> None:
    done = subprocess.run(cluster.inside("hub", *command), capture_output=True, text=True, timeout=120, check=False)
    logs = "\n".join(cluster.log(node) for node in range(NODES))
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{logs}"
