"""A session in this process: where each statement goes.

The life of a statement here (`run`):

1. The text is looked up; most statements end this step with one dictionary look-up (:mod:`.statement_cache`).
2. A planned statement runs in the session's transaction, or with autocommit in one of its own
   (:mod:`.transaction_block`). A text that was not planned is transaction control, DDL
   (:meth:`Database.execute_ddl`), an exchange of DISTRIBUTED tables, or SHOW.
3. An error leaves an open transaction *failed*, as in PostgreSQL: until it is rolled back, wholly or to a savepoint,
   every statement is refused with 25P02.

DDL is not part of a transaction: it takes effect at once, so within one that has changes it is refused (25001).

Threads: one at a time; a second one gets an InterfaceError, not a mixed-up transaction. Test and mark are one attribute,
which also tells `cancel` whom to stop.
"""

from collections.abc import Sequence
from threading import get_ident
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final

from exdbsql.cancellation import BUSY, ENDED, Cancellation, StatementCancelled
from exdbsql.cluster_calls import NodeCalls
from exdbsql.control import (
    Begin,
    Commit,
    Control,
    Exchange,
    Modes,
    Release,
    Rollback,
    RollbackTo,
    SetModes,
    SetSavepoint,
    SetVariable,
    Show,
)
from exdbsql.interface import DISCONNECTED, FAILED, IDLE, OPEN
from exdbsql.result import Answer, Parameters, Result, Shape, result_of
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import Error, InterfaceError, InternalError, OperationalError, ProgrammingError
from exdbsql.settings import Settings
from exdbsql.show import exchange_answer, show
from exdbsql.statement_cache import DdlText, PlannedStatement
from exdbsql.transaction_block import TransactionBlock

if TYPE_CHECKING:
    from exdbsql.database import Database


class Session:
    """The :class:`~exdbsql.interface.SessionInterface` of a database in this process.

    Attributes:
        settings: what SET changed.
        block: the transaction.
    """

    def __init__(self, database: "Database") -> None:
        self._database = database
        self._engine = database.engine
        self._statements = database.statements
        self._planned = database.statements.planned
        self._running = Cancellation()
        self._notices: list[str] = []
        self._cluster = NodeCalls(database, self)
        self.settings = Settings()
        self.block = TransactionBlock(database.engine, self.settings)

    # --- what others ask ---------------------------------------------------------------------------------------------

    @property
    def cluster(self) -> NodeCalls:
        """The cluster's calls."""
        return self._cluster

    @property
    def transaction_state(self) -> str:
        """ "idle", "open", "failed" or "disconnected"."""
        if self._running.thread == ENDED:
            return DISCONNECTED
        if not self.block.is_open:
            return IDLE
        return FAILED if self.block.failed else OPEN

    @property
    def target_description(self) -> tuple[str, int | None]:
        """The database's name, and the node's id where it is in a cluster."""
        return self._database.name, self._database.node_id

    @property
    def autocommit(self) -> bool:
        """Whether each statement outside BEGIN … COMMIT is a transaction of its own."""
        return self.block.autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise InterfaceError(f"autocommit is True or False, not {value!r}")
        self.block.autocommit = value

    def take_notices(self) -> list[str]:
        """What was to be said beside results since the last call."""
        notices, self._notices = self._notices, []
        return notices

    def cancel(self) -> None:
        """Stop the statement that runs now, from another thread."""
        self._running.cancel()

    def end(self, timeout_s: float) -> None:
        """From another thread: stop the statement that runs, wait for that so long, and close."""
        deadline = monotonic() + timeout_s
        while self._running.thread not in (0, ENDED) and monotonic() < deadline:
            self._running.cancel()
            sleep(0.005)
        self.close()

    def close(self) -> None:
        """Roll back and end. Closing twice is no error."""
        if self._running.thread != ENDED:
            self.block.rollback()
            self._running.thread = ENDED
            self._database.forget(self)

    # --- statements --------------------------------------------------------------------------------------------------

    def execute(self, sql: str, params: Parameters = None) -> Result:
        """Run one statement; the result is complete, with names."""
        return result_of(self.run(sql, params), tuple(self.take_notices()))

    def run(self, sql: str, parameters: Parameters = None) -> Answer:
        """Run one statement."""
        planned = self._planned.get(sql)
        if planned is None or planned.dictionary is not self._engine.dictionary:
            found = self._prepare(sql)
            if not isinstance(found, PlannedStatement):
                return self._run_own(found, parameters)
            planned = found
        running = self._running
        if running.thread:
            raise self._why_not()
        running.thread = BUSY
        block = self.block
        try:
            values = planned.bind(parameters)
            if planned.writes or block.failed:
                self._check_may_run(planned)
            if block.alone:
                outcome = self._run_alone(planned, values)
            else:
                transaction = block.enter()
                running.thread = get_ident()
                outcome = planned.run(transaction, values)
        except (Error, KeyboardInterrupt):
            block.fail()
            raise
        except BaseException as problem:
            block.fail()
            raise _as_error(problem) from problem
        finally:
            running.thread = 0
            if running.requested:
                running.settle()
        if planned.gives_rows:
            return planned.shape, outcome, len(outcome), None
        return planned.shape, None, outcome, None

    def _run_alone(self, planned: PlannedStatement, values: tuple[Any, ...]) -> Any:
        """One statement as a transaction of its own."""
        modes, running = self.block.modes, self._running
        transaction = self._engine.begin(read_only=modes.read_only, isolation=modes.isolation)
        try:
            running.thread = get_ident()
            outcome = planned.run(transaction, values)
            running.shield()
        except BaseException:
            running.shield()
            transaction.rollback()
            raise
        if planned.writes:
            self._database.commit(transaction)
        else:
            transaction.rollback()
        return outcome

    def run_many(self, sql: str, rows: Sequence[Any]) -> Answer:
        """Run one statement for each row of parameters, as one statement: all or nothing."""
        planned = self._prepare(sql)
        if not isinstance(planned, PlannedStatement) or planned.gives_rows:
            raise InterfaceError("executemany is for statements that change rows and give none")
        running = self._running
        if running.thread:
            raise self._why_not()
        running.thread = BUSY
        alone = self.block.alone
        try:
            self._check_may_run(planned)
            transaction = self.block.enter()
            running.thread = get_ident()
            count = planned.run_many(transaction, rows)
            running.shield()
            if alone:
                self._commit_block()
        except BaseException as problem:
            running.shield()
            if alone:
                self.block.rollback()
            self.block.fail()
            if isinstance(problem, (Error, KeyboardInterrupt)):
                raise
            raise _as_error(problem) from problem
        finally:
            running.thread = 0
            if running.requested:
                running.settle()
        return planned.shape, None, count, None

    def _prepare(self, sql: str) -> PlannedStatement | Control | DdlText:
        """Look up or plan; an error here fails the transaction just as one of the running statement does.

        A node that has yet to join its cluster waits here before it touches a replicated table. Until then statements
        are not kept, so that later ones pass without a question.
        """
        self._check_not_running()
        try:
            found = self._statements.prepare(sql, keep=not self._database.is_joining)
            if isinstance(found, PlannedStatement) and found.uses_replicated:
                self._database.wait_ready()
            return found
        except (Error, KeyboardInterrupt):
            self.block.fail()
            raise
        except Exception as problem:
            self.block.fail()
            raise _as_error(problem) from problem

    def _check_may_run(self, planned: PlannedStatement) -> None:
        self.block.check_not_failed()
        if planned.writes:
            self.block.check_writable(planned.shape.kind)
            if planned.writes_replicated:
                self._database.require_quorum()

    def _check_not_running(self) -> None:
        if self._running.thread:
            raise self._why_not()

    def _why_not(self) -> Error:
        if self._running.thread == ENDED:
            return InterfaceError("the connection is closed", sqlstate=states.CONNECTION_DOES_NOT_EXIST)
        return InterfaceError(
            "another thread is using this connection", hint="give each thread a connection of its own: db.connect()"
        )

    # --- the end of a transaction ------------------------------------------------------------------------------------

    def commit(self) -> None:
        """Commit the open transaction, if there is one; returns only if it is committed.

        Raises:
            OperationalError: a statement had failed (25P02); the transaction is rolled back.
            Error: what :meth:`Database.commit` raises; the transaction is over.
        """
        self._check_not_running()
        if self.block.failed:
            self.block.rollback()
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
        transaction = self.block.take()
        if transaction is not None:
            self._database.commit(transaction)

    def rollback(self) -> None:
        """Undo the open transaction, if there is one."""
        self._check_not_running()
        self.block.rollback()

    # --- the session's own statements --------------------------------------------------------------------------------

    def _run_own(self, statement: Control | DdlText, parameters: Parameters) -> Answer:
        if parameters:
            raise ProgrammingError("this statement takes no parameters", sqlstate=states.UNDEFINED_PARAMETER)
        try:
            if not isinstance(statement, (Commit, Rollback, RollbackTo)):
                self.block.check_not_failed()
            return self._run_control(statement)
        except BaseException:
            self.block.fail()
            raise

    def _run_control(self, statement: Control | DdlText) -> Answer:
        match statement:
            case Commit():
                return self._sql_commit()
            case Rollback():
                self.block.rollback()
                return _done("ROLLBACK")
            case Begin(modes, tag):
                return self._sql_begin(modes, tag)
            case SetSavepoint(name):
                self.block.set_savepoint(name)
                return _done("SAVEPOINT")
            case RollbackTo(name):
                self.block.rollback_to(name)
                return _done("ROLLBACK")
            case Release(name):
                self.block.release(name)
                return _done("RELEASE")
            case SetModes(modes, for_session):
                return self._sql_set_modes(modes, for_session)
            case SetVariable(name, value):
                return self._sql_set(name, value)
            case Show():
                return show(self._database, self, statement)
            case Exchange():
                return self._sql_exchange(statement)
            case DdlText():
                return self._run_ddl(statement)
        raise InternalError(f"no rule for {statement}")

    def _sql_begin(self, modes: Modes, tag: str) -> Answer:
        if self.block.is_open:
            self._notices.append("WARNING: there is already a transaction in progress")
        else:
            self.block.begin(modes)
        return _done(tag)

    def _sql_commit(self) -> Answer:
        if self.block.alone:
            self._notices.append("WARNING: there is no transaction in progress")
        if self.block.failed:
            self.block.rollback()
            self._notices.append("WARNING: the transaction was rolled back, because a statement in it had failed")
            return _done("ROLLBACK")
        self.commit()
        return _done("COMMIT")

    def _sql_set_modes(self, modes: Modes, for_session: bool) -> Answer:
        if for_session:
            self.block.modes.choose_for_session(modes)
        elif self.block.alone:
            self._notices.append("WARNING: SET TRANSACTION can only be used in transaction blocks")
        else:
            self.block.set_modes(modes)
        return _done("SET")

    def _sql_set(self, name: str, value: str | None) -> Answer:
        if name in ("transaction_isolation", "transaction_read_only"):
            raise ProgrammingError(
                f'parameter "{name}" is set with SET TRANSACTION', sqlstate=states.INVALID_PARAMETER_VALUE
            )
        self.settings.set(name, value)
        self.block.modes.refresh()
        return _done("SET")

    def _sql_exchange(self, exchange: Exchange) -> Answer:
        """The exchange is atomic by itself, over several nodes; it is no part of a transaction here."""
        kind = "SCATTER" if exchange.push else "GATHER"
        self._leave_transaction_for(kind)
        call = self._cluster.scatter if exchange.push else self._cluster.gather
        return exchange_answer(kind, call(exchange.tables, exchange.nodes))

    def _run_ddl(self, ddl: DdlText) -> Answer:
        self._leave_transaction_for(ddl.tag)
        self._database.execute_ddl(ddl)
        return _done(ddl.tag)

    def _leave_transaction_for(self, what: str) -> None:
        """Let go of the snapshot; refuse where a later ROLLBACK would seem to undo what takes effect at once.

        Raises:
            OperationalError: the transaction has changes or savepoints (25001), or is read-only (25006).
        """
        block = self.block
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
    for kind in (
        *("BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET"),
        *("CREATE TABLE", "DROP TABLE", "CREATE INDEX", "DROP INDEX"),
    )
}


def _as_error(problem: BaseException) -> Error:
    """What is no error of ours as one."""
    match problem:
        case StatementCancelled():
            return OperationalError("the statement was cancelled", sqlstate=states.QUERY_CANCELED)
        case MemoryError():
            return OperationalError("out of memory", sqlstate=states.OUT_OF_MEMORY)
        case RecursionError():
            return OperationalError("the statement is nested too deeply", sqlstate=states.STATEMENT_TOO_COMPLEX)
    return InternalError(f"a bug of exdbsql: {type(problem).__name__}: {problem}")


def _done(kind: str) -> Answer:
    return _SHAPES[kind], None, 0, None
