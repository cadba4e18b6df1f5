"""Whether the queries of views can be bound: what CREATE VIEW asks, and every statement that may take something from under one."""

from exdbsql.engine.query.bind_query import QueryBinder, settle
from exdbsql.engine.query.context import StatementContext
from exdbsql.engine.query.parse import parse_statement
from exdbsql.engine.query.plan import output_columns
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.sqlstate import DUPLICATE_COLUMN, INVALID_TABLE_DEFINITION
from exdbsql.schema.table import View


def check_views(dictionary: Dictionary) -> None:
    """Bind the query of each view; a temporary one was bound when it was made, and may read tables that are not its session's.

    Raises:
        ProgrammingError: unknown names, wrong types, or two columns of one name (42701), more names than columns (42P16).
        NotSupportedError: what exdbsql lacks.
    """
    for view in dictionary.views.values():
        if not view.is_temporary:
            check_view(view, dictionary)


def check_view(view: View, dictionary: Dictionary) -> None:
    """Bind the query of one view; raises what `check_views` raises."""
    parsed = parse_statement(view.query, types=dictionary.types)
    context = StatementContext.of(parsed, dictionary, ())
    names = [column.name for column in output_columns(settle(context, QueryBinder(context).bind(parsed.tree, None)))]
    if len(view.columns) > len(names):
        raise ProgrammingError(
            "CREATE VIEW specifies more column names than columns", sqlstate=INVALID_TABLE_DEFINITION
        )
    names[: len(view.columns)] = view.columns
    for name in names:
        if names.count(name) > 1:
            raise ProgrammingError(f'column "{name}" specified more than once', sqlstate=DUPLICATE_COLUMN)
