"""How it grows: memory per row, the same work on tables of 10,000 to 5,000,000 rows, and beside open transactions.

Point work should stay flat and scans grow in proportion; each size runs in a process of its own.
"""

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import work

import exdbsql
from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.schema.dictionary import Dictionary

SIZES = (10_000, 100_000, 1_000_000, 5_000_000)
OPEN = (1, 100, 10_000)
MEMORY_ROWS = 1_000_000


def in_own_process(function: Callable[[int], Any], argument: int) -> Any:
    """What `function` gives, run in a new process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, (argument,))


def resident_bytes() -> int:
    """Memory of this process that is resident; Linux only."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmRSS in /proc/self/status")


def bytes_per_row(rows: int) -> float:
    """Growth of the process by a table with a primary key, per row; the rows come from a generator."""
    connection = exdbsql.connect()
    cursor = connection.cursor()
    cursor.execute(work.ITEM.format("item"))
    before = resident_bytes()
    step = 50_000
    for start in range(0, rows, step):
        batch = [(300 + i, 300 + i, f"item{i:08d}", i / 7) for i in range(start, start + step)]
        cursor.executemany("INSERT INTO item VALUES (?, ?, ?, ?)", batch)
        connection.commit()
        del batch
    return (resident_bytes() - before) / rows


def memory_table() -> list[str]:
    """The lines of the table."""
    used = in_own_process(bytes_per_row, MEMORY_ROWS)
    return [
        "| memory per row (int, int, text of 12, float; primary key) | wanted |",
        "|---|---|",
        f"| {used:.0f} bytes | ≤ 350 bytes |",
    ]


def timed(connection: Any, run: work.Timed, repeats: int) -> float:
    """Best seconds per repeat of three rounds."""
    best = float("inf")
    for _ in range(3):
        once = run(connection, repeats)
        began = time.thread_time()
        once()
        best = min(best, (time.thread_time() - began) / repeats)
    return best


def growth_at(rows: int) -> list[tuple[str, float]]:
    """(work, seconds) for a table of `rows` rows."""
    connection = work.fill(exdbsql.connect(), rows)
    return measured(connection, rows)


def measured(connection: Any, rows: int) -> list[tuple[str, float]]:
    """(work, seconds); what scans counts per row."""
    some = [i * 7907 % rows for i in range(1000)]
    fresh = iter(range(rows, 10**9))
    point = work.query("SELECT name FROM item WHERE id = ?", lambda i: (some[i],))
    span = work.query("SELECT * FROM item WHERE id BETWEEN ? AND ?", lambda i: (s := some[i] % (rows - 10), s + 9))
    scan = work.query("SELECT count(*), sum(price) FROM item WHERE price > 500.0")
    group = work.query("SELECT grp, count(*), avg(price) FROM item GROUP BY grp")
    insert = work.alone("INSERT INTO item VALUES (?, ?, ?, ?)", lambda i: work.item(next(fresh), "new"))
    update = work.alone("UPDATE item SET price = ? WHERE id = ?", lambda i: (i / 7, some[i]))
    return [
        ("point select", timed(connection, point, 1000)),
        ("range of 10", timed(connection, span, 1000)),
        ("autocommit insert", timed(connection, insert, 1000)),
        ("autocommit update", timed(connection, update, 1000)),
        ("filter and aggregate, per row", timed(connection, scan, 1) / rows),
        ("GROUP BY, per row", timed(connection, group, 1) / rows),
    ]


def with_open_transactions(number: int) -> list[tuple[str, float]]:
    """(work, seconds) at 100,000 rows while `number` other transactions hold snapshots."""
    database = Database("bench", Engine(Dictionary()))
    connection = work.fill(database.connect(), 100_000)
    others = [database.connect() for _ in range(number)]
    for other in others:
        other.execute("SELECT name FROM item WHERE id = 1").fetchall()
    return measured(connection, 100_000)


def growth_tables(add: Callable[..., None]) -> None:
    """Both tables, as they come."""
    for title, function, arguments in (
        ("rows", growth_at, SIZES),
        ("open transactions, 100,000 rows", with_open_transactions, OPEN),
    ):
        columns = [in_own_process(function, argument) for argument in arguments]
        add("", f"| {title} | " + " | ".join(f"{a:,}" for a in arguments) + " |", "|---|" + "---|" * len(arguments))
        for number, (name, _) in enumerate(columns[0]):
            add(f"| {name} | " + " | ".join(f"{column[number][1] * 1e6:,.3f} µs" for column in columns) + " |")
