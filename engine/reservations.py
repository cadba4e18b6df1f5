"""Keys and unique values that a prepared commit has set aside in one table until its verdict is known.

Between prepare and verdict no other transaction may commit a change of these keys, nor claim these values (R1); it gets a
ConflictError, since waiting for a verdict that needs a quorum could take for ever.
"""

from collections.abc import Iterable
from typing import Any

from exdbsql.engine.versions import Key


class Reservations:
    """What is set aside in one table, and by which holder."""

    __slots__ = ("keys", "relied", "values")

    def __init__(self) -> None:
        self.keys: dict[Key, object] = {}
        self.values: dict[tuple[str, Any], object] = {}
        self.relied: dict[Key, dict[object, None]] = {}

    def __bool__(self) -> bool:
        return bool(self.keys)

    def key_taken(self, key: Key, holder: object) -> bool:
        """Whether another holder has set `key` aside."""
        found = self.keys.get(key)
        return found is not None and found is not holder

    def value_taken(self, index: str, value: Any, holder: object) -> bool:
        """Whether another holder has set `value` of the unique index aside."""
        found = self.values.get((index, value))
        return found is not None and found is not holder

    def is_relied_on(self, key: Key, holder: object) -> bool:
        """Whether a row of another holder refers to the row of `key`."""
        found = self.relied.get(key)
        return found is not None and any(other is not holder for other in found)

    def rely(self, holder: object, key: Key) -> None:
        """Set aside that the row of `key` stays what it is; several holders may."""
        self.relied.setdefault(key, {})[holder] = None

    def take(self, holder: object, keys: Iterable[Key], values: Iterable[tuple[str, Any]]) -> None:
        """Set keys and (index name, value) pairs aside."""
        self.keys.update(dict.fromkeys(keys, holder))
        self.values.update(dict.fromkeys(values, holder))

    def release(self, holder: object) -> None:
        """Give back all that `holder` has set aside."""
        self.keys = {key: other for key, other in self.keys.items() if other is not holder}
        for key, holders in list(self.relied.items()):
            holders.pop(holder, None)
            if not holders:
                del self.relied[key]
        self.values = {value: other for value, other in self.values.items() if other is not holder}
