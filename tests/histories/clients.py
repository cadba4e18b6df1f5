"""Clients of a running cluster that append to lists, read lists, transfer money and claim names, and record what they did.

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
)
PAUSE_S = 0.05


def set_up(target: str) -> None:
    """The tables, the empty lists and the accounts."""
    with exdbsql.connect(f"exdb://{target}/") as connection:
        cursor = connection.cursor()
        for statement in SCHEMA:
            cursor.execute(statement)
        cursor.executemany("INSERT INTO list VALUES (?, '')", [(key,) for key in range(LISTS)])
        cursor.executemany("INSERT INTO account VALUES (?, ?)", [(key, OPENING_BALANCE) for key in range(ACCOUNTS)])
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
        if kind < 0.7:
            self.lists(connection)
        elif kind < 0.85:
            self.transfer(connection)
        else:
            self.claim(connection)

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
        "surprises": [line for client in clients for line in client.surprises],
        "stuck": [client.name for client in clients if client.is_alive()],
    }
    Path(order["output"]).write_text(json.dumps(record), encoding="utf-8")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
