"""Rules broken on purpose, one at a time: what the simulator must find."""

from collections.abc import Collection

from exdbsql.cluster.core.ballot import Ballot, Vote
from exdbsql.cluster.core.messages import Confirmation, ConfirmRequest
from exdbsql.cluster.core.messages import Vote as VoteMessage
from exdbsql.cluster.core.phases import LEADER
from exdbsql.cluster.core.quorum import Member, QuorumRule
from exdbsql.cluster.replica import Replica
from exdbsql.cluster.state_machine import Origin


def verdict_by_local_state(replica: Replica) -> None:
    """R2: the verdict depends on what else this node has: node 0 forgets some of its rows now and then."""
    machine = replica._machine
    apply = machine.apply

    def patched(index: int, origin: Origin, command: bytes) -> object:
        if replica.core.id == 0 and index % 7 == 0:
            machine.rows.clear()  # type: ignore[attr-defined]
        return apply(index, origin, command)

    machine.apply = patched  # type: ignore[method-assign]


def memory_of_own_length(replica: Replica) -> None:
    """R3: each node remembers as much as it likes."""
    replica._machine.window -= 9 * replica.core.id  # type: ignore[attr-defined]


def half_is_enough(replica: Replica) -> None:
    """R9: exactly half of the ranks may go on."""
    replica.core.rule = _Half(replica.core.id)


class _Half(QuorumRule):
    __slots__ = ()

    def _in_one(self, members: tuple[Member, ...], ids: Collection[int]) -> bool:
        return 2 * sum(m.rank for m in members if m.node_id in ids) >= sum(m.rank for m in members)


def no_duplicates_recognised(replica: Replica) -> None:
    """R4: every entry counts as the first of its name."""
    replica._duplicates.admit = lambda entry: True  # type: ignore[method-assign]


def votes_for_shorter_logs(replica: Replica) -> None:
    """R5: a candidate need not hold what the voter holds."""
    replica.core.elections._up_to_date = lambda term, index: True  # type: ignore[method-assign]


def commits_what_one_holds(replica: Replica) -> None:
    """R5: what any node acknowledged counts as committed."""
    replica.core.leading.committed = lambda matches: max(m for _, m in matches)  # type: ignore[method-assign]


def leads_without_confirmation(replica: Replica) -> None:
    """R6 without (b'): the rule as it was first written."""
    elections = replica.core.elections

    def count_votes() -> None:
        c = elections.core
        if elections.ballot.voted(c.rule, c.configuration) and c.role != LEADER:
            elections.lead()

    elections.count_votes = count_votes  # type: ignore[method-assign]


def confirms_for_any_incarnation(replica: Replica) -> None:
    """R6 with (b') but without the voter's incarnation in the confirmation."""
    elections = replica.core.elections

    def on_confirm_request(sender: int, m: ConfirmRequest) -> None:
        c = elections.core
        c.send(sender, Confirmation(c.cluster, m.term, m.question, m.candidate_incarnation, c.incarnation))

    def on_confirmation(sender: int, m: Confirmation) -> None:
        elections.ballot.confirmed.add(sender)
        elections.lead_if_confirmed()

    elections.on_confirm_request = on_confirm_request  # type: ignore[method-assign]
    elections.on_confirmation = on_confirmation  # type: ignore[method-assign]
    replica.core._handlers[ConfirmRequest] = on_confirm_request
    replica.core._handlers[Confirmation] = on_confirmation


def asks_before_all_votes_are_in(replica: Replica) -> None:
    """R6 (b') with confirmations of an earlier question counted for later votes."""
    ballot_ask = Ballot.ask

    class Forgetful(Ballot):
        __slots__ = ()

        def ask(self) -> int:
            before = set(self.confirmed)
            question = ballot_ask(self)
            self.confirmed |= before
            return question

        def confirm(self, voter: int, incarnation: int, question: int) -> None:
            vote = self.votes.get(voter)
            if vote is not None and vote.incarnation == incarnation:
                self.confirmed.add(voter)

    elections = replica.core.elections
    stand = elections.stand

    def patched(transfer: bool = False) -> None:
        stand(transfer)
        c = replica.core
        elections.ballot = Forgetful(c.id, {c.id: Vote(c.incarnation, False)})

    def on_vote(sender: int, m: VoteMessage) -> None:
        c = replica.core
        elections.on_vote(sender, m)
        c.send(sender, ConfirmRequest(c.cluster, c.term, 1, c.incarnation))

    def on_confirmation(sender: int, m: Confirmation) -> None:
        elections.ballot.confirm(sender, m.voter_incarnation, m.question)
        elections.lead_if_confirmed()

    elections.stand = patched  # type: ignore[method-assign]
    replica.core._handlers[VoteMessage] = on_vote
    replica.core._handlers[Confirmation] = on_confirmation


def no_asking(replica: Replica) -> None:
    """R6 without (a): votes and acknowledges right after its start."""
    core = replica.core
    core.recovery.suffices = lambda: bool(core.adopted.members) and bool(core.recovery.answers)  # type: ignore[method-assign]
    if core.phase == "asking":
        core.recovery.answers[core.id] = 0
        core.recovery.complete()


def recovered_at_once(replica: Replica) -> None:
    """R6: the answers end the recovery (`rec=3` of the model), and nothing else is waited for."""
    recovery = replica.core.recovery
    complete = recovery.complete

    def patched() -> None:
        complete()
        replica.core.enter("normal")

    recovery.complete = patched  # type: ignore[method-assign]


def votes_of_recovering_nodes_suffice(replica: Replica) -> None:
    """R6 without (b): an election counts ranks alone."""
    replica.core.elections.ballot = _RanksOnly(replica.core.id)
    elections = replica.core.elections
    stand = elections.stand

    def patched(transfer: bool = False) -> None:
        stand(transfer)
        c = replica.core
        if c.role != LEADER:
            elections.ballot = _RanksOnly(c.id, {c.id: Vote(c.incarnation, False)})

    elections.stand = patched  # type: ignore[method-assign]


class _RanksOnly(Ballot):
    __slots__ = ()

    def electable(self, rule: QuorumRule, configuration: object, voters: set[int]) -> bool:
        return rule.is_quorum(configuration, voters)  # type: ignore[arg-type]


def counts_only_the_new_list(replica: Replica) -> None:
    """R7: a change takes effect with a quorum of the new list alone."""
    core = replica.core

    class NewListOnly(QuorumRule):
        __slots__ = ()

        def is_quorum(self, configuration: object, ids: object) -> bool:
            return QuorumRule.is_quorum(self, configuration._replace(outgoing=None), ids)  # type: ignore[arg-type, attr-defined]

    core.rule = NewListOnly(core.id, core.rule.callback)


def founds_without_the_others(replica: Replica) -> None:
    """R8: whoever starts first founds, whoever comes later too."""
    founding = replica.core.founding
    founding._may_found = lambda: True  # type: ignore[method-assign]
    founding._all_had_time = lambda: True  # type: ignore[method-assign]

    def stand() -> None:
        if founding._proposal is not None:
            founding._proposal = None
            replica.core.configurations = [replica.core.configuration._replace(members=(replica.core.me,))]
            replica.core.enter("normal")
            replica.core.refresh()
            replica.core.elections.stand()

    founding._stand_if_agreed = stand  # type: ignore[method-assign]
