"""SELECT ... FOR UPDATE, where nobody waits for a lock: the rows that it gives count as changed by the transaction.

So another transaction that changes one of them, or selects it FOR UPDATE, and commits first, makes this one lose with a ConflictError at its
commit; and the other way round. That is what a program wants of the lock: what it has read is still so when it commits. The statement is
bound as if it had been written as a query beside changes that leave the rows as they are::

    WITH chosen AS (UPDATE t SET c = c WHERE key IN (SELECT key FROM the query)) the query

SKIP LOCKED and NOWAIT ask in between for each row, in the order of the query and no further than its LIMIT, whether another
transaction has it (:mod:`exdbsql.engine.row_claims`); the query then gives the rows that were kept, whatever others do meanwhile::

    WITH chosen AS (UPDATE t SET c = c WHERE key IN (SELECT key FROM (the query) WHERE claimed(key) LIMIT n) RETURNING key)
    the query AND key IN (SELECT key FROM chosen)

FOR NO KEY UPDATE asks for less than FOR UPDATE. FOR SHARE and FOR KEY SHARE are left out, as are DISTRIBUTED
tables, whose unchanged rows would travel, and what PostgreSQL refuses: grouped queries, the nullable side of an outer join.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from exdbsql.engine.query.bind_claims import Claim
from exdbsql.engine.query.context import StatementContext, name_of
from exdbsql.schema import sqlstate
from exdbsql.schema.errors import NotSupportedError
from exdbsql.schema.table import Identity, Table, TableKind

_NOT_WITH = (
    ("group", "GROUP BY clause"),
    ("having", "HAVING clause"),
    ("distinct", "DISTINCT clause"),
    ("windows", "window functions"),
)
_ROW = "row to keep"
_NOT_ASKED, _SKIPPED, _REFUSED = "not asked", "skipped", "refused"
"""Of rows that another transaction has: nobody looks, SKIP LOCKED, NOWAIT."""


def with_rows_kept(tree: exp.Expr, context: StatementContext) -> exp.Expr:
    """The statement to bind in the place of `tree`: itself where it has no FOR UPDATE.

    Raises:
        NotSupportedError: FOR UPDATE where it cannot be, or another lock.
        ProgrammingError: OF names no table of FROM (42P01).
    """
    if not isinstance(tree, exp.Select) or not tree.args.get("locks"):
        return tree
    locks = tree.args["locks"]
    _check_locks(locks)
    query: exp.Select = tree.copy()
    query.set("locks", None)
    with_ = query.args.get("with_")
    query.set("with_", None)
    _check_query(query)
    claims = _claims(locks)
    chosen = list(_chosen(query, locks, context))
    if claims == _SKIPPED:
        _check_skipping(query, len(chosen))
    made = [_change(query, source, table, number, claims) for number, (source, table) in enumerate(chosen)]
    if claims != _NOT_ASKED:
        for number, (source, table) in enumerate(chosen):
            query.where(_is_kept(source, table, number), copy=False)
    if with_ is None:
        with_ = exp.With(expressions=[])
    for change in made:
        with_.append("expressions", change)
    query.set("with_", with_)
    return query


def _check_locks(locks: list[exp.Lock]) -> None:
    for lock in locks:
        if not lock.args.get("update"):
            raise NotSupportedError(
                f"FOR {'KEY ' if lock.args.get('key') else ''}SHARE is not supported",
                hint="ISOLATION LEVEL SERIALIZABLE guards what was read.",
            )


def _claims(locks: list[exp.Lock]) -> str:
    asked = {lock.args.get("wait") for lock in locks}
    return _SKIPPED if False in asked else _REFUSED if True in asked else _NOT_ASKED


def _check_skipping(query: exp.Select, tables: int) -> None:
    if tables > 1:
        raise NotSupportedError(
            "SKIP LOCKED of several tables is not supported", hint="FOR UPDATE OF names one of them."
        )
    if query.args.get("offset") is not None:
        raise NotSupportedError("SKIP LOCKED with OFFSET is not supported")
    limit = query.args.get("limit")
    options = limit.args.get("limit_options") if isinstance(limit, exp.Fetch) else None
    if options is not None and options.args.get("with_ties"):
        raise NotSupportedError("SKIP LOCKED and WITH TIES options cannot be used together")


def _check_query(query: exp.Select) -> None:
    for name, called in _NOT_WITH:
        if query.args.get(name):
            raise NotSupportedError(f"FOR UPDATE is not allowed with {called}")
    for part in query.expressions:
        if part.find(exp.Window):
            raise NotSupportedError("FOR UPDATE is not allowed with window functions")
        if part.find(exp.AggFunc):
            raise NotSupportedError("FOR UPDATE is not allowed with aggregate functions")


def _chosen(query: exp.Select, locks: list[exp.Lock], context: StatementContext) -> Iterator[tuple[exp.Table, Table]]:
    """The tables whose rows are kept, with their definitions."""
    named = {name_of(table.this): table for lock in locks for table in lock.expressions}
    found: set[str] = set()
    for source, is_nullable in _sources(query):
        alias = _called(source)
        if named and alias not in named:
            continue
        found.add(alias)
        table = _table_of(source, context, wanted=bool(named))
        if table is None or not isinstance(source, exp.Table):
            continue
        if is_nullable:
            raise NotSupportedError("FOR UPDATE cannot be applied to the nullable side of an outer join")
        yield source, table
    for name, node in named.items():
        if name not in found:
            raise context.error(
                node.this, f'relation "{name}" in FOR UPDATE clause not found in FROM clause', sqlstate.UNDEFINED_TABLE
            )


def _sources(query: exp.Select) -> Iterator[tuple[exp.Expr, bool]]:
    """What stands in FROM, and whether an outer join may make it NULL."""
    from_ = query.args.get("from_")
    joins = query.args.get("joins") or []
    sides = [str(join.args.get("side") or "").upper() for join in joins]
    if from_ is not None:
        yield from_.this, any(side in ("RIGHT", "FULL") for side in sides)
    for at, join in enumerate(joins):
        yield join.this, sides[at] in ("LEFT", "FULL") or any(side in ("RIGHT", "FULL") for side in sides[at + 1 :])


def _table_of(source: exp.Expr, context: StatementContext, *, wanted: bool) -> Table | None:
    """The definition of a table in FROM; None for what has no rows to keep."""
    if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
        if source.args.get("joins"):
            raise NotSupportedError("FOR UPDATE of joins in parentheses is not supported")
        name = name_of(source.this)
        if context.view(source) is not None:
            raise NotSupportedError(f'FOR UPDATE of the view "{name}" is not supported')
        table = context.dictionary.tables.get(name)
        if table is not None or not wanted:
            return table  # without one: a common table, or an error that binding finds
    if isinstance(source, exp.Subquery) or wanted:
        raise NotSupportedError("FOR UPDATE of a subquery is not supported", hint="FOR UPDATE OF names the tables.")
    return None


def _change(query: exp.Select, source: exp.Table, table: Table, number: int, claims: str) -> exp.CTE:
    """The change that leaves the chosen rows of a table as they are."""
    settable = [c.name for c in table.columns if c.generated is None and c.identity is not Identity.ALWAYS]
    if not settable:
        raise NotSupportedError(f'FOR UPDATE of "{table.name}", which has no column that can be set, is not supported')
    keys = _keys_of(table)
    names = [f"{_ROW} {number} {at}" for at in range(len(keys))]
    inner = query.copy()
    for key, name in zip(keys, names, strict=True):
        inner.append("expressions", exp.alias_(_column(key, _called(source)), name, quoted=True))
    if claims != _NOT_ASKED:
        inner = _claimed(inner, source, names, claims)
    elif inner.args.get("limit") is None and inner.args.get("offset") is None:
        inner.set("order", None)
    target = f"{_ROW} {number}"
    rows = _query(names, "chosen", inner)
    left = [_column(key, target) for key in keys]
    plain = exp.Table(this=source.this.copy(), alias=exp.TableAlias(this=_name(target)))
    update = exp.Update(
        this=plain,
        expressions=[exp.EQ(this=exp.column(_name(settable[-1])), expression=_column(settable[-1], target))],
        where=exp.Where(this=_in(left, rows)),
    )
    if claims != _NOT_ASKED:
        kept = [exp.alias_(_column(key, target), name, quoted=True) for key, name in zip(keys, names, strict=True)]
        update.set("returning", exp.Returning(expressions=kept))
    return exp.CTE(this=update, alias=exp.TableAlias(this=_name(f"{target} kept")))


def _keys_of(table: Table) -> tuple[str, ...]:
    if table.primary_key is None:
        raise NotSupportedError(f'FOR UPDATE of "{table.name}", which has no primary key, is not supported')
    if table.kind is TableKind.DISTRIBUTED:
        raise NotSupportedError(f'FOR UPDATE of the DISTRIBUTED table "{table.name}" is not supported')
    return table.primary_key.columns


def _claimed(query: exp.Select, source: exp.Table, names: list[str], claims: str) -> exp.Select:
    """The rows of a query, one after the other, that can be claimed, until there are as many as its LIMIT."""
    limit = query.args.get("limit")
    query.set("limit", None)
    if query.args.get("offset") is None:
        query.set("offset", exp.Offset(expression=exp.Literal.number(0)))  # no condition moves across it
    rows = _query(names, "ordered", query)
    claim = Claim(this=source.this.copy(), expressions=[_column(name, "ordered") for name in names])
    claim.set("skips", claims == _SKIPPED)
    rows.set("where", exp.Where(this=claim))
    rows.set("limit", limit)
    return rows


def _is_kept(source: exp.Table, table: Table, number: int) -> exp.Expr:
    """That a row of a table is among those that were kept."""
    keys = _keys_of(table)
    names = [f"{_ROW} {number} {at}" for at in range(len(keys))]
    kept = exp.Select(expressions=[exp.column(_name(name)) for name in names])
    kept.set("from_", exp.From(this=exp.Table(this=_name(f"{_ROW} {number} kept"))))
    return _in([_column(key, _called(source)) for key in keys], kept)


def _in(left: list[exp.Column], rows: exp.Select) -> exp.Expr:
    return exp.In(this=left[0] if len(left) == 1 else exp.Tuple(expressions=left), query=exp.Subquery(this=rows))


def _query(names: list[str], alias: str, query: exp.Select) -> exp.Select:
    """``SELECT names FROM (query) AS alias``."""
    rows = exp.Select(expressions=[_column(name, alias) for name in names])
    rows.set("from_", exp.From(this=exp.Subquery(this=query, alias=exp.TableAlias(this=_name(alias)))))
    return rows


def _name(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def _called(source: exp.Expr) -> str:
    """What a source of rows is called within its query."""
    alias = source.args.get("alias")
    return name_of(alias.this if alias is not None and alias.this is not None else source.this)


def _column(name: str, table: str) -> exp.Column:
    return exp.column(_name(name), table=_name(table))
