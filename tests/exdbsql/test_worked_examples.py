"""REFERENCE section 2 through the public face: members that join, and ids that are taken. (Detach: ``test_detach.py``.)"""

from pathlib import Path

import pytest

import exdbsql as exdb
from exdbsql import ClusterNodeParams as Node
from exdbsql.schema import codec

from .real_nodes import eventually, nodes


def test_a_and_b_found_c_and_d_join_and_everybody_knows_everybody(tmp_path: Path) -> None:
    with nodes(tmp_path, (1, 1, 0, 0), start=False) as made:
        a, b, c, d = (Node(address, rank) for address, rank in zip(made.addresses, made.ranks, strict=True))
        made.start(0, nodes=[a, b])
        made.start(1, nodes=[a, b])
        made.ready()
        made.connect(0).execute("INSERT INTO t VALUES (1, 'of the first two')")
        made.start(2, nodes=[a, b, c])
        made.ready(2)
        made.start(3, nodes=[a, b, Node("", 0), d])
        made.ready(3)
        everybody = [exdb.NodeInfo(i, n.addr, n.qrank) for i, n in enumerate((a, b, c, d))]
        for node_id in range(4):
            con = made.connect(node_id)
            eventually(lambda con=con: con.active_nodes() == everybody, f"active_nodes() of node {node_id}")
            assert con.info().n_active_nodes == 4
            assert con.execute("SELECT name FROM t").fetchall() == [("of the first two",)]
            assert exdb.discover(made.addresses[node_id]) == everybody
        made.connect(3).execute("INSERT INTO t VALUES (2, 'of the last, whose rank is 0')")
        assert made.connect(0).execute("SHOW QUORUM").fetchall()[-1][2:4] == (2, 2)


def test_a_node_joins_knowing_one_address_and_is_fed_while_others_write(tmp_path: Path) -> None:
    with nodes(tmp_path, (1, 1, 1), start=False) as made:
        for node_id in (0, 1):
            made.start(node_id, nodes=made.params(0).nodes[:2])
        made.ready()
        con = made.connect(0)
        con.executemany("INSERT INTO t VALUES (?, 'early')", [(i,) for i in range(500)])
        made.start(2, nodes=[Node(""), Node(made.addresses[1]), Node(made.addresses[2])])
        for i in range(50):
            con.execute("INSERT INTO t VALUES (?, 'late')", (1000 + i,))
        made.ready(2)
        eventually(lambda: made.connect(2).execute("SELECT count(*) FROM t").fetchall() == [(550,)])
        eventually(lambda: con.execute("SHOW QUORUM").fetchall()[-1][2:4] == (3, 3), "its rank is in the sum")


def test_a_taken_id_is_refused_and_the_node_that_has_it_goes_on(tmp_path: Path) -> None:
    with nodes(tmp_path) as made:
        stranger = Node(made.addresses[0].rpartition(":")[0] + ":" + str(int(made.addresses[0].rpartition(":")[2]) + 1))
        taken = made.params(1, nodes=[Node(made.addresses[0]), stranger])
        database = exdb.open_database("other", exdb.load_dictionary(made.schema), taken, state_dir=tmp_path / "other")
        with pytest.raises(exdb.DuplicateNodeIdError, match="node id 1 is taken"):
            database.connect().listen()
        database.close()
        made.connect(1).execute("INSERT INTO t VALUES (1, 'still here')")


def test_ranks_decide_who_goes_on(tmp_path: Path) -> None:
    """One node of rank 1 and the rest 0: the part with that node works; a rank of 0 does not touch the quorum."""
    with nodes(tmp_path, (1, 0, 0)) as made:
        made.crash(1)
        made.crash(2)
        made.connect(0).execute("INSERT INTO t VALUES (1, 'alone, 1 of 1')")
        made.start(1)
        made.ready(1)
        made.crash(0)
        con = made.connect(1)
        eventually(lambda: con.execute("SHOW QUORUM").fetchall()[-1][2:4] == (1, 0))
        with pytest.raises(exdb.NoQuorumError, match="0 of 1"):
            con.execute("INSERT INTO t VALUES (2, 'no')")
        assert con.execute("SELECT name FROM t").fetchall() == [("alone, 1 of 1",)]


def test_what_is_configured_is_shown_before_there_is_a_cluster(tmp_path: Path) -> None:
    with nodes(tmp_path, (1, 2, 1), start=False) as made:
        made.start(0)
        con = made.connect(0)
        eventually(lambda: dict(con.execute("SHOW CLUSTER").fetchall())["state"] == "waiting")
        shown = con.execute("SHOW QUORUM").fetchall()
        assert [row[:4] for row in shown[:-1]] == [
            ("0", made.addresses[0], 1, 0),
            ("1", made.addresses[1], 2, 0),
            ("2", made.addresses[2], 1, 0),
        ]
        assert [row[4] for row in shown[:-1]] == ["connected", "offline", "offline"]
        assert "in no cluster yet" in shown[-1][4] and "node 1, node 2" in shown[-1][4]
        facts = dict(con.execute("SHOW CLUSTER").fetchall())
        assert facts["cluster id"] == "none yet" and "node 1, node 2" in facts["waits for"]
        made.start(1)
        made.ready()
        facts = dict(con.execute("SHOW CLUSTER").fetchall())
        assert facts["state"] == "ready" and int(facts["term"]) >= 1 and facts["leader"] in ("0", "1")
        assert int(facts["log: applied here"]) <= int(facts["log: committed"]) <= int(facts["log: newest entry"])


def test_an_operator_may_go_on_when_the_rest_is_gone_for_good(tmp_path: Path) -> None:
    with nodes(tmp_path, (1, 1, 1)) as made:
        con = made.connect(0)
        con.execute("INSERT INTO t VALUES (1, 'kept')")
        with pytest.raises(exdb.ClusterError, match="nothing to recover from"):
            con.execute("ALTER CLUSTER FORCE RECOVERY")
        made.crash(1)
        made.crash(2)
        eventually(lambda: dict(con.execute("SHOW CLUSTER").fetchall())["state"] == "without quorum")
        result = con.session.execute("ALTER CLUSTER FORCE RECOVERY")
        assert "are lost" in result.notices[0]
        eventually(lambda: dict(con.execute("SHOW CLUSTER").fetchall())["state"] == "ready")
        con.execute("INSERT INTO t VALUES (2, 'new')")
        assert con.execute("SHOW QUORUM").fetchall()[-1][2:4] == (1, 1)
        made.start(1)
        with pytest.raises(exdb.Error):
            made.databases[1].replication.node.wait_ready(1.0)  # type: ignore[union-attr]
        assert con.execute("SELECT count(*) FROM t").fetchall() == [(2,)], "a node of the old cluster changes nothing"


def test_a_node_is_synchronised_in_messages_of_bounded_size(tmp_path: Path) -> None:
    """`sync_msg_objects` and `sync_msg_size`, as `ClusterParams` has them, bound every chunk of a snapshot."""
    with nodes(tmp_path, (1,), sync_msg_objects=7, sync_msg_size=900) as made:
        con = made.connect(0)
        con.executemany("INSERT INTO t VALUES (?, ?)", [(i, "x" * (i % 50)) for i in range(200)])
        replication = made.databases[0].replication
        assert replication is not None
        chunks = [codec.unpack(chunk) for chunk in replication.snapshot()]
        sent = [len(chunk[3]) for chunk in chunks if chunk[0] == "rows"]
        assert sum(sent) == 200 and max(sent) <= 7
        assert all(len(chunk) <= 900 for chunk in replication.snapshot() if codec.unpack(chunk)[0] == "rows")
    with nodes(tmp_path / "larger", (1,), sync_msg_objects=1000) as made:
        con = made.connect(0)
        con.executemany("INSERT INTO t VALUES (?, 'x')", [(i,) for i in range(200)])
        replication = made.databases[0].replication
        assert replication is not None
        chunks = [codec.unpack(chunk) for chunk in replication.snapshot()]
        assert [len(chunk[3]) for chunk in chunks if chunk[0] == "rows"] == [200]
