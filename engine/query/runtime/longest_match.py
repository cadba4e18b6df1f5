"""Where a match ends, by POSIX's rule: as far away as it can, or as near (PostgreSQL's manual, section 9.7.3.5).

Python's `re` takes the first way that leads to an end: ``fo|foob`` finds ``fo`` in ``foobar``. PostgreSQL takes the longest of all, ``foob``; or
the shortest, if the first repetition in the expression is one that prefers few (``a*?b*``). Both begin at the same place. From there, this
goes through the tree that `re` parses with the set of all places that may have been reached: in time that grows with text and pattern,
whatever stands in them. Left out: that ``{1,1}`` makes an expression greedy, and the groups of a repetition, which stay those of `re`.
"""

import re
from collections.abc import Callable
from re import _compiler, _parser  # type: ignore[attr-defined]  # they are not documented
from typing import Any, Final

from exdbsql.engine.query.runtime.backtracking import Tree, exclude_each_other
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import OperationalError

_STEPS: Final = 2**22
"""So many places may be visited to find one end: some seconds."""

_REPEATS: Final = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})
_UNDERSTOOD: Final = _REPEATS | {
    *("LITERAL", "NOT_LITERAL", "IN", "ANY", "SUBPATTERN", "BRANCH", "AT", "ASSERT", "ASSERT_NOT")
}
Places = set[int]
_Step = Callable[[str, Places], Places]


def is_first_the_right_one(tree: Tree) -> bool:
    """Whether the first way to match that is found surely ends where PostgreSQL's does, or nothing better is known."""
    kinds: set[bool] = set()
    is_plain = _is_plain(tree, kinds) and len(kinds) < 2
    if False in kinds and tree.getwidth()[0] == 0:
        is_plain = False  # behind a match of nothing, `re` looks for one of something at the same place
    return is_plain or _refers_back(tree)


def _is_plain(tree: Tree, kinds: set[bool]) -> bool:
    """Whether no choice may keep a later part from reaching further; `kinds` are those of the repetitions: greedy or not."""
    for operation, argument in tree:
        name = str(operation)
        if name == "BRANCH" and not (exclude_each_other(argument[1]) and all(_is_plain(t, kinds) for t in argument[1])):
            return False
        if name == "SUBPATTERN" and not _is_plain(argument[3], kinds):
            return False
        if name in _REPEATS:
            least, most, body = argument
            if least != most:
                kinds.add(name != "MIN_REPEAT")
                if tuple(body.getwidth()) != (1, 1):
                    return False
            if not _is_plain(body, kinds):
                return False
    return True


def _refers_back(tree: Tree) -> bool:
    for operation, argument in tree:
        name = str(operation)
        if name not in _UNDERSTOOD:
            return True
        below = argument[1] if name == "BRANCH" else [argument[-1]] if name in _REPEATS | {"SUBPATTERN"} else []
        if any(map(_refers_back, below)):
            return True
    return False


def _prefers_many(tree: Tree) -> bool | None:
    """PostgreSQL's attribute of greediness: that of the first part that has one."""
    for operation, argument in tree:
        name = str(operation)
        found = None
        if name == "BRANCH":
            found = True
        elif name == "SUBPATTERN":
            found = _prefers_many(argument[3])
        elif name in _REPEATS:
            least, most, body = argument
            found = _prefers_many(body) if least == most else name != "MIN_REPEAT"
        if found is not None:
            return found
    return None


class EndFinder:
    """Finds the ends of matches of one expression, as `re` has parsed it with `flags`."""

    def __init__(self, tree: Tree, flags: int) -> None:
        self._flags = flags
        self._state = tree.state
        self._choose = min if _prefers_many(tree) is False else max
        self._steps = self._sequence(tree)
        self._left = 0

    def end(self, text: str, start: int) -> int:
        """The end of the match that begins at `start`, where one does.

        Raises:
            OperationalError: 54001, there are too many places to visit.
        """
        self._left = _STEPS
        return self._choose(self._steps(text, {start}))

    def _sequence(self, tree: Tree) -> _Step:
        steps = [self._step(operation, argument) for operation, argument in tree]

        def go(text: str, places: Places) -> Places:
            for step in steps:
                places = step(text, places)
            return places

        return go

    def _step(self, operation: Any, argument: Any) -> _Step:
        match str(operation):
            case "BRANCH":
                branches = [self._sequence(tree) for tree in argument[1]]
                return lambda text, places: set().union(*(branch(text, places) for branch in branches))
            case "SUBPATTERN":
                return self._sequence(argument[3])
            case name if name in _REPEATS:
                return self._repeat(int(argument[0]), argument[1], self._sequence(argument[2]))
        return self._one(operation, argument)

    def _one(self, operation: Any, argument: Any) -> _Step:
        """A character, or a condition on the place."""
        match = _compiler.compile(_parser.SubPattern(self._state, [(operation, argument)]), self._flags).match

        def go(text: str, places: Places) -> Places:
            self._spend(len(places))
            return {found.end() for place in places if (found := match(text, place)) is not None}

        return go

    def _repeat(self, least: int, most: Any, body: _Step) -> _Step:
        def go(text: str, places: Places) -> Places:
            for _ in range(least):
                places = body(text, places)
            reached, new, times = set(places), places, least
            while new and times < most:
                new = body(text, new) - reached
                reached |= new
                times += 1
            return reached

        return go

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise OperationalError(
                "a regular expression has too many ways to match",
                sqlstate=sqlstate.STATEMENT_TOO_COMPLEX,
                hint="a repetition that is bounded by what follows it, [^,]* in place of .*, has fewer",
            )


def end_finder(tree: Tree, flags: int) -> EndFinder | None:
    """What finds the ends of matches; None where the first end that `re` finds is the right one."""
    return None if is_first_the_right_one(tree) else EndFinder(tree, flags & ~re.DEBUG)
