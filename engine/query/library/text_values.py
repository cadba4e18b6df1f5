"""Texts: formatting, quoting, normal forms, parts of names (PostgreSQL's manual, section 9.4)."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from exdbsql.engine.query.runtime.text import checked_length
from exdbsql.schema import sqlstate
from exdbsql.schema.array import Array
from exdbsql.schema.errors import DataError
from exdbsql.schema.identifiers import quote_name, quote_text
from exdbsql.schema.text_types import value_to_text

_INVALID: Final = sqlstate.INVALID_PARAMETER_VALUE
_SPECIFIER: Final = re.compile(r"%(?:(\d+)\$)?(-)?(?:(\d+)|\*(?:(\d+)\$)?)?(.?)", re.DOTALL)


def format_text(template: str | None, *values: Any) -> str | None:
    """``format(template, ...)`` with %s, %I, %L, positions, widths."""
    if template is None:
        return None
    taken = [0]

    def value_at(position: str | None) -> Any:
        if position is not None:
            if position == "0":
                raise DataError("format specifies argument 0, but arguments are numbered from 1", sqlstate=_INVALID)
            taken[0] = int(position)
        else:
            taken[0] += 1
        if taken[0] > len(values):
            raise DataError("too few arguments for format()", sqlstate=_INVALID)
        return values[taken[0] - 1]

    def piece(found: re.Match[str]) -> str:
        position, minus, width, width_position, kind = found.groups()
        if found.group() == "%%":
            return "%"
        if "*" in found.group():
            width_value = value_at(width_position)
            size = 0 if width_value is None else int(width_value)
        else:
            size = int(width or 0)
        checked_length(abs(size))
        if kind not in "sIL" or not kind:
            what = f'unrecognized format() type specifier "{kind}"' if kind else "unterminated format() type specifier"
            raise DataError(what, sqlstate=_INVALID, hint='for a single "%" use "%%"')
        shown = _formatted(kind, value_at(position))
        return shown.ljust(abs(size)) if minus or size < 0 else shown.rjust(size)

    return _SPECIFIER.sub(piece, template)


def _formatted(kind: str, value: Any) -> str:
    if value is None:
        if kind == "I":
            raise DataError("null values cannot be formatted as an SQL identifier", sqlstate="22004")
        return "NULL" if kind == "L" else ""
    text = "t" if value is True else "f" if value is False else value_to_text(value)
    return quote_name(text) if kind == "I" else quote_literal(text) if kind == "L" else text


def quote_literal(value: Any) -> str:
    """``quote_literal``."""
    shown = quote_text(value_to_text(value))
    return "E" + shown.replace("\\", "\\\\") if "\\" in shown else shown


def quote_nullable(value: Any) -> str:
    """``quote_nullable``."""
    return "NULL" if value is None else quote_literal(value)


def normalize(text: str, form: str = "NFC") -> str:
    """``normalize``."""
    if form.upper() not in ("NFC", "NFD", "NFKC", "NFKD"):
        raise DataError(f"invalid normalization form: {form}", sqlstate=_INVALID)
    return unicodedata.normalize(form.upper(), text)  # type: ignore[arg-type]  # one of the four


def parse_ident(text: str) -> Array:
    """``parse_ident``: the parts of a qualified name."""
    parts, rest = [], text.strip()
    while True:
        found = re.match(r'\s*(?:"((?:[^"]|"")+)"|([A-Za-z_\x80-\U0010ffff][\w$]*))\s*', rest)
        if found is None:
            raise DataError(f'string is not a valid identifier: "{text}"', sqlstate=_INVALID)
        parts.append(found[1].replace('""', '"') if found[1] is not None else found[2].lower())
        rest = rest[found.end() :]
        if not rest:
            return Array.of_elements(tuple(parts))
        if rest[0] != ".":
            raise DataError(f'string is not a valid identifier: "{text}"', sqlstate=_INVALID)
        rest = rest[1:]


def unistr(text: str) -> str:
    """``unistr``: ``\\XXXX``, ``\\+XXXXXX``, ``\\uXXXX``, ``\\UXXXXXXXX`` as characters."""

    def character(found: re.Match[str]) -> str:
        digits = next((d for d in found.groups() if d), None)
        if digits is None:
            if found.group() == "\\\\":
                return "\\"
            raise DataError("invalid Unicode escape", sqlstate=sqlstate.SYNTAX_ERROR)
        return chr(int(digits, 16))

    return _UNICODE_ESCAPE.sub(character, text)


_UNICODE_ESCAPE: Final = re.compile(
    r"\\(?:([0-9a-fA-F]{4})|\+([0-9a-fA-F]{6})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|\\)|\\"
)
