"""Changes of rows done again to the lists that scans keep (:mod:`exdbsql.engine.scan_cache`).

A dictionary keeps its keys in order: a changed row stays where it is, a new one comes last, the ones behind one that goes move up. So a
list of all rows, or of one column of them, follows the dictionary by the same steps. Where a row lies is found by bisection
if the keys ascend, as they mostly do, and otherwise by a search at C speed, which is done a few times only.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final

from exdbsql.engine.versions import Key, Row

ChangedRow = tuple[int, Key, bool, Row | None]
"""(version of the commit, key, whether the row is new, what it became; None: it went)."""

Step = tuple[int, Row | None]
"""(place, the row from now on or None where it goes); the place is -1 for a row that comes last."""

Steps = tuple[Step, ...]

_MOST_SEARCHES: Final = 4


def replayed(keys: list[Key], changes: Sequence[ChangedRow]) -> tuple[list[Key], Steps] | None:
    """The keys after some changes, and the changes as steps; None where making the lists anew is quicker."""
    steps: list[Step] = []
    made, searches = keys, 0
    for _, key, is_new, row in changes:
        place = -1
        if not is_new:
            place = _bisected(made, key)
            if place < 0:
                searches += 1
                place = _searched(made, key) if searches <= _MOST_SEARCHES else -1
        if (place < 0) is not is_new or (is_new and row is None):
            return None
        if made is keys and (is_new or row is None):
            made = keys.copy()
        if is_new:
            made.append(key)
        elif row is None:
            del made[place]
        steps.append((place, row))
    return made, tuple(steps)


def applied(values: list[Any], steps: Sequence[Step], position: int) -> list[Any]:
    """A copy of the list of a column (-1: of the rows) after some steps."""
    made = values.copy()
    for place, row in steps:
        if row is None:
            del made[place]
        elif place < 0:
            made.append(row if position < 0 else row[position])
        else:
            made[place] = row if position < 0 else row[position]
    return made


def _bisected(keys: list[Key], key: Key) -> int:
    """The place of a key in ascending ones; -1 where it is not there, or they do not ascend."""
    try:
        place = bisect_left(keys, key)
    except TypeError:
        return -1
    return place if place < len(keys) and keys[place] == key else -1


def _searched(keys: list[Key], key: Key) -> int:
    try:
        return keys.index(key)
    except ValueError:
        return -1
