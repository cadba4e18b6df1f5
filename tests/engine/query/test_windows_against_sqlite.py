"""Random windows, functions and frames over random rows give what sqlite3 gives."""

import random
import re
import sqlite3

import pytest

import exdbsql

FUNCTIONS = (
    *(
        "count(*)",
        "count(x)",
        "sum(x)",
        "min(x)",
        "max(x)",
        "sum(y)",
        "avg(y)",
        "max(y)",
        "first_value(id)",
        "last_value(id)",
    ),
    *("nth_value(x, 2)", "row_number()", "rank()", "dense_rank()", "percent_rank()", "cume_dist()", "ntile(3)"),
    *(
        "lag(x)",
        "lead(x, 2, -1)",
        "count(*) FILTER (WHERE x > 3)",
        "sum(x) FILTER (WHERE id % 2 = 0)",
        "string_agg(g, ',')",
    ),
    *(
        "lag(x, k)",
        "lead(y, k, 0.5)",
        "lag(id, -1)",
        "lag(y, 3)",
        "lead(id, 100)",
        "min(y)",
        "avg(y + k)",
        "sum(k)",
        "count(y)",
    ),
)
SOURCES = ("t", "t WHERE id >= 0", "t JOIN u ON u.k = t.k", "(SELECT * FROM t ORDER BY id LIMIT 30) AS t")
BOUNDS = ("UNBOUNDED PRECEDING", "{n} PRECEDING", "CURRENT ROW", "{n} FOLLOWING", "UNBOUNDED FOLLOWING")
EXCLUDE = ("", "", " EXCLUDE CURRENT ROW", " EXCLUDE GROUP", " EXCLUDE TIES", " EXCLUDE NO OTHERS")


def random_window(rng: random.Random) -> str:
    parts = [rng.choice(("", "PARTITION BY g"))]
    order = rng.choice(
        (
            "id",
            "id DESC",
            "x NULLS LAST, id",
            "x DESC NULLS FIRST, id",
            "k",
            "k DESC",
            "k, y DESC, id",
            "g NULLS LAST, id",
        )
    )
    parts.append(f"ORDER BY {order}")
    if rng.random() < 0.75:
        low = rng.randrange(0, 4)
        high = rng.randrange(max(low, 1), 5)
        mode = rng.choice(("ROWS", "RANGE", "GROUPS"))
        if mode == "RANGE" and "," in order and "{n}" in BOUNDS[low] + BOUNDS[high]:
            mode = "ROWS"
        ends = [BOUNDS[i].format(n=n) for i, n in zip((low, high), sorted(rng.sample(range(1, 5), 2)), strict=True)]
        if low == high == 1:
            ends.reverse()
        parts.append(f"{mode} BETWEEN {ends[0]} AND {ends[1]}{rng.choice(EXCLUDE)}")
    return " ".join(parts)


def close(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return a == pytest.approx(b)
    return a == b


@pytest.mark.parametrize("seed", range(80))
def test_random_windows(seed: int) -> None:
    rng = random.Random(seed)
    rows = [
        (i, rng.choice(("a", "b", None)), rng.choice((None, *range(6))), rng.random() * 10, rng.randrange(6))
        for i in range(rng.choice((1, 7, 40)))
    ]
    ours, theirs = exdbsql.connect(), sqlite3.connect(":memory:")
    ours.execute("CREATE TABLE t (id integer PRIMARY KEY, g text, x integer, y double precision, k integer)")
    theirs.execute("CREATE TABLE t (id integer PRIMARY KEY, g text, x integer, y double precision, k integer)")
    for connection in (ours, theirs):
        connection.execute("CREATE TABLE u (k integer NOT NULL UNIQUE)")
        connection.executemany("INSERT INTO u VALUES (?)", [(k,) for k in range(6)])
    ours.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows)
    theirs.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows)
    for _ in range(6):
        function = rng.choice(FUNCTIONS)
        source = rng.choice(SOURCES)
        window = random_window(rng)
        if " JOIN " in source:  # which has no unqualified k
            window, function = (re.sub(r"\bk\b", "t.k", part) for part in (window, function))
        sql = f"SELECT id, {function} OVER ({window}), x FROM {source} ORDER BY id"
        expected = theirs.execute(sql.replace("string_agg", "group_concat")).fetchall()
        got = ours.execute(sql).fetchall()
        assert len(got) == len(expected)
        assert all(a[0] == b[0] and close(a[1], b[1]) and a[2] == b[2] for a, b in zip(got, expected, strict=True)), sql
