"""The database: its dictionary, its tables, and the one place where a version is published.

Everything that changes committed rows comes through `publish`, under the commit lock: local commits, write sets from the log, rows that an
exchange of DISTRIBUTED tables brings, the state that a joining node receives. `head`, the pair (version, log position), is
replaced as one value, so that a snapshot knows which position of the log it saw. A database alone never moves the position.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from exdbsql.engine import commits, constraints, replicated_state
from exdbsql.engine.catalog import Definitions, table_of
from exdbsql.engine.certification import WINDOW, CertificationMemory, certify, resolve
from exdbsql.engine.commits import Changes, PreparedCommit
from exdbsql.engine.ddl_commits import apply_with_ddl, commit_with_ddl, prepare_with_ddl
from exdbsql.engine.definitions import adopt, put_in_force, work_out
from exdbsql.engine.distributed import Exchange
from exdbsql.engine.dots import StoreDots, new_dots
from exdbsql.engine.guards import guards_of
from exdbsql.engine.interruption import finish_publication
from exdbsql.engine.memory import refuse_growth
from exdbsql.engine.overlay import Overlay
from exdbsql.engine.read_set import ReadSet
from exdbsql.engine.references import NO_LINKS, Links
from exdbsql.engine.row_claims import RowClaims
from exdbsql.engine.row_ids import RowIds
from exdbsql.engine.sequences import Detached, SequenceLog, SequenceValues
from exdbsql.engine.serializable import (
    SERIALIZABLE,
    RecentChanges,
    SerializableTransaction,
    check_pending,
    check_reads,
    local_part,
)
from exdbsql.engine.single_row import apply_from_log, commit_transaction
from exdbsql.engine.snapshots import SnapshotRegistry
from exdbsql.engine.table import TableStore
from exdbsql.engine.transaction import READ_COMMITTED, REPEATABLE_READ, Transaction
from exdbsql.engine.write_set import WriteSet, write_set_of
from exdbsql.schema.ddl_statements import DdlStatement
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import Error, InterfaceError, InternalError, NotSupportedError, ProgrammingError
from exdbsql.schema.sqlstate import UNDEFINED_TABLE
from exdbsql.schema.table import TableKind


class Database:
    """An in-memory database.

    Attributes:
        dictionary: the definitions in force.
        tables: the tables by name; replaced, never changed, by DDL.
        in_force: dictionary and tables as one value; None while DDL replaces them and the tables' indexes.
        name: what current_database() gives.
        links: the foreign keys between them; replaced with them.
        sequences: where the sequences have got to.
        sequence_log: in a cluster, what moves them on all nodes.
        head: (version, log position) that a new snapshot sees.
        snapshots: the open ones.
        claims: rows that open transactions have claimed by SKIP LOCKED or NOWAIT.
        unpruned: tables that hold something for older snapshots.
        prune_wanted: a snapshot ended while a commit was running, which has to prune when it has given back the lock.
        is_debug: whether each commit is followed by a check of what it touched.
        commit_lock: held while a commit checks and publishes; readers never take it.
        node_id: this node's id in its cluster, or 0.
        memory_limit: rough bytes that rows may take, or None.
        memory_used: rough bytes that they take; counted only where there is a limit.
        state_replaced_at: version at which another node's state was last taken in; 0 for never.
        rebuilt_at: version at which a table was last made anew; 0 for never.
        exchange: the DISTRIBUTED tables, as the cluster sees them.
        recent: what commits changed while a SERIALIZABLE transaction was open.
        pending_reads: prepared SERIALIZABLE commits that have read LOCAL or DISTRIBUTED tables.
    """

    def __init__(
        self, dictionary: Dictionary, *, node_id: int = 0, memory_limit: int | None = None, debug: bool = False
    ) -> None:
        self.dictionary = Dictionary(next_table_id=dictionary.next_table_id)
        self.tables: dict[str, TableStore] = {}
        self.in_force: Definitions | None = Definitions(self.dictionary, self.tables)
        self.tables_by_id: dict[int, TableStore] = {}
        self.name = ""
        self.links: Links = NO_LINKS
        self.sequences = SequenceValues()
        self.sequence_log: SequenceLog | None = None
        self.rebuilt_at = 0
        self.head: tuple[int, int] = (0, 0)
        self.snapshots = SnapshotRegistry()
        self.claims = RowClaims(self.snapshots)
        self.unpruned: dict[TableStore, None] = {}
        self.recent = RecentChanges()
        self.pending_reads: dict[PreparedCommit, ReadSet] = {}
        self.commit_lock = threading.Lock()
        self.node_id = node_id
        self.memory_limit = memory_limit
        self.memory_used = 0
        self.row_ids = RowIds()
        self.certification = CertificationMemory()
        self.in_cluster = False
        self.state_replaced_at = 0
        self.is_debug = debug
        self.prune_wanted = False
        self._closed = False
        self.origin = node_id
        self.exchange = Exchange(self)
        adopt(self, dictionary)

    # Transactions

    def begin(self, *, read_only: bool = False, isolation: str = REPEATABLE_READ) -> Transaction:
        """Open a transaction on the newest version.

        Raises:
            InterfaceError: the database is closed.
            NotSupportedError: the isolation level is none of "read committed", "repeatable read", "serializable".
        """
        if self._closed:
            raise InterfaceError("the database is closed")
        kind = Transaction
        if isolation != REPEATABLE_READ and isolation != READ_COMMITTED:
            if isolation != SERIALIZABLE:
                raise NotSupportedError(f"isolation level {isolation} is not supported")
            kind = Transaction if read_only else SerializableTransaction
        transaction = kind(self, read_only, isolation)
        transaction.open_snapshot()
        return transaction

    def table(self, name: str) -> TableStore:
        """The table of that name; ProgrammingError 42P01 where there is none."""
        return table_of(self.tables, name)

    def close(self) -> None:
        """Refuse new transactions; those that are open may end."""
        self._closed = True

    def enter_cluster(self, node_id: int, incarnation: int) -> None:
        """From now on commits to replicated tables go through the log, and dots and row ids carry this node's identity.

        `incarnation` tells this life of the node from its former ones: a diskless node that comes back has lost its
        DISTRIBUTED rows, so its old dots must not be taken for new ones, nor new ones for old (R10).
        """
        with self.commit_lock:
            self.node_id = node_id
            self.origin = (incarnation << 16) | node_id
            self.in_cluster = True
            self.row_ids.enter_cluster(node_id)

    def leave_cluster(self) -> None:
        """Commits to replicated tables are local again, and free."""
        self.in_cluster = False

    def return_to_cluster(self) -> None:
        """They go through the log again. The node lives on: its dots and row ids keep their identity."""
        with self.commit_lock:
            self.in_cluster = True

    @property
    def applied_position(self) -> int:
        """Position of the last log entry that was applied here."""
        return self.head[1]

    # Commits

    def commit_locally(self, transaction: Transaction) -> None:
        """Commit without the log; called by ``Transaction.commit``.

        Raises:
            ConflictError, IntegrityError: as ``Transaction.commit`` says.
            InternalError: it changed replicated tables and the database is in a cluster.
        """
        if transaction.catalog is not None:
            if self.in_cluster:
                raise InternalError("DDL in a cluster has to go through the log")
            commit_with_ddl(self, transaction, transaction.catalog)
            self._prune_if_wanted()
            return
        changes = commits.changes_of(transaction)
        if not changes:
            return
        if (
            len(changes) == 1
            and not self.links.concern(changes[0][0])
            and type(transaction) is Transaction
            and commit_transaction(self, transaction, *changes[0])
        ):
            self._prune_if_wanted()
            return
        with self.commit_lock:
            if self.in_cluster and any(store.kind is TableKind.REPLICATED for store, _ in changes):
                raise InternalError("a commit to replicated tables in a cluster has to go through the log")
            commits.check_commit(changes, transaction.snapshot, transaction, self.links)
            if self.recent.entries is not None and isinstance(transaction, SerializableTransaction):
                check_reads(self, transaction)
                check_pending(self.pending_reads.values(), changes, None, transaction)
            if self.memory_limit is not None:
                self.check_growth(changes, transaction.bytes_bound)
            self.publish(changes, self.head[1])
            self.snapshots.holders.pop(transaction, None)
            self.prune_locked()
        self._prune_if_wanted()

    def prepare_commit(
        self, transaction: Transaction, announce: Callable[[PreparedCommit], None] | None = None
    ) -> PreparedCommit:
        """The first of two steps of a commit through the log; the transaction ends, the commit is pending.

        A verdict has to follow: ``apply_write_set`` with what this returns, or ``abort_prepared``.

        Args:
            transaction: what to commit.
            announce: called with the prepared commit before anything is set aside, so that an interrupt on the way back
                cannot lose it.

        Raises:
            ConflictError, IntegrityError: as ``Transaction.commit``; nothing is pending then.
            OperationalError: 53200, the memory limit.
        """
        if transaction.catalog is not None:
            try:
                return prepare_with_ddl(self, transaction, transaction.catalog, announce)
            finally:
                transaction.end()
        changes = commits.changes_of(transaction)
        replicated, local = commits.split_by_kind(changes)
        if isinstance(transaction, SerializableTransaction):
            guarded = write_set_of(replicated, transaction.position, guards_of(transaction.reads))
            prepared = PreparedCommit(guarded, local, local_part(transaction.reads))
        else:
            prepared = PreparedCommit(write_set_of(replicated, transaction.position), local)
        if announce is not None:
            announce(prepared)
        try:
            with self.commit_lock:
                if replicated and transaction.snapshot < self.state_replaced_at:
                    raise constraints.replaced_state_conflict()
                commits.check_commit(changes, transaction.snapshot, prepared, self.links)
                self.check_growth(changes, transaction.bytes_bound)
                if isinstance(transaction, SerializableTransaction):
                    check_reads(self, transaction)
                    check_pending(self.pending_reads.values(), changes, prepared.local_reads, prepared)
                prepared.reserved_in = commits.set_aside(local, prepared, self.links)
                if prepared.local_reads:
                    self.pending_reads[prepared] = prepared.local_reads
        finally:
            transaction.end()
        return prepared

    def abort_prepared(self, prepared: PreparedCommit) -> None:
        """The pending commit is surely not committed: give back what it has set aside. Harmless after a verdict."""
        with self.commit_lock:
            self.close_prepared(prepared)
        self._prune_if_wanted()

    def commit_prepared_locally(self, prepared: PreparedCommit) -> None:
        """The pending commit is committed, and its replicated part is here already: publish the rest of it.

        For a node that learns the verdict not from the entry but from another node's state, which it took over.
        """
        with self.commit_lock:
            if prepared.is_open:
                changes = [change for change in prepared.local_changes if not change[0].dropped]
                self.close_prepared(prepared)
                self.publish(changes, self.head[1])
                self.prune_locked()
        self._prune_if_wanted()

    def close_prepared(self, prepared: PreparedCommit) -> None:
        """The verdict is known: give back what is set aside; the caller holds the commit lock."""
        if prepared.is_open:
            prepared.is_open = False
            self.pending_reads.pop(prepared, None)
            commits.release(prepared.reserved_in, prepared)

    def apply_write_set(
        self, position: int, origin_node: int, write_set: WriteSet, prepared: PreparedCommit | None
    ) -> Error | None:
        """Certify and apply one entry of the log; the verdict depends on the entry and the log before it alone (R2).

        Args:
            position: of the entry; above every position applied before.
            origin_node: where the transaction ran; named to those that lose against it.
            write_set: what it changed.
            prepared: on the node where it ran, what ``prepare_commit`` gave: its LOCAL and DISTRIBUTED part commits with it.

        Returns:
            None where it committed; else the error, a ConflictError or IntegrityError, which is the same on every node.
        """
        with self.commit_lock:
            self._require_later(position)
            self.certification.advance(position)
            if self._apply_one_row(position, origin_node, write_set, prepared):
                verdict = None
            else:
                verdict = self._apply_in_general(position, origin_node, write_set, prepared)
        if self.prune_wanted:
            self.prune()
        return verdict

    def _apply_one_row(
        self, position: int, origin_node: int, write_set: WriteSet, prepared: PreparedCommit | None
    ) -> bool:
        """The short form, where it may be taken; whether it was."""
        snapshot_position, tables, guards = write_set
        if len(tables) != 1 or guards or not position - WINDOW <= snapshot_position < position:
            return False
        if prepared is None:
            return apply_from_log(self, position, origin_node, snapshot_position, tables[0])
        if prepared.local_changes or prepared.reserved_in or prepared.local_reads:
            return False
        if not apply_from_log(self, position, origin_node, snapshot_position, tables[0]):
            return False
        prepared.is_open = False
        return True

    def _apply_in_general(
        self, position: int, origin_node: int, write_set: WriteSet, prepared: PreparedCommit | None
    ) -> Error | None:
        verdict = certify(self, position, write_set)
        changes: Changes = []
        if verdict is None:
            changes = resolve(self, write_set)
            self.certification.remember(position, origin_node, changes)
            if prepared is not None and prepared.is_open:
                changes = changes + [change for change in prepared.local_changes if not change[0].dropped]
        if prepared is not None:
            self.close_prepared(prepared)
        self.publish(changes, position)
        self.prune_locked()
        return verdict

    def _require_later(self, position: int) -> None:
        if position <= self.head[1]:
            raise InternalError(f"log position {position} was applied already, the database is at {self.head[1]}")

    def publish(self, changes: Changes, position: int, dots: Sequence[StoreDots] | None = None) -> None:
        """Install changes as a new version, under the commit lock; order of steps: :mod:`exdbsql.engine.table`.

        `dots` are those of changes that come from other nodes; changes made here get new ones.
        """
        version = self.head[0] + 1
        if self.recent.entries is not None:
            self.recent.note(version, changes)
        if dots is None:
            dots = new_dots(self.origin, changes)
        try:
            for store, _ in changes:
                store.changed_at = version
            for store, writes in changes:
                self.unpruned[store] = None
                self.memory_used += store.apply(version, writes)
            for store, made in dots:
                if store.distributed is not None:
                    store.distributed.record(made)
            self.head = (version, position)
        except BaseException:
            finish_publication(self, version, position, changes, dots)
            raise
        for store, _ in changes:
            if store.deep:
                store.thin(self.snapshots.all_open)
            if self.is_debug:
                store.check()

    def check_memory(self, overlays: Iterable[Overlay], bound: int) -> None:
        """Raise OperationalError 53200 where these writes, at most `bound` bytes, would pass the limit."""
        self.check_growth([(overlay.store, overlay.writes) for overlay in overlays], bound)

    def check_growth(self, changes: Changes, bound: int) -> None:
        """Raise OperationalError 53200 where these changes, at most `bound` bytes, would pass the limit."""
        limit = self.memory_limit
        if limit is None:
            return
        if self.memory_used + bound + self.scan_bytes > limit:
            self.forget_scans()
        if self.memory_used + bound <= limit:
            return
        growth = 0
        for store, writes in changes:
            assert store.size_of is not None
            for key, row in writes.items():
                before = store.rows.get(key)
                growth += (store.size_of(row) if row is not None else 0) - (store.size_of(before) if before else 0)
        if growth > 0 and self.memory_used + growth > limit:
            raise refuse_growth(limit, self.memory_used, growth)

    @property
    def scan_bytes(self) -> int:
        """Rough bytes of the lists that scans keep."""
        return sum(store.scans.size() for store in list(self.tables.values()) if store.scans is not None)

    def room_for_scans(self) -> int:
        """How many more bytes of lists may be kept; there is a memory limit."""
        assert self.memory_limit is not None
        return self.memory_limit - self.memory_used - self.scan_bytes

    def forget_scans(self) -> None:
        """Drop the lists that scans keep: they are made again when somebody asks, and there is room."""
        for store in list(self.tables.values()):
            store.scans = None

    # Pruning

    def prune(self) -> None:
        """Drop what no open snapshot needs; leaves it to the commit that runs, where one does."""
        self.prune_wanted = True
        while self.prune_wanted and not self.commit_lock.locked():
            with self.commit_lock:
                self.prune_wanted = False
                self.prune_locked()

    def _prune_if_wanted(self) -> None:
        """After giving back the commit lock: a reader that ended meanwhile left its pruning to us."""
        if self.prune_wanted:
            self.prune()

    def prune_locked(self) -> None:
        """Drop what no open snapshot needs; the caller holds the commit lock."""
        if not self.unpruned:
            return
        floor = self.snapshots.oldest_floor()
        kept = {store: None for store in self.unpruned if not store.prune(floor)}
        self.unpruned = kept

    # Definitions

    def execute_ddl(self, statement: DdlStatement) -> None:
        """Run one DDL statement here alone.

        Raises:
            ProgrammingError: the statement does not fit the dictionary.
            IntegrityError: rows do not fit what it makes.
        """
        with self.commit_lock:
            put_in_force(self, work_out(self, [statement]))
        self._prune_if_wanted()

    def apply_ddl(self, position: int, statements: Iterable[DdlStatement]) -> Error | None:
        """Run DDL from the log, all statements or none; the error, the same on every node, where it is void."""
        with self.commit_lock:
            self._require_later(position)
            self.certification.advance(position)
            verdict: Error | None = None
            try:
                put_in_force(self, work_out(self, statements, in_log=True))
            except Error as error:
                verdict = error
            self.head = (self.head[0], position)
        self._prune_if_wanted()
        return verdict

    def apply_ddl_and_rows(
        self,
        position: int,
        origin_node: int,
        base: str,
        statements: Iterable[DdlStatement],
        sequences: Mapping[int, int],
        write_set: WriteSet,
        prepared: PreparedCommit | None,
    ) -> Error | None:
        """Certify and apply an entry with DDL and rows of one transaction; else as `apply_write_set`.

        `base`, the statements and the sequences are those of :class:`~exdbsql.engine.commits.DefinitionChange`.
        """
        with self.commit_lock:
            self._require_later(position)
            self.certification.advance(position)
            verdict = apply_with_ddl(self, position, origin_node, base, statements, sequences, write_set, prepared)
            self.prune_locked()
        self._prune_if_wanted()
        return verdict

    # Sequences

    def set_sequence(self, sequence_id: int, upcoming: int) -> None:
        """Have a sequence go on from `upcoming`, on all nodes."""
        log = self.sequences_through
        if log is None:
            self.sequences.set(sequence_id, upcoming)
        else:
            log.set(sequence_id, upcoming)

    @property
    def sequences_through(self) -> SequenceLog | None:
        """What values of sequences have to go through: None where the database is alone."""
        return self.sequence_log if self.in_cluster or self.sequence_log is None else Detached()

    def apply_sequence_take(self, position: int, sequence_id: int, number: int) -> tuple[int, int] | Error:
        """An entry of the log: a node takes values. (first, how many), or why there are none, the same on every node."""
        with self.commit_lock:
            self._require_later(position)
            self.certification.advance(position)
            self.head = (self.head[0], position)
            for sequence in self.dictionary.sequences.values():
                if sequence.id == sequence_id:
                    try:
                        return self.sequences.take(sequence, number)
                    except Error as error:
                        return error
        return ProgrammingError(f"sequence number {sequence_id} does not exist", sqlstate=UNDEFINED_TABLE)

    def apply_sequence_set(self, position: int, sequence_id: int, upcoming: int) -> None:
        """An entry of the log: a sequence goes on from `upcoming`."""
        with self.commit_lock:
            self._require_later(position)
            self.certification.advance(position)
            self.head = (self.head[0], position)
            self.sequences.set(sequence_id, upcoming)

    def export_replicated(self, max_rows: int = 0, max_bytes: int = 0) -> Iterator[bytes]:
        """The replicated state as chunks; :func:`exdbsql.engine.replicated_state.export_replicated`."""
        return replicated_state.export_replicated(self, max_rows, max_bytes)

    def import_replicated(self, chunks: Iterable[bytes]) -> None:
        """Take over another node's replicated state; :func:`exdbsql.engine.replicated_state.import_replicated`."""
        replicated_state.import_replicated(self, chunks)

    def stats(self) -> dict[str, Any]:
        """Figures for an operator: rows, versions kept, open transactions, positions, memory."""
        return {
            "version": self.head[0],
            "applied_position": self.head[1],
            "open_transactions": len(self.snapshots),
            "oldest_snapshot": self.snapshots.oldest_floor(),
            "rows": {name: len(store.rows) for name, store in self.tables.items()},
            "version_chains": {name: len(store.chains) for name, store in self.tables.items()},
            "certification_keys": sum(len(store.touched) for store in self.tables.values()),
            "memory_used": self.memory_used + self.scan_bytes,
            "memory_limit": self.memory_limit,
        }
