"""What clients do with DISTRIBUTED tables: notes that one life of one node changes, a board that everybody writes on, and exchanges.

A note's changes are numbered: 1 it is inserted, 2 and on it is changed, the last may be that it is deleted. A client changes only
notes that it made over the connection that it has, so all changes of a note come from one process of its node, one after the
other: no exchange may ever find a conflict among them. The board's rows are changed by everybody, so exchanges of it say which side
to keep. Times are those of `time.monotonic`, which all processes of a machine share.
"""

import random
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import exdbsql

SCHEMA = (
    "CREATE DISTRIBUTED TABLE note (id integer PRIMARY KEY, writer integer NOT NULL, version integer NOT NULL)",
    "CREATE DISTRIBUTED TABLE board (id integer PRIMARY KEY, said integer NOT NULL)",
)
PLACES = 10
"""Rows of the board."""
Attempt = Callable[[exdbsql.Connection, Callable[[], None]], str]
"""Runs and commits; ok, void or unknown."""


class Notebook:
    """One client's notes, and a record of what it did with them."""

    def __init__(self, writer: int, node: int, nodes: int, rng: random.Random, fresh: count, attempt: Attempt) -> None:  # type: ignore[type-arg]  # of int
        self.writer = writer
        self.node = node
        self.others = [other for other in range(nodes) if other != node]
        self.random = rng
        self.fresh = fresh
        self.attempt = attempt
        self.connected_at = 0.0
        self.mine: dict[int, int] = {}
        self.record: dict[str, list[Any]] = {"changes": [], "exchanges": [], "looks": [], "said": [], "surprises": []}

    def connected(self) -> None:
        """A new connection, perhaps to another process."""
        self.connected_at = time.monotonic()
        self.mine.clear()

    def step(self, connection: exdbsql.Connection) -> None:
        """Change a note or the board, ship either, or look at all notes."""
        kind = self.random.random()
        if kind < 0.5:
            self.change(connection)
        elif kind < 0.65:
            self.say(connection)
        elif kind < 0.85:
            self.ship_notes(connection)
        elif kind < 0.97:
            self.ship_board(connection)
        else:
            self.look(connection)

    def change(self, connection: exdbsql.Connection) -> None:
        """A note is made, changed or taken away."""
        cursor = connection.cursor()
        kind = self.random.random()
        if not self.mine or kind < 0.5:
            what, key, version = "insert", next(self.fresh), 1
            text, values = "INSERT INTO note (id, writer, version) VALUES (?, ?, ?)", (key, self.writer, version)
        else:
            key = self.random.choice(list(self.mine))
            version = self.mine[key] + 1
            what = "update" if kind < 0.85 else "delete"
            text, values = "UPDATE note SET version = ? WHERE id = ?", (version, key)
            if what == "delete":
                text, values = "DELETE FROM note WHERE id = ?", (key,)
        change = [key, version, what, self.node, self.connected_at, None, "unknown"]
        self.record["changes"].append(change)

        def work() -> None:
            cursor.execute(text, values)
            if cursor.rowcount != 1:
                self.record["surprises"].append(f"{what} of note {key} at {version} met {cursor.rowcount} rows")

        change[6] = self.attempt(connection, work)
        change[5] = time.monotonic()
        if change[6] == "ok":
            self.mine[key] = version
        if what == "delete" and change[6] != "void":
            self.mine.pop(key, None)

    def say(self, connection: exdbsql.Connection) -> None:
        """Write on the board."""
        place, said = self.random.randrange(PLACES), next(self.fresh)
        put = "INSERT INTO board (id, said) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET said = excluded.said"
        outcome = self.attempt(connection, lambda: connection.cursor().execute(put, (place, said)))
        self.record["said"].append([place, said, outcome])

    def ship_notes(self, connection: exdbsql.Connection) -> None:
        """Scatter to named nodes, or gather from them: that it was done says where the notes are."""
        others = self.random.sample(self.others, self.random.randint(1, len(self.others)))
        names = ", ".join(map(str, others))
        scatter = self.random.random() < 0.5
        what = f"SCATTER note TO {names}" if scatter else f"GATHER note FROM {names}"
        began = time.monotonic()

        def work() -> None:
            try:
                connection.cursor().execute(what)
            except exdbsql.ConflictError as error:
                if "since the two last met" in str(error):
                    self.record["surprises"].append(f"{what} at node {self.node}: {error}")
                raise

        outcome = self.attempt(connection, work)
        kind = "scatter" if scatter else "gather"
        self.record["exchanges"].append([kind, self.node, self.connected_at, others, began, time.monotonic(), outcome])

    def ship_board(self, connection: exdbsql.Connection) -> None:
        """To or from everybody who is connected, with either side kept."""
        what = self.random.choice(("SCATTER board TO ALL", "GATHER board FROM ALL"))
        keep = self.random.choice(("", " ON CONFLICT KEEP SOURCE", " ON CONFLICT KEEP TARGET"))
        self.attempt(connection, lambda: connection.cursor().execute(what + keep))

    def look(self, connection: exdbsql.Connection) -> None:
        """All notes as they are here."""
        began = time.monotonic()
        rows: list[Any] = []

        def work() -> None:
            rows.extend(connection.cursor().execute("SELECT id, version FROM note").fetchall())

        if self.attempt(connection, work) == "ok":
            self.record["looks"].append([self.node, self.connected_at, began, time.monotonic(), rows])
