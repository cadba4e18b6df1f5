"""Replicated stores that are servers of their own, for the cluster benchmark: etcd.

Each node process starts one server as its child, and its writers are clients of that server, over loopback: that is how it is
used. It writes to disk, so its folder should lie in memory.
"""

import base64
import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PATIENCE_S = 60.0


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


def until(succeeds: Callable[[], object], is_hopeless: Callable[[], object] = bool) -> None:
    """Try again until nothing is raised; raises what was raised last, at once where there is no hope."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            succeeds()
            return
        except Exception:
            if time.monotonic() > end or is_hopeless():
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


def why_not(name: str) -> str:
    """What is missing for a system, or ""."""
    if not shutil.which("setpriv"):
        return f"{name} is left out: it is started with setpriv (package util-linux)"
    return "" if shutil.which("etcd") else "etcd is not installed (package etcd-server)"
