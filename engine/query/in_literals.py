"""A literal at the left of ``IN (SELECT ...)`` that is no value of the subquery's type: it is in no set, so IN is decided.

PostgreSQL refuses ``'hello' IN (SELECT an_integer ...)`` when it reads 'hello' as an integer. The public SQL logic tests have such
records (evidence_in1) and want SQLite's answer, which is the plain meaning: 'hello' equals no integer. Only literals are taken
this way, where what is compared is plain to see; columns and expressions of types that do not compare stay errors.
"""

from sqlglot import exp

from exdbsql.engine.query.context import StatementContext
from exdbsql.engine.query.expressions import Const, Expr
from exdbsql.schema.errors import DataError
from exdbsql.schema.types import BYTEA, TEXT, SqlType


def stranger(context: StatementContext, node: exp.Expr, column: SqlType) -> Expr | None:
    """The literal as a value that equals none of the type of `column`; None where it is no such literal.

    Its value decides that, so it stays part of the statement's shape.
    """
    if isinstance(node, exp.HexString) and column.name != "bytea":
        return Const(BYTEA, False, str(node.this))
    if not (isinstance(node, exp.Literal) and node.is_string) or column.is_text:
        return None
    value = context.literal_value(node)
    try:
        column.unconstrained.parse(value)
    except DataError:
        return Const(TEXT, False, value)
    return None
