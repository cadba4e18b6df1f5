"""CREATE INDEX: columns and expressions, directions, INCLUDE, NULLS NOT DISTINCT, the condition of a partial index.

Refused by name: collations and operator classes, storage options.
"""

from exdbsql.schema.ddl_constraints import within
from exdbsql.schema.ddl_names import read_column_names, read_if_not_exists, read_relation_name
from exdbsql.schema.ddl_statements import CreateIndex
from exdbsql.schema.expressions import check_expression
from exdbsql.schema.table import IndexColumn, IndexDef
from exdbsql.schema.table_rules import require_key_column
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.tokens import Token


def read_create_index(reader: TokenReader) -> CreateIndex:
    """What follows CREATE, from [UNIQUE] INDEX on."""
    unique = reader.accept("unique")
    reader.expect("index")
    if reader.next_is("concurrently"):
        raise reader.not_supported("CONCURRENTLY")
    if_not_exists = read_if_not_exists(reader)
    name = "" if reader.next_is("on") and not if_not_exists else reader.name("a name of an index")
    reader.expect("on")
    if reader.next_is("only"):
        raise reader.not_supported("ON ONLY")
    table = read_relation_name(reader)
    if reader.accept("using") and not reader.accept_one_of("btree", "hash"):
        raise reader.not_supported("this index method", hint="Leave USING out: an index serves equality and ranges.")
    columns = _read_columns(reader, table)
    include = tuple(name for name, _ in read_column_names(reader)) if reader.accept("include") else ()
    nulls_equal = reader.accept("nulls", "not", "distinct")
    reader.accept("nulls", "distinct")
    _refuse_options(reader)
    condition = _read_condition(reader, table)
    return CreateIndex(IndexDef(name, table, columns, unique, condition, include, nulls_equal), if_not_exists)


def _read_columns(reader: TokenReader, table: str) -> tuple[IndexColumn, ...]:
    columns: list[IndexColumn] = []
    reader.expect_symbol("(")
    while True:
        columns.append(_read_column(reader, table, columns))
        if not reader.accept_symbol(","):
            break
    reader.expect_symbol(")")
    return tuple(columns)


def _read_column(reader: TokenReader, table: str, before: list[IndexColumn]) -> IndexColumn:
    token, following = reader.peek(), reader.peek(1)
    if token is not None and (token.is_symbol("(") or (following is not None and following.is_symbol("("))):
        name, expression = "", _read_expression(reader, table, token)
    else:
        name, expression = reader.name("a column"), None
        with reader.at(token):
            # Whether the column exists is for the dictionary to say; that it comes once is seen here.
            require_key_column(name, (name,), [column.name for column in before])
    descending, nulls_swapped = _read_direction(reader)
    return IndexColumn(name, descending, expression, nulls_swapped)


def _read_expression(reader: TokenReader, table: str, token: Token) -> str:
    """An expression in parentheses, or a call of a function."""
    start = token.start
    if not token.is_symbol("("):
        reader.take()
    reader.inside_parentheses()
    with within(reader, start):
        return check_expression(reader.slice(start, reader.previous_end()), table, None, "index expressions")


def _read_direction(reader: TokenReader) -> tuple[bool, bool]:
    """Whether DESC is said, and whether NULLs are to sort at the other end than that brings."""
    direction = reader.accept_one_of("asc", "desc")
    descending = direction is not None and direction.value == "desc"
    if reader.accept("nulls"):
        end = reader.accept_one_of("first", "last")
        if end is None:
            raise reader.syntax_error(expected="FIRST or LAST")
        return descending, (end.value == "first") is not descending
    if (option := reader.peek()) is not None and not option.is_symbol(",", ")"):
        if direction is None:
            raise reader.not_supported("a collation or operator class in an index")
        raise reader.syntax_error()
    return descending, False


def _refuse_options(reader: TokenReader) -> None:
    """Raises for what may follow the columns in PostgreSQL."""
    for words, what in (
        (("with",), "WITH (...)"),
        (("tablespace",), "TABLESPACE"),
    ):
        if reader.next_is(*words):
            raise reader.not_supported(what)


def _read_condition(reader: TokenReader, table: str) -> str | None:
    if not reader.next_is("where"):
        return None
    reader.take()
    start = reader.offset
    while reader.peek() is not None:
        reader.take()
    with within(reader, start):
        return check_expression(reader.slice(start, reader.previous_end()), table, None, "index predicates")
