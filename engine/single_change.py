"""A transaction that has changed one row by its key, and nothing else yet: most that are committed one by one are no more than that.

Its statement is a shortcut (:mod:`exdbsql.engine.query.codegen.write_shortcut`): it takes the snapshot, which is registered as any other, and
notes the change. Where the commit comes next and nobody has changed the table, the row is committed as if it had been a
transaction of its own (:mod:`exdbsql.engine.single_row`). Anything else that is asked of it makes it the transaction that it stands for, with
the same snapshot and a buffer that has the change: its attributes have no values before, and Python asks
`__getattr__` for those.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from exdbsql.engine.single_row import Committer
from exdbsql.engine.transaction import REPEATABLE_READ, Transaction
from exdbsql.engine.versions import Key, Row
from exdbsql.schema.dictionary import Dictionary

if TYPE_CHECKING:
    from exdbsql.engine.table import TableStore


Change = tuple[Dictionary, Committer, "TableStore", Key, Row | None, Row | None]
"""The dictionary that the statement was planned for, what commits such a change, table, key, row as the snapshot sees it, row to be or None."""


_OF_ANY_TRANSACTION: Final = ("by_table", *(name for name in Transaction.__slots__ if name != "single"))


class SingleChange(Transaction):
    """Such a transaction. It is made without `__init__`, which would cost what this is to save; `single` is its change."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        """An attribute of the transaction that this stands for: become that."""
        if name not in _OF_ANY_TRANSACTION:
            raise AttributeError(name)
        self.become_general()
        return getattr(self, name)

    def become_general(self) -> None:
        """Become the transaction that this stands for. Best done where no statement can be cancelled."""
        change: Change = self.single
        _, _, store, key, _, after = change
        general = Transaction(self._database, False, REPEATABLE_READ)
        general.snapshot, general.position = self.snapshot, self.position
        general.keep_change(store, key, after)
        for name in ("given_values", "is_open"):
            with suppress(AttributeError):  # neither may have a value yet
                setattr(general, name, object.__getattribute__(self, name))
        try:
            self._become(general)
        except BaseException:  # an interrupt: half of both would lose the change, or the snapshot
            self._become(general)
            raise

    def _become(self, general: Transaction) -> None:
        for attribute in _OF_ANY_TRANSACTION:
            setattr(self, attribute, getattr(general, attribute))
        self.__class__ = Transaction  # type: ignore[assignment]  # of the same layout

    def commit(self) -> None:
        """As that of any transaction."""
        database = self._database
        dictionary, commit, store, key, before, after = self.single
        with database.commit_lock:
            stays = database.dictionary is dictionary and store.changed_at <= self.snapshot
            done = commit(key, before, after, self) if stays else None
        if done is None:
            super().commit()
            return
        self.is_open = False
        if database.unpruned or database.prune_wanted:
            database.prune()
