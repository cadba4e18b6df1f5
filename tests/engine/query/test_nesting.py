"""Deep and long statements: hundreds of levels and thousands of operators work, absurd depth is an error, and nothing ends the interpreter."""

import subprocess
import sys
import threading

import pytest

import exdbsql

CHAIN = 5000
DEEP = 400


@pytest.fixture
def con() -> exdbsql.Connection:
    made = exdbsql.connect()
    made.autocommit = True
    made.execute("CREATE TABLE t (a integer PRIMARY KEY, b text)")
    made.execute("INSERT INTO t VALUES (1, 'x'), (2, NULL)")
    return made


def one(con: exdbsql.Connection, sql: str) -> object:
    ((value,),) = con.execute(sql).fetchall()
    return value


def test_long_chains(con: exdbsql.Connection) -> None:
    assert one(con, "SELECT " + " + ".join(["1"] * CHAIN)) == CHAIN
    assert one(con, "SELECT " + " || ".join(["'a'"] * CHAIN)) == "a" * CHAIN
    assert one(con, "SELECT sum(a" + " + a - 1" * CHAIN + ") FROM t") == 3 + CHAIN
    assert one(con, "SELECT count(*) FROM t WHERE " + " AND ".join(f"a <> {i + 10}" for i in range(CHAIN))) == 2
    assert one(con, "SELECT count(*) FROM t WHERE " + " OR ".join(f"a = {i + 2}" for i in range(CHAIN))) == 1
    assert len(con.execute(" UNION ALL ".join(["SELECT 1"] * 700)).fetchall()) == 700
    assert len(con.execute(" UNION ".join(f"SELECT {i % 7}" for i in range(300))).fetchall()) == 7


def test_a_chain_keeps_nulls_overflow_and_order_of_evaluation(con: exdbsql.Connection) -> None:
    chain = " || ".join(["b"] * 100)
    assert con.execute(f"SELECT {chain} FROM t ORDER BY a").fetchall() == [("x" * 100,), (None,)]
    with pytest.raises(exdbsql.DataError) as overflow:
        con.execute("SELECT " + " + ".join(["2000000000"] * 40))
    assert overflow.value.sqlstate == "22003"
    grouped = " + ".join(["a"] * 50)
    assert con.execute(f"SELECT {grouped}, count(*) FROM t GROUP BY {grouped} ORDER BY 1").fetchall() == [
        (50, 1),
        (100, 1),
    ]


@pytest.mark.parametrize(
    ("begin", "inner", "end", "value"),
    [
        ("(", "1", ")", 1),
        ("(1 + ", "1", ")", DEEP + 1),
        ("abs(", "1", ")", 1),
        ("- ", "1", "", 1),
        ("NOT ", "true", "", True),
        ("CASE WHEN 1 = 2 THEN 0 ELSE ", "1", " END", 1),
        ("coalesce(NULL, ", "1", ")", 1),
        ("(1 = 1 AND (1 = 2 OR ", "true", "))", True),
        ("(SELECT ", "1", ")", 1),
    ],
)
def test_deep_nesting(con: exdbsql.Connection, begin: str, inner: str, end: str, value: object) -> None:
    assert one(con, f"SELECT {begin * DEEP}{inner}{end * DEEP}") == value
    assert one(con, f"SELECT {begin * DEEP}{inner}{end * DEEP} FROM t WHERE a = 1") == value


@pytest.mark.parametrize(
    ("form", "leaf", "value"),
    [
        ("nullif({0}, 3)", "a", 1),
        ("CASE {0} WHEN 1 THEN 2 WHEN 2 THEN 1 ELSE 4 END", "a", 1),
        ("({0}) BETWEEN (b = 'x') AND true", "b = 'x'", True),
        ("({0}) NOT BETWEEN SYMMETRIC (b = 'y') AND true", "b = 'x'", False),
        ("({0}) IN (true, NULL)", "b = 'x'", True),
        ("({0}) NOT IN (false, b = 'y', 1 > a)", "b = 'x'", True),
        ("({0}) IN (false, b = 'x')", "b = 'x'", True),
        ("(({0}) AND b = 'x') = (b = 'x')", "b = 'x'", True),
        ("NOT (({0}) OR b = 'y')", "b = 'x'", True),
        ("({0}, b) < (b = 'y', b)", "b = 'x'", False),
    ],
)
def test_an_operand_that_is_needed_twice_is_there_once(
    con: exdbsql.Connection, form: str, leaf: str, value: object
) -> None:
    """Nested in itself, the expression must not become twice as long with each level."""

    def nested(levels: int) -> str:
        return leaf if levels == 0 else form.format(nested(levels - 1))

    def size(levels: int) -> int:
        return sum(len(line) for (line,) in con.execute(f"EXPLAIN PYTHON SELECT {nested(levels)} FROM t"))

    assert size(12) - size(8) < 3 * (size(8) - size(4)) + 500
    assert con.execute(f"SELECT {nested(40)} FROM t ORDER BY a").fetchall()[0] == (value,)


def test_what_is_nested_deeply_is_evaluated_only_where_it_counts(con: exdbsql.Connection) -> None:
    begin, end = "CASE WHEN a = 1 THEN 0 ELSE ", " END"
    sql = f"SELECT {begin * 60}1 / (a - 1){end * 60} FROM t ORDER BY a"
    assert con.execute(sql).fetchall() == [(0,), (1,)]


def test_explain_and_changes_of_deep_statements(con: exdbsql.Connection) -> None:
    deep = "(1 + " * DEEP + "a" + ")" * DEEP
    assert con.execute(f"EXPLAIN SELECT {deep} FROM t WHERE {deep} > 0").fetchall()
    con.execute(f"UPDATE t SET b = ({deep})::text WHERE a = 2")
    assert one(con, "SELECT b FROM t WHERE a = 2") == str(DEEP + 2)
    con.execute(f"INSERT INTO t VALUES ({'(1 + ' * DEEP}1{')' * DEEP}, 'y')")
    assert one(con, "SELECT a FROM t WHERE b = 'y'") == DEEP + 1
    con.execute(f"DELETE FROM t WHERE a = {' + '.join(['1'] * (DEEP + 1))}")
    assert one(con, "SELECT count(*) FROM t") == 2


def test_the_limits_of_the_process_stay() -> None:
    calls, stack = sys.getrecursionlimit(), threading.stack_size()
    made = exdbsql.connect()
    made.execute("SELECT " + "(1 + " * DEEP + "1" + ")" * DEEP)
    with pytest.raises(exdbsql.OperationalError) as error:
        made.execute("SELECT " + "(" * 5000 + "1" + ")" * 5000)
    assert error.value.sqlstate == "54001"
    assert (sys.getrecursionlimit(), threading.stack_size()) == (calls, stack)


ABSURD = """
import exdbsql
con = exdbsql.connect()
n = 100_000
for begin, inner, end in [("(", "1", ")"), ("NOT ", "true", ""), ("- ", "1", ""), ("abs(", "1", ")"), ("ARRAY[", "1", "]")]:
    try:
        con.execute(f"SELECT {begin * n}{inner}{end * n}")
    except exdbsql.OperationalError as error:
        print(error.sqlstate)
    con.rollback()
print(con.execute("SELECT 1").fetchall())
"""


def test_absurd_depth_is_an_error_and_the_interpreter_lives() -> None:
    done = subprocess.run([sys.executable, "-c", ABSURD], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:6] == ["54001"] * 5 + ["[(1,)]"]
