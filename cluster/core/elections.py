"""Elections: pre-vote, vote, confirmation.

1. A node that hears no leader asks for *pre-votes*, which change nothing, so that a node that was cut off does not
   disturb the others with a high term. Who heard a leader lately refuses.
2. With enough of them it stands: a new term, its own vote, vote requests.
3. With enough votes it asks for confirmation (R6 b', see ballot.py), and leads when enough have confirmed.

Recovering nodes vote (and say that they are recovering) but do not stand. A leader that hands over tells its successor
to stand at once; voters then do not wait for the leader's silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exdbsql.cluster.core.ballot import Ballot, Vote
from exdbsql.cluster.core.messages import (
    Confirmation,
    ConfirmRequest,
    PreVote,
    PreVoteReply,
    TimeoutNow,
    VoteRequest,
)
from exdbsql.cluster.core.messages import Vote as VoteMessage
from exdbsql.cluster.core.phases import (
    CANDIDATE,
    CONFIRMING,
    FOLLOWER,
    LEADER,
    NOBODY,
    NORMAL,
    PRE_CANDIDATE,
    RECOVERING,
    WAITING,
)

if TYPE_CHECKING:
    from exdbsql.cluster.core.core import Core


class Elections:
    """The candidate's and the voter's side of an election."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.pre_ballot = Ballot(core.id)
        self.ballot = Ballot(core.id)

    # ---- the candidate ----

    def can_stand(self) -> bool:
        """Not recovering, a member with a say, and connected to enough others that it could win."""
        c = self.core
        # Who is off the newest list is still needed while that is not committed (Ongaro's thesis, 4.2.2).
        open_lists = [x for x in c.configurations if x.log_index > c.commit]
        lists = [x for x in c.configurations if x.log_index <= c.commit][-1:] + open_lists
        by_callback = c.rule.callback is not None
        has_say = any(x.rank(c.id) > 0 or (by_callback and c.id in x.ids()) for x in lists)
        return c.phase == NORMAL and has_say and c.rule.is_quorum(c.configuration, {c.id, *c.present})

    def time_out(self) -> None:
        """Nothing was heard of a leader: ask whether an election would make sense."""
        c = self.core
        c.reset_deadline()
        c.become_follower(None)
        if not self.can_stand():
            return
        c.role = PRE_CANDIDATE
        self.pre_ballot = Ballot(c.id, {c.id: Vote(c.incarnation, False)})
        self._to_voters(PreVote(c.cluster, c.term + 1, c.incarnation, c.log.last_term, c.log.last_index))
        self._count_pre_votes()

    def stand(self, transfer: bool = False) -> None:
        """Begin an election in a new term."""
        c = self.core
        c.adopt_term(c.term + 1)
        c.reset_deadline()
        c.role = CANDIDATE
        c.vote_for(c.id, c.incarnation)
        self.ballot = Ballot(c.id, {c.id: Vote(c.incarnation, False)})
        self._to_voters(VoteRequest(c.cluster, c.term, c.incarnation, c.log.last_term, c.log.last_index, transfer))
        self.count_votes()

    def _to_voters(self, message: PreVote | VoteRequest) -> None:
        for node_id in sorted(self.core.configuration.ids()):
            if node_id != self.core.id:
                self.core.send(node_id, message)

    def on_pre_vote_reply(self, sender: int, m: PreVoteReply) -> None:
        c = self.core
        if m.term > c.term and not m.granted:
            c.adopt_term(m.term)
        elif (
            c.role == PRE_CANDIDATE and m.granted and m.term == c.term + 1 and m.candidate_incarnation == c.incarnation
        ):
            self.pre_ballot.votes[sender] = Vote(0, m.recovering)
            self._count_pre_votes()

    def _count_pre_votes(self) -> None:
        if self.pre_ballot.voted(self.core.rule, self.core.configuration):
            self.stand()

    def on_vote(self, sender: int, m: VoteMessage) -> None:
        c = self.core
        if m.term > c.term:
            c.adopt_term(m.term)
        elif (
            c.role in (CANDIDATE, CONFIRMING)
            and m.granted
            and m.term == c.term
            and m.candidate_incarnation == c.incarnation
        ):
            vote = Vote(m.voter_incarnation, m.recovering)
            if self.ballot.votes.get(sender) != vote:
                self.ballot.votes[sender] = vote
                self.count_votes()

    def count_votes(self) -> None:
        """Enough votes: ask everyone who voted to confirm; a late vote makes it a new question."""
        c = self.core
        if not self.ballot.voted(c.rule, c.configuration):
            return
        c.role = CONFIRMING
        question = self.ballot.ask()
        for voter in sorted(self.ballot.votes):
            if voter != c.id:
                c.send(voter, ConfirmRequest(c.cluster, c.term, question, c.incarnation))
        self.lead_if_confirmed()

    def on_confirmation(self, sender: int, m: Confirmation) -> None:
        c = self.core
        if c.role == CONFIRMING and m.term == c.term and m.candidate_incarnation == c.incarnation:
            self.ballot.confirm(sender, m.voter_incarnation, m.question)
            self.lead_if_confirmed()

    def lead_if_confirmed(self) -> None:
        """R6 (b'): nothing is appended, sent or truncated before this."""
        c = self.core
        if c.role == CONFIRMING and self.ballot.won(c.rule, c.configuration):
            self.lead()

    def lead(self) -> None:
        """Be the leader of this term."""
        c = self.core
        c.role = LEADER
        c.set_leader(c.id)
        c.leading.start()

    def on_timeout_now(self, sender: int, m: TimeoutNow) -> None:
        """The leader hands over to this node."""
        if m.term == self.core.term and self.core.role == FOLLOWER and self.can_stand():
            self.stand(transfer=True)

    # ---- the voter ----

    def on_pre_vote(self, sender: int, m: PreVote) -> None:
        c = self.core
        if c.phase == WAITING:
            return
        granted = m.term > c.term and not self._has_leader() and self._up_to_date(m.last_term, m.last_index)
        term = m.term if granted else c.term
        c.send(sender, PreVoteReply(c.cluster, term, granted, m.incarnation, c.phase == RECOVERING))

    def on_vote_request(self, sender: int, m: VoteRequest) -> None:
        c = self.core
        if m.term > c.term:
            if self._has_leader() and not m.transfer:
                return
            c.adopt_term(m.term)
        granted = False
        if m.term == c.term and c.leader is None and self._up_to_date(m.last_term, m.last_index):
            if c.voted_for == NOBODY:
                c.vote_for(sender, m.incarnation)
                c.reset_deadline()
                granted = True
            else:
                granted = c.voted_for == sender and c.voted_incarnation == m.incarnation
        # A vote that is told again says what it was when it was given, not what the voter is by now.
        c.send(sender, VoteMessage(c.cluster, c.term, granted, m.incarnation, c.incarnation, c.voted_recovering))

    def on_confirm_request(self, sender: int, m: ConfirmRequest) -> None:
        c = self.core
        if m.term == c.term and c.voted_for == sender and c.voted_incarnation == m.candidate_incarnation:
            c.reset_deadline()
            c.send(sender, Confirmation(c.cluster, c.term, m.question, m.candidate_incarnation, c.incarnation))

    def _has_leader(self) -> bool:
        """Whether this node leads, or heard a leader within the election time-out."""
        c = self.core
        if c.role == LEADER:
            return True
        return c.leader is not None and c.now < c.heard_leader_ms + c.config.election_ms

    def _up_to_date(self, last_term: int, last_index: int) -> bool:
        log = self.core.log
        return (last_term, last_index) >= (log.last_term, log.last_index)
