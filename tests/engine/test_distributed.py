"""Dots, vectors, tombstones and R10; the worked example of the reference, with the rows that travel counted."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exdbsql.engine.database import Database
from exdbsql.engine.dots import Dots, node_of
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import ConflictError, IntegrityError, ProgrammingError

DDL = """
create distributed table x (id integer primary key, v text);
create distributed table y (id integer primary key, v text);
create distributed table u (id integer primary key, code integer unique);
create distributed table keyless (v text);
create table r (id integer primary key);
"""
Write = Callable[..., None]


def nodes(count: int) -> list[Database]:
    dictionary = Dictionary().with_all(parse_ddl(DDL))
    return [Database(dictionary, node_id=number, debug=True) for number in range(count)]


def put(db: Database, table: str, *rows: tuple[Any, ...]) -> None:
    store, txn = db.tables[table], db.begin()
    for row in rows:
        if txn.get(store, row[0]) is None:
            txn.insert(store, row)
        else:
            txn.update(store, row[0], row)
    txn.end_statement()
    txn.commit()


def remove(db: Database, table: str, key: Any) -> None:
    txn = db.begin()
    txn.delete(db.tables[table], key)
    txn.commit()


def ship(tables: Sequence[str], source: Database, target: Database) -> list[Any]:
    """Everything that `source` has and `target` lacks; returns the rows that travelled."""
    vectors = target.exchange.vectors(tables)
    shipments = [source.exchange.changes_unknown_to(table, vectors[table]) for table in tables]
    target.exchange.prepare("op", source.node_id, shipments)
    target.exchange.finish("op", True)
    return [change[1] for shipment in shipments for change in shipment.changes]


def rows(db: Database, table: str) -> list[Any]:
    return sorted(db.begin().rows(db.tables[table]))


def test_the_worked_example_of_the_reference() -> None:
    a, b, c = nodes(3)
    x1, x2, y1 = (1, "x1"), (2, "x2"), (1, "y1")
    put(a, "x", x1)
    put(b, "x", x2)
    assert ship(["x"], a, b) == [x1]
    assert ship(["x"], a, b) + ship(["x"], c, b) == []
    put(a, "y", y1)
    assert ship(["x", "y"], a, b) == [y1]
    assert ship(["x", "y"], a, c) == [x1, y1]
    assert ship(["x", "y"], a, c) + ship(["x", "y"], b, c) == [x2]
    assert rows(c, "x") == [x1, x2]
    assert c.exchange.vectors(["x", "y"]) == {"x": {0: 1, 1: 1}, "y": {0: 1}}
    assert a.exchange.vectors(["x"]) == {"x": {0: 1}}


def test_updates_and_deletes_travel() -> None:
    a, b = nodes(2)
    put(a, "x", (1, "old"), (2, "gone"))
    ship(["x"], a, b)
    put(a, "x", (1, "new"))
    remove(a, "x", 2)
    assert ship(["x"], a, b) == [(1, "new"), None]
    assert rows(b, "x") == [(1, "new")]
    assert ship(["x"], b, a) == []
    put(b, "x", (1, "newer"))
    ship(["x"], b, a)
    assert rows(a, "x") == [(1, "newer")]


def test_a_row_changed_on_both_sides_is_a_conflict_and_voids_everything() -> None:
    a, b = nodes(2)
    put(a, "x", (1, "a"), (3, "fine"))
    put(b, "x", (1, "b"))
    with pytest.raises(ConflictError) as caught:
        ship(["x"], a, b)
    assert (caught.value.table, caught.value.key, caught.value.winner) == ("x", "(id)=(1)", 0)
    assert rows(b, "x") == [(1, "b")]
    assert b.exchange.vectors(["x"]) == {"x": {1: 1}}
    assert not b.tables["x"].reserved


def test_a_unique_value_taken_at_the_target_refuses_the_operation() -> None:
    a, b = nodes(2)
    put(a, "u", (1, 10))
    put(b, "u", (2, 10))
    with pytest.raises(IntegrityError) as caught:
        ship(["u"], a, b)
    assert caught.value.constraint == "u_code_key"


def test_between_prepare_and_verdict_keys_and_values_are_set_aside() -> None:
    a, b = nodes(2)
    put(a, "u", (1, 10))
    b.exchange.prepare("op", 0, [a.exchange.changes_unknown_to("u", {})])
    assert rows(b, "u") == []
    for row in ((1, 99), (5, 10)):
        with pytest.raises(ConflictError):
            put(b, "u", row)
    with pytest.raises(ConflictError):
        b.exchange.prepare("another", 0, [a.exchange.changes_unknown_to("u", {})])
    b.exchange.finish("op", False)
    b.exchange.finish("never heard of", True)
    put(b, "u", (5, 10))
    assert rows(b, "u") == [(5, 10)]


def test_a_transaction_that_runs_meanwhile_meets_the_change_as_a_conflict() -> None:
    a, b = nodes(2)
    put(a, "x", (1, "a"))
    ship(["x"], a, b)
    put(a, "x", (1, "b"))
    txn = b.begin()
    txn.update(b.tables["x"], 1, (1, "mine"))
    txn.end_statement()
    ship(["x"], a, b)
    assert txn.seek(b.tables["x"].primary, 1) == [(1, "mine")]  # type: ignore[arg-type]
    with pytest.raises(ConflictError):
        txn.commit()


def test_tables_of_other_kinds_are_refused_by_name() -> None:
    (a,) = nodes(1)
    assert a.exchange.distributed_tables() == ["x", "y", "u", "keyless"]
    with pytest.raises(ProgrammingError, match="r is REPLICATED"):
        a.exchange.vectors(["r"])
    with pytest.raises(ProgrammingError, match="nope"):
        a.exchange.changes_unknown_to("nope", {})


def test_tables_without_a_key_exchange_by_row_ids() -> None:
    a, b = nodes(2)
    for number, db in enumerate((a, b)):
        db.enter_cluster(number, incarnation=1)
        txn = db.begin()
        txn.insert_many(db.tables["keyless"], [("same",), ("same",)])
        txn.end_statement()
        txn.commit()
    ship(["keyless"], a, b)
    assert len(rows(b, "keyless")) == 4


def test_a_node_that_lost_its_memory_gets_its_own_rows_back() -> None:
    a, b = nodes(2)
    a.enter_cluster(0, incarnation=1)
    put(a, "x", (1, "first life"), (2, "first life"))
    ship(["x"], a, b)
    again = nodes(1)[0]
    again.enter_cluster(0, incarnation=2)
    put(again, "x", (3, "second life"))
    assert ship(["x"], b, again) == [(1, "first life"), (2, "first life")]
    assert ship(["x"], again, b) == [(3, "second life")]
    assert rows(again, "x") == rows(b, "x")
    assert {node_of(origin) for origin in b.exchange.vectors(["x"])["x"]} == {0}


def test_tombstones_go_when_all_know_them_and_a_late_peer_is_compared_in_full() -> None:
    a, b, late = nodes(3)
    put(a, "x", (1, "stays"), (2, "goes"))
    ship(["x"], a, b)
    ship(["x"], a, late)
    remove(a, "x", 2)
    ship(["x"], a, b)
    everybody = [db.exchange.vectors(["x"])["x"] for db in (a, b, late)]
    assert a.exchange.forget_tombstones("x", everybody) == 0, "one of them does not know it"
    assert a.exchange.forget_tombstones("x", everybody[:2]) == 1
    ship(["x"], a, late)
    assert rows(late, "x") == [(1, "stays")]
    assert ship(["x"], a, late) == []
    fresh = nodes(1)[0]
    ship(["x"], late, fresh)
    assert rows(fresh, "x") == [(1, "stays")]
    assert ship(["x"], b, fresh) == [], "its vector covers the deletion by now"


def test_finding_what_is_unknown_looks_at_nothing_else() -> None:
    dots = Dots()
    dots.record((key, (0, key + 1)) for key in range(5000))

    class Counted(dict):  # type: ignore[type-arg]
        looks = 0

        def get(self, key: Any, default: Any = None) -> Any:
            Counted.looks += 1
            return super().get(key, default)

    dots.by_key = Counted(dots.by_key)
    assert dots.unknown_to({0: 4990}) == [(key, (0, key + 1)) for key in range(4990, 5000)]
    assert Counted.looks == 10


def test_replaced_dots_leave_the_log() -> None:
    dots = Dots()
    for counter in range(1, 5001):
        dots.record([(counter % 7, (0, counter))])
    assert len(dots._logs[0]) < 200
    assert sorted(counter for _, (_, counter) in dots.unknown_to({})) == list(range(4994, 5001))


def test_lives_without_a_standing_dot_leave_no_log() -> None:
    """A node that restarts often changes the same rows under a new origin each time."""
    dots = Dots()
    for life in range(1, 1001):
        dots.record([(key, (life << 16, key + 1)) for key in range(3)])
    assert list(dots._logs) == list(dots._live) == [1000 << 16]
    assert [dot for _, dot in dots.unknown_to({})] == [(1000 << 16, n) for n in (1, 2, 3)]
    assert len(dots.vector) == 1000


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_any_order_of_exchanges_converges(seed: int) -> None:
    """Rows have one writer each, so nothing conflicts; whoever passes them on, all end with the same."""
    rng = random.Random(seed)
    cluster = nodes(3)
    for step in range(40):
        db = rng.choice(cluster)
        if rng.random() < 0.6:
            key = rng.randrange(4) * 3 + db.node_id
            if rng.random() < 0.3 and key in db.tables["x"].rows:
                remove(db, "x", key)
            else:
                put(db, "x", (key, f"{step}"))
        else:
            other = rng.choice([node for node in cluster if node is not db])
            ship(["x"], db, other)
            vector, mine = (one.exchange.vectors(["x"])["x"] for one in (other, db))
            assert all(vector.get(origin, 0) >= counter for origin, counter in mine.items())
    for source in (*cluster, *cluster):
        for target in cluster:
            if source is not target:
                ship(["x"], source, target)
    assert rows(cluster[0], "x") == rows(cluster[1], "x") == rows(cluster[2], "x")
    assert ship(["x"], cluster[0], cluster[1]) == []


# ---- tables that are altered meanwhile ----


def alter(db: Database, text: str) -> None:
    """As the log applies it."""
    verdict = db.apply_ddl(db.applied_position + 1, list(parse_ddl(text, db.dictionary.types)))
    assert verdict is None, verdict


ALTERED = [
    ("ALTER TABLE x ADD COLUMN w integer NOT NULL DEFAULT 7", (1, "one", 7)),
    ("ALTER TABLE x DROP COLUMN v", (1,)),
    ("ALTER TABLE x ADD COLUMN w integer DEFAULT 7, DROP COLUMN v", (1, 7)),
    ("ALTER TABLE x RENAME COLUMN v TO text", (1, "one")),
    ("ALTER TABLE x RENAME TO z", (1, "one")),
]


@pytest.mark.parametrize(("text", "row"), ALTERED)
def test_rows_of_another_form_are_refused_until_both_sides_have_the_same(text: str, row: tuple[Any, ...]) -> None:
    """Also where the forms have the same number of columns, so that the rows would fit."""
    a, b = nodes(2)
    put(a, "x", (1, "one"))
    shipment = a.exchange.changes_unknown_to("x", {})
    alter(b, text)
    (name,) = [table.name for table in b.dictionary.tables.values() if table.id == a.dictionary.tables["x"].id]
    if name == "x":
        with pytest.raises(ConflictError, match="being altered: node 0") as caught:
            b.exchange.prepare("op", 0, [shipment])
        assert caught.value.retryable
    alter(a, text)
    ship([name], a, b)
    assert rows(a, name) == rows(b, name) == [row]


def test_another_table_of_the_same_name_does_not_get_the_rows() -> None:
    a, b = nodes(2)
    put(a, "x", (1, "one"))
    for text in ("DROP TABLE x", "CREATE DISTRIBUTED TABLE x (id integer primary key, v text)"):
        alter(b, text)
    with pytest.raises(ConflictError, match="being altered"):
        ship(["x"], a, b)


@pytest.mark.parametrize(("text", "row"), ALTERED)
def test_what_was_prepared_is_taken_in_the_new_form(text: str, row: tuple[Any, ...]) -> None:
    a, b = nodes(2)
    put(a, "x", (1, "one"), (2, "two"))
    ship(["x"], a, b)
    put(a, "x", (1, "one"))
    remove(a, "x", 2)
    put(a, "y", (1, "one"))
    shipments = [a.exchange.changes_unknown_to(table, b.exchange.vectors([table])[table]) for table in ("x", "y")]
    b.exchange.prepare("op", 0, shipments)
    alter(b, text)
    (name,) = [table.name for table in b.dictionary.tables.values() if table.id == a.dictionary.tables["x"].id]
    with pytest.raises(ConflictError, match="outcome is not known"):  # it is still set aside
        remove(b, name, 1)
    b.exchange.finish("op", True)
    assert rows(b, name) == [row] and rows(b, "y") == [(1, "one")]
    remove(b, name, 1)
    alter(a, text)
    assert a.exchange.vectors([name])[name].items() <= b.exchange.vectors([name])[name].items()
    ship([name], b, a)
    assert rows(a, name) == rows(b, name) == []


@pytest.mark.parametrize(("text", "row"), ALTERED)
def test_the_local_part_of_a_commit_is_there_although_its_table_is_altered_before_the_verdict(
    text: str, row: tuple[Any, ...]
) -> None:
    (a,) = nodes(1)
    txn = a.begin()
    txn.insert(a.tables["x"], (1, "one"))
    txn.insert(a.tables["r"], (1,))
    txn.end_statement()
    prepared = a.prepare_commit(txn)
    alter(a, text)
    assert a.apply_write_set(a.applied_position + 1, 0, prepared.write_set, prepared) is None
    (name,) = [table.name for table in a.dictionary.tables.values() if table.name in ("x", "z")]
    assert rows(a, name) == [row] and rows(a, "r") == [(1,)]


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE n ADD COLUMN w integer DEFAULT 1 / 0",
        "ALTER TABLE n ADD COLUMN w integer GENERATED ALWAYS AS (100 / v) STORED",
        "ALTER TABLE n ADD COLUMN w integer NOT NULL DEFAULT nullif(1, 1)",
        "ALTER TABLE n ADD COLUMN w integer DEFAULT 3, ADD CHECK (w < v)",
        "ALTER TABLE n ALTER COLUMN v SET DATA TYPE smallint",
        "CREATE INDEX by_quotient ON n ((100 / v))",
    ],
)
def test_the_verdict_on_a_definition_does_not_depend_on_rows_that_other_nodes_lack(text: str) -> None:
    """R2: one node has a row that does not fit, the other none at all."""
    databases = nodes(2)
    for db in databases:
        db.in_cluster = True
        alter(db, "CREATE DISTRIBUTED TABLE n (id integer primary key, v integer)")
    put(databases[0], "n", (1, 0), (2, 100000))
    verdicts = [
        repr(db.apply_ddl(db.applied_position + 1, list(parse_ddl(text, db.dictionary.types)))) for db in databases
    ]
    assert verdicts[0] == verdicts[1]
    assert databases[0].dictionary.digest() == databases[1].dictionary.digest()
