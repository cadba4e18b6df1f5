"""A session in this process: where each statement goes.

The life of a statement here (`run`):

1. The text is looked up; most statements end this step with one dictionary look-up (:mod:`.statement_cache`).
2. A planned statement runs in the session's transaction, or with autocommit in one of its own
   (:mod:`.transaction_block`). A text that was not planned is one of the session's own (:mod:`.own_statements`):
   transaction control, DDL, an exchange of DISTRIBUTED tables, SET, SHOW.
3. An error leaves an open transaction *failed*, as in PostgreSQL: until it is rolled back, wholly or to a savepoint,
   every statement is refused with 25P02.

Threads: one at a time; a second one gets an InterfaceError, not a mixed-up transaction. Test and mark are one attribute,
which also tells `cancel` whom to stop.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from threading import get_ident
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final, TypeVar

from exdbsql.cancellation import BUSY, ENDED, Cancellation, StatementCancelled
from exdbsql.cluster_calls import NodeCalls
from exdbsql.control import READ_COMMITTED, Commit, Control, Rollback, RollbackTo
from exdbsql.copy.copy_in import CopyIn
from exdbsql.copy.copy_out import CopyOut
from exdbsql.copy.statement import Copy
from exdbsql.engine.catalog import Catalog
from exdbsql.engine.new_columns import may_write_rows
from exdbsql.engine.query.own_functions import OwnFunctions
from exdbsql.engine.single_change import SingleChange
from exdbsql.engine.table import TableStore
from exdbsql.engine.temporary import SessionCatalog, for_temporary
from exdbsql.engine.transaction import REPEATABLE_READ, Transaction
from exdbsql.guarantees import Guarantees
from exdbsql.interface import DISCONNECTED, FAILED, IDLE, OPEN
from exdbsql.own_statements import run_own
from exdbsql.prepared import Prepare
from exdbsql.read_committed import ATTEMPTS, pause
from exdbsql.result import Answer, Parameters, Result, result_of
from exdbsql.schema import sqlstate as states
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import (
    ConflictError,
    Error,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from exdbsql.settings import Settings, kilobytes, milliseconds
from exdbsql.statement_cache import DdlText, PlannedStatement, StatementCache
from exdbsql.statement_watch import Limits, default_work_memory
from exdbsql.transaction_block import TransactionBlock

if TYPE_CHECKING:
    from exdbsql.database import Database


T = TypeVar("T")

_NAMES_PUBLIC: Final = re.compile(r"\bpublic\"?\s*\.", re.IGNORECASE)


class Session:
    """The :class:`~exdbsql.interface.SessionInterface` of a database in this process.

    Attributes:
        settings: what SET changed.
        guarantees: what the session asks of the cluster.
        prepared: statements that PREPARE has given a name.
        block: the transaction.
        engine: the database below.
        copying: the COPY FROM that is under way.
        may_use_files: whether COPY may read and write files of this process's machine.
    """

    def __init__(self, database: "Database") -> None:
        self._database = database
        self.engine = database.engine
        self.may_use_files = True
        self.copying: CopyIn | None = None
        self._catalog: Catalog = database.engine
        self._statements = database.statements
        self._planned = database.statements.planned
        self._running = Cancellation()
        self._notices: list[str] = []
        self._cluster = NodeCalls(database, self)
        self.guarantees = Guarantees(database)
        self.settings = Settings()
        self.settings.changed = self._apply_settings
        self.prepared: dict[str, Prepare] = {}
        self.block = TransactionBlock(database.engine, self.settings, self._choose_catalog, lambda: self.dictionary)
        self.block.early = None if database.replication is None else database.replication.early
        if database.engine.memory_limit is not None:
            self.limit_statements()

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
        """Stop the statement that runs now, from another thread; a COPY also between two parts of its data."""
        copying = self.copying
        if copying is not None:
            copying.cancel()
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
            self.block.temporary.forget()
            self._running.thread = ENDED
            self._database.watch.set(self._running, Limits())
            self._database.forget(self)

    # --- statements --------------------------------------------------------------------------------------------------

    def execute(self, sql: str, params: Parameters = None) -> Result:
        """Run one statement; the result is complete, with names."""
        return result_of(self.run(sql, params), tuple(self.take_notices()))

    def run(self, sql: str, parameters: Parameters = None) -> Answer:
        """Run one statement.

        A small query that was run before has a shortcut, where its snapshot is plain to see: that of a transaction that
        has written nothing and keeps no account of what it reads, or the newest where the query is alone. So has a change
        of one row that is alone, where commits need no log.
        """
        planned = self._planned.get(sql)
        if planned is not None and planned.dictionary is self._catalog.dictionary:
            read = planned.read
            if read is not None and not self._running.thread:
                block = self.block
                transaction = block.transaction
                if transaction is not None:
                    if transaction.isolation == REPEATABLE_READ and not (transaction.by_table or block.failed):
                        rows = read(planned.literals, parameters, transaction.snapshot)
                        if rows is not None:
                            return planned.shape, rows, len(rows), None
                elif block.alone and not self.guarantees.linearizable:
                    rows = read(planned.literals, parameters, self.engine.head[0])
                    if rows is not None:
                        return planned.shape, rows, len(rows), None
            elif (write := planned.write) is not None and not self._running.thread:
                block = self.block
                if block.modes.read_only or self._database.replication is not None:
                    count = None
                elif block.alone:
                    try:
                        count = write(planned.literals, parameters, self.engine)
                    except Error:  # a constraint; the general way finds it too, and says it better
                        count = None
                    except Exception as problem:
                        raise _as_error(problem) from problem
                else:
                    count = self._begin_with_one_row(planned, parameters)
                if count is not None:
                    return planned.shape, None, count, None
        else:
            found = self._prepare(sql)
            if not isinstance(found, PlannedStatement):
                return self._run_own(found, parameters)
            planned = found
        outcome = self.carry_out(self._run_planned, planned, parameters)
        if planned.gives_rows:
            return planned.shape, outcome, len(outcome), None
        return planned.shape, None, outcome, None

    def _begin_with_one_row(self, planned: PlannedStatement, parameters: Parameters) -> int | None:
        """By the shortcut of a change that begins a transaction, where it does."""
        block = self.block
        first = planned.first_write
        if first is None or block.transaction is not None or block.failed or not block.modes.usual:
            return None
        try:
            transaction = first(planned.literals, parameters, self.engine)
        except Error:  # as above
            return None
        except Exception as problem:
            raise _as_error(problem) from problem
        if transaction is None:
            return None
        block.transaction = transaction
        transaction.given_values = block.given_values
        return 1

    def carry_out(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Run `work` as what the session does now; it says itself where it can be cancelled. An error fails the transaction.

        Raises:
            InterfaceError: the session is closed, or does something else already.
            Error: what `work` raises, as one of ours.
        """
        running = self._running
        if running.thread:
            raise self._why_not()
        running.thread = BUSY
        try:
            try:
                return work(*arguments)
            finally:
                running.thread = BUSY  # nothing is delivered after this
                if running.requested:
                    try:
                        running.settle()
                    except StatementCancelled:  # it came too late, or while another error was on its way
                        running.settle()
        except BaseException as problem:
            self.block.fail()
            if isinstance(problem, Error) or not isinstance(problem, (Exception, StatementCancelled)):
                raise  # SystemExit and KeyboardInterrupt mean the program, whatever runs in it
            raise _as_error(problem) from problem
        finally:
            running.thread = 0

    def carry_out_cancellable(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """The same for work that can be cancelled throughout."""
        return self.carry_out(self._cancellable, work, *arguments)

    def _cancellable(self, work: Callable[..., Any], *arguments: Any) -> Any:
        self._running.thread = get_ident()
        return work(*arguments)

    def _run_planned(self, planned: PlannedStatement, parameters: Parameters) -> Any:
        block = self.block
        values = planned.bind(parameters)
        if planned.writes or block.failed:
            self.check_may_run(planned)
        if block.alone:
            return self._run_alone(planned, values)
        if self.guarantees.linearizable and (block.transaction is None or block.log is not None):
            self.guarantees.before_snapshot(planned)
        transaction = block.enter()
        if type(transaction) is SingleChange:
            transaction.become_general()  # now: the statement may be cancelled at any moment
        self._running.thread = get_ident()
        log = block.log
        outcome = planned.run(transaction, values) if log is None else log.run(planned, planned.run, values)
        if planned.writes and block.early is not None:
            block.early.after_statement(transaction)
        return outcome

    def _run_alone(self, planned: PlannedStatement, values: tuple[Any, ...], attempt: int = 1) -> Any:
        """One statement as a transaction of its own; under READ COMMITTED, again where another commit came first."""
        modes, running = self.block.modes, self._running
        if self.guarantees.linearizable:
            self.guarantees.before_snapshot(planned)
        transaction = self.block.start()
        try:
            running.thread = get_ident()
            outcome = planned.run(transaction, values)
            running.shield()
            if planned.writes:
                self._commit_transaction(transaction)
            return outcome
        except ConflictError:
            if modes.isolation != READ_COMMITTED or attempt == ATTEMPTS or not planned.writes:
                raise
        finally:
            running.thread = BUSY
            if running.requested:
                try:
                    running.settle()
                except StatementCancelled:
                    running.settle()
            if transaction.is_open:
                try:
                    transaction.rollback()
                except (KeyboardInterrupt, SystemExit):  # before it began: a snapshot must not stay open
                    transaction.rollback()
                    raise
        pause(attempt)
        return self._run_alone(planned, values, attempt + 1)

    def run_many(self, sql: str, rows: Sequence[Any]) -> Answer:
        """Run one statement for each row of parameters, as one statement: all or nothing."""
        planned = self._prepare(sql)
        if not isinstance(planned, PlannedStatement) or planned.gives_rows:
            raise InterfaceError("executemany is for statements that change rows and give none")
        count = self.carry_out(self._run_planned_many, planned, rows, planned.run_many)
        return planned.shape, None, count, None

    def insert_rows(self, planned: PlannedStatement, rows: Sequence[Any], insert: Callable[..., int]) -> int:
        """As `run_many`, where `insert` does it, called with a transaction and the rows; how many rows."""
        count: int = self.carry_out(self._run_planned_many, planned, rows, insert)
        return count

    def copy_in(self, sql: str) -> CopyIn:
        """Begin a COPY FROM STDIN; errors as of :class:`~exdbsql.copy.copy_in.CopyIn`."""
        return self._begin_copy(CopyIn, sql)

    def copy_out(self, sql: str) -> CopyOut:
        """Begin a COPY TO STDOUT; errors as of :class:`~exdbsql.copy.copy_out.CopyOut`."""
        return self._begin_copy(CopyOut, sql)

    def _begin_copy(self, kind: Callable[["Session", Copy], T], sql: str) -> T:
        statement = self._prepare(sql)
        if not isinstance(statement, Copy) or statement.file is not None:
            raise InterfaceError("a stream is for COPY ... FROM STDIN and COPY ... TO STDOUT")
        try:
            self.block.check_not_failed()
            return kind(self, statement)
        except BaseException:
            self.block.fail()
            raise

    def _run_planned_many(self, planned: PlannedStatement, rows: Sequence[Any], run_many: Callable[..., int]) -> int:
        block = self.block
        self.check_may_run(planned)
        if self.guarantees.linearizable and (block.transaction is None or block.log is not None):
            self.guarantees.before_snapshot(planned)
        transaction, log = block.enter(), block.log
        if type(transaction) is SingleChange:
            transaction.become_general()
        self._running.thread = get_ident()
        count: int = run_many(transaction, rows) if log is None else log.run(planned, run_many, rows)
        self._running.shield()
        if block.alone:
            self._commit_block()
        elif block.early is not None:
            block.early.after_statement(transaction)
        return count

    def _prepare(self, sql: str) -> PlannedStatement | Control | DdlText:
        """Look up or plan; an error here fails the transaction just as one of the running statement does."""
        found: PlannedStatement | Control | DdlText = self.carry_out(self._look_up, sql)
        return found

    def _look_up(self, sql: str) -> PlannedStatement | Control | DdlText:
        """A node that has yet to join its cluster waits here before it touches a replicated table. Until then statements
        are not kept, so that later ones pass without a question.
        """
        running = self._running
        running.thread = get_ident()
        found = self._statements.prepare(sql, keep=not self._database.is_joining)
        running.shield()
        if isinstance(found, PlannedStatement) and found.uses_replicated:
            self._database.wait_ready()
        return found

    def check_may_run(self, planned: PlannedStatement) -> None:
        """Refuse a statement that the transaction or the cluster does not allow now; 25P02, 25006, NoQuorumError."""
        self.block.check_not_failed()
        if planned.writes:
            if not planned.writes_temporary:
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
        temporary.commit(transaction, self.guarantees.commit)
        if temporary.catalog is not before:
            self._choose_catalog()

    def rollback(self) -> None:
        """Undo the open transaction, if there is one."""
        self._check_not_running()
        self.block.rollback()

    # --- definitions --------------------------------------------------------------------------------------------------

    @property
    def dictionary(self) -> Dictionary:
        """The definitions that this session sees: its transaction's own, where that has executed DDL."""
        return self._catalog.dictionary

    def execute_ddl(self, ddl: DdlText) -> None:
        """Run a DDL statement, in the transaction where one is open or begins with it.

        Raises:
            Error: what :meth:`Database.execute_ddl` raises.
        """
        block = self.block
        if self._is_about_temporary(ddl):
            self.change_as_one(lambda transaction: transaction.execute_ddl(ddl.statement, ddl.text))
            return
        if block.alone:
            if may_write_rows(ddl.statement):
                self.change_as_one(lambda transaction: transaction.execute_ddl(ddl.statement, ddl.text))
            else:
                self._database.execute_ddl(ddl)
            return
        self._database.require_quorum()
        block.enter().execute_ddl(ddl.statement, ddl.text)
        if block.log is not None:
            block.log.give_up()
        self._choose_catalog()

    def _is_about_temporary(self, ddl: DdlText) -> bool:
        """Whether a statement is about temporary tables alone: then it needs no quorum and no log.

        Raises:
            NotSupportedError: it says ``public.`` where a temporary table hides a permanent one.
            Error: as :func:`~exdbsql.engine.temporary.for_temporary`.
        """
        transaction = self.block.transaction
        temporary = self.block.temporary.catalog if transaction is None else transaction.temporary
        below = self.engine.dictionary if transaction is None else transaction.below
        found = for_temporary(ddl.statement, temporary, below)
        if found is not None and self.dictionary.hidden and _NAMES_PUBLIC.search(ddl.text):
            raise NotSupportedError(
                "the schema public in a definition, while a temporary table hides a permanent one, is not supported"
            )
        return found is not None

    def check_preparable(self, sql: str) -> None:
        """Plan a text for PREPARE, so that what is wrong in it is found now.

        Raises:
            ProgrammingError: 42601, it is one of the session's own statements.
            Error: what planning finds.
        """
        if not isinstance(self._prepare(sql), PlannedStatement):
            raise ProgrammingError(
                "only queries and statements that change rows can be prepared", sqlstate=states.SYNTAX_ERROR
            )

    def create_function(
        self, name: str, arguments: Sequence[str], result: str, function: Callable[..., Any], *, strict: bool
    ) -> None:
        """A function of the program's, for all sessions of the database."""
        self._own.add_function(name, arguments, result, function, strict=strict)
        self._forget_plans()

    def create_aggregate(
        self, name: str, arguments: Sequence[str], result: str, accumulator: Callable[[], Any]
    ) -> None:
        """An aggregate of the program's, for all sessions of the database."""
        self._own.add_aggregate(name, arguments, result, accumulator)
        self._forget_plans()

    @property
    def _own(self) -> OwnFunctions:
        return self._database.statements.own

    def _forget_plans(self) -> None:
        for cache in {self._database.statements, self._statements}:
            cache.forget_plans()

    def plan(self, sql: str) -> PlannedStatement:
        """A query or a change of rows, planned for what this session sees.

        Raises:
            ProgrammingError: 42601, it is one of the session's own statements.
            Error: what planning finds.
        """
        found = self._prepare(sql)
        if not isinstance(found, PlannedStatement):
            raise ProgrammingError("a query or a change of rows was expected", sqlstate=states.SYNTAX_ERROR)
        return found

    @property
    def catalog(self) -> Catalog:
        """The definitions and tables that this session sees."""
        return self._catalog

    def plan_query(self, sql: str) -> PlannedStatement:
        """A query without parameters, planned for what this session sees.

        Raises:
            ProgrammingError: 42601, it gives no rows.
            Error: what planning finds.
        """
        found = self._prepare(sql)
        if not isinstance(found, PlannedStatement) or not found.gives_rows or found.writes:
            raise ProgrammingError("a query was expected", sqlstate=states.SYNTAX_ERROR)
        return found

    @property
    def tables(self) -> Mapping[str, TableStore]:
        """The tables that this session sees."""
        return self._catalog.tables

    def change_as_one(self, change: Callable[[Transaction], None]) -> None:
        """Run a change of rows that was not planned, in the open transaction or as one of its own.

        Raises:
            Error: what `change` or the commit raises; what it did is undone then.
        """
        block, alone = self.block, self.block.alone
        try:
            change(block.enter())
            if alone:
                self._commit_block()
        except BaseException:
            if alone:
                block.rollback()
            raise
        finally:
            self._running.thread = 0
        if block.log is not None:
            block.log.give_up()
        self._choose_catalog()

    def _choose_catalog(self) -> None:
        """Plan the next statements against what the transaction sees."""
        transaction = self.block.transaction
        private = None if transaction is None else transaction.catalog
        temporary = self.block.temporary.catalog if transaction is None else transaction.temporary
        if private is None and temporary is None:
            self._catalog, self._statements = self.engine, self._database.statements
        else:
            below = private or self.engine
            self._catalog = below if temporary is None else SessionCatalog(below, temporary)
            self._statements = StatementCache(self._catalog, self._database.statements.own)
        self._planned = self._statements.planned

    # --- the session's own statements --------------------------------------------------------------------------------

    def _run_own(self, statement: Control | DdlText, parameters: Parameters) -> Answer:
        if parameters:
            raise ProgrammingError("this statement takes no parameters", sqlstate=states.UNDEFINED_PARAMETER)
        try:
            if not isinstance(statement, (Commit, Rollback, RollbackTo)):
                self.block.check_not_failed()
            return run_own(self, self._database, statement)
        except BaseException:
            self.block.fail()
            raise

    def _apply_settings(self) -> None:
        """Put the settings into force."""
        self.block.modes.refresh()
        self.guarantees.refresh(self.settings)
        self.limit_statements()

    def limit_statements(self) -> None:
        """Put the settings `statement_timeout` and `work_mem` into force."""
        timeout_ms = milliseconds(self.settings.get("statement_timeout"))
        memory_kb = kilobytes(self.settings.get("work_mem"))
        memory_bytes = memory_kb * 1024 if memory_kb else default_work_memory(self.engine.memory_limit)
        limits = Limits(timeout_ms / 1000 if timeout_ms else None, memory_bytes)
        self._database.watch.set(self._running, limits)

    def drop_temporary_tables(self) -> None:
        """DISCARD TEMP."""
        if any(store.definition.is_temporary for store in self.tables.values()):
            self.change_as_one(lambda transaction: transaction.drop_temporary())

    def forget_plans(self) -> None:
        """DISCARD PLANS: plan the statements of this session anew."""
        self._statements.forget_plans()

    def notice(self, text: str) -> None:
        """Say something beside the next result."""
        self._notices.append(text)


def _as_error(problem: BaseException) -> Error:
    """What is no error of ours as one."""
    match problem:
        case StatementCancelled():
            return OperationalError(problem.message, sqlstate=problem.sqlstate)
        case MemoryError():
            return OperationalError("out of memory", sqlstate=states.OUT_OF_MEMORY)
        case RecursionError():
            return OperationalError("the statement is nested too deeply", sqlstate=states.STATEMENT_TOO_COMPLEX)
    return InternalError(f"a bug of exdbsql: {type(problem).__name__}: {problem}")
