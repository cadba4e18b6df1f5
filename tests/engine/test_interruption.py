"""A commit that is interrupted at any point is complete afterwards, for old and new snapshots."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from exdbsql.engine import dots as dots_module
from exdbsql.engine import index as index_module
from exdbsql.engine import table as table_module
from exdbsql.engine.database import Database

DDL = """
create distributed table t (id integer primary key, tag text, code integer unique);
create index t_tag on t (tag);
create table r (id integer primary key, tag text);
"""
FILES = {module.__file__ for module in (table_module, index_module, dots_module)}


class InterruptAt:
    """Raises KeyboardInterrupt at the n-th line that the commit runs in the modules that change committed rows."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in FILES or frame.f_code.co_name == "check":
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self


def rows(db: Database, txn: Any) -> dict[str, Any]:
    t = db.tables["t"]
    return {
        "t": sorted(txn.rows(t)),
        "r": sorted(txn.rows(db.tables["r"])),
        "by key": list(txn.range(t)),
        "by tag": sorted(row for tag in ("a", "b", "c") for row in txn.seek(t.indexes["t_tag"], tag)),
        "by code": list(txn.range(t.indexes["t_code_key"])),
    }


def test_an_interrupted_commit_is_finished(make_database: Callable[..., Database], write: Callable[..., None]) -> None:
    number, interrupted = 0, True
    while interrupted:
        number += 17
        db = make_database(DDL)
        write(db, "t", (1, "a", 10), (2, "a", 20), (3, "b", 30))
        t, r = db.tables["t"], db.tables["r"]
        old = db.begin()
        before = rows(db, old)
        txn = db.begin()
        txn.update(t, 1, (1, "b", 11))
        txn.delete(t, 2)
        txn.insert(t, (4, "c", 20))
        txn.insert_many(r, [(n, "new") for n in range(20)])
        txn.end_statement()
        expected = rows(db, txn)
        sys.settrace(InterruptAt(number))
        try:
            txn.commit()
            interrupted = False
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        new = db.begin()
        seen = rows(db, new)
        if db.head[0] == old.snapshot:
            expected = before  # the interrupt came before anything was published
        assert seen == expected, number
        assert rows(db, old) == before, number
        t.check()
        r.check()
        if seen != before:
            changes = db.exchange.changes_unknown_to("t", {0: 3}).changes
            assert sorted(change[0] for change in changes) == [1, 2, 4]
        old.end()
        new.end()
        write(db, "t", (9, "a", 90))
        assert not t.chains
    assert number > 100
