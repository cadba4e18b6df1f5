"""read_consistency and synchronous_commit, outcomes that are not known yet, and digests: on real nodes, one of them held up."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import exdbsql as exdb
from exdbsql.cluster.handoff import Request

from .real_nodes import DEADLINE_S, Nodes, eventually, nodes


@contextmanager
def held_up(made: Nodes, node_id: int) -> Iterator[Callable[[], None]]:
    """This node's listener does nothing until the block ends, or what this gives is called."""
    replication = made.databases[node_id].replication
    assert replication is not None
    begun, gate = threading.Event(), threading.Event()

    def hold(request: Request) -> None:
        begun.set()
        gate.wait(DEADLINE_S)

    replication.node._listener.put(Request(hold))
    assert begun.wait(DEADLINE_S)
    try:
        yield gate.set
    finally:
        gate.set()


class InThread:
    """A call that may have to wait."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = threading.Event()
        threading.Thread(target=self._run, args=(work,), daemon=True).start()

    def _run(self, work: Callable[[], Any]) -> None:
        try:
            self.result = work()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error
        self.done.set()


NAME = "SELECT name FROM t WHERE id = 1"


def test_a_linearizable_read_waits_for_what_a_local_one_does_not_see(tmp_path: Path) -> None:
    with nodes(tmp_path, ranks=(1, 1, 1)) as made:
        writer, reader = made.connect(0), made.connect(2)
        writer.execute("INSERT INTO t VALUES (1, 'old')")
        eventually(lambda: reader.execute(NAME).fetchall() == [("old",)])
        with held_up(made, 2) as let_go:
            writer.execute("UPDATE t SET name = 'new'")
            assert reader.execute(NAME).fetchall() == [("old",)]
            reader.execute("SET read_consistency = linearizable")
            assert reader.execute("SHOW read_consistency").fetchall() == [("linearizable",)]
            waiting = InThread(lambda: reader.execute(NAME).fetchall())
            assert not waiting.done.wait(0.1)
            let_go()
            assert waiting.done.wait(DEADLINE_S)
            assert waiting.result == [("new",)]
        for i in range(20):
            writer.execute("UPDATE t SET name = ?", (str(i),))
            assert reader.execute(NAME).fetchall() == [(str(i),)]
        reader.execute("BEGIN")
        assert reader.execute(NAME).fetchall() == [("19",)]
        writer.execute("UPDATE t SET name = 'later'")
        assert reader.execute(NAME).fetchall() == [("19",)], "a snapshot stays what it is"
        reader.execute("COMMIT")
        assert reader.execute(NAME).fetchall() == [("later",)]
        reader.execute("SELECT count(*) FROM l")
        made.crash(0)
        made.crash(1)
        with pytest.raises(exdb.NoQuorumError):
            reader.execute(NAME)
        reader.execute("SET read_consistency = local")
        assert reader.execute(NAME).fetchall() == [("later",)], "reads go on without quorum, stale perhaps (R9)"


def test_a_commit_may_wait_for_all_nodes(tmp_path: Path) -> None:
    with nodes(tmp_path, ranks=(1, 1, 1)) as made:
        con, other = made.connect(0), made.connect(2)
        con.execute("INSERT INTO t VALUES (1, 'old')")
        with held_up(made, 2) as let_go:
            con.execute("UPDATE t SET name = 'quorum'")
            con.execute("SET synchronous_commit = all")
            con.execute("INSERT INTO l VALUES (1)")
            waiting = InThread(lambda: con.execute("UPDATE t SET name = 'all'"))
            assert not waiting.done.wait(0.1)
            let_go()
            assert waiting.done.wait(DEADLINE_S) and waiting.error is None
        for i in range(20):
            con.execute("UPDATE t SET name = ?", (str(i),))
            assert other.execute(NAME).fetchall() == [(str(i),)]
        con.autocommit = False
        con.execute("UPDATE t SET name = 'in a block'")
        con.commit()
        assert other.execute(NAME).fetchall() == [("in a block",)]
        made.crash(2)
        con.execute("UPDATE t SET name = 'a node that is gone is not waited for'")
        con.commit()
        with pytest.raises(exdb.ProgrammingError, match="synchronous_commit"):
            con.execute("SET synchronous_commit = maybe")


def test_an_unknown_outcome_is_resolved_later(tmp_path: Path) -> None:
    """The commit leaves this node, and its quorum is gone before the answer comes."""
    with nodes(tmp_path, ranks=(1, 1, 1)) as made:
        leader = next(n.node_id for n in made.databases[0].replication.node.members() if n.is_leader)  # type: ignore[union-attr]
        origin, third = (i for i in range(3) if i != leader)
        con = made.connect(origin)
        con.execute("INSERT INTO t VALUES (1, 'before')")
        con.execute("INSERT INTO x VALUES ('x', 1)")
        with held_up(made, leader), held_up(made, third):
            con.execute("BEGIN")
            con.execute("UPDATE t SET name = 'perhaps'")
            con.execute("UPDATE x SET v = 2")
            node = made.databases[origin].replication.node  # type: ignore[union-attr]
            submit = node.submit
            node.submit = lambda command: submit(command, 0.2)
            with pytest.raises(exdb.CommitOutcomeUnknownError) as caught:
                con.execute("COMMIT")
            del node.submit
            name = caught.value.transaction_id
            assert caught.value.sqlstate == "08007"
            assert con.transaction_status(name) == "unknown"
        eventually(lambda: con.transaction_status(name) == "committed")
        assert con.execute(f"SHOW TRANSACTION STATUS '{name}'").fetchall() == [("committed",)]
        assert con.execute("SELECT v FROM x").fetchall() == [(2,)], "its other rows came with it"
        other = made.connect(third)
        eventually(lambda: other.transaction_status(name) == "committed")
        assert con.execute(NAME).fetchall() == [("perhaps",)]
        with pytest.raises(exdb.ClusterError, match="no transaction id"):
            con.execute("SHOW TRANSACTION STATUS 'nonsense'")


def test_equal_rows_have_equal_digests_on_all_nodes(tmp_path: Path) -> None:
    with nodes(tmp_path, ranks=(1, 1, 1)) as made:
        con = made.connect(0)
        con.execute("SET synchronous_commit = all")
        con.executemany("INSERT INTO t VALUES (?, ?)", [(i, f"row {i}") for i in range(300)])
        con.execute("DELETE FROM t WHERE id % 3 = 0")
        digests = {tuple(made.connect(i).execute("SELECT table_digest('t')").fetchall()) for i in range(3)}
        assert len(digests) == 1
        made.connect(1).execute("INSERT INTO l VALUES (1)")
        locals_ = {tuple(made.connect(i).execute("SELECT table_digest('l')").fetchall()) for i in range(3)}
        assert len(locals_) == 2


def test_a_digest_sees_what_its_own_transaction_has_done() -> None:
    """Rows and definitions alike: what the commit leaves behind has the same digest."""
    with exdb.connect() as con:
        con.execute("CREATE TABLE t (id integer PRIMARY KEY, v text)")
        con.execute("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
        con.commit()
        for statements in (
            ["INSERT INTO t VALUES (3, 'c')", "UPDATE t SET v = 'z' WHERE id = 1", "DELETE FROM t WHERE id = 2"],
            ["ALTER TABLE t ADD COLUMN w integer DEFAULT 4", "UPDATE t SET w = 5 WHERE id = 1"],
            ["DROP TABLE t", "CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)"],
        ):
            before = con.execute("SELECT table_digest('t')").fetchall()
            for statement in statements:
                con.execute(statement)
            within = con.execute("SELECT table_digest('t')").fetchall()
            con.commit()
            assert con.execute("SELECT table_digest('t')").fetchall() == within != before
