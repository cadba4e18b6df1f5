"""Commits through the log, over a model of it: what travels, what does not, and what becomes of a commit that fails."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from exdbsql.cluster.parameters import ClusterWindow
from exdbsql.cluster.state_machine import Origin
from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.replication import transaction_command
from exdbsql.schema import codec
from exdbsql.schema.errors import (
    BusyError,
    ClusterStoppedError,
    CommitOutcomeUnknownError,
    ConflictError,
    DdlNotSupportedError,
    IntegrityError,
    NoQuorumError,
    NotClusterError,
    ProgrammingError,
)

Query = Callable[..., list[tuple[Any, ...]]]


def test_a_commit_on_one_node_is_read_on_the_others(nodes: list[Database], log: Any, query: Query) -> None:
    con = nodes[0].connect()
    con.execute("INSERT INTO t (id, name) VALUES (1, 'a'), (2, 'b')")
    assert log.submitted == 0
    con.commit()
    assert log.submitted == 1
    for node in nodes:
        assert query(node.connect(), "SELECT id, name, price FROM t ORDER BY id") == query(con, "SELECT * FROM t")


def test_local_and_distributed_tables_cause_no_traffic_and_need_no_quorum(
    nodes: list[Database], log: Any, query: Query
) -> None:
    for node in nodes:
        node.wait_ready()
    log.has_quorum = False
    for node in nodes:
        con = node.connect()
        con.execute("INSERT INTO scratch VALUES (?, 'mine')", (node.node_id,))
        con.execute("INSERT INTO d VALUES (?, 'mine')", (node.node_id,))
        con.execute("SELECT count(*) FROM t")
        con.commit()
    assert log.submitted == 0
    assert [query(node.connect(), "SELECT id FROM scratch") for node in nodes] == [[(0,)], [(1,)], [(2,)]]


def test_a_node_that_never_was_a_member_shows_no_empty_tables(nodes: list[Database], log: Any, query: Query) -> None:
    log.has_quorum = False
    con = nodes[0].connect()
    assert query(con, "SELECT count(*) FROM scratch") == [(0,)]
    with pytest.raises(NoQuorumError):
        con.execute("SELECT count(*) FROM t")
    con.rollback()
    log.has_quorum = True
    assert query(con, "SELECT count(*) FROM t") == [(0,)]


def test_reading_causes_no_traffic(nodes: list[Database], log: Any) -> None:
    with nodes[1].connect() as con:
        con.execute("SELECT * FROM t")
    assert log.submitted == 0


def test_a_transaction_over_all_kinds_is_one(nodes: list[Database], query: Query) -> None:
    con = nodes[0].connect()
    for table in ("t", "scratch", "d"):
        con.execute(f"INSERT INTO {table} (id) VALUES (1)")
    con.commit()
    assert [query(con, f"SELECT count(*) FROM {table}") for table in ("t", "scratch", "d")] == [[(1,)]] * 3
    other = nodes[1].connect()
    assert [query(other, f"SELECT count(*) FROM {table}") for table in ("t", "scratch", "d")] == [
        [(1,)],
        [(0,)],
        [(0,)],
    ]


def test_the_first_committer_wins_and_the_other_loses_all_of_its_changes(nodes: list[Database], query: Query) -> None:
    one, two = nodes[0].connect(), nodes[1].connect()
    one.execute("INSERT INTO t (id, name) VALUES (1, 'start')")
    one.commit()
    one.execute("UPDATE t SET name = 'one' WHERE id = 1")
    two.execute("UPDATE t SET name = 'two' WHERE id = 1")
    two.execute("INSERT INTO scratch VALUES (1, 'two')")
    one.commit()
    with pytest.raises(ConflictError) as caught:
        two.commit()
    assert (caught.value.table, caught.value.winner) == ("t", 0)
    assert query(two, "SELECT name FROM t") == [("one",)]
    assert query(two, "SELECT * FROM scratch") == []
    two.execute("INSERT INTO scratch VALUES (1, 'again')")
    two.commit()


def test_a_unique_key_holds_across_nodes(nodes: list[Database]) -> None:
    one, two = nodes[0].connect(), nodes[1].connect()
    two.execute("SELECT * FROM t")
    one.execute("INSERT INTO t (id) VALUES (1)")
    two.execute("INSERT INTO t (id) VALUES (1)")
    one.commit()
    with pytest.raises((ConflictError, IntegrityError)):
        two.commit()


def test_without_quorum_the_first_write_and_the_commit_are_refused(
    nodes: list[Database], log: Any, query: Query
) -> None:
    con = nodes[0].connect()
    con.execute("INSERT INTO t (id) VALUES (1)")
    log.has_quorum = False
    with pytest.raises(NoQuorumError, match="1 of 3"):
        con.commit()
    assert con.transaction_state == "idle"
    with pytest.raises(NoQuorumError):
        con.execute("INSERT INTO t (id) VALUES (1)")
    con.rollback()
    assert query(con, "SELECT * FROM t") == []
    con.rollback()
    with pytest.raises(NoQuorumError):
        con.execute("CREATE TABLE x (a integer)")
    log.has_quorum = True
    con.rollback()
    con.execute("INSERT INTO t (id) VALUES (1)")
    con.commit()
    assert log.submitted == 1


def test_a_lost_answer_has_an_outcome_that_can_be_asked_for(nodes: list[Database], log: Any, query: Query) -> None:
    con = nodes[0].connect()
    con.execute("INSERT INTO t (id) VALUES (1)")
    con.execute("INSERT INTO scratch VALUES (1, 'x')")
    log.lose_answer = True
    with pytest.raises(CommitOutcomeUnknownError) as caught:
        con.commit()
    assert con.transaction_status(caught.value.transaction_id) == "committed"
    assert con.transaction_status("9-9-9") == "unknown"
    assert query(con, "SELECT count(*) FROM scratch") == [(1,)]


def test_keys_of_an_unknown_commit_are_free_again_once_the_outcome_is_known(nodes: list[Database], log: Any) -> None:
    con = nodes[0].connect()
    con.execute("INSERT INTO t (id) VALUES (1)")
    con.execute("INSERT INTO scratch VALUES (1, 'x')")
    log.lose_command = True
    with pytest.raises(CommitOutcomeUnknownError):
        con.commit()
    con.execute("INSERT INTO scratch VALUES (1, 'y')")
    with pytest.raises(ConflictError):
        con.commit()
    log.nodes[0].status[next(iter(log.nodes[0].status))] = "void"
    con.execute("INSERT INTO scratch VALUES (1, 'z')")
    con.commit()


def test_a_verdict_that_came_in_a_snapshot_brings_the_local_rows_too(
    nodes: list[Database], log: Any, query: Query
) -> None:
    con = nodes[0].connect()
    con.execute("INSERT INTO t (id) VALUES (1)")
    con.execute("INSERT INTO scratch VALUES (1, 'x')")
    log.skip_origin = True
    con.commit()
    assert query(con, "SELECT count(*) FROM scratch") == [(1,)]


def test_ddl_reaches_every_node_or_none(nodes: list[Database], query: Query) -> None:
    con, other = nodes[0].connect(), nodes[1].connect()
    con.execute("CREATE TABLE x (a integer PRIMARY KEY)")
    con.commit()
    other.execute("INSERT INTO x VALUES (1)")
    other.commit()
    assert query(nodes[2].connect(), "SELECT a FROM x") == [(1,)]
    with pytest.raises(ProgrammingError) as caught:
        other.execute("CREATE TABLE x (b integer)")
    assert caught.value.sqlstate == "42P07"
    other.rollback()
    other.execute("CREATE UNIQUE INDEX u ON scratch (note)")
    with pytest.raises(DdlNotSupportedError):
        other.commit()
    other.autocommit = True
    with pytest.raises(DdlNotSupportedError):
        other.execute("CREATE UNIQUE INDEX u ON scratch (note)")
    assert len({node.dictionary.digest() for node in nodes}) == 1


def test_a_table_dropped_under_a_transaction_voids_it_everywhere(nodes: list[Database], query: Query) -> None:
    one, two = nodes[0].connect(), nodes[1].connect()
    one.autocommit = True
    one.execute("CREATE TABLE x (a integer PRIMARY KEY)")
    two.execute("INSERT INTO x VALUES (1)")
    one.execute("DROP TABLE x")
    one.execute("CREATE TABLE x (a integer PRIMARY KEY)")
    with pytest.raises(ConflictError):
        two.commit()
    assert query(one, "SELECT * FROM x") == []


def test_ddl_and_rows_of_one_transaction_are_one_entry(nodes: list[Database], log: Any, query: Query) -> None:
    con, other = nodes[0].connect(), nodes[1].connect()
    other.execute("INSERT INTO t (id) VALUES (9)")
    before = log.submitted
    con.execute("INSERT INTO t (id) VALUES (1)")
    con.execute("CREATE TABLE x (a integer PRIMARY KEY, b text)")
    con.execute("INSERT INTO x VALUES (1, 'one')")
    con.execute("CREATE UNIQUE INDEX xb ON x (b)")
    con.execute("CREATE LOCAL TABLE here (a integer PRIMARY KEY)")
    con.execute("INSERT INTO here VALUES (1)")
    con.execute("INSERT INTO scratch VALUES (1, 'mine')")
    con.commit()
    assert log.submitted == before + 1
    for node in nodes:
        reader = node.connect()
        assert query(reader, "SELECT a, b FROM x") == [(1, "one")]
        assert query(reader, "SELECT id FROM t") == [(1,)]
        assert query(reader, "SELECT count(*) FROM here") == [(int(node is nodes[0]),)]
    assert query(con, "SELECT count(*) FROM scratch") == [(1,)]
    other.commit()
    with pytest.raises(IntegrityError):
        other.execute("INSERT INTO x VALUES (2, 'one')")


def test_ddl_with_rows_that_lose_a_conflict_leaves_nothing(nodes: list[Database], query: Query) -> None:
    con, other = nodes[0].connect(), nodes[1].connect()
    con.execute("INSERT INTO t (id) VALUES (1)")
    con.commit()
    con.execute("CREATE TABLE x (a integer PRIMARY KEY)")
    con.execute("UPDATE t SET name = 'mine'")
    other.execute("UPDATE t SET name = 'theirs'")
    other.commit()
    with pytest.raises(ConflictError):
        con.commit()
    con.execute("INSERT INTO t (id) VALUES (2)")
    con.execute("CREATE TABLE y (a integer PRIMARY KEY)")
    other.execute("CREATE TABLE z (a integer PRIMARY KEY)")
    other.commit()
    with pytest.raises(ConflictError):
        con.commit()
    assert len({node.dictionary.digest() for node in nodes}) == 1
    assert {"x", "y"}.isdisjoint(nodes[2].dictionary.tables)
    assert query(nodes[2].connect(), "SELECT id, name FROM t") == [(1, "theirs")]


def test_a_snapshot_makes_an_equal_node(nodes: list[Database], query: Query) -> None:
    con = nodes[0].connect()
    con.execute("CREATE TABLE x (a integer PRIMARY KEY)")
    con.executemany("INSERT INTO x VALUES (?)", [(i,) for i in range(300)])
    con.commit()
    assert nodes[0].replication is not None
    assert nodes[2].replication is not None
    chunks = list(nodes[0].replication.snapshot())
    assert len(chunks) > 3
    with nodes[2].connect() as other:
        other.execute("DELETE FROM x")
        other.rollback()
    fresh = nodes[2].replication
    fresh.restore(iter(chunks))
    assert query(nodes[2].connect(), "SELECT count(*) FROM x") == [(300,)]


def test_dictionaries_are_compared(nodes: list[Database]) -> None:
    replication = nodes[0].replication
    assert replication is not None
    text = replication.dictionary_text()
    assert replication.dictionary_difference(text) == []
    lines = replication.dictionary_difference(text.replace("name text", "nom text"))
    assert any("nom" in line for line in lines)
    assert replication.dictionary_difference("CREATE TABLE (") != []


def test_stop_is_refused_while_something_is_not_committed(nodes: list[Database]) -> None:
    one, two = nodes[0].connect(), nodes[0].connect()
    two.execute("INSERT INTO scratch VALUES (1, 'x')")
    with pytest.raises(BusyError, match="1 other"):
        one.stop()
    with pytest.raises(BusyError, match="this connection"):
        two.stop()
    two.rollback()
    one.execute("SELECT * FROM t")
    one.stop()
    with pytest.raises(ClusterStoppedError):
        one.execute("INSERT INTO t (id) VALUES (1)")
    one.rollback()
    one.execute("INSERT INTO scratch VALUES (1, 'x')")
    one.commit()


@pytest.mark.parametrize(
    "use",
    [
        lambda con: con.stop(),
        lambda con: con.barrier(),
        lambda con: con.attach(),
        lambda con: con.detach(),
        lambda con: con.info(),
        lambda con: con.active_nodes(),
        lambda con: con.window,
        lambda con: setattr(con, "window", ClusterWindow()),
        lambda con: con.scatter(),
        lambda con: con.gather(["d"], [1]),
        lambda con: con.transaction_status("1-2-3"),
        lambda con: con.execute("SHOW CLUSTER"),
        lambda con: con.execute("SHOW NODES"),
        lambda con: con.execute("SHOW QUORUM"),
        lambda con: con.execute("SCATTER d TO ALL"),
        lambda con: con.execute("GATHER d FROM 1"),
    ],
)
def test_cluster_calls_need_a_cluster(con: Connection, use: Callable[[Connection], Any]) -> None:
    with pytest.raises(NotClusterError) as caught:
        use(con)
    assert caught.value.code == 901


def test_the_node_that_wrote_a_row_holds_what_the_others_read_from_the_log(nodes: list[Database], query: Query) -> None:
    values = {
        "smallint": 3,
        "integer": 4,
        "bigint": 2**40,
        "numeric(30, 3)": 5,
        "real": 0.1,
        "double precision": 7,
        "text": "ä\ud800",
        "varchar(5)": "abc",
        "char(4)": "x",
        "boolean": True,
        "bytea": bytearray(b"xyz"),
        "date": "2024-02-29",
        "time": "12:34:56.789",
        "timestamp": "2024-02-29 01:02:03",
        "timestamptz": "2024-02-29 01:02:03+05:30",
        "uuid": "6a2f41a3-c54c-fce8-32d2-0324e1c32e22",
        "interval": "1 month 2 days 3 seconds",
        "jsonb": '{"b": [1, 2.50], "a": null}',
        "integer[]": "{1,2,3}",
    }
    columns = ", ".join(f"c{number} {name}" for number, name in enumerate(values))
    con = nodes[0].connect()
    con.execute(f"CREATE TABLE every_type (id integer PRIMARY KEY, {columns})")
    con.commit()
    for number, (name, value) in enumerate(values.items()):
        try:
            con.execute(f"INSERT INTO every_type (id, c{number}) VALUES (?, ?::{name})", (number, value))
        except ProgrammingError:  # no cast leads there from this class: as a literal of the column's type
            con.rollback()
            con.execute(f"INSERT INTO every_type (id, c{number}) VALUES (?, '{value}')", (number,))
        con.commit()
    there, here = (query(node.connect(), "SELECT * FROM every_type ORDER BY id") for node in nodes[:2])
    assert len(there) == len(values) and there == here
    assert [list(map(type, row)) for row in there] == [list(map(type, row)) for row in here]
    assert repr(there) == repr(here)
    assert [nodes[n].engine.tables["every_type"].rows for n in (1, 2)] == [
        nodes[0].engine.tables["every_type"].rows
    ] * 2


def test_an_entry_that_is_not_what_was_prepared_is_read(nodes: list[Database], query: Query) -> None:
    replication, engine = nodes[0].replication, nodes[0].engine
    assert replication is not None
    replication.wait_ready()
    made = []
    for number in (1, 2):
        transaction = engine.begin()
        transaction.insert(engine.tables["t"], (number, None, None))
        transaction.end_statement()
        made.append(engine.prepare_commit(transaction))
    token = bytes(16)
    command = transaction_command(token, made[0])
    made[1].to_bytes()
    replication._prepared[token] = made[1]
    assert replication.apply(engine.applied_position + 1, Origin(0, 1, 1), command) is None
    assert list(engine.tables["t"].rows) == [1]


@pytest.mark.parametrize(("nested", "made"), [(5, True), (38, True), (200, True), (400, True), (15_000, False)])
def test_the_verdict_over_ddl_does_not_depend_on_the_stack(nodes: list[Database], nested: int, made: bool) -> None:
    """Neither on what the applying thread has used of it, nor on what the program there allows its threads (R2)."""
    text = f"CREATE TABLE deep (a integer CHECK ({'(' * nested}a > 0{')' * nested}))"
    entry = codec.pack(["ddl", text])

    def apply(node: Database, calls: int) -> object:
        if calls:
            return apply(node, calls - 1)
        assert node.replication is not None
        return node.replication.apply(1, Origin(0, 7, 1), entry)

    allowed = sys.getrecursionlimit()
    verdicts = []
    for node, calls, limit in zip(nodes, (0, 600, 0), (allowed, allowed, 1_000_000), strict=True):
        sys.setrecursionlimit(limit)
        try:
            verdicts.append(apply(node, calls))
            assert sys.getrecursionlimit() == limit
        finally:
            sys.setrecursionlimit(allowed)
    assert len({repr(verdict) for verdict in verdicts}) == 1
    assert [("deep" in node.engine.tables) for node in nodes] == [made] * 3


def test_deep_definitions_come_with_a_snapshot(nodes: list[Database]) -> None:
    nested = 400
    one, other = nodes[0].replication, nodes[1].replication
    assert one is not None and other is not None
    one.wait_ready()
    text = f"CREATE TABLE deep (a integer CHECK ({'(' * nested}a > 0{')' * nested}))"
    assert one.apply(1, Origin(0, 7, 1), codec.pack(["ddl", text])) is None
    assert other.dictionary_difference(one.dictionary_text()) == ["table deep: only on the other side"]
    other.restore(one.snapshot())
    con = nodes[1].connect()
    with pytest.raises(IntegrityError, match="deep_a_check"):
        con.execute("INSERT INTO deep VALUES (0)")
