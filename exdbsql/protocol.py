"""The SQL protocol between a client and a node: what the bytes mean, without a socket.

A frame is a length (four bytes, most significant first) and a msgpack list of that length. The rules:

1. The client speaks first: ``["hello", {...}]`` with the magic word and the versions it can speak. The server answers
   ``["welcome", {...}]`` with the version it chose, or ``["refused", error]`` and closes.
2. After that the client sends ``[request id, operation, argument...]``; each gets one
   ``[request id, status, payload, state, notices]``, in the order of the requests. Status 0 is an answer, 1 an error;
   state is the transaction's ("idle", "open", "failed") after the request. Where the session's own state has changed, it follows as a
   sixth: the settings that are not at their defaults, or nil where another session could not be made like this one.
3. Two things are taken out of turn. ``cancel`` stops the request that it names, which is answered with an error (57014),
   and gets no answer itself. ``["ping"]`` is answered with ``["alive"]`` at once, whatever runs; either may come at any time.
4. A length above the limit ends the connection before anything of that size is allocated. Before the handshake is over
   the limit is small.
5. A result comes in pages; the client asks for the next one, so a client that does not read holds up nobody.
6. An error crosses with its class and all its fields, and is raised as the same class on the other side.

Statements are prepared by their text: a text that the node has seen costs it a look-up, so there is no separate
"prepare" and nothing to clean up. Authentication and TLS are not part of version 1.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from exdbsql.result import ColumnInfo, Shape
from exdbsql.schema import codec, errors
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import Error, OperationalError, ProtocolError

MAGIC: Final = "exdbsql"
VERSION: Final = 1
LENGTH = struct.Struct(">I")
HANDSHAKE_LIMIT: Final = 64 * 1024
DEFAULT_FRAME_LIMIT: Final = 64 * 1024 * 1024
PAGE_ROWS: Final = 2000

PING: Final = ["ping"]
ALIVE: Final = ["alive"]

OK: Final = 0
FAILED: Final = 1

OPERATIONS: Final[dict[str, tuple[type, ...]]] = {
    "execute": (str, object, int),  # text, parameters, rows per page
    "executemany": (str, bytes),  # text, parameter rows as of codec.pack_rows
    "executenamed": (str, list),  # text, parameter mappings
    "next": (int, int),  # result id, rows
    "copyin": (str,),  # text of a COPY FROM STDIN
    "copydata": (object,),  # text, or bytes in the encoding of the statement
    "copyrows": (bytes,),  # rows as of codec.pack_rows
    "copydone": (),
    "copyfail": (str,),  # the reason
    "copyout": (str,),  # text of a COPY TO STDOUT
    "copynext": (),
    "close": (int,),  # result id
    "autocommit": (bool,),
    "commit": (),
    "rollback": (),
    "call": (str, list),  # a method of the connection (CALLS), its arguments
    "cancel": (int,),  # request id
    "bye": (),
}
"""The operations of rule 2, with the types of their arguments."""

CALLS: Final = frozenset(
    {
        "barrier",
        "stop",
        "attach",
        "detach",
        "force_recovery",
        "remove_node",
        "set_rank",
        "info",
        "active_nodes",
        "window",
        "set_window",
        "scatter",
        "gather",
        "transaction_status",
        "catch_up",
    }
)
"""Methods of a connection that can be asked for over the network. `listen` is not: it belongs to the node's process."""


class FrameReader:
    """Cuts a stream of bytes into frames (rules 1 and 4).

    Attributes:
        limit: bytes that one frame may have; raised by the owner when the handshake is over.
    """

    def __init__(self, limit: int = HANDSHAKE_LIMIT) -> None:
        self.limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[list[Any]]:
        """Add what was received; yields the messages that are complete.

        Raises:
            ProtocolError: a frame that is too long, not msgpack, or not a list. The stream is lost then.
        """
        buffer = self._buffer
        buffer += data
        while len(buffer) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(buffer)
            if length > self.limit:
                raise ProtocolError(f"a frame of {length} bytes, and {self.limit} is the limit")
            end = LENGTH.size + length
            if len(buffer) < end:
                return
            body = bytes(memoryview(buffer)[LENGTH.size : end])
            del buffer[:end]
            yield decode(body)


def decode(body: bytes) -> list[Any]:
    """The message in a frame's body.

    Raises:
        ProtocolError: not a msgpack list.
    """
    message = codec.unpack(body)
    if not isinstance(message, list) or not message:
        raise ProtocolError(f"a frame holds a list, not {type(message).__name__}")
    return message


def encode(message: list[Any], limit: int = DEFAULT_FRAME_LIMIT) -> bytes:
    """A message as a frame.

    Raises:
        OperationalError: the message is longer than the other side takes (54000).
    """
    body = codec.pack(message)
    if len(body) > limit:
        raise OperationalError(
            f"a message of {len(body)} bytes, and {limit} is the limit",
            sqlstate="54000",
            hint="send the rows in smaller parts",
        )
    return LENGTH.pack(len(body)) + body


# --- handshake -------------------------------------------------------------------------------------------------------


def hello(client: str, database: str | None, user: str | None) -> list[Any]:
    """The client's first message."""
    return ["hello", {"magic": MAGIC, "versions": [VERSION], "client": client, "database": database, "user": user}]


def check_hello(message: list[Any]) -> dict[str, Any]:
    """What a client's first message says.

    Raises:
        ProtocolError: not a hello of ours, or no version in common.
    """
    match message:
        case ["hello", {"magic": str(magic), "versions": [*versions]} as values] if magic == MAGIC:
            if VERSION not in versions:
                raise ProtocolError(f"this node speaks version {VERSION} of the SQL protocol, the client {versions}")
            return dict(values)
    raise ProtocolError("the first message is no exdbsql hello; is this a client of something else?")


def welcome(values: dict[str, Any]) -> list[Any]:
    """The server's answer to a hello; `values` has node_id, database, server, limit, and names."""
    return ["welcome", {"version": VERSION, **values}]


def refused(error: Error) -> list[Any]:
    """The server's answer to a hello that it does not take."""
    return ["refused", error_to_wire(error)]


def check_welcome(message: list[Any]) -> dict[str, Any]:
    """What the server said to our hello.

    Raises:
        Error: the server's own, when it refused.
        ProtocolError: not an exdbsql server.
    """
    match message:
        case ["welcome", {"version": int(version), "limit": int()} as values] if version == VERSION:
            return dict(values)
        case ["refused", [*error]]:
            raise error_from_wire(error)
    raise ProtocolError("the answer is no exdbsql welcome; is this the SQL port of a node?")


def check_request(message: list[Any]) -> tuple[int, str, list[Any]]:
    """Request id, operation and arguments of rule 2.

    Raises:
        ProtocolError: unknown operation, wrong number or types of arguments.
    """
    match message:
        case [int(request_id), str(operation), *arguments] if request_id >= 0:
            expected = OPERATIONS.get(operation)
            if expected is None:
                raise ProtocolError(f"unknown operation {operation!r}")
            if len(arguments) != len(expected) or not all(map(isinstance, arguments, expected)):
                raise ProtocolError(f"wrong arguments for {operation}")
            return request_id, operation, arguments
    raise ProtocolError("not a request")


@dataclass(frozen=True, slots=True)
class Reply:
    """What rule 2's reply says; `own` has the sixth, where there is one."""

    status: int
    payload: Any
    state: str
    notices: list[str]
    own: list[Mapping[str, str] | None]

    @property
    def is_farewell(self) -> bool:
        """Whether the node shuts down, and closes the connection behind this."""
        match self.status, self.payload:
            case int(status), [str(), str(), {"sqlstate": states.ADMIN_SHUTDOWN}]:
                return status == FAILED
        return False

    def value(self) -> Any:
        """The payload.

        Raises:
            Error: the one that the server answered with.
        """
        if self.status == OK:
            return self.payload
        raise error_from_wire(self.payload)


def check_reply(message: list[Any], request_id: int) -> Reply:
    """The reply to `request_id`.

    Raises:
        ProtocolError: not that.
    """
    match message:
        case [int(replied), int(status), payload, str(state), [*notices], *own] if replied == request_id:
            if len(own) <= 1 and all(one is None or isinstance(one, dict) for one in own):
                return Reply(status, payload, state, notices, own)
    raise ProtocolError(f"not the reply to request {request_id}")


# --- errors ----------------------------------------------------------------------------------------------------------

_TEXT_FIELDS = (
    "sqlstate",
    "detail",
    "hint",
    "context",
    "statement",
    "file",
    "table",
    "constraint",
    "key",
    "transaction_id",
)
_FIELDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(_TEXT_FIELDS, (str,)),
    "retryable": (bool,),
    "position": (int,),
    "winner": (int,),
}


def _classes(base: type[Error]) -> Iterator[tuple[str, type[Error]]]:
    yield base.__name__, base
    for child in base.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _classes(child)


_CLASSES = dict(_classes(Error))


def error_to_wire(error: Error) -> list[Any]:
    """Class, message and fields of an error."""
    kind = next(base.__name__ for base in type(error).__mro__ if base.__name__ in _CLASSES)
    fields = {name: value for name in _FIELDS if (value := getattr(error, name, None)) is not None}
    return [kind, error.message, fields]


def error_from_wire(value: Any) -> Error:
    """The error that :func:`error_to_wire` described; a class that this version does not know is OperationalError.

    Raises:
        ProtocolError: not an error.
    """
    match value:
        case [str(kind), str(message), dict() as fields]:
            pass
        case _:
            raise ProtocolError("the error in the reply cannot be read")
    cls = _CLASSES.get(kind, OperationalError)
    extra: dict[str, Any] = {"transaction_id": ""} if cls is errors.CommitOutcomeUnknownError else {}
    error = cls(message, **extra)
    for name, types in _FIELDS.items():
        if isinstance(fields.get(name), types):
            setattr(error, name, fields[name])
    return error


# --- results ---------------------------------------------------------------------------------------------------------


def shape_to_wire(shape: Shape) -> list[Any]:
    """Kind and columns of a result."""
    return [shape.kind, None if shape.columns is None else columns_to_wire(shape.columns)]


def columns_to_wire(columns: tuple[ColumnInfo, ...]) -> list[Any]:
    """The columns of a result."""
    return [[c.name, c.type_name, c.size, c.precision, c.scale] for c in columns]


def columns_from_wire(value: Any) -> tuple[ColumnInfo, ...]:
    """Inverse of :func:`columns_to_wire`.

    Raises:
        ProtocolError: no columns.
    """
    if not isinstance(value, list):
        raise ProtocolError("the columns of the result cannot be read")
    return tuple(map(_column_from_wire, value))


def shape_from_wire(value: Any) -> Shape:
    """Inverse of :func:`shape_to_wire`.

    Raises:
        ProtocolError: not a shape.
    """
    match value:
        case [str(kind), None]:
            return Shape(kind)
        case [str(kind), [*columns]]:
            return Shape(kind, columns_from_wire(columns))
    raise ProtocolError("the shape of the result cannot be read")


def _column_from_wire(value: Any) -> ColumnInfo:
    match value:
        case [str(name), str(type_name), int() | None as size, int() | None as precision, int() | None as scale]:
            return ColumnInfo(name, type_name, size, precision, scale)
    raise ProtocolError("a column of the result cannot be read")
