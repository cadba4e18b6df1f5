"""Scatter and gather over desks in one process: the worked example of the reference, conflicts, and lost nodes."""

from collections import deque
from collections.abc import Callable

import msgpack
import pytest

from exdbsql.cluster import exchange_frames
from exdbsql.cluster.exchange import PATIENCE, ExchangeDesk
from exdbsql.cluster.information import ExchangeReport
from exdbsql.cluster.wire import Frame
from exdbsql.schema.errors import (
    ClusterError,
    CommitOutcomeUnknownError,
    ConflictError,
    IntegrityError,
    NoQuorumError,
    ProgrammingError,
)

from .host_models import ModelStore


class Line:
    """One node's way to the others: a queue of all frames, and one log of verdicts for all."""

    def __init__(self, net: "Net", node_id: int) -> None:
        self.net, self.node_id = net, node_id

    def send_bulk(self, node_id: int, frame: Frame) -> bool:
        if not self.net.linked(self.node_id, node_id):
            return False
        self.net.frames.append((self.node_id, node_id, msgpack.unpackb(msgpack.packb(frame), use_list=True)))
        return True

    def connected(self) -> list[int]:
        return [n for n in self.net.desks if n != self.node_id and self.net.linked(self.node_id, n)]

    def members(self) -> frozenset[int]:
        return frozenset(self.net.desks)

    def propose_verdict(self, operation: str, commit: bool, done: Callable[[object], None]) -> None:
        self.net.proposals.append((operation, commit, done))


class Net:
    """Three desks, frames between them, and verdicts decided in the order of their proposals."""

    def __init__(self, n: int = 3) -> None:
        self.frames: deque[tuple[int, int, Frame]] = deque()
        self.proposals: deque[tuple[str, bool, Callable[[object], None]]] = deque()
        self.verdicts: dict[str, bool] = {}
        self.cut: set[int] = set()
        self.quorum = True
        self.desks: dict[int, ExchangeDesk] = {}
        self.stores = [ModelStore(i) for i in range(n)]
        for i in range(n):
            self.desks[i] = ExchangeDesk(i, 7 + i, self.stores[i], Line(self, i))

    def linked(self, one: int, other: int) -> bool:
        return one not in self.cut and other not in self.cut

    def deliver(self) -> None:
        while self.frames:
            sender, to, frame = self.frames.popleft()
            if self.linked(sender, to):
                self.desks[to].received(sender, frame)

    def deliver_one(self) -> None:
        sender, to, frame = self.frames.popleft()
        self.desks[to].received(sender, frame)

    def decide(self) -> None:
        while self.proposals:
            operation, commit, done = self.proposals.popleft()
            if not self.quorum:
                done(NoQuorumError("1 of 3"))
                return
            verdict = self.verdicts.setdefault(operation, commit)
            for desk in self.desks.values():
                desk.verdict(operation, verdict)
            done(verdict)

    def lose(self, node_id: int) -> None:
        self.cut.add(node_id)
        for i, desk in self.desks.items():
            if i != node_id:
                desk.peer_lost(node_id)
                self.desks[node_id].peer_lost(i)

    def run(self) -> None:
        while self.frames or (self.proposals and self.quorum):
            self.deliver()
            self.decide()

    def begin(
        self, kind: str, at: int, tables: list[str] | None, nodes: list[int] | None, keep: str | None = None
    ) -> list[object]:
        results: list[object] = []
        getattr(self.desks[at], kind)(tables, nodes, results.append, keep)
        return results

    def do(
        self, kind: str, at: int, tables: list[str] | None, nodes: list[int] | None, keep: str | None = None
    ) -> ExchangeReport:
        results = self.begin(kind, at, tables, nodes, keep)
        self.run()
        (result,) = results
        if isinstance(result, Exception):
            raise result
        assert isinstance(result, ExchangeReport)
        return result


A, B, C = 0, 1, 2


def test_the_worked_example_of_the_reference_with_what_travels() -> None:
    net = Net()
    net.stores[A].put("x", "x1", 1)
    net.stores[B].put("x", "x2", 2)
    assert net.do("scatter", A, ["x"], [B]).travelled == {("x", A, B): 1}
    assert net.do("gather", B, ["x"], [A, C]).travelled == {}
    net.stores[A].put("y", "y1", 1)
    step6 = net.do("scatter", A, ["x", "y"], [B, C])
    assert step6.travelled == {("y", A, B): 1, ("x", A, C): 1, ("y", A, C): 1}
    assert step6.taken == step6.travelled
    assert net.do("gather", C, ["x", "y"], [A, B]).travelled == {("x", B, C): 1}
    assert net.stores[A].values("x") == {"x1": 1}
    for node in (B, C):
        assert net.stores[node].values("x") == {"x1": 1, "x2": 2}
        assert net.stores[node].values("y") == {"y1": 1}


def test_a_deleted_row_travels_and_many_rows_travel_in_pieces() -> None:
    net = Net()
    for i in range(2500):
        net.stores[A].put("x", f"k{i}", i)
    assert net.do("scatter", A, None, None).total == 5000
    net.stores[B].put("x", "k7", None)
    assert net.do("gather", A, None, [B]).total == 1
    assert "k7" not in net.stores[A].values("x") and len(net.stores[A].values("x")) == 2499


def test_a_conflict_on_one_target_voids_the_operation_on_all() -> None:
    net = Net()
    net.stores[A].put("x", "k", "a")
    net.stores[A].put("y", "other", "a")
    net.stores[C].put("x", "k", "c")
    with pytest.raises(ConflictError) as caught:
        net.do("scatter", A, None, None)
    assert (caught.value.table, caught.value.key, caught.value.winner) == ("x", "k", C)
    assert "node 2" in str(caught.value)
    assert net.stores[B].values("y") == {} and not net.stores[B].prepared and net.verdicts == {}


def test_sources_that_conflict_with_each_other_void_a_gather() -> None:
    net = Net()
    net.stores[A].put("x", "k", "a")
    net.stores[B].put("x", "k", "b")
    net.stores[A].put("y", "k", "a")
    with pytest.raises(ConflictError):
        net.do("gather", C, None, None)
    assert net.stores[C].values("x") == {} and net.stores[C].values("y") == {} and not net.stores[C].prepared


def test_a_gather_takes_the_newest_of_what_two_sources_have_seen_of_each_other() -> None:
    net = Net()
    net.stores[A].put("x", "k", "old")
    net.stores[A].put("x", "other", "a")
    net.do("gather", B, ["x"], [A])
    net.stores[B].put("x", "k", "new")
    report = net.do("gather", C, ["x"], [A, B])
    assert report.travelled == {("x", A, C): 2, ("x", B, C): 1}
    assert net.stores[C].values("x") == {"k": "new", "other": "a"}
    assert net.do("gather", C, None, None).travelled == {}
    assert net.do("gather", A, ["x"], [C]).travelled == {("x", C, A): 1}


def test_a_broken_constraint_voids_and_is_told_with_its_node() -> None:
    net = Net()
    net.stores[A].put("x", "k", "forbidden")
    with pytest.raises(IntegrityError, match="node 1"):
        net.do("scatter", A, ["x"], [B])


def test_an_unknown_table_is_told() -> None:
    net = Net()
    with pytest.raises(ProgrammingError, match="zzz"):
        net.do("scatter", A, ["zzz"], None)
    del net.stores[B].rows["y"], net.stores[B].vector["y"]
    with pytest.raises(ProgrammingError, match="on node 1"):
        net.do("gather", A, ["y"], [B])


def test_a_named_node_that_is_not_there_voids_the_operation() -> None:
    net = Net()
    net.stores[A].put("x", "k", 1)
    net.lose(C)
    with pytest.raises(ClusterError, match="node 2 cannot be reached"):
        net.do("scatter", A, None, [B, C])
    assert net.do("scatter", A, None, None).travelled == {("x", A, B): 1}


def test_a_target_lost_before_the_verdict_voids_the_operation() -> None:
    net = Net()
    net.stores[A].put("x", "k", 1)
    results = net.begin("scatter", A, None, None)
    while not net.stores[B].prepared:
        sender, to, frame = net.frames.popleft()
        net.desks[to].received(sender, frame)
    net.lose(C)
    net.run()
    assert isinstance(results[0], ClusterError)
    assert net.stores[B].values("x") == {} and not net.stores[B].prepared


def test_an_origin_that_vanished_leaves_an_abort_in_the_log() -> None:
    net = Net()
    net.stores[A].put("x", "k", 1)
    net.begin("scatter", A, None, None)
    net.deliver()
    assert net.stores[B].prepared and net.stores[C].prepared
    net.proposals.clear()  # the origin died before its proposal left
    net.lose(A)
    net.run()
    assert list(net.verdicts.values()) == [False]
    assert not net.stores[B].prepared and not net.stores[C].prepared and net.stores[B].values("x") == {}


def test_an_origin_that_was_cut_off_after_its_verdict_keeps_it() -> None:
    net = Net()
    net.stores[A].put("x", "k", 1)
    results = net.begin("scatter", A, None, None)
    net.deliver()
    net.lose(A)
    net.run()
    assert list(net.verdicts.values()) == [True]
    assert net.stores[B].values("x") == net.stores[C].values("x") == {"k": 1}
    assert isinstance(results[0], ExchangeReport)


@pytest.mark.parametrize("is_in_the_log", [True, False])
def test_an_origin_that_gave_up_waiting_has_the_operation_settled(is_in_the_log: bool) -> None:
    """Its targets are connected with it all the time, so they would wait for a proposal that may never get into the log."""
    net = Net()
    net.stores[A].put("x", "k", 1)
    results = net.begin("scatter", A, None, None)
    net.deliver()
    ((operation, _, done),) = net.proposals
    net.proposals.clear()
    done(CommitOutcomeUnknownError("no quorum, and the proposal was sent", transaction_id="1"))
    assert isinstance(results[0], CommitOutcomeUnknownError) and net.stores[B].prepared
    if is_in_the_log:
        net.verdicts[operation] = True
    net.quorum = False
    net.desks[A].settle_orphans()
    net.decide()
    net.quorum = True
    for _ in range(3):
        net.desks[A].settle_orphans()
        net.run()
    assert net.verdicts == {operation: is_in_the_log}
    for node in (B, C):
        assert not net.stores[node].prepared and net.stores[node].values("x") == ({"k": 1} if is_in_the_log else {})
    net.desks[A].settle_orphans()
    assert not net.proposals


@pytest.mark.parametrize(("kind", "heard"), [*(("scatter", n) for n in range(5)), *(("gather", n) for n in range(3))])
def test_an_operation_of_which_nothing_is_heard_any_more_ends(kind: str, heard: int) -> None:
    """Frames vanish and no connection is known to be lost: its caller does not wait for ever, and no row stays set aside."""
    net = Net()
    net.stores[A].put("x", "a", 1)
    net.stores[B].put("x", "b", 1)
    results = net.begin(kind, A, ["x"], [B])
    for _ in range(heard):
        if net.frames:
            sender, to, frame = net.frames.popleft()
            net.desks[to].received(sender, frame)
    net.frames.clear()
    for _ in range(PATIENCE):
        for node in (A, B):
            net.desks[node].settle_orphans()
        net.run()
    (result,) = results
    assert isinstance(result, ClusterError) and result.retryable and "answered" in str(result)
    assert not net.stores[A].prepared and not net.stores[B].prepared


def test_a_target_that_lost_sight_of_the_origin_for_a_moment_says_so() -> None:
    net = Net()
    net.stores[A].put("x", "a", 1)
    results = net.begin("scatter", A, ["x"], [B])
    while not net.desks[B]._incoming:
        sender, to, frame = net.frames.popleft()
        net.desks[to].received(sender, frame)
    net.desks[B].peer_lost(A)
    net.run()
    assert isinstance(results[0], ClusterError) and "node 1 was lost while rows were shipped" in str(results[0])


@pytest.mark.parametrize(("kind", "heard"), [*(("scatter", n) for n in (1, 3)), ("gather", 1)])
def test_an_answer_that_only_its_sender_knows_to_be_lost_is_told(kind: str, heard: int) -> None:
    """The origin noticed the broken connection, and opened another one, before it began: nobody else tells it."""
    net = Net()
    net.stores[A].put("x", "a", 1)
    net.stores[B].put("x", "b", 1)
    results = net.begin(kind, A, ["x"], [B])
    for _ in range(heard):
        net.deliver_one()
    while net.frames and net.frames[0][0] == A:
        net.deliver_one()
    assert {sender for sender, _, _ in net.frames} == {B}
    net.frames.clear()
    net.desks[B].peer_lost(A)
    net.run()
    (result,) = results
    assert isinstance(result, ClusterError) and "node 1 was lost" in str(result)
    assert not any(store.prepared for store in net.stores)
    assert net.do(kind, A, ["x"], [B]).total == 1


def test_an_answer_that_cannot_be_sent_yet_is_told_to_be_lost_as_soon_as_it_can() -> None:
    """A connection is complete for one end a moment before it is for the other."""
    net = Net()
    net.stores[A].put("x", "a", 1)
    results = net.begin("scatter", A, ["x"], [B])
    sender, to, frame = net.frames.popleft()
    net.cut.add(A)
    net.desks[to].received(sender, frame)
    net.desks[B].settle_orphans()
    net.cut.clear()
    assert not net.frames and not results
    net.desks[B].settle_orphans()
    net.run()
    assert isinstance(results[0], ClusterError) and "node 1 was lost" in str(results[0])
    net.desks[B].settle_orphans()
    assert not net.frames


def test_the_rest_of_a_shipment_is_not_taken_for_all_of_it() -> None:
    """The target lost sight of the origin between two frames, by a connection on which these did not travel."""
    net = Net()
    for number in range(2500):
        net.stores[A].put("x", f"k{number}", number)
    results = net.begin("scatter", A, ["x"], [B])
    while not net.desks[B]._incoming:
        net.deliver_one()
    net.desks[B].peer_lost(A)
    told = [frame for frame in net.frames if frame[0] == B]
    for frame in told:  # the origin hears of it late
        net.frames.remove(frame)
    net.deliver()
    net.decide()
    assert isinstance(results[0], ClusterError) and "what was shipped before is lost" in str(results[0])
    assert net.stores[B].values("x") == {} and not net.stores[B].prepared
    net.frames.extend(told)
    net.run()
    assert net.do("scatter", A, ["x"], [B]).total == 2500


def test_an_origin_that_stops_after_its_verdict_says_what_that_was() -> None:
    net = Net()
    net.stores[A].put("x", "a", 1)
    results = net.begin("scatter", A, ["x"], [B])
    net.deliver()
    net.decide()
    assert not results
    net.desks[A].close()
    assert [type(result) for result in results] == [ExchangeReport] and net.stores[B].values("x") == {"a": 1}


def test_a_target_that_waited_too_long_has_its_part_dropped_everywhere() -> None:
    """Another target takes its time: the verdict is there before it prepares."""
    net = Net()
    net.stores[A].put("x", "a", 1)
    results = net.begin("scatter", A, ["x"], [B, C])
    late: list[tuple[int, int, Frame]] = []
    while net.frames:
        if net.frames[0][1] == C and net.frames[0][2][1] == exchange_frames.SHIPPED:
            late.append(net.frames.popleft())
        else:
            net.deliver_one()
    for _ in range(PATIENCE - 1):
        net.desks[B].settle_orphans()
    net.desks[B].settle_orphans()
    ((operation, commit, done),) = net.proposals
    net.proposals.clear()
    assert not commit
    net.desks[B].verdict(operation, False)
    net.desks[C].verdict(operation, False)
    done(False)
    net.frames.extendleft(late)
    net.run()
    assert isinstance(results[0], ClusterError) and "taken nowhere" in str(results[0])
    assert not any(store.prepared for store in net.stores)


def test_without_quorum_nothing_is_taken_and_orphans_wait_for_it() -> None:
    net = Net()
    net.stores[A].put("x", "k", 1)
    results = net.begin("scatter", A, None, None)
    net.deliver()
    net.quorum = False
    net.decide()
    net.run()
    assert isinstance(results[0], NoQuorumError)
    assert not net.stores[B].prepared and net.stores[B].values("x") == {}
    net.begin("scatter", A, None, None)
    net.deliver()
    net.proposals.clear()
    net.lose(A)
    while net.proposals:
        net.decide()
    assert net.stores[B].prepared
    net.quorum = True
    for desk in net.desks.values():
        desk.settle_orphans()
    net.run()
    assert not net.stores[B].prepared and not net.stores[C].prepared


def test_a_conflict_is_told_as_one_that_does_not_go_away_and_can_be_settled() -> None:
    net = Net()
    net.stores[A].put("x", "k", "a")
    net.stores[B].put("x", "k", "b")
    net.stores[C].put("x", "k", "c")
    with pytest.raises(ConflictError) as caught:
        net.do("scatter", A, ["x"], [B, C])
    assert not caught.value.retryable and caught.value.hint == "say which to keep"
    report = net.do("scatter", A, ["x"], [B], "source")
    assert report.taken == {("x", A, B): 1}
    assert net.do("gather", C, ["x"], [A, B], "target").taken == {}
    assert [net.stores[node].values("x") for node in (A, B, C)] == [{"k": "a"}, {"k": "a"}, {"k": "c"}]
    net.do("scatter", C, None, None)
    assert [net.stores[node].values("x") for node in (A, B, C)] == [{"k": "c"}] * 3
    assert net.do("gather", A, None, None).travelled == {}


def test_deleted_rows_are_forgotten_once_all_members_know() -> None:
    net = Net()
    net.stores[A].put("x", "k", "a")
    net.do("scatter", A, None, None)
    net.stores[A].put("x", "k", None)
    net.do("scatter", A, ["x"], [B])

    def sweep_all() -> None:
        for desk in net.desks.values():
            desk.sweep()
        net.run()

    sweep_all()
    assert net.stores[A].has_tombstones("x") and net.stores[B].has_tombstones("x"), "C does not know yet"
    net.do("scatter", A, ["x"], [C])
    net.lose(C)
    sweep_all()
    assert net.stores[A].has_tombstones("x"), "a member that is away is not asked"
    net.cut.clear()
    sweep_all()
    assert not any(store.has_tombstones("x") for store in net.stores)
    assert all(store.values("x") == {} for store in net.stores)
