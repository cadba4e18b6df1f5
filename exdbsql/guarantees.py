"""What a session asks of the cluster beyond the defaults: ``read_consistency`` and ``synchronous_commit``.

read_consistency
    ``local`` (the default): a transaction reads the newest that this node has, which may be older than what others have
    committed. ``linearizable``: before a transaction takes its snapshot, the node gets everything that was committed
    anywhere by then; that costs a round through the log, and needs a quorum.
synchronous_commit
    ``quorum`` (the default): a commit returns when it is decided, and applied here. ``all``: it returns when all active
    nodes have applied it, so that whoever is told of it finds it on any of them.

Both are about replicated tables; what touches only LOCAL and DISTRIBUTED ones is as fast as ever. Outside of a cluster,
and on a detached node, there is nobody to ask, and both hold as they are.
"""

from typing import TYPE_CHECKING, Final

from exdbsql.engine.transaction import Transaction
from exdbsql.schema.table import TableKind
from exdbsql.settings import Settings

if TYPE_CHECKING:
    from exdbsql.database import Database
    from exdbsql.statement_cache import PlannedStatement

NAMES: Final = ("read_consistency", "synchronous_commit")


class Guarantees:
    """The wishes of one session.

    Attributes:
        linearizable: reads see everything that was committed anywhere before they began.
    """

    __slots__ = ("_database", "_everywhere", "linearizable")

    def __init__(self, database: "Database") -> None:
        self._database = database
        self.linearizable = self._everywhere = False

    def refresh(self, settings: Settings) -> None:
        """The settings have changed."""
        in_cluster = self._database.replication is not None
        self.linearizable = in_cluster and settings.get("read_consistency") == "linearizable"
        self._everywhere = in_cluster and settings.get("synchronous_commit") == "all"

    def before_snapshot(self, planned: "PlannedStatement") -> None:
        """A snapshot is about to be taken for this statement.

        Raises:
            NoQuorumError: what others have committed cannot be known now.
        """
        replication = self._database.replication
        if self.linearizable and planned.uses_replicated and replication is not None:
            replication.read_mark()

    def commit(self, transaction: Transaction) -> None:
        """Commit, and wait for as many nodes as the session asks for; errors as ``Database.commit``."""
        replicated = self._everywhere and TableKind.REPLICATED in transaction.written_kinds
        self._database.commit(transaction)
        if replicated and self._database.replication is not None:
            self._database.replication.wait_applied_everywhere()
