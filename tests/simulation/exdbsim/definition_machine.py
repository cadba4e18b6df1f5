"""The database under changing definitions: foreign keys, ALTER TABLE and DDL in transactions, while other nodes write.

A parent is deleted on one node while a child of it is inserted on another; a table is altered on one node while writers that
know its old shape commit elsewhere. What must hold after every entry, beside what engine_machine.py says:

1. Every child has its parent, on every node.
2. Every row has the shape that the dictionary says.
3. A transaction that is void because of a definition says so with an error that is worth a retry, or that names a constraint.
"""

from random import Random

from exdbsim.engine_machine import OPENING, SCHEMA, EngineMachine, Work
from exdbsql.cluster.state_machine import Origin
from exdbsql.engine.transaction import Transaction
from exdbsql.schema import codec
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.errors import Error, IntegrityError

PARENTS = 5
ALTERATIONS = (
    "ALTER TABLE pliable ADD COLUMN IF NOT EXISTS w int DEFAULT 7",
    "ALTER TABLE pliable DROP COLUMN IF EXISTS w",
    "ALTER TABLE pliable ALTER COLUMN v TYPE bigint",
    "ALTER TABLE pliable ALTER COLUMN v TYPE int",
    "ALTER TABLE pliable ADD CONSTRAINT small CHECK (v < 50)",
    "ALTER TABLE pliable DROP CONSTRAINT IF EXISTS small",
    "CREATE INDEX IF NOT EXISTS pliable_v ON pliable (v)",
    "DROP INDEX IF EXISTS pliable_v",
    "ALTER TABLE child DROP CONSTRAINT IF EXISTS child_parent_fkey",
    "ALTER TABLE child ADD CONSTRAINT child_parent_fkey FOREIGN KEY (parent) REFERENCES parent (id)",
)


class DefinitionMachine(EngineMachine):
    """An engine whose tables refer to each other, and change."""

    schema = SCHEMA + (
        "CREATE TABLE parent (id int PRIMARY KEY);"
        "CREATE TABLE child (id int PRIMARY KEY, parent int NOT NULL REFERENCES parent (id));"
        "CREATE TABLE dependant (id int PRIMARY KEY, parent int REFERENCES parent (id) ON DELETE CASCADE);"
        "CREATE TABLE heir (id int PRIMARY KEY, parent int REFERENCES parent (id) ON DELETE SET NULL);"
        "CREATE TABLE pliable (id int PRIMARY KEY, v int);"
    )
    opening = (*OPENING, f"INSERT INTO parent VALUES {', '.join(f'({i})' for i in range(PARENTS))}")
    ddl = ALTERATIONS
    ddl_share = 0.1

    def _works(self) -> tuple[Work, ...]:
        return self._family, self._family, self._family, self._bend, self._bend, self._define

    def _family(self, transaction: Transaction, rng: Random) -> None:
        parent, number, kind = rng.randrange(PARENTS), rng.randrange(30), rng.random()
        table = rng.choice(("child", "dependant", "heir"))
        if kind < 0.25:
            self._run(transaction, f"INSERT INTO parent VALUES ({parent})")
        elif kind < 0.45:
            self._run(transaction, f"DELETE FROM parent WHERE id = {parent}")
        elif kind < 0.5:
            self._run(transaction, f"UPDATE parent SET id = id + {PARENTS} WHERE id = {parent}")
        elif kind < 0.8:
            self._run(transaction, f"INSERT INTO {table} VALUES ({number}, {parent})")
        elif kind < 0.9:
            self._run(transaction, f"UPDATE {table} SET parent = {parent} WHERE id = {number}")
        else:
            self._run(transaction, f"DELETE FROM {table} WHERE id = {number}")

    def _bend(self, transaction: Transaction, rng: Random) -> None:
        number, value = rng.randrange(20), rng.randrange(100)
        if rng.random() < 0.6:
            self._run(transaction, f"INSERT INTO pliable (id, v) VALUES ({number}, {value})")
        else:
            self._run(transaction, f"UPDATE pliable SET v = {value} WHERE id = {number}")

    def _define(self, transaction: Transaction, rng: Random) -> None:
        """DDL within a transaction, between other statements."""
        if rng.random() < 0.5:
            self._bend(transaction, rng)
        text = rng.choice(ALTERATIONS)
        (statement,) = parse_ddl(text, self.engine.dictionary.types)
        transaction.execute_ddl(statement, text)
        if rng.random() < 0.5:
            self._bend(transaction, rng)

    def apply(self, index: int, origin: Origin, command: bytes) -> object:
        result = super().apply(index, origin, command)
        if isinstance(result, Error) and (command[:1] == b"T" or codec.unpack(command)[0] != "ddl"):
            fair = result.retryable or isinstance(result, IntegrityError)
            assert fair, f"a transaction was void with {result!r}, which says neither to retry nor what it broke"
        return result

    def _look(self) -> None:
        super()._look()
        transaction = self.engine.begin(read_only=True)
        try:
            parents = {row[0] for row in transaction.rows(self.engine.tables["parent"])}
            bound = "child_parent_fkey" in {key.name for key in self.engine.dictionary.table("child").foreign_keys}
            for table in ("child", "dependant", "heir") if bound else ("dependant", "heir"):
                rows = transaction.rows(self.engine.tables[table])
                orphans = [row for row in rows if row[1] is not None and row[1] not in parents]
                assert not orphans, f"{table} has rows without a parent: {orphans}"
            width = len(self.engine.dictionary.table("pliable").columns)
            bent = [row for row in transaction.rows(self.engine.tables["pliable"]) if len(row) != width]
            assert not bent, f"pliable has {width} columns, and rows {bent}"
        finally:
            transaction.rollback()
