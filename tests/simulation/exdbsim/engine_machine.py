"""The database itself as the simulated state machine: real write sets, real certification, real snapshots.

Each node has an engine and the glue between it and the log (`exdbsql.replication`). Transactions are SQL: transfers
between accounts, increments, unique codes, a duty roster under SERIALIZABLE, and DDL that comes and goes. Some are made
and kept open for a while, so that they meet what others did meanwhile. Every transaction also writes one row of its own
into a ledger. What must hold after every entry:

1. The ledger has one row for each transaction that took effect, and none for the others.
2. The accounts' sum never changes; codes are unique; somebody is on duty (write skew would leave nobody).
3. The digests of all replicated tables and of the dictionary are equal at equal positions (the world's checks).
"""

import marshal
from collections.abc import Callable, Iterator
from random import Random
from zlib import crc32

from exdbsql.cluster.state_machine import Origin
from exdbsql.engine.commits import PreparedCommit
from exdbsql.engine.database import Database
from exdbsql.engine.query.prepare import Planner
from exdbsql.engine.query.runtime.digests import table_digest
from exdbsql.engine.transaction import Transaction
from exdbsql.replication import Replication, transaction_command
from exdbsql.schema import codec
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary, TableKind
from exdbsql.schema.errors import Error

ACCOUNTS, PEOPLE, EACH = 6, 3, 100
SCHEMA = """
CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0));
CREATE TABLE code (id int PRIMARY KEY, word text UNIQUE);
CREATE TABLE duty (id int PRIMARY KEY, present boolean NOT NULL);
CREATE TABLE ledger (node int, number bigint, PRIMARY KEY (node, number));
CREATE LOCAL TABLE scratch (id int PRIMARY KEY);
"""
OPENING = [
    f"INSERT INTO account VALUES {', '.join(f'({i}, {EACH})' for i in range(ACCOUNTS))}",
    f"INSERT INTO duty VALUES {', '.join(f'({i}, true)' for i in range(PEOPLE))}",
]
EXTRA = ("CREATE TABLE IF NOT EXISTS extra (id int PRIMARY KEY, v int)", "DROP TABLE IF EXISTS extra")


Work = Callable[[Transaction, Random], None]


class EngineMachine:
    """One node's engine, as the simulator sees it."""

    schema = SCHEMA
    opening = (*OPENING,)
    ddl: tuple[str, ...] = EXTRA
    ddl_share = 0.04

    def __init__(self, node_id: int) -> None:
        self.engine = Database(Dictionary().with_all(parse_ddl(self.schema)), node_id=node_id)
        self.planner = Planner(self.engine)
        self.replication = Replication(self.engine, node_id, max_rows=8)
        self.node_id = node_id
        self.position = 0
        self.applied: set[Origin] = set()
        self.calls: list[tuple[int, Origin, bool]] = []
        self.effective = 0
        """Transactions that took effect."""
        self._open: list[Transaction] = []
        self._prepared: list[PreparedCommit] = []

    # ---- what clients do ----

    def command(self, rng: Random) -> bytes | None:
        """The next step of some client of this node: a transaction to propose, or None."""
        kind = rng.random()
        if kind < self.ddl_share:
            return codec.pack(["ddl", rng.choice(self.ddl)])
        if self._open and kind < 0.45:
            return self._commit(self._open.pop(rng.randrange(len(self._open))))
        transaction = self._work(rng)
        if transaction is None:
            return None
        if kind < 0.75:
            return self._commit(transaction)
        self._open.append(transaction)
        if len(self._open) > 4:
            self._open.pop(0).rollback()
        return None

    def _work(self, rng: Random) -> Transaction | None:
        isolation = rng.choice(("repeatable read", "serializable"))
        work = rng.choice(self._works())
        if work == self._go_off_duty:
            isolation = "serializable"
        transaction = self.engine.begin(isolation=isolation)
        try:
            if not self._rows(transaction, "SELECT id FROM account"):
                for text in self.opening:
                    self._run(transaction, text)
            else:
                work(transaction, rng)
            self._run(transaction, f"INSERT INTO ledger VALUES ({self.node_id}, {rng.getrandbits(40)})")
        except Error:
            transaction.rollback()
            return None
        return transaction

    def _works(self) -> tuple[Work, ...]:
        return self._transfer, self._claim, self._go_off_duty, self._extra

    def _transfer(self, transaction: Transaction, rng: Random) -> None:
        source, target = rng.sample(range(ACCOUNTS), 2)
        amount = rng.randrange(40)
        self._run(transaction, f"UPDATE account SET balance = balance - {amount} WHERE id = {source}")
        self._run(transaction, f"UPDATE account SET balance = balance + {amount} WHERE id = {target}")

    def _claim(self, transaction: Transaction, rng: Random) -> None:
        number, word = rng.randrange(20), f"w{rng.randrange(12)}"
        if rng.random() < 0.3:
            self._run(transaction, f"DELETE FROM code WHERE id = {number}")
        else:
            self._run(transaction, f"INSERT INTO code VALUES ({number}, '{word}')")

    def _go_off_duty(self, transaction: Transaction, rng: Random) -> None:
        present = [i for (i,) in self._rows(transaction, "SELECT id FROM duty WHERE present ORDER BY id")]
        if len(present) > 1 and rng.random() < 0.7:
            self._run(transaction, f"UPDATE duty SET present = false WHERE id = {rng.choice(present)}")
        else:
            self._run(transaction, f"UPDATE duty SET present = true WHERE id = {rng.randrange(PEOPLE)}")

    def _extra(self, transaction: Transaction, rng: Random) -> None:
        if "extra" in self.engine.dictionary.tables:
            self._run(transaction, f"INSERT INTO extra VALUES ({rng.randrange(100)}, {rng.randrange(9)})")

    def _run(self, transaction: Transaction, text: str) -> object:
        planner = self.planner if transaction.catalog is None else Planner(transaction.catalog)
        bound = planner.prepare(text)
        return bound.statement.run(transaction, bound.bind(()))

    def _rows(self, transaction: Transaction, text: str) -> list[tuple[int]]:
        found = self._run(transaction, text)
        assert isinstance(found, list)
        return found

    def _commit(self, transaction: Transaction) -> bytes | None:
        try:
            prepared = self.engine.prepare_commit(transaction)
        except Error:
            transaction.rollback()
            return None
        self._prepared.append(prepared)
        token = self.node_id.to_bytes(8, "big") + len(self._prepared).to_bytes(8, "big")
        self.replication._prepared[token] = prepared
        return transaction_command(token, prepared)

    # ---- StateMachine ----

    def apply(self, index: int, origin: Origin, command: bytes) -> object:
        """As the database does, and look over the result."""
        assert index > self.position, f"entry {index} applied after {self.position}"
        assert origin not in self.applied, f"{origin} applied twice (R4)"
        result = self.replication.apply(index, origin, command)
        self.position = index
        self.applied.add(origin)
        took_effect = not isinstance(result, Exception)
        self.effective += took_effect and (command[:1] == b"T" or codec.unpack(command)[0] != "ddl")
        self.calls.append((index, origin, took_effect))
        self._look()
        return result

    def _look(self) -> None:
        transaction = self.engine.begin(read_only=True)
        try:
            booked = len(transaction.rows(self.engine.tables["ledger"]))
            balances = [row[1] for row in transaction.rows(self.engine.tables["account"])]
            words = [row[1] for row in transaction.rows(self.engine.tables["code"])]
            present = [row[1] for row in transaction.rows(self.engine.tables["duty"])]
        finally:
            transaction.rollback()
        assert booked == self.effective, f"{booked} rows in the ledger, {self.effective} transactions took effect"
        assert not balances or sum(balances) == ACCOUNTS * EACH, f"the accounts' sum is {sum(balances)}"
        assert min(balances, default=0) >= 0, f"an account is overdrawn: {balances}"
        assert len(set(words)) == len(words), f"a word is claimed twice: {sorted(words)}"
        assert not present or any(present), "nobody is on duty: write skew"

    def digest(self) -> int:
        """Of every replicated table and the dictionary."""
        transaction = self.engine.begin(read_only=True)
        try:
            kinds = {name: table.kind for name, table in self.engine.dictionary.tables.items()}
            tables = sorted(name for name, kind in kinds.items() if kind is TableKind.REPLICATED)
            text = " ".join(table_digest(transaction, name) for name in tables)
        finally:
            transaction.rollback()
        return crc32(f"{self.engine.dictionary.digest()} {text}".encode())

    def snapshot(self) -> Iterator[bytes]:
        """The engine's own chunks, behind what this class keeps beside it."""
        applied = [(o.node_id, o.incarnation, o.number) for o in self.applied]
        head = marshal.dumps((self.position, self.effective, applied))
        rows = self.replication.snapshot()

        def chunks() -> Iterator[bytes]:
            yield head
            yield from rows

        return chunks()

    def restore(self, chunks: Iterator[bytes]) -> None:
        """From another node's."""
        position, effective, applied = marshal.loads(next(chunks))
        assert position >= self.position, "a snapshot took the state back"
        self.replication.restore(chunks)
        self.position, self.effective, self.applied = position, effective, {Origin(*o) for o in applied}
        self._look()

    def dictionary_text(self) -> str:
        return self.replication.dictionary_text()

    def dictionary_difference(self, other: str) -> list[str]:
        return self.replication.dictionary_difference(other)
