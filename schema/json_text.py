"""JSON text to plain values and back, by PostgreSQL's rules for json and jsonb.

The standard library's decoder reads the syntax, which is JSON's own; what it is lenient about (NaN, halves of surrogate pairs,
depth) and what PostgreSQL adds (order of keys, precision of numbers, U+0000) is here. A *root* is a document as plain
values: dict (keys in jsonb's order), list, str, bool, int, Decimal, None.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any, Final, NoReturn

from exdbsql.schema import sqlstate
from exdbsql.schema.conversion import shortened
from exdbsql.schema.errors import DataError
from exdbsql.schema.number_types import format_numeric, parse_json_number

MAX_DEPTH: Final = 256
"""Arrays and objects within each other in one document, at most."""
_MAX_PLAIN_DIGITS: Final = 4_000  # of an int that Python converts to and from text without complaint
_quoted: Callable[[str], str] = json.encoder.encode_basestring


def ordered(members: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A dict with the keys in the order that jsonb keeps; the last of equal keys counts."""
    found = dict(members)
    if len(found) < 2:
        return found
    return dict(sorted(found.items(), key=_member_order))


def _member_order(member: tuple[str, Any]) -> tuple[int, bytes]:
    key = member[0].encode("utf-8", "surrogatepass")
    return len(key), key


def write(node: Any) -> str:
    """A root as text, with PostgreSQL's blanks."""
    try:
        return _ENCODER.encode(node)
    except (TypeError, ValueError):  # a Decimal, or an int of very many digits
        return "".join(_pieces(node))


def _pieces(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        before = "{"
        for key, member in node.items():
            yield f"{before}{_quoted(key)}: "
            yield from _pieces(member)
            before = ", "
        yield "}" if node else "{}"
    elif isinstance(node, list):
        before = "["
        for element in node:
            yield before
            yield from _pieces(element)
            before = ", "
        yield "]" if node else "[]"
    elif isinstance(node, str):
        yield _quoted(node)
    elif isinstance(node, Decimal) or (isinstance(node, int) and not isinstance(node, bool)):
        yield format_numeric(Decimal(node))
    else:
        yield {True: "true", False: "false", None: "null"}[node]


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f'Token "{word}" is invalid.')


def number_of(text: str) -> int | Decimal:
    number = parse_json_number(text)
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent > 0 and number.adjusted() < _MAX_PLAIN_DIGITS:
        return int(number)
    return number


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) < _MAX_PLAIN_DIGITS else parse_json_number(text)


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False)
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=ordered, parse_float=number_of, parse_int=_integer, parse_constant=_refuse_constant
)
# The type json keeps the text: what its numbers and keys mean does not matter.
_SYNTAX: Final = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse_constant)


def check_syntax(text: str) -> None:
    """Raises DataError 22P02 where `text` is not JSON, 54001 where it is nested too deep."""
    _require_depth(_load(text, _SYNTAX), text)


def _load(text: str, decoder: json.JSONDecoder) -> Any:
    try:
        return decoder.decode(text)
    except RecursionError:
        raise too_deep() from None
    except ValueError as problem:
        where = f" (character {problem.pos + 1})" if isinstance(problem, json.JSONDecodeError) else ""
        message = f"invalid input syntax for type json: {shortened(text)!r}"
        detail = f"{problem.msg}{where}." if isinstance(problem, json.JSONDecodeError) else str(problem)
        raise DataError(message, sqlstate=sqlstate.INVALID_TEXT_REPRESENTATION, detail=detail) from None


def too_deep() -> DataError:
    message = f"JSON nested more than {MAX_DEPTH} levels deep"
    return DataError(message, sqlstate=sqlstate.STATEMENT_TOO_COMPLEX)


def _require_depth(root: Any, text: str) -> None:
    if text.count("[") + text.count("{") > MAX_DEPTH:
        require_levels(root, MAX_DEPTH)


def require_levels(root: Any, bound: int) -> None:
    """Raises where arrays and objects are nested more than `bound` levels deep; does not recurse itself."""
    level, depth = [root], 0
    while level := [node for node in level if isinstance(node, (dict, list))]:
        depth += 1
        if depth > bound:
            raise too_deep()
        level = [child for node in level for child in (node.values() if isinstance(node, dict) else node)]


def _check_strings(node: Any) -> None:
    if isinstance(node, str):
        check_text(node)
    elif isinstance(node, dict):
        for key, member in node.items():
            check_text(key)
            _check_strings(member)
    elif isinstance(node, list):
        for element in node:
            _check_strings(element)


def check_text(text: str) -> str:
    if "\0" in text:
        raise DataError("\\u0000 cannot be part of jsonb text", sqlstate=sqlstate.UNTRANSLATABLE_CHARACTER)
    try:
        text.encode()
    except UnicodeEncodeError:
        message = "invalid input syntax for type json: half of a surrogate pair"
        raise DataError(message, sqlstate=sqlstate.INVALID_TEXT_REPRESENTATION) from None
    return text


def parse_root(text: str) -> Any:
    """The root that JSON `text` stands for. Raises DataError 22P02, 22P05, 22003, 54001."""
    root = _load(text, _DECODER)
    _require_depth(root, text)
    if "\\u" in text:  # only escapes can bring in what is forbidden, or text that was no text before
        _check_strings(root)
    elif "\0" in text or not text.isascii():
        check_text(text)
    return root
