"""CREATE TABLE: kinds, columns, options; the constraints are in :mod:`exdbsql.schema.ddl_constraints`.

Refused by name: collations, deferrable keys, partitioned tables, inheritance, storage options, CREATE TABLE AS.
"""

from dataclasses import replace
from typing import Final

from exdbsql.schema import sqlstate
from exdbsql.schema.ddl_constraints import TableDraft, read_column_constraint, read_table_constraint, within
from exdbsql.schema.ddl_names import TEMPORARY_SCHEMA, read_if_not_exists, read_relation_name
from exdbsql.schema.ddl_statements import CreateTable
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.expressions import check_expression, generated_expression
from exdbsql.schema.sequences import SequenceOptions
from exdbsql.schema.table import Check, Column, OnCommit, Table, TableKind
from exdbsql.schema.table_rules import (
    require_columns,
    require_key_column,
    require_new_column,
    require_order,
)
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.tokens import Token, TokenKind
from exdbsql.schema.type_names import read_type
from exdbsql.schema.types import BIGINT, INTEGER, SMALLINT, SqlType

_KIND_WORDS: Final = tuple(kind.value.lower() for kind in TableKind)
_SERIAL: Final = {
    "serial": INTEGER,
    "serial4": INTEGER,
    "bigserial": BIGINT,
    "serial8": BIGINT,
    "smallserial": SMALLINT,
    "serial2": SMALLINT,
}
_REFUSED_TABLE_OPTIONS: Final = {
    "inherits": "INHERITS",
    "partition": "PARTITION BY",
    "with": "WITH (...)",
    "without": "WITHOUT OIDS",
    "on": "ON COMMIT",
    "tablespace": "TABLESPACE",
    "using": "USING",
    "as": "CREATE TABLE AS",
}


def read_create_table(reader: TokenReader) -> CreateTable | None:
    """What follows CREATE, if it is a table; None, with nothing but a modifier consumed, if it is something else."""
    start = reader.peek()
    kind = reader.accept_one_of(*_KIND_WORDS)
    is_temporary = accept_temporary(reader, kind)
    if reader.next_is("unlogged", "table"):
        hint = "No table is logged to a disk here. Leave UNLOGGED out, or say LOCAL for one that stays on this node."
        raise reader.not_supported("CREATE UNLOGGED TABLE", hint=hint)
    if (modifier := reader.accept_one_of("global")) and reader.next_is("table"):
        raise reader.not_supported(f"CREATE {modifier.value.upper()} TABLE", at=start)
    if not reader.accept("table"):
        if is_temporary:
            thing = reader.peek()
            raise reader.not_supported(f"CREATE TEMPORARY {thing.value.upper() if thing else ''}", at=start)
        if kind is None:
            return None
        raise reader.syntax_error(expected="TABLE")
    if_not_exists = read_if_not_exists(reader)
    name = read_relation_name(reader)
    is_temporary |= name.startswith(f"{TEMPORARY_SCHEMA}.")
    draft = TableDraft(name.removeprefix(f"{TEMPORARY_SCHEMA}."))
    _read_elements(reader, draft)
    on_commit = None
    if is_temporary:
        on_commit = read_on_commit(reader) or OnCommit.PRESERVE_ROWS
        _refuse_options(reader)
    else:
        kind = _read_options(reader, kind)
    table = _finish(reader, draft, kind)
    if on_commit is not None:
        table = replace(table, kind=TableKind.LOCAL, on_commit=on_commit)
    return CreateTable(table, if_not_exists, tuple(draft.sequences))


def accept_temporary(reader: TokenReader, kind: Token | None) -> bool:
    """Consumes TEMP or TEMPORARY; LOCAL or GLOBAL before it means nothing, as in PostgreSQL."""
    if reader.next_is("global", "temp") or reader.next_is("global", "temporary"):
        reader.take()
    found = reader.accept_one_of("temp", "temporary")
    if found is not None and kind is not None and kind.value != "local":
        raise reader.not_supported(f"a temporary table that is {kind.value}", at=kind)
    return found is not None


def read_on_commit(reader: TokenReader) -> OnCommit | None:
    """Consumes ON COMMIT ..., if it comes next."""
    if not reader.accept("on", "commit"):
        return None
    for action in OnCommit:
        if reader.accept(*action.value.lower().split()):
            return action
    raise reader.syntax_error(expected="PRESERVE ROWS, DELETE ROWS or DROP")


def _read_options(reader: TokenReader, kind: Token | None) -> Token | None:
    """What follows the closing parenthesis: the kind, if it was not given before the word TABLE."""
    if second := reader.accept_one_of(*_KIND_WORDS):
        if kind is not None:
            with reader.at(second):
                raise ProgrammingError("the kind of the table is given twice", sqlstate=sqlstate.SYNTAX_ERROR)
        kind = second
    _refuse_options(reader)
    token = reader.peek()
    if token is not None and token.is_word("engine", "strict"):
        raise reader.syntax_error(hint=f"After the columns may come {', '.join(k.value for k in TableKind)}.")
    return kind


def _refuse_options(reader: TokenReader) -> None:
    token = reader.peek()
    if token is not None and token.is_word(*_REFUSED_TABLE_OPTIONS):
        raise reader.not_supported(_REFUSED_TABLE_OPTIONS[token.value])


def _read_elements(reader: TokenReader, draft: TableDraft) -> None:
    if reader.next_is("as"):
        raise reader.not_supported("CREATE TABLE AS")
    if reader.next_is("partition") or reader.next_is("of"):
        raise reader.not_supported("CREATE TABLE ... " + reader.take().value.upper())
    reader.expect_symbol("(")
    closing = reader.peek()
    if closing is not None and closing.is_symbol(")"):
        with reader.at(closing):
            require_columns(())
    while True:
        if not read_table_constraint(reader, draft):
            read_column(reader, draft)
        if not reader.accept_symbol(","):
            break
    reader.expect_symbol(")")


def read_column(reader: TokenReader, draft: TableDraft) -> None:
    """A column with its constraints, consumed into the draft."""
    token = reader.peek()
    name = reader.name("a name of a column")
    with reader.at(token):
        require_new_column(name, [column.name for column in draft.columns])
    draft.columns.append(Column(name, _read_column_type(reader, draft, name)))
    seen: set[str] = set()
    if draft.sequences and draft.sequences[-1][0] == name:  # serial
        draft.columns[-1] = replace(draft.columns[-1], not_null=True)
        seen.add("not null")
    while read_column_constraint(reader, draft, seen):
        pass


def _read_column_type(reader: TokenReader, draft: TableDraft, name: str) -> SqlType:
    token = reader.peek()
    serial = _SERIAL.get(token.value) if token is not None and token.kind is TokenKind.WORD else None
    if token is None or serial is None:
        return read_type(reader)
    reader.take()
    draft.sequences.append((name, SequenceOptions(type=serial, serial=True)))
    return serial


def _finish(reader: TokenReader, draft: TableDraft, kind: Token | None) -> Table:
    """The table, once keys and expressions can be checked against all columns."""
    names = [column.name for column in draft.columns]
    require_columns(names)
    for parts in draft.key_columns:
        for position, (column, token) in enumerate(parts):
            with reader.at(token):
                require_key_column(column, names, [before for before, _ in parts[:position]])
                require_order(column, draft.columns[names.index(column)].type)
    checks = []
    for name, start, end in draft.checks:
        with within(reader, start):
            checks.append(Check(name, check_expression(reader.slice(start, end), draft.name, names)))
    generated = [name for name, _, _ in draft.generated]
    for name, start, end in draft.generated:
        with within(reader, start):
            text = generated_expression(reader.slice(start, end), draft.name, names, generated)
        position = names.index(name)
        draft.columns[position] = replace(draft.columns[position], generated=text)
    primary = draft.primary_key.columns if draft.primary_key else ()
    return Table(
        id=0,
        name=draft.name,
        kind=TableKind[kind.value.upper()] if kind else TableKind.REPLICATED,
        columns=tuple(replace(c, not_null=True) if c.name in primary else c for c in draft.columns),
        primary_key=draft.primary_key,
        uniques=tuple(draft.uniques),
        checks=tuple(checks),
        foreign_keys=tuple(draft.foreign_keys),
    )
