"""Transcripts of PostgreSQL: statements, and what PostgreSQL 15 answers to each; exdbsql must answer the same.

::

    # a comment
    > SELECT 1 / 2.0 AS half
    half numeric
    0.50000000000000000000
    > SELECT 1 / 0
    error 22012

Below a statement stand the names and types of its columns, then its rows as PostgreSQL writes them (``∅`` for NULL), or the SQLSTATE.
What exdbsql leaves out is marked: a comment that begins with ``# left out`` right above a statement says that it may answer 0A000.

``python postgres_answers.py record FILE...`` asks the PostgreSQL that psql reaches by the usual environment (PGHOST, PGPORT, PGUSER) and
writes its answers into the files; ``compare FILE...`` prints what differs from exdbsql.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import exdbsql
from exdbsql.schema.errors import Error
from exdbsql.schema.text_types import value_to_text
from exdbsql.schema.type_names import parse_type

_FIELD, _RECORD = "\x1f", "\x1e"
_NULL = "∅"
_EMPTY = "·"
"""Stands before a row that would not look like one."""
LEFT_OUT = "# left out"


@dataclass
class Entry:
    """A statement, the lines before it, and the answer below it."""

    lead: list[str]
    sql: str
    answer: list[str] = field(default_factory=list)

    def accepts(self, answer: list[str]) -> bool:
        """Whether an answer is right: PostgreSQL's, or the refusal of what exdbsql is known to leave out."""
        left_out = bool(self.lead) and self.lead[-1].startswith(LEFT_OUT)
        return answer == self.answer or (left_out and answer == ["error 0A000"])


def read(path: Path) -> list[Entry]:
    """The entries of a transcript."""
    entries: list[Entry] = []
    lead: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("> "):
            entries.append(Entry(lead, line[2:]))
            lead = []
        elif line.startswith("#") or not line:
            lead.append(line)
        else:
            entries[-1].answer.append(line)
    return entries


def write(path: Path, entries: list[Entry]) -> None:
    """Write a transcript."""
    lines = [line for e in entries for line in (*e.lead, f"> {e.sql}", *e.answer)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def exdbsql_answers(statements: list[str]) -> Iterator[list[str]]:
    """What exdbsql answers, one statement after the other in one database."""
    con = exdbsql.connect()
    con.autocommit = True
    for sql in statements:
        try:
            cursor = con.execute(sql)
            description = cursor.description
            rows = cursor.fetchall() if description is not None else []
        except Error as error:
            yield [f"error {error.sqlstate}"]
            continue
        if description is None:
            yield []
            continue
        names, types = [d[0] for d in description], [d[1] for d in description]
        formats = [parse_type(t).format if _has_text(t) else value_to_text for t in types]
        yield [
            " | ".join(f"{n} {t}" for n, t in zip(names, types, strict=True)),
            *(_line(None if v is None else f(v) for v, f in zip(row, formats, strict=True)) for row in rows),
        ]


def _has_text(type_name: str) -> bool:
    try:
        parse_type(type_name)
    except Error:
        return False
    return True


def _line(values: Iterator[str | None]) -> str:
    shown = " | ".join(_NULL if v is None else v.replace("\\", "\\\\").replace("\n", "\\n") for v in values)
    return f"{_EMPTY}{shown}" if shown[:1] in ("", " ", ">", "#") else shown


def postgres_answers(statements: list[str]) -> Iterator[list[str]]:
    """What PostgreSQL answers."""
    script = "".join(
        f"\\echo @@{i}\n{sql} \\gdesc\n\\echo @:ERROR:SQLSTATE\n{sql};\n\\echo @:ERROR:SQLSTATE\n"
        if sql.split(None, 1)[0].lower() in ("select", "with", "values", "table") or " RETURNING " in sql
        else f"\\echo @@{i}\n\\echo @false\n{sql};\n\\echo @:ERROR:SQLSTATE\n"
        for i, sql in enumerate(statements)
    )
    options = ["-X", "-q", "-A", "-t", "-F", _FIELD, "-R", _RECORD, "-P", f"null={_NULL}", "-v", "VERBOSITY=sqlstate"]
    options += ["-c", "SET extra_float_digits = 1", "-f", "-"]
    done = subprocess.run(["psql", *options], input=script, capture_output=True, text=True, check=True)
    _, *parts = done.stdout.split("@@")
    assert len(parts) == len(statements), (len(parts), len(statements))
    for part in parts:
        yield _postgres_answer(part.partition("\n")[2])


def _postgres_answer(text: str) -> list[str]:
    described, _, rest = text.partition("@")
    first, _, rest = rest.partition("\n")
    rows, _, second = rest.rpartition("@")
    for status in (first, second):
        if status.startswith("true"):
            return [f"error {status[4:].strip()}"]
    columns = [r.split(_FIELD) for r in described.removesuffix("\n").split(_RECORD) if _FIELD in r]
    if not columns:
        return []
    head = " | ".join(f"{name} {_type(t)}" for name, t in columns)
    records = rows.removesuffix("\n").split(_RECORD) if rows else []
    return [head, *(_line(None if v == _NULL else v for v in r.split(_FIELD)) for r in records)]


def _type(shown: str) -> str:
    """A type without its sizes, and what has no type yet as text."""
    return re.sub(r"\([\d,]+\)", "", shown)


def main(arguments: list[str]) -> int:
    """Exit code 1 when something differs."""
    if len(arguments) < 2 or arguments[0] not in ("record", "compare"):
        print(__doc__)
        return 2
    wrong = 0
    for name in arguments[1:]:
        path = Path(name)
        entries = read(path)
        statements = [e.sql for e in entries]
        if arguments[0] == "record":
            for entry, answer in zip(entries, postgres_answers(statements), strict=True):
                entry.answer = answer
            write(path, entries)
            continue
        for entry, answer in zip(entries, exdbsql_answers(statements), strict=True):
            if not entry.accepts(answer):
                wrong += 1
                print(f"> {entry.sql}\n  PG:  {entry.answer}\n  exdb: {answer}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
