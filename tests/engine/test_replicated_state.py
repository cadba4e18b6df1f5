"""The replicated state on its way to another node: whole, bounded, atomic, and undisturbed by later commits."""

from collections.abc import Callable
from typing import Any

import pytest

from exdbsql.engine.database import Database
from exdbsql.engine.write_set import TableWrites, WriteSet
from exdbsql.schema.codec import pack, unpack
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import ConflictError, ProtocolError

DDL = """
create table t (id integer primary key, code integer unique, note text);
create index t_note on t (note);
create table keyless (v text);
create table pairs (a integer, b integer, primary key (a, b));
create local table here (id integer primary key);
create distributed table spread (id integer primary key);
"""
Make = Callable[..., Database]


def entry(db: Database, position: int, rows: dict[Any, Any], table: str = "t", snapshot: int | None = None) -> Any:
    store = db.tables[table]
    writes = TableWrites(store.definition.id, store.shape, rows)
    return db.apply_write_set(position, 7, WriteSet(position - 1 if snapshot is None else snapshot, (writes,)), None)


def all_rows(db: Database) -> dict[str, list[Any]]:
    txn = db.begin()
    state = {name: sorted(txn.items(store)) for name, store in db.tables.items()}
    txn.end()
    return state


@pytest.fixture
def source(make_database: Make) -> Database:
    db = make_database(DDL)
    entry(db, 1, {n: (n, n, f"note {n % 3}") for n in range(50)})
    entry(db, 2, {1 << 52: ("a",), 2 << 52: ("b",)}, "keyless")
    entry(db, 3, {(1, 2): (1, 2)}, "pairs")
    entry(db, 9, {3: (3, None, "changed"), 4: None})
    return db


def test_an_empty_node_gets_everything(source: Database, make_database: Make) -> None:
    target = make_database(DDL)
    target.import_replicated(source.export_replicated(max_rows=7))
    assert all_rows(target) == all_rows(source)
    assert target.applied_position == 9
    assert target.dictionary == source.dictionary
    target.tables["t"].check()


def test_chunks_are_bounded(source: Database) -> None:
    chunks = list(source.export_replicated(max_rows=7, max_bytes=60))
    row_chunks = [unpack(chunk) for chunk in chunks if unpack(chunk)[0] == "rows"]
    assert sum(len(chunk[3]) for chunk in row_chunks) == 52
    assert all(len(pack(chunk)) <= 60 or len(chunk[3]) == 1 for chunk in row_chunks)
    assert len(source.snapshots) == 0


def test_later_commits_do_not_disturb_it(source: Database, make_database: Make) -> None:
    before = all_rows(source)
    chunks = source.export_replicated(max_rows=5)
    received = [next(chunks), next(chunks)]
    for position in range(10, 30):
        entry(source, position, {position: (position, 1000 + position, "later"), position + 20: None})
    source.apply_ddl(30, parse_ddl("drop table pairs"))
    target = make_database(DDL)
    target.import_replicated([*received, *chunks])
    assert all_rows(target) == before
    assert target.applied_position == 9
    for position in range(10, 30):
        entry(target, position, {position: (position, 1000 + position, "later"), position + 20: None})
    target.apply_ddl(30, parse_ddl("drop table pairs"))
    assert all_rows(target) == all_rows(source)
    assert not source.tables["t"].chains


def test_the_joined_node_reaches_the_same_verdicts(source: Database, make_database: Make) -> None:
    target = make_database(DDL)
    target.import_replicated(source.export_replicated(max_rows=3))
    assert target.tables["t"].touched == source.tables["t"].touched
    verdicts = [entry(db, 10, {3: (3, 3, "stale")}, snapshot=5) for db in (source, target)]
    assert isinstance(verdicts[0], ConflictError)
    assert str(verdicts[0]) == str(verdicts[1])


def test_readers_see_the_state_before_or_after(source: Database, make_database: Make) -> None:
    target = make_database(DDL)
    entry(target, 1, {n: (n, 500 + n, "old") for n in range(3)})
    before, reader = all_rows(target), target.begin()
    target.import_replicated(source.export_replicated())
    assert {name: sorted(reader.items(store)) for name, store in target.tables.items()} == before
    assert reader.seek(target.tables["t"].indexes["t_note"], "old") == [row for _, row in before["t"]]
    reader.end()
    assert all_rows(target) == all_rows(source)


def test_local_and_distributed_rows_stay(source: Database, make_database: Make) -> None:
    target = make_database("create local table here (id integer primary key); create table gone (x integer)")
    txn = target.begin()
    txn.insert(target.tables["here"], (42,))
    txn.end_statement()
    txn.commit()
    target.import_replicated(source.export_replicated())
    assert target.begin().rows(target.tables["here"]) == [(42,)]
    assert "gone" not in target.tables
    assert target.exchange.distributed_tables() == ["spread"]


def test_a_transaction_from_before_cannot_commit(source: Database, make_database: Make) -> None:
    target = make_database(DDL)
    txn = target.begin()
    txn.insert(target.tables["t"], (1000, 1000, "before"))
    txn.end_statement()
    target.import_replicated(source.export_replicated())
    with pytest.raises(ConflictError, match="synchronised"):
        target.prepare_commit(txn)


@pytest.mark.parametrize(
    "damage",
    [
        lambda chunks: chunks[:-1],
        lambda chunks: chunks[1:],
        lambda chunks: [chunks[0], *chunks[2:]],
        lambda chunks: [*chunks, chunks[-1]],
        lambda chunks: [chunks[0], b"\xc1", *chunks[1:]],
        lambda chunks: [chunks[0], pack(["rows", 99, None, []]), *chunks[1:]],
        lambda chunks: [chunks[0], pack(["rows", 1, None, [[1]]]), *chunks[1:]],
        lambda chunks: [chunks[0], pack(["what"]), *chunks[1:]],
        lambda chunks: [*chunks[:-1], pack(["memory", [[9, 7, 99, [1]]]]), chunks[-1]],
        lambda chunks: [*chunks[:-1], pack(["memory", [["nine", 7, 1, [1]]]]), chunks[-1]],
        lambda chunks: [pack(["head", 999, 1, {}]), *chunks[1:]],
        lambda chunks: [],
    ],
)
def test_a_damaged_snapshot_changes_nothing(source: Database, make_database: Make, damage: Callable[..., Any]) -> None:
    target = make_database(DDL)
    entry(target, 1, {1: (1, 1, "mine")})
    before = all_rows(target)
    with pytest.raises(ProtocolError):
        target.import_replicated(damage(list(source.export_replicated(max_rows=9))))
    assert all_rows(target) == before
    assert target.applied_position == 1


def test_an_export_that_is_dropped_ends_its_snapshot(source: Database) -> None:
    chunks = source.export_replicated()
    assert len(source.snapshots) == 1
    del chunks
    assert len(source.snapshots) == 0


def test_an_empty_database_travels_too(make_database: Make) -> None:
    target = make_database(DDL)
    target.import_replicated(Database(Dictionary()).export_replicated())
    assert target.tables == {}


def test_nobody_sees_the_definitions_without_their_rows(
    source: Database, make_database: Make, monkeypatch: Any
) -> None:
    """Between the two steps nothing is planned anew, and no snapshot sees the one without the other."""
    target = make_database("create table t (id integer primary key, v text);")
    entry(target, 1, {1: (1, "old")})
    before = all_rows(target)
    old = target.begin()
    publish, seen = target.publish, []

    def spied(changes: Any, position: int, dots: Any = None) -> None:
        assert target.in_force is None
        meanwhile = target.begin()
        for name, store in target.tables.items():
            try:
                meanwhile.check_tables([name])
                seen.append((name, sorted(meanwhile.rows(store))))
            except ConflictError:
                seen.append((name, "altered"))
        publish(changes, position, dots)
        for name in target.tables:
            with pytest.raises(ConflictError, match="altered"):
                meanwhile.check_tables([name])

    monkeypatch.setattr(target, "publish", spied)
    target.import_replicated(source.export_replicated())
    assert {what for _, what in seen if isinstance(what, str)} == {"altered"} and len(seen) == len(target.tables), seen
    with pytest.raises(ConflictError, match="altered"):
        old.check_tables(["t"])
    assert all_rows(target) == all_rows(source) != before


SPREAD = "create distributed table spread (id integer primary key, v text, w text);"


def away_and_back(make_database: Make, alterations: str, position: int = 9) -> tuple[Database, int]:
    """A node with rows of its own takes over a state in which their table was altered; the node, and its former origin."""
    source, target = make_database(SPREAD), make_database(SPREAD)
    for db, node_id in ((source, 1), (target, 2)):
        db.enter_cluster(node_id, 7)
    txn = target.begin()
    txn.insert(target.tables["spread"], (1, "one", "ONE"))
    txn.end_statement()
    txn.commit()
    for at, text in enumerate(filter(None, alterations.split(";"))):
        assert source.apply_ddl(position + at, list(parse_ddl(text, source.dictionary.types))) is None
    origin = target.origin
    target.import_replicated(source.export_replicated())
    return target, origin


@pytest.mark.parametrize(
    ("alterations", "row"),
    [
        ("alter table spread add column n integer default 5", (1, "one", "ONE", 5)),
        ("alter table spread drop column v", (1, "ONE")),
        ("alter table spread drop column v; alter table spread add column n integer default 5", (1, "ONE", 5)),
        ("alter table spread alter column v set default 'x'", (1, "one", "ONE")),
        ("create index spread_v on spread (v)", (1, "one", "ONE")),
        ("create index spread_n on spread ((1 / (id - 1)))", (1, "one", "ONE")),
    ],
)
def test_distributed_rows_follow_what_was_altered_meanwhile(
    make_database: Make, alterations: str, row: tuple[Any, ...]
) -> None:
    target, origin = away_and_back(make_database, alterations)
    store = target.tables["spread"]
    assert list(store.rows.values()) == [row] and not store.dropped
    assert store.distributed is not None and store.distributed.by_key == {1: (origin, 1)}
    assert target.origin == origin
    store.check()


@pytest.mark.parametrize(
    "alterations",
    [
        "alter table spread rename column v to x",
        "alter table spread drop column v; alter table spread add column x text",
    ],
)
def test_rows_whose_columns_may_have_been_renamed_are_given_up(make_database: Make, alterations: str) -> None:
    """The node's next change must not have the number of one that others have seen."""
    target, origin = away_and_back(make_database, alterations)
    store = target.tables["spread"]
    assert not store.rows
    txn = target.begin()
    txn.insert(store, (2, "two", "TWO"))
    txn.end_statement()
    txn.commit()
    assert store.distributed is not None
    ((made, counter),) = store.distributed.by_key.values()
    assert made != origin and made & 0xFFFF == 2 and counter == 1
    assert target.exchange.vectors(["spread"]) == {"spread": {made: 1}}
