"""The engine's DISTRIBUTED tables in the form that the cluster asks for.

Engine and cluster do not know each other, so each has a class of its own for what travels; this is where one becomes the
other. Everything else is passed on.
"""

from collections.abc import Sequence

from exdbsql.cluster.state_machine import TableShipment, Vector
from exdbsql.engine.distributed import Exchange


class ClusterExchangeStore:
    """The :class:`~exdbsql.cluster.state_machine.ExchangeStore` over an engine."""

    def __init__(self, exchange: Exchange) -> None:
        self.vectors = exchange.vectors
        self.distributed_tables = exchange.distributed_tables
        self.finish = exchange.finish
        self.forget_tombstones = exchange.forget_tombstones
        self._exchange = exchange

    def changes_unknown_to(self, table: str, vector: Vector) -> TableShipment:
        """All rows and tombstones of `table` that `vector` does not cover."""
        shipment = self._exchange.changes_unknown_to(table, vector)
        return TableShipment(shipment.table, shipment.vector, shipment.changes, shipment.form)

    def prepare(
        self, operation: str, shipped: Sequence[tuple[int, Sequence[TableShipment]]], keep: str | None
    ) -> list[dict[str, int]]:
        """Validate incoming rows and set their keys aside until the verdict."""
        return self._exchange.prepare_all(operation, shipped, keep)

    def has_tombstones(self, table: str) -> bool:
        """Whether deleted rows of a table are remembered."""
        return self._exchange.tombstones(table) > 0
