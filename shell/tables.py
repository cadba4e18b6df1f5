"""Tables for people: columns side by side, or one line per column ("vertical").

The layout is psql's: a header, a rule, right-aligned numbers, ``(3 rows)`` below; a cell of several lines continues with
a ``+`` at its right edge. Control characters are written escaped, so that a value cannot drive the terminal. Widths are
columns of the terminal, not characters: wide East Asian letters count two.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prompt_toolkit.utils import get_cwidth

from exdbsql.shell.database import ResultColumn
from exdbsql.shell.values import is_right_aligned, plain_text

BOLD, DIM, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"


@dataclass(frozen=True)
class Look:
    """How tables are drawn: the text for NULL, box lines or ASCII, colours, the row count."""

    null: str = "<null>"
    unicode: bool = False
    colour: bool = False
    footer: bool = True

    @property
    def lines(self) -> tuple[str, str, str]:
        """Vertical line, horizontal line, crossing."""
        return ("│", "─", "┼") if self.unicode else ("|", "-", "+")


@dataclass(frozen=True)
class Cell:
    """The lines of one value, ready to be set; `null` is drawn dim."""

    lines: tuple[str, ...]
    width: int
    null: bool = False


def visible(text: str) -> str:
    """`text` with control characters written as escapes; tabs and line ends are the caller's business."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    named = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
    code = ord(char)
    return named.get(char) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def cell_of(text: str) -> Cell:
    """Lay out a value's text; tabs become spaces."""
    if text.isascii() and text.isprintable():
        return Cell((text,), len(text))
    lines = tuple(visible(line) for line in text.expandtabs(8).split("\n"))
    return Cell(lines, max(get_cwidth(line) for line in lines))


def cells_of(rows: Sequence[tuple[Any, ...]], look: Look) -> list[list[Cell]]:
    """The cells of all rows."""
    null = Cell((look.null,), get_cwidth(look.null), null=True)
    return [[null if value is None else cell_of(plain_text(value)) for value in row] for row in rows]


def row_count(count: int) -> str:
    """``(1 row)``, ``(3 rows)``."""
    return f"({count} row{'' if count == 1 else 's'})"


def natural_width(columns: Sequence[ResultColumn], cells: list[list[Cell]]) -> int:
    """Columns of the terminal that the table takes side by side."""
    return sum(width + 3 for width in _widths(columns, cells)) - 1


def _widths(columns: Sequence[ResultColumn], cells: list[list[Cell]]) -> list[int]:
    heads = [get_cwidth(visible(column.name)) for column in columns]
    return [max([head, *(row[i].width for row in cells)]) for i, head in enumerate(heads)]


def table(columns: Sequence[ResultColumn], cells: list[list[Cell]], look: Look) -> Iterator[str]:
    """The lines of a table with columns side by side."""
    bar, dash, cross = look.lines
    widths = _widths(columns, cells)
    right = [is_right_aligned(column.type_name) for column in columns]
    if columns:
        heads = [_centred(visible(column.name), width) for column, width in zip(columns, widths, strict=True)]
        yield bar.join(f" {_styled(head, BOLD, look)} " for head in heads).rstrip()
        yield cross.join(dash * (width + 2) for width in widths)
    for row in cells:
        yield from _row_lines(row, widths, right, look)
    if look.footer:
        yield row_count(len(cells))


def _row_lines(row: list[Cell], widths: list[int], right: list[bool], look: Look) -> Iterator[str]:
    bar = look.lines[0]
    for i in range(max((len(cell.lines) for cell in row), default=1)):
        parts = [_part(cell, i, width, rights, look) for cell, width, rights in zip(row, widths, right, strict=True)]
        yield bar.join(parts).rstrip()


def _part(cell: Cell, i: int, width: int, right: bool, look: Look) -> str:
    """Line `i` of a cell, padded to its column, with the mark of continuation."""
    text = cell.lines[i] if i < len(cell.lines) else ""
    pad = " " * (width - get_cwidth(text))
    mark = "+" if i + 1 < len(cell.lines) else " "
    if cell.null:
        text = _styled(text, DIM, look)
    return f" {pad}{text}{mark}" if right else f" {text}{pad}{mark}"


def vertical(columns: Sequence[ResultColumn], cells: list[list[Cell]], look: Look) -> Iterator[str]:
    """The lines of a table with one line per column, each row under its number."""
    bar, dash, cross = look.lines
    heads = [visible(column.name) for column in columns]
    left = max((get_cwidth(head) for head in heads), default=0)
    body = max((cell.width for row in cells for cell in row), default=0)
    for number, row in enumerate(cells, 1):
        title = f"{dash}[ RECORD {number} ]"
        rule = title.ljust(left + 1, dash) + (cross if len(title) <= left + 1 else dash)
        yield rule.ljust(left + body + 3, dash)
        for head, cell in zip(heads, row, strict=True):
            label = head + " " * (left - get_cwidth(head))
            for i, line in enumerate(cell.lines):
                shown = _styled(line, DIM, look) if cell.null else line
                mark = "+" if i + 1 < len(cell.lines) else ""
                yield f"{_styled(label, BOLD, look) if i == 0 else ' ' * left} {bar} {shown}{mark}".rstrip()
    if look.footer:
        yield row_count(len(cells))


def _centred(text: str, width: int) -> str:
    space = width - get_cwidth(text)
    return " " * (space // 2) + text + " " * (space - space // 2)


def _styled(text: str, style: str, look: Look) -> str:
    return f"{style}{text}{PLAIN}" if look.colour else text
