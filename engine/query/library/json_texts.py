"""The type json, which is text: what is taken out of it keeps its spelling, blanks and all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from exdbsql.engine.query.library.json_values import RawJson, quoted
from exdbsql.engine.query.library.jsonb_changing import strip_nulls
from exdbsql.schema import jsonb as documents
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError, ProgrammingError
from exdbsql.schema.json_text import check_syntax, write
from exdbsql.schema.jsonb import Jsonb

_DECODER: Final = json.JSONDecoder(parse_float=str, parse_int=str)
_BLANKS: Final = " \t\n\r"
_INVALID: Final = sqlstate.INVALID_PARAMETER_VALUE


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
