"""A state machine of a few lines that behaves like the database where it matters: it certifies.

A command is (key, snapshot position, value). It is void when the key changed after the snapshot, or when the snapshot
is more than WINDOW positions old (R3). A running digest over everything applied makes states comparable.
"""

import marshal
from collections.abc import Iterator
from random import Random
from typing import Protocol
from zlib import crc32

from exdbsql.cluster.state_machine import Origin
from exdbsql.schema.errors import ConflictError

WINDOW = 40
PIECE = 200


class Machine(Protocol):
    """What the simulator asks of a state machine, besides being one."""

    position: int
    """Index of the last command applied."""
    applied: set[Origin]
    calls: list[tuple[int, Origin, bool]]
    """What was applied since the checks looked last: (index, origin, took effect)."""

    def command(self, rng: Random) -> bytes | None:
        """Something to propose, made on the state of now."""
        ...

    def digest(self) -> int:
        """Of the whole replicated state."""
        ...

    def apply(self, index: int, origin: Origin, command: bytes) -> object: ...

    def snapshot(self) -> Iterator[bytes]: ...

    def restore(self, chunks: Iterator[bytes]) -> None: ...

    def dictionary_text(self) -> str: ...

    def dictionary_difference(self, other: str) -> list[str]: ...


class Model:
    """A certifying map."""

    def __init__(self, node_id: int = 0) -> None:
        self.rows: dict[int, tuple[int, int]] = {}
        self.applied: set[Origin] = set()
        self._digest = 0
        self.position = 0
        self.window = WINDOW
        self.calls: list[tuple[int, Origin, bool]] = []

    def command(self, rng: Random) -> bytes:
        """A change of one key, on a snapshot of now or of a while ago."""
        return command(rng.randrange(4), self.position - rng.choice((0, 0, 0, 3, 60)), rng.randrange(1000))

    def digest(self) -> int:
        return self._digest

    def apply(self, index: int, origin: Origin, command: bytes) -> object:
        assert index > self.position, f"entry {index} applied after {self.position}"
        assert origin not in self.applied, f"{origin} applied twice (R4)"
        key, snapshot, value = marshal.loads(command)
        self.position = index
        self.applied.add(origin)
        void = snapshot < index - self.window or (key in self.rows and self.rows[key][1] > snapshot)
        if not void:
            self.rows[key] = (value, index)
        self._digest = crc32(command, self._digest ^ index ^ (void << 31))
        self.calls.append((index, origin, not void))
        return ConflictError(f"key {key} changed", key=str(key)) if void else None

    def snapshot(self) -> Iterator[bytes]:
        applied = [(o.node_id, o.incarnation, o.number) for o in self.applied]
        data = marshal.dumps((self.rows, applied, self._digest, self.position))
        return iter([data[i : i + PIECE] for i in range(0, len(data), PIECE)])

    def restore(self, chunks: Iterator[bytes]) -> None:
        rows, applied, digest, position = marshal.loads(b"".join(chunks))
        assert position >= self.position, "a snapshot took the state back"
        self.rows, self.applied = rows, {Origin(*o) for o in applied}
        self._digest, self.position = digest, position

    def dictionary_text(self) -> str:
        return ""

    def dictionary_difference(self, other: str) -> list[str]:
        return []


def command(key: int, snapshot: int, value: int) -> bytes:
    """A command of this machine."""
    return marshal.dumps((key, snapshot, value))
