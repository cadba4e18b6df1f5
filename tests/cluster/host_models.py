"""Models of a few lines for the two protocols of ``state_machine.py``: what the host's tests replicate and ship."""

from collections.abc import Iterator, Mapping, Sequence

import msgpack

from exdbsql.cluster.state_machine import Change, Origin, TableShipment
from exdbsql.schema.errors import ConflictError, IntegrityError, ProgrammingError


class KeyValueMachine:
    """A replicated map. Commands: [key, value], or [key, value, version of the key that was read] to be certified."""

    def __init__(self, dictionary: str = "CREATE TABLE t (k int)", chunk_rows: int = 10) -> None:
        self.values: dict[str, object] = {}
        self.changed_at: dict[str, int] = {}
        self.applied: list[tuple[int, bytes]] = []
        self.dictionary = dictionary
        self._chunk_rows = chunk_rows

    def apply(self, index: int, origin: Origin, command: bytes) -> object:
        key, value, *read_at = msgpack.unpackb(command)
        self.applied.append((index, command))
        if read_at and self.changed_at.get(key, 0) > read_at[0]:
            return ConflictError(f"{key} was changed first", table="t", key=key, winner=origin.node_id)
        self.values[key] = value
        self.changed_at[key] = index
        return index

    def snapshot(self) -> Iterator[bytes]:
        rows = [[key, self.values[key], self.changed_at[key]] for key in self.values]
        return iter(
            [msgpack.packb(rows[i : i + self._chunk_rows]) for i in range(0, len(rows), self._chunk_rows)]
            or [msgpack.packb([])]
        )

    def restore(self, chunks: Iterator[bytes]) -> None:
        rows = [row for chunk in chunks for row in msgpack.unpackb(chunk)]
        self.values = {key: value for key, value, _ in rows}
        self.changed_at = {key: index for key, _, index in rows}

    def dictionary_text(self) -> str:
        return self.dictionary

    def dictionary_difference(self, other: str) -> list[str]:
        if other == self.dictionary:
            return []
        return [f"- {self.dictionary}", f"+ {other}"]


Dot = tuple[int, int]
Rows = dict[str, tuple[tuple[object, ...] | None, Dot]]


class ModelStore:
    """DISTRIBUTED tables as maps: key -> (row or None, dot); a vector per table; rule R10 written out."""

    def __init__(self, node_id: int, tables: Sequence[str] = ("x", "y")) -> None:
        self.node_id = node_id
        self.rows: dict[str, Rows] = {table: {} for table in tables}
        self.vector: dict[str, dict[int, int]] = {table: {} for table in tables}
        self.prepared: dict[str, list[tuple[Rows, TableShipment]]] = {}

    def put(self, table: str, key: str, value: object) -> None:
        """A local committed change."""
        counter = self.vector[table].get(self.node_id, 0) + 1
        self.vector[table][self.node_id] = counter
        self.rows[table][key] = (None if value is None else (key, value), (self.node_id, counter))

    def values(self, table: str) -> dict[str, object]:
        """The rows that are there, without tombstones."""
        return {key: row[1] for key, (row, _) in self.rows[table].items() if row is not None}

    def vectors(self, tables: Sequence[str]) -> dict[str, dict[int, int]]:
        for table in tables:
            if table not in self.vector:
                raise ProgrammingError(f"table {table} is not DISTRIBUTED")
        return {table: dict(self.vector[table]) for table in tables}

    def distributed_tables(self) -> list[str]:
        return list(self.rows)

    def changes_unknown_to(self, table: str, vector: Mapping[int, int]) -> TableShipment:
        changes: list[Change] = [
            (key, row, *dot) for key, (row, dot) in self.rows[table].items() if vector.get(dot[0], 0) < dot[1]
        ]
        return TableShipment(table, dict(self.vector[table]), changes)

    def prepare(self, operation: str, source: int, shipments: Sequence[TableShipment]) -> dict[str, int]:
        self.prepared.pop(operation, None)
        reserved = {(other.table, key) for batch in self.prepared.values() for rows, other in batch for key in rows}
        batch = []
        for shipment in shipments:
            taken = {
                key: (None if row is None else tuple(row), (origin, counter))
                for key, row, origin, counter in shipment.changes
                if self._is_taken(shipment, key, row, (origin, counter))
            }
            if reserved & {(shipment.table, key) for key in taken}:
                raise ConflictError("a row is being changed", table=shipment.table, winner=self.node_id)
            batch.append((taken, shipment))
        self.prepared[operation] = batch
        return {shipment.table: len(taken) for taken, shipment in batch}

    def _is_taken(self, shipment: TableShipment, key: str, row: Sequence[object] | None, dot: Dot) -> bool:
        if row is not None and row[1] == "forbidden":
            raise IntegrityError(f"row {key} breaks a check", table=shipment.table, constraint="c")
        mine = self.rows[shipment.table].get(key)
        if mine is not None and mine[1] == dot:
            return False
        if mine is None or shipment.vector.get(mine[1][0], 0) >= mine[1][1]:
            return True
        if self.vector[shipment.table].get(dot[0], 0) < dot[1]:
            raise ConflictError(f"{key} was changed on both sides", table=shipment.table, key=key, winner=self.node_id)
        return False

    def finish(self, operation: str, commit: bool) -> None:
        for taken, shipment in self.prepared.pop(operation, []):
            if commit:
                self.rows[shipment.table].update(taken)
                self.vector[shipment.table] = _maximum(self.vector[shipment.table], shipment.vector)


def _maximum(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    return {origin: max(one.get(origin, 0), other.get(origin, 0)) for origin in one.keys() | other.keys()}
