"""Partial indexes and indexes over expressions: queries that use them give what they give without, and those that should use them do."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.engine.database import Database as Engine
from exdbsql.schema.dictionary import Dictionary

COLUMNS = "(id integer PRIMARY KEY, name text, a integer, b integer, status text NOT NULL, m numeric, gone boolean)"
INDEXES = [
    "CREATE INDEX i_lower ON t (lower(name))",
    "CREATE INDEX i_sum ON t ((a + b), id DESC)",
    "CREATE INDEX i_open ON t (id) WHERE status = 'open'",
    "CREATE INDEX i_open_b ON t (b DESC NULLS LAST) WHERE status IN ('open', 'new') AND a IS NOT NULL",
    "CREATE UNIQUE INDEX i_m ON t (m) WHERE m > 50 AND NOT gone",
    "CREATE INDEX i_third ON t ((a % 3) NULLS FIRST, (coalesce(name, '-')) DESC)",
    "CREATE INDEX i_gone ON t ((m * 2)) WHERE gone OR b < 3",
    "CREATE INDEX i_b ON t (b) WHERE b IS NOT NULL",
]
TERMS = [
    "lower(name) = 'n{0}'", "lower(name) >= 'n{0}'", "lower(name) LIKE 'n{0}%'", "lower(name) IN ('n{0}', 'n{1}')", "lower(name) IS NULL",
    "a + b = {0}", "a + b > {0}", "a + b BETWEEN {0} AND {1}", "b + a = {0}", "id < {0}{1}", "id = {0}", "status = 'open'", "status = 'new'",
    "status IN ('open', 'new')", "status = 'done'", "a IS NOT NULL", "a > {0}", "a = {0}", "b = {0}", "b < {0}", "b IN ({0}, {1})", "b IS NULL",
    "m > 50", "m > 6{0}", "m >= 50", "m = 7{0}", "NOT gone", "gone", "gone IS NULL", "a % 3 = {0}", "a % 4 = {0}", "a % 3 IS NULL", "m * 2 = {0}{1}",
    "m * 2 < {0}", "gone OR b < 3", "b < 3", "coalesce(name, '-') = 'N{0}'", "m > 50 AND NOT gone", "NOT (gone OR b < 3)",
]  # fmt: skip
ORDERS = ["", "", "ORDER BY id", "ORDER BY a + b, id DESC", "ORDER BY lower(name) DESC, id", "ORDER BY b DESC NULLS LAST, id", "ORDER BY a % 3 NULLS FIRST, id",
          "ORDER BY m, id", "ORDER BY lower(name), id LIMIT 3", "ORDER BY a + b DESC, id LIMIT 2 OFFSET 1", "ORDER BY b, id LIMIT 4"]  # fmt: skip


@pytest.fixture
def con() -> Iterator[Connection]:
    with Database("test", Engine(Dictionary(), debug=True)) as database:
        made = database.connect()
        made.autocommit = True
        for table in ("t", "plain"):
            made.execute(f"CREATE TABLE {table} {COLUMNS}")
        for sql in INDEXES:
            made.execute(sql)
        yield made


def rows(seed: random.Random, count: int) -> list[tuple[Any, ...]]:
    def sometimes(value: Any) -> Any:
        return None if seed.random() < 0.15 else value

    return [
        (
            i,
            sometimes(f"N{seed.randrange(9)}"),
            sometimes(seed.randrange(10)),
            sometimes(seed.randrange(6)),
            seed.choice(["open", "new", "done", "done"]),
            sometimes(i),
            sometimes(seed.random() < 0.4),
        )
        for i in range(count)
    ]


def both(con: Connection, sql: str, *, ordered: bool) -> list[Any]:
    found = [list(con.execute(sql.replace("FROM t", f"FROM {table} t")).fetchall()) for table in ("t", "plain")]
    if not ordered:
        found = [sorted(one, key=repr) for one in found]
    assert found[0] == found[1], sql
    return found[0]


@pytest.mark.parametrize("seed", range(4))
def test_queries_give_the_same_with_and_without_them(con: Connection, seed: int) -> None:
    chosen = random.Random(seed)
    for row in rows(chosen, 120):
        for table in ("t", "plain"):
            con.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    con.autocommit = False
    for number in range(150):
        if number % 15 == 14:
            change_both(con, chosen)
        if number == 75:
            con.commit()
        terms = [
            term.format(chosen.randrange(9), chosen.randrange(9))
            for term in chosen.sample(TERMS, chosen.randrange(1, 4))
        ]
        order = chosen.choice(ORDERS)
        if chosen.random() < 0.1:
            both(con, f"SELECT count(*), min(lower(name)), max(a + b) FROM t WHERE {' AND '.join(terms)}", ordered=True)
        both(con, f"SELECT * FROM t WHERE {' AND '.join(terms)} {order}", ordered=bool(order))
    con.commit()


def change_both(con: Connection, chosen: random.Random) -> None:
    """Rows change their place in the indexes, enter and leave them."""
    key, other = chosen.randrange(120), chosen.randrange(120, 160)
    for table in ("t", "plain"):
        con.execute(f"UPDATE {table} SET a = b, b = a, status = 'open' WHERE id % 10 = {key % 10}")
        con.execute(f"DELETE FROM {table} WHERE id = {key}")
        con.execute(
            f"INSERT INTO {table} VALUES ({other}, 'N{key % 9}', 1, 2, 'new', {other}, false) ON CONFLICT DO NOTHING"
        )


USED = [
    ("i_lower", "lower(name) = 'n1'"),
    ("i_lower", "lower(name) = ?"),
    ("i_lower", "lower(t.name) LIKE 'n1%'"),
    ("i_sum", "a + b = 5 AND id > 3"),
    ("i_open", "status = 'open' AND id > 10"),
    ("i_open_b", "status = 'new' AND a > 0 AND b = 3"),
    ("i_open_b", "status IN ('new', 'open') AND a = 2 AND b > 3"),
    ("i_m", "m > 60 AND m < 65 AND NOT gone"),
    ("i_m", "m = 60 AND NOT gone"),
    ("i_third", "a % 3 = 1 AND coalesce(name, '-') = 'N1'"),
    ("i_gone", "m * 2 = 10 AND b < 2"),
    ("i_b", "b = ?"),
]
UNUSED = [
    ("i_lower", "upper(name) = 'N1'"),
    ("i_sum", "b + a = 5"),
    ("i_open", "status = 'new' AND id > 10"),
    ("i_open", "status = ? AND id > 10"),
    ("i_open_b", "status = 'new' AND b = 3"),
    ("i_m", "m > 40 AND m < 45 AND NOT gone"),
    ("i_m", "m > ? AND m < 65 AND NOT gone"),
    ("i_third", "a % 4 = 1"),
    ("i_gone", "m * 2 = 10 AND b < 4"),
]


def plan(con: Connection, condition: str) -> str:
    marks = condition.count("?")
    return "\n".join(
        line for (line,) in con.execute(f"EXPLAIN SELECT * FROM t WHERE {condition}", ("1",) * marks).fetchall()
    )


@pytest.mark.parametrize(("index", "condition"), USED)
def test_an_index_is_used(con: Connection, index: str, condition: str) -> None:
    fill(con)
    assert f"using {index} " in plan(con, condition)


@pytest.mark.parametrize(("index", "condition"), UNUSED)
def test_an_index_that_does_not_serve_is_not_used(con: Connection, index: str, condition: str) -> None:
    fill(con)
    assert f"using {index} " not in plan(con, condition)


def fill(con: Connection) -> None:
    con.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?)", rows(random.Random(0), 3000))


def test_literals_that_decided_are_part_of_the_statement(con: Connection) -> None:
    """Statements of one shape share a plan, but not where a literal chose the index."""
    fill(con)
    counts = {}
    for status in ("done", "open", "new", "open"):
        sql = f"SELECT count(*) FROM t WHERE status = '{status}' AND id < 500"
        (counts[status],) = con.execute(sql).fetchone()
        assert ("i_open " in plan(con, f"status = '{status}' AND id < 500")) is (status == "open")
    assert sum(counts.values()) == 500


def test_a_partial_index_alone_finds_its_rows(con: Connection) -> None:
    con.executemany(
        "INSERT INTO t VALUES (?, 'N', 1, 1, ?, NULL, NULL)",
        [(i, "open" if i % 1000 == 7 else "done") for i in range(5000)],
    )
    assert "using i_open " in plan(con, "status = 'open'")
    assert con.execute("SELECT id FROM t WHERE status = 'open' ORDER BY id").fetchall() == [
        (7,), (1007,), (2007,), (3007,), (4007,)
    ]  # fmt: skip
