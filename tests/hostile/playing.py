"""Plays a script with mutations between its statements, and says what came that must not."""

import random
from collections.abc import Iterator

from mutations import mutated, scripts

from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import Error, InternalError

MOST = 30
"""Statements of one script that are played."""


def play(seed: int) -> list[str]:
    """What went wrong in one script: an exception that is no error of ours, or one that admits a bug; a position outside
    the text; a database that is not intact afterwards."""
    rng = random.Random(seed)
    all_scripts = list(scripts().values())
    database = Database("hostile", Engine(Dictionary(), debug=True))
    con = database.connect()
    con.autocommit = True
    con.execute("SET statement_timeout = '5s'")
    problems = []
    for statement in _statements(rng, all_scripts):
        problem = _problem(con, statement)
        if problem is not None:
            problems.append(f"{statement!r}: {problem}")
        if con.transaction_state != "idle" and rng.random() < 0.3:
            con.rollback()
    con.close()
    for store in database.engine.tables.values():
        store.check()
    if len(database.engine.snapshots) or database.engine.commit_lock.locked():
        problems.append("a snapshot or the commit lock is still held")
    database.close()
    return problems


def _statements(rng: random.Random, all_scripts: list[list[str]]) -> Iterator[str]:
    for statement in rng.choice(all_scripts)[:MOST]:
        for _ in range(rng.randrange(4)):
            yield mutated(rng, statement, rng.choice(rng.choice(all_scripts)))
        yield statement


def _problem(con: Connection, statement: str) -> str | None:
    try:
        cursor = con.execute(statement)
        if cursor.description is not None:
            width = len(cursor.description)
            if any(len(row) != width for row in cursor.fetchall()):
                return "a row of another width than its description"
    except InternalError as error:
        return str(error)
    except Error as error:
        if error.position is not None and not 0 <= error.position <= len(statement):
            return f"position {error.position}"
        str(error)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"{type(error).__name__}: {error}"
    return None
