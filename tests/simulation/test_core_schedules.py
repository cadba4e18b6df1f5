"""Schedules for mistakes that the core once made, found by reading or by a seed in thousands.

Most of them are put back here on purpose (exdbsim/broken.py), to show that the schedule would have found them.
"""

import msgpack
import pytest

from exdbsim import broken
from exdbsim.directed import CLUSTER, Stage
from exdbsim.node import Disk
from exdbsim.world import Breaker
from exdbsql.cluster.core.messages import (
    CONFIG,
    NOOP,
    RECOVERY,
    Answer,
    Append,
    AppendReply,
    Ask,
    Confirmation,
    ConfirmRequest,
    Entry,
    Found,
    FoundReply,
    Heartbeat,
    HeartbeatReply,
    Hello,
    Join,
    SnapshotChunk,
    Vote,
    VoteRequest,
    configuration_to_wire,
)
from exdbsql.cluster.core.quorum import Configuration, Member, QuorumRule
from exdbsql.cluster.core.ready import Save

A, B, C, D = range(4)


def elect(stage: Stage, leader: int, *voters: int) -> None:
    """An election that goes well."""
    stage.stand(leader)
    stage.exchange(VoteRequest, Vote, leader, *voters)
    stage.exchange(ConfirmRequest, Confirmation, leader, *voters)


def late_snapshot(stage: Stage) -> None:
    """B has acknowledged up to 10, which commits; then a snapshot up to 6 arrives that was made before."""
    elect(stage, A, B)
    stage.exchange(Append, AppendReply, A, B, C)
    leader = stage.nodes[A].core
    for number in range(9):
        leader.append(Entry(leader.term, NOOP, A, leader.incarnation, 0, 0, bytes([number])))
    new = leader.log.entries_from(2)
    stage.collect(A)
    stage.nodes[B].step(A, Append(CLUSTER, 1, 1, 1, new, 1, 0))
    stage.collect(B)
    stage.nodes[C].step(A, Append(CLUSTER, 1, 1, 1, new[:5], 1, 0))
    stage.collect(C)
    stage.nodes[A].peer_disconnected(B)
    stage.arrive(AppendReply, C, A, match=6)
    assert leader.commit == leader.log.base_index == 6
    stage.nodes[A].peer_connected(B, stage.nodes[B].core.incarnation)
    stage.arrive(Heartbeat, A, B)
    for _ in range(2):  # nothing has moved between two of them: what B was sent seems to be lost
        stage.arrive(HeartbeatReply, B, A)
    stage.arrive(AppendReply, B, A, match=10)
    assert leader.commit == 10
    for number in range(2):
        stage.arrive(SnapshotChunk, A, B, number=number)
    stage.nodes[C].peer_disconnected(A)
    stage.nodes[B].peer_disconnected(A)
    stage.stand(C)
    attempt_election(stage, C, B)


def attempt_election(stage: Stage, candidate: int, *voters: int) -> None:
    """What of an election comes about."""
    for voter in voters:
        for question, answer in ((VoteRequest, Vote), (ConfirmRequest, Confirmation)):
            try:
                stage.exchange(question, answer, candidate, voter)
            except AssertionError:
                return


def late_proposal_to_found(stage: Stage) -> None:
    """All held nothing and founded anew; B then votes, acknowledges, forgets, and is asked to found once more."""
    for node_id in (A, B, C):
        stage.crash(node_id)
    for _ in range(3):
        stage.nodes[A].tick(stage.nodes[A].core.now + 1000)
        stage.collect(A)
        stage.exchange(Hello, Hello, A, B, C)
    stage.exchange(Found, FoundReply, A, B, C)
    cluster = stage.nodes[A].core.cluster
    assert cluster != CLUSTER
    stage.exchange(VoteRequest, Vote, A, B)
    stage.exchange(ConfirmRequest, Confirmation, A, B)
    stage.exchange(Append, AppendReply, A, B)
    assert stage.nodes[A].core.commit == 1
    stage.crash(B, cluster)
    stage.arrive(Found, A, B)
    stage.arrive(VoteRequest, A, C)
    stage.nodes[C].peer_disconnected(A)
    stage.stand(C)
    attempt_election(stage, C, B)


def crash_while_recovering(stage: Stage) -> None:
    """C, which has lost its disk with a committed entry on it, crashes again before it has its state back."""
    elect(stage, A, C)
    stage.exchange(Append, AppendReply, A, C)
    assert stage.nodes[A].core.commit == 1
    stage.disks[C] = Disk()
    stage.crash(C)
    stage.exchange(Ask, Answer, C, A, B)
    assert stage.nodes[C].core.phase == "recovering"
    stage.crash(C)
    stage.stand(B)
    stage.stand(B)
    attempt_election(stage, B, C)


SCHEDULES = [
    (late_snapshot, broken.takes_any_snapshot, {"compact_entries": 4}),
    (late_proposal_to_found, broken.agrees_to_any_proposal, {}),
    (crash_while_recovering, broken.saves_while_recovering, {}),
]


@pytest.mark.parametrize(("schedule", "mistake", "options"), SCHEDULES, ids=lambda v: getattr(v, "__name__", ""))
def test_a_mistake_of_the_past_is_found(schedule, mistake: Breaker, options) -> None:  # type: ignore[no-untyped-def]
    stage = Stage((1, 1, 1), mistake, **options)
    schedule(stage)
    assert "without the committed entry" in (stage.broken() or "")


@pytest.mark.parametrize(("schedule", "mistake", "options"), SCHEDULES, ids=lambda v: getattr(v, "__name__", ""))
def test_it_is_not_made_any_more(schedule, mistake: Breaker, options) -> None:  # type: ignore[no-untyped-def]
    stage = Stage((1, 1, 1), **options)
    schedule(stage)
    assert stage.broken() is None


def members(*ids: int) -> tuple[Member, ...]:
    return tuple(Member(i, f"n{i}", 1) for i in ids)


@pytest.mark.parametrize("mistake", [None, broken.newest_list_by_index])
def test_answers_are_counted_by_the_list_of_the_latest_leader(mistake: Breaker | None) -> None:
    """B knows a change of an earlier leader that never was committed, C one of a later leader at a lower index. By
    the first, the answers of B and C are half; by the second, which counts, two of four others are not enough."""
    stage = Stage((1, 1, 1, 1, 1), mistake)
    stage.crash(A)
    node = stage.nodes[A].core
    earlier = Configuration(8, members(0, 1, 2), members(0, 1, 2, 3), 3)
    later = Configuration(7, members(0, 1, 2, 3, 4), members(0, 1, 2, 3), 4)
    stage.nodes[A].step(C, Answer(CLUSTER, node.incarnation, 4, later))
    stage.nodes[A].step(B, Answer(CLUSTER, node.incarnation, 3, earlier))
    assert (node.phase == "asking") == (mistake is None)
    stage.nodes[A].step(D, Answer(CLUSTER, node.incarnation, 4, later))
    assert node.phase == "recovering"


def test_a_list_of_another_life_does_not_end_a_node_that_joins_again() -> None:
    """D was a member, left, and is back, not listed yet, when a change of others is committed: it must go on joining."""
    stage = Stage((1, 1, 1, 1))
    stage.crash(D)
    stage.exchange(Ask, Answer, D, A, B)
    node = stage.nodes[D].core

    def lists(now: tuple[Member, ...], before: tuple[Member, ...] | None = None) -> Entry:
        return Entry(1, CONFIG, A, 1, 0, 0, msgpack.packb(configuration_to_wire(Configuration(0, now, before))))

    with_d, without, changed = members(0, 1, 2, 3), members(0, 1, 2), (*members(0, 1), Member(2, "n2", 2))
    history = (
        lists(with_d),
        lists(without, with_d),
        lists(without),
        Entry(1, RECOVERY, D, node.incarnation, 0, 0, b""),
    )
    stage.nodes[D].step(A, Append(CLUSTER, 1, 0, 0, history, 4, 0))
    assert node.phase == "normal"
    stage.nodes[D].step(A, Append(CLUSTER, 1, 4, 1, (lists(changed, without), lists(changed)), 6, 0))
    assert node.phase == "normal"
    stage.nodes[D].step(A, Append(CLUSTER, 1, 6, 1, (lists(with_d, changed), lists(with_d)), 8, 0))
    stage.nodes[D].step(A, Append(CLUSTER, 1, 8, 1, (lists(without, with_d), lists(without)), 10, 0))
    assert node.phase == "left"


def test_a_disk_that_tells_of_an_earlier_leave_does_not_end_a_node() -> None:
    """D, which has a disk, was a member, left, came back and was listed; it starts again and replays all of that."""
    stage = Stage((1, 1, 1, 1))
    with_d, without = members(0, 1, 2, 3), members(0, 1, 2)

    def lists(now: tuple[Member, ...], before: tuple[Member, ...] | None = None) -> Entry:
        return Entry(1, CONFIG, A, 1, 0, 0, msgpack.packb(configuration_to_wire(Configuration(0, now, before))))

    history = (lists(without), lists(with_d, without), lists(with_d), lists(without, with_d), lists(without))
    again = (Entry(1, RECOVERY, D, 3, 0, 0, b""), lists(with_d, without), lists(with_d))
    stage.disks[D] = Disk()
    stage.disks[D].write(Save(1, -1, 0, 1, (*history, *again), None))
    stage.crash(D)
    node = stage.nodes[D].core
    assert node.phase == "normal"
    stage.nodes[D].step(A, Append(CLUSTER, 1, 8, 1, (), 8, 0))
    assert (node.phase, node.commit) == ("normal", 8)


def two_histories(mistake: Breaker | None) -> Stage:
    """The application's quorum rule has said yes to two halves: two led in one term, and both have committed. Then
    everybody can reach everybody, and a leader of a later term meets one of the other half."""
    stage = Stage((1, 1, 1, 1), mistake)
    for replica in stage.nodes.values():
        replica.core.rule = QuorumRule(replica.core.id, lambda others: len(others) >= 1)
    elect(stage, A, B)
    elect(stage, C, D)
    for leader, follower in ((A, B), (C, D)):
        stage.exchange(Append, AppendReply, leader, follower)
        assert stage.leads(leader, 1)
        assert stage.nodes[leader].core.commit == 1
        stage.arrive(Append, leader, follower)
    stage.nodes[B].peer_disconnected(A)
    elect(stage, A, B)
    stage.arrive(Heartbeat, A, D)
    for _ in range(3):
        stage.arrive(HeartbeatReply, D, A)
        stage.arrive(Append, A, D)
        if stage.nodes[D].core.phase == "halted":
            break
        stage.arrive(AppendReply, D, A)
    return stage


def test_two_histories_of_one_term_are_not_merged() -> None:
    """R5: the node stops, keeps its data, and says so."""
    assert two_histories(None).nodes[D].core.phase == "halted"


def test_without_the_leaders_mark_they_would_be() -> None:
    node = two_histories(broken.tells_no_leaders_apart).nodes[D].core
    assert node.phase == "normal"
    assert node.log.last_term == 2


@pytest.mark.parametrize("mistake", [None, broken.keeps_to_the_first_cluster])
def test_a_blank_node_does_not_wait_for_a_cluster_that_is_gone(mistake: Breaker | None) -> None:
    """A word of a cluster that has ended (or was forced to go on under another id) comes late, and first."""
    stage = Stage((1, 1, 1), mistake)
    node = stage._start(C, None)
    stage._connect(C)
    told = (1, A, "normal", stage.members[A], stage.members, 1, 0, False)
    node.step(A, Hello(told[0], 55, *told[2:]))
    assert (node.core.phase, node.core.cluster) == ("asking", 55)
    node.step(A, Hello(told[0], CLUSTER, *told[2:]))
    stage.collect(C)
    assert (node.core.cluster == CLUSTER) == (mistake is None)
    if mistake is None:
        stage.exchange(Ask, Answer, C, A, B)
        assert node.core.phase == "recovering"


@pytest.mark.parametrize("mistake", [None, broken.asks_to_join_while_being_taken_off])
def test_a_node_that_is_being_taken_off_does_not_ask_to_join(mistake: Breaker | None) -> None:
    """D wished to leave and has forgotten it in a restart; the list without it is in its log, not known to be committed.
    If it asked now, it would be listed again while it ends."""
    stage = Stage((1, 1, 1, 1), mistake)
    node = stage.nodes[D]
    with_d, without = members(0, 1, 2, 3), members(0, 1, 2)
    changes = (Configuration(0, without, with_d), Configuration(0, without))
    entries = [Entry(1, CONFIG, A, 1, 0, 0, msgpack.packb(configuration_to_wire(c))) for c in changes]
    node.step(A, Append(CLUSTER, 1, 0, 0, tuple(entries), 1, 0))
    node.tick(1000)
    node.tick(2000)
    stage.collect(D)
    asked = any(sender == D and isinstance(message, Join) for sender, _, message in stage.sent)
    assert asked == (mistake is not None)
    node.step(A, Append(CLUSTER, 1, 2, 1, (), 2, 0))
    assert node.core.phase == "left"
