"""The types json and jsonb: conversions.

A json value is its text, kept as it was written (blanks, order and repetition of keys included) and known to be valid; it is
stored and fetched as `str`, and has no equality or order, as in PostgreSQL. A jsonb value is a document,
:class:`exdbsql.schema.jsonb.Jsonb`.

A `str` that is given for either is JSON text, as an untyped literal would be; dicts and lists are taken as documents. For
a string, number, boolean or null at the top write ``Jsonb(value)``: that a bare 1 or "x" was meant as JSON would be a guess.
"""

from typing import Any

from exdbsql.schema.array import Array
from exdbsql.schema.conversion import Conversions, mismatch
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.json_text import check_syntax
from exdbsql.schema.jsonb import Jsonb

_HINT = "Wrap the value: Jsonb(value)."


def json_conversions() -> Conversions:
    """Behaviour of json."""

    def coerce(value: Any) -> str | None:
        if value is None:
            return None
        return parse(value) if isinstance(value, str) else str(_document("json", value))

    def parse(text: str) -> str:
        check_syntax(text)
        return str.__str__(text)

    return Conversions(None, None, coerce, parse, str)


def jsonb_conversions() -> Conversions:
    """Behaviour of jsonb."""

    def coerce(value: Any) -> Jsonb | None:
        if type(value) is Jsonb or value is None:
            return value
        return Jsonb.parse(value) if isinstance(value, str) else _document("jsonb", value)

    return Conversions(Jsonb, "type({v}) is Jsonb", coerce, Jsonb.parse, str)


def _document(name: str, value: Any) -> Jsonb:
    if isinstance(value, (dict, list, tuple, Jsonb)) and not isinstance(value, Array):
        return Jsonb(value)
    problem: ProgrammingError = mismatch(name, value)
    if isinstance(value, (bool, int, float)):
        problem.hint = _HINT
    raise problem
