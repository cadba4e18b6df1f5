"""Texts: formatting, regular expressions, encodings, digests (PostgreSQL's manual, sections 9.4 to 9.7)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from functools import lru_cache
from typing import Any, Final

from exdbsql.engine.query.runtime.text import regular_expression
from exdbsql.schema import sqlstate
from exdbsql.schema.array import Array
from exdbsql.schema.errors import DataError, NotSupportedError
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


def quote_literal(text: str) -> str:
    """``quote_literal``."""
    shown = quote_text(text)
    return " E" + shown.replace("\\", "\\\\") if "\\" in text else shown


def quote_nullable(text: str | None) -> str:
    """``quote_nullable``."""
    return "NULL" if text is None else quote_literal(text)


# regular expressions


@lru_cache(maxsize=512)
def expression(pattern: str, flags: str) -> re.Pattern[str]:
    """A pattern with PostgreSQL's flags, as Python's."""
    options = 0
    for flag in flags:
        match flag:
            case "i":
                options |= re.IGNORECASE
            case "c":
                options &= ~re.IGNORECASE
            case "n" | "m":
                options |= re.MULTILINE
            case "x":
                options |= re.VERBOSE
            case "g" | "s" | "e":
                pass
            case _:
                raise DataError(f'invalid regular expression option: "{flag}"', sqlstate=_INVALID)
    if not options & re.MULTILINE:
        options |= re.DOTALL
    compiled = regular_expression(pattern, False)
    return re.compile(compiled.pattern, options)


_REPLACED: Final = re.compile(r"\\(\d|&|\\)")


def regexp_replace(text: str, pattern: str, new: str, flags: str = "") -> str:
    """``regexp_replace``: the first match, or all with flag g."""

    def replaced(found: re.Match[str]) -> str:
        return _REPLACED.sub(lambda m: _back(found, m.group(1)), new)

    return expression(pattern, flags).sub(replaced, text, count=0 if "g" in flags else 1)


def _back(found: re.Match[str], name: str) -> str:
    if name == "\\":
        return name
    number = 0 if name == "&" else int(name)
    return (found.group(number) or "") if number <= (found.re.groups or 0) else ""


def _groups(found: re.Match[str]) -> Array:
    return Array.of_elements(found.groups() or (found.group(),))


def regexp_match(text: str, pattern: str, flags: str = "") -> Array | None:
    """``regexp_match``."""
    if "g" in flags:
        raise DataError(
            'regexp_match() does not support the "global" option',
            sqlstate=_INVALID,
            hint="use the regexp_matches function instead",
        )
    found = expression(pattern, flags).search(text)
    return None if found is None else _groups(found)


def regexp_matches(text: str, pattern: str, flags: str = "") -> list[tuple[Array]]:
    """``regexp_matches``."""
    every = [(_groups(found),) for found in expression(pattern, flags).finditer(text)]
    return every if "g" in flags else every[:1]


def regexp_split(text: str, pattern: str, flags: str = "") -> list[str]:
    """The parts between the matches; a match of nothing at the ends, or right after a match, divides nothing."""
    parts, end = [], 0
    for found in expression(pattern, flags).finditer(text):
        if found.end() == found.start() and (found.start() in (0, len(text)) or found.start() == end):
            continue
        parts.append(text[end : found.start()])
        end = found.end()
    return [*parts, text[end:]]


def regexp_split_to_array(text: str, pattern: str, flags: str = "") -> Array:
    """``regexp_split_to_array``."""
    return Array.of_elements(tuple(regexp_split(text, pattern, flags)))


def regexp_split_to_table(text: str, pattern: str, flags: str = "") -> list[tuple[str]]:
    """``regexp_split_to_table``."""
    return [(part,) for part in regexp_split(text, pattern, flags)]


def regexp_count(text: str, pattern: str, start: int = 1, flags: str = "") -> int:
    """``regexp_count``."""
    return sum(1 for _ in expression(pattern, flags).finditer(text, max(0, start - 1)))


def regexp_like_flags(text: str, pattern: str, flags: str = "") -> bool:
    """``regexp_like``."""
    return expression(pattern, flags).search(text) is not None


def regexp_instr(text: str, pattern: str, start: int = 1, n: int = 1) -> int:
    """``regexp_instr``: where the n-th match begins; 0 for none."""
    for i, found in enumerate(expression(pattern, "").finditer(text, max(0, start - 1)), 1):
        if i == n:
            return found.start() + 1
    return 0


def regexp_substr(text: str, pattern: str, start: int = 1, n: int = 1, flags: str = "") -> str | None:
    """``regexp_substr``: the n-th match."""
    for i, found in enumerate(expression(pattern, flags).finditer(text, max(0, start - 1)), 1):
        if i == n:
            return found.group()
    return None


def substring_pattern(text: str, pattern: str) -> str | None:
    """``substring(text FROM pattern)``: the first group, or all that matches."""
    found = expression(pattern, "").search(text)
    if found is None:
        return None
    return found.group(1) if found.re.groups else found.group()


@lru_cache(maxsize=512)
def similar_matcher(pattern: str, escape: str) -> re.Pattern[str]:
    """A pattern of SIMILAR TO as Python's: % and _, and the operators of regular expressions."""
    if len(escape) > 1:
        raise DataError("invalid escape string", sqlstate="22019", hint="it must be empty or one character")
    out, i, in_class = [], 0, False
    while i < len(pattern):
        c = pattern[i]
        if escape and c == escape:
            i += 1
            if i == len(pattern):
                raise DataError("SIMILAR TO pattern must not end with escape character", sqlstate="22025")
            if pattern[i] == '"':
                raise NotSupportedError("a part between escaped double quotes in SIMILAR TO is not supported")
            out.append(re.escape(pattern[i]))
        elif in_class:
            in_class = c != "]"
            out.append("\\\\" if c == "\\" else c)
        elif c == "[":
            in_class = True
            out.append(c)
        else:
            out.append(".*" if c == "%" else "." if c == "_" else c if c in "()|*+?{}," else re.escape(c))
        i += 1
    source = "".join(out)
    try:
        return re.compile(regular_expression(f"(?:{source})", False).pattern, re.DOTALL)
    except re.error as error:  # pragma: no cover - regular_expression has compiled it
        raise DataError(f"invalid regular expression: {error}", sqlstate="2201B") from None


def similar_to(text: str, pattern: str, escape: str = "\\") -> bool:
    """``text SIMILAR TO pattern ESCAPE escape``."""
    return similar_matcher(pattern, escape).fullmatch(text) is not None


# encodings and digests


def encode(data: bytes, form: str) -> str:
    """``encode(bytes, 'hex' | 'base64' | 'escape')``."""
    match form.lower():
        case "hex":
            return data.hex()
        case "base64":
            whole = base64.b64encode(data).decode()
            return "\n".join(whole[i : i + 76] for i in range(0, len(whole), 76))
        case "escape":
            return "".join("\\\\" if b == 92 else f"\\{b:03o}" if b == 0 or b > 127 else chr(b) for b in data)
    raise DataError(f'unrecognized encoding: "{form}"', sqlstate=_INVALID, hint="one of base64, escape, hex")


def decode(text: str, form: str) -> bytes:
    """``decode(text, 'hex' | 'base64' | 'escape')``."""
    try:
        match form.lower():
            case "hex":
                return bytes.fromhex(text)
            case "base64":
                return base64.b64decode("".join(text.split()), validate=True)
            case "escape":
                return re.sub(
                    rb"\\(\\|[0-3][0-7]{2})",
                    lambda m: b"\\" if m[1] == b"\\" else bytes([int(m[1], 8)]),
                    text.encode(),
                )
    except (ValueError, binascii.Error):
        raise DataError(f"invalid {form.lower()} data", sqlstate=_INVALID) from None
    raise DataError(f'unrecognized encoding: "{form}"', sqlstate=_INVALID, hint="one of base64, escape, hex")


def digest(name: str, data: bytes) -> bytes:
    """A digest of SHA-2."""
    return hashlib.new(name, data, usedforsecurity=False).digest()


def md5_of_bytes(data: bytes) -> str:
    """``md5(bytea)``."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def convert_to(text: str, name: str) -> bytes:
    """``convert_to(text, encoding)``."""
    try:
        return text.encode(name)
    except (LookupError, UnicodeEncodeError):
        raise DataError(f'cannot convert to encoding "{name}"', sqlstate="22P05") from None


def convert_from(data: bytes, name: str) -> str:
    """``convert_from(bytes, encoding)``."""
    try:
        return data.decode(name)
    except (LookupError, UnicodeDecodeError):
        raise DataError(f'invalid byte sequence for encoding "{name}"', sqlstate="22021") from None


def get_byte(data: bytes, n: int) -> int:
    """``get_byte``."""
    if not 0 <= n < len(data):
        raise DataError(f"index {n} out of valid range, 0..{len(data) - 1}", sqlstate="2202E")
    return data[n]


def normalize(text: str, form: str = "NFC") -> str:
    """``normalize``."""
    if form.upper() not in ("NFC", "NFD", "NFKC", "NFKD"):
        raise DataError(f"invalid normalization form: {form}", sqlstate=_INVALID)
    return unicodedata.normalize(form.upper(), text)  # type: ignore[arg-type]


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


def substring_bytes(data: bytes, start: int, length: int | None = None) -> bytes:
    """``substring(bytea, start, length)``."""
    if length is not None and length < 0:
        raise DataError("negative substring length not allowed", sqlstate="22011")
    return data[max(0, start - 1) : None if length is None else max(0, start - 1 + length)]
