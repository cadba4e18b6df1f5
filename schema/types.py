"""SQL types: the values that columns hold, and the conversions into and out of them.

A type is a small immutable value: PostgreSQL's name and the parameters. Its conversions hang on it as attributes, so that
``t.coerce(v)`` is one look-up and one call; equality and hash see only name and parameters.

===================== ============================== =====================================================
type                  Python class of stored values  remarks
===================== ============================== =====================================================
boolean               bool
smallint int. bigint  int                            16, 32, 64 bits; else DataError 22003
numeric[(p[,s])]      decimal.Decimal                keeps its scale
real                  float                          rounded to 4 bytes
double precision      float
text, varchar[(n)]    str                            n counts characters; else DataError 22001
char(n)               str                            padded with blanks
bytea                 bytes
date, time[(p)]       datetime.date, datetime.time   p counts digits of a second
timestamp[(p)]        datetime.datetime, naive
timestamptz[(p)]      datetime.datetime, in UTC      ``tzinfo is datetime.UTC``
uuid                  uuid.UUID
interval[(p)]         interval.Interval              months, days, microseconds; takes a timedelta
json                  str                            the text as written; no equality, no order
jsonb                 jsonb.Jsonb                    immutable document
any[]                 array.Array                    immutable sequence, of any number of dimensions
enum types            enum_value.EnumValue           equals its label, orders by declaration
===================== ============================== =====================================================

NULL is None, in every type. All values are immutable and hashable; their ``==``, ``hash`` and ``<`` are SQL's (NaN and the
blanks of char(n) aside).
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from exdbsql.schema import (
    array_types,
    datetime_types,
    enum_types,
    interval_types,
    json_types,
    number_types,
    text_types,
)
from exdbsql.schema.array import Array
from exdbsql.schema.conversion import Conversions
from exdbsql.schema.enum_value import EnumValue
from exdbsql.schema.errors import InternalError
from exdbsql.schema.identifiers import quote_name
from exdbsql.schema.interval import Interval
from exdbsql.schema.jsonb import Jsonb

GUARD_NAMES: Final[dict[str, object]] = {
    "Decimal": Decimal,
    "date": date,
    "time": time,
    "datetime": datetime,
    "UTC": UTC,
    "UUID": uuid.UUID,
    "Interval": Interval,
    "Jsonb": Jsonb,
    "Array": Array,
    "EnumValue": EnumValue,
}
"""What the source that :meth:`SqlType.guard` gives refers to: merge it into the globals of generated code."""


@dataclass(frozen=True, slots=True)
class SqlType:
    """One SQL type with its parameters; make them with the constants and functions of this module.

    Attributes:
        name: PostgreSQL's canonical name, e.g. ``integer``, ``character varying``, ``integer[]``; an enum's own name.
        length: characters, of varchar(n) and char(n).
        precision: digits, of numeric(p, s); digits of a second, of time(p), timestamp(p) and interval(p).
        scale: digits after the decimal point, of numeric(p, s).
        element: the type of the elements of an array type; None for the others.
        labels: the labels of an enum type, in their order; None for the others.
        fields: what an interval is restricted to, e.g. ``day to second``; None where it is not, and for the others.
        exact: Python class whose values need no conversion where the guard holds; None where all need it.
        coerce: assignment conversion of a Python value to the stored form; None passes. Raises DataError
            (22003 out of range, 22001 too long, 22P02, 22007, 22008 unreadable text) and ProgrammingError (42804).
        parse: stored value from text as in a literal; raises DataError.
        format: PostgreSQL's text output of a stored value (not None); booleans give ``t`` and ``f``.
    """

    name: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    element: "SqlType | None" = None
    labels: tuple[str, ...] | None = None
    fields: str | None = None
    exact: type | None = field(init=False, compare=False, repr=False)
    coerce: Callable[[Any], Any] = field(init=False, compare=False, repr=False)
    parse: Callable[[str], Any] = field(init=False, compare=False, repr=False)
    format: Callable[[Any], str] = field(init=False, compare=False, repr=False)
    _guard: str | None = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        made = _conversions(self)
        for attribute in ("exact", "coerce", "parse", "format"):
            object.__setattr__(self, attribute, getattr(made, attribute))
        object.__setattr__(self, "_guard", made.guard)

    def __reduce__(self) -> tuple[object, ...]:
        return SqlType, (self.name, self.length, self.precision, self.scale, self.element, self.labels, self.fields)

    def guard(self, variable: str) -> str | None:
        """Python source of a test that holds only for values of `variable` that need no conversion.

        For generated code: ``v if <guard> else coerce(v)``. Its names are in `GUARD_NAMES`. None: convert every value.
        """
        return self._guard.format(v=variable) if self._guard is not None else None

    @property
    def is_integer(self) -> bool:
        """Whether this is smallint, integer or bigint."""
        return self.name in number_types.INTEGER_BITS

    @property
    def is_float(self) -> bool:
        """Whether this is real or double precision."""
        return self.name in ("real", "double precision")

    @property
    def is_numeric(self) -> bool:
        """Whether this is a number of any kind."""
        return self.is_integer or self.is_float or self.name == "numeric"

    @property
    def is_text(self) -> bool:
        """Whether this is text, character varying or character."""
        return self.name in ("text", "character varying", "character")

    @property
    def is_temporal(self) -> bool:
        """Whether this is a date, a time or a timestamp."""
        return self.name == "date" or self.name.startswith("time")

    @property
    def is_array(self) -> bool:
        """Whether this is an array type."""
        return self.element is not None

    @property
    def is_enum(self) -> bool:
        """Whether this is an enum type."""
        return self.labels is not None

    @property
    def is_json(self) -> bool:
        """Whether this is json or jsonb."""
        return self.labels is None and self.name in ("json", "jsonb")

    @property
    def has_order(self) -> bool:
        """Whether its values can be compared, and so be keys, be sorted and be grouped by: all but json and json[]."""
        return self.element.has_order if self.element is not None else self.is_enum or self.name != "json"

    @property
    def integer_range(self) -> tuple[int, int] | None:
        """Lowest and highest value of an integer type; None for the others."""
        return number_types.integer_range(self.name) if self.is_integer else None

    @property
    def unconstrained(self) -> "SqlType":
        """The same type without its parameters: what an expression over such a column gives."""
        if self.element is not None:
            return self if self.element.unconstrained is self.element else array_of(self.element.unconstrained)
        if self.name == "character":
            return TEXT
        return self if self.length is self.precision is None and self.fields is None else SqlType(self.name)

    def __str__(self) -> str:
        """The type as DDL writes it, e.g. ``numeric(10,2)``, ``timestamp(3) without time zone``, ``text[]``, ``"Mood"``."""
        if self.element is not None:
            return f"{self.element}[]"
        if self.labels is not None:
            return quote_name(self.name)
        if self.length is not None:
            return f"{self.name}({self.length})"
        if self.fields is not None:
            return f"interval {self.fields}" + ("" if self.precision is None else f"({self.precision})")
        if self.precision is None:
            return self.name
        if self.name == "numeric":
            return f"numeric({self.precision},{self.scale or 0})"
        first, blank, rest = self.name.partition(" ")
        return f"{first}({self.precision}){blank}{rest}"


def _conversions(t: SqlType) -> Conversions:
    if t.element is not None:
        element = Conversions(t.element.exact, t.element._guard, t.element.coerce, t.element.parse, t.element.format)
        return array_types.array_conversions(t.name, element, lists_are_elements=t.element.is_json)
    if t.labels is not None:
        return enum_types.enum_conversions(t.name, t.labels)
    match t.name:
        case "boolean":
            return text_types.boolean_conversions()
        case "smallint" | "integer" | "bigint":
            return number_types.integer_conversions(t.name)
        case "numeric":
            return number_types.numeric_conversions(t.precision, t.scale)
        case "real" | "double precision":
            return number_types.float_conversions(t.name)
        case "text":
            return text_types.text_conversions()
        case "character varying":
            return text_types.text_conversions() if t.length is None else text_types.varchar_conversions(t.length)
        case "character":
            return text_types.char_conversions(t.length or 1)
        case "bytea":
            return text_types.bytea_conversions()
        case "date":
            return datetime_types.date_conversions()
        case "time without time zone":
            return datetime_types.time_conversions(t.name, t.precision)
        case "timestamp without time zone" | "timestamp with time zone":
            zoned = t.name == "timestamp with time zone"
            return datetime_types.timestamp_conversions(t.name, t.precision, zoned=zoned)
        case "interval":
            return interval_types.interval_conversions(t.precision, t.fields)
        case "json":
            return json_types.json_conversions()
        case "jsonb":
            return json_types.jsonb_conversions()
        case "uuid":
            return text_types.uuid_conversions()
    raise InternalError(f"there is no SQL type called {t.name!r}")


BOOLEAN: Final = SqlType("boolean")
SMALLINT: Final = SqlType("smallint")
INTEGER: Final = SqlType("integer")
BIGINT: Final = SqlType("bigint")
NUMERIC: Final = SqlType("numeric")
REAL: Final = SqlType("real")
DOUBLE: Final = SqlType("double precision")
TEXT: Final = SqlType("text")
VARCHAR: Final = SqlType("character varying")
BYTEA: Final = SqlType("bytea")
DATE: Final = SqlType("date")
TIME: Final = SqlType("time without time zone")
TIMESTAMP: Final = SqlType("timestamp without time zone")
TIMESTAMPTZ: Final = SqlType("timestamp with time zone")
INTERVAL: Final = SqlType("interval")
UUID: Final = SqlType("uuid")
JSON: Final = SqlType("json")
JSONB: Final = SqlType("jsonb")


def varchar(length: int) -> SqlType:
    """``character varying(length)``."""
    return SqlType("character varying", length=length)


def char(length: int = 1) -> SqlType:
    """``character(length)``."""
    return SqlType("character", length=length)


def numeric(precision: int, scale: int = 0) -> SqlType:
    """``numeric(precision,scale)``."""
    return SqlType("numeric", precision=precision, scale=scale)


def array_of(element: SqlType) -> SqlType:
    """``element[]``; for an array type itself, as the number of dimensions is no part of a type."""
    return element if element.is_array else SqlType(f"{element.name}[]", element=element)


def enum_type(name: str, labels: Iterable[str]) -> SqlType:
    """The enum type `name`. Raises ProgrammingError for labels that are empty, too long or not different."""
    made = tuple(labels)
    enum_types.check_labels(made)
    return SqlType(name, labels=made)


def type_of_value(value: object) -> SqlType | None:
    """The type of a Python value as an expression; None for None and for classes that are no SQL values."""
    if isinstance(value, int) and not isinstance(value, bool):
        return next((t for t in (INTEGER, BIGINT) if _in_range(t, value)), NUMERIC)
    if isinstance(value, (Array, list, tuple)):
        return _array_type_of(value)
    if isinstance(value, datetime):
        return TIMESTAMP if value.tzinfo is None else TIMESTAMPTZ
    return next((t for python_class, t in _TYPE_BY_CLASS if isinstance(value, python_class)), None)


def _array_type_of(values: Iterable[Any]) -> SqlType | None:
    """The array type whose element type fits all elements that are not None; None where they have none in common."""
    found = {type_of_value(value) for value in values if value is not None}
    elements = {kind.element or kind if kind is not None else None for kind in found}
    if len(elements) > 1 and elements <= {INTEGER, BIGINT, NUMERIC}:
        elements = {max(elements, key=(INTEGER, BIGINT, NUMERIC).index)}
    element = elements.pop() if len(elements) == 1 else None
    return None if element is None else array_of(element)


def _in_range(t: SqlType, value: int) -> bool:
    low, high = number_types.integer_range(t.name)
    return low <= value <= high


_TYPE_BY_CLASS: tuple[tuple[type | tuple[type, ...], SqlType], ...] = (
    (bool, BOOLEAN),
    (float, DOUBLE),
    (Decimal, NUMERIC),
    (str, TEXT),
    ((bytes, bytearray, memoryview), BYTEA),
    (date, DATE),
    (time, TIME),
    (uuid.UUID, UUID),
    ((Interval, timedelta), INTERVAL),
    ((Jsonb, dict), JSONB),
)
