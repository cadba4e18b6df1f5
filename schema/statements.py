"""Texts of several statements cut into single ones, and what a shell asks before it sends anything.

Statements end at semicolons outside strings, quoted names and comments. What is in them is not looked at.
"""

from itertools import islice
from typing import NamedTuple

from exdbsql.schema.tokens import Token, TokenKind, scan, tokenize


class StatementText(NamedTuple):
    """One statement, without its semicolon and without blanks and comments around it.

    Attributes:
        text: the statement.
        offset: where it begins in the whole text, in characters from 0.
    """

    text: str
    offset: int


def split_statements(text: str) -> list[StatementText]:
    """The statements of `text`, empty ones left out.

    Raises ProgrammingError 42601, with position, where a string, a quoted name or a comment has no end.
    """
    return [
        StatementText(text[tokens[0].start : tokens[-1].end], tokens[0].start)
        for tokens in split_tokens(tokenize(text))
    ]


def split_tokens(tokens: list[Token]) -> list[list[Token]]:
    """The tokens of each statement, without the semicolons; empty statements are left out."""
    groups: list[list[Token]] = [[]]
    for token in tokens:
        if token.is_symbol(";"):
            groups.append([])
        else:
            groups[-1].append(token)
    return [group for group in groups if group]


def is_complete(text: str) -> bool:
    """Whether `text` can be executed as it stands: it is blank, or ends with a semicolon outside strings and comments."""
    last = None
    for last in scan(text):  # noqa: B007  # the last one is what is wanted
        pass
    return last is None or last.is_symbol(";")


def first_keywords(text: str, count: int = 2) -> tuple[str, ...]:
    """The words that `text` begins with, at most `count`, in upper case; comments and opening parentheses are skipped.

    Reads no further than it must, so its cost does not grow with the text. Quoted names are no keywords.
    """
    words: list[str] = []
    for token in islice(scan(text), count + 64):
        if not words and token.is_symbol("(", ";"):
            continue
        if token.kind is not TokenKind.WORD or len(words) == count:
            break
        words.append(token.value.upper())
    return tuple(words)
