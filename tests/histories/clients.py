"""Clients of a running cluster, and a record of what they did: they append to lists and read them, transfer money, claim names, give
parents children and take parents away, go on and off duty, and write and ship notes (`notes.py`); one alters tables (`definer.py`).

Lists that have become long are left for others, so that a long run costs no more per transaction than a short one.

A process of its own, so that it can run inside a network namespace:

    python clients.py '{"nodes": ["127.0.0.1:5500", ...], "clients": 2, "level": "REPEATABLE READ", "seed": 7,
                       "definers": 1, "output": FILE}'

It runs until its standard input is closed; the record is then in the file, as JSON.
"""

import faulthandler
import json
import random
import sys
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any

import notes
from definer import Definer

import exdbsql

LISTS = 6
"""Lists that are in use at a time."""
GENERATIONS = 200
LONG = 100
"""Elements of a list whose readers go on to the next ones."""
ACCOUNTS = 5
OPENING_BALANCE = 100
SCHEMA = (
    "CREATE TABLE list (id integer PRIMARY KEY, elements text NOT NULL)",
    "CREATE TABLE account (id integer PRIMARY KEY, balance integer NOT NULL)",
    "CREATE TABLE claim (id integer PRIMARY KEY, name text NOT NULL UNIQUE)",
    "CREATE TABLE parent (id integer PRIMARY KEY)",
    "CREATE TABLE child (id integer PRIMARY KEY, parent integer NOT NULL REFERENCES parent)",
    "CREATE TABLE duty (id integer PRIMARY KEY, present boolean NOT NULL)",
    *notes.SCHEMA,
)
PARENTS = 4
PEOPLE = 2
PAUSE_S = 0.05
STUCK_S = 80
"""After the end a client has so long to finish its transaction."""


def set_up(target: str) -> None:
    """The tables, the empty lists and the accounts."""
    with exdbsql.connect(f"exdb://{target}/") as connection:
        cursor = connection.cursor()
        for statement in SCHEMA:
            cursor.execute(statement)
        cursor.executemany(
            "INSERT INTO list (id, elements) VALUES (?, '')", [(key,) for key in range(LISTS * GENERATIONS)]
        )
        cursor.executemany("INSERT INTO account VALUES (?, ?)", [(key, OPENING_BALANCE) for key in range(ACCOUNTS)])
        cursor.executemany("INSERT INTO parent VALUES (?)", [(key,) for key in range(PARENTS)])
        cursor.executemany("INSERT INTO duty VALUES (?, true)", [(key,) for key in range(PEOPLE)])
        connection.commit()


class Client(threading.Thread):
    """One client of one node: connects, works, and connects again when the node was gone."""

    def __init__(self, number: int, order: dict[str, Any], end: threading.Event) -> None:
        super().__init__(name=f"client {number}")
        nodes = order["nodes"]
        node = number % len(nodes)
        self.number = number
        self.target = nodes[node]
        self.level = order["level"]
        self.random = random.Random(order["seed"] * 1000 + number)
        self.end = end
        self.fresh = count(number, 1000)
        self.generation = 0
        self.daemon = True  # one that is stuck is told of, and must not keep the record from being written
        self.history: list[dict[str, Any]] = []
        self.claims: list[tuple[int, str, str]] = []
        self.children: list[tuple[int, int, str]] = []
        self.surprises: list[str] = []
        self.notebook = notes.Notebook(number, node, len(nodes), self.random, self.fresh, self.outcome_of)

    def run(self) -> None:
        while not self.end.is_set():
            try:
                with exdbsql.connect(f"exdb://{self.target}/") as connection:
                    self.notebook.connected()  # before the first answer: the process that gives it lived at this time
                    connection.cursor().execute(
                        f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {self.level}"
                    )
                    while not self.end.is_set():
                        self.one_transaction(connection)
            except exdbsql.Error:
                self.end.wait(PAUSE_S)

    def one_transaction(self, connection: exdbsql.Connection) -> None:
        kind = self.random.random()
        if kind < 0.45:
            self.lists(connection)
        elif kind < 0.55:
            self.transfer(connection)
        elif kind < 0.65:
            self.claim(connection)
        elif kind < 0.8:
            self.family(connection)
        elif kind < 0.87 and self.level == "SERIALIZABLE":
            self.change_duty(connection)
        else:
            self.notebook.step(connection)

    def lists(self, connection: exdbsql.Connection) -> None:
        """One to four appends and reads."""
        operations: list[Any] = []
        record = {"name": f"c{self.number}-{len(self.history)}", "operations": operations, "outcome": "unknown"}
        self.history.append(record)
        cursor = connection.cursor()

        def work() -> None:
            for _ in range(self.random.randint(1, 4)):
                key = self.generation * LISTS + self.random.randrange(LISTS)
                if self.random.random() < 0.5:
                    element = next(self.fresh)
                    operations.append(["append", key, element])
                    cursor.execute("UPDATE list SET elements = elements || ? WHERE id = ?", (f"{element} ", key))
                else:
                    cursor.execute("SELECT elements FROM list WHERE id = ?", (key,))
                    (text,) = cursor.fetchone() or ("",)
                    elements = [int(part) for part in text.split()]
                    operations.append(["read", key, elements])
                    if len(elements) >= LONG and key // LISTS == self.generation < GENERATIONS - 1:
                        self.generation += 1

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
            connection, lambda: cursor.execute("INSERT INTO claim (id, name) VALUES (?, ?)", (element, name))
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
                cursor.execute("INSERT INTO child (id, parent) VALUES (?, ?)", (child, parent))

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
    clients = [Client(number, order, end) for number in range(order["clients"] * len(order["nodes"]))]
    definers = [Definer(order["nodes"], order["seed"] + number, end) for number in range(order["definers"])]
    for thread in [*clients, *definers]:
        thread.start()
    sys.stdin.read()
    end.set()
    deadline = time.monotonic() + STUCK_S
    for thread in [*clients, *definers]:
        thread.join(max(0.0, deadline - time.monotonic()))
    if any(thread.is_alive() for thread in [*clients, *definers]):
        faulthandler.dump_traceback()
    record: dict[str, list[Any]] = {
        "history": [transaction for client in clients for transaction in client.history],
        "claims": [claim for client in clients for claim in client.claims],
        "children": [one for client in clients for one in client.children],
        "definitions": [one for definer in definers for one in definer.record],
        "surprises": [line for thread in [*clients, *definers] for line in thread.surprises],
        "stuck": [thread.name for thread in [*clients, *definers] if thread.is_alive()],
    }
    for client in clients:
        for what, done in client.notebook.record.items():
            record.setdefault(what, []).extend(done)
    Path(order["output"]).write_text(json.dumps(record), encoding="utf-8")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
