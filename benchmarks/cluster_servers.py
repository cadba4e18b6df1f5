"""Replicated stores that are servers of their own, for the cluster benchmark: etcd, and MariaDB with Galera.

Each node process starts one server as its child, and its writers are clients of that server, over loopback or a Unix
socket: that is how these are used. Both write to disk, so their folders should lie in memory.
"""

import base64
import fcntl
import http.client
import json
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PATIENCE_S = 60.0
HISTORY = uuid.uuid5(uuid.NAMESPACE_DNS, "history.example")
PROVIDERS = ("/usr/lib/galera/libgalera_smm.so", "/usr/lib64/galera-4/libgalera_smm.so")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def child(command: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
    """A server that ends with this process, whatever ends it."""
    with log.open("wb") as output:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )


def until(succeeds: Callable[[], object]) -> None:
    """Try again until nothing is raised; raises what was raised last."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            succeeds()
            return
        except Exception:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


class Etcd:
    """etcd with its JSON gateway: a commit is one put, or one transaction of puts."""

    def __init__(self, node: int, ports: list[int], state_dir: str) -> None:
        self.node, self.port = node, free_port()
        Path(state_dir).mkdir(parents=True)
        peer, client = f"http://127.0.0.1:{ports[node]}", f"http://127.0.0.1:{self.port}"
        members = ",".join(f"n{number}=http://127.0.0.1:{port}" for number, port in enumerate(ports))
        self.server = child(
            [
                *("etcd", "--name", f"n{node}", "--data-dir", f"{state_dir}/data", "--max-txn-ops", "20000"),
                *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                *("--listen-client-urls", client, "--advertise-client-urls", client),
                *("--initial-cluster", members, "--initial-cluster-state", "new"),
            ],
            Path(state_dir, "log"),
        )
        until(lambda: self.writer(999, 1)())

    def writer(self, number: int, rows: int) -> Callable[[], None]:
        con = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        first = (self.node * 1000 + number) * 100_000
        keys = [base64.b64encode(str(first + i).encode()).decode() for i in range(rows)]
        value = 0

        def commit() -> None:
            nonlocal value
            value += 1
            text = base64.b64encode(str(value).encode()).decode()
            puts = [{"key": key, "value": text} for key in keys]
            if rows == 1:
                self._post(con, "/v3/kv/put", puts[0])
            else:
                self._post(con, "/v3/kv/txn", {"success": [{"request_put": put} for put in puts]})

        return commit

    @staticmethod
    def _post(con: http.client.HTTPConnection, path: str, body: dict[str, Any]) -> None:
        con.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = con.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"etcd: {answer.status} {text[:200]!r}")

    def close(self) -> None:
        self.server.kill()


class Galera:
    """MariaDB with Galera, without a sync of the disk at each commit: a commit is an UPDATE and a COMMIT."""

    def __init__(self, node: int, ports: list[int], state_dir: str) -> None:
        self.node, self.socket = node, f"{state_dir}/socket"
        data = Path(state_dir, "data")
        data.mkdir(parents=True)
        with Path(state_dir).parent.joinpath("lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several at a time fail
            subprocess.run(
                [
                    *("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=root", "--skip-test-db"),
                    "--auth-root-authentication-method=normal",
                ],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        # All begin with the same rows, so no state has to be sent when they meet.
        Path(data, "grastate.dat").write_text(
            f"# GALERA saved state\nversion: 2.1\nuuid: {HISTORY}\nseqno: 0\nsafe_to_bootstrap: 1\n", encoding="utf-8"
        )
        provider = next(path for path in PROVIDERS if Path(path).exists())
        others = ",".join(f"127.0.0.1:{port}" for port in ports)
        options = f"gmcast.listen_addr=tcp://127.0.0.1:{ports[node]};ist.recv_addr=127.0.0.1:{free_port()}"
        self.server = child(
            [
                *("mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--socket={self.socket}"),
                *("--skip-networking", f"--pid-file={state_dir}/pid", "--binlog-format=ROW"),
                *("--innodb-autoinc-lock-mode=2", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"),
                *("--wsrep-on=ON", f"--wsrep-provider={provider}", f"--wsrep-provider-options={options}"),
                *("--wsrep-cluster-name=bench", f"--wsrep-node-address=127.0.0.1:{ports[node]}"),
                f"--wsrep-sst-receive-address=127.0.0.1:{free_port()}",
                *([f"--wsrep-cluster-address=gcomm://{others}"] if node else ["--wsrep-new-cluster"]),
                *([] if node else ["--wsrep-cluster-address=gcomm://"]),
            ],
            Path(state_dir, "log"),
        )
        until(self._require_all)
        if node == 0:
            con = self._connect()
            con.query("CREATE DATABASE IF NOT EXISTS bench")
            con.query("CREATE TABLE bench.counter (id integer PRIMARY KEY, value integer NOT NULL) ENGINE=InnoDB")
        until(lambda: self._connect().query("SELECT 1 FROM bench.counter"))

    def _connect(self) -> Any:
        import pymysql

        return pymysql.connect(unix_socket=self.socket, user="root", autocommit=False)

    def _require_all(self) -> None:
        with self._connect().cursor() as cursor:
            cursor.execute("SHOW STATUS WHERE Variable_name IN ('wsrep_cluster_size', 'wsrep_local_state')")
            if {value for _, value in cursor.fetchall()} != {"3", "4"}:
                raise RuntimeError("not all nodes of Galera are there")

    def writer(self, number: int, rows: int) -> Callable[[], None]:
        con = self._connect()
        cursor = con.cursor()
        first = (self.node * 1000 + number) * 100_000
        cursor.executemany("INSERT IGNORE INTO bench.counter VALUES (%s, 0)", [(first + i,) for i in range(rows)])
        con.commit()

        def commit() -> None:
            cursor.execute(
                f"UPDATE bench.counter SET value = value + 1 WHERE id BETWEEN {first} AND {first + rows - 1}"
            )
            con.commit()

        return commit

    def close(self) -> None:
        self.server.kill()


def why_not(name: str) -> str:
    """What is missing for a system, or ""."""
    if not shutil.which("setpriv"):
        return f"{name} is left out: it is started with setpriv (package util-linux)"
    if name == "etcd":
        return "" if shutil.which("etcd") else "etcd is not installed (package etcd-server)"
    if not (shutil.which("mariadbd") and shutil.which("mariadb-install-db")):
        return "MariaDB is not installed (package mariadb-server)"
    if not any(Path(path).exists() for path in PROVIDERS):
        return "Galera is not installed (package galera-4)"
    try:
        import pymysql  # noqa: F401  only whether it is there
    except ImportError:
        return "no client for Galera: pip install -e '.[bench]'"
    return ""
