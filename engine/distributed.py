"""The DISTRIBUTED tables as the cluster exchanges them: vectors, shipments, prepare and finish.

Rules of this module, for a shipment from S that arrives at T (R10):

1. The incoming row has the dot that T's row (or tombstone) has: nothing to do.
2. S's vector covers T's dot (or T has neither row nor tombstone): take the incoming row.
3. T's vector covers the incoming dot: keep T's.
4. Neither: both sides changed the row since they last met, a conflict, and the whole operation is void.
5. Afterwards T's vector is the maximum of both, so that it never has a gap below it.

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
from exdbsql.engine.dots import Dots, KeyDots, covers, covers_all, merged, node_of
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


@dataclass(frozen=True, slots=True)
class TableShipment:
    """What one table sends: the changes, and the sender's version vector at that moment."""

    table: str
    vector: Mapping[int, int]
    changes: Sequence[Change]


@dataclass(slots=True)
class _Incoming:
    """What one shipment will change in one table."""

    store: TableStore
    vector: Mapping[int, int]
    writes: dict[Key, Row | None] = field(default_factory=dict)
    dots: KeyDots = field(default_factory=list)
    floor: dict[int, int] = field(default_factory=dict)
    vanished: list[Key] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Pending:
    """A prepared operation: the holder of its reservations."""

    incoming: list[_Incoming]
    reserved_in: list[TableStore] = field(default_factory=list)

    def changes(self) -> Changes:
        return [(one.store, one.writes) for one in self.incoming if not one.store.dropped]


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
            return TableShipment(table, dict(dots.vector), changes)

    def prepare(self, operation: str, source: int, shipments: Sequence[Shipment]) -> dict[str, int]:
        """Validate incoming rows by R10, the unique constraints and the foreign keys, and set their keys aside until the verdict.

        Returns:
            How many rows and tombstones each table will take.

        Raises:
            ConflictError: a row was changed on both sides, or is being changed; names table, key and node.
            IntegrityError: a row would break a constraint here.
            ProgrammingError: as `vectors`.
        """
        with self._database.commit_lock:
            self._drop(operation)
            pending = _Pending([self._sift(shipment, source) for shipment in shipments])
            for store, writes in pending.changes():
                constraints.check_reservations(store, writes, pending)
                violation = constraints.newest_violation(store, writes)
                if violation is not None:
                    raise violation
            check_references(self._database.links, pending.changes(), None, pending)
            pending.reserved_in = set_aside(pending.changes(), pending, self._database.links)
            self._pending[operation] = pending
            counts: dict[str, int] = {}
            for one in pending.incoming:
                counts[one.store.name] = counts.get(one.store.name, 0) + len(one.dots)
            return counts

    def finish(self, operation: str, commit: bool) -> None:
        """The verdict for a prepared operation: apply its rows and merge the vectors, or drop it. Unknown: ignored."""
        database = self._database
        with database.commit_lock:
            pending = self._drop(operation)
            if pending is None or not commit:
                return
            live = [one for one in pending.incoming if not one.store.dropped]
            database.publish(pending.changes(), database.head[1], [(one.store, one.dots) for one in live])
            for one in live:
                dots = one.store.distributed
                if dots is not None:
                    dots.vector = merged(dots.vector, one.vector)
                    dots.floor = merged(dots.floor, one.floor)
                    dots.forget(one.vanished)
        database.prune()

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

    def _sift(self, shipment: Shipment, source: int) -> _Incoming:
        """What of a shipment is to be taken, by the rules of the module."""
        store, dots = self._dots(shipment.table)
        incoming = _Incoming(store, shipment.vector)
        complete = False
        arrived: set[Key] = set()
        for packed_key, row, origin, counter in shipment.changes:
            if origin == COMPLETE_ORIGIN:
                complete = True
                incoming.floor = {int(where): int(upto) for where, upto in row or ()}
                continue
            key = key_from_wire(packed_key)
            arrived.add(key)
            if self._is_taken(store, dots, key, (origin, counter), shipment.vector, source):
                taken = row_from_wire(row)
                if taken is not None and len(taken) != len(store.definition.columns):
                    raise ProtocolError(f"a row of {len(taken)} values arrived for table {store.name}")
                incoming.writes[key] = taken
                incoming.dots.append((key, (origin, counter)))
        incoming.dots.sort(key=lambda keyed: keyed[1])
        if complete:
            for key, dot in dots.by_key.items():
                if key not in arrived and covers(shipment.vector, dot):
                    incoming.writes[key] = None
                    incoming.vanished.append(key)
        return incoming

    @staticmethod
    def _is_taken(
        store: TableStore, dots: Dots, key: Key, dot: tuple[int, int], vector: Mapping[int, int], source: int
    ) -> bool:
        mine = dots.by_key.get(key)
        if mine == dot or (mine is None and covers(dots.vector, dot)):
            return False
        if mine is None or covers(vector, mine):
            return True
        if covers(dots.vector, dot):
            return False
        named = constraints.key_text(store, key)
        raise ConflictError(
            f"{named} of table {store.name} was changed both here (by node {node_of(mine[0])}) "
            f"and on node {source} (by node {node_of(dot[0])}) since the two last met",
            table=store.name,
            key=named,
            winner=source,
        )
