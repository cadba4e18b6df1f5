"""The values of sequences.

A sequence's definition is in the dictionary; what it gives next is here. Values are given at once and for ever: a ROLLBACK does not give
one back, as in PostgreSQL, and no two transactions meet over them.

In a cluster every node must give other values without asking for each. So a node takes *blocks*: an entry of the log says "this node
takes the next n values", and applying it moves the sequence on every node alike (R2). While one node writes, its blocks follow one
another and its values are dense; where several write, each has blocks of its own, and what is left of a block when a node
ends is never given. A block has `BLOCK` values to begin with, and twice as many each time one is used up, up to `LARGEST_BLOCK`; or
as many as CACHE says. ``setval`` and RESTART are entries of the log too, and end the blocks that nodes hold.

A sequence that a transaction has made itself is its own until it commits; where it has got to goes with the commit.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from exdbsql.schema.ddl_statements import AlterSequence, DdlStatement
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import DataError, OperationalError
from exdbsql.schema.sqlstate import (
    NUMERIC_VALUE_OUT_OF_RANGE,
    OBJECT_NOT_IN_PREREQUISITE_STATE,
    SEQUENCE_GENERATOR_LIMIT_EXCEEDED,
)
from exdbsql.schema.table import Sequence

BLOCK: Final = 32
LARGEST_BLOCK: Final = 1024


class SequenceLog(Protocol):
    """What moves sequences on all nodes of a cluster; each call is an entry of the log."""

    def take(self, sequence_id: int, number: int) -> tuple[int, int]:
        """The next values: (first, how many)."""
        ...

    def set(self, sequence_id: int, upcoming: int) -> None:
        """Have the sequence go on from `upcoming`."""
        ...


class Detached:
    """The log of a node that is outside of its cluster: it uses up its blocks, and gets no more."""

    def take(self, sequence_id: int, number: int) -> tuple[int, int]:
        """Always refused: other nodes might give the same values."""
        raise _no_values()

    def set(self, sequence_id: int, upcoming: int) -> None:
        """Always refused."""
        raise _no_values()


def _no_values() -> OperationalError:
    return OperationalError(
        "a detached node gets no more values of a sequence: all nodes must agree on them",
        sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
        hint="attach first",
    )


@dataclass(slots=True)
class _Block:
    """Values that this node may give: `left` of them from `first` on; the next block has `size`."""

    first: int = 0
    left: int = 0
    size: int = BLOCK


class SequenceValues:
    """Where the sequences of a database have got to; any thread may ask.

    Attributes:
        upcoming: by id, the value that a sequence gives next; it starts where the definition says if it is not here.
    """

    def __init__(self) -> None:
        self.upcoming: dict[int, int] = {}
        self._blocks: dict[int, _Block] = {}
        self._lock = threading.Lock()
        self._asking = threading.Lock()

    def next(self, sequence: Sequence, log: SequenceLog | None = None) -> int:
        """The next value; from a block of this node's where there is a `log`.

        Raises:
            DataError: 2200H, the sequence is at its end.
            Error: the cluster's, where a new block is needed.
        """
        with self._lock:
            if log is None:
                return self._take(sequence, 1)[0]
            value = self._from_block(sequence)
        while value is None:
            with self._asking:  # one thread fetches a block, the others wait for it
                with self._lock:
                    value = self._from_block(sequence)
                    size = max(sequence.cache, self._blocks.setdefault(sequence.id, _Block()).size)
                if value is None:
                    first, number = log.take(sequence.id, size)
                    with self._lock:
                        self._blocks[sequence.id] = _Block(first, number, min(size * 2, LARGEST_BLOCK))
                        value = self._from_block(sequence)
        return value

    def _from_block(self, sequence: Sequence) -> int | None:
        block = self._blocks.get(sequence.id)
        if block is None or not block.left:
            return None
        value = block.first
        block.first += sequence.increment
        block.left -= 1
        return value

    def take(self, sequence: Sequence, number: int) -> tuple[int, int]:
        """Move the sequence by at most `number` values: (first, number that there are); for the log.

        Raises:
            DataError: 2200H, the sequence is at its end.
        """
        with self._lock:
            return self._take(sequence, number)

    def _take(self, sequence: Sequence, number: int) -> tuple[int, int]:
        first = self.upcoming.get(sequence.id, sequence.start)
        if not sequence.minimum <= first <= sequence.maximum:
            if not sequence.cycle:
                raise exhausted(sequence)
            first = sequence.minimum if sequence.increment > 0 else sequence.maximum
        room = sequence.maximum - first if sequence.increment > 0 else first - sequence.minimum
        number = min(number, room // abs(sequence.increment) + 1)
        self.upcoming[sequence.id] = first + number * sequence.increment
        return first, number

    def set(self, sequence_id: int, upcoming: int) -> None:
        """Have the sequence go on from `upcoming`; blocks of it are void."""
        with self._lock:
            self.upcoming[sequence_id] = upcoming
            self._blocks.pop(sequence_id, None)

    def follow(self, before: Dictionary, after: Dictionary) -> None:
        """Other definitions are in force: forget the sequences that are gone, and the blocks of those that changed."""
        if before.sequences == after.sequences:
            return
        ids = {sequence.id for sequence in after.sequences.values()}
        with self._lock:
            for name, sequence in after.sequences.items():
                if before.sequences.get(name) != sequence:
                    self._blocks.pop(sequence.id, None)
            for known in (self.upcoming, self._blocks):
                for gone in [one for one in known if one not in ids]:
                    del known[gone]

    def replace(self, upcoming: Mapping[int, int]) -> None:
        """Take over where another node says that the sequences are."""
        with self._lock:
            self.upcoming = dict(upcoming)
            self._blocks.clear()


def after_value(sequence: Sequence, value: int, *, is_called: bool) -> int:
    """What a sequence gives next once it is set to `value`.

    Raises:
        DataError: 22003, the value is outside of its bounds.
    """
    if not sequence.minimum <= value <= sequence.maximum:
        raise DataError(
            f'setval: value {value} is out of bounds for sequence "{sequence.name}" ({sequence.minimum}..{sequence.maximum})',
            sqlstate=NUMERIC_VALUE_OUT_OF_RANGE,
        )
    return value + sequence.increment if is_called else value


def exhausted(sequence: Sequence) -> DataError:
    """The sequence has no more values."""
    end, bound = ("maximum", sequence.maximum) if sequence.increment > 0 else ("minimum", sequence.minimum)
    return DataError(
        f'nextval: reached {end} value of sequence "{sequence.name}" ({bound})',
        sqlstate=SEQUENCE_GENERATOR_LIMIT_EXCEEDED,
    )


def restarted_by(statement: DdlStatement, made: Dictionary) -> dict[int, int]:
    """By id, where ``ALTER SEQUENCE ... RESTART`` has a sequence go on; empty for other statements."""
    if not isinstance(statement, AlterSequence) or statement.options.restart is None:
        return {}
    sequence = made.sequences.get(statement.name)
    if sequence is None:
        return {}
    restart = statement.options.restart
    return {sequence.id: sequence.start if restart is True else int(restart)}
