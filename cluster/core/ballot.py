"""The votes of one candidacy, and their confirmation (R6 b and b').

A vote that is still travelling when its voter forgets everything is what makes plain elections unsafe without disks
(shared/model/R6.md has the schedule). So votes that suffice only allow a *question*; the candidate leads when voters
that suffice again have confirmed, each in the incarnation that voted, all in reply to one question that was sent
after the last of the counted votes had arrived. A vote that comes later needs a new question with a new number.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from exdbsql.cluster.core.quorum import Configuration, QuorumRule


class Vote(NamedTuple):
    incarnation: int
    recovering: bool


@dataclass(slots=True)
class Ballot:
    """One candidacy.

    Attributes:
        candidate: whose it is; its own vote needs no confirmation.
        votes: voter -> its vote, as counted so far.
        question: number of the question that is open, 0 for none.
        confirmed: who has confirmed in reply to it.
    """

    candidate: int
    votes: dict[int, Vote] = field(default_factory=dict)
    question: int = 0
    confirmed: set[int] = field(default_factory=set)

    def electable(self, rule: QuorumRule, configuration: Configuration, voters: set[int]) -> bool:
        """R6 (b): a quorum, and non-recovering votes of at least half."""
        sound = [v for v in voters if not self.votes[v].recovering]
        return rule.is_quorum(configuration, voters) and rule.is_half(configuration, sound)

    def voted(self, rule: QuorumRule, configuration: Configuration) -> bool:
        """Whether the votes counted so far suffice to ask for confirmation."""
        return self.electable(rule, configuration, set(self.votes))

    def ask(self) -> int:
        """Open a new question, for all votes counted so far; earlier confirmations count no more."""
        self.question += 1
        self.confirmed = {self.candidate}
        return self.question

    def confirm(self, voter: int, incarnation: int, question: int) -> None:
        """Count a confirmation, if it is for the open question and from the incarnation that voted."""
        vote = self.votes.get(voter)
        if question == self.question and vote is not None and vote.incarnation == incarnation:
            self.confirmed.add(voter)

    def won(self, rule: QuorumRule, configuration: Configuration) -> bool:
        """R6 (b'): voters that suffice have confirmed."""
        return self.question > 0 and self.electable(rule, configuration, self.confirmed)
