"""Looking into jsonb: members, elements, paths, containment, rows of them (PostgreSQL's manual, section 9.16)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from exdbsql.schema import jsonb as documents
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError
from exdbsql.schema.json_text import write
from exdbsql.schema.jsonb import Jsonb

_INVALID: Final = sqlstate.INVALID_PARAMETER_VALUE


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
