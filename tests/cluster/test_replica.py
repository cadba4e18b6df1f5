"""What a replica promises its host, on a perfect network."""

import gc

import msgpack
import pytest
from replicas import Cluster, cluster_of, members

from exdbsql.cluster.core.invariants import check
from exdbsql.cluster.core.messages import (
    COMMAND,
    CONFIG,
    ENTRY_KINDS,
    MEETING,
    VERDICT,
    Append,
    AppendReply,
    Entry,
    Proposal,
    Propose,
)
from exdbsql.cluster.core.quorum import Configuration, Member
from exdbsql.cluster.core.ready import Left, QuorumChanged, Refused, Stopped, VerdictReached
from exdbsql.cluster.state_machine import Origin
from exdbsql.schema.errors import ClusterStoppedError, InternalError, OperationalError, ProtocolError


def settled(cluster: Cluster, node_id: int, number: int) -> object:
    cluster.run(lambda: number in cluster.outcomes[node_id])
    return cluster.outcomes[node_id][number]


def test_commands_reach_every_node_in_one_order() -> None:
    cluster = cluster_of(1, 1, 1)
    numbers = [(i, cluster.nodes[i].submit(b"%d from %d" % (n, i))) for n in range(5) for i in range(3)]
    for node_id, number in numbers:
        assert str(settled(cluster, node_id, number)).startswith("line ")
    cluster.run(lambda: len({tuple(ledger.lines) for ledger in cluster.ledgers.values()}) == 1)
    assert len(cluster.ledgers[0].lines) == 15


def test_a_node_answers_before_it_applies() -> None:
    cluster = cluster_of(1, 1, 1)
    settled(cluster, 0, cluster.nodes[0].submit(b"first"))
    cluster.run(lambda: len({tuple(ledger.lines) for ledger in cluster.ledgers.values()}) == 1)
    leads = cluster.leader()
    follower = next(i for i in cluster.nodes if i != leads)
    node, core = cluster.nodes[follower], cluster.nodes[follower].core
    log = core.log
    entry = Entry(core.term, COMMAND, leads, cluster.nodes[leads].config.incarnation, 1000, 0, b"second")
    begun = core.begun.get(log.last_term, 0)
    message = Append(core.cluster, core.term, log.last_index, log.last_term, (entry,), log.last_index + 1, begun)
    lines = cluster.ledgers[follower].lines
    node.step(leads, message)
    (answer,) = (m for to, m in node.ready().messages if to == leads)
    assert isinstance(answer, AppendReply) and answer.success and answer.match == log.last_index
    assert lines == [b"first"] and node.has_ready()
    node.ready()
    assert lines == [b"first", b"second"]


def test_the_log_is_out_of_the_collectors_sight() -> None:
    cluster = cluster_of(1)
    settled(cluster, 0, cluster.nodes[0].submit(b"first"))
    log = cluster.nodes[0].core.log
    assert not any(gc.is_tracked(log.entry(i)) for i in range(1, log.last_index + 1))


def test_the_worked_example_of_the_reference() -> None:
    """A and B form the cluster; C knows both; D knows them and learns of C. At the end everyone knows all four."""
    a, b, c, d = members(1, 1, 0, 0)
    cluster = Cluster()
    cluster.start(0, [a, b])
    cluster.start(1, [a, b])
    cluster.run(cluster.all_ready)
    cluster.start(2, [a, b, c])
    cluster.run(cluster.all_ready)
    cluster.start(3, [a, b, Member(2, "", 0), d])
    cluster.run(cluster.all_ready)
    for node_id, replica in cluster.nodes.items():
        assert {m.node_id for m in replica.status().members} == {0, 1, 2, 3}
        assert replica.status().present == frozenset({0, 1, 2, 3})
        assert replica.peers().keys() == {0, 1, 2, 3} - {node_id}


def test_d_learns_of_c_before_it_is_connected_to_it() -> None:
    a, b, c, d = members(1, 1, 0, 0)
    cluster = cluster_of(1, 1)
    cluster.start(2, [a, b, c])
    cluster.run(cluster.all_ready)
    cluster.cut.add(frozenset((2, 3)))
    cluster.start(3, [a, b, Member(2, "", 0), d])
    cluster.run(lambda: 2 in cluster.nodes[3].peers())
    assert cluster.nodes[3].peers()[2].addr == c.addr


def test_of_two_nodes_the_one_that_stays_goes_on_after_a_leave_but_not_after_a_crash() -> None:
    cluster = cluster_of(1, 1)
    cluster.nodes[1].leave()
    cluster.run(lambda: Left() in cluster.events[1])
    cluster.crash(1)
    number = cluster.nodes[0].submit(b"alone")
    assert settled(cluster, 0, number) == "line 1"
    assert cluster.markers.keys() == {0}

    cluster = cluster_of(1, 1)
    cluster.crash(1)
    assert not cluster.nodes[0].has_quorum()
    assert cluster.nodes[0].quorum_report().text == (
        "ranks present 1 of 2, more than 1 needed; missing: node 1 (rank 1)"
    )


def test_a_node_that_left_joins_again() -> None:
    cluster = cluster_of(1, 1, 1)
    cluster.nodes[2].leave()
    cluster.run(lambda: Left() in cluster.events[2])
    cluster.crash(2)
    cluster.nodes[0].submit(b"meanwhile")
    cluster.start(2, members(1, 1, 1))
    cluster.run(cluster.all_ready)
    assert cluster.ledgers[2].lines == [b"meanwhile"]


def test_without_memory_a_node_comes_back_with_everything() -> None:
    cluster = cluster_of(1, 1, 1, compact_entries=10)
    for n in range(40):
        settled(cluster, 0, cluster.nodes[0].submit(b"%d" % n))
    victim = cluster.leader()
    cluster.crash(victim)
    cluster.start(victim, members(1, 1, 1), compact_entries=10)
    cluster.run(cluster.all_ready)
    assert len(cluster.ledgers[victim].lines) == 40


def test_when_all_have_crashed_they_found_anew() -> None:
    cluster = cluster_of(1, 1, 1)
    first = cluster.nodes[0].status().cluster
    for node_id in range(3):
        cluster.crash(node_id)
    cluster.start(0, members(1, 1, 1))
    cluster.start(1, members(1, 1, 1))
    cluster.run(for_ms=5000)
    assert cluster.nodes[0].status().phase == "asking"
    assert "node 2" in cluster.nodes[0].status().waiting_for
    cluster.start(2, members(1, 1, 1))
    cluster.run(cluster.all_ready)
    assert cluster.nodes[0].status().cluster not in (0, first)


def test_an_operator_goes_on_with_what_is_left() -> None:
    cluster = cluster_of(1, 1, 1)
    settled(cluster, 0, cluster.nodes[0].submit(b"kept"))
    cluster.run(lambda: cluster.ledgers[1].lines == [b"kept"])
    cluster.crash(0)
    cluster.crash(2)
    assert "lost" in cluster.nodes[1].force_go_on()
    assert settled(cluster, 1, cluster.nodes[1].submit(b"more")) == "line 2"


def test_another_clusters_node_is_told_so() -> None:
    cluster = cluster_of(1, 1, 1)
    cluster.markers[2] = cluster.markers[2]._replace(cluster=999)
    cluster.crash(2)
    cluster.start(2, members(1, 1, 1))
    cluster.run(lambda: any(isinstance(e, Refused) and e.reason == "cluster" for e in cluster.events[2]))


def test_nodes_that_have_forgotten_everything_are_no_quorum() -> None:
    """Two of three come back without memory: each node is connected to all, and nobody can lead any more."""
    cluster = cluster_of(1, 1, 1)
    for node_id in (1, 2):
        cluster.crash(node_id)
    for node_id in (1, 2):
        cluster.start(node_id, members(1, 1, 1))
    cluster.run(for_ms=3000)
    status = cluster.nodes[0].status()
    assert (status.has_quorum, status.present, status.without_memory) == (False, {0, 1, 2}, {1, 2})
    assert status.present_rank == 1
    assert cluster.nodes[0].quorum_report().text == (
        "ranks present 1 of 3, more than 1.5 needed; without memory, and not counted before enough others remember:"
        " node 1 (rank 1), node 2 (rank 1)"
    )


def test_recovering_nodes_are_no_quorum_without_half_that_remembers() -> None:
    """A node has asked and may vote, but nothing ended its recovery before the leader went: nobody can be elected."""
    cluster = cluster_of(1, 1, 1)
    leader = cluster.leader()
    forgetful, other = (i for i in range(3) if i != leader)
    cluster.crash(forgetful)
    for replica in cluster.nodes.values():
        replica.core.leading.accepts = lambda: False  # type: ignore[method-assign]  # no mark ends a recovery
    cluster.start(forgetful, members(1, 1, 1))
    cluster.run(lambda: cluster.nodes[forgetful].status().phase == "recovering")
    assert cluster.nodes[other].has_quorum()
    cluster.crash(leader)
    cluster.run(for_ms=3000)
    for node_id in (other, forgetful):
        status = cluster.nodes[node_id].status()
        assert (status.has_quorum, status.without_memory, status.present_rank) == (False, frozenset(), 2)
        assert status.forgotten == "of these ranks 1 have not forgotten their state, and an election needs 1.5"


def test_who_elects_a_leader_soon_does_not_lose_its_quorum() -> None:
    """One node forgot everything, the leader is gone, the rest elect another: nobody is told that there is no quorum."""
    cluster = cluster_of(1, 1, 1, 1, 1)
    cluster.run(cluster.all_ready)
    leader = cluster.leader()
    forgetful, *others = [i for i in range(5) if i != leader]
    cluster.crash(forgetful)
    cluster.start(forgetful, members(1, 1, 1, 1, 1))
    cluster.run(cluster.all_ready)
    for node_id in others:
        cluster.events[node_id].clear()
    cluster.crash(leader)
    cluster.run(cluster.all_ready)
    assert not any(isinstance(e, QuorumChanged) for i in others for e in cluster.events[i])


def test_nobody_leaves_the_barrier_before_all_have_entered() -> None:
    cluster = cluster_of(1, 1, 1)
    first = [(i, cluster.nodes[i].submit_barrier()) for i in (0, 1)]
    cluster.run(for_ms=1000)
    assert all(number not in cluster.outcomes[i] for i, number in first)
    last = cluster.nodes[2].submit_barrier()
    for node_id, number in [*first, (2, last)]:
        assert settled(cluster, node_id, number) is None


def test_a_barrier_that_is_given_up_was_never_entered() -> None:
    cluster = cluster_of(1, 1, 1)
    a, b, c = (cluster.nodes[i] for i in range(3))
    given_up = a.submit_barrier()
    cluster.run(for_ms=300)
    assert settled(cluster, 0, a.submit_barrier_exit(given_up)) is False
    waiting = [(1, b.submit_barrier()), (2, c.submit_barrier())]
    cluster.run(for_ms=300)
    assert all(number not in cluster.outcomes[i] for i, number in waiting)
    waiting.append((0, a.submit_barrier()))
    assert [settled(cluster, i, number) for i, number in waiting] == [None] * 3
    assert settled(cluster, 0, a.submit_barrier_exit(waiting[-1][1])) is True


def test_a_barrier_withdrawn_without_a_quorum_is_left_once_there_is_one() -> None:
    cluster = cluster_of(1, 1, 1)
    a = cluster.nodes[0]
    entered = a.submit_barrier()
    cluster.run(for_ms=300)
    cluster.part(0, 1)
    cluster.part(0, 2)
    assert not a.withdraw(entered)
    cluster.run(for_ms=2000)
    cluster.cut.clear()
    for other in (1, 2):
        cluster._connect(0, other)
    cluster.run(lambda: not any(r._agreements.inside for r in cluster.nodes.values()))


def test_an_exit_from_a_barrier_may_overtake_its_entry() -> None:
    cluster = cluster_of(1)
    replica = cluster.nodes[0]
    entered = replica.submit_barrier()
    kind, data = replica._outbox.unsettled.pop(entered)
    assert settled(cluster, 0, replica.submit_barrier_exit(entered)) is False
    replica._append(0, replica.config.incarnation, [Proposal(kind, entered, 0, data)])
    cluster.run(for_ms=100)
    assert not replica._agreements.inside


def test_a_node_that_started_again_is_not_in_the_barrier() -> None:
    cluster = cluster_of(1, 1, 1)
    cluster.nodes[0].submit_barrier()
    cluster.run(for_ms=300)
    cluster.crash(0)
    cluster.start(0, members(1, 1, 1))
    cluster.run(cluster.all_ready)
    waiting = [(i, cluster.nodes[i].submit_barrier()) for i in (1, 2)]
    cluster.run(for_ms=300)
    assert all(number not in cluster.outcomes[i] for i, number in waiting)


def test_the_common_stop_waits_for_all_active_nodes_and_removes_the_markers() -> None:
    cluster = cluster_of(1, 1, 1, 0)
    cluster.crash(3)
    for node_id in (0, 1):
        cluster.nodes[node_id].submit_stop()
    cluster.run(for_ms=500)
    assert not any(isinstance(e, Stopped) for e in cluster.events[0])
    cluster.nodes[2].submit_stop()
    cluster.run(lambda: all(Stopped() in cluster.events[i] for i in range(3)))
    assert cluster.markers.keys() == {3}
    with pytest.raises(ClusterStoppedError):
        cluster.nodes[0].submit(b"late")


def test_the_first_verdict_counts() -> None:
    cluster = cluster_of(1, 1, 1)
    assert settled(cluster, 0, cluster.nodes[0].submit_verdict("op", False)) is False
    assert settled(cluster, 1, cluster.nodes[1].submit_verdict("op", True)) is False
    cluster.run(lambda: VerdictReached("op", False) in cluster.events[2])


def test_what_never_left_the_node_can_be_withdrawn_for_good() -> None:
    cluster = cluster_of(1, 1)
    cluster.crash(1)
    number = cluster.nodes[0].submit(b"nobody hears")
    assert cluster.nodes[0].withdraw(number)
    cluster.start(1, members(1, 1))
    cluster.run(cluster.all_ready)
    assert cluster.ledgers[0].lines == []


def test_status_of_a_transaction_is_known_on_every_node() -> None:
    cluster = cluster_of(1, 1, 1)
    number = cluster.nodes[1].submit(b"x")
    settled(cluster, 1, number)
    origin = Origin(1, cluster.nodes[1].config.incarnation, number)
    cluster.run(lambda: all(r.transaction_status(origin) == "committed" for r in cluster.nodes.values()))


def test_a_node_that_leaves_does_not_call_void_what_it_does_not_apply_any_more() -> None:
    cluster = cluster_of(1, 1, 1)
    leaver = next(i for i in cluster.nodes if i != cluster.leader())
    replica = cluster.nodes[leaver]
    origin = Origin(leaver, replica.config.incarnation, replica.submit(b"committed"))
    replica.leave()
    cluster.run(
        lambda: (
            replica.core.applied > 0
            and all(b"committed" in cluster.ledgers[i].lines for i in cluster.nodes if i != leaver)
        )
    )
    cluster.run(lambda: leaver not in [m.node_id for m in cluster.nodes[cluster.leader()].status().members])
    assert {r.transaction_status(origin) for i, r in cluster.nodes.items() if i != leaver} == {"committed"}
    assert not cluster.ledgers[leaver].lines and replica.transaction_status(origin) == "unknown"


def test_a_rank_is_changed_by_both_lists() -> None:
    cluster = cluster_of(1, 1, 1)
    cluster.nodes[0].change_member(members(1, 1, 1)[2]._replace(rank=3))
    cluster.run(lambda: all(r.quorum_report().total_rank == 5 for r in cluster.nodes.values()))
    cluster.crash(0)
    cluster.crash(1)
    number = cluster.nodes[2].submit(b"enough alone")
    assert settled(cluster, 2, number) == "line 1"


def test_leadership_can_be_handed_over() -> None:
    cluster = cluster_of(1, 1, 1)
    old = cluster.leader()
    to = (old + 1) % 3
    cluster.nodes[old].transfer_leadership(to)
    cluster.run(lambda: all(r.status().leader == to for r in cluster.nodes.values()))


def test_a_quorum_callback_replaces_the_ranks() -> None:
    cluster = Cluster()
    for m in members(1, 1, 1):
        with_zero = (lambda ids: True) if m.node_id == 0 else (lambda ids: 0 in ids)
        cluster.start(m.node_id, members(1, 1, 1), with_zero)
    cluster.run(cluster.all_ready)
    cluster.crash(1)
    cluster.crash(2)
    assert settled(cluster, 0, cluster.nodes[0].submit(b"zero decides")) == "line 1"


def test_too_many_unsettled_proposals_are_refused() -> None:
    cluster = cluster_of(1, 1, max_outstanding=3)
    cluster.crash(1)
    for _ in range(3):
        cluster.nodes[0].submit(b"")
    with pytest.raises(OperationalError, match="unsettled"):
        cluster.nodes[0].submit(b"")


def test_a_linearizable_read_waits_for_what_was_committed_before() -> None:
    cluster = cluster_of(1, 1, 1)
    settled(cluster, 0, cluster.nodes[0].submit(b"seen"))
    number = cluster.nodes[2].submit_read_mark()
    assert settled(cluster, 2, number) is None
    assert cluster.ledgers[2].lines == [b"seen"]


def test_what_no_node_could_read_does_not_get_into_the_log() -> None:
    """Barriers and verdicts that are no msgpack, or something else, from a peer that has gone astray."""
    cluster = cluster_of(1, 1, 1)
    leader = cluster.nodes[cluster.leader()]
    sender = next(i for i in cluster.nodes if i != leader.core.id)
    before = leader.core.log.last_index
    for kind in (MEETING, VERDICT):
        for garbage in (b"", b"\xc1", b"\x80", msgpack.packb(["operation"]), msgpack.packb([1, 2]), b"\x91" * 2000):
            leader.step(sender, Propose(leader.core.cluster, 7, (Proposal(kind, 1, 0, garbage),)))
    cluster.run(for_ms=200)
    assert leader.core.log.last_index == before
    assert settled(cluster, sender, cluster.nodes[sender].submit(b"still here")) == "line 1"


BROKEN = {
    "applied": lambda core: setattr(core, "applied", core.applied + 5),
    "saved": lambda core: setattr(core, "stable", core.log.last_index + 1),
    "term": lambda core: setattr(core, "term", 0),
    "follows itself": lambda core: setattr(core, "leader", 1 - core.id),
    "followers hold": lambda core: setattr(next(iter(core.leading.progress.values())), "match", 10**6),
    "order of the lists": lambda core: core.configurations.append(core.configurations[0]._replace(log_index=10**6)),
    "neighbouring": lambda core: core.configurations.insert(0, Configuration(0, tuple(members(1, 2, 3)))),
    "order of marks": lambda core: core.special.extend((10**6, 10**5)),
    "take effect": lambda core: core.special.insert(0, 1),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_core_that_is_checked_notices_what_cannot_be(what: str) -> None:
    """For all that a node sends what it believes: with `debug` it ends first."""
    cluster = cluster_of(1, 1, 1, debug=True)
    leader = cluster.nodes[cluster.leader()]
    leader.ready()
    BROKEN[what](leader.core)
    with pytest.raises(InternalError, match=what):
        check(leader.core)
    with pytest.raises(InternalError):
        leader.ready()


def test_who_joins_a_full_cluster_is_told_and_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exdbsql.cluster.core.messages.MAX_MEMBERS", 3)
    cluster = cluster_of(1, 1, 1)
    first, *_, fourth = members(1, 1, 1, 0)
    cluster.start(3, [first, fourth])
    cluster.run(lambda: cluster.nodes[3].status().phase == "left")
    assert [event.reason for event in cluster.events[3] if isinstance(event, Refused)] == ["full"]
    assert settled(cluster, 0, cluster.nodes[0].submit(b"still here")) == "line 1"
    assert [m.node_id for m in cluster.nodes[0].status().members] == [0, 1, 2]


UNREADABLE = [(kind, data) for kind in (CONFIG, MEETING, VERDICT) for data in (b"", b"\xc1", b"\x80", b"\x91\x01")]


@pytest.mark.parametrize(("kind", "data"), [*UNREADABLE, (len(ENTRY_KINDS), b""), (-1, b"")])
def test_what_no_node_could_read_is_not_taken_from_a_leader_either(kind: int, data: bytes) -> None:
    cluster = cluster_of(1, 1, 1)
    leader = cluster.leader()
    follower = next(replica for i, replica in cluster.nodes.items() if i != leader)
    core = follower.core
    last, term = core.log.last_index, core.term
    entry = Entry(term, kind, leader, 7, 1, 0, data)
    append = Append(core.cluster, term, last, core.log.last_term, (entry,), last + 1, 0)
    with pytest.raises(ProtocolError):
        follower.step(leader, append)
    follower.ready()
    assert (core.log.last_index, core.phase) == (last, "normal")
    assert settled(cluster, core.id, follower.submit(b"still here")) == "line 1"


def test_no_node_that_is_off_can_be_forced_to_go_on() -> None:
    """It holds nothing that it could go on from; its operator starts it again."""
    cluster = cluster_of(1, 1, 1)
    cluster.nodes[2].leave()
    with pytest.raises(ClusterStoppedError, match="told to leave"):
        cluster.nodes[2].force_go_on()
    cluster.run(lambda: cluster.nodes[2].status().phase == "left")
    with pytest.raises(ClusterStoppedError, match="left"):
        cluster.nodes[2].force_go_on()
