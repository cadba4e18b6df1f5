"""What this node has told the origins of exchanges, and that it may not have got there.

A connection that breaks is noticed by both ends, but not at once. The origin may have noticed, opened a new one and begun another
operation before the other side notices: the answer then goes into the connection that nobody reads any more, and
only the side that answered ever learns that. So it tells the origin, operation by operation; else the origin would wait for ever.

What the origin had shipped for these operations is gone as well, and the rest of it may still come, over a connection that
is whole: it must not be taken for everything.
"""

from collections.abc import Iterable
from typing import Final, Protocol

from exdbsql.cluster import exchange_frames as frames
from exdbsql.cluster.wire import Frame

MANY: Final = 1000
"""Operations of one origin that are remembered; the oldest is forgotten first."""


class AnswerLine(Protocol):
    """What is needed of the node; see ``exchange.ExchangeLine``."""

    def send_bulk(self, node_id: int, frame: Frame) -> bool: ...


class Answers:
    """See the module."""

    def __init__(self, line: AnswerLine, turns: int) -> None:
        """`turns`: an operation that had no answer for so many calls of `look` is over for its origin too."""
        self._line = line
        self._patience = turns
        self._turn = 0
        self._given: dict[int, dict[str, int]] = {}  # origin -> operations that were answered -> when last
        self._lost: dict[int, dict[str, int]] = {}  # origin -> operations of which something may be lost -> since when
        self._untold: set[int] = set()  # origins that have not been told of all of these

    def send(self, origin: int, name: str, frame: Frame) -> None:
        """Answer an origin."""
        given = self._given.setdefault(origin, {})
        given.pop(name, None)
        given[name] = self._turn
        if len(given) > MANY:
            del given[next(iter(given))]
        if not self._line.send_bulk(origin, frame):
            self._lose(origin, (name,))

    def doubt(self, origin: int, begun: Iterable[str]) -> None:
        """Frames to or from this node may be lost: those of `begun`, and of every operation that was answered."""
        self._lose(origin, (*self._given.pop(origin, {}), *begun))
        if origin in self._lost:  # what was told of former losses may be lost too
            self._untold.add(origin)
        self._tell()

    def _lose(self, origin: int, names: Iterable[str]) -> None:
        for name in names:
            lost = self._lost.setdefault(origin, {})
            lost.setdefault(name, self._turn)
            if len(lost) > MANY:
                del lost[next(iter(lost))]
            self._untold.add(origin)

    def is_lost(self, origin: int, name: str) -> bool:
        """Whether something of this operation may be lost."""
        return name in self._lost.get(origin, ())

    def look(self) -> None:
        """To be called now and then: tells what could not be told before, and forgets what is long over."""
        self._turn += 1
        self._tell()
        if self._turn % self._patience == 0:
            for remembered in (self._given, self._lost):
                self._forget(remembered)
            self._untold &= self._lost.keys()

    def _tell(self) -> None:
        """Over the connection of the operation itself: an answer that is given afterwards must not be there before."""
        for origin in list(self._untold):
            if all(self._line.send_bulk(origin, frames.frame(frames.LOST, name)) for name in self._lost[origin]):
                self._untold.discard(origin)

    def _forget(self, remembered: dict[int, dict[str, int]]) -> None:
        for origin, names in list(remembered.items()):
            remembered[origin] = {name: turn for name, turn in names.items() if self._turn - turn < 2 * self._patience}
            if not remembered[origin]:
                del remembered[origin]
