"""What a table's definition says of its rows, as functions (:mod:`exdbsql.engine.query.row_functions`), kept with the table.

The query layer stands on the engine, and compiles these functions for it; so it is imported when the first one is wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exdbsql.engine.catalog import Catalog
from exdbsql.engine.table import TableStore

if TYPE_CHECKING:
    from exdbsql.engine.query.row_functions import RowFunctions


def row_rules(store: TableStore, catalog: Catalog) -> RowFunctions:
    """The functions for rows of a table."""
    found: RowFunctions | None = store.row_functions
    if found is None:
        from exdbsql.engine.query.row_functions import row_functions

        found = store.row_functions = row_functions(store.definition, catalog)
    return found
