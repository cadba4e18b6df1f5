"""What ON CONFLICT names: the unique constraints and indexes whose conflicts it is about (PostgreSQL's *arbiters*).

An index is inferred where its columns and its expressions are those of the list, in whatever order, and its condition is implied by
the WHERE behind the list. Uniqueness that may be put off until the commit decides nothing while a row is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlglot import exp

from exdbsql.engine.query.bind_expressions import ExpressionBinder
from exdbsql.engine.query.bind_query import QueryBinder
from exdbsql.engine.query.context import StatementContext, name_of
from exdbsql.engine.query.expressions import Column, Expr, conjuncts
from exdbsql.engine.query.index_matching import BoundIndex, Matcher, bound_index
from exdbsql.engine.query.scope import Scope, table_source
from exdbsql.schema import sqlstate
from exdbsql.schema.table import IndexDef, Table, UniqueKey


def arbiters(context: StatementContext, node: exp.OnConflict, table: Table) -> tuple[UniqueKey, ...]:
    """The keys that a conflict target names or matches; none where there is no target.

    Raises:
        ProgrammingError: 42704, there is no such constraint; 42P10, nothing matches; 55000, the constraint is deferrable.
    """
    constraint = node.args.get("constraint")
    targets = node.args.get("conflict_keys")
    if constraint is not None:
        found: tuple[UniqueKey, ...] = (_named(context, constraint, table),)
    else:
        found = _inferred(context, node, targets, table) if targets else ()
    concerned = found if constraint is not None or targets else table.unique_keys
    if any(key.deferrable for key in concerned):
        message = "ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters"
        raise context.error(node, message, sqlstate.OBJECT_NOT_IN_PREREQUISITE_STATE)
    if targets and not found:
        raise context.error(
            node,
            "there is no unique or exclusion constraint matching the ON CONFLICT specification",
            sqlstate.INVALID_COLUMN_REFERENCE,
        )
    return found


def _named(context: StatementContext, constraint: exp.Expr, table: Table) -> UniqueKey:
    name = name_of(constraint)
    found = next((key for key in table.unique_keys if key.name == name), None)
    if found is None:
        message = f'constraint "{name}" for table "{table.name}" does not exist'
        raise context.error(constraint, message, sqlstate.UNDEFINED_OBJECT)
    return found


def _inferred(
    context: StatementContext, node: exp.OnConflict, targets: Sequence[exp.Expr], table: Table
) -> tuple[UniqueKey, ...]:
    source = table_source(table, table.name, context.new_rel())
    scope = Scope(context)
    scope.add(source, None)
    binder = ExpressionBinder(context, scope, QueryBinder(context), "ON CONFLICT")
    bound = [binder.bind(_target(context, target)) for target in targets]
    predicate = node.args.get("index_predicate")
    conditions = () if predicate is None else tuple(conjuncts(binder.condition(predicate.this)))
    columns = {expr.index for expr in bound if isinstance(expr, Column)}
    expressions = [expr for expr in bound if not isinstance(expr, Column)]
    found = []
    if not expressions:
        found += [key for key in table.unique_keys if set(table.column_positions(key.columns)) == columns]
    for index in _unique_indexes(context, table):
        matcher = Matcher(context, source.rel)
        bound_parts = bound_index(table, index, context.dictionary)
        matched = _matches(matcher, table, index, bound_parts, columns, expressions, conditions)
        matcher.pin(matched=matched)
        if matched:
            found.append(UniqueKey(index.name, index.column_names))
    return tuple(found)


def _target(context: StatementContext, target: exp.Expr) -> exp.Expr:
    inner = target.this if isinstance(target, exp.Ordered) else target
    if isinstance(inner, exp.Paren):
        inner = inner.this
    return exp.Column(this=inner) if isinstance(inner, exp.Identifier) else inner


def _unique_indexes(context: StatementContext, table: Table) -> Iterable[IndexDef]:
    return [index for index in context.dictionary.indexes_of(table.name) if index.unique]


def _matches(
    matcher: Matcher,
    table: Table,
    index: IndexDef,
    bound: BoundIndex,
    columns: set[int],
    expressions: Sequence[Expr],
    conditions: Sequence[Expr],
) -> bool:
    own = {table.column_index(part.name) for part in index.columns if part.expression is None}
    parts = [
        (expr, context) for expr, context in zip(bound.parts, bound.contexts[:-1], strict=True) if expr is not None
    ]
    if own != columns or bool(parts) is not bool(expressions):
        return False
    if not all(any(matcher.same(mine, part, context) for part, context in parts) for mine in expressions):
        return False
    if not all(any(matcher.same(mine, part, context) for mine in expressions) for part, context in parts):
        return False
    return all(matcher.implies(conditions, wanted, bound.contexts[-1]) for wanted in bound.where)
