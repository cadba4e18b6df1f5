"""Scopes: which names a part of a query sees, and what they mean.

A scope holds the relations of one FROM clause; a subquery's scope has the enclosing one as its parent, where names are
looked for that it does not have itself (correlation).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from exdbsql.engine.query.context import StatementContext, name_of
from exdbsql.engine.query.expressions import Column, Expr
from exdbsql.schema import sqlstate
from exdbsql.schema.ddl_names import TEMPORARY_SCHEMA
from exdbsql.schema.identifiers import did_you_mean
from exdbsql.schema.table import Table
from exdbsql.schema.types import SqlType


@dataclass(slots=True)
class Source:
    """A relation under the name by which the query knows it; an outer join makes it `optional`, all its columns nullable."""

    alias: str
    rel: int
    names: tuple[str, ...]
    types: tuple[SqlType | None, ...]
    nullable: list[bool]
    table: Table | None = None
    optional: bool = False
    schemas: tuple[str, ...] = ("public", TEMPORARY_SCHEMA)

    def column(self, index: int) -> Column:
        """The expression for one column."""
        return Column(self.types[index], self.nullable[index], self.rel, index, self.names[index])


@dataclass(slots=True)
class Visible:
    """A column that ``*`` and unqualified names see: of a source, or merged by USING."""

    name: str
    source: Source | None
    index: int
    merged: Expr | None = None

    def expr(self) -> Expr:
        """The expression it means now."""
        if self.merged is not None:
            return self.merged
        assert self.source is not None
        return self.source.column(self.index)


@dataclass(slots=True)
class Scope:
    """The relations of one FROM clause, and the scope around it."""

    context: StatementContext
    parent: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    visible: list[Visible] = field(default_factory=list)

    def add(self, source: Source, node: exp.Expr | None) -> None:
        """Add a relation; its name must be new."""
        if any(other.alias == source.alias for other in self.sources):
            raise self.context.error(
                node, f'table name "{source.alias}" specified more than once', sqlstate.DUPLICATE_ALIAS
            )
        self.sources.append(source)
        self.visible += [Visible(name, source, i) for i, name in enumerate(source.names)]

    def make_nullable(self) -> None:
        """From here on every column may be NULL."""
        for source in self.sources:
            source.nullable = [True] * len(source.nullable)

    def rels(self) -> frozenset[int]:
        """The relation numbers of this scope alone."""
        return frozenset(source.rel for source in self.sources)

    def source(self, alias: str) -> Source | None:
        """The relation of a name, here or further out."""
        scope: Scope | None = self
        while scope is not None:
            for source in scope.sources:
                if source.alias == alias:
                    return source
            scope = scope.parent
        return None

    def sees(self, name: str) -> bool:
        """Whether an unqualified name is that of a column, here or further out."""
        scope: Scope | None = self
        while scope is not None:
            if any(v.name == name for v in scope.visible):
                return True
            scope = scope.parent
        return False

    def resolve(self, node: exp.Column) -> Expr:
        """What a column reference means."""
        name = name_of(node.this)
        self.context.only(node, ("this", "table", "db"), "a column name")
        if node.args.get("table") is None:
            return self._unqualified(name, node)
        alias = name_of(node.args["table"])
        source = self.source(alias)
        schema = node.args.get("db")
        if source is None or (schema is not None and name_of(schema) not in source.schemas):
            raise self._missing_table(alias, node)
        matches = [i for i, other in enumerate(source.names) if other == name]
        if len(matches) > 1:
            raise self.context.error(node, f'column reference "{name}" is ambiguous', sqlstate.AMBIGUOUS_COLUMN)
        if not matches:
            raise self.context.error(
                node.this,
                f"column {alias}.{name} does not exist",
                sqlstate.UNDEFINED_COLUMN,
                did_you_mean(name, source.names),
            )
        return source.column(matches[0])

    def _unqualified(self, name: str, node: exp.Column) -> Expr:
        scope: Scope | None = self
        while scope is not None:
            matches = [v for v in scope.visible if v.name == name]
            if len(matches) > 1:
                owners = " or ".join(sorted({v.source.alias for v in matches if v.source is not None}))
                raise self.context.error(
                    node,
                    f'column reference "{name}" is ambiguous',
                    sqlstate.AMBIGUOUS_COLUMN,
                    f"say which is meant: {owners}" if owners else None,
                )
            if matches:
                return matches[0].expr()
            scope = scope.parent
        raise self.context.error(
            node,
            f'column "{name}" does not exist',
            sqlstate.UNDEFINED_COLUMN,
            did_you_mean(name, self._all_names() | {"distinct"}) or self._string_hint(node),
        )

    def _all_names(self) -> set[str]:
        names: set[str] = set()
        scope: Scope | None = self
        while scope is not None:
            names |= {v.name for v in scope.visible}
            scope = scope.parent
        return names

    def _string_hint(self, node: exp.Column) -> str | None:
        quoted = node.this.args.get("quoted")
        return "double quotes make a name; a string stands in single quotes" if quoted else None

    def _missing_table(self, alias: str, node: exp.Column) -> Exception:
        known = {s.alias for s in self.sources}
        return self.context.error(
            node.args["table"],
            f'missing FROM-clause entry for table "{alias}"',
            sqlstate.UNDEFINED_TABLE,
            did_you_mean(alias, known),
        )


def table_source(table: Table, alias: str, rel: int) -> Source:
    """The source that a table is in FROM."""
    key = set(table.primary_key.columns) if table.primary_key else set()
    return Source(
        alias,
        rel,
        table.column_names,
        tuple(expression_type(t) for t in table.column_types),
        [not (c.not_null or c.name in key) for c in table.columns],
        table,
    )


def expression_type(t: SqlType) -> SqlType:
    """The type that a column of type `t` has in expressions: the same, for its length says what its values are."""
    return t
