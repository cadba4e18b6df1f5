"""Type names in SQL to types: all of PostgreSQL's spellings of the types that we have, and hints for those that we lack.

The names are data (`_SIMPLE`, `_MISSING`); the grammar handles what takes words or parameters after the name.
"""

from typing import Final

from exdbsql.schema import sqlstate
from exdbsql.schema import types as t
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.identifiers import did_you_mean, quote_name
from exdbsql.schema.number_types import NUMERIC_MAX_PRECISION, NUMERIC_MAX_SCALE
from exdbsql.schema.text_types import MAX_LENGTH
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.tokens import Token, TokenKind, tokenize
from exdbsql.schema.types import SqlType

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
}
_NUMERIC: Final = ("numeric", "decimal", "dec")
_TEXT_WITH_LENGTH: Final = ("varchar", "character", "char", "bpchar")
_TEMPORAL: Final = ("time", "timestamp", "timestamptz")
_KNOWN: Final = (*_SIMPLE, *_NUMERIC, *_TEXT_WITH_LENGTH, *_TEMPORAL, "double precision", "float")

# Types of PostgreSQL, and habits from other databases, with what to use instead.
_MISSING: Final[dict[str, str | None]] = {
    "interval": None,
    "json": "Use text.",
    "jsonb": "Use text.",
    "timetz": "Use timestamptz.",
    "money": "Use numeric(p,s).",
    "serial": "Use integer, and give the values from your program.",
    "bigserial": "Use bigint, and give the values from your program.",
    "smallserial": "Use smallint, and give the values from your program.",
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


def parse_type(text: str) -> SqlType:
    """The type that `text` names, e.g. ``varchar(20)``, ``double precision``, ``timestamp(3) with time zone``.

    Raises ProgrammingError 42704 (no such type, with a hint) or 42601, 22023 (bad parameters), and
    NotSupportedError for types of PostgreSQL that we lack.
    """
    reader = TokenReader(text, tokenize(text))
    found = read_type(reader)
    reader.expect_end()
    return found


def read_type(reader: TokenReader) -> SqlType:
    """The type whose name comes next, consumed; raises what `parse_type` raises, with the position."""
    token = reader.peek()
    if token is None or token.kind not in (TokenKind.WORD, TokenKind.QUOTED_NAME):
        raise reader.syntax_error(expected="a type")
    if token.is_word("pg_catalog") and (dot := reader.peek(1)) is not None and dot.is_symbol("."):
        reader.take()
        reader.take()
        token = reader.peek() or token
    with reader.at(token):
        found = _read_plain_type(reader, reader.take())
    _refuse_array(reader)
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


def _refuse_array(reader: TokenReader) -> None:
    token = reader.peek()
    if token is not None and (token.is_symbol("[") or token.is_word("array")):
        raise reader.not_supported("an array type")


def _unknown(reader: TokenReader, token: Token) -> Exception:
    name = token.value
    if name in _MISSING:
        return reader.not_supported(f"the type {name}", at=token, hint=_MISSING[name])
    following = reader.peek()
    if following is not None and following.is_symbol("."):
        return reader.not_supported(f"a type in a schema ({quote_name(name)}. ...)", at=token)
    hint = f'Did you mean "{_ELSEWHERE[name]}"?' if name in _ELSEWHERE else did_you_mean(name, _KNOWN)
    return ProgrammingError(f'type "{name}" does not exist', sqlstate=sqlstate.UNDEFINED_OBJECT, hint=hint)
