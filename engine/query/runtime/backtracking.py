"""How far a regular expression can make Python's `re` go back and try again, and the same expression for `regex`.

Both walk the tree that `re` parses. The text for `regex` is written anew from the tree, because the two packages do not read all texts
alike (``a{e<=1}`` is a fuzzy search there) and do not mean the same by ``\\w``, ``\\s`` and ``\\b`` of characters beyond ASCII.
"""

import re
from collections.abc import Iterable
from math import inf, log2
from re import _parser  # type: ignore[attr-defined]  # it is not documented
from typing import Any, Final

from exdbsql.schema.errors import NotSupportedError

_STEPS: Final = 2**20
"""So many steps may a search with `re` take, which nothing can interrupt: some hundredths of a second."""

_ENOUGH_BITS: Final = 64
_LONGEST_TEXT: Final = 2**31

Tree = Any
"""`re`'s SubPattern: a sequence of an operation's name and its argument."""


def parsed(source: str, flags: int) -> Tree:
    """The tree of an expression that `re` has compiled."""
    return _parser.parse(source, flags)


# how many steps


def plain_length(tree: Tree, flags: int) -> int:
    """The longest text, roughly, that `re` searches within the steps it may take, whatever stands in it."""
    length = 0
    while length < _LONGEST_TEXT and _steps(tree, flags, max(1, 2 * length)) <= _STEPS:
        length = max(1, 2 * length)
    return length


def _steps(tree: Tree, flags: int, length: int) -> float:
    anchored = len(tree) > 0 and str(tree[0][1]) in ("AT_BEGINNING", "AT_BEGINNING_STRING") and not flags & re.MULTILINE
    return (1 if anchored else length + 1) * (_ways(tree, length) + min(length, _least_width(tree)))


def _ways(tree: Tree, length: int) -> float:
    """In how many ways the expression may match from one place on: each is tried if what follows never matches."""
    ways = 1.0
    for operation, argument in tree:
        ways *= _ways_of(str(operation), argument, length)
        if ways > _STEPS:
            break
    return ways


def _ways_of(operation: str, argument: Any, length: int) -> float:
    match operation:
        case "BRANCH":
            each = [_ways(tree, length) for tree in argument[1]]
            return max(each) if exclude_each_other(argument[1]) else sum(each)
        case "SUBPATTERN":
            return _ways(argument[3], length)
        case "ASSERT" | "ASSERT_NOT":
            return _ways(argument[1], length)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, tree = argument
            times = min(int(most), length // max(1, _least_width(tree)))
            one = _ways(tree, length)
            together = one**times if times * log2(one) <= _ENOUGH_BITS else inf
            return max(1, times - int(least) + 1) * together
    return 1.0


def exclude_each_other(branches: list[Tree]) -> bool:
    """Whether no more than one branch can match at a place, because each begins with a letter of its own."""
    letters = {
        chr(branch[0][1]).casefold() for branch in branches if len(branch) > 0 and str(branch[0][0]) == "LITERAL"
    }
    return len(letters) == len(branches)


def _least_width(tree: Tree) -> int:
    return int(tree.getwidth()[0])


# the expression for `regex`

_WORD: Final = r"\p{L}\p{N}_"
_SPACE: Final = r"\s\x1c-\x1f"
_CATEGORIES: Final = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": _SPACE,
    "CATEGORY_WORD": _WORD,
}
_WITHOUT: Final = {"CATEGORY_NOT_SPACE": f"[^{_SPACE}]", "CATEGORY_NOT_WORD": f"[^{_WORD}]"}
_PLACES: Final = {
    "AT_BEGINNING": "^",
    "AT_BEGINNING_STRING": r"\A",
    "AT_END": "$",
    "AT_END_STRING": r"\Z",
    "AT_BOUNDARY": f"(?:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))",
    "AT_NON_BOUNDARY": f"(?:(?<=[{_WORD}])(?=[{_WORD}])|(?<![{_WORD}])(?![{_WORD}]))",
}
_BEHIND: Final = {"MAX_REPEAT": "", "MIN_REPEAT": "?", "POSSESSIVE_REPEAT": "+"}
_EYES: Final = "iI\u0130\u0131"
"""To `re` these four are the same letter where case is ignored; to `regex` not each to each."""


class Translator:
    """Writes one tree as a text that means to `regex` what the tree means to `re`.

    Attributes:
        repeated: groups that stand in a repetition or a look ahead. `regex` may miss a match that refers back to such a group.
    """

    def __init__(self, flags: int) -> None:
        self._ignores_case = bool(flags & re.IGNORECASE)
        self.repeated: set[int] = set()

    def text(self, tree: Tree, repeated: bool = False) -> str:
        """The text for a tree, or for a part of it that is repeated."""
        return "".join(self._one(str(operation), argument, repeated) for operation, argument in tree)

    def _one(self, operation: str, argument: Any, repeated: bool) -> str:
        match operation:
            case "LITERAL" | "NOT_LITERAL":
                return self._set([("LITERAL", argument)], operation == "NOT_LITERAL")
            case "ANY":
                return "."
            case "IN":
                negated = str(argument[0][0]) == "NEGATE"
                return self._set([(str(name), value) for name, value in argument[negated:]], negated)
            case "AT" if str(argument) in _PLACES:
                return _PLACES[str(argument)]
            case "BRANCH":
                return f"(?:{'|'.join(self.text(tree, repeated) for tree in argument[1])})"
            case "SUBPATTERN":
                return self._group(argument, repeated)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, tree = argument
                upto = "" if most is _parser.MAXREPEAT else int(most)
                return f"(?:{self.text(tree, True)}){{{least},{upto}}}{_BEHIND[operation]}"
            case "ASSERT" | "ASSERT_NOT":
                return f"(?{'' if argument[0] > 0 else '<'}{'=' if operation == 'ASSERT' else '!'}{self.text(argument[1], True)})"
            case "FAILURE":
                return "(?!)"
            case "GROUPREF" if argument not in self.repeated:
                return rf"\g<{argument}>"
            case "GROUPREF":
                raise NotSupportedError("a back reference to a group that is repeated is not supported in a long text")
        raise NotSupportedError(f"{operation} in a regular expression is not supported in a long text")

    def _group(self, argument: Any, repeated: bool) -> str:
        number, *_, tree = argument
        if number is not None and repeated:
            self.repeated.add(number)
        return f"({'?:' if number is None else ''}{self.text(tree, repeated)})"

    def _set(self, items: Iterable[tuple[str, Any]], negated: bool) -> str:
        parts: list[str] = []
        others: list[str] = []
        for name, value in items:
            low, high = value if name == "RANGE" else (value, value)
            if name == "CATEGORY":
                (others if str(value) in _WITHOUT else parts).append((_CATEGORIES | _WITHOUT)[str(value)])
                continue
            parts.append(_escaped(low) if low == high else f"{_escaped(low)}-{_escaped(high)}")
            if self._ignores_case and any(low <= ord(eye) <= high for eye in _EYES):
                parts.append(_EYES)
        if not others:
            return f"[{'^' if negated else ''}{''.join(parts)}]"
        any_of = "|".join([*([f"[{''.join(parts)}]"] if parts else []), *others])
        return f"(?:(?!{any_of})(?s:.))" if negated else f"(?>{any_of})"


def _escaped(code: int) -> str:
    return f"\\U{code:08x}"
