"""The expressions of definitions, bound when they are made: what is wrong in one is said by CREATE and ALTER, not by the first INSERT.

Defaults, CHECK constraints, generated columns, and the expressions and conditions of indexes. What is computed once and kept (a generated
column, an index) must come out the same each time and on every node, so nothing volatile may be in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from exdbsql.engine.query.expressions import Call, Clock, Expr
from exdbsql.engine.query.index_functions import bound_condition, bound_expression, index_function
from exdbsql.engine.query.plan import walk
from exdbsql.engine.query.row_functions import bound_check, bound_default, bound_generated, own_expression
from exdbsql.engine.query.volatility import VOLATILE
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import Error, ProgrammingError
from exdbsql.schema.sqlstate import INVALID_OBJECT_DEFINITION
from exdbsql.schema.table import IndexDef, Table

_ROW: Final = 1
_VOLATILE: Final = frozenset(
    {
        *VOLATILE,
        *("nextval", "currval", "setval", "lastval"),
        *("current_database", "current_schema", "version", "table_digest"),
    }
)
"""Functions that depend on more than their arguments; besides them there are the clock of the statement and its user."""


def check_definitions(before: Dictionary, made: Dictionary) -> None:
    """Bind the expressions of what is in `made` and is not so in `before`.

    Raises:
        ProgrammingError: 42883, 42703, 42804 and what else binding finds; 42P17, volatile where it must not be.
        NotSupportedError: what exdbsql lacks.
    """
    for name, table in made.tables.items():
        if before.tables.get(name) is not table:
            _check_table(table, made)
    for name, index in made.indexes.items():
        own = made.tables.get(
            index.table
        )  # None where only the name counts: an index beside a session's temporary tables
        is_old = before.indexes.get(name) is index and before.tables.get(index.table) is own
        if not index.is_plain and not is_old and own is not None:
            _check_index(index, made)


def _check_table(table: Table, dictionary: Dictionary) -> None:
    for position, column in enumerate(table.columns):
        if column.default is not None:
            with _placed(column.default):
                bound_default(dictionary, table, position)
        if column.generated is not None:
            with _placed(column.generated):
                _, _, value = own_expression(column.generated, dictionary, table, _ROW, "GENERATED")
                _require_immutable(value, column.generated, "generation expression is not immutable")
                bound_generated(dictionary, table, position, _ROW)
    for check in table.checks:
        with _placed(check.expression):
            bound_check(dictionary, table, check.expression)


def _check_index(index: IndexDef, dictionary: Dictionary) -> None:
    table = dictionary.tables[index.table]
    for part in index.columns:
        if part.expression is not None:
            with _placed(part.expression):
                value = bound_expression(table, part.expression, dictionary, _ROW)
            _require_immutable(value, part.expression, "functions in index expression must be marked IMMUTABLE")
    if index.where is not None:
        with _placed(index.where):
            value = bound_condition(table, index.where, dictionary, _ROW)
        _require_immutable(value, index.where, "functions in index predicate must be marked IMMUTABLE")
    index_function(table, index, dictionary)


@contextmanager
def _placed(text: str) -> Iterator[None]:
    """Positions in errors are those in the expression; it was bound behind the word SELECT."""
    try:
        yield
    except Error as error:
        if error.position is not None:
            error.position = max(0, error.position - len("SELECT "))
        error.statement = text
        raise


def is_volatile(value: Expr) -> bool:
    """Whether an expression may give another value each time, or on each node."""
    return any(isinstance(part, Clock) or _is_volatile_call(part) for part in walk(value))


def _is_volatile_call(part: object) -> bool:
    return isinstance(part, Call) and part.name.lower() in _VOLATILE


def _require_immutable(value: Expr, text: str, message: str) -> None:
    if is_volatile(value):
        raise ProgrammingError(message, sqlstate=INVALID_OBJECT_DEFINITION, detail=f"The expression is {text}.")


def default_is_volatile(dictionary: Dictionary, table: Table, position: int) -> bool:
    """Whether the default of a column may be another one each time."""
    return is_volatile(bound_default(dictionary, table, position))


def default_is_clock_alone(dictionary: Dictionary, table: Table, position: int) -> bool:
    """Whether nothing but the time of the statement makes a default another one each time: it is the same for all its rows."""
    return not any(map(_is_volatile_call, walk(bound_default(dictionary, table, position))))
