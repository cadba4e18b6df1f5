"""Results for programs (csv, tsv, json, jsonl, markdown), and the choice of a format.

NULL is never the empty string:

=========  =======================================================================
csv        NULL is nothing between the commas, the empty string is ``""`` (PostgreSQL's COPY, RFC 4180)
tsv        NULL is ``\\N``; tab, line end and backslash are escaped (PostgreSQL's COPY text form)
json       ``null`` and ``""``
markdown   the text of ``\\pset null``
=========  =======================================================================

These formats carry data only: no row count, no command tags. Two columns of one name would overwrite each other in
JSON, so the second is called ``name_2``.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from exdbsql.shell import tables
from exdbsql.shell.database import ResultColumn
from exdbsql.shell.settings import HUMAN_FORMATS, Settings
from exdbsql.shell.tables import Look, visible
from exdbsql.shell.values import is_right_aligned, json_text, plain_text

Columns = Sequence[ResultColumn]
Rows = Sequence[tuple[Any, ...]]


def render(columns: Columns, rows: Rows, settings: Settings, look: Look, terminal_width: int) -> Iterator[str]:
    """The lines of a result in the format that `settings` ask for, without line ends."""
    if settings.format in HUMAN_FORMATS:
        cells = tables.cells_of(rows, look)
        if settings.format == "vertical" or settings.expanded == "on":
            return tables.vertical(columns, cells, look)
        lines = tables.table(columns, cells, look)
        if settings.expanded == "auto" and columns and len(lines[1]) > terminal_width:
            return tables.vertical(columns, cells, look)
        return iter(lines)
    return _FOR_PROGRAMS[settings.format](columns, rows, look)


def csv(columns: Columns, rows: Rows, look: Look) -> Iterator[str]:
    """Comma-separated values with a header line."""
    yield ",".join(_csv_field(column.name) for column in columns)
    for row in rows:
        yield ",".join("" if value is None else _csv_field(plain_text(value)) for value in row)


def _csv_field(text: str) -> str:
    if text and not any(char in text for char in ',"\n\r') and text[0] != " " and text[-1] != " ":
        return text
    return '"' + text.replace('"', '""') + '"'


_TSV_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def tsv(columns: Columns, rows: Rows, look: Look) -> Iterator[str]:
    """Tab-separated values with a header line."""
    yield "\t".join(column.name.translate(_TSV_ESCAPES) for column in columns)
    for row in rows:
        yield "\t".join("\\N" if value is None else plain_text(value).translate(_TSV_ESCAPES) for value in row)


def json_array(columns: Columns, rows: Rows, look: Look) -> Iterator[str]:
    """One array with an object per row."""
    yield "["
    last = len(rows) - 1
    for i, line in enumerate(json_lines(columns, rows, look)):
        yield f"  {line}{',' if i < last else ''}"
    yield "]"


def json_lines(columns: Columns, rows: Rows, look: Look) -> Iterator[str]:
    """One object per line and row."""
    names = [json.dumps(name, ensure_ascii=False) for name in distinct_names([column.name for column in columns])]
    for row in rows:
        pairs = (f"{name}: {json_text(value)}" for name, value in zip(names, row, strict=True))
        yield "{" + ", ".join(pairs) + "}"


def distinct_names(names: Sequence[str]) -> list[str]:
    """`names`, the second use of one as ``name_2`` and so on."""
    taken: set[str] = set()
    result = []
    for name in names:
        number, candidate = 1, name
        while candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        taken.add(candidate)
        result.append(candidate)
    return result


def markdown(columns: Columns, rows: Rows, look: Look) -> Iterator[str]:
    """A table as GitHub's Markdown writes it."""
    yield "| " + " | ".join(_markdown_field(column.name) for column in columns) + " |"
    yield "|" + "|".join("---:" if is_right_aligned(column.type_name) else "---" for column in columns) + "|"
    for row in rows:
        fields = (_markdown_field(look.null if value is None else plain_text(value)) for value in row)
        yield "| " + " | ".join(fields) + " |"


def _markdown_field(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    return "<br>".join(visible(line) for line in escaped.split("\n"))


_FOR_PROGRAMS: dict[str, Callable[[Columns, Rows, Look], Iterator[str]]] = {
    "csv": csv,
    "tsv": tsv,
    "json": json_array,
    "jsonl": json_lines,
    "markdown": markdown,
}
