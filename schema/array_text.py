"""Text of arrays: PostgreSQL's ``{1,2,NULL}``, ``{{a,"b c"},{"\\"",""}}`` (manual, section 8.15.2 and 8.15.6).

Elements are separated by commas; one in double quotes, or with a backslash before a character, is taken literally; an
unquoted one loses the blanks around it, and NULL in any case is NULL. Bounds before the braces (``[1:3]={1,2,3}``) are read
where they begin at 1, which is what an array without them has.
"""

import re
from collections.abc import Callable
from typing import Any, Final, NoReturn

from exdbsql.schema import sqlstate
from exdbsql.schema.array import MAX_DIMENSIONS, Array, too_many_dimensions
from exdbsql.schema.conversion import shortened
from exdbsql.schema.errors import DataError, NotSupportedError

_BLANKS: Final = " \t\n\r\v\f"
_TOKEN = re.compile(
    r"""
      [\ \t\n\r\v\f]*
      (?: (?P<mark> [{},] )
        | "(?P<quoted> (?:[^"\\]|\\.)* )"
        | (?P<plain> (?:[^{},"\\]|\\.)+ )
      )
    """,
    re.VERBOSE | re.DOTALL,
)
_BOUNDS = re.compile(r"\s*((?:\[\s*(?:[+-]?\d+\s*:)?\s*[+-]?\d+\s*\]\s*)+)=", re.ASCII)
_BOUND = re.compile(r"\[\s*(?:([+-]?\d+)\s*:)?\s*([+-]?\d+)\s*\]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MUST_QUOTE = re.compile(r'[{},"\\ \t\n\r\v\f]|\Anull\Z|\A\Z', re.IGNORECASE)
_TO_ESCAPE = re.compile(r'(["\\])')


def parse_array(text: str, parse_element: Callable[[str], Any]) -> Array:
    """The array that `text` means. Raises DataError 22P02 for what is none, and what `parse_element` raises."""
    body, dimensions = _without_bounds(text)
    reader = _Reader(body, text, parse_element)
    made = reader.whole()
    if dimensions is not None and made.dimensions != dimensions:
        raise _malformed(text, "Specified array dimensions do not match array contents.")
    return made


def _without_bounds(text: str) -> tuple[str, tuple[int, ...] | None]:
    found = _BOUNDS.match(text)
    if found is None:
        return text, None
    dimensions = []
    for low, high in _BOUND.findall(found[1]):
        first, last = int(low or 1), int(high)
        if last < first:
            raise DataError("upper bound cannot be less than lower bound", sqlstate=sqlstate.ARRAY_SUBSCRIPT_ERROR)
        if first != 1:
            raise NotSupportedError("an array with a lower bound other than 1 is not supported")
        dimensions.append(last)
    return text[found.end() :], tuple(dimensions)


def _malformed(text: str, detail: str) -> DataError:
    message = f'malformed array literal: "{shortened(text)}"'
    return DataError(message, sqlstate=sqlstate.INVALID_TEXT_REPRESENTATION, detail=detail)


class _Reader:
    """Reads one literal from left to right."""

    def __init__(self, body: str, text: str, parse_element: Callable[[str], Any]) -> None:
        self._body = body
        self._text = text
        self._parse_element = parse_element
        self._next = 0

    def whole(self) -> Array:
        """The array, with nothing behind it."""
        if not self._body.lstrip(_BLANKS).startswith("{"):
            raise _malformed(self._text, 'Array value must start with "{" or dimension information.')
        self._take()
        made = self._inner(1, allow_empty=True)
        if self._body[self._next :].strip(_BLANKS):
            raise _malformed(self._text, "Junk after closing right brace.")
        return made

    def _take(self) -> re.Match[str]:
        found = _TOKEN.match(self._body, self._next)
        if found is None or (found["plain"] is not None and not found["plain"].strip(_BLANKS)):
            raise _malformed(self._text, "Unexpected end of input or array element.")
        self._next = found.end()
        return found

    def _inner(self, depth: int, *, allow_empty: bool) -> Array:
        """What follows an opening brace, up to and with the closing one."""
        if depth > MAX_DIMENSIONS:
            raise too_many_dimensions(depth)
        elements: list[Any] = []
        token = self._take()
        if token["mark"] == "}" and allow_empty:
            return Array()
        while True:
            elements.append(self._element(token, depth))
            separator = self._take()["mark"]
            if separator == "}":
                break
            if separator != ",":
                self._unexpected(separator or "array element")
            token = self._take()
        if len({isinstance(element, Array) for element in elements}) > 1:
            raise _malformed(self._text, "Unexpected array element.")
        if len({element.dimensions for element in elements if isinstance(element, Array)}) > 1:
            raise _malformed(self._text, "Multidimensional arrays must have sub-arrays with matching dimensions.")
        return Array.of_elements(tuple(elements))

    def _element(self, token: re.Match[str], depth: int) -> Any:
        if token["mark"] == "{":
            return self._inner(depth + 1, allow_empty=False)
        if token["mark"] is not None:
            self._unexpected(token["mark"])
        if token["quoted"] is not None:
            return self._parse_element(_ESCAPED.sub(r"\1", token["quoted"]))
        plain = _trimmed(token["plain"])
        return None if plain.lower() == "null" else self._parse_element(_ESCAPED.sub(r"\1", plain))

    def _unexpected(self, what: str) -> NoReturn:
        raise _malformed(self._text, f'Unexpected "{what}".' if len(what) == 1 else f"Unexpected {what}.")


def _trimmed(plain: str) -> str:
    """`plain` without the blanks at its end, of which a backslash keeps the one behind it."""
    cut = plain.rstrip(_BLANKS)
    backslashes = len(cut) - len(cut.rstrip("\\"))
    return cut + plain[len(cut)] if backslashes % 2 else cut


def format_array(array: Array, format_element: Callable[[Any], str]) -> str:
    """PostgreSQL's text of an array."""
    return "{" + ",".join([_format(element, format_element) for element in array.elements]) + "}"


def _format(element: Any, format_element: Callable[[Any], str]) -> str:
    if element is None:
        return "NULL"
    if isinstance(element, Array):
        return format_array(element, format_element)
    text = format_element(element)
    return '"' + _TO_ESCAPE.sub(r"\\\1", text) + '"' if _MUST_QUOTE.search(text) else text
