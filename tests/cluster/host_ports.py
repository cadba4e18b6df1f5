"""Free ports on loopback, and waiting with a deadline: what tests with real sockets need."""

import socket
import time
from collections.abc import Callable

DEADLINE_S = 30.0
"""Generous: reached only when something is wrong."""


def free_ports(n: int) -> list[int]:
    """Ports that nobody listens on now, distinct."""
    sockets = [socket.socket() for _ in range(n)]
    try:
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


def eventually(condition: Callable[[], object], what: str = "", deadline_s: float = DEADLINE_S) -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what or condition}"
        time.sleep(0.005)
