"""Isolation level and read-only mode: what the next transaction gets.

Three layers, as in PostgreSQL: BEGIN or SET TRANSACTION says it for one transaction, SET SESSION CHARACTERISTICS or
``default_transaction_isolation`` for the session, and REPEATABLE READ, a snapshot, is where nobody said anything.
"""

from exdbsql.control import Modes
from exdbsql.engine.transaction import REPEATABLE_READ
from exdbsql.settings import Settings, check_isolation


class TransactionModes:
    """The modes of one session, worked out when they change, because every transaction reads them.

    Attributes:
        isolation: the level of the current or next transaction.
        read_only: whether it may not change anything.
        chosen: what was said for this transaction alone.
        usual: nothing was said for it, and it is a REPEATABLE READ that may change rows.
    """

    __slots__ = ("_settings", "chosen", "isolation", "read_only", "usual")

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.chosen = Modes()
        self.isolation = ""
        self.read_only = self.usual = False
        self.refresh()

    def choose(self, modes: Modes) -> None:
        """Say it for the current or next transaction.

        Raises:
            ProgrammingError: no isolation level (22023).
        """
        if modes.isolation is not None:
            check_isolation(modes.isolation)
        self.chosen = Modes(
            self.chosen.isolation if modes.isolation is None else modes.isolation,
            self.chosen.read_only if modes.read_only is None else modes.read_only,
        )
        self.refresh()

    def choose_for_session(self, modes: Modes) -> None:
        """Say it for all later transactions of the session.

        Raises:
            ProgrammingError: no isolation level (22023).
        """
        if modes.isolation is not None:
            self._settings.set("default_transaction_isolation", modes.isolation)
        if modes.read_only is not None:
            self._settings.set("default_transaction_read_only", "on" if modes.read_only else "off")
        self.refresh()

    def forget(self) -> None:
        """The transaction is over."""
        if self.chosen.isolation is not None or self.chosen.read_only is not None:
            self.chosen = Modes()
            self.refresh()

    def refresh(self) -> None:
        """Work out the modes from what was said."""
        chosen = self.chosen
        self.isolation = chosen.isolation or self._settings.get("default_transaction_isolation")
        default = self._settings.get("default_transaction_read_only") == "on"
        self.read_only = default if chosen.read_only is None else chosen.read_only
        self.usual = chosen == Modes() and self.isolation == REPEATABLE_READ and not self.read_only
