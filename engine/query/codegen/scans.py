"""Source of scans: the loop over the rows that an access path finds, and the tests of what it leaves to be tested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from exdbsql.engine.query.codegen.expressions import ExpressionCompiler
from exdbsql.engine.query.codegen.module import Frame, Module
from exdbsql.engine.query.expressions import Expr
from exdbsql.engine.query.plan import (
    HashAccess,
    ListAccess,
    PointAccess,
    RangeAccess,
    Scan,
    SeekAccess,
    used_rels,
)

if TYPE_CHECKING:
    from exdbsql.engine.query.codegen.streams import StreamCompiler


class ScanCompiler:
    """Compiles the scans of one module."""

    def __init__(self, module: Module, streams: StreamCompiler) -> None:
        self.module = module
        self.streams = streams

    def clauses(self, plan: Scan, frame: Frame) -> list[str]:
        """The clauses of a scan."""
        self.module.scanned[plan.rel] = plan.table
        if plan.keyed:
            return self._keyed(plan, frame)
        access = plan.access
        if isinstance(access, HashAccess):
            return self._by_hash(plan, access, frame)
        if isinstance(access, PointAccess):
            return self._by_key(plan, access, frame)
        filters: Sequence[Expr] = plan.filters
        if access is None:
            found, filters = self._rows_and_filters(plan)
        else:
            found = self._found(plan, frame, items=False)
        loop = [f"for {self.streams.variable(plan.rel, plan.alias, frame)} in {found}"]
        return loop + self.streams.conditions(filters, frame)

    def _rows_and_filters(self, plan: Scan) -> tuple[str, Sequence[Expr]]:
        """The rows of a whole table, and the filters still to be tried on each.

        Where some filters depend on a relation outside, which has the scan done again for each of its rows, the others are tried once.
        """
        rows = self.all_rows(plan.table)
        outer = [f for f in plan.filters if used_rels(f) - {plan.rel}]
        local = tuple(f for f in plan.filters if f not in outer)
        if not outer or not local:
            return rows, plan.filters
        key = ("filtered", plan.rel, local)
        if key not in self.module.hoisted:
            inner = Frame(self.module, self.module.root.lines, {})
            name = self.streams.variable(plan.rel, plan.alias, inner)
            clauses = [f"for {name} in {rows}", *self.streams.conditions(local, inner)]
            made = self.module.root.assign(f"some_{plan.alias}", f"[{name} {' '.join(clauses)}]")
            self.module.hoisted[key] = made
        return self.module.hoisted[key], outer

    def all_rows(self, table: str) -> str:
        """The variable of a table's rows, a list that may be shared, made before the loops."""
        key = ("rows", table)
        if key not in self.module.hoisted:
            store = self.module.store(table)
            self.module.hoisted[key] = self.module.root.assign(f"rows_{table}", f"txn.scan({store})")
        return self.module.hoisted[key]

    def _by_key(self, plan: Scan, access: PointAccess, frame: Frame) -> list[str]:
        compiler = self.streams.expressions(frame)
        key = self.streams.iterable(key_of(access.key, compiler), access.key, frame)
        name = self.streams.variable(plan.rel, plan.alias, frame)
        loop = [f"for {name} in (txn.get({self.module.store(plan.table)}, {key}),)", f"if {name} is not None"]
        return loop + self.streams.conditions(plan.filters, frame)

    def _keyed(self, plan: Scan, frame: Frame) -> list[str]:
        """Rows with their hidden keys behind them."""
        if plan.access is None or isinstance(plan.access, (HashAccess, PointAccess)):
            items = f"txn.items({self.module.store(plan.table)})"
        else:
            items = self._found(plan, frame, items=True)
        rows = f"[(*row, key) for key, row in {items}]"
        if not used_rels(plan.access):
            rows = frame.assign(f"rows_{plan.alias}", rows)
        loop = [f"for {self.streams.variable(plan.rel, plan.alias, frame)} in {rows}"]
        return loop + self.streams.conditions(plan.filters, frame)

    def _found(self, plan: Scan, frame: Frame, *, items: bool) -> str:
        """The iterable of the rows that an index finds, or of their items."""
        compiler = self.streams.expressions(frame)
        match plan.access:
            case SeekAccess() as access:
                suffix = "_items" if items else ""
                index = self.module.index(plan.table, access.index)
                call = f"txn.seek{suffix}({index}, {key_of(access.key, compiler)})"
                code = self._unless_null(call, access.key, compiler)
            case ListAccess() as access:
                code = self._listed(plan, access, compiler, items=items)
            case RangeAccess() as access:
                code = self._range(plan, access, compiler, items=items)
            case access:
                raise AssertionError(access)
        return self.streams.iterable(code, access, frame)

    def _unless_null(self, call: str, parts: Sequence[Expr | None], compiler: ExpressionCompiler) -> str:
        """The call; nothing where a value that it compares with is NULL."""
        tests = [f"{compiler.value(e)} is not None" for e in parts if e is not None and e.nullable]
        return f"({call} if {' and '.join(tests)} else EMPTY)" if tests else call

    def _listed(self, plan: Scan, access: ListAccess, compiler: ExpressionCompiler, *, items: bool) -> str:
        keys = self._keys(access.key, access.lists, compiler)
        if len(access.key) > 1:
            keys = f"list({keys})"
        if access.index is None:
            call = f"txn.get_many({self.module.store(plan.table)}, {keys})"
        else:
            suffix = "_items" if items else ""
            call = f"txn.seek_many{suffix}({self.module.index(plan.table, access.index)}, {keys})"
        single = [None if is_list else e for e, is_list in zip(access.key, access.lists, strict=True)]
        return self._unless_null(call, single, compiler)

    def _keys(self, key: Sequence[Expr], lists: Sequence[bool], compiler: ExpressionCompiler) -> str:
        """Source of the values of a key, of which some parts are lists: bare for one column, else tuples."""
        if len(key) == 1:
            return compiler.listed(key[0])
        parts = [
            compiler.listed(e) if is_list else f"({compiler.value(e)},)" for e, is_list in zip(key, lists, strict=True)
        ]
        return f"product({', '.join(parts)})"

    def _range(self, plan: Scan, access: RangeAccess, compiler: ExpressionCompiler, *, items: bool) -> str:
        """The call that reads a range of an index; a NULL bound finds nothing."""
        index = self.module.index(plan.table, access.index)
        bounds = [e for e in (access.low, access.high, access.pattern) if e is not None]
        if access.lists:
            call = self._ranges(access, index, compiler, items=items)
            single = [e for e, is_list in zip(access.prefix, access.lists, strict=True) if not is_list]
            return self._unless_null(call, [*single, *bounds], compiler)
        prefix = [compiler.value(e) for e in access.prefix]
        if access.pattern is not None:
            given = f"({''.join(f'{code}, ' for code in prefix)})"
            call = f"rows_like(txn, {index}, {given}, {compiler.value(access.pattern)}{', True' if items else ''})"
        else:
            low = self._bound(access.low, prefix, plan, access, compiler)
            high = self._bound(access.high, prefix, plan, access, compiler)
            flags = f"{access.low_inclusive}, {access.high_inclusive}"
            rest = f", {access.reverse}" if access.reverse or not access.nulls else ""
            rest += "" if access.nulls else ", False"
            call = f"txn.range{'_items' if items else ''}({index}, {low}, {high}, {flags}{rest})"
        return self._unless_null(call, [*access.prefix, *bounds], compiler)

    def _bound(
        self, bound: Expr | None, prefix: list[str], plan: Scan, access: RangeAccess, compiler: ExpressionCompiler
    ) -> str:
        if bound is None and not prefix:
            return "None"
        parts = [*prefix, *([compiler.value(bound)] if bound is not None else [])]
        return f"({', '.join(parts)},)" if self._width(plan, access) > 1 else parts[0]

    def _width(self, plan: Scan, access: RangeAccess) -> int:
        store = self.module.database.table(plan.table)
        index = store.primary if access.index is None else store.indexes[access.index]
        assert index is not None
        return index.width

    def _ranges(self, access: RangeAccess, index: str, compiler: ExpressionCompiler, *, items: bool) -> str:
        keys = self._keys(access.prefix, access.lists, compiler)
        if len(access.prefix) == 1:
            keys = f"zip({keys})"
        low, high = (f"({compiler.value(e)},)" if e is not None else "()" for e in (access.low, access.high))
        flags = f"{access.low_inclusive}, {access.high_inclusive}"
        return f"ranges(txn, {index}, {keys}, {low}, {high}, {flags}{', True' if items else ''})"

    # hash tables

    def _by_hash(self, plan: Scan, access: HashAccess, frame: Frame) -> list[str]:
        inner = Frame(self.module, [], {})
        name = self.streams.variable(plan.rel, plan.alias, inner)
        local = [f for f in plan.filters if used_rels(f) <= {plan.rel}]
        outer = [f for f in plan.filters if f not in local]
        table = self.module.name(f"hash_{plan.alias}")
        loop = [f"for {name} in {self.all_rows(plan.table)}", *self.streams.conditions(local, inner)]
        key = ", ".join(f"{name}[{i}]" for i in access.columns)
        self.streams.fill(table, loop, key if len(access.columns) == 1 else f"({key})", name, self.module.root)
        compiler = self.streams.expressions(frame)
        wanted = self.streams.iterable(key_of(access.key, compiler), access.key, frame)
        frame.env[plan.rel] = name
        tests = [f"if {name}[{i}] is not None" for i, k in zip(access.columns, access.key, strict=True) if k.nullable]
        return [
            f"for {name} in {table}.get({wanted}, EMPTY)",
            *tests,
            *self.streams.conditions(outer, frame),
        ]


def key_of(key: Sequence[Expr], compiler: ExpressionCompiler) -> str:
    """Source of a key: bare for one column, else a tuple."""
    codes = [compiler.value(k) for k in key]
    return codes[0] if len(codes) == 1 else f"({', '.join(codes)})"
