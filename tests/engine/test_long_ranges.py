"""Ranges over many blocks of an index, with own writes, older snapshots and vanished entries, against a naive model."""

from random import Random
from typing import Any

import pytest

from exdbsql.engine import ordered
from exdbsql.engine.database import Database
from exdbsql.engine.transaction import Transaction
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary

DDL = "CREATE TABLE t (id integer PRIMARY KEY, a integer, b integer NOT NULL); CREATE INDEX t_a ON t (a); CREATE INDEX t_ba ON t (b, a);"
Rows = dict[int, tuple[Any, ...]]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordered, "BLOCK_ENTRIES", 8)


def random_row(rng: Random, key: int) -> tuple[Any, ...]:
    return key, rng.choice((None, rng.randrange(150), rng.randrange(150), rng.randrange(150))), rng.randrange(12)


def change(rng: Random, txn: Transaction, model: Rows, times: int) -> None:
    store = next(iter(txn._database.tables.values()))
    for _ in range(times):
        key = rng.randrange(400)
        if key not in model:
            model[key] = random_row(rng, key)
            txn.insert(store, model[key])
        elif rng.random() < 0.4:
            txn.delete(store, key)
            del model[key]
        else:
            model[key] = random_row(rng, key)
            txn.update(store, key, model[key])
    txn.end_statement()


def by_a(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return (row[1] is None, row[1] or 0)


@pytest.mark.parametrize("seed", range(8))
def test_ranges(seed: int) -> None:
    rng = Random(seed)
    database = Database(Dictionary().with_all(parse_ddl(DDL)), debug=True)
    table = database.tables["t"]
    committed: Rows = {}
    writer = database.begin()
    change(rng, writer, committed, 350)
    writer.commit()
    list(database.begin().range(table.indexes["t_a"]))
    for _ in range(6):
        reader, model = database.begin(), dict(committed)
        if rng.random() < 0.6:
            change(rng, reader, model, rng.choice((1, 3, 40)))
        for _ in range(rng.randrange(3)):
            other = database.begin()
            change(rng, other, committed, rng.choice((1, 10, 60)))
            other.commit()
        check(rng, reader, model, table)
        reader.rollback()


def check(rng: Random, reader: Transaction, model: Rows, table: Any) -> None:
    rows = sorted(model.values(), key=lambda r: (r[2], by_a(r)))
    for reverse in (False, True):
        low, high = sorted((rng.randrange(-1, 160), rng.randrange(-1, 160)))
        wanted = [r[1] for r in sorted(model.values(), key=by_a) if r[1] is not None and low <= r[1] < high]
        found = list(reader.range(table.indexes["t_a"], low, high, True, False, reverse))
        assert [r[1] for r in found] == (wanted[::-1] if reverse else wanted)
        assert sorted(found) == sorted(r for r in model.values() if r[1] is not None and low <= r[1] < high)
        everything = [r[1] for r in reader.range(table.indexes["t_a"], reverse=reverse)]
        ordered_values = [r[1] for r in sorted(model.values(), key=by_a)]
        assert everything == (ordered_values[::-1] if reverse else ordered_values)
        no_nulls = [r[1] for r in reader.range(table.indexes["t_a"], reverse=reverse, nulls=False)]
        assert no_nulls == [value for value in everything if value is not None]
        b = rng.randrange(12)
        pairs = [(r[2], r[1]) for r in rows if r[2] == b]
        found_pairs = [(r[2], r[1]) for r in reader.range(table.indexes["t_ba"], (b,), (b,), reverse=reverse)]
        assert found_pairs == (pairs[::-1] if reverse else pairs)
        keys = [r[0] for r in reader.range(table, low, high, reverse=reverse)]
        assert keys == sorted((k for k in model if low <= k <= high), reverse=reverse)
        some = rng.sample(range(400), 20)
        assert sorted(reader.get_many(table, some)) == sorted(model[k] for k in some if k in model)
        values = set(rng.sample(range(150), 10))
        assert sorted(reader.seek_many(table.indexes["t_a"], values)) == sorted(
            r for r in model.values() if r[1] in values
        )


def test_the_first_rows_cost_no_more_with_own_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(Dictionary().with_all(parse_ddl(DDL)))
    table = database.tables["t"]
    writer = database.begin()
    writer.insert_many(table, [(i, i, 0) for i in range(5000)])
    writer.end_statement()
    writer.commit()
    txn = database.begin()
    txn.update(table, 4000, (4000, -1, 0))
    txn.end_statement()
    looked_up: list[Any] = []
    sought = Transaction._sought
    monkeypatch.setattr(
        Transaction, "_sought", lambda self, index, value: looked_up.append(value) or sought(self, index, value)
    )
    rows = txn.range(table.indexes["t_a"])
    assert [next(iter(rows))[0] for _ in range(3)] == [4000, 0, 1]
    assert len(list(rows)) == 4997
    assert len(looked_up) < 100
