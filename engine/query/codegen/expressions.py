"""Source of expressions, in three modes, so that three-valued logic costs little.

``value`` gives SQL's value, None for NULL. ``true`` gives source that is truthy exactly where SQL says TRUE, ``false`` where it
says FALSE: a filter needs only ``true``, NOT turns one into the other, and in both NULL needs no value of its own. Where an operand
cannot be NULL, no test is made.

Assignment expressions name operands that are used twice. Python forbids them in the iterable of a comprehension; whoever
puts source there moves it into a function first (`streams`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from exdbsql.engine.query.bind_once import evaluated_once
from exdbsql.engine.query.codegen import constants, deep
from exdbsql.engine.query.codegen.module import Frame
from exdbsql.engine.query.expressions import (
    Accumulator,
    Call,
    Case,
    Clock,
    Coalesce,
    Column,
    Compare,
    Const,
    Exists,
    Expr,
    Fold,
    HasMatch,
    InArray,
    InList,
    InSubquery,
    IsDistinct,
    IsNull,
    IsTruth,
    Logical,
    Not,
    Param,
    ParamRange,
    Quantified,
    RowSubquery,
    ScalarSubquery,
)
from exdbsql.engine.query.plan import used_rels
from exdbsql.engine.query.runtime.arithmetic import INT_LIMITS
from exdbsql.schema.types import BOOLEAN, NUMERIC

if TYPE_CHECKING:
    from exdbsql.engine.query.codegen.subqueries import SubqueryCompiler

_SIMPLE: Final = re.compile(r"[A-Za-z_]\w*(\[\d+\])?|-?\d+|'[^'\\]*'")
_TO_FLOAT: Final = ("float({0})", "numeric_to_float({0})")
_INVERSE: Final = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


class ExpressionCompiler:
    """Compiles expressions for one frame."""

    def __init__(self, frame: Frame, subqueries: SubqueryCompiler) -> None:
        self.frame = frame
        self.module = frame.module
        self.subqueries = subqueries
        self.level = 0

    # values

    def value(self, expr: Expr) -> str:
        """Source of the value; None for NULL."""
        return self._levelled("value", self._value, expr)

    def true(self, expr: Expr) -> str:
        """Source that is truthy exactly where the value is TRUE."""
        return self._levelled("is_true", self._true, expr)

    def false(self, expr: Expr) -> str:
        """Source that is truthy exactly where the value is FALSE."""
        return self._levelled("is_false", self._false, expr)

    def _levelled(self, wish: str, compiled: Callable[[Expr], str], expr: Expr) -> str:
        """The source of a level of an expression; what is too deep becomes a function."""
        if self.level >= deep.MOST_LEVELS and not isinstance(expr, (Column, Param, Const, Accumulator)):
            kind = compiled.__name__
            return deep.function_call(
                self.frame, wish, expr, lambda body: getattr(ExpressionCompiler(body, self.subqueries), kind)(expr)
            )
        self.level += 1
        try:
            return compiled(expr)
        finally:
            self.level -= 1

    def _value(self, expr: Expr) -> str:
        match expr:
            case Column():
                known = self.frame.columns.get((expr.rel, expr.index)) if self.frame.columns else None
                return known or f"{self.frame.env[expr.rel]}[{expr.index}]"
            case Param():
                return self.module.slot(expr.slot)
            case ParamRange():
                return f"*p[{expr.slot}:{expr.slot + expr.count}]"
            case Const():
                return self.module.constant(expr.value)
            case Call():
                return self._call(expr)
            case Case():
                return self._case(expr)
            case Coalesce():
                return self._coalesce(expr)
            case Clock():
                self.module.clock = True
                return "moment"
            case Accumulator():
                return self.frame.accumulator
            case Fold():
                return deep.chain(self.frame, expr, lambda body, e: ExpressionCompiler(body, self.subqueries).value(e))
            case ScalarSubquery():
                return self.subqueries.scalar(expr, self.frame)
            case RowSubquery():
                return self.subqueries.call(expr.plan, self.frame, "row_query", "scalar_row({0})")
        return self._boolean(expr)

    def _boolean(self, expr: Expr) -> str:
        match expr:
            case Compare():
                return self._comparison(expr)
            case Logical() if not any(a.nullable for a in expr.args):
                return "(" + f" {expr.op} ".join(self.value(a) for a in expr.args) + ")"
            case Not() if not expr.nullable:
                return f"(not {self.value(expr.arg)})"
            case Not():
                test, name = self._tested(expr.arg)
                return f"(None if {test} is None else not {name})"
            case IsNull():
                if not expr.arg.nullable:
                    return str(expr.negated)
                return f"({self.value(expr.arg)} is {'not ' if expr.negated else ''}None)"
            case IsTruth():
                return f"({self.value(expr.arg)} is {'not ' if expr.negated else ''}{expr.value})"
            case IsDistinct():
                return f"({self.value(expr.left)} {'==' if expr.negated else '!='} {self.value(expr.right)})"
            case InSubquery():
                return self.subqueries.membership(expr, self)
            case InArray():
                return f"{self._array_set(expr)}.contains({self.value(expr.arg)})"
            case Exists():
                return self.subqueries.exists(expr, self.frame)
            case HasMatch():
                return self.subqueries.has_match(expr, self)
            case Quantified():
                return self.subqueries.quantified(expr, self)
            case InList():
                return self._in_list(expr)
            case Logical():
                return self._logical(expr)
        raise AssertionError(expr)

    def _logical(self, expr: Logical) -> str:
        """AND or OR where some operands may be NULL: one decides it, else it is NULL if one is."""
        tests, nulls = [], []
        for arg in expr.args:
            test, name = self._operand(arg)
            if expr.op == "and":
                test = f"{test} is False" if arg.nullable else f"not {test}"
            tests.append(test)
            if arg.nullable:
                nulls.append(f"{name} is None")
        decided = expr.op == "or"
        return f"({decided} if {' or '.join(tests)} else None if {' or '.join(nulls)} else {not decided})"

    def _tested(self, expr: Expr) -> tuple[str, str]:
        """Source that evaluates an operand for the first time, and the source of its value from then on."""
        code = self.value(expr)
        if _SIMPLE.fullmatch(code):
            return code, code
        name = self.module.temporary()
        return f"({name} := {code})", name

    def _operand(self, expr: Expr) -> tuple[str, str]:
        """An operand that is tested for NULL, where it may be that, and then used."""
        if expr.nullable:
            return self._tested(expr)
        code = self.value(expr)
        return code, code

    def _call(self, expr: Call) -> str:
        if expr.template in _TO_FLOAT and isinstance(expr.args[0], Param):
            return self._hoisted_float(expr.args[0], expr.template)
        if constants.is_constant(expr, self.frame):
            return constants.folded(
                expr, self.frame, lambda body: ExpressionCompiler(body, self.subqueries).value(expr)
            )
        self.module.names.update(expr.names)
        if expr.type == NUMERIC or any(a.type == NUMERIC for a in expr.args):
            self.module.numeric = True
        if not expr.strict:
            return expr.template.format(*[self.value(a) for a in expr.args])
        if expr.name in ("LIKE", "ILIKE") and len(expr.args) == 2 and _is_fixed(expr.args[1]):
            return self._like(expr)
        if expr.template == "substring({0}, {1}, {2})" and all(map(_is_fixed, expr.args[1:])):
            return self._substring(expr)
        tests, codes = [], []
        for i, arg in enumerate(expr.args):
            repeated = expr.template.count(f"{{{i}}}") > 1
            if arg.nullable or repeated:
                test, code = self._tested(arg)
                if arg.nullable or test != code:
                    tests.append(f"{test} is None")
            else:
                code = self.value(arg)
            codes.append(code)
        result = self._checked(expr, expr.template.format(*codes))
        return f"(None if {' or '.join(tests)} else {result})" if tests else result

    def _hoisted_float(self, param: Param, template: str) -> str:
        """A parameter as a float, made once before the loops."""
        key = ("float", template, param.slot)
        name = self.module.hoisted.get(key)
        if name is None:
            slot = self.module.slot(param.slot)
            code = template.format(slot)
            if param.nullable:
                code = f"None if {slot} is None else {code}"
            name = self.module.hoisted[key] = self.module.root.assign(f"{slot}_float", code)
        return name

    def _like(self, expr: Call) -> str:
        """LIKE a pattern that is the same for all rows: its matcher is made once, before the loops."""
        text, pattern = expr.args
        key = (expr.name, pattern)
        matches = self.module.hoisted.get(key)
        if matches is None:
            made = f"like_matcher({self.value(pattern)}, '\\\\', {expr.name == 'ILIKE'})"
            matches = self.module.hoisted[key] = self.module.root.assign("matches", made)
        if not text.nullable:
            return f"{matches}({self.value(text)})"
        test, code = self._tested(text)
        return f"(None if {test} is None else {matches}({code}))"

    def _substring(self, expr: Call) -> str:
        """A part of a text between places that are the same for all rows: the places are worked out once, before the loops."""
        text, start, length = expr.args
        key = ("substring", start, length)
        part = self.module.hoisted.get(key)
        if part is None:
            made = f"text_part({self.value(start)}, {self.value(length)})"
            part = self.module.hoisted[key] = self.module.root.assign("part", made)
        if not text.nullable:
            return f"{self.value(text)}[{part}]"
        test, code = self._tested(text)
        return f"(None if {test} is None else {code}[{part}])"

    def _checked(self, expr: Call, code: str) -> str:
        if not expr.checked:
            return code
        name = self.module.temporary()
        type_name = expr.known_type.name
        if expr.known_type.is_integer:
            limit = INT_LIMITS[type_name]
            return f"({name} if {-limit - 1} <= ({name} := {code}) <= {limit} else out_of_range({type_name!r}))"
        return f"({name} if -1e308 < ({name} := {code}) < 1e308 else check_float({name}))"

    def _case(self, expr: Case) -> str:
        parts = "".join(f"{self.value(result)} if {self.true(when)} else " for when, result in expr.whens)
        return f"({parts}{self.value(expr.default)})"

    def _coalesce(self, expr: Coalesce) -> str:
        out = ""
        for arg in expr.args[:-1]:
            if not arg.nullable:
                return f"({out}{self.value(arg)})"
            test, name = self._tested(arg)
            out += f"{name} if {test} is not None else "
        return f"({out}{self.value(expr.args[-1])})"

    def _comparison(self, expr: Compare) -> str:
        if not expr.nullable:
            return f"({self.value(expr.left)} {expr.op} {self.value(expr.right)})"
        tests, (left, right) = self._null_tests(expr)
        return f"(None if {' or '.join(f'{t} is None' for t in tests)} else {left} {expr.op} {right})"

    def _null_tests(self, expr: Compare) -> tuple[list[str], list[str]]:
        tests, codes = [], []
        for side in (expr.left, expr.right):
            test, code = self._operand(side)
            if side.nullable:
                tests.append(test)
            codes.append(code)
        return tests, codes

    # truth

    def _true(self, expr: Expr) -> str:
        match expr:
            case Compare():
                return self._compare_true(expr, expr.op)
            case Logical():
                return "(" + f" {expr.op} ".join(self.true(a) for a in expr.args) + ")"
            case Not():
                return self.false(expr.arg)
            case InList():
                return self._in_true(expr)
            case InSubquery():
                return self.subqueries.membership_true(expr, self)
            case InArray():
                return f"({self.value(expr.arg)} in {self.listed(expr)})"
        return self.value(expr)

    def _false(self, expr: Expr) -> str:
        match expr:
            case Compare() if expr.known_type == BOOLEAN:
                return self._compare_true(expr, _INVERSE[expr.op])
            case Logical():
                other = "or" if expr.op == "and" else "and"
                return "(" + f" {other} ".join(self.false(a) for a in expr.args) + ")"
            case Not():
                return self.true(expr.arg)
            case InList():
                return self._in_false(expr)
            case InSubquery() if not used_rels(expr.plan):
                found = self.subqueries.membership_false(expr, self)
                if found is not None:
                    return found
        code = self.value(expr)
        return f"({code} is False)" if expr.nullable else f"(not {code})"

    def _compare_true(self, expr: Compare, op: str) -> str:
        both = expr.left.nullable and expr.right.nullable
        if not expr.nullable or (op == "==" and not both):
            # one side that is never NULL makes == false where the other is
            return f"({self.value(expr.left)} {op} {self.value(expr.right)})"
        if op == "==":
            test, left = self._tested(expr.left)
            return f"({test} is not None and {left} == {self.value(expr.right)})"
        tests, (left, right) = self._null_tests(expr)
        return f"({' and '.join(f'{t} is not None' for t in tests)} and {left} {op} {right})"

    # IN (list)

    def _in_list(self, expr: InList) -> str:
        name = self._item_set(expr)
        if name is None:
            return self.value(_as_comparisons(expr))
        nulls = [f"{name}_has_null"] if any(i.nullable for i in expr.items) else []
        test, arg = self._operand(expr.arg)
        if expr.arg.nullable:
            nulls.append(f"{arg} is None")
        found = f"{test} in {name}"
        return f"(True if {found} else None if {' or '.join(nulls)} else False)" if nulls else f"({found})"

    def _in_true(self, expr: InList) -> str:
        name = self._item_set(expr)
        if name is None:
            return self.true(_as_comparisons(expr))
        return f"({self.value(expr.arg)} in {name})"

    def _in_false(self, expr: InList) -> str:
        name = self._item_set(expr)
        if name is None:
            return self.false(_as_comparisons(expr))
        tests = [f"not {name}_has_null"] if any(i.nullable for i in expr.items) else []
        test, arg = self._operand(expr.arg)
        if expr.arg.nullable:
            tests.append(f"{test} is not None")
        return "(" + " and ".join([*tests, f"{arg} not in {name}"]) + ")"

    def _item_set(self, expr: InList) -> str | None:
        """A set of the items, made once before the loops; None where they change from row to row."""
        if not all(isinstance(i, (Const, Param, ParamRange)) for i in expr.items):
            return None
        name = self.module.hoisted.get(expr.items)
        if name is None:
            items = ", ".join(self.value(i) for i in expr.items)
            name = self.module.root.assign("items", f"{{{items}}}")
            self.module.hoisted[expr.items] = name
            if any(i.nullable for i in expr.items):
                self.module.root.add(f"{name}_has_null = None in {name}")
                self.module.root.add(f"{name}.discard(None)")
        return name

    def _array_set(self, expr: InArray) -> str:
        """The values of an array, in a set made once before the loops."""
        name = self.module.hoisted.get(expr.array)
        if name is None:
            name = self.module.root.assign("values", f"array_values({self.value(expr.array)})")
            self.module.hoisted[expr.array] = name
        return name

    def listed(self, condition: Expr) -> str:
        """Source of a set of the values that a condition lists, without NULL."""
        match condition:
            case InArray():
                return f"{self._array_set(condition)}.values"
            case InSubquery():
                return f"{self.subqueries.value_set(condition, self)}.values"
            case InList():
                return self._item_set(condition) or self._own_items(condition)
        raise AssertionError(condition)

    def _own_items(self, expr: InList) -> str:
        """A set of items that change with the rows of an outer relation."""
        items = "{" + ", ".join(self.value(i) for i in expr.items) + "}"
        return f"({items} - NO_VALUE)" if any(i.nullable for i in expr.items) else items


def _is_fixed(expr: Expr) -> bool:
    """Whether an expression has one value, not NULL, for the whole statement."""
    return isinstance(expr, (Const, Param)) and not expr.nullable


def _as_comparisons(expr: InList) -> Expr:
    def any_of(arg: Expr) -> Expr:
        parts = tuple(Compare(BOOLEAN, arg.nullable or i.nullable, "==", arg, i) for i in expr.items)
        return parts[0] if len(parts) == 1 else Logical(BOOLEAN, expr.nullable, "or", parts)

    return evaluated_once(expr.arg, any_of)
