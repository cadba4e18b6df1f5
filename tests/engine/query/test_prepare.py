"""The cache of prepared statements, bad input, and errors that leave the transaction whole."""

import threading

import pytest

from exdbsql.engine.database import Database
from exdbsql.engine.query.prepare import Planner
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import DataError, Error, IntegrityError, ProgrammingError


@pytest.fixture
def database() -> Database:
    database = Database(Dictionary())
    for statement in parse_ddl("CREATE TABLE t (a integer PRIMARY KEY, b text)"):
        database.execute_ddl(statement)
    return database


def test_a_text_is_prepared_once(database: Database) -> None:
    planner = Planner(database)
    assert planner.prepare("SELECT a FROM t WHERE a = 1") is planner.prepare("SELECT a FROM t WHERE a = 1")


def test_a_shape_is_compiled_once(database: Database) -> None:
    planner = Planner(database)
    one, two = planner.prepare("SELECT a FROM t WHERE b = 'x'"), planner.prepare("SELECT a FROM t WHERE b = 'y'")
    assert one.statement is two.statement
    assert (one.literals, two.literals) == (("x",), ("y",))


def test_a_pinned_literal_makes_a_variant(database: Database) -> None:
    planner = Planner(database)
    one, two = planner.prepare("SELECT a, b FROM t ORDER BY 1"), planner.prepare("SELECT a, b FROM t ORDER BY 2")
    assert one.statement is not two.statement
    assert planner.prepare("SELECT a, b FROM t  ORDER BY 1") is not one


def test_ddl_empties_the_cache(database: Database) -> None:
    planner = Planner(database)
    before = planner.prepare("SELECT * FROM t").statement
    for statement in parse_ddl("DROP TABLE t; CREATE TABLE t (z integer)"):
        database.execute_ddl(statement)
    after = planner.prepare("SELECT * FROM t").statement
    assert before is not after
    assert after.columns is not None
    assert [c.name for c in after.columns] == ["z"]


def test_what_a_statement_says_of_itself(database: Database) -> None:
    statement = Planner(database).prepare("UPDATE t SET b = :x WHERE a = :y OR b = :x").statement
    assert (statement.kind, statement.writes, statement.tables, statement.written_table) == (
        "update",
        True,
        ("t",),
        "t",
    )
    assert statement.columns is None
    assert statement.parameters.names == ["x", "y"]
    assert statement.source.startswith("def run(txn, p):")


def test_a_failed_statement_leaves_the_transaction_whole(database: Database) -> None:
    planner = Planner(database)
    txn = database.begin()

    def run(sql: str) -> object:
        bound = planner.prepare(sql)
        return bound.statement.run(txn, bound.bind())

    run("INSERT INTO t VALUES (1, 'x')")
    with pytest.raises(IntegrityError):
        run("INSERT INTO t VALUES (2, 'y'), (1, 'z')")
    with pytest.raises(DataError):
        run("UPDATE t SET a = a / 0")
    assert run("SELECT * FROM t") == [(1, "x")]
    txn.commit()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * 3000 + "1" + ")" * 3000,
        "SELECT " + "-" * 1 + " - " * 3000 + "1",
        "SELECT a FROM t WHERE " + "NOT " * 3000 + "TRUE",
        "SELECT " + "CASE WHEN TRUE THEN " * 5000 + "1" + " END" * 5000,
        "",
        "   ",
        ";",
        "SELECT \x00",
        "'",
        "SELECT '" + "x" * 10,
        "SELECT ((((",
        "SELECT * FROM",
        "INSERT INTO t VALUES",
        "UPDATE t",
        "\ud800",
    ],
)
def test_bad_input_is_an_error_of_ours(database: Database, sql: str) -> None:
    with pytest.raises(Error):
        Planner(database).prepare(sql)


def test_long_chains_of_conditions_are_no_problem(database: Database) -> None:
    planner = Planner(database)
    bound = planner.prepare("SELECT count(*) FROM t WHERE a IN (" + ", ".join(map(str, range(5000))) + ")")
    assert bound.statement.run(database.begin(), bound.bind()) == [(0,)]


def test_positions_point_into_the_text(database: Database) -> None:
    sql = "SELECT a,\n  nope FROM t"
    with pytest.raises(ProgrammingError) as caught:
        Planner(database).prepare(sql)
    assert caught.value.line_and_column == (2, 3)


def test_threads_share_a_planner(database: Database) -> None:
    planner = Planner(database)
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            for i in range(40):
                bound = planner.prepare(f"SELECT {i}, a FROM t WHERE a = {number} OR b = 'x{i % 3}'")
                assert bound.statement.run(database.begin(read_only=True), bound.bind()) == []
        except Exception as error:  # noqa: BLE001  # the main thread tells
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_placeholder_with_a_cast_right_behind_it(database: Database) -> None:
    planner = Planner(database)
    bound = planner.prepare("SELECT ?::integer + 1, ?::text, a FROM t WHERE a = ?::integer")
    transaction = database.begin()
    transaction.insert(database.table("t"), (7, "x"))
    assert bound.statement.run(transaction, bound.bind(("4", 5, "7"))) == [(5, "5", 7)]
    transaction.rollback()
