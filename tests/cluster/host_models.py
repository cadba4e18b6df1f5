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
SETTLED: Dot = (-2, 1)
"""Stands for the dot that a settled conflict gets with the verdict."""


class ModelStore:
    """DISTRIBUTED tables as maps: key -> (row or None, dot); a vector per table; rule R10 written out."""

    def __init__(self, node_id: int, tables: Sequence[str] = ("x", "y")) -> None:
        self.node_id = node_id
        self.rows: dict[str, Rows] = {table: {} for table in tables}
        self.vector: dict[str, dict[int, int]] = {table: {} for table in tables}
        self.prepared: dict[str, dict[str, tuple[Rows, dict[int, int]]]] = {}

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

    def prepare(
        self, operation: str, shipped: Sequence[tuple[int, Sequence[TableShipment]]], keep: str | None
    ) -> list[dict[str, int]]:
        self.prepared.pop(operation, None)
        reserved = {(t, key) for batch in self.prepared.values() for t, (rows, _) in batch.items() for key in rows}
        batch: dict[str, tuple[Rows, dict[int, int]]] = {}
        counts = []
        for _, shipments in shipped:
            taken = {}
            for shipment in shipments:
                rows, vector = batch.get(shipment.table, ({}, {}))
                taken[shipment.table] = sum(
                    self._meet(shipment, rows, _maximum(self.vector[shipment.table], vector), change, keep)
                    for change in shipment.changes
                )
                batch[shipment.table] = (rows, _maximum(vector, shipment.vector))
            counts.append(taken)
        for table, (rows, _) in batch.items():
            if reserved & {(table, key) for key in rows}:
                raise ConflictError("a row is being changed", table=table, winner=self.node_id)
        self.prepared[operation] = batch
        return counts

    def _meet(
        self, shipment: TableShipment, rows: Rows, known: Mapping[int, int], change: Change, keep: str | None
    ) -> int:
        key, row, *where = change
        dot = (where[0], where[1])
        if row is not None and row[1] == "forbidden":
            raise IntegrityError(f"row {key} breaks a check", table=shipment.table, constraint="c")
        mine = rows.get(key) or self.rows[shipment.table].get(key)
        if mine is not None and mine[1] == dot:
            return 0
        if mine is None or shipment.vector.get(mine[1][0], 0) >= mine[1][1]:
            rows[key] = (None if row is None else tuple(row), dot)
            return 1
        if known.get(dot[0], 0) >= dot[1]:
            return 0
        if keep is None:
            raise ConflictError(
                f"{key} was changed on both sides",
                table=shipment.table,
                key=key,
                winner=self.node_id,
                hint="say which to keep",
                retryable=False,
            )
        rows[key] = ((None if row is None else tuple(row)) if keep == "source" else mine[0], SETTLED)
        return int(keep == "source")

    def finish(self, operation: str, commit: bool) -> None:
        for table, (rows, vector) in self.prepared.pop(operation, {}).items():
            if commit:
                self.vector[table] = _maximum(self.vector[table], vector)
                for key, (row, dot) in rows.items():
                    if dot == SETTLED:
                        counter = self.vector[table].get(self.node_id, 0) + 1
                        self.vector[table][self.node_id] = counter
                        dot = (self.node_id, counter)
                    self.rows[table][key] = (row, dot)

    def has_tombstones(self, table: str) -> bool:
        return any(row is None for row, _ in self.rows[table].values())

    def forget_tombstones(self, table: str, members: Sequence[Mapping[int, int]]) -> int:
        gone = [
            key
            for key, (row, dot) in self.rows[table].items()
            if row is None and all(vector.get(dot[0], 0) >= dot[1] for vector in members)
        ]
        for key in gone:
            del self.rows[table][key]
        return len(gone)


def _maximum(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    return {origin: max(one.get(origin, 0), other.get(origin, 0)) for origin in one.keys() | other.keys()}
