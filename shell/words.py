"""Words of SQL text, cut without judging them: for completion, highlighting of danger, and variables.

The parser proper refuses unfinished text; while somebody types, text is always unfinished. So the shell has this one
regular expression of its own, after PostgreSQL's manual, section 4.1 (Lexical Structure): it never fails, and an
unterminated string or comment reaches to the end of the text. Whether a statement is complete is *not* decided here;
that is :func:`exdbsql.schema.statements.is_complete`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_WORD = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<string>[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)|'(?:[^']|'')*(?:'|\Z)|\$(?P<tag>[A-Za-z_]\w*)?\$.*?(?:\$(?P=tag)\$|\Z)|\$\$.*?(?:\$\$|\Z))
    | (?P<quoted>"(?:[^"]|"")*(?:"|\Z))
    | (?P<name>[^\W\d]\w*)
    | (?P<number>\d+(?:\.\d*)?|\.\d+)
    | (?P<variable>(?<![:\w]):[^\W\d]\w*)
    | (?P<other>::|.)
    """,
    re.VERBOSE | re.DOTALL,
)

_WHOLE_STRING = re.compile(r"[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Word:
    """One token: its `kind` (a group of the expression above), its text, and where it starts and ends."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        """The text in upper case, as keywords are compared."""
        return self.text.upper()


def words(text: str) -> Iterator[Word]:
    """The words of `text` without white space and comments."""
    for match in _WORD.finditer(text):
        kind = match.lastgroup or "other"
        if kind == "tag":
            kind = "string"
        if kind not in ("space", "comment"):
            yield Word(kind, match.group(), match.start(), match.end())


def command_place(text: str) -> int | None:
    """Where the first backslash command begins that stands in or behind SQL, outside strings, names and comments; or None."""
    if "\\" not in text:
        return None
    backslashes = (word.start for word in words(text) if word.text == "\\")
    return next((place for place in backslashes if text[place + 1 : place + 2].isalpha()), None)


def inside_literal(text: str) -> bool:
    """Whether the end of `text` lies inside an unfinished string or comment, where completion must keep quiet."""
    last = None
    for match in _WORD.finditer(text):
        last = match
    if last is None:
        return False
    piece = last.group()
    if last.group("comment"):
        return piece.startswith("--") or not piece.endswith("*/") or len(piece) < 4
    if last.group("string"):
        return not _closed(piece)
    return False


def _closed(piece: str) -> bool:
    if piece.startswith("$"):
        tag = piece[: piece.index("$", 1) + 1]
        return len(piece) >= 2 * len(tag) and piece.endswith(tag)
    return _WHOLE_STRING.fullmatch(piece) is not None


def unquoted(word: Word) -> str:
    """The name that an identifier means: folded to lower case, or as quoted."""
    if word.kind == "quoted":
        return word.text.strip('"').replace('""', '"')
    return word.text.lower()


def variables_of(text: str) -> list[str]:
    """The names of the ``:name`` placeholders of `text`, in order, each once."""
    return list(dict.fromkeys(word.text[1:] for word in words(text) if word.kind == "variable"))
