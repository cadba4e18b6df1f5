"""Schedules in words: the model check's minimal counterexamples (shared model R6), played on the real core.

A schedule is a text file, a step a line, in the model's own steps, so that each can be held against the trace it was
made from. `Player` turns a step into the real messages: a vote is a VoteRequest and the Vote that answers it, and so on.
What the model leaves to chance is chosen as the model does: the network delivers what the schedule says and nothing
else, time stands still, and a leader appends when it is told to (its first entry and the marks of recovery included).

Under the rule as it is, many steps of a schedule are impossible (that is the point of the rule); they are passed over.

ranks 1 1 1             ranks of A, B, C, ...
weaker NAME ...         functions of broken.py that together make the weaker wording
A stands 2              A's time-out: a candidate in term 2
B votes A               A's request reaches B, its vote reaches A
B votes A in 2          a request of an earlier life of A reaches B; the vote arrives when A stands in that term again
B confirms A            A's question reaches B, the confirmation reaches A
A appends               an entry of the leader's own; it ends the recovery of whoever recovers
B takes 1 of term 1     the log of term 1's leader, up to its first entry, reaches B; the acknowledgement reaches the leader
C crashes               C forgets everything, comes back, and asks
A answers C             the ask reaches A, the answer reaches C
C recovers              C hears what is committed
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from exdbsim import broken
from exdbsim.directed import CLUSTER, Stage
from exdbsql.cluster.core.messages import (
    NOOP,
    RECOVERY,
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
from exdbsql.cluster.core.phases import ASKING, HALTED, LEADER, NORMAL, RECOVERING
from exdbsql.cluster.core.quorum import Configuration
from exdbsql.cluster.replica import Replica

Breaker = Callable[[Replica], None]


class Schedule:
    """A file of steps."""

    def __init__(self, path: Path) -> None:
        lines = [line.split() for line in path.read_text().splitlines() if line and not line.startswith("#")]
        self.name = path.stem
        self.ranks = tuple(int(r) for r in lines[0][1:])
        self.weaker: list[Breaker] = [getattr(broken, name) for name in lines[1][1:]]
        self.steps = lines[2:]

    def weaken(self, replica: Replica) -> None:
        """Break the rule in the way that this schedule was found for."""
        for breaker in self.weaker:
            breaker(replica)


class Player(Stage):
    """Plays a schedule; `broken` says what it broke, if anything."""

    def __init__(self, schedule: Schedule, weaken: bool) -> None:
        self.schedule = schedule
        self.logs: dict[int, list[Entry]] = {}
        """Term -> what its leader had in its log, also after it is gone."""
        self.commits: dict[int, int] = {}
        self.leaders: dict[int, int] = {}
        self.committed: dict[int, tuple[Entry, int]] = {}
        """Index -> (entry, term of the leader that committed it)."""
        self.elected: dict[int, tuple[Entry, ...]] = {}
        self.trouble: str | None = None
        self._appended: dict[Entry, int] = {}
        """Entry -> how many crashes there had been by then."""
        self._asked: dict[int, int] = {}
        self._weaken = weaken
        super().__init__(schedule.ranks, self._prepare)

    def _prepare(self, replica: Replica) -> None:
        core = replica.core
        begin, leading = core.leading.start, core.leading

        def start() -> None:
            leading.append = lambda kind, data: 0  # type: ignore[method-assign]
            begin()
            del leading.append
            self._elected(replica)

        # The list that a founder's first entry would tell, which these leaders do not write.
        core.configurations = [Configuration(0, self.members)]
        leading.start = start  # type: ignore[method-assign]
        leading.accepts = lambda: False  # type: ignore[method-assign]
        if self._weaken:
            self.schedule.weaken(replica)

    def play(self) -> str | None:
        """All steps. Returns what broke, or None."""
        for who, what, *rest in self.schedule.steps:
            try:
                getattr(self, f"_{what}")(ord(who) - ord("A"), *rest)
                self._look()
            except AssertionError as error:
                self.trouble = self.trouble or str(error)
            if self.trouble:
                break
        return self.trouble

    # ---- steps ----

    def _stands(self, a: int, term: str) -> None:
        core = self.nodes[a].core
        if core.elections.can_stand() and core.term < int(term):
            core.adopt_term(int(term) - 1)
            self.stand(a)
            for sender, target, message in list(self.sent):  # votes for this term that are still on their way
                if target == a and type(message) is Vote and message.term == core.term:
                    self._deliver(sender, a, message)

    def _votes(self, v: int, candidate: str, *of: str) -> None:
        c = ord(candidate) - ord("A")
        term = int(of[1]) if of else self.nodes[c].core.term
        request = self._newest(VoteRequest, c, v, term=term)
        if request is not None:
            voter = self.nodes[v].core
            if voter.term == term and voter.role != LEADER:
                voter.leader = None  # it has lost its connection to the leader
            self._deliver(c, v, request._replace(transfer=True))
            if not of:
                self._pass_on(Vote, v, c)

    def _confirms(self, v: int, candidate: str) -> None:
        c = ord(candidate) - ord("A")
        if self._pass_on(ConfirmRequest, c, v):
            self._pass_on(Confirmation, v, c)

    def _appends(self, a: int) -> None:
        core = self.nodes[a].core
        if core.role != LEADER:
            return
        waiting = [r.core for r in self.nodes.values() if r.core.phase in (ASKING, RECOVERING)]
        kind, of = (RECOVERY, waiting[0]) if waiting else (NOOP, core)
        entry = Entry(core.term, kind, of.id, of.incarnation, 0, 0, bytes([core.log.last_index]))
        self._appended[entry] = self.crashes
        core.append(entry)
        self.collect(a)

    def _takes(self, to: int, upto: str, _of: str, _term: str, t: str) -> None:
        term, n = int(t), int(upto)
        leader = self.leaders.get(term)
        if leader is None or leader == to or len(self.logs[term]) < n:
            return
        entries = tuple(self.logs[term][:n])
        self._deliver(leader, to, Append(CLUSTER, term, 0, 0, entries, self.commits[term], 0))
        reply = self._newest(AppendReply, to, leader, term=term)
        if reply is not None:
            self._deliver(to, leader, reply)

    def _crashes(self, k: int) -> None:
        self.crash(k)
        self._asked[k] = self.crashes
        for sender, target, message in list(self.sent):  # answers to an earlier life may come again
            if target == k and type(message) is Answer:
                self._deliver(sender, k, message)

    def _answers(self, j: int, asker: str) -> None:
        k = ord(asker) - ord("A")
        if self._pass_on(Ask, k, j):
            self._pass_on(Answer, j, k)

    def _recovers(self, k: int) -> None:
        core = self.nodes[k].core
        for term, leader in sorted(self.leaders.items()):
            if leader != k and term >= core.term:
                entries = tuple(self.logs[term][: core.log.last_index])
                self._deliver(leader, k, Append(CLUSTER, term, 0, 0, entries, self.commits[term], 0))
        since = self._asked[k]
        heard = (core.log.entry(i) for i in range(1, core.commit + 1))
        if core.phase == RECOVERING and any(self._appended.get(e, 0) >= since for e in heard):
            core.enter(NORMAL)  # the mark was for another node; by the rule any entry of after the ask will do

    # ---- the network ----

    def _newest(self, kind: type[Any], sender: int, to: int, **fields: object) -> Any:
        for source, target, message in reversed(self.sent):
            fits = source == sender and target == to and type(message) is kind
            if fits and all(getattr(message, name) == value for name, value in fields.items()):
                return message
        return None

    def _pass_on(self, kind: type[Any], sender: int, to: int) -> bool:
        message = self._newest(kind, sender, to)
        if message is not None:
            self._deliver(sender, to, message)
        return message is not None

    def _deliver(self, sender: int, to: int, message: Message) -> None:
        self.nodes[to].step(sender, message)
        self.collect(to)

    # ---- what must hold ----

    def _elected(self, replica: Replica) -> None:
        core = replica.core
        term, log = core.term, core.log.entries_from(1)
        if term in self.elected:
            self.trouble = f"two leaders in term {term}"
        self.elected[term] = log
        self.leaders[term], self.logs[term], self.commits[term] = core.id, [*log], core.commit
        for index, (entry, committed_in) in self.committed.items():
            if committed_in < term and log[index - 1 : index] != (entry,):
                self.trouble = f"node {core.id} leads term {term} without the committed entry {index}"

    def _look(self) -> None:
        for node_id, replica in self.nodes.items():
            core = replica.core
            if core.phase == HALTED:
                self.trouble = self.trouble or f"node {node_id} halted"
            if core.role == LEADER:
                self.logs[core.term] = [*core.log.entries_from(1)]
                for index in range(1, core.commit + 1):
                    self._commits(core.log.entry(index), index, core.term)
                self.commits[core.term] = core.commit

    def _commits(self, entry: Entry, index: int, term: int) -> None:
        known = self.committed.setdefault(index, (entry, term))
        if known[0] != entry:
            self.trouble = f"two entries committed at {index}"
        for later, log in self.elected.items():
            if later > term and log[index - 1 : index] != (entry,):
                self.trouble = f"entry {index} is committed in term {term}; the leader of term {later} lacks it"
