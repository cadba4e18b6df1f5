"""The transaction of a session: begun or not, failed or not, its savepoints.

A block is *implicit* where PEP 249 began it with the first statement, and *explicit* after BEGIN. The engine's
transaction, and with it the snapshot, begins with the first statement of the block, as in PostgreSQL; so an explicit
block may have none yet. After an error the block is *failed*: only a rollback, whole or to a savepoint, helps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exdbsql.control import READ_COMMITTED, Modes
from exdbsql.declared_cursors import DeclaredCursor
from exdbsql.early_data import EarlyData
from exdbsql.engine.database import Database as Engine
from exdbsql.engine.session_sequences import GivenValues
from exdbsql.engine.single_change import SingleChange
from exdbsql.engine.transaction import Mark, Transaction
from exdbsql.read_committed import StatementLog
from exdbsql.schema import sqlstate as states
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import OperationalError, ProgrammingError
from exdbsql.settings import Settings, Values
from exdbsql.temporary_tables import TemporaryTables
from exdbsql.transaction_modes import TransactionModes


@dataclass(slots=True)
class Savepoint:
    """A savepoint: its name, its place in the transaction, how many statements the log had then; what was set, the open cursors."""

    name: str
    mark: Mark
    statements: int
    values: Values
    cursors: frozenset[str]


class TransactionBlock:
    """State of one session's transaction.

    Attributes:
        transaction: the engine's, or None where no statement has begun it.
        alone: each statement is a transaction of its own: autocommit, and no BEGIN. Kept, because every statement asks.
        early: sends rows while the transaction runs, where the node was told to; else None.
        failed: a statement failed.
        modes: isolation level and read-only mode.
        is_explicit: whether BEGIN opened it.
        given_values: what nextval gave in the session.
        definitions_changed: called when the session may see other definitions: DDL of the transaction was undone, or it is over.
        dictionary: gives the definitions that the session sees.
        temporary: the session's temporary tables.
        cursors: those that were declared and are open.
        log: under READ COMMITTED, what the transaction has run; else None.
    """

    __slots__ = (
        *(
            "_autocommit",
            "_engine",
            "_savepoints",
            "_settings",
            "alone",
            "cursors",
            "definitions_changed",
            "dictionary",
            "early",
        ),
        *("failed", "given_values", "is_explicit", "log", "modes", "temporary", "transaction"),
    )

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self.definitions_changed: Callable[[], None] = lambda: None
        self.dictionary: Callable[[], Dictionary] = lambda: engine.dictionary
        self._autocommit = False
        self.is_explicit = False
        self._savepoints: list[Savepoint] = []
        self.log: StatementLog | None = None
        self.transaction: Transaction | None = None
        self.alone = False
        self.early: EarlyData | None = None
        self.failed = False
        self.modes = TransactionModes(settings)
        self.given_values = GivenValues()
        self.temporary = TemporaryTables(engine)
        self.cursors: dict[str, DeclaredCursor] = {}
        self._settings = settings

    @property
    def is_open(self) -> bool:
        """Whether there is a block, with or without a statement in it."""
        return self.is_explicit or self.transaction is not None

    @property
    def has_writes(self) -> bool:
        """Whether it has changed something."""
        transaction = self.transaction
        return transaction is not None and transaction.has_writes

    @property
    def has_savepoints(self) -> bool:
        """Whether a savepoint is set."""
        return bool(self._savepoints)

    @property
    def autocommit(self) -> bool:
        """Whether statements outside an explicit block are transactions of their own."""
        return self._autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        if self.is_open and value != self._autocommit:
            raise ProgrammingError(
                "autocommit cannot change inside a transaction",
                sqlstate=states.ACTIVE_SQL_TRANSACTION,
                hint="commit or roll back first",
            )
        self._autocommit = value
        self.alone = value and not self.is_explicit

    def start(self) -> Transaction:
        """An engine's transaction with the block's modes."""
        transaction = self._engine.begin(read_only=self.modes.read_only, isolation=self.modes.isolation)
        transaction.given_values = self.given_values
        if self.temporary.catalog is not None:
            transaction.use_temporary(self.temporary.catalog)
        return transaction

    def enter(self) -> Transaction:
        """The block's transaction for its next statement, begun now if it was not."""
        if self.transaction is None:
            self.transaction = self.start()
            if self.modes.isolation == READ_COMMITTED:
                self.log = StatementLog(self, self.dictionary)
        return self.transaction

    def replace(self, transaction: Transaction, marks: Sequence[Mark]) -> None:
        """Go on with another transaction in which the statements of the log ran again; `marks` lie between them."""
        old, self.transaction = self.transaction, transaction
        for savepoint in self._savepoints:
            savepoint.mark = marks[savepoint.statements]
        if old is not None:
            old.rollback()

    def begin(self, modes: Modes) -> None:
        """BEGIN: make the block explicit.

        Raises:
            NotSupportedError: an isolation level that this version does not keep.
        """
        self.modes.choose(modes)
        self.is_explicit = True
        self.alone = False

    def take(self) -> Transaction | None:
        """End the block, and hand its transaction to whoever commits it or rolls it back."""
        self.is_explicit = self.failed = False
        self.alone = self._autocommit
        self._savepoints.clear()
        self.modes.forget()
        if self._settings.before is not None:
            self._settings.end_transaction(undo=False)
        if self.cursors:
            self._close_cursors()
        transaction = self.transaction
        changed = transaction is not None and self._has_own_definitions(transaction)
        self.transaction = self.log = None  # last, so that an interrupt does not lose it
        if changed and transaction is not None:
            try:
                self.definitions_changed()
            except BaseException:  # interrupted: the transaction must not be lost, nor its definitions stay
                transaction.rollback()
                self.definitions_changed()
                raise
        return transaction

    def _has_own_definitions(self, transaction: Transaction) -> bool:
        return self.temporary.changed_by(transaction) or (
            type(transaction) is not SingleChange and transaction.catalog is not None
        )

    def _close_cursors(self) -> None:
        """Those WITH HOLD stay."""
        self.cursors = {name: cursor for name, cursor in self.cursors.items() if cursor.hold}
        for cursor in self.cursors.values():
            cursor.held = True

    def rollback(self) -> None:
        """End the block and undo what it changed, settings and cursors included."""
        if self._settings.before is not None:
            self._settings.end_transaction(undo=True)
        if self.cursors:
            self.cursors = {name: cursor for name, cursor in self.cursors.items() if cursor.held}
        self.finish()

    def finish(self) -> None:
        """End the block; its transaction is rolled back unless it was committed."""
        transaction = self.take()
        if transaction is not None:
            transaction.rollback()
            if self.early is not None:
                self.early.drop(self.early.take(transaction))

    def fail(self) -> None:
        """A statement failed: refuse the next ones, where there is a block; undo it, where it was alone."""
        if self.alone and self.transaction is not None:
            self.rollback()
        self.failed = self.is_open

    def check_not_failed(self) -> None:
        """Refuse a statement in a failed block.

        Raises:
            OperationalError: 25P02.
        """
        if self.failed:
            raise OperationalError(
                "current transaction is aborted, commands ignored until end of transaction block",
                sqlstate=states.IN_FAILED_SQL_TRANSACTION,
                hint="ROLLBACK, or ROLLBACK TO a savepoint",
            )

    def check_writable(self, what: str) -> None:
        """Refuse a change in a read-only transaction.

        Raises:
            OperationalError: 25006.
        """
        if self.modes.read_only:
            raise OperationalError(
                f"cannot execute {what} in a read-only transaction", sqlstate=states.READ_ONLY_SQL_TRANSACTION
            )

    def set_modes(self, modes: Modes) -> None:
        """SET TRANSACTION.

        Raises:
            OperationalError: a statement has run in the transaction already (25001).
            NotSupportedError: an isolation level that this version does not keep.
        """
        if self.transaction is not None:
            raise OperationalError(
                "SET TRANSACTION must come before any statement of the transaction",
                sqlstate=states.ACTIVE_SQL_TRANSACTION,
            )
        self.modes.choose(modes)

    # --- savepoints --------------------------------------------------------------------------------------------------

    def set_savepoint(self, name: str) -> None:
        """SAVEPOINT; a name may be set again, and hides the earlier one.

        Raises:
            OperationalError: there is no transaction to set it in (25P01).
        """
        if self.alone:
            raise _no_block("SAVEPOINT")
        mark = self.enter().savepoint()
        self._savepoints.append(
            Savepoint(
                name,
                mark,
                0 if self.log is None else len(self.log),
                self._settings.values,
                frozenset(self.cursors),
            )
        )

    def release(self, name: str) -> None:
        """RELEASE: forget the savepoint and all later ones.

        Raises:
            ProgrammingError: there is none of that name (3B001).
        """
        del self._savepoints[self._find(name) :]

    def rollback_to(self, name: str) -> None:
        """ROLLBACK TO: undo what came after the savepoint, which stays; a failed block goes on.

        Raises:
            ProgrammingError: there is none of that name (3B001).
        """
        position = self._find(name)
        savepoint = self._savepoints[position]
        transaction = self.enter()
        catalog, temporary = transaction.catalog, transaction.temporary
        transaction.rollback_to(savepoint.mark)
        if transaction.catalog is not catalog or transaction.temporary is not temporary:
            self.definitions_changed()
        self._settings.go_back(savepoint.values)
        for declared in self.cursors.keys() - savepoint.cursors:
            del self.cursors[declared]
        if self.log is not None:
            self.log.forget_from(savepoint.statements)
        del self._savepoints[position + 1 :]
        self.failed = False

    def _find(self, name: str) -> int:
        if self.alone:
            raise _no_block("a savepoint")
        for position in range(len(self._savepoints) - 1, -1, -1):
            if self._savepoints[position].name == name:
                return position
        raise ProgrammingError(f'savepoint "{name}" does not exist', sqlstate=states.INVALID_SAVEPOINT)


def _no_block(what: str) -> OperationalError:
    return OperationalError(
        f"{what} can only be used in transaction blocks", sqlstate=states.NO_ACTIVE_SQL_TRANSACTION, hint="BEGIN first"
    )
