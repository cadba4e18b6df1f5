"""Type names in SQL to types: all of PostgreSQL's spellings of the types that we have, and hints for those that we lack.

The names are data (`_SIMPLE`, `_MISSING`); the grammar handles what takes words or parameters after the name.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from exdbsql.schema import sqlstate
from exdbsql.schema import types as t
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.identifiers import did_you_mean, quote_name
from exdbsql.schema.interval_fields import FIELDS
from exdbsql.schema.number_types import NUMERIC_MAX_PRECISION, NUMERIC_MAX_SCALE
from exdbsql.schema.text_types import MAX_LENGTH
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.tokens import Token, TokenKind, tokenize
from exdbsql.schema.types import SqlType, array_of

_SIMPLE: Final[dict[str, SqlType]] = {
    "bool": t.BOOLEAN,
    "boolean": t.BOOLEAN,
    "int2": t.SMALLINT,
    "smallint": t.SMALLINT,
    "int": t.INTEGER,
    "int4": t.INTEGER,
    "integer": t.INTEGER,
    "int8": t.BIGINT,
    "bigint": t.BIGINT,
    "float4": t.REAL,
    "real": t.REAL,
    "float8": t.DOUBLE,
    "text": t.TEXT,
    "bytea": t.BYTEA,
    "date": t.DATE,
    "uuid": t.UUID,
    "json": t.JSON,
    "jsonb": t.JSONB,
}
_NUMERIC: Final = ("numeric", "decimal", "dec")
_TEXT_WITH_LENGTH: Final = ("varchar", "character", "char", "bpchar")
_TEMPORAL: Final = ("time", "timestamp", "timestamptz")
_INTERVAL_UNITS: Final = ("year", "month", "day", "hour", "minute", "second")
_NO_TYPES: Final[Mapping[str, SqlType]] = MappingProxyType({})
_KNOWN: Final = (*_SIMPLE, *_NUMERIC, *_TEXT_WITH_LENGTH, *_TEMPORAL, "interval", "double precision", "float")

# Types of PostgreSQL, and habits from other databases, with what to use instead.
_MISSING: Final[dict[str, str | None]] = {
    "timetz": "Use timestamptz.",
    "money": "Use numeric(p,s).",
    "serial": "It is for columns of CREATE TABLE; here use integer.",
    "bigserial": "It is for columns of CREATE TABLE; here use bigint.",
    "smallserial": "It is for columns of CREATE TABLE; here use smallint.",
    "xml": "Use text.",
    "bit": "Use bytea.",
    "varbit": "Use bytea.",
    "inet": "Use text.",
    "cidr": "Use text.",
    "macaddr": "Use text.",
    "point": None,
    "tsvector": None,
    "oid": "Use bigint.",
    "name": "Use text.",
}
_ELSEWHERE: Final[dict[str, str]] = {
    "string": "text",
    "str": "text",
    "clob": "text",
    "nvarchar": "character varying",
    "varchar2": "character varying",
    "blob": "bytea",
    "binary": "bytea",
    "bytes": "bytea",
    "varbinary": "bytea",
    "datetime": "timestamp",
    "double": "double precision",
    "tinyint": "smallint",
    "mediumint": "integer",
    "int64": "bigint",
    "number": "numeric",
    "guid": "uuid",
    "uniqueidentifier": "uuid",
}


def is_built_in(name: str) -> bool:
    """Whether a folded name means a type that every database has, or one of PostgreSQL's that we lack."""
    return name in _KNOWN or name in _MISSING


def parse_type(text: str, types: Mapping[str, SqlType] = _NO_TYPES) -> SqlType:
    """The type that `text` names, e.g. ``varchar(20)``, ``timestamp(3) with time zone``, ``integer[]``.

    `types`: those that CREATE TYPE made, by name (:attr:`exdbsql.schema.dictionary.Dictionary.types`).

    Raises ProgrammingError 42704 (no such type, with a hint) or 42601, 22023 (bad parameters), and
    NotSupportedError for types of PostgreSQL that we lack.
    """
    reader = TokenReader(text, tokenize(text), types=types)
    found = read_type(reader)
    reader.expect_end()
    return found


def read_type(reader: TokenReader) -> SqlType:
    """The type whose name comes next, consumed; raises what `parse_type` raises, with the position."""
    token = reader.peek()
    if token is None or token.kind not in (TokenKind.WORD, TokenKind.QUOTED_NAME):
        raise reader.syntax_error(expected="a type")
    schema = _read_schema(reader, token)
    token = reader.peek() or token
    with reader.at(token):
        name = reader.take()
        made = reader.types.get(name.value)
        if made is None or schema == "pg_catalog" or (schema is None and is_built_in(name.value)):
            found = _read_plain_type(reader, name)
        else:
            found = made
    return array_of(found) if _read_array_suffix(reader) else found


def _read_schema(reader: TokenReader, token: Token) -> str | None:
    """Consumes ``pg_catalog.`` or ``public.``, and gives it."""
    dot = reader.peek(1)
    if dot is None or not dot.is_symbol(".") or token.value not in ("pg_catalog", "public"):
        return None
    reader.take()
    reader.take()
    return token.value


def _read_array_suffix(reader: TokenReader) -> bool:
    """Consumes ``[]``, ``[3]``, ``[][]``, ``ARRAY``, ``ARRAY[3]``; PostgreSQL ignores the numbers too."""
    found = reader.accept("array")
    while reader.accept_symbol("["):
        found = True
        if not reader.accept_symbol("]"):
            reader.integer("a size or a closing bracket")
            reader.expect_symbol("]")
    return found


def _read_plain_type(reader: TokenReader, token: Token) -> SqlType:
    name = token.value
    if name in _SIMPLE:
        return _SIMPLE[name]
    if name in _NUMERIC:
        return _numeric(reader)
    if name in _TEXT_WITH_LENGTH:
        return _text_with_length(reader, name)
    if name in _TEMPORAL:
        return _temporal(reader, name)
    if name == "interval":
        return _interval(reader)
    if name == "double" and reader.accept("precision"):
        return t.DOUBLE
    if name == "float":
        return _float(reader)
    raise _unknown(reader, token)


def _numeric(reader: TokenReader) -> SqlType:
    if not reader.accept_symbol("("):
        return t.NUMERIC
    precision = _bounded(reader, "numeric precision", 1, NUMERIC_MAX_PRECISION)
    scale = _bounded(reader, "numeric scale", -NUMERIC_MAX_SCALE, NUMERIC_MAX_SCALE) if reader.accept_symbol(",") else 0
    reader.expect_symbol(")")
    return t.numeric(precision, scale)


def _text_with_length(reader: TokenReader, name: str) -> SqlType:
    varying = name == "varchar" or (name in ("character", "char") and reader.accept("varying"))
    if reader.accept_symbol("("):
        length = _bounded(reader, "length for type " + ("varchar" if varying else "char"), 1, MAX_LENGTH)
        reader.expect_symbol(")")
        return t.varchar(length) if varying else t.char(length)
    if name == "bpchar":
        raise reader.not_supported("the type bpchar without a length", hint="Use char(n) or text.")
    return t.VARCHAR if varying else t.char(1)


def _temporal(reader: TokenReader, name: str) -> SqlType:
    precision = None
    if reader.accept_symbol("("):
        precision = _bounded(reader, f"{name} precision", 0, 6)
        reader.expect_symbol(")")
    zoned = name == "timestamptz"
    if not zoned and reader.accept("with", "time", "zone"):
        zoned = True
    elif not zoned:
        reader.accept("without", "time", "zone")
    if name == "time":
        if zoned:
            raise reader.not_supported("the type time with time zone", hint=_MISSING["timetz"])
        return SqlType("time without time zone", precision=precision)
    return SqlType(f"timestamp {'with' if zoned else 'without'} time zone", precision=precision)


def _interval(reader: TokenReader) -> SqlType:
    start = reader.peek()
    fields = _interval_fields(reader)
    with reader.at(start):
        if fields is not None and fields not in FIELDS:
            message = f"an interval has no fields {fields.upper()}"
            raise ProgrammingError(
                message, sqlstate=sqlstate.SYNTAX_ERROR, hint=f"there are {', '.join(sorted(FIELDS))}"
            )
    precision = None
    if (fields is None or fields.endswith("second")) and reader.accept_symbol("("):
        precision = _bounded(reader, "interval precision", 0, 6)
        reader.expect_symbol(")")
    return SqlType("interval", precision=precision, fields=fields)


def _interval_fields(reader: TokenReader) -> str | None:
    """Consumes ``DAY``, ``DAY TO SECOND``."""
    first = reader.accept_one_of(*_INTERVAL_UNITS)
    if first is None or not reader.accept("to"):
        return first and first.value
    last = reader.accept_one_of(*_INTERVAL_UNITS)
    if last is None:
        raise reader.syntax_error(expected="a field of an interval")
    return f"{first.value} to {last.value}"


def _float(reader: TokenReader) -> SqlType:
    """``float(p)``: p counts bits; up to 24 real, up to 53 double precision."""
    if not reader.accept_symbol("("):
        return t.DOUBLE
    bits = _bounded(reader, "precision for type float", 1, 53)
    reader.expect_symbol(")")
    return t.REAL if bits <= 24 else t.DOUBLE


def _bounded(reader: TokenReader, what: str, low: int, high: int) -> int:
    token = reader.peek()
    value = reader.integer("a whole number")
    if not low <= value <= high:
        with reader.at(token):
            message = f"{what} {value} must be between {low} and {high}"
            raise ProgrammingError(message, sqlstate=sqlstate.INVALID_PARAMETER_VALUE)
    return value


def _unknown(reader: TokenReader, token: Token) -> Exception:
    name = token.value
    if name in _MISSING:
        return reader.not_supported(f"the type {name}", at=token, hint=_MISSING[name])
    following = reader.peek()
    if following is not None and following.is_symbol("."):
        return reader.not_supported(f"a type in a schema ({quote_name(name)}. ...)", at=token)
    hint = f'did you mean "{_ELSEWHERE[name]}"?' if name in _ELSEWHERE else did_you_mean(name, (*_KNOWN, *reader.types))
    return ProgrammingError(f'type "{name}" does not exist', sqlstate=sqlstate.UNDEFINED_OBJECT, hint=hint)
