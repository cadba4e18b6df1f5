"""R6 (a): what a node does that comes without its log, and how the others answer.

It asks everybody. Only nodes that are not recovering answer, with their term and the member list that they know, and
echo the incarnation that asked. The newest of these lists, by term and index, is the one by which the answers are
counted (R7 together with R6, argued in docs/consensus.md); the list of the marker only says whom to ask: it may be one
that never was committed. When the answers weigh half, the node takes the highest term and counts as having voted in it.
It is then *recovering* until the entry that a leader appended for this incarnation is committed here.

A node that joins a cluster goes the same way: it, too, may have been here before and forgotten it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exdbsql.cluster.core.messages import Answer, Ask, Entry
from exdbsql.cluster.core.phases import ASKING, LEADER, NORMAL, RECOVERING, UNKNOWN
from exdbsql.cluster.core.quorum import Configuration

if TYPE_CHECKING:
    from exdbsql.cluster.core.core import Core


class Recovery:
    """Asking and answering."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.answers: dict[int, int] = {}
        self.newest: Configuration | None = None
        """The newest list that an answer named."""
        self._ask_at = 0

    def start(self) -> None:
        """Begin to ask; the cluster's id is known, the member list perhaps."""
        self.forget()
        self._ask_at = 0
        self.core.enter(ASKING)

    def forget(self) -> None:
        """No answers yet."""
        self.answers.clear()
        self.newest = None

    def tick(self) -> None:
        c = self.core
        if c.phase == ASKING and c.now >= self._ask_at:
            self._ask_at = c.now + c.config.retry_ms
            c.broadcast(Ask(c.cluster, c.incarnation))

    def ask(self, node_id: int) -> None:
        """A connection opened: ask at once."""
        c = self.core
        if c.phase == ASKING:
            c.send(node_id, Ask(c.cluster, c.incarnation))

    def on_ask(self, sender: int, m: Ask) -> None:
        c = self.core
        if c.role == LEADER:
            c.leading.learn_incarnation(sender, m.incarnation)
        if c.phase == NORMAL:
            c.send(sender, Answer(c.cluster, m.incarnation, c.term, c.configuration))

    def on_answer(self, sender: int, m: Answer) -> None:
        c = self.core
        if c.phase != ASKING or not self.is_for_me(m):
            return
        self.answers[sender] = max(m.term, self.answers.get(sender, 0))
        if m.configuration.members and (self.newest is None or m.configuration.place > self.newest.place):
            c.adopted = self.newest = m.configuration
            c.refresh()
        if self.suffices():
            self.complete()

    def is_for_me(self, m: Answer) -> bool:
        """Only answers to this incarnation count."""
        return m.asker_incarnation == self.core.incarnation

    def suffices(self) -> bool:
        """Whether the answers weigh at least half of all."""
        c = self.core
        return self.newest is not None and c.rule.is_half(self.newest, self.answers.keys() - {c.id})

    def complete(self) -> None:
        """The highest term, and as if this node had voted in it."""
        c = self.core
        c.term = max(self.answers.values())
        c.vote_for(UNKNOWN, 0)
        c.enter(RECOVERING)
        c.membership.ask_to_join()

    def on_mark(self, entry: Entry) -> None:
        """A RECOVERY entry is committed here."""
        c = self.core
        if c.phase == RECOVERING and entry.node_id == c.id and entry.incarnation == c.incarnation:
            c.adopted = c.configurations[-1]
            c.enter(NORMAL)
