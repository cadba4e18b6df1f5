"""A cluster inside your own processes: one process per node, no server.

    python examples/cluster_embedded.py N_NODES NODE_ID

Start it N_NODES times, with NODE_ID 0, 1, …; the nodes find each other on loopback ports 2010, 2020, … (the first can be
changed with EXDBSQL_EXAMPLE_PORT). Each node inserts rows of its own and counts one shared counter up; then all of them
print the same result and stop together.
"""

import os
import sys
import threading

import exdbsql as exdb

SCHEMA = """
CREATE TABLE counter (name text PRIMARY KEY, value integer NOT NULL);
CREATE TABLE greeting (node integer, number integer, words text NOT NULL, PRIMARY KEY (node, number));
"""
FIRST_PORT = int(os.environ.get("EXDBSQL_EXAMPLE_PORT", "2010"))
ROUNDS = 10


def on_notify(code: int, node: exdb.NodeInfo) -> None:
    """Runs in the listener when a node connects (0) or disconnects (1): be quick."""
    print(f"  node {node.node_id} at {node.addr} {'connected' if code == 0 else 'disconnected'}", flush=True)


class ListenThread(threading.Thread):
    """The application gives the cluster a thread of its own."""

    def __init__(self, db: exdb.Database) -> None:
        super().__init__(name="listener")
        self.db = db

    def run(self) -> None:
        con = self.db.connect()
        con.listen()
        con.close()


def retrying(con: exdb.Connection, sql: str, parameters: tuple[object, ...]) -> int:
    """Run one statement as a transaction until it commits; returns how many tries lost against another node."""
    lost = 0
    while True:
        try:
            con.cursor().execute(sql, parameters)
            con.commit()
            return lost
        except exdb.ConflictError:
            con.rollback()
            lost += 1


def do_work(con: exdb.Connection, node_id: int) -> None:
    """Insert this node's rows, and compete with the others for one counter."""
    cursor = con.cursor()
    if node_id == 0:
        cursor.execute("INSERT INTO counter VALUES ('rounds', 0)")
        con.commit()
    con.barrier()  # returns on every node after all nodes have entered
    lost = 0
    for number in range(ROUNDS):
        cursor.execute("INSERT INTO greeting VALUES (?, ?, ?)", (node_id, number, f"hello from node {node_id}"))
        con.commit()
        lost += retrying(con, "UPDATE counter SET value = value + 1 WHERE name = ?", ("rounds",))
    con.barrier()
    cursor.execute("SELECT value FROM counter WHERE name = 'rounds'")
    (rounds,) = cursor.fetchone() or (None,)
    cursor.execute("SELECT node, count(*) FROM greeting GROUP BY node ORDER BY node")
    print(f"node {node_id}: counter {rounds}, greetings {cursor.fetchall()}, conflicts retried {lost}", flush=True)
    con.commit()


def main(n_nodes: int, node_id: int) -> None:
    """Run node `node_id` of a cluster of `n_nodes`."""
    exdb.init_runtime(is_disk=False, tmgr="mvcc", is_shm=False, is_debug=False, cluster=True)
    nodes = [exdb.ClusterNodeParams(f"127.0.0.1:{FIRST_PORT + 10 * i}", qrank=1) for i in range(n_nodes)]
    params = exdb.ClusterParams(nwtype="TCP", nodeId=node_id, nodes=nodes, notifyCallback=on_notify)
    dictionary = exdb.load_dictionary(SCHEMA, persistent=False, debug=False)
    db = exdb.open_database(
        dbname=f"clusterdb_{node_id}",
        dictionary=dictionary,
        clusterParams=params,
        is_disk=False,
        db_segment_size=128 * 1024 * 1024,
    )
    listener = ListenThread(db)
    listener.start()
    with db.connect() as con:
        do_work(con, node_id)
        con.stop()  # returns after all nodes have called it
    listener.join()
    db.close()


if __name__ == "__main__":
    if len(sys.argv) != 3 or not all(a.isdigit() for a in sys.argv[1:]) or int(sys.argv[2]) >= int(sys.argv[1]):
        sys.exit("usage: python examples/cluster_embedded.py N_NODES NODE_ID   (0 <= NODE_ID < N_NODES)")
    main(int(sys.argv[1]), int(sys.argv[2]))
