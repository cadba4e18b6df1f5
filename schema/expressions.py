"""The expressions of CHECK, DEFAULT, generated columns and indexes: checked, and kept as canonical text.

Canonical text (:mod:`exdbsql.schema.canonical`) is made of the tokens that were written, without outer parentheses, comments, and the
table's own name before a column. sqlglot parses a shadow of it, to find columns and what is not allowed.
What an expression may hold follows PostgreSQL: no subqueries, aggregates, window functions or parameters; a DEFAULT no
columns. Whether its functions exist and its types agree is found out by the layer that runs it.
"""

from collections.abc import Collection
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from exdbsql.schema import sqlstate
from exdbsql.schema.canonical import called_name, canonical_text, shadow, types_before_strings, without_disguise
from exdbsql.schema.errors import NotSupportedError, ProgrammingError
from exdbsql.schema.identifiers import did_you_mean, fold, quote_name, quote_text
from exdbsql.schema.tokens import TokenKind, tokenize
from exdbsql.schema.types import SqlType

# Nodes that are whole statements, or that only a statement gives a meaning to.
_NOT_EXPRESSIONS: Final = (exp.Alias, exp.Command, exp.DDL, exp.DML, exp.Star, exp.Tuple, exp.Drop)


def check_expression(text: str, table: str, columns: Collection[str] | None, place: str = "check constraints") -> str:
    """An expression over a row's columns, canonical: the condition of a CHECK or of a partial index, a generated value ...

    `columns`: those of the table, or None where they are not known yet. `place` names the construct in errors, which are
    ProgrammingError or NotSupportedError with a position.
    """
    root = _parse(text)
    _refuse(root, text, place)
    for column in root.find_all(exp.Column):
        _check_column(column, text, table, columns)
    return canonical_text(text, table)


def default_expression(text: str, column_type: SqlType | None) -> str | None:
    """The expression of a DEFAULT, canonical; None for NULL, which is the same as no default.

    `column_type` is None where it is not known yet. Plain literals must fit the column's type: raises DataError or ProgrammingError
    42804 as an INSERT would.
    """
    root = _parse(text)
    _refuse(root, text, "DEFAULT expressions")
    column = root.find(exp.Column)
    if column is not None:
        raise _unsupported("a column reference in a DEFAULT expression", column, text)
    if isinstance(root, exp.Null):
        return None
    is_literal, value = literal_value(root)
    if is_literal and column_type is not None and not isinstance(value, bool):
        column_type.coerce(value)
    return canonical_text(text, "")


def generated_expression(
    text: str, table: str, columns: Collection[str] | None, generated: Collection[str] = ()
) -> str:
    """The expression of a generated column, canonical; it may use the `columns`, but none that is `generated` itself (42P17)."""
    made = check_expression(text, table, columns, "column generation expressions")
    for name in referenced_columns(made):
        if name in generated:
            message = f'cannot use generated column "{name}" in column generation expression'
            raise ProgrammingError(message, sqlstate=sqlstate.INVALID_OBJECT_DEFINITION, position=0, statement=text)
    return made


@lru_cache(maxsize=1024)
def referenced_columns(expression: str) -> tuple[str, ...]:
    """The columns that a canonical expression refers to, each once, in order of appearance."""
    return tuple(
        dict.fromkeys(identifier_name(column.this) for column in _parse(expression).find_all(exp.Column, bfs=False))
    )


def with_renamed_column(expression: str, name: str, new_name: str) -> str:
    """A canonical expression with a column called otherwise."""
    found = [column.this for column in _parse(expression).find_all(exp.Column)]
    places = [(one.meta["start"], one.meta["end"] + 1) for one in found if identifier_name(one) == name]
    for start, end in sorted(places, reverse=True):
        expression = expression[:start] + quote_name(new_name) + expression[end:]
    return expression


@lru_cache(maxsize=1024)
def called_function(expression: str) -> str | None:
    """The name of the function that a canonical expression consists of a call to, or None."""
    return called_name(expression)


@lru_cache(maxsize=1024)
def referenced_sequences(expression: str) -> frozenset[str]:
    """The sequences that a canonical expression takes values from: ``nextval('s')``, ``currval``, ``setval``."""
    found = set()
    for call in _parse(expression).find_all(exp.Anonymous):
        if call.name.lower() in ("nextval", "currval", "setval") and call.expressions:
            literal = call.expressions[0].find(exp.Literal)
            if literal is not None and literal.is_string:
                found.add(_sequence_name(literal.this))
    return frozenset(found)


def with_renamed_sequence(expression: str, name: str, new_name: str) -> str:
    """A canonical expression with a sequence called otherwise, where values are taken from it."""
    tokens = tokenize(expression)
    for i in range(len(tokens) - 1, 1, -1):
        token, function = tokens[i], tokens[i - 2]
        is_argument = token.kind is TokenKind.STRING and tokens[i - 1].is_symbol("(")
        if is_argument and function.is_word("nextval", "currval", "setval") and _sequence_name(token.value) == name:
            expression = expression[: token.start] + quote_text(quote_name(new_name)) + expression[token.end :]
    return expression


def _sequence_name(text: str) -> str:
    last = text.removeprefix("public.")
    return last[1:-1].replace('""', '"') if last.startswith('"') else fold(last)


@lru_cache(maxsize=1024)
def referenced_types(expression: str) -> frozenset[str]:
    """The types, other than built-in ones, that a canonical expression refers to in casts."""
    return types_below(_parse(expression)) | types_before_strings(expression)


def types_below(root: exp.Expr) -> frozenset[str]:
    """The types, other than built-in ones, of casts in a tree."""
    kinds = [node.args.get("kind") for node in root.find_all(exp.DataType)]
    names = [kind.expression if isinstance(kind, exp.Dot) else kind for kind in kinds if kind is not None]
    return frozenset(map(identifier_name, names))


def literal_value(node: exp.Expr) -> tuple[bool, Any]:
    """Whether the node is a plain literal, and its Python value: str, int, Decimal, bool or None."""
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
        return True, -_number(node.this.this)
    if isinstance(node, exp.Literal):
        return True, node.this if node.is_string else _number(node.this)
    if isinstance(node, exp.Boolean):
        return True, bool(node.this)
    return isinstance(node, exp.Null), None


def _number(text: str) -> int | Decimal:
    return int(text) if text.isdecimal() else Decimal(text)


def _parse(text: str) -> exp.Expr:
    if not text.strip():
        raise ProgrammingError("an expression is missing", sqlstate=sqlstate.SYNTAX_ERROR, position=0, statement=text)
    try:
        first, *others = sqlglot.parse(shadow(text, expression=True), read="postgres")
    except ParseError as problem:
        raise parse_error(problem, text) from problem
    except (SqlglotError, RecursionError) as problem:
        message = f"cannot read this expression: {problem}"
        raise ProgrammingError(message, sqlstate=sqlstate.SYNTAX_ERROR, position=0, statement=text) from problem
    if first is None or others:
        raise _not_single(text, 0)
    root = first.unnest()
    wrong = next((node for node in root.walk() if isinstance(node, _NOT_EXPRESSIONS) and not _is_inner(node)), None)
    if wrong is not None and not isinstance(root, exp.Query):
        raise _not_single(text, _position(wrong.args.get("alias") if isinstance(wrong, exp.Alias) else wrong))
    return root


def _not_single(text: str, position: int | None) -> ProgrammingError:
    message = "syntax error: this is not a single expression"
    return ProgrammingError(message, sqlstate=sqlstate.SYNTAX_ERROR, position=position or 0, statement=text)


def _is_inner(node: exp.Expr) -> bool:
    """Whether the node has a meaning within an expression: count(*), (a, b) in a comparison, what a subquery holds."""
    if isinstance(node, (exp.Star, exp.Tuple)):
        return node.parent is not None
    return isinstance(node, exp.Alias) and node.find_ancestor(exp.Query) is not None


def parse_error(problem: ParseError, text: str) -> ProgrammingError:
    """Our error for sqlglot's, with the position that it tells as a line and the column behind the word."""
    message, position = "syntax error in this expression", 0
    if problem.errors and problem.errors[0].get("line"):
        first = problem.errors[0]
        near = without_disguise(first.get("highlight") or "")
        line_start = sum(len(line) for line in text.splitlines(keepends=True)[: first["line"] - 1])
        position = min(max(line_start + first["col"] - len(near), 0), len(text))
        message = f'syntax error at or near "{near}"' if near else message
    return ProgrammingError(message, sqlstate=sqlstate.SYNTAX_ERROR, position=position, statement=text)


def _refuse(root: exp.Expr, text: str, place: str) -> None:
    """Raises for what no expression of a definition may hold."""
    for node in root.walk():
        if isinstance(node, (exp.Query, exp.Subquery)):
            raise _unsupported(f"a subquery in {place}", node, text)
        if isinstance(node, exp.Window):
            raise _wrong(f"window functions are not allowed in {place}", sqlstate.WINDOWING_ERROR, node, text)
        if isinstance(node, exp.AggFunc):
            raise _wrong(f"aggregate functions are not allowed in {place}", sqlstate.GROUPING_ERROR, node, text)
        if isinstance(node, (exp.Parameter, exp.Placeholder)):
            raise _wrong(f"parameters are not allowed in {place}", sqlstate.UNDEFINED_PARAMETER, node, text)


def _check_column(column: exp.Column, text: str, table: str, columns: Collection[str] | None) -> None:
    """Raises unless the column is the table's own; takes the table's name from before it."""
    name = identifier_name(column.this)
    qualifier = column.args.get("table")
    if qualifier is not None and (identifier_name(qualifier) != table or column.args.get("db") is not None):
        message = f'missing FROM-clause entry for table "{identifier_name(qualifier)}"'
        raise _wrong(message, sqlstate.UNDEFINED_TABLE, column, text)
    if columns is not None and name not in columns:
        problem = _wrong(f'column "{name}" does not exist', sqlstate.UNDEFINED_COLUMN, column, text)
        problem.hint = did_you_mean(name, columns)
        raise problem


def identifier_name(identifier: Any) -> str:
    """What a name in the tree means: folded unless quoted."""
    if not isinstance(identifier, exp.Identifier):
        return str(identifier)
    return identifier.this if identifier.args.get("quoted") else fold(without_disguise(identifier.this))


def _position(node: Any) -> int | None:
    """Offset of the first name or literal below the node that sqlglot noted the position of."""
    if not isinstance(node, exp.Expr):
        return None
    found = [child.meta["start"] for child in node.walk() if isinstance(child.meta.get("start"), int)]
    return min(found) if found else None


def _wrong(message: str, code: str, node: exp.Expr, text: str) -> ProgrammingError:
    return ProgrammingError(message, sqlstate=code, position=_position(node), statement=text)


def _unsupported(what: str, node: exp.Expr, text: str) -> NotSupportedError:
    return NotSupportedError(f"{what} is not supported", position=_position(node), statement=text)
