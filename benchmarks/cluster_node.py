"""One node process of the cluster benchmark: a member with writers in it, told what to do over standard input.

Protocol with the driver (:mod:`cluster`): one JSON object per line. In: ``{"writers": n, "seconds": s, "rows": r}`` runs
n writer threads for s seconds, each commit changing r rows; ``"busy": true`` runs a loop in pure Python beside them, and
``"stubborn": true`` tries again after an error. ``{"ask": name}`` and ``{"window": [bsize, length, timeout]}`` are for
exdbsql alone (`Exdbsql.answer`). ``{}`` ends. Out: ``{"ready": true}``, or ``{"error": why}`` and the end, then per run the commits, the percentiles of their
latency and the longest in microseconds. Every writer changes rows of its own, so that what is
measured is the commit and not the retry.
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from cluster_galera import Galera
from cluster_servers import Etcd

Commit = Callable[[], None]


class System(Protocol):
    """What is measured: makes one committing function per writer thread."""

    def writer(self, number: int, rows: int) -> Commit: ...
    def close(self) -> None: ...


def writes(con: Any, number: int, rows: int) -> Commit:
    """What one writer of exdbsql does for each commit, embedded or over the network."""
    cursor = con.cursor()
    first = number * 100_000
    keys = [(first + i,) for i in range(rows)]
    cursor.executemany("INSERT INTO counter VALUES (?, 0) ON CONFLICT (id) DO NOTHING", keys)
    con.commit()
    update = "UPDATE counter SET value = value + 1 WHERE id = ?"

    def commit_one() -> None:
        cursor.execute(update, keys[0])
        con.commit()

    def commit_many() -> None:
        cursor.executemany(update, keys)
        con.commit()

    return commit_one if rows == 1 else commit_many


class Exdbsql:
    """A node in this process, through the embedded API."""

    mode_mask = 0
    inserted = 0

    def __init__(self, node: int, ports: list[int], state_dir: str) -> None:
        import exdbsql as exdb

        self.node = node
        exdb.init_runtime(is_disk=False, tmgr="mvcc", cluster=True)
        members = [exdb.ClusterNodeParams(f"127.0.0.1:{port}") for port in ports]
        self.db = exdb.open_database(
            dbname=f"bench{node}",
            dictionary=exdb.load_dictionary("CREATE TABLE counter (id integer PRIMARY KEY, value integer NOT NULL)"),
            clusterParams=exdb.ClusterParams(nwtype="TCP", nodeId=node, nodes=members, mode_mask=self.mode_mask),
            state_dir=state_dir,
        )
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        with self.db.connect() as con:
            con.cursor().execute("SELECT count(*) FROM counter")

    def _listen(self) -> None:
        con = self.db.connect()
        con.listen()

    def writer(self, number: int, rows: int) -> Commit:
        return writes(self.db.connect(), self.node * 1000 + number, rows)

    def serve(self) -> int:
        """Serve clients over the network from now on; the port."""
        from exdbsql.address import Address
        from exdbsql.service import SqlService

        self.service = SqlService(
            self.db, Address("127.0.0.1", 0), workers=32, max_connections=100, frame_limit=4 * 1024 * 1024
        )
        self.service.start()
        return self.service.address.port

    def answer(self, order: dict[str, Any]) -> dict[str, Any]:
        """What the driver asks of this node besides commits."""
        if order.get("ask") == "serve":
            return {"port": self.serve()}
        if order.get("ask") == "large":
            return self.large(order["rows"])
        with self.db.connect() as con:
            if "window" in order:
                from exdbsql import ClusterWindow

                con.window = ClusterWindow(*order["window"])
                return {"window": order["window"]}
            if order["ask"] == "leader":
                return {"leader": dict(con.execute("SHOW CLUSTER").fetchall())["leader"]}
            if order["ask"] == "load":
                for start in range(0, order["rows"], 10_000):
                    rows = [(10_000_000 + start + i,) for i in range(10_000)]
                    con.executemany("INSERT INTO counter VALUES (?, 0)", rows)
                    con.commit()
            return {"rows": con.execute("SELECT count(*) FROM counter").fetchone()[0]}

    def large(self, rows: int) -> dict[str, Any]:
        """How long the statement of a large transaction takes, and how long its commit, in s."""
        with self.db.connect() as con:
            cursor = con.cursor()
            first = 1_500_000_000 + self.inserted
            self.inserted += rows
            made = [(key,) for key in range(first, first + rows)]
            began = time.perf_counter()
            for start in range(0, rows, 10_000):
                cursor.executemany("INSERT INTO counter VALUES (?, 0)", made[start : start + 10_000])
            written = time.perf_counter()
            con.commit()
            return {"statements": written - began, "commit": time.perf_counter() - written}

    def close(self) -> None:
        self.db.close()


class EarlyExdbsql(Exdbsql):
    """With EARLY_DATA_SEND."""

    mode_mask = 2


class RemoteExdbsql:
    """A process without a node: its writers are clients of one, over the network."""

    def __init__(self, node: int, ports: list[int], state_dir: str) -> None:
        self.target = f"exdb://127.0.0.1:{ports[0]}/"

    def writer(self, number: int, rows: int) -> Commit:
        import exdbsql as exdb

        return writes(exdb.connect(self.target), 9_000 + number, rows)

    def close(self) -> None: ...


class PySyncObj:
    """The same with PySyncObj: a replicated dictionary, each commit one synchronous replicated call."""

    settings: ClassVar[dict[str, Any]] = {}

    def __init__(self, node: int, ports: list[int], state_dir: str) -> None:
        import pysyncobj

        settings = self.settings

        class Counters(pysyncobj.SyncObj):  # type: ignore[misc]  # the package is untyped
            def __init__(self, own: str, others: list[str]) -> None:
                super().__init__(own, others, pysyncobj.SyncObjConf(commandsWaitLeader=True, **settings))
                self.values: dict[int, int] = {}

            @pysyncobj.replicated
            def increment(self, first: int, rows: int) -> None:
                for key in range(first, first + rows):
                    self.values[key] = self.values.get(key, 0) + 1

        addresses = [f"127.0.0.1:{port}" for port in ports]
        self.node = node
        self.counters = Counters(addresses.pop(node), addresses)
        while not self.counters.isReady():
            time.sleep(0.02)

    def writer(self, number: int, rows: int) -> Commit:
        first = (self.node * 1000 + number) * 100_000
        return lambda: self.counters.increment(first, rows, sync=True, timeout=30)

    def close(self) -> None:
        self.counters.destroy()


class TunedPySyncObj(PySyncObj):
    """With the fastest settings among those tried; it then logs that state may have diverged."""

    settings: ClassVar[dict[str, Any]] = {
        "autoTickPeriod": 0.0005,
        "appendEntriesPeriod": 0.01,
        "appendEntriesUseBatch": False,
    }


SYSTEMS: dict[str, Callable[[int, list[int], str], System | Galera]] = {
    "exdbsql": Exdbsql,
    "exdbsql-early": EarlyExdbsql,
    "exdbsql-remote": RemoteExdbsql,
    "pysyncobj": PySyncObj,
    "pysyncobj-tuned": TunedPySyncObj,
    "etcd": Etcd,
    "galera": Galera,
}


def be_busy(end: threading.Event) -> None:
    """An application's thread that calculates: it gives up the interpreter's lock only when it must."""
    while not end.is_set():
        sum(i * i for i in range(1000))


def measure(
    system: System, writers: int, seconds: float, rows: int, busy: bool = False, stubborn: bool = False
) -> dict[str, Any]:
    """Commit from `writers` threads for `seconds`."""
    commits = [system.writer(number, rows) for number in range(writers)]
    latencies: list[list[float]] = [[] for _ in commits]
    start = threading.Barrier(writers + 1)
    end = threading.Event()

    def work(commit: Commit, taken: list[float]) -> None:
        start.wait()
        clock = time.perf_counter
        while not end.is_set():
            began = clock()
            while True:
                try:
                    commit()
                    break
                except Exception:
                    if not stubborn or end.is_set():
                        raise
            taken.append(clock() - began)

    threads = [
        threading.Thread(target=work, args=(commit, taken)) for commit, taken in zip(commits, latencies, strict=True)
    ]
    if busy:
        threads.append(threading.Thread(target=be_busy, args=(end,)))
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    end.wait(seconds)
    end.set()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - began
    every = sorted(latency for taken in latencies for latency in taken)
    return {
        "commits": len(every),
        "seconds": elapsed,
        "p50_us": every[len(every) // 2] * 1e6 if every else None,
        "p99_us": every[len(every) * 99 // 100] * 1e6 if every else None,
        "max_us": every[-1] * 1e6 if every else None,
    }


def main(name: str, node: int, ports: list[int], state_dir: str) -> None:
    """Serve the driver until it says enough."""
    try:
        system = SYSTEMS[name](node, ports, state_dir)
    except Exception as error:  # noqa: BLE001 - the driver goes on without a peer that does not start, and says why
        print(json.dumps({"error": str(error)}), flush=True)
        return
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if not order:
            break
        if isinstance(system, Galera):
            answer = system.run(**order)
        elif "writers" in order:
            answer = measure(system, **order)
        else:
            assert isinstance(system, Exdbsql)
            answer = system.answer(order)
        print(json.dumps(answer), flush=True)
    system.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), [int(port) for port in sys.argv[3].split(",")], sys.argv[4])
