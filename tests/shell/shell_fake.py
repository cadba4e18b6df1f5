"""A scripted database: answers what a test told it to, and breaks when told to.

What the real one can do is tested with the real one; this one is for what cannot be brought about at will: a line that
breaks in the middle of a COMMIT, a statement that runs until somebody cancels it.
"""

import threading
from dataclasses import dataclass, field
from typing import Any

from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import OperationalError
from exdbsql.shell.local_result import LocalColumn, columns


@dataclass
class FakeResult:
    """A result as :class:`exdbsql.shell.database.Result` wants it."""

    columns: tuple[LocalColumn, ...] | None = None
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    tag: str = ""
    notices: tuple[str, ...] = ()

    @property
    def rowcount(self) -> int:
        return len(self.rows)


def rows_of(*heads: tuple[str, str], rows: list[tuple[Any, ...]]) -> FakeResult:
    """A result with rows."""
    return FakeResult(columns(*heads), rows, f"SELECT {len(rows)}")


TABLES = (("table", "text"), ("kind", "text"), ("columns", "integer"), ("rows", "bigint"))
INDEXES = (("table", "text"), ("index", "text"), ("columns", "text"), ("unique", "boolean"), ("made by", "text"))
NODES = (("node", "integer"), ("address", "text"), ("rank", "integer"), ("state", "text"), ("role", "text"))
QUORUM = (("node", "text"), ("address", "text"), ("rank", "integer"), ("counts", "integer"), ("state", "text"))

ANSWERS: dict[str, FakeResult] = {
    "SHOW TABLES": rows_of(*TABLES, rows=[("notes", "local", 2, 0), ("sites", "replicated", 3, 5)]),
    "SHOW INDEXES": rows_of(*INDEXES, rows=[("sites", "sites_by_name", "name desc", False, "create index")]),
    "SHOW NODES": rows_of(
        *NODES,
        rows=[(0, "127.0.0.1:5600", 1, "active (this node)", "leader"), (1, "127.0.0.1:5601", 1, "offline", "")],
    ),
    "SHOW CLUSTER": rows_of(("property", "text"), ("value", "text"), rows=[("node", "0")]),
    "SHOW QUORUM": rows_of(
        *QUORUM,
        rows=[
            ("0", "127.0.0.1:5600", 1, 1, "active"),
            ("1", "127.0.0.1:5601", 1, 0, "offline"),
            ("sum", "", 2, 1, "no quorum: ranks present 1 of 2, more than half is needed"),
        ],
    ),
    "SELECT 1": rows_of(("one", "integer"), rows=[(1,)]),
}


class FakeServer:
    """Where fake connections come from; its knobs are the test's."""

    def __init__(self) -> None:
        self.answers: dict[str, FakeResult | Exception] = dict(ANSWERS)
        self.ran: list[tuple[str, dict[str, Any] | None]] = []
        self.refuses: Exception | None = None
        self.breaks_at: str | None = None
        self.hanging = threading.Event()

    def connect(self) -> "FakeConnection":
        if self.refuses is not None:
            raise self.refuses
        return FakeConnection(self)


class FakeConnection:
    """Also its own session."""

    def __init__(self, server: FakeServer) -> None:
        self._server = server
        self._cancelled = threading.Event()
        self.autocommit = False
        self.transaction_state = "idle"
        self.target_description: tuple[str, int | None] = ("fakedb", 0)
        self.closed = False

    @property
    def session(self) -> "FakeConnection":
        return self

    def execute(self, sql: str, params: dict[str, Any] | None = None, /) -> FakeResult:
        sql = sql.strip().rstrip(";")
        self._server.ran.append((sql, params))
        if self._server.breaks_at == sql:
            self._server.breaks_at = None
            self.transaction_state = "disconnected"
            raise OperationalError("the server closed the connection", sqlstate=states.CONNECTION_FAILURE)
        if sql == "HANG":
            return self._hang()
        word = sql.partition(" ")[0].upper()
        self.transaction_state = {"BEGIN": "open", "COMMIT": "idle", "ROLLBACK": "idle"}.get(
            word, self.transaction_state
        )
        answer = self._server.answers.get(sql, FakeResult(tag=word))
        if isinstance(answer, Exception):
            if self.transaction_state == "open":
                self.transaction_state = "failed"
            raise answer
        return answer

    def _hang(self) -> FakeResult:
        self._server.hanging.set()
        print("hanging", flush=True)
        self._cancelled.wait(30)
        self._cancelled.clear()
        raise OperationalError("the statement was cancelled", sqlstate=states.QUERY_CANCELED)

    def cancel(self) -> None:
        self._cancelled.set()

    def close(self) -> None:
        self.closed = True
