"""READ COMMITTED, as users of PostgreSQL expect it, without locks.

Each statement sees what was committed when it began. PostgreSQL lets a statement that meets a row which another transaction has
changed wait, and then work on the newest row. Here nobody waits, so the other may commit in between, and what this transaction
did to the row is out of date. Then its statements are run again, in their order, on a new snapshot, as if each had waited: WHERE and SET
are evaluated on the newest rows. Nobody can tell the difference, as long as each gives again what it gave before (count of
rows, RETURNING, and what was read of tables after changing them); where one does not, the program may have acted on the
former answer, and the transaction fails with a ConflictError. So that error comes under READ COMMITTED only

- if a row that the transaction has changed was changed by another that committed first, *and*
- an answer that it had given since its first change would now be another, or was too long to remember (`MAX_ROWS`), *or*
- the same happened in `ATTEMPTS` runs in a row.

A statement that fails when it runs again fails as it would have after waiting: a unique value that another transaction took
meanwhile is an IntegrityError, whenever it is found. A single statement with autocommit has given no answer yet, so it always just runs again. Reads before the first change, and reads
of other tables, are not repeated: no level below REPEATABLE READ promises anything about them.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from exdbsql.engine.transaction import Transaction
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import ConflictError

if TYPE_CHECKING:
    from exdbsql.statement_cache import PlannedStatement
    from exdbsql.transaction_block import TransactionBlock

ATTEMPTS: Final = 100
MAX_ROWS: Final = 1000
"""Rows of an answer that are kept for comparison."""

STALE: Final = object()
"""In the place of an outcome: nothing was run, because the definitions were replaced after the statement was planned."""

Call = Callable[[Transaction, Any], Any]


def pause(attempt: int) -> None:
    """Let the others finish: not at all at first, then up to 20 ms."""
    if attempt > 2:
        time.sleep(random.uniform(0, min(0.0005 * 2 ** min(attempt, 10), 0.02)))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A statement that has run."""

    planned: "PlannedStatement"
    call: Call
    values: Any
    outcome: Any


class StatementLog:
    """What a READ COMMITTED transaction has run since its first change."""

    __slots__ = ("_block", "_dictionary", "_entries", "_is_complete")

    def __init__(self, block: "TransactionBlock", dictionary: Callable[[], Dictionary]) -> None:
        self._block = block
        self._dictionary = dictionary
        self._entries: list[_Entry] = []
        self._is_complete = True

    def __len__(self) -> int:
        return len(self._entries)

    def give_up(self) -> None:
        """What has run since includes something that cannot be repeated: DDL."""
        self._is_complete = False

    def forget_from(self, length: int) -> None:
        """The statements from there on were rolled back."""
        del self._entries[length:]

    def run(self, planned: "PlannedStatement", call: Call, values: Any) -> Any:
        """Run a statement on a new snapshot; once more where another commit came in its way. STALE where its plan is.

        Raises:
            ConflictError: what was run before cannot be repeated; see the module.
        """
        self._follow()
        for attempt in range(ATTEMPTS):
            if planned.dictionary is not self._dictionary():
                return STALE
            outcome = call(self._transaction, values)
            try:
                if planned.writes:
                    self._transaction.refresh()
            except ConflictError as conflict:
                if attempt == ATTEMPTS - 1:
                    raise
                self._repeat(conflict)
                continue
            break
        self._note(planned, call, values, outcome)
        return outcome

    @property
    def _transaction(self) -> Transaction:
        transaction = self._block.transaction
        assert transaction is not None
        return transaction

    def _note(self, planned: "PlannedStatement", call: Call, values: Any, outcome: Any) -> None:
        changed = self._transaction.by_table
        if not planned.writes and not any(store.name in planned.tables for store in changed):
            return
        if isinstance(outcome, list):
            self._is_complete &= len(outcome) <= MAX_ROWS
            outcome = outcome[: MAX_ROWS + 1]  # a copy: the caller may change the list that it got
        self._entries.append(_Entry(planned, call, values, outcome))

    def _follow(self) -> None:
        """A new snapshot for the next statement."""
        try:
            self._transaction.refresh()
        except ConflictError as conflict:
            self._repeat(conflict)

    def _repeat(self, conflict: ConflictError) -> None:
        """Run all statements again, in a transaction that takes the place of the block's.

        Raises:
            ConflictError: `conflict`, where one of them gives something else than before; the old transaction stays.
            Error: what one of them raises on the newest rows, a unique value that was taken meanwhile for example.
        """
        if not self._is_complete or any(entry.planned.dictionary is not self._dictionary() for entry in self._entries):
            raise conflict
        transaction = self._block.start()
        try:
            marks = [transaction.savepoint()]
            for entry in self._entries:
                if entry.call(transaction, entry.values) != entry.outcome:
                    raise conflict
                marks.append(transaction.savepoint())
        except BaseException:
            transaction.rollback()
            raise
        self._block.replace(transaction, marks)

    def commit(self, commit: Callable[[Transaction], None]) -> None:
        """Commit by calling `commit`; run all statements again, and try once more, where another commit came first.

        Raises:
            ConflictError: see the module.
            Error: what `commit` raises.
        """
        attempt = 0
        while True:
            try:
                commit(self._transaction)
            except ConflictError as conflict:
                attempt += 1
                if attempt == ATTEMPTS:
                    raise
                pause(attempt)
                self._repeat(conflict)
            else:
                return
