"""Lists that scans share: right for each snapshot, brought up to date after a commit, never handed to a user."""

import gc

import pytest

from exdbsql.engine.database import Database
from exdbsql.engine.query.prepare import Planner
from exdbsql.engine.scan_cache import shared_columns, shared_rows
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary


@pytest.fixture
def database() -> Database:
    database = Database(Dictionary(), debug=True)
    for statement in parse_ddl("CREATE TABLE t (id integer PRIMARY KEY, a integer, b double precision)"):
        database.execute_ddl(statement)
    write(database, [(i, i % 3, i / 2) for i in range(20)])
    return database


def write(database: Database, rows: list[tuple[int, int, float]]) -> None:
    transaction = database.begin()
    store = database.table("t")
    for row in rows:
        if transaction.get(store, row[0]) is None:
            transaction.insert(store, row)
        else:
            transaction.update(store, row[0], row)
    transaction.end_statement()
    transaction.commit()


def run(database: Database, sql: str) -> list[tuple[object, ...]]:
    transaction = database.begin()
    bound = Planner(database).prepare(sql)
    rows = bound.statement.run(transaction, bound.literals)
    transaction.rollback()
    assert isinstance(rows, list)
    return rows


def test_a_list_is_kept_until_a_commit_changes_the_table(database: Database) -> None:
    store = database.table("t")
    transaction = database.begin()
    (first,) = transaction.columns(store, 1)
    assert transaction.columns(store, 1)[0] is first
    assert transaction.scan(store) is transaction.scan(store)
    assert not gc.is_tracked(first)
    assert not gc.is_tracked(transaction.scan(store))
    transaction.rollback()
    write(database, [(5, 100, 0.0)])
    (second,) = database.begin().columns(store, 1)
    assert second[5] == 100
    assert first[5] == 2


def test_an_older_snapshot_does_not_see_a_newer_list(database: Database) -> None:
    store = database.table("t")
    old = database.begin()
    write(database, [(5, 100, 0.0), (50, 7, 0.0)])
    new = database.begin()
    assert sum(new.columns(store, 1)[0]) == sum(old.columns(store, 1)[0]) + 105
    assert len(new.scan(store)) == 21
    assert len(old.scan(store)) == 20
    assert shared_rows(store, old.snapshot) is None
    assert shared_columns(store, old.snapshot, (1,)) is None


def test_the_end_of_a_snapshot_leaves_the_lists(database: Database) -> None:
    """Beside an older snapshot every end of a transaction prunes; what is still right stays."""
    store = database.table("t")
    older = database.begin()
    write(database, [(5, 100, 0.0)])
    reader = database.begin()
    (first,) = reader.columns(store, 1)
    reader.rollback()
    assert database.begin().columns(store, 1)[0] is first
    write(database, [(5, 101, 0.0)])
    assert database.begin().columns(store, 1)[0][5] == 101
    assert first[5] == 100
    older.rollback()


def test_own_writes_are_in_the_lists(database: Database) -> None:
    store = database.table("t")
    transaction = database.begin()
    transaction.columns(store, 1)
    transaction.insert(store, (99, 50, 0.0))
    transaction.delete(store, 1)
    values, keys = transaction.columns(store, 1, 0)
    assert (50, 99) in zip(values, keys, strict=True)
    assert 1 not in keys
    rows, column = transaction.rows_and_column(store, 0)
    assert [row[0] for row in rows] == column
    assert 99 in column


def test_nothing_is_kept_while_a_commit_is_under_way(database: Database) -> None:
    """`changed_at` is above every snapshot then; a list made now would have half of the commit."""
    store = database.table("t")
    reader = database.begin()
    version = database.head[0] + 1
    store.changed_at = version
    store.chains[5] = (version, store.rows[5], None, 1)
    store.rows[5] = (5, 100, 0.0)
    assert reader.columns(store, 1)[0][5] == 2
    assert reader.scan(store)[5] == (5, 2, 2.5)
    assert reader.rows_and_column(store, 1)[1][5] == 2
    assert not store.scans


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM t",
        "SELECT * FROM t ORDER BY id",
        "SELECT * FROM t LIMIT 30",
        "SELECT a FROM t",
        "SELECT * FROM (SELECT * FROM t) AS s",
        "WITH s AS (SELECT * FROM t) SELECT * FROM s",
        "SELECT * FROM t UNION ALL SELECT * FROM t",
        "SELECT * FROM t ORDER BY b DESC LIMIT 3",
    ],
)
def test_a_result_is_the_callers_own(database: Database, sql: str) -> None:
    first = run(database, sql)
    expected = list(first)
    first.clear()
    assert run(database, sql) == expected


def test_one_row_and_none(database: Database) -> None:
    assert run(database, "SELECT count(*), sum(a), min(b) FROM t WHERE id < 0") == [(0, None, None)]
    transaction = database.begin()
    store = database.table("t")
    for key in range(1, 20):
        transaction.delete(store, key)
    transaction.end_statement()
    transaction.commit()
    for _ in range(2):
        rows = run(database, "SELECT * FROM t ORDER BY id")
        assert rows == [(0, 0, 0.0)]
        rows.clear()
