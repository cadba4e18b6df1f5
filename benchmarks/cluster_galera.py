"""Galera (three MariaDB servers with its provider) for the cluster benchmark, as close to memory as it goes.

Its load is sysbench's, with `galera.lua`: writers in C over a Unix socket, one autocommitted, prepared UPDATE a commit (of a range of keys,
where a commit has many rows). That gave more than any client in Python, which would be half of what is measured. Folders lie in memory,
nothing is flushed, and a node may lag 500 transactions behind before it slows the others; among the settings tried, this gave most. A commit
returns when it is ordered and certified, while the other nodes may still have to apply it.

No state is transferred: every node begins with the same empty files, and with the position that the cluster has when it joins, so it
joins as one that was away and missed nothing. rsync and the other programs of a transfer are not needed.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from cluster_servers import PATIENCE_S, child, free_port, until

PROVIDERS = [
    Path(folder, "galera/libgalera_smm.so") for folder in ("/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu")
]
SCRIPT = Path(__file__).parent / "galera.lua"
HISTORY = "7c6f3f5e-0000-11ef-8000-000000000001"
SERVER = [
    *("--skip-networking", "--skip-name-resolve", "--performance-schema=0", "--max-connections=200"),
    *(
        "--innodb-flush-log-at-trx-commit=0",
        "--sync-binlog=0",
        "--innodb-doublewrite=0",
        "--innodb-buffer-pool-size=256M",
    ),
    *("--innodb-autoinc-lock-mode=2", "--binlog-format=ROW", "--wsrep-on=1", "--wsrep-node-address=127.0.0.1"),
    *("--wsrep-sst-method=skip", "--wsrep-slave-threads=2"),
]
PROVIDER_OPTIONS = "gcache.size=128M;gcs.fc_limit=500;socket.checksum=0"


def why_not() -> str:
    """What is missing, or ""."""
    programs = {"mariadbd": "mariadb-server", "mariadb": "mariadb-client", "mariadb-install-db": "mariadb-server"}
    for program, package in (programs | {"sysbench": "sysbench", "setpriv": "util-linux"}).items():
        if not _program(program):
            return f"Galera is left out: there is no {program} (package {package})"
    return "" if _provider() else "Galera is left out: there is no libgalera_smm.so (package galera-4)"


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def _provider() -> Path | None:
    return next((path for path in PROVIDERS if path.exists()), None)


class Galera:
    """One node: a server that is this process's child, and writers that are a child of it too, for each run."""

    def __init__(self, node: int, ports: list[int], state_dir: str) -> None:
        self.node = node
        self.folder = Path(state_dir)
        founder = Path(f"{state_dir.removesuffix(str(node))}0")  # the folder of the node that founds the cluster
        self.first = founder / "socket"
        self.folder.mkdir()
        if node == 0:
            self._make_files()
        until(lambda: shutil.copytree(founder / "made", self.folder / "data"))
        if node:
            until(lambda: self._first_must_have(node))
        self._write_position(int(self._status("last_committed", self.first)) if node else 0)
        self.server = child([*self._command(ports), *([] if node else ["--wsrep-new-cluster"])], self.folder / "log")
        try:
            until(self._is_member, is_hopeless=lambda: self.server.poll() is not None)
            if node == 0:
                until(lambda: self._first_must_have(len(ports)))
                self._ask("CREATE DATABASE bench; CREATE TABLE bench.counter (id int PRIMARY KEY, value int NOT NULL)")
            else:
                until(lambda: self._ask("SELECT count(*) FROM bench.counter"))
        except BaseException:
            self.close()
            raise

    def _make_files(self) -> None:
        """The files that all nodes begin with."""
        program = _program("mariadb-install-db")
        assert program is not None
        subprocess.run(
            [
                *(program, "--no-defaults", f"--datadir={self.folder / 'making'}", *_as_root()),
                *("--auth-root-authentication-method=normal", "--skip-test-db"),
            ],
            check=True,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        (self.folder / "making").rename(self.folder / "made")

    def _write_position(self, position: int) -> None:
        lines = (
            "# GALERA saved state",
            "version: 2.1",
            f"uuid: {HISTORY}",
            f"seqno: {position}",
            "safe_to_bootstrap: 1",
        )
        (self.folder / "data/grastate.dat").write_text("\n".join(lines) + "\n")

    def _command(self, ports: list[int]) -> list[str]:
        program = _program("mariadbd")
        assert program is not None
        peers = ",".join(f"127.0.0.1:{port}" for port in ports)
        own = f"gmcast.listen_addr=tcp://127.0.0.1:{ports[self.node]};ist.recv_addr=127.0.0.1:{free_port()}"
        return [
            *(program, "--no-defaults", *_as_root(), *SERVER),
            *(
                f"--{name}={self.folder / file}"
                for name, file in (("datadir", "data"), ("socket", "socket"), ("pid-file", "pid"))
            ),
            *(f"--wsrep-provider={_provider()}", f"--wsrep-cluster-address=gcomm://{peers}"),
            f"--wsrep-provider-options={own};{PROVIDER_OPTIONS}",
        ]

    def _first_must_have(self, members: int) -> None:
        """Nodes join one after the other, and the table comes last: each must know the position that it joins at."""
        state, size = self._status("local_state_comment", self.first), self._status("cluster_size", self.first)
        if (state, size) != ("Synced", str(members)):
            raise RuntimeError(f"the first node is {state} in a cluster of {size}")

    def _is_member(self) -> None:
        try:
            is_ready = self._status("ready") == "ON"
        except subprocess.CalledProcessError:  # nobody answers
            is_ready = False
        if self.server.poll() is not None:
            raise RuntimeError(f"mariadbd has ended: {(self.folder / 'log').read_text()[-300:]}")
        if not is_ready:
            raise RuntimeError("mariadbd does not become ready")

    def _status(self, name: str, at: Path | None = None) -> str:
        return self._ask(f"SHOW STATUS LIKE 'wsrep_{name}'", at).split()[-1]

    def _ask(self, sql: str, at: Path | None = None) -> str:
        command = ["mariadb", "--no-defaults", "-uroot", f"-S{at or self.folder / 'socket'}", "-Ne", sql]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout

    def run(self, writers: int, seconds: float, rows: int) -> dict[str, Any]:
        """One run of sysbench; its report is the last line that the script prints."""
        command = [
            *(
                "sysbench",
                str(SCRIPT),
                "--db-driver=mysql",
                f"--mysql-socket={self.folder / 'socket'}",
                "--mysql-user=root",
            ),
            *("--mysql-password=", "--mysql-db=bench", f"--threads={writers}", f"--time={max(1, round(seconds))}"),
            *("--percentile=99", f"--node={self.node}", f"--rows={rows}", "run"),
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=seconds + PATIENCE_S)
        report = next((line for line in done.stdout.splitlines() if line.startswith("{")), None)
        if done.returncode or report is None:
            raise RuntimeError(f"sysbench: {(done.stderr or done.stdout)[-300:]}")
        answer: dict[str, Any] = json.loads(report)
        return answer

    def close(self) -> None:
        self.server.kill()


def _as_root() -> list[str]:
    """The server runs as root only when it is told to."""
    return ["--user=root"] if os.geteuid() == 0 else []
