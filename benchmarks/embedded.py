"""The embedded engine beside sqlite3 in memory: the same work through the same interface (DB-API), in one run.

    make bench                                    writes benchmarks/RESULTS.md, DuckDB and PostgreSQL beside, where installed
    python benchmarks/embedded.py --rows 100000 --no-write --only select

Each line is measured in alternating rounds, so that what else the machine does hits both alike; the figure is processor time
of the thread in each side's best round (nothing here waits), and the ratio says how many times faster exdbsql is (below 1: slower). Python's collector is as a
program finds it: on, with its usual thresholds.
"""

import argparse
import gc
import os
import platform
import sqlite3
import time
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import Any

import others
import shapes
import sizes
import work

import exdbsql

RESULTS = Path(__file__).parent / "RESULTS.md"


def measure(line: work.Work, ours: Any, theirs: Any) -> tuple[float, float]:
    """Best seconds per repeat of each side."""
    best = [float("inf"), float("inf")]
    for _ in range(line.rounds):
        for side, connection in enumerate((ours, theirs)):
            run = line.run(connection, line.repeats)
            gc.collect()
            began = time.thread_time()
            run()
            best[side] = min(best[side], (time.thread_time() - began) / line.repeats)
    if line.is_bulk:
        work.drop_bulk(ours)
        work.drop_bulk(theirs)
    return best[0], best[1]


def shown(seconds: float) -> str:
    """A duration with its unit."""
    return f"{seconds * 1e6:,.2f} µs" if seconds < 1e-3 else f"{seconds * 1e3:,.1f} ms"


def compared(line: work.Work, ours: Any, theirs: Any, beside: list[others.Other]) -> str:
    """The line of the table."""
    try:
        mine, other = measure(line, ours, theirs)
    except exdbsql.NotSupportedError as error:
        ours.rollback()
        return f"| {line.name} | {error.message} | | | {line.wanted:.2g} |" + " |" * len(beside)
    figures = [shown(mine), shown(other), f"{other / mine:.2f}", f"{line.wanted:.2g}"]
    for one in beside:
        seconds = others.elapsed(line, one)
        figures.append("" if seconds is None else shown(seconds))
    return f"| {line.name} | {' | '.join(figures)} |"


def processor() -> str:
    """The processor's name, where the system tells."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return f"{names[0]} × {os.cpu_count()}" if names else platform.processor()


def head(rows: int, beside: list[others.Other]) -> list[str]:
    """Title, machine, versions."""
    written = (
        f"Written by `make bench` on {date.today().isoformat()}: Python {platform.python_version()}, SQLite "
        f"{sqlite3.sqlite_version}, {platform.system()} {platform.machine()}, {processor()}. A ratio above 1 means that "
        "exdbsql is faster; both sides are measured in one run, in alternating rounds, and the processor time of each side's "
        "best round counts."
    )
    if beside:
        written += (
            " The other columns are elapsed time of the same work in the same run, through the driver of each; PostgreSQL "
            "is reached by a socket of this machine, and does not wait for its disk."
        )
    names = "".join(f" {one.name} |" for one in beside)
    return [
        f"# exdbsql beside sqlite3, {rows:,} rows in memory",
        "",
        written,
        "",
        f"| work, through DB-API | exdbsql | sqlite3 | ratio | wanted |{names}",
        "|---|---|---|---|---|" + "---|" * len(beside),
    ]


class Report:
    """Lines that are printed as they come, and kept."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, *lines: str) -> None:
        """Print and keep."""
        self.lines += lines
        print("\n".join(lines), flush=True)


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description="exdbsql beside sqlite3")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--no-write", action="store_true", help="do not touch benchmarks/RESULTS.md")
    parser.add_argument("--only", default="", help="only lines with this in their names, and no other tables")
    parser.add_argument("--others", action="store_true", help="DuckDB and PostgreSQL, too, where they are installed")
    arguments = parser.parse_args()
    ours = work.fill(exdbsql.connect(), arguments.rows)
    theirs = work.fill(sqlite3.connect(":memory:"), arguments.rows)
    report = Report()
    with others.found(arguments.rows, print) if arguments.others else nullcontext([]) as beside:
        report.add(*head(arguments.rows, beside))
        for line in work.lines(arguments.rows):
            if any(word in line.name for word in arguments.only.split("|")):
                report.add(compared(line, ours, theirs, beside))
    if not arguments.only:
        report.add("", *shapes.table(ours, theirs))
        ours.close()
        theirs.close()
        report.add("", *sizes.memory_table())
        sizes.growth_tables(report.add)
    if not arguments.no_write and not arguments.only:
        RESULTS.write_text("\n".join(report.lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
