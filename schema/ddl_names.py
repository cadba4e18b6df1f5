"""Names in DDL: of relations, and lists of columns."""

from typing import Final

from exdbsql.schema.identifiers import did_you_mean
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.tokens import Token, TokenKind

TEMPORARY_SCHEMA: Final = "pg_temp"


def read_relation_name(reader: TokenReader) -> str:
    """A name of a table or an index; ``public.`` before it is allowed, as we have just that schema.

    ``pg_temp.`` stays part of the name: the session knows its temporary tables.
    """
    token = reader.peek()
    name = reader.name("a name")
    if reader.accept_symbol("."):
        if name == TEMPORARY_SCHEMA:
            return f"{name}.{reader.name('a name')}"
        if name != "public":
            raise reader.not_supported(f'a schema other than public ("{name}")', at=token)
        name = reader.name("a name")
    return name


def read_column_names(reader: TokenReader) -> list[tuple[str, Token | None]]:
    """Names of columns in parentheses, each with its token."""
    reader.expect_symbol("(")
    parts: list[tuple[str, Token | None]] = []
    while True:
        token = reader.peek()
        parts.append((reader.name("a column"), token))
        if not reader.accept_symbol(","):
            break
    reader.expect_symbol(")")
    return parts


def read_if_exists(reader: TokenReader) -> bool:
    """Consumes IF EXISTS, if it comes next."""
    if not _accept_if(reader, "exists"):
        return False
    reader.expect("exists")
    return True


def read_if_not_exists(reader: TokenReader) -> bool:
    """Consumes IF NOT EXISTS, if it comes next."""
    if not _accept_if(reader, "not", "exists"):
        return False
    reader.expect("not", "exists")
    return True


def _accept_if(reader: TokenReader, *expected: str) -> bool:
    """Consumes IF before one of these words, or before one that is probably meant to be: ``if`` is a name elsewhere."""
    following = reader.peek(1)
    if following is None or following.kind is not TokenKind.WORD:
        return False
    return did_you_mean(following.value, expected) is not None and reader.accept("if")
