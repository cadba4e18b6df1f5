"""SQL text as tokens, by PostgreSQL's lexical rules (manual, section 4.1).

This is what lets us find our own words (DISTRIBUTED, LOCAL, SCATTER ...) and the ends of statements without being fooled
by strings, quoted names and comments. Positions are exact offsets into the text, for messages. sqlglot has a tokenizer
too; ours exists because an unfinished string must be told from a wrong one (a shell waits for the rest of it), because
sqlglot glues words such as PRIMARY KEY into tokens, and because one regular expression is quicker.
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.identifiers import fold


class TokenKind(Enum):
    """What a token is."""

    WORD = "word"  # keyword or unquoted name
    QUOTED_NAME = "quoted name"
    STRING = "string"
    NUMBER = "number"
    PARAMETER = "parameter"  # ?, :name, $1
    SYMBOL = "symbol"  # operators and punctuation
    UNFINISHED = "unfinished"  # a string, quoted name or comment whose end is missing; always the last token


class Token(NamedTuple):
    """One token.

    Attributes:
        kind: what it is.
        value: a word folded to lower case, a quoted name without its quotes, a string's content, else the text itself;
            for an unfinished token, what is missing.
        start: offset of its first character.
        end: offset behind its last character.
    """

    kind: TokenKind
    value: str
    start: int
    end: int

    def is_word(self, *words: str) -> bool:
        """Whether this is one of these keywords (in lower case), unquoted."""
        return self.kind is TokenKind.WORD and self.value in words

    def is_symbol(self, *symbols: str) -> bool:
        """Whether this is one of these symbols."""
        return self.kind is TokenKind.SYMBOL and self.value in symbols


_LEXICON = re.compile(
    r"""
      (?P<blank> (?: \s+ | --[^\n]* )+ )
    | (?P<comment> /\* )
    | (?P<escaped> [eE]'(?:[^'\\]|\\.|'')*(?P<escaped_end>')? )
    | (?P<string> [bBxXnN]?'(?:[^']|'')*(?P<string_end>')? )
    | (?P<quoted> "(?:[^"]|"")*(?P<quoted_end>")? )
    | (?P<dollar> \$(?:[^\W\d]\w*)?\$ )
    | (?P<parameter> \$\d+ | \? | (?<!:):[^\W\d]\w* )
    | (?P<number> 0[xXoObB]\w+ | (?:\d[\d_]*(?:\.(?!\.)[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)? )
    | (?P<word> [^\W\d][\w$]* )
    | (?P<symbol> ::|:=|=>|<>|!=|<=|>=|\|\||->>|->|\#>>|\#>|@>|<@|!~~\*|!~\*|!~|~\*|\.\.|. )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_CONTROL = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def scan(text: str, start: int = 0) -> Iterator[Token]:
    """The tokens of `text` one after the other, without blanks and comments; never raises.

    A text that ends within a string, a quoted name or a comment gives a last token of the kind UNFINISHED.
    """
    position = start
    while position < len(text):
        found = _LEXICON.match(text, position)
        assert found is not None, "the symbol alternative matches any character"
        kind = found.lastgroup
        if kind == "blank":
            position = found.end()
        elif kind == "comment":
            end = _comment_end(text, position)
            if end is None:
                yield Token(TokenKind.UNFINISHED, "/* comment", position, len(text))
                return
            position = end
        else:
            token = _token(text, found)
            yield token
            position = token.end


def tokenize(text: str) -> list[Token]:
    """The tokens of `text`; ProgrammingError 42601 where a string, a quoted name or a comment has no end."""
    tokens = list(scan(text))
    if tokens and tokens[-1].kind is TokenKind.UNFINISHED:
        raise unfinished_error(text, tokens[-1])
    return tokens


def unfinished_error(text: str, token: Token) -> ProgrammingError:
    """The error for a token of the kind UNFINISHED."""
    return ProgrammingError(
        f'unterminated {token.value} at or near "{text[token.start : token.start + 20]}"',
        sqlstate=sqlstate.SYNTAX_ERROR,
        position=token.start,
        statement=text,
    )


def _comment_end(text: str, start: int) -> int | None:
    """Offset behind the block comment that begins at `start`; comments nest. None where it has no end."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return None


def _token(text: str, found: re.Match[str]) -> Token:
    start, end = found.span()
    raw = found[0]
    if found["word"] is not None:
        return Token(TokenKind.WORD, fold(raw), start, end)
    if found["string"] is not None or found["escaped"] is not None:
        if found["string_end"] is None and found["escaped_end"] is None:
            return Token(TokenKind.UNFINISHED, "quoted string", start, len(text))
        return Token(TokenKind.STRING, _string_content(raw), start, end)
    if found["quoted"] is not None:
        if found["quoted_end"] is None:
            return Token(TokenKind.UNFINISHED, "quoted identifier", start, len(text))
        return Token(TokenKind.QUOTED_NAME, raw[1:-1].replace('""', '"'), start, end)
    if found["dollar"] is not None:
        close = text.find(raw, end)
        if close < 0:
            return Token(TokenKind.UNFINISHED, "dollar-quoted string", start, len(text))
        return Token(TokenKind.STRING, text[end:close], start, close + len(raw))
    if found["parameter"] is not None:
        return Token(TokenKind.PARAMETER, raw, start, end)
    return Token(TokenKind.NUMBER if found["number"] is not None else TokenKind.SYMBOL, raw, start, end)


def _string_content(raw: str) -> str:
    content = raw[raw.index("'") + 1 : -1].replace("''", "'")
    return _ESCAPE.sub(_unescape, content) if raw[0] in "eE" else content


def _unescape(found: re.Match[str]) -> str:
    octal, hexadecimal, short, long, other = found.groups()
    if other is not None:
        return _CONTROL.get(other, other)
    code = int(octal, 8) if octal else int(hexadecimal or short or long, 16)
    return chr(code) if code <= 0x10FFFF else "\ufffd"
