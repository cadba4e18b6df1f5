"""DDL text to statements, and where each of them is read.

A recursive-descent parser over the tokens. sqlglot parses only the expressions within (see
:mod:`exdbsql.schema.expressions`): its own parser of DDL forgives and forgets a good deal (it falls back to an opaque
command, it drops positions), and a schema must be taken exactly or refused with the place of the mistake. It knows our
kinds of tables in both spellings, ``CREATE DISTRIBUTED TABLE t (...)`` and ``CREATE TABLE t (...) DISTRIBUTED``.

Each kind of statement has a module of its own (``ddl_table``, ``ddl_alter``, ``ddl_indexes`` ...). The rest of PostgreSQL's
DDL is refused by name.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from exdbsql.schema.ddl_alter import read_alter_table
from exdbsql.schema.ddl_comments import read_comment
from exdbsql.schema.ddl_indexes import read_create_index
from exdbsql.schema.ddl_names import read_if_exists, read_relation_name
from exdbsql.schema.ddl_sequences import read_sequence_name, read_sequence_options
from exdbsql.schema.ddl_statements import (
    AlterIndex,
    AlterSequence,
    AlterTable,
    AlterView,
    CommentOn,
    CreateIndex,
    CreateSequence,
    CreateTable,
    CreateType,
    CreateView,
    DdlStatement,
    DropIndex,
    DropSequence,
    DropTable,
    DropType,
    DropView,
    command_tag,
)
from exdbsql.schema.ddl_table import read_create_table
from exdbsql.schema.ddl_types import read_alter_type, read_create_type
from exdbsql.schema.ddl_views import read_create_view
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.identifiers import did_you_mean
from exdbsql.schema.sequences import SequenceOptions
from exdbsql.schema.statements import split_tokens
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.tokens import Token, tokenize
from exdbsql.schema.types import SqlType

__all__ = [
    "AlterSequence",
    "AlterTable",
    "CommentOn",
    "CreateIndex",
    "CreateSequence",
    "CreateTable",
    "CreateType",
    "CreateView",
    "DdlStatement",
    "DropIndex",
    "DropSequence",
    "DropTable",
    "DropType",
    "DropView",
    "command_tag",
    "is_ddl",
    "located_ddl",
    "parse_ddl",
]

_NO_TYPES: Final[Mapping[str, SqlType]] = MappingProxyType({})
_THINGS: Final = ("table", "index", "view", "sequence", "type", "temporary")
_DDL_WORDS = frozenset({"CREATE", "DROP", "ALTER", "TRUNCATE", "COMMENT", "RENAME"})
# Words that may stand between CREATE or DROP and the kind of thing: skipped to name the thing in the refusal.
_TEMPORARY: Final = tuple((*scope, word) for scope in ((), ("local",), ("global",)) for word in ("temp", "temporary"))
"""LOCAL and GLOBAL mean nothing before them, as in PostgreSQL."""
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
    if start is None or not start.is_word(*(word.lower() for word in _DDL_WORDS)):
        raise _not_ddl(reader)
    reader.take()
    read = {"create": _read_create, "drop": _read_drop, "alter": _read_alter, "comment": _read_comment}.get(start.value)
    stmt = read(reader, start) if read is not None else None
    if stmt is not None:
        return stmt
    while reader.accept_one_of(*_MODIFIERS):
        pass
    thing = reader.peek()
    hint = None if thing is None else did_you_mean(thing.value.lower(), _THINGS)
    raise reader.not_supported(" ".join(token.value.upper() for token in (start, thing) if token), at=start, hint=hint)


def _not_ddl(reader: TokenReader) -> ProgrammingError:
    return reader.syntax_error(
        hint="Only CREATE TABLE, DROP TABLE and other statements that define something can be here."
    )


def _read_create(reader: TokenReader, start: Token) -> DdlStatement | None:
    if reader.next_is("index") or reader.next_is("unique", "index"):
        return read_create_index(reader)
    if reader.accept("type"):
        return read_create_type(reader)
    for modifiers in (("or", "replace"), ()):
        for scope in ((), *_TEMPORARY):
            if reader.accept(*modifiers, *scope, "view"):
                return read_create_view(reader, or_replace=bool(modifiers), is_temporary=bool(scope))
    for scope in ((), *_TEMPORARY):
        if reader.accept(*scope, "sequence"):
            name, if_not_exists = read_sequence_name(reader, new=True)
            return CreateSequence(name, read_sequence_options(reader), if_not_exists, is_temporary=bool(scope))
    return read_create_table(reader)


def _read_alter(reader: TokenReader, start: Token) -> DdlStatement | None:
    if reader.next_is("table"):
        reader.take()
        return read_alter_table(reader)
    if reader.next_is("sequence"):
        reader.take()
        name, if_exists = read_sequence_name(reader, new=False)
        if reader.accept("rename", "to"):
            return AlterSequence(name, SequenceOptions(), if_exists, reader.name("a name of a sequence"))
        return AlterSequence(name, read_sequence_options(reader, altering=True), if_exists)
    if reader.next_is("index") or reader.next_is("view"):
        return _read_rename(reader)
    if reader.accept("type"):
        return read_alter_type(reader)
    return None


def _read_rename(reader: TokenReader) -> DdlStatement:
    """INDEX or VIEW, a name, RENAME TO."""
    kind = reader.take()
    if_exists = read_if_exists(reader)
    name = read_relation_name(reader)
    if not reader.accept("rename", "to"):
        following = reader.peek()
        what = f"ALTER {kind.value.upper()}"
        raise reader.not_supported(what if following is None else f"{what} ... {following.value.upper()}")
    new_name = reader.name("a name")
    if kind.is_word("index"):
        return AlterIndex(name, new_name, if_exists)
    return AlterView(name, new_name, if_exists)


def _read_comment(reader: TokenReader, start: Token) -> DdlStatement:
    return read_comment(reader)


def _read_drop(reader: TokenReader, start: Token) -> DdlStatement | None:
    if reader.accept("table"):
        names, if_exists, cascade = _read_dropped(reader)
        return DropTable(names, if_exists, cascade)
    if reader.accept("index"):
        names, if_exists, _ = _read_dropped(reader)  # nothing depends on an index
        return DropIndex(names, if_exists)
    if reader.accept("type"):
        return DropType(*_read_dropped(reader))
    if reader.next_is("sequence"):
        reader.take()
        return DropSequence(*_read_dropped(reader))
    if reader.next_is("view"):
        reader.take()
        return DropView(*_read_dropped(reader))
    return None


def _read_dropped(reader: TokenReader) -> tuple[tuple[str, ...], bool, bool]:
    """The names, whether IF EXISTS stands before them, and whether CASCADE stands behind."""
    if reader.next_is("concurrently"):
        raise reader.not_supported("CONCURRENTLY")
    if_exists = read_if_exists(reader)
    names = [read_relation_name(reader)]
    while reader.accept_symbol(","):
        names.append(read_relation_name(reader))
    behaviour = reader.accept_one_of("cascade", "restrict")
    return tuple(names), if_exists, behaviour is not None and behaviour.value == "cascade"
