"""The rows of LOCAL and DISTRIBUTED tables where a node takes over another's definitions.

A node that was away so long that it gets a state in place of the log has missed ALTER TABLEs, and has rows that no other node has. It
knows both definitions, not the statements between them. Columns are taken for the same by their names: added ones begin with their
default, dropped ones go, as they did on the nodes that were there. That is certain unless a column that is gone and one that
is new have the same type: one may be the other under a new name, whose values have to be kept. There, and where the key is another, the
rows are given up, as if this process had begun anew: the others have what was shipped to them.

Who gives up rows of a DISTRIBUTED table must not number its changes as before: others have seen those numbers, and would
take new changes for old ones (R10). So the node gets another origin.
"""

import hashlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from exdbsql.engine.alterations import change_by_names
from exdbsql.engine.definition_changes import needs_rebuild, refuse_by_rows
from exdbsql.engine.dots import NODE_BITS, node_of
from exdbsql.engine.rebuilds import RowChange, rebuilt, same_key
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import Error
from exdbsql.schema.table import Table

if TYPE_CHECKING:
    from exdbsql.engine.table import TableStore

log = logging.getLogger("exdbsql.engine")


def followed(
    store: "TableStore", before: Dictionary, table: Table, made: Dictionary, version: int
) -> "tuple[TableStore, RowChange | None] | None":
    """A table of the new definition with the rows of `store`, and how they were changed; None where they cannot be kept.

    It is `store` itself where the rows stay as they are.
    """
    old = replace(store.definition, id=table.id, name=table.name)
    if old == table:
        return store, None
    try:
        refuse_by_rows(old, table, before.indexes_of(store.name), made.indexes_of(table.name))
        if not same_key(old, table) or _may_be_renamed(old, table):
            return None
        if not needs_rebuild(old, table):
            return store, None
        change = change_by_names(before, store.definition, made, table)
        return rebuilt(store, table, made, store.rows, version, change, may_fail=False), change
    except Error:
        return None


def _may_be_renamed(old: Table, new: Table) -> bool:
    gone = {str(column.type) for column in old.columns if not new.has_column(column.name)}
    return any(str(column.type) in gone for column in new.columns if not old.has_column(column.name))


def give_up(store: "TableStore", origin: int) -> int:
    """The origin of this node's changes from now on, where the rows of `store` are given up."""
    if store.rows:
        log.warning(
            "table %s was altered while this node was away, in a way that its rows here could not follow: %d %s rows are given up",
            store.name,
            len(store.rows),
            store.kind.value,
        )
    if store.distributed is None or not store.distributed.vector.get(origin):
        return origin
    digest = hashlib.blake2b(repr((origin, store.name, store.distributed.vector[origin])).encode(), digest_size=6)
    return int.from_bytes(digest.digest(), "big") << NODE_BITS | node_of(origin)
