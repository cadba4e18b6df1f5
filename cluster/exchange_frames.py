"""What nodes say to each other in a scatter or gather: frames made and read, every field checked.

All frames are ``[EXCHANGE, step, operation, ...]``. A shipment travels as several SHIPMENT frames of a bounded number
of rows, then SHIPPED; rows are packed by the schema's codec, so every SQL value comes through.

============ ======= ===========================================================================================
step         from    after the operation
============ ======= ===========================================================================================
ASK_VECTORS  origin  tables
VECTORS      target  {table: vector}
WANT         origin  {table: vector}: ship me what these do not cover (gather)
SHIPMENT     source  table, the source's vector, packed changes, whether more of this table follows, the table's form there
SHIPPED      source  everything was sent; to the target of a scatter it says "prepare", and which side to keep (or nil)
PREPARED     target  {table: rows that it will take}
FAILED       anyone  an error: the operation cannot be done here
CANCEL       origin  nothing: the origin will never ask for a commit of this operation
FINISHED     target  whether the rows were taken
LOST         anyone  nothing: what the origin and this node told each other may be lost
============ ======= ===========================================================================================
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from exdbsql.cluster.frames import EXCHANGE
from exdbsql.cluster.state_machine import Change, TableShipment
from exdbsql.cluster.wire import Frame
from exdbsql.schema import errors
from exdbsql.schema.codec import pack_rows, unpack_rows
from exdbsql.schema.errors import ProtocolError

ASK_VECTORS: Final = 1
VECTORS: Final = 2
WANT: Final = 3
SHIPMENT: Final = 4
SHIPPED: Final = 5
PREPARED: Final = 6
FAILED: Final = 7
CANCEL: Final = 8
FINISHED: Final = 9
LOST: Final = 10

ROWS_PER_FRAME: Final = 1000
"""Rows in one SHIPMENT frame; rows are not bounded in size, so neither is the frame, but the wire's limit holds."""

_ERRORS: Final = {
    cls.__name__: cls
    for cls in (
        errors.ConflictError,
        errors.IntegrityError,
        errors.ProgrammingError,
        errors.DataError,
        errors.OperationalError,
        errors.NotSupportedError,
        errors.ClusterError,
        errors.BusyError,
    )
}


def frame(step: int, operation: str, *rest: object) -> Frame:
    """One exchange frame."""
    return [EXCHANGE, step, operation, *rest]


def shipment_frames(operation: str, shipment: TableShipment) -> Iterator[Frame]:
    """The frames that carry one table's shipment; at least one, for the vector travels even without rows."""
    changes = shipment.changes
    for start in range(0, max(1, len(changes)), ROWS_PER_FRAME):
        part = changes[start : start + ROWS_PER_FRAME]
        more = start + ROWS_PER_FRAME < len(changes)
        vector = vector_to_wire(shipment.vector)
        yield frame(SHIPMENT, operation, shipment.table, vector, pack_rows(part), more, shipment.form)


def vector_to_wire(vector: Mapping[int, int]) -> list[list[int]]:
    """A version vector as pairs."""
    return [[origin, counter] for origin, counter in vector.items()]


def vector_from_wire(wire: object) -> dict[int, int]:
    """A version vector from pairs. Raises ProtocolError."""
    vector: dict[int, int] = {}
    for pair in _list(wire):
        if len(_list(pair)) != 2 or type(pair[0]) is not int or type(pair[1]) is not int or pair[1] < 0:
            raise ProtocolError("a version vector is malformed")
        vector[pair[0]] = pair[1]
    return vector


def vectors_to_wire(vectors: Mapping[str, Mapping[int, int]]) -> list[list[Any]]:
    """Vectors by table as a list."""
    return [[table, vector_to_wire(vector)] for table, vector in vectors.items()]


def vectors_from_wire(wire: object) -> dict[str, dict[int, int]]:
    """Vectors by table from a list. Raises ProtocolError."""
    return {text(table): vector_from_wire(vector) for table, vector in _pairs(wire)}


def counts_to_wire(counts: Mapping[str, int]) -> list[list[Any]]:
    """Numbers by table as a list."""
    return [[table, count] for table, count in counts.items()]


def counts_from_wire(wire: object) -> dict[str, int]:
    """Numbers by table from a list. Raises ProtocolError."""
    counts = {}
    for table, count in _pairs(wire):
        if type(count) is not int:
            raise ProtocolError("a count is no number")
        counts[text(table)] = count
    return counts


def tables_from_wire(wire: object) -> list[str]:
    """Names of tables. Raises ProtocolError."""
    return [text(table) for table in _list(wire)]


def keep_from_wire(fields: Sequence[Any]) -> str | None:
    """Which side's row stays where both changed it: the only field of SHIPPED. Raises ProtocolError."""
    keep = fields[0] if fields else None
    if keep not in (None, "source", "target"):
        raise ProtocolError("an exchange says something unknown of conflicts")
    return None if keep is None else str(keep)


def text(value: object) -> str:
    """A text of bounded length. Raises ProtocolError."""
    if type(value) is not str or len(value) > 1000:
        raise ProtocolError("expected a name")
    return value


def error_to_wire(error: Exception) -> list[Any]:
    """An error on its way to the origin."""
    if not isinstance(error, errors.Error):
        return ["OperationalError", f"internal error: {error!r}", None, None, None, None, None, None, False]
    names = [cls.__name__ for cls in type(error).__mro__ if cls.__name__ in _ERRORS]
    where = [getattr(error, name, None) for name in ("table", "key", "constraint")]
    name = names[0] if names else "OperationalError"
    return [name, error.message, error.sqlstate, error.detail, *where, error.hint, error.retryable]


def error_from_wire(wire: object, node_id: int) -> errors.Error:
    """The error that `node_id` met; its message names the node."""
    *texts, retryable = _list(wire) or [None]
    if (
        len(texts) != 8
        or not all(field is None or type(field) is str for field in texts)
        or type(retryable) is not bool
    ):
        raise ProtocolError("an error is malformed")
    name, message, state, detail, table, key, constraint, hint = texts
    cls = _ERRORS.get(name, errors.OperationalError)
    more: errors.ErrorDetails = {"sqlstate": state, "detail": detail, "hint": hint, "retryable": retryable}
    if cls is errors.ConflictError:
        return _on_node(errors.ConflictError(message, table=table, key=key, winner=node_id, **more), node_id)
    if cls is errors.IntegrityError:
        return _on_node(errors.IntegrityError(message, table=table, constraint=constraint, **more), node_id)
    return _on_node(cls(message, **more), node_id)


def _on_node(error: errors.Error, node_id: int) -> errors.Error:
    error.message = f"on node {node_id}: {error.message}"
    return error


class ShipmentReader:
    """Puts the SHIPMENT frames of one source together again."""

    def __init__(self) -> None:
        self._changes: dict[str, list[Change]] = {}
        self._vectors: dict[str, dict[int, int]] = {}
        self._forms: dict[str, str] = {}

    def take(self, fields: Sequence[Any]) -> None:
        """One SHIPMENT frame's fields after the operation. Raises ProtocolError."""
        if len(fields) != 5 or type(fields[2]) is not bytes:
            raise ProtocolError("a shipment is malformed")
        table, vector = text(fields[0]), vector_from_wire(fields[1])
        changes = self._changes.setdefault(table, [])
        self._vectors[table] = vector
        self._forms[table] = text(fields[4])
        for row in unpack_rows(fields[2]):
            if len(row) != 4 or not (row[1] is None or type(row[1]) is tuple):
                raise ProtocolError("a change is malformed")
            if type(row[2]) is not int or type(row[3]) is not int:
                raise ProtocolError("a change has no dot")
            changes.append((row[0], row[1], row[2], row[3]))

    def shipments(self) -> list[TableShipment]:
        """Everything that was shipped, by table."""
        return [
            TableShipment(table, self._vectors[table], changes, self._forms[table])
            for table, changes in self._changes.items()
        ]


def _list(value: object) -> list[Any]:
    if type(value) is not list:
        raise ProtocolError("expected a list")
    return value


def _pairs(value: object) -> Iterator[tuple[Any, Any]]:
    for pair in _list(value):
        if type(pair) is not list or len(pair) != 2:
            raise ProtocolError("expected pairs")
        yield pair[0], pair[1]
