"""What CREATE INDEX and DROP INDEX make of a dictionary."""

from typing import TYPE_CHECKING

from exdbsql.schema import sqlstate
from exdbsql.schema.ddl_statements import CreateIndex, DropIndex
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.identifiers import did_you_mean
from exdbsql.schema.table_rules import complete_index

if TYPE_CHECKING:
    from exdbsql.schema.dictionary import Dictionary


def create_index(dictionary: "Dictionary", stmt: CreateIndex) -> "Dictionary":
    """The dictionary with the index."""
    taken = dictionary.relation_names()
    if stmt.if_not_exists and stmt.index.name in taken:
        return dictionary
    index = complete_index(stmt.index, dictionary.table(stmt.index.table), taken)
    return dictionary.changed(indexes={**dictionary.indexes, index.name: index})


def drop_indexes(dictionary: "Dictionary", stmt: DropIndex) -> "Dictionary":
    """The dictionary without the indexes."""
    for name in stmt.names:
        if name not in dictionary.indexes:
            _refuse(dictionary, name, if_exists=stmt.if_exists)
    kept = {name: index for name, index in dictionary.indexes.items() if name not in stmt.names}
    return dictionary.changed(indexes=kept) if len(kept) < len(dictionary.indexes) else dictionary


def _refuse(dictionary: "Dictionary", name: str, *, if_exists: bool) -> None:
    """Raises unless the index simply does not exist and need not."""
    for table in dictionary.tables.values():
        if any(key.name == name for key in table.unique_keys):
            message = f"cannot drop index {name} because constraint {name} on table {table.name} requires it"
            raise ProgrammingError(message, sqlstate=sqlstate.DEPENDENT_OBJECTS_STILL_EXIST)
    if name in dictionary.relation_names():
        right = f"Use DROP {dictionary.kind_of_relation(name)} to remove it."
        raise ProgrammingError(f'"{name}" is not an index', sqlstate=sqlstate.WRONG_OBJECT_TYPE, hint=right)
    if not if_exists:
        message = f'index "{name}" does not exist'
        hint = did_you_mean(name, dictionary.indexes)
        raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_OBJECT, hint=hint)
