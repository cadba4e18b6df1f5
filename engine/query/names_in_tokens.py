"""Names among sqlglot's tokens that are words of some dialect too, marked so that its parser takes them for names."""

from typing import Final

from sqlglot.tokenizer_core import Token, TokenType

from exdbsql.engine.query.tokens import MARK
from exdbsql.schema.name_places import QUOTED, STRING, VALUE, name_places

_STAND_FOR: Final = {
    TokenType.IDENTIFIER: QUOTED,
    TokenType.STRING: STRING,
    TokenType.RAW_STRING: STRING,
    TokenType.BYTE_STRING: STRING,
    TokenType.HEX_STRING: STRING,
    TokenType.BIT_STRING: STRING,
    TokenType.NATIONAL_STRING: STRING,
    TokenType.HEREDOC_STRING: STRING,
    TokenType.UNICODE_STRING: STRING,
    TokenType.NUMBER: VALUE,
    TokenType.PLACEHOLDER: VALUE,
    TokenType.QDCOLON: "::",  # a placeholder and a cast in one token
}


def with_marked_names(tokens: list[Token]) -> list[Token]:
    """The tokens, with `MARK` before each unquoted name that can be nothing else (`name_places`)."""
    words: list[str] = []
    places: list[int] = []
    for i, token in enumerate(tokens):
        word = _STAND_FOR.get(token.token_type) or token.text.lower()
        if " " in word:  # GROUP BY is one token
            parts = word.split()
            words += parts
            places += [i] * len(parts)
        else:
            words.append(word)
            places.append(i)
    out = list(tokens)
    for place in name_places(words):
        token = tokens[places[place]]
        if len(token.text) == len(words[place]):
            name = MARK + words[place]
            out[places[place]] = Token(
                TokenType.VAR, name, token.line, token.col, token.start, token.end, token.comments
            )
    return out
