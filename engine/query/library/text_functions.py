"""Signatures of the functions of texts and bytes that need more than a Python expression."""

from typing import Any, Final

from exdbsql.engine.query.library import byte_values as b
from exdbsql.engine.query.library import formatting as f
from exdbsql.engine.query.library import regex_values as r
from exdbsql.engine.query.library import text_values as t
from exdbsql.engine.query.library.number_patterns import number_to_char
from exdbsql.engine.query.signatures import Function, Kind, Poly, Result
from exdbsql.schema.identifiers import quote_name
from exdbsql.schema.types import (
    BIGINT,
    BOOLEAN,
    BYTEA,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    array_of,
)

_TEXTS: Final = array_of(TEXT)
FUNCTIONS: Final[list[Function]] = []


def _add(name: str, args: tuple[Kind, ...], result: Result, function: Any, **more: Any) -> None:
    slots = ", ".join(f"{{{i}}}" for i in range(len(args))) if not more.get("variadic") else "{all}"
    names = ((function.__name__, function),)
    FUNCTIONS.append(Function(name, args, result, f"{function.__name__}({slots})", names=names, **more))


_add("format", (TEXT, Poly.ANY), TEXT, t.format_text, variadic=True, least=1, strict=False, nullable=True)
_add("quote_literal", (TEXT,), TEXT, t.quote_literal)
_add("quote_literal", (Poly.ELEMENT,), TEXT, t.quote_literal)
_add("quote_nullable", (TEXT,), TEXT, t.quote_nullable, strict=False)
_add("quote_nullable", (Poly.ELEMENT,), TEXT, t.quote_nullable, strict=False)
_add("quote_ident", (TEXT,), TEXT, quote_name)
for _flags in ((), (TEXT,)):
    _add("regexp_replace", (TEXT, TEXT, TEXT, *_flags), TEXT, r.regexp_replace)
    _add("regexp_match", (TEXT, TEXT, *_flags), _TEXTS, r.regexp_match, nullable=True)
    _add("regexp_matches", (TEXT, TEXT, *_flags), _TEXTS, r.regexp_matches, rows=(("regexp_matches", _TEXTS),))
    _add("regexp_split_to_array", (TEXT, TEXT, *_flags), _TEXTS, r.regexp_split_to_array)
    _add(
        "regexp_split_to_table",
        (TEXT, TEXT, *_flags),
        TEXT,
        r.regexp_split_to_table,
        rows=(("regexp_split_to_table", TEXT),),
    )
    _add("regexp_like", (TEXT, TEXT, *_flags), BOOLEAN, r.regexp_like_flags)
for _more in ((), (INTEGER,), (INTEGER, TEXT)):
    _add("regexp_count", (TEXT, TEXT, *_more), INTEGER, r.regexp_count)
for _n in range(6):
    _add("regexp_instr", (TEXT, TEXT, *(INTEGER, INTEGER, INTEGER, TEXT, INTEGER)[:_n]), INTEGER, r.regexp_instr)
for _n in range(5):
    _add("regexp_substr", (TEXT, TEXT, *(INTEGER, INTEGER, TEXT, INTEGER)[:_n]), TEXT, r.regexp_substr, nullable=True)
for _n in (1, 2, 3):
    _add("regexp_replace", (TEXT, TEXT, TEXT, *(INTEGER, INTEGER, TEXT)[:_n]), TEXT, r.regexp_replace_from)
_add("unistr", (TEXT,), TEXT, t.unistr)
_add("substring", (TEXT, TEXT), TEXT, r.substring_pattern, nullable=True)
_add("substring", (BYTEA, INTEGER), BYTEA, b.substring_bytes)
_add("substring", (BYTEA, INTEGER, INTEGER), BYTEA, b.substring_bytes)
_add("encode", (BYTEA, TEXT), TEXT, b.encode)
_add("decode", (TEXT, TEXT), BYTEA, b.decode)
_add("md5", (BYTEA,), TEXT, b.md5_of_bytes)
for _name in ("sha224", "sha256", "sha384", "sha512"):
    FUNCTIONS.append(Function(_name, (BYTEA,), BYTEA, f"digest({_name!r}, {{0}})", names=(("digest", b.digest),)))
_add("convert_to", (TEXT, TEXT), BYTEA, b.convert_to)
_add("convert_from", (BYTEA, TEXT), TEXT, b.convert_from)
_add("get_byte", (BYTEA, INTEGER), INTEGER, b.get_byte)
_add("set_byte", (BYTEA, INTEGER, INTEGER), BYTEA, b.set_byte)
_add("get_bit", (BYTEA, BIGINT), INTEGER, b.get_bit)
_add("set_bit", (BYTEA, BIGINT, INTEGER), BYTEA, b.set_bit)
_add("bit_count", (BYTEA,), BIGINT, b.bit_count)
for _name, _trim in (("btrim", b.trim_bytes), ("ltrim", b.trim_bytes_left), ("rtrim", b.trim_bytes_right)):
    _add(_name, (BYTEA, BYTEA), BYTEA, _trim)
_add("overlay", (BYTEA, BYTEA, INTEGER), BYTEA, b.overlay_bytes)
_add("overlay", (BYTEA, BYTEA, INTEGER, INTEGER), BYTEA, b.overlay_bytes)
FUNCTIONS.append(Function("strpos", (BYTEA, BYTEA), INTEGER, "({0}.find({1}) + 1)"))
_add("normalize", (TEXT,), TEXT, t.normalize)
_add("parse_ident", (TEXT,), _TEXTS, t.parse_ident)
FUNCTIONS.append(Function("bit_length", (TEXT,), INTEGER, "(8 * len({0}.encode()))"))
FUNCTIONS.append(Function("bit_length", (BYTEA,), INTEGER, "(8 * len({0}))"))
FUNCTIONS.append(Function("to_hex", (INTEGER,), TEXT, "format({0} & 0xffffffff, 'x')"))
FUNCTIONS.append(Function("to_hex", (BIGINT,), TEXT, "format({0} & 0xffffffffffffffff, 'x')"))

for _t in (TIMESTAMPTZ, TIMESTAMP):  # a date is taken for one with a time zone
    _add("to_char", (_t, TEXT), TEXT, f.moment_to_char)
_add("to_char", (INTERVAL, TEXT), TEXT, f.interval_to_char)
for _t in (INTEGER, NUMERIC, DOUBLE):
    _add("to_char", (_t, TEXT), TEXT, number_to_char)
_add("to_date", (TEXT, TEXT), DATE, f.to_date)
_add("to_timestamp", (TEXT, TEXT), TIMESTAMPTZ, f.to_timestamp)
_add("to_number", (TEXT, TEXT), NUMERIC, f.to_number)
