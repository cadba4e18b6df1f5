"""A node outside of its cluster: local work on replicated tables, and what becomes of it when the node attaches again.

While a node is detached, a commit is local, and the row that each key had when the node left is kept. So at any moment it
is known what an attach would lose (REFERENCE section 8.3): nothing is lost where that is nothing; otherwise the attach is
refused with a list, or the changes are written to a file, undone, and given up.

LOCAL and DISTRIBUTED rows are the node's own and survive. A log that is applied from its beginning makes the tables of
replicated DDL once more; rows of such tables are put by until then (:class:`KeptTables`).

DDL is refused while detached: the numbers of tables must be the same on all nodes.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from exdbsql.engine.commits import changes_of
from exdbsql.engine.database import Database as Engine
from exdbsql.engine.dots import merged
from exdbsql.engine.table import TableStore
from exdbsql.engine.transaction import Transaction
from exdbsql.engine.versions import Key, Row
from exdbsql.local_changes import LocalChange, insert_of, list_of, script_of
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import ClusterError, DdlNotSupportedError, Error, OperationalError
from exdbsql.schema.table import TableKind


def refuse_ddl() -> DdlNotSupportedError:
    """The error of DDL on a detached node."""
    return DdlNotSupportedError(
        "the dictionary cannot be changed while the node is detached: all nodes must agree on it",
        hint="attach first",
    )


class Detachment:
    """One time outside. Any thread may call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._before: dict[TableStore, dict[Key, Row | None]] = {}
        self._lock = threading.Lock()
        self._is_over = False
        engine.leave_cluster()

    def commit(self, transaction: Transaction) -> None:
        """Commit locally; errors as ``Transaction.commit``."""
        with self._lock:
            if self._is_over:
                transaction.rollback()
                raise OperationalError(
                    "the node has attached to its cluster meanwhile",
                    sqlstate=states.SERIALIZATION_FAILURE,
                    retryable=True,
                )
            if transaction.catalog is not None:
                transaction.rollback()
                raise refuse_ddl()
            for store, writes in changes_of(transaction):
                if store.kind is TableKind.REPLICATED:
                    before = self._before.setdefault(store, {})
                    for key in writes:
                        before.setdefault(key, store.rows.get(key))
            transaction.commit()

    def end(self, *, discard_to: Path | None) -> Path | None:
        """The node is about to attach.

        Args:
            discard_to: folder for the file that takes local changes; None: refuse where there are any.

        Returns:
            The file, where there were local changes. They are undone.

        Raises:
            ClusterError: there are local changes, and they may not be discarded; lists them.
            OperationalError: the file cannot be written; nothing has changed.
        """
        with self._lock:
            changes = self._changes()
            if changes and discard_to is None:
                raise ClusterError(
                    f"attaching would lose {len(changes)} local changes to replicated tables",
                    sqlstate=states.OBJECT_NOT_IN_PREREQUISITE_STATE,
                    detail=list_of(changes),
                    hint='Undo them; or ALTER CLUSTER ATTACH DISCARD LOCAL CHANGES, attach(on_local_changes="discard") '
                    "in Python, saves them to a file first.",
                )
            saved = None
            if changes and discard_to is not None:
                saved = write_script(discard_to, "local changes", script_of(changes))
                self._undo(changes)
            self._is_over = True
            self._engine.return_to_cluster()
            return saved

    def _changes(self) -> list[LocalChange]:
        return [
            LocalChange(store, key, row, store.rows.get(key))
            for store, before in self._before.items()
            for key, row in before.items()
            if row != store.rows.get(key) and not store.dropped
        ]

    def _undo(self, changes: Iterable[LocalChange]) -> None:
        """What is replicated is again as the log left it (R2)."""
        by_store: dict[TableStore, dict[Key, Row | None]] = {}
        for change in changes:
            by_store.setdefault(change.store, {})[change.key] = change.before
        engine = self._engine
        with engine.commit_lock:
            engine.publish(list(by_store.items()), engine.head[1])
            engine.state_replaced_at = engine.head[0]
        engine.prune()


def save_replicated(engine: Engine, folder: Path) -> Path | None:
    """Write all rows of replicated tables to a file; None where there are none.

    Raises:
        OperationalError: the file cannot be written.
    """
    stores = [store for store in engine.tables.values() if store.kind is TableKind.REPLICATED and store.rows]
    if not stores:
        return None
    return write_script(folder, "rows", (insert_of(s.definition, row) for s in stores for row in list(s.rows.values())))


def name_saved(error: Error, saved: Iterable[Path | None]) -> None:
    """An attach that gave something up has failed later: its error says where that is."""
    lines = [f"what this node gave up is saved in {path}" for path in saved if path is not None]
    error.detail = "\n".join([*([error.detail] if error.detail else []), *lines]) or None


def write_script(folder: Path, what: str, statements: Iterable[str]) -> Path:
    """Write statements to a new file of the folder.

    Raises:
        OperationalError: the file system refuses (58030).
    """
    moment = time.strftime("%Y-%m-%dT%H%M%S", time.gmtime())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = _unused(folder, f"discarded-{what.replace(' ', '-')}-{moment}")
        with path.open("x", encoding="utf-8") as file:
            file.write(f"-- The {what} of replicated tables that this node gave up when it attached, {moment} UTC.\n")
            file.writelines(f"{statement}\n" for statement in statements)
    except OSError as error:
        raise OperationalError(
            f"what the attach would lose cannot be saved in {folder}: {error}",
            sqlstate=states.IO_ERROR,
            hint="nothing was given up; make room, or give the database another state_dir",
        ) from error
    return path


def _unused(folder: Path, name: str) -> Path:
    numbered = (folder / f"{name}{suffix}.sql" for suffix in _suffixes())
    return next(path for path in numbered if not path.exists())


def _suffixes() -> Iterator[str]:
    yield ""
    number = 1
    while True:
        number += 1
        yield f"-{number}"


class KeptTables:
    """LOCAL and DISTRIBUTED tables that vanish when a log begins anew, until its DDL makes them again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: dict[str, TableStore] = {}

    def __bool__(self) -> bool:
        return bool(self._kept)

    def own_tables(self) -> list[TableStore]:
        """Those that are there now."""
        return [store for store in self._engine.tables.values() if store.kind is not TableKind.REPLICATED]

    def keep(self, stores: Iterable[TableStore]) -> None:
        """Of these, keep what is gone."""
        self._kept.update((store.name, store) for store in stores if store.dropped and store.rows)

    def bring_back(self) -> None:
        """Give their rows to tables of the same name and shape that have been made since."""
        for name, old in list(self._kept.items()):
            store = self._engine.tables.get(name)
            if store is None or store.rows or replace(store.definition, id=old.definition.id) != old.definition:
                continue
            del self._kept[name]
            self._move(old, store)

    def forget(self) -> None:
        """The node is synchronised: what was not made again was dropped by the cluster."""
        self._kept.clear()

    def _move(self, old: TableStore, store: TableStore) -> None:
        engine = self._engine
        dots = []
        if old.distributed is not None:
            dots = [(store, sorted(old.distributed.by_key.items(), key=lambda keyed: keyed[1]))]
        with engine.commit_lock:
            engine.publish([(store, dict(old.rows))], engine.head[1], dots)
            if store.distributed is not None and old.distributed is not None:
                store.distributed.vector = merged(store.distributed.vector, old.distributed.vector)
                store.distributed.floor = merged(store.distributed.floor, old.distributed.floor)
        engine.prune()
