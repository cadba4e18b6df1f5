"""CREATE TABLE: kinds, columns, options; the constraints are in :mod:`exdbsql.schema.ddl_constraints`.

Refused by name: foreign keys, generated and identity columns, collations, deferrable constraints, temporary and
partitioned tables, inheritance, storage options, CREATE TABLE AS.
"""

from dataclasses import replace
from typing import Final

from exdbsql.schema import sqlstate
from exdbsql.schema.ddl_constraints import TableDraft, read_column_constraint, read_table_constraint, within
from exdbsql.schema.ddl_statements import CreateTable
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.expressions import check_expression
from exdbsql.schema.table import Check, Column, Table, TableKind
from exdbsql.schema.table_rules import (
    require_columns,
    require_key_column,
    require_new_column,
    require_order,
)
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.tokens import Token
from exdbsql.schema.type_names import read_type

_KIND_WORDS: Final = tuple(kind.value.lower() for kind in TableKind)
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


def read_relation_name(reader: TokenReader) -> str:
    """A name of a table or an index; ``public.`` before it is allowed, as we have just that schema."""
    token = reader.peek()
    name = reader.name("a name")
    if reader.accept_symbol("."):
        if name != "public":
            raise reader.not_supported(f'a schema other than public ("{name}")', at=token)
        name = reader.name("a name")
    return name


def read_create_table(reader: TokenReader) -> CreateTable | None:
    """What follows CREATE, if it is a table; None, with nothing but a modifier consumed, if it is something else."""
    start = reader.peek()
    kind = reader.accept_one_of(*_KIND_WORDS)
    if modifier := reader.accept_one_of("temp", "temporary", "unlogged", "global"):
        reader.accept_one_of("temp", "temporary")
        if reader.next_is("table"):
            raise reader.not_supported(f"CREATE {modifier.value.upper()} TABLE", at=start)
    if not reader.accept("table"):
        if kind is None:
            return None
        raise reader.syntax_error(expected="TABLE")
    if_not_exists = reader.accept("if")
    if if_not_exists:
        reader.expect("not", "exists")
    draft = TableDraft(read_relation_name(reader))
    _read_elements(reader, draft)
    kind = _read_options(reader, kind)
    return CreateTable(_finish(reader, draft, kind), if_not_exists)


def _read_options(reader: TokenReader, kind: Token | None) -> Token | None:
    """What follows the closing parenthesis: the kind, if it was not given before the word TABLE."""
    if second := reader.accept_one_of(*_KIND_WORDS):
        if kind is not None:
            with reader.at(second):
                raise ProgrammingError("the kind of the table is given twice", sqlstate=sqlstate.SYNTAX_ERROR)
        kind = second
    token = reader.peek()
    if token is not None and token.is_word(*_REFUSED_TABLE_OPTIONS):
        raise reader.not_supported(_REFUSED_TABLE_OPTIONS[token.value])
    if token is not None and token.is_word("engine", "strict"):
        raise reader.syntax_error(hint=f"After the columns may come {', '.join(k.value for k in TableKind)}.")
    return kind


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
            _read_column(reader, draft)
        if not reader.accept_symbol(","):
            break
    reader.expect_symbol(")")


def _read_column(reader: TokenReader, draft: TableDraft) -> None:
    token = reader.peek()
    name = reader.name("a name of a column")
    with reader.at(token):
        require_new_column(name, [column.name for column in draft.columns])
    draft.columns.append(Column(name, read_type(reader)))
    seen: set[str] = set()
    while read_column_constraint(reader, draft, seen):
        pass


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
    primary = draft.primary_key.columns if draft.primary_key else ()
    return Table(
        id=0,
        name=draft.name,
        kind=TableKind[kind.value.upper()] if kind else TableKind.REPLICATED,
        columns=tuple(replace(c, not_null=True) if c.name in primary else c for c in draft.columns),
        primary_key=draft.primary_key,
        uniques=tuple(draft.uniques),
        checks=tuple(checks),
    )
