"""One statement for many rows of parameters: what `executemany` runs.

A plain INSERT hands its row to the transaction and asks for nothing, so the rows of all runs can be collected first and
handed over at once, which is what the engine is fast at. The collector stands in the transaction's place; a statement
that asks it for more (a SELECT in it, ON CONFLICT, UPDATE, DELETE) is run row by row instead. Nothing was written until
then, so starting over is safe.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from exdbsql.engine.transaction import Transaction

Run = Callable[[Any, tuple[Any, ...]], int]


class _MoreIsAsked(Exception):
    """The statement is no plain INSERT."""


class _Collector:
    """What a plain INSERT wants of a transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self.sequences = transaction.sequences
        self.table: Any = None
        self.rows: list[tuple[Any, ...]] = []

    def insert(self, table: Any, row: tuple[Any, ...]) -> None:
        self.table = table
        self.rows.append(row)

    def insert_many(self, table: Any, rows: Sequence[tuple[Any, ...]]) -> None:
        self.table = table
        self.rows.extend(rows)

    def end_statement(self) -> None:
        """The statement ends when all rows are there."""

    def __getattr__(self, name: str) -> Any:
        raise _MoreIsAsked(name)


def run_inserts(call: Run, transaction: Transaction, values: Iterable[tuple[Any, ...]]) -> int | None:
    """Run an INSERT for each tuple of values as one statement; how many rows, or None if it is no plain INSERT."""
    collector = _Collector(transaction)
    try:
        count = sum([call(collector, one) for one in values])
    except _MoreIsAsked:
        return None
    if not collector.rows:
        return 0
    try:
        transaction.insert_many(collector.table, collector.rows)
        transaction.end_statement()
    except BaseException:
        transaction.abort_statement()
        raise
    return count
