"""Waiting until all active nodes have applied what this one has: ``synchronous_commit = all``.

A question with a log position goes to every member that is connected; each answers once it has applied up to there. A
node that is lost meanwhile is no longer waited for, because it is no longer active. Nothing of this touches the log: a
commit is decided by its quorum, and this only waits.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from exdbsql.cluster.frames import APPLIED, ASK_APPLIED
from exdbsql.cluster.wire import Frame
from exdbsql.schema.errors import ProtocolError

MANY = 100_000
"""Questions of one node that may be open; a node that asks for more speaks out of protocol."""


class Line(Protocol):
    """What this module needs of its node."""

    def send_control(self, node_id: int, frame: Frame) -> bool:
        """Send over the control connection; False if the node is not connected."""
        ...

    def applied(self) -> int:
        """The log position up to which this node has applied."""
        ...


class Everywhere:
    """One node's questions and answers; all calls come from the listener's thread."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._count = 0
        self._waiting: dict[int, tuple[set[int], Callable[[object], None]]] = {}
        self._asked: dict[tuple[int, int], int] = {}  # (who asked, its number) -> position

    def wait(self, members: Iterable[int], settle: Callable[[object], None]) -> None:
        """`settle` is called with None when these other nodes have applied what this one has by now."""
        self._count += 1
        question = [ASK_APPLIED, self._count, self._line.applied()]
        asked = {node_id for node_id in members if self._line.send_control(node_id, question)}
        if asked:
            self._waiting[self._count] = (asked, settle)
        else:
            settle(None)

    def received(self, sender: int, frame: list[Any]) -> None:
        """A question or an answer. Raises ProtocolError for garbage."""
        if not all(type(field) is int for field in frame[1:]) or len(frame) != (3 if frame[0] == ASK_APPLIED else 2):
            raise ProtocolError("a question about what is applied is malformed")
        if frame[0] == APPLIED:
            self._answered(sender, frame[1])
        elif len(self._asked) >= MANY:
            raise ProtocolError("too many questions about what is applied")
        else:
            self._asked[sender, frame[1]] = frame[2]
            self.advance()

    def advance(self) -> None:
        """More may have been applied here: answer who waits for that."""
        if not self._asked:
            return
        applied = self._line.applied()
        for (sender, number), position in list(self._asked.items()):
            if position <= applied:
                del self._asked[sender, number]
                self._line.send_control(sender, [APPLIED, number])

    def peer_lost(self, node_id: int) -> None:
        """A node is gone: nobody waits for it."""
        for number in list(self._waiting):
            self._answered(node_id, number)
        for key in [key for key in self._asked if key[0] == node_id]:
            del self._asked[key]

    def _answered(self, node_id: int, number: int) -> None:
        nodes, settle = self._waiting.get(number, (set(), None))
        nodes.discard(node_id)
        if settle is not None and not nodes:
            del self._waiting[number]
            settle(None)

    def close(self) -> None:
        """This node leaves: what is committed is committed."""
        waiting, self._waiting = self._waiting, {}
        for _, settle in waiting.values():
            settle(None)
