"""The DISTRIBUTED tables as the cluster exchanges them: vectors, shipments, prepare and finish.

Rules of this module, for a shipment from S that arrives at T (R10):

1. The incoming row has the dot that T's row (or tombstone) has: nothing to do.
2. S's vector covers T's dot (or T has neither row nor tombstone): take the incoming row.
3. T's vector covers the incoming dot: keep T's.
4. Neither: both sides changed the row since they last met, a conflict. The whole operation is void, unless its caller said
   which side to keep. The row that is kept is *changed here*: it gets a dot of T's own, new when the verdict comes, which dominates both. S, and whoever has either of the two, takes it
   when they meet next; two nodes that settle a conflict differently have a conflict with each other, and never go on with
   different rows in silence. (Were one of the old dots kept, that would happen.)
5. Afterwards T's vector is the maximum of both, so that it never has a gap below it.

Several sources in one operation are taken in one after the other, each on what those before it have brought, and become
visible in one step.

`prepare` validates and sets the keys and unique values aside; `finish` brings the verdict (R11). A shipment to a node that may
have missed tombstones which are gone here begins with a mark, ``(None, floor, -1, 0)``: it is complete, so what it lacks
although S's vector covers it was deleted.

This class has the methods of the cluster's ``ExchangeStore`` without importing it; shipments are taken by their attributes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from exdbsql.engine import constraints
from exdbsql.engine.commits import Changes, check_references, release, set_aside
from exdbsql.engine.dots import Dot, Dots, KeyDots, covers, covers_all, merged, node_of
from exdbsql.engine.rebuilds import RowChange, changed_rows
from exdbsql.engine.table import TableStore
from exdbsql.engine.versions import Key, Row
from exdbsql.engine.write_set import key_from_wire, row_from_wire
from exdbsql.schema.errors import ConflictError, ProgrammingError, ProtocolError
from exdbsql.schema.sqlstate import WRONG_OBJECT_TYPE

if TYPE_CHECKING:
    from exdbsql.engine.database import Database

Change: TypeAlias = tuple[Any, Sequence[Any] | None, int, int]
"""(key, row or None for a tombstone, origin, counter)."""

COMPLETE_ORIGIN: Final = -1


class Shipment(Protocol):
    """What one table sends."""

    @property
    def table(self) -> str:
        """Name of the table."""

    @property
    def vector(self) -> Mapping[int, int]:
        """The sender's version vector."""

    @property
    def changes(self) -> Sequence[Change]:
        """Rows and tombstones."""

    @property
    def form(self) -> str:
        """What the sender means by a row: `form_of` its table."""


@dataclass(frozen=True, slots=True)
class TableShipment:
    """What one table sends: the changes, and the sender's version vector at that moment."""

    table: str
    vector: Mapping[int, int]
    changes: Sequence[Change]
    form: str


def form_of(store: TableStore) -> str:
    """Equal on two nodes where rows of the table mean the same: it is the same table, after the same ALTERs."""
    return f"{store.definition.id} {store.shape}"


KEEP_SOURCE: Final = "source"
KEEP_TARGET: Final = "target"
_SETTLED_HERE: Final[Dot] = (-2, 1)
"""Stands for the dot that a settled conflict gets when the verdict comes; no vector covers it."""


@dataclass(slots=True)
class _Incoming:
    """What one operation will change in one table.

    Attributes:
        vector: the maximum of the sources' vectors.
        writes: rows to be written, None where one is deleted.
        dots: by key, the dots of rows that change or change their dot.
    """

    store: TableStore
    vector: dict[int, int] = field(default_factory=dict)
    writes: dict[Key, Row | None] = field(default_factory=dict)
    dots: dict[Key, Dot] = field(default_factory=dict)
    floor: dict[int, int] = field(default_factory=dict)
    vanished: set[Key] = field(default_factory=set)

    def dots_for(self, origin: int) -> KeyDots:
        """All dots, with new ones of this node where it settled a conflict."""
        distributed = self.store.distributed
        assert distributed is not None
        counter = max(distributed.vector.get(origin, 0), self.vector.get(origin, 0))
        made: KeyDots = []
        for key, dot in self.dots.items():
            if dot == _SETTLED_HERE:
                counter += 1
                dot = (origin, counter)
            made.append((key, dot))
        made.sort(key=lambda keyed: keyed[1])
        return made


@dataclass(slots=True, eq=False)
class _Pending:
    """A prepared operation: the holder of its reservations."""

    incoming: dict[TableStore, _Incoming] = field(default_factory=dict)
    reserved_in: list[TableStore] = field(default_factory=list)

    def move(self, old: TableStore, anew: TableStore, change: RowChange | None) -> None:
        """A table was altered, and `anew` takes its place; `change` makes its rows of the former ones."""
        incoming = self.incoming.pop(old, None)
        if incoming is not None:
            incoming.store = anew
            incoming.writes = changed_rows(incoming.writes, change)
            self.incoming[anew] = incoming

    def changes(self) -> Changes:
        return [(one.store, one.writes) for one in self.incoming.values() if not one.store.dropped]


class Exchange:
    """The DISTRIBUTED tables of one node. Any thread may call; each call is one step under the commit lock."""

    def __init__(self, database: "Database") -> None:
        self._database = database
        self._pending: dict[str, _Pending] = {}

    def distributed_tables(self) -> list[str]:
        """Names of all DISTRIBUTED tables, in order of creation."""
        stores = [store for store in self._database.tables.values() if store.distributed is not None]
        return [store.name for store in sorted(stores, key=lambda store: store.definition.id)]

    def vectors(self, tables: Sequence[str]) -> dict[str, dict[int, int]]:
        """The version vector of each table.

        Raises:
            ProgrammingError: 42P01 a table is unknown; 42809 it is not DISTRIBUTED.
        """
        with self._database.commit_lock:
            return {name: dict(self._dots(name)[1].vector) for name in tables}

    def changes_unknown_to(self, table: str, vector: Mapping[int, int]) -> TableShipment:
        """All rows and tombstones of `table` that `vector` does not cover; the cost is in proportion to these.

        Raises:
            ProgrammingError: as `vectors`.
        """
        with self._database.commit_lock:
            store, dots = self._dots(table)
            if covers_all(vector, dots.floor):
                changes: list[Change] = []
                wanted = dots.unknown_to(vector)
            else:
                changes = [(None, [list(pair) for pair in sorted(dots.floor.items())], COMPLETE_ORIGIN, 0)]
                wanted = dots.unknown_to({})
            changes += [(key, store.rows.get(key), origin, counter) for key, (origin, counter) in wanted]
            return TableShipment(table, dict(dots.vector), changes, form_of(store))

    def prepare(
        self, operation: str, source: int, shipments: Sequence[Shipment], keep: str | None = None
    ) -> dict[str, int]:
        """`prepare_all` for one source."""
        return self.prepare_all(operation, [(source, shipments)], keep)[0]

    def prepare_all(
        self, operation: str, shipped: Sequence[tuple[int, Sequence[Shipment]]], keep: str | None = None
    ) -> list[dict[str, int]]:
        """Validate incoming rows by R10, the unique constraints and the foreign keys, and set their keys aside until the verdict.

        Args:
            operation: its name.
            shipped: by source, what it shipped; one after the other is taken in.
            keep: which side's row stays where both changed it: `KEEP_SOURCE`, `KEEP_TARGET`, or None: refuse.

        Returns:
            By source, how many rows and tombstones each table will take.

        Raises:
            ConflictError: a row was changed on both sides (not retryable), or is being changed; names table, key and node. A table
                has another form at its source.
            IntegrityError: a row would break a constraint here.
            ProgrammingError: as `vectors`.
        """
        with self._database.commit_lock:
            self._drop(operation)
            pending = _Pending()
            taken: list[dict[str, int]] = []
            for source, shipments in shipped:
                counts: dict[str, int] = {}
                for shipment in shipments:
                    store, _ = self._dots(shipment.table)
                    incoming = pending.incoming.setdefault(store, _Incoming(store))
                    counts[store.name] = counts.get(store.name, 0) + self._sift(incoming, shipment, source, keep)
                taken.append(counts)
            for store, writes in pending.changes():
                constraints.check_reservations(store, writes, pending)
                violation = constraints.newest_violation(store, writes)
                if violation is not None:
                    raise violation
            check_references(self._database.links, pending.changes(), None, pending)
            pending.reserved_in = set_aside(pending.changes(), pending, self._database.links)
            self._pending[operation] = pending
            return taken

    def finish(self, operation: str, commit: bool) -> None:
        """The verdict for a prepared operation: apply its rows and merge the vectors, or drop it. Unknown: ignored.

        All its rows become visible at once.
        """
        database = self._database
        with database.commit_lock:
            pending = self._drop(operation)
            if pending is None or not commit:
                return
            live = [one for one in pending.incoming.values() if not one.store.dropped]
            made = [(one.store, one.dots_for(database.origin)) for one in live]
            database.publish(pending.changes(), database.head[1], made)
            for one in live:
                dots = one.store.distributed
                if dots is not None:
                    dots.vector = merged(dots.vector, one.vector)
                    dots.floor = merged(dots.floor, one.floor)
                    dots.forget(one.vanished)
        database.prune()

    def tombstones(self, table: str) -> int:
        """How many deleted rows of a table are remembered. Cheap."""
        store, dots = self._dots(table)
        return len(dots.by_key) - len(store.rows)

    def forget_tombstones(self, table: str, members: Iterable[Mapping[int, int]]) -> int:
        """Drop the tombstones that the vectors of *all* members, this node's among them, cover; how many.

        Raises:
            ProgrammingError: as `vectors`.
        """
        with self._database.commit_lock:
            store, dots = self._dots(table)
            known = dict(dots.vector)
            for vector in members:
                known = {origin: min(counter, vector.get(origin, 0)) for origin, counter in known.items()}
            return dots.forget_tombstones(store.rows, known)

    def _dots(self, name: str) -> tuple[TableStore, Dots]:
        store = self._database.table(name)
        if store.distributed is None:
            raise ProgrammingError(
                f"table {name} is {store.kind.value}, not DISTRIBUTED",
                sqlstate=WRONG_OBJECT_TYPE,
                hint="SCATTER and GATHER work on DISTRIBUTED tables.",
            )
        return store, store.distributed

    def _drop(self, operation: str) -> _Pending | None:
        pending = self._pending.pop(operation, None)
        if pending is not None:
            release(pending.reserved_in, pending)
        return pending

    def _sift(self, incoming: _Incoming, shipment: Shipment, source: int, keep: str | None) -> int:
        """Take of a shipment what is to be taken, by the rules of the module; how many rows and tombstones."""
        store, dots = self._dots(shipment.table)
        if shipment.form != form_of(store):
            raise _other_form(store.name, source)
        known = merged(dots.vector, incoming.vector)
        complete = False
        count = 0
        arrived: set[Key] = set()
        for packed_key, packed_row, origin, counter in shipment.changes:
            if origin == COMPLETE_ORIGIN:
                complete = True
                floor = {int(where): int(upto) for where, upto in packed_row or ()}
                incoming.floor = merged(incoming.floor, floor)
                continue
            key, row, dot = key_from_wire(packed_key), row_from_wire(packed_row), (origin, counter)
            if row is not None and len(row) != len(store.definition.columns):
                raise ProtocolError(f"a row of {len(row)} values arrived for table {store.name}")
            arrived.add(key)
            mine = incoming.dots.get(key) or dots.by_key.get(key)
            if mine == dot or (mine is None and covers(known, dot)):
                continue
            if mine is None or covers(shipment.vector, mine):
                self._take(incoming, key, row, dot)
                count += 1
            elif not covers(known, dot):
                count += self._meet(incoming, key, row, dot, mine, source, keep)
        if complete:
            for key in {*dots.by_key, *incoming.dots} - arrived:
                if covers(shipment.vector, incoming.dots.get(key) or dots.by_key[key]):
                    self._vanish(incoming, dots, key)
        incoming.vector = merged(incoming.vector, shipment.vector)
        return count

    @staticmethod
    def _take(incoming: _Incoming, key: Key, row: Row | None, dot: Dot) -> None:
        incoming.writes[key] = row
        incoming.dots[key] = dot
        incoming.vanished.discard(key)

    @staticmethod
    def _vanish(incoming: _Incoming, dots: Dots, key: Key) -> None:
        """The source has seen this row and does not have it: it was deleted, and the tombstone is gone."""
        incoming.dots.pop(key, None)
        if key in dots.by_key:
            incoming.writes[key] = None
            incoming.vanished.add(key)
        else:
            incoming.writes.pop(key, None)

    def _meet(
        self, incoming: _Incoming, key: Key, row: Row | None, dot: Dot, mine: Dot, source: int, keep: str | None
    ) -> int:
        """Both sides changed this row since they last met; how many rows are taken."""
        store = incoming.store
        here = incoming.writes[key] if key in incoming.writes else store.rows.get(key)
        if keep == KEEP_TARGET or (keep == KEEP_SOURCE and here == row):
            self._take(incoming, key, here, _SETTLED_HERE)
            return 0
        if keep == KEEP_SOURCE:
            self._take(incoming, key, row, _SETTLED_HERE)
            return 1
        named = constraints.key_text(store, key)
        by = "in this operation" if mine == _SETTLED_HERE else f"by node {node_of(mine[0])}"
        raise ConflictError(
            f"{named} of table {store.name} was changed both here ({by}) "
            f"and on node {source} (by node {node_of(dot[0])}) since the two last met",
            hint="Say which to keep: ON CONFLICT KEEP SOURCE or KEEP TARGET; or delete one of the two, and run it again.",
            table=store.name,
            key=named,
            winner=source,
            retryable=False,
        )


def _other_form(table: str, source: int) -> ConflictError:
    return ConflictError(
        f"table {table} is being altered: node {source} and this one do not have it in the same form yet",
        hint="Run it again.",
        table=table,
        winner=source,
    )
