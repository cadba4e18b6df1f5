"""Lines: control connections whose bytes are read past asyncio, by whoever has the helm (``helm.py``).

A line is a connection that has passed its handshake. asyncio goes on to own its socket, and closes it, but reads it no longer.
Two sets are kept in the kernel: the lines alone, which a committing thread waits for; and the lines together with
asyncio's own selector, which the listener's thread waits for.

Left out: TLS, and systems without epoll. There asyncio reads, and only the listener's thread steers.
"""

import contextlib
import select
import socket
from collections.abc import Sequence
from typing import Any, Final, Protocol

from exdbsql.cluster.socket_calls import Receive, receiver, send

Events = Sequence[tuple[int, int]]

READABLE: Final = 1


class Line(Protocol):
    """A connection that is read here."""

    def hear(self) -> None:
        """Something has come, or the end."""
        ...


class Crew(Protocol):
    """What belongs to the lines: a node's stay in its cluster."""

    def work(self, events: Events) -> None:
        """Hear what has come, and do what follows from it; to be called at the helm."""
        ...

    def before_waiting(self) -> float | None:
        """The listener's thread is about to wait; for how long it may, in s, or None for as long as it likes."""
        ...


class Bell:
    """A line of a process to itself: whoever waits for the lines hears it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._here, self._there = socket.socketpair()
        for end in (self._here, self._there):
            end.setblocking(False)

    def ring(self) -> None:
        """Wake whoever waits; from any thread, without giving up the interpreter's lock."""
        send(self._there.fileno(), b"!")

    def fileno(self) -> int:
        """What is waited for."""
        return self._here.fileno()

    def hear(self) -> None:
        """It has rung: that is all."""
        self._receive(self.fileno(), 64)

    def descriptors(self) -> list[int]:
        """Both ends."""
        return [self._here.fileno(), self._there.fileno()]

    def close(self) -> None:
        """The listener ends."""
        self._here.close()
        self._there.close()


class Lines:
    """See the module.

    Attributes:
        crew: who is to work on what arrives; None while there is nobody.
        receive: reads from a line, without waiting; at the helm.
        bell: a line of this process to itself, from when somebody waits.
    """

    available: Final = hasattr(select, "epoll")

    def __init__(self) -> None:
        self.crew: Crew | None = None
        self.receive = receiver()
        self.bell: Bell | None = None
        self._lines: dict[int, Line] = {}
        self._asyncio = -1
        if self.available:
            self._alone: Any = select.epoll()
            self._together: Any = select.epoll()

    def watch(self, selector: int) -> None:
        """The descriptor of asyncio's selector."""
        self._asyncio = selector
        self._together.register(selector, READABLE)
        self.bell = Bell(self.receive)
        self.add(self.bell.fileno(), self.bell)

    def add(self, descriptor: int, line: Line) -> None:
        """From now on this connection is read here."""
        self._lines[descriptor] = line
        self._alone.register(descriptor, READABLE)
        self._together.register(descriptor, READABLE)

    def remove(self, descriptor: int) -> None:
        """It is closed, or will be."""
        if self._lines.pop(descriptor, None) is not None:
            for poll in (self._alone, self._together):
                with contextlib.suppress(OSError):
                    poll.unregister(descriptor)

    def wait(self, seconds: float) -> Events:
        """What the lines bring; for a committing thread."""
        return self._alone.poll(seconds)  # type: ignore[no-any-return]  # no type of it is known where there is no epoll

    def wait_for_all(self, seconds: float | None) -> Events:
        """What the lines, or asyncio, bring; for the listener's thread."""
        return self._together.poll(seconds)  # type: ignore[no-any-return]  # likewise

    def serve(self, events: Events) -> bool:
        """Have the crew work on what has arrived; whether asyncio has something to do."""
        if events and self.crew is not None and (len(events) > 1 or events[0][0] != self._asyncio):
            self.crew.work(events)
        return any(descriptor == self._asyncio for descriptor, _ in events)

    def hear(self, events: Events) -> None:
        """Read the lines that these events are about."""
        lines = self._lines
        for descriptor, _ in events:
            line = lines.get(descriptor)
            if line is not None:
                line.hear()

    def descriptors(self) -> list[int]:
        """Those of all lines, and of what waits for them."""
        if not self.available or self._alone.closed:
            return []
        bell = [] if self.bell is None else self.bell.descriptors()
        return [*self._lines, self._alone.fileno(), self._together.fileno(), *bell]

    def close(self) -> None:
        """The listener ends."""
        if self.available:
            self._alone.close()
            self._together.close()
        if self.bell is not None:
            self.bell.close()
