"""Detach and attach: the sum of ranks, local work meanwhile, and nothing that an attach would destroy silently."""

from pathlib import Path
from typing import Any

import pytest

import exdbsql as exdb
from exdbsql.address import Address
from exdbsql.client import connect_remote
from exdbsql.service import SqlService

from .real_nodes import eventually, nodes


def rows(con: exdb.Connection, sql: str) -> list[tuple[Any, ...]]:
    return con.execute(sql).fetchall()


def facts(con: exdb.Connection) -> dict[str, str]:
    return dict(rows(con, "SHOW CLUSTER"))


def test_two_nodes_of_rank_1_a_crash_stops_the_other_and_a_detach_does_not(tmp_path: Path) -> None:
    """REFERENCE section 2: 1 is not more than 2/2, and 1 is more than 1/2."""
    with nodes(tmp_path / "detach") as made:
        a, b = made.connect(0), made.connect(1)
        b.detach()
        a.execute("INSERT INTO t VALUES (1, 'alone, 1 of 1')")
        assert rows(a, "SHOW QUORUM")[-1][2:4] == (1, 1)
    with nodes(tmp_path / "crash") as made:
        a = made.connect(0)
        made.crash(1)
        eventually(lambda: facts(a)["can write to replicated tables"] == "no")
        with pytest.raises(exdb.NoQuorumError, match="1 of 2"):
            a.execute("INSERT INTO t VALUES (1, 'alone, 1 of 2')")
        assert rows(a, "SHOW QUORUM")[-1][2:4] == (2, 1)
        assert facts(a)["state"] == "without quorum"


def test_a_detached_node_works_alone_and_comes_back_with_its_own_rows(tmp_path: Path) -> None:
    with nodes(tmp_path) as made:
        a, b = made.connect(0), made.connect(1)
        a.execute("INSERT INTO t VALUES (1, 'common')")
        a.execute("CREATE LOCAL TABLE made (id integer PRIMARY KEY, note text)")
        a.execute("CREATE DISTRIBUTED TABLE shared (id integer PRIMARY KEY)")
        eventually(lambda: len(rows(b, "SHOW TABLES")) == 5)
        b.execute("INSERT INTO made VALUES (7, 'mine')")
        b.execute("INSERT INTO shared VALUES (8)")
        b.detach()
        b.detach()
        assert facts(b)["state"] == "detached"
        assert rows(b, "SELECT * FROM t") == [(1, "common")]
        a.execute("INSERT INTO t VALUES (2, 'meanwhile')")
        b.execute("UPDATE t SET name = 'changed' WHERE id = 1")
        b.execute("UPDATE t SET name = 'common' WHERE id = 1")
        with pytest.raises(exdb.DdlNotSupportedError, match="detached"):
            b.execute("CREATE TABLE no (id integer)")
        assert b.attach() == [], "what was changed and changed back is no change"
        assert rows(b, "SELECT id, name FROM t ORDER BY id") == [(1, "common"), (2, "meanwhile")]
        assert rows(b, "SELECT * FROM made") == [(7, "mine")]
        assert rows(b, "SELECT * FROM shared") == [(8,)]
        assert b.scatter(["shared"]).travelled == {("shared", 1, 0): 1}
        b.execute("INSERT INTO t VALUES (3, 'together again')")
        assert [node.node_id for node in a.active_nodes()] == [0, 1]
        with pytest.raises(exdb.ClusterError, match="attached already"):
            b.attach()


def test_local_changes_are_listed_then_saved_and_given_up(tmp_path: Path) -> None:
    with nodes(tmp_path) as made:
        a, b = made.connect(0), made.connect(1)
        a.executemany("INSERT INTO t VALUES (?, ?)", [(1, "one"), (2, "two"), (3, "it's three")])
        eventually(lambda: len(rows(b, "SELECT * FROM t")) == 3)
        b.execute("ALTER CLUSTER DETACH")
        b.execute("UPDATE t SET name = NULL WHERE id = 1")
        b.execute("DELETE FROM t WHERE id = 3")
        b.execute("INSERT INTO t VALUES (4, 'new; -- \"line\"\n''two''')")
        b.execute("INSERT INTO l VALUES (1)")
        with pytest.raises(exdb.ClusterError, match="would lose 3 local changes") as caught:
            b.execute("ALTER CLUSTER ATTACH")
        assert sorted((caught.value.detail or "").splitlines()) == [
            "t: changed row (id)=(1)",
            "t: deleted row (id)=(3)",
            "t: inserted row (id)=(4)",
        ]
        assert len(rows(b, "SELECT * FROM t")) == 3, "refused: nothing has changed"
        b.session.execute("ALTER CLUSTER ATTACH DISCARD LOCAL CHANGES")
        assert rows(b, "SELECT * FROM t ORDER BY id") == [(1, "one"), (2, "two"), (3, "it's three")]
        (saved,) = (tmp_path / "1").glob("discarded-local-changes-*.sql")
        for line in saved.read_text().split(";\n"):
            if line.strip():
                a.execute(line)
        again = [(1, None), (2, "two"), (4, "new; -- \"line\"\n'two'")]
        assert rows(a, "SELECT * FROM t ORDER BY id") == again
        eventually(lambda: rows(b, "SELECT * FROM t ORDER BY id") == again)
        assert rows(b, "SELECT * FROM l") == [(1,)]


def test_the_only_copy_is_not_lost_by_leaving_without_quorum(tmp_path: Path) -> None:
    """The node that left unseen has the state still, and its mate that forgot everything gets it back."""
    with nodes(tmp_path) as made:
        a = made.connect(0)
        a.execute("INSERT INTO t VALUES (1, 'kept')")
        made.crash(1)
        eventually(lambda: facts(a)["state"] == "without quorum")
        a.detach()
        a.execute("INSERT INTO t VALUES (2, 'local')")
        made.start(1)
        (saved,) = a.attach(on_local_changes="discard")
        assert "local" in Path(saved).read_text()
        made.ready()
        assert rows(a, "SELECT * FROM t") == rows(made.connect(1), "SELECT * FROM t") == [(1, "kept")]


def test_an_attach_that_fails_says_where_the_local_changes_are(tmp_path: Path) -> None:
    with nodes(tmp_path) as made:
        a = made.connect(0)
        made.crash(1)
        eventually(lambda: facts(a)["state"] == "without quorum")
        a.detach()
        a.execute("INSERT INTO t VALUES (2, 'local')")
        replication = made.databases[0].replication
        assert replication is not None
        replication._start_timeout_s = 0.5
        with pytest.raises(exdb.NoQuorumError) as caught:
            a.attach(on_local_changes="discard")
        (saved,) = (tmp_path / "0").glob("discarded-local-changes-*.sql")
        assert f"what this node gave up is saved in {saved}" in str(caught.value.detail)


def test_the_last_member_may_leave_and_come_back(tmp_path: Path) -> None:
    with nodes(tmp_path, ranks=(1,)) as made:
        a = made.connect(0)
        a.execute("INSERT INTO t VALUES (1, 'kept')")
        a.detach()
        a.attach()
        a.execute("INSERT INTO t VALUES (2, 'new')")
        assert rows(a, "SELECT count(*) FROM t") == [(2,)]


def test_rows_of_a_cluster_that_is_no_more_are_not_given_up_silently(tmp_path: Path) -> None:
    """The node was seen off, and its mate then lost everything and began anew."""
    with nodes(tmp_path) as made:
        a = made.connect(0)
        a.execute("INSERT INTO t VALUES (1, 'kept')")
        a.detach()
        made.crash(1)
        made.start(1)
        made.ready(1)
        with pytest.raises(exdb.ClusterError, match="another one than this node left"):
            a.attach()
        assert rows(a, "SELECT * FROM t") == [(1, "kept")]
        (saved,) = a.attach(on_local_changes="discard")
        assert "kept" in Path(saved).read_text()
        assert rows(a, "SELECT * FROM t") == []


def test_another_cluster_is_refused_and_costs_nothing(tmp_path: Path) -> None:
    with nodes(tmp_path / "one") as one, nodes(tmp_path / "two") as two:
        stray, other = one.connect(1), two.connect(0)
        stray.execute("INSERT INTO t VALUES (1, 'first cluster')")
        other.execute("INSERT INTO t VALUES (1, 'second cluster')")
        two.connect(1).detach()
        two.crash(1)
        stray.detach()
        strange = one.params(
            1, nodes=[exdb.ClusterNodeParams(two.addresses[0]), exdb.ClusterNodeParams(one.addresses[1])]
        )
        with pytest.raises(exdb.ClusterError, match="another one than this node left"):
            stray.attach(strange)
        assert facts(stray)["state"] == "detached"
        assert rows(stray, "SELECT name FROM t") == [("first cluster",)]
        (saved,) = stray.attach(strange, on_local_changes="discard")
        assert "first cluster" in Path(saved).read_text()
        assert rows(stray, "SELECT name FROM t") == [("second cluster",)]


def test_a_node_may_start_detached(tmp_path: Path) -> None:
    with nodes(tmp_path, start=False) as made:
        made.start(1, mode_mask=exdb.START_DETACHED)
        b = made.connect(1)
        assert facts(b)["state"] == "detached"
        assert b.active_nodes() == [exdb.NodeInfo(1, made.addresses[1], 1)]
        b.execute("INSERT INTO t VALUES (1, 'before any network')")
        with pytest.raises(exdb.ClusterError, match="detached"):
            b.barrier()
        made.start(0)
        with pytest.raises(exdb.ClusterError, match="lose 1 local change"):
            b.attach()
        b.execute("DELETE FROM t")
        b.attach()
        b.execute("INSERT INTO t VALUES (1, 'with the network')")
        eventually(lambda: rows(made.connect(0), "SELECT name FROM t") == [("with the network",)])


def test_transactions_over_a_detach_and_an_attach(tmp_path: Path) -> None:
    with nodes(tmp_path) as made:
        a, b, other = made.connect(0), made.connect(1), made.databases[1].connect()
        other.execute("INSERT INTO t VALUES (1, 'begun before')")
        with pytest.raises(exdb.BusyError):
            other.detach()
        b.detach()
        other.commit()
        assert rows(b, "SELECT * FROM t") == [(1, "begun before")], "it became a local change"
        other.execute("INSERT INTO t VALUES (2, 'begun outside')")
        b.attach(on_local_changes="discard")
        with pytest.raises(exdb.ConflictError):
            other.commit()
        assert rows(b, "SELECT * FROM t") == rows(a, "SELECT * FROM t") == []


def test_wrong_parameters_leave_the_node_detached(tmp_path: Path) -> None:
    with nodes(tmp_path) as made:
        b = made.connect(1)
        b.detach()
        with pytest.raises(exdb.InvalidParameterError, match="nodeId"):
            b.attach(made.params(0))
        with pytest.raises(exdb.InvalidParameterError, match="params"):
            b.attach("TCP")  # type: ignore[arg-type]
        with pytest.raises(exdb.InterfaceError, match="on_local_changes"):
            b.attach(on_local_changes="maybe")
        b.execute("INSERT INTO t VALUES (1, 'still free')")
        b.execute("DELETE FROM t")
        b.attach()


def test_the_same_over_the_network(tmp_path: Path) -> None:
    with nodes(tmp_path) as made:
        service = SqlService(made.databases[1], Address("127.0.0.1", 0), workers=2)
        service.start()
        try:
            con = exdb.Connection(connect_remote(f"exdb://{service.address}/"))
            con.autocommit = True
            con.detach()
            con.execute("INSERT INTO t VALUES (1, 'local')")
            with pytest.raises(exdb.ClusterError, match="would lose 1 local change") as caught:
                con.attach()
            assert caught.value.detail == "t: inserted row (id)=(1)"
            (saved,) = con.attach(on_local_changes="discard")
            assert "local" in Path(saved).read_text()
            con.execute("ALTER CLUSTER DETACH")
            con.execute("INSERT INTO t VALUES (1, 'local')")
            result = con.session.execute("ALTER CLUSTER ATTACH DISCARD LOCAL CHANGES")
            assert "discarded-local-changes" in result.notices[0]
            with pytest.raises(exdb.ClusterError, match="nothing to recover from"):
                con.force_recovery()
            con.close()
        finally:
            service.stop()


def test_every_type_of_value_is_saved_so_that_it_can_be_made_again(tmp_path: Path) -> None:
    columns = {
        "b": ("boolean", "true"),
        "n": ("numeric(12, 3)", "-1234.500"),
        "d": ("double precision", "0.1"),
        "f": ("real", "2.5"),
        "s": ("varchar(20)", "'it''s'"),
        "y": ("bytea", r"'\\x00ff27'"),
        "da": ("date", "'2024-02-29'"),
        "ti": ("time", "'12:34:56.789'"),
        "ts": ("timestamp", "'2024-02-29 12:34:56'"),
        "tz": ("timestamptz", "'2024-02-29 12:34:56+02'"),
        "u": ("uuid", "'00000000-0000-0000-0000-000000000001'"),
        "i": ("interval", "'1 mon 2 days 03:00:00'"),
        "j": ("jsonb", "'{\"a\": [1, null]}'"),
        "a": ("integer[]", "'{1,NULL,3}'"),
        "z": ("text", "NULL"),
    }
    schema = f"CREATE TABLE t ({', '.join(f'{name} {kind}' for name, (kind, _) in columns.items())});"
    with nodes(tmp_path, (1,), schema) as made:
        con = made.connect(0)
        con.detach()
        con.execute(f"INSERT INTO t VALUES ({', '.join(value for _, value in columns.values())})")
        before = rows(con, "SELECT * FROM t")
        (saved,) = con.attach(on_local_changes="discard")
        assert rows(con, "SELECT * FROM t") == []
        con.execute(Path(saved).read_text().splitlines()[1])
        assert rows(con, "SELECT * FROM t") == before
