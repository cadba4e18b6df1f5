"""Source of what makes rows of a table from many rows of parameters: the first half of a bulk insert.

    rows_of(literals, rows of parameters) -> rows of the table, or None

Most programs hand over tuples that are rows already: of the right classes, in range, in the order of the columns. One loop finds that
out, and then they are stored as they are. Otherwise each value goes through its conversion. None means, as in the other
shortcuts, that the general way has to be taken: it also makes the error messages, with the parameter's number.

The rows then go to the transaction as one batch, whose checks (keys, uniqueness) are the engine's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from exdbsql.engine.catalog import Catalog
from exdbsql.engine.query.codegen.changes import ChangeCompiler
from exdbsql.engine.query.codegen.module import Frame, Module, indented
from exdbsql.engine.query.codegen.plainness import is_harmless, only_known
from exdbsql.engine.query.codegen.read_shortcut import guard_of
from exdbsql.engine.query.codegen.rows import RowsCompiler
from exdbsql.engine.query.context import ASSIGN, Slot
from exdbsql.engine.query.expressions import Expr, Param
from exdbsql.engine.query.parameters import converter
from exdbsql.engine.query.parse import Placeholders
from exdbsql.engine.query.plan import Values, walk
from exdbsql.engine.query.runtime import ALL_NAMES
from exdbsql.engine.query.statements import Change, Insert
from exdbsql.engine.table import TableStore
from exdbsql.engine.transaction import Transaction

BulkRows = Callable[[tuple[Any, ...], Sequence[Any]], Sequence[tuple[Any, ...]] | None]


@dataclass(frozen=True, slots=True)
class BulkInsert:
    """An INSERT of one row of VALUES, for many rows of parameters.

    Attributes:
        rows_of: makes the rows.
        store: the table.
    """

    rows_of: BulkRows
    store: TableStore

    def run(self, transaction: Transaction, literals: tuple[Any, ...], parameters: Sequence[Any]) -> int | None:
        """Insert them as one statement; how many, or None where nothing was done and the general way has to be taken.

        Raises:
            IntegrityError: the rows do not fit with those that are there; the statement is undone.
            OperationalError: as a transaction's writes.
        """
        try:
            rows = self.rows_of(literals, parameters)
        except Exception:  # noqa: BLE001  # a value that does not convert, or a row too short: the general way says which
            return None
        if rows is None:
            return None
        try:
            transaction.insert_many(self.store, rows)
            transaction.end_statement()
        except BaseException:
            transaction.abort_statement()
            raise
        return len(rows)


def compile_bulk_insert(
    change: Change | None, placeholders: Placeholders, slots: Sequence[Slot], literals: int, catalog: Catalog
) -> BulkInsert | None:
    """The shortcut for an INSERT of one row of VALUES; None where there is none.

    Args:
        change: the bound statement.
        placeholders: the user's parameters.
        slots: types of the literals, and behind them of the parameters.
        literals: how many of the slots are literals.
        catalog: where its table is.
    """
    if not isinstance(change, Insert) or placeholders.style == "named" or not placeholders.count:
        return None
    source = change.source
    if not isinstance(source, Values) or len(source.rows) != 1 or not is_harmless(source.rows):
        return None
    table = change.row.table
    if not all(map(only_known, (change, change.row, *table.columns))) or not only_known(table, "foreign_keys"):
        return None  # foreign keys are looked at where the statement ends
    checks = tuple(check for _, check in change.row.checks)
    if not is_harmless(checks):
        return None
    rows_of = _Writer(change, source.rows[0], slots, literals, catalog).compiled()
    return None if rows_of is None else BulkInsert(rows_of, catalog.table(table.name))


class _Writer:
    def __init__(
        self, change: Insert, exprs: Sequence[Expr], slots: Sequence[Slot], literals: int, catalog: Catalog
    ) -> None:
        self.change = change
        self.exprs = exprs
        self.slots = slots
        self.literals = literals
        self.module = Module(catalog)
        self.rows = RowsCompiler(self.module)
        self.frame = Frame(self.module)
        self.variables = [f"p{i}" for i in range(literals, len(slots))]

    def compiled(self) -> BulkRows | None:
        """The function."""
        made = self._converted()
        if made is None or self.module.numeric or self.module.clock or self.module.root.lines:
            return None
        target = ", ".join(self.variables) + ","
        lines = ["def rows_of(literals, rows):"]
        lines += ["    kinds = set(map(type, rows))", "    if not kinds <= {tuple, list}:", "        return None"]
        if self.literals:
            lines.append(f"    {', '.join(f'p{i}' for i in range(self.literals))}, = literals")
        plain = self._plain_tests()
        if plain is not None:
            lines += [
                "    if list not in kinds:",
                f"        for {target} in rows:",
                f"            if not ({plain}):",
                "                break",
                "        else:",
                *indented(self._tested("rows"), 3),
                "            return rows",
            ]
        lines.append(f"    made = [{made} for {target} in rows]")
        lines += [*indented(self._tested("made")), "    return made", ""]
        scope: dict[str, Any] = {**ALL_NAMES, **self.module.names}
        name = f"<rows of {self.change.row.table.name}>"
        exec(compile("\n".join(lines), name, "exec"), scope)  # noqa: S102  # the source is ours
        function: BulkRows = scope["rows_of"]
        return function

    def _plain_tests(self) -> str | None:
        """The test for rows that may stay as they are; None where none may."""
        in_order = [e.slot for e in self.exprs if isinstance(e, Param)]
        if in_order != list(range(self.literals, len(self.slots))) or len(in_order) != len(self.exprs):
            return None
        tests = []
        for i, expr in enumerate(self.exprs):
            variable = f"p{expr.slot}"  # type: ignore[attr-defined]  # a Param, all of them
            guard = guard_of(self.slots[expr.slot], variable)  # type: ignore[attr-defined]  # as above
            if guard is None:
                return None
            if guard:
                tests.append(f"({variable} is None or {guard})" if self._may_be_null(i) else guard)
            elif not self._may_be_null(i):
                tests.append(f"{variable} is not None")
        return " and ".join(tests) or "True"

    def _may_be_null(self, position: int) -> bool:
        table = self.change.row.table
        return not table.columns[position].not_null and position not in table.key_positions

    def _converted(self) -> str | None:
        """A row of the table, from converted parameters; each parameter is used once at most."""
        used = [part.slot for part in walk(tuple(self.exprs)) if isinstance(part, Param)]
        if len(used) != len(set(used)):
            return None
        codes = []
        compiler = self.rows.streams.expressions(self.frame)
        for expr in self.exprs:
            slot = self.slots[expr.slot] if isinstance(expr, Param) and expr.slot >= self.literals else None
            if slot is None:
                if any(isinstance(part, Param) and part.slot >= self.literals for part in walk(expr)):
                    return None
                codes.append(compiler.value(expr))
                continue
            variable = f"p{expr.slot}"  # type: ignore[attr-defined]  # a Param
            convert = converter(slot)
            if slot.mode != ASSIGN or convert is None:
                return None
            name = self.module.bind(f"convert_{variable}", convert)
            guard = guard_of(slot, variable)
            codes.append(f"{variable} if {guard} else {name}({variable})" if guard else f"{name}({variable})")
        return f"({', '.join(codes)},)"

    def _tested(self, rows: str) -> list[str]:
        """NOT NULL and CHECK of each row; they raise, and the caller then goes the general way."""
        tests = ChangeCompiler(self.module, self.rows).row_tests(self.change.row, [rows == "made"] * len(self.exprs))
        return [f"for row in {rows}:", *indented(tests)] if tests else []
