"""SCATTER and GATHER through the public face: the worked example, conflicts and the way out of them, and what a reader sees."""

import threading
from pathlib import Path
from typing import Any

import pytest

import exdbsql as exdb

from .real_nodes import eventually, nodes

SCHEMA = """
CREATE DISTRIBUTED TABLE x (id text PRIMARY KEY, v integer);
CREATE DISTRIBUTED TABLE y (id text PRIMARY KEY, v integer);
"""


def rows(con: exdb.Connection, sql: str) -> list[tuple[Any, ...]]:
    return con.execute(sql).fetchall()


def test_the_worked_example_with_the_rows_that_travel(tmp_path: Path) -> None:
    """REFERENCE section 3, in Python and in SQL."""
    with nodes(tmp_path, (1, 1, 1), SCHEMA) as made:
        a, b, c = (made.connect(i) for i in range(3))
        a.execute("INSERT INTO x VALUES ('x1', 1)")
        b.execute("INSERT INTO x VALUES ('x2', 2)")
        assert a.scatter(["x"], [1]).travelled == {("x", 0, 1): 1}
        assert rows(b, "GATHER x FROM 0, 2") == []
        a.execute("INSERT INTO y VALUES ('y1', 1)")
        assert rows(a, "SCATTER x, y TO 1, 2") == [("x", 0, 2, 1), ("y", 0, 1, 1), ("y", 0, 2, 1)]
        assert c.gather(["x", "y"], [0, 1]).travelled == {("x", 1, 2): 1}
        assert rows(c, "SELECT id FROM x ORDER BY id") == [("x1",), ("x2",)]


@pytest.mark.parametrize(("statement", "value"), [("SCATTER x TO 1", 1), ("GATHER x FROM 1", 2)])
@pytest.mark.parametrize("keep", ["SOURCE", "TARGET"])
def test_a_conflict_is_no_reason_to_try_again_and_can_be_settled(
    tmp_path: Path, statement: str, value: int, keep: str
) -> None:
    with nodes(tmp_path, (1, 1), SCHEMA) as made:
        a, b = made.connect(0), made.connect(1)
        a.execute("INSERT INTO x VALUES ('k', 1), ('mine', 1)")
        b.execute("INSERT INTO x VALUES ('k', 2)")
        with pytest.raises(exdb.ConflictError, match="changed both") as caught:
            a.execute(statement)
        assert not caught.value.retryable
        assert "ON CONFLICT KEEP" in (caught.value.hint or "")
        assert (caught.value.table, caught.value.winner) == ("x", 1)
        a.execute(f"{statement} ON CONFLICT KEEP {keep}")
        a.gather()
        b.gather()
        kept = value if keep == "SOURCE" else 3 - value
        for con in (a, b):
            assert rows(con, "SELECT id, v FROM x ORDER BY id") == [("k", kept), ("mine", 1)]
        assert a.scatter().travelled == b.scatter().travelled == {}


def test_the_same_from_python_and_what_is_wrong_is_said(tmp_path: Path) -> None:
    with nodes(tmp_path, (1, 1), SCHEMA) as made:
        a, b = made.connect(0), made.connect(1)
        for con, value in ((a, 1), (b, 2)):
            con.execute("INSERT INTO x VALUES ('k', ?)", (value,))
        assert a.scatter(["x"], on_conflict="source").taken == {("x", 0, 1): 1}
        assert rows(b, "SELECT v FROM x") == [(1,)]
        with pytest.raises(exdb.InterfaceError, match="on_conflict"):
            a.gather(on_conflict="mine")
        with pytest.raises(exdb.ProgrammingError):
            a.execute("SCATTER x TO 1 ON CONFLICT KEEP MINE")
        with pytest.raises(exdb.ClusterError, match="cannot be reached") as caught:
            a.execute("SCATTER x TO 7")
        assert (caught.value.retryable, caught.value.hint) == (False, "The members are 0, 1.")


def test_all_means_the_nodes_that_are_connected(tmp_path: Path) -> None:
    """A member that is away gets what it lacks when it is back; named, it is a reason to refuse."""
    with nodes(tmp_path, (1, 1, 1), SCHEMA) as made:
        a = made.connect(0)
        a.execute("INSERT INTO x VALUES ('k', 1)")
        made.crash(2)
        eventually(lambda: [node.node_id for node in a.active_nodes()] == [0, 1])
        with pytest.raises(exdb.ClusterError, match="node 2 cannot be reached, so nothing was shipped") as caught:
            a.execute("SCATTER x TO 1, 2")
        assert caught.value.retryable
        assert rows(made.connect(1), "SELECT * FROM x") == []
        assert a.execute("SCATTER x TO ALL").fetchall() == [("x", 0, 1, 1)]
        made.start(2)
        made.ready()
        assert a.execute("SCATTER x TO ALL").fetchall() == [("x", 0, 2, 1)]


def test_a_reader_never_sees_half_of_a_gather(tmp_path: Path) -> None:
    """Each round moves one row out of `x` and one into `y` on both sources: together there are always as many."""
    rounds = 40
    with nodes(tmp_path, (1, 1, 1), SCHEMA) as made:
        a, b, c = (made.connect(i) for i in range(3))
        for con, name in ((a, "a"), (b, "b")):
            con.executemany("INSERT INTO x VALUES (?, 0)", [(f"{name}{i}",) for i in range(rounds)])
        c.gather()
        seen: set[int] = set()
        over = threading.Event()

        def read() -> None:
            with made.databases[2].connect() as reader:
                while not over.is_set():
                    (x,), (y,) = rows(reader, "SELECT count(*) FROM x UNION ALL SELECT count(*) FROM y")
                    seen.add(x + y)
                    reader.rollback()

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for i in range(rounds):
            for con, name in ((a, "a"), (b, "b")):
                con.execute("BEGIN")
                con.execute("DELETE FROM x WHERE id = ?", (f"{name}{i}",))
                con.execute("INSERT INTO y VALUES (?, ?)", (f"{name}{i}", i))
                con.execute("COMMIT")
            c.gather()
        over.set()
        for reader in readers:
            reader.join()
        assert seen == {2 * rounds}


def test_deleted_rows_are_forgotten_when_every_member_knows(tmp_path: Path) -> None:
    with nodes(tmp_path, (1, 1), SCHEMA) as made:
        a, b = made.connect(0), made.connect(1)
        a.execute("INSERT INTO x VALUES ('k', 1)")
        a.scatter()
        a.execute("DELETE FROM x")
        exchanges = [made.databases[i].engine.exchange for i in range(2)]
        assert exchanges[0].tombstones("x") == 1
        a.scatter()
        for i in range(2):
            node = made.databases[i].replication.node  # type: ignore[union-attr]
            node._listener.call("a test", lambda request, node=node: request.settle(node._runtime.desk.sweep()))
        eventually(lambda: all(exchange.tombstones("x") == 0 for exchange in exchanges))
        assert a.gather().travelled == b.gather().travelled == {}
        assert rows(b, "SELECT * FROM x") == []
