"""R4: which proposals were applied already, and how they ended.

A proposal is retried when leaders change, so the log may hold it twice; it is recognised by (origin, incarnation,
number). The memory is bounded, and the same on all nodes, because it depends on the log alone:

- every entry says up to which number its origin has settled everything (`low`); below that nothing is remembered but
  one number, and an entry from below is void;
- one incarnation of a node is current; when a newer one shows in the log, what still comes of an older one is void;
- how proposals ended is kept for the latest `KEPT_OUTCOMES` of all nodes, for `transaction_status`.
"""

from typing import Any

from exdbsql.cluster.core.messages import Entry
from exdbsql.cluster.state_machine import Origin

KEPT_OUTCOMES = 20_000
KEPT_INCARNATIONS = 64


class _Current:
    """The current incarnation of one node: every number up to `floor` is settled, and those in `above`."""

    __slots__ = ("above", "floor", "incarnation")

    def __init__(self, incarnation: int, floor: int = 0, above: set[int] | None = None) -> None:
        self.incarnation = incarnation
        self.floor = floor
        self.above = above if above is not None else set()

    def raise_floor(self, low: int) -> None:
        if low > self.floor:
            self.floor = low
            self.above = {n for n in self.above if n > low}
        while self.floor + 1 in self.above:
            self.floor += 1
            self.above.discard(self.floor)


class Duplicates:
    """The memory that decides whether an entry is the first of its name."""

    def __init__(self) -> None:
        self._current: dict[int, _Current] = {}
        self._closed: dict[int, list[int]] = {}
        self._outcomes: dict[tuple[int, int, int], bool] = {}

    def begin(self, node_id: int, incarnation: int) -> _Current | None:
        """An incarnation shows in the log: it is current from here on. None: an older one, closed."""
        current = self._current.get(node_id)
        if current is not None and current.incarnation == incarnation:
            return current
        closed = self._closed.setdefault(node_id, [])
        if incarnation in closed:
            return None
        if current is not None:
            closed.append(current.incarnation)
            del closed[:-KEPT_INCARNATIONS]
        self._current[node_id] = current = _Current(incarnation)
        return current

    def admit(self, entry: Entry) -> bool:
        """Whether this entry is to be applied; True once for each proposal."""
        current = self.begin(entry.node_id, entry.incarnation)
        if current is None:
            return False
        number = entry.number
        if number <= current.floor or number in current.above:
            return False
        if number == current.floor + 1 and not current.above:
            current.floor = number
        else:
            current.above.add(number)
        current.raise_floor(entry.low)
        return True

    def record(self, entry: Entry, committed: bool) -> None:
        """How an admitted entry ended."""
        self._outcomes[entry.node_id, entry.incarnation, entry.number] = committed
        if len(self._outcomes) > KEPT_OUTCOMES:
            del self._outcomes[next(iter(self._outcomes))]

    def status(self, origin: Origin) -> str:
        """ "committed", "void", or "unknown" (not seen yet, or too long ago)."""
        outcome = self._outcomes.get((origin.node_id, origin.incarnation, origin.number))
        if outcome is not None:
            return "committed" if outcome else "void"
        return "unknown"

    def settled(self, origin: Origin) -> bool:
        """Whether it was applied, or never will be."""
        current = self._current.get(origin.node_id)
        if current is None or current.incarnation != origin.incarnation:
            return origin.incarnation in self._closed.get(origin.node_id, ())
        return origin.number <= current.floor or origin.number in current.above

    def to_wire(self) -> list[Any]:
        """For a snapshot."""
        return [
            [[i, c.incarnation, c.floor, sorted(c.above)] for i, c in sorted(self._current.items())],
            [[i, closed] for i, closed in sorted(self._closed.items())],
            [[*key, outcome] for key, outcome in self._outcomes.items()],
        ]

    @classmethod
    def from_wire(cls, wire: list[Any]) -> "Duplicates":
        """From a snapshot."""
        made = cls()
        made._current = {i: _Current(inc, floor, set(above)) for i, inc, floor, above in wire[0]}
        made._closed = {i: list(closed) for i, closed in wire[1]}
        made._outcomes = {(i, inc, number): outcome for i, inc, number, outcome in wire[2]}
        return made
