"""Reads against a naive model: snapshots, own writes, deletes, seeks and ranges, in any interleaving.

The model keeps whole copies of the table; the engine keeps the newest rows, chains, and overlays. Every read of every open
transaction has to agree after every step.
"""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from exdbsql.engine.database import Database
from exdbsql.engine.transaction import Mark, Transaction
from exdbsql.schema.ddl import parse_ddl
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import ConflictError, IntegrityError

DDL = """
create table t (id integer primary key, tag text, code integer unique, a integer);
create index t_tag on t (tag);
create index t_a_tag on t (a, tag desc);
create index t_modulo on t ((a % 3) nulls first) where code > 1;
create unique index t_together on t ((a + id % 4)) where tag is not null;
create index t_swapped on t (tag desc nulls last, (code - 2) nulls first);
"""
KEYS = st.integers(0, 7)
TAGS = st.sampled_from(["x", "y", None])
CODES = st.none() | st.integers(0, 5)
Rows = dict[int, tuple[Any, ...]]


def descending_text(text: str | None) -> tuple[int, int]:
    return (0, 0) if text is None else (1, -ord(text))


def by_a_and_tag(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return ((1, 0) if row[3] is None else (0, row[3]), descending_text(row[1]))


def by_tag_and_code(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return ((1, 0) if row[1] is None else (0, -ord(row[1])), (0, 0) if row[2] is None else (1, row[2]))


class Overlays(RuleBasedStateMachine):
    """Two writers, one long reader, and commits by others in between."""

    def __init__(self) -> None:
        super().__init__()
        self.db = Database(Dictionary().with_all(parse_ddl(DDL)), debug=True)
        self.t = self.db.tables["t"]
        self.committed: Rows = {}
        self.changed: dict[int, int] = {}
        self.clock = 0
        self.open: list[Transaction] = []
        self.models: list[Rows] = []
        self.written: list[set[int]] = []
        self.began: list[int] = []
        self.marks: list[tuple[Mark, Rows, set[int]] | None] = []

    @initialize(ordered=st.booleans())
    def perhaps_sort_early(self, ordered: bool) -> None:
        if ordered:
            reader = self.db.begin()
            assert self.t.primary is not None
            for index in [*self.t.indexes.values(), self.t.primary]:
                list(reader.range(index))
            reader.rollback()

    @precondition(lambda self: len(self.open) < 4)
    @rule()
    def begin(self) -> None:
        self.open.append(self.db.begin())
        self.models.append(dict(self.committed))
        self.written.append(set())
        self.began.append(self.clock)
        self.marks.append(None)

    def violates(self, model: Rows) -> bool:
        codes = [row[2] for row in model.values() if row[2] is not None]
        together = [row[3] + row[0] % 4 for row in model.values() if row[1] is not None and row[3] is not None]
        return len(codes) != len(set(codes)) or len(together) != len(set(together))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), key=KEYS, tag=TAGS, code=CODES, a=CODES, action=st.sampled_from(["put", "delete", "move"]))
    def write(
        self, data: st.DataObject, key: int, tag: str | None, code: int | None, a: int | None, action: str
    ) -> None:
        at = data.draw(st.integers(0, len(self.open) - 1))
        transaction, model = self.open[at], dict(self.models[at])
        there = key in model
        target = data.draw(KEYS) if action == "move" and there else key
        if action == "delete":
            if there:
                transaction.delete(self.t, key)
                del model[key]
        else:
            row = (target, tag, code, a)
            if there:
                transaction.update(self.t, key, row)
                del model[key]
            else:
                transaction.insert(self.t, row)
            taken = target in model
            if taken:
                with pytest.raises(IntegrityError):
                    transaction.end_statement()
                return
            model[target] = row
        if self.violates(model):
            with pytest.raises(IntegrityError):
                transaction.end_statement()
            return
        transaction.end_statement()
        self.models[at] = model
        self.written[at] |= {key, target} if there or action != "delete" else set()

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def set_mark(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(self.open) - 1))
        self.marks[at] = (self.open[at].savepoint(), dict(self.models[at]), set(self.written[at]))

    @precondition(lambda self: any(self.marks))
    @rule(data=st.data())
    def go_back(self, data: st.DataObject) -> None:
        at = data.draw(st.sampled_from([number for number, mark in enumerate(self.marks) if mark]))
        mark = self.marks[at]
        assert mark is not None
        self.open[at].rollback_to(mark[0])
        self.models[at], self.written[at] = dict(mark[1]), set(mark[2])

    @precondition(lambda self: self.open)
    @rule(data=st.data(), commit=st.booleans())
    def end(self, data: st.DataObject, commit: bool) -> None:
        at = data.draw(st.integers(0, len(self.open) - 1))
        transaction, model = self.open.pop(at), self.models.pop(at)
        written, began = self.written.pop(at), self.began.pop(at)
        self.marks.pop(at)
        if not commit:
            transaction.rollback()
            return
        merged = dict(self.committed)
        for key in written:
            merged.pop(key, None)
            if key in model:
                merged[key] = model[key]
        if any(self.changed.get(key, -1) >= began for key in written):
            with pytest.raises(ConflictError):
                transaction.commit()
        elif self.violates(merged):
            with pytest.raises(IntegrityError):
                transaction.commit()
        else:
            transaction.commit()
            for key in written:
                if merged.get(key) != self.committed.get(key) or key in merged:
                    self.changed[key] = self.clock
            self.clock += 1
            self.committed = merged

    @invariant()
    def every_read_agrees(self) -> None:
        for transaction, model in zip(self.open, self.models, strict=True):
            self.agree(transaction, model)

    def agree(self, txn: Transaction, model: Rows) -> None:
        t, rows = self.t, sorted(model.values(), key=lambda row: row[0])
        assert sorted(txn.rows(t), key=lambda row: row[0]) == rows
        assert dict(txn.items(t)) == model
        assert txn.count(t) == len(model)
        for key in range(8):
            assert txn.get(t, key) == model.get(key)
        for tag in ("x", "y", None):
            assert sorted(txn.seek(t.indexes["t_tag"], tag)) == [row for row in rows if row[1] == tag]
        for code in range(6):
            assert txn.seek(t.indexes["t_code_key"], code) == [row for row in rows if row[2] == code]
        assert list(txn.range(t, 2, 6, True, False)) == [row for row in rows if 2 <= row[0] < 6]
        assert list(txn.range(t, reverse=True)) == rows[::-1]
        coded = sorted((row for row in rows if row[2] is not None), key=lambda row: row[2])
        assert list(txn.range(t.indexes["t_code_key"], 1)) == [row for row in coded if row[2] >= 1]
        assert list(txn.range(t.indexes["t_code_key"], reverse=True))[len(rows) - len(coded) :] == coded[::-1]
        in_order = list(txn.range(t.indexes["t_a_tag"]))
        assert list(map(by_a_and_tag, in_order)) == sorted(map(by_a_and_tag, rows))
        assert {row[0] for row in txn.range(t.indexes["t_a_tag"], (2,), (4,))} == {
            row[0] for row in rows if row[3] is not None and 2 <= row[3] <= 4
        }

        self.agree_on_computed_indexes(txn, rows)

    def agree_on_computed_indexes(self, txn: Transaction, rows: list[tuple[Any, ...]]) -> None:
        """A partial index has the rows that its condition is true for, by the values of its expression."""
        modulo, together, swapped = (self.t.indexes[name] for name in ("t_modulo", "t_together", "t_swapped"))
        held = [row for row in rows if row[2] is not None and row[2] > 1]
        for value in (0, 1, 2, None):
            found = [row for row in held if (row[3] if row[3] is None else row[3] % 3) == value]
            assert sorted(txn.seek(modulo, value)) == found
        values = [None if row[3] is None else row[3] % 3 for row in txn.range(modulo)]
        assert values == sorted(values, key=lambda value: -1 if value is None else value)
        assert len(values) == len(held)
        known = [row for row in held if row[3] is not None]
        assert sorted(txn.range(modulo, 1, 2)) == [row for row in known if row[3] % 3 >= 1]
        sums = {row[3] + row[0] % 4: row for row in rows if row[1] is not None and row[3] is not None}
        assert list(txn.range(together, 2, reverse=True)) == [
            sums[one] for one in sorted(sums, reverse=True) if one >= 2
        ]
        assert list(map(by_tag_and_code, txn.range(swapped))) == sorted(map(by_tag_and_code, rows))
        assert {row[0] for row in txn.range(swapped, ("x", -1), ("x", 1))} == {
            row[0] for row in rows if row[1] == "x" and row[2] is not None and 1 <= row[2] <= 3
        }

    @precondition(lambda self: not self.open)
    @invariant()
    def version_memory_is_flat(self) -> None:
        assert not self.t.chains
        assert not any(index.gone for index in self.t.indexes.values())


Overlays.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestOverlays = Overlays.TestCase
