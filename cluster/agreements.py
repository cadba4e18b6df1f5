"""What nodes agree on through the log besides commands: barriers, the common stop, verdicts on exchanges.

Each is a small state that only log entries change, in log order, so that it is the same on every node (R2):

barrier
    A node is inside from its entry on; when every member of the list is inside, all are let out. Several of its threads may
    be. One that gives up writes that down too, and what comes first in the log counts: either all have met, or it was
    never there. Whoever has started again since is inside no more; whoever was taken off the list is not waited for.
stop
    A node has asked from its entry on. Who is active only the leader sees: when all nodes that it is connected to have
    asked, it appends "done", and that entry ends the cluster for everybody.
verdict
    The first verdict for an operation counts (R11); later ones are answered with it.
"""

from collections.abc import Sequence
from typing import Any

import msgpack

from exdbsql.cluster.core.messages import (
    COMMAND,
    CONFIG,
    ENTRY_KINDS,
    MEETING,
    VERDICT,
    Entry,
    configuration_from_wire,
)
from exdbsql.schema.errors import ProtocolError

KEPT_VERDICTS = 10_000
BARRIER, BARRIER_EXIT, STOP, STOP_DONE = "barrier", "barrier exit", "stop", "stop done"

Call = tuple[int, int, int]
"""(node, incarnation, number) of a proposal that somebody waits for."""


def exit_of(number: int) -> bytes:
    """What a node proposes that gives up its barrier of this number."""
    return bytes(msgpack.packb([BARRIER_EXIT, number]))


def left_by(data: bytes) -> int:
    """The number of the barrier that this MEETING gives up; 0 where it is no such thing."""
    value = msgpack.unpackb(data)
    return value[1] if isinstance(value, list) else 0


def is_sound(kind: int, data: bytes) -> bool:
    """Whether a MEETING or VERDICT that some node proposes can be read: what cannot must not get into the log, where it
    would end every node that applies it."""
    try:
        value = msgpack.unpackb(data)
    except Exception:  # noqa: BLE001  msgpack raises several kinds
        return False
    if kind == MEETING and isinstance(value, list):
        return [type(v) for v in value] == [str, int] and value[0] == BARRIER_EXIT and value[1] > 0
    if kind == MEETING:
        return value in (BARRIER, STOP, STOP_DONE)
    return isinstance(value, list) and [type(v) for v in value] == [str, bool]


def check_entries(entries: Sequence[Entry]) -> None:
    """Raise ProtocolError where a leader sends an entry of the cluster's own that no node can read."""
    for entry in entries:
        kind = entry.kind
        if kind == COMMAND:
            continue
        if kind == CONFIG:
            try:
                configuration_from_wire(msgpack.unpackb(entry.data))
            except (ValueError, TypeError) as error:  # msgpack's are among these
                raise ProtocolError(f"a list of members in the log cannot be read: {error}") from None
        elif not 0 <= kind < len(ENTRY_KINDS) or (kind in (MEETING, VERDICT) and not is_sound(kind, entry.data)):
            raise ProtocolError(f"an entry of the log cannot be read: kind {kind}, {entry.data!r:.40}")


class Agreements:
    """The state of all of them, as the applied log gives it."""

    def __init__(self) -> None:
        self.inside: dict[tuple[int, int], list[int]] = {}
        """(Node, incarnation) -> numbers of its barrier entries. (An entry of an earlier life may come late.)"""
        self.asked_to_stop: dict[int, tuple[int, int]] = {}
        self.stopped = False
        self.verdicts: dict[str, bool] = {}

    def enter(self, entry: Entry, members: frozenset[int]) -> list[Call]:
        """A MEETING entry that is no exit. Returns those that need wait no longer."""
        what = msgpack.unpackb(entry.data)
        if what == BARRIER:
            self.inside.setdefault((entry.node_id, entry.incarnation), []).append(entry.number)
            return self.release(members)
        if what == STOP:
            self.asked_to_stop[entry.node_id] = (entry.incarnation, entry.number)
            return []
        self.stopped = True
        return [(i, *entered) for i, entered in sorted(self.asked_to_stop.items())]

    def exit(self, entry: Entry) -> bool:
        """A barrier is given up. Whether its node was inside until now."""
        life = entry.node_id, entry.incarnation
        numbers, number = self.inside.get(life, []), left_by(entry.data)
        if number not in numbers:
            return False
        numbers.remove(number)
        if not numbers:
            del self.inside[life]
        return True

    def started_again(self, node_id: int, incarnation: int) -> None:
        """A node has come back without memory: nobody there waits in a barrier any more."""
        self.inside = {
            life: numbers for life, numbers in self.inside.items() if life[0] != node_id or life[1] == incarnation
        }

    def release(self, members: frozenset[int]) -> list[Call]:
        """Whom to let out of the barrier, by the member list of now."""
        if not self.inside or not members <= {node_id for node_id, _ in self.inside}:
            return []
        released = [(*life, n) for life, numbers in sorted(self.inside.items()) for n in numbers]
        self.inside.clear()
        return released

    def is_waiting(self, call: Call) -> bool:
        """Whether this was entered, and is not over."""
        return call[2] in self.inside.get(call[:2], ()) or self.asked_to_stop.get(call[0]) == call[1:]

    def judge(self, entry: Entry) -> tuple[str, bool, bool]:
        """A VERDICT entry. Returns (operation, the verdict that counts, whether this entry brought it)."""
        operation, commit = msgpack.unpackb(entry.data)
        first = operation not in self.verdicts
        if first:
            self.verdicts[operation] = commit
            if len(self.verdicts) > KEPT_VERDICTS:
                del self.verdicts[next(iter(self.verdicts))]
        return operation, self.verdicts[operation], first

    def to_wire(self) -> list[Any]:
        """For a snapshot."""
        return [
            [[*life, numbers] for life, numbers in sorted(self.inside.items())],
            [[i, *e] for i, e in sorted(self.asked_to_stop.items())],
            self.stopped,
            [[operation, commit] for operation, commit in self.verdicts.items()],
        ]

    @classmethod
    def from_wire(cls, wire: list[Any]) -> "Agreements":
        """From a snapshot."""
        made = cls()
        made.inside = {(i, inc): list(numbers) for i, inc, numbers in wire[0]}
        made.asked_to_stop = {i: (inc, number) for i, inc, number in wire[1]}
        made.stopped = wire[2]
        made.verdicts = dict(wire[3])
        return made
