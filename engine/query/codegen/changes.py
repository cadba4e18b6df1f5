"""Source of INSERT, UPDATE and DELETE.

All rows are computed before the first is written, so that a statement never sees its own changes; then each new row is tested
against NOT NULL and CHECK, then written; `end_statement` tests uniqueness.
"""

from __future__ import annotations

from collections.abc import Sequence

from exdbsql.engine.query.codegen.module import Frame, Module
from exdbsql.engine.query.codegen.rows import RowsCompiler
from exdbsql.engine.query.expressions import Expr
from exdbsql.engine.query.plan import Plan, Values, output_columns, provided_rels, used_rels
from exdbsql.engine.query.statements import (
    BoundStatement,
    Change,
    CheckedRow,
    Delete,
    Insert,
    Merge,
    MergeWhen,
    OnConflict,
    Returning,
    Update,
)


class ChangeCompiler:
    """Compiles one statement that changes a table."""

    def __init__(self, module: Module, rows: RowsCompiler) -> None:
        self.module = module
        self.rows = rows
        self.frame = module.root
        self.writes: list[str] = []

    def compile(self, bound: BoundStatement) -> str:
        """Adds the lines of the statement; gives source of its result.

        What its parts read is read, and what they give computed, before anything is written.
        """
        for number, part in bound.tables:
            if isinstance(part, Plan):
                self.frame.add(f"cte_{number} = {self.rows.rows(part, self.frame)}")
            else:
                result = self._change(part)
                if part.returning is not None:
                    self.frame.add(f"cte_{number} = {result}")
        if bound.change is not None:
            result = self._change(bound.change)
        else:
            assert bound.query is not None
            result = self.rows.rows(bound.query, self.frame)
        if bound.tables:
            result = self.frame.assign("result", result)
        self.frame.lines += self.writes
        self.frame.add("txn.end_statement()")
        return result

    def _change(self, change: Change) -> str:
        if isinstance(change, Insert):
            return self._insert(change)
        if isinstance(change, Update):
            return self._update(change)
        if isinstance(change, Merge):
            return self._merge(change)
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
            self.writes.append(f"txn.insert({store}, {rows}[0])")
        else:
            self.writes.append(f"txn.insert_many({store}, {rows})")
        return self._result(change.row, change.returning, rows)

    def _update(self, change: Update) -> str:
        store = self.module.store(change.row.table.name)
        clauses = self.rows.streams.stream(change.source, self.frame)
        new_row = self.rows.tuple_of(change.new_row, self.frame)
        others = self._others(change.row, change.returning)
        if others:
            return self._update_with_others(change, store, clauses, new_row, others)
        pair = f"({self._key(change.key)}, {new_row})"
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
        self.writes.append(f"for key, row in {changes}:")
        self.writes.append(f"    txn.update({store}, key, row)")
        return self._result(change.row, change.returning, rows if change.returning else changes)

    def _others(self, row: CheckedRow, returning: Returning | None) -> dict[int, str]:
        """Variables of the other relations that RETURNING uses."""
        if returning is None:
            return {}
        rels = sorted(used_rels(returning.exprs) - {row.row_rel})
        return {rel: self.frame.env[rel] for rel in rels}

    def _update_with_others(
        self, change: Update, store: str, clauses: list[str], new_row: str, others: dict[int, str]
    ) -> str:
        item = f"({', '.join([new_row, *others.values()])})"
        pairs = f"[({self._key(change.key)}, {item}) {self.rows.streams.joined(clauses)}]"
        changes = self.frame.assign("changes", f"first_of_each({pairs})")
        if change.row.generated:
            complete = f"[(key, ({self.completed(change.row)}, *rest)) for key, (row, *rest) in {changes}]"
            changes = self.frame.assign("complete_changes", complete)
        rows = self.frame.assign("new_rows", f"[item[0] for _, item in {changes}]")
        self._test_rows(change.row, rows, [e.nullable for e in change.new_row])
        self.writes.append(f"for key, item in {changes}:")
        self.writes.append(f"    txn.update({store}, key, item[0])")
        return self._result_with_others(change.row, change.returning, changes, others)

    def _result_with_others(
        self, row: CheckedRow, returning: Returning | None, changes: str, others: dict[int, str]
    ) -> str:
        assert returning is not None
        frame = Frame(self.module, self.frame.lines, {row.row_rel: "row", **others})
        variables = ", ".join(["row", *others.values()])
        return f"[{self.rows.tuple_of(returning.exprs, frame)} for _, ({variables}) in {changes}]"

    def _delete(self, change: Delete) -> str:
        store = self.module.store(change.row.table.name)
        clauses = self.rows.streams.stream(change.source, self.frame)
        target = self.frame.env[change.target_rel]
        others = self._others(change.row, change.returning)
        if others:
            item = f"({', '.join([target, *others.values()])})"
            pairs = f"[({self._key(change.key)}, {item}) {self.rows.streams.joined(clauses)}]"
            changes = self.frame.assign("changes", f"first_of_each({pairs})")
            self.writes += [f"for key, _ in {changes}:", f"    txn.delete({store}, key)"]
            return self._result_with_others(change.row, change.returning, changes, others)
        pairs = f"[({self._key(change.key)}, {target}) {self.rows.streams.joined(clauses)}]"
        changes = self.frame.assign("changes", f"first_of_each({pairs})" if change.may_repeat else pairs)
        self.writes.append(f"for key, _ in {changes}:")
        self.writes.append(f"    txn.delete({store}, key)")
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

    # MERGE

    def _merge(self, change: Merge) -> str:
        """Each row of the join becomes an action, or none; then the new rows are tested, then written."""
        store = self.module.store(change.row.table.name)
        clauses = self.rows.streams.stream(change.source, self.frame)
        variables = [self.frame.env[rel] for rel in sorted(provided_rels(change.source))]
        body = Frame(self.module, [], dict(self.frame.env))
        key = self._key(change.key)
        matched = self.rows.streams.expressions(self.frame).value(change.key[0])
        for is_matched in (True, False):
            body.add(f"if {matched} is {'not ' if is_matched else ''}None:")
            for when in change.whens:
                if when.matched is is_matched:
                    self._when(when, key, body)
            body.add("    return None")
        function = self.module.name("merge_action")
        self.frame.define(function, variables, body, "None")
        found = f"{function}({', '.join(variables)})"
        actions = self.frame.assign("actions", f"[{found} {self.rows.streams.joined(clauses)}]")
        self.frame.add(f"{actions} = merge_actions({actions})")
        if change.row.generated:
            complete = f"None if row is None else {self.completed(change.row)}"
            self.frame.add(f"{actions} = [(kind, key, {complete}) for kind, key, row in {actions}]")
        rows = self.frame.assign("new_rows", f"[action[2] for action in {actions} if action[2] is not None]")
        self._test_rows(change.row, rows, [True] * len(change.row.table.columns))
        self.writes.append(f"apply_merge(txn, {store}, {actions})")
        return f"len({actions})"

    def _when(self, when: MergeWhen, key: str, body: Frame) -> None:
        compiler = self.rows.streams.expressions(body)
        row = self.rows.tuple_of(when.row, body) if when.row else "None"
        value = "None" if when.action == "nothing" else f"({when.action!r}, {key}, {row})"
        if when.condition is None:
            body.add(f"    return {value}")
        else:
            body.add(f"    if {compiler.true(when.condition)}:")
            body.add(f"        return {value}")

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
