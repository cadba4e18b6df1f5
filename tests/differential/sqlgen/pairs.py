"""The databases side by side, and what it means that they agree."""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any, Final

import exdbsql
from exdbsql.schema import sqlstate
from sqlgen.references import Outcome, Reference, new_reference
from sqlgen.tables import INDEXES, TABLES, rows

NOT_COMPARED: Final = frozenset({sqlstate.DIVISION_BY_ZERO, sqlstate.NUMERIC_VALUE_OUT_OF_RANGE, "0A000"})
"""Errors that say nothing: SQLite has no like of the first two, and in PostgreSQL too it depends on the plan whether a row that
another condition drops is divided by zero before. The last: not there yet."""


_ORDERED: Final = re.compile(r"ORDER BY \d+ ")
"""The query's own order, which is by places of its outputs; that of a window is by columns."""


class Disagreement(AssertionError):
    """A statement whose outcome is not the reference's."""


@dataclass
class Databases:
    """The reference and two of ours, with the same rows: one with indexes, one without.

    Attributes:
        skipped: how many statements were not compared, by SQLSTATE.
    """

    reference: Reference
    ours: list[exdbsql.Connection]
    skipped: Counter[str] = field(default_factory=Counter)
    _open: bool = False

    @classmethod
    def filled(cls, rng: Random, size: int) -> "Databases":
        """New databases with random rows."""
        made = cls(new_reference(), [exdbsql.connect(), exdbsql.connect()])
        for con in made.ours:
            con.autocommit = True
        for table in TABLES:
            made._everywhere(table.create())
        for sql in INDEXES:
            made.ours[0].execute(sql)
        for name, values in rows(rng, size):
            made._everywhere(f"INSERT INTO {name} VALUES ({', '.join('?' * len(values))})", values)
        return made

    def _everywhere(self, sql: str, parameters: tuple[Any, ...] = ()) -> None:
        outcome = self.reference.run(sql, parameters)
        assert outcome.error is None, (sql, outcome)
        for con in self.ours:
            con.execute(sql, parameters)

    def close(self) -> None:
        """Close all of them."""
        self.reference.close()
        for con in self.ours:
            con.close()

    def begin(self) -> None:
        """Begin a transaction everywhere."""
        self._everywhere("BEGIN")
        self._open = True

    def end(self, how: str) -> None:
        """COMMIT or ROLLBACK everywhere."""
        self._open = False
        self._everywhere(how)

    def check(self, sql: str) -> bool:
        """Run a statement everywhere; a change that fails in ours is not run in the reference. False: it failed, and its transaction with it.

        Raises:
            Disagreement: rows, counts or errors are not the same.
        """
        mine = self._checked(sql)
        if self._open and mine.error is not None:
            self.end("ROLLBACK")
        return mine.error is None

    def _checked(self, sql: str) -> Outcome:
        mine, other = (self._run(con, sql) for con in self.ours)
        skip = {mine.error, other.error} & NOT_COMPARED
        if skip:
            self.skipped[str(skip.pop())] += 1
            return mine if mine.error is not None else other
        if _plain_outcome(mine, sql) != _plain_outcome(other, sql):
            raise Disagreement(f"{sql}\nwith indexes {mine}, without {other}")
        theirs = self.reference.run(sql)
        if theirs.error in NOT_COMPARED or (mine.error and theirs.error and mine.error.startswith(theirs.error)):
            self.skipped[str(theirs.error)] += 1
        elif _plain_outcome(mine, sql) != _plain_outcome(theirs, sql):
            raise Disagreement(_difference(sql, mine, theirs))
        return mine

    def check_change(self, sql: str, table: str) -> None:
        """The same for a change, and then for what its table holds."""
        self.check(sql)
        self.check(f"SELECT * FROM {table}")

    def _run(self, con: exdbsql.Connection, sql: str) -> Outcome:
        try:
            cursor = con.execute(sql)
        except exdbsql.InternalError as error:
            raise Disagreement(f"{sql}\n{error}") from error
        except exdbsql.Error as error:
            return Outcome(error=error.sqlstate)
        return Outcome(count=cursor.rowcount) if cursor.description is None else Outcome(cursor.fetchall())


def _plain(value: Any) -> Any:
    """A value as all sides have it: exact numbers and floats alike, dates as text, booleans as numbers."""
    if isinstance(value, (bool, int, float, Decimal)):
        return round(float(value), 6) + 0.0
    return value.isoformat() if isinstance(value, date) else value


def _plain_rows(rows: list[tuple[Any, ...]] | None, sql: str) -> list[Any]:
    plain = [tuple(map(_plain, row)) for row in rows or ()]
    return plain if _ORDERED.search(sql) else sorted(plain, key=repr)


def _plain_outcome(outcome: Outcome, sql: str) -> Any:
    return outcome.error, outcome.count, _plain_rows(outcome.rows, sql)


def _difference(sql: str, mine: Outcome, theirs: Outcome) -> str:
    if mine.rows is None or theirs.rows is None:
        return f"{sql}\n{mine} here, there {theirs}"
    ours, other = Counter(_plain_rows(mine.rows, sql)), Counter(_plain_rows(theirs.rows, sql))
    more, less = list((ours - other).elements())[:5], list((other - ours).elements())[:5]
    return f"{sql}\n{len(mine.rows)} rows here, {len(theirs.rows)} there; only here: {more}; only there: {less}"
