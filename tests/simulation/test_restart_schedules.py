"""R6, diskless restart: the minimal schedules of the model check, played on the real core (and one for R7).

Each schedule breaks a weaker wording of the rule (a leader without a committed entry), and is harmless under the rule
as it is. The first two are the model's ONE_CRASH and TWO_CRASHES.
"""

from collections.abc import Callable

import pytest

from exdbsim import broken
from exdbsim.directed import Stage
from exdbsql.cluster.core.messages import (
    Answer,
    Append,
    AppendReply,
    Ask,
    Confirmation,
    ConfirmRequest,
    Vote,
    VoteRequest,
)
from exdbsql.cluster.replica import Replica

A, B, C, D, E = range(5)
Breaker = Callable[[Replica], None]


def attempt(stage: Stage, *step: object) -> None:
    """Let it arrive if it was sent; under some wordings it never is."""
    try:
        stage.arrive(*step)  # type: ignore[arg-type]
    except AssertionError:
        return


def elect(stage: Stage, leader: int, *voters: int) -> None:
    """An election that goes well, confirmation and all."""
    stage.stand(leader)
    for voter in voters:
        stage.exchange(VoteRequest, Vote, leader, voter)
    for voter in voters:
        attempt(stage, ConfirmRequest, leader, voter)
        attempt(stage, Confirmation, voter, leader)


def one_crash(stage: Stage) -> None:
    """Ranks 2,1,1,1: one node forgets, its vote still travels."""
    elect(stage, A, B)
    stage.stand(B)
    stage.exchange(VoteRequest, Vote, B, C)
    attempt(stage, ConfirmRequest, B, C)
    attempt(stage, Confirmation, C, B)
    stage.crash(C)
    stage.exchange(Ask, Answer, C, A, D)
    stage.exchange(VoteRequest, Vote, B, D)
    attempt(stage, ConfirmRequest, B, C)
    attempt(stage, Confirmation, C, B)
    attempt(stage, ConfirmRequest, B, D)
    attempt(stage, Confirmation, D, B)
    for _ in range(3):
        stage.exchange(Append, AppendReply, A, C)


def two_crashes(stage: Stage) -> None:
    """Ranks 1,1,1,1: two nodes forget, one after the other."""
    elect(stage, A, B, D)
    stage.stand(C)
    stage.stand(C)
    stage.arrive(VoteRequest, C, B, term=2)
    stage.arrive(Vote, B, C)
    stage.crash(B)
    stage.exchange(Ask, Answer, B, A, D)
    for _ in range(5):
        stage.exchange(Append, AppendReply, A, B, D)
    assert stage.nodes[A].core.commit >= 2
    assert stage.nodes[B].core.phase == "normal"
    stage.crash(D)
    stage.exchange(Ask, Answer, D, A, B)
    stage.arrive(VoteRequest, C, D, term=2)
    stage.arrive(Vote, D, C)
    attempt(stage, ConfirmRequest, C, D)
    attempt(stage, Confirmation, D, C)


def forgets_its_term(stage: Stage) -> None:
    """Ranks 1,1,1: who does not ask acknowledges to a leader whose term it has helped to end."""
    elect(stage, A, C)
    stage.stand(B)
    stage.stand(B)
    stage.arrive(VoteRequest, B, C, term=2)
    stage.arrive(Vote, C, B)
    stage.exchange(ConfirmRequest, Confirmation, B, C)
    stage.crash(C)
    attempt(stage, Ask, C, A)
    attempt(stage, Answer, A, C)
    attempt(stage, Ask, C, B)
    attempt(stage, Answer, B, C)
    stage.arrive(Append, A, C)
    attempt(stage, AppendReply, C, A)


def elected_by_the_forgetful(stage: Stage) -> None:
    """Ranks 1,1,1: a node that has forgotten a committed entry helps one to lead that never had it."""
    elect(stage, A, B)
    stage.exchange(Append, AppendReply, A, C)
    assert stage.nodes[A].core.commit == 1
    stage.crash(C)
    stage.exchange(Ask, Answer, C, A, B)
    elect(stage, B, C)


def change_in_a_minority(stage: Stage) -> None:
    """R7, ranks 1,1,1,1,1: two nodes take the other three off the list, who elect a leader of their own."""
    elect(stage, A, B, C)
    for _ in range(3):
        stage.exchange(Append, AppendReply, A, B, C)
    for node_id in (C, D, E):
        stage.nodes[A].remove_member(node_id)
    stage.collect(A)
    for _ in range(4):
        stage.exchange(Append, AppendReply, A, B)
    elect(stage, C, D, E)
    assert stage.leads(C, 2)


SCHEDULES = [
    (broken.counts_only_the_new_list, change_in_a_minority, (1, 1, 1, 1, 1)),
    (broken.leads_without_confirmation, one_crash, (2, 1, 1, 1)),
    (broken.leads_without_confirmation, two_crashes, (1, 1, 1, 1)),
    (broken.confirms_for_any_incarnation, one_crash, (2, 1, 1, 1)),
    (broken.asks_before_all_votes_are_in, one_crash, (2, 1, 1, 1)),
    (broken.no_asking, forgets_its_term, (1, 1, 1)),
    (broken.votes_of_recovering_nodes_suffice, elected_by_the_forgetful, (1, 1, 1)),
    (broken.recovered_at_once, elected_by_the_forgetful, (1, 1, 1)),
]


@pytest.mark.parametrize(("breaker", "schedule", "ranks"), SCHEDULES, ids=lambda v: getattr(v, "__name__", str(v)))
def test_weaker_wordings_lose_a_committed_entry(
    breaker: Breaker, schedule: Callable[[Stage], None], ranks: tuple[int, ...]
) -> None:
    weak = Stage(ranks, breaker)
    schedule(weak)
    assert weak.broken() is not None


@pytest.mark.parametrize(
    ("schedule", "ranks"),
    list(dict.fromkeys((s, r) for _, s, r in SCHEDULES)),
    ids=lambda v: getattr(v, "__name__", str(v)),
)
def test_the_rule_holds_on_the_same_schedules(schedule: Callable[[Stage], None], ranks: tuple[int, ...]) -> None:
    stage = Stage(ranks)
    schedule(stage)
    assert stage.broken() is None
