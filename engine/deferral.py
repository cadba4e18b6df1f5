"""Constraints whose check may wait until the commit: what SET CONSTRAINTS has said of them in a transaction.

Foreign keys, UNIQUE and deferrable PRIMARY KEY constraints (PostgreSQL's manual, "SET CONSTRAINTS"). Whatever is put off is checked at the
commit, with everything else that is checked there; the state that a commit leaves never breaks a constraint.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from exdbsql.engine.references import Links, Reference
from exdbsql.engine.table import TableStore
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.sqlstate import UNDEFINED_OBJECT, WRONG_OBJECT_TYPE
from exdbsql.schema.table import ForeignKey, UniqueKey

Deferrable: TypeAlias = ForeignKey | UniqueKey


class Deferral:
    """Which constraints wait, in one transaction. A value: what SET CONSTRAINTS says makes another."""

    __slots__ = ("_said",)

    def __init__(self, said: Mapping[str | None, bool]) -> None:
        self._said = said

    def is_deferred(self, key: Deferrable) -> bool:
        """Whether a constraint is not checked before the commit."""
        if not key.deferrable:
            return False
        said = self._said.get(key.name)
        return self._said.get(None, key.initially_deferred) if said is None else said

    def deferred_of(self, store: TableStore) -> frozenset[str]:
        """The unique keys of a table that wait."""
        return frozenset(key.name for key in store.deferrable_keys if self.is_deferred(key))

    def after(self, names: Sequence[str] | None, *, deferred: bool) -> "Deferral":
        """From now on the constraints of these names (None: all that are deferrable) wait, or do not."""
        if names is None:
            return Deferral({None: deferred})
        return Deferral({**self._said, **dict.fromkeys(names, deferred)})


AS_DEFINED: Final = Deferral({})
"""Where SET CONSTRAINTS has said nothing: all transactions begin with this one."""


def named_constraints(
    links: Links, stores: Iterable[TableStore], names: Sequence[str] | None
) -> tuple[list[Reference], list[tuple[TableStore, UniqueKey]]]:
    """The deferrable foreign keys and unique keys of these names; of all names for None.

    Raises:
        ProgrammingError: 42704, there is no such constraint; 42809, it is not deferrable.
    """
    references = [one for found in links.outgoing.values() for one in found]
    keys = [(store, key) for store in stores for key in store.definition.unique_keys]
    if names is None:
        return references, [(store, key) for store, key in keys if key.deferrable]
    for name in names:
        found: list[Deferrable] = [one.key for one in references if one.key.name == name]
        found += [key for _, key in keys if key.name == name]
        if not found:
            raise ProgrammingError(f'constraint "{name}" does not exist', sqlstate=UNDEFINED_OBJECT)
        if not all(key.deferrable for key in found):
            raise ProgrammingError(f'constraint "{name}" is not deferrable', sqlstate=WRONG_OBJECT_TYPE)
    wanted = set(names)
    return (
        [one for one in references if one.key.name in wanted],
        [(store, key) for store, key in keys if key.name in wanted],
    )
