"""Keys and unique values that a prepared commit has set aside in one table until its verdict is known.

Between prepare and verdict no other transaction may commit a change of these keys, nor claim these values (R1); it gets a
ConflictError, since waiting for a verdict that needs a quorum could take for ever.
"""

from collections.abc import Iterable
from typing import Any

from exdbsql.engine.versions import Key


class Reservations:
    """What is set aside in one table, and by which holder."""

    __slots__ = ("keys", "values")

    def __init__(self) -> None:
        self.keys: dict[Key, object] = {}
        self.values: dict[tuple[str, Any], object] = {}

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

    def take(self, holder: object, keys: Iterable[Key], values: Iterable[tuple[str, Any]]) -> None:
        """Set keys and (index name, value) pairs aside."""
        self.keys.update(dict.fromkeys(keys, holder))
        self.values.update(dict.fromkeys(values, holder))

    def release(self, holder: object) -> None:
        """Give back all that `holder` has set aside."""
        self.keys = {key: other for key, other in self.keys.items() if other is not holder}
        self.values = {value: other for value, other in self.values.items() if other is not holder}
