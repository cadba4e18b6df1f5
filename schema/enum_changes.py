"""What ALTER TYPE makes of a dictionary: an enum type with another name, one more label, or a label that is called otherwise."""

from dataclasses import replace
from typing import TYPE_CHECKING

from exdbsql.schema import sqlstate
from exdbsql.schema.canonical import with_renamed_type
from exdbsql.schema.ddl_statements import AddLabel, AlterType, RenameLabel
from exdbsql.schema.enum_types import check_labels
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.identifiers import did_you_mean, quote_text
from exdbsql.schema.table import Column, CommentKey, IndexDef, Table
from exdbsql.schema.type_rules import enum_of, require_new_type, type_missing
from exdbsql.schema.types import SqlType, array_of, enum_type

if TYPE_CHECKING:
    from exdbsql.schema.dictionary import Dictionary


def alter_type(dictionary: "Dictionary", stmt: AlterType) -> "Dictionary":
    """The dictionary with the type changed, in the tables that use it too.

    Raises ProgrammingError: 42704, 42710, 22023, 42602.
    """
    old = dictionary.types.get(stmt.name)
    if old is None:
        raise type_missing(stmt.name, dictionary.types)
    labels = list(old.labels or ())
    action = stmt.action
    if isinstance(action, AddLabel):
        if action.label in labels and action.if_not_exists:
            return dictionary
        made = enum_type(old.name, _with_label(labels, action))
    elif isinstance(action, RenameLabel):
        made = enum_type(old.name, _with_renamed(labels, action))
    else:
        taken = {*dictionary.types, *dictionary.tables, *dictionary.views, *dictionary.sequences}
        require_new_type(action.name, taken)
        made = enum_type(action.name, labels)
    return _with_type(dictionary, old, made, action if isinstance(action, RenameLabel) else None)


def _with_label(labels: list[str], action: AddLabel) -> list[str]:
    if action.label in labels:
        message = f'enum label "{action.label}" already exists'
        raise ProgrammingError(message, sqlstate=sqlstate.DUPLICATE_OBJECT)
    place = len(labels)
    if action.neighbour is not None:
        place = _place(labels, action.neighbour) + (not action.before)
    made = [*labels[:place], action.label, *labels[place:]]
    check_labels(made)
    return made


def _with_renamed(labels: list[str], action: RenameLabel) -> list[str]:
    place = _place(labels, action.label)
    if action.new_label in labels:
        message = f'enum label "{action.new_label}" already exists'
        raise ProgrammingError(message, sqlstate=sqlstate.DUPLICATE_OBJECT)
    made = [*labels[:place], action.new_label, *labels[place + 1 :]]
    check_labels(made)
    return made


def _place(labels: list[str], label: str) -> int:
    if label not in labels:
        message = f'"{label}" is not an existing enum label'
        raise ProgrammingError(message, sqlstate=sqlstate.INVALID_PARAMETER_VALUE, hint=did_you_mean(label, labels))
    return labels.index(label)


def _with_type(dictionary: "Dictionary", old: SqlType, made: SqlType, renamed: RenameLabel | None) -> "Dictionary":
    """The dictionary with the type replaced wherever it is used. Literals of a label that is renamed follow where they are a column's default."""

    def text(expression: str) -> str:
        return expression if old.name == made.name else with_renamed_type(expression, old.name, made.name)

    def column(one: Column) -> Column:
        enum = enum_of(one.type)
        if enum is not None and enum == old:
            default = one.default
            if renamed is not None and default == quote_text(renamed.label):
                default = quote_text(renamed.new_label)
            one = replace(one, type=made if one.type.element is None else array_of(made), default=default)
        if one.default is not None:
            one = replace(one, default=text(one.default))
        return one if one.generated is None else replace(one, generated=text(one.generated))

    def table(one: Table) -> Table:
        checks = tuple(replace(check, expression=text(check.expression)) for check in one.checks)
        changed = replace(one, columns=tuple(map(column, one.columns)), checks=checks)
        return one if changed == one else changed

    def index(one: IndexDef) -> IndexDef:
        parts = tuple(p if p.expression is None else replace(p, expression=text(p.expression)) for p in one.columns)
        changed = replace(one, columns=parts, where=None if one.where is None else text(one.where))
        return one if changed == one else changed

    key, new_key = CommentKey("TYPE", old.name), CommentKey("TYPE", made.name)
    return dictionary.changed(
        types=dict((made.name, made) if name == old.name else (name, t) for name, t in dictionary.types.items()),
        tables={name: table(one) for name, one in dictionary.tables.items()},
        indexes={name: index(one) for name, one in dictionary.indexes.items()},
        views={name: replace(view, query=text(view.query)) for name, view in dictionary.views.items()},
        comments={new_key if k == key else k: comment for k, comment in dictionary.comments.items()},
    )
