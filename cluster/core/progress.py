"""What a leader knows of one other node, and how it feeds it.

probe
    One Append at a time, to find where the logs agree.
replicate
    Appends stream ahead of their acknowledgements, up to a bound.
snapshot
    The node lacks entries that are compacted away; it gets the state in pieces first, a few at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

PROBE, REPLICATE, SNAPSHOT = "probe", "replicate", "snapshot"
PIECES_IN_FLIGHT = 8


@dataclass(slots=True)
class Transfer:
    """A snapshot on its way to one node: pieces are made as they are wanted, and kept until acknowledged."""

    log_index: int
    term: int
    pieces: Iterator[bytes]
    wanted: int = 0
    made: int = 0
    sent: int = 0
    kept: dict[int, bytes] = field(default_factory=dict)
    total: int | None = None
    wanted_at_beat: int = -1

    def acknowledge(self, wanted: int) -> None:
        """The receiver has everything below `wanted`."""
        for number in range(self.wanted, min(wanted, self.made)):
            self.kept.pop(number, None)
        self.wanted = max(self.wanted, min(wanted, self.made))
        self.sent = max(self.sent, self.wanted)

    def stalled(self) -> bool:
        """Asked once per heartbeat: nothing moved since the last time, so what was sent may be lost."""
        still = self.wanted == self.wanted_at_beat
        self.wanted_at_beat = self.wanted
        return still

    def rewind(self) -> None:
        """Send again from the first piece that is not acknowledged."""
        self.sent = self.wanted

    def next_piece(self) -> tuple[int, bytes, bool] | None:
        """(number, data, whether it is the last) of the piece to send now, or None."""
        if self.sent >= self.wanted + PIECES_IN_FLIGHT:
            return None
        # One piece is made ahead, so that the last one is known as such.
        while self.total is None and self.made < self.sent + 2:
            piece = next(self.pieces, None)
            if piece is None:
                self.total = self.made
            else:
                self.kept[self.made] = piece
                self.made += 1
        if self.sent not in self.kept:
            return None
        number = self.sent
        self.sent += 1
        return number, self.kept[number], self.total is not None and number == self.total - 1


@dataclass(slots=True)
class Progress:
    """One follower, as its leader sees it.

    Attributes:
        incarnation: the start of the node that these facts are about (R6 c); 0 while none was heard of.
        match: its log equals the leader's up to here.
        next: index of the entry to send next.
        commit: what it last said to know as committed.
        heard_ms: when it last answered in this term; -1 for never.
        mark: index of the last RECOVERY entry that the leader appended for it, 0 for none.
    """

    next: int
    incarnation: int = 0
    recovering: bool = False
    state: str = PROBE
    match: int = 0
    commit: int = 0
    inflight: int = 0
    waiting: bool = False
    sent_commit: int = -1
    heard_ms: int = -1
    mark: int = 0
    match_at_beat: int = -1
    transfer: Transfer | None = None

    def restart(self, incarnation: int, next_index: int) -> None:
        """R6 (c): a new incarnation may have forgotten everything; find out from where on to feed it."""
        self.incarnation = incarnation
        self.match = self.commit = self.mark = 0
        self.next = next_index
        self.probe()

    def probe(self) -> None:
        """Something was lost or refused: find out again where the logs agree."""
        self.state = PROBE
        self.transfer = None
        self.inflight = 0
        self.waiting = False
        self.sent_commit = -1
        self.next = max(self.next, self.match + 1)
