"""Hidden row ids: keys of tables that have no primary key.

They must be unique over all nodes without asking. A database alone counts from 1, which keeps the numbers small. In a cluster
an id is (node id + 1) << 52, plus milliseconds since 2025 << 12 at the start of the process, plus a count: a restarted
node would have to have inserted more than 4,096 rows in every millisecond of its former life to meet its own ids again.
"""

import threading
import time
from typing import Final

_EPOCH_2025_MS: Final = 1_735_689_600_000


class RowIds:
    """Gives out row ids, from any thread."""

    __slots__ = ("_lock", "_next")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 1

    def take(self, number: int) -> int:
        """The first of `number` consecutive ids that nobody else gets."""
        with self._lock:
            first = self._next
            self._next = first + number
        return first

    def enter_cluster(self, node_id: int) -> None:
        """Give ids that no other node and no former process of this node has given, from now on."""
        since = max(int(time.time() * 1000) - _EPOCH_2025_MS, 0)
        with self._lock:
            self._next = max(self._next, ((node_id + 1) << 52) + (since << 12))
