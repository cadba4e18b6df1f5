"""A client that changes the definitions of tables while the others write, and what its statements must have left in the end.

Every name is used once, so that a statement says for ever what it did: a column or an index is there, is not, or (where nobody knows
what became of the last statement about it) may be. A new column has a value that is its own; rows of writers that
did not know it must have that value all the same.
"""

import random
import threading
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any

import exdbsql

PAUSE_S = 0.4
MOST = 5
"""Columns and indexes that are there at a time."""
TABLES = ("list", "account", "child", "note", "board")
INDEXED = ("account (balance)", "child (parent)", "claim (name, id)", "note (writer)", "board (said)")


class Definer(threading.Thread):
    """One client that has nothing but DDL to say, to one node after another.

    Attributes:
        record: (what, name, table, whether it is to be there, outcome).
    """

    def __init__(self, targets: Sequence[str], seed: int, end: threading.Event) -> None:
        super().__init__(name="definer")
        self.targets = targets
        self.random = random.Random(seed)
        self.end = end
        self.fresh = count(1)
        self.there: list[tuple[str, str, str]] = []
        self.record: list[tuple[str, str, str, bool, str]] = []
        self.surprises: list[str] = []

    def run(self) -> None:
        while not self.end.is_set():
            try:
                with exdbsql.connect(f"exdb://{self.random.choice(self.targets)}/") as connection:
                    # another node may know what was acknowledged, and this one not yet
                    connection.cursor().execute("SET read_consistency = linearizable")
                    connection.cursor().execute("SELECT id FROM duty")
                    connection.commit()
                    for _ in range(5):
                        self.one_statement(connection)
                        self.end.wait(PAUSE_S)
            except exdbsql.Error:
                self.end.wait(PAUSE_S)

    def one_statement(self, connection: exdbsql.Connection) -> None:
        """Add a column or an index; or take one away."""
        if len(self.there) >= MOST or (self.there and self.random.random() < 0.3):
            what, name, table = self.there.pop(self.random.randrange(len(self.there)))
            text = f"ALTER TABLE {table} DROP COLUMN {name}" if what == "column" else f"DROP INDEX {name}"
            self.record.append((what, name, table, False, self._outcome(connection, text)))
            return
        number = next(self.fresh)
        if self.random.random() < 0.6:
            what, name, table = "column", f"c{number}", self.random.choice(TABLES)
            text = f"ALTER TABLE {table} ADD COLUMN {name} integer NOT NULL DEFAULT {number}"
        else:
            on = self.random.choice(INDEXED)
            what, name, table = "index", f"i{number}", on.split()[0]
            text = f"CREATE INDEX {name} ON {on}"
        outcome = self._outcome(connection, text)
        self.record.append((what, name, table, True, outcome))
        if outcome == "ok":
            self.there.append((what, name, table))

    def _outcome(self, connection: exdbsql.Connection, text: str) -> str:
        try:
            connection.cursor().execute(text)
            connection.commit()
        except exdbsql.CommitOutcomeUnknownError:
            return "unknown"
        except exdbsql.Error as error:
            if connection.transaction_state == "disconnected":
                return "unknown"
            connection.rollback()
            if not error.retryable and not isinstance(error, exdbsql.NoQuorumError):
                self.surprises.append(f"{text}: {error!r}")
            return "void"
        return "ok"


def wrong_definitions(
    record: Iterable[Sequence[Any]], columns: Mapping[str, Sequence[str]], indexes: Iterable[str]
) -> list[str]:
    """What is there although it must not be, or the other way round, a line each."""
    found = []
    there = {name for names in columns.values() for name in names} | set(indexes)
    expected: dict[str, bool | None] = {}
    for what, name, table, to_be_there, outcome in record:
        if outcome != "void":
            expected[f"{what} {name} of {table}"] = to_be_there if outcome == "ok" else None
        else:
            expected.setdefault(f"{what} {name} of {table}", False)
    for full, to_be_there in expected.items():
        if to_be_there is not None and (full.split()[1] in there) is not to_be_there:
            found.append(
                f"{full} is {'not ' if to_be_there else ''}there, and was {'' if to_be_there else 'not '}to be"
            )
    return found


def wrong_values(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Rows whose value in an added column is not that column's own, a line each."""
    own = {at: int(name[1:]) for at, name in enumerate(columns) if name[0] == "c" and name[1:].isdecimal()}
    return [
        f"{table} has {row}, and {columns[at]} is {value} in every row"
        for row in rows
        for at, value in own.items()
        if row[at] != value
    ]
