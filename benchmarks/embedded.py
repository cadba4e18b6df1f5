"""The embedded engine beside sqlite3 in memory: the same work through the same interface (DB-API), in one run.

    make bench            writes benchmarks/RESULTS.md
    python benchmarks/embedded.py --rows 10000 --no-write

Each line is measured in alternating rounds, so that what else the machine does hits both alike; the figure is each
side's best round, and the ratio says how many times faster exdbsql is (below 1: slower).
"""

import argparse
import gc
import platform
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import exdbsql

RESULTS = Path(__file__).parent / "RESULTS.md"
ROUNDS = 5
TABLE = "CREATE TABLE item (id integer PRIMARY KEY, grp integer NOT NULL, name varchar(12) NOT NULL, price double precision NOT NULL)"
OTHER = "CREATE TABLE grp (id integer PRIMARY KEY, label text NOT NULL)"
GROUPS = 1000
INSERT = "INSERT INTO item VALUES (?, ?, ?, ?)"


@dataclass(frozen=True)
class Work:
    """One line of the table: what is done, how many times per round, and how many rows a time touches."""

    name: str
    run: Callable[[Any, int], None]
    repeats: int
    wanted: float
    """The ratio that the project is after."""


def item(number: int) -> tuple[int, int, str, float]:
    return number, number * 7919 % GROUPS, f"item{number:08d}", (number * 37 % 10007) / 10


def query(sql: str, parameters: Callable[[int], Sequence[Any]] = lambda i: ()) -> Callable[[Any, int], None]:
    def run(connection: Any, repeats: int) -> None:
        cursor = connection.cursor()
        for i in range(repeats):
            cursor.execute(sql, parameters(i))
            cursor.fetchall()

    return run


def change(sql: str, parameters: Callable[[int], Sequence[Any]]) -> Callable[[Any, int], None]:
    def run(connection: Any, repeats: int) -> None:
        cursor = connection.cursor()
        for i in range(repeats):
            cursor.execute(sql, parameters(i))
            connection.commit()

    return run


def bulk_insert(rows: int) -> Callable[[Any, int], None]:
    data = [(i, i % GROUPS, f"bulk{i:08d}", i / 10) for i in range(rows)]

    def run(connection: Any, repeats: int) -> None:
        cursor = connection.cursor()
        for _ in range(repeats):
            cursor.execute("DROP TABLE IF EXISTS bulk")
            cursor.execute(TABLE.replace("item", "bulk", 1))
            connection.commit()
            cursor.executemany("INSERT INTO bulk VALUES (?, ?, ?, ?)", data)
            connection.commit()

    return run


def work_of(rows: int) -> list[Work]:
    some = [i * 7907 % rows for i in range(2000)]
    next_id = iter(range(rows, 10**9))
    return [
        Work("point select by primary key", query("SELECT name FROM item WHERE id = ?", lambda i: (some[i],)), 2000, 1.5),
        Work("select by secondary index", query("SELECT id FROM item WHERE name = ?", lambda i: (f"item{some[i]:08d}",)), 2000, 1.5),
        Work("autocommit insert", change(INSERT, lambda i: (n := next(next_id), 1, f"new{n}", 1.0)), 1000, 1.0),
        Work("autocommit update", change("UPDATE item SET price = ? WHERE id = ?", lambda i: (i / 7, some[i])), 1000, 1.0),
        Work("range of 1,000 by key", query("SELECT * FROM item WHERE id BETWEEN ? AND ?", lambda i: (some[i] % (rows - 1000), some[i] % (rows - 1000) + 999)), 50, 1.5),
        Work("filter and aggregate", query("SELECT count(*), sum(price) FROM item WHERE price > 500.0"), 2, 2.0),
        Work("GROUP BY 1,000 groups", query("SELECT grp, count(*), avg(price) FROM item GROUP BY grp"), 2, 2.0),
        Work("ORDER BY", query("SELECT * FROM item ORDER BY price, id"), 1, 2.0),
        Work("top 10", query("SELECT * FROM item ORDER BY price DESC, id LIMIT 10"), 2, 2.0),
        Work("join of two tables", query("SELECT g.label, i.price FROM item i JOIN grp g ON g.id = i.grp"), 1, 2.0),
        Work("fetchall of the table", query("SELECT * FROM item"), 1, 10.0),
        Work(f"executemany insert of {rows:,}", bulk_insert(rows), 1, 1.0),
    ]  # fmt: skip


def prepare(connection: Any, rows: int) -> Any:
    cursor = connection.cursor()
    cursor.execute(TABLE)
    cursor.execute(OTHER)
    cursor.execute("CREATE INDEX item_name ON item (name)")
    connection.commit()
    cursor.executemany(INSERT, [item(i) for i in range(rows)])
    cursor.executemany("INSERT INTO grp VALUES (?, ?)", [(i, f"group {i}") for i in range(GROUPS)])
    connection.commit()
    return connection


def measure(work: Work, ours: Any, theirs: Any) -> tuple[float, float]:
    """Best seconds per repeat of each side, in alternating rounds."""
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for side, connection in enumerate((ours, theirs)):
            gc.collect()
            began = time.perf_counter()
            work.run(connection, work.repeats)
            best[side] = min(best[side], (time.perf_counter() - began) / work.repeats)
    return best[0], best[1]


def shown(seconds: float) -> str:
    return f"{seconds * 1e6:,.2f} µs" if seconds < 1e-3 else f"{seconds * 1e3:,.1f} ms"


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description="exdbsql beside sqlite3")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--no-write", action="store_true", help="do not touch benchmarks/RESULTS.md")
    arguments = parser.parse_args()
    ours = prepare(exdbsql.connect(), arguments.rows)
    theirs = prepare(sqlite3.connect(":memory:", isolation_level="DEFERRED"), arguments.rows)
    lines = [
        f"# exdbsql beside sqlite3, {arguments.rows:,} rows in memory",
        "",
        f"Written by `make bench` on {date.today().isoformat()}: Python {platform.python_version()}, SQLite "
        f"{sqlite3.sqlite_version}, {platform.system()} {platform.machine()}. A ratio above 1 means that exdbsql is faster.",
        "",
        "| work, through DB-API | exdbsql | sqlite3 | ratio | wanted |",
        "|---|---|---|---|---|",
    ]
    print("\n".join(lines[4:]))
    for work in work_of(arguments.rows):
        mine, other = measure(work, ours, theirs)
        lines.append(f"| {work.name} | {shown(mine)} | {shown(other)} | {other / mine:.2f} | {work.wanted:g} |")
        print(lines[-1], flush=True)
    if not arguments.no_write:
        RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
