"""A runner for sqllogictest files: reads the records, runs them, and tells which failed.

The format is SQLite's (``about`` of the sqllogictest corpus): ``statement ok|error``, ``query TYPES [sort] [label]``,
``skipif``/``onlyif``, ``halt``, ``hash-threshold``.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from exdbsql.engine.database import Database
from exdbsql.engine.query.prepare import Planner
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import Error

DATABASE = "postgresql"


@dataclass
class Record:
    """One record of a file."""

    line: int
    kind: str  # statement or query
    arguments: list[str]
    sql: str
    expected: list[str] = field(default_factory=list)


@dataclass
class Failure:
    """A record that did not do what it should."""

    record: Record
    reason: str

    def __str__(self) -> str:
        return f"line {self.record.line}: {self.reason}\n{self.record.sql}"


def read_records(text: str) -> Iterator[Record]:
    """The records that apply to `DATABASE`; a skip because an alias lacks AS is old, and such records run."""
    lines = text.split("\n")
    i = 0
    skip = False
    while i < len(lines):
        line = lines[i].split("#")[0].strip() if not lines[i].startswith("#") else ""
        words = line.split()
        if not words:
            i += 1
            continue
        if words[0] in ("skipif", "onlyif"):
            comment = lines[i].partition("#")[2]
            named = words[1] == DATABASE
            if words[0] == "onlyif" and not named:
                skip = True
            if words[0] == "skipif" and named and "AS" not in comment:
                skip = True
            i += 1
            continue
        start = i
        i += 1
        if words[0] == "halt":
            if not skip:
                return
            skip = False
            continue
        if words[0] not in ("statement", "query"):
            skip = False
            continue
        sql, expected = [], []
        while i < len(lines) and lines[i].strip() and lines[i] != "----":
            sql.append(lines[i])
            i += 1
        if i < len(lines) and lines[i] == "----":
            i += 1
            while i < len(lines) and lines[i].strip():
                expected.append(lines[i])
                i += 1
        if not skip:
            yield Record(start + 1, words[0], words[1:], "\n".join(sql), expected)
        skip = False


class Runner:
    """Runs records against a fresh database."""

    def __init__(self) -> None:
        self.database = Database(Dictionary())
        self.planner = Planner(self.database)

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement in a transaction of its own."""
        first = sql.split(None, 1)[0].lower()
        if first in ("create", "drop"):
            for statement in parse_ddl(sql):
                self.database.execute_ddl(statement)
            return []
        bound = self.planner.prepare(sql)
        txn = self.database.begin()
        try:
            result = bound.statement.run(txn, bound.bind())
        except BaseException:
            txn.rollback()
            raise
        txn.commit()
        return result if isinstance(result, list) else []

    def run(self, record: Record) -> Failure | None:
        """Run one record."""
        try:
            rows = self.execute(record.sql)
        except Error as error:
            if record.kind == "statement" and record.arguments[0] == "error":
                return None
            return Failure(record, f"{type(error).__name__} {error.sqlstate}: {error.message}")
        except Exception as error:  # noqa: BLE001  # a bug of ours is a failed record too
            return Failure(record, f"BUG {type(error).__name__}: {error}")
        if record.kind == "statement":
            return Failure(record, "should have failed") if record.arguments[0] == "error" else None
        return self._compare(record, rows)

    def _compare(self, record: Record, rows: list[tuple[Any, ...]]) -> Failure | None:
        types = record.arguments[0]
        sort = record.arguments[1] if len(record.arguments) > 1 else "nosort"
        if any(len(row) != len(types) for row in rows):
            return Failure(record, f"{len(types)} columns expected")
        shown = [[show(v, t) for v, t in zip(row, types, strict=True)] for row in rows]
        if sort == "rowsort":
            shown.sort()
        values = [v for row in shown for v in row]
        if sort == "valuesort":
            values.sort()
        expected = record.expected
        if len(expected) == 1 and "values hashing to" in expected[0]:
            digest = hashlib.md5("".join(v + "\n" for v in values).encode()).hexdigest()
            got = f"{len(values)} values hashing to {digest}"
            return None if got == expected[0] else Failure(record, f"expected {expected[0]}, got {got}: {values[:6]}")
        if values != expected:
            return Failure(record, f"expected {expected[:12]}, got {values[:12]}")
        return None


def show(value: Any, kind: str) -> str:
    """A value as the files write it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        value = int(value)
    if kind == "I":
        return str(int(value)) if isinstance(value, (int, float, Decimal)) else "0"
    if kind == "R":
        return f"{value:.3f}"
    text = str(value)
    return "".join(c if " " <= c <= "~" else "@" for c in text) or "(empty)"


def run_file(path: Path, limit: int | None = None) -> tuple[int, list[Failure]]:
    """How many records ran, and those that failed."""
    runner = Runner()
    failures = []
    count = 0
    for record in read_records(path.read_text()):
        count += 1
        failure = runner.run(record)
        if failure is not None:
            failures.append(failure)
        if limit is not None and count >= limit:
            break
    return count, failures


if __name__ == "__main__":
    import sys
    import time

    for name in sys.argv[1:]:
        start = time.perf_counter()
        total, failed = run_file(Path(name))
        print(f"{name}: {total} records, {len(failed)} failed, {time.perf_counter() - start:.1f} s")
        for failure in failed[:6]:
            print(str(failure)[:700])
