"""CREATE [OR REPLACE] VIEW and DROP VIEW.

The query is kept as canonical text: what sqlglot prints for PostgreSQL, unquoted names in lower case. What its columns are,
and that they exist, is found out by the layer that runs it; which relations it reads is known here
(`read_relations`), so that none of them can be dropped from under it. Refused: recursive and materialized views,
WITH CHECK OPTION.
"""

from exdbsql.schema.ddl_constraints import within
from exdbsql.schema.ddl_names import read_column_names, read_relation_name
from exdbsql.schema.ddl_statements import CreateView
from exdbsql.schema.queries import canonical_query
from exdbsql.schema.table import View
from exdbsql.schema.table_rules import require_new_column
from exdbsql.schema.token_reader import TokenReader


def read_create_view(reader: TokenReader, *, or_replace: bool, is_temporary: bool) -> CreateView:
    """What follows CREATE [OR REPLACE] [TEMPORARY] VIEW."""
    name = read_relation_name(reader)
    columns: list[str] = []
    following = reader.peek()
    if following is not None and following.is_symbol("("):
        for column, token in read_column_names(reader):
            with reader.at(token):
                require_new_column(column, columns)
            columns.append(column)
    if reader.next_is("with"):
        raise reader.not_supported("WITH (...)")
    reader.expect("as")
    if not any(reader.next_is(word) for word in ("select", "with", "values")) and not reader.next_is_symbol("("):
        raise reader.syntax_error(expected="a query")
    start = reader.offset
    while reader.peek() is not None:
        if (
            reader.next_is("with", "check", "option")
            or reader.next_is("with", "cascaded")
            or reader.next_is("with", "local")
        ):
            raise reader.not_supported("WITH CHECK OPTION")
        reader.take()
    with within(reader, start):
        query = canonical_query(reader.slice(start, reader.previous_end()))
    return CreateView(View(name, query, tuple(columns), is_temporary), or_replace)
