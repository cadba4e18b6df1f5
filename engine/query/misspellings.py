"""Hints for syntax errors: the keyword that a word near the error is probably meant to be, or the one that is missing.

The parser stops where it can go on no more, which is often a word behind the mistake: ``SELECT 1 FORM t`` has an alias ``form``, and the
error at ``t``. So the words around the place are compared with the keywords of queries and changes.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

from sqlglot.tokenizer_core import Token, TokenType

_KEYWORDS: Final = (
    *("select", "from", "where", "group", "order", "by", "having", "limit", "offset", "fetch", "union", "intersect"),
    *("except", "join", "left", "right", "full", "inner", "outer", "cross", "natural", "using", "lateral", "values"),
    *(
        "insert",
        "into",
        "update",
        "set",
        "delete",
        "returning",
        "merge",
        "matched",
        "then",
        "when",
        "case",
        "else",
        "end",
    ),
    *("with", "recursive", "distinct", "exists", "between", "like", "ilike", "similar", "and", "not", "null", "true"),
    *("false", "unknown", "asc", "desc", "nulls", "first", "last", "window", "partition", "over", "filter", "within"),
    *("rows", "range", "groups", "preceding", "following", "unbounded", "current", "conflict", "nothing", "default"),
)
_LIKENESS: Final = 0.74
_LIKENESS_OF_SHORT_WORDS: Final = 0.66
_WITH_BY: Final = frozenset({"group", "order", "partition"})
_PLACES: Final = (-1, 0, 1, -2)
"""The words that are compared, from the place of the error, the likeliest first."""


def keyword_hint(text: str, tokens: Sequence[Token], at: int) -> str | None:
    """A hint for a syntax error at token `at`; None where no word around it is like a keyword."""
    before = _word(text, tokens, at - 1)
    if before is not None and before.lower() in _WITH_BY:
        return f"write {before.upper()} BY"
    if 0 <= at < len(tokens) and tokens[at].token_type == TokenType.R_PAREN:
        return 'there is no "(" for it'
    best, likeness = None, _LIKENESS
    for place in _PLACES:
        word = _word(text, tokens, at + place)
        if word is None or len(word) < 2 or word.lower() in _KEYWORDS or word.lower() + "s" in _KEYWORDS:
            continue
        found, ratio = _closest(word.lower())
        if ratio > (likeness if len(word) > 4 or best is not None else _LIKENESS_OF_SHORT_WORDS):
            best, likeness = f'did you mean {found.upper()} instead of "{word}"?', ratio
    return best


def _closest(word: str) -> tuple[str, float]:
    ratios = ((SequenceMatcher(None, word, keyword).ratio(), keyword) for keyword in _KEYWORDS)
    ratio, keyword = max(ratios)
    return keyword, ratio


def _word(text: str, tokens: Sequence[Token], at: int) -> str | None:
    """The word that a token is; None for signs, numbers, strings and quoted names."""
    if not 0 <= at < len(tokens):
        return None
    word = text[tokens[at].start : tokens[at].end + 1]
    return word if word.isalpha() else None
