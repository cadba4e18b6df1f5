"""Other databases beside the two that are compared, where they are installed: DuckDB in this process, PostgreSQL as a private server.

They do the same work through their DB-API drivers. DuckDB works in threads of its own and PostgreSQL in another process, so what is
measured there is elapsed time. PostgreSQL keeps its files in a temporary folder, listens on a socket in it, and does not wait for the disk.
"""

import csv
import importlib
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import work
from postgres_server import PostgresServer, ServerNotFound

ROUNDS = 2


class Other(Protocol):
    """Another database: what the work calls of a connection, and its name with version."""

    name: str

    def cursor(self) -> Any:
        """A cursor."""

    def commit(self) -> None:
        """Commit."""

    def rollback(self) -> None:
        """Roll back."""

    def load(self, table: str, file: Path) -> None:
        """Load a CSV file."""

    def close(self) -> None:
        """End it."""


class Duck:
    """DuckDB in memory. Each statement is a transaction of its own, since nothing says BEGIN: commit has nothing to do."""

    autocommit = True

    def __init__(self) -> None:
        module = importlib.import_module("duckdb")
        self.name = f"DuckDB {module.__version__}"
        self._connection = module.connect(":memory:")

    def cursor(self) -> Any:
        """The connection itself: a cursor of DuckDB's is another connection."""
        return self._connection

    def commit(self) -> None:
        """Nothing is open."""

    rollback = commit

    def load(self, table: str, file: Path) -> None:
        """Load a CSV file."""
        self._connection.execute(f"COPY {table} FROM '{file}' (HEADER false)")

    def close(self) -> None:
        """End it."""
        self._connection.close()


class Postgres:
    """PostgreSQL, in a server of its own, by psycopg."""

    def __init__(self) -> None:
        psycopg = importlib.import_module("psycopg")
        self._server = PostgresServer()
        try:
            self._connection = psycopg.connect(self._server.address)
        except BaseException:
            self._server.stop()
            raise
        version = self._connection.info.server_version
        self.name = f"PostgreSQL {version // 10_000}.{version % 10_000}"

    @property
    def autocommit(self) -> bool:
        """Whether each statement is a transaction of its own."""
        return bool(self._connection.autocommit)

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self._connection.autocommit = value

    def cursor(self) -> Any:
        """A cursor that takes our placeholders."""
        return _QuestionMarks(self._connection.cursor())

    def commit(self) -> None:
        """Commit."""
        self._connection.commit()

    def rollback(self) -> None:
        """Roll back."""
        self._connection.rollback()

    def load(self, table: str, file: Path) -> None:
        """Load a CSV file, and let the planner know of it."""
        with self._connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy:
            copy.write(file.read_bytes())
        self.commit()
        self.autocommit = True
        self._connection.execute(f"VACUUM ANALYZE {table}")
        self.autocommit = False

    def close(self) -> None:
        """End the server, too."""
        self._connection.close()
        self._server.stop()


class _QuestionMarks:
    """A cursor of psycopg's whose placeholders are ours."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.fetchall = cursor.fetchall

    def execute(self, sql: str, values: Any = None) -> Any:
        """Run a statement."""
        return self._cursor.execute(sql.replace("?", "%s") if values else sql, values)


@contextmanager
def found(rows: int, say: Any) -> Iterator[list[Other]]:
    """The databases that are there, filled; `say` is told why another is not."""
    there: list[Other] = []
    try:
        for kind in (Duck, Postgres):
            try:
                other = kind()
            except (ImportError, ServerNotFound) as problem:
                say(f"{kind.__name__} is left out: {problem}; pip install 'exdbsql[bench]' brings the drivers")
                continue
            there.append(other)
            _fill(other, rows)
        yield there
    finally:
        for other in there:
            other.close()


def _fill(other: Other, rows: int) -> None:
    cursor = other.cursor()
    for statement in work.DEFINITIONS:
        cursor.execute(statement)
    other.commit()
    with tempfile.TemporaryDirectory() as folder:
        for table, data in work.tables(rows).items():
            file = Path(folder) / f"{table}.csv"
            with file.open("w", encoding="utf-8", newline="") as out:
                csv.writer(out).writerows(data)
            other.load(table, file)


def elapsed(line: work.Work, other: Other) -> float | None:
    """Best seconds per repeat; None for work that a driver is not made for."""
    if line.is_bulk:
        return None
    best = float("inf")
    for _ in range(min(line.rounds, ROUNDS)):
        run = line.run(other, line.repeats)
        began = time.perf_counter()
        run()
        best = min(best, (time.perf_counter() - began) / line.repeats)
    return best
