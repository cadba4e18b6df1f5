"""Documents made from SQL values: ``to_json``, ``json_build_object``, ``json_agg`` and their kin (PostgreSQL's manual, section 9.16)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from exdbsql.schema import sqlstate
from exdbsql.schema.array import Array
from exdbsql.schema.errors import DataError
from exdbsql.schema.json_text import ordered, write
from exdbsql.schema.jsonb import Jsonb
from exdbsql.schema.text_types import value_to_text

_INVALID: Final = sqlstate.INVALID_PARAMETER_VALUE


class RawJson(str):
    """A value of type json on its way into another one: its text goes in as it is."""

    __slots__ = ()


class RowJson(RawJson):
    """The same, of a row; an aggregate begins a line with each."""

    __slots__ = ()


class Record(tuple[Any, ...]):
    """The row of a table on its way into a document."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, names: tuple[str, ...], values: tuple[Any, ...]) -> Record:
        """A row with the names of its columns."""
        made = cls(values)
        made.names = names
        return made


# making documents


def node_of(value: Any) -> Any:
    """The node of a document for a SQL value; None is JSON's null."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, Jsonb):
        return value.root
    if isinstance(value, RawJson):
        return Jsonb.parse(value).root
    if isinstance(value, (float, Decimal)):
        number = Decimal(repr(value)) if isinstance(value, float) else value
        return Jsonb(value).root if number.is_finite() else value_to_text(value)
    if isinstance(value, Array):
        return [node_of(element) for element in value]
    if isinstance(value, Record):
        return ordered((name, node_of(v)) for name, v in zip(value.names, value, strict=True))
    return scalar_text(value)


def scalar_text(value: Any) -> str:
    """The text of a value that is a string in JSON: dates and times by ISO 8601."""
    if isinstance(value, datetime):
        shown = value.isoformat()
        head, dot, fraction = shown.partition(".")
        if not dot:
            return shown
        digits, sign, zone = fraction.partition("+")
        return f"{head}.{digits.rstrip('0')}{sign}{zone}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    return value_to_text(value)


def to_jsonb(value: Any) -> Jsonb:
    """``to_jsonb(value)``."""
    return value if isinstance(value, Jsonb) else Jsonb.of_root(node_of(value))


def json_text(value: Any) -> str:
    """A value as text of type json, as PostgreSQL spaces it."""
    if isinstance(value, RawJson):
        return str(value)
    if isinstance(value, Jsonb):
        return str(value)
    if isinstance(value, Array):
        return "[" + ",".join(map(json_text, value)) + "]"
    if isinstance(value, Record):
        return "{" + ",".join(f"{quoted(n)}:{json_text(v)}" for n, v in zip(value.names, value, strict=True)) + "}"
    return write(node_of(value))


def quoted(text: str) -> str:
    """A JSON string."""
    return write(text)


def json_build_array(*values: Any) -> str:
    """``json_build_array(...)``."""
    return "[" + ", ".join(map(json_text, values)) + "]"


def jsonb_build_array(*values: Any) -> Jsonb:
    """``jsonb_build_array(...)``."""
    return Jsonb.of_root([node_of(v) for v in values])


def _members(values: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    if len(values) % 2:
        raise DataError(
            "argument list must have even number of elements",
            sqlstate=_INVALID,
            hint="the arguments are keys and values by turns",
        )
    for i in range(0, len(values), 2):
        yield _key(values[i]), values[i + 1]


def _key(value: Any) -> str:
    if value is None:
        raise DataError("the key of a JSON object must not be null", sqlstate=_INVALID)
    if isinstance(value, (Array, Jsonb, RawJson, Record)):
        raise DataError("key value must be scalar, not array, composite, or json", sqlstate=_INVALID)
    return scalar_text(value)


def json_build_object(*values: Any) -> str:
    """``json_build_object(...)``."""
    return "{" + ", ".join(f"{quoted(k)} : {json_text(v)}" for k, v in _members(values)) + "}"


def jsonb_build_object(*values: Any) -> Jsonb:
    """``jsonb_build_object(...)``."""
    return Jsonb.of_root(ordered((k, node_of(v)) for k, v in _members(values)))


def json_object_of(*arrays: Array) -> list[tuple[str, Any]]:
    """The members of ``json_object(text[])`` and ``json_object(keys, values)``."""
    if len(arrays) == 2:
        if len(arrays[0]) != len(arrays[1]):
            raise DataError("mismatched array dimensions", sqlstate=sqlstate.ARRAY_SUBSCRIPT_ERROR)
        pairs = list(zip(arrays[0], arrays[1], strict=True))
    elif len(arrays[0].dimensions) == 2:
        if arrays[0].dimensions[1] != 2:
            raise DataError("array must have two columns", sqlstate=sqlstate.ARRAY_SUBSCRIPT_ERROR)
        pairs = [tuple(pair) for pair in arrays[0]]
    else:
        if len(arrays[0]) % 2:
            raise DataError("array must have even number of elements", sqlstate=sqlstate.ARRAY_SUBSCRIPT_ERROR)
        pairs = list(zip(arrays[0][::2], arrays[0][1::2], strict=True))
    if any(key is None for key, _ in pairs):
        raise DataError("null value not allowed for object key", sqlstate="22004")
    return pairs


def json_object(*arrays: Array) -> str:
    """``json_object(...)``."""
    return "{" + ", ".join(f"{quoted(k)} : {json_text(v)}" for k, v in json_object_of(*arrays)) + "}"


def jsonb_object(*arrays: Array) -> Jsonb:
    """``jsonb_object(...)``."""
    return Jsonb.of_root(ordered(json_object_of(*arrays)))


def json_agg(values: Sequence[Any]) -> str | None:
    """``json_agg``."""
    if not values:
        return None
    parts = list(map(json_element, values))
    return f"[{', '.join([parts[0].removeprefix(chr(10) + ' '), *parts[1:]])}]"


def json_element(value: Any) -> str:
    """The text of a value in what ``json_agg`` gives, where it is not the first one; arrays and rows begin a line."""
    return f"\n {json_text(value)}" if isinstance(value, (Array, RowJson)) else json_text(value)


def jsonb_agg(values: Sequence[Any]) -> Jsonb | None:
    """``jsonb_agg``."""
    return jsonb_build_array(*values) if values else None


def json_object_agg(pairs: Sequence[tuple[Any, Any]]) -> str | None:
    """``json_object_agg``."""
    if not pairs:
        return None
    return "{ " + ", ".join(map(json_member, pairs)) + " }"


def json_member(pair: tuple[Any, Any]) -> str:
    """The text of a key and its value in what ``json_object_agg`` gives."""
    key, value = pair
    return f"{quoted(_field(key))} : {json_text(value)}"


def jsonb_object_agg(pairs: Sequence[tuple[Any, Any]]) -> Jsonb | None:
    """``jsonb_object_agg``."""
    return Jsonb.of_root(ordered(map(member_node, pairs))) if pairs else None


def member_node(pair: tuple[Any, Any]) -> tuple[str, Any]:
    """A key and its value in what ``jsonb_object_agg`` gives."""
    key, value = pair
    return _field(key), node_of(value)


def _field(key: Any) -> str:
    if key is None:
        raise DataError("field name must not be null", sqlstate=_INVALID)
    return _key(key)
