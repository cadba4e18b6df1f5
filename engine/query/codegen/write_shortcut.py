"""Source of the shortcut of a statement that changes one row by its key, and is a transaction of its own.

It is the counterpart of :mod:`exdbsql.engine.query.codegen.read_shortcut`, and works the same way: one function that does
everything for the plain case, and gives None, before anything has changed, where the general way has to be taken. It is

    write(literals, parameters, database) -> 0, 1 or None

There is another form for a statement that begins a transaction, which goes on after it. It notes the change instead of committing it:

    write(literals, parameters, database) -> a SingleChange, its snapshot registered, or None

The newest row is read under the commit lock, changed, and committed by :mod:`exdbsql.engine.single_row`. Under a lock
nothing may run that takes long or may call back, so only expressions are taken that look at the row and the parameters, and
simple arithmetic. A table is plain where nothing but types, NOT NULL, CHECK, keys and indexes has a say in a change of its rows;
a constraint that this module has never heard of makes it not plain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from exdbsql.engine.database import Database
from exdbsql.engine.index import Index
from exdbsql.engine.query.codegen.changes import ChangeCompiler
from exdbsql.engine.query.codegen.module import Frame, Module, indented
from exdbsql.engine.query.codegen.plainness import is_harmless, mentions, only_known
from exdbsql.engine.query.codegen.read_shortcut import guard_of, parameter_lines
from exdbsql.engine.query.codegen.rows import RowsCompiler
from exdbsql.engine.query.context import ASSIGN, Slot
from exdbsql.engine.query.expressions import Column, Expr, Param
from exdbsql.engine.query.parameters import converter
from exdbsql.engine.query.parse import Placeholders
from exdbsql.engine.query.plan import PointAccess, Scan, Values
from exdbsql.engine.query.runtime import ALL_NAMES
from exdbsql.engine.query.statements import Change, Delete, Insert, Update
from exdbsql.engine.single_change import SingleChange
from exdbsql.engine.single_row import checked_of, row_committer, stays_unique
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.table import TableKind

WriteShortcut = Callable[[tuple[Any, ...], Any, Database], int | None]
FirstWrite = Callable[[tuple[Any, ...], Any, Database], SingleChange | None]


def compile_write(
    change: Change | None,
    placeholders: Placeholders,
    slots: Sequence[Slot],
    literals: int,
    database: Database,
    dictionary: Dictionary,
) -> WriteShortcut | None:
    """The shortcut of a change that is a transaction of its own; None where it has none.

    Args:
        change: the bound statement.
        placeholders: the user's parameters.
        slots: types of the literals, and behind them of the parameters.
        literals: how many of the slots are literals.
        database: the one that it changes.
        dictionary: the one that the statement was planned for; with any other in force the shortcut does nothing.
    """
    compiled: WriteShortcut | None = _compiled(_Writer, change, placeholders, slots, literals, database, dictionary)
    return compiled


def compile_first_write(
    change: Change | None,
    placeholders: Placeholders,
    slots: Sequence[Slot],
    literals: int,
    database: Database,
    dictionary: Dictionary,
) -> FirstWrite | None:
    """The shortcut of a change that begins a transaction; None where it has none. The arguments are those of `compile_write`."""
    compiled: FirstWrite | None = _compiled(_FirstWriter, change, placeholders, slots, literals, database, dictionary)
    return compiled


def _compiled(
    kind: type[_Writer],
    change: Change | None,
    placeholders: Placeholders,
    slots: Sequence[Slot],
    literals: int,
    database: Database,
    dictionary: Dictionary,
) -> Any:
    if not isinstance(change, (Insert, Update, Delete)) or placeholders.style == "named":
        return None
    if database.memory_limit is not None or dictionary is not database.dictionary:
        return None
    if not _is_plain_statement(change, dictionary):
        return None
    writer = kind(change, database)
    body = writer.body()
    if body is None or writer.module.numeric or writer.module.clock or writer.module.root.lines:
        return None
    lines = parameter_lines("write", "database", placeholders.count, literals)
    for number, slot in enumerate(slots[literals:], literals):
        lines += indented(_converted(slot, f"p{number}", number in writer.never_null, writer.module))
    lines += indented(body)
    source = "\n".join([*lines, ""])
    scope: dict[str, Any] = {
        **ALL_NAMES,
        **writer.module.names,
        "dictionary": dictionary,
        "lock": database.commit_lock,
        "holders": database.snapshots.holders,
        "new": SingleChange.__new__,
        "SingleChange": SingleChange,
        "stays_unique": stays_unique,
    }
    exec(compile(source, f"<shortcut of {writer.name}>", "exec"), scope)  # noqa: S102  # the source is ours
    return scope["write"]


def _is_plain_statement(change: Insert | Update | Delete, dictionary: Dictionary) -> bool:
    table = change.row.table
    if not table.key_positions or table.kind is TableKind.DISTRIBUTED or dictionary.tables.get(table.name) is not table:
        return False
    if not all(map(only_known, (change, change.row, table, *table.columns))):
        return False
    for index in dictionary.indexes_of(table.name):
        if not only_known(index) or not all(map(only_known, index.columns)):
            return False
    return not any(mentions(other, table.name) for other in dictionary.tables.values() if other is not table)


def _converted(slot: Slot, variable: str, never_null: bool, module: Module) -> list[str]:
    """Lines that leave the converted value in the variable, or give up."""
    guard = guard_of(slot, variable)
    if guard == "":
        return []
    if slot.mode != ASSIGN:
        return ["return None"] if guard is None else [f"if not ({guard}):", "    return None"]
    name = module.bind(f"convert_{variable}", converter(slot))
    lines = [f"{variable} = {name}({variable})"]
    if never_null:
        lines += [f"if {variable} is None:", "    return None"]
    return lines if guard is None else [f"if not ({guard}):", *indented(lines)]


class _Writer:
    def __init__(self, change: Insert | Update | Delete, database: Database) -> None:
        self.change = change
        self.name = change.row.table.name
        self.database = database
        self.module = Module(database)
        self.rows = RowsCompiler(self.module)
        self.table = self.module.store(self.name)
        self.frame = Frame(self.module)
        self.compiler = self.rows.streams.expressions(self.frame)
        self.never_null: set[int] = set()

    def body(self) -> list[str] | None:
        """Lines after the parameters are there; None where the statement has no short way."""
        if not is_harmless(tuple(check for _, check in self.change.row.checks)):
            return None
        if isinstance(self.change, Insert):
            return self._insert(self.change)
        return self._change(self.change)

    def _insert(self, change: Insert) -> list[str] | None:
        source = change.source
        if not isinstance(source, Values) or len(source.rows) != 1 or not is_harmless(source.rows):
            return None
        (exprs,) = source.rows
        codes = [self.compiler.value(e) for e in exprs]
        key = self._key_of([exprs[i] for i in change.row.table.key_positions])
        taken = [f"if {key} in {self.table}.rows:", "    return None"]
        lines = self._carried_out(self._indexes(frozenset()), taken, key, "None", "row")
        row = f"row = {self.rows.tuple_of(exprs, self.frame)}" if codes else "return None"
        return None if lines is None else [row, *self._tests(exprs), *lines]

    def _change(self, change: Update | Delete) -> list[str] | None:
        scan = change.source
        if not isinstance(scan, Scan) or not only_known(scan) or not isinstance(scan.access, PointAccess):
            return None
        parts: list[Any] = [scan.filters, scan.access, change.key]
        if isinstance(change, Update):
            parts.append(change.new_row)
            if not _keeps_key(change):
                return None
        if not is_harmless(tuple(parts)):
            return None
        old = self.frame.env[scan.rel] = "old"
        key = self._key_of(scan.access.key)
        lines = [f"old = {self.table}.rows.get({key})"]
        tests = [f"{old} is None", *[f"not {self.compiler.true(f)}" for f in scan.filters]]
        lines += [f"if {' or '.join(tests)}:", "    return 0"]
        if isinstance(change, Delete):
            return self._carried_out(self._indexes(frozenset()), lines, key, "old", "None")
        lines.append(f"row = {self.rows.tuple_of(change.new_row, self.frame)}")
        lines += self._tests(change.new_row)
        kept = frozenset(i for i, e in enumerate(change.new_row) if _is_column(e, change.target_rel, i))
        return self._carried_out(self._indexes(kept), lines, key, "old", "row")

    def _key_of(self, exprs: Sequence[Expr]) -> str:
        codes = [self.compiler.value(e) for e in exprs]
        return codes[0] if len(codes) == 1 else f"({', '.join(codes)})"

    def _tests(self, exprs: Sequence[Expr]) -> list[str]:
        """NOT NULL and CHECK; they raise, and the session then goes the general way, which raises better.

        That a parameter is not NULL is seen when it is converted.
        """
        row = self.change.row
        nullable = [e.nullable for e in exprs]
        for i in (*row.table.key_positions, *[i for i, c in enumerate(row.table.columns) if c.not_null]):
            expr = exprs[i]
            if isinstance(expr, Param) and nullable[i]:
                self.never_null.add(expr.slot)
                nullable[i] = False
        return ChangeCompiler(self.module, self.rows).row_tests(row, nullable)

    def _indexes(self, kept: frozenset[int]) -> tuple[Index, ...]:
        """The indexes of the table whose values may change where the columns at `kept` do not."""
        store = self.module.database.table(self.name)
        return tuple(
            index
            for index in store.indexes.values()
            if type(index) is not Index or not index.positions or not kept.issuperset(index.positions)
        )

    def _carried_out(
        self, indexes: tuple[Index, ...], lines: list[str], key: str, before: str, after: str
    ) -> list[str] | None:
        """Lines that read the newest row (`lines`), and commit the change."""
        store = self.module.database.table(self.name)
        commit = self.module.bind("commit", row_committer(self.database, store, indexes))
        return [
            "with lock:",
            "    if database.dictionary is not dictionary:",
            "        return None",
            *indented(lines),
            f"    done = {commit}({key}, {before}, {after})",
            "if database.prune_wanted:",
            "    database.prune()",
            "return done",
        ]


class _FirstWriter(_Writer):
    def _carried_out(
        self, indexes: tuple[Index, ...], lines: list[str], key: str, before: str, after: str
    ) -> list[str] | None:
        """Lines that take a snapshot, read the row, and note the change."""
        store = self.module.database.table(self.name)
        checked = checked_of(indexes)
        if checked and after != "None":
            lines = [
                *lines,
                f"if not stays_unique({self.module.bind('checked', checked)}, {key}, {after}):",
                "    return None",
            ]
        commit = self.module.bind("commit", row_committer(self.database, store, indexes))
        table = self.table
        return [
            "change = new(SingleChange)",
            "change.snapshot = -1",
            "holders[change] = database.head[0]",
            "noted = False",
            "try:",
            "    change.snapshot, change.position = database.head",
            *indented([line.replace("return 0", "return None") for line in lines]),
            f"    if database.dictionary is not dictionary or {table}.changed_at > change.snapshot:",
            "        return None",
            f"    if database.in_cluster or database.pending_reads or {table}.reserved.keys:",
            "        return None",
            "    change._database = database",
            f"    change.single = (dictionary, {commit}, {table}, {key}, {before}, {after})",
            "    noted = True",
            "    return change",
            "finally:",
            "    if not noted:",
            "        holders.pop(change, None)",
        ]


def _keeps_key(change: Update) -> bool:
    """Whether the new row takes over the key from the old one."""
    return all(_is_column(change.new_row[i], change.target_rel, i) for i in change.row.table.key_positions)


def _is_column(expr: Expr, rel: int, index: int) -> bool:
    return isinstance(expr, Column) and expr.rel == rel and expr.index == index
