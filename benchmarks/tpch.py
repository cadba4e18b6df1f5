"""The 22 queries after TPC-H, beside sqlite3, and DuckDB where it is installed: each result checked, each query timed.

    python benchmarks/tpch.py --scale 0.05
    python benchmarks/tpch.py --scale 0.01 --write       writes benchmarks/TPCH.md

All three hold the same tables in memory, with the same secondary indexes on foreign keys (DuckDB without: it needs none). A
query runs once to be planned and compared, then in alternating rounds; the best round counts. exdbsql and DuckDB work in exact
numerics, SQLite in floats.
"""

import argparse
import datetime
import platform
import sqlite3
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "tpch"))

import exdbsql
from tpch_data import workload
from tpch_data.generator import Generator

RESULTS = Path(__file__).parent / "TPCH.md"
Run = Callable[[str], list[tuple[Any, ...]]]


def ours(tables: Any) -> Run:
    """exdbsql."""
    connection = exdbsql.connect()
    workload.fill(connection, tables, indexed=True)
    connection.autocommit = True
    return lambda text: connection.execute(text).fetchall()


def sqlite(tables: Any) -> Run:
    """sqlite3, with ANALYZE."""
    connection = workload.sqlite_database(tables)
    return lambda text: connection.execute(workload.for_sqlite(text)).fetchall()


def duckdb(tables: Any) -> Run | None:
    """DuckDB on one thread, where it is installed."""
    if find_spec("duckdb") is None:
        return None
    import duckdb as module

    connection = module.connect(":memory:", config={"threads": 1})
    for statement in workload.schema(indexed=False):
        connection.execute(statement)
    for name, rows in tables.items():
        for start in range(0, len(rows), 1000):
            part = rows[start : start + 1000]
            values = ", ".join("(" + ", ".join(map(_literal, row)) + ")" for row in part)
            connection.execute(f"INSERT INTO {name} VALUES {values}")
    return lambda text: connection.execute(text).fetchall()


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return f"'{value}'" if isinstance(value, datetime.date) else str(value)


def best_seconds(runs: list[Run], text: str, rounds: int) -> list[float]:
    """Each side's best round."""
    best = [float("inf")] * len(runs)
    for _ in range(rounds):
        for i, run in enumerate(runs):
            began = time.perf_counter()
            run(text)
            best[i] = min(best[i], time.perf_counter() - began)
    return best


def line_of(number: int, runs: dict[str, Run], rounds: int, small: bool) -> str:
    """A query's line of the table."""
    text = workload.query(number, small=small)
    names = [name for name in ("exdbsql", "sqlite3", "DuckDB") if name in runs]
    mine = runs["exdbsql"](text)
    wrong = [name for name in names[1:] if workload.difference(mine, runs[name](text)) is not None]
    if wrong:
        return f"| Q{number} | NOT THE SAME ROWS as {', '.join(wrong)} |"
    times = best_seconds([runs[name] for name in names], text, rounds)
    shown = " | ".join(f"{seconds * 1e3:,.1f}" for seconds in times)
    ratios = " | ".join(f"{seconds / times[0]:.2f}" for seconds in times[1:])
    return f"| Q{number} | {len(mine)} | {shown} | {ratios} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="queries after TPC-H")
    parser.add_argument("--scale", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", type=int, nargs="*", default=list(workload.NUMBERS), help="numbers of queries")
    parser.add_argument("--write", action="store_true", help="write benchmarks/TPCH.md")
    arguments = parser.parse_args()
    tables = Generator(arguments.scale, arguments.seed).tables()
    made = {"exdbsql": ours(tables), "sqlite3": sqlite(tables), "DuckDB": duckdb(tables)}
    runs = {name: run for name, run in made.items() if run is not None}
    others = [name for name in runs if name != "exdbsql"]
    lines = [
        f"# Queries after TPC-H, scale {arguments.scale:g}: {len(tables['lineitem']):,} line items in memory",
        "",
        f"`python benchmarks/tpch.py --scale {arguments.scale:g}` on {datetime.date.today().isoformat()}, "
        + f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.machine()}. Milliseconds; the best of "
        + f"{arguments.rounds} alternating rounds. A ratio above 1 means that exdbsql is faster. Every result was the same on all sides.",
        "",
        "| query | rows | "
        + " | ".join(f"{name} ms" for name in runs)
        + " | "
        + " | ".join(f"÷ {n}" for n in others)
        + " |",
        "|---|---|" + "---|" * (len(runs) + len(others)),
    ]
    print("\n".join(lines), flush=True)
    for number in arguments.only:
        lines.append(line_of(number, runs, arguments.rounds, small=arguments.scale < 0.01))
        print(lines[-1], flush=True)
    if arguments.write:
        RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
