"""The replicated log of one node: entries behind a compacted prefix.

Indexes count from 1. Entries up to `base_index` are gone, their effect is in the state machine; `base_term` is the
term of the last of them, which is what the next entry is checked against.
"""

from collections.abc import Iterable

from exdbsql.cluster.core.messages import Entry
from exdbsql.schema.untracking import untrack

ENTRY_OVERHEAD = 120
"""What an entry costs in memory besides its data, bytes."""


class Log:
    """A list of entries that knows its place, its terms and its size."""

    __slots__ = ("_batch", "_entries", "base_index", "base_term", "size")

    def __init__(self, base_index: int = 0, base_term: int = 0, entries: Iterable[Entry] = ()) -> None:
        self.base_index = base_index
        self.base_term = base_term
        self._entries: list[Entry] = list(entries)
        self.size = sum(len(e.data) + ENTRY_OVERHEAD for e in self._entries)
        self._batch: tuple[tuple[int, int, int, int], tuple[Entry, ...]] = ((0, 0, 0, 0), ())

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def last_index(self) -> int:
        return self.base_index + len(self._entries)

    @property
    def last_term(self) -> int:
        return self._entries[-1].term if self._entries else self.base_term

    def term_at(self, index: int) -> int | None:
        """The term of the entry at `index`; None where it is compacted away or not there yet."""
        place = index - self.base_index
        if place == 0:
            return self.base_term
        if 0 < place <= len(self._entries):
            return self._entries[place - 1].term
        return None

    def entry(self, index: int) -> Entry:
        """The entry at `index`, which must be there."""
        assert index > self.base_index, f"entry {index} is compacted away (up to {self.base_index})"
        return self._entries[index - self.base_index - 1]

    def append(self, entry: Entry) -> None:
        untrack(entry)  # hundreds of thousands stay here, each of plain values
        self._entries.append(entry)
        self.size += len(entry.data) + ENTRY_OVERHEAD

    def truncate_from(self, index: int) -> None:
        """Drop the entries from `index` on."""
        assert index > self.base_index, f"entry {index} is compacted away (up to {self.base_index})"
        place = index - self.base_index - 1
        self.size -= sum(len(e.data) + ENTRY_OVERHEAD for e in self._entries[place:])
        del self._entries[place:]
        self._forget_batch()

    def compact_to(self, index: int) -> None:
        """Forget the entries up to `index`; they must be there and applied."""
        term = self.term_at(index)
        assert term is not None, f"entry {index} is not in the log"
        place = index - self.base_index
        self.size -= sum(len(e.data) + ENTRY_OVERHEAD for e in self._entries[:place])
        del self._entries[:place]
        self.base_index, self.base_term = index, term
        self._forget_batch()

    def reset(self, index: int, term: int) -> None:
        """Begin again behind a snapshot."""
        self._entries.clear()
        self.base_index, self.base_term, self.size = index, term, 0
        self._forget_batch()

    def batch(self, first: int, max_entries: int, max_bytes: int) -> tuple[Entry, ...]:
        """Entries from `first` on, within the bounds, but at least one if there is one.

        Several nodes ask for the same one after another, and get the very same tuple.
        """
        asked = (first, self.last_index, max_entries, max_bytes)
        if asked != self._batch[0]:
            self._batch = (asked, self._cut(first - self.base_index - 1, max_entries, max_bytes))
        return self._batch[1]

    def _cut(self, place: int, max_entries: int, max_bytes: int) -> tuple[Entry, ...]:
        some = self._entries[place : place + max_entries]
        size = 0
        for count, entry in enumerate(some):
            size += len(entry.data) + ENTRY_OVERHEAD
            if size > max_bytes and count:
                return tuple(some[:count])
        return tuple(some)

    def _forget_batch(self) -> None:
        self._batch = ((0, 0, 0, 0), ())

    def entries_from(self, first: int) -> tuple[Entry, ...]:
        """All entries from `first` on."""
        return tuple(self._entries[max(0, first - self.base_index - 1) :])
