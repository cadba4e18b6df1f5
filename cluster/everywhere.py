"""Waiting until all active nodes have applied what this one has: ``synchronous_commit = all``.

A question with a log position goes to every member that is connected; each answers once it has applied up to there. A
node that is lost meanwhile is no longer waited for, because it is no longer active. The two ends of a connection learn of
its loss one after the other, so that a question or an answer may vanish between nodes that stay connected: what is open
is asked again, now and then. Numbers of questions begin anywhere, so that an answer to a former life of this node fits
none of this one. Nothing of this touches the log: a commit is decided by its quorum, and this only waits.
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
    """One node's questions and answers; all calls come from the listener's thread.

    `first` is drawn at random for each life of a node: the number before that of its first question, below 2**62.
    """

    def __init__(self, line: Line, first: int) -> None:
        self._line = line
        self._count = first
        self._waiting: dict[int, tuple[set[int], int, Callable[[object], None]]] = {}  # nodes asked, position, settle
        self._asked: dict[tuple[int, int], int] = {}  # (who asked, its number) -> position

    def wait(self, members: Iterable[int], settle: Callable[[object], None]) -> None:
        """`settle` is called with None when these other nodes have applied what this one has by now."""
        self._count += 1
        position = self._line.applied()
        asked = {node_id for node_id in members if self._ask(node_id, self._count, position)}
        if asked:
            self._waiting[self._count] = (asked, position, settle)
        else:
            settle(None)

    def _ask(self, node_id: int, number: int, position: int) -> bool:
        return self._line.send_control(node_id, [ASK_APPLIED, number, position])

    def ask_again(self) -> None:
        """Whoever has not answered is asked once more: the question or the answer may have been lost."""
        for number, (nodes, position, _) in list(self._waiting.items()):
            for node_id in list(nodes):
                self._ask(node_id, number, position)

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
        if number not in self._waiting:
            return
        nodes, _, settle = self._waiting[number]
        nodes.discard(node_id)
        if not nodes:
            del self._waiting[number]
            settle(None)

    def close(self) -> None:
        """This node leaves: what is committed is committed."""
        waiting, self._waiting = self._waiting, {}
        for _, _, settle in waiting.values():
            settle(None)
