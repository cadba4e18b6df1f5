"""POSIX's advanced regular expressions as Python writes them (PostgreSQL's manual, section 9.7.3).

The two read most of a pattern alike. What they do not is written anew: ``$`` is the end of the text and never the place before a final end of
line, ``\\y \\m \\M`` are the bounds of words where Python has ``\\b``, which is a backspace here, a bracket holds ``[:classes:]``, and a brace
without a number stands for itself. What Python would take and PostgreSQL refuses is refused, and so is what only PostgreSQL has.
"""

import re
from typing import Final

from exdbsql.schema.errors import DataError, NotSupportedError

_CLASSES: Final = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "space": r"\s",
    "blank": r" \t",
    "upper": "A-Z",
    "lower": "a-z",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9a-fA-F",
    "cntrl": r"\x00-\x1f\x7f",
    "graph": "!-~",
    "print": " -~",
    "word": r"\w",
}
_PLACES: Final = {"y": r"\b", "Y": r"\B", "m": r"\b(?=\w)", "M": r"\b(?<=\w)", "A": r"\A", "Z": r"\Z"}
_ESCAPES: Final = {"b": r"\x08", "B": r"\\", "e": r"\x1b"}
_BOUNDS: Final = {"[[:<:]]": _PLACES["m"], "[[:>:]]": _PLACES["M"]}
_BOUND: Final = re.compile(r"\{[0-9]+(,[0-9]*)?\}\??|[*+?]\??")
_CLASS: Final = re.compile(r"\[:(\w*):\]")
_SET_CHARACTERS: Final = frozenset("[&|~")
"""They begin an operation between sets in what Python may come to read."""


def in_python(pattern: str, flags: int) -> str:
    """The pattern as `re` is to read it with these flags.

    Raises:
        DataError: 2201B, PostgreSQL would not take it.
        NotSupportedError: a construct that Python has no word for.
    """
    if pattern.startswith("***"):
        raise _not_supported("***", pattern)
    return "".join(_Reader(pattern, flags).parts())


class _Reader:
    """Goes through a pattern once, from left to right."""

    def __init__(self, pattern: str, flags: int) -> None:
        self._pattern = pattern
        self._at = 0
        self._ends = "$" if flags & re.MULTILINE else r"\Z"
        self._brackets_stop = not flags & re.DOTALL
        self._comments = bool(flags & re.VERBOSE)

    def parts(self) -> list[str]:
        """The pattern, piece by piece."""
        out: list[str] = []
        while self._at < len(self._pattern):
            out.append(self._part())
        return out

    def _part(self) -> str:
        rest = self._pattern[self._at : self._at + 7]
        if rest in _BOUNDS:
            return self._taken(len(rest), _BOUNDS[rest])
        match rest[0]:
            case "\\":
                return self._escape(in_bracket=False)
            case "[":
                return self._bracket()
            case "$":
                return self._taken(1, self._ends)
            case "(" if rest[1:2] == "?" and rest[2:3] not in (":", "=", "!"):
                raise _not_supported(rest[:3], self._pattern)
            case "#" if self._comments:
                end = self._pattern.find("\n", self._at)
                return self._taken((len(self._pattern) if end < 0 else end) - self._at, "")
            case "*" | "+" | "?" | "{":
                return self._bound()
        return self._taken(1, rest[0])

    def _taken(self, count: int, part: str) -> str:
        self._at += count
        return part

    def _bound(self) -> str:
        found = _BOUND.match(self._pattern, self._at)
        if found is None:
            return self._taken(1, r"\{")
        if self._pattern[found.end() : found.end() + 1] in ("*", "+", "?"):
            raise DataError("invalid regular expression: quantifier operand invalid", sqlstate="2201B")
        return self._taken(len(found.group()), found.group())

    def _escape(self, *, in_bracket: bool) -> str:
        letter = self._pattern[self._at + 1 : self._at + 2]
        if letter in _PLACES and in_bracket:
            raise DataError("invalid regular expression: invalid escape \\ sequence", sqlstate="2201B")
        if letter == "c" and self._at + 2 < len(self._pattern):
            return self._taken(3, f"\\x{ord(self._pattern[self._at + 2]) & 31:02x}")
        return self._taken(2, _PLACES.get(letter) or _ESCAPES.get(letter) or f"\\{letter}")

    def _bracket(self) -> str:
        start = "[^" if self._pattern.startswith("[^", self._at) else "["
        out = [self._taken(len(start), start)]
        if self._pattern.startswith("]", self._at):
            out.append(self._taken(1, r"\]"))
        while (character := self._pattern[self._at : self._at + 1]) != "]":
            if not character:
                raise DataError("invalid regular expression: brackets [] not balanced", sqlstate="2201B")
            out.append(self._element(character))
        if start == "[^" and self._brackets_stop:
            out.append(r"\n")
        return "".join([*out, self._taken(1, "]")])

    def _element(self, character: str) -> str:
        """What stands for one or more characters of a bracket."""
        if character == "\\":
            return self._escape(in_bracket=True)
        if character == "[" and self._pattern[self._at + 1 : self._at + 2] in (".", "="):
            raise _not_supported(self._pattern[self._at : self._at + 2], self._pattern)
        named = _CLASS.match(self._pattern, self._at)
        if named is None:
            return self._taken(1, f"\\{character}" if character in _SET_CHARACTERS else character)
        if named[1] not in _CLASSES:
            raise DataError(
                f'invalid regular expression: invalid character class "{named[1]}"',
                sqlstate="2201B",
                hint=f"the classes are {', '.join(_CLASSES)}",
            )
        return self._taken(len(named.group()), _CLASSES[named[1]])


def _not_supported(construct: str, pattern: str) -> NotSupportedError:
    return NotSupportedError(f"{construct} in the regular expression {pattern!r} is not supported")
