"""`make demo`: its script runs to the end by itself, shows what it promises, and leaves nothing behind."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local_cluster import contiguous_ports

ROOT = Path(__file__).parent.parent.parent


def demo() -> list[str]:
    """The command, on ports of its own: others may be using the default ones."""
    return [sys.executable, str(ROOT / "examples" / "demo.py"), "--port", str(contiguous_ports(6))]


def processes_of(folder: Path) -> list[str]:
    """Command lines of living processes that mention `folder`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended while we looked
            continue
        if str(folder) in line or " demo/node" in line and os.path.realpath(entry.parent / "cwd") == str(folder):
            found.append(line)
    return found


@pytest.mark.timeout(300)
def test_away_from_a_terminal_it_ends_by_itself(tmp_path: Path) -> None:
    done = subprocess.run(
        demo(), cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for part in (
        "Lighthouse",
        "ERROR 40001",
        "seen on node 2 only",
        "SCATTER TABLE inspection TO NODE 1, 2",
        "kill -9 of node 1",
        "ERROR 57P03",
        "node 2 is synchronised",
        "the nodes have ended",
    ):
        assert part in done.stdout, f"{part!r} is missing in\n{done.stdout}"
    assert processes_of(tmp_path) == []


@pytest.mark.timeout(300)
def test_on_a_terminal_it_leaves_the_user_in_a_shell(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(demo(), cwd=tmp_path, stdin=follower, stdout=follower, stderr=follower, close_fds=True)
    os.close(follower)
    try:
        seen = read_until(leader, b"Your turn", 280)
        seen += read_until(leader, b"exdb@node0>", 30)
        os.write(leader, b"SELECT name FROM site WHERE id = 9;\r")
        seen += read_until(leader, b"Airport", 30)
        os.write(leader, b"\\q\r")
        seen += read_until(leader, b"the nodes have ended", 60)
        assert process.wait(30) == 0, seen.decode(errors="replace")
        assert processes_of(tmp_path) == []
    finally:
        process.terminate()  # it ends its nodes, which kill() would leave behind
        process.wait(60)
        os.close(leader)


@pytest.mark.timeout(120)
def test_a_closed_terminal_ends_the_nodes_too(tmp_path: Path) -> None:
    process = subprocess.Popen(demo(), cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if "started node 2" in line:
            break
    process.send_signal(signal.SIGHUP)
    process.stdout.read()
    assert process.wait(60) == 128 + signal.SIGHUP
    assert processes_of(tmp_path) == []


def read_until(descriptor: int, wanted: bytes, timeout_s: float) -> bytes:
    """What the terminal shows up to `wanted`."""
    got = b""
    deadline = time.monotonic() + timeout_s
    while wanted not in got:
        remaining = deadline - time.monotonic()
        assert remaining > 0, f"{wanted!r} did not appear in\n{got.decode(errors='replace')}"
        if select.select([descriptor], [], [], min(remaining, 1.0))[0]:
            try:
                got += os.read(descriptor, 65536)
            except OSError as error:
                raise AssertionError(
                    f"the terminal closed before {wanted!r}:\n{got.decode(errors='replace')}"
                ) from error
    return got
