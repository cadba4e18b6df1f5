"""Which rows the transactions of this process are about to change: what SKIP LOCKED passes over, and where NOWAIT gives up.

Nobody waits for a row here, and whoever commits first wins. So a claim protects nothing: it is what lets several workers that ask for "the next
row that nobody has" get different rows, instead of the same one and a conflict at the commit. A row is taken if

- another open transaction has changed it, or has got it by FOR UPDATE, which counts as a change;
- or has claimed it by SKIP LOCKED or NOWAIT, which may be a moment before that change;
- or a commit has changed it after the snapshot of whoever asks: that is a conflict already.

Claims last until the end of their transaction, and are those of one node. Between nodes there are none; there the commit decides.
"""

from threading import Lock
from typing import Final

from exdbsql.engine.single_change import SingleChange
from exdbsql.engine.snapshots import SnapshotRegistry
from exdbsql.engine.table import TableStore
from exdbsql.engine.transaction import Transaction
from exdbsql.engine.versions import Key

_SOME: Final = 64
"""So many claims may be of transactions that have ended, before they are looked through."""


class RowClaims:
    """The claims of one database. Args: the open transactions."""

    def __init__(self, snapshots: SnapshotRegistry) -> None:
        self._snapshots = snapshots
        self._holders: dict[tuple[TableStore, Key], Transaction] = {}
        self._most = _SOME
        self._lock = Lock()

    def take(self, transaction: Transaction, store: TableStore, key: Key) -> bool:
        """Claim a row for a transaction; False where it is taken."""
        with self._lock:
            holder = self._holders.get((store, key))
            if holder is not transaction:
                if (holder is not None and holder.is_open) or self._is_changed(transaction, store, key):
                    return False
                if store.changed_since(key, transaction.snapshot):
                    return False  # asked last: who has ended meanwhile had published before
                self._holders[store, key] = transaction
                if len(self._holders) > self._most:
                    self._forget_ended()
        return True

    def _is_changed(self, transaction: Transaction, store: TableStore, key: Key) -> bool:
        others = [other for other in list(self._snapshots.holders) if other is not transaction]
        return any(isinstance(other, Transaction) and _has_changed(other, store, key) for other in others)

    def _forget_ended(self) -> None:
        self._holders = {row: holder for row, holder in self._holders.items() if holder.is_open}
        self._most = max(_SOME, 2 * len(self._holders))


def _has_changed(other: Transaction, store: TableStore, key: Key) -> bool:
    """Whether a transaction, which another thread may be using, has changed a row."""
    if isinstance(other, SingleChange):  # to ask it for more would make another of it
        change = getattr(other, "single", None)
        return change is not None and change[2] is store and bool(change[3] == key)
    overlay = other.by_table.get(store)
    return overlay is not None and key in overlay.writes
