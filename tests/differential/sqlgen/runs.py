"""One seed: databases of a size that the seed chooses, and statements."""

from collections import Counter
from random import Random

from sqlgen.changes import Changes
from sqlgen.indexed import IndexedQueries
from sqlgen.pairs import Databases
from sqlgen.queries import Queries

SIZES = (4, 12, 12, 40)


def run_queries(seed: int, count: int) -> Counter[str]:
    """Queries on databases that stay as they are; what was skipped, by SQLSTATE.

    Raises:
        Disagreement: naming the statement.
    """
    rng = Random(seed)
    databases = Databases.filled(rng, rng.choice(SIZES))
    queries = Queries(rng)
    for _ in range(count):
        databases.check(queries.query())
    databases.close()
    return databases.skipped


def run_changes(seed: int, count: int) -> Counter[str]:
    """Changes, and the tables after each of them.

    Raises:
        Disagreement: naming the statement.
    """
    rng = Random(f"changes {seed}")
    databases = Databases.filled(rng, rng.choice(SIZES))
    changes = Changes(rng)
    for _ in range(count):
        databases.check_change(*changes.change())
    databases.close()
    return databases.skipped


def run_indexed(seed: int, count: int) -> Counter[str]:
    """Queries that indexes serve, between changes, some of them in transactions that see their own uncommitted writes.

    Raises:
        Disagreement: naming the statement.
    """
    rng = Random(f"indexed {seed}")
    databases = Databases.filled(rng, rng.choice((*SIZES, 150)))
    changes, queries = Changes(rng), IndexedQueries(rng)
    for _ in range(count // 10):
        databases.begin()
        for _ in range(rng.randrange(3)):
            if not databases.check(changes.change()[0]):
                databases.begin()  # an error ends the transaction
        for _ in range(10):
            if not databases.check(queries.indexed()):
                databases.begin()
        databases.end("COMMIT" if rng.random() < 0.6 else "ROLLBACK")
    databases.close()
    return databases.skipped
