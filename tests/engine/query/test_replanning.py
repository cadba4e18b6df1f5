"""A join that was planned for small tables is planned again when they have grown, or shrunk, and gives the same rows."""

from exdbsql.engine.database import Database
from exdbsql.engine.query.prepare import Bound, Planner
from exdbsql.engine.query.replanning import WatchedRun
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary

SCHEMA = """
CREATE TABLE a (id integer PRIMARY KEY, b integer NOT NULL);
CREATE TABLE b (id integer PRIMARY KEY, name text NOT NULL);
"""
JOIN = "SELECT a.id, b.name FROM a JOIN b ON b.id = a.b WHERE a.id < 5 ORDER BY a.id"


class Tables:
    """A database with two tables, and a planner."""

    def __init__(self) -> None:
        self.database = Database(Dictionary())
        self.planner = Planner(self.database)
        for statement in parse_ddl(SCHEMA):
            self.database.execute_ddl(statement)

    def fill(self, first: int, last: int) -> None:
        txn = self.database.begin()
        txn.insert_many(self.database.table("a"), [(i, i % 7) for i in range(first, last)])
        txn.insert_many(self.database.table("b"), [(i, f"b{i}") for i in range(first, last)])
        txn.end_statement()
        txn.commit()

    def run(self, bound: Bound) -> object:
        txn = self.database.begin()
        try:
            return bound.statement.run(txn, bound.bind())
        finally:
            txn.rollback()


def inner_run(bound: Bound) -> object:
    call = bound.statement.call
    assert isinstance(call, WatchedRun)
    return call._run


def test_a_join_is_planned_again_for_tables_of_another_size() -> None:
    tables = Tables()
    bound = tables.planner.prepare(JOIN)
    first = inner_run(bound)
    assert tables.run(bound) == []
    assert inner_run(bound) is first
    tables.fill(0, 100)
    assert tables.run(bound) == [(i, f"b{i % 7}") for i in range(5)]
    assert inner_run(bound) is first, "some rows more do not matter"
    tables.fill(100, 5000)
    assert tables.run(bound) == [(i, f"b{i % 7}") for i in range(5)]
    second = inner_run(bound)
    assert second is not first
    assert tables.run(bound) == [(i, f"b{i % 7}") for i in range(5)]
    assert inner_run(bound) is second


def test_other_definitions_leave_the_old_plan_to_whoever_holds_it() -> None:
    tables = Tables()
    bound = tables.planner.prepare(JOIN)
    first = inner_run(bound)
    tables.fill(0, 5000)
    for statement in parse_ddl("CREATE TABLE c (id integer)"):
        tables.database.execute_ddl(statement)
    assert tables.run(bound) == [(i, f"b{i % 7}") for i in range(5)]
    assert inner_run(bound) is first
    assert tables.planner.prepare(JOIN) is not bound


def test_a_statement_of_one_table_is_not_watched() -> None:
    assert not isinstance(Tables().planner.prepare("SELECT * FROM a WHERE id < 5").statement.call, WatchedRun)


def test_explain_shows_the_plan_of_now() -> None:
    tables = Tables()
    tables.fill(0, 100)
    explain = tables.planner.prepare("EXPLAIN SELECT a.id FROM a JOIN b ON b.id = a.b")
    before = tables.run(explain)
    txn = tables.database.begin()
    txn.insert_many(tables.database.table("a"), [(i, i % 7) for i in range(100, 5000)])
    txn.end_statement()
    txn.commit()
    looked_up = [
        "Nested Loop",
        "  ->  Seq Scan on a",
        "  ->  Index Scan using b_pkey on b",
        "        Index Cond: id = a.b",
    ]
    assert before == [(line,) for line in looked_up]
    hashed = ["Hash Join", "  Hash Cond: a.b = b.id", "  ->  Seq Scan on a", "  ->  Seq Scan on b"]
    assert tables.run(explain) == [(line,) for line in hashed]
