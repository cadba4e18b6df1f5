"""An operator's changes of the member list: nodes that are gone are taken off, members get other ranks."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

import exdbsql as exdb

from .real_nodes import eventually, free_addresses, nodes


def listed(con: exdb.Connection) -> dict[int, tuple[int, str]]:
    """Node -> (rank, state) as SHOW NODES has it."""
    return {node: (rank, state.split(" (")[0]) for node, _, rank, state, _ in con.execute("SHOW NODES").fetchall()}


def test_a_dead_node_is_taken_off_and_its_rank_leaves_the_sum(tmp_path: Path) -> None:
    with nodes(tmp_path, (1, 1, 1)) as made:
        con = made.connect(0)
        made.crash(2)
        eventually(lambda: listed(con)[2] == (1, "offline"))
        con.execute("ALTER CLUSTER REMOVE NODE 2")
        assert listed(con).keys() == {0, 1}
        assert con.execute("SHOW QUORUM").fetchall()[-1][2:4] == (2, 2)
        con.execute("INSERT INTO t VALUES (1, 'still here')")
        other = made.connect(1)
        eventually(lambda: listed(other).keys() == {0, 1})


def test_a_machine_is_replaced_by_another_at_a_new_address(tmp_path: Path) -> None:
    """Once taken off, its id is free: the new machine has the id of the old, and a state folder of its own."""
    with nodes(tmp_path, (1, 1, 1)) as made:
        con = made.connect(0)
        con.execute("INSERT INTO t VALUES (1, 'kept')")
        made.crash(2)
        con.remove_node(2)
        (made.addresses[2],) = free_addresses(1)
        made.folder = tmp_path / "new machine"
        made.start(2)
        made.ready(2)
        assert made.connect(2).execute("SELECT * FROM t").fetchall() == [(1, "kept")]
        eventually(lambda: listed(con).get(2) == (1, "active"))
        assert {n.node_id: n.addr for n in con.active_nodes()}[2] == made.addresses[2]


def test_a_node_that_was_taken_off_by_mistake_joins_again(tmp_path: Path) -> None:
    with nodes(tmp_path, (1, 1, 1)) as made:
        con = made.connect(0)
        made.crash(2)
        con.remove_node(2)
        con.execute("INSERT INTO t VALUES (1, 'meanwhile')")
        made.start(2)
        made.ready(2)
        assert made.connect(2).execute("SELECT * FROM t").fetchall() == [(1, "meanwhile")]
        eventually(lambda: listed(con).get(2) == (1, "active"))


def test_a_machine_may_also_be_replaced_without_taking_it_off(tmp_path: Path) -> None:
    """The node with the same id at a new address takes the place of the dead one; its rank never left the sum."""
    with nodes(tmp_path, (1, 1, 1)) as made:
        con = made.connect(0)
        con.execute("INSERT INTO t VALUES (1, 'kept')")
        made.crash(2)
        (made.addresses[2],) = free_addresses(1)
        made.folder = tmp_path / "new machine"
        made.start(2)
        made.ready(2)
        assert made.connect(2).execute("SELECT * FROM t").fetchall() == [(1, "kept")]
        eventually(lambda: {n.node_id: n.addr for n in con.active_nodes()}.get(2) == made.addresses[2])


def test_a_rank_changes_while_others_write(tmp_path: Path) -> None:
    with nodes(tmp_path, (1, 1, 1)) as made:
        con = made.connect(0)
        stop = threading.Event()
        failed: list[Exception] = []

        def write() -> None:
            writer = made.connect(1)
            number = 0
            while not stop.is_set():
                number += 1
                try:
                    writer.execute("INSERT INTO t VALUES (?, 'x')", (number,))
                except exdb.Error as error:
                    failed.append(error)
                    return

        thread = threading.Thread(target=write)
        thread.start()
        for rank in (3, 0, 1):
            con.execute(f"ALTER CLUSTER NODE 2 RANK {rank}")
            assert listed(con)[2] == (rank, "active")
        stop.set()
        thread.join(30)
        assert not failed
        con.set_rank(0, 3)
        made.crash(1)
        made.crash(2)
        eventually(lambda: con.execute("SHOW QUORUM").fetchall()[-1][2:4] == (5, 3))
        con.execute("INSERT INTO t VALUES (-1, 'alone, with rank 3 of 5')")


def test_refusals_name_what_is_wrong(tmp_path: Path) -> None:
    with nodes(tmp_path, (2, 1, 1)) as made:
        con = made.connect(0)

        def refused(statement: str) -> exdb.ClusterError:
            with pytest.raises(exdb.ClusterError) as caught:
                con.execute(statement)
            return caught.value

        error = refused("ALTER CLUSTER REMOVE NODE 7")
        assert (error.sqlstate, error.message, error.hint) == (
            "42704",
            "node 7 is not a member",
            "The members are 0, 1, 2.",
        )
        assert refused("ALTER CLUSTER NODE 7 RANK 1").sqlstate == "42704"
        assert refused("ALTER CLUSTER REMOVE NODE 0").message == "node 0 is this node"
        error = refused("ALTER CLUSTER REMOVE NODE 1")
        assert error.message == f"node 1 at {made.addresses[1]} is connected" and "DETACH" in str(error.hint)
        error = refused("ALTER CLUSTER NODE 1 RANK 1000001")
        assert isinstance(error, exdb.InvalidParameterError) and "rank: 1000001" in error.message
        assert isinstance(refused("ALTER CLUSTER NODE 1 RANK -1"), exdb.InvalidParameterError)
        made.crash(2)
        eventually(lambda: listed(con)[2][1] == "offline")
        error = refused("ALTER CLUSTER NODE 2 RANK 3")
        assert error.message == "this would leave no quorum"
        assert error.detail == "Of the new list's ranks 6, 3 would be present; more than half is needed."
        con.execute("ALTER CLUSTER NODE 2 RANK 1")  # the rank that it has
        made.crash(1)
        eventually(lambda: not con.execute("SHOW QUORUM").fetchall()[-1][4].startswith("quorum"))
        assert isinstance(refused("ALTER CLUSTER REMOVE NODE 1"), exdb.NoQuorumError)
        with pytest.raises(exdb.ProgrammingError, match="REMOVE NODE"):
            con.execute("ALTER CLUSTER DROP NODE 1")
    with exdb.connect() as alone, pytest.raises(exdb.NotClusterError):
        alone.execute("ALTER CLUSTER REMOVE NODE 1")


def test_a_node_that_still_recovers_is_not_said_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Operators wait for that before they restart the next node: the ranks alone are there sooner (R6)."""
    with nodes(tmp_path, (1,)) as made:
        con = made.connect(0)
        node = made.databases[0].replication.node  # type: ignore[union-attr]
        assert dict(con.execute("SHOW CLUSTER").fetchall())["can write to replicated tables"] == "yes"
        recovering = replace(node.cluster_state(), state="recovering")
        monkeypatch.setattr(node, "cluster_state", lambda: recovering)
        assert dict(con.execute("SHOW CLUSTER").fetchall())["can write to replicated tables"] == "no"
