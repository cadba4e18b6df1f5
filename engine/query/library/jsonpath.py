"""Evaluation of jsonpath over documents: ``jsonb_path_query`` and its kin, ``@?``, ``@@`` (PostgreSQL's manual, section 9.16.2).

An expression gives a sequence of items. In lax mode an accessor of objects looks into the elements of an array, one of arrays takes
anything else for an array of one, and what is not there gives nothing; in strict mode these are errors. A predicate is true, false, or
unknown (None), which any error in it makes it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Any, Final

from exdbsql.engine.query.library.jsonpath_syntax import Node, is_predicate, parse_path
from exdbsql.engine.query.runtime.arithmetic import NUMERIC_CONTEXT, numeric_divide, numeric_modulo
from exdbsql.engine.query.runtime.regular_expressions import Expression, compiled, regular_expression
from exdbsql.schema.errors import DataError, Error, NotSupportedError
from exdbsql.schema.jsonb import Jsonb, kind

_MEMBER_NOT_FOUND: Final = "2203A"
_NUMBER_NOT_FOUND: Final = "2203B"
_OBJECT_NOT_FOUND: Final = "2203C"
_ARRAY_NOT_FOUND: Final = "22039"
_SINGLETON_REQUIRED: Final = "22038"
_NON_NUMERIC: Final = "22036"
_BAD_SUBSCRIPT: Final = "22033"


def _error(message: str, state: str) -> DataError:
    return DataError(message, sqlstate=state)


class _Run:
    """One evaluation: the document, the variables, the mode."""

    def __init__(self, root: Any, variables: dict[str, Any], strict: bool) -> None:
        self.root, self.variables, self.strict = root, variables, strict
        self.lasts: list[int] = []
        self.forgiving = 0

    @property
    def complains(self) -> bool:
        """Whether what is not there is an error."""
        return self.strict and not self.forgiving

    def items(self, node: Node, current: Any) -> Iterator[Any]:
        """The items that an expression gives."""
        if is_predicate(node):
            yield self.truth(node, current)
            return
        yield from _EVALUATORS[node[0]](self, node, current)

    def _value(self, node: Node, current: Any) -> Iterator[Any]:
        yield node[1]

    def _variable(self, node: Node, current: Any) -> Iterator[Any]:
        if node[1] not in self.variables:
            raise _error(f'could not find jsonpath variable "{node[1]}"', "42704")
        yield self.variables[node[1]]

    def _root(self, node: Node, current: Any) -> Iterator[Any]:
        yield self.root

    def _current(self, node: Node, current: Any) -> Iterator[Any]:
        yield current

    def _last(self, node: Node, current: Any) -> Iterator[Any]:
        yield self.lasts[-1] - 1

    # accessors

    def _unwrapped(self, node: Node, current: Any) -> Iterator[Any]:
        """The items, in lax mode the elements in the place of an array."""
        for item in self.items(node, current):
            if isinstance(item, list) and not self.strict:
                yield from item
            else:
                yield item

    def _member(self, node: Node, current: Any) -> Iterator[Any]:
        _, inner, name = node
        for item in self._unwrapped(inner, current):
            if isinstance(item, dict):
                if name in item:
                    yield item[name]
                elif self.complains:
                    raise _error(f'JSON object does not contain key "{name}"', _MEMBER_NOT_FOUND)
            elif self.complains:
                raise _error("jsonpath member accessor can only be applied to an object", _MEMBER_NOT_FOUND)

    def _members(self, node: Node, current: Any) -> Iterator[Any]:
        for item in self._unwrapped(node[1], current):
            if isinstance(item, dict):
                yield from item.values()
            elif self.complains:
                raise _error("jsonpath wildcard member accessor can only be applied to an object", _OBJECT_NOT_FOUND)

    def _elements(self, node: Node, current: Any) -> Iterator[Any]:
        for item in self.items(node[1], current):
            if isinstance(item, list):
                yield from item
            elif not self.strict:
                yield item
            elif self.complains:
                raise _error("jsonpath wildcard array accessor can only be applied to an array", _ARRAY_NOT_FOUND)

    def _subscripts(self, node: Node, current: Any) -> Iterator[Any]:
        for item in self.items(node[1], current):
            if not isinstance(item, list):
                if self.complains:
                    raise _error("jsonpath array accessor can only be applied to an array", _ARRAY_NOT_FOUND)
                if self.strict:
                    continue
                item = [item]
            self.lasts.append(len(item))
            try:
                chosen = [e for low, high in node[2] for e in self._range(item, low, high, current)]
            finally:
                self.lasts.pop()
            yield from chosen

    def _range(self, items: list[Any], low: Node, high: Node | None, current: Any) -> list[Any]:
        first = self._index(low, current)
        last = first if high is None else self._index(high, current)
        if self.complains and (first < 0 or first > last or last >= len(items)):
            raise _error("jsonpath array subscript is out of bounds", _BAD_SUBSCRIPT)
        return items[max(first, 0) : max(last + 1, 0)]

    def _index(self, node: Node, current: Any) -> int:
        found = list(self.items(node, current))
        if len(found) != 1 or not _is_number(found[0]):
            raise _error("jsonpath array subscript is not a single numeric value", _BAD_SUBSCRIPT)
        return int(found[0])

    def _everything(self, node: Node, current: Any) -> Iterator[Any]:
        _, inner, low, high = node
        self.forgiving += 1
        try:
            for item in self.items(inner, current):
                yield from _descend(item, 0, low, high)
        finally:
            self.forgiving -= 1

    def _filter(self, node: Node, current: Any) -> Iterator[Any]:
        for item in self._unwrapped(node[1], current):
            if self.truth(node[2], item) is True:
                yield item

    # methods and arithmetic

    def _method(self, node: Node, current: Any) -> Iterator[Any]:
        _, inner, name = node
        if name == "type":
            for item in self.items(inner, current):
                yield kind(Jsonb.of_root(item))
        elif name == "size":
            for item in self.items(inner, current):
                if not isinstance(item, list) and self.complains:
                    raise _error("jsonpath item method .size() can only be applied to an array", _ARRAY_NOT_FOUND)
                yield len(item) if isinstance(item, list) else 1
        else:
            for item in self._unwrapped(inner, current):
                yield _double(item) if name == "double" else _rounded(item, name)

    def _sign(self, node: Node, current: Any) -> Iterator[Any]:
        for item in self._unwrapped(node[2], current):
            if not _is_number(item):
                raise _error(f"operand of unary jsonpath operator {node[1]} is not a numeric value", _NUMBER_NOT_FOUND)
            yield -item if node[1] == "-" else item

    def _arithmetic(self, node: Node, current: Any) -> Iterator[Any]:
        _, op, left, right = node
        a = self._operand("left", op, left, current)
        b = self._operand("right", op, right, current)
        yield _normal(_calculated(op, a, b))

    def _operand(self, side: str, op: str, node: Node, current: Any) -> Any:
        found = list(self._unwrapped(node, current))
        if len(found) != 1 or not _is_number(found[0]):
            raise _error(f"{side} operand of jsonpath operator {op} is not a single numeric value", _SINGLETON_REQUIRED)
        return found[0]

    # predicates

    def truth(self, node: Node, current: Any) -> bool | None:
        """True, False, or None for unknown."""
        name = node[0]
        if name in ("and", "or"):
            left, right = self.truth(node[1], current), self.truth(node[2], current)
            decisive = name == "or"
            return decisive if decisive in (left, right) else None if None in (left, right) else not decisive
        if name == "not":
            inner = self.truth(node[1], current)
            return None if inner is None else not inner
        if name == "unknown":
            return self.truth(node[1], current) is None
        if name == "exists":
            return self._exists(node[1], current)
        return self._some_pair(node, current)

    def _exists(self, node: Node, current: Any) -> bool | None:
        try:
            if self.strict:
                return bool(list(self.items(node, current)))
            return any(True for _ in self.items(node, current))
        except Error as error:
            if not _is_of_the_document(error):
                raise
            return None

    def _some_pair(self, node: Node, current: Any) -> bool | None:
        """Whether a test is true of some item, or some pair of items."""
        name = node[0]
        left_node = node[2] if name == "compare" else node[1]
        try:
            left = list(self._unwrapped(left_node, current))
            other = {"compare": 3, "starts": 2}.get(name)
            right = [None] if other is None else list(self._unwrapped(node[other], current))
        except Error as error:
            if not _is_of_the_document(error):
                raise
            return None
        test: Callable[[Any, Any], bool | None]
        if name == "compare":
            op = node[1]
            test = lambda a, b: _compared(op, a, b)
        elif name == "starts":
            test = _starts
        else:
            matcher = _matcher(node[2], node[3])
            test = lambda a, b: None if not isinstance(a, str) else matcher.is_found_in(a)
        return self._any_true(test, left, right)

    def _any_true(self, test: Callable[[Any, Any], bool | None], left: list[Any], right: list[Any]) -> bool | None:
        found, unknown = False, False
        for a in left:
            for b in right:
                outcome = test(a, b)
                if outcome is None:
                    if self.strict:
                        return None
                    unknown = True
                elif outcome:
                    if not self.strict:
                        return True
                    found = True
        return True if found else None if unknown else False


_EVALUATORS: Final[dict[str, Callable[[_Run, Node, Any], Iterator[Any]]]] = {
    name: getattr(_Run, f"_{name}")
    for name in (
        *("value", "variable", "root", "current", "last", "member", "members", "elements", "subscripts"),
        *("everything", "filter", "method", "sign", "arithmetic"),
    )
}


def _is_number(item: Any) -> bool:
    return isinstance(item, (int, Decimal)) and not isinstance(item, bool)


def _descend(item: Any, level: int, low: int, high: int) -> Iterator[Any]:
    """The item and all below it, at levels from `low` to `high`; -1 is the last: for `low` only what holds nothing."""
    below = list(item.values()) if isinstance(item, dict) else item if isinstance(item, list) else None
    if (not below if low == -1 else level >= low) and (high == -1 or level <= high):
        yield item
    if below and (high == -1 or level < high):
        for part in below:
            yield from _descend(part, level + 1, low, high)


def _double(item: Any) -> Any:
    if isinstance(item, str):
        try:
            number = float(item)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise _error(
                f'argument "{item}" of jsonpath item method .double() is invalid for type double precision',
                _NON_NUMERIC,
            )
    elif _is_number(item):
        number = float(item)
    else:
        raise _error("jsonpath item method .double() can only be applied to a string or numeric value", _NON_NUMERIC)
    return Jsonb(number).root


def _rounded(item: Any, name: str) -> Any:
    if not _is_number(item):
        raise _error(f"jsonpath item method .{name}() can only be applied to a numeric value", _NON_NUMERIC)
    if name == "abs":
        return abs(item)
    rounding = ROUND_FLOOR if name == "floor" else ROUND_CEILING
    return item if isinstance(item, int) else int(item.to_integral_value(rounding))


def _calculated(op: str, a: Any, b: Any) -> Any:
    if op == "/":
        return numeric_divide(a, b)
    if op == "%":
        return numeric_modulo(a, b)
    with localcontext(NUMERIC_CONTEXT):
        return a + b if op == "+" else a - b if op == "-" else a * b


def _normal(number: Any) -> Any:
    return Jsonb(number).root


def _compared(op: str, a: Any, b: Any) -> bool | None:
    if a is None or b is None:
        if a is None and b is None:
            return op in ("==", "<=", ">=")
        return op == "!="
    for classes in (bool, str, (int, Decimal)):
        if isinstance(a, classes) and isinstance(b, classes) and isinstance(a, bool) is isinstance(b, bool):
            return _ordered(op, a, b)
    return None


def _ordered(op: str, a: Any, b: Any) -> bool:
    match op:
        case "==":
            return bool(a == b)
        case "!=":
            return bool(a != b)
        case "<":
            return bool(a < b)
        case "<=":
            return bool(a <= b)
        case ">":
            return bool(a > b)
    return bool(a >= b)


def _starts(item: Any, beginning: Any) -> bool | None:
    if not isinstance(item, str) or not isinstance(beginning, str):
        return None
    return item.startswith(beginning)


def _matcher(pattern: str, flags: str) -> Expression:
    options = 0
    for flag in flags:
        if flag not in "isx" + "mq":
            raise _error(f'invalid input syntax: unrecognized flag character "{flag}" in LIKE_REGEX predicate', "42601")
        options |= {"i": re.IGNORECASE, "s": re.DOTALL, "m": re.MULTILINE}.get(flag, 0)
    if "x" in flags:
        raise NotSupportedError('XQuery "x" flag (expanded regular expressions) is not implemented')
    return compiled(re.escape(pattern), options) if "q" in flags else regular_expression(pattern, options)


# the functions


def _is_of_the_document(error: Error) -> bool:
    """Whether an error comes from what a document holds, which predicates and `silent` suppress."""
    return (error.sqlstate or "").startswith("22")


def _items(document: Jsonb, path: str, variables: Jsonb | None) -> tuple[Iterator[Any], bool]:
    """The items, and whether the path is strict."""
    parsed = parse_path(path)
    given = {} if variables is None else variables.root
    if not isinstance(given, dict):
        raise _error('"vars" argument is not an object', "22023")
    return _Run(document.root, given, parsed.strict).items(parsed.root, document.root), parsed.strict


def _evaluated(document: Jsonb, path: str, variables: Jsonb | None, silent: bool) -> list[Any]:
    """The items; those before an error that was suppressed."""
    found: list[Any] = []
    items, _ = _items(document, path, variables)
    try:
        found.extend(items)  # what came before an error stays
    except Error as error:
        if not silent or not _is_of_the_document(error):
            raise
    return found


def jsonb_path_exists(document: Jsonb, path: str, variables: Jsonb | None = None, silent: bool = False) -> bool | None:
    """``jsonb_path_exists``: whether the path gives an item."""
    items, strict = _items(document, path, variables)
    try:
        return bool(list(items)) if strict else any(True for _ in items)
    except Error as error:
        if not silent or not _is_of_the_document(error):
            raise
        return None


def jsonb_path_match(document: Jsonb, path: str, variables: Jsonb | None = None, silent: bool = False) -> bool | None:
    """``jsonb_path_match``: what the predicate says."""
    found = _evaluated(document, path, variables, silent)
    if len(found) == 1 and (found[0] is None or isinstance(found[0], bool)):
        return found[0]
    if silent:
        return None
    raise _error("single boolean result is expected", _SINGLETON_REQUIRED)


def jsonb_path_query(
    document: Jsonb, path: str, variables: Jsonb | None = None, silent: bool = False
) -> list[tuple[Jsonb]]:
    """``jsonb_path_query``: the items, one a row."""
    return [(Jsonb.of_root(item),) for item in _evaluated(document, path, variables, silent)]


def jsonb_path_query_array(document: Jsonb, path: str, variables: Jsonb | None = None, silent: bool = False) -> Jsonb:
    """``jsonb_path_query_array``: the items as an array."""
    return Jsonb.of_root(_evaluated(document, path, variables, silent))


def jsonb_path_query_first(
    document: Jsonb, path: str, variables: Jsonb | None = None, silent: bool = False
) -> Jsonb | None:
    """``jsonb_path_query_first``: the first item."""
    found = _evaluated(document, path, variables, silent)
    return Jsonb.of_root(found[0]) if found else None


def path_exists_operator(document: Jsonb, path: str) -> bool | None:
    """``document @? path``: errors of the document are unknown."""
    return jsonb_path_exists(document, path, None, True)


def path_match_operator(document: Jsonb, path: str) -> bool | None:
    """``document @@ path``."""
    return jsonb_path_match(document, path, None, True)
