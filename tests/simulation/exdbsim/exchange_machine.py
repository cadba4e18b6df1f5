"""The engine of an exchange world: tables that belong to the nodes, and are altered while rows travel between them."""

from random import Random
from typing import Any

from exdbsim.engine_machine import EXTRA, SCHEMA, EngineMachine, Work
from exdbsql.cluster.state_machine import Origin
from exdbsql.engine.query.runtime.digests import table_digest
from exdbsql.engine.transaction import Transaction
from exdbsql.schema.errors import Error

TABLES = ("own", "shared")
ADDED = {"more": 7, "less": 8}
"""Columns that come and go, and the value that every row has in them. They take each other's place, so that rows of one form have as
many values as those of another."""
ALTERATIONS = tuple(
    f"ALTER TABLE {table} {action}"
    for table in TABLES
    for name, value in ADDED.items()
    for action in (f"ADD COLUMN IF NOT EXISTS {name} int NOT NULL DEFAULT {value}", f"DROP COLUMN IF EXISTS {name}")
)


class ExchangeMachine(EngineMachine):
    """An engine with DISTRIBUTED tables, which are altered."""

    ddl = EXTRA + ALTERATIONS
    ddl_share = 0.2

    schema = SCHEMA + (
        "CREATE DISTRIBUTED TABLE own (id text PRIMARY KEY, version int NOT NULL);"
        "CREATE DISTRIBUTED TABLE shared (id int PRIMARY KEY, writer text NOT NULL);"
    )

    @property
    def life(self) -> str:
        """What the keys begin with that this life of the node gives to its own rows."""
        return f"{self.engine.origin}-"

    def _works(self) -> tuple[Work, ...]:
        return *super()._works(), self._mix, self._mix

    def _mix(self, transaction: Transaction, rng: Random) -> None:
        """A row of this life beside what goes through the log: it waits for the verdict."""
        self._run(transaction, f"INSERT INTO own (id, version) VALUES ('{self.life}m{rng.getrandbits(40)}', 1)")

    def apply(self, index: int, origin: Origin, command: bytes) -> object:
        """What waited for this entry is there when it took effect, whatever became of its table meanwhile."""
        token = bytes(command[1:17]) if command[:1] == b"T" else b""
        prepared = self.replication._prepared.get(token)
        waiting = [] if prepared is None else [(s.definition.id, key) for s, ws in prepared.local_changes for key in ws]
        result = super().apply(index, origin, command)
        if not isinstance(result, Exception):
            for table, key in waiting:
                assert key in self.engine.tables_by_id[table].rows, f"{key} was committed, and is not there"
        return result

    def _look(self) -> None:
        super()._look()
        for name in TABLES:
            store = self.engine.tables[name]
            width = len(store.definition.columns)
            bent = [row for row in store.rows.values() if len(row) != width]
            assert not bent, f"{name} has {width} columns, and rows {bent}"
            for at, column in enumerate(store.definition.columns):
                if column.name in ADDED:
                    wrong = [row for row in store.rows.values() if row[at] != ADDED[column.name]]
                    assert not wrong, f"{name} has {wrong}, and {column.name} is {ADDED[column.name]} in every row"

    def change(self, rng: Random) -> None:
        """A transaction that changes rows of this life, or rows that everybody changes."""
        transaction = self.engine.begin()
        try:
            for _ in range(rng.randrange(1, 4)):
                self._run(transaction, self._statement(transaction, rng, self.life))
            transaction.commit()
        except Error:  # a key is set aside by an exchange
            transaction.rollback()

    def _statement(self, transaction: Any, rng: Random, life: str) -> str:
        mine = [
            key for key, *_ in self._rows(transaction, "SELECT id FROM own ORDER BY id") if str(key).startswith(life)
        ]
        kind = rng.random()
        if kind < 0.3:
            number = rng.randrange(6)
            insert = f"INSERT INTO shared (id, writer) VALUES ({number}, '{life}')"
            update = f"UPDATE shared SET writer = '{life}{rng.randrange(99)}' WHERE id = {number}"
            there = [key for key, *_ in self._rows(transaction, "SELECT id FROM shared")]
            delete = f"DELETE FROM shared WHERE id = {number}"
            return insert if number not in there else delete if kind < 0.05 else update
        if mine and kind < 0.6:
            return f"UPDATE own SET version = version + 1 WHERE id = '{rng.choice(mine)}'"
        if mine and kind < 0.7:
            return f"DELETE FROM own WHERE id = '{rng.choice(mine)}'"
        return f"INSERT INTO own (id, version) VALUES ('{life}{rng.getrandbits(40)}', 1)"

    def content(self) -> list[str]:
        """Digests of the DISTRIBUTED tables."""
        transaction = self.engine.begin(read_only=True)
        try:
            return [table_digest(transaction, name) for name in TABLES]
        finally:
            transaction.rollback()

    def own_rows(self) -> dict[str, tuple[Any, ...]]:
        """The rows of `own` by key."""
        transaction = self.engine.begin(read_only=True)
        try:
            return {row[0]: row for row in transaction.rows(self.engine.tables["own"])}
        finally:
            transaction.rollback()
