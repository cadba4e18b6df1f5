"""A transaction that has changed one row by its key, and nothing else yet: most that are committed one by one are no more than that.

Its statement is a shortcut (:mod:`exdbsql.engine.query.codegen.write_shortcut`): it takes the snapshot, which is registered as any other, and
notes the change. Where the commit comes next and nobody has changed the table, the row is committed as if it had been a
transaction of its own (:mod:`exdbsql.engine.single_row`). Anything else that is asked of it makes it the transaction that it stands for, with
the same snapshot and a buffer that has the change: its attributes have no values before, and Python asks
`__getattr__` for those.
"""

from typing import TYPE_CHECKING, Any

from exdbsql.engine.single_row import Committer
from exdbsql.engine.transaction import REPEATABLE_READ, Transaction
from exdbsql.engine.versions import Key, Row
from exdbsql.schema.dictionary import Dictionary

if TYPE_CHECKING:
    from exdbsql.engine.table import TableStore


Change = tuple[Dictionary, Committer, "TableStore", Key, Row | None, Row | None]
"""The dictionary that the statement was planned for, what commits such a change, table, key, row as the snapshot sees it, row to be or None."""


class SingleChange(Transaction):
    """Such a transaction. It is made without `__init__`, which would cost what this is to save; `single` is its change."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        """Become the transaction that this stands for."""
        if name not in Transaction.__slots__ and name != "by_table":
            raise AttributeError(name)
        change: Change = self.single
        _, _, store, key, _, after = change
        given_values = self.given_values
        self.__class__ = Transaction  # type: ignore[assignment]  # of the same layout
        Transaction.__init__(self, self._database, False, REPEATABLE_READ)
        self.given_values = given_values
        self.keep_change(store, key, after)
        return getattr(self, name)

    def commit(self) -> None:
        """As that of any transaction."""
        if not self._committed():
            super().commit()

    def _committed(self) -> bool:
        database = self._database
        dictionary, commit, store, key, before, after = self.single
        with database.commit_lock:
            if database.dictionary is not dictionary or store.changed_at > self.snapshot:
                return False
            if commit(key, before, after, self) is None:
                return False
        self.is_open = False
        if database.unpruned or database.prune_wanted:
            database.prune()
        return True
