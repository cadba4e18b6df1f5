"""What a statement is planned against: definitions, and the tables that they stand for.

The database is one. A transaction that has executed DDL has another, its own (:mod:`exdbsql.engine.private_catalog`), until it
commits. Both replace `dictionary` and `tables` as whole values, so that a planned statement knows what it belongs to.

A statement is planned against one `Definitions` value from beginning to end, and once more if that is no longer in force then:
the attributes of a database, and the indexes of its tables, change one after the other while DDL is published, and a plan made of
things from before and after would read rows of one shape as those of another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from time import sleep
from typing import Final, Protocol

from exdbsql.engine.table import TableStore
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.sqlstate import UNDEFINED_TABLE

_WHILE_REPLACED_S: Final = 0.0002


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

    @property
    def in_force(self) -> "Catalog | None":
        """Dictionary and tables as one value, which never changes; None while DDL replaces them, then another one."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Definitions:
    """A catalog that never changes: the definitions of a moment. Without tables it is enough for expressions over one row."""

    dictionary: Dictionary
    tables: Mapping[str, TableStore]

    def table(self, name: str) -> TableStore:
        """The table of that name; ProgrammingError 42P01 where there is none."""
        return table_of(self.tables, name)

    @property
    def in_force(self) -> "Definitions":
        """This value."""
        return self


def table_of(tables: Mapping[str, TableStore], name: str) -> TableStore:
    """The table of that name among `tables`; ProgrammingError 42P01 where there is none."""
    store = tables.get(name)
    if store is None:
        raise ProgrammingError(f'relation "{name}" does not exist', sqlstate=UNDEFINED_TABLE)
    return store


def definitions_in_force(catalog: Catalog) -> Catalog:
    """What `in_force` of a catalog is, or will be in a moment."""
    while (definitions := catalog.in_force) is None:
        sleep(_WHILE_REPLACED_S)
    return definitions
