"""DDL text to statements: CREATE and DROP of tables, indexes and enum types.

A recursive-descent parser over the tokens. sqlglot parses only the expressions within (see
:mod:`exdbsql.schema.expressions`): its own parser of DDL forgives and forgets a good deal (it falls back to an opaque
command, it drops positions), and a schema must be taken exactly or refused with the place of the mistake. It knows our
kinds of tables in both spellings, ``CREATE DISTRIBUTED TABLE t (...)`` and ``CREATE TABLE t (...) DISTRIBUTED``.

Refused by name: ALTER, views, sequences, schemas and the rest of PostgreSQL's DDL; partial, expression and covering
indexes. What a table may hold is in :mod:`exdbsql.schema.ddl_table`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from exdbsql.schema import sqlstate
from exdbsql.schema.ddl_statements import (
    CreateIndex,
    CreateTable,
    CreateType,
    DdlStatement,
    DropIndex,
    DropTable,
    DropType,
)
from exdbsql.schema.ddl_table import read_create_table, read_relation_name
from exdbsql.schema.ddl_types import read_create_type
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.statements import split_tokens
from exdbsql.schema.table import IndexColumn, IndexDef
from exdbsql.schema.table_rules import require_key_column
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.tokens import tokenize
from exdbsql.schema.types import SqlType

__all__ = [
    "CreateIndex",
    "CreateTable",
    "CreateType",
    "DdlStatement",
    "DropIndex",
    "DropTable",
    "DropType",
    "is_ddl",
    "located_ddl",
    "parse_ddl",
]

_NO_TYPES: Final[Mapping[str, SqlType]] = MappingProxyType({})
_DDL_WORDS = frozenset({"CREATE", "DROP", "ALTER", "TRUNCATE", "COMMENT", "RENAME"})
# Words that may stand between CREATE or DROP and the kind of thing: skipped to name the thing in the refusal.
_MODIFIERS = ("or", "replace", "materialized", "recursive", "trusted", "procedural", "foreign", "event", "constraint")


def parse_ddl(text: str, types: Mapping[str, SqlType] = _NO_TYPES) -> list[DdlStatement]:
    """The DDL statements of `text`, separated by semicolons.

    `types`: the types that the dictionary has already (:attr:`exdbsql.schema.dictionary.Dictionary.types`); those that
    `text` makes are known to the statements behind.

    Raises ProgrammingError (42601 and PostgreSQL's codes for wrong definitions), DataError (a default that does not
    fit) or NotSupportedError, each with `position` in `text`.
    """
    return [stmt for stmt, _ in located_ddl(text, types)]


def located_ddl(text: str, types: Mapping[str, SqlType] = _NO_TYPES) -> list[tuple[DdlStatement, int]]:
    """As `parse_ddl`, each statement with the offset where it begins."""
    located: list[tuple[DdlStatement, int]] = []
    known = dict(types)
    for tokens in split_tokens(tokenize(text)):
        reader = TokenReader(text, tokens, end=tokens[-1].end, types=known)
        stmt = read_ddl(reader)
        reader.expect_end()
        located.append((stmt, tokens[0].start))
        if isinstance(stmt, CreateType):
            known[stmt.type.name] = stmt.type
        elif isinstance(stmt, DropType):
            known = {name: made for name, made in known.items() if name not in stmt.names}
    return located


def is_ddl(keywords: tuple[str, ...]) -> bool:
    """Whether a statement with these first keywords (see `first_keywords`) is for `parse_ddl`."""
    return bool(keywords) and keywords[0] in _DDL_WORDS


def read_ddl(reader: TokenReader) -> DdlStatement:
    """One statement, consumed up to its end or to the first token that it cannot have."""
    start = reader.peek()
    if reader.accept("create"):
        if reader.next_is("index") or reader.next_is("unique", "index"):
            return _read_create_index(reader)
        if reader.accept("type"):
            return read_create_type(reader)
        stmt = read_create_table(reader)
        if stmt is not None:
            return stmt
    elif reader.accept("drop"):
        if reader.accept("table"):
            return DropTable(*_read_drop(reader)[::-1])
        if reader.accept("index"):
            return DropIndex(*_read_drop(reader)[::-1])
        if reader.accept("type"):
            return DropType(*_read_drop(reader, may_cascade=False)[::-1])
    elif start is None or not start.is_word(*(word.lower() for word in _DDL_WORDS)):
        raise _not_ddl(reader)
    else:
        reader.take()
    while reader.accept_one_of(*_MODIFIERS):
        pass
    thing = reader.peek()
    raise reader.not_supported(" ".join(token.value.upper() for token in (start, thing) if token), at=start)


def _not_ddl(reader: TokenReader) -> ProgrammingError:
    problem = reader.syntax_error(
        hint="Only CREATE TABLE, DROP TABLE and other statements that define something can be here."
    )
    problem.sqlstate = sqlstate.SYNTAX_ERROR
    return problem


def _read_drop(reader: TokenReader, *, may_cascade: bool = True) -> tuple[bool, tuple[str, ...]]:
    if_exists, names = False, []
    if reader.next_is("concurrently"):
        raise reader.not_supported("CONCURRENTLY")
    if reader.accept("if"):
        reader.expect("exists")
        if_exists = True
    names.append(read_relation_name(reader))
    while reader.accept_symbol(","):
        names.append(read_relation_name(reader))
    if not may_cascade and reader.next_is("cascade"):
        raise reader.not_supported("CASCADE here", hint="Drop first what depends on it.")
    # Nothing but a table's own indexes can depend on it, so that both mean the same.
    reader.accept_one_of("cascade", "restrict")
    return if_exists, tuple(names)


def _read_create_index(reader: TokenReader) -> CreateIndex:
    unique = reader.accept("unique")
    reader.expect("index")
    if reader.next_is("concurrently"):
        raise reader.not_supported("CONCURRENTLY")
    if_not_exists = reader.accept("if")
    if if_not_exists:
        reader.expect("not", "exists")
    name = "" if reader.next_is("on") and not if_not_exists else reader.name("a name of an index")
    reader.expect("on")
    if reader.next_is("only"):
        raise reader.not_supported("ON ONLY")
    table = read_relation_name(reader)
    if reader.accept("using") and not reader.accept_one_of("btree", "hash"):
        raise reader.not_supported("this index method", hint="Leave USING out: an index serves equality and ranges.")
    index = IndexDef(name, table, _read_index_columns(reader), unique)
    _refuse_index_options(reader)
    return CreateIndex(index, if_not_exists)


def _read_index_columns(reader: TokenReader) -> tuple[IndexColumn, ...]:
    columns: list[IndexColumn] = []
    reader.expect_symbol("(")
    while True:
        columns.append(_read_index_column(reader, columns))
        if not reader.accept_symbol(","):
            break
    reader.expect_symbol(")")
    return tuple(columns)


def _read_index_column(reader: TokenReader, before: list[IndexColumn]) -> IndexColumn:
    token, following = reader.peek(), reader.peek(1)
    if token is not None and (token.is_symbol("(") or (following is not None and following.is_symbol("("))):
        raise reader.not_supported("an expression in an index", hint="Only columns can be indexed.")
    name = reader.name("a column")
    with reader.at(token):
        # Whether the column exists is for the dictionary to say; that it comes once is seen here.
        require_key_column(name, (name,), [column.name for column in before])
    direction = reader.accept_one_of("asc", "desc")
    descending = direction is not None and direction.value == "desc"
    if reader.next_is("nulls"):
        default = ("nulls", "first") if descending else ("nulls", "last")
        if not reader.accept(*default):
            raise reader.not_supported("an index with NULLs at the other end", hint="Leave NULLS FIRST or LAST out.")
    elif (option := reader.peek()) is not None and not option.is_symbol(",", ")"):
        raise (
            reader.not_supported("a collation or operator class in an index")
            if direction is None
            else (reader.syntax_error())
        )
    return IndexColumn(name, descending)


def _refuse_index_options(reader: TokenReader) -> None:
    """Raises for what may follow the columns in PostgreSQL."""
    for words, what in (
        (("where",), "a partial index"),
        (("include",), "INCLUDE"),
        (("nulls", "not", "distinct"), "NULLS NOT DISTINCT"),
        (("with",), "WITH (...)"),
        (("tablespace",), "TABLESPACE"),
    ):
        if reader.next_is(*words):
            raise reader.not_supported(what)
