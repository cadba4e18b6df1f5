"""SERIALIZABLE in the engine: what a transaction has read is what a later commit must not have changed."""

from collections.abc import Callable
from typing import Any

import pytest

from exdbsql.engine.database import Database
from exdbsql.engine.guards import MAX_GUARDED, guards_of
from exdbsql.engine.reads import Reads
from exdbsql.engine.serializable import SERIALIZABLE, SerializableTransaction
from exdbsql.engine.transaction import Transaction
from exdbsql.engine.write_set import WriteSet
from exdbsql.schema.errors import ConflictError, IntegrityError, NotSupportedError

DDL = """
create table t (id integer primary key, tag text, n integer unique);
create index t_tag on t (tag);
create index t_tag_n on t (tag, n desc);
create table log (line text);
create local table note (id integer primary key, tag text);
create distributed table d (id integer primary key, tag text);
"""

Make = Callable[..., Database]
Write = Callable[..., None]
Reader = Callable[[Database, Transaction], Any]


@pytest.fixture
def db(make_database: Make, write: Write) -> Database:
    made = make_database(DDL)
    write(made, "t", (1, "a", 10), (2, "a", 20), (3, "b", 30))
    return made


def read_key(db: Database, txn: Transaction) -> Any:
    return txn.get(db.tables["t"], 1)


def read_missing_key(db: Database, txn: Transaction) -> Any:
    return txn.get(db.tables["t"], 9)


def read_tag(db: Database, txn: Transaction) -> Any:
    return txn.seek(db.tables["t"].indexes["t_tag"], "a")


def read_tag_items(db: Database, txn: Transaction) -> Any:
    return txn.seek_items(db.tables["t"].indexes["t_tag"], "a")


def read_key_range(db: Database, txn: Transaction) -> Any:
    return list(txn.range(db.tables["t"], 1, 2))


def read_tag_n(db: Database, txn: Transaction) -> Any:
    return list(txn.range(db.tables["t"].indexes["t_tag_n"], ("a", 15), ("a",), reverse=True))


def read_rows(db: Database, txn: Transaction) -> Any:
    return txn.rows(db.tables["t"])


def read_items(db: Database, txn: Transaction) -> Any:
    return txn.items(db.tables["t"])


def read_count(db: Database, txn: Transaction) -> Any:
    return txn.count(db.tables["t"])


def read_whole_range(db: Database, txn: Transaction) -> Any:
    return list(txn.range(db.tables["t"].indexes["t_tag"]))


CHANGES: dict[str, tuple[tuple[Any, ...], ...]] = {
    "update 1": ((1, "a", 11),),
    "update 2": ((2, "a", 21),),
    "update 3": ((3, "b", 31),),
    "3 becomes a": ((3, "a", 30),),
    "2 becomes b": ((2, "b", 20),),
    "insert 0": ((0, "c", 0),),
    "insert 9": ((9, "c", 90),),
    "insert 9 in a": ((9, "a", 90),),
    "insert 9 in a, low": ((9, "a", 5),),
}
SCANS = set(CHANGES)
CASES: list[tuple[Reader, set[str]]] = [
    (read_key, {"update 1"}),
    (read_missing_key, {"insert 9", "insert 9 in a", "insert 9 in a, low"}),
    (read_tag, {"update 1", "update 2", "3 becomes a", "2 becomes b", "insert 9 in a", "insert 9 in a, low"}),
    (read_tag_items, {"update 1", "update 2", "3 becomes a", "2 becomes b", "insert 9 in a", "insert 9 in a, low"}),
    (read_key_range, {"update 1", "update 2", "2 becomes b"}),
    (read_tag_n, {"update 2", "2 becomes b", "3 becomes a", "insert 9 in a"}),
    (read_rows, SCANS),
    (read_items, SCANS),
    (read_count, SCANS),
    (read_whole_range, SCANS),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("read", "dependent"), CASES, ids=[case[0].__name__ for case in CASES])
def test_a_commit_fails_exactly_where_what_was_read_has_changed(
    db: Database, write: Write, read: Reader, dependent: set[str], change: str
) -> None:
    txn = db.begin(isolation=SERIALIZABLE)
    read(db, txn)
    txn.insert(db.tables["log"], ("x",))
    txn.end_statement()
    write(db, "t", *CHANGES[change])
    if change in dependent:
        with pytest.raises(ConflictError, match="has read"):
            txn.commit()
    else:
        txn.commit()
    assert db.recent.entries is None
    assert len(db.snapshots) == 0


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("read", "dependent"), CASES, ids=[case[0].__name__ for case in CASES])
def test_the_log_reaches_the_same_verdict_on_every_node(
    make_database: Make, write: Write, read: Reader, dependent: set[str], change: str
) -> None:
    here, there = make_database(DDL), make_database(DDL)
    nodes = [here, there]
    for number, node in enumerate(nodes):
        node.enter_cluster(number, 1)

    def commit(txn: Transaction, position: int) -> list[Any]:
        prepared = txn._database.prepare_commit(txn)
        entry = WriteSet.from_bytes(prepared.to_bytes())
        return [node.apply_write_set(position, 0, entry, prepared if node is txn._database else None) for node in nodes]

    def change_by(node: Database, *rows: tuple[Any, ...]) -> Transaction:
        store, txn = node.tables["t"], node.begin()
        for row in rows:
            (txn.update(store, row[0], row) if txn.get(store, row[0]) else txn.insert(store, row))
        txn.end_statement()
        return txn

    assert commit(change_by(here, (1, "a", 10), (2, "a", 20), (3, "b", 30)), 1) == [None, None]
    txn = there.begin(isolation=SERIALIZABLE)
    read(there, txn)
    txn.insert(there.tables["log"], ("x",))
    txn.end_statement()
    prepared = there.prepare_commit(txn)  # before the change has come
    assert commit(change_by(here, *CHANGES[change]), 2) == [None, None]
    entry = WriteSet.from_bytes(prepared.to_bytes())
    assert entry.guards
    verdicts = [node.apply_write_set(3, 1, entry, prepared if node is there else None) for node in nodes]
    assert repr(verdicts[0]) == repr(verdicts[1])
    assert isinstance(verdicts[0], ConflictError) is (change in dependent)
    joined = make_database(DDL)
    joined.import_replicated(here.export_replicated())
    assert sorted(joined.begin().rows(joined.tables["log"])) == ([] if change in dependent else [("x",)])


def test_a_node_that_joined_meanwhile_reaches_the_same_verdict(make_database: Make, write: Write) -> None:
    here = make_database(DDL)
    here.enter_cluster(0, 1)
    old = here.begin(isolation=SERIALIZABLE)
    read_tag(here, old)
    old.insert(here.tables["log"], ("x",))
    old.end_statement()
    entry = here.prepare_commit(old).write_set
    txn = here.begin()
    txn.insert(here.tables["t"], (1, "a", 1))
    txn.end_statement()
    first = here.prepare_commit(txn)
    assert here.apply_write_set(1, 0, first.write_set, first) is None
    joined = make_database(DDL)
    joined.enter_cluster(1, 1)
    joined.import_replicated(here.export_replicated())
    verdicts = [node.apply_write_set(2, 0, entry, None) for node in (here, joined)]
    assert isinstance(verdicts[0], ConflictError)
    assert repr(verdicts[0]) == repr(verdicts[1])


def test_what_only_reads_needs_no_check(db: Database, write: Write) -> None:
    txn = db.begin(isolation=SERIALIZABLE)
    read_rows(db, txn)
    write(db, "t", (1, "z", 1))
    txn.commit()
    assert type(db.begin(isolation=SERIALIZABLE, read_only=True)) is Transaction


def test_the_other_levels_are_not_tracked(db: Database) -> None:
    with pytest.raises(NotSupportedError):
        db.begin(isolation="chaos")
    txn = db.begin()
    assert not isinstance(txn, SerializableTransaction)
    assert db.recent.entries is None


def test_write_skew_between_two(db: Database) -> None:
    one, two = db.begin(isolation=SERIALIZABLE), db.begin(isolation=SERIALIZABLE)
    t = db.tables["t"]
    for txn, mine in ((one, 1), (two, 2)):
        assert len(read_tag(db, txn)) == 2
        txn.update(t, mine, (mine, "z", mine))
        txn.end_statement()
    one.commit()
    with pytest.raises(ConflictError):
        two.commit()


def test_a_unique_value_found_taken_was_read(db: Database, write: Write) -> None:
    txn = db.begin(isolation=SERIALIZABLE)
    t = db.tables["t"]
    with pytest.raises(IntegrityError):
        txn.insert(t, (9, "q", 30))
        txn.end_statement()
    txn.insert(db.tables["log"], ("30 is taken",))
    txn.end_statement()
    write(db, "t", delete=(3,))
    with pytest.raises(ConflictError):
        txn.commit()


def test_a_dropped_table_was_read(db: Database) -> None:
    from exdbsql.schema.ddl import parse_ddl

    txn = db.begin(isolation=SERIALIZABLE)
    read_key(db, txn)
    txn.insert(db.tables["log"], ("x",))
    txn.end_statement()
    db.execute_ddl(parse_ddl("drop table t")[0])
    with pytest.raises(ConflictError, match="dropped"):
        txn.commit()


def test_memory_of_changes_ends_with_the_last_reader(db: Database, write: Write) -> None:
    first, second = db.begin(isolation=SERIALIZABLE), db.begin(isolation=SERIALIZABLE)
    write(db, "t", (1, "a", 1))
    third = db.begin(isolation=SERIALIZABLE)
    write(db, "t", (1, "a", 2))
    assert db.recent.entries is not None
    assert len(db.recent.entries) == 2
    first.rollback()
    assert len(db.recent.entries) == 2
    second.rollback()
    assert len(db.recent.entries) == 1
    third.rollback()
    assert db.recent.entries is None


def test_too_many_keys_become_a_guard_for_the_table(db: Database) -> None:
    txn = db.begin(isolation=SERIALIZABLE)
    assert isinstance(txn, SerializableTransaction)
    for key in range(MAX_GUARDED + 1):
        txn.get(db.tables["t"], key)
    (guard,) = guards_of(txn.reads)
    assert (guard.whole, guard.keys) == (True, ())


def pending(node: Database, read: str, change: str, position: int) -> Any:
    """A prepared commit that has read one LOCAL row and changed a row of another LOCAL and of a replicated table."""
    txn = node.begin(isolation=SERIALIZABLE)
    txn.get(node.tables[read], 1)
    txn.insert(node.tables[change], (1, "x"))
    txn.insert(node.tables["log"], (str(position),))
    txn.end_statement()
    return node.prepare_commit(txn)


def test_local_rows_that_a_pending_commit_has_read_stay(make_database: Make) -> None:
    node = make_database(DDL)
    node.enter_cluster(0, 1)
    prepared = pending(node, "note", "d", 1)
    with pytest.raises(ConflictError, match="not known yet"):
        pending(node, "d", "note", 2)  # would change what the pending one has read
    other = node.begin(isolation=SERIALIZABLE)
    other.insert(node.tables["note"], (1, "y"))
    other.end_statement()
    with pytest.raises(ConflictError, match="not known yet"):
        other.commit()
    node.abort_prepared(prepared)
    assert not node.pending_reads
    node.abort_prepared(pending(node, "d", "note", 3))


def test_a_pending_commit_has_not_read_what_another_pending_one_changes(make_database: Make) -> None:
    node = make_database(DDL)
    node.enter_cluster(0, 1)
    first = pending(node, "note", "d", 1)
    txn = node.begin(isolation=SERIALIZABLE)
    txn.rows(node.tables["d"])
    txn.insert(node.tables["log"], ("2",))
    txn.end_statement()
    with pytest.raises(ConflictError, match="not known yet"):
        node.prepare_commit(txn)
    node.abort_prepared(first)


def test_every_way_to_read_is_remembered() -> None:
    ways = {name for name, value in vars(Reads).items() if callable(value) and not name.startswith("_")}
    assert ways <= vars(SerializableTransaction).keys()
