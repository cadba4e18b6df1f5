"""The follower's side: entries, heartbeats and snapshots of a leader.

R5 lives here: entries that contradict what is committed are not taken; the node halts, keeps its data, and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgpack

from exdbsql.cluster.core.messages import (
    MAX_NUMBER,
    Append,
    AppendReply,
    Heartbeat,
    HeartbeatReply,
    SnapshotChunk,
    SnapshotReply,
    configuration_from_wire,
)
from exdbsql.cluster.core.phases import FOLLOWER, RECOVERING
from exdbsql.cluster.core.ready import Refused
from exdbsql.schema.errors import Error

if TYPE_CHECKING:
    from exdbsql.cluster.core.core import Core

TAKEN, REFUSED = -1, -2


class Following:
    """Takes what a leader sends."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._incoming: tuple[int, int, int, int] | None = None
        self._pieces: list[bytes] = []

    def _follow(self, sender: int, term: int) -> bool:
        """Whether the sender leads in a term that is not over; then follow it."""
        c = self.core
        if term < c.term:
            return False
        c.adopt_term(term)
        if c.role != FOLLOWER or c.leader != sender:
            c.become_follower(sender)
        c.heard_leader_ms = c.now
        c.reset_deadline()
        return True

    # ---- entries ----

    def on_append(self, sender: int, m: Append) -> None:
        if not self._follow(sender, m.term):
            self._reply(sender, False, 0)
            return
        hint = self._disagreement(m)
        if hint is not None:
            if hint >= 0:
                self._reply(sender, False, hint)
            return
        if not self._take(m):
            return
        match = m.prev_index + len(m.entries)
        self.core.commit_to(min(m.commit, match))
        self._reply(sender, True, match)

    def _disagreement(self, m: Append) -> int | None:
        """None when the logs agree up to prev_index; else where to try next, or -1 when this node had to halt."""
        log, commit = self.core.log, self.core.commit
        if m.prev_index > log.last_index:
            return log.last_index
        term = log.term_at(m.prev_index)
        if term is None or (term == m.prev_term and self._same_leader(term, m.prev_leader)):
            return None
        if m.prev_index <= commit:
            self._halt(m.prev_index, term, m.prev_term)
            return -1
        place = m.prev_index
        while place > commit and log.term_at(place) == term:
            place -= 1
        return place

    def _same_leader(self, term: int, leader: int) -> bool:
        """Whether the entries of a term come from one leader here and there, as far as that is known."""
        mine = self.core.begun.get(term, 0)
        return mine == leader or not mine or not leader

    def _take(self, m: Append) -> bool:
        """Add what is new; drop what contradicts it. False when this node had to halt."""
        c = self.core
        before = m.prev_term
        for index, entry in enumerate(m.entries, m.prev_index + 1):
            begins, before = entry.term != before, entry.term
            if index <= c.log.base_index:
                continue
            term = c.log.term_at(index)
            if term == entry.term and (not begins or self._same_leader(term, entry.incarnation)):
                continue
            if term is not None:
                if index <= c.commit:
                    self._halt(index, term, entry.term)
                    return False
                c.truncate_from(index)
            c.append(entry)
        return True

    def _halt(self, index: int, own_term: int | None, other_term: int) -> None:
        self.core.halt(
            f"entry {index} is committed here with term {own_term}, the leader has it with term {other_term}:"
            " another history; this node has stopped and keeps its data"
        )

    def _reply(self, sender: int, success: bool, match: int) -> None:
        c = self.core
        recovering = c.phase == RECOVERING
        c.send(sender, AppendReply(c.cluster, c.term, c.incarnation, recovering, success, match, c.commit))

    def on_heartbeat(self, sender: int, m: Heartbeat) -> None:
        c = self.core
        self._follow(sender, m.term)
        recovering = c.phase == RECOVERING
        c.send(sender, HeartbeatReply(c.cluster, c.term, c.incarnation, recovering, c.log.last_index))

    # ---- snapshots ----

    def on_snapshot_chunk(self, sender: int, m: SnapshotChunk) -> None:
        c = self.core
        if m.log_index > MAX_NUMBER:
            return
        if not self._follow(sender, m.term):
            self._snapshot_reply(sender, m, 0)
            return
        own_term = c.log.term_at(m.log_index)
        if m.log_index <= c.commit and own_term not in (None, m.index_term):
            self._halt(m.log_index, own_term, m.index_term)
            return
        if m.log_index <= c.commit or own_term == m.index_term:
            # The log holds it already, and perhaps more that was acknowledged: that must stay.
            c.commit_to(m.log_index)
            self._snapshot_reply(sender, m, TAKEN)
            return
        transfer = (sender, m.term, m.log_index, m.index_term)
        if transfer != self._incoming:
            self._incoming, self._pieces = transfer, []
        if m.number == len(self._pieces):
            self._pieces.append(m.data)
            if m.last:
                self._snapshot_reply(sender, m, self._install(m))
                return
        self._snapshot_reply(sender, m, len(self._pieces))

    def _install(self, m: SnapshotChunk) -> int:
        pieces, self._pieces, self._incoming = self._pieces, [], None
        try:
            configuration = configuration_from_wire(msgpack.unpackb(pieces[0]))
            self.core.restore(m.log_index, m.index_term, configuration, pieces[1:])
        except (Error, ValueError) as error:
            self.core.events.append(Refused("snapshot", f"the state at {m.log_index} could not be taken: {error}"))
            return REFUSED
        return TAKEN

    def _snapshot_reply(self, sender: int, m: SnapshotChunk, wanted: int) -> None:
        c = self.core
        c.send(sender, SnapshotReply(c.cluster, c.term, c.incarnation, m.log_index, wanted))
