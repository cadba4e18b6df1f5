"""Lifting literals out of a statement's text, so that statements which differ only in them share one plan.

``SELECT * FROM t WHERE id = 7`` and ``... id = 8`` have the same *shape*: the text around the literals, and the kind of
each literal. One regular expression cuts the text; the pieces between the literals and the kinds are the key of the cache
of prepared statements. Nothing is replaced in the text that the parser sees: on a miss the original is parsed, so that
positions in errors are the user's, and a literal is found again in the syntax tree by its offset.

A text that contains a construct in which quotes and digits mean something else (quoted identifiers, comments, dollar quotes,
strings with a prefix such as ``E'..'``) is cut by a slower and complete expression; in both cases what is not
surely a plain literal stays part of the key, which is always correct and only less often shared.
"""

import re
from decimal import Decimal
from typing import Final, NamedTuple

from exdbsql.schema.types import BIGINT, INTEGER, NUMERIC, SqlType

_STRING = r"'[^']*(?:''[^']*)*'"
_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_PLAIN: Final = re.compile(rf"({_STRING}|(?<![\w$.\x80-\U0010ffff]){_NUMBER}(?![\w$.]))")
_CAREFUL: Final = re.compile(
    r"(\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$((?:[A-Za-z_]\w*)?)\$.*?\$\2\$|\$\d+"
    r"|[^\W\d][\w$]*(?:&?'(?:[^'\\]|\\.|'')*')?"
    rf"|{_STRING}|{_NUMBER}(?![\w$.]))",
    re.DOTALL,
)
_NEEDS_CARE: Final = re.compile(r"[\"$\\]|--|/\*|[A-Za-z_&]'")

INTEGER_MAX: Final = 2**31 - 1
BIGINT_MAX: Final = 2**63 - 1


class Literal(NamedTuple):
    """A literal of the text.

    Attributes:
        start: offset of its first character.
        value: int, Decimal, or str; a string's quotes are off, and its type is open until its context is known.
        type: integer, bigint or numeric as PostgreSQL reads a number of that size; None for a string.
    """

    start: int
    value: int | Decimal | str
    type: SqlType | None


class LiftedText(NamedTuple):
    """A statement's text cut at its literals: `key` names the shape, `literals` are in the order of the text."""

    key: tuple[object, ...]
    literals: tuple[Literal, ...]


def lift_literals(text: str) -> LiftedText:
    """Cut `text` at its plain string and number literals."""
    if _has_mark(text) and _NEEDS_CARE.search(text) is not None:
        return _lift_carefully(text)
    parts = _PLAIN.split(text)
    if len(parts) == 1:
        return LiftedText((text,), ())
    literals = []
    offset = 0
    for i in range(1, len(parts), 2):
        offset += len(parts[i - 1])
        literals.append(read_literal(parts[i], offset))
        offset += len(parts[i])
    return _shape(parts[::2], literals)


def _has_mark(text: str) -> bool:
    """Whether a text may need care: without these signs it does not, and they are sooner looked for one by one."""
    return "'" in text or '"' in text or "$" in text or "\\" in text or "--" in text or "/*" in text


def _lift_carefully(text: str) -> LiftedText:
    if text.count("/*") != text.count("*/") or "/*" in text.replace("/*", "", 1):
        return LiftedText((text,), ())  # block comments nest; such texts are not worth a scanner
    parts: list[str] = []
    literals: list[Literal] = []
    last = 0
    for match in _CAREFUL.finditer(text):
        found = match.group()
        if found[0] == "'" or found[0].isdigit() or found[0] == ".":
            parts.append(text[last : match.start()])
            literals.append(read_literal(found, match.start()))
            last = match.end()
    parts.append(text[last:])
    return _shape(parts, literals)


def _shape(parts: list[str], literals: list[Literal]) -> LiftedText:
    kinds = [None if literal.type is None else literal.type.name for literal in literals]
    return LiftedText((*parts, *kinds), tuple(literals))


def read_literal(text: str, start: int) -> Literal:
    """The literal that `text` spells, quotes included."""
    if text[0] == "'":
        return Literal(start, text[1:-1].replace("''", "'"), None)
    if text.isdigit():
        number = int(text)
        return Literal(start, number if number <= BIGINT_MAX else Decimal(number), type_of_integer(number))
    return Literal(start, plain_numeric(text), NUMERIC)


def plain_numeric(text: str) -> Decimal:
    """The numeric that a literal spells; 1e3 is 1000, with no digits after the point."""
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    return Decimal(int(value)) if isinstance(exponent, int) and 0 < exponent < 1000 else value


def type_of_integer(number: int) -> SqlType:
    """The type that PostgreSQL gives an unsigned integer literal."""
    if number <= INTEGER_MAX:
        return INTEGER
    return BIGINT if number <= BIGINT_MAX else NUMERIC
