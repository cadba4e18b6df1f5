"""Certification: the verdict over a write set at its place in the log (R2, R3).

Rules of this module:

1. A transaction is void if a key that it wrote was changed, by the log, after the position that its snapshot read.
2. It is void if that position lies more than `WINDOW` before its own: beyond that nobody remembers.
3. It is void if one of its tables is gone or has another shape.
4. It is void if a unique value that it claims belongs to another row *at this position*. That is as deterministic as a guard
   in the write set, and has no false conflicts.
5. It is void if a foreign key would be broken among the rows *at this position* (:mod:`exdbsql.engine.reference_checks`).
6. A SERIALIZABLE transaction is void if what it read was changed, by the log, after that position (:mod:`exdbsql.engine.guards`).

What is looked at is the entry, the replicated tables and the memory of rule 1, which all follow from the log. Open transactions,
LOCAL and DISTRIBUTED tables, clocks and orders of iteration that could differ between nodes are not.
The method is that of "The Database State Machine Approach" (Pedone, Guerraoui, Schiper, 2003), with first-committer-wins in place of read
sets below SERIALIZABLE.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Final, Protocol

from exdbsql.engine import constraints
from exdbsql.engine.collector import untrack
from exdbsql.engine.guards import check_guard
from exdbsql.engine.reference_checks import reference_violation
from exdbsql.engine.references import Links
from exdbsql.engine.table import TableStore
from exdbsql.engine.versions import Key, Row
from exdbsql.engine.write_set import WriteSet
from exdbsql.schema.errors import ConflictError, Error, ProtocolError
from exdbsql.schema.sqlstate import SNAPSHOT_TOO_OLD
from exdbsql.schema.table import TableKind

WINDOW: Final = 100_000
"""Log positions that certification remembers (W of R3); the same on all nodes, so part of the protocol."""

_first = itemgetter(0)

Touched = dict[Key, tuple[int, int]]

Remembered = tuple[int, int, int, Touched, Sequence[Key]]
"""(position, origin node, id of a table, its `touched`, keys of it that the entry changed)."""


class CertifiedTables(Protocol):
    """What certification needs of a database."""

    tables_by_id: dict[int, TableStore]
    certification: "CertificationMemory"
    links: Links


class CertificationMemory:
    """Which keys the last `WINDOW` positions changed; the look-up by key is each table's `touched`.

    What is remembered is out of the collector's sight (:mod:`exdbsql.engine.collector`): these many live for long, and are in no
    cycle, because a `touched` leads nowhere.
    """

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: deque[Remembered] = deque()

    def remember(
        self, position: int, origin: int, changes: Sequence[tuple[TableStore, Mapping[Key, Row | None]]]
    ) -> None:
        """An entry was applied and changed these keys."""
        mark = (position, origin)
        for store, writes in changes:
            store.touched.update(dict.fromkeys(writes, mark))
            self.note(position, origin, store, tuple(writes))

    def note(self, position: int, origin: int, store: TableStore, keys: Sequence[Key]) -> None:
        """Keep the keys of one table that an entry changed; that they were is in `touched` already."""
        remembered = (position, origin, store.definition.id, store.touched, keys)
        untrack(remembered)
        self.entries.append(remembered)

    def changed_since(self, table_id: int, position: int) -> Iterator[tuple[int, Iterable[Key]]]:
        """(origin node, keys of the table) of entries above `position`, newest first."""
        for changed_at, origin, changed_table, _, keys in reversed(self.entries):
            if changed_at <= position:
                return
            if changed_table == table_id:
                yield origin, keys

    def advance(self, position: int) -> None:
        """The log has come to `position`: forget what no snapshot that may still commit can ask for."""
        entries = self.entries
        while entries and entries[0][0] < position - WINDOW:
            forgotten, _, _, touched, keys = entries.popleft()
            for key in keys:
                mark = touched.get(key)
                if mark is not None and mark[0] == forgotten:
                    del touched[key]


def certify(database: CertifiedTables, position: int, write_set: WriteSet) -> Error | None:
    """The verdict over `write_set` at `position`, the log before it having been applied: None, or why it is void."""
    if write_set.snapshot_position >= position:
        return ProtocolError(f"a transaction at log position {position} read position {write_set.snapshot_position}")
    if write_set.snapshot_position < position - WINDOW:
        return _too_old(position, write_set.snapshot_position)
    for table in write_set.tables:
        store = database.tables_by_id.get(table.table_id)
        if store is None:
            return constraints.missing_table_conflict(f"number {table.table_id}")
        if store.shape != table.shape or store.kind is not TableKind.REPLICATED:
            return constraints.missing_table_conflict(store.name)
        conflict: Error | None = _lost_against(store, table.rows, write_set.snapshot_position)
        if conflict is not None:
            return conflict
        violation = constraints.newest_violation(store, table.rows)
        if violation is not None:
            return violation
    if database.links:
        violated = reference_violation(database.links, resolve(database, write_set))
        if violated is not None:
            return violated
    for guard in write_set.guards:
        conflict = check_guard(guard, database.tables_by_id, database.certification, write_set.snapshot_position)
        if conflict is not None:
            return conflict
    return None


def _lost_against(store: TableStore, writes: Mapping[Key, Row | None], position: int) -> ConflictError | None:
    """Rule 1. Where nothing is wrong, it is found out without a look at each key in Python."""
    marks = list(filter(None, map(store.touched.get, writes)))
    if not marks or max(map(_first, marks)) <= position:
        return None
    for key in writes:
        mark = store.touched.get(key)
        if mark is not None and mark[0] > position:
            return constraints.write_conflict(store, key, mark[1])
    return None


def resolve(database: CertifiedTables, write_set: WriteSet) -> list[tuple[TableStore, Mapping[Key, Row | None]]]:
    """The changes of a certified write set, with their tables."""
    return [(database.tables_by_id[table.table_id], table.rows) for table in write_set.tables]


def _too_old(position: int, snapshot_position: int) -> ConflictError:
    return ConflictError(
        f"snapshot too old: it was taken at log position {snapshot_position} and committed at {position}, "
        f"more than {WINDOW} later",
        sqlstate=SNAPSHOT_TOO_OLD,
        hint="Run the transaction again, in less time.",
    )
