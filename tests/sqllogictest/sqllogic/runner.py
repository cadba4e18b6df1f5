"""Running records on a connection, and whole files on a database of their own."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import exdbsql
from sqllogic.records import Record, read_records
from sqllogic.results import hashed, mismatch, values_of, written


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that did not do what it should."""

    record: Record
    reason: str

    def __str__(self) -> str:
        return f"line {self.record.line}: {self.reason}\n{self.record.sql}"


class Runner:
    """Runs the records of one file on one connection, which commits each statement."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._labels: dict[str, str] = {}

    def run(self, record: Record) -> Failure | None:
        """Run one record; what was wrong, or None."""
        try:
            rows = self.rows(record.sql)
        except exdbsql.InternalError as error:
            return Failure(record, f"a bug: {error}")
        except exdbsql.Error as error:
            return (
                None if record.fails else Failure(record, f"{type(error).__name__} {error.sqlstate}: {error.message}")
            )
        if record.kind == "statement":
            return Failure(record, "it should have failed") if record.fails else None
        if any(len(row) != len(record.types) for row in rows):
            return Failure(record, f"{len(record.types)} columns expected, {len(rows[0])} given")
        values = values_of(record, rows)
        wrong = mismatch(record, values)
        if wrong is None and record.label:
            wrong = self._other_than_before(record, values)
        return None if wrong is None else Failure(record, wrong)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement; its rows, or none."""
        cursor = self._connection.execute(sql)
        return cursor.fetchall() if cursor.description is not None else []

    def _other_than_before(self, record: Record, values: list[str]) -> str | None:
        digest = hashed(values)
        first = self._labels.setdefault(record.label, digest)
        return None if first == digest else f"not what other queries with the label {record.label} give"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: how many records ran, and those that failed."""

    count: int
    failures: list[Failure]


def run_file(path: Path, *, database: str = "postgresql", limit: int | None = None) -> Outcome:
    """Run a file, or its first records, on a new database in memory."""
    failures, count = [], 0
    with exdbsql.connect() as connection:
        connection.autocommit = True
        runner = Runner(connection)
        for record in islice(read_records(path.read_text(encoding="utf-8"), database), limit):
            count += 1
            failure = runner.run(record)
            if failure is not None:
                failures.append(failure)
    return Outcome(count, failures)


def completed(text: str) -> Iterator[str]:
    """The lines of a new file with the results that its queries give now, for its author to check by eye."""
    results: dict[int, list[str]] = {}
    with exdbsql.connect() as connection:
        connection.autocommit = True
        runner = Runner(connection)
        for record in read_records(text):
            if record.kind == "query":
                results[record.line] = written(record, values_of(record, runner.rows(record.sql)))
            else:
                runner.run(record)
    inside: int | None = None
    for number, line in enumerate(text.rstrip("\n").split("\n"), 1):
        if line.split(" ")[0] == "query":
            inside = number
        if inside in results and (line.strip() == "----" or not line.strip()):
            yield from ["----", *results.pop(inside)]
        if inside is None or inside in results or not line.strip():
            yield line
        if not line.strip():
            inside = None
    if inside in results:
        yield from ["----", *results.pop(inside)]
