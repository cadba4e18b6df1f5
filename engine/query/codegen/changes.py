"""Source of INSERT, UPDATE and DELETE.

All rows are computed before the first is written, so that a statement never sees its own changes; then each new row is tested
against NOT NULL and CHECK, then written; `end_statement` tests uniqueness.
"""

from __future__ import annotations

from collections.abc import Sequence

from exdbsql.engine.query.codegen.module import Frame, Module
from exdbsql.engine.query.codegen.rows import RowsCompiler
from exdbsql.engine.query.expressions import Expr
from exdbsql.engine.query.plan import Values, output_columns
from exdbsql.engine.query.statements import Change, CheckedRow, Delete, Insert, OnConflict, Returning, Update


class ChangeCompiler:
    """Compiles one statement that changes a table."""

    def __init__(self, module: Module, rows: RowsCompiler) -> None:
        self.module = module
        self.rows = rows
        self.frame = module.root

    def compile(self, change: Change) -> str:
        """Adds the lines of the statement; gives source of its result."""
        if isinstance(change, Insert):
            return self._insert(change)
        if isinstance(change, Update):
            return self._update(change)
        return self._delete(change)

    def _insert(self, change: Insert) -> str:
        store = self.module.store(change.row.table.name)
        rows = self.frame.assign("new_rows", self.rows.rows(change.source, self.frame))
        nullable = [c.nullable for c in output_columns(change.source)]
        if change.row.generated:
            rows = self.frame.assign("complete_rows", f"[{self.completed(change.row)} for row in {rows}]")
        self._test_rows(change.row, rows, nullable)
        if change.conflict is not None:
            rows = self._write_with_conflicts(change, change.conflict, rows, store)
        elif isinstance(change.source, Values) and len(change.source.rows) == 1:
            self.frame.add(f"txn.insert({store}, {rows}[0])")
        else:
            self.frame.add(f"txn.insert_many({store}, {rows})")
        self.frame.add("txn.end_statement()")
        return self._result(change.row, change.returning, rows)

    def _update(self, change: Update) -> str:
        store = self.module.store(change.row.table.name)
        clauses = self.rows.streams.stream(change.source, self.frame)
        pair = f"({self._key(change.key)}, {self.rows.tuple_of(change.new_row, self.frame)})"
        pairs = f"[{pair} {self.rows.streams.joined(clauses)}]"
        changes = self.frame.assign("changes", f"first_of_each({pairs})" if change.may_repeat else pairs)
        if change.row.generated:
            changes = self.frame.assign(
                "complete_changes", f"[(key, {self.completed(change.row)}) for key, row in {changes}]"
            )
        rows = f"[row for _, row in {changes}]"
        if self._has_tests(change.row, [e.nullable for e in change.new_row]) or change.returning:
            rows = self.frame.assign("new_rows", rows)
            self._test_rows(change.row, rows, [e.nullable for e in change.new_row])
        self.frame.add(f"for key, row in {changes}:")
        self.frame.add(f"    txn.update({store}, key, row)")
        self.frame.add("txn.end_statement()")
        return self._result(change.row, change.returning, rows if change.returning else changes)

    def _delete(self, change: Delete) -> str:
        store = self.module.store(change.row.table.name)
        clauses = self.rows.streams.stream(change.source, self.frame)
        target = self.frame.env[change.target_rel]
        pairs = f"[({self._key(change.key)}, {target}) {self.rows.streams.joined(clauses)}]"
        changes = self.frame.assign("changes", f"first_of_each({pairs})" if change.may_repeat else pairs)
        self.frame.add(f"for key, _ in {changes}:")
        self.frame.add(f"    txn.delete({store}, key)")
        self.frame.add("txn.end_statement()")
        if change.returning is None:
            return f"len({changes})"
        return self._result(
            change.row, change.returning, self.frame.assign("old_rows", f"[row for _, row in {changes}]")
        )

    def _key(self, key: Sequence[Expr]) -> str:
        compiler = self.rows.streams.expressions(self.frame)
        codes = [compiler.value(k) for k in key]
        return codes[0] if len(codes) == 1 else f"({', '.join(codes)})"

    def _result(self, row: CheckedRow, returning: Returning | None, rows: str) -> str:
        if returning is None:
            return f"len({rows})"
        frame = Frame(self.module, self.frame.lines, {row.row_rel: "row"})
        return f"[{self.rows.tuple_of(returning.exprs, frame)} for row in {rows}]"

    def completed(self, row: CheckedRow) -> str:
        """Source of the row called ``row`` with its generated columns computed."""
        compiler = self.rows.streams.expressions(Frame(self.module, self.frame.lines, {row.row_rel: "row"}))
        parts = [f"row[{at}]" for at in range(len(row.table.columns))]
        for at, value in row.generated:
            parts[at] = compiler.value(value)
        return f"({', '.join(parts)},)"

    # constraints

    def _tested_columns(self, row: CheckedRow, nullable: Sequence[bool]) -> list[int]:
        must = set(row.table.key_positions)
        computed = {i for i, value in row.generated if value.nullable}
        return [
            i for i, c in enumerate(row.table.columns) if (c.not_null or i in must) and (nullable[i] or i in computed)
        ]

    def _has_tests(self, row: CheckedRow, nullable: Sequence[bool]) -> bool:
        return bool(row.checks or self._tested_columns(row, nullable))

    def _test_rows(self, row: CheckedRow, rows: str, nullable: Sequence[bool]) -> None:
        tests = self.row_tests(row, nullable)
        if tests:
            self.frame.add(f"for row in {rows}:")
            self.frame.lines += ["    " + line for line in tests]

    def row_tests(self, row: CheckedRow, nullable: Sequence[bool]) -> list[str]:
        """Lines that test the row called ``row``."""
        lines = []
        table = row.table.name
        for i in self._tested_columns(row, nullable):
            lines.append(f"if row[{i}] is None:")
            lines.append(f"    null_violation({table!r}, {row.table.columns[i].name!r})")
        compiler = self.rows.streams.expressions(Frame(self.module, self.frame.lines, {row.row_rel: "row"}))
        for name, check in row.checks:
            lines.append(f"if {compiler.false(check)}:")
            lines.append(f"    check_violation({table!r}, {name!r}, row)")
        return lines

    # ON CONFLICT

    def _write_with_conflicts(self, change: Insert, conflict: OnConflict, rows: str, store: str) -> str:
        arbiters = self.module.bind("arbiters", tuple(k.name for k in conflict.arbiters))
        if conflict.new_row is None:
            return self.frame.assign("inserted", f"insert_or_skip(txn, {store}, {arbiters}, {rows})")
        old, new = self.module.name("old"), self.module.name("excluded")
        env = {conflict.old_rel: old, conflict.excluded_rel: new}
        body = Frame(self.module, [], env)
        compiler = self.rows.streams.expressions(body)
        if conflict.condition is not None:
            body.add(f"if not ({compiler.true(conflict.condition)}):")
            body.add("    return None")
        body.add(f"row = {self.rows.tuple_of(conflict.new_row, body)}")
        if change.row.generated:
            body.add(f"row = {self.completed(change.row)}")
        body.lines += self.row_tests(change.row, [e.nullable for e in conflict.new_row])
        name = self.module.name("merged")
        self.frame.define(name, [old, new], body, "row")
        return self.frame.assign("written", f"insert_or_update(txn, {store}, {arbiters}, {rows}, {name})")
