"""The names that completion needs: tables and views with their columns, indexes, node ids.

Fetched with SQL like everything else, so it works on any target. A refresh runs behind the statements on the link's
worker, never while somebody waits for the prompt, and never inside a transaction, whose snapshot it would hold or which
its failure would break. Between refreshes the last picture stays; being a little old costs a missing suggestion.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exdbsql.schema.errors import Error
from exdbsql.shell.database import Connection, Result
from exdbsql.shell.link import Link

_STALE_AFTER_SECONDS = 15.0


@dataclass(frozen=True)
class Catalog:
    """One picture of the names; views are among the tables."""

    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    indexes: tuple[str, ...] = ()
    nodes: tuple[int, ...] = ()


def quoted_name(name: str) -> str:
    """A name as SQL text: in quotes where folding or spelling would make another name of it."""
    plain = name.isascii() and name.isidentifier() and name == name.lower()
    return name if plain else '"' + name.replace('"', '""') + '"'


def column_of(result: Result, name: str) -> int:
    """Place of the column that is called `name`.

    Raises:
        LookupError: there is none.
    """
    present = [column.name for column in result.columns or ()]
    if name not in present:
        raise LookupError(f"no column {name} among {', '.join(present)}")
    return present.index(name)


def values_of(result: Result, name: str) -> list[object]:
    """The values of one column."""
    place = column_of(result, name)
    return [row[place] for row in result.rows]


_COLUMNS = """SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY table_name, ordinal_position"""


def fetch(connection: Connection) -> Catalog:
    """Read the names from the database.

    Raises:
        Error: the database would not say.
    """
    run = connection.session.execute
    tables: dict[str, list[str]] = {}
    for table, column in run(_COLUMNS).rows:
        tables.setdefault(str(table), []).append(str(column))
    indexes = tuple(str(name) for name in values_of(run("SHOW INDEXES"), "index"))
    return Catalog({name: tuple(found) for name, found in tables.items()}, indexes, _nodes(connection))


def _nodes(connection: Connection) -> tuple[int, ...]:
    """Ids of the nodes; none where the database is in no cluster."""
    try:
        found: Sequence[object] = values_of(connection.session.execute("SHOW NODES"), "node")
    except (Error, LookupError):
        return ()
    return tuple(node for node in found if isinstance(node, int))


class CatalogKeeper:
    """Holds the latest :class:`Catalog` and renews it in the background."""

    def __init__(self) -> None:
        self.current = Catalog()
        self._fetched_at = float("-inf")
        self._under_way = False

    def refresh_if_stale(self, link: Link) -> None:
        """Start a refresh if the picture is old."""
        if time.monotonic() - self._fetched_at > _STALE_AFTER_SECONDS:
            self.refresh(link)

    def refresh(self, link: Link) -> None:
        """Start a refresh, unless one is under way or a transaction is open."""
        if self._under_way or link.transaction_state != "idle":
            return
        self._under_way = link.in_background(self._renew) is not None

    def _renew(self, connection: Connection) -> None:
        """Runs on the worker; a database that cannot answer leaves the old picture."""
        try:
            if connection.transaction_state == "idle":
                self.current = fetch(connection)
        except (Error, OSError, LookupError):
            pass
        finally:
            self._fetched_at = time.monotonic()
            self._under_way = False
