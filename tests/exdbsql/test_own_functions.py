"""Functions and aggregates of the program's own, called from SQL."""

from decimal import Decimal
from typing import Any, ClassVar

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


class Total:
    """A sum that is taken apart where a test wants that."""

    made: ClassVar[list[Any]] = []

    def __init__(self) -> None:
        self.total = 0
        self.steps = 0
        self.finished = 0
        self.made.append(self)

    def step(self, value: int | None) -> None:
        self.total += value or 0
        self.steps += 1

    def finalize(self) -> int:
        self.finished += 1
        return self.total


class Growing(Total):
    def value(self) -> int:
        return self.total


class Moving(Growing):
    def inverse(self, value: int | None) -> None:
        self.total -= value or 0


FRAMES = [
    "",
    "ROWS UNBOUNDED PRECEDING",
    "ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING",
    "ROWS BETWEEN 2 FOLLOWING AND 3 FOLLOWING",
    "ROWS BETWEEN 3 PRECEDING AND 2 PRECEDING",
    "ROWS BETWEEN 5 FOLLOWING AND 3 FOLLOWING",
    "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    "GROUPS 1 PRECEDING",
    "RANGE BETWEEN 3 PRECEDING AND 2 PRECEDING",
    "ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW",
]


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("accumulator", [Total, Growing, Moving])
def test_aggregate_over_frames(con: Connection, accumulator: type[Total], frame: str) -> None:
    con.create_aggregate("total", ["integer"], "bigint", accumulator)
    rows = con.execute(
        f"SELECT total(x) FILTER (WHERE x <> 3) OVER w, coalesce(sum(x) FILTER (WHERE x <> 3) OVER w, 0) "
        f"FROM (VALUES (1), (2), (2), (3), (NULL), (7)) v(x) WINDOW w AS (ORDER BY x {frame})"
    ).fetchall()
    assert [own for own, _ in rows] == [built_in for _, built_in in rows]


@pytest.mark.parametrize(
    ("accumulator", "frame", "objects", "steps"),
    [
        (Total, "ROWS UNBOUNDED PRECEDING", 10, 55),
        (Growing, "ROWS UNBOUNDED PRECEDING", 1, 10),
        (Moving, "ROWS 3 PRECEDING", 1, 10),
    ],
)
def test_an_object_with_a_value_goes_through_the_frames(
    con: Connection, accumulator: type[Total], frame: str, objects: int, steps: int
) -> None:
    con.create_aggregate("total", ["integer"], "bigint", accumulator)
    Total.made.clear()
    con.execute(f"SELECT total(x) OVER (ORDER BY x {frame}) FROM generate_series(1, 10) x").fetchall()
    used = [made for made in Total.made if made.steps]
    assert (len(used), sum(made.steps for made in used)) == (objects, steps)
    assert all(made.finished == 1 for made in used)


def test_an_error_in_the_middle_of_a_window(con: Connection) -> None:
    class Breaks(Growing):
        def value(self) -> int:
            raise ZeroDivisionError("no")

    con.create_aggregate("breaks", ["integer"], "bigint", Breaks)
    with pytest.raises(exdbsql.DataError, match="function breaks raised ZeroDivisionError: no"):
        con.execute("SELECT breaks(x) OVER (ORDER BY x) FROM generate_series(1, 2) x")


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
