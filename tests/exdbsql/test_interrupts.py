"""Ctrl-C in the middle of a commit: nothing stays reserved, and no snapshot stays open."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import exdbsql
from exdbsql.database import Database

Query = Callable[..., list[tuple[Any, ...]]]
SOURCES = str(Path(exdbsql.__file__).parent.parent)
THE_LOG = ("_submit", "submit", "apply")


class InterruptAt:
    """Raises KeyboardInterrupt at the n-th call of a function of ours, which is where the interpreter looks for signals. From where
    the entry is on its way to the log on, never."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        if code.co_name in THE_LOG and "tests" not in Path(code.co_filename).parts:
            sys.settrace(None)
            return None
        if not code.co_filename.startswith(SOURCES) or "site-packages" in code.co_filename:
            return None
        if event == "call":
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self


def interrupted_at(number: int, work: Callable[[], object]) -> bool:
    sys.settrace(InterruptAt(number))
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


def test_on_the_way_to_the_log(nodes: list[Database], query: Query) -> None:
    replication, engine = nodes[0].replication, nodes[0].engine
    assert replication is not None
    number, interrupted = 0, True
    while interrupted:
        number += 1
        con = nodes[0].connect()
        con.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
        con.execute("SELECT count(*) FROM scratch")
        con.execute("INSERT INTO t (id) VALUES (?)", (number,))
        con.execute("INSERT INTO scratch VALUES (?, 'mine')", (number,))
        interrupted = interrupted_at(number, con.commit)
        con.close()
        assert not replication._prepared, number
        assert not engine.tables["scratch"].reserved, number
        assert not engine.pending_reads, number
        assert len(engine.snapshots) == 0, number
        assert not engine.commit_lock.locked(), number
    assert number > 50
    con = nodes[1].connect()
    assert query(con, "SELECT count(*) FROM t") == [(1,)]


def test_statements_that_are_alone(database: Database, query: Query) -> None:
    con = database.connect()
    con.autocommit = True
    con.executemany("INSERT INTO t (id) VALUES (?)", [(n,) for n in range(50)])
    for sql in ("SELECT id, name FROM t WHERE id + 1 > 40 ORDER BY id", "UPDATE t SET price = 2 WHERE id > 10"):
        con.execute(sql)
        number, interrupted = 0, True
        while interrupted:
            number += 1
            interrupted = interrupted_at(number, lambda sql=sql: con.execute(sql))  # type: ignore[misc]
            assert con.transaction_state == "idle", number
            assert len(database.engine.snapshots) == 0, (sql, number)
        assert number > 10
    assert query(con, "SELECT count(*) FROM t") == [(50,)]


def test_temporary_tables(database: Database, query: Query) -> None:
    """A commit of them that is interrupted has happened or not; nothing stays open either way."""
    con = database.connect()
    con.autocommit = True
    con.execute("CREATE TEMP TABLE kept (a integer PRIMARY KEY) ON COMMIT PRESERVE ROWS")
    number, interrupted = 0, True
    while interrupted:
        number += 1
        con.execute("BEGIN")
        con.execute("INSERT INTO kept VALUES (?)", (number,))
        con.execute("CREATE TEMP TABLE made (a integer)")
        con.execute("INSERT INTO made VALUES (1)")
        interrupted = interrupted_at(number, con.commit)
        if con.transaction_state != "idle":
            con.execute("ROLLBACK")
        assert len(database.engine.snapshots) == 0, number
        assert not database.engine.commit_lock.locked(), number
        con.execute("DROP TABLE IF EXISTS made")
        assert query(con, "SELECT count(*) FROM kept WHERE a < 0") == [(0,)]
    assert number > 10
    con.close()
    assert not database.engine.unpruned
