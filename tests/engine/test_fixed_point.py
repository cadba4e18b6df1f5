"""Numerics with a fixed number of decimals as integers: sums and comparisons are those of the decimals, to the last digit."""

import random
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne

import pytest

import exdbsql
from exdbsql.engine import fixed_point
from exdbsql.engine.fixed_point import as_integers, bound_of, decimal_of, places_in

OPERATORS = {"<": lt, "<=": le, ">": gt, ">=": ge, "==": eq, "!=": ne}
ROWS = 700
QUERIES = [
    "SELECT sum(price) FROM t",
    "SELECT avg(price), sum(price), count(*) FROM t",
    "SELECT sum(price * (1 - rate)), sum(price * (1 - rate) * (2 + rate)), avg(rate) FROM t",
    "SELECT sum(price), avg(rate), count(*) FROM t WHERE id % 3 = 0",
    "SELECT sum(price), avg(rate), count(*) FROM t WHERE id % 3 = 5",
    "SELECT sum(price) FROM t WHERE id % 3 = 5",
    "SELECT sum(price + rate - 3 * price), g FROM t GROUP BY g ORDER BY g",
    "SELECT g, sum(price) FROM t GROUP BY g ORDER BY g",
    "SELECT g, h, sum(price) FROM t GROUP BY g, h ORDER BY g, h",
    "SELECT g, h, sum(price), avg(price), sum(rate), count(*) FROM t GROUP BY g, h ORDER BY g, h",
    "SELECT g, avg(price) FROM t WHERE price > 5 AND rate <= 0.125 GROUP BY g ORDER BY g",
    "SELECT id, sum(price), avg(rate) FROM t GROUP BY id ORDER BY id",
    "SELECT sum(price), sum(rate) FROM t WHERE price BETWEEN 1.005 AND 7 AND 0.2 >= rate",
    "SELECT sum(price) FROM t WHERE price = 2.50",
    "SELECT sum(price) FROM t WHERE price <> 2.505 AND price < 'NaN' AND rate > '-Infinity'",
    "SELECT sum(price) FROM t WHERE price < 'Infinity' AND rate >= 0.5 - 0.4",
    "SELECT g, sum(price) FROM t GROUP BY g HAVING sum(price) > 20 ORDER BY g",
    "SELECT g, (SELECT sum(i.price) FROM t i WHERE i.price > o.rate AND i.h <> o.h) FROM t o WHERE id < 5 ORDER BY id",
    "SELECT sum(price), sum(rate) FROM t WHERE now() > '2000-01-01'",
    "SELECT sum(price), sum(rate) FROM t GROUP BY now()",
    "SELECT id, (SELECT sum(i.price) + sum(i.rate) FROM t i GROUP BY o.id) FROM t o WHERE id < 5 ORDER BY id",
    "SELECT id, (SELECT sum(i.price) + sum(i.rate) FROM t i WHERE o.rate > 0.15) FROM t o WHERE id < 9 ORDER BY id",
    "SELECT id, (SELECT sum(i.price * o.rate) FROM t i), (SELECT sum(i.price) FROM t i) FROM t o WHERE id < 9 ORDER BY id",
    "SELECT id, (SELECT sum(i.price) FROM t i WHERE i.g <> o.g), (SELECT avg(i.rate) FROM t i WHERE i.id > o.id) FROM t o WHERE id < 5 ORDER BY id",
]


@pytest.fixture
def con() -> exdbsql.Connection:
    """A table of prices and rates, seeded."""
    made = exdbsql.connect()
    made.autocommit = True
    made.execute(
        "CREATE TABLE t (id integer PRIMARY KEY, g integer NOT NULL, h text NOT NULL,"
        " price numeric(12,2) NOT NULL, rate numeric(5,4) NOT NULL)"
    )
    chance = random.Random(5)
    rows = [
        (
            i,
            chance.randrange(5),
            chance.choice("xy"),
            Decimal(chance.randrange(-999, 1000)) / 100,
            Decimal(chance.randrange(3000)) / 10000,
        )
        for i in range(ROWS)
    ]
    made.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows)
    return made


def both(con: exdbsql.Connection, sql: str, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[str], int]:
    """The rows with decimals, those with integers, as they are written; and how many columns have integers then."""
    with monkeypatch.context() as patch:
        patch.setattr(fixed_point, "LEAST_ROWS", 10**9)
        decimals = list(map(repr, con.execute(sql)))
    for _ in range(2):
        con.execute(sql).fetchall()
    integers = list(map(repr, con.execute(sql)))
    scans = con._session.engine.tables["t"].scans  # type: ignore[attr-defined]  # the embedded kind
    return decimals, integers, 0 if scans is None else sum(made is not None for _, made, _ in scans.fixed.values())


@pytest.mark.parametrize("sql", QUERIES)
def test_the_same_rows(con: exdbsql.Connection, sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decimals, integers, columns = both(con, sql, monkeypatch)
    assert integers == decimals
    assert columns > 0


def test_after_changes_and_in_a_transaction(con: exdbsql.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = "SELECT g, sum(price * rate), avg(price) FROM t GROUP BY g ORDER BY g"
    both(con, sql, monkeypatch)
    con.execute("UPDATE t SET price = price + 1.11 WHERE id = 7")
    decimals, integers, columns = both(con, sql, monkeypatch)
    assert integers == decimals
    assert columns == 2
    con.autocommit = False
    con.execute("UPDATE t SET rate = 0.9 WHERE g = 1")
    con.execute("DELETE FROM t WHERE id = 3")
    decimals, integers, _ = both(con, sql, monkeypatch)
    assert integers == decimals
    con.rollback()


def test_what_is_no_integer_goes_the_other_way(con: exdbsql.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    con.execute("INSERT INTO t VALUES (-1, 1, 'x', 'NaN', 0.5)")
    decimals, integers, columns = both(con, "SELECT g, sum(price), avg(rate) FROM t GROUP BY g ORDER BY g", monkeypatch)
    assert integers == decimals
    assert "Decimal('NaN')" in integers[1]
    assert columns == 1  # the rates


def test_parameters_may_be_of_other_types(con: exdbsql.Connection) -> None:
    sql = "SELECT sum(price * (? - rate)) FROM t WHERE price > ?"
    for values in ((1, 2), (Decimal("1.5"), Decimal("2.005")), (1, Decimal("2.0"))):
        expected = sum(
            price * (values[0] - rate) for price, rate in con.execute("SELECT price, rate FROM t") if price > values[1]
        )
        for _ in range(3):
            assert con.execute(sql, values).fetchone() == (expected,)


def test_memory_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Integers count as memory, and are not made where there is no room."""
    con = exdbsql.connect()
    con.autocommit = True
    con.execute("CREATE TABLE t (id integer PRIMARY KEY, v numeric(9,2) NOT NULL)")
    con.execute("INSERT INTO t SELECT g, g / 4.0 FROM generate_series(1, 1000) g (g)")
    engine = con._session.engine  # type: ignore[attr-defined]  # the embedded kind
    for _ in range(2):
        con.execute("SELECT sum(v) FROM t").fetchall()
    before = engine.scan_bytes
    scans = engine.tables["t"].scans
    assert scans is not None
    (made,) = [made for _, made, _ in scans.fixed.values()]
    scans.fixed.clear()
    assert made is not None
    assert before - engine.scan_bytes == 1000 * fixed_point.BYTES
    values = scans.lists[1][1]
    store = engine.tables["t"]
    assert [fixed_point.integers(store, 1, values, 2, room) for room in (10**9, 10**4, 10**9)] == [None, None, made]


def test_integers_of_a_column() -> None:
    values = [Decimal("1.50"), Decimal("-0.25"), Decimal("0.00")]
    assert as_integers(values, 2) == [150, -25, 0]
    assert [decimal_of(n, 2) for n in (150, -25, 0)] == values
    assert as_integers(values, 3) is None
    assert as_integers([*values, Decimal("NaN")], 2) is None
    assert as_integers([*values, None], 2) is None  # type: ignore[list-item]  # a NULL
    assert as_integers([Decimal(10**17) + Decimal("0.5")], 1) == [10**18 + 5]
    assert (places_in([2])("abc"), places_in([2, 0])("abc")) == (("c",), ("c", "a"))  # type: ignore[arg-type]


@pytest.mark.parametrize("op", OPERATORS)
def test_bounds_compare_as_the_decimals_do(op: str) -> None:
    compare = OPERATORS[op]
    numbers = [Decimal(n) / 100 for n in range(-250, 251, 5)]
    for bound in (0, 1, -2, 0.5, Decimal("0.05"), Decimal("0.051"), Decimal("-0.049"), Decimal("1.2499999"), -0.3):
        limit = bound_of(bound, 2, op)
        assert [compare(int(n * 100), limit) for n in numbers] == [compare(n, bound) for n in numbers], bound
    assert (bound_of(Decimal("NaN"), 2, op), bound_of(Decimal("-Infinity"), 2, op)) == (float("inf"), -float("inf"))
