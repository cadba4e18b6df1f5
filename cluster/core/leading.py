"""The leader's side: entries to everybody, acknowledgements, the commit rule, handing over.

Appends are made in `flush`, once per turn of the host: everything proposed in between travels in one message per node.

The commit rule is Raft's: an entry of the leader's own term that a quorum holds is committed, and all before it. Acks
of recovering nodes count (R6 b). A node that reports itself as recovering gets a RECOVERY entry that names its
incarnation; when that is committed there, its recovery is over: the leader surely appended it after the node asked.

Entries go at once to as many followers as commit them together with the leader, those that were the first to answer last
time; to the others a moment later, in fewer and larger messages (:data:`LAG`), where a host is `lazy` (settings). If the
quick ones do not answer, the host's next `tell` or tick sends everything to everybody, and others are the quick ones then.

That something is committed is news to a follower. It travels with the next entries; by itself, at once, if it is about
the cluster's own entries or about what the follower itself proposed, for there somebody waits. For the rest a host may
be `lazy` (settings): then it goes by itself when the host says so, or with the next tick.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgpack

from exdbsql.cluster.core.following import REFUSED, TAKEN
from exdbsql.cluster.core.messages import (
    COMMAND,
    CONFIG,
    NOOP,
    READ_MARK,
    RECOVERY,
    Append,
    AppendReply,
    Entry,
    Heartbeat,
    HeartbeatReply,
    SnapshotChunk,
    SnapshotReply,
    TimeoutNow,
    configuration_to_wire,
)
from exdbsql.cluster.core.phases import LEADER
from exdbsql.cluster.core.progress import PROBE, REPLICATE, SNAPSHOT, Progress, Transfer
from exdbsql.cluster.core.quorum import Configuration, committed_index

if TYPE_CHECKING:
    from exdbsql.cluster.core.core import Core


LAG = 16
"""Entries of the log that a follower whose answer is not needed may be behind before it is sent them."""

LAG_BYTES = 64 * 1024
"""The same for the size of the newest of them."""


class Leading:
    """What a node does while it leads; idle otherwise."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.progress: dict[int, Progress] = {}
        self.heartbeat_at = 0
        self.handing_to: int | None = None
        self.handing_until = 0
        self.telling = False
        """Whether this turn tells everybody what is committed."""
        self._news: dict[int, int] = {}
        self._news_for_all = 0
        self._quick: frozenset[int] = frozenset()
        """Followers that are sent everything at once, because they and this node are a quorum; empty: all are."""
        self._urgent = 0
        """Index of the last entry that everybody is sent at once."""

    # ---- beginning and end ----

    def start(self) -> None:
        """The election is won: an entry of the own term, so that what is older can be committed."""
        c = self.core
        self.progress = {}
        self.handing_to = None
        self._news, self._news_for_all = {}, c.log.last_index
        self._quick, self._urgent = frozenset(), c.log.last_index
        self.sync_members()
        if c.log.last_index == 0:
            # A founder's first entry tells the list to nodes that replay the log from its beginning.
            self.append(CONFIG, msgpack.packb(configuration_to_wire(c.configuration)))
        else:
            self.append(NOOP, b"")
        self._beat()

    def stop(self) -> None:
        self.progress = {}
        self.handing_to = None
        self.core.membership.forget_requests()

    def append(self, kind: int, data: bytes) -> int:
        """An entry of the leader's own."""
        c = self.core
        c.append(Entry(c.term, kind, c.id, c.incarnation, 0, 0, data))
        self._urgent = c.log.last_index
        return c.log.last_index

    def accepts(self) -> bool:
        """Whether proposals are taken: leading, and not about to hand over."""
        return self.core.role == LEADER and self.handing_to is None

    def sync_members(self) -> None:
        """Feed the members and those who join; one who was taken off until it knows of it, or is gone."""
        c = self.core
        wanted = (c.configuration.ids() | c.membership.joiners.keys() | c.membership.farewells) - {c.id}
        for node_id in wanted - self.progress.keys():
            p = Progress(next=c.log.last_index + 1, incarnation=c.present.get(node_id, 0))
            p.heard_ms = c.now
            self.progress[node_id] = p
        for node_id in list(c.membership.farewells):
            if node_id not in c.present or self.progress[node_id].commit >= c.configuration.log_index:
                c.membership.farewells.discard(node_id)
        for node_id in self.progress.keys() - wanted:
            knows = self.progress[node_id].commit >= c.configuration.log_index
            if not c.configuration.is_joint and (knows or node_id not in c.present):
                del self.progress[node_id]

    # ---- who is there ----

    def on_connected(self, node_id: int, incarnation: int) -> None:
        p = self.progress.get(node_id)
        if p is not None:
            p.probe()
            p.heard_ms = self.core.now
            if incarnation:
                self._learn(p, incarnation)

    def on_disconnected(self, node_id: int) -> None:
        """Without a quorum of connections there is nothing to lead."""
        c = self.core
        self._quick = frozenset()
        if node_id in self.progress:
            self.progress[node_id].transfer = None
        if not c.rule.is_quorum(c.configuration, {c.id, *c.present}):
            c.become_follower(None)
        elif self.handing_to == node_id:
            self.handing_to = None

    def learn_incarnation(self, node_id: int, incarnation: int) -> None:
        """R6 (c): a node was heard to have started again."""
        p = self.progress.get(node_id)
        if p is not None:
            self._learn(p, incarnation)

    def _learn(self, p: Progress, incarnation: int) -> None:
        if p.incarnation != incarnation:
            p.restart(incarnation, self.core.log.last_index + 1)

    def _heard(self, p: Progress, m: AppendReply | HeartbeatReply) -> None:
        p.heard_ms = self.core.now
        self._learn(p, m.incarnation)
        p.recovering = m.recovering
        missed = p.mark != 0 and p.match >= p.mark and p.commit >= p.mark
        if m.recovering and (p.mark == 0 or missed) and self.accepts():
            c = self.core
            c.append(Entry(c.term, RECOVERY, self._id_of(p), p.incarnation, 0, 0, b""))
            p.mark = self._urgent = c.log.last_index

    def _id_of(self, p: Progress) -> int:
        return next(i for i, q in self.progress.items() if q is p)

    def tick(self) -> None:
        """Heartbeats; and check-quorum: a leader that a quorum no longer answers steps down."""
        c = self.core
        self.telling = True
        self.sync_members()
        if c.now >= self.heartbeat_at:
            self._beat()
        recent = c.now - 2 * c.config.election_ms
        heard = {c.id} | {i for i, p in self.progress.items() if p.heard_ms >= recent}
        if not c.rule.is_quorum(c.configuration, heard):
            c.become_follower(None)
        elif self.handing_to is not None and c.now >= self.handing_until:
            self.handing_to = None
        elif self.handing_to is None and c.membership.leaving:
            self.hand_over(None)

    def _beat(self) -> None:
        c = self.core
        self.heartbeat_at = c.now + c.config.heartbeat_ms
        beat = Heartbeat(c.cluster, c.term)
        for node_id, p in self.progress.items():
            if node_id in c.present:
                c.send(node_id, beat)
                if p.transfer is not None and p.transfer.stalled():
                    p.transfer.rewind()

    # ---- answers ----

    def _for_me(self, term: int) -> bool:
        """Whether an answer is for the term that this node leads; a higher one ends it."""
        c = self.core
        if term > c.term:
            c.adopt_term(term)
            return False
        return c.role == LEADER and term == c.term

    def on_append_reply(self, sender: int, m: AppendReply) -> None:
        p = self.progress.get(sender)
        if not self._for_me(m.term) or p is None or m.match > self.core.log.last_index:
            return
        self._heard(p, m)
        p.waiting = False
        p.commit = max(p.commit, m.commit)
        if not m.success:
            if m.match + 1 < p.next:
                p.next = max(m.match + 1, p.match + 1)
                p.probe()
            return
        p.match = max(p.match, m.match)
        p.next = max(p.next, p.match + 1)
        p.inflight = 0 if p.match == p.next - 1 else max(0, p.inflight - 1)
        if p.state == PROBE:
            p.state, p.inflight = REPLICATE, 0
        if sender == self.handing_to:
            self._hand_over_if_ready()

    def on_heartbeat_reply(self, sender: int, m: HeartbeatReply) -> None:
        """Alive; and if nothing it acknowledges has moved since the last one, what was sent is lost."""
        p = self.progress.get(sender)
        if not self._for_me(m.term) or p is None:
            return
        self._heard(p, m)
        unanswered = p.waiting or p.match < p.next - 1 or p.commit < p.sent_commit
        if p.state != SNAPSHOT and unanswered and p.match == p.match_at_beat:
            p.next = p.match + 1 if p.match else min(p.next, m.last_index + 1)
            p.probe()
        p.match_at_beat = p.match

    def on_snapshot_reply(self, sender: int, m: SnapshotReply) -> None:
        p = self.progress.get(sender)
        if not self._for_me(m.term) or p is None or p.transfer is None or m.log_index != p.transfer.log_index:
            return
        p.heard_ms = self.core.now
        self._learn(p, m.incarnation)
        if p.transfer is None:
            return
        if m.wanted == TAKEN:
            p.match = max(p.match, min(m.log_index, self.core.log.last_index))
            p.next = p.match + 1
            p.probe()
        elif m.wanted == REFUSED:
            p.probe()
        else:
            if m.wanted < p.transfer.wanted:
                p.probe()
            else:
                p.transfer.acknowledge(m.wanted)

    # ---- one turn's work ----

    def flush(self) -> None:
        """Commit what a quorum holds, go on with changes of members, and send everybody what it lacks."""
        c = self.core
        self._commit()
        last = c.log.last_index
        c.membership.proceed()
        if c.log.last_index != last:
            self._commit()
        if c.role != LEADER:
            return
        patient = self._may_wait_for_quick()
        for node_id, p in list(self.progress.items()):
            if node_id in c.present and not (patient and self._is_spared(node_id, p)):
                self._feed(node_id, p)
        self.telling = False

    def _may_wait_for_quick(self) -> bool:
        """Whether the quick followers are enough for now."""
        c, progress, quick = self.core, self.progress, self._quick
        if self.telling or not quick or not c.config.lazy or self.handing_to is not None:
            return False
        if c.configuration.is_joint or c.membership.joiners or c.membership.farewells:
            return False
        log = c.log
        if self._urgent > c.commit or (log.last_index > c.commit and len(log.entry(log.last_index).data) > LAG_BYTES):
            return False
        for node_id in quick:
            p = progress.get(node_id)
            if p is None or p.state != REPLICATE or node_id not in c.present:
                return False
        return True

    def _is_spared(self, to: int, p: Progress) -> bool:
        """Whether a follower is sent what it lacks later: it is up to date but for the newest, and does not wait for that."""
        c = self.core
        return (
            to not in self._quick
            and p.state == REPLICATE
            and not p.recovering
            and c.log.last_index - p.next < LAG
            and p.sent_commit >= self._news_for_all
            and p.sent_commit >= self._news.get(to, 0)
            and p.next > self._urgent
        )

    def _note_quick(self, index: int) -> None:
        """`index` is committed: who holds it were quick, as many as are needed."""
        c = self.core
        quick = {i for i, p in self.progress.items() if p.match >= index}
        if quick == self._quick:
            return
        for node_id in sorted(quick - self._quick) + sorted(quick & self._quick):
            if c.rule.is_quorum(c.configuration, (quick - {node_id}) | {c.id}):
                quick.discard(node_id)
        self._quick = frozenset(quick)

    def _commit(self) -> None:
        c = self.core
        if c.role != LEADER or c.log.last_index == c.commit:
            return
        own = c.stable if c.config.durable else c.log.last_index
        index = self.committed([(i, p.match) for i, p in self.progress.items()] + [(c.id, own)])
        if index > c.commit and c.log.term_at(index) == c.term:
            if c.config.lazy:
                self._note_news(c.commit + 1, index)
                self._note_quick(index)
            c.commit_to(index)

    def _note_news(self, first: int, last: int) -> None:
        """Who waits for these, which are committed now."""
        entry_at, news = self.core.log.entry, self._news
        for index in range(first, last + 1):
            entry = entry_at(index)
            if entry.kind == COMMAND or entry.kind == READ_MARK:
                news[entry.node_id] = index
            else:
                self._news_for_all = index

    def _is_news(self, to: int, p: Progress) -> bool:
        """Whether a follower is to hear at once of what is committed."""
        if self.telling or not self.core.config.lazy or p.recovering:
            return True
        return p.sent_commit < self._news_for_all or p.sent_commit < self._news.get(to, 0)

    def owes_news(self) -> bool:
        """Whether a follower that is there has not been sent the whole log, or not been told of all that is committed."""
        c = self.core
        commit, last = c.commit, c.log.last_index
        return any((p.sent_commit < commit or p.next <= last) and i in c.present for i, p in self.progress.items())

    def committed(self, matches: list[tuple[int, int]]) -> int:
        """The highest index that a quorum holds, by what each node acknowledged."""
        return committed_index(self.core.rule, self.core.configuration, matches)

    def _feed(self, to: int, p: Progress) -> None:
        c, log = self.core, self.core.log
        if p.state == SNAPSHOT:
            self._feed_snapshot(to, p)
            return
        if p.next <= log.base_index:
            if c.membership.leaving:
                return  # this node's state machine stands still already; its successor has the state
            self._begin_snapshot(p)
            self._feed_snapshot(to, p)
        elif p.state == PROBE:
            if not p.waiting:
                p.waiting = True
                self._append_to(to, p, 0 if p.match == 0 and p.next > 1 else c.config.max_append_entries)
        else:
            while p.next <= log.last_index and p.inflight < c.config.max_inflight:
                self._append_to(to, p, c.config.max_append_entries)
            if p.sent_commit < c.commit and p.next > log.last_index and self._is_news(to, p):
                self._append_to(to, p, 0)

    def _append_to(self, to: int, p: Progress, max_entries: int) -> None:
        c, log = self.core, self.core.log
        prev = p.next - 1
        entries = log.batch(p.next, max_entries, c.config.max_append_bytes) if max_entries else ()
        term = log.term_at(prev)
        assert term is not None
        c.send(to, Append(c.cluster, c.term, prev, term, entries, c.commit, c.begun.get(term, 0)))
        p.inflight += 1
        p.sent_commit = min(c.commit, prev + len(entries))
        if p.state == REPLICATE:
            p.next += len(entries)

    # ---- snapshots ----

    def _begin_snapshot(self, p: Progress) -> None:
        index, term, configuration = self.core.snapshot_place()
        p.transfer = Transfer(index, term, _with_head(configuration, self.core.port.pieces()))
        p.state = SNAPSHOT

    def _feed_snapshot(self, to: int, p: Progress) -> None:
        c, transfer = self.core, p.transfer
        assert transfer is not None
        while (piece := transfer.next_piece()) is not None:
            number, data, last = piece
            c.send(to, SnapshotChunk(c.cluster, c.term, transfer.log_index, transfer.term, number, last, data))

    def needed_from(self) -> int:
        """The lowest log index that a connected follower still needs."""
        c = self.core
        lowest = c.log.last_index + 1
        for node_id, p in self.progress.items():
            if node_id in c.present:
                lowest = min(lowest, p.transfer.log_index + 1 if p.transfer else p.match + 1)
        return lowest

    # ---- handing over ----

    def hand_over(self, to: int | None) -> None:
        """Let another node lead: `to`, or the connected voter that holds most and is not recovering."""
        c = self.core
        if c.role != LEADER:
            return
        fit = [
            (p.match, c.configuration.rank(i), i)
            for i, p in self.progress.items()
            if i in c.present and not p.recovering and c.configuration.rank(i) > 0 and (to is None or i == to)
        ]
        if not fit:
            return
        self.handing_to = max(fit)[2]
        self.handing_until = c.now + c.config.election_ms
        self._hand_over_if_ready()

    def _hand_over_if_ready(self) -> None:
        c = self.core
        assert self.handing_to is not None
        if self.progress[self.handing_to].match == c.log.last_index:
            c.send(self.handing_to, TimeoutNow(c.cluster, c.term))

    def flush_farewell(self) -> None:
        """This node leads and is taken off the list: the others should hear that it is committed."""
        c = self.core
        if c.role == LEADER:
            for node_id, p in self.progress.items():
                if node_id in c.present and p.state == REPLICATE:
                    self._append_to(node_id, p, c.config.max_append_entries)


def _with_head(configuration: Configuration, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield msgpack.packb(configuration_to_wire(configuration))
    yield from pieces
