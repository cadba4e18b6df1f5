"""DDL on a living database, and the memory limit."""

from collections.abc import Callable

import pytest

from exdbsql.engine.database import Database
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.errors import ConflictError, IntegrityError, InterfaceError, OperationalError, ProgrammingError

Make = Callable[..., Database]
Write = Callable[..., None]
DDL = "create table t (id integer primary key, v text)"


def run(db: Database, text: str) -> None:
    for statement in parse_ddl(text):
        db.execute_ddl(statement)


def test_tables_and_indexes_come_and_go(make_database: Make, write: Write) -> None:
    db = make_database(DDL)
    write(db, "t", (1, "a"), (2, "b"), (3, "a"))
    store = db.tables["t"]
    run(db, "create index i on t (v); create table other (x integer)")
    assert db.tables["t"] is store, "what did not change keeps its rows"
    assert [row[0] for row in db.begin().seek(store.indexes["i"], "a")] == [1, 3]
    kept = store.indexes["i"]
    run(db, "drop table other; create index j on t (v desc)")
    assert store.indexes["i"] is kept
    run(db, "drop index i")
    assert set(store.indexes) == {"j"}
    assert db.dictionary.version == 6


def test_a_new_index_serves_older_snapshots(make_database: Make, write: Write) -> None:
    db = make_database(DDL)
    write(db, "t", (1, "a"), (2, "b"))
    old = db.begin()
    write(db, "t", (1, "changed"), delete=(2,))
    run(db, "create index i on t (v)")
    index = db.tables["t"].indexes["i"]
    assert old.seek(index, "a") == [(1, "a")]
    assert old.seek(index, "changed") == []
    assert list(old.range(index)) == [(1, "a"), (2, "b")]


def test_a_unique_index_over_duplicates_is_refused(make_database: Make, write: Write) -> None:
    db = make_database(DDL)
    write(db, "t", (1, "a"), (2, "a"), (3, None), (4, None))
    with pytest.raises(IntegrityError) as caught:
        run(db, "create unique index i on t (v)")
    assert caught.value.detail == "Key (v)=(a) is duplicated."
    assert db.dictionary.version == 1
    assert not db.tables["t"].indexes
    write(db, "t", delete=(2,))
    run(db, "create unique index i on t (v)")
    with pytest.raises(IntegrityError):
        write(db, "t", (5, "a"))


def test_a_statement_planned_before_a_drop_may_still_hold_the_index(make_database: Make, write: Write) -> None:
    db = make_database(DDL)
    run(db, "create index i on t (v)")
    write(db, "t", (1, "a"), (2, "b"), (3, None))
    index, old = db.tables["t"].indexes["i"], db.begin()
    run(db, "drop index i")
    write(db, "t", (1, "z"), (4, "b"), delete=(2,))
    new = db.begin()
    assert (old.seek(index, "a"), new.seek(index, "a")) == ([(1, "a")], [])
    assert (old.seek(index, "b"), new.seek(index, "b")) == ([(2, "b")], [(4, "b")])
    assert list(old.range(index)) == [(1, "a"), (2, "b"), (3, None)]
    assert list(new.range(index, reverse=True)) == [(3, None), (1, "z"), (4, "b")]
    store = db.tables["t"]
    assert [ref() for ref in store.retired] == [index]
    del index
    assert [ref() for ref in store.retired] == [None]


def test_a_dropped_unique_index_claims_nothing_any_more(make_database: Make, write: Write) -> None:
    db = make_database(DDL)
    run(db, "create unique index i on t (v)")
    write(db, "t", (1, "a"))
    index = db.tables["t"].indexes["i"]
    run(db, "drop index i")
    write(db, "t", (2, "a"))
    assert db.begin().seek(index, "a") == [(1, "a"), (2, "a")]
    assert list(db.begin().range(index)) == [(1, "a"), (2, "a")]


def test_writes_to_a_dropped_table_lose(make_database: Make, write: Write) -> None:
    db = make_database(DDL)
    store, txn = db.tables["t"], db.begin()
    txn.insert(store, (1, "a"))
    txn.end_statement()
    run(db, "drop table t; " + DDL)
    with pytest.raises(ConflictError, match="dropped"):
        txn.commit()
    assert db.begin().rows(db.tables["t"]) == []


def test_unknown_tables_and_closed_databases(make_database: Make) -> None:
    db = make_database(DDL)
    with pytest.raises(ProgrammingError, match="nope"):
        db.table("nope")
    db.close()
    with pytest.raises(InterfaceError):
        db.begin()


def test_the_memory_limit_fails_before_commit_and_loses_nothing(make_database: Make, write: Write) -> None:
    db = make_database(DDL, memory_limit=60_000)
    store = db.tables["t"]
    write(db, "t", *((n, "x" * 100) for n in range(100)))
    used = db.memory_used
    assert 20_000 < used < 60_000
    txn = db.begin()
    txn.insert(store, (1000, "small"))
    txn.end_statement()
    with pytest.raises(OperationalError) as caught:
        txn.insert_many(store, [(n, "x" * 1000) for n in range(2000, 2100)])
        txn.end_statement()
    assert caught.value.sqlstate == "53200"
    assert txn.get(store, 2000) is None
    txn.commit()
    assert db.begin().count(store) == 101
    for _ in range(5):
        write(db, "t", *((n, "y" * 100) for n in range(100)))
    write(db, "t", delete=(1000,))
    assert db.memory_used == used, "the account does not drift"
    write(db, "t", delete=tuple(range(100)))
    assert db.memory_used == 0


def test_a_long_reader_costs_one_version_of_a_hot_row(make_database: Make, write: Write) -> None:
    db = make_database(DDL)
    write(db, "t", (1, "first"))
    old = db.begin()
    for number in range(500):
        write(db, "t", (1, str(number)))
    assert db.tables["t"].chains[1][3] <= 64
    assert old.get(db.tables["t"], 1) == (1, "first")
    old.end()
    assert db.stats()["version_chains"] == {"t": 0}


def test_versions_go_although_some_snapshot_is_always_open(make_database: Make, write: Write) -> None:
    db = make_database(DDL)
    write(db, "t", *((n, "a") for n in range(100)))
    first = db.begin()
    write(db, "t", *((n, "b") for n in range(100)))
    window = [db.begin() for _ in range(3)]
    first.end()
    for number in range(60):
        write(db, "t", (number % 3, "c"))
        window.append(db.begin())
        window.pop(0).end()
    assert db.stats()["version_chains"]["t"] < 40
