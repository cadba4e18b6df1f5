"""A PostgreSQL server for one program: files and socket in a temporary folder, gone at the end."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

_SETTINGS = (
    *("listen_addresses=", "fsync=off", "synchronous_commit=off", "full_page_writes=off"),
    *("shared_buffers=1GB", "work_mem=256MB", "max_wal_size=4GB", "logging_collector=off"),
)
_PATIENCE_S = 30.0


class ServerNotFound(Exception):
    """There is no PostgreSQL server on this machine, or it does not start."""


class PostgresServer:
    """Starts a server; `address` is what a driver connects to."""

    def __init__(self) -> None:
        binaries = _binaries()
        self._as = _other_user()
        self._folder = Path(tempfile.mkdtemp(prefix="pgbench", dir="/tmp"))
        if self._as:
            shutil.chown(self._folder, self._as["user"])
        data = self._folder / "data"
        self.address = f"host={self._folder} dbname=postgres user=bench"
        made = subprocess.run(
            [binaries / "initdb", "-D", data, "-A", "trust", "-U", "bench", "-E", "UTF8", "--locale=C", "--no-sync"],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **self._as,
        )
        if made.returncode:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise ServerNotFound(f"initdb says {made.stderr.strip() or made.returncode}")
        options = [part for setting in _SETTINGS for part in ("-c", setting)]
        self._process = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-k", self._folder, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            **self._as,
        )
        self._wait(binaries / "pg_isready")

    def _wait(self, is_ready: Path) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        asked = [is_ready, "-q", "-h", self._folder]
        while subprocess.run(asked, check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ServerNotFound("postgres does not start")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server, and remove its files."""
        if self._process.poll() is None:
            self._process.send_signal(2)  # SIGINT: a fast shutdown
            self._process.wait(_PATIENCE_S)
        shutil.rmtree(self._folder, ignore_errors=True)


def _binaries() -> Path:
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True
    )
    on_path = shutil.which("postgres")
    if on_path is not None:
        folders.append(Path(on_path).resolve().parent)
    for folder in folders:
        if all((folder / name).exists() for name in ("postgres", "initdb", "pg_isready")):
            return folder
    raise ServerNotFound("no PostgreSQL server is installed")


def _other_user() -> dict[str, Any]:
    """Whom to run as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": name, "group": found.pw_gid, "extra_groups": []}
    raise ServerNotFound("nobody to run PostgreSQL as")
