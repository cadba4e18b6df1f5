"""What a statement is planned against: definitions, and the tables that they stand for.

The database is one. A transaction that has executed DDL has another, its own (:mod:`exdbsql.engine.private_catalog`), until it
commits. Both replace `dictionary` and `tables` as whole values, so that a planned statement knows what it belongs to.
"""

from collections.abc import Mapping
from typing import Protocol

from exdbsql.engine.table import TableStore
from exdbsql.schema.dictionary import Dictionary


class Catalog(Protocol):
    """Definitions and tables."""

    @property
    def dictionary(self) -> Dictionary:
        """The definitions in force here."""
        ...

    @property
    def tables(self) -> Mapping[str, TableStore]:
        """The tables by name; replaced, never changed."""
        ...

    def table(self, name: str) -> TableStore:
        """The table of that name; ProgrammingError 42P01 where there is none."""
        ...
