"""The 22 queries, in our dialect and in SQLite's, and tables filled through any DB-API connection."""

import re
import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
NUMBERS: Final = range(1, 23)

RARER: Final[dict[int, tuple[tuple[str, str], ...]]] = {
    2: (("p_size = 15", "p_size < 15"),),
    8: (("'ECONOMY ANODIZED STEEL'", "'ECONOMY POLISHED STEEL'"), ("p_type =", "p_type <=")),
    11: (("0.0001", "0.01"),),
    17: (("p_container = 'MED BOX'", "p_container LIKE 'MED%'"),),
    18: (("> 300", "> 230"),),
    19: (("p_brand = 'Brand#12'", "p_brand LIKE 'Brand#1%'"), ("p_brand = 'Brand#23'", "p_brand LIKE 'Brand#2%'")),
    20: (("0.5 * sum", "0.005 * sum"), ("n_name = 'CANADA'", "n_name < 'INDIA'"), ("'forest%'", "'f%'")),
    21: (("n_name = 'SAUDI ARABIA'", "n_name > 'M'"),),
}
"""Wider conditions in the place of those that would leave nothing of a very small database."""


def query(number: int, *, small: bool = False) -> str:
    """The text of a query; `small`: with conditions for a very small database."""
    text = (HERE / "queries" / f"q{number:02d}.sql").read_text(encoding="utf-8")
    for old, new in RARER.get(number, ()) if small else ():
        assert old in text, (number, old)
        text = text.replace(old, new)
    return text


def schema(*, indexed: bool) -> list[str]:
    """The statements that make the tables, and the secondary indexes where wanted."""
    text = (HERE / "schema.sql").read_text(encoding="utf-8")
    if indexed:
        text += (HERE / "indexes.sql").read_text(encoding="utf-8")
    return [statement for statement in text.split(";") if statement.strip()]


def fill(connection: Any, tables: Mapping[str, list[tuple[Any, ...]]], *, indexed: bool) -> None:
    """Make the tables and insert the rows, by DB-API."""
    cursor = connection.cursor()
    for statement in schema(indexed=indexed):
        cursor.execute(statement)
    for name, rows in tables.items():
        places = ", ".join("?" * len(rows[0]))
        cursor.executemany(f"INSERT INTO {name} VALUES ({places})", rows)
    connection.commit()


def sqlite_database(tables: Mapping[str, list[tuple[Any, ...]]], *, indexed: bool = True) -> sqlite3.Connection:
    """The same tables in SQLite: dates as text, exact numbers as floats, LIKE as the standard has it."""
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA case_sensitive_like = ON")
    fill(
        connection,
        {name: [tuple(map(_for_sqlite, row)) for row in rows] for name, rows in tables.items()},
        indexed=indexed,
    )
    connection.execute("ANALYZE")
    return connection


def _for_sqlite(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


_SQLITE: Final = (
    (re.compile(r"date ('[\d-]+') ([+-]) interval '(\d+ \w+)'"), r"date(\1, '\g<2>\3')"),
    (re.compile(r"date ('[\d-]+')"), r"\1"),
    (re.compile(r"extract\(year FROM (\w+)\)"), r"CAST(strftime('%Y', \1) AS integer)"),
    (re.compile(r"substring\((\w+) FROM (\d+) FOR (\d+)\)"), r"substr(\1, \2, \3)"),
)


def for_sqlite(text: str) -> str:
    """A query in SQLite's dialect."""
    for pattern, replacement in _SQLITE:
        text = pattern.sub(replacement, text)
    return text


def difference(ours: list[tuple[Any, ...]], theirs: list[tuple[Any, ...]]) -> str | None:
    """Where two results differ, row by row in order, exact numbers beside floats; None where they do not."""
    if len(ours) != len(theirs):
        return f"{len(ours)} rows, not {len(theirs)}"
    for i, (row, other) in enumerate(zip(ours, theirs, strict=True)):
        if len(row) != len(other) or not all(map(_same, row, other)):
            return f"row {i}: {row} is not {other}"
    return None


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, (Decimal, float, int)) and isinstance(theirs, (Decimal, float, int)):
        return abs(float(ours) - float(theirs)) <= 1e-9 * max(1.0, abs(float(theirs)))
    return bool(_for_sqlite(ours) == _for_sqlite(theirs))
