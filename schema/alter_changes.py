"""What ALTER TABLE makes of a dictionary: one function per action.

A table keeps its id through all of them. Whether the rows obey (a new NOT NULL, a key, a type that values do not convert to) is
for the engine, which carries the action out. What reads the table from elsewhere is looked after: indexes, foreign keys of other
tables, sequences and comments follow renames; views, whose text is not rewritten, forbid changes of the columns they name.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from exdbsql.schema import alter_renames, sqlstate
from exdbsql.schema.alter_rules import (
    column_of,
    indexes_using,
    refuse_while_viewed,
    require_missing_column,
    require_unreferenced,
)
from exdbsql.schema.ddl_actions import (
    AddColumn,
    AddConstraint,
    AlterAction,
    DropColumn,
    DropConstraint,
    RenameColumn,
    RenameConstraint,
    RenameTable,
    SetDefault,
    SetNotNull,
    SetType,
)
from exdbsql.schema.ddl_statements import AlterTable
from exdbsql.schema.errors import NotSupportedError, ProgrammingError
from exdbsql.schema.expressions import check_expression, default_expression, generated_expression, referenced_columns
from exdbsql.schema.foreign_key_rules import complete_foreign_keys
from exdbsql.schema.identifiers import did_you_mean
from exdbsql.schema.table import Check, Column, Table, UniqueKey
from exdbsql.schema.table_changes import with_own_sequence
from exdbsql.schema.table_rules import complete_table, require_columns, require_single_primary_key
from exdbsql.schema.type_rules import require_types

if TYPE_CHECKING:
    from exdbsql.schema.dictionary import Dictionary


def alter_table(dictionary: "Dictionary", stmt: AlterTable) -> "Dictionary":
    """The dictionary after all actions; its version is one higher, or the same where nothing changed."""
    if stmt.name not in dictionary.tables:
        if stmt.if_exists and stmt.name not in dictionary.relation_names():
            return dictionary
        if stmt.name in dictionary.relation_names():
            raise ProgrammingError(f'"{stmt.name}" is not a table', sqlstate=sqlstate.WRONG_OBJECT_TYPE)
    made = dictionary
    for action in stmt.actions:
        made = _ACTIONS[type(action)](made, made.table(stmt.name), action)
    return made if made is dictionary else replace(made, version=dictionary.version + 1)


def with_table(dictionary: "Dictionary", table: Table, **parts: Any) -> "Dictionary":
    """The dictionary with the table of that name replaced, its rules checked, unnamed constraints named."""
    old = dictionary.tables[table.name]
    own = {table.name, *(key.name for key in old.unique_keys)}
    sequences = parts.get("sequences", dictionary.sequences)
    taken = {*dictionary.relation_names(), *sequences} - own
    table = complete_foreign_keys(complete_table(table, taken), dictionary.tables, dictionary.relation_names())
    return dictionary.changed(tables={**dictionary.tables, table.name: table}, **parts)


def _add_column(dictionary: "Dictionary", table: Table, action: AddColumn) -> "Dictionary":
    column = action.column
    if table.has_column(column.name):
        if action.if_not_exists:
            return dictionary
        require_missing_column(table, column.name)
    if column.generated is not None:
        generated = [column.name, *(c.name for c in table.columns if c.generated is not None)]
        generated_expression(column.generated, table.name, (*table.column_names, column.name), generated)
    made = replace(table, columns=(*table.columns, column))
    require_types(made, dictionary.types)
    parts: dict[str, Any] = {}
    if action.sequence is not None:
        made, sequence = with_own_sequence(made, column.name, action.sequence, dictionary.relation_names())
        numbered = replace(sequence, id=dictionary.next_table_id)
        parts = {
            "sequences": {**dictionary.sequences, sequence.name: numbered},
            "next_table_id": dictionary.next_table_id + 1,
        }
    changed = with_table(dictionary, made, **parts)
    for constraint in action.constraints:
        changed = _add_constraint(changed, changed.table(table.name), constraint)
    return changed


def _add_constraint(dictionary: "Dictionary", table: Table, action: AddConstraint) -> "Dictionary":
    constraint = action.constraint
    if isinstance(constraint, UniqueKey) and action.primary:
        require_single_primary_key(table.name, exists=table.declared_primary_key is not None)
        if constraint.deferrable:
            return with_table(dictionary, replace(table, uniques=(constraint, *table.uniques)))
        return with_table(dictionary, replace(table, primary_key=constraint))
    if isinstance(constraint, UniqueKey):
        return with_table(dictionary, replace(table, uniques=(*table.uniques, constraint)))
    if isinstance(constraint, Check):
        check_expression(constraint.expression, table.name, table.column_names)
        return with_table(dictionary, replace(table, checks=(*table.checks, constraint)))
    return with_table(dictionary, replace(table, foreign_keys=(*table.foreign_keys, constraint)))


def _drop_column(dictionary: "Dictionary", table: Table, action: DropColumn) -> "Dictionary":
    name = action.name
    if action.if_exists and not table.has_column(name):
        return dictionary
    column_of(table, name)
    refuse_while_viewed(dictionary, table, name, "drop")
    for column in table.columns:
        if column.generated is not None and name in referenced_columns(column.generated) and column.name != name:
            if not action.cascade:
                message = f"cannot drop column {name} of table {table.name} because other objects depend on it"
                detail = f"generated column {column.name} depends on it"
                code = sqlstate.DEPENDENT_OBJECTS_STILL_EXIST
                raise ProgrammingError(message, sqlstate=code, detail=detail, hint="Use DROP COLUMN ... CASCADE.")
            dictionary = _drop_column(dictionary, table, DropColumn(column.name, cascade=True))
            table = dictionary.table(table.name)
    lost = [key for key in table.unique_keys if name in key.columns]
    dictionary = require_unreferenced(dictionary, table, lost, cascade=action.cascade)
    table = dictionary.table(table.name)
    require_columns([column for column in table.columns if column.name != name])
    made = replace(
        table,
        columns=tuple(column for column in table.columns if column.name != name),
        primary_key=None if table.primary_key in lost else table.primary_key,
        uniques=tuple(key for key in table.uniques if key not in lost),
        checks=tuple(check for check in table.checks if name not in referenced_columns(check.expression)),
        foreign_keys=tuple(key for key in table.foreign_keys if name not in key.columns),
    )
    gone = indexes_using(dictionary, table.name, name)
    return with_table(
        dictionary,
        made,
        indexes={n: index for n, index in dictionary.indexes.items() if n not in gone},
        sequences={n: s for n, s in dictionary.sequences.items() if s.owned_by != (table.name, name)},
    )


def _drop_constraint(dictionary: "Dictionary", table: Table, action: DropConstraint) -> "Dictionary":
    if action.name not in table.constraint_names:
        if action.if_exists:
            return dictionary
        message = f'constraint "{action.name}" of relation "{table.name}" does not exist'
        hint = did_you_mean(action.name, table.constraint_names)
        raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_OBJECT, hint=hint)
    lost = [key for key in table.unique_keys if key.name == action.name]
    dictionary = require_unreferenced(dictionary, table, lost, cascade=action.cascade)
    table = dictionary.table(table.name)
    made = replace(
        table,
        primary_key=None if table.primary_key in lost else table.primary_key,
        uniques=tuple(key for key in table.uniques if key not in lost),
        checks=tuple(check for check in table.checks if check.name != action.name),
        foreign_keys=tuple(key for key in table.foreign_keys if key.name != action.name),
    )
    return with_table(dictionary, made)


def drop_column(dictionary: "Dictionary", table: str, name: str) -> "Dictionary":
    """The dictionary without a column and what depends on it."""
    return _drop_column(dictionary, dictionary.table(table), DropColumn(name, cascade=True))


def _with_column(table: Table, column: Column) -> Table:
    return replace(table, columns=tuple(column if c.name == column.name else c for c in table.columns))


def _set_type(dictionary: "Dictionary", table: Table, action: SetType) -> "Dictionary":
    column = column_of(table, action.name)
    refuse_while_viewed(dictionary, table, action.name, "alter the type of")
    for other in table.columns:
        if other.generated is not None and action.name in referenced_columns(other.generated):
            raise NotSupportedError(
                f"cannot alter type of a column used by a generated column: {other.name}",
                hint="Drop the generated column first.",
            )
    if column.identity is not None and not action.type.is_integer:
        message = "identity column type must be smallint, integer, or bigint"
        raise ProgrammingError(message, sqlstate=sqlstate.INVALID_PARAMETER_VALUE)
    if action.using is not None:
        check_expression(action.using, table.name, table.column_names, "transform expressions")
    if column.default is not None:
        default_expression(column.default, action.type)
    made = _with_column(table, replace(column, type=action.type))
    require_types(made, dictionary.types)
    changed = with_table(dictionary, made)
    for child in changed.tables.values():
        complete_foreign_keys(child, changed.tables)
    return changed


def _set_default(dictionary: "Dictionary", table: Table, action: SetDefault) -> "Dictionary":
    column = column_of(table, action.name)
    for refused, what in ((column.generated, "a generated column"), (column.identity, "an identity column")):
        if refused is not None:
            message = f'column "{action.name}" of relation "{table.name}" is {what}'
            raise ProgrammingError(message, sqlstate=sqlstate.SYNTAX_ERROR)
    default = None if action.default is None else default_expression(action.default, column.type)
    if default == column.default:
        return dictionary
    return with_table(dictionary, _with_column(table, replace(column, default=default)))


def _set_not_null(dictionary: "Dictionary", table: Table, action: SetNotNull) -> "Dictionary":
    column = column_of(table, action.name)
    primary = table.declared_primary_key
    if not action.not_null and primary is not None and action.name in primary.columns:
        message = f'column "{action.name}" is in a primary key'
        raise ProgrammingError(message, sqlstate=sqlstate.INVALID_TABLE_DEFINITION)
    if not action.not_null and column.identity is not None:
        message = f'column "{action.name}" of relation "{table.name}" is an identity column'
        raise ProgrammingError(message, sqlstate=sqlstate.SYNTAX_ERROR)
    if column.not_null is action.not_null:
        return dictionary
    return with_table(dictionary, _with_column(table, replace(column, not_null=action.not_null)))


_ACTIONS: dict[type[AlterAction], Callable[["Dictionary", Table, Any], "Dictionary"]] = {
    AddColumn: _add_column,
    AddConstraint: _add_constraint,
    DropColumn: _drop_column,
    DropConstraint: _drop_constraint,
    RenameTable: alter_renames.rename_table,
    RenameColumn: alter_renames.rename_column,
    RenameConstraint: alter_renames.rename_constraint,
    SetType: _set_type,
    SetDefault: _set_default,
    SetNotNull: _set_not_null,
}
