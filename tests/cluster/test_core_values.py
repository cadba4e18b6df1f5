"""Messages, quorums, the log and the memory of duplicates: the values that the core is made of."""

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exdbsql.cluster import duplicates
from exdbsql.cluster.core import messages as msg
from exdbsql.cluster.core.log import Log
from exdbsql.cluster.core.messages import Entry, from_wire, to_wire
from exdbsql.cluster.core.quorum import Configuration, Member, QuorumRule, committed_index
from exdbsql.cluster.duplicates import Duplicates
from exdbsql.cluster.state_machine import Origin
from exdbsql.schema.errors import ProtocolError

RULE = QuorumRule(0)


def ranks(*some: int, before: tuple[int, ...] | None = None) -> Configuration:
    def listed(group: tuple[int, ...]) -> tuple[Member, ...]:
        return tuple(Member(i, f"n{i}", r) for i, r in enumerate(group))

    return Configuration(1, listed(some), listed(before) if before is not None else None)


# ---- messages ----

MEMBER = Member(3, "host:1", 2)
EXAMPLES: list[msg.Message] = [
    msg.Hello(5, 6, "waiting", MEMBER, (MEMBER,), 0, 1, False),
    msg.Answer(6, 5, 2, Configuration(4, (MEMBER,), (MEMBER, Member(4, "", 0)))),
    msg.Append(6, 2, 9, 1, (Entry(2, msg.COMMAND, 3, 5, 7, 6, b"data"),), 8, 5),
    msg.Propose(6, 5, (msg.Proposal(msg.COMMAND, 1, 0, b"data"),)),
    msg.SnapshotReply(6, 2, 5, 9, -1),
]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)
def test_messages_survive_the_wire(message: msg.Message) -> None:
    assert from_wire(msgpack.unpackb(msgpack.packb(to_wire(message)))) == message


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)
def test_each_wrong_field_is_refused(message: msg.Message) -> None:
    wire = to_wire(message)
    for place in range(len(wire)):
        for wrong in (None, -3, 1.5, {}, [[]]):
            broken: list[Any] = [*wire]
            broken[place] = wrong
            with pytest.raises(ProtocolError):
                from_wire(broken)
    with pytest.raises(ProtocolError, match="fields"):
        from_wire(wire[:-1])


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.binary() | st.text(), st.lists, max_leaves=12))
def test_garbage_is_refused_and_never_crashes(garbage: object) -> None:
    try:
        from_wire(garbage)
    except ProtocolError:
        return
    assert isinstance(garbage, list)


# ---- quorums ----


@pytest.mark.parametrize(
    ("configuration", "ids", "quorum", "half"),
    [
        (ranks(1, 1), {0}, False, True),
        (ranks(1, 1), {0, 1}, True, True),
        (ranks(1, 1, 1), {0}, False, False),
        (ranks(1, 1, 1), {0, 2}, True, True),
        (ranks(1, 0, 0), {0}, True, True),
        (ranks(1, 0, 0), {1, 2}, False, False),
        (ranks(2, 1, 1), {0}, False, True),
        (ranks(2, 1, 1), {1, 2}, False, True),
        (ranks(1, 1, 1, before=(1, 1)), {0, 2}, False, True),
        (ranks(1, 1, 1, before=(1, 1)), {0, 1}, True, True),
        (ranks(1, 1, 1, before=(1, 0)), {1, 2}, False, False),
    ],
)
def test_quorum_and_half(configuration: Configuration, ids: set[int], quorum: bool, half: bool) -> None:
    assert RULE.is_quorum(configuration, ids) is quorum
    assert RULE.is_half(configuration, ids) is half


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.data())
def test_a_half_meets_every_quorum(some: list[int], data: st.DataObject) -> None:
    """What R6 rests on."""
    configuration = ranks(*some)
    ids = st.sets(st.integers(0, len(some) - 1))
    a, b = data.draw(ids), data.draw(ids)
    if RULE.is_quorum(configuration, a) and RULE.is_half(configuration, b):
        assert a & b


def test_a_callback_that_raises_means_no() -> None:
    assert not QuorumRule(0, lambda ids: 1 / 0 > 0).is_quorum(ranks(1, 1), {0, 1})


@pytest.mark.parametrize(
    ("configuration", "matches", "index"),
    [
        (ranks(1, 1, 1), [5, 3, 1], 3),
        (ranks(1, 1), [5, 3], 3),
        (ranks(3, 1, 1), [5, 0, 0], 5),
        (ranks(1, 0, 0), [2, 9, 9], 2),
        (ranks(1, 1, 1, before=(1, 1)), [9, 4, 9], 4),
    ],
)
def test_what_a_quorum_holds_is_committed(configuration: Configuration, matches: list[int], index: int) -> None:
    assert committed_index(RULE, configuration, enumerate(matches)) == index


# ---- the log ----


def entry(term: int, number: int = 0, low: int = 0, incarnation: int = 9, data: bytes = b"") -> Entry:
    return Entry(term, msg.COMMAND, 1, incarnation, number, low, data)


def test_a_compacted_log_knows_the_term_before_it() -> None:
    log = Log(entries=[entry(1), entry(1), entry(2)])
    log.compact_to(2)
    assert (log.base_index, log.base_term, log.last_index, log.last_term) == (2, 1, 3, 2)
    assert [log.term_at(i) for i in range(5)] == [None, None, 1, 2, None]


def test_a_batch_keeps_its_bounds_and_gives_at_least_one() -> None:
    log = Log(entries=[entry(1, data=b"x" * 1000) for _ in range(10)])
    assert len(log.batch(1, 4, 10**6)) == 4
    assert len(log.batch(1, 10, 2500)) == 2
    assert len(log.batch(9, 10, 1)) == 1


# ---- duplicates ----


def test_each_proposal_is_admitted_once_in_any_order() -> None:
    memory = Duplicates()
    assert [memory.admit(entry(1, n)) for n in (2, 1, 2, 1, 3, 3)] == [True, True, False, False, True, False]


def test_what_the_origin_has_settled_is_void() -> None:
    memory = Duplicates()
    assert memory.admit(entry(1, number=5, low=4))
    assert not memory.admit(entry(1, number=3))
    assert memory.settled(Origin(1, 9, 3))
    assert memory.status(Origin(1, 9, 3)) == "void"


def test_what_was_forgotten_is_not_taken_for_void(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "KEPT_OUTCOMES", 2)
    memory = Duplicates()
    for number in (2, 5, 4, 7):
        memory.admit(entry(1, number, low=number - 1))
        memory.record(entry(1, number), True)
    memory.admit(entry(1, 9, low=8))
    memory.record(entry(1, 9), True)
    copy = Duplicates.from_wire(msgpack.unpackb(msgpack.packb(memory.to_wire())))
    for one in (memory, copy):
        told = {number: one.status(Origin(1, 9, number)) for number in range(1, 11)}
        assert told == dict.fromkeys((1, 2, 3, 4, 5), "unknown") | {6: "void", 7: "committed", 8: "void"} | {
            9: "committed",
            10: "unknown",
        }


def test_a_late_message_of_a_dead_incarnation_does_not_void_the_living() -> None:
    memory = Duplicates()
    assert memory.admit(entry(1, 1, incarnation=7))
    assert memory.admit(entry(1, 1, incarnation=8))
    assert memory.admit(entry(1, 1, incarnation=6))
    assert memory.admit(entry(1, 2, incarnation=8))
    assert not memory.admit(entry(1, 1, incarnation=7))


def test_the_memory_of_incarnations_is_bounded() -> None:
    memory = Duplicates()
    for incarnation in range(1, 100):
        assert memory.admit(entry(1, 1, incarnation=incarnation))
    assert not memory.admit(entry(1, 1, incarnation=60))
    assert len(msgpack.packb(memory.to_wire())) < 3000


def test_the_memory_survives_a_snapshot() -> None:
    memory = Duplicates()
    for number in (1, 2, 5):
        memory.admit(entry(1, number))
        memory.record(entry(1, number), number != 2)
    copy = Duplicates.from_wire(msgpack.unpackb(msgpack.packb(memory.to_wire())))
    assert [copy.admit(entry(1, n)) for n in (1, 2, 3, 5)] == [False, False, True, False]
    assert [copy.status(Origin(1, 9, n)) for n in (1, 2, 4)] == ["committed", "void", "unknown"]
