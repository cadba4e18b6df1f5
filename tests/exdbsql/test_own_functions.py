"""Functions and aggregates of the program's own, called from SQL."""

from decimal import Decimal

import pytest

import exdbsql
from exdbsql.connection import Connection


@pytest.fixture
def con() -> Connection:
    return exdbsql.connect()


def one(con: Connection, sql: str, parameters: object = None) -> object:
    return con.execute(sql, parameters).fetchone()[0]  # type: ignore[index,arg-type]


def test_function_gets_stored_values_and_its_result_is_converted(con: Connection) -> None:
    con.create_function(
        "add_tax", ["numeric", "integer"], "numeric(10,2)", lambda price, rate: price * (100 + rate) / 100
    )
    assert one(con, "SELECT add_tax(10, 19)") == Decimal("11.90")
    assert one(con, "SELECT ADD_TAX(?, 7) + 1", (Decimal("1.00"),)) == Decimal("2.07")


def test_overloads_by_type_and_replacement(con: Connection) -> None:
    con.create_function("kind", ["integer"], "text", lambda v: "number")
    con.create_function("kind", ["text"], "text", lambda v: "text")
    assert con.execute("SELECT kind(1), kind('x'::text)").fetchone() == ("number", "text")
    con.create_function("kind", ["integer"], "text", lambda v: "another")
    assert one(con, "SELECT kind(1)") == "another"


def test_null_arrives_as_none_unless_strict(con: Connection) -> None:
    con.create_function("seen", ["integer"], "text", repr)
    con.create_function("unseen", ["integer"], "text", repr, strict=True)
    assert con.execute("SELECT seen(NULL), unseen(NULL)").fetchone() == ("None", None)


def test_name_that_the_parser_knows_otherwise(con: Connection) -> None:
    con.create_function("levenshtein", ["text", "text"], "integer", lambda a, b: abs(len(a) - len(b)))
    assert one(con, "SELECT levenshtein('abc', 'a')") == 2


def test_exception_becomes_a_data_error_that_names_the_function(con: Connection) -> None:
    con.create_function("breaks", [], "integer", lambda: 1 // 0)
    with pytest.raises(exdbsql.DataError, match="function breaks raised ZeroDivisionError") as caught:
        con.execute("SELECT breaks()")
    assert caught.value.sqlstate == "38000"
    con.rollback()
    assert one(con, "SELECT 1") == 1


def test_aggregate_in_groups_and_windows(con: Connection) -> None:
    class Product:
        def __init__(self) -> None:
            self.value = 1

        def step(self, value: int | None) -> None:
            self.value *= 1 if value is None else value

        def finalize(self) -> int:
            return self.value

    con.create_aggregate("product", ["integer"], "bigint", Product)
    rows = con.execute(
        "SELECT g, product(x), product(x) FILTER (WHERE x > 2) FROM (VALUES ('a', 2), ('a', 3), ('b', 4)) v(g, x) "
        "GROUP BY g ORDER BY g"
    ).fetchall()
    assert rows == [("a", 6, 3), ("b", 4, 4)]
    rows = con.execute("SELECT product(x) OVER (ORDER BY x) FROM generate_series(1, 4) x").fetchall()
    assert [row[0] for row in rows] == [1, 2, 6, 24]


def test_aggregate_of_two_arguments(con: Connection) -> None:
    class Weighted:
        def __init__(self) -> None:
            self.total = 0

        def step(self, value: int, weight: int) -> None:
            self.total += value * weight

        def finalize(self) -> int:
            return self.total

    con.create_aggregate("weighted", ["integer", "integer"], "integer", Weighted)
    assert one(con, "SELECT weighted(x, 10) FROM generate_series(1, 3) x") == 60


def test_wrong_calls_and_wrong_definitions(con: Connection) -> None:
    con.create_function("f", ["integer"], "integer", abs)
    with pytest.raises(exdbsql.ProgrammingError) as caught:
        con.execute("SELECT f('x'::text)")
    assert caught.value.sqlstate == "42883"
    con.rollback()
    with pytest.raises(exdbsql.ProgrammingError, match='type "nope" does not exist'):
        con.create_function("g", ["nope"], "integer", abs)
    with pytest.raises(exdbsql.InterfaceError):
        con.create_function("g", [], "integer", None)  # type: ignore[arg-type]
