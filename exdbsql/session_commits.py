"""How a session's transactions end."""

from typing import TYPE_CHECKING

from exdbsql.cancellation import BUSY
from exdbsql.engine.single_change import SingleChange
from exdbsql.engine.transaction import Transaction
from exdbsql.guarantees import Guarantees
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import OperationalError
from exdbsql.settings import Settings
from exdbsql.transaction_block import TransactionBlock
from exdbsql.turns import Turns

if TYPE_CHECKING:
    from exdbsql.database import Database


class SessionCommits(Turns):
    """The part of a session that commits and rolls back.

    Attributes:
        settings: what SET changed.
        guarantees: what the session asks of the cluster.
    """

    def __init__(self, database: "Database") -> None:
        super().__init__()
        self._database = database
        self.guarantees = Guarantees(database)
        self.settings = Settings()
        self.block = TransactionBlock(database.engine, self.settings)
        self.block.early = None if database.replication is None else database.replication.early

    def commit(self) -> None:
        """Commit the open transaction, if there is one; returns only if it is committed.

        Raises:
            OperationalError: a statement had failed (25P02); the transaction is rolled back.
            Error: what :meth:`Database.commit` raises; the transaction is over.
        """
        block = self.block
        transaction = block.transaction
        if type(transaction) is SingleChange and not (
            block.failed or block.is_explicit or self._running.thread or self.settings.before is not None
        ):
            block.transaction = None
            try:
                transaction.commit()
            finally:
                if transaction.is_open:  # interrupted before it began
                    transaction.rollback()
            return
        self._check_not_running()
        if block.failed:
            block.rollback()
            raise OperationalError(
                "the transaction was rolled back, because a statement in it had failed",
                sqlstate=states.IN_FAILED_SQL_TRANSACTION,
            )
        try:
            self._commit_block()
        finally:
            self._running.thread = 0

    def _commit_block(self) -> None:
        self._running.thread = BUSY
        block = self.block
        if block.log is not None:
            try:
                block.log.commit(self._commit_transaction)
            except BaseException:
                block.rollback()
                raise
            block.finish()
            return
        before = self.settings.before
        transaction = block.take()
        if transaction is not None:
            try:
                self._commit_transaction(transaction)
            except BaseException:
                if before is not None:
                    self.settings.go_back(before)
                raise
            finally:
                if transaction.is_open:  # interrupted before it began
                    transaction.rollback()

    def _commit_transaction(self, transaction: Transaction) -> None:
        temporary = self.block.temporary
        before = temporary.catalog
        try:
            temporary.commit(transaction, self.guarantees.commit)
        finally:
            if temporary.catalog is not before:
                try:
                    self.block.definitions_changed()
                except BaseException:  # interrupted: what is planned next must not see what was
                    self.block.definitions_changed()
                    raise

    def rollback(self) -> None:
        """Undo the open transaction, if there is one."""
        self._check_not_running()
        self.block.rollback()
