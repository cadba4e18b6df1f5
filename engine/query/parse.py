"""From text to sqlglot's syntax tree, with errors that say where.

sqlglot's PostgreSQL parser is lenient: it is a transpiler's, and takes texts that PostgreSQL refuses. What that would make
silently wrong is refused here on the token stream. The placeholders of the three styles (``?``, ``:name``, ``$1``) are
numbered there too, so that one kind of node (``$n``) reaches the binder whatever the style. Nothing here subclasses
sqlglot's parser, which its compiled form would not allow.
"""

import logging
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import get_ident
from typing import Final, Literal, NoReturn

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from exdbsql.engine.query.aggregates import AGGREGATE_NAMES, WINDOW_FUNCTIONS
from exdbsql.engine.query.functions import CALLED_PLAINLY as _FUNCTIONS
from exdbsql.engine.query.misspellings import keyword_hint
from exdbsql.engine.query.names_in_tokens import with_marked_names
from exdbsql.engine.query.nesting import require_depth
from exdbsql.engine.query.tokens import SPECIAL_FORMS, rewritten, without_catalog_names, without_overriding
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import NotSupportedError, OperationalError, ProgrammingError
from exdbsql.schema.identifiers import did_you_mean

CALLED_PLAINLY: Final = frozenset({*_FUNCTIONS, *AGGREGATE_NAMES, *WINDOW_FUNCTIONS, *SPECIAL_FORMS})
_VERBS: Final = frozenset(
    [
        "select",
        "with",
        "values",
        "insert",
        "update",
        "delete",
        "merge",
        "table",
        "truncate",
        "explain",
        "create",
        "alter",
        "drop",
        "begin",
        "start",
        "commit",
        "rollback",
        "savepoint",
        "release",
        "set",
        "show",
        "reset",
        "copy",
        "prepare",
        "execute",
        "deallocate",
        "scatter",
        "gather",
        "abort",
        "end",
        "lock",
        "comment",
        "grant",
        "revoke",
        "analyze",
        "vacuum",
        "call",
        "declare",
        "fetch",
        "close",
        "listen",
        "notify",
        "discard",
        "do",
        "cluster",
        "reindex",
        "refresh",
        "checkpoint",
    ]
)
_POSTGRES: Final = Dialect.get_or_raise("postgres")

_CANNOT_FOLLOW_A_COMMA: Final = frozenset(
    {
        TokenType.FROM,
        TokenType.WHERE,
        TokenType.GROUP_BY,
        TokenType.ORDER_BY,
        TokenType.HAVING,
        TokenType.LIMIT,
        TokenType.R_PAREN,
        TokenType.COMMA,
        TokenType.SEMICOLON,
        TokenType.RETURNING,
        TokenType.UNION,
    }
)
_NUMBER_AND_MORE: Final = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(\w*)")
_MAX_TEXT_LENGTH: Final = 16 * 1024 * 1024


@dataclass(slots=True)
class Placeholders:
    """The placeholders of one statement: their style, and for each use its number from 0.

    Attributes:
        style: ``qmark``, ``named``, ``numeric``, or None where there are none.
        names: the names of the named style, in order of their first use.
        count: how many values the statement takes.
    """

    style: Literal["qmark", "named", "numeric"] | None = None
    names: list[str] = field(default_factory=list)
    count: int = 0


@dataclass(frozen=True, slots=True)
class ParsedStatement:
    """A statement's tree, its text, its placeholders, and what its INSERT overrides (``system`` or ``user``)."""

    tree: exp.Expr
    text: str
    placeholders: Placeholders
    overriding: str | None = None


def parse_statement(
    text: str, functions: Collection[str] = CALLED_PLAINLY, types: Collection[str] = ()
) -> ParsedStatement:
    """Parse one statement; `functions` are the names that sqlglot shall not know better, `types` those of the enum types.

    Raises ProgrammingError (42601) with position for a syntax error, NotSupportedError for a statement that sqlglot
    does not read, OperationalError (54001) for one that is nested too deeply; RecursionError where there is no room (`nesting.deeply`).
    """
    if len(text) > _MAX_TEXT_LENGTH:
        raise OperationalError("the statement is longer than 16 MiB", sqlstate=sqlstate.PROGRAM_LIMIT_EXCEEDED)
    try:
        tokens = _POSTGRES.tokenize(text)
    except TokenError as error:
        raise syntax_error(text, len(text), "the statement ends inside a string, a name or a comment") from error
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        raise syntax_error(text, 0, "the statement is empty")
    _refuse_what_only_sqlglot_takes(tokens, text)
    _require_verb(tokens[0], text)
    require_depth(tokens)
    tokens, overriding = without_overriding(without_catalog_names(tokens))
    tokens = rewritten(with_marked_names(tokens), text, functions, types)
    tokens, placeholders = _number_placeholders(tokens, text)
    try:
        with _quietly():
            trees = _POSTGRES.parser().parse(tokens, text)
    except ParseError as error:
        _raise_syntax_error(text, tokens, error)
    if len(trees) != 1 or trees[0] is None:
        raise syntax_error(text, 0, "one statement is expected")
    if isinstance(trees[0], (exp.Condition, exp.Alias, exp.Tuple)) and not isinstance(trees[0], exp.Query):
        near = text[tokens[0].start : tokens[0].end + 1]
        raise syntax_error(text, tokens[0].start, f'syntax error at or near "{near}"', "a statement begins with a verb")
    if isinstance(trees[0], exp.Command):
        raise NotSupportedError(f"{str(trees[0].this).upper()} is not supported", position=0, statement=text)
    if overriding is not None and sum(1 for _ in trees[0].find_all(exp.Insert)) != 1:
        raise NotSupportedError("OVERRIDING beside several INSERTs is not supported", statement=text)
    return ParsedStatement(trees[0], text, placeholders, overriding)


_threads_that_parse: Final[set[int]] = set()
logging.getLogger("sqlglot").addFilter(lambda record: record.thread not in _threads_that_parse)


@contextmanager
def _quietly() -> Iterator[None]:
    """What sqlglot warns of is refused here by an error; the program's own calls of sqlglot keep their warnings."""
    thread = get_ident()
    _threads_that_parse.add(thread)
    try:
        yield
    finally:
        _threads_that_parse.discard(thread)


def _require_verb(token: Token, text: str) -> None:
    word = text[token.start : token.end + 1]
    if word.isalpha() and word.lower() not in _VERBS:
        described = "SHOW COLUMNS FROM t describes a table" if word.lower() in ("describe", "desc") else None
        hint = described or did_you_mean(word.lower(), _VERBS) or "a statement begins with a verb"
        raise syntax_error(text, token.start, f'syntax error at or near "{word}"', hint)


def syntax_error(text: str, position: int, message: str, hint: str | None = None) -> ProgrammingError:
    """A syntax error at `position` of `text`."""
    return ProgrammingError(
        message, sqlstate=sqlstate.SYNTAX_ERROR, position=max(0, position), statement=text, hint=hint
    )


def _raise_syntax_error(text: str, tokens: list[Token], error: ParseError) -> NoReturn:
    details = error.errors[0] if error.errors else {}
    line, column = details.get("line"), details.get("col")
    at = next((t for t in tokens if t.line == line and t.col == column), None)
    position = at.start if at is not None else len(text.rstrip())
    description = details.get("description") or "the statement cannot be read"
    near = text[at.start : at.end + 1] if at is not None else "end of statement"
    if near.upper() == "OVERRIDING":
        raise NotSupportedError("OVERRIDING is not supported", position=position, statement=text) from None
    hint = None
    if "Required keyword" in description:
        hint = "something is missing here"
    elif "Expecting" in description:
        hint = description[:1].lower() + description[1:]
    hint = keyword_hint(text, tokens, tokens.index(at) if at is not None else len(tokens)) or hint
    raise syntax_error(text, position, f'syntax error at or near "{near}"', hint) from None


def _refuse_what_only_sqlglot_takes(tokens: list[Token], text: str) -> None:
    if tokens[0].token_type == TokenType.DELETE and len(tokens) > 1 and tokens[1].token_type != TokenType.FROM:
        near = text[tokens[1].start : tokens[1].end + 1]
        hint = keyword_hint(text, tokens, 1) or "DELETE FROM table"
        raise syntax_error(text, tokens[1].start, f'syntax error at or near "{near}"', hint)
    previous = tokens[0].token_type
    for token in tokens[1:]:
        kind = token.token_type
        if previous == TokenType.COMMA and kind in _CANNOT_FOLLOW_A_COMMA:
            near = text[token.start : token.end + 1]
            raise syntax_error(text, token.start, f'syntax error at or near "{near}"', "remove the comma before it")
        if kind == TokenType.VALUES and token.text.upper() != "VALUES":
            raise syntax_error(text, token.start, f'syntax error at or near "{token.text}"', "did you mean VALUES?")
        if previous == kind == TokenType.STRING:
            raise syntax_error(text, token.start, "two strings stand side by side", "join them with ||")
        if kind == TokenType.SEMICOLON:
            raise syntax_error(text, token.start, "more than one statement", "pass them one by one")
        if kind == TokenType.NUMBER:
            _refuse_junk_after_number(token, text)
        if (
            kind == TokenType.PARAMETER
            and text[token.start] == "$"
            and not text[token.end + 1 : token.end + 2].isdigit()
        ):
            raise syntax_error(text, token.start, 'syntax error at or near "$"', "a placeholder is ?, :name, or $1")
        previous = kind
    if previous == TokenType.COMMA:
        raise syntax_error(text, tokens[-1].start, "syntax error at end of statement", "remove the comma before it")


def _refuse_junk_after_number(token: Token, text: str) -> None:
    """``1_000`` would be 1 with the name _000, and ``1e`` is no number."""
    found = _NUMBER_AND_MORE.match(text, token.start)
    if found is not None and found[1]:
        raise syntax_error(text, token.start, f'trailing junk after numeric literal at or near "{found[0]}"')


def _number_placeholders(tokens: list[Token], text: str) -> tuple[list[Token], Placeholders]:
    """Turn every placeholder into the two tokens of ``$n``."""
    found = Placeholders()
    out: list[Token] = []
    skip = False
    for i, token in enumerate(tokens):
        if skip:
            skip = False
            continue
        kind = token.token_type
        following = tokens[i + 1] if i + 1 < len(tokens) else None
        if kind == TokenType.PLACEHOLDER:
            _set_style(found, "qmark", token, text)
            found.count += 1
            out += _dollar(found.count, token)
        elif kind == TokenType.QDCOLON:  # another dialect's operator; here a placeholder with a cast behind it
            _set_style(found, "qmark", token, text)
            found.count += 1
            out += _dollar(
                found.count, Token(TokenType.PLACEHOLDER, "?", token.line, token.col, token.start, token.start)
            )
            out.append(Token(TokenType.DCOLON, "::", token.line, token.col, token.start + 1, token.end))
        elif kind == TokenType.PARAMETER and following is not None and following.start == token.end + 1:
            _set_style(found, "numeric", token, text)
            if text[token.start] == "@":
                raise NotSupportedError("the operator @ is not supported", position=token.start, statement=text)
            number = int(following.text) if following.text.isdigit() else 0
            if text[token.start] != "$" or not 1 <= number <= 65535:
                raise syntax_error(text, token.start, f'syntax error at or near "{token.text}{following.text}"')
            found.count = max(found.count, number)
            out.append(token)
        elif kind == TokenType.PARAMETER and text[token.start] == "@":
            raise NotSupportedError("the operator @ is not supported", position=token.start, statement=text)
        elif kind == TokenType.COLON and following is not None and following.start == token.end + 1:
            name = text[following.start : following.end + 1]
            if not name.isidentifier():
                raise syntax_error(text, token.start, 'syntax error at or near ":"')
            _set_style(found, "named", token, text)
            if name not in found.names:
                found.names.append(name)
            found.count = len(found.names)
            out += _dollar(found.names.index(name) + 1, token)
            skip = True
        else:
            out.append(token)
    return out, found


def _dollar(number: int, token: Token) -> Iterable[Token]:
    return (
        Token(TokenType.PARAMETER, "$", token.line, token.col, token.start, token.end),
        Token(TokenType.NUMBER, str(number), token.line, token.col, token.start, token.end),
    )


def _set_style(found: Placeholders, style: Literal["qmark", "named", "numeric"], token: Token, text: str) -> None:
    if found.style not in (None, style):
        raise ProgrammingError(
            f"placeholders of two styles ({found.style}, {style}) in one statement",
            sqlstate=sqlstate.SYNTAX_ERROR,
            position=token.start,
            statement=text,
            hint="use only ?, only :name, or only $1",
        )
    found.style = style
