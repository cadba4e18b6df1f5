"""One transaction: its reads, its writes, its statements; and two of them against each other."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from exdbsql.engine.database import Database
from exdbsql.engine.transaction import Transaction
from exdbsql.schema.errors import ConflictError, IntegrityError, InterfaceError, NotSupportedError, OperationalError
from exdbsql.schema.table import TableKind

DDL = """
create table t (id integer primary key, name text, code integer unique);
create index t_name on t (name);
create local table log (line text);
"""


@pytest.fixture
def db(make_database: Callable[..., Database], write: Callable[..., None]) -> Database:
    database = make_database(DDL)
    write(database, "t", (1, "a", 10), (2, "b", 20), (3, "b", None))
    return database


def put(db: Database, key: int, row: tuple[Any, ...]) -> Transaction:
    """An open transaction that has updated one row of t."""
    transaction = db.begin()
    transaction.update(db.tables["t"], key, row)
    transaction.end_statement()
    return transaction


def test_reads(db: Database) -> None:
    t, txn = db.tables["t"], db.begin()
    assert txn.get(t, 2) == (2, "b", 20)
    assert txn.get(t, 9) is None
    assert sorted(txn.rows(t)) == [(1, "a", 10), (2, "b", 20), (3, "b", None)]
    assert dict(txn.items(t)) == {1: (1, "a", 10), 2: (2, "b", 20), 3: (3, "b", None)}
    assert txn.count(t) == 3
    assert txn.seek(t.indexes["t_name"], "b") == [(2, "b", 20), (3, "b", None)]
    assert txn.seek_items(t.indexes["t_code_key"], 20) == [(2, (2, "b", 20))]
    assert txn.seek(t.indexes["t_code_key"], None) == [(3, "b", None)]
    assert t.primary is not None
    assert txn.seek(t.primary, 1) == [(1, "a", 10)]
    assert txn.seek(t.primary, 7) == []


def test_ranges(db: Database) -> None:
    t, txn = db.tables["t"], db.begin()
    code = t.indexes["t_code_key"]
    assert [row[0] for row in txn.range(t, 2)] == [2, 3]
    assert [row[0] for row in txn.range(t, 1, 3, False, False)] == [2]
    assert [row[0] for row in txn.range(t, reverse=True)] == [3, 2, 1]
    assert [row[0] for row in txn.range(code)] == [1, 2, 3], "NULLs sort last"
    assert [row[0] for row in txn.range(code, reverse=True)] == [3, 2, 1]
    assert [row[0] for row in txn.range(code, 5)] == [1, 2], "NULL is in no range"
    assert list(txn.range_items(code, 20, 20)) == [(2, (2, "b", 20))]


def test_own_writes_are_seen_by_all_reads_and_by_nobody_else(db: Database) -> None:
    t, txn, other = db.tables["t"], db.begin(), db.begin()
    txn.insert(t, (4, "b", 40))
    txn.update(t, 2, (2, "z", 20))
    txn.delete(t, 1)
    txn.end_statement()
    assert sorted(txn.rows(t)) == [(2, "z", 20), (3, "b", None), (4, "b", 40)]
    assert txn.seek(t.indexes["t_name"], "b") == [(3, "b", None), (4, "b", 40)]
    assert [row[0] for row in txn.range(t)] == [2, 3, 4]
    assert [row[0] for row in txn.range(t.indexes["t_code_key"], 15, 50)] == [2, 4]
    assert txn.get(t, 1) is None
    assert txn.written_kinds == {TableKind.REPLICATED}
    assert sorted(other.rows(t)) == [(1, "a", 10), (2, "b", 20), (3, "b", None)]
    txn.rollback()
    assert sorted(db.begin().rows(t)) == [(1, "a", 10), (2, "b", 20), (3, "b", None)]


def test_a_snapshot_stays_as_it_was(db: Database, write: Callable[..., None]) -> None:
    t, before = db.tables["t"], db.begin()
    write(db, "t", (2, "new", 21), (5, "b", 50), delete=(1,))
    assert sorted(before.rows(t)) == [(1, "a", 10), (2, "b", 20), (3, "b", None)]
    assert before.get(t, 1) == (1, "a", 10)
    assert before.seek(t.indexes["t_name"], "b") == [(3, "b", None), (2, "b", 20)]
    assert before.seek(t.indexes["t_code_key"], 50) == []
    assert [row[0] for row in before.range(t)] == [1, 2, 3]
    assert [row[2] for row in before.range(t.indexes["t_code_key"], 0, 30)] == [10, 20]
    assert before.count(t) == 3
    assert t.chains
    before.rollback()
    assert not t.chains, "version memory goes back to flat"
    assert not any(index.gone for index in t.indexes.values())


def test_first_committer_wins(db: Database) -> None:
    first, second = put(db, 1, (1, "x", 10)), put(db, 1, (1, "y", 10))
    first.commit()
    with pytest.raises(ConflictError) as caught:
        second.commit()
    assert (caught.value.table, caught.value.key, caught.value.retryable) == ("t", "(id)=(1)", True)
    assert db.begin().get(db.tables["t"], 1) == (1, "x", 10)
    assert not second.is_open
    with pytest.raises(InterfaceError):
        second.commit()


def test_different_rows_do_not_conflict(db: Database) -> None:
    first, second = put(db, 1, (1, "x", 10)), put(db, 2, (2, "y", 20))
    first.commit()
    second.commit()
    assert db.begin().get(db.tables["t"], 2) == (2, "y", 20)


def test_a_duplicate_primary_key_is_refused(db: Database) -> None:
    t, txn = db.tables["t"], db.begin()
    with pytest.raises(IntegrityError) as caught:
        txn.insert(t, (1, "q", 11))
    assert caught.value.sqlstate == "23505"
    assert caught.value.constraint == "t_pkey"
    assert caught.value.detail == "Key (id)=(1) already exists."
    with pytest.raises(IntegrityError):
        txn.insert_many(t, [(8, "q", 11), (8, "q", 12)])


def test_a_failed_statement_is_undone_alone(db: Database) -> None:
    t, txn = db.tables["t"], db.begin()
    txn.insert(t, (7, "kept", 70))
    txn.end_statement()
    txn.insert(t, (8, "lost", 80))
    txn.insert(t, (9, "lost", 20))
    with pytest.raises(IntegrityError) as caught:
        txn.end_statement()
    assert caught.value.constraint == "t_code_key"
    assert txn.get(t, 8) is None
    txn.commit()
    assert db.begin().get(t, 7) == (7, "kept", 70)


@pytest.mark.parametrize("step", [1, -1])
def test_an_update_may_pass_through_duplicates(db: Database, step: int) -> None:
    t, txn = db.tables["t"], db.begin()
    for key, row in txn.items(t):
        code = row[2]
        txn.update(t, key, (key + step, row[1], code if code is None else code + 10 * step))
    txn.end_statement()
    txn.commit()
    assert min(db.begin().rows(t)) == (1 + step, "a", 10 + 10 * step)


def test_an_update_of_the_key_onto_another_row_is_refused(db: Database) -> None:
    t, txn = db.tables["t"], db.begin()
    txn.update(t, 1, (2, "a", 10))
    with pytest.raises(IntegrityError):
        txn.end_statement()
    assert txn.get(t, 1) == (1, "a", 10)


def test_unique_values_may_swap_and_move(db: Database) -> None:
    t, txn = db.tables["t"], db.begin()
    txn.update(t, 1, (1, "a", 20))
    txn.update(t, 2, (2, "b", 10))
    txn.end_statement()
    txn.delete(t, 1)
    txn.insert(t, (4, "c", 20))
    txn.end_statement()
    txn.commit()
    assert db.begin().seek(t.indexes["t_code_key"], 20) == [(4, "c", 20)]


def test_two_transactions_cannot_claim_one_unique_value(db: Database) -> None:
    t, first, second = db.tables["t"], db.begin(), db.begin()
    first.insert(t, (11, "x", 99))
    second.insert(t, (12, "y", 99))
    first.end_statement()
    second.end_statement()
    first.commit()
    with pytest.raises(IntegrityError):
        second.commit()


def test_savepoints(db: Database) -> None:
    t, txn = db.tables["t"], db.begin()
    txn.insert(t, (4, "one", None))
    txn.end_statement()
    mark = txn.savepoint()
    txn.insert_many(t, [(5, "two", None), (6, "two", None)])
    txn.update(t, 4, (4, "changed", None))
    txn.delete(t, 1)
    txn.end_statement()
    assert txn.seek(t.indexes["t_name"], "two") == [(5, "two", None), (6, "two", None)]
    txn.rollback_to(mark)
    txn.rollback_to(mark)
    assert txn.get(t, 4) == (4, "one", None)
    assert txn.seek(t.indexes["t_name"], "two") == []
    txn.commit()
    assert [row[0] for row in db.begin().range(t)] == [1, 2, 3, 4]


def test_read_only(db: Database) -> None:
    with pytest.raises(OperationalError) as caught:
        db.begin(read_only=True).delete(db.tables["t"], 1)
    assert caught.value.sqlstate == "25006"


def test_read_committed_sees_what_was_committed_before_the_statement(db: Database, write: Callable[..., None]) -> None:
    t, txn = db.tables["t"], db.begin(isolation="read committed")
    txn.update(t, 2, (2, "mine", 20))
    txn.end_statement()
    write(db, "t", (1, "new", 10))
    assert txn.get(t, 1) == (1, "a", 10)
    txn.refresh()
    assert txn.get(t, 1) == (1, "new", 10)
    assert txn.get(t, 2) == (2, "mine", 20)
    write(db, "t", (2, "theirs", 20))
    with pytest.raises(ConflictError):
        txn.refresh()


def test_an_unknown_isolation_level_is_named(db: Database) -> None:
    with pytest.raises(NotSupportedError, match="chaos"):
        db.begin(isolation="chaos")


def test_tables_without_a_key_have_hidden_row_ids(db: Database) -> None:
    log, txn = db.tables["log"], db.begin()
    txn.insert(log, ("same",))
    txn.insert_many(log, [("same",), ("same",)])
    txn.end_statement()
    txn.commit()
    txn = db.begin()
    keys = [key for key, _ in txn.items(log)]
    assert len(set(keys)) == 3
    txn.delete(log, keys[0])
    txn.commit()
    assert db.begin().rows(log) == [("same",), ("same",)]


def test_what_came_and_went_leaves_no_trace(db: Database) -> None:
    t, txn = db.tables["t"], db.begin()
    txn.insert(t, (9, "x", None))
    txn.end_statement()
    txn.delete(t, 9)
    txn.end_statement()
    txn.commit()
    assert db.begin().get(t, 9) is None


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("a, b", [(1, 1), (1, 2), (1, None), (2, 3), (None, 0)]),
        ("a desc, b desc", [(None, 0), (2, 3), (1, None), (1, 2), (1, 1)]),
        ("a, b desc", [(1, None), (1, 2), (1, 1), (2, 3), (None, 0)]),
        ("a desc, b", [(None, 0), (2, 3), (1, 1), (1, 2), (1, None)]),
    ],
)
def test_orders_of_two_columns(
    make_database: Callable[..., Database], write: Callable[..., None], columns: str, expected: list[tuple[Any, ...]]
) -> None:
    db = make_database(f"create table p (a integer, b integer); create index i on p ({columns})")
    write(db, "p", *sorted(expected, key=str))
    txn, index = db.begin(), db.tables["p"].indexes["i"]
    assert list(txn.range(index)) == expected
    assert list(txn.range(index, reverse=True)) == expected[::-1]
    assert set(txn.range(index, (1,), (1,))) == {(1, 1), (1, 2), (1, None)}
    assert set(txn.range(index, (1, 2), (1,))) == {(1, 2)}
    assert set(txn.range(index, (1,), (1, 2), True, False)) == {(1, 1)}
    assert set(txn.range(index, (1,), None, False)) == {(2, 3)}
    txn.insert(db.tables["p"], (1, 5))
    txn.end_statement()
    assert set(txn.range(index, (1, 2), (1,))) == {(1, 2), (1, 5)}


@pytest.mark.parametrize("kind", ["double precision", "numeric"])
def test_nan_is_equal_to_itself_and_sorts_last(
    make_database: Callable[..., Database], write: Callable[..., None], kind: str
) -> None:
    db = make_database(f"create table f (x {kind} unique)")
    store = db.tables["f"]
    made = float if kind == "double precision" else Decimal
    write(db, "f", (made("nan"),), (made(2),), (made(-1),))
    txn = db.begin()
    assert [str(row[0]).lower() for row in txn.range(store.indexes["f_x_key"])][-1] == "nan"
    txn.insert(store, (made("nan"),))
    with pytest.raises(IntegrityError):
        txn.end_statement()
