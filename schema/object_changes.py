"""What the statements about types, sequences, views and comments make of a dictionary."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from exdbsql.schema import sqlstate
from exdbsql.schema.cascades import without_defaults_from, without_uses_of_type
from exdbsql.schema.ddl_statements import (
    AlterSequence,
    CommentOn,
    CreateSequence,
    CreateType,
    CreateView,
    DropSequence,
    DropType,
    DropView,
)
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.identifiers import did_you_mean
from exdbsql.schema.object_renames import rename_sequence
from exdbsql.schema.queries import read_relations
from exdbsql.schema.sequences import altered_sequence, made_sequence
from exdbsql.schema.table import CommentKey, Sequence
from exdbsql.schema.table_changes import require_sequences_unused, views_reading
from exdbsql.schema.table_rules import require_new_relation
from exdbsql.schema.type_rules import require_new_type, require_no_such_type, require_unused, type_missing

if TYPE_CHECKING:
    from exdbsql.schema.dictionary import Dictionary


def create_type(dictionary: "Dictionary", stmt: CreateType) -> "Dictionary":
    """The dictionary with the enum type."""
    made = stmt.type
    require_new_type(made.name, {*dictionary.types, *dictionary.tables, *dictionary.views, *dictionary.sequences})
    return dictionary.changed(types={**dictionary.types, made.name: made})


def drop_types(dictionary: "Dictionary", stmt: DropType) -> "Dictionary":
    """The dictionary without the enum types, which nothing may use unless CASCADE says so."""
    gone = [name for name in stmt.names if name in dictionary.types]
    for name in stmt.names:
        if name not in gone and not stmt.if_exists:
            raise type_missing(name, dictionary.types)
    if not gone:
        return dictionary
    for name in gone:
        if stmt.cascade:
            dictionary = without_uses_of_type(dictionary, name)
        else:
            require_unused(name, dictionary)
    return dictionary.changed(types={name: made for name, made in dictionary.types.items() if name not in gone})


def create_sequence(dictionary: "Dictionary", stmt: CreateSequence) -> "Dictionary":
    """The dictionary with the sequence."""
    taken = dictionary.relation_names()
    if stmt.if_not_exists and stmt.name in taken:
        return dictionary
    require_new_relation(stmt.name, taken)
    made = replace(made_sequence(stmt.name, stmt.options), id=dictionary.next_table_id)
    made = _with_owner(dictionary, made, stmt.options.owned_by)
    return dictionary.changed(sequences={**dictionary.sequences, made.name: made}, next_table_id=made.id + 1)


def alter_sequence(dictionary: "Dictionary", stmt: AlterSequence) -> "Dictionary":
    """The dictionary with the sequence changed; a new version even where only RESTART was said."""
    sequence = dictionary.sequences.get(stmt.name)
    if sequence is None:
        if stmt.if_exists and stmt.name not in dictionary.relation_names():
            return dictionary
        raise _missing(dictionary, stmt.name, "sequence", dictionary.sequences)
    if stmt.new_name is not None:
        return rename_sequence(dictionary, stmt)
    made = _with_owner(dictionary, altered_sequence(sequence, stmt.options), stmt.options.owned_by)
    return dictionary.changed(sequences={**dictionary.sequences, made.name: made})


def _with_owner(dictionary: "Dictionary", sequence: Sequence, owner: tuple[str, ...] | None) -> Sequence:
    if owner is None:
        return sequence
    if _is_identity(dictionary, sequence):
        message = "cannot change ownership of identity sequence"
        raise ProgrammingError(message, sqlstate=sqlstate.FEATURE_NOT_SUPPORTED)
    if not owner:
        return replace(sequence, owned_by=None)
    table, column = owner
    if not dictionary.table(table).has_column(column):
        message = f'column "{column}" of relation "{table}" does not exist'
        raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_COLUMN)
    return replace(sequence, owned_by=(table, column))


def _is_identity(dictionary: "Dictionary", sequence: Sequence) -> bool:
    if sequence.owned_by is None:
        return False
    table, column = sequence.owned_by
    return dictionary.tables[table].column(column).identity is not None


def drop_sequences(dictionary: "Dictionary", stmt: DropSequence) -> "Dictionary":
    """The dictionary without the sequences, which no column may use."""
    gone = {name for name in stmt.names if name in dictionary.sequences}
    _require_known(dictionary, set(stmt.names) - gone, "sequence", dictionary.sequences, stmt.if_exists)
    for name in sorted(gone):
        if _is_identity(dictionary, dictionary.sequences[name]):
            table, column = dictionary.sequences[name].owned_by or ("", "")
            message = f"cannot drop sequence {name} because column {column} of table {table} requires it"
            raise ProgrammingError(message, sqlstate=sqlstate.DEPENDENT_OBJECTS_STILL_EXIST)
    if stmt.cascade:
        dictionary = without_defaults_from(dictionary, gone)
    require_sequences_unused(gone, dictionary.tables)
    kept = {name: made for name, made in dictionary.sequences.items() if name not in gone}
    return dictionary.changed(sequences=kept) if gone else dictionary


def create_view(dictionary: "Dictionary", stmt: CreateView) -> "Dictionary":
    """The dictionary with the view; whether its query makes sense is for the layer above to say."""
    name = stmt.view.name
    if stmt.or_replace and name not in dictionary.views and name in dictionary.relation_names():
        raise _missing(dictionary, name, "view", ())
    if not (stmt.or_replace and name in dictionary.views):
        require_new_relation(name, dictionary.relation_names())
        require_no_such_type(name, dictionary.types)
    for relation in sorted(read_relations(stmt.view.query)):
        if relation not in dictionary.tables and (relation not in dictionary.views or relation == name):
            message = f'relation "{relation}" does not exist'
            hint = did_you_mean(relation, (*dictionary.tables, *dictionary.views))
            raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_TABLE, hint=hint)
    if read_relations(stmt.view.query) & views_reading(dictionary, {name}):
        message = f"view {name} would read itself through another view"
        raise ProgrammingError(message, sqlstate=sqlstate.INVALID_OBJECT_DEFINITION)
    return dictionary.changed(views={**dictionary.views, name: stmt.view})


def drop_views(dictionary: "Dictionary", stmt: DropView) -> "Dictionary":
    """The dictionary without the views, which no other may read unless CASCADE says so."""
    gone = {name for name in stmt.names if name in dictionary.views}
    _require_known(dictionary, set(stmt.names) - gone, "view", dictionary.views, stmt.if_exists)
    readers = views_reading(dictionary, gone) - gone
    if readers and not stmt.cascade:
        message = f"cannot drop view {', '.join(sorted(gone))} because other objects depend on it"
        detail = "\n".join(f"view {name} depends on it" for name in sorted(readers))
        raise ProgrammingError(message, sqlstate=sqlstate.DEPENDENT_OBJECTS_STILL_EXIST, detail=detail)
    kept = {name: view for name, view in dictionary.views.items() if name not in gone | readers}
    return dictionary.changed(views=kept) if gone else dictionary


def _require_known(
    dictionary: "Dictionary", missing: set[str], what: str, known: Iterable[str], if_exists: bool
) -> None:
    for name in sorted(missing):
        if not if_exists or name in dictionary.relation_names():
            raise _missing(dictionary, name, what, known)


def _missing(dictionary: "Dictionary", name: str, what: str, known: Iterable[str]) -> ProgrammingError:
    if name in dictionary.relation_names():
        return ProgrammingError(f'"{name}" is not a {what}', sqlstate=sqlstate.WRONG_OBJECT_TYPE)
    message = f'{what} "{name}" does not exist'
    return ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_TABLE, hint=did_you_mean(name, known))


def comment_on(dictionary: "Dictionary", stmt: CommentOn) -> "Dictionary":
    """The dictionary with the comment set, or taken away."""
    if not has_object(dictionary, stmt.key):
        raise _nothing_to_comment(dictionary, stmt.key)
    comments = {key: text for key, text in dictionary.comments.items() if key != stmt.key}
    if stmt.text is not None:
        comments[stmt.key] = stmt.text
    return dictionary.changed(comments=comments) if comments != dictionary.comments else dictionary


def _nothing_to_comment(dictionary: "Dictionary", key: CommentKey) -> ProgrammingError:
    if key.part:
        table = dictionary.table(key.name)
        message = f'{key.kind.lower()} "{key.part}" of relation "{table.name}" does not exist'
        code = sqlstate.UNDEFINED_COLUMN if key.kind == "COLUMN" else sqlstate.UNDEFINED_OBJECT
        return ProgrammingError(message, sqlstate=code)
    if key.kind == "TYPE":
        return type_missing(key.name, dictionary.types)
    return _missing(dictionary, key.name, key.kind.lower(), ())


def has_object(dictionary: "Dictionary", key: CommentKey) -> bool:
    """Whether what a comment is about exists."""
    table = dictionary.tables.get(key.name)
    if key.kind == "COLUMN":
        return table is not None and table.has_column(key.part)
    if key.kind == "CONSTRAINT":
        return table is not None and key.part in table.constraint_names
    holders = {
        "TABLE": dictionary.tables,
        "INDEX": dictionary.indexes,
        "SEQUENCE": dictionary.sequences,
        "TYPE": dictionary.types,
        "VIEW": dictionary.views,
    }
    return key.name in holders[key.kind]
