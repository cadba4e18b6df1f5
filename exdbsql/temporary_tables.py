"""The temporary tables of a session, and what commits do to them.

What they are is :mod:`exdbsql.engine.temporary`. A transaction begins with the tables that the session has; when it has committed, the session
has those that the transaction left. They end with the session.
"""

from collections.abc import Callable, Iterable

from exdbsql.engine.database import Database as Engine
from exdbsql.engine.private_catalog import PrivateCatalog
from exdbsql.engine.reference_actions import check_all
from exdbsql.engine.single_change import SingleChange
from exdbsql.engine.table import TableStore
from exdbsql.engine.temporary import execute_temporary, is_empty, names_to_drop, rows_to_forget
from exdbsql.engine.transaction import Transaction
from exdbsql.schema.ddl_statements import DropTable


class TemporaryTables:
    """Those of one session.

    Attributes:
        catalog: their definitions and rows; None where there are none.
    """

    __slots__ = ("_engine", "catalog")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.catalog: PrivateCatalog | None = None

    def changed_by(self, transaction: Transaction) -> bool:
        """Whether a transaction has made, changed or dropped some."""
        if self.catalog is None and type(transaction) is SingleChange:
            return False
        return transaction.temporary is not self.catalog

    def commit(self, transaction: Transaction, commit: Callable[[Transaction], None]) -> None:
        """Commit by calling `commit`, and take over what the transaction leaves of them.

        Raises:
            IntegrityError: a deferred foreign key.
            NotSupportedError: ON COMMIT DELETE ROWS of a table that another one refers to.
            Error: what `commit` raises; the tables are then as they were.
        """
        if self.catalog is None and (type(transaction) is SingleChange or transaction.temporary is None):
            commit(transaction)
            return
        _before_commit(transaction)
        before, after = self.catalog, transaction.temporary
        copied = _sizes(_beside(after, before))
        commit(transaction)
        self.catalog = None if after is None or is_empty(after) else after
        self._release(_beside(before, after), copied)

    def forget(self) -> None:
        """Drop them all: the session has ended, or says DISCARD TEMP."""
        catalog, self.catalog = self.catalog, None
        if catalog is not None:
            self._release(catalog.tables.values(), 0)

    def _release(self, stores: Iterable[TableStore], growth: int) -> None:
        engine = self._engine
        with engine.commit_lock:
            for store in stores:
                store.dropped = True
                engine.unpruned.pop(store, None)
                growth -= _sizes([store])
            engine.memory_used += growth


def _before_commit(transaction: Transaction) -> None:
    temporary = transaction.temporary
    if temporary is None:
        return
    references = [one for found in temporary.links.outgoing.values() for one in found]
    check_all(transaction, [one for one in references if transaction.deferral.is_deferred(one.key)])
    for store in rows_to_forget(temporary):
        transaction.by_table.pop(store, None)
    names = names_to_drop(temporary)
    if names:
        statement = DropTable(names, cascade=True)
        transaction.temporary = execute_temporary(transaction, temporary, statement, transaction.below)


def _beside(some: PrivateCatalog | None, others: PrivateCatalog | None) -> list[TableStore]:
    """The tables of the one that are not among those of the other."""
    there = set() if others is None else set(others.tables.values())
    return [] if some is None else [store for store in some.tables.values() if store not in there]


def _sizes(stores: Iterable[TableStore]) -> int:
    """Rough bytes of committed rows, where they are counted."""
    return sum(sum(map(store.size_of, store.rows.values())) for store in stores if store.size_of is not None)
