"""The statements that a session carries out itself: transaction control, SET, SHOW, DDL, SCATTER and GATHER.

DDL is part of its transaction, as in PostgreSQL. The exchange of DISTRIBUTED tables is not: it takes effect at once, on several
nodes. A transaction that only read lets go of its snapshot before it; within one that has changes it is refused (25001),
because a later ROLLBACK would seem to undo it.
"""

from typing import TYPE_CHECKING, Final

from exdbsql.cluster_statements import AlterCluster, alter_cluster
from exdbsql.control import (
    Begin,
    Commit,
    Control,
    CreateTableAs,
    Discard,
    Exchange,
    Modes,
    Release,
    Rollback,
    RollbackTo,
    SetConstraints,
    SetModes,
    SetSavepoint,
    SetVariable,
    Show,
    Truncate,
)
from exdbsql.copy.running import run_copy
from exdbsql.copy.statement import Copy
from exdbsql.declared_cursors import Close, Declare, Fetch, run_cursor
from exdbsql.engine.transaction import Transaction
from exdbsql.prepared import Deallocate, Execute, Prepare, run_prepared
from exdbsql.result import Answer, Shape
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import InternalError, OperationalError, ProgrammingError
from exdbsql.show import exchange_answer, show
from exdbsql.statement_cache import DdlText
from exdbsql.table_from_query import create_table_as
from exdbsql.transaction_block import TransactionBlock
from exdbsql.truncation import truncate

if TYPE_CHECKING:
    from exdbsql.database import Database
    from exdbsql.session import Session


def run_own(session: "Session", database: "Database", statement: Control | DdlText) -> Answer:
    """Carry out one of them; the session has checked that its transaction has not failed.

    Raises:
        Error: what is wrong.
    """
    block = session.block
    match statement:
        case Commit(chain):
            return _commit(session, chain)
        case Rollback(chain):
            return _rollback(session, chain)
        case Begin(modes, tag):
            return _begin(session, modes, tag)
        case SetSavepoint(name):
            block.set_savepoint(name)
            return _done("SAVEPOINT")
        case RollbackTo(name):
            block.rollback_to(name)
            return _done("ROLLBACK")
        case Release(name):
            block.release(name)
            return _done("RELEASE")
        case SetModes(modes, for_session):
            return _set_modes(session, modes, for_session)
        case SetConstraints(names, deferred):
            return _set_constraints(session, names, deferred)
        case CreateTableAs():
            block.check_writable("CREATE TABLE AS")
            return _create_table_as(session, database, statement)
        case Truncate():
            block.check_writable("TRUNCATE")
            session.change_as_one(lambda transaction: truncate(transaction, session.tables, statement))
            return _done("TRUNCATE TABLE")
        case Copy():
            return run_copy(session, statement)
        case Prepare() | Execute() | Deallocate():
            return run_prepared(session, statement)
        case SetVariable():
            return _set(session, statement)
        case Discard(what):
            return _discard(session, what)
        case Declare() | Fetch() | Close():
            return run_cursor(session, statement)
        case Show():
            return show(database, session, statement)
        case Exchange():
            return _exchange(session, statement)
        case AlterCluster():
            return alter_cluster(session, statement)
        case DdlText():
            block.check_writable(statement.tag)
            session.execute_ddl(statement)
            return _done(statement.tag)
    raise InternalError(f"no rule for {statement}")


def _begin(session: "Session", modes: Modes, tag: str) -> Answer:
    if session.block.is_open:
        session.notice("WARNING: there is already a transaction in progress")
    else:
        session.block.begin(modes)
    return _done(tag)


def _commit(session: "Session", chain: bool) -> Answer:
    block = session.block
    modes = _modes_to_chain(session, "COMMIT") if chain else None
    if block.alone:
        session.notice("WARNING: there is no transaction in progress")
    has_failed = block.failed
    if has_failed:
        block.rollback()
        session.notice("WARNING: the transaction was rolled back, because a statement in it had failed")
    else:
        session.commit()
    if modes is not None:
        block.begin(modes)
    return _done("ROLLBACK" if has_failed else "COMMIT")


def _rollback(session: "Session", chain: bool) -> Answer:
    modes = _modes_to_chain(session, "ROLLBACK") if chain else None
    session.block.rollback()
    if modes is not None:
        session.block.begin(modes)
    return _done("ROLLBACK")


def _modes_to_chain(session: "Session", what: str) -> Modes:
    """What was said for this transaction, for the next one too.

    Raises:
        OperationalError: there is none (25P01).
    """
    if session.block.alone:
        raise OperationalError(
            f"{what} AND CHAIN can only be used in transaction blocks", sqlstate=states.NO_ACTIVE_SQL_TRANSACTION
        )
    modes = session.block.modes
    return Modes(modes.isolation, modes.read_only)


def _set_modes(session: "Session", modes: Modes, for_session: bool) -> Answer:
    if for_session:
        session.block.modes.choose_for_session(modes)
    elif session.block.alone:
        session.notice("WARNING: SET TRANSACTION can only be used in transaction blocks")
    else:
        session.block.set_modes(modes)
    return _done("SET")


def _create_table_as(session: "Session", database: "Database", statement: CreateTableAs) -> Answer:
    known = session.tables.get(statement.name)
    is_temporary = statement.on_commit is not None
    if statement.if_not_exists and known is not None and known.definition.is_temporary >= is_temporary:
        session.notice(f'NOTICE: relation "{statement.name}" already exists, skipping')
        return _done("CREATE TABLE AS")
    if not is_temporary:
        database.require_quorum()
    count = 0

    def make(transaction: Transaction) -> None:
        nonlocal count
        count = create_table_as(transaction, session.plan_query(statement.query), statement)

    session.change_as_one(make)
    return Shape("SELECT"), None, count, None


def _set_constraints(session: "Session", names: tuple[str, ...] | None, deferred: bool) -> Answer:
    if session.block.alone:
        session.notice("WARNING: SET CONSTRAINTS can only be used in transaction blocks")
    else:
        session.block.enter().set_constraints(names, deferred=deferred)
    return _done("SET CONSTRAINTS")


def _set(session: "Session", statement: SetVariable) -> Answer:
    name, in_transaction = statement.name, not session.block.alone
    if name in ("transaction_isolation", "transaction_read_only"):
        raise ProgrammingError(
            f'parameter "{name}" is set with SET TRANSACTION', sqlstate=states.INVALID_PARAMETER_VALUE
        )
    if name == "all":
        session.settings.reset_all(in_transaction=in_transaction)
    elif statement.local and not in_transaction:
        session.notice("WARNING: SET LOCAL can only be used in transaction blocks")
    else:
        session.settings.set(name, statement.value, local=statement.local, in_transaction=in_transaction)
    return _done(statement.tag)


def _discard(session: "Session", what: str) -> Answer:
    block = session.block
    if what == "all":
        if block.is_open:
            raise OperationalError(
                "DISCARD ALL cannot run inside a transaction block", sqlstate=states.ACTIVE_SQL_TRANSACTION
            )
        session.settings.reset_all()
        session.prepared.clear()
        block.cursors.clear()
    if what in ("all", "temp"):
        session.drop_temporary_tables()
    if what in ("all", "sequences"):
        block.given_values.forget()
    if what in ("all", "plans"):
        session.forget_plans()
    return _done(f"DISCARD {what.upper()}")


def _exchange(session: "Session", exchange: Exchange) -> Answer:
    kind = "SCATTER" if exchange.push else "GATHER"
    _leave_transaction_for(session.block, kind)
    call = session.cluster.scatter if exchange.push else session.cluster.gather
    return exchange_answer(kind, call(exchange.tables, exchange.nodes, exchange.keep or "error"))


def _leave_transaction_for(block: TransactionBlock, what: str) -> None:
    """Let go of the snapshot.

    Raises:
        OperationalError: the transaction has changes or savepoints (25001), or is read-only (25006).
    """
    if block.has_writes or block.has_savepoints:
        raise OperationalError(
            f"{what} cannot run inside a transaction that has changes or savepoints",
            sqlstate=states.ACTIVE_SQL_TRANSACTION,
            hint=f"{what} takes effect at once; commit or roll back first",
        )
    block.check_writable(what)
    explicit, modes = block.is_explicit, block.modes.chosen
    block.rollback()
    if explicit:
        block.begin(modes)


_SHAPES: Final = {
    kind: Shape(kind)
    for kind in (*("BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET"),)
}


def _done(kind: str) -> Answer:
    return _SHAPES.get(kind) or Shape(kind), None, 0, None
