"""What the answers are held against: sqlite3, which every Python has; or PostgreSQL, where one is running.

``EXDBSQL_POSTGRESQL`` names a PostgreSQL database by psycopg's connection string (psycopg is not among the project's dependencies).
It is the stricter one: errors are compared too, by SQLSTATE. Its tables live in a schema of their own, dropped at the end.
"""

import os
import re
import sqlite3
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

_DAY = re.compile(r"date ('[\d-]+')")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Rows, a count, or an error's SQLSTATE."""

    rows: list[tuple[Any, ...]] | None = None
    count: int | None = None
    error: str | None = None


class Reference(Protocol):
    """A database to compare with."""

    def run(self, sql: str, parameters: tuple[Any, ...] = ()) -> Outcome:
        """Run a statement, as a transaction of its own."""

    def close(self) -> None:
        """Let it go."""


class Sqlite:
    """SQLite in memory."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.execute("PRAGMA case_sensitive_like = ON")

    def run(self, sql: str, parameters: tuple[Any, ...] = ()) -> Outcome:
        """Run a statement in SQLite's dialect."""
        try:
            cursor = self._connection.execute(_DAY.sub(r"\1", sql), [_for_sqlite(v) for v in parameters])
            return Outcome(cursor.fetchall()) if cursor.description else Outcome(count=cursor.rowcount)
        except sqlite3.IntegrityError:
            return Outcome(error="23")

    def close(self) -> None:
        """Close it."""
        self._connection.close()


class Postgresql:
    """A PostgreSQL server."""

    def __init__(self, target: str) -> None:
        import psycopg

        self._errors = psycopg.Error
        self._connection: Any = psycopg.connect(target, autocommit=True)
        self._schema = f"exdbsql_{os.getpid()}"
        self._connection.execute(f"DROP SCHEMA IF EXISTS {self._schema} CASCADE")
        self._connection.execute(f"CREATE SCHEMA {self._schema}")
        self._connection.execute(f"SET search_path = {self._schema}")

    def run(self, sql: str, parameters: tuple[Any, ...] = ()) -> Outcome:
        """Run a statement."""
        try:
            if parameters:
                cursor = self._connection.execute(sql.replace("?", "%s"), parameters)
            else:
                cursor = self._connection.execute(sql)
            return Outcome(cursor.fetchall()) if cursor.description else Outcome(count=cursor.rowcount)
        except self._errors as error:
            return Outcome(error=error.sqlstate)

    def close(self) -> None:
        """Drop the tables, and close."""
        self._connection.execute(f"DROP SCHEMA {self._schema} CASCADE")
        self._connection.close()


def new_reference() -> Reference:
    """PostgreSQL where ``EXDBSQL_POSTGRESQL`` names one, else SQLite."""
    target = os.environ.get("EXDBSQL_POSTGRESQL")
    return Postgresql(target) if target else Sqlite()


def _for_sqlite(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value.isoformat() if isinstance(value, date) else value
