"""Clients of a running cluster, and a record of what they did: they append to lists and read them, transfer money, claim names, give
parents children and take parents away, go on and off duty, and ship notes between the nodes.

A process of its own, so that it can run inside a network namespace:

    python clients.py '{"nodes": ["127.0.0.1:5500", ...], "clients": 2, "level": "REPEATABLE READ", "seed": 7, "output": FILE}'

It runs until its standard input is closed; the record is then in the file, as JSON.
"""

import json
import random
import sys
import threading
from itertools import count
from pathlib import Path
from typing import Any

import exdbsql

LISTS = 6
ACCOUNTS = 5
OPENING_BALANCE = 100
SCHEMA = (
    "CREATE TABLE list (id integer PRIMARY KEY, elements text NOT NULL)",
    "CREATE TABLE account (id integer PRIMARY KEY, balance integer NOT NULL)",
    "CREATE TABLE claim (id integer PRIMARY KEY, name text NOT NULL UNIQUE)",
    "CREATE TABLE parent (id integer PRIMARY KEY)",
    "CREATE TABLE child (id integer PRIMARY KEY, parent integer NOT NULL REFERENCES parent)",
    "CREATE TABLE duty (id integer PRIMARY KEY, present boolean NOT NULL)",
    "CREATE DISTRIBUTED TABLE note (id integer PRIMARY KEY, writer integer NOT NULL)",
)
PARENTS = 4
PEOPLE = 2
PAUSE_S = 0.05


def set_up(target: str) -> None:
    """The tables, the empty lists and the accounts."""
    with exdbsql.connect(f"exdb://{target}/") as connection:
        cursor = connection.cursor()
        for statement in SCHEMA:
            cursor.execute(statement)
        cursor.executemany("INSERT INTO list VALUES (?, '')", [(key,) for key in range(LISTS)])
        cursor.executemany("INSERT INTO account VALUES (?, ?)", [(key, OPENING_BALANCE) for key in range(ACCOUNTS)])
        cursor.executemany("INSERT INTO parent VALUES (?)", [(key,) for key in range(PARENTS)])
        cursor.executemany("INSERT INTO duty VALUES (?, true)", [(key,) for key in range(PEOPLE)])
        connection.commit()


class Client(threading.Thread):
    """One client of one node: connects, works, and connects again when the node was gone."""

    def __init__(self, number: int, target: str, level: str, seed: int, end: threading.Event) -> None:
        super().__init__(name=f"client {number}")
        self.number = number
        self.target = target
        self.level = level
        self.random = random.Random(seed * 1000 + number)
        self.end = end
        self.fresh = count(number, 1000)
        self.history: list[dict[str, Any]] = []
        self.claims: list[tuple[int, str, str]] = []
        self.children: list[tuple[int, int, str]] = []
        self.notes: list[tuple[int, int, str]] = []
        self.exchanges: list[str] = []
        self.surprises: list[str] = []

    def run(self) -> None:
        while not self.end.is_set():
            try:
                with exdbsql.connect(f"exdb://{self.target}/") as connection:
                    connection.cursor().execute(
                        f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {self.level}"
                    )
                    while not self.end.is_set():
                        self.one_transaction(connection)
            except exdbsql.Error:
                self.end.wait(PAUSE_S)

    def one_transaction(self, connection: exdbsql.Connection) -> None:
        kind = self.random.random()
        if kind < 0.5:
            self.lists(connection)
        elif kind < 0.6:
            self.transfer(connection)
        elif kind < 0.7:
            self.claim(connection)
        elif kind < 0.85:
            self.family(connection)
        elif kind < 0.93:
            self.note(connection)
        elif self.level == "SERIALIZABLE":
            self.change_duty(connection)
        else:
            self.ship(connection)

    def lists(self, connection: exdbsql.Connection) -> None:
        """One to four appends and reads."""
        operations: list[Any] = []
        record = {"name": f"c{self.number}-{len(self.history)}", "operations": operations, "outcome": "unknown"}
        self.history.append(record)
        cursor = connection.cursor()

        def work() -> None:
            for _ in range(self.random.randint(1, 4)):
                key = self.random.randrange(LISTS)
                if self.random.random() < 0.5:
                    element = next(self.fresh)
                    operations.append(["append", key, element])
                    cursor.execute("UPDATE list SET elements = elements || ? WHERE id = ?", (f"{element} ", key))
                else:
                    cursor.execute("SELECT elements FROM list WHERE id = ?", (key,))
                    (text,) = cursor.fetchone() or ("",)
                    operations.append(["read", key, [int(part) for part in text.split()]])

        record["outcome"] = self.outcome_of(connection, work)

    def transfer(self, connection: exdbsql.Connection) -> None:
        """Moves money; the sum over all accounts is the same in every snapshot."""
        cursor = connection.cursor()
        source, target = self.random.sample(range(ACCOUNTS), 2)

        def work() -> None:
            cursor.execute("SELECT sum(balance) FROM account")
            (total,) = cursor.fetchone() or (None,)
            if total != ACCOUNTS * OPENING_BALANCE:
                self.surprises.append(f"{self.name} at {self.target}: the balances sum to {total}")
            cursor.execute("UPDATE account SET balance = balance - 1 WHERE id = ?", (source,))
            cursor.execute("UPDATE account SET balance = balance + 1 WHERE id = ?", (target,))

        self.outcome_of(connection, work)

    def claim(self, connection: exdbsql.Connection) -> None:
        """Clients of all nodes claim the same few names; each may be had once."""
        cursor = connection.cursor()
        element, name = next(self.fresh), f"name {self.random.randrange(200)}"
        outcome = self.outcome_of(
            connection, lambda: cursor.execute("INSERT INTO claim VALUES (?, ?)", (element, name))
        )
        self.claims.append((element, name, outcome))

    def family(self, connection: exdbsql.Connection) -> None:
        """A child for a parent, or a parent that goes or comes back; every snapshot has a parent for each child."""
        cursor = connection.cursor()
        parent, child = self.random.randrange(PARENTS), next(self.fresh)
        if self.random.random() < 0.5:

            def bear() -> None:
                cursor.execute("SELECT count(*) FROM child WHERE parent NOT IN (SELECT id FROM parent)")
                (orphans,) = cursor.fetchone() or (None,)
                if orphans != 0:
                    self.surprises.append(f"{self.name} at {self.target}: {orphans} children without a parent")
                cursor.execute("INSERT INTO child VALUES (?, ?)", (child, parent))

            self.children.append((child, parent, self.outcome_of(connection, bear)))
        elif self.random.random() < 0.5:
            self.outcome_of(connection, lambda: cursor.execute("DELETE FROM parent WHERE id = ?", (parent,)))
        else:
            self.outcome_of(connection, lambda: cursor.execute("INSERT INTO parent VALUES (?)", (parent,)))

    def change_duty(self, connection: exdbsql.Connection) -> None:
        """Goes off duty if another one stays; write skew would leave nobody, which no snapshot may show."""
        cursor = connection.cursor()
        who = self.random.randrange(PEOPLE)

        def work() -> None:
            cursor.execute("SELECT id FROM duty WHERE present")
            there = [row[0] for row in cursor.fetchall()]
            if not there:
                self.surprises.append(f"{self.name} at {self.target}: nobody is on duty")
            present = len(there) == PEOPLE and self.random.random() < 0.7
            cursor.execute("UPDATE duty SET present = ? WHERE id = ?", (not present, who))

        self.outcome_of(connection, work)

    def note(self, connection: exdbsql.Connection) -> None:
        """A row of a DISTRIBUTED table: it stays on this node until somebody ships it."""
        cursor = connection.cursor()
        element = next(self.fresh)
        outcome = self.outcome_of(
            connection, lambda: cursor.execute("INSERT INTO note VALUES (?, ?)", (element, self.number))
        )
        self.notes.append((element, self.number, outcome))

    def ship(self, connection: exdbsql.Connection) -> None:
        """Scatter or gather; whatever becomes of it, notes are neither lost nor doubled."""
        cursor = connection.cursor()
        what = self.random.choice(("SCATTER note TO ALL", "GATHER note FROM ALL"))
        self.exchanges.append(self.outcome_of(connection, lambda: cursor.execute(what)))

    def outcome_of(self, connection: exdbsql.Connection, work: Any) -> str:
        """Run `work` and commit. An error that leaves the connection of use is void; a lost one may be anything."""
        committing = False
        try:
            work()
            committing = True
            connection.commit()
        except (exdbsql.ConflictError, exdbsql.IntegrityError):
            connection.rollback()
            return "void"
        except exdbsql.NoQuorumError:
            connection.rollback()
            self.end.wait(PAUSE_S)
            return "void"
        except exdbsql.CommitOutcomeUnknownError:
            return "unknown"
        except exdbsql.Error:
            if connection.transaction_state == "disconnected":
                if committing:
                    return "unknown"
                raise
            connection.rollback()
            return "unknown" if committing else "void"
        return "ok"


def main(order: dict[str, Any]) -> None:
    """Run the clients until standard input closes; write the record."""
    end = threading.Event()
    clients = [
        Client(number, order["nodes"][number % len(order["nodes"])], order["level"], order["seed"], end)
        for number in range(order["clients"] * len(order["nodes"]))
    ]
    for client in clients:
        client.start()
    sys.stdin.read()
    end.set()
    for client in clients:
        client.join(60)
    record = {
        "history": [transaction for client in clients for transaction in client.history],
        "claims": [claim for client in clients for claim in client.claims],
        "children": [one for client in clients for one in client.children],
        "notes": [one for client in clients for one in client.notes],
        "exchanges": [outcome for client in clients for outcome in client.exchanges],
        "surprises": [line for client in clients for line in client.surprises],
        "stuck": [client.name for client in clients if client.is_alive()],
    }
    Path(order["output"]).write_text(json.dumps(record), encoding="utf-8")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
