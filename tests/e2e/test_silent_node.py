"""Clients of nodes that are paused (SIGSTOP), killed (SIGKILL) or stopped (SIGTERM): they notice, and go on at the next host. Real processes."""

import os
import signal
import threading
from dataclasses import dataclass, field

import pytest

import exdbsql
from local_cluster import LocalCluster

pytestmark = pytest.mark.timeout(300)
OPTIONS = "connect_timeout=5&heartbeat=1&heartbeat_timeout=8"
PATIENT_S = 120.0


def target(cluster: LocalCluster, *nodes: int) -> str:
    return f"exdb://{','.join(cluster.address(node) for node in nodes)}/?{OPTIONS}"


def pause(cluster: LocalCluster, node: int) -> None:
    """Send SIGSTOP, and wait until every thread has stopped: one of them may still answer after the call that sends it."""
    process = cluster.processes[node]
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


def test_whoever_waits_for_a_paused_node_is_told(cluster: LocalCluster) -> None:
    con = exdbsql.connect(target(cluster, 2))
    con.execute("INSERT INTO sites VALUES (1, 'one', 'XX')")
    pause(cluster, 2)
    try:
        with pytest.raises(exdbsql.OperationalError, match="not said a word") as caught:
            con.execute("SELECT 1")
        assert (caught.value.sqlstate, caught.value.retryable) == ("08006", True)
        with pytest.raises(exdbsql.OperationalError, match="does not greet") as caught:
            exdbsql.connect(target(cluster, 2))
        assert caught.value.sqlstate == "08001"
        with exdbsql.connect(target(cluster, 2, 0)) as other:
            assert other.target_description[1] == 0
    finally:
        cluster.processes[2].send_signal(signal.SIGCONT)


def test_a_commit_at_a_paused_node_has_a_name_that_says_what_became_of_it(cluster: LocalCluster) -> None:
    """It is not sent on while the node is paused. When that wakes up, it may go on with it, or find that it has no quorum at the moment."""
    con = exdbsql.connect(target(cluster, 2))
    con.execute("INSERT INTO sites VALUES (1, 'one', 'XX')")
    pause(cluster, 2)
    try:
        with pytest.raises(exdbsql.CommitOutcomeUnknownError) as caught:
            con.commit()
        with cluster.connect(0) as other:
            assert other.transaction_status(caught.value.transaction_id) == "unknown"
            assert other.execute("SELECT id FROM sites").fetchall() == []
    finally:
        cluster.processes[2].send_signal(signal.SIGCONT)
    cluster.wait_ready(2)

    def name_and_rows_agree() -> bool:
        with cluster.connect(0) as other:
            status = other.transaction_status(caught.value.transaction_id)
            rows = other.execute("SELECT id FROM sites").fetchall()
            return rows == ([(1,)] if status == "committed" else [])

    cluster.wait_for(0, name_and_rows_agree)


@dataclass
class Teller:
    """A client that inserts numbers by `run_transaction`, wherever a node answers, and remembers what became of each."""

    target: str
    first: int
    stop: threading.Event
    acknowledged: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    nodes: list[int | None] = field(default_factory=list)
    errors: list[exdbsql.Error] = field(default_factory=list)

    def run(self) -> None:
        con = exdbsql.connect(self.target)
        number = self.first
        while not self.stop.is_set():
            number += 10
            self.unknown.add(number)
            try:
                self.nodes.append(con.run_transaction(lambda con, number=number: self.insert(con, number), retries=30))
                self.unknown.remove(number)
                self.acknowledged.add(number)
            except (
                exdbsql.CommitOutcomeUnknownError
            ):  # its commit never left the node that died, and nobody else knows of it
                continue
            except exdbsql.Error as error:
                self.errors.append(error)
                return

    @staticmethod
    def insert(con: exdbsql.Connection, number: int) -> int | None:
        con.execute("INSERT INTO sites VALUES (?, ?, 'XX')", (number, f"site {number}"))
        return con.target_description[1]

    def has_gone_on(self, beyond: int, node: int) -> bool:
        """Whether it has committed more than so many, the last ones at another node than this one."""
        return len(self.nodes) > beyond and node not in self.nodes[-3:]


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_transactions_go_on_at_the_next_host(cluster: LocalCluster, blow: signal.Signals) -> None:
    stop = threading.Event()
    tellers = [Teller(target(cluster, 2, 0, 1), first, stop) for first in range(3)]
    threads = [threading.Thread(target=teller.run) for teller in tellers]
    for thread in threads:
        thread.start()
    try:
        cluster.wait_for(0, lambda: all(len(teller.nodes) > 20 or teller.errors for teller in tellers))
        assert all(set(teller.nodes) == {2} for teller in tellers)
        cluster.processes[2].send_signal(blow)
        before = [len(teller.nodes) for teller in tellers]
        waiting = zip(tellers, before, strict=True)
        for teller, count in waiting:
            cluster.wait_for(0, lambda t=teller, n=count: t.errors or t.has_gone_on(n + 20, 2), PATIENT_S)
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENT_S)
        if blow == signal.SIGSTOP:
            cluster.processes[2].send_signal(signal.SIGCONT)
    assert [teller.errors for teller in tellers] == [[], [], []]
    if blow == signal.SIGSTOP:  # what was on its way there may still be committed
        cluster.wait_ready(2)
    with cluster.connect(0) as con:
        con.execute("SET read_consistency = linearizable")
        seen = {row[0] for row in con.execute("SELECT id FROM sites").fetchall()}
    acknowledged = set[int]().union(*(teller.acknowledged for teller in tellers))
    unknown = set[int]().union(*(teller.unknown for teller in tellers))
    assert acknowledged <= seen, f"lost: {sorted(acknowledged - seen)[:10]}"
    assert seen <= acknowledged | unknown
    assert len(unknown) <= len(tellers), "one commit of each was on its way"
