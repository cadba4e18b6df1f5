"""R10 against causality itself: random lives of a DISTRIBUTED table, beside a model that remembers every row's whole history.

In the model each change is an event, and a row carries the set of all events that led to it. Of two rows of one key, the
one whose history contains the other's is the newer; if neither does, both sides changed it, which is a conflict, also
where they came to the same. Settling it is an event of its own, on top of both histories. Dots and version vectors must come to the
same decision every time, also after tombstones were forgotten, and all nodes must come to the same rows.
"""

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exdbsql.engine.database import Database
from exdbsql.engine.distributed import KEEP_SOURCE, KEEP_TARGET
from exdbsql.engine.dots import merged
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import ConflictError

DDL = "create distributed table x (id integer primary key, v integer);"
KEYS = 2
NODES = 3


class Conflict(Exception):
    """The model's."""


@dataclass
class Node:
    db: Database
    rows: dict[int, tuple[int | None, frozenset[int]]] = field(default_factory=dict)
    """The model: key -> (value, or None where it was deleted; history)."""

    def visible(self) -> dict[int, int]:
        txn = self.db.begin()
        found = dict(txn.rows(self.db.tables["x"]))
        txn.rollback()
        return found

    def expected(self) -> dict[int, int]:
        return {key: value for key, (value, _) in self.rows.items() if value is not None}


class World:
    def __init__(self) -> None:
        dictionary = Dictionary().with_all(parse_ddl(DDL))
        self.nodes = [Node(Database(dictionary, node_id=i, debug=True)) for i in range(NODES)]
        self.events = count(1)

    def write(self, node: Node, key: int, value: int | None) -> None:
        store, txn = node.db.tables["x"], node.db.begin()
        there = txn.get(store, key) is not None
        if value is None and not there:
            txn.rollback()
            return
        if value is None:
            txn.delete(store, key)
        elif there:
            txn.update(store, key, (key, value))
        else:
            txn.insert(store, (key, value))
        txn.end_statement()
        txn.commit()
        history = node.rows.get(key, (None, frozenset()))[1]
        node.rows[key] = (value, history | {next(self.events)})

    def exchange(self, target: Node, sources: list[Node], keep: str | None) -> bool:
        """False where it was refused, by the engine and by the model alike."""
        covered = target.db.exchange.vectors(["x"])["x"]
        shipped: list[tuple[int, list[Any]]] = []
        for source in sources:
            shipment = source.db.exchange.changes_unknown_to("x", covered)
            shipped.append((source.db.node_id, [shipment]))
            covered = merged(covered, shipment.vector)
        made = dict(target.rows)
        refused = False
        try:
            for source in sources:
                for key in source.rows:
                    made[key] = self.met(made.get(key), source.rows[key], keep)
        except Conflict:
            refused = True
        if refused:
            with pytest.raises(ConflictError) as caught:
                target.db.exchange.prepare_all("op", shipped, keep)
            assert not caught.value.retryable and caught.value.hint
            target.db.exchange.finish("op", False)
            return False
        target.db.exchange.prepare_all("op", shipped, keep)
        target.db.exchange.finish("op", True)
        target.rows = made
        return True

    def met(
        self,
        mine: tuple[int | None, frozenset[int]] | None,
        theirs: tuple[int | None, frozenset[int]],
        keep: str | None,
    ) -> tuple[int | None, frozenset[int]]:
        if mine is None or mine[1] <= theirs[1]:
            return theirs
        if theirs[1] <= mine[1]:
            return mine
        both = mine[1] | theirs[1]
        if keep is None:
            raise Conflict
        return (theirs if keep == KEEP_SOURCE else mine)[0], both | {next(self.events)}

    def forget(self) -> None:
        vectors = [node.db.exchange.vectors(["x"])["x"] for node in self.nodes]
        for node in self.nodes:
            before = node.db.exchange.tombstones("x")
            assert node.db.exchange.forget_tombstones("x", vectors) <= before

    def check(self) -> None:
        for node in self.nodes:
            assert node.visible() == node.expected(), f"node {node.db.node_id}"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, NODES - 1), st.integers(0, KEYS - 1), st.none() | st.integers(0, 2)),
        st.tuples(
            st.just("exchange"),
            st.permutations(range(NODES)),
            st.integers(1, NODES - 1),
            st.sampled_from([None, None, KEEP_SOURCE, KEEP_TARGET]),
        ),
        st.just(("forget",)),
    ),
    max_size=40,
)


@settings(max_examples=400, deadline=None)
@given(STEPS)
def test_dots_and_vectors_decide_as_causality_does_and_all_nodes_converge(steps: list[Any]) -> None:
    world = World()
    for step in steps:
        match step:
            case ("write", node, key, value):
                world.write(world.nodes[node], key, value)
            case ("exchange", order, sources, keep):
                target, *others = (world.nodes[i] for i in order)
                world.exchange(target, others[:sources], keep)
            case ("forget",):
                world.forget()
        world.check()
    hub = world.nodes[0]
    assert world.exchange(hub, world.nodes[1:], KEEP_SOURCE)
    for node in world.nodes[1:]:
        assert world.exchange(node, [hub], None), "who met everybody conflicts with nobody"
    world.check()
    assert all(node.visible() == hub.visible() for node in world.nodes)
    world.forget()
    assert all(node.db.exchange.tombstones("x") == 0 for node in world.nodes), "known to all, so forgotten"
    for node in world.nodes[1:]:
        assert world.exchange(hub, [node], None) and world.exchange(node, [hub], None)
    world.check()


def settled(keep: str) -> tuple[Node, Node, World]:
    world = World()
    one, other, _ = world.nodes
    world.write(one, 1, 10)
    world.write(other, 1, 20)
    assert not world.exchange(other, [one], None)
    assert world.exchange(other, [one], keep)
    return one, other, world


@pytest.mark.parametrize(("keep", "value"), [(KEEP_SOURCE, 10), (KEEP_TARGET, 20)])
def test_both_sides_of_a_settled_conflict_end_with_the_same_row(keep: str, value: int) -> None:
    one, other, world = settled(keep)
    assert other.visible() == {1: value}
    assert world.exchange(one, [other], None), "no conflict is left"
    assert one.visible() == other.visible() == {1: value}
    assert world.exchange(other, [one], None)


def test_two_who_settle_one_conflict_differently_have_a_conflict_and_not_two_truths() -> None:
    """Were the kept row to keep its old dot, each would believe that the other has nothing new."""
    world = World()
    one, other, third = world.nodes
    world.write(one, 1, 10)
    world.write(other, 1, 20)
    assert world.exchange(third, [one], None)
    assert world.exchange(third, [other], KEEP_TARGET)
    assert world.exchange(other, [one], KEEP_TARGET)
    assert (third.visible(), other.visible()) == ({1: 10}, {1: 20})
    assert not world.exchange(third, [other], None)
    assert world.exchange(third, [other], KEEP_SOURCE)
    assert world.exchange(other, [third], None) and world.exchange(one, [third], None)
    assert [node.visible() for node in world.nodes] == [{1: 20}] * 3


def test_equal_changes_on_both_sides_are_changes_on_both_sides() -> None:
    world = World()
    one, other, third = world.nodes
    for node in (one, other):
        world.write(node, 1, 7)
    assert not world.exchange(one, [other], None)
    assert world.exchange(one, [other], KEEP_SOURCE) and world.exchange(other, [one], None)
    assert world.exchange(third, [one, other], None)
    assert third.visible() == {1: 7}
