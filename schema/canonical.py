"""Canonical text of expressions and queries: the tokens that were written, with names folded, in one spacing.

Nothing is parsed and printed again: a printer for many dialects changes what it does not know (``->``, ``a[1]``, ``?``), and a definition
must mean for ever what was written. What is the same token by token is the same text: comments and blanks go, keywords are in
upper case, other unquoted names in lower case, a quoted name keeps its quotes where it needs them. Reading canonical text gives the same
tokens, and so the same text, again.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from exdbsql.schema.identifiers import RESERVED_WORDS, quote_name
from exdbsql.schema.name_places import name_places, words_of
from exdbsql.schema.tokens import Token, TokenKind, tokenize

_OPERATOR_CHARACTERS: Final = frozenset("+-*/<>=~!@#%^&|`?")
_OPERATOR_MAY_END_IN_SIGN: Final = frozenset("~!@#%^&|`?")
_KEYWORDS: Final = RESERVED_WORDS | frozenset(
    [
        "at",
        "by",
        "cascade",
        "cube",
        "day",
        "escape",
        "exclude",
        "filter",
        "first",
        "following",
        "groups",
        "hour",
        "last",
    ]
    + ["minute", "month", "nulls", "of", "over", "partition", "preceding", "range", "recursive", "rollup", "rows"]
    + ["second", "sets", "ties", "unbounded", "unknown", "within", "without", "year", "zone", "ordinality"]
)
_LIKE_FUNCTIONS: Final = frozenset(
    ["coalesce", "nullif", "greatest", "least", "extract", "position", "overlay", "substring", "trim", "left", "right"]
    + ["normalize", "row", "grouping", "cast", "treat", "char", "character", "varchar", "dec", "decimal", "numeric"]
    + ["float", "bit", "time", "timestamp", "interval", "overlaps", "localtime", "localtimestamp", "current_time"]
    + ["current_timestamp", "year", "month", "day", "hour", "minute", "second", "int", "integer", "bigint", "smallint"]
    + ["real", "precision", "boolean", "exists", "any", "some", "all", "array", "first", "last", "range", "similar"]
)
"""Keywords that stand right before a parenthesis, as functions and types do."""
_NAMES_OF_TYPES: Final = frozenset(
    ["bigint", "bit", "boolean", "char", "character", "dec", "decimal", "float", "int", "integer", "interval", "nchar"]
    + ["national", "numeric", "precision", "real", "smallint", "time", "timestamp", "varchar", "zone", "without", "day"]
    + ["year", "month", "hour", "minute", "second", "to", "with"]
)


def canonical_tokens(text: str, own_name: str | None = None) -> list[Token]:
    """The tokens of an expression or a query, operators in one piece, without the name of the own table before a column."""
    tokens = list(_with_operators(text, tokenize(text)))
    if own_name is None:
        return tokens
    kept: list[Token] = []
    skip = 0
    for i, token in enumerate(tokens):
        if skip:
            skip -= 1
            continue
        following = tokens[i + 1] if i + 1 < len(tokens) else None
        is_name = token.kind in (TokenKind.WORD, TokenKind.QUOTED_NAME) and token.value == own_name
        if is_name and following is not None and following.is_symbol(".") and not (kept and kept[-1].is_symbol(".")):
            skip = 1
            continue
        kept.append(token)
    return kept


def canonical_text(text: str, own_name: str | None = None) -> str:
    """The canonical text.

    Args:
        text: an expression or a query.
        own_name: of the table whose columns an expression names; None for a query.

    Raises ProgrammingError 42601 where a string, a quoted name or a comment has no end.
    """
    tokens = canonical_tokens(text, own_name)
    if own_name is not None:
        tokens = _without_outer_parentheses(tokens)
    return joined(text, tokens)


def joined(text: str, tokens: Sequence[Token]) -> str:
    """Tokens of `text` in the one spacing."""
    parts: list[str] = []
    for i in range(len(tokens)):
        if i and _needs_blank(tokens, i):
            parts.append(" ")
        parts.append(_shown(text, tokens, i))
    return "".join(parts)


def _shown(text: str, tokens: Sequence[Token], i: int) -> str:
    token = tokens[i]
    if token.kind is TokenKind.QUOTED_NAME:
        return quote_name(token.value)
    if token.kind is TokenKind.WORD:
        return token.value.upper() if _is_keyword(tokens, i) else token.value
    if token.kind is TokenKind.SYMBOL:
        return token.value
    return text[token.start : token.end]


def _is_keyword(tokens: Sequence[Token], i: int) -> bool:
    token = tokens[i]
    if token.kind is not TokenKind.WORD or token.value not in _KEYWORDS:
        return False
    if (i and tokens[i - 1].is_symbol(".", "::")) or token.value in _NAMES_OF_TYPES - {"to"}:
        return False
    following = tokens[i + 1] if i + 1 < len(tokens) else None
    if following is not None and following.is_symbol("."):
        return False
    return not (following is not None and following.is_symbol("(") and token.value in _LIKE_FUNCTIONS)


def _needs_blank(tokens: Sequence[Token], i: int) -> bool:
    """Whether a blank stands before token `i`."""
    before, token = tokens[i - 1], tokens[i]
    if token.is_symbol(",", ")", "]", ".", "::", ";", ":") or before.is_symbol("(", "[", ".", "::", ":"):
        return False
    if token.kind is TokenKind.PARAMETER and token.value[0] == ":":
        return False  # the upper bound of a slice
    if token.is_symbol("("):
        return not (
            before.kind is TokenKind.QUOTED_NAME or (before.kind is TokenKind.WORD and (not _is_keyword(tokens, i - 1)))
        ) and not before.is_symbol("(")
    if token.is_symbol("["):
        is_operand = before.kind in (TokenKind.WORD, TokenKind.QUOTED_NAME, TokenKind.PARAMETER)
        return not (is_operand or before.is_symbol(")", "]"))
    return not (_is_sign(tokens, i - 1) and not _is_operator(token))


def _is_operator(token: Token) -> bool:
    return token.kind is TokenKind.SYMBOL and token.value[0] in _OPERATOR_CHARACTERS


def _is_sign(tokens: Sequence[Token], i: int) -> bool:
    """Whether token `i` is a + or - before its only operand."""
    if not tokens[i].is_symbol("+", "-"):
        return False
    before = tokens[i - 1] if i else None
    return (
        before is None
        or _is_operator(before)
        or before.is_symbol("(", ",", "[", ":")
        or (before.value not in ("end", "null", "true", "false", "unknown") and _is_keyword(tokens, i - 1))
    )


def _without_outer_parentheses(tokens: list[Token]) -> list[Token]:
    while len(tokens) > 2 and tokens[0].is_symbol("(") and _closing(tokens) == len(tokens) - 1:
        inner = tokens[1:-1]
        if _is_row(inner):
            break
        tokens = inner
    return tokens


def _closing(tokens: Sequence[Token]) -> int:
    """Place of the parenthesis that closes the first token."""
    depth = 0
    for i, token in enumerate(tokens):
        depth += token.is_symbol("(", "[") - token.is_symbol(")", "]")
        if depth == 0:
            return i
    return -1


def _is_row(tokens: Sequence[Token]) -> bool:
    """Whether a comma stands outside of all parentheses, so that these tokens are a row."""
    depth = 0
    for token in tokens:
        depth += token.is_symbol("(", "[") - token.is_symbol(")", "]")
        if depth == 0 and token.is_symbol(","):
            return True
    return False


def _with_operators(text: str, tokens: Sequence[Token]) -> Iterator[Token]:
    """The tokens, with operator characters that stand side by side made one operator, as PostgreSQL reads them."""
    i = 0
    while i < len(tokens):
        run = i
        while (
            run < len(tokens)
            and _is_operator_piece(tokens[run])
            and (run == i or tokens[run - 1].end == tokens[run].start)
        ):
            run += 1
        if run == i:
            yield tokens[i]
            i += 1
            continue
        yield from _operators(text, tokens[i].start, tokens[run - 1].end)
        i = run


def _is_operator_piece(token: Token) -> bool:
    return token.kind in (TokenKind.SYMBOL, TokenKind.PARAMETER) and set(token.value) <= _OPERATOR_CHARACTERS


def _operators(text: str, start: int, end: int) -> Iterator[Token]:
    """PostgreSQL's rule (manual, section 4.1.3): an operator of several characters ends in + or - only if it has one of ~!@#%^&|`?."""
    length = end - start
    word = text[start:end]
    while length > 1 and word[length - 1] in "+-" and not _OPERATOR_MAY_END_IN_SIGN & set(word[:length]):
        length -= 1
    yield Token(TokenKind.SYMBOL, word[:length], start, start + length)
    if start + length < end:
        yield from _operators(text, start + length, end)


def called_name(text: str) -> str | None:
    """The name of the function that an expression consists of a call to, or None."""
    tokens = tokenize(text)
    if len(tokens) < 3 or tokens[0].kind is not TokenKind.WORD or not tokens[1].is_symbol("("):
        return None
    if tokens[0].is_word("cast", "array", "row", "not", "exists") or _closing(tokens[1:]) != len(tokens) - 2:
        return None
    return tokens[0].value


def shadow(text: str, *, expression: bool = False) -> str:
    """A text of the same length that a simpler parser reads: names and literals are where they are in `text`.

    Operators that it would not know, or would take for a parameter, become ``||``; a slice ``[a:b]`` becomes ``[a,b]``; the name of a type before a
    string goes, and the precision in ``interval second(2)``. Unquoted names begin with a letter that no word of any language has (`without_disguise` gives it back).
    """
    out = list(text)
    depth = 0
    tokens = list(_with_operators(text, tokenize(text)))
    for i in name_places(words_of(tokens), expression=expression):
        start = tokens[i].start
        if text[start].isascii():
            out[start] = chr(_DISGUISE + ord(text[start]))
    for i, token in enumerate(tokens):
        depth += token.is_symbol("[") - token.is_symbol("]")
        if _is_operator(token) and token.value not in _COMMON_OPERATORS:
            out[token.start : token.end] = ("||" if len(token.value) > 1 else "+").ljust(len(token.value))
        elif depth and (token.is_symbol(":") or (token.kind is TokenKind.PARAMETER and token.value[0] == ":")):
            out[token.start] = ","
        elif _is_type_before_string(tokens, i):
            out[token.start : token.end] = " " * (token.end - token.start)
        elif _is_precision_of_fields(tokens, i):
            out[token.start : tokens[i + 2].end] = " " * (tokens[i + 2].end - token.start)
    return "".join(out)


_DISGUISE: Final = 0xE000
"""Where the private-use characters begin."""


def without_disguise(name: str) -> str:
    """A name of the text that a `shadow` was made of."""
    first = ord(name[0]) - _DISGUISE if name else -1
    return chr(first) + name[1:] if 0 <= first < 128 else name


_COMMON_OPERATORS: Final = frozenset(
    ["+", "-", "*", "/", "%", "<", ">", "=", "<=", ">=", "<>", "!=", "||", "~", "~*", "!~", "!~*", "&", "|", "#", "^"]
)
_TYPES_BEFORE_STRINGS: Final = frozenset(["date", "time", "timestamp", "interval", "timestamptz"])


def _is_type_before_string(tokens: Sequence[Token], i: int) -> bool:
    token = tokens[i]
    following = tokens[i + 1] if i + 1 < len(tokens) else None
    if following is None or following.kind is not TokenKind.STRING:
        return False
    if token.kind is TokenKind.QUOTED_NAME:
        return True
    return token.kind is TokenKind.WORD and token.value not in _KEYWORDS and token.value not in _TYPES_BEFORE_STRINGS


def _is_precision_of_fields(tokens: Sequence[Token], i: int) -> bool:
    """Whether ``(2)`` of ``interval second(2)``, ``interval '1' day to second(2)`` begins here."""
    if not tokens[i].is_symbol("(") or i < 2 or not tokens[i - 1].is_word("second"):
        return False
    if i + 2 >= len(tokens) or tokens[i + 1].kind is not TokenKind.NUMBER or not tokens[i + 2].is_symbol(")"):
        return False
    at = i - 4 if tokens[i - 2].is_word("to") else i - 2
    if at > 0 and tokens[at].kind is TokenKind.STRING:
        at -= 1
    return at >= 0 and tokens[at].is_word("interval")


def types_before_strings(text: str) -> frozenset[str]:
    """The types in literals such as ``mood 'ok'``."""
    tokens = tokenize(text)
    return frozenset(token.value for i, token in enumerate(tokens) if _is_type_before_string(tokens, i))


def with_renamed_type(text: str, name: str, new_name: str) -> str:
    """Canonical text with a type called otherwise: behind ``::``, in a cast, before a string."""
    tokens = canonical_tokens(text)
    places = []
    casts: list[bool] = []
    for i, token in enumerate(tokens):
        before = tokens[i - 1] if i else None
        if token.is_symbol("("):
            casts.append(before is not None and before.is_word("cast"))
        elif token.is_symbol(")") and casts:
            casts.pop()
        is_name = token.kind in (TokenKind.WORD, TokenKind.QUOTED_NAME) and token.value == name
        in_cast = before is not None and before.is_word("as") and bool(casts) and casts[-1]
        after_colons = before is not None and before.is_symbol("::")
        if is_name and (after_colons or in_cast or _is_type_before_string(tokens, i)):
            places.append(token)
    for token in reversed(places):
        text = text[: token.start] + quote_name(new_name) + text[token.end :]
    return text
