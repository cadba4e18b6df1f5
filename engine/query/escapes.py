"""Strings with C-style escapes: ``E'...'`` (PostgreSQL's manual, section 4.1.2.2)."""

import re
from typing import Final

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import ProgrammingError

_ESCAPE: Final = re.compile(
    r"''|\\(?:(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9A-Fa-f]{1,2})|u(?P<short>[0-9A-Fa-f]{4})|U(?P<long>[0-9A-Fa-f]{8})|(?P<c>.))",
    re.DOTALL,
)
_LETTERS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def decode_escapes(source: str, start: int, statement: str) -> str:
    """The text that ``E'...'`` means; `source` is with prefix and quotes. Raises ProgrammingError (22P05, 22025)."""

    def decoded(found: re.Match[str]) -> str:
        if found.group() == "''":
            return "'"
        character = found["c"]
        if character is not None:
            if character in "uU":
                raise _wrong("invalid Unicode escape", start + found.start(), statement)
            return _LETTERS.get(character, character)
        base = 8 if found["octal"] else 16
        code = int(found["octal"] or found["hex"] or found["short"] or found["long"], base)
        if (found["octal"] or found["hex"]) and code > 127:
            raise _wrong("an escape of a byte beyond ASCII", start + found.start(), statement)
        if code == 0 or code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise _wrong("invalid Unicode escape value", start + found.start(), statement)
        return chr(code)

    return _ESCAPE.sub(decoded, source[2:-1])


def _wrong(message: str, position: int, statement: str) -> ProgrammingError:
    return ProgrammingError(
        message,
        sqlstate=sqlstate.SYNTAX_ERROR,
        position=position,
        statement=statement,
        hint="write the character itself, or \\uXXXX",
    )
