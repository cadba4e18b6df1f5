"""Tables for people: columns side by side, or one line per column ("vertical").

tabulate aligns the columns; the layout is psql's: a header, a rule, right-aligned numbers, ``(3 rows)`` below; a cell of
several lines carries a ``+`` where it goes on. Control characters are written escaped, so that a value cannot drive the
terminal. Widths are columns of the terminal, not characters: wide East Asian letters count two.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import tabulate
from prompt_toolkit.utils import get_cwidth

from exdbsql.shell.database import ResultColumn
from exdbsql.shell.values import is_right_aligned, plain_text

BOLD, DIM, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"

# tabulate widens each header by this much, for its own formats' sake; psql's columns are as wide as what is in them.
tabulate.MIN_PADDING = 0


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

    @property
    def format(self) -> tabulate.TableFormat:
        """psql's aligned layout for tabulate."""
        bar, dash, cross = self.lines
        row, rule = tabulate.DataRow("", bar, ""), tabulate.Line("", dash, cross, "")
        return tabulate.TableFormat(None, rule, None, None, row, row, padding=1, with_header_hide=None)

    def styled(self, text: str, style: str) -> str:
        """`text` in bold or dim letters, where the output takes colours."""
        return f"{style}{text}{PLAIN}" if self.colour else text


def bare(text: str) -> str:
    """`text` without the codes of :meth:`Look.styled`."""
    for code in (PLAIN, BOLD, DIM):
        text = text.replace(code, "")
    return text


def visible(text: str) -> str:
    """`text` with control characters written as escapes; tabs and line ends are the caller's business."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    named = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
    code = ord(char)
    return named.get(char) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def cell_of(text: str) -> str:
    """A value's text as a table shows it: tabs become spaces, lines that go on get their mark."""
    if text.isascii() and text.isprintable():
        return text
    lines = [visible(line) for line in text.expandtabs(8).split("\n")]
    if len(lines) == 1:
        return lines[0]
    width = max(map(get_cwidth, lines))
    marked = [line + " " * (width - get_cwidth(line)) + "+" for line in lines[:-1]]
    return "\n".join([*marked, lines[-1]])


def cells_of(rows: Sequence[tuple[Any, ...]], look: Look) -> list[list[str]]:
    """The cells of all rows."""
    null = look.styled(look.null, DIM)
    return [[null if value is None else cell_of(plain_text(value)) for value in row] for row in rows]


def row_count(count: int) -> str:
    """``(1 row)``, ``(3 rows)``."""
    return f"({count} row{'' if count == 1 else 's'})"


def _by_line(cells: list[list[str]]) -> Iterator[Sequence[str]]:
    """The rows of a table line by line: a row with cells of several lines becomes several."""
    for row in cells:
        if any("\n" in cell for cell in row):
            yield from zip_longest(*(cell.split("\n") for cell in row), fillvalue="")
        else:
            yield row


def table(columns: Sequence[ResultColumn], cells: list[list[str]], look: Look) -> list[str]:
    """The lines of a table with columns side by side; the second is the rule, as wide as the table."""
    lines = []
    if columns:
        drawn = tabulate.tabulate(
            list(_by_line(cells)),
            headers=[look.styled(visible(column.name), BOLD) for column in columns],
            tablefmt=look.format,
            disable_numparse=True,
            colalign=["right" if is_right_aligned(column.type_name) else "left" for column in columns]
            if cells
            else None,
            headersglobalalign="center",
            preserve_whitespace=True,
        )
        lines = [line.rstrip() for line in drawn.split("\n")]
    else:
        lines = [""] * len(cells)
    return [*lines, row_count(len(cells))] if look.footer else lines


def vertical(columns: Sequence[ResultColumn], cells: list[list[str]], look: Look) -> Iterator[str]:
    """The lines of a table with one line per column, each row under its number."""
    bar, dash, cross = look.lines
    heads = [visible(column.name) for column in columns]
    left = max((get_cwidth(head) for head in heads), default=0)
    body = max((get_cwidth(bare(line)) for row in cells for cell in row for line in cell.split("\n")), default=0)
    for number, row in enumerate(cells, 1):
        title = f"{dash}[ RECORD {number} ]"
        rule = title.ljust(left + 1, dash) + (cross if len(title) <= left + 1 else dash)
        yield rule.ljust(left + body + 3, dash)
        for head, cell in zip(heads, row, strict=True):
            label = look.styled(head, BOLD) + " " * (left - get_cwidth(head))
            for i, line in enumerate(cell.split("\n")):
                yield f"{label if i == 0 else ' ' * left} {bar} {line}".rstrip()
    if look.footer:
        yield row_count(len(cells))
