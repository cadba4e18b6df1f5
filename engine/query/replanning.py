"""Statements that are planned again when their tables have another size than they were planned for.

A program prepares its joins when its tables are empty, and runs them when they are full: the order of joins that was best for nothing is
kept for as long as the statement is. So a statement with a join looks, before it runs, whether each table's count of rows
is still within a factor of four of what it was planned with (and some rows, so that small tables do not matter), and is
planned anew where one is not. That costs a look at a few dictionaries' lengths; a table that grows from nothing to a million
rows is planned for some ten times.

Watched are statements where sizes decide something: joins, EXISTS, lists of values, which are looked up in an index or tried on each row, and
the first rows of an order. In others it is whether there is an index that decides, not how many rows there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from exdbsql.engine.catalog import Catalog
from exdbsql.engine.query.expressions import Exists, HasMatch, InArray, InList, InSubquery
from exdbsql.engine.query.plan import Join, Limit, walk
from exdbsql.engine.query.statements import BoundStatement
from exdbsql.schema.errors import Error

Run = Callable[[Any, tuple[Any, ...]], Any]

_DECIDED_BY_SIZES: Final = (Join, Limit, Exists, HasMatch, InList, InArray, InSubquery)
FACTOR: Final = 4
SOME_ROWS: Final = 200


def depends_on_sizes(bound: BoundStatement) -> bool:
    """Whether counts of rows decided something about the plan."""
    plan = bound.query if bound.query is not None else bound.change.source if bound.change is not None else None
    return any(isinstance(node, _DECIDED_BY_SIZES) for node in walk(plan))


class WatchedRun:
    """A statement's function that has itself made again by `compile_again` when tables have outgrown the plan."""

    __slots__ = ("_bounds", "_catalog", "_compile_again", "_dictionary", "_run", "_tables")

    def __init__(self, run: Run, tables: Iterable[str], catalog: Catalog, compile_again: Callable[[], Run]) -> None:
        self._run = run
        self._catalog = catalog
        self._dictionary = catalog.dictionary
        self._tables = tuple(tables)
        self._compile_again = compile_again
        self._bounds = self._measured()

    def _measured(self) -> list[tuple[Any, int, int]]:
        """Each table's rows, and between which counts the plan serves."""
        found = []
        for name in self._tables:
            store = self._catalog.tables.get(name)
            if store is not None:
                count = len(store.rows)
                found.append((store, count // FACTOR - SOME_ROWS, count * FACTOR + SOME_ROWS))
        return found

    def __call__(self, txn: Any, parameters: tuple[Any, ...]) -> Any:
        """Run the statement."""
        for store, least, most in self._bounds:
            if not least <= len(store.rows) <= most:
                self._plan_again()
                break
        return self._run(txn, parameters)

    def _plan_again(self) -> None:
        """Replace the function; the old one is as right, and stays where the definitions have changed meanwhile."""
        self._bounds = self._measured()
        if self._catalog.dictionary is not self._dictionary:
            return
        try:
            run = self._compile_again()
        except Error:
            return
        if self._catalog.dictionary is self._dictionary:
            self._run = run
