"""What a statement costs whose shape never came before: it is parsed, bound, planned, compiled, and run once."""

import time
from typing import Any

import work

SMALL = "SELECT name, grp AS grp_{} FROM item WHERE id = 7 AND grp < 500"
FIVE_WAY = work.FIVE_WAY.replace("k.name FROM", "k.name AS kind_{} FROM") + " WHERE s.id = 77"
SHAPES = (("new shape, small", SMALL, 1.0), ("new shape, five-way join", FIVE_WAY, 10.0))
TIMES = 30


def median_ms(connection: Any, form: str) -> float:
    """Milliseconds of the median run."""
    cursor = connection.cursor()
    took = []
    for number in range(TIMES):
        sql = form.format(number)
        began = time.thread_time()
        cursor.execute(sql)
        cursor.fetchall()
        took.append((time.thread_time() - began) * 1e3)
    connection.rollback()
    return sorted(took)[TIMES // 2]


def table(ours: Any, theirs: Any) -> list[str]:
    """The lines of the table."""
    lines = ["| a statement of a new shape | exdbsql, median | sqlite3, median | wanted |", "|---|---|---|---|"]
    for name, form, wanted in SHAPES:
        mine, other = median_ms(ours, form), median_ms(theirs, form)
        lines.append(f"| {name} | {mine:.2f} ms | {other:.3f} ms | under {wanted:g} ms |")
    return lines
