"""Verdicts at a place in the log: first committer wins, unique values, the window, and the same on every node."""

import contextlib
import gc
import random
from collections.abc import Callable
from typing import Any

import pytest

from exdbsql.engine import certification
from exdbsql.engine.certification import WINDOW
from exdbsql.engine.database import Database
from exdbsql.engine.query import row_functions
from exdbsql.engine.write_set import TableWrites, WriteSet
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.errors import (
    ConflictError,
    DataError,
    DdlNotSupportedError,
    Error,
    IntegrityError,
    InternalError,
    OperationalError,
    ProgrammingError,
    ProtocolError,
)

DDL = """
create table t (id integer primary key, code integer unique, note text);
create table pairs (a integer, b integer, primary key (a, b));
create local table here (id integer primary key, mark integer unique);
create distributed table spread (id integer primary key, mark integer unique);
"""
Make = Callable[..., Database]


class Cluster:
    """Databases that are fed one log, each also with a local life of its own."""

    def __init__(self, make: Make, nodes: int = 2) -> None:
        self.nodes = [make(DDL) for _ in range(nodes)]
        for number, node in enumerate(self.nodes):
            node.enter_cluster(number, incarnation=1)
        self.position = 0

    def propose(self, node: int, work: Callable[[Any, Database], None]) -> Any:
        """Run a transaction on a node as far as its preparation; gives what `order` wants."""
        db = self.nodes[node]
        txn = db.begin()
        work(txn, db)
        txn.end_statement()
        prepared = db.prepare_commit(txn)
        return node, prepared, prepared.to_bytes()

    def order(self, proposal: Any) -> Error | None:
        """Append to the log and apply everywhere; the verdict, which must be the same everywhere."""
        origin, prepared, data = proposal
        self.position += 1
        verdicts = [
            db.apply_write_set(self.position, origin, WriteSet.from_bytes(data), prepared if n == origin else None)
            for n, db in enumerate(self.nodes)
        ]
        assert len({(type(verdict), str(verdict)) for verdict in verdicts}) == 1
        first = verdicts[0]
        assert first is None or isinstance(first, Error)
        return first

    def commit(self, node: int, *rows: tuple[Any, ...], table: str = "t") -> Error | None:
        return self.order(self.propose(node, putting(*rows, table=table)))


def putting(*rows: tuple[Any, ...], table: str = "t") -> Callable[[Any, Database], None]:
    def work(txn: Any, db: Database) -> None:
        store = db.tables[table]
        for row in rows:
            key = store.key_of(row) if store.key_of else None
            if txn.get(store, key) is None:
                txn.insert(store, row)
            else:
                txn.update(store, key, row)

    return work


@pytest.fixture
def cluster(make_database: Make) -> Cluster:
    return Cluster(make_database)


def test_a_commit_shows_on_every_node(cluster: Cluster) -> None:
    assert cluster.commit(0, (1, 10, "a")) is None
    for db in cluster.nodes:
        assert db.begin().rows(db.tables["t"]) == [(1, 10, "a")]
        assert db.applied_position == 1


def test_the_first_in_the_log_wins(cluster: Cluster) -> None:
    cluster.commit(0, (1, 10, "a"))
    mine, theirs = (cluster.propose(n, putting((1, 10, f"from {n}"))) for n in (0, 1))
    assert cluster.order(theirs) is None
    lost = cluster.order(mine)
    assert isinstance(lost, ConflictError)
    assert (lost.table, lost.key, lost.winner) == ("t", "(id)=(1)", 1)
    assert cluster.nodes[0].begin().get(cluster.nodes[0].tables["t"], 1) == (1, 10, "from 1")


def test_a_conflict_that_is_known_costs_no_entry(cluster: Cluster) -> None:
    cluster.commit(0, (1, 10, "a"))
    db = cluster.nodes[0]
    txn = db.begin()
    txn.update(db.tables["t"], 1, (1, 10, "late"))
    txn.end_statement()
    cluster.commit(1, (1, 10, "b"))
    with pytest.raises(ConflictError) as caught:
        db.prepare_commit(txn)
    assert caught.value.winner == 1
    assert len(db.snapshots) == 0


def test_two_nodes_insert_one_key_or_one_unique_value(cluster: Cluster) -> None:
    same_key = [cluster.propose(n, putting((5, 50 + n, ""))) for n in (0, 1)]
    assert cluster.order(same_key[0]) is None
    assert isinstance(cluster.order(same_key[1]), ConflictError)
    same_code = [cluster.propose(n, putting((6 + n, 60, ""))) for n in (0, 1)]
    assert cluster.order(same_code[0]) is None
    lost = cluster.order(same_code[1])
    assert isinstance(lost, IntegrityError)
    assert lost.constraint == "t_code_key"


def test_a_unique_value_given_up_in_the_same_transaction_may_be_taken(cluster: Cluster) -> None:
    cluster.commit(0, (1, 10, "a"), (2, 20, "b"))
    assert cluster.commit(1, (1, 20, "a"), (2, 10, "b")) is None


def test_keys_of_several_columns_survive_the_wire(cluster: Cluster) -> None:
    cluster.commit(0, (1, 2), table="pairs")
    db = cluster.nodes[1]
    assert db.begin().get(db.tables["pairs"], (1, 2)) == (1, 2)


def test_beyond_the_window_a_snapshot_is_too_old(cluster: Cluster) -> None:
    proposal = cluster.propose(0, putting((1, 10, "a")))
    cluster.position = WINDOW
    lost = cluster.order(proposal)
    assert isinstance(lost, ConflictError)
    assert lost.sqlstate == "72000"


def test_the_memory_is_bounded_and_pruned_by_position(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certification, "WINDOW", 3)
    for number in range(20):
        assert cluster.commit(0, (number % 2, number, "")) is None
    for db in cluster.nodes:
        assert len(db.certification.entries) <= 4
        assert set(db.tables["t"].touched) == {0, 1}
        assert db.tables["t"].touched[1] == (20, 0)


def test_what_is_remembered_is_out_of_the_collectors_sight(cluster: Cluster) -> None:
    assert cluster.commit(0, (1, 1, "a")) is None
    assert cluster.commit(0, (2, 2, "a"), (3, 3, "a")) is None
    for db in cluster.nodes:
        assert len(db.certification.entries) == 2
        assert not any(map(gc.is_tracked, db.certification.entries))


def test_a_snapshot_from_the_future_is_void(cluster: Cluster) -> None:
    writes = WriteSet(7, (TableWrites(1, cluster.nodes[0].tables["t"].shape, {1: (1, 1, "")}),))
    assert isinstance(cluster.nodes[0].apply_write_set(7, 0, writes, None), ProtocolError)


def test_a_dropped_table_voids_what_was_on_its_way(cluster: Cluster) -> None:
    proposal = cluster.propose(0, putting((1, 10, "a")))
    cluster.position += 1
    for db in cluster.nodes:
        statements = parse_ddl("drop table t; create table t (id integer primary key, code integer unique, note text)")
        assert db.apply_ddl(cluster.position, statements) is None
    assert isinstance(cluster.order(proposal), ConflictError)
    assert cluster.commit(0, (1, 10, "a")) is None


def test_ddl_from_the_log_is_all_or_none(cluster: Cluster) -> None:
    db = cluster.nodes[0]
    verdict = db.apply_ddl(1, parse_ddl("create table n (x integer); drop table missing"))
    assert isinstance(verdict, ProgrammingError)
    assert "n" not in db.tables
    assert db.applied_position == 1
    verdict = db.apply_ddl(2, parse_ddl("create unique index u on here (mark)"))
    assert isinstance(verdict, DdlNotSupportedError)


@pytest.mark.parametrize(
    "ddl",
    [
        "alter table t add check (code > 0)",
        "alter table t add column twice integer generated always as (code * 2) stored",
    ],
)
def test_what_an_expression_raises_over_rows_is_a_verdict(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, ddl: str
) -> None:
    assert cluster.commit(0, (1, 10, "a")) is None

    def fails(row: object) -> Any:
        raise ValueError("no such thing")

    monkeypatch.setattr(row_functions, "_accepted", lambda table, catalog: fails)
    cluster.position += 1
    for db in cluster.nodes:
        verdict = db.apply_ddl(cluster.position, parse_ddl(ddl))
        assert isinstance(verdict, DataError)
        assert (verdict.sqlstate, str(verdict)) == ("22000", "an expression of table t fails for a row: no such thing")
    monkeypatch.undo()
    assert cluster.commit(0, (2, 20, "b")) is None


def test_a_position_is_applied_once(cluster: Cluster) -> None:
    cluster.commit(0, (1, 10, "a"))
    with pytest.raises(InternalError):
        cluster.nodes[0].apply_write_set(1, 0, WriteSet(0, ()), None)


def test_a_local_commit_to_a_replicated_table_in_a_cluster_is_refused(cluster: Cluster) -> None:
    db = cluster.nodes[0]
    txn = db.begin()
    txn.insert(db.tables["t"], (1, 10, "a"))
    txn.end_statement()
    with pytest.raises(InternalError):
        txn.commit()


@pytest.mark.parametrize("data", [b"", b"\x93\x01\x02\x03", b"\x92\x01\x91\x91\x01", b"\x92\xa1x\x90"])
def test_garbage_is_no_write_set(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        WriteSet.from_bytes(data)


# A commit that is prepared


def both(txn: Any, db: Database) -> None:
    txn.insert(db.tables["t"], (1, 10, "a"))
    txn.insert(db.tables["here"], (1, 100))
    txn.insert(db.tables["spread"], (1, 100))


def rows_of(db: Database, *tables: str) -> list[Any]:
    txn = db.begin()
    return [list(txn.rows(db.tables[table])) for table in tables]


def test_local_and_distributed_writes_commit_with_the_replicated_ones(cluster: Cluster) -> None:
    assert cluster.order(cluster.propose(0, both)) is None
    assert rows_of(cluster.nodes[0], "t", "here", "spread") == [[(1, 10, "a")], [(1, 100)], [(1, 100)]]
    assert rows_of(cluster.nodes[1], "t", "here", "spread") == [[(1, 10, "a")], [], []]
    assert cluster.nodes[0].exchange.vectors(["spread"]) == {"spread": {1 << 16: 1}}


def test_a_void_commit_leaves_nothing_anywhere(cluster: Cluster) -> None:
    proposal = cluster.propose(0, both)
    cluster.commit(1, (1, 11, "first"))
    assert isinstance(cluster.order(proposal), ConflictError)
    assert rows_of(cluster.nodes[0], "t", "here", "spread") == [[(1, 11, "first")], [], []]
    assert not cluster.nodes[0].tables["here"].reserved


@pytest.mark.parametrize("table", ["here", "spread"])
@pytest.mark.parametrize("row", [(1, 7), (2, 100)], ids=["key", "unique value"])
def test_nobody_takes_what_a_pending_commit_has_set_aside(cluster: Cluster, table: str, row: tuple[int, int]) -> None:
    db = cluster.nodes[0]
    proposal = cluster.propose(0, both)
    for _ in range(2):
        txn = db.begin()
        txn.insert(db.tables[table], row)
        txn.end_statement()
        with pytest.raises(ConflictError, match="not known yet"):
            txn.commit()
    other = db.begin()
    other.insert(db.tables[table], (3, 300))
    other.end_statement()
    other.commit()
    assert cluster.order(proposal) is None
    assert sorted(rows_of(db, table)[0]) == [(1, 100), (3, 300)]


def test_after_an_abort_the_keys_are_free(cluster: Cluster) -> None:
    db = cluster.nodes[0]
    _, prepared, _ = cluster.propose(0, both)
    db.abort_prepared(prepared)
    db.abort_prepared(prepared)
    txn = db.begin()
    txn.insert(db.tables["here"], (1, 100))
    txn.end_statement()
    txn.commit()
    assert rows_of(db, "here") == [[(1, 100)]]


def test_a_verdict_that_came_with_another_nodes_state_completes_the_local_part(cluster: Cluster) -> None:
    node, other = cluster.nodes
    _, prepared, data = cluster.propose(0, both)
    other.apply_write_set(1, 0, WriteSet.from_bytes(data), None)
    node.import_replicated(other.export_replicated())
    node.commit_prepared_locally(prepared)
    node.commit_prepared_locally(prepared)
    assert rows_of(node, "t", "here", "spread") == [[(1, 10, "a")], [(1, 100)], [(1, 100)]]
    assert not node.tables["here"].reserved


def test_a_local_table_dropped_meanwhile_does_not_change_the_verdict(cluster: Cluster) -> None:
    proposal = cluster.propose(0, both)
    cluster.position += 1
    for db in cluster.nodes:
        assert db.apply_ddl(cluster.position, parse_ddl("drop table here")) is None
    assert cluster.order(proposal) is None
    assert rows_of(cluster.nodes[0], "spread") == [[(1, 100)]]


def test_the_memory_limit_is_checked_before_the_proposal_and_never_by_the_verdict(make_database: Make) -> None:
    small, large = make_database(DDL, memory_limit=100_000), make_database(DDL)
    rows = {n: (n, n, "x" * 1000) for n in range(200)}
    writes = WriteSet(0, (TableWrites(1, small.tables["t"].shape, rows),))
    assert small.apply_write_set(1, 1, writes, None) is None
    assert large.apply_write_set(1, 1, writes, None) is None
    txn = small.begin()
    with pytest.raises(OperationalError) as caught:
        txn.insert(small.tables["t"], (1000, 1000, "y"))
        txn.end_statement()
    assert caught.value.sqlstate == "53200"


# The same log, different lives


@pytest.mark.parametrize("seed", range(12))
def test_nodes_fed_one_log_end_equal(make_database: Make, seed: int) -> None:
    rng = random.Random(seed)
    cluster = Cluster(make_database, nodes=3)
    waiting: list[Any] = []
    readers: list[Any] = []
    verdicts = {"committed": 0, "void": 0}
    for _ in range(150):
        node = rng.randrange(3)
        db = cluster.nodes[node]
        step = rng.random()
        if step < 0.4:
            readers.append(db.begin())
            if len(readers) > 4:
                readers.pop(rng.randrange(5)).end()
        elif step < 0.6:  # a local life that the others know nothing of
            txn = db.begin()
            try:
                putting((rng.randrange(5), rng.randrange(5)), table="here")(txn, db)
                txn.end_statement()
                txn.commit()
            except (IntegrityError, ConflictError):
                txn.rollback()
        try:
            row = (rng.randrange(12), rng.choice([None, rng.randrange(12)]), str(rng.random()))
            waiting.append(cluster.propose(node, putting(row)))
        except (IntegrityError, ConflictError):
            pass
        while waiting and rng.random() < 0.6:
            verdict = cluster.order(waiting.pop(rng.randrange(len(waiting))))
            verdicts["void" if verdict else "committed"] += 1
    assert verdicts["committed"] > 20
    assert verdicts["void"] > 5
    states = [sorted(rows_of(db, "t")[0]) for db in cluster.nodes]
    assert states[0] == states[1] == states[2]
    touched = [db.tables["t"].touched for db in cluster.nodes]
    assert touched[0] == touched[1] == touched[2]
    codes = [row[1] for row in states[0] if row[1] is not None]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("unique", ["", "unique "])
@pytest.mark.parametrize("beside", [True, False])
def test_an_expression_that_fails_at_the_place_in_the_log(make_database: Make, unique: str, *, beside: bool) -> None:
    """The index came first; with rows of its own beside it, the origin takes the general form and the others the short one."""
    cluster = Cluster(make_database)

    def work(txn: Any, db: Database) -> None:
        putting((1, 0, "x"))(txn, db)
        if beside:
            putting((1, 1), table="here")(txn, db)

    proposal = cluster.propose(0, work)
    cluster.position += 1
    for db in cluster.nodes:
        assert db.apply_ddl(cluster.position, parse_ddl(f"create {unique}index i on t ((1 / code))")) is None
    assert cluster.order(proposal) is not None
    assert [len(db.tables["t"].rows) for db in cluster.nodes] == [0, 0]


FORMS = """
create table t (id integer primary key, code integer unique, note text);
create table pairs (a integer, b integer, c integer, primary key (a, b), unique (c) deferrable initially deferred);
create local table here (id integer primary key, mark integer unique);
create unique index few on t (note) where code > 5;
create unique index folded on t ((code / 2)) where code > 20;
create index divided on pairs ((100 / (c - 3)));
"""


@pytest.mark.parametrize("seed", range(6))
def test_short_form_and_bulk_give_the_verdicts_of_the_general_way(make_database: Make, seed: int) -> None:
    """A node that counts memory goes row by row through the general form; the other one takes every short cut."""
    rng = random.Random(seed)
    cluster = Cluster(make_database)
    cluster.nodes = [make_database(FORMS), make_database(FORMS, memory_limit=1 << 40)]
    for number, node in enumerate(cluster.nodes):
        node.enter_cluster(number, incarnation=1)
    waiting: list[Any] = []
    readers: list[Any] = []
    verdicts = {True: 0, False: 0}

    def change(txn: Any, db: Database) -> None:
        table = rng.choice(["t", "pairs"])
        for _ in range(rng.choice([1, 1, 1, 2, 20])):
            a, b, c = rng.randrange(40), rng.randrange(400), rng.randrange(200)
            row = (a, b, str(c)) if table == "t" else (a // 8, b, c)
            store = db.tables[table]
            assert store.key_of is not None
            if rng.random() < 0.2 and txn.get(store, store.key_of(row)) is not None:
                txn.delete(store, store.key_of(row))
            else:
                putting(row, table=table)(txn, db)
        if rng.random() < 0.2:
            putting((rng.randrange(10), rng.randrange(1000)), table="here")(txn, db)

    for _ in range(400):
        if rng.random() < 0.3:
            readers.append(cluster.nodes[rng.randrange(2)].begin())
            if len(readers) > 3:
                readers.pop(rng.randrange(4)).end()
        with contextlib.suppress(Error):
            waiting.append(cluster.propose(rng.randrange(2), change))
        while waiting and rng.random() < len(waiting) / 16:
            verdicts[cluster.order(waiting.pop(rng.randrange(len(waiting)))) is None] += 1
        one, other = (
            {name: (s.rows, s.touched) for name, s in db.tables.items() if name != "here"} for db in cluster.nodes
        )
        assert one == other
    assert min(verdicts.values()) > 10
