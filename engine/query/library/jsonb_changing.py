"""Changed copies of jsonb: ``||``, ``-``, ``#-``, ``jsonb_set`` and their kin; documents are shared with the rows, so that none is changed itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from exdbsql.engine.query.library.json_values import quoted
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import DataError
from exdbsql.schema.json_text import ordered, write
from exdbsql.schema.jsonb import Jsonb

_INVALID: Final = sqlstate.INVALID_PARAMETER_VALUE


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


def jsonb_set_lax(
    document: Jsonb | None,
    path: Sequence[str | None] | None,
    value: Jsonb | None,
    create: bool | None = True,
    treatment: str | None = "use_json_null",
) -> Jsonb | None:
    """``jsonb_set_lax(document, path, value, create_if_missing, null_value_treatment)``."""
    if document is None or path is None or create is None:
        return None
    if treatment not in ("use_json_null", "delete_key", "return_target", "raise_exception"):
        raise DataError(
            'null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"',
            sqlstate=_INVALID,
        )
    if value is not None or treatment == "use_json_null":
        return jsonb_set(document, path, Jsonb.of_root(None) if value is None else value, create)
    if treatment == "raise_exception":
        raise DataError(
            "JSON value must not be null",
            sqlstate="22004",
            detail='Exception was raised because null_value_treatment is "raise_exception".',
            hint="To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.",
        )
    return jsonb_delete_path(document, path) if treatment == "delete_key" else document


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
    return list(path)  # type: ignore[arg-type]  # none is None


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
