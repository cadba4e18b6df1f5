"""Long runs of literals are planned as one thing, and mean what they mean one by one."""

from typing import Any

import pytest

import exdbsql
from exdbsql.engine.query.lexical import lift_literals
from exdbsql.engine.query.runs import shortened

MANY = 300


@pytest.fixture
def con() -> exdbsql.Connection:
    made = exdbsql.connect()
    made.autocommit = True
    made.execute("CREATE TABLE t (id bigint PRIMARY KEY, name varchar(20), price numeric(10, 2), day date)")
    return made


def values(rows: list[tuple[Any, ...]]) -> str:
    return ", ".join("(" + ", ".join(str(v) for v in row) + ")" for row in rows)


def test_what_the_parser_is_given() -> None:
    text = f"SELECT 1 WHERE a IN ({', '.join(map(str, range(MANY)))}) AND b = 7"
    short, runs = shortened(text, lift_literals(text).literals)
    assert len(short) == len(text)
    assert " ".join(short.split()) == "SELECT 1 WHERE a IN (0 ) AND b = 7"
    (run,) = runs.by_offset.values()
    assert (run.first, run.last, run.width) == (1, MANY + 1, 1)


def test_insert_of_many_rows(con: exdbsql.Connection) -> None:
    rows = [(i, f"'n''{i}'", f"{i}.50", f"'2024-01-{i % 28 + 1:02}'") for i in range(MANY)]
    con.execute(f"INSERT INTO t VALUES {values(rows)}")
    assert con.execute("SELECT count(*), sum(price), min(day), max(name) FROM t").fetchone()[0] == MANY
    assert con.execute("SELECT name, price::text, day::text FROM t WHERE id = 7").fetchall() == [
        ("n'7", "7.50", "2024-01-08")
    ]
    con.execute(f"INSERT INTO t (name, id) VALUES {values([(repr(f'm{i}'), i + 1000) for i in range(MANY)])}")
    assert con.execute("SELECT name, price FROM t WHERE id = 1299").fetchall() == [("m299", None)]


def test_errors_name_what_is_wrong_with_one_of_many(con: exdbsql.Connection) -> None:
    bad = values([(i, "'x'", "1.5", "'2024-01-01'" if i != 250 else "'2024-13-01'") for i in range(MANY)])
    text = f"INSERT INTO t VALUES {bad}"
    with pytest.raises(exdbsql.DataError) as error:
        con.execute(text)
    assert error.value.position == text.index("'2024-13-01'")
    with pytest.raises(exdbsql.DataError) as too_long:
        con.execute(f"INSERT INTO t (id, name) VALUES {values([(i, repr('x' * (i % 30))) for i in range(MANY)])}")
    assert too_long.value.sqlstate == "22001"
    with pytest.raises(exdbsql.IntegrityError):
        con.execute(f"INSERT INTO t (id, name) VALUES {values([(i % 200, repr('x')) for i in range(MANY)])}")
    assert con.execute("SELECT count(*) FROM t").fetchall() == [(0,)]


def test_rows_that_are_not_all_literals_of_one_kind(con: exdbsql.Connection) -> None:
    rows = [(i, "NULL" if i == 200 else "'x'", i if i % 2 else f"{i}.25") for i in range(MANY)]
    con.execute(f"INSERT INTO t (id, name, price) VALUES {values(rows)}")
    assert con.execute("SELECT id, price::text FROM t WHERE name IS NULL").fetchall() == [(200, "200.25")]
    assert con.execute("SELECT count(*) FROM t").fetchall() == [(MANY,)]
    con.execute(f"INSERT INTO t (id, name) VALUES {values([(i + 1000, repr('y')) for i in range(MANY)])}, (2000, 'z')")
    assert con.execute("SELECT count(*) FROM t WHERE id >= 1000").fetchall() == [(MANY + 1,)]


def test_lists(con: exdbsql.Connection) -> None:
    con.execute("INSERT INTO t SELECT g, 'n' || g, g, date '2024-01-01' + g FROM generate_series(1, 1000) AS g(g)")
    numbers = ", ".join(map(str, range(-5 + 10, 10 + MANY)))
    assert con.execute(f"SELECT count(*) FROM t WHERE id IN ({numbers})").fetchall() == [(MANY + 5,)]
    assert con.execute(f"SELECT count(*) FROM t WHERE id NOT IN ({numbers})").fetchall() == [(1000 - MANY - 5,)]
    days = ", ".join(f"'2024-01-{i % 28 + 1:02}'" for i in range(MANY))
    assert con.execute(f"SELECT count(*) FROM t WHERE day IN ({days})").fetchall() == [(27,)]
    assert con.execute(f"SELECT count(*) FROM t WHERE price IN ({numbers})").fetchall() == [(MANY + 5,)]
    assert con.execute(f"SELECT count(*) FROM t WHERE price::float8 IN ({numbers})").fetchall() == [(MANY + 5,)]
    assert con.execute(f"SELECT count(*) FROM t WHERE (id IN ({numbers})) = (price IN ({numbers}))").fetchall() == [
        (1000,)
    ]
    with pytest.raises(exdbsql.DataError):
        con.execute(f"SELECT 1 FROM t WHERE day IN ({days}, 'never')")


def test_values_in_from(con: exdbsql.Connection) -> None:
    rows = values([(i, f"'v{i}'") for i in range(MANY)])
    assert con.execute(f"SELECT max(b), sum(a) FROM (VALUES {rows}) AS v(a, b) WHERE a < 10").fetchall() == [("v9", 45)]
    assert len(con.execute(f"VALUES {rows}").fetchall()) == MANY
    ordered = con.execute(f"SELECT a FROM (VALUES {rows}) AS v(a, b) ORDER BY a DESC LIMIT 2").fetchall()
    assert ordered == [(MANY - 1,), (MANY - 2,)]
    joined = f"SELECT count(*) FROM (VALUES {rows}) AS v(a, b) JOIN (VALUES {rows}) AS w(a, b) ON v.a = w.a"
    assert con.execute(joined).fetchall() == [(MANY,)]


def test_the_same_shape_with_other_values(con: exdbsql.Connection) -> None:
    for start in (0, 1000, 2000):
        con.execute(f"INSERT INTO t (id, name) VALUES {values([(start + i, repr('x')) for i in range(MANY)])}")
    assert con.execute("SELECT count(*), max(id) FROM t").fetchall() == [(3 * MANY, 2000 + MANY - 1)]
