"""The tables, and rows with many NULLs and many equal values, so that joins and groups meet both."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

INT, TEXT, NUM, DAY = "integer", "text", "numeric", "date"


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table's name and columns."""

    name: str
    columns: tuple[tuple[str, str], ...]
    constraints: str = ""

    def create(self) -> str:
        """Its CREATE TABLE."""
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns)
        return f"CREATE TABLE {self.name} ({columns}{self.constraints})"


TABLES: Final = (
    TableShape("t", (("id", INT), ("a", INT), ("b", f"{INT} NOT NULL"), ("c", TEXT), ("n", NUM)), ", PRIMARY KEY (id)"),
    TableShape(
        "u", (("k", INT), ("t_id", INT), ("d", INT), ("e", f"{TEXT} NOT NULL"), ("day", DAY)), ", PRIMARY KEY (k)"
    ),
    TableShape("v", (("x", INT), ("y", INT), ("z", TEXT), ("m", NUM)), ", PRIMARY KEY (x, y)"),
    TableShape("w", (("g", INT), ("h", INT))),
)
INDEXES: Final = (
    "CREATE INDEX t_a ON t (a)",
    "CREATE INDEX t_c ON t (c)",
    "CREATE INDEX u_t ON u (t_id)",
    "CREATE INDEX u_de ON u (d, e)",
    "CREATE INDEX u_day ON u (day)",
    "CREATE INDEX v_y ON v (y)",
    "CREATE INDEX w_g ON w (g)",
    "CREATE INDEX t_ab ON t (a, b DESC)",
    "CREATE INDEX t_bac ON t (b, a DESC, c)",
    "CREATE INDEX t_cb ON t (c, b)",
    "CREATE INDEX t_n ON t (n DESC)",
    "CREATE INDEX u_te ON u (t_id DESC, e)",
    "CREATE INDEX v_yz ON v (y, z)",
)
WORDS: Final = ("x", "y", "z", "xy", "Xy", "", "a%b", "o_o")


def columns_of(kind: str, table: str) -> list[str]:
    """Columns of a table of a kind: int, text, num, day."""
    wanted = {"int": INT, "text": TEXT, "num": NUM, "day": DAY}[kind]
    shape = next(t for t in TABLES if t.name == table)
    return [name for name, declared in shape.columns if declared.startswith(wanted)]


def rows(rng: Random, size: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Rows for all tables: (table, values)."""

    def maybe(value: Any) -> Any:
        return None if rng.random() < 0.2 else value

    def quarter() -> Decimal:
        return Decimal(rng.randrange(-12, 40)) / 4  # exact as a binary fraction too

    spread = max(4, size // 3)
    for i in range(size):
        yield "t", (i, maybe(rng.randrange(6)), rng.randrange(4), maybe(rng.choice(WORDS)), maybe(quarter()))
        day = date(2024, 2, 20) + timedelta(rng.randrange(20))
        yield "u", (i, maybe(rng.randrange(size)), maybe(rng.randrange(5)), rng.choice(WORDS), maybe(day))
        yield "v", (i // 3, i % 3, maybe(rng.choice(WORDS)), maybe(quarter()))
        yield "w", (maybe(rng.randrange(spread)), maybe(rng.randrange(5)))
