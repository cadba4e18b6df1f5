"""PEP 249's module-level names: the globals, the constructors of values, the type objects.

https://peps.python.org/pep-0249/. `threadsafety` is 1: threads share the module, and each has connections of its own;
a connection may be handed to another thread, but two threads that use it at the same moment get an
:class:`~exdbsql.schema.errors.InterfaceError`.
"""

import datetime
from typing import Final

from exdbsql.schema.interval_fields import FIELDS

apilevel: Final = "2.0"
threadsafety: Final = 1
paramstyle: Final = "qmark"

Date = datetime.date
Time = datetime.time
Timestamp = datetime.datetime
Binary = bytes


def DateFromTicks(ticks: float) -> datetime.date:
    """The local date at `ticks` seconds since the epoch."""
    return datetime.date.fromtimestamp(ticks)


def TimeFromTicks(ticks: float) -> datetime.time:
    """The local time of day at `ticks` seconds since the epoch."""
    return datetime.datetime.fromtimestamp(ticks).time()


def TimestampFromTicks(ticks: float) -> datetime.datetime:
    """The local date and time, without a zone, at `ticks` seconds since the epoch."""
    return datetime.datetime.fromtimestamp(ticks)


class TypeObject:
    """Equal to the `type_code` of every column whose type belongs to it."""

    def __init__(self, name: str, *type_names: str) -> None:
        self._name = name
        self._type_names = frozenset(type_names)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TypeObject):
            return self._type_names == other._type_names
        return other in self._type_names if isinstance(other, str) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._type_names)

    def __repr__(self) -> str:
        return f"exdbsql.{self._name}"


STRING = TypeObject("STRING", "text", "character varying", "character", "uuid", "boolean")
BINARY = TypeObject("BINARY", "bytea")
NUMBER = TypeObject("NUMBER", "smallint", "integer", "bigint", "numeric", "real", "double precision")
DATETIME = TypeObject(
    "DATETIME",
    "date",
    "time",
    "time without time zone",
    "timestamp",
    "timestamp without time zone",
    "timestamp with time zone",
    "interval",
    *(f"interval {fields}" for fields in FIELDS),
)
ROWID = TypeObject("ROWID", "oid")
