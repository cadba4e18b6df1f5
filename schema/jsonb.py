"""The value of the type jsonb: a JSON document, immutable, compared as PostgreSQL compares it.

A `Jsonb` wraps what Python's own values cannot say: in Python ``True == 1``, dicts have no order and no hash, and None is
SQL's NULL and could not be JSON's null too. It is what a row holds and what a fetch gives, so it must not change: whoever
wants plain dicts and lists takes `Jsonb.value`, a copy of their own. For looking into a document none is needed::

    document["name"]           # str, int, Decimal, bool or None for a scalar, a Jsonb for an object or an array
    document["tags"][0]; "name" in document; len(document); for key in document: ...
    document == {"name": "x"}  # equal to the dict or list that it was made from

Numbers keep their precision: whole ones are `int`, others `decimal.Decimal` with their scale (``1.50`` stays ``1.50``).
Of equal keys the last counts; keys come shorter first, then by their bytes, as PostgreSQL keeps them. U+0000 and halves of
surrogate pairs in strings are refused, as there. Nesting is bounded by `MAX_DEPTH`.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import total_ordering
from typing import Any

from exdbsql.schema import sqlstate
from exdbsql.schema.conversion import mismatch
from exdbsql.schema.errors import DatabaseError, DataError
from exdbsql.schema.json_text import (
    MAX_DEPTH,
    check_text,
    number_of,
    ordered,
    parse_root,
    require_levels,
    too_deep,
    write,
)
from exdbsql.schema.number_types import format_double


@total_ordering
class Jsonb:
    """An immutable JSON document.

    ``Jsonb(value)`` takes dicts with text keys, lists, tuples, str, bool, int, float, Decimal, None, and Jsonb. Raises
    ProgrammingError 42804 for other classes, and DataError for values that JSON does not have (NaN, U+0000).
    """

    __slots__ = ("_root",)

    def __init__(self, value: object) -> None:
        self._root = _normal(value, MAX_DEPTH)

    @classmethod
    def parse(cls, text: str) -> "Jsonb":
        """The document that JSON `text` stands for. Raises DataError 22P02, 22P05, 22003, 54001."""
        return cls.of_root(parse_root(text))

    @classmethod
    def of_root(cls, root: Any) -> "Jsonb":
        """A document around what `root` of other documents holds, unchecked; dicts must have been ordered by `ordered`."""
        made = cls.__new__(cls)
        made._root = root
        return made

    @property
    def root(self) -> Any:
        """The inner representation, for operators: dict, list, str, bool, int, Decimal or None.

        It is shared with the database: never change it, never hand it on to a user.
        """
        return self._root

    @property
    def value(self) -> Any:
        """The document as plain Python values, a copy: dict, list, str, bool, int, Decimal or None."""
        return _copy(self._root)

    def __getitem__(self, key: str | int) -> Any:
        """Member or element: a scalar as it is, an object or array as a Jsonb. Raises KeyError, IndexError, TypeError."""
        if isinstance(self._root, (dict, list)):
            return _handed_out(self._root[key])  # type: ignore[index]  # a key of the wrong kind raises TypeError
        raise TypeError(f"a JSON {_kind(self._root)} has no members")

    def __iter__(self) -> Iterator[Any]:
        """The keys of an object; the elements of an array as `__getitem__` gives them."""
        if isinstance(self._root, dict):
            return iter(tuple(self._root))
        if isinstance(self._root, list):
            return iter([_handed_out(element) for element in self._root])
        raise TypeError(f"a JSON {_kind(self._root)} has no members")

    def __len__(self) -> int:
        """Members of an object, elements of an array, characters of a string."""
        if isinstance(self._root, (dict, list, str)):
            return len(self._root)
        raise TypeError(f"a JSON {_kind(self._root)} has no length")

    def __contains__(self, item: object) -> bool:
        """Whether an object has the key, or an array an element equal to `item`."""
        if isinstance(self._root, dict):
            return item in self._root
        return isinstance(self._root, list) and Jsonb(item) in map(Jsonb.of_root, self._root)

    def __bool__(self) -> bool:
        """As of the plain Python value."""
        return bool(self._root)

    def get(self, key: str, default: Any = None) -> Any:
        """The member `key` of an object, or `default`."""
        return self[key] if isinstance(self._root, dict) and key in self._root else default

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Jsonb):
            return other is self or self._order() == other._order()
        if isinstance(other, (dict, list)):
            try:
                return self._order() == Jsonb(other)._order()
            except DatabaseError:  # no JSON
                return False
        return NotImplemented

    def __lt__(self, other: object) -> bool:
        return self._order() < other._order() if isinstance(other, Jsonb) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._order())

    def _order(self) -> tuple[Any, ...]:
        # For historical reasons PostgreSQL sorts an empty array at the top before everything.
        return (-1,) if self._root == [] else _order_key(self._root)

    def __str__(self) -> str:
        """PostgreSQL's text output, e.g. ``{"a": [1, null]}``."""
        return write(self._root)

    def __repr__(self) -> str:
        return f"Jsonb.parse({str(self)!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return Jsonb.parse, (str(self),)


def _handed_out(node: Any) -> Any:
    return Jsonb.of_root(node) if isinstance(node, (dict, list)) else node


def _copy(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _copy(member) for key, member in node.items()}
    return [_copy(element) for element in node] if isinstance(node, list) else node


def _kind(node: Any) -> str:
    if node is None:
        return "null"
    for python_class, name in ((bool, "boolean"), (str, "string"), (list, "array"), (dict, "object")):
        if isinstance(node, python_class):
            return name
    return "number"


def kind(document: Jsonb) -> str:
    """``jsonb_typeof``: object, array, string, number, boolean or null."""
    return _kind(document.root)


def _order_key(node: Any) -> tuple[Any, ...]:
    """Null < string < number < boolean < array < object; then fewer elements first; then element by element."""
    if isinstance(node, str):
        return (1, node)
    if node is None:
        return (0,)
    if isinstance(node, bool):
        return (3, node)
    if isinstance(node, list):
        return (4, len(node), *map(_order_key, node))
    if isinstance(node, dict):
        flat: list[Any] = [5, len(node)]
        for key, member in node.items():
            flat += ((1, key), _order_key(member))
        return tuple(flat)
    return (2, node)


def _normal(value: object, depth: int) -> Any:
    """A root for a Python value that may have `depth` more levels."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Jsonb):
        require_levels(value.root, depth)
        return value.root
    if isinstance(value, str):
        return check_text(str.__str__(value))
    if isinstance(value, int):
        return int(value)
    if isinstance(value, (float, Decimal)):
        text = format_double(value) if isinstance(value, float) else str(value)
        if not Decimal(value).is_finite():
            raise DataError(f"JSON has no number {text}", sqlstate=sqlstate.INVALID_TEXT_REPRESENTATION)
        return number_of(text)
    if depth == 0:
        raise too_deep()
    if isinstance(value, (list, tuple)):
        return [_normal(element, depth - 1) for element in value]
    if isinstance(value, Mapping):
        return ordered((_key(key), _normal(member, depth - 1)) for key, member in value.items())
    raise mismatch("jsonb", value)


def _key(key: object) -> str:
    if isinstance(key, str):
        return check_text(str.__str__(key))
    problem = mismatch("jsonb", key)
    problem.hint = "The keys of a JSON object are text."
    raise problem
