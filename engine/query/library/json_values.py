"""Values of json and jsonb: making them from SQL values, looking into them, changing them (PostgreSQL's manual, section 9.16).

jsonb works on the roots of :class:`~exdbsql.schema.jsonb.Jsonb`: what a function changes it copies, as documents are shared with
the rows. json is text: what is taken out of it keeps its spelling, blanks and all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from exdbsql.schema import jsonb as documents
from exdbsql.schema import sqlstate
from exdbsql.schema.array import Array
from exdbsql.schema.errors import DataError, ProgrammingError
from exdbsql.schema.json_text import check_syntax, ordered, write
from exdbsql.schema.jsonb import Jsonb
from exdbsql.schema.text_types import value_to_text

_DECODER: Final = json.JSONDecoder(parse_float=str, parse_int=str)
_BLANKS: Final = " \t\n\r"
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
    parts = [f"\n {json_text(v)}" if isinstance(v, (Array, RowJson)) else json_text(v) for v in values]
    return f"[{', '.join([parts[0].removeprefix(chr(10) + ' '), *parts[1:]])}]"


def jsonb_agg(values: Sequence[Any]) -> Jsonb | None:
    """``jsonb_agg``."""
    return jsonb_build_array(*values) if values else None


def json_object_agg(pairs: Sequence[tuple[Any, Any]]) -> str | None:
    """``json_object_agg``."""
    if not pairs:
        return None
    return "{ " + ", ".join(f"{quoted(_field(k))} : {json_text(v)}" for k, v in pairs) + " }"


def jsonb_object_agg(pairs: Sequence[tuple[Any, Any]]) -> Jsonb | None:
    """``jsonb_object_agg``."""
    return Jsonb.of_root(ordered((_field(k), node_of(v)) for k, v in pairs)) if pairs else None


def _field(key: Any) -> str:
    if key is None:
        raise DataError("field name must not be null", sqlstate=_INVALID)
    return _key(key)


# looking into jsonb


def _step(node: Any, key: str | int) -> tuple[bool, Any]:
    """Whether a node has a member or element, and which."""
    if isinstance(node, dict):
        return (key in node, node.get(key)) if isinstance(key, str) else (False, None)
    if isinstance(node, list):
        if isinstance(key, str):
            if not key.lstrip("+-").isdigit() or not key.isascii():
                return False, None
            key = int(key)
        return (True, node[key]) if -len(node) <= key < len(node) else (False, None)
    return False, None


def jsonb_get(document: Jsonb, key: str | int) -> Jsonb | None:
    """``document -> key``: a text for objects, a number for arrays."""
    root = document.root
    if isinstance(key, str) is not isinstance(root, dict):
        return None
    if not isinstance(root, (dict, list)):
        return document if key in (0, -1) else None  # as if it were in an array
    found, node = _step(root, key)
    return Jsonb.of_root(node) if found else None


def node_text(node: Any) -> str | None:
    """What ``->>`` makes of a node: NULL of null, a string without quotes."""
    return node if node is None or isinstance(node, str) else write(node)


def jsonb_get_text(document: Jsonb, key: str | int) -> str | None:
    """``document ->> key``."""
    found = jsonb_get(document, key)
    return None if found is None else node_text(found.root)


def _at_path(document: Jsonb, path: Sequence[str | None]) -> tuple[bool, Any]:
    node = document.root
    for key in path:
        if key is None:
            return False, None
        found, node = _step(node, key)
        if not found:
            return False, None
    return True, node


def jsonb_path(document: Jsonb, path: Sequence[str | None]) -> Jsonb | None:
    """``document #> path``."""
    found, node = _at_path(document, path)
    return Jsonb.of_root(node) if found else None


def jsonb_path_text(document: Jsonb, path: Sequence[str | None]) -> str | None:
    """``document #>> path``."""
    found, node = _at_path(document, path)
    return node_text(node) if found else None


def jsonb_contains(document: Jsonb, other: Jsonb) -> bool:
    """``document @> other``."""
    a, b = document.root, other.root
    if isinstance(a, list) and not isinstance(b, (list, dict)):
        return any(_same(node, b) for node in a)
    return _contains(a, b)


def _contains(a: Any, b: Any) -> bool:
    if isinstance(b, dict):
        return isinstance(a, dict) and all(k in a and _contains(a[k], v) for k, v in b.items())
    if isinstance(b, list):
        if not isinstance(a, list):
            return False
        return all(any(_contains(node, wanted) for node in a) for wanted in b)
    return _same(a, b)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, (dict, list)) or isinstance(a, str) is not isinstance(b, str):
        return False
    return bool(a == b)


def jsonb_exists(document: Jsonb, key: str) -> bool:
    """``document ? key``: a key of an object, a string of an array, or the string itself."""
    root = document.root
    if isinstance(root, (dict, list)):
        return key in root if isinstance(root, dict) else any(isinstance(n, str) and n == key for n in root)
    return bool(root == key)


def jsonb_exists_any(document: Jsonb, keys: Sequence[str | None]) -> bool:
    """``document ?| keys``."""
    return any(key is not None and jsonb_exists(document, key) for key in keys)


def jsonb_exists_all(document: Jsonb, keys: Sequence[str | None]) -> bool:
    """``document ?& keys``."""
    return all(key is None or jsonb_exists(document, key) for key in keys)


def jsonb_array_length(document: Jsonb) -> int:
    """``jsonb_array_length``."""
    return len(_array(document, "get array length of"))


def _array(document: Jsonb, what: str) -> list[Any]:
    root = document.root
    if isinstance(root, list):
        return root
    raise DataError(f"cannot {what} {'an object' if isinstance(root, dict) else 'a scalar'}", sqlstate=_INVALID)


def _object(document: Jsonb, what: str) -> dict[str, Any]:
    root = document.root
    if isinstance(root, dict):
        return root
    raise DataError(f"cannot {what} {'an array' if isinstance(root, list) else 'a scalar'}", sqlstate=_INVALID)


def jsonb_array_elements(document: Jsonb) -> list[tuple[Jsonb]]:
    """``jsonb_array_elements``."""
    return [(Jsonb.of_root(node),) for node in _array(document, "extract elements from")]


def jsonb_array_elements_text(document: Jsonb) -> list[tuple[str | None]]:
    """``jsonb_array_elements_text``."""
    return [(node_text(node),) for node in _array(document, "extract elements from")]


def jsonb_each(document: Jsonb) -> list[tuple[str, Jsonb]]:
    """``jsonb_each``."""
    return [(key, Jsonb.of_root(node)) for key, node in _object(document, "call jsonb_each on").items()]


def jsonb_each_text(document: Jsonb) -> list[tuple[str, str | None]]:
    """``jsonb_each_text``."""
    return [(key, node_text(node)) for key, node in _object(document, "call jsonb_each_text on").items()]


def jsonb_object_keys(document: Jsonb) -> list[tuple[str]]:
    """``jsonb_object_keys``."""
    return [(key,) for key in _object(document, "call jsonb_object_keys on")]


def jsonb_to_recordset(document: Jsonb, names: Sequence[str], parsers: Sequence[Any]) -> list[tuple[Any, ...]]:
    """``jsonb_to_recordset(document) AS (names types)``."""
    return [_record(node, names, parsers) for node in _array(document, "call jsonb_to_recordset on")]


def jsonb_to_record(document: Jsonb, names: Sequence[str], parsers: Sequence[Any]) -> list[tuple[Any, ...]]:
    """``jsonb_to_record(document) AS (names types)``."""
    return [_record(document.root, names, parsers)]


def _record(node: Any, names: Sequence[str], parsers: Sequence[Any]) -> tuple[Any, ...]:
    if not isinstance(node, dict):
        raise DataError("argument must be an array of objects, or an object", sqlstate=_INVALID)
    return tuple(_typed(node.get(name), parser) for name, parser in zip(names, parsers, strict=True))


def _typed(node: Any, t: Any) -> Any:
    """A node as a value of a type, as jsonb_to_record converts it."""
    if node is None:
        return None
    if t.is_json:
        return Jsonb.of_root(node) if t.name == "jsonb" else write(node)
    if t.is_array and isinstance(node, list):
        return t.coerce([_typed(n, t.element) for n in node])
    return t.parse(node if isinstance(node, str) else write(node))


# changing jsonb


def jsonb_concat(left: Jsonb, right: Jsonb) -> Jsonb:
    """``left || right``."""
    a, b = left.root, right.root
    if isinstance(a, dict) and isinstance(b, dict):
        return Jsonb.of_root(ordered([*a.items(), *b.items()]))
    return Jsonb.of_root([*(a if isinstance(a, list) else [a]), *(b if isinstance(b, list) else [b])])


def jsonb_delete_key(document: Jsonb, key: str) -> Jsonb:
    """``document - key``."""
    return jsonb_delete_keys(document, (key,))


def jsonb_delete_keys(document: Jsonb, keys: Sequence[str | None]) -> Jsonb:
    """``document - keys``."""
    root = document.root
    if isinstance(root, dict):
        return Jsonb.of_root({k: v for k, v in root.items() if k not in keys})
    if isinstance(root, list):
        return Jsonb.of_root([n for n in root if not (isinstance(n, str) and n in keys)])
    raise DataError("cannot delete from scalar", sqlstate=_INVALID)


def jsonb_delete_index(document: Jsonb, index: int) -> Jsonb:
    """``document - index``."""
    root = document.root
    if isinstance(root, dict):
        raise DataError("cannot delete from object using integer index", sqlstate=_INVALID)
    if not isinstance(root, list):
        raise DataError("cannot delete from scalar", sqlstate=_INVALID)
    place = index + len(root) if index < 0 else index
    return Jsonb.of_root([n for i, n in enumerate(root) if i != place])


def jsonb_delete_path(document: Jsonb, path: Sequence[str | None]) -> Jsonb:
    """``document #- path``."""
    if not isinstance(document.root, (dict, list)):
        raise DataError("cannot delete path in scalar", sqlstate=_INVALID)
    if not path:
        return document
    return Jsonb.of_root(_changed(document.root, _path(path), 0, _Deletion()))


def jsonb_set(document: Jsonb, path: Sequence[str | None], value: Jsonb, create: bool = True) -> Jsonb:
    """``jsonb_set(document, path, value, create_if_missing)``."""
    if not isinstance(document.root, (dict, list)):
        raise DataError("cannot set path in scalar", sqlstate=_INVALID)
    if not path:
        return document
    return Jsonb.of_root(_changed(document.root, _path(path), 0, _Setting(value.root, create)))


def jsonb_insert(document: Jsonb, path: Sequence[str | None], value: Jsonb, after: bool = False) -> Jsonb:
    """``jsonb_insert(document, path, value, insert_after)``."""
    if not isinstance(document.root, (dict, list)):
        raise DataError("cannot set path in scalar", sqlstate=_INVALID)
    if not path:
        return document
    return Jsonb.of_root(_changed(document.root, _path(path), 0, _Insertion(value.root, after)))


def _path(path: Sequence[str | None]) -> list[str]:
    for i, key in enumerate(path):
        if key is None:
            raise DataError(f"path element at position {i + 1} is null", sqlstate="22004")
    return list(path)  # type: ignore[arg-type]


class _Deletion:
    def member(self, node: dict[str, Any], key: str) -> dict[str, Any]:
        return {k: v for k, v in node.items() if k != key}

    def element(self, node: list[Any], place: int, present: bool) -> list[Any]:
        return [n for i, n in enumerate(node) if i != place] if present else node


class _Setting:
    def __init__(self, value: Any, create: bool) -> None:
        self.value = value
        self.create = create

    def member(self, node: dict[str, Any], key: str) -> dict[str, Any]:
        return ordered([*node.items(), (key, self.value)]) if self.create or key in node else node

    def element(self, node: list[Any], place: int, present: bool) -> list[Any]:
        if present:
            return [*node[:place], self.value, *node[place + 1 :]]
        if not self.create:
            return node
        return [self.value, *node] if place < 0 else [*node, self.value]


class _Insertion:
    def __init__(self, value: Any, after: bool) -> None:
        self.value = value
        self.after = after

    def member(self, node: dict[str, Any], key: str) -> dict[str, Any]:
        if key in node:
            raise DataError("cannot replace existing key", sqlstate=_INVALID, hint="try jsonb_set to replace key value")
        return ordered([*node.items(), (key, self.value)])

    def element(self, node: list[Any], place: int, present: bool) -> list[Any]:
        if not present:
            return [self.value, *node] if place < 0 else [*node, self.value]
        place += self.after
        return [*node[:place], self.value, *node[place:]]


def _changed(node: Any, path: list[str], depth: int, change: _Deletion | _Setting | _Insertion) -> Any:
    key = path[depth]
    last = depth == len(path) - 1
    if isinstance(node, dict):
        if last:
            return change.member(node, key)
        return {**node, key: _changed(node[key], path, depth + 1, change)} if key in node else node
    if isinstance(node, list):
        try:
            index = int(key)
        except ValueError:
            raise DataError(
                f'path element at position {depth + 1} is not an integer: "{key}"',
                sqlstate=sqlstate.INVALID_TEXT_REPRESENTATION,
            ) from None
        place = index + len(node) if index < 0 else index
        present = 0 <= place < len(node)
        if last:
            return change.element(node, place, present)
        return [*node[:place], _changed(node[place], path, depth + 1, change), *node[place + 1 :]] if present else node
    return node


def strip_nulls(node: Any) -> Any:
    """A node without the members of objects that are null."""
    if isinstance(node, dict):
        return {k: strip_nulls(v) for k, v in node.items() if v is not None}
    return [strip_nulls(n) for n in node] if isinstance(node, list) else node


def jsonb_strip_nulls(document: Jsonb) -> Jsonb:
    """``jsonb_strip_nulls``."""
    return Jsonb.of_root(strip_nulls(document.root))


def jsonb_pretty(document: Jsonb) -> str:
    """``jsonb_pretty``."""
    return _pretty(document.root, 0)


def _pretty(node: Any, level: int) -> str:
    inner, outer = "    " * (level + 1), "    " * level
    if isinstance(node, dict):
        if not node:
            return "{\n" + outer + "}"
        members = [f"{inner}{quoted(k)}: {_pretty(v, level + 1)}" for k, v in node.items()]
        return "{\n" + ",\n".join(members) + "\n" + outer + "}"
    if isinstance(node, list):
        if not node:
            return "[\n" + outer + "]"
        return "[\n" + ",\n".join(inner + _pretty(n, level + 1) for n in node) + "\n" + outer + "]"
    return write(node)


def jsonb_to_scalar(document: Jsonb, name: str) -> Any:
    """A number or boolean out of a jsonb, for a cast to type `name`."""
    root = document.root
    wants_number = name != "boolean"
    if (
        isinstance(root, bool)
        if not wants_number
        else (isinstance(root, (int, Decimal)) and not isinstance(root, bool))
    ):
        return Decimal(root) if wants_number else root
    found = documents.kind(document)
    raise DataError(f"cannot cast jsonb {found} to type {name}", sqlstate=_INVALID)


def json_typeof(text: str) -> str:
    """``json_typeof``."""
    return documents.kind(Jsonb.parse(text))


def is_json(text: str, what: str = "VALUE", unique: bool = False) -> bool:
    """``text IS JSON [VALUE | ARRAY | OBJECT | SCALAR] [WITH UNIQUE KEYS]``."""
    try:
        check_syntax(text)
    except DataError:
        return False
    first = text.lstrip(_BLANKS)[:1]
    kind = {"{": "OBJECT", "[": "ARRAY"}.get(first, "SCALAR")
    if what not in ("VALUE", kind):
        return False
    return not unique or _unique_keys(text)


def _unique_keys(text: str) -> bool:
    def check(pairs: list[tuple[str, Any]]) -> None:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ProgrammingError("duplicate key")

    try:
        json.loads(text, object_pairs_hook=check, parse_float=str, parse_int=str)
    except ProgrammingError:
        return False
    return True


# looking into json text


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at


def raw_members(text: str) -> Iterator[tuple[str, str]]:
    """Keys and texts of the values of an object."""
    at = _skip(text, _skip(text, 0) + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        _, end = _DECODER.raw_decode(text, start)
        yield key, text[start:end]
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def raw_elements(text: str) -> Iterator[str]:
    """Texts of the elements of an array."""
    at = _skip(text, _skip(text, 0) + 1)
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        yield text[at:end]
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def json_get(text: str, key: str | int) -> str | None:
    """``json -> key``."""
    first = text.lstrip(_BLANKS)[:1]
    if isinstance(key, str):
        return dict(raw_members(text)).get(key) if first == "{" else None
    if first != "[":
        return None
    elements = list(raw_elements(text))
    return elements[key] if -len(elements) <= key < len(elements) else None


def raw_text(text: str | None) -> str | None:
    """The text of a json value as ``->>`` gives it."""
    if text is None:
        return None
    node = json.loads(text) if text.lstrip(_BLANKS)[:1] == '"' else None
    return node if node is not None else None if text.strip(_BLANKS) == "null" else text


def json_get_text(text: str, key: str | int) -> str | None:
    """``json ->> key``."""
    return raw_text(json_get(text, key))


def json_path(text: str, path: Sequence[str | None]) -> str | None:
    """``json #> path``."""
    for key in path:
        if key is None:
            return None
        is_index = text.lstrip(_BLANKS)[:1] == "[" and key.lstrip("+-").isdigit()
        found = json_get(text, int(key) if is_index else key)
        if found is None:
            return None
        text = found
    return text


def json_path_text(text: str, path: Sequence[str | None]) -> str | None:
    """``json #>> path``."""
    return raw_text(json_path(text, path))


def _require(text: str, first: str, what: str) -> None:
    if text.lstrip(_BLANKS)[:1] != first:
        raise DataError(f"cannot {what}", sqlstate=_INVALID)


def json_array_length(text: str) -> int:
    """``json_array_length``."""
    _require(text, "[", "get array length of a non-array")
    return sum(1 for _ in raw_elements(text))


def json_array_elements(text: str) -> list[tuple[str]]:
    """``json_array_elements``."""
    _require(text, "[", "call json_array_elements on a non-array")
    return [(element,) for element in raw_elements(text)]


def json_array_elements_text(text: str) -> list[tuple[str | None]]:
    """``json_array_elements_text``."""
    _require(text, "[", "call json_array_elements_text on a non-array")
    return [(raw_text(element),) for element in raw_elements(text)]


def json_each(text: str) -> list[tuple[str, str]]:
    """``json_each``."""
    _require(text, "{", "deconstruct an array as an object")
    return list(raw_members(text))


def json_each_text(text: str) -> list[tuple[str, str | None]]:
    """``json_each_text``."""
    _require(text, "{", "deconstruct an array as an object")
    return [(key, raw_text(value)) for key, value in raw_members(text)]


def json_object_keys(text: str) -> list[tuple[str]]:
    """``json_object_keys``."""
    _require(text, "{", "call json_object_keys on an array")
    return [(key,) for key, _ in raw_members(text)]


def json_strip_nulls(text: str) -> str:
    """``json_strip_nulls``."""
    return _compact(strip_nulls(json.loads(text, parse_float=RawJson, parse_int=RawJson)))


def _compact(node: Any) -> str:
    """A node as text without blanks; numbers are there as they were written."""
    if isinstance(node, RawJson):
        return str(node)
    if isinstance(node, dict):
        return "{" + ",".join(f"{quoted(key)}:{_compact(value)}" for key, value in node.items()) + "}"
    return "[" + ",".join(map(_compact, node)) + "]" if isinstance(node, list) else write(node)
