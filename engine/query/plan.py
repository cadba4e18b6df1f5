"""Plan nodes: one tree from the binder to code generation, rewritten by the rules in between.

A node either *streams* (gives the rows of one or more relations, each under its relation number: Scan, Filter, Join, ...)
or gives *rows* (a list of output tuples: Project, Distinct, Sort, Limit, SetOperation, Values). A rows node becomes a stream under
one relation number by Derived. Access paths and join methods are attributes that the rules fill in, so that logical and
physical plan are the same classes, and EXPLAIN prints either.

A node of the first kind that stands for one relation is in `RELATIONS`; Window and ProjectSet add one to those of their child.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from exdbsql.engine.query.expressions import Column, Expr
from exdbsql.schema.types import SqlType


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """Name, type and nullability of an output column."""

    name: str
    type: SqlType | None
    nullable: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Base of all plan nodes."""


@dataclass(frozen=True, slots=True)
class PointAccess:
    """The row with this primary key; `key` has one expression for each key column."""

    key: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class SeekAccess:
    """The rows whose whole index key equals `key`."""

    index: str
    key: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class ListAccess:
    """The rows whose whole key of an index (or primary key: `index` None) is one of several.

    `key` has an expression for each column: its value, or where `lists` says so the condition (IN, = ANY) that lists its values.
    """

    index: str | None
    key: tuple[Expr, ...]
    lists: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class RangeAccess:
    """The rows of a range of an index (or the primary key: `index` None), in its order, or against it.

    The columns of `prefix` are equal to its values, the next column lies between the bounds, or begins as the LIKE pattern
    `pattern` does. Where `lists` says so, a part of the prefix is a condition that lists values; then there is no order over all.
    Without `nulls`, rows with NULL in the column behind the prefix are left out.
    """

    index: str | None
    low: Expr | None
    high: Expr | None
    low_inclusive: bool
    high_inclusive: bool
    reverse: bool = False
    prefix: tuple[Expr, ...] = ()
    lists: tuple[bool, ...] = ()
    pattern: Expr | None = None
    nulls: bool = True


@dataclass(frozen=True, slots=True)
class HashAccess:
    """The rows whose columns equal expressions of outer relations: a hash table built once for the statement."""

    columns: tuple[int, ...]
    key: tuple[Expr, ...]


Access = PointAccess | SeekAccess | ListAccess | RangeAccess | HashAccess


@dataclass(frozen=True, slots=True)
class Scan(Plan):
    """Rows of a table as relation `rel`, by `access` (None: all), that fulfil `filters`.

    `keyed`: each row has its hidden key behind its columns, for UPDATE and DELETE of a table without a primary key.
    """

    rel: int
    table: str
    alias: str
    width: int
    filters: tuple[Expr, ...] = ()
    access: Access | None = None
    keyed: bool = False


@dataclass(frozen=True, slots=True)
class OneRow(Plan):
    """One row without columns: what SELECT without FROM reads."""


@dataclass(frozen=True, slots=True)
class Derived(Plan):
    """The rows of a query as relation `rel`; `lateral`: they may depend on the relations before it."""

    rel: int
    plan: Plan
    alias: str
    width: int
    lateral: bool = False


@dataclass(frozen=True, slots=True)
class CteScan(Plan):
    """The rows of common table expression number `cte` as relation `rel`.

    `table_rel` is the relation number of the rows as a whole, where they are not computed once for the statement: the working table
    of a recursion, a common table that uses columns of an outer query. What contains the scan depends on it.
    """

    rel: int
    cte: int
    alias: str
    width: int
    table_rel: int | None = None


@dataclass(frozen=True, slots=True)
class FunctionScan(Plan):
    """The rows of set-returning functions, side by side, as relation `rel`; with their numbers where `ordinality`.

    Each of `calls` gives a list of tuples, `widths` says of how many columns. They may depend on the relations before it.
    """

    rel: int
    calls: tuple[Expr, ...]
    widths: tuple[int, ...]
    alias: str
    ordinality: bool

    @property
    def width(self) -> int:
        """How many columns the rows have."""
        return sum(self.widths) + self.ordinality


@dataclass(frozen=True, slots=True)
class ParamRows(Plan):
    """Parameters that stand side by side, from `slot` on, as `count` rows of `width` columns: relation `rel`."""

    rel: int
    slot: int
    count: int
    width: int


@dataclass(frozen=True, slots=True)
class ProjectSet(Plan):
    """Set-returning functions in a select list: each row of `child` as often as the longest of them has rows, as relation `rel`."""

    rel: int
    child: Plan
    calls: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Filter(Plan):
    """The rows of `child` for which all conditions are true."""

    child: Plan
    conditions: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Join(Plan):
    """A join; `kind` is inner, left or full (right joins are turned around by the binder).

    `left_keys` and `right_keys` are filled in by the rules: equal expressions, for a hash join. `conditions` is the rest.
    `right_unique`: no two rows of the right side have the same keys. `left_rows`: how many rows of the left side are wanted at most,
    about, where a LIMIT says that; 0 is all.
    """

    kind: str
    left: Plan
    right: Plan
    conditions: tuple[Expr, ...]
    left_keys: tuple[Expr, ...] = ()
    right_keys: tuple[Expr, ...] = ()
    right_unique: bool = False
    left_rows: float = 0.0


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of ORDER BY."""

    expr: Expr
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class AggregateCall:
    """One aggregate of an Aggregate node; `args` empty is count(*).

    `template` (where it is not that of `aggregates.find_aggregate`) takes the list of values, and after it the values of `direct`;
    `nulls`: "skip" rows whose first argument is NULL, "skip_any", or "keep" them. `names` are objects in the template.
    """

    name: str
    args: tuple[Expr, ...]
    type: SqlType
    distinct: bool
    condition: Expr | None
    order: tuple[SortKey, ...]
    template: str = ""
    nulls: str = "skip"
    direct: tuple[Expr, ...] = ()
    names: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Aggregate(Plan):
    """Groups of `child`: relation `rel` with the keys first, then one column for each call; `scalar`: one group always."""

    rel: int
    child: Plan
    keys: tuple[Expr, ...]
    calls: tuple[AggregateCall, ...]
    scalar: bool


@dataclass(frozen=True, slots=True)
class GroupingSets(Plan):
    """Groups by several sets of keys at once: relation `rel` with the keys, the calls, and a mask of the keys that are not grouped by.

    `sets` holds places of keys; a key that is not in a set is NULL in its groups. Bit i of the mask is set for key i.
    """

    rel: int
    child: Plan
    keys: tuple[Expr, ...]
    calls: tuple[AggregateCall, ...]
    sets: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Gathered(Plan):
    """The rows of a stream that code generation has put into a list, to be walked over several times."""

    child: Plan


@dataclass(frozen=True, slots=True)
class FrameBound:
    """One end of a frame; `kind` is ``unbounded``, ``offset`` or ``current``; `offset` is negative for PRECEDING by `before`."""

    kind: str
    before: bool
    offset: Expr | None = None


@dataclass(frozen=True, slots=True)
class WindowFrame:
    """The frame of a window: ROWS, RANGE or GROUPS between two ends, without what EXCLUDE says (``no others``, ``group`` ...)."""

    mode: str
    start: FrameBound
    end: FrameBound
    exclude: str = "no others"


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """Partition, order and frame of window functions; `frame` None is the default one."""

    partition: tuple[Expr, ...]
    order: tuple[SortKey, ...]
    frame: WindowFrame | None


@dataclass(frozen=True, slots=True)
class WindowCall:
    """One window function: an aggregate (`aggregate` is its call), or one by name with arguments."""

    name: str
    args: tuple[Expr, ...]
    type: SqlType
    spec: WindowSpec
    aggregate: AggregateCall | None = None


@dataclass(frozen=True, slots=True)
class Window(Plan):
    """The rows of `child` with one column for each window function, as relation `rel`."""

    rel: int
    child: Plan
    calls: tuple[WindowCall, ...]


@dataclass(frozen=True, slots=True)
class Project(Plan):
    """Output tuples of a stream; the first `visible` are the result, the rest are sort keys that go again."""

    child: Plan
    exprs: tuple[Expr, ...]
    columns: tuple[OutputColumn, ...]
    visible: int


@dataclass(frozen=True, slots=True)
class Values(Plan):
    """Rows written out."""

    rows: tuple[tuple[Expr, ...], ...]
    columns: tuple[OutputColumn, ...]


@dataclass(frozen=True, slots=True)
class Distinct(Plan):
    """Each row once; `on` is the count of leading hidden key columns for DISTINCT ON, or None."""

    child: Plan
    on: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class OrderColumn:
    """A sort key by position among the output columns."""

    index: int
    descending: bool
    nulls_first: bool
    nullable: bool


@dataclass(frozen=True, slots=True)
class Sort(Plan):
    """Rows in order; then cut to `visible` columns."""

    child: Plan
    keys: tuple[OrderColumn, ...]


@dataclass(frozen=True, slots=True)
class Cut(Plan):
    """Rows without the hidden columns at their end."""

    child: Plan
    visible: int


@dataclass(frozen=True, slots=True)
class Limit(Plan):
    """At most `limit` rows after the first `offset`."""

    child: Plan
    limit: Expr | None
    offset: Expr | None


@dataclass(frozen=True, slots=True)
class LimitWithTies(Plan):
    """As `Limit`, and the rows behind that are equal to the last one in the columns at `keys`, by which the child sorts."""

    child: Plan
    limit: Expr
    offset: Expr | None
    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SetOperation(Plan):
    """UNION, INTERSECT or EXCEPT; `every` is ALL."""

    op: str
    every: bool
    left: Plan
    right: Plan
    columns: tuple[OutputColumn, ...]


@dataclass(frozen=True, slots=True)
class With(Plan):
    """Common table expressions, computed once each in order, and the query that uses them.

    `table_rels` has for each the relation number of its rows as a whole, where they depend on an outer query; else None.
    """

    ctes: tuple[tuple[int, str, Plan], ...]
    body: Plan
    table_rels: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Recursive(Plan):
    """WITH RECURSIVE: the rows of `base`, then those of `step` over the rows that came last, until none come.

    `step` sees the latter as relation `table_rel`; `distinct`: UNION, which keeps only rows that have not come before.
    """

    cte: int
    table_rel: int
    base: Plan
    step: Plan
    distinct: bool
    columns: tuple[OutputColumn, ...]


def output_columns(plan: Plan) -> tuple[OutputColumn, ...]:
    """The visible columns of a rows node."""
    match plan:
        case Project(columns=columns) | Values(columns=columns) | SetOperation(columns=columns):
            return columns
        case Recursive(columns=columns):
            return columns
        case Cut(child=child, visible=visible):
            return output_columns(child)[:visible]
        case Distinct(child=child) | Sort(child=child) | Limit(child=child) | LimitWithTies(child=child):
            return output_columns(child)
        case With(body=body):
            return output_columns(body)
    raise AssertionError(plan)


def rewrite(value: Any, change: Callable[[Expr], Expr | None]) -> Any:
    """`value` (an expression, a plan, or a tuple of them) with every expression for which `change` gives another replaced.

    `change` is asked from the top; None means "look inside". What it gives is not looked into again.
    """
    if isinstance(value, Expr):
        changed = change(value)
        if changed is not None:
            return changed
    elif isinstance(value, tuple):
        new = tuple(rewrite(item, change) for item in value)
        return value if all(a is b for a, b in zip(value, new, strict=True)) else new
    names = CHILD_FIELDS.get(type(value))
    if not names:
        return value
    changes = {}
    for name in names:
        old = getattr(value, name)
        new_part = rewrite(old, change)
        if new_part is not old:
            changes[name] = new_part
    return replace(value, **changes) if changes else value


def walk(value: Any) -> Iterator[Any]:
    """Every expression, plan node and helper value inside `value`, itself first."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, tuple):
            todo.extend(reversed(item))
            continue
        names = CHILD_FIELDS.get(type(item))
        if names is not None:
            yield item
            todo.extend([getattr(item, name) for name in reversed(names)])


def provided_rels(plan: Plan) -> frozenset[int]:
    """The relations that a stream node gives to the nodes above it."""
    match plan:
        case Window(rel=rel, child=child) | ProjectSet(rel=rel, child=child):
            return provided_rels(child) | {rel}
        case Scan() | Derived() | CteScan() | Aggregate() | FunctionScan() | GroupingSets() | ParamRows():
            return frozenset((plan.rel,))
        case Filter(child=child) | Gathered(child=child):
            return provided_rels(child)
        case Join(left=left, right=right):
            return provided_rels(left) | provided_rels(right)
    return frozenset()


def used_rels(value: Any) -> set[int]:
    """The relations whose columns are used in `value` and not provided inside it: what it depends on."""
    used: set[int] = set()
    provided: set[int] = set()
    for item in walk(value):
        if isinstance(item, Column):
            used.add(item.rel)
        elif isinstance(item, RELATIONS):
            provided.add(item.rel)
            if isinstance(item, CteScan) and item.table_rel is not None:
                used.add(item.table_rel)
        elif isinstance(item, Recursive):
            provided.add(item.table_rel)
        elif isinstance(item, With):
            provided.update(rel for rel in item.table_rels if rel is not None)
    return used - provided


def relation_widths(plan: Plan) -> list[int]:
    """Widths of the relations that a stream provides, by relation number."""
    provided = provided_rels(plan)
    widths = {item.rel: _width(item) for item in walk(plan) if isinstance(item, RELATIONS) and item.rel in provided}
    return [widths[rel] for rel in sorted(widths)]


def _width(item: Any) -> int:
    match item:
        case Aggregate():
            return len(item.keys) + len(item.calls)
        case GroupingSets():
            return len(item.keys) + len(item.calls) + 1
        case Window() | ProjectSet():
            return len(item.calls)
    return int(item.width)


RELATIONS: Final = (Scan, Derived, CteScan, FunctionScan, Aggregate, GroupingSets, Window, ProjectSet, ParamRows)
"""The nodes that have a relation number."""


def _all_classes(base: type) -> list[type[Any]]:
    below: list[type] = base.__subclasses__()
    return [base, *[c for sub in below for c in _all_classes(sub)]]


_NODE_WORDS: Final = ("Expr", "Plan", "Access", "SortKey", "AggregateCall", "Values", "Window", "FrameBound")

CHILD_FIELDS: Final[dict[type, tuple[str, ...]]] = {
    cls: tuple(f.name for f in fields(cls) if any(word in str(f.type) for word in _NODE_WORDS))
    for cls in [
        *_all_classes(Plan),
        *_all_classes(Expr),
        *(PointAccess, SeekAccess, ListAccess, RangeAccess, HashAccess, SortKey, AggregateCall),
        *(WindowCall, WindowSpec, WindowFrame, FrameBound),
    ]
}
"""For each class of nodes the fields in which there may be other nodes; by their annotations."""

HOLDERS: Final = frozenset((tuple, *(cls for cls, names in CHILD_FIELDS.items() if names)))
"""The classes of values in which there may be other nodes."""
