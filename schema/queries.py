"""The queries of views: canonical text, and the relations that they read."""

from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from exdbsql.schema import sqlstate
from exdbsql.schema.canonical import canonical_text, shadow, types_before_strings
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.expressions import identifier_name, parse_error, types_below


def canonical_query(text: str) -> str:
    """A query as canonical text. Raises ProgrammingError 42601, and 42P02 for parameters, with a position."""
    root = _parse(text)
    if root.find(exp.Parameter, exp.Placeholder) is not None:
        message = "parameters are not allowed in views"
        raise ProgrammingError(message, sqlstate=sqlstate.UNDEFINED_PARAMETER, position=0, statement=text)
    return canonical_text(text)


@lru_cache(maxsize=256)
def read_relations(query: str) -> frozenset[str]:
    """The tables and views that a canonical query reads, those of its WITH clauses left out where they hide others."""
    root = _parse(query)
    hidden = {identifier_name(cte.args["alias"].this) for cte in root.find_all(exp.CTE)}
    found = {
        identifier_name(table.this) for table in root.find_all(exp.Table) if isinstance(table.this, exp.Identifier)
    }
    return frozenset(found - hidden)


@lru_cache(maxsize=256)
def mentioned_names(query: str) -> frozenset[str]:
    """All names in a canonical query, whatever they mean."""
    return frozenset(map(identifier_name, _parse(query).find_all(exp.Identifier)))


@lru_cache(maxsize=256)
def types_in_query(query: str) -> frozenset[str]:
    """The types, other than built-in ones, that a canonical query refers to."""
    return types_below(_parse(query)) | types_before_strings(query)


def _parse(text: str) -> exp.Expr:
    try:
        found = sqlglot.parse(shadow(text), read="postgres")
    except ParseError as problem:
        raise parse_error(problem, text) from problem
    except (SqlglotError, RecursionError) as problem:
        message = f"cannot read this query: {problem}"
        raise ProgrammingError(message, sqlstate=sqlstate.SYNTAX_ERROR, position=0, statement=text) from problem
    root = found[0] if len(found) == 1 else None
    if not isinstance(root, exp.Query):
        message = "syntax error: this is not a query"
        raise ProgrammingError(message, sqlstate=sqlstate.SYNTAX_ERROR, position=0, statement=text)
    return root
