"""A publication that was interrupted half-way is finished, not left half-way.

Ctrl-C, the exit of a signal's handler, or an exception that another thread sets, arrives between any two bytecodes, also while a commit changes rows. By
then all checks have passed, so the commit goes through: what is missing is done again in a form that does not mind
having been done, the indexes are made anew, and the interruption goes on to whoever called.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from exdbsql.engine.dots import StoreDots
from exdbsql.engine.table import TableStore
from exdbsql.engine.versions import Key, Row


class Publisher(Protocol):
    """What this module finishes in a database."""

    head: tuple[int, int]
    unpruned: dict[TableStore, None]
    memory_used: int
    tables: dict[str, TableStore]


def finish_publication(
    database: Publisher,
    version: int,
    position: int,
    changes: Sequence[tuple[TableStore, Mapping[Key, Row | None]]],
    dots: Sequence[StoreDots],
) -> None:
    """Bring the publication of `version` to its end; further interrupts meanwhile only start this again."""
    while database.head != (version, position):
        try:
            _finish(database, version, position, changes, dots)
        except (KeyboardInterrupt, SystemExit):
            continue


def _finish(
    database: Publisher,
    version: int,
    position: int,
    changes: Sequence[tuple[TableStore, Mapping[Key, Row | None]]],
    dots: Sequence[StoreDots],
) -> None:
    for store, _ in changes:
        store.changed_at = version
    for store, writes in changes:
        database.unpruned[store] = None
        store.apply_again(version, writes)
    for store, made in dots:
        if store.distributed is not None:
            store.distributed.rebuild(made)
    database.memory_used = sum(
        sum(map(store.size_of, store.rows.values())) for store in database.tables.values() if store.size_of is not None
    )
    database.head = (version, position)
