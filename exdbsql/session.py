"""A session in this process: where each statement goes.

The life of a statement here (`run`):

1. The text is looked up; most statements end this step with one dictionary look-up (:mod:`.statement_cache`).
2. A planned statement runs in the session's transaction, or with autocommit in one of its own
   (:mod:`.transaction_block`). A text that was not planned is one of the session's own (:mod:`.own_statements`):
   transaction control, DDL, an exchange of DISTRIBUTED tables, SET, SHOW.
3. An error leaves an open transaction *failed*, as in PostgreSQL: until it is rolled back, wholly or to a savepoint,
   every statement is refused with 25P02.

What it stands on: whose turn it is (:mod:`.turns`), the ends of transactions (:mod:`.session_commits`), and what it sees and plans
against (:mod:`.session_definitions`).
"""

from collections.abc import Callable, Sequence
from functools import partial
from threading import get_ident
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, TypeVar

from exdbsql.cancellation import BUSY, ENDED, StatementCancelled
from exdbsql.cluster_calls import NodeCalls
from exdbsql.control import READ_COMMITTED, Commit, Control, Rollback, RollbackTo
from exdbsql.copy.copy_in import CopyIn
from exdbsql.copy.copy_out import CopyOut
from exdbsql.copy.statement import Copy
from exdbsql.engine.ddl_commits import definitions_conflict
from exdbsql.engine.single_change import SingleChange
from exdbsql.engine.transaction import REPEATABLE_READ
from exdbsql.interface import DISCONNECTED, FAILED, IDLE, OPEN
from exdbsql.own_statements import run_own
from exdbsql.prepared import Prepare
from exdbsql.read_committed import ATTEMPTS, STALE, pause
from exdbsql.result import Answer, Parameters, Result, result_of
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import (
    ConflictError,
    Error,
    InterfaceError,
    ProgrammingError,
)
from exdbsql.session_definitions import SessionDefinitions
from exdbsql.settings import kilobytes, milliseconds
from exdbsql.statement_cache import DdlText, PlannedStatement
from exdbsql.statement_watch import Limits, default_work_memory
from exdbsql.turns import as_error

if TYPE_CHECKING:
    from exdbsql.database import Database


T = TypeVar("T")


class Session(SessionDefinitions):
    """The :class:`~exdbsql.interface.SessionInterface` of a database in this process.

    Attributes:
        prepared: statements that PREPARE has given a name.
        copying: the COPY FROM that is under way.
        may_use_files: whether COPY may read and write files of this process's machine.
    """

    def __init__(self, database: "Database") -> None:
        self.may_use_files = True
        self.copying: CopyIn | None = None
        self._notices: list[str] = []
        self._cluster = NodeCalls(database, self)
        self.prepared: dict[str, Prepare] = {}
        super().__init__(database)
        self.settings.changed = self._apply_settings
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

    def after_fork(self) -> None:
        """In a forked process: end without a word; what is open is the parent's."""
        self._running.thread = ENDED

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
                        raise as_error(problem) from problem
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
        while outcome is STALE:
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
            raise as_error(problem) from problem
        if transaction is None:
            return None
        block.transaction = transaction
        transaction.given_values = block.given_values
        return 1

    def _run_planned(self, planned: PlannedStatement, parameters: Parameters) -> Any:
        """What it gives; or STALE, where the definitions were replaced between the plan and the snapshot: the tables of the plan
        may have stopped to follow the commits that the snapshot sees.
        """
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
        if planned.dictionary is not self._catalog.dictionary:
            return STALE
        if block.log is None and transaction.snapshot < self.engine.rebuilt_at:
            transaction.check_tables(planned.tables)
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
            if planned.dictionary is not self._catalog.dictionary:
                return STALE
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
        count = self.carry_out(partial(self._run_planned_many, planned), rows, planned.run_many)
        if count is STALE:
            return self.run_many(sql, rows)
        return planned.shape, None, count, None

    def insert_rows(self, planned: PlannedStatement, rows: Sequence[Any], insert: Callable[..., int]) -> int:
        """As `run_many`, where `insert` does it, called with a transaction and the rows; how many rows."""
        count: int | object = self.carry_out(partial(self._run_planned_many, planned), rows, insert)
        if not isinstance(count, int):
            raise definitions_conflict()
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

    def _run_planned_many(
        self, planned: PlannedStatement, rows: Sequence[Any], run_many: Callable[..., int]
    ) -> int | object:
        """How many rows changed; or STALE, as `_run_planned`."""
        block = self.block
        self.check_may_run(planned)
        if self.guarantees.linearizable and (block.transaction is None or block.log is not None):
            self.guarantees.before_snapshot(planned)
        transaction, log = block.enter(), block.log
        if type(transaction) is SingleChange:
            transaction.become_general()
        if planned.dictionary is not self._catalog.dictionary:
            return STALE
        if log is None:
            transaction.check_tables(planned.tables)
        self._running.thread = get_ident()
        count: int | object = run_many(transaction, rows) if log is None else log.run(planned, run_many, rows)
        self._running.shield()
        if block.alone:
            self._commit_block()
        elif block.early is not None:
            block.early.after_statement(transaction)
        return count

    def check_may_run(self, planned: PlannedStatement) -> None:
        """Refuse a statement that the transaction or the cluster does not allow now; 25P02, 25006, NoQuorumError."""
        self.block.check_not_failed()
        if planned.writes:
            if not planned.writes_temporary:
                self.block.check_writable(planned.shape.kind)
            if planned.writes_replicated:
                self._database.require_quorum()

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

    def notice(self, text: str) -> None:
        """Say something beside the next result."""
        self._notices.append(text)
