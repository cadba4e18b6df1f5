"""Reading a file: its records, one after the other, and the conditions before them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

OLD_REASON: Final = re.compile(r"requires AS when renaming output columns", re.IGNORECASE)
"""Why records of the public files skip PostgreSQL: an alias without AS. Today's PostgreSQL takes them, so they run."""

_SORTS: Final = ("nosort", "rowsort", "valuesort")


class FormatError(ValueError):
    """The file is not in the format; says in which line."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record.

    Attributes:
        line: where it begins, from 1.
        kind: ``statement`` or ``query``.
        sql: the statement.
        fails: whether it should fail.
        types: a letter for each column of a query: I, T, R.
        sort: ``nosort``, ``rowsort`` or ``valuesort``.
        label: queries with the same one give the same; "" is none.
        expected: the lines below ``----``.
        threshold: the ``hash-threshold`` in force; 0 is none.
    """

    line: int
    kind: str
    sql: str
    fails: bool = False
    types: str = ""
    sort: str = "nosort"
    label: str = ""
    expected: tuple[str, ...] = field(default=(), repr=False)
    threshold: int = 0


def read_records(text: str, database: str = "postgresql") -> Iterator[Record]:
    """The records of a file that are for `database`.

    Raises:
        FormatError: a line that is no record, and no part of one.
    """
    lines = [line.rstrip("\r") for line in text.split("\n")]
    threshold, skip, i = 0, False, 0
    while i < len(lines):
        words = lines[i].partition("#")[0].split()
        i += 1
        if not words:
            continue
        if words[0] in ("skipif", "onlyif"):
            skip = skip or _excludes(words, lines[i - 1], database, i)
            continue
        if words[0] == "halt":
            if not skip:
                return
        elif words[0] == "hash-threshold":
            if not skip:
                threshold = _number(words, i)
        elif words[0] in ("statement", "query"):
            start = i
            sql, i = _until(lines, i, "----")
            expected: list[str] = []
            if i < len(lines) and lines[i].strip() == "----":
                expected, i = _until(lines, i + 1, None)
            if not skip:
                yield _record(words, start, "\n".join(sql), tuple(expected), threshold)
        else:
            raise FormatError(f"line {i}: {lines[i - 1]!r} begins no record")
        skip = False


def _excludes(words: list[str], line: str, database: str, number: int) -> bool:
    """Whether a ``skipif`` or ``onlyif`` keeps the next record from `database`."""
    if len(words) != 2:
        raise FormatError(f"line {number}: {words[0]} names one database")
    if words[0] == "onlyif":
        return words[1] != database
    return words[1] == database and OLD_REASON.search(line) is None


def _number(words: list[str], number: int) -> int:
    if len(words) != 2 or not words[1].isdecimal():
        raise FormatError(f"line {number}: hash-threshold has a number")
    return int(words[1])


def _until(lines: list[str], i: int, end: str | None) -> tuple[list[str], int]:
    """The lines from `i` up to an empty one or `end`, and where that is."""
    found = []
    while i < len(lines) and lines[i].strip() and lines[i].strip() != end:
        found.append(lines[i])
        i += 1
    return found, i


def _record(words: list[str], line: int, sql: str, expected: tuple[str, ...], threshold: int) -> Record:
    if words[0] == "statement":
        if words[1:] not in (["ok"], ["error"]):
            raise FormatError(f"line {line}: a statement is ok or error")
        return Record(line, "statement", sql, fails=words[1] == "error")
    types, sort, label = [*words[1:4], *[""] * 3][:3]
    if not types or set(types) - set("ITR") or (sort and sort not in _SORTS):
        raise FormatError(f"line {line}: query TYPES [nosort|rowsort|valuesort] [label], with types of I, T and R")
    return Record(line, "query", sql, False, types, sort or "nosort", label, expected, threshold)
