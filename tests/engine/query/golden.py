"""Golden scripts: text files of SQL with what each statement gives, one behaviour for a file.

::

    # a comment
    > CREATE TABLE t (a integer)
    > INSERT INTO t VALUES (1)
    count 1
    > SELECT a, 'x' AS b FROM t WHERE a = ? ; 1
    a | b
    1 | x
    > SELECT nope FROM t
    error 42703 at 7: column "nope" does not exist

A statement stands on lines that begin with ``>`` (and ``.`` for more lines); values for its placeholders follow the last `` ; ``
as Python literals. Below stands what it gives; ``python golden.py FILE`` prints the file with what statements give now, for the
author of a new script to check by eye.
"""

import ast
import datetime
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from exdbsql.engine.database import Database
from exdbsql.engine.query.prepare import Planner
from exdbsql.schema.array import Array
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.enum_value import EnumValue
from exdbsql.schema.errors import Error
from exdbsql.schema.interval import Interval
from exdbsql.schema.jsonb import Jsonb
from exdbsql.schema.text_types import value_to_text


class Session:
    """A database in memory, each statement a transaction of its own."""

    def __init__(self) -> None:
        self.database = Database(Dictionary())
        self.planner = Planner(self.database)

    def run(self, sql: str, params: Any = None) -> tuple[list[str] | None, Any]:
        """Column names (None for a count) and the result."""
        if sql.split(None, 1)[0].lower() in ("create", "drop"):
            for statement in parse_ddl(sql, self.database.dictionary.types):
                self.database.execute_ddl(statement)
            return None, None
        bound = self.planner.prepare(sql)
        txn = self.database.begin()
        try:
            result = bound.statement.run(txn, bound.bind(params))
            txn.commit()
        except BaseException:
            if txn.is_open:
                txn.rollback()
            raise
        columns = bound.statement.columns
        return (None if columns is None else [c.name for c in columns]), result


def run_script(text: str) -> str:
    """The script with what its statements give now."""
    session = Session()
    out: list[str] = []
    for lead, statement in _blocks(text):
        out += lead
        if statement:
            out += statement
            out += _output(session, statement)
    return "\n".join(out).rstrip() + "\n"


def _blocks(text: str) -> Iterator[tuple[list[str], list[str]]]:
    lead: list[str] = []
    statement: list[str] = []
    in_output = False
    for line in text.rstrip("\n").split("\n"):
        if line.startswith("> "):
            if statement:
                yield lead, statement
                lead, statement = [], []
            statement = [line]
            in_output = True
        elif line.startswith(". ") and statement:
            statement.append(line)
        elif line.startswith("#") or not line.strip():
            if statement:
                yield lead, statement
                lead, statement = [], []
            lead.append(line)
            in_output = False
        elif not in_output:
            raise ValueError(f"a line of output without a statement: {line}")
    yield lead, statement


def _output(session: Session, lines: list[str]) -> list[str]:
    sql = "\n".join(line[2:] for line in lines)
    params: Any = None
    if " ; " in sql:
        sql, _, values = sql.rpartition(" ; ")
        params = ast.literal_eval(f"({values},)") if not values.startswith("{") else ast.literal_eval(values)
    try:
        names, result = session.run(sql, params)
    except Error as error:
        at = "" if error.position is None else f" at {error.position}"
        hint = "" if error.hint is None else f" [{error.hint}]"
        return [f"error {error.sqlstate}{at}: {error.message}{hint}"]
    if names is None:
        return [] if result is None else [f"count {result}"]
    return [" | ".join(names), *(" | ".join(map(_shown, row)) for row in result)]


def _shown(value: Any) -> str:
    if value is None:
        return "NULL"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (Array, EnumValue, Interval, Jsonb)):
        return value_to_text(value)
    if isinstance(value, (str, int, Decimal, datetime.date, datetime.time, UUID)):
        return str(value)
    return repr(value)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        sys.stdout.write(run_script(Path(name).read_text()))
