"""Rules broken on purpose, one at a time: what the simulator must find."""

import copy
from collections.abc import Callable, Collection
from typing import Any

from exdbsql.cluster.core.ballot import Ballot, Vote
from exdbsql.cluster.core.messages import (
    Answer,
    Append,
    Confirmation,
    ConfirmRequest,
    Entry,
    Found,
    Message,
    SnapshotChunk,
)
from exdbsql.cluster.core.messages import Vote as VoteMessage
from exdbsql.cluster.core.phases import ASKING, LEADER, NORMAL, RECOVERING
from exdbsql.cluster.core.progress import Progress
from exdbsql.cluster.core.quorum import Configuration, Member, QuorumRule
from exdbsql.cluster.core.ready import Save
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


def node_0_certifies_nothing(replica: Replica) -> None:
    """R2 on the real engine: one node lets every write set pass."""
    machine = replica._machine
    if replica.core.id == 0:
        machine.replication._engine = _Lenient(machine.engine)  # type: ignore[attr-defined]


class _Lenient:
    """An engine that takes every write set for one of now."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def apply_write_set(self, index: int, origin: int, write_set: Any, prepared: Any) -> Any:
        late = write_set._replace(snapshot_position=index - 1, guards=())
        return self._engine.apply_write_set(index, origin, late, prepared)


def takes_rows_of_any_shape(replica: Replica) -> None:
    """R1 and R2: a write set that names the former shape of a table is taken for one of the table as it is now."""
    machine = replica._machine
    machine.replication._engine = _Shapeless(machine.engine)  # type: ignore[attr-defined]


class _Shapeless:
    """An engine that overlooks which form of a table rows are for."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def apply_write_set(self, index: int, origin: int, write_set: Any, prepared: Any) -> Any:
        there = self._engine.tables_by_id
        tables = tuple(
            one._replace(shape=there[one.table_id].shape) if one.table_id in there else one for one in write_set.tables
        )
        return self._engine.apply_write_set(index, origin, write_set._replace(tables=tables), prepared)


def half_is_enough(replica: Replica) -> None:
    """R9: exactly half of the ranks may go on."""
    replica.core.rule = _Half(replica.core.id)


class _Half(QuorumRule):
    __slots__ = ()

    def _in_one(self, members: tuple[Member, ...], ids: Collection[int]) -> bool:
        return 2 * sum(m.rank for m in members if m.node_id in ids) >= sum(m.rank for m in members)

    def is_half(self, configuration: Configuration, ids: Collection[int]) -> bool:
        return self.is_quorum(configuration, ids)


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
    """R6 without (a): votes and acknowledges right after its start, in term 0 (`askip` of the model)."""
    core = replica.core
    if core.phase == ASKING:
        core.enter(RECOVERING)


def acknowledges_while_asking(replica: Replica) -> None:
    """R6 (a) forbids votes and answers only: a node that still asks takes entries (`ackbeforea`)."""
    core = replica.core
    step = core.step

    def patched(sender: int, message: Message) -> None:
        if core.phase == ASKING and isinstance(message, Append):
            core.following.on_append(sender, message)
        else:
            step(sender, message)

    core.step = patched  # type: ignore[method-assign]


def _answers_of(part: int, of: int) -> Callable[[Replica], None]:
    def breaker(replica: Replica) -> None:
        recovery = replica.core.recovery
        ranks = {m.node_id: m.rank for m in replica.config.members}

        def suffices() -> bool:
            return of * sum(ranks[i] for i in recovery.answers) >= part * sum(ranks.values())

        recovery.suffices = suffices  # type: ignore[method-assign]

    return breaker


a_third_answers = _answers_of(1, 3)
"""R6 (a) with a third of all ranks in place of half (`a=1/3`)."""
a_quarter_answers = _answers_of(1, 4)
"""The same with a quarter (`a=1/4`)."""


def answers_without_tag(replica: Replica) -> None:
    """R6 (a) without the asker's incarnation in the answer: answers to an earlier life count (`noanstag`)."""
    replica.core.recovery.is_for_me = lambda answer: True  # type: ignore[method-assign]


def votes_without_tag(replica: Replica) -> None:
    """A vote for an earlier life of the candidate counts (`novotetag`)."""
    elections = replica.core.elections
    on_vote = elections.on_vote

    def patched(sender: int, m: VoteMessage) -> None:
        on_vote(sender, m._replace(candidate_incarnation=replica.core.incarnation))

    replica.core._handlers[VoteMessage] = patched


def recovered_by_any_committed_entry(replica: Replica) -> None:
    """R6: the entry that ends recovery need not have been appended after the node asked (`rec=1`)."""
    core = replica.core
    commit_to = core.commit_to

    def patched(index: int) -> None:
        commit_to(index)
        if core.phase == RECOVERING and core.commit:
            core.enter(NORMAL)

    core.commit_to = patched  # type: ignore[method-assign]


def keeps_old_acknowledgements(replica: Replica) -> None:
    """R6 without (c): what an earlier life acknowledged counts also when the leader knows that it is over."""
    leading = replica.core.leading

    def patched(p: Progress, incarnation: int) -> None:
        p.incarnation = incarnation

    leading._learn = patched  # type: ignore[method-assign]


def recovering_nodes_stand(replica: Replica) -> None:
    """A recovering node may be a candidate (`reccand`; harmless by itself, as far as the model was searched)."""
    replica.core.elections.can_stand = lambda: replica.core.phase in (NORMAL, RECOVERING)  # type: ignore[method-assign]


def commits_with_half_sound(replica: Replica) -> None:
    """Another repair of R6, not ours: a commit needs non-recovering acknowledgements of at least half (`commithalf`)."""
    core = replica.core
    leading = core.leading
    committed = leading.committed

    def patched(matches: list[tuple[int, int]]) -> int:
        sound = [(i, m) for i, m in matches if i == core.id or not leading.progress[i].recovering]
        best = 0
        for _, index in sound:
            holders = {i for i, match in sound if match >= index}
            if core.rule.is_half(core.configuration, holders):
                best = max(best, index)
        return min(committed(matches), best)

    leading.committed = patched  # type: ignore[method-assign]


def recovered_at_once(replica: Replica) -> None:
    """R6: the answers end the recovery (`rec=3` of the model), and nothing else is waited for."""
    recovery = replica.core.recovery
    complete = recovery.complete

    def patched() -> None:
        complete()
        replica.core.enter("normal")

    recovery.complete = patched  # type: ignore[method-assign]


def votes_of_recovering_nodes_suffice(replica: Replica) -> None:
    """R6 without (b): an election counts ranks alone (`nob`)."""
    _vote_with(replica, _RanksOnly)


class _RanksOnly(Ballot):
    __slots__ = ()

    def electable(self, rule: QuorumRule, configuration: Configuration, voters: set[int]) -> bool:
        return rule.is_quorum(configuration, voters)


def _sound_votes_of(part: int, of: int) -> Callable[[Replica], None]:
    class PartOfSound(Ballot):
        __slots__ = ()

        def electable(self, rule: QuorumRule, configuration: Configuration, voters: set[int]) -> bool:
            sound = sum(configuration.rank(v) for v in voters if not self.votes[v].recovering)
            enough = of * sound >= part * sum(m.rank for m in configuration.members)
            return rule.is_quorum(configuration, voters) and enough

    def breaker(replica: Replica) -> None:
        _vote_with(replica, PartOfSound)

    return breaker


a_third_of_sound_votes = _sound_votes_of(1, 3)
"""R6 (b) with non-recovering votes of a third of all ranks (`b=1/3`)."""
a_quarter_of_sound_votes = _sound_votes_of(1, 4)
"""The same with a quarter (`b=1/4`)."""


def _vote_with(replica: Replica, ballot: type[Ballot]) -> None:
    """Count the votes of every candidacy with another kind of ballot."""
    core, elections = replica.core, replica.core.elections
    stand = elections.stand

    def patched(transfer: bool = False) -> None:
        stand(transfer)
        if core.role != LEADER:
            elections.ballot = ballot(core.id, {core.id: Vote(core.incarnation, False)})
            elections.count_votes()

    elections.stand = patched  # type: ignore[method-assign]


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


# ---- mistakes that this core once made ----


def calls_void_what_has_not_come_yet(replica: Replica) -> None:
    """A node that has not seen a transaction says that it never will."""
    status_of = replica.transaction_status
    replica.transaction_status = lambda origin: status_of(origin).replace("unknown", "void")  # type: ignore[method-assign]


def stays_in_the_barrier(replica: Replica) -> None:
    """A node that gives up its barrier is told so, and counts as inside for the others."""
    agreements_of = replica._exit

    def patched(entry: Entry, number: int, entered: bool) -> None:
        inside = copy.deepcopy(replica._agreements.inside)
        agreements_of(entry, number, entered)
        replica._agreements.inside = inside

    replica._exit = patched  # type: ignore[method-assign]


def keeps_dead_lives_in_the_barrier(replica: Replica) -> None:
    """A node that has started again still counts as inside by what its earlier life entered."""
    replica._agreements.started_again = lambda node_id, incarnation: None  # type: ignore[method-assign]


def takes_any_snapshot(replica: Replica) -> None:
    """R5: a snapshot replaces the log, also where the log holds more than the snapshot and has said so."""
    following = replica.core.following
    on_snapshot_chunk = following.on_snapshot_chunk

    def patched(sender: int, m: SnapshotChunk) -> None:
        log = replica.core.log
        if log.term_at(m.log_index) == m.index_term and m.log_index > replica.core.commit:
            log.truncate_from(replica.core.commit + 1)
        on_snapshot_chunk(sender, m)

    replica.core._handlers[SnapshotChunk] = patched


def agrees_to_any_proposal(replica: Replica) -> None:
    """R8 and R6: a node that has been a member and forgotten it agrees to found that cluster once more."""
    founding = replica.core.founding
    on_found = founding.on_found

    def patched(sender: int, m: Found) -> None:
        core = replica.core
        if core.phase == ASKING and m.cluster == core.cluster:
            core.cluster = 0
        on_found(sender, m._replace(receiver_incarnation=core.incarnation))

    replica.core._handlers[Found] = patched


def saves_while_recovering(replica: Replica) -> None:
    """R6: a crash while it recovers ends the recovery of a node with a disk."""
    core = replica.core
    take_save = core.take_save

    def patched() -> Save | None:
        phase, core.phase = core.phase, NORMAL
        try:
            return take_save()
        finally:
            core.phase = phase

    core.take_save = patched  # type: ignore[method-assign]


def newest_list_by_index(replica: Replica) -> None:
    """R6 with R7: of two lists the one with the higher index is the newer one, whatever its term."""
    recovery = replica.core.recovery
    on_answer = recovery.on_answer

    def patched(sender: int, m: Answer) -> None:
        on_answer(sender, m._replace(configuration=m.configuration._replace(term=0)))

    replica.core._handlers[Answer] = patched


def tells_no_leaders_apart(replica: Replica) -> None:
    """R5: entries of one index and term are taken for the same, also where two have led in that term."""
    replica.core.following._same_leader = lambda term, leader: True  # type: ignore[method-assign]


def keeps_to_the_first_cluster(replica: Replica) -> None:
    """R8: a blank node asks for ever in the cluster that it heard of first."""
    replica.core.founding._choose_again = lambda: False  # type: ignore[method-assign]


def asks_to_join_while_being_taken_off(replica: Replica) -> None:
    """R7: whoever is not on the newest list asks to join, whatever becomes of that list."""
    core, membership = replica.core, replica.core.membership
    ask = membership.ask_to_join

    def patched() -> None:
        commit, core.commit = core.commit, core.log.last_index
        try:
            ask()
        finally:
            core.commit = commit

    membership.ask_to_join = patched  # type: ignore[method-assign]
