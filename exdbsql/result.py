"""What a statement gives back, in one form for sessions in this process and over the network.

Two levels, because the first is on the hot path. :class:`Shape` is what is the same each time a statement runs, made
once and cached with it; a session's ``run`` answers with an :data:`Answer`, a bare tuple of shape and outcome. For
people and the shell, :class:`Result` is the same with names.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = tuple[Any, ...]
Parameters = Sequence[Any] | dict[str, Any] | None
"""Values for the placeholders of a statement: a sequence for `?` and `$1`, a mapping for `:name`."""


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column of a result: its name, and its type by the name that PostgreSQL gives it, with the type's sizes."""

    name: str
    type_name: str
    size: int | None = None
    precision: int | None = None
    scale: int | None = None

    @property
    def description(self) -> tuple[str, str, None, int | None, int | None, int | None, None]:
        """PEP 249's seven items. Whether a result may hold NULL is not known, and says so with None."""
        return (self.name, self.type_name, None, self.size, self.precision, self.scale, None)


class Shape:
    """The part of an answer that does not change between runs of a statement.

    Attributes:
        kind: the statement's first word or words, as the command tag shows them.
        columns: the result's columns, or None for a statement that gives no rows.
    """

    __slots__ = ("columns", "description", "kind")

    def __init__(self, kind: str, columns: tuple[ColumnInfo, ...] | None = None) -> None:
        self.kind = kind
        self.columns = columns
        self.description = None if columns is None else [column.description for column in columns]

    def tag(self, count: int) -> str:
        """PostgreSQL's command tag: ``SELECT 3``, ``INSERT 0 1``, ``UPDATE 2``, ``CREATE TABLE``."""
        if self.kind == "INSERT":
            return f"INSERT 0 {count}"
        if self.kind in _COUNTED:
            return f"{self.kind} {count}"
        return self.kind


_COUNTED = frozenset({"SELECT", "UPDATE", "DELETE", "MERGE", "SCATTER", "GATHER", "COPY", "FETCH", "MOVE"})

NextPage = Callable[[], list[Row] | None]
"""Gives the next rows of a result that did not come whole, and None after the last."""

Answer = tuple[Shape, list[Row] | None, int, NextPage | None]
"""Shape, rows (None where the statement gives none), row count (-1: not known), and how to get more rows."""


@dataclass(frozen=True, slots=True)
class Result:
    """A statement's whole outcome.

    Attributes:
        columns: names and types, or None for a statement that gives no rows.
        rows: all rows, as tuples; empty where there are none.
        rowcount: rows given or changed; 0 for statements of another kind.
        tag: PostgreSQL's command tag.
        notices: what the server wants to say beside the result, a line each.
    """

    columns: tuple[ColumnInfo, ...] | None
    rows: list[Row]
    rowcount: int
    tag: str
    notices: tuple[str, ...] = field(default=())


def result_of(answer: Answer, notices: tuple[str, ...] = ()) -> Result:
    """Name the parts of an answer, and fetch what has not come yet."""
    shape, rows, count, next_page = answer
    whole = rows or []
    while next_page is not None and (page := next_page()) is not None:
        whole = whole + page
    if shape.columns is not None and count < 0:
        count = len(whole)
    return Result(shape.columns, whole, max(count, 0), shape.tag(max(count, 0)), notices)
