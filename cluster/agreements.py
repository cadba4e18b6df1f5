"""What nodes agree on through the log besides commands: barriers, the common stop, verdicts on exchanges.

Each is a small state that only log entries change, in log order, so that it is the same on every node (R2):

barrier
    A node is inside from its entry on; when every member of the list is inside, all are let out.
stop
    A node has asked from its entry on. Who is active only the leader sees: when all nodes that it is connected to have
    asked, it appends "done", and that entry ends the cluster for everybody.
verdict
    The first verdict for an operation counts (R11); later ones are answered with it.
"""

from typing import Any

import msgpack

from exdbsql.cluster.core.messages import MEETING, Entry

KEPT_VERDICTS = 10_000
BARRIER, STOP, STOP_DONE = "barrier", "stop", "stop done"


def is_sound(kind: int, data: bytes) -> bool:
    """Whether a MEETING or VERDICT that some node proposes can be read: what cannot must not get into the log, where it
    would end every node that applies it."""
    try:
        value = msgpack.unpackb(data)
    except Exception:  # noqa: BLE001  msgpack raises several kinds
        return False
    if kind == MEETING:
        return value in (BARRIER, STOP, STOP_DONE)
    return isinstance(value, list) and [type(v) for v in value] == [str, bool]


class Agreements:
    """The state of all of them, as the applied log gives it."""

    def __init__(self) -> None:
        self.inside: dict[int, tuple[int, int]] = {}
        """Node -> (incarnation, number) of its barrier entry."""
        self.asked_to_stop: dict[int, tuple[int, int]] = {}
        self.stopped = False
        self.verdicts: dict[str, bool] = {}

    def enter(self, entry: Entry, members: frozenset[int]) -> list[tuple[int, int, int]]:
        """A MEETING entry. Returns (node, incarnation, number) of those that need wait no longer."""
        what = msgpack.unpackb(entry.data)
        if what == BARRIER:
            self.inside[entry.node_id] = (entry.incarnation, entry.number)
            return self.release(members)
        if what == STOP:
            self.asked_to_stop[entry.node_id] = (entry.incarnation, entry.number)
            return []
        self.stopped = True
        return [(i, *entered) for i, entered in sorted(self.asked_to_stop.items())]

    def release(self, members: frozenset[int]) -> list[tuple[int, int, int]]:
        """Whom to let out of the barrier, by the member list of now."""
        if not self.inside or not members <= self.inside.keys():
            return []
        released = [(i, *entered) for i, entered in sorted(self.inside.items())]
        self.inside.clear()
        return released

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
            [[i, *e] for i, e in sorted(self.inside.items())],
            [[i, *e] for i, e in sorted(self.asked_to_stop.items())],
            self.stopped,
            [[operation, commit] for operation, commit in self.verdicts.items()],
        ]

    @classmethod
    def from_wire(cls, wire: list[Any]) -> "Agreements":
        """From a snapshot."""
        made = cls()
        made.inside = {i: (inc, number) for i, inc, number in wire[0]}
        made.asked_to_stop = {i: (inc, number) for i, inc, number in wire[1]}
        made.stopped = wire[2]
        made.verdicts = dict(wire[3])
        return made
