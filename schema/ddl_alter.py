"""ALTER TABLE. Actions are read with their own rules; what concerns the table as it is, the dictionary checks.

Refused by name: schemas, owners, storage, partitions, triggers, inheritance, VALIDATE and NOT VALID, changes of identities.
"""

from dataclasses import replace

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
from exdbsql.schema.ddl_constraints import TableDraft, read_table_constraint, skip_expression, within
from exdbsql.schema.ddl_names import read_if_exists, read_if_not_exists, read_relation_name
from exdbsql.schema.ddl_statements import AlterTable
from exdbsql.schema.ddl_table import read_column
from exdbsql.schema.expressions import check_expression, default_expression, generated_expression
from exdbsql.schema.table import Check
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.type_names import read_type

_CONSTRAINT_WORDS = ("constraint", "primary", "unique", "check", "foreign", "exclude")


def read_alter_table(reader: TokenReader) -> AlterTable:
    """What follows ALTER TABLE."""
    if_exists = read_if_exists(reader)
    if reader.next_is("only"):
        reader.take()
    name = read_relation_name(reader)
    if reader.accept("rename"):
        return AlterTable(name, (_read_rename(reader),), if_exists)
    actions = [_read_action(reader, name)]
    while reader.accept_symbol(","):
        actions.append(_read_action(reader, name))
    return AlterTable(name, tuple(actions), if_exists)


def _read_rename(reader: TokenReader) -> AlterAction:
    if reader.accept("to"):
        return RenameTable(reader.name("a name of a table"))
    constraint = reader.accept("constraint")
    if not constraint:
        reader.accept("column")
    old = reader.name("a name")
    reader.expect("to")
    new = reader.name("a new name")
    return RenameConstraint(old, new) if constraint else RenameColumn(old, new)


def _read_action(reader: TokenReader, table: str) -> AlterAction:
    token = reader.peek()
    if reader.accept("add"):
        following = reader.peek()
        if following is not None and following.is_word(*_CONSTRAINT_WORDS):
            return _read_add_constraint(reader, table)
        reader.accept("column")
        return _read_add_column(reader, table)
    if reader.accept("drop"):
        if reader.accept("constraint"):
            return _read_drop(reader, DropConstraint)
        reader.accept("column")
        return _read_drop(reader, DropColumn)
    if reader.accept("alter"):
        if reader.next_is("constraint"):
            raise reader.not_supported("ALTER CONSTRAINT")
        reader.accept("column")
        return _read_alter_column(reader)
    if token is None:
        raise reader.syntax_error(expected="ADD, DROP, ALTER or RENAME")
    raise reader.not_supported(f"ALTER TABLE ... {token.value.upper()}")


def _read_drop(reader: TokenReader, action: type[DropColumn] | type[DropConstraint]) -> AlterAction:
    if_exists = read_if_exists(reader)
    name = reader.name("a name")
    behaviour = reader.accept_one_of("cascade", "restrict")
    return action(name, if_exists, behaviour is not None and behaviour.value == "cascade")


def _read_add_constraint(reader: TokenReader, table: str) -> AlterAction:
    draft = TableDraft(table)
    read_table_constraint(reader, draft)
    if reader.next_is("not", "valid"):
        raise reader.not_supported("NOT VALID")
    return _constraints_of(reader, draft)[0]


def _constraints_of(reader: TokenReader, draft: TableDraft) -> tuple[AddConstraint, ...]:
    """What the draft holds, the columns of its expressions not yet checked."""
    found = [AddConstraint(draft.primary_key, primary=True)] if draft.primary_key else []
    found += [AddConstraint(key, primary=key.is_primary) for key in draft.uniques]
    for name, start, end in draft.checks:
        with within(reader, start):
            found.append(AddConstraint(Check(name, check_expression(reader.slice(start, end), draft.name, None))))
    return (*found, *map(AddConstraint, draft.foreign_keys))


def _read_add_column(reader: TokenReader, table: str) -> AddColumn:
    if_not_exists = read_if_not_exists(reader)
    draft = TableDraft(table)
    read_column(reader, draft)
    (column,) = draft.columns
    for _, start, end in draft.generated:
        with within(reader, start):
            column = replace(
                column, generated=generated_expression(reader.slice(start, end), table, None, [column.name])
            )
    sequence = draft.sequences[0][1] if draft.sequences else None
    return AddColumn(column, _constraints_of(reader, draft), if_not_exists, sequence)


def _read_alter_column(reader: TokenReader) -> AlterAction:
    name = reader.name("a column")
    if reader.accept("type") or reader.accept("set", "data", "type"):
        return _read_set_type(reader, name)
    if reader.accept("set", "not", "null"):
        return SetNotNull(name, not_null=True)
    if reader.accept("drop", "not", "null"):
        return SetNotNull(name, not_null=False)
    if reader.accept("drop", "default"):
        return SetDefault(name, None)
    if reader.accept("set", "default"):
        start, end = skip_expression(reader)
        with within(reader, start):
            return SetDefault(name, default_expression(reader.slice(start, end), None))
    token = reader.peek()
    raise reader.not_supported("ALTER COLUMN ... " + (token.value.upper() if token else ""))


def _read_set_type(reader: TokenReader, name: str) -> SetType:
    sql_type = read_type(reader)
    if reader.next_is("collate"):
        raise reader.not_supported("COLLATE")
    if not reader.accept("using"):
        return SetType(name, sql_type)
    start, end = skip_expression(reader)
    with within(reader, start):
        return SetType(name, sql_type, check_expression(reader.slice(start, end), "", None, "transform expressions"))
