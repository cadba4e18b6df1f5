"""ALTER INDEX, SEQUENCE and VIEW ... RENAME TO, and whatever calls them by their names."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from exdbsql.schema import sqlstate
from exdbsql.schema.alter_renames import rename_constraint
from exdbsql.schema.ddl_actions import RenameConstraint
from exdbsql.schema.ddl_statements import AlterIndex, AlterSequence, AlterView
from exdbsql.schema.errors import NotSupportedError, ProgrammingError
from exdbsql.schema.expressions import with_renamed_sequence
from exdbsql.schema.identifiers import check_name, did_you_mean
from exdbsql.schema.table import CommentKey, Table
from exdbsql.schema.table_changes import views_reading
from exdbsql.schema.table_rules import require_new_relation
from exdbsql.schema.type_rules import require_no_such_type

if TYPE_CHECKING:
    from exdbsql.schema.dictionary import Dictionary


def rename_index(dictionary: "Dictionary", stmt: AlterIndex) -> "Dictionary":
    """The dictionary with the index, or the constraint that it is of, called otherwise."""
    for table in dictionary.tables.values():
        if any(key.name == stmt.name for key in table.unique_keys):
            return rename_constraint(dictionary, table, RenameConstraint(stmt.name, stmt.new_name))
    return _renamed(dictionary, stmt, "INDEX")


def rename_view(dictionary: "Dictionary", stmt: AlterView) -> "Dictionary":
    """The dictionary with the view called otherwise; no other view may read it, since their queries are text."""
    readers = views_reading(dictionary, {stmt.name}) if stmt.name in dictionary.views else set()
    if readers:
        raise NotSupportedError(
            f"cannot rename view {stmt.name} while view {min(readers)} reads it", hint="Drop that view first."
        )
    return _renamed(dictionary, stmt, "VIEW")


def rename_sequence(dictionary: "Dictionary", stmt: AlterSequence) -> "Dictionary":
    """The dictionary with the sequence called otherwise, in defaults too."""
    made = _renamed(dictionary, stmt, "SEQUENCE")
    if made is dictionary or stmt.new_name is None:
        return made

    def follow(table: Table) -> Table:
        columns = tuple(
            c
            if c.default is None
            else replace(c, default=with_renamed_sequence(c.default, stmt.name, stmt.new_name or ""))
            for c in table.columns
        )
        return table if columns == table.columns else replace(table, columns=columns)

    return made.changed(tables={name: follow(table) for name, table in made.tables.items()})


def _renamed(dictionary: "Dictionary", stmt: Any, kind: str) -> "Dictionary":
    """The dictionary with an entry of one of its parts, and the comment on it, under another name."""
    part = {"INDEX": "indexes", "VIEW": "views", "SEQUENCE": "sequences"}[kind]
    holders = getattr(dictionary, part)
    if stmt.name not in holders:
        if stmt.name in dictionary.relation_names():
            message, code = (
                f'"{stmt.name}" is not {"an" if kind == "INDEX" else "a"} {kind.lower()}',
                sqlstate.WRONG_OBJECT_TYPE,
            )
            raise ProgrammingError(message, sqlstate=code)
        if stmt.if_exists:
            return dictionary
        hint = did_you_mean(stmt.name, holders)
        raise ProgrammingError(f'relation "{stmt.name}" does not exist', sqlstate=sqlstate.UNDEFINED_TABLE, hint=hint)
    check_name(stmt.new_name)
    require_new_relation(stmt.new_name, dictionary.relation_names())
    if kind != "INDEX":  # which is of no type
        require_no_such_type(stmt.new_name, dictionary.types)
    moved = {(stmt.new_name if name == stmt.name else name): one for name, one in holders.items()}
    moved[stmt.new_name] = replace(moved[stmt.new_name], name=stmt.new_name)
    key, new_key = CommentKey(kind, stmt.name), CommentKey(kind, stmt.new_name)
    comments = {new_key if k == key else k: text for k, text in dictionary.comments.items()}
    return dictionary.changed(**{part: moved, "comments": comments})
