"""Values to bytes and back: msgpack, with extension types for what msgpack does not know.

Everything that leaves the process or is written to disk passes here: log entries, frames of the protocols, snapshots.
So that nothing that a table can hold fails to travel, integers of any size and strings with lone surrogates pass too.

========= ===================== =====================================================================
extension Python class          bytes
========= ===================== =====================================================================
1         decimal.Decimal       its text in ASCII (keeps the scale)
2         datetime.date         4, unsigned: proleptic Gregorian ordinal
3         datetime.time         8, unsigned: microseconds since midnight
4         datetime, naive       8, signed: microseconds since 1970-01-01 00:00
5         datetime, aware       8, signed: microseconds since 1970-01-01 00:00 UTC; comes back in UTC
6         uuid.UUID             16
7         int beyond 64 bits    two's complement, big-endian
8         Interval              4, 4, 8, signed: months, days, microseconds
9         Jsonb                 its text in UTF-8
10        Array                 its elements as a msgpack array
11        EnumValue             position and label as a msgpack array
========= ===================== =====================================================================

All multi-byte integers are big-endian. Numbers are never reused for another class: nodes of different versions talk.
Bounds: no container can claim more elements than there are bytes, and a caller bounds the bytes with `max_bytes`.
"""

import struct
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgpack

from exdbsql.schema.array import Array
from exdbsql.schema.enum_value import EnumValue
from exdbsql.schema.errors import DataError, InternalError, ProtocolError
from exdbsql.schema.interval import Interval
from exdbsql.schema.jsonb import Jsonb
from exdbsql.schema.special_numbers import ordered_float, special

DECIMAL: Final = 1
DATE: Final = 2
TIME: Final = 3
TIMESTAMP: Final = 4
TIMESTAMPTZ: Final = 5
UUID: Final = 6
BIG_INTEGER: Final = 7
INTERVAL: Final = 8
JSONB: Final = 9
ARRAY: Final = 10
ENUM_VALUE: Final = 11

_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BIG_INTEGER_MAX_BYTES = 65_536
_NAN_BYTES = b"\xcb\x7f\xf8\0\0\0\0\0\0"
"""NaN as msgpack writes it."""
_uint32 = struct.Struct(">I")
_uint64 = struct.Struct(">Q")
_int64 = struct.Struct(">q")
_interval = struct.Struct(">iiq")


def pack(obj: object) -> bytes:
    """`obj` (None, numbers, text, bytes, dates, UUIDs, and lists, tuples and dicts of these) as bytes.

    Raises InternalError for any other class: the caller let something through that is no SQL value.
    """
    try:
        packed: bytes = msgpack.packb(obj, default=_extend, unicode_errors="surrogatepass")
    except (TypeError, ValueError, OverflowError, BufferError) as problem:
        raise InternalError(f"cannot pack this value: {problem}") from problem
    return packed


def unpack(data: bytes | bytearray | memoryview, *, max_bytes: int | None = None) -> Any:
    """The value that `pack` made `data` from; lists and tuples come back as lists.

    Raises ProtocolError where `data` is no such value, has trailing bytes, or is longer than `max_bytes`.
    """
    return _unpack(data, max_bytes, use_list=True)


def unpack_tuples(data: bytes | bytearray | memoryview, *, max_bytes: int | None = None) -> Any:
    """As `unpack`, but lists and tuples come back as tuples."""
    return _unpack(data, max_bytes, use_list=False)


def pack_rows(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows (tuples of stored values) as bytes."""
    return pack(rows if isinstance(rows, (list, tuple)) else list(rows))


def unpack_rows(data: bytes | bytearray | memoryview, *, max_bytes: int | None = None) -> list[tuple[Any, ...]]:
    """The rows that `pack_rows` made `data` from, each a tuple. Raises ProtocolError as `unpack` does."""
    rows = _unpack(data, max_bytes, use_list=False)
    if type(rows) is not tuple or not all(type(row) is tuple for row in rows):
        raise ProtocolError("these bytes are no rows")
    return list(rows)


def _unpack(data: bytes | bytearray | memoryview, max_bytes: int | None, *, use_list: bool) -> Any:
    if max_bytes is not None and len(data) > max_bytes:
        raise ProtocolError(f"a message of {len(data)} bytes is longer than the {max_bytes} allowed")
    try:
        found = msgpack.unpackb(
            data,
            ext_hook=_restore,
            use_list=use_list,
            strict_map_key=False,
            unicode_errors="surrogatepass",
        )
        return _with_ordered_floats(found) if _NAN_BYTES in bytes(data) else found
    except ProtocolError:
        raise
    except (ValueError, TypeError, OverflowError, RecursionError, struct.error, InvalidOperation, DataError) as problem:
        # msgpack raises its own errors as subclasses of ValueError; an unhashable key of a map is a TypeError.
        raise ProtocolError(f"cannot unpack {len(data)} bytes: {problem or type(problem).__name__}") from problem


def _with_ordered_floats(value: Any) -> Any:
    """`value` with the NaNs in it made those that have an order; msgpack has no hook for floats."""
    if isinstance(value, float):
        return ordered_float(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_with_ordered_floats(v) for v in value)
    if isinstance(value, dict):
        return {key: _with_ordered_floats(v) for key, v in value.items()}
    return value


def _extend(value: object) -> Any:
    """What msgpack calls for a value that it does not know."""
    if isinstance(value, Decimal):
        return msgpack.ExtType(DECIMAL, str(value).encode("ascii"))
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return msgpack.ExtType(TIMESTAMP, _int64.pack((value - _EPOCH) // _MICROSECOND))
        return msgpack.ExtType(TIMESTAMPTZ, _int64.pack((value - _EPOCH_UTC) // _MICROSECOND))
    if isinstance(value, date):
        return msgpack.ExtType(DATE, _uint32.pack(value.toordinal()))
    if isinstance(value, time) and value.tzinfo is None:
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        return msgpack.ExtType(TIME, _uint64.pack(seconds * 1_000_000 + value.microsecond))
    if isinstance(value, uuid.UUID):
        return msgpack.ExtType(UUID, value.bytes)
    if isinstance(value, timedelta):  # a parameter on its way to the server: it means an interval there
        value = Interval.from_timedelta(value)
    if isinstance(value, Interval):
        return msgpack.ExtType(INTERVAL, _interval.pack(value.months, value.days, value.microseconds))
    if isinstance(value, Jsonb):
        return msgpack.ExtType(JSONB, str(value).encode())
    if isinstance(value, Array):
        return msgpack.ExtType(ARRAY, pack(value.elements))
    if isinstance(value, EnumValue):
        return msgpack.ExtType(ENUM_VALUE, pack([value.position, value.label]))
    if isinstance(value, int):
        size = value.bit_length() // 8 + 1
        if size > _BIG_INTEGER_MAX_BYTES:
            raise InternalError(f"cannot pack an integer of {size} bytes")
        return msgpack.ExtType(BIG_INTEGER, value.to_bytes(size, "big", signed=True))
    raise InternalError(f"cannot pack a value of the Python class {type(value).__name__}")


def _restore_decimal(data: bytes) -> Decimal:
    return special(Decimal(data.decode("ascii")))


def _restore_time(data: bytes) -> time:
    (microseconds,) = _uint64.unpack(data)
    seconds, microsecond = divmod(microseconds, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return time(hour, minute, second, microsecond)


def _restore_big_integer(data: bytes) -> int:
    if len(data) > _BIG_INTEGER_MAX_BYTES:
        raise ProtocolError(f"an integer of {len(data)} bytes is longer than the {_BIG_INTEGER_MAX_BYTES} allowed")
    return int.from_bytes(data, "big", signed=True)


def _restore_array(data: bytes) -> Array:
    elements = _unpack(data, None, use_list=False)
    if type(elements) is not tuple or any(isinstance(element, (tuple, dict)) for element in elements):
        raise ProtocolError("these bytes are no array")
    return Array.of_elements(elements)


def _restore_enum_value(data: bytes) -> EnumValue:
    position, label = _unpack(data, None, use_list=False)
    if type(position) is not int or type(label) is not str:
        raise ProtocolError("these bytes are no value of an enum")
    return EnumValue(label, position)


_RESTORERS: Final = {
    DECIMAL: _restore_decimal,
    DATE: lambda data: date.fromordinal(_uint32.unpack(data)[0]),
    TIME: _restore_time,
    TIMESTAMP: lambda data: _EPOCH + timedelta(microseconds=_int64.unpack(data)[0]),
    TIMESTAMPTZ: lambda data: _EPOCH_UTC + timedelta(microseconds=_int64.unpack(data)[0]),
    UUID: lambda data: uuid.UUID(bytes=data),
    BIG_INTEGER: _restore_big_integer,
    INTERVAL: lambda data: Interval(*_interval.unpack(data)),
    JSONB: lambda data: Jsonb.parse(data.decode()),
    ARRAY: _restore_array,
    ENUM_VALUE: _restore_enum_value,
}


def _restore(kind: int, data: bytes) -> Any:
    """What msgpack calls for an extension type."""
    restorer = _RESTORERS.get(kind)
    if restorer is None:
        raise ProtocolError(f"unknown extension type {kind}")
    return restorer(data)
