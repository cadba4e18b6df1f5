"""Numbers of objects (oid), as ``pg_catalog`` joins by them.

Built-in types have PostgreSQL's numbers. Everything else has one that follows from its kind and name alone, so that it is the same on all
nodes and in each session, and stays as long as the name does.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

from exdbsql.schema.interval_fields import FIELDS
from exdbsql.schema.types import SqlType

_FIRST: Final = 16384
TYPES: Final = {
    "boolean": (16, "bool", 1000),
    "bytea": (17, "bytea", 1001),
    "bigint": (20, "int8", 1016),
    "smallint": (21, "int2", 1005),
    "integer": (23, "int4", 1007),
    "text": (25, "text", 1009),
    "json": (114, "json", 199),
    "real": (700, "float4", 1021),
    "double precision": (701, "float8", 1022),
    "character": (1042, "bpchar", 1014),
    "character varying": (1043, "varchar", 1015),
    "date": (1082, "date", 1182),
    "time without time zone": (1083, "time", 1183),
    "timestamp without time zone": (1114, "timestamp", 1115),
    "timestamp with time zone": (1184, "timestamptz", 1185),
    "interval": (1186, "interval", 1187),
    "numeric": (1700, "numeric", 1231),
    "uuid": (2950, "uuid", 2951),
    "jsonb": (3802, "jsonb", 3807),
}
"""By the type's name: its number, its short name, the number of its array type."""

NAMESPACES: Final = {"pg_catalog": 11, "public": 2200, "information_schema": 13000, "pg_temp": 13001}
CATALOGS: Final = {
    "pg_type": 1247,
    "pg_attribute": 1249,
    "pg_proc": 1255,
    "pg_class": 1259,
    "pg_database": 1262,
    "pg_sequence": 2224,
    "pg_am": 2601,
    "pg_attrdef": 2604,
    "pg_constraint": 2606,
    "pg_description": 2609,
    "pg_index": 2610,
    "pg_namespace": 2615,
    "pg_enum": 3501,
    "pg_roles": 12073,
}
OWNER: Final = 10
_BITS: Final = {"year": 2, "month": 1, "day": 3, "hour": 10, "minute": 11, "second": 12}
_ALL_FIELDS: Final = 0x7FFF
_FULL_PRECISION: Final = 0xFFFF
BTREE: Final = 403
DATABASE: Final = 5


def oid_of(kind: str, name: str) -> int:
    """The number of an object: ``class`` for relations (indexes too), ``constraint`` (table.name), ``type`` for enum types."""
    return _FIRST + crc32(f"{kind}.{name}".encode()) % 2**30


def type_oid(t: SqlType) -> int:
    """The number of a type."""
    element = t.element
    if element is not None:
        return TYPES[element.name][2] if element.name in TYPES else oid_of("type", f"_{element.name}")
    return TYPES[t.name][0] if t.name in TYPES else oid_of("type", t.name)


def type_modifier(t: SqlType) -> int:
    """The modifier (typmod) that stands for length, or precision and scale; -1 for none."""
    t = t.element or t
    if t.length is not None:
        return t.length + 4
    if t.name == "numeric" and t.precision is not None:
        return (t.precision << 16 | (t.scale or 0)) + 4
    if t.name == "interval" and (t.fields is not None or t.precision is not None):
        bits = _ALL_FIELDS if t.fields is None else _bits(t.fields)
        return bits << 16 | (_FULL_PRECISION if t.precision is None else t.precision)
    return -1 if t.precision is None else t.precision


def interval_type(modifier: int) -> str:
    """The name of the interval type that a modifier stands for."""
    precision = modifier & _FULL_PRECISION
    fields = next((f for f in FIELDS if _bits(f) == modifier >> 16), None)
    return str(SqlType("interval", precision=None if precision == _FULL_PRECISION else precision, fields=fields))


def _bits(fields: str) -> int:
    """The bits of an interval's fields in a modifier (PostgreSQL's datetime.h)."""
    units = list(_BITS)
    first, _, last = fields.partition(" to ")
    return sum(1 << _BITS[unit] for unit in units[units.index(first) : units.index(last or first) + 1])
