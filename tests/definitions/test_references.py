"""Foreign keys where only one node knows: commits whose verdict is still to come, and rows that an exchange brings."""

import pytest

from exdbsql.engine.database import Database
from exdbsql.engine.transaction import Transaction
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import ConflictError, IntegrityError

SCHEMA = """
CREATE TABLE r (id integer PRIMARY KEY);
CREATE LOCAL TABLE p (id integer PRIMARY KEY);
CREATE LOCAL TABLE c (id integer PRIMARY KEY, p integer REFERENCES p);
CREATE DISTRIBUTED TABLE dp (id integer PRIMARY KEY);
CREATE DISTRIBUTED TABLE dc (id integer PRIMARY KEY, p integer REFERENCES dp);
"""


def make(node_id: int) -> Database:
    database = Database(Dictionary().with_all(parse_ddl(SCHEMA)), debug=True)
    database.enter_cluster(node_id, 1)
    return database


def changed(database: Database, *changes: tuple[str, tuple[int, ...] | int]) -> Transaction:
    """A transaction that has inserted rows, and deleted those of which only the key is given."""
    transaction = database.begin()
    for table, what in changes:
        if isinstance(what, int):
            transaction.delete(database.tables[table], what)
        else:
            transaction.insert(database.tables[table], what)
        transaction.end_statement()
    return transaction


def test_a_pending_commit_keeps_what_it_refers_to() -> None:
    db = make(0)
    changed(db, ("p", (1,)), ("p", (2,))).commit()
    prepared = db.prepare_commit(changed(db, ("r", (1,)), ("c", (1, 1))))
    with pytest.raises(ConflictError, match="not known yet"):
        changed(db, ("p", 1)).commit()
    second = db.prepare_commit(changed(db, ("r", (2,)), ("c", (2, 1))))
    assert db.apply_write_set(1, 0, prepared.write_set, prepared) is None
    changed(db, ("c", 1)).commit()
    with pytest.raises(ConflictError, match="not known yet"):
        changed(db, ("p", 1)).commit()
    db.abort_prepared(second)
    changed(db, ("p", 1)).commit()


def test_nobody_refers_to_what_a_pending_commit_takes_away() -> None:
    db = make(0)
    changed(db, ("p", (1,))).commit()
    prepared = db.prepare_commit(changed(db, ("r", (1,)), ("p", 1)))
    with pytest.raises(ConflictError, match="not known yet"):
        changed(db, ("c", (1, 1))).commit()
    db.abort_prepared(prepared)
    changed(db, ("c", (1, 1))).commit()


def test_an_exchange_obeys_foreign_keys() -> None:
    source, target = make(0), make(1)
    changed(source, ("dp", (1,)), ("dc", (1, 1))).commit()
    child = source.exchange.changes_unknown_to("dc", {})
    with pytest.raises(IntegrityError) as caught:
        target.exchange.prepare("one", 0, [child])
    assert caught.value.sqlstate == "23503"
    parent = source.exchange.changes_unknown_to("dp", {})
    target.exchange.prepare("two", 0, [child, parent])
    target.exchange.finish("two", commit=True)
    assert [len(target.tables[name].rows) for name in ("dp", "dc")] == [1, 1]
    with pytest.raises(IntegrityError):
        changed(target, ("dp", 1)).commit()
