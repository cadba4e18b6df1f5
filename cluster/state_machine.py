"""What the cluster knows of the database: two small protocols.

The cluster orders commands and ships rows; it never looks into them. The database implements :class:`StateMachine`
(commands of the replicated log) and :class:`ExchangeStore` (rows of DISTRIBUTED tables); tests implement them with
models of a few lines.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

Vector = Mapping[int, int]
"""Version vector: origin node id -> up to which counter of that origin everything is here (no gaps below, R10)."""

Change = tuple[Any, Sequence[Any] | None, int, int]
"""One row on its way: (key, row or None for a tombstone, origin node id, counter); the last two are its dot."""


class Origin(NamedTuple):
    """Names one proposal for ever (R4)."""

    node_id: int
    incarnation: int
    number: int


def transaction_id(origin: Origin) -> str:
    """The name of a proposal for users: node, incarnation in hex, number."""
    return f"{origin.node_id}-{origin.incarnation:x}-{origin.number}"


class Part:
    """What `StateMachine.apply` returns for a command that is a part of a transaction, and not one by itself."""

    __slots__ = ()


class StateMachine(Protocol):
    """The replicated part of a database, as the log drives it. All calls come from one thread, in log order."""

    def apply(self, index: int, origin: Origin, command: bytes) -> object:
        """Apply one committed command; the result must depend on the log up to `index` alone (R2).

        A command that is void (a lost conflict, a broken constraint) returns the error as a value; it never raises.
        """
        ...

    def snapshot(self) -> Iterator[bytes]:
        """The state at the last applied index as chunks of bounded size; later applies do not disturb the iteration."""
        ...

    def restore(self, chunks: Iterator[bytes]) -> None:
        """Replace the replicated state, and the certification memory (R3), by a snapshot's. Atomic: on error nothing changed."""
        ...

    def dictionary_text(self) -> str:
        """The dictionary as canonical DDL text; nodes compare it when they meet."""
        ...

    def dictionary_difference(self, other: str) -> list[str]:
        """What differs between this dictionary and another node's text, a line each; empty when they agree."""
        ...


@dataclass(frozen=True, slots=True)
class TableShipment:
    """What one table sends: the changes, and the sender's version vector at that moment.

    `form` is the store's: equal on two nodes whose rows of the table mean the same.
    """

    table: str
    vector: Vector
    changes: Sequence[Change]
    form: str = ""


class ExchangeStore(Protocol):
    """The DISTRIBUTED tables of one node. Calls come from the listener's thread."""

    def vectors(self, tables: Sequence[str]) -> dict[str, dict[int, int]]:
        """The version vector of each table.

        Raises:
            ProgrammingError: a table is unknown or not DISTRIBUTED.
        """
        ...

    def distributed_tables(self) -> list[str]:
        """Names of all DISTRIBUTED tables, in order of creation."""
        ...

    def changes_unknown_to(self, table: str, vector: Vector) -> TableShipment:
        """All rows and tombstones of `table` whose dot `vector` does not cover; cost in proportion to these."""
        ...

    def prepare(
        self, operation: str, shipped: Sequence[tuple[int, Sequence[TableShipment]]], keep: str | None
    ) -> list[dict[str, int]]:
        """Validate the incoming rows by R10 and every constraint, and reserve their keys until the verdict.

        Args:
            operation: its name.
            shipped: by source, what it shipped; one after the other is taken in.
            keep: "source" or "target": whose row stays where both sides changed it; None: refuse.

        Returns:
            By source, how many rows each table will take.

        Raises:
            ConflictError: a row was changed on both sides (not retryable), or is being changed; names table, key and node. The
                table has another form here.
            IntegrityError: a row would break a constraint here.
        """
        ...

    def finish(self, operation: str, commit: bool) -> None:
        """The verdict for a prepared operation: apply its rows, visible all at once, and merge the vectors, or drop it.
        Unknown: ignored."""
        ...

    def has_tombstones(self, table: str) -> bool:
        """Whether deleted rows of a table are remembered. Cheap."""
        ...

    def forget_tombstones(self, table: str, members: Sequence[Vector]) -> int:
        """Forget the deleted rows that these vectors, of all members, cover; how many."""
        ...
