"""Scripts about definitions: what several sessions do one after the other, and what each statement gives; one subject for a file.

::

    # A comment. The first says what the script shows.
    one> CREATE TABLE p (id integer PRIMARY KEY)
    CREATE TABLE
    two> SELECT * FROM p
    error 42P01: relation "p" does not exist

A line ``NAME> SQL`` (with ``. `` before more lines of it) runs in the session of that name, in autocommit mode; a new name opens a session. Below
it stands what it gives: rows, else the command tag, or an error with its detail and hint.

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


def run_script(script: str, connect: Connect) -> str:
    """The script with what its statements give."""
    sessions: dict[str, Connection] = {}
    out: list[str] = []
    try:
        for lines in _blocks(script):
            out += lines
            match = _LINE.match(lines[0])
            if match is None:
                continue
            name = match[1]
            if name not in sessions:
                sessions[name] = connect(name)
                sessions[name].autocommit = True
            sql = "\n".join([match[2], *[line[2:] for line in lines[1:]]])
            out += _give(sessions[name], sql)
    finally:
        for session in sessions.values():
            session.close()
    return "\n".join(out) + "\n"


def _blocks(script: str) -> Iterator[list[str]]:
    """Statements with their lines, comments and empty lines; output is left out."""
    block: list[str] = []
    for line in script.splitlines():
        if line.startswith(". ") and block:
            block.append(line)
            continue
        if block:
            yield block
            block = []
        if _LINE.fullmatch(line):
            block = [line]
        elif line.startswith("#") or not line:
            yield [line]
    if block:
        yield block


def _give(session: Connection, sql: str) -> list[str]:
    try:
        result = session.session.execute(sql)
    except Error as error:
        more = [f"  {text}" for text in (getattr(error, "detail", None), error.hint) if text]
        return [f"error {error.sqlstate}: {error.message}", *more]
    if result.columns is None:
        return [*result.notices, result.tag]
    lines = [_row_text(row) for row in result.rows]
    return [line for text in lines for line in text.split("\n")] or ["(no rows)"]


def _row_text(row: tuple[Any, ...]) -> str:
    return " | ".join("null" if value is None else str(value) for value in row)


def record(path: Path) -> None:
    """Write what the statements of a script give now into it."""
    with Database("record", Engine(Dictionary(), debug=True)) as database:
        path.write_text(run_script(path.read_text(), lambda _: database.connect()))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        record(Path(name))
