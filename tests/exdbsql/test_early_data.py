"""EARLY_DATA_SEND: the rows of a large transaction travel before its commit is decided, and change nothing until then."""

from pathlib import Path
from typing import Any

import pytest

import exdbsql as exdb
from exdbsql.early_data import KEPT_POSITIONS, Parts
from exdbsql.schema import codec
from exdbsql.schema.errors import OperationalError

from .real_nodes import Nodes, eventually, nodes

ROWS = [(i, f"{i} " + "x" * 200) for i in range(3000)]
BYTES = 200 * len(ROWS)


def received(made: Nodes, node_id: int) -> int:
    return made.connect(node_id).info().bytes_recv


def parts_at(made: Nodes, node_id: int) -> int:
    replication = made.databases[node_id].replication
    assert replication is not None
    return len(replication._parts)


def rows(con: exdb.Connection, sql: str) -> list[tuple[Any, ...]]:
    return con.execute(sql).fetchall()


@pytest.mark.parametrize("early", [False, True])
def test_the_data_travels_before_the_commit(tmp_path: Path, early: bool) -> None:
    with nodes(tmp_path, mode_mask=exdb.EARLY_DATA_SEND if early else 0) as made:
        con, other = made.connect(0), made.connect(1)
        before = received(made, 1)
        con.execute("BEGIN")
        con.executemany("INSERT INTO t VALUES (?, ?)", ROWS)
        if early:
            eventually(lambda: received(made, 1) - before > BYTES and parts_at(made, 1) == 1)
            assert rows(other, "SELECT count(*) FROM t") == [(0,)], "nobody sees it yet"
        else:
            assert received(made, 1) - before < BYTES
        ahead = received(made, 1)
        con.execute("COMMIT")
        eventually(lambda: rows(other, "SELECT count(*) FROM t") == [(len(ROWS),)])
        assert (received(made, 1) - ahead < BYTES / 4) == early, "the commit itself is small"
        assert rows(con, "SELECT table_digest('t')") == rows(other, "SELECT table_digest('t')")
        assert parts_at(made, 0) == parts_at(made, 1) == 0
        assert other.info().rtrans_commit == 1, "a part is no transaction"


def test_what_changes_after_it_was_sent_ends_as_the_transaction_left_it(tmp_path: Path) -> None:
    with nodes(tmp_path, mode_mask=exdb.EARLY_DATA_SEND) as made:
        con, other = made.connect(0), made.connect(1)
        con.execute("INSERT INTO t VALUES (-1, 'before'), (-2, 'before')")
        con.execute("BEGIN")
        con.executemany("INSERT INTO t VALUES (?, ?)", ROWS[:1000])
        con.execute("SAVEPOINT s")
        con.executemany("INSERT INTO t VALUES (?, ?)", ROWS[1000:2000])
        con.execute("UPDATE t SET name = 'changed' WHERE id < 500")
        con.execute("ROLLBACK TO s")
        con.execute("UPDATE t SET name = 'again' WHERE id BETWEEN 10 AND 20")
        con.execute("DELETE FROM t WHERE id IN (30, -1)")
        con.executemany("INSERT INTO t VALUES (?, ?)", ROWS[1500:1700])
        con.execute("COMMIT")
        eventually(lambda: rows(other, "SELECT table_digest('t')") == rows(con, "SELECT table_digest('t')"))
        assert rows(other, "SELECT count(*), min(id), max(id) FROM t") == [(1200, -2, 1699)]
        assert rows(other, "SELECT count(*) FROM t WHERE name = 'again'") == [(11,)]
        assert rows(other, "SELECT count(*) FROM t WHERE name = 'changed'") == [(0,)]


def test_a_rollback_and_a_lost_conflict_leave_nothing(tmp_path: Path) -> None:
    with nodes(tmp_path, mode_mask=exdb.EARLY_DATA_SEND) as made:
        con, other = made.connect(0), made.connect(1)
        con.execute("BEGIN")
        con.executemany("INSERT INTO t VALUES (?, ?)", ROWS[:500])
        eventually(lambda: parts_at(made, 1) == 1)
        con.execute("ROLLBACK")
        eventually(lambda: parts_at(made, 0) == parts_at(made, 1) == 0)
        con.execute("BEGIN")
        con.executemany("INSERT INTO t VALUES (?, ?)", ROWS[:500])
        other.execute("INSERT INTO t VALUES (7, 'first')")
        with pytest.raises((exdb.ConflictError, exdb.IntegrityError)):
            con.execute("COMMIT")
        for node in (con, other):
            eventually(lambda node=node: rows(node, "SELECT * FROM t") == [(7, "first")])
        eventually(lambda: parts_at(made, 0) == parts_at(made, 1) == 0)
        con.execute("INSERT INTO t VALUES (8, 'second')")


def test_a_node_that_joins_meanwhile_has_the_parts_too(tmp_path: Path) -> None:
    with nodes(tmp_path, ranks=(1, 1, 0), start=False, mode_mask=exdb.EARLY_DATA_SEND) as made:
        for node_id in (0, 1):
            made.start(node_id)
        made.ready()
        con = made.connect(0)
        con.execute("BEGIN")
        con.executemany("INSERT INTO t VALUES (?, ?)", ROWS[:500])
        made.start(2)
        made.ready(2)
        con.execute("COMMIT")
        eventually(lambda: rows(made.connect(2), "SELECT count(*) FROM t") == [(500,)])


def test_the_memory_for_parts_is_bounded_and_part_of_the_state() -> None:
    """What a crashed origin leaves goes by distance in the log, the same on every node (R2)."""
    parts = Parts()
    data = codec.pack([1, [1], [[1]]])
    parts.add(1, b"crashed", data)
    parts.add(2, b"alive", data)
    parts.add(KEPT_POSITIONS, b"alive", data)
    copied = Parts.from_chunks(parts.chunks())
    for one in (parts, copied):
        assert len(one) == 2
        one.add(KEPT_POSITIONS + 2, b"new", data)
        assert list(one._kept) == [b"alive", b"new"]
        from exdbsql.engine.write_set import WriteSet

        void = one.write_set(b"crashed", 1, [], WriteSet(1, ()))
        assert isinstance(void, OperationalError) and void.retryable
    assert copied._bytes == parts._bytes == 3 * len(data)
