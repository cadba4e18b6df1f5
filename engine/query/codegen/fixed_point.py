"""Source of exact sums over a table whose numerics have a fixed number of decimals: they are added and multiplied as integers.

``sum(price * (1 - discount))`` with two decimals each is a sum of integers in units of the fourth decimal, which becomes a numeric at the end:
the same to the last digit, and several times faster. Whether the integers are there is known when the statement runs
(:mod:`exdbsql.engine.fixed_point`), so both ways are generated, and the other is that of any aggregate.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

from exdbsql.engine.fixed_point import MOST_DIGITS, bound_of, decimal_of, places_in
from exdbsql.engine.query.codegen.column_scan import ColumnScan, column_lists, column_scan
from exdbsql.engine.query.codegen.constants import is_constant
from exdbsql.engine.query.codegen.module import Frame, append_to_lists, indented, nested_loops
from exdbsql.engine.query.codegen.scans import key_of
from exdbsql.engine.query.expressions import Call, Column, Compare, Const, Expr, Param
from exdbsql.engine.query.plan import Aggregate, AggregateCall, used_rels, walk
from exdbsql.schema.types import NUMERIC

if TYPE_CHECKING:
    from exdbsql.engine.query.codegen.aggregates import AggregateCompiler

_MOST_COLUMNS: Final = 8
_FLIPPED: Final = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}
_OPERATORS: Final = ("({0} + {1})", "({0} - {1})", "({0} * {1})")


class _Bound(NamedTuple):
    """A filter ``column op value``."""

    column: Column
    op: str
    value: Expr


class FixedPoint:
    """An Aggregate over a whole table, whose calls are sums and means of such numerics, and counts."""

    def __init__(self, aggregates: AggregateCompiler, plan: Aggregate, found: ColumnScan, frame: Frame) -> None:
        self.aggregates = aggregates
        self.module = aggregates.module
        self.streams = aggregates.streams
        self.plan = plan
        self.found = found
        self.frame = frame
        self.bounds = [self._bound(f) for f in found.scan.filters]
        wanted = [e for e in walk(plan.calls) if isinstance(e, Column)]
        columns = {e.index: e for e in [*wanted, *(bound.column for bound in self.bounds if bound is not None)]}
        self.fixed = {i: self.module.name(f"fixed_{e.name}") for i, e in columns.items()}
        self.scales = {i: _scale(e) for i, e in columns.items()}
        self.all_lists = {i: self.module.name(f"integers_{e.name}") for i, e in columns.items()}
        self.lists = {i: self.all_lists[i] for i in dict.fromkeys(e.index for e in wanted)}
        self.arguments = dict.fromkeys(call.args[0] for call in plan.calls if call.args)
        self.values: dict[Expr, str] = {}
        self.factors: dict[tuple[int, int], str] = {}
        self.tests = [
            f"type(p{slot}) is int" for slot in sorted({e.slot for e in walk(plan.calls) if isinstance(e, Param)})
        ]

    def _bound(self, condition: Expr) -> _Bound | None:
        """A comparison of a column with what is the same for all rows."""
        if not isinstance(condition, Compare):
            return None
        for column, op, value in (
            (condition.left, condition.op, condition.right),
            (condition.right, _FLIPPED[condition.op], condition.left),
        ):
            if not isinstance(column, Column) or column.rel != self.found.scan.rel:
                continue
            if _is_fixed(column) and _is_numeric(column) and self._is_limit(value):
                return _Bound(column, op, value)
        return None

    def _is_limit(self, value: Expr) -> bool:
        """Whether a number is the same for all rows, and never NULL."""
        if used_rels(value) or value.nullable or not value.known_type.is_numeric:
            return False
        return isinstance(value, (Param, Const)) or (isinstance(value, Call) and is_constant(value, self._any_row()))

    def _any_row(self) -> Frame:
        return Frame(self.module, self.frame.lines, {self.found.scan.rel: "row"})

    @classmethod
    def of(cls, aggregates: AggregateCompiler, plan: Aggregate, frame: Frame) -> FixedPoint | None:
        """What generates the aggregate in this way; None where it is not possible."""
        found = column_scan(plan.child, (plan.keys, plan.calls), _MOST_COLUMNS)
        if found is None or not all(map(_is_fit, plan.calls)) or not any(call.args for call in plan.calls):
            return None
        if any(isinstance(e, Column) and e.rel != found.scan.rel for e in walk(plan.calls)):
            return None
        return cls(aggregates, plan, found, frame)

    def rows(self, others: Frame, other_rows: str) -> str:
        """The variable of the list of groups; `others` has the lines of the general way, which gives `other_rows`."""
        module, frame = self.module, self.frame
        module.numeric = True
        module.names.update(decimal_of=decimal_of, places_in=places_in, bound_of=bound_of, count=count)
        lists = dict(zip(self.found.positions, column_lists(self.found, frame), strict=True))
        wanted = ", ".join(f"({i}, {lists[i]}, {self.scales[i]})" for i in self.fixed)
        store = module.store(self.found.scan.table)
        integers = frame.assign("integers", f"txn.fixed_columns({store}, {wanted})")
        first = f"{', '.join(self.all_lists.values())}, = {integers}"
        quick = Frame(module, [first], dict(frame.env), dict(frame.columns))
        grouped = module.name("grouped")
        quick.add(f"{grouped} = {self._grouped(quick, lists)}")
        others.add(f"{grouped} = {other_rows}")
        tests = [f"{integers} is not None", *self.tests]
        frame.lines += [f"if {' and '.join(tests)}:", *indented(quick.lines), "else:", *indented(others.lines)]
        return grouped

    def _grouped(self, frame: Frame, lists: dict[int, str]) -> str:
        """Source of the list of groups, from integers."""
        rel, filters = self.found.scan.rel, self.found.scan.filters
        others = tuple(f for f, bound in zip(filters, self.bounds, strict=True) if bound is None)
        plain = {e.index: e for e in walk((self.plan.keys, others)) if isinstance(e, Column) and e.rel == rel}
        variables = {i: self.module.name(e.name) for i, e in plain.items()}
        frame.columns.update({(rel, i): name for i, name in variables.items()})
        sources = {variables[i]: lists[i] for i in plain}
        tested = [bound.column.index for bound in self.bounds if bound is not None]
        one_value = list(self.lists) if len(self.arguments) == 1 else []  # all that is wanted of a row is one integer
        sources.update({self.fixed[i]: self.all_lists[i] for i in [*tested, *one_value]})
        if not sources:  # the loop needs a list that says how many rows there are
            sources = dict([next(zip(self.fixed.values(), self.all_lists.values(), strict=True))])
        tests = [self._test(f, bound, frame) for f, bound in zip(filters, self.bounds, strict=True)]
        if self.plan.keys:
            return self._by_keys(frame, sources, tests)
        loop = self._loop(sources)
        if len(self.arguments) == 1:
            (arg,) = self.arguments
            if tests or not isinstance(arg, Column):
                self.values[arg] = frame.assign("members", f"[{self._code(arg, frame)} {' '.join([loop, *tests])}]")
        elif tests:
            passed = " and ".join(test.removeprefix("if ") for test in tests)
            wanted = frame.assign("wanted", f"[True if {passed} else False {loop}]")
            for i, name in self.lists.items():
                self.lists[i] = frame.assign(self.fixed[i], f"list(compress({name}, {wanted}))")
        number = f"len({self._some_list()})"
        values = [
            code if call.name == "count" else f"({code} if {number} else None)" for call, code in self._calls(frame)
        ]
        return f"[({', '.join(values)},)]"

    def _test(self, condition: Expr, bound: _Bound | None, frame: Frame) -> str:
        """The ``if`` clause of a filter."""
        if bound is None:
            (test,) = self.streams.conditions((condition,), frame)
            return test
        code = self.streams.expressions(self._any_row()).value(bound.value)
        known = self.module.hoisted.get(("constant", bound.value))
        if known is not None:  # computed before the loops, if it can be computed
            self.tests.append(f"{known}_known")
            code = known
        limit = frame.assign("limit", f"bound_of({code}, {_scale(bound.column)}, {bound.op!r})")
        return f"if {self.fixed[bound.column.index]} {bound.op} {limit}"

    def _loop(self, sources: dict[str, str]) -> str:
        return f"for {', '.join(sources)}, in zip({', '.join(sources.values())})"

    def _some_list(self) -> str:
        """A list with as many values as a group has rows."""
        return next(iter([*self.values.values(), *self.lists.values()]))

    def _by_keys(self, frame: Frame, sources: dict[str, str], tests: list[str]) -> str:
        """The groups have lists of integers, or of the places of their rows: tuples would keep the garbage collector busy."""
        module = self.module
        key, groups, members = module.name("key"), module.name("groups"), module.name("members")
        width = len(self.plan.keys)
        keys = [key] if width == 1 else [f"{key}[{i}]" for i in range(width)]
        key_code = key_of(self.plan.keys, self.streams.expressions(frame))
        if len(self.plan.calls) == 1 and self.plan.calls[0].name == "sum":
            return self._running(frame, [self._loop(sources), *tests], key, key_code, keys)
        loops = f"for {key}, {members} in {groups}.items()"
        if len(self.arguments) == 1:
            (arg,) = self.arguments
            self.values[arg] = members
            member = self._code(arg, frame)
        else:
            member, pick = module.name("place"), module.name("pick")
            sources = {**sources, member: "count()"}
            own = {i: module.name(f"group_{name}") for i, name in self.fixed.items() if i in self.lists}
            picked = ", ".join(f"{pick}({name})" for name in self.lists.values())
            loops += f" for {pick} in (places_in({members}),) for {', '.join(own.values())}, in (({picked}),)"
            self.lists = own
        frame.add(f"{groups} = defaultdict(list)")
        frame.lines += append_to_lists(module, [self._loop(sources), *tests], groups, key_code, member)
        values = ", ".join([*keys, *(code for _, code in self._calls(frame))])
        return f"[({values},) {loops}]"

    def _running(self, frame: Frame, clauses: list[str], key: str, key_code: str, keys: list[str]) -> str:
        """A sum alone: the groups need no lists."""
        sums = self.module.name("sums")
        (arg,) = self.plan.calls[0].args
        frame.add(f"{sums} = {{}}")
        lines = [f"{key} = {key_code}", f"{sums}[{key}] = {sums}.get({key}, 0) + {self._code(arg, frame)}"]
        frame.lines += nested_loops(clauses, lines)
        return f"[({', '.join(keys)}, decimal_of(total, {_scale(arg)})) for {key}, total in {sums}.items()]"

    def _calls(self, frame: Frame) -> Iterator[tuple[AggregateCall, str]]:
        """Source of the calls over the lists of a group; a sum that several need is made once."""
        number = f"len({self._some_list()})"
        totals: dict[Expr, str] = {}
        for call in self.plan.calls:
            if call.name == "count":
                yield call, number
                continue
            (arg,) = call.args
            total = totals.get(arg)
            if total is None:
                totals[arg] = self.module.name("total")
                total = f"({totals[arg]} := sum({self._values(arg, frame)}))"
            exact = f"decimal_of({total}, {_scale(arg)})"
            yield call, f"numeric_divide({exact}, {number})" if call.name == "avg" else exact

    def _values(self, expr: Expr, frame: Frame) -> str:
        """Source of the list of an expression's values, as integers."""
        if expr in self.values:
            return self.values[expr]
        used = list(dict.fromkeys(e.index for e in walk(expr) if isinstance(e, Column)))
        if isinstance(expr, Column):
            return self.lists[expr.index]
        lists = ", ".join(self.lists[i] for i in used)
        source = lists if len(used) == 1 else f"zip({lists})"
        return f"[{self._code(expr, frame)} for {', '.join(self.fixed[i] for i in used)} in {source}]"

    def _code(self, expr: Expr, frame: Frame, scale: int | None = None) -> str:
        """Source of an integer that counts in units of so many decimals: of the expression's own, where nothing is said."""
        own = _scale(expr)
        factor = 10 ** ((own if scale is None else scale) - own)
        if isinstance(expr, Call):
            exact = "*" in expr.template  # a product has the decimals of both factors together
            code = expr.template.format(*(self._code(a, frame, None if exact else own) for a in expr.args))
            return code if factor == 1 else f"({code} * {factor})"
        if isinstance(expr, Column):
            return self.fixed[expr.index] if factor == 1 else f"({self.fixed[expr.index]} * {factor})"
        assert isinstance(expr, Param)
        slot = self.module.slot(expr.slot)
        if factor == 1:
            return slot
        if (expr.slot, factor) not in self.factors:
            self.factors[expr.slot, factor] = name = self.module.name(f"{slot}_{factor}")
            frame.lines.insert(0, f"{name} = {slot} * {factor}")
        return self.factors[expr.slot, factor]


def _is_fit(call: AggregateCall) -> bool:
    """Whether a call is a count of rows, or a sum or mean of something that can be made of integers."""
    if call.distinct or call.condition is not None or call.order or call.template:
        return False
    if not call.args:
        return call.name == "count"
    (arg, *others) = call.args
    return call.name in ("sum", "avg") and call.type == NUMERIC and not others and _is_fixed(arg) and _is_numeric(arg)


def _is_numeric(expr: Expr) -> bool:
    return any(isinstance(e, Column) and e.known_type.name == NUMERIC.name for e in walk(expr))


def _is_fixed(expr: Expr) -> bool:
    """Whether a value is made of columns with a fixed number of decimals, and integers, by additions and multiplications."""
    if expr.nullable:
        return False
    match expr:
        case Column():
            kind = expr.known_type
            digits = kind.precision if kind.name == NUMERIC.name else None
            return digits is not None and digits <= MOST_DIGITS and (kind.scale or 0) >= 0
        case Param():
            return expr.known_type.is_integer
        case Call(template=template, args=args):
            is_exact = expr.known_type.name == NUMERIC.name and not (expr.checked or expr.names)
            return is_exact and template in _OPERATORS and all(map(_is_fixed, args))
    return False


def _scale(expr: Expr) -> int:
    """The decimals of such a value."""
    if isinstance(expr, Call):
        scales = map(_scale, expr.args)
        return sum(scales) if "*" in expr.template else max(scales)
    return (expr.known_type.scale or 0) if isinstance(expr, Column) else 0
