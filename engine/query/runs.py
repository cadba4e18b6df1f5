"""Long runs of literals: ``IN (1, 2, 3, ...)`` and ``VALUES (1, 'a'), (2, 'b'), ...`` of thousands, planned as one thing.

A program that writes its data into the text of a statement makes texts of megabytes, and a node of the syntax tree for each literal is what takes
the time. The literals have been lifted out of the text already (`lexical`). Where many stand side by side with nothing but commas
(or with the same brackets, row after row) between them, the parser is given the first (or the first row) alone, with blanks in the place
of the others, so that all positions stay. The binder gives their types to the others.

That is only done where all literals of a list, or of a column, are of one kind. And it is taken back, and the whole text parsed, where the
binder finds the first somewhere that it does not know how to deal with the others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from exdbsql.engine.query.lexical import Literal

LEAST: Final = 50
"""Shorter runs are parsed."""

_LIST: Final = re.compile(r".*\bin\s*\(\s*", re.IGNORECASE | re.DOTALL)
_ROWS: Final = re.compile(r".*\bvalues\s*\(\s*", re.IGNORECASE | re.DOTALL)
_COMMA: Final = re.compile(r"\s*,\s*")
_NEXT_ROW: Final = re.compile(r"\s*\)\s*,\s*\(\s*")
_END: Final = re.compile(r"\s*\)(?!\s*,\s*\()")


@dataclass(frozen=True, slots=True)
class Run:
    """Literals `first` to `last` (exclusive) of a statement, in rows of `width`; a list has the width 1."""

    first: int
    last: int
    width: int
    is_list: bool


class NotUsable(Exception):
    """A run stands where the others of its literals would be lost: the text must be parsed as a whole."""


@dataclass(slots=True)
class Runs:
    """The runs of a statement by the offset of their first literal; `used`: those that the binder has dealt with."""

    by_offset: Mapping[int, Run] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)

    def take(self, offset: int | None, *, is_list: bool) -> Run | None:
        """The run that begins at an offset, and is dealt with from now on."""
        run = self.by_offset.get(offset) if offset is not None else None
        if run is None:
            return None
        if run.is_list is not is_list:
            raise NotUsable
        assert offset is not None
        self.used.add(offset)
        return run

    def check(self) -> None:
        """Raise NotUsable where a run was not dealt with."""
        if len(self.used) < len(self.by_offset):
            raise NotUsable


def shortened(text: str, literals: Sequence[Literal]) -> tuple[str, Runs]:
    """The text with blanks in the place of all but the beginnings of long runs, and the runs."""
    if len(literals) < LEAST:
        return text, Runs()
    ends = _ends(text, literals)
    gaps = [text[end : literal.start] for end, literal in zip(ends, literals[1:], strict=False)]
    found: dict[int, Run] = {}
    parts: list[str] = []
    done = at = 0
    while at + LEAST <= len(literals):
        before = text[ends[at - 1] if at else 0 : literals[at].start]
        run = None
        if _LIST.fullmatch(before):
            run = _list(at, gaps, literals)
        elif _ROWS.fullmatch(before):
            run = _rows(at, gaps, literals)
        if run is None or not _END.match(text, ends[run.last - 1]):
            at += 1
            continue
        found[literals[at].start] = run
        kept = ends[at + run.width - 1]
        gone = ends[run.last - 1]
        parts += [text[done:kept], " " * (gone - kept)]
        done, at = gone, run.last
    if not found:
        return text, Runs()
    return "".join([*parts, text[done:]]), Runs(found)


def _ends(text: str, literals: Sequence[Literal]) -> list[int]:
    """Where each literal ends."""
    ends = []
    for literal in literals:
        start = literal.start
        if text[start] == "'":
            end = start + 2 + len(str(literal.value)) + str(literal.value).count("'")
        else:
            found = _NUMBER.match(text, start)
            assert found is not None
            end = found.end()
        ends.append(end)
    return ends


_NUMBER: Final = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")


def _list(first: int, gaps: Sequence[str], literals: Sequence[Literal]) -> Run | None:
    last = first
    kind = literals[first].type
    while last < len(gaps) and literals[last + 1].type == kind and _COMMA.fullmatch(gaps[last]):
        last += 1
    return Run(first, last + 1, 1, True) if last + 1 - first >= LEAST else None


def _rows(first: int, gaps: Sequence[str], literals: Sequence[Literal]) -> Run | None:
    width = 1
    while first + width - 1 < len(gaps) and _COMMA.fullmatch(gaps[first + width - 1]):
        width += 1
    kinds = [literal.type for literal in literals[first : first + width]]
    last = first + width
    while last + width <= len(literals):
        row = gaps[last : last + width - 1]
        if not _NEXT_ROW.fullmatch(gaps[last - 1]) or not all(map(_COMMA.fullmatch, row)):
            break
        if [literal.type for literal in literals[last : last + width]] != kinds:
            break
        last += width
    return Run(first, last, width, False) if last - first >= LEAST else None
