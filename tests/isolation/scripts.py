"""Isolation scripts: what several sessions do one after the other, and what each statement gives; one behaviour for a file.

::

    # A comment. The first says what the script shows.
    # at most one commits: T1 T2
    setup> CREATE TABLE test (id integer PRIMARY KEY, value integer)
    T1> BEGIN ISOLATION LEVEL SERIALIZABLE
    T1> SELECT * FROM test ORDER BY id
    1 | 10
    T2> UPDATE test SET value = 11
    UPDATE 1
    T1> COMMIT
    error 40001

A line ``NAME> SQL`` runs in the session of that name; a name that was not there before opens a session. Below it stands what it gives: rows,
the command tag of a change, ``ROLLBACK`` where a COMMIT ends a failed transaction, or the SQLSTATE of an error. ``at most one
commits`` is for runs in which nodes lag behind each other, where answers may differ but not what the level promises.

``python scripts.py FILE…`` writes what statements give now into the files, for the author of a new script to check by eye.
"""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import Error

Connect = Callable[[str], Connection]
"""From the name of a session to a new connection for it."""

_LINE = re.compile(r"(\w+)> (.*)")
_PROMISE = "# at most one commits: "


class Run:
    """One run of a script.

    Attributes:
        text: the script with what its statements gave.
        committed: the sessions whose COMMIT succeeded.
    """

    def __init__(self, script: str, connect: Connect, before_statement: Callable[[], None] = lambda: None) -> None:
        self.committed: set[str] = set()
        self._connect = connect
        self._sessions: dict[str, Connection] = {}
        out: list[str] = []
        try:
            for line in script.splitlines():
                match = _LINE.fullmatch(line)
                if match is None:
                    if line.startswith("#") or not line:
                        out.append(line)
                    continue
                out.append(line)
                before_statement()
                out += self._give(match[1], match[2])
        finally:
            for session in self._sessions.values():
                session.close()
        self.text = "\n".join(out) + "\n"

    def _session(self, name: str) -> Connection:
        if name not in self._sessions:
            session = self._sessions[name] = self._connect(name)
            session.autocommit = True
        return self._sessions[name]

    def _give(self, name: str, sql: str) -> Iterator[str]:
        try:
            result = self._session(name).session.execute(sql)
        except Error as error:
            yield f"error {error.sqlstate}"
            return
        if result.columns is not None:
            yield from map(_row_text, result.rows or ())
        elif result.tag.split()[0] in ("INSERT", "UPDATE", "DELETE"):
            yield result.tag
        elif sql == "COMMIT":
            if result.tag == "COMMIT":
                self.committed.add(name)
            else:
                yield result.tag


def _row_text(row: tuple[Any, ...]) -> str:
    return " | ".join("null" if value is None else str(value) for value in row)


def at_most_one(script: str) -> set[str]:
    """The sessions of which at most one may commit; none where the script does not say."""
    for line in script.splitlines():
        if line.startswith(_PROMISE):
            return set(line.removeprefix(_PROMISE).split())
    return set()


def record(path: Path) -> None:
    """Write what the statements of a script give now into it."""
    with Database("record", Engine(Dictionary(), debug=True)) as database:
        path.write_text(Run(path.read_text(), lambda _: database.connect()).text)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        record(Path(name))
