"""The demonstration: three node processes on this machine, and what a cluster of exdbsql does, statement by statement.

    make demo

It writes configurations and a schema into ./demo, starts three nodes on loopback, and shows, with the node's name before
each statement: replication, a conflict, LOCAL and DISTRIBUTED tables, SCATTER and GATHER, the quorum while nodes are
killed, and a node that comes back. On a terminal it then opens a shell on node 0 with the cluster running; elsewhere it
ends with exit code 0, and leaves no process behind. Every line is the answer of a running node; a step that does not give
what it should ends the demonstration with exit code 1.
"""

import argparse
import csv
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import exdbsql
from exdbsql.shell import tables
from exdbsql.shell.messages import error_text
from local_cluster import EXDBSQL, LocalCluster, free_ports, init, ports_free

HERE = Path(__file__).parent
FOLDER = Path("demo")
MARK = ".made-by-the-demonstration"
SQL_PORT, CLUSTER_PORT = 5500, 5600
SENSORS = HERE / "sensors"


class Story:
    """The connections of the demonstration, and how it prints what it does."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.cluster = cluster
        self.connections: dict[int, exdbsql.Connection] = {}

    def connection(self, node: int) -> exdbsql.Connection:
        if node not in self.connections:
            self.connections[node] = self.cluster.connect(node)
        return self.connections[node]

    def forget(self, node: int) -> None:
        """The node is gone, and with it the connection."""
        self.connections.pop(node).close()

    def run(self, node: int, sql: str) -> exdbsql.Result:
        """Show a statement, run it on a node, and show what came back."""
        print(f"node {node}> {sql}")
        result = self.connection(node).session.execute(sql)
        for notice in result.notices:
            print(f"        {notice}")
        if result.columns is None:
            print(f"        {result.tag}")
        else:
            look = tables.Look()
            for line in tables.table(result.columns, tables.cells_of(result.rows, look), look):
                print(f"        {line}")
        sys.stdout.flush()
        return result

    def run_refused(self, node: int, sql: str, expected: type[exdbsql.Error]) -> None:
        """Show a statement that must fail, and its error as the shell would print it."""
        try:
            self.run(node, sql)
        except expected as error:
            print("\n".join("        " + line for line in error_text(error, sql).splitlines()), flush=True)
        else:
            raise AssertionError(f"node {node} accepted {sql!r}, which should raise {expected.__name__}")

    def wait_until(self, node: int, what: str, condition: Callable[[], bool]) -> None:
        """Say what is waited for, and how long it took."""
        began = time.monotonic()
        self.cluster.wait_for(node, condition)
        print(f"        … {what} (after {time.monotonic() - began:.2f} s)", flush=True)

    def catch_up(self, node: int, sql: str, expected: list[tuple[object, ...]]) -> None:
        """Show a query once the node has applied what a quorum has: reads are local, so a node may be a moment behind."""
        self.cluster.wait_for(node, lambda: self.connection(node).session.execute(sql).rows == expected)
        self.run(node, sql)

    def close(self) -> None:
        for connection in self.connections.values():
            connection.close()


def heading(text: str) -> None:
    print(f"\n── {text} {'─' * max(3, 100 - len(text))}", flush=True)


def must(condition: bool, what: str) -> None:
    """The demonstration checks itself: what it shows has to be what it says."""
    if not condition:
        raise AssertionError(what)


def load_and_replicate(story: Story) -> None:
    heading("Real rows, loaded on node 0, read on nodes 1 and 2")
    connection = story.connection(0)
    connection.autocommit = False
    for table in ("site", "sensor", "reading"):
        with (SENSORS / f"{table}.csv").open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        insert = f"INSERT INTO {table} ({', '.join(header)}) VALUES ({', '.join('?' * len(header))})"
        began = time.monotonic()
        connection.cursor().executemany(insert, [typed(table, row) for row in rows])
        connection.commit()
        print(f"node 0> {insert}   -- executemany of {len(rows)} rows, one commit: {time.monotonic() - began:.3f} s")
    connection.autocommit = True
    question = (
        "SELECT s.name, count(*) AS readings, min(r.value) AS coldest, max(r.value) AS warmest"
        " FROM reading r JOIN sensor n ON n.id = r.sensor_id JOIN site s ON s.id = n.site_id"
        " WHERE n.kind = 'temperature' GROUP BY s.name ORDER BY warmest DESC LIMIT 3"
    )
    story.cluster.wait_for(1, lambda: story.connection(1).session.execute(question).rowcount == 3)
    story.run(1, question)
    story.catch_up(2, "SELECT count(*) FROM reading", [(4032,)])
    story.run(0, "INSERT INTO site VALUES (7, 'Lighthouse', 53.872, 8.713)")
    for node in (1, 2):
        story.catch_up(node, "SELECT name FROM site WHERE id = 7", [("Lighthouse",)])


def typed(table: str, row: list[str]) -> tuple[object, ...]:
    """A line of a CSV file as values of the table's columns."""
    if table == "site":
        return int(row[0]), row[1], float(row[2]), float(row[3])
    if table == "sensor":
        return int(row[0]), int(row[1]), row[2], row[3]
    return int(row[0]), datetime.fromisoformat(row[1]), float(row[2])


def conflict(story: Story) -> None:
    heading("Two nodes change one row at the same time: the first committer wins")
    for node, value in ((0, 101), (1, 102)):
        story.run(node, "BEGIN")
        story.run(node, f"UPDATE site SET latitude = {value} WHERE id = 1")
    story.run(0, "COMMIT")
    story.run_refused(1, "COMMIT", exdbsql.ConflictError)
    story.catch_up(1, "SELECT id, name, latitude FROM site WHERE id = 1", [(1, "Harbour", 101.0)])


def local_table(story: Story) -> None:
    heading("A LOCAL table: the same table, other rows on each node")
    for node in range(3):
        story.run(node, f"INSERT INTO operator_note VALUES (1, 'seen on node {node} only')")
    for node in range(3):
        rows = story.run(node, "SELECT * FROM operator_note").rows
        must(rows == [(1, f"seen on node {node} only")], "a LOCAL row travelled")


def scatter_and_gather(story: Story) -> None:
    heading("A DISTRIBUTED table: nothing travels until SCATTER or GATHER ships it")
    story.run(0, "INSERT INTO inspection VALUES (1, 1, 'Ada', 'mast is loose'), (2, 3, 'Ada', NULL)")
    story.run(1, "INSERT INTO inspection VALUES (10, 2, 'Grace', 'filter changed')")
    must(story.run(2, "SELECT count(*) FROM inspection").rows == [(0,)], "a DISTRIBUTED row travelled by itself")
    story.run(0, "SCATTER TABLE inspection TO NODE 1, 2")
    story.run(2, "GATHER TABLE inspection FROM ALL")
    story.run(0, "SCATTER TABLE inspection TO ALL")
    rows = story.run(2, "SELECT * FROM inspection ORDER BY id").rows
    must([row[0] for row in rows] == [1, 2, 10], "node 2 lacks rows after the gather")
    print("node 0 and node 1 change the same row before they meet again:")
    story.run(0, "UPDATE inspection SET remark = 'mast repaired' WHERE id = 1")
    story.run(1, "UPDATE inspection SET remark = 'mast replaced' WHERE id = 1")
    story.run_refused(0, "SCATTER inspection TO 1", exdbsql.ConflictError)


def quorum(story: Story) -> None:
    heading("The quorum: ranks 2, 1, 1; more than half of 4 is needed")
    story.run(0, "SHOW QUORUM")
    kill(story, 2)
    story.wait_until(0, "node 0 has noticed", lambda: present_nodes(story, 0) == {0, 1})
    story.run(0, "INSERT INTO site VALUES (8, 'Quarry', 53.650, 10.300)")
    kill(story, 1)
    story.wait_until(0, "node 0 has noticed", lambda: present_nodes(story, 0) == {0})
    story.run_refused(0, "INSERT INTO site VALUES (9, 'Airport', 53.630, 9.990)", exdbsql.NoQuorumError)
    story.run(0, "SHOW QUORUM")
    must(story.run(0, "SELECT count(*) FROM site").rows == [(8,)], "reads must go on, and nothing may be half done")


def come_back(story: Story) -> None:
    heading("The nodes come back with empty memory, and are synchronised")
    for node in (1, 2):
        print(f"        exdbsql serve -c {story.cluster.folder}/node{node}.toml")
        story.cluster.start(node)
        story.wait_until(node, f"node {node} is synchronised", lambda node=node: story.cluster.is_ready(node))
        rows = story.run(node, "SELECT (SELECT count(*) FROM site) AS sites, count(*) AS readings FROM reading").rows
        must(rows == [(8, 4032)], f"node {node} was not synchronised")
    story.run(1, "INSERT INTO site VALUES (9, 'Airport', 53.630, 9.990)")
    story.catch_up(0, "SELECT name FROM site WHERE id = 9", [("Airport",)])
    story.run(0, "SHOW NODES")


def kill(story: Story, node: int) -> None:
    print(f"        kill -9 of node {node}", flush=True)
    story.forget(node)
    story.cluster.kill(node)


def present_nodes(story: Story, node: int) -> set[int]:
    result = story.connection(node).session.execute("SHOW NODES")
    return {node_id for node_id, _, _, state, _ in result.rows if state.startswith("active")}


def prepare_folder(folder: Path, port: int | None) -> LocalCluster:
    """A fresh folder with three configurations and the schema of the sensors; node 0 gets rank 2."""
    if folder.exists():
        if not (folder / MARK).exists():
            sys.exit(f"{folder.absolute()} is there already and was not made by the demonstration; move it away")
        shutil.rmtree(folder)
    folder.mkdir()
    (folder / MARK).touch()
    sql_port, cluster_port = choose_ports() if port is None else (port, port + 3)
    init(folder, 3, sql_port, cluster_port)
    shutil.copy(SENSORS / "schema.sql", folder / "schema.sql")
    for config in folder.glob("node*.toml"):
        text = config.read_text(encoding="utf-8")
        own = f':{cluster_port}", qrank = '
        must(own + "1" in text, f"{config} does not list node 0 as expected")
        config.write_text(text.replace(own + "1", own + "2"), encoding="utf-8")
    return LocalCluster(folder)


def choose_ports() -> tuple[int, int]:
    """5500 and 5600 onwards as in the documentation, or others where these are in use."""
    wanted = [base + i for base in (SQL_PORT, CLUSTER_PORT) for i in range(3)]
    if ports_free(wanted):
        return SQL_PORT, CLUSTER_PORT
    while True:
        sql_port, cluster_port = free_ports(2)
        chosen = [base + i for base in (sql_port, cluster_port) for i in range(3)]
        if len(set(chosen)) == 6 and max(chosen) < 65536 and ports_free(chosen):
            print(
                f"ports {SQL_PORT} and {CLUSTER_PORT} onwards are in use; taking {sql_port} and {cluster_port} onwards"
            )
            return sql_port, cluster_port


@contextmanager
def cluster_of_three(folder: Path, port: int | None) -> Iterator[LocalCluster]:
    cluster = prepare_folder(folder, port)
    print(f"configurations, schema and logs: {folder.absolute()}")
    try:
        for node in range(3):
            process = cluster.start(node)
            print(f"started node {node}: process {process.pid}, SQL at {cluster.address(node)}")
        for node in range(3):
            cluster.wait_ready(node)
        print("all three are synchronised", flush=True)
        yield cluster
    finally:
        cluster.stop()
        print("the nodes have ended", flush=True)


def open_shell(cluster: LocalCluster) -> None:
    heading("Your turn: a shell on node 0, with the cluster running (\\? for help, \\q to end everything)")
    print(f"the other nodes, from other terminals: {', '.join(cluster.address(node) for node in (1, 2))}", flush=True)
    signal.signal(signal.SIGINT, lambda number, frame: None)  # Ctrl-C cancels the shell's statement, not this program
    subprocess.run([EXDBSQL, "shell", cluster.address(0)], check=False)


def main() -> int:
    """Tell the whole story; returns the exit code."""
    parser = argparse.ArgumentParser(description="three nodes on this machine, and what they do")
    parser.add_argument("--port", type=int, help="first of six neighbouring ports; default: 5500 and 5600 onwards")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal must not leave nodes behind
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    try:
        with cluster_of_three(FOLDER, arguments.port) as cluster:
            story = Story(cluster)
            for part in (load_and_replicate, conflict, local_table, scatter_and_gather, quorum, come_back):
                part(story)
            story.close()
            if sys.stdin.isatty() and sys.stdout.isatty():
                open_shell(cluster)
    except (AssertionError, RuntimeError, exdbsql.Error) as error:
        print(f"the demonstration failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
