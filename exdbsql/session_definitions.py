"""What a session sees and plans against, and how it changes definitions.

Most sessions see the database's own. One whose transaction has executed DDL sees what that made of them
(:mod:`exdbsql.engine.private_catalog`), one that has temporary tables sees those too (:mod:`exdbsql.engine.temporary`); then its statements
are planned for it alone.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

from exdbsql.control import Control
from exdbsql.engine.catalog import Catalog
from exdbsql.engine.new_columns import may_write_rows
from exdbsql.engine.query.own_functions import OwnFunctions
from exdbsql.engine.table import TableStore
from exdbsql.engine.temporary import SessionCatalog, for_temporary
from exdbsql.engine.transaction import Transaction
from exdbsql.schema import sqlstate as states
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import NotSupportedError, ProgrammingError
from exdbsql.session_commits import SessionCommits
from exdbsql.statement_cache import DdlText, PlannedStatement, StatementCache

if TYPE_CHECKING:
    from exdbsql.database import Database

_NAMES_PUBLIC: Final = re.compile(r"\bpublic\"?\s*\.", re.IGNORECASE)


class SessionDefinitions(SessionCommits):
    """The part of a session that knows definitions.

    Attributes:
        engine: the database below.
    """

    def __init__(self, database: "Database") -> None:
        self.engine = database.engine
        self._catalog: Catalog = database.engine
        self._statements = database.statements
        self._planned = database.statements.planned
        super().__init__(database)
        self.block.definitions_changed = self._choose_catalog
        self.block.dictionary = lambda: self.dictionary

    @property
    def dictionary(self) -> Dictionary:
        """The definitions that this session sees: its transaction's own, where that has executed DDL."""
        return self._catalog.dictionary

    @property
    def catalog(self) -> Catalog:
        """The definitions and tables that this session sees."""
        return self._catalog

    @property
    def tables(self) -> Mapping[str, TableStore]:
        """The tables that this session sees."""
        return self._catalog.tables

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

    def forget_plans(self) -> None:
        """DISCARD PLANS: plan the statements of this session anew."""
        self._statements.forget_plans()

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

    def drop_temporary_tables(self) -> None:
        """DISCARD TEMP."""
        transaction = self.block.transaction
        if (self.block.temporary.catalog if transaction is None else transaction.temporary) is not None:
            self.change_as_one(lambda transaction: transaction.drop_temporary())

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

    def _prepare(self, sql: str) -> PlannedStatement | Control | DdlText:
        """Look up or plan; an error here fails the transaction just as one of the running statement does."""
        found: PlannedStatement | Control | DdlText = self.carry_out(self._look_up, sql, not self._database.is_joining)
        return found

    def _look_up(self, sql: str, keep: bool) -> PlannedStatement | Control | DdlText:
        """A node that has yet to join its cluster waits here before it touches a replicated table. Until then statements
        are not kept, so that later ones pass without a question.
        """
        running = self._running
        running.thread = get_ident()
        found = self._statements.prepare(sql, keep=keep)
        running.shield()
        if isinstance(found, PlannedStatement) and found.uses_replicated:
            self._database.wait_ready()
        return found
