"""Commits of transactions that have executed DDL: definitions and rows take effect together, or not at all.

The statements are run again over the definitions that are in force at the commit, here or at its place in the log; then the rows are
checked against the tables that this makes, which nobody sees yet; and only when nothing can fail any more all of it is published.

Rows name their table by its id. An id that the transaction's own statements gave means the same at the commit only where
the statements run over the dictionary that they were run over before. So a transaction with rows is void if another one
has changed the definitions meanwhile; one that has nothing but DDL is not, if its statements still fit.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exdbsql.engine import commits, constraints
from exdbsql.engine.certification import CertificationMemory, certify, resolve
from exdbsql.engine.commits import Changes, DefinitionChange, PreparedCommit
from exdbsql.engine.definitions import Adoption, put_in_force, work_out
from exdbsql.engine.guards import TableGuard, check_guard, guards_of
from exdbsql.engine.private_catalog import PrivateCatalog
from exdbsql.engine.read_set import ReadSet, TableReads
from exdbsql.engine.rebuilds import same_key
from exdbsql.engine.references import Links
from exdbsql.engine.serializable import SerializableTransaction, check_pending, check_reads, local_part
from exdbsql.engine.table import TableStore
from exdbsql.engine.transaction import Transaction
from exdbsql.engine.write_set import WriteSet, write_set_of
from exdbsql.schema.ddl_statements import DdlStatement
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import ConflictError, Error

if TYPE_CHECKING:
    from exdbsql.engine.database import Database


def fingerprint(dictionary: Dictionary) -> str:
    """Equal where the same statements make the same of two dictionaries, ids included."""
    ids = sorted([(table.id, table.name) for table in dictionary.tables.values()])
    ids += sorted([(sequence.id, sequence.name) for sequence in dictionary.sequences.values()])
    return hashlib.sha256(repr((dictionary.digest(), dictionary.next_table_id, ids)).encode()).hexdigest()


def commit_with_ddl(database: "Database", transaction: Transaction, catalog: PrivateCatalog) -> None:
    """Commit without the log; called under no lock.

    Raises:
        ConflictError: another transaction changed the same rows or definitions first.
        IntegrityError, ProgrammingError: what others committed meanwhile does not fit.
    """
    changes = commits.changes_of(transaction)
    with database.commit_lock:
        adoption = _checked(database, transaction, catalog, changes, transaction)
        _put_in_force(database, adoption, catalog.moved_sequences)
        database.publish(_placed(changes, adoption), database.head[1])


def prepare_with_ddl(
    database: "Database",
    transaction: Transaction,
    catalog: PrivateCatalog,
    announce: Callable[[PreparedCommit], None] | None,
) -> PreparedCommit:
    """The first of two steps of a commit through the log; as ``Database.prepare_commit``, under no lock."""
    changes = commits.changes_of(transaction)
    replicated, local = commits.split_by_kind(changes)
    reads = public_reads(catalog, transaction.reads) if isinstance(transaction, SerializableTransaction) else {}
    base = fingerprint(catalog.base) if changes or catalog.moved_sequences else ""
    prepared = PreparedCommit(
        write_set_of(replicated, transaction.position, guards_of(reads)),
        local,
        local_part(reads) or None,
        definitions=DefinitionChange(base, tuple(step.text for step in catalog.steps), catalog.moved_sequences),
    )
    if announce is not None:
        announce(prepared)
    with database.commit_lock:
        if transaction.snapshot < database.state_replaced_at:
            raise constraints.replaced_state_conflict()
        _checked(database, transaction, catalog, changes, prepared)
        prepared.reserved_in = commits.set_aside(local, prepared, catalog.links)
        if prepared.local_reads:
            database.pending_reads[prepared] = prepared.local_reads
    return prepared


def _checked(
    database: "Database", transaction: Transaction, catalog: PrivateCatalog, changes: Changes, holder: object
) -> Adoption:
    """What the commit would put into force, once all checks against the newest state are passed."""
    if (changes or catalog.moved_sequences) and database.dictionary is not catalog.base:
        raise definitions_conflict()
    statements = [step.statement for step in catalog.steps]
    written = {store.definition.id: writes for store, writes in changes}
    adoption = work_out(database, statements, written=written, in_log=database.in_cluster)
    for store, writes in changes:
        _check_origin(store, writes, catalog, transaction.snapshot)
        if store.reserved.keys:
            constraints.check_reservations(store, writes, holder)
    placed = _placed(changes, adoption)
    for store, writes in placed:
        violation = constraints.newest_violation(store, writes)
        if violation is not None:
            raise violation
    commits.check_references(adoption.links, placed, None, holder)
    database.check_growth(changes, transaction.bytes_bound)
    if isinstance(transaction, SerializableTransaction):
        transaction.reads = public_reads(catalog, transaction.reads)
        check_reads(database, transaction)
        check_pending(database.pending_reads.values(), changes, local_part(transaction.reads), holder)
    return adoption


def _put_in_force(database: "Database", adoption: Adoption, sequences: Mapping[int, int]) -> None:
    adoption.restarted.update(sequences)
    put_in_force(database, adoption)


def _check_origin(store: TableStore, writes: Mapping[object, object], catalog: PrivateCatalog, snapshot: int) -> None:
    """First committer wins, on the table of the database that the transaction's own one was made from."""
    origin = catalog.copied.get(store, store)
    if origin.dropped:
        raise constraints.missing_table_conflict(origin.name)
    if origin.changed_at <= snapshot:
        return
    if same_key(origin.definition, store.definition):
        commits.check_first_committer(origin, writes, snapshot)  # type: ignore[arg-type]  # only the keys are read
    else:
        raise constraints.missing_table_conflict(origin.name)


def _placed(changes: Changes, adoption: Adoption) -> Changes:
    """The changes, in the tables that are there after the adoption; temporary tables are none of its."""
    return [
        (adoption.stores.get(store.definition.id, store), writes)
        for store, writes in changes
        if store.definition.is_temporary or store.definition.id in adoption.stores
    ]


def definitions_conflict() -> ConflictError:
    """Another transaction has changed definitions meanwhile."""
    return ConflictError("another transaction changed the definitions first", hint="Run the transaction again.")


def public_reads(catalog: PrivateCatalog, reads: ReadSet) -> ReadSet:
    """What was read, of tables that others know: reading a copy is reading the whole table that it was made from."""
    public: ReadSet = {}
    for store, read in reads.items():
        origin = catalog.copied.get(store)
        if origin is not None:
            whole = public[origin] = TableReads()
            whole.read_all()
        elif store.changed_at > 0 and store not in public:
            public[store] = read
    return public


@dataclass(slots=True)
class _WorkedOut:
    """What certification looks at: the tables as they would be."""

    tables_by_id: dict[int, TableStore]
    certification: CertificationMemory
    links: Links


def apply_with_ddl(
    database: "Database",
    position: int,
    origin_node: int,
    base: str,
    statements: Iterable[DdlStatement],
    sequences: Mapping[int, int],
    write_set: WriteSet,
    prepared: PreparedCommit | None,
) -> Error | None:
    """Certify and apply an entry of definitions and rows; called under the commit lock (R2).

    Returns:
        None where it committed; else the error, the same on every node.
    """
    verdict, adoption = _verdict(database, position, base, statements, write_set)
    changes: Changes = []
    if verdict is None:
        assert adoption is not None
        _put_in_force(database, adoption, sequences)
        changes = resolve(database, write_set)
        database.certification.remember(position, origin_node, changes)
        if prepared is not None and prepared.is_open:
            changes = changes + _placed(prepared.local_changes, adoption)
    if prepared is not None:
        database.close_prepared(prepared)
    database.publish(changes, position)
    return verdict


def _verdict(
    database: "Database", position: int, base: str, statements: Iterable[DdlStatement], write_set: WriteSet
) -> tuple[Error | None, Adoption | None]:
    if base and fingerprint(database.dictionary) != base:
        return definitions_conflict(), None
    conflict = _check_guards(database, write_set.guards, write_set.snapshot_position)
    if conflict is not None:
        return conflict, None
    try:
        written = {table.table_id: table.rows for table in write_set.tables}
        adoption = work_out(database, statements, written=written, in_log=True)
    except Error as error:
        return error, None
    rows = WriteSet(write_set.snapshot_position, write_set.tables)
    worked_out = _WorkedOut(adoption.stores, database.certification, adoption.links)
    return certify(worked_out, position, rows), adoption


def _check_guards(database: "Database", guards: Sequence[TableGuard], snapshot_position: int) -> ConflictError | None:
    """What was read, against the tables before the statements: as these were it was read."""
    for guard in guards:
        conflict = check_guard(guard, database.tables_by_id, database.certification, snapshot_position)
        if conflict is not None:
            return conflict
    return None
