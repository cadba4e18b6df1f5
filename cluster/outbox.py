"""A node's own proposals until they are settled: sent to whoever leads, and again when that changes (R4)."""

from exdbsql.cluster.core.messages import Proposal

BATCH_BYTES = 1 << 20


class Outbox:
    """Proposals in the order of their numbers.

    Attributes:
        unsettled: number -> (kind, data), for what is proposed and not settled or withdrawn.
        next_number: the number that the next proposal gets.
    """

    def __init__(self) -> None:
        self.unsettled: dict[int, tuple[int, bytes]] = {}
        self.next_number = 1
        self._sent_up_to = 0
        self._ever_sent = 0
        self._route: tuple[int, int] | None = None
        self._since_ms = 0
        self._stuck_at = 0

    def add(self, kind: int, data: bytes) -> int:
        number = self.next_number
        self.next_number += 1
        self.unsettled[number] = (kind, data)
        return number

    def reserve(self) -> int:
        """A number for an entry that this node appends itself and does not wait for."""
        number = self.next_number
        self.next_number += 1
        return number

    def settle(self, number: int) -> bool:
        """It has an outcome. Whether somebody still waits for it."""
        return self.unsettled.pop(number, None) is not None

    def withdraw(self, number: int) -> bool:
        """Stop proposing it. Whether it surely never left this node."""
        known = self.unsettled.pop(number, None) is not None
        return known and number > self._ever_sent

    def take(self, route: tuple[int, int], now_ms: int, patience_ms: int) -> list[Proposal]:
        """What is to be sent now along this route (leader, term).

        Everything unsettled when the route is new, or when nothing was settled for `patience_ms`; else what is new.
        """
        if route != self._route:
            self._route = route
            self._sent_up_to = 0
            self._since_ms = now_ms
        elif self._sent_up_to and self.unsettled and now_ms >= self._since_ms + patience_ms:
            oldest = next(iter(self.unsettled))
            self._since_ms = now_ms
            if oldest <= self._stuck_at:
                self._sent_up_to = 0
            self._stuck_at = oldest
        if self._sent_up_to >= self.next_number - 1:
            return []
        low = self._low()
        first = self._sent_up_to + 1
        if self._sent_up_to == 0:
            chosen = list(self.unsettled.items())
        else:
            chosen = [(n, self.unsettled[n]) for n in range(first, self.next_number) if n in self.unsettled]
        self._sent_up_to = self._ever_sent = self.next_number - 1
        return [Proposal(kind, number, min(low, number - 1), data) for number, (kind, data) in chosen]

    def _low(self) -> int:
        """Every number up to this is settled or withdrawn, and will not be proposed again."""
        return next(iter(self.unsettled), self.next_number) - 1


def batches(proposals: list[Proposal]) -> list[tuple[Proposal, ...]]:
    """In messages of bounded size."""
    out: list[tuple[Proposal, ...]] = []
    some: list[Proposal] = []
    size = 0
    for proposal in proposals:
        some.append(proposal)
        size += len(proposal.data) + 32
        if size >= BATCH_BYTES:
            out.append(tuple(some))
            some, size = [], 0
    if some:
        out.append(tuple(some))
    return out
