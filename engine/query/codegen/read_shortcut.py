"""Source of the shortcut of small reads: one row by key, the rows of an index value, a narrow range.

Such a query costs about a microsecond, and most of that is the way there: binding, a transaction, its methods. The shortcut
is one function that does all of it for the plain case, and gives None where the case is not plain: then the statement runs
the general way, which also makes every error message. It is

    read(literals, parameters, snapshot) -> rows or None

and follows the protocol of :mod:`exdbsql.engine.table`: read the newest rows with atomic calls, and look at `changed_at`
*afterwards*. What it gives is what `snapshot` sees. The snapshot need not be registered: nothing older than the newest rows is
ever asked for. Whoever calls it answers for the rest: no own writes, nobody who keeps account of reads.

Only expressions that cannot fail and look at nothing but the row are taken: columns, parameters, comparisons, logic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from exdbsql.engine.catalog import Catalog
from exdbsql.engine.query.codegen.module import Frame, Module, indented
from exdbsql.engine.query.codegen.plainness import HARMLESS
from exdbsql.engine.query.codegen.rows import RowsCompiler
from exdbsql.engine.query.context import COMPARE, Slot
from exdbsql.engine.query.expressions import Column, Expr
from exdbsql.engine.query.parse import Placeholders
from exdbsql.engine.query.plan import Plan, PointAccess, Project, RangeAccess, Scan, SeekAccess, walk
from exdbsql.engine.query.runtime import ALL_NAMES
from exdbsql.engine.short_range import rows_between

ReadShortcut = Callable[[tuple[Any, ...], Any, int], list[tuple[Any, ...]] | None]


def compile_read(
    plan: Plan | None, placeholders: Placeholders, slots: Sequence[Slot], literals: int, database: Catalog
) -> ReadShortcut | None:
    """The shortcut of a query; None where it has none.

    Args:
        plan: the optimised query.
        placeholders: the user's parameters.
        slots: types of the literals, and behind them of the parameters.
        literals: how many of the slots are literals.
        database: the one that it reads.
    """
    if not isinstance(plan, Project) or plan.visible != len(plan.exprs) or placeholders.style == "named":
        return None
    scan = plan.child
    if not isinstance(scan, Scan) or scan.keyed or scan.access is None:
        return None
    parts: list[Any] = [*walk(plan.exprs), *walk(scan.filters), *walk(scan.access)]
    if not all(isinstance(part, HARMLESS) for part in parts if isinstance(part, Expr)):
        return None
    tests = [guard_of(slot, f"p{literals + i}") for i, slot in enumerate(slots[literals:])]
    if None in tests:
        return None
    writer = _ShortcutWriter(plan, scan, database)
    body = writer.body()
    if body is None or writer.module.numeric or writer.module.root.lines:
        return None
    lines = parameter_lines("read", "snapshot", placeholders.count, literals)
    if any(tests):
        lines += [f"    if not ({' and '.join(t for t in tests if t)}):", "        return None"]
    source = "\n".join([*lines, *indented(body), ""])
    scope: dict[str, Any] = {**ALL_NAMES, "rows_between": rows_between, **writer.module.names}
    exec(compile(source, f"<shortcut of {scan.table}>", "exec"), scope)  # noqa: S102  # the source is ours
    read: ReadShortcut = scope["read"]
    return read


def guard_of(slot: Slot, variable: str) -> str | None:
    """Source of a test that holds only for values that the slot's converter leaves as they are; "" for every value."""
    t = slot.type
    if t is None:
        return ""
    if slot.mode == COMPARE and t.is_numeric:
        if t.is_integer:
            return f"type({variable}) is int"
        return f"type({variable}) is {'float' if t.is_float else 'Decimal'} and {variable} == {variable}"
    return t.guard(variable)


def parameter_lines(name: str, last: str, count: int, literals: int) -> list[str]:
    """The head of a shortcut, with parameters and literals in their variables; None where their number is wrong."""
    lines = [f"def {name}(literals, parameters, {last}):"]
    if count:
        lines.append(f"    if type(parameters) is not tuple or len(parameters) != {count}:")
        lines.append(f"        if type(parameters) is not list or len(parameters) != {count}:")
        lines.append("            return None")
        lines.append(f"    {', '.join(f'p{literals + i}' for i in range(count))}, = parameters")
    else:
        lines += ["    if parameters:", "        return None"]
    if literals:
        lines.append(f"    {', '.join(f'p{i}' for i in range(literals))}, = literals")
    return lines


class _ShortcutWriter:
    def __init__(self, plan: Project, scan: Scan, database: Catalog) -> None:
        self.module = Module(database)
        self.rows = RowsCompiler(self.module)
        self.plan = plan
        self.scan = scan
        self.table = self.module.store(scan.table)
        self.frame = Frame(self.module, [], {scan.rel: self.module.name("row")})
        self.compiler = self.rows.streams.expressions(self.frame)
        self.row = self.frame.env[scan.rel]

    def body(self) -> list[str] | None:
        """Lines after the parameters are there; None where the access path has no short way."""
        access = self.scan.access
        if isinstance(access, PointAccess):
            return [f"{self.row} = {self.table}.rows.get({self._key(access.key)})", *self._changed(), *self._one_row()]
        if isinstance(access, SeekAccess) and len(access.key) == 1:
            return self._seek(access)
        if isinstance(access, RangeAccess) and not access.reverse:
            return self._range(access)
        return None

    def _key(self, key: Sequence[Expr]) -> str:
        codes = [self.compiler.value(k) for k in key]
        return codes[0] if len(codes) == 1 else f"({', '.join(codes)})"

    def _changed(self) -> list[str]:
        return [f"if {self.table}.changed_at > snapshot:", "    return None"]

    def _element(self) -> str:
        return self.rows._element(self.plan, self.frame)

    def _one_row(self) -> list[str]:
        tests = [f"{self.row} is not None", *[self.compiler.true(f) for f in self.scan.filters]]
        return [f"return [{self._element()}] if {' and '.join(tests)} else []"]

    def _many_rows(self) -> str:
        element = self._element()
        filters = [f" if {self.compiler.true(f)}" for f in self.scan.filters]
        return (
            "rows" if element == self.row and not filters else f"[{element} for {self.row} in rows{''.join(filters)}]"
        )

    def _seek(self, access: SeekAccess) -> list[str]:
        index = self.module.index(self.scan.table, access.index)
        if self._gives_key_alone():
            return [
                f"keys = {index}.buckets.get({self._key(access.key)})",
                "if type(keys) is dict:",
                f"    found = [({'key, ' * len(self.plan.exprs)}) for key in list(keys)]",
                *indented(self._changed()),
                "    return found",
                *self._changed(),
                f"return [] if keys is None else [({'keys, ' * len(self.plan.exprs)})]",
            ]
        return [
            f"keys = {index}.buckets.get({self._key(access.key)})",
            "if type(keys) is dict:",
            f"    rows = list(map({self.table}.rows.get, list(keys)))",
            *indented(self._changed()),
            f"    return {self._many_rows()}",
            f"{self.row} = None if keys is None else {self.table}.rows.get(keys)",
            *self._changed(),
            *self._one_row(),
        ]

    def _gives_key_alone(self) -> bool:
        """Whether the key of a row is all that is wanted: the index knows it, and need not ask the table, which would wait for memory.

        Only for types of which equal values are the same: a numeric key may be 1.0 in the row and 1.00 in the index.
        """
        definition = self.module.database.table(self.scan.table).definition
        if self.scan.filters or len(definition.key_positions) != 1 or not self.plan.exprs:
            return False
        (position,) = definition.key_positions
        kind = definition.columns[position].type
        return (kind.is_integer or kind.is_text) and all(
            isinstance(e, Column) and e.rel == self.scan.rel and e.index == position for e in self.plan.exprs
        )

    def _range(self, access: RangeAccess) -> list[str] | None:
        store = self.module.database.table(self.scan.table)
        index = store.primary if access.index is None else store.indexes[access.index]
        if index is None or index.width != 1 or not index.order.plain or index.order.flipped:
            return None
        if access.low is None or access.high is None:
            return None
        name = self.module.bind("index", index)
        low, high = self.compiler.value(access.low), self.compiler.value(access.high)
        return [
            f"rows = rows_between({name}, {low}, {high}, {access.low_inclusive}, {access.high_inclusive})",
            "if rows is None:",
            "    return None",
            *self._changed(),
            f"return {self._many_rows()}",
        ]
