"""CREATE INDEX: columns and expressions, directions, the condition of a partial index.

Refused by name: covering indexes (INCLUDE), collations and operator classes, NULLs at the other end, storage options.
"""

from exdbsql.schema.ddl_constraints import within
from exdbsql.schema.ddl_names import read_if_not_exists, read_relation_name
from exdbsql.schema.ddl_statements import CreateIndex
from exdbsql.schema.expressions import check_expression
from exdbsql.schema.features import Feature, require_feature
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
    _refuse_options(reader)
    return CreateIndex(IndexDef(name, table, columns, unique, _read_condition(reader, table)), if_not_exists)


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
    return IndexColumn(name, _read_direction(reader), expression)


def _read_expression(reader: TokenReader, table: str, token: Token) -> str:
    """An expression in parentheses, or a call of a function."""
    hint = "Only columns can be indexed."
    require_feature(Feature.EXPRESSION_INDEX, reader, hint=hint)
    start = token.start
    if not token.is_symbol("("):
        reader.take()
    reader.inside_parentheses()
    with within(reader, start):
        return check_expression(reader.slice(start, reader.previous_end()), table, None, "index expressions")


def _read_direction(reader: TokenReader) -> bool:
    """Whether DESC is said."""
    direction = reader.accept_one_of("asc", "desc")
    descending = direction is not None and direction.value == "desc"
    if reader.next_is("nulls"):
        default = ("nulls", "first") if descending else ("nulls", "last")
        if not reader.accept(*default):
            raise reader.not_supported("an index with NULLs at the other end", hint="Leave NULLS FIRST or LAST out.")
    elif (option := reader.peek()) is not None and not option.is_symbol(",", ")"):
        if direction is None:
            raise reader.not_supported("a collation or operator class in an index")
        raise reader.syntax_error()
    return descending


def _refuse_options(reader: TokenReader) -> None:
    """Raises for what may follow the columns in PostgreSQL."""
    for words, what in (
        (("include",), "INCLUDE"),
        (("nulls", "not", "distinct"), "NULLS NOT DISTINCT"),
        (("with",), "WITH (...)"),
        (("tablespace",), "TABLESPACE"),
    ):
        if reader.next_is(*words):
            raise reader.not_supported(what)


def _read_condition(reader: TokenReader, table: str) -> str | None:
    if not reader.next_is("where"):
        return None
    require_feature(Feature.PARTIAL_INDEX, reader)
    reader.take()
    start = reader.offset
    while reader.peek() is not None:
        reader.take()
    with within(reader, start):
        return check_expression(reader.slice(start, reader.previous_end()), table, None, "index predicates")
