"""R4: which proposals were applied already, and how they ended.

A proposal is retried when leaders change, so the log may hold it twice; it is recognised by (origin, incarnation,
number). The memory is bounded, and the same on all nodes, because it depends on the log alone:

- every entry says up to which number its origin has settled everything (`low`); below that nothing is remembered but
  one number, and an entry from below is void;
- of each node the incarnations heard of last are remembered (incarnations have no order of their own, and a message of a
  dead one may come late); what still comes of an older one is void;
- how proposals ended is kept for the latest `KEPT_OUTCOMES` of all nodes, for `transaction_status`. What was passed over (its
  origin has settled it, and it never came) will never be applied, so it is known to be void as well.
"""

from collections import deque
from typing import Any

from exdbsql.cluster.core.messages import Entry
from exdbsql.cluster.state_machine import Origin

KEPT_OUTCOMES = 20_000
KEPT_INCARNATIONS = 8
CLOSED_INCARNATIONS = 64


class _Settled:
    """The numbers of one incarnation that are settled: all up to `floor`, and those in `above`. The highest of those whose
    outcome was kept once, and is no longer, is `forgotten`."""

    __slots__ = ("above", "floor", "forgotten")

    def __init__(self, floor: int = 0, above: set[int] | None = None, forgotten: int = 0) -> None:
        self.floor = floor
        self.above = above if above is not None else set()
        self.forgotten = forgotten

    def __contains__(self, number: int) -> bool:
        return number <= self.floor or number in self.above

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
        self._known: dict[int, dict[int, _Settled]] = {}
        """Node -> incarnation -> numbers, the incarnation heard of last at the end."""
        self._closed: dict[int, list[int]] = {}
        self._outcomes: dict[tuple[int, int, int], bool] = {}
        self._order: deque[tuple[int, int, int]] = (
            deque()
        )  # a dictionary is slow to find its first key where many were deleted

    def _settled_of(self, node_id: int, incarnation: int) -> _Settled | None:
        """The numbers of an incarnation that shows in the log now; None when it is closed."""
        known = self._known.get(node_id)
        if known is None:
            known = self._known[node_id] = {}
        settled = known.get(incarnation)
        if settled is None:
            closed = self._closed.setdefault(node_id, [])
            if incarnation in closed:
                return None
            known[incarnation] = settled = _Settled()
            if len(known) > KEPT_INCARNATIONS:
                oldest = next(iter(known))
                del known[oldest]
                closed.append(oldest)
                del closed[:-CLOSED_INCARNATIONS]
        elif len(known) > 1 and next(reversed(known)) != incarnation:
            known[incarnation] = known.pop(incarnation)
        return settled

    def admit(self, entry: Entry) -> bool:
        """Whether this entry is to be applied; True once for each proposal."""
        _, _, node_id, incarnation, number, low, _ = entry
        current = self._settled_of(node_id, incarnation)
        if current is None:
            return False
        if number <= current.floor or number in current.above:
            return False
        if number == current.floor + 1 and not current.above:
            current.floor = number
            if low <= number:
                return True
        else:
            current.above.add(number)
        current.raise_floor(low)
        return True

    def record(self, entry: Entry, committed: bool) -> None:
        """How an admitted entry ended."""
        name = (entry.node_id, entry.incarnation, entry.number)
        self._outcomes[name] = committed
        self._order.append(name)
        if len(self._order) > KEPT_OUTCOMES:
            self._forget(self._order.popleft())

    def _forget(self, name: tuple[int, int, int]) -> None:
        del self._outcomes[name]
        node_id, incarnation, number = name
        settled = self._known[node_id].get(incarnation)
        if settled is not None and number > settled.forgotten:
            settled.forgotten = number

    def status(self, origin: Origin) -> str:
        """ "committed", "void", or "unknown" (not seen yet, or too long ago)."""
        node_id, incarnation, number = origin
        outcome = self._outcomes.get((node_id, incarnation, number))
        if outcome is not None:
            return "committed" if outcome else "void"
        settled = self._known.get(node_id, {}).get(incarnation)
        passed_over = settled is not None and number in settled and number > settled.forgotten
        return "void" if passed_over else "unknown"

    def settled(self, origin: Origin) -> bool:
        """Whether it was applied, or never will be."""
        known = self._known.get(origin.node_id, {}).get(origin.incarnation)
        if known is None:
            return origin.incarnation in self._closed.get(origin.node_id, ())
        return origin.number in known

    def to_wire(self) -> list[Any]:
        """For a snapshot."""
        return [
            [
                [i, [[incarnation, s.floor, sorted(s.above), s.forgotten] for incarnation, s in known.items()]]
                for i, known in sorted(self._known.items())
            ],
            [[i, closed] for i, closed in sorted(self._closed.items())],
            [[*name, self._outcomes[name]] for name in self._order],
        ]

    @classmethod
    def from_wire(cls, wire: list[Any]) -> "Duplicates":
        """From a snapshot."""
        made = cls()
        made._known = {
            i: {inc: _Settled(floor, set(above), forgotten) for inc, floor, above, forgotten in known}
            for i, known in wire[0]
        }
        made._closed = {i: list(closed) for i, closed in wire[1]}
        made._outcomes = {(i, inc, number): outcome for i, inc, number, outcome in wire[2]}
        made._order.extend(made._outcomes)
        return made
