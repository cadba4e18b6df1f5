"""All schedules up to a length, of a small cluster of real cores: changes of members under way while nodes forget everything.

Breadth first over the states of the whole cluster, each state once. A cluster begins with a leader (A, term 1) whose first
entry everybody holds; an operator's wish has been told to it. A step is one of these (the shared model's steps, and R7's):

A takes 3 of term 1     the log that the leader of term 1 had at some time, up to an entry, reaches A, and A's answer the leader, if
                        that still is the same life of it
B stands                its time-out passes: a candidate in the next term
C votes B               B's request reaches C, C's vote reaches B
C confirms B            B's newest question reaches C, C's confirmation reaches B
C crashes               C forgets everything but its marker, and asks
A answers C             the ask reaches A, the answer reaches C

What a leader appends by itself (the joint list, then the new one, the marks of recovery) it appends as soon as it may, which is
the soonest that the rules allow. Messages to and from a life that is over arrive as long as anybody counts them: logs of earlier terms
may be taken at any time. No time passes, and nobody is told what nobody asked for.

Checked in every state: one leader per term, whoever leads holds what was committed in an earlier term, one entry is committed per
index, nobody halts.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from exdbsim.checks import Violation
from exdbsim.machine import Model
from exdbsql.cluster.core.core import Core
from exdbsql.cluster.core.messages import (
    Answer,
    Append,
    AppendReply,
    Ask,
    Confirmation,
    ConfirmRequest,
    Entry,
    Message,
    Vote,
    VoteRequest,
)
from exdbsql.cluster.core.phases import ASKING, CANDIDATE, CONFIRMING, HALTED, LEADER, NORMAL
from exdbsql.cluster.core.quorum import Configuration, Member
from exdbsql.cluster.core.ready import Marker
from exdbsql.cluster.replica import Replica, ReplicaConfig

CLUSTER = 77
Step = tuple[str, ...]


class _Calm:
    """The spread of election time-outs, which do not pass here."""

    def randrange(self, *bounds: int) -> int:
        return bounds[0] if len(bounds) > 1 else 0

    def __deepcopy__(self, memo: object) -> _Calm:
        return self


@dataclass
class Bounds:
    """How far to look: highest term, entries of a log, forgetful restarts of all nodes together, distinct states."""

    terms: int = 3
    entries: int = 6
    crashes: int = 1
    states: int = 2000


@dataclass(frozen=True)
class Scope:
    """A small cluster and the change that is wished for: ranks of the members, then node -> rank, None to take it off."""

    ranks: tuple[int, ...]
    change: tuple[tuple[int, int | None], ...]

    def __str__(self) -> str:
        ranks = ",".join(map(str, self.ranks))
        return f"{ranks} " + " ".join(f"{chr(65 + i)}:{'off' if r is None else r}" for i, r in self.change)


@dataclass
class State:
    """One state of the cluster. Nodes are shared between states, and copied before they change."""

    nodes: dict[int, Replica]
    asked: dict[int, Message] = field(default_factory=dict)
    """Who asks (R6 a), with its question."""
    requests: dict[tuple[int, int], VoteRequest] = field(default_factory=dict)
    """(Candidate, term) -> its vote request."""
    questions: dict[int, ConfirmRequest] = field(default_factory=dict)
    """Candidate -> its newest question."""
    logs: dict[int, tuple[int, int, tuple[Entry, ...], int]] = field(default_factory=dict)
    """Term -> (leader, its incarnation, the log that it had, what of it was committed)."""
    committed: tuple[tuple[Entry, int], ...] = ()
    """By index: the entry, and the term of the leader that committed it."""
    elected: dict[int, tuple[int, tuple[Entry, ...]]] = field(default_factory=dict)
    """Term -> (incarnation that leads it, the log that it began with)."""
    crashes: int = 0
    trouble: str | None = None

    def copied(self, *changing: int) -> State:
        nodes = dict(self.nodes)
        for node_id in changing:
            nodes[node_id] = copy.deepcopy(nodes[node_id], {id(nodes[node_id].config): nodes[node_id].config})
        return State(
            nodes,
            dict(self.asked),
            dict(self.requests),
            dict(self.questions),
            dict(self.logs),
            self.committed,
            dict(self.elected),
            self.crashes,
            self.trouble,
        )


class Explorer:
    """Looks through a scope; `explore` tells the first schedule that breaks something."""

    def __init__(self, scope: Scope, bounds: Bounds) -> None:
        self.scope = scope
        self.bounds = bounds
        self.members = tuple(Member(i, f"n{i}", r) for i, r in enumerate(scope.ranks))
        self.states = 0
        self.depth = 0

    def explore(self) -> tuple[str, list[str]] | None:
        """(What broke, the steps to it), or None within the bounds."""
        first = self._first()
        seen = {_key(first)}
        queue: deque[tuple[State, tuple[str, ...]]] = deque([(first, ())])
        while queue and self.states < self.bounds.states:
            state, path = queue.popleft()
            self.depth = len(path)
            for step in self._steps(state):
                after = self._play(state, step)
                if after is None:
                    continue
                if after.trouble:
                    return after.trouble, [*path, " ".join(step)]
                key = _key(after)
                if key not in seen:
                    seen.add(key)
                    self.states += 1
                    queue.append((after, (*path, " ".join(step))))
        return None

    def wander(self, rng: Random, steps: int) -> tuple[str, list[str]] | None:
        """One schedule at random, as `explore` tells it: far deeper than all schedules can be looked at."""
        state, path = self._first(), list[str]()
        for _ in range(steps):
            possible = list(self._steps(state))
            after = None
            while possible and after is None:
                step = possible.pop(rng.randrange(len(possible)))
                after = self._play(state, step)
            if after is None:
                return None
            path.append(" ".join(step))
            self.states += 1
            if after.trouble:
                return after.trouble, path
            state = after
        return None

    # ---- the beginning ----

    def _first(self) -> State:
        state = State({})
        for m in self.members:
            core = self._start(state, m.node_id, None).core
            core.cluster = CLUSTER
            core.configurations = [Configuration(0, self.members)]
            core.enter(NORMAL)
            core.refresh()
            self._collect(state, m.node_id)
        state.nodes[0].core.elections.stand()
        self._collect(state, 0)
        others = [m.node_id for m in self.members[1:]]
        for name in ("votes", "confirms", "takes 1 of term 1"):
            for node_id in others:
                made = self._play(state, (_letter(node_id), *name.split(), *([] if "takes" in name else ["A"])), False)
                state = made or state
        state = state.copied(0)
        leader = state.nodes[0]
        assert leader.core.role == LEADER and leader.core.commit == 1, "the scope has a leader to begin with"
        for node_id, rank in self.scope.change:
            if rank is None:
                leader.remove_member(node_id)
            else:
                leader.change_member(self.members[node_id]._replace(rank=rank))
        self._collect(state, 0)
        return state

    def _start(self, state: State, node_id: int, marker: Marker | None) -> Replica:
        m = self.members[node_id]
        config = ReplicaConfig(
            node_id=node_id,
            addr=m.addr,
            rank=m.rank,
            incarnation=1000 * (state.crashes + 1) + node_id,
            seed=1,
            members=self.members,
            marker=marker,
        )
        state.nodes[node_id] = replica = Replica(config, Model())
        replica.core.random = _Calm()  # type: ignore[assignment]
        for other in self.members:
            if other.node_id != node_id:
                replica.core.present[other.node_id] = 1
        return replica

    # ---- steps ----

    def _steps(self, state: State) -> Iterator[Step]:
        """What could happen next; what surely changes nothing is left out."""
        for node_id, replica in state.nodes.items():
            core, name = replica.core, _letter(node_id)
            if core.phase == NORMAL and core.role != LEADER and core.term < self.bounds.terms:
                yield name, "stands"
            if state.crashes < self.bounds.crashes:
                yield name, "crashes"
            if core.phase != ASKING:
                for term in state.logs:
                    if term >= core.term:
                        yield from ((name, "takes", str(n), "of", "term", str(term)) for n in _news(state, core, term))
            for other, asking in state.nodes.items():
                if other != node_id and core.phase != ASKING:
                    yield from ((name, what, _letter(other)) for what in _replies(core, asking.core))

    def _play(self, state: State, step: Step, check: bool = True) -> State | None:
        """The state after a step; None where it is not possible."""
        node_id, what, *rest = ord(step[0]) - 65, step[1], *step[2:]
        try:
            after = getattr(self, f"_{what}")(state, node_id, *rest)
        except AssertionError as error:
            after = state.copied()
            after.trouble = str(error) or "an assertion of the core"
        if after is not None and check:
            after.trouble = after.trouble or self._look(after)
        return after  # type: ignore[no-any-return]

    def _stands(self, before: State, node_id: int) -> State | None:
        if not before.nodes[node_id].core.elections.can_stand():
            return None
        state = before.copied(node_id)
        state.nodes[node_id].core.elections.stand()
        self._collect(state, node_id)
        return state

    def _crashes(self, before: State, node_id: int) -> State:
        state = before.copied()
        state.crashes += 1
        self._start(state, node_id, Marker(CLUSTER, self.members)).core.recovery.ask(0 if node_id else 1)
        state.questions.pop(node_id, None)
        self._collect(state, node_id)
        return state

    def _votes(self, before: State, voter: int, candidate: str) -> State | None:
        c = ord(candidate) - 65
        request = before.requests.get((c, before.nodes[c].core.term))
        if request is None or before.nodes[voter].core.phase == ASKING:
            return None
        state = before.copied(voter, c)
        core = state.nodes[voter].core
        if core.term < request.term and core.role != LEADER:
            core.leader = None  # it has lost its connection to the leader
        return self._exchange(state, c, voter, request._replace(transfer=True), Vote)

    def _confirms(self, before: State, voter: int, candidate: str) -> State | None:
        c = ord(candidate) - 65
        question = before.questions.get(c)
        if question is None:
            return None
        return self._exchange(before.copied(voter, c), c, voter, question, Confirmation)

    def _answers(self, before: State, node_id: int, asker: str) -> State | None:
        k = ord(asker) - 65
        return self._exchange(before.copied(node_id, k), k, node_id, before.asked[k], Answer)

    def _exchange(self, state: State, asker: int, other: int, question: Message, kind: type[Any]) -> State | None:
        state.nodes[other].step(asker, question)
        answers = [m for to, m in self._collect(state, other) if to == asker and type(m) is kind]
        if not answers:
            return None
        state.nodes[asker].step(other, answers[-1])
        self._collect(state, asker)
        return state

    def _takes(self, before: State, node_id: int, upto: str, _of: str, _term: str, in_term: str) -> State | None:
        term = int(in_term)
        leader, incarnation, log, committed = before.logs[term]
        entries = log[: int(upto)]
        state = before.copied(node_id, leader)
        core = state.nodes[node_id].core
        state.nodes[node_id].step(leader, Append(CLUSTER, term, 0, 0, entries, committed, 0))
        replies = [m for to, m in self._collect(state, node_id) if to == leader and type(m) is AppendReply]
        master = state.nodes[leader].core
        if replies and master.incarnation == incarnation:
            p = master.leading.progress.get(node_id)
            if p is not None and master.role == LEADER:
                master.leading._learn(p, core.incarnation)
            state.nodes[leader].step(node_id, replies[-1])
            self._collect(state, leader)
        return state

    # ---- what nodes send, and what it shows ----

    def _collect(self, state: State, node_id: int) -> list[tuple[int, Message]]:
        """One turn of a node; what it asks of the others is kept, they hear it when a step says so."""
        replica = state.nodes[node_id]
        sent: list[tuple[int, Message]] = []
        replica._dirty = True  # the core may have been told something directly
        while replica.has_ready():
            core = replica.core
            if core.role == LEADER and core.term not in state.elected:
                state.elected[core.term] = (core.incarnation, core.log.entries_from(1)[:-1])
            sent += replica.ready().messages
        core = replica.core
        for _, message in sent:
            if type(message) is VoteRequest:
                state.requests[node_id, message.term] = message
            elif type(message) is ConfirmRequest:
                state.questions[node_id] = message
            elif type(message) is Ask:
                state.asked[node_id] = message
        if core.role == LEADER:
            first = state.elected.setdefault(core.term, (core.incarnation, core.log.entries_from(1)))
            if first[0] != core.incarnation:
                state.trouble = f"two leaders in term {core.term}"
            log = core.log.entries_from(1)[: self.bounds.entries]
            state.logs[core.term] = (core.id, core.incarnation, log, min(core.commit, len(log)))
            for index in range(len(state.committed) + 1, core.commit + 1):
                state.committed += ((core.log.entry(index), core.term),)
        return sent

    def _look(self, state: State) -> str | None:
        """What must hold and does not."""
        for node_id, replica in state.nodes.items():
            core = replica.core
            if core.phase == HALTED:
                return f"node {_letter(node_id)} halted"
            for index in range(1, core.commit + 1):
                if index <= len(state.committed) and core.log.entry(index) != state.committed[index - 1][0]:
                    return f"two entries committed at {index}"
        for term, (_, log) in state.elected.items():
            for index, (entry, committed_in) in enumerate(state.committed, 1):
                if committed_in < term and log[index - 1 : index] != (entry,):
                    return f"the leader of term {term} lacks entry {index}, which is committed in term {committed_in}"
        return None


def _news(state: State, core: Core, term: int) -> Iterator[int]:
    """Up to where a log may be taken so that somebody learns something: the taker, or the leader by the answer."""
    leader, incarnation, log, upto = state.logs[term]
    if leader == core.id:
        return
    mine = core.log.entries_from(1)
    same = 0
    while same < min(len(mine), len(log)) and mine[same] == log[same]:
        same += 1
    master = state.nodes[leader].core
    known = master.leading.progress.get(core.id)
    counted = known is not None and known.incarnation in (1, core.incarnation) and known.match >= same
    if same and (
        core.commit < min(upto, same) or core.term < term or not (counted or master.incarnation != incarnation)
    ):
        yield same
    yield from range(same + 1, len(log) + 1)


def _replies(core: Core, asking: Core) -> Iterator[str]:
    """What of a node may still matter to one that asks."""
    if asking.phase == ASKING and core.phase == NORMAL and core.id not in asking.recovery.answers:
        yield "answers"
    ballot = asking.elections.ballot
    if asking.role in (CANDIDATE, CONFIRMING):
        voted = core.term == asking.term and core.voted_for == asking.id
        if core.id not in ballot.votes and (core.term < asking.term or voted):
            yield "votes"
        elif core.id in ballot.votes and core.id not in ballot.confirmed and voted:
            yield "confirms"


def _letter(node_id: int) -> str:
    return chr(65 + node_id)


def _key(state: State) -> int:
    """Everything that matters for what may happen."""
    nodes = tuple(_node_key(state.nodes[i]) for i in sorted(state.nodes))
    logs = tuple(sorted((t, leader, inc, log, upto) for t, (leader, inc, log, upto) in state.logs.items()))
    return hash((nodes, logs, state.committed, state.crashes, tuple(sorted(state.requests))))


def _node_key(replica: Replica) -> Any:
    c = replica.core
    ballot = c.elections.ballot
    candidacy = (
        (tuple(sorted(ballot.votes.items())), ballot.question, tuple(sorted(ballot.confirmed)))
        if c.role in (CANDIDATE, CONFIRMING)
        else ()
    )
    progress = tuple((i, p.incarnation, p.recovering, p.match, p.mark) for i, p in sorted(c.leading.progress.items()))
    return (
        (c.incarnation, c.phase, c.role, c.leader, c.term, c.voted_for, c.voted_incarnation, c.voted_recovering),
        (c.log.entries_from(1), c.commit, c.adopted, tuple(sorted(c.recovery.answers.items())), c.recovery.newest),
        (candidacy, progress, tuple(sorted(c.membership.joiners)), tuple(sorted(c.membership.goers))),
    )


def scopes(sizes: Iterable[int] = (2, 3, 4, 5)) -> list[Scope]:
    """Clusters with mixed ranks, and changes that matter: weight moves, comes, goes; one node goes, two go at once."""
    all_scopes: Sequence[Scope] = (
        Scope((1, 1), ((0, 3),)),
        Scope((1, 1), ((1, 0),)),
        Scope((1, 1, 1), ((0, 3),)),
        Scope((1, 1, 1), ((2, 3),)),
        Scope((1, 1, 1), ((2, None),)),
        Scope((2, 1, 1), ((0, 1), (1, 2))),
        Scope((2, 1, 1), ((0, 0),)),
        Scope((1, 1, 0), ((0, 0), (2, 1))),
        Scope((1, 1, 1, 1), ((3, None),)),
        Scope((1, 1, 1, 1), ((2, None), (3, None))),
        Scope((1, 1, 1, 1), ((0, 3),)),
        Scope((2, 1, 1, 1), ((0, 1),)),
        Scope((2, 1, 1, 1), ((3, None),)),
        Scope((1, 1, 1, 1, 1), ((3, None), (4, None))),
        Scope((1, 1, 1, 1, 1), ((0, 3), (1, 2))),
    )
    return [scope for scope in all_scopes if len(scope.ranks) in sizes]


class Wanderings:
    """A random schedule of every scope, from one seed: what soaking takes for a world."""

    def __init__(self, seed: int, trace: bool = False) -> None:
        self.seed = seed
        self.now = 0
        self.trace: list[str] | None = [] if trace else None

    def run(self) -> None:
        """Raises Violation."""
        rng = Random(self.seed)
        for scope in scopes():
            bounds = Bounds(terms=4, entries=12, crashes=rng.choice((1, 2, 3)))
            broken = Explorer(scope, bounds).wander(rng, rng.randrange(15, 60))
            if broken is not None:
                if self.trace is not None:
                    self.trace += [str(scope), *broken[1]]
                raise Violation(f"ranks {scope}: {broken[0]}")
