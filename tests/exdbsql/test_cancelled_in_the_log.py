"""Statements that go through the log before they end, and are cancelled there: the node must not notice."""

import threading
import time
from pathlib import Path

import pytest

import exdbsql
from exdbsql.connection import Connection

from .real_nodes import DEADLINE_S, nodes

SCHEMA = "CREATE TABLE t (id integer PRIMARY KEY); CREATE SEQUENCE s;"
STATEMENT = "SELECT setval('s', g) FROM generate_series(1, 100000) AS g"


def _cancelled(con: Connection, times: int, done: list[int]) -> None:
    con.execute("SET statement_timeout = 3")
    for number in range(times):
        with pytest.raises(exdbsql.OperationalError, match="statement_timeout"):
            con.execute(STATEMENT)
        done.append(number)
    con.execute("SET statement_timeout = 0")


def test_a_statement_that_sets_sequences_is_cancelled_and_the_node_goes_on(tmp_path: Path) -> None:
    with nodes(tmp_path, schema=SCHEMA) as made:
        con = made.connect(0)
        helm = made.databases[0].replication.node._listener._helm  # type: ignore[union-attr]
        before = helm.voyages
        done: list[int] = []
        thread = threading.Thread(target=_cancelled, args=(con, 60, done), daemon=True)
        thread.start()
        thread.join(DEADLINE_S)
        assert len(done) == 60
        assert helm.voyages == before, "a thread that may be cancelled at any moment has steered"
        con.execute("INSERT INTO t VALUES (1)")
        assert con.execute("SELECT setval('s', 7), nextval('s')").fetchall() == [(7, 8)]
        _seen_by(made.connect(1))
        assert not made.errors


def _seen_by(con: Connection) -> None:
    end = time.monotonic() + DEADLINE_S
    while not con.execute("SELECT * FROM t").fetchall():
        assert time.monotonic() < end
        time.sleep(0.01)
